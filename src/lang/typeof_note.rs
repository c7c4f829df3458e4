//! nft's notes of the expressions that sets are declared with (`typeof ip saddr . tcp dport`), read
//! and written.
//!
//! They name fields by nft's own numbers: of headers, and of fields in the order of its tables.

use super::{
    field::{Field, Load, Param},
    find,
    header::{HEADERS, Header, Layer, TUNNELS, Tunnel},
    repr::{Known, Repr},
    tree::Expression,
};
use crate::{
    data::{DataType, Userdata},
    expr::{
        CtKey, ExthdrOp, FibFlags, FibResult, MetaKey, OsfTtl, PayloadBase, RtKey, SocketKey, XfrmDirection, XfrmKey,
    },
};

/// Kinds of expressions.
const VERDICT: u32 = 1;
const VALUE: u32 = 4;
const PAYLOAD: u32 = 7;
const EXTHDR: u32 = 8;
const META: u32 = 9;
const SOCKET: u32 = 10;
const OSF: u32 = 11;
const CT: u32 = 12;
const CONCAT: u32 = 13;
const NUMGEN: u32 = 23;
const HASH: u32 = 24;
const RT: u32 = 25;
const FIB: u32 = 27;
const XFRM: u32 = 28;

/// The last header that nft 1.0.6 has a number for.
const OLD_HEADERS: u32 = 17;

/// nft's numbers of IPv6 extension headers.
const EXTENSIONS: &[(&str, u32)] =
    &[("hbh", 1), ("rt", 2), ("rt0", 3), ("rt2", 4), ("srh", 5), ("frag", 6), ("dst", 7), ("mh", 8)];

/// Where nft's tables have another order, or fields that have no row here; all options of IPv4
/// share one.
const ORDERS: &[(&str, &[&str])] = &[
    ("vlan", &["pcp", "dei", "cfi", "id", "type"]),
    ("rt0", &["reserved", "addr[1]", "addr[2]"]),
    ("rt2", &["reserved", "addr"]),
    ("gre", &["version", "flags", "protocol"]),
    ("vxlan", &["vni", "flags"]),
    ("geneve", &["vni", "type"]),
    ("ip option", &["type", "length", "value", "ptr", "addr"]),
];

fn of<T: Copy + PartialEq>(table: &[(T, u32)], wanted: T) -> Option<u32> {
    table.iter().find(|(known, _)| *known == wanted).map(|(_, number)| *number)
}

fn by<T: Copy>(table: &[(T, u32)], wanted: u32) -> Option<T> {
    table.iter().find(|(_, number)| *number == wanted).map(|(known, _)| *known)
}

/// What a note says, and which values it has.
pub(crate) fn parse(note: &[u8]) -> Option<(Expression, Vec<Repr>)> {
    let note = Userdata::from(note);
    let (kind, data) = (number(&note, 0)?, Userdata::from(note.entry(1)?));
    if kind != CONCAT {
        let known = single(kind, &data)?;
        return Some((known.expression, vec![known.part]));
    }
    let fields = data
        .entries()
        .enumerate()
        .map(|(at, (place, field))| {
            let field = Userdata::from(field);
            let known = single(number(&field, 0)?, &Userdata::from(field.entry(1)?))?;
            (usize::from(place) == at).then_some(known)
        })
        .collect::<Option<Vec<_>>>()?;
    let (expressions, parts) = fields.into_iter().map(|known| (known.expression, known.part)).unzip();
    Some((Expression::Concat(expressions), parts))
}

fn number(data: &Userdata, kind: u8) -> Option<u32> {
    Some(u32::from_ne_bytes(data.entry(kind)?.try_into().ok()?))
}

fn single(kind: u32, data: &Userdata) -> Option<Known> {
    let number = |kind| number(data, kind);
    let known = |field: Option<Field>| field.map(Known::from);
    match kind {
        PAYLOAD => known(payload(data)),
        EXTHDR => known(exthdr(data)),
        META => known(find::meta(MetaKey::from(number(0)?), tunnel(number(1))?)),
        SOCKET => known(find::socket(SocketKey::from(number(0)?), number(1))),
        OSF => known(find::osf(OsfTtl::from(0), false)),
        CT => known(find::ct(CtKey::from(number(0)?), u8::try_from(number(1)?).ok())),
        RT => known(find::rt(RtKey::from(number(0)?))),
        FIB => known(find::fib(FibResult::from(number(0)?), FibFlags::from_bits_retain(number(1)?))),
        XFRM => {
            let way = XfrmDirection::from(u8::try_from(number(2)?).ok()?);
            known(find::xfrm(XfrmKey::from(number(0)?), way, number(1)?))
        }
        NUMGEN => Some(Known {
            expression: Expression::Numgen { random: number(0)? == 1, modulus: number(1)?, offset: number(2)? },
            part: Repr::number(32),
        }),
        // nft does not say of what; it lists such a set as one of a hash of nothing.
        HASH if number(0)? == 1 => Some(Known {
            expression: Expression::Hash {
                of: None,
                modulus: number(2)?,
                seed: number(3).filter(|_| number(4) == Some(1)),
                offset: number(1)?,
            },
            part: Repr::number(32),
        }),
        _ => None,
    }
}

