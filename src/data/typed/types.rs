//! nft's data types by number and by name.

use super::{
    format::{Format, INTEGER_KIND, Info},
    *,
};
use std::net::{Ipv4Addr, Ipv6Addr};

/// A plain number of any width.
pub(crate) const INTEGER: FieldType = FieldType { len: 0, ..u8::FIELD };

/// One that nft lists in hex.
pub(crate) const HEX_INTEGER: FieldType =
    FieldType { info: &Info { base: DataType::INVALID, format: Format::Hex(1), ..INTEGER_KIND }, ..INTEGER };

/// Bits without names.
pub(crate) const BITMASK: FieldType = FieldType {
    datatype: DataType::BITMASK,
    info: &Info { name: "bitmask", format: Format::Hex(1), ..INTEGER_KIND },
    ..INTEGER
};

const INVALID: FieldType = FieldType {
    datatype: DataType::INVALID,
    info: &Info { name: "invalid", format: Format::Hex(1), ..INTEGER_KIND },
    ..INTEGER
};

const VERDICT: FieldType =
    FieldType { datatype: DataType(1), info: &Info { name: "verdict", ..INTEGER_KIND }, ..INTEGER };

const STRING: FieldType = FieldType {
    len: 0,
    info: &Info { name: "string", base: DataType::INVALID, format: Format::Name, ..INTEGER_KIND },
    ..HelperName::FIELD
};

const LINK_ADDRESS: FieldType = FieldType {
    datatype: DataType::LINK_ADDRESS,
    info: &Info { name: "ll_addr", format: Format::Link, ..INTEGER_KIND },
    ..INTEGER
};

/// nft's `enum datatypes`, in order. What comes in several widths has none here.
static TYPES: [FieldType; 47] = [
    INVALID,
    VERDICT,
    NfProto::FIELD,
    BITMASK,
    INTEGER,
    STRING,
    LINK_ADDRESS,
    Ipv4Addr::FIELD,
    Ipv6Addr::FIELD,
    MacAddr::FIELD,
    EtherType::FIELD,
    ArpOp::FIELD,
    Protocol::FIELD,
    Port::FIELD,
    IcmpType::FIELD,
    TcpFlags::FIELD,
    DccpType::FIELD,
    MhType::FIELD,
    TimeLeft::FIELD,
    Mark::FIELD,
    IfIndex::FIELD,
    IfType::FIELD,
    Realm::FIELD,
    TrafficClass::FIELD,
    Uid::FIELD,
    Gid::FIELD,
    CtState::FIELD,
    CtDirection::FIELD,
    CtStatus::FIELD,
    Icmpv6Type::FIELD,
    CtLabels::FIELD,
    PktType::FIELD,
    IcmpCode::FIELD,
    Icmpv6Code::FIELD,
    IcmpxCode::FIELD,
    IfGroup::FIELD,
    Dscp::FIELD,
    Ecn::FIELD,
    FibAddrType::FIELD,
    bool::FIELD,
    CtEvents::FIELD,
    IfName::FIELD,
    IgmpType::FIELD,
    Moment::FIELD,
    SecondOfDay::FIELD,
    Weekday::FIELD,
    CgroupId::FIELD,
];

impl FieldType {
    /// The type with nft's number; none of a concatenation.
    pub(crate) fn of(datatype: DataType) -> Option<Self> {
        TYPES.get(usize::try_from(datatype.0).ok()?).copied()
    }

    /// The type with nft's name; of two with one name the one that nft takes.
    pub(crate) fn named(name: &str) -> Option<Self> {
        TYPES.iter().find(|ty| ty.name() == name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_stand_at_their_numbers() {
        for (n, ty) in TYPES.iter().enumerate() {
            assert_eq!(ty.datatype, DataType(n as u32), "{}", ty.name());
            assert_eq!(FieldType::of(ty.datatype).map(|ty| ty.name()), Some(ty.name()));
            assert!(ty.info.bits <= u16::from(ty.len) * 8, "{}", ty.name());
        }
        assert_eq!(FieldType::named("inet_service").map(|ty| ty.width()), Some(2));
        // Two have the name: nft finds the first.
        assert_eq!(FieldType::named("time").map(|ty| ty.width()), Some(4));
        assert!(FieldType::of(DataType(47)).is_none());
    }
}
