//! Where a field's bytes come from: one row each, in `fields.rs`.

use crate::{
    data::{ByteOrder, DataType, FieldType, Typed},
    expr::{CtKey, MetaKey, PayloadBase},
};
use std::net::{Ipv4Addr, Ipv6Addr};

/// The IP family for which one of two rules is made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Twin {
    V4,
    V6,
}

impl Twin {
    /// Bytes of an address.
    pub fn address_len(self) -> usize {
        match self {
            Self::V4 => 4,
            Self::V6 => 16,
        }
    }

    pub fn is_v4(self) -> bool {
        self == Self::V4
    }
}

/// A header that fields are in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Header {
    Ether,
    Arp,
    Ip,
    Ip6,
    Icmp,
    Icmpv6,
    Tcp,
    Udp,
    /// Whatever transport there is.
    Transport,
}

impl Header {
    pub fn base(self) -> PayloadBase {
        match self {
            Self::Ether => PayloadBase::Link,
            Self::Arp | Self::Ip | Self::Ip6 => PayloadBase::Network,
            Self::Icmp | Self::Icmpv6 | Self::Tcp | Self::Udp | Self::Transport => PayloadBase::Transport,
        }
    }

    /// Where its checksum is that a write has to fix. UDP's is left to the pseudo header's fix: it may be absent.
    pub fn checksum(self) -> Option<u32> {
        match self {
            Self::Ip => Some(10),
            Self::Icmp | Self::Icmpv6 => Some(2),
            Self::Tcp => Some(16),
            Self::Ether | Self::Arp | Self::Ip6 | Self::Udp | Self::Transport => None,
        }
    }
}

/// Which of two addresses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Side {
    Source,
    Destination,
}

/// How a field gets into a register.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Load {
    /// From so many bits after the start of a header.
    Packet(Header, u16),
    Meta(MetaKey),
    Ct(CtKey),
    /// The packet's address, of either family.
    Address(Side),
    /// The connection's address, of either family.
    CtAddress(Side),
}

/// One field.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Spec {
    /// nft's words for it.
    pub words: &'static str,
    pub load: Load,
    pub bits: u16,
    pub order: ByteOrder,
    /// ICMP types that have it; every one if empty.
    pub needs: &'static [u8],
    /// Whether the transport checksum covers it.
    pub pseudo: bool,
}

impl Spec {
    /// A plain number has no order of its own: it is the network's in packets and the machine's elsewhere.
    pub const fn order_of(field: &FieldType, load: &Load) -> ByteOrder {
        let integer = matches!(field.datatype, DataType::INTEGER);
        match load {
            // What has no value of its own comes as it lies in memory, and nft reads it from there.
            Load::Meta(MetaKey::Prandom) | Load::Ct(CtKey::Id) => ByteOrder::Network,
            Load::Meta(_) | Load::Ct(_) if integer => ByteOrder::Host,
            _ => field.order,
        }
    }
}

/// A field, for conntrack's with a direction where it has one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Field {
    pub spec: &'static Spec,
    pub direction: Option<u8>,
}

impl Field {
    /// nft's words for it.
    pub fn words(&self) -> String {
        match (self.direction, self.spec.words.strip_prefix("ct ")) {
            (Some(direction), Some(rest)) => {
                format!("ct {} {rest}", if direction == 0 { "original" } else { "reply" })
            }
            _ => self.spec.words.into(),
        }
    }

    /// The field of one family.
    pub fn resolve(self, twin: Option<Twin>) -> (Self, Option<FieldType>) {
        use super::fields::specs;
        let v4 = twin.is_none_or(Twin::is_v4);
        let spec = match (self.spec.load, v4) {
            (Load::Address(Side::Source), true) => &specs::IP_SADDR,
            (Load::Address(Side::Source), false) => &specs::IP6_SADDR,
            (Load::Address(Side::Destination), true) => &specs::IP_DADDR,
            (Load::Address(Side::Destination), false) => &specs::IP6_DADDR,
            (Load::CtAddress(Side::Source), true) => &specs::CT_IP_SADDR,
            (Load::CtAddress(Side::Source), false) => &specs::CT_IP6_SADDR,
            (Load::CtAddress(Side::Destination), true) => &specs::CT_IP_DADDR,
            (Load::CtAddress(Side::Destination), false) => &specs::CT_IP6_DADDR,
            _ => return (self, None),
        };
        (Self { spec, ..self }, Some(if v4 { Ipv4Addr::FIELD } else { Ipv6Addr::FIELD }))
    }
}
