//! nft's notes of what the keys of a set are fields of: without them it cannot tell how wide plain numbers are in a
//! concatenation.
//!
//! Numbers and their places are nft's; they are measured, see the test.

use super::{
    field::{Field, Load, Object, Param},
    fields::{self, index},
    header::{HEADERS, Header, TUNNELS},
};
use crate::{
    data::Userdata,
    expr::{ExthdrOp, FibFlags, MetaKey, PayloadBase, XfrmDirection},
};

/// The entry of a set's notes that has the key's.
pub(crate) const KEY: u8 = 3;
/// The entry that has the value's, of a map.
pub(crate) const VALUE: u8 = 4;

/// nft's number for a kind of expression.
mod kind {
    pub const PAYLOAD: u32 = 7;
    pub const EXTHDR: u32 = 8;
    pub const META: u32 = 9;
    pub const SOCKET: u32 = 10;
    pub const OSF: u32 = 11;
    pub const CT: u32 = 12;
    pub const CONCAT: u32 = 13;
    pub const RT: u32 = 25;
    pub const FIB: u32 = 27;
    pub const XFRM: u32 = 28;
}

/// Extension headers in the order of nft's numbers, the first is 1.
const EXTENSIONS: [&str; 8] = ["hbh", "rt", "rt0", "rt2", "srh", "frag", "dst", "mh"];

/// No direction.
const NONE: u32 = u32::MAX;

fn numbers(rows: &[(u8, u32)]) -> Userdata {
    let mut out = Userdata::default();
    for (number, value) in rows {
        out.set(*number, &value.to_ne_bytes());
    }
    out
}

/// Which of nft's fields of the header it is.
fn place(field: &Field) -> u32 {
    let (spec, own) = (field.spec, index(field.spec) as u32);
    match spec.load {
        Load::Exists(op, _) => u32::from(matches!(op, ExthdrOp::Ipv6 | ExthdrOp::Ipv4Option | ExthdrOp::DccpOption)),
        Load::Option(ExthdrOp::SctpChunk, ..) => own,
        Load::Option(ExthdrOp::TcpOption, _, offset) if spec.header.starts_with("sack") && offset >= 16 => {
            let (block, side) = ((offset - 16) / 64, (offset - 16) % 64 / 32);
            u32::from(2 + block * 2 + side)
        }
        Load::Option(ExthdrOp::Ipv4Option, ..) => match spec.field {
            "length" => 2,
            "value" => 3,
            "ptr" => 4,
            _ => 5,
        },
        // The bit that may be dropped has another name, too.
        Load::Packet(Header::Vlan, 4..) => own + 2,
        // Their first field is one that cannot be said.
        Load::Option(ExthdrOp::Ipv6, ..) if matches!(spec.header, "rt0" | "rt2") => own + 2,
        _ => own + 1,
    }
}

/// What a field of a header is in a note.
fn payload(field: &Field, header: Header) -> Userdata {
    let row = header.row();
    let mut rows = vec![(0, row.id)];
    if let Param::Raw(_, offset, bits) = field.param {
        let base = u32::from(row.base) + 1;
        rows.extend([(1, 0), (2, base), (3, offset.into()), (4, bits.into())]);
        return numbers(&rows);
    }
    rows.push((1, place(field)));
    if field.ty().datatype() == crate::data::DataType::INTEGER {
        rows.push((4, field.bits().into()));
    }
    rows.extend(field.tunnel().map(|tunnel| (5, tunnel.row().id)));
    numbers(&rows)
}