fn payload(data: &Userdata) -> Option<Field> {
    let (header, index) = (number(data, 0)?, number(data, 1)?);
    let tunnel = tunnel(number(data, 5))?;
    if header == 0 {
        let base = PayloadBase::from(number(data, 2)?.checked_sub(1)?);
        return find::raw(base, number(data, 3)?, number(data, 4)?, tunnel);
    }
    let header = HEADERS.iter().find(|row| row.id == header)?.header;
    // A bit of VLAN tags has two names.
    let index = if (header, index) == (Header::Vlan, 3) { 2 } else { index };
    let word = header.word();
    let row = find::fields(header, tunnel, 0).enumerate();
    row.into_iter().find(|(at, field)| place(word, field, *at) == Some(index)).map(|(_, field)| field)
}

/// The tunnel of that number, if there is one.
fn tunnel(id: Option<u32>) -> Option<Option<Tunnel>> {
    let Some(id) = id else { return Some(None) };
    TUNNELS.iter().find(|row| row.id == id).map(|row| Some(row.tunnel))
}

/// nft's number of a field in its header.
fn place(header: &str, field: &Field, at: usize) -> Option<u32> {
    let order = ORDERS.iter().find(|(word, _)| *word == header);
    let at = match order {
        Some((_, order)) => order.iter().position(|word| *word == field.spec.field)?,
        None => at,
    };
    u32::try_from(at + 1).ok()
}

fn exthdr(data: &Userdata) -> Option<Field> {
    let (header, index) = (number(data, 0)?, number(data, 1)?);
    let op = ExthdrOp::from(number(data, 2).unwrap_or_default());
    let rows: Vec<_> = match op {
        ExthdrOp::Ipv6 => find::extension(by(EXTENSIONS, header)?).collect(),
        ExthdrOp::DccpOption => return find::exists(op, u8::try_from(header).ok()?),
        _ => find::options(op, u8::try_from(header).ok()?).collect(),
    };
    let mut rows = rows.into_iter().enumerate();
    let field = rows.find(|(at, field)| option_place(op, field, *at) == Some(index)).map(|(_, field)| field);
    // Of an option that is only there or not.
    field.or_else(|| find::exists(op, u8::try_from(header).ok()?).filter(|_| index == existence(op)))
}

/// nft's number of what there is of an option that exists: the first field.
fn existence(op: ExthdrOp) -> u32 {
    match op {
        ExthdrOp::TcpOption | ExthdrOp::SctpChunk => 0,
        _ => 1,
    }
}

/// nft's number of a field in its option: it begins with 0 in those of TCP, where that is the kind,
/// and of SCTP.
fn option_place(op: ExthdrOp, field: &Field, at: usize) -> Option<u32> {
    match op {
        ExthdrOp::Ipv4Option => place("ip option", field, at),
        ExthdrOp::Ipv6 => place(field.spec.header, field, at),
        ExthdrOp::TcpOption => u32::try_from(at + 1).ok(),
        _ => u32::try_from(at).ok(),
    }
}

/// nft's note of an expression; `None` if it has none.
pub(crate) fn note(expression: &Expression) -> Option<Vec<u8>> {
    let (kind, data) = match expression {
        Expression::Concat(fields) => {
            let mut data = Tlv::default();
            for (at, field) in fields.iter().enumerate() {
                let (kind, field) = note_of(field)?;
                data.put(u8::try_from(at).ok()?, &nested(kind, &field)?)?;
            }
            (CONCAT, data)
        }
        single => note_of(single)?,
    };
    nested(kind, &data)
}

/// Whether nft 1.0.6 and 1.1.7 have the same note: the newer has counted tunnels in before `fib`,
/// and knows more headers.
pub(crate) fn is_alike(expression: &Expression) -> bool {
    let field = match expression {
        Expression::Field(field) => field,
        Expression::Binary { left, .. } => return is_alike(left),
        other => return note_of(other).is_some(),
    };
    let old = match field.load() {
        Load::Packet(header, _) => header.row().id <= OLD_HEADERS,
        _ => true,
    };
    old && field.tunnel().is_none() && note_of_field(field).is_some_and(|(kind, _)| kind < FIB)
}

fn nested(kind: u32, data: &Tlv) -> Option<Vec<u8>> {
    let mut note = Tlv::default();
    note.number(0, kind)?;
    note.put(1, &data.0)?;
    Some(note.0)
}

