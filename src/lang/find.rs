//! The fields that loads are of.

use super::{
    bits,
    field::{Field, Load, Param, Side, Spec},
    fields,
    header::{Header, Tunnel},
};
use crate::expr::{
    CtKey, Exthdr, ExthdrFlags, ExthdrOp, FibFlags, FibResult, Inner, MetaKey, OsfTtl, PayloadBase, RtKey, SocketKey,
    TunnelKey, XfrmDirection, XfrmKey,
};

/// The fields of a header that begins so many bits after its layer, in nft's order.
pub(crate) fn fields(header: Header, tunnel: Option<Tunnel>, start: u32) -> impl Iterator<Item = Field> {
    // VLAN tags in VLAN tags.
    let tags = start.saturating_sub(header.row().start.into()) / 32;
    let depth = u8::try_from(tags).unwrap_or_default();
    let depth = if header == Header::Vlan { depth } else { 0 };
    let param = match tunnel {
        Some(tunnel) => Param::Inside(tunnel, depth),
        None if depth > 0 => Param::Below(depth),
        None => Param::None,
    };
    fields::of(header).map(move |spec| Field::with(spec, param))
}

/// Where a field begins in its header.
pub(crate) fn offset(field: &Field) -> u32 {
    match field.spec.load {
        Load::Packet(_, offset) | Load::Option(_, _, offset) => offset.into(),
        _ => 0,
    }
}

/// Any bits.
pub(crate) fn raw(base: PayloadBase, offset: u32, bits: u32, tunnel: Option<Tunnel>) -> Option<Field> {
    let header = match base {
        PayloadBase::Link => Header::RawLink,
        PayloadBase::Network => Header::RawNetwork,
        PayloadBase::Transport => Header::RawTransport,
        PayloadBase::Inner => Header::RawInner,
        PayloadBase::Tunnel | PayloadBase::Unknown(_) => return None,
    };
    let (offset, bits) = (u16::try_from(offset).ok()?, u16::try_from(bits).ok()?);
    tunnel.is_none().then(|| Field::with(&fields::RAW, Param::Raw(header, offset, bits)))
}

/// A tunnel's own header, if it has one that is not a transport header.
pub(crate) fn header(tunnel: Tunnel) -> Option<Header> {
    match tunnel {
        Tunnel::Vxlan => Some(Header::Vxlan),
        Tunnel::Geneve => Some(Header::Geneve),
        Tunnel::Gre | Tunnel::Gretap => None,
    }
}

/// The tunnel that is looked into, if it is looked into as nft does.
pub(crate) fn inner(e: &Inner) -> Option<Tunnel> {
    let tunnel = Tunnel::of(e.kind)?;
    let row = tunnel.row();
    ((e.number, e.header_size, e.flags) == (0, row.header_size, row.flags)).then_some(tunnel)
}

pub(crate) fn meta(key: MetaKey, tunnel: Option<Tunnel>) -> Option<Field> {
    Some(Field::with(fields::loaded(Load::Meta(key))?, tunnel.map_or(Param::None, |tunnel| Param::Inside(tunnel, 0))))
}

pub(crate) fn ct(key: CtKey, direction: Option<u8>) -> Option<Field> {
    let load = match key {
        // An address of the packet's family.
        CtKey::Src => Load::CtAddress(Side::Source),
        CtKey::Dst => Load::CtAddress(Side::Destination),
        key => Load::Ct(key),
    };
    Some(Field::with(fields::loaded(load)?, direction.map_or(Param::None, Param::Direction)))
}

pub(crate) fn rt(key: RtKey) -> Option<Field> {
    fields::loaded(Load::Rt(key)).map(Field::new)
}

pub(crate) fn socket(key: SocketKey, level: Option<u32>) -> Option<Field> {
    let spec = fields::loaded(Load::Socket(key))?;
    Some(match key {
        SocketKey::CgroupV2 => Field::with(spec, Param::Level(level.unwrap_or_default())),
        _ => Field::new(spec),
    })
}

pub(crate) fn osf(ttl: OsfTtl, version: bool) -> Option<Field> {
    Some(Field::with(fields::loaded(Load::Osf(version))?, Param::Ttl(ttl)))
}

pub(crate) fn fib(result: FibResult, flags: FibFlags) -> Option<Field> {
    Some(Field::with(fields::loaded(Load::Fib(result))?, Param::Fib(flags)))
}

pub(crate) fn xfrm(key: XfrmKey, way: XfrmDirection, number: u32) -> Option<Field> {
    let known = matches!(way, XfrmDirection::In | XfrmDirection::Out);
    known.then(|| Some(Field::with(fields::loaded(Load::Xfrm(key))?, Param::Ipsec(way, number))))?
}

pub(crate) fn tunnel(key: TunnelKey) -> Option<Field> {
    fields::loaded(Load::Tunnel(key)).map(Field::new)
}

/// The existence of an extension header, an option or a chunk.
pub(crate) fn exists(op: ExthdrOp, kind: u8) -> Option<Field> {
    match fields::loaded(Load::Exists(op, kind)) {
        Some(spec) => Some(Field::new(spec)),
        None => Some(Field::with(fields::numbered(op)?, Param::Kind(kind))),
    }
}

/// The fields of an option or a chunk in nft's order.
pub(crate) fn options(op: ExthdrOp, kind: u8) -> impl Iterator<Item = Field> {
    let of_option = move |spec: &&Spec| matches!(spec.load, Load::Option(of, number, _) if (of, number) == (op, kind));
    fields::all().filter(of_option).map(Field::new)
}

/// The fields of an IPv6 extension header in nft's order.
pub(crate) fn extension(word: &'static str) -> impl Iterator<Item = Field> {
    let of_header = move |spec: &&Spec| spec.header == word && matches!(spec.load, Load::Option(ExthdrOp::Ipv6, ..));
    fields::all().filter(of_header).map(Field::new)
}

/// What an expression reads or writes; nothing if it is a part of something.
pub(crate) fn exthdr(e: &Exthdr) -> Option<Field> {
    let op = e.op.unwrap_or(ExthdrOp::Ipv6);
    if e.flags.unwrap_or_default().contains(ExthdrFlags::PRESENT) {
        return exists(op, e.kind);
    }
    let (offset, bits) = (e.offset?.checked_mul(8)?, e.len?.checked_mul(8)?);
    match (option_at(op, e.kind, offset, bits), op) {
        (None, ExthdrOp::TcpOption) => {
            let (offset, bits) = (u16::try_from(offset).ok()?, u16::try_from(bits).ok()?);
            Some(Field::with(&fields::RAW_OPTION, Param::RawOption(e.kind, offset, bits)))
        }
        (field, _) => field,
    }
}

/// What a mask cuts out of an expression, and how far its values are from the end of the bytes.
pub(crate) fn exthdr_masked(e: &Exthdr, mask: &[u8]) -> Option<(Field, u32)> {
    let op = e.op.unwrap_or(ExthdrOp::Ipv6);
    let (low, end) = bits::run(mask)?;
    if e.flags.unwrap_or_default().contains(ExthdrFlags::PRESENT) || bits::width(mask) != e.len?.checked_mul(8)? {
        return None;
    }
    let offset = e.offset?.checked_mul(8)?.checked_add(bits::width(mask) - end)?;
    Some((option_at(op, e.kind, offset, end - low)?, low))
}

/// The field of an option.
fn option_at(op: ExthdrOp, kind: u8, at: u32, bits: u32) -> Option<Field> {
    fields::option_at(op, kind, u16::try_from(at).ok()?, u16::try_from(bits).ok()?).map(Field::new)
}