/// Kind and description of one field; none of what nft has no note for.
fn one(field: &Field) -> Option<(u32, Userdata)> {
    Some(match field.load() {
        Load::Packet(header, _) => (kind::PAYLOAD, payload(field, header)),
        Load::Option(ExthdrOp::Ipv6, ..) | Load::Exists(ExthdrOp::Ipv6, _) => {
            let id = EXTENSIONS.iter().position(|word| *word == field.spec.header)? as u32 + 1;
            (kind::EXTHDR, numbers(&[(1, place(field)), (0, id)]))
        }
        Load::Option(op, number, _) | Load::Exists(op, number) => {
            let place = match field.param {
                // nft's number for raw bits of an option.
                Param::RawOption(..) => 0x7a,
                _ => place(field),
            };
            (kind::EXTHDR, numbers(&[(1, place), (2, op.into()), (0, number.into())]))
        }
        Load::Meta(key) => (kind::META, numbers(&[(0, key.into())])),
        Load::Ct(key) => (kind::CT, numbers(&[(0, key.into()), (1, field.direction().map_or(NONE, Into::into))])),
        Load::Rt(key) => (kind::RT, numbers(&[(0, key.into())])),
        Load::Socket(key) => (kind::SOCKET, numbers(&[(0, key.into())])),
        Load::Osf(_) => (kind::OSF, Userdata::default()),
        Load::Fib(result) => match field.param {
            Param::Fib(flags) => (kind::FIB, numbers(&[(0, result.into()), (1, flags.bits())])),
            _ => return None,
        },
        Load::Xfrm(key) => match field.param {
            Param::Ipsec(direction, number) => {
                (kind::XFRM, numbers(&[(0, key.into()), (1, number), (2, u8::from(direction).into())]))
            }
            _ => return None,
        },
        Load::Tunnel(_) | Load::Address(_) | Load::CtAddress(_) => return None,
    })
}

fn nest((kind, data): (u32, Userdata)) -> Userdata {
    let mut out = numbers(&[(0, kind)]);
    out.set(1, data.as_bytes());
    out
}

/// The note for a key of these fields; none if nft has none for one of them.
pub(crate) fn note(keys: &[Field]) -> Option<Userdata> {
    if let [field] = keys {
        return one(field).map(nest);
    }
    let mut all = Userdata::default();
    for (i, field) in keys.iter().enumerate() {
        all.set(u8::try_from(i).ok()?, nest(one(field)?).as_bytes());
    }
    Some(nest((kind::CONCAT, all)))
}

/// The entries of a note.
fn entries(note: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = note;
    std::iter::from_fn(move || {
        let (number, tail) = rest.split_first()?;
        let (len, tail) = tail.split_first()?;
        let (content, tail) = tail.split_at_checked((*len).into())?;
        rest = tail;
        Some((*number, content))
    })
}

fn entry(note: &[u8], number: u8) -> Option<&[u8]> {
    entries(note).find(|(own, _)| *own == number).map(|(_, content)| content)
}

fn number(note: &[u8], at: u8) -> Option<u32> {
    entry(note, at)?.try_into().ok().map(u32::from_ne_bytes)
}

/// The fields of a key out of nft's note; none of what is not known here.
pub(crate) fn read(note: &[u8]) -> Option<Vec<Field>> {
    let (kind, data) = (number(note, 0)?, entry(note, 1).unwrap_or_default());
    if kind != kind::CONCAT {
        return Some(vec![read_one(kind, data)?]);
    }
    let each = entries(data).map(|(_, note)| read_one(number(note, 0)?, entry(note, 1).unwrap_or_default()));
    each.collect()
}

/// The field that is written so.
fn same(object: Object, data: &[u8], param: Param) -> Option<Field> {
    let candidates = fields::all().filter(|spec| spec.object() == object).map(|spec| Field::with(spec, param));
    candidates.into_iter().find(|field| one(field).is_some_and(|(_, own)| own.as_bytes() == data))
}

fn read_one(kind: u32, data: &[u8]) -> Option<Field> {
    match kind {
        kind::PAYLOAD => read_payload(data),
        kind::EXTHDR => {
            let object = match number(data, 2).map_or(ExthdrOp::Ipv6, ExthdrOp::from) {
                ExthdrOp::TcpOption => Object::TcpOption,
                ExthdrOp::Ipv4Option => Object::IpOption,
                ExthdrOp::SctpChunk => Object::SctpChunk,
                ExthdrOp::DccpOption => {
                    let spec = fields::numbered(ExthdrOp::DccpOption)?;
                    return Some(Field::with(spec, Param::Kind(number(data, 0)?.try_into().ok()?)));
                }
                _ => Object::Exthdr,
            };
            same(object, data, Param::None)
        }
        kind::META => Some(Field::new(fields::loaded(Load::Meta(MetaKey::from(number(data, 0)?)))?)),
        kind::CT => {
            let spec = fields::loaded(Load::Ct(number(data, 0)?.into()))?;
            Some(match number(data, 1)? {
                NONE => Field::new(spec),
                direction => Field::with(spec, Param::Direction(direction.try_into().ok()?)),
            })
        }
        kind::RT => Some(Field::new(fields::loaded(Load::Rt(number(data, 0)?.into()))?)),
        kind::SOCKET => Some(Field::new(fields::loaded(Load::Socket(number(data, 0)?.into()))?)),
        kind::OSF => Some(Field::new(fields::loaded(Load::Osf(false))?)),
        kind::FIB => {
            let spec = fields::loaded(Load::Fib(number(data, 0)?.into()))?;
            Some(Field::with(spec, Param::Fib(FibFlags::from_bits_retain(number(data, 1)?))))
        }
        kind::XFRM => {
            let spec = fields::loaded(Load::Xfrm(number(data, 0)?.into()))?;
            let direction = XfrmDirection::from(u8::try_from(number(data, 2)?).ok()?);
            Some(Field::with(spec, Param::Ipsec(direction, number(data, 1)?)))
        }
        _ => None,
    }
}