/// Types, lengths, values.
#[derive(Default)]
struct Tlv(Vec<u8>);

impl Tlv {
    fn put(&mut self, kind: u8, content: &[u8]) -> Option<()> {
        self.0.extend([kind, u8::try_from(content.len()).ok()?]);
        self.0.extend(content);
        Some(())
    }

    fn number(&mut self, kind: u8, number: u32) -> Option<()> {
        self.put(kind, &number.to_ne_bytes())
    }

    fn numbers(numbers: &[(u8, u32)]) -> Option<Self> {
        let mut data = Self::default();
        for (kind, number) in numbers {
            data.number(*kind, *number)?;
        }
        Some(data)
    }
}

fn note_of(expression: &Expression) -> Option<(u32, Tlv)> {
    let (kind, numbers) = match expression {
        Expression::Field(field) => return note_of_field(field),
        // What is cut out of a field or done to it is left out.
        Expression::Binary { left, .. } => return note_of(left),
        Expression::Numgen { random, modulus, offset } => {
            (NUMGEN, vec![(0, u32::from(*random)), (1, *modulus), (2, *offset)])
        }
        Expression::Hash { of, modulus, seed, offset } => {
            let (kind, seeded) = (u32::from(of.is_none()), u32::from(seed.is_some()));
            (HASH, vec![(0, kind), (1, *offset), (2, *modulus), (3, seed.unwrap_or_default()), (4, seeded)])
        }
        Expression::Verdict(_) => (VERDICT, Vec::new()),
        // A plain type.
        Expression::Value(_) => (VALUE, Vec::new()),
        _ => return None,
    };
    Some((kind, Tlv::numbers(&numbers)?))
}

fn note_of_field(field: &Field) -> Option<(u32, Tlv)> {
    let (kind, numbers) = match field.load() {
        Load::Packet(..) => (PAYLOAD, note_of_payload(field)?),
        Load::Option(op, header, _) => {
            let rows = match op {
                ExthdrOp::Ipv6 => find::extension(field.spec.header).collect::<Vec<_>>(),
                _ => find::options(op, header).collect(),
            };
            let at = rows.iter().position(|row| row.spec == field.spec)?;
            let index = option_place(op, field, at)?;
            match op {
                ExthdrOp::Ipv6 => (EXTHDR, vec![(1, index), (0, of(EXTENSIONS, field.spec.header)?)]),
                _ => (EXTHDR, vec![(1, index), (2, op.into()), (0, header.into())]),
            }
        }
        Load::Exists(ExthdrOp::Ipv6, _) => {
            (EXTHDR, vec![(1, existence(ExthdrOp::Ipv6)), (0, of(EXTENSIONS, field.spec.header)?)])
        }
        Load::Exists(op, kind) => (EXTHDR, vec![(1, existence(op)), (2, op.into()), (0, kind.into())]),
        Load::Meta(key) => {
            let mut numbers = vec![(0, key.into())];
            if let Some(tunnel) = field.tunnel() {
                numbers.push((1, tunnel.row().id));
            }
            (META, numbers)
        }
        Load::Ct(key) => (CT, vec![(0, key.into()), (1, field.direction().map_or(u32::MAX, u32::from))]),
        Load::Rt(key) => (RT, vec![(0, key.into())]),
        Load::Socket(key) => (SOCKET, vec![(0, key.into())]),
        Load::Osf(_) => (OSF, Vec::new()),
        Load::Xfrm(key) => match field.param {
            Param::Ipsec(way, number) => (XFRM, vec![(0, key.into()), (1, number), (2, u8::from(way).into())]),
            _ => return None,
        },
        Load::Fib(result) => match field.param {
            Param::Fib(flags) => (FIB, vec![(0, result.into()), (1, flags.bits())]),
            _ => return None,
        },
        _ => return None,
    };
    Some((kind, Tlv::numbers(&numbers)?))
}

fn note_of_payload(field: &Field) -> Option<Vec<(u8, u32)>> {
    let Load::Packet(header, offset) = field.load() else { return None };
    let bits = u32::from(field.bits());
    let mut numbers = match field.param {
        Param::Raw(..) => {
            let base = Layer::of(header.base())?;
            vec![(0, 0), (1, 0), (2, base as u32), (3, offset.into())]
        }
        _ => {
            let rows: Vec<_> = find::fields(header, None, 0).collect();
            let at = rows.iter().position(|row| row.spec == field.spec)?;
            vec![(0, header.row().id), (1, place(header.word(), field, at)?)]
        }
    };
    if field.ty().datatype() == DataType::INTEGER {
        numbers.push((4, bits));
    }
    if let Some(tunnel) = field.tunnel() {
        numbers.push((5, tunnel.row().id));
    }
    Some(numbers)
}