fn read_payload(data: &[u8]) -> Option<Field> {
    let bits = |at| number(data, at).and_then(|n| u16::try_from(n).ok());
    if number(data, 0)? == 0 {
        let base = PayloadBase::from(number(data, 2)?.checked_sub(1)?);
        let row = HEADERS.iter().find(|row| row.header.is_raw() && row.base == base)?;
        return Some(Field::with(&fields::RAW, Param::Raw(row.header, bits(3)?, bits(4)?)));
    }
    let param = match number(data, 5) {
        Some(id) => Param::Inside(TUNNELS.iter().find(|row| row.id == id)?.tunnel, 0),
        None => Param::None,
    };
    same(Object::Payload, data, param)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fib, frag, ip, ipsec, sctp, stmt::select::One, tcp, vlan, vxlan};

    fn field(selector: impl One) -> Field {
        selector.one().0.field
    }

    fn hex(keys: &[Field]) -> String {
        crate::stmt::tests::hex(note(keys).unwrap().as_bytes())
    }

    /// From what nft 1.1.7 sends for `add set inet t s { typeof …; }`.
    #[cfg(target_endian = "little")]
    #[test]
    fn notes_are_nfts() {
        let id = "000407000000011200041000000001040400000004040c000000";
        let saddr = "000407000000010c00040c00000001040b000000";
        assert_eq!(hex(&[field(vlan::id())]), id);
        let both = format!("001a{id}0114{saddr}");
        assert_eq!(hex(&[field(vlan::id()), field(ip::saddr())]), format!("00040d0000000132{both}"));
        assert_eq!(hex(&[field(frag::id())]), "000408000000010c010406000000000406000000");
        let tail = |selector: Field| hex(&[selector])[16..].to_owned();
        assert_eq!(tail(field(tcp::option::sack1::left())), "010404000000020401000000000405000000");
        assert_eq!(tail(field(tcp::option::maxseg::size())), "010402000000020401000000000402000000");
        assert_eq!(tail(field(ip::option::ra::value())), "010403000000020402000000000494000000");
        assert_eq!(tail(field(sctp::chunk::data::tsn())), "010403000000020403000000000400000000");
        assert_eq!(tail(field(vxlan::vni())), "000412000000010401000000040418000000050412000000");
        assert_eq!(tail(field(fib::saddr().with_iif().oif())), "000401000000010409000000");
        assert_eq!(tail(field(ipsec::outbound().number(1).spi())), "000406000000010401000000020401000000");
        assert_eq!(
            tail(field(crate::raw::network::<u32>(96))),
            "00040000000001040000000002040200000003046000000004042000 0000".replace(' ', "")
        );
    }

    #[test]
    fn notes_are_read() {
        for spec in fields::all() {
            let param = match spec.object() {
                Object::Ipsec => Param::Ipsec(XfrmDirection::Out, 1),
                Object::Fib => Param::Fib(FibFlags::SADDR),
                Object::Ct => Param::Direction(1),
                _ => Param::None,
            };
            let field = Field::with(spec, param);
            let Some(note) = note(&[field]) else { continue };
            let back = read(note.as_bytes()).unwrap();
            let expected = match spec.load {
                // Of these nft does not note enough.
                Load::Osf(_) => continue,
                Load::Exists(ExthdrOp::Ipv6 | ExthdrOp::Ipv4Option | ExthdrOp::SctpChunk, _) => continue,
                _ => field,
            };
            // What has the same place is the same.
            assert_eq!(back[0].load(), expected.load(), "{}", spec.words);
        }
        let inside = field(vxlan::inside(ip::saddr()));
        assert_eq!(read(note(&[inside, inside]).unwrap().as_bytes()), Some(vec![inside, inside]));
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[0, 4, 1, 2]), None);
    }
}
