//! Headers: where they begin and what says that they are there. One table.

use crate::{
    data::{EtherType, Protocol},
    expr::{ChecksumType, Expr, Inner, InnerFlags, InnerType, PayloadBase},
};

/// A header that fields are in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Header {
    Ether,
    Vlan,
    Arp,
    Ip,
    Ip6,
    Icmp,
    Icmpv6,
    Igmp,
    Tcp,
    Udp,
    Udplite,
    Sctp,
    Dccp,
    Ah,
    Esp,
    Comp,
    Gre,
    Vxlan,
    Geneve,
    /// Whatever transport there is.
    Transport,
    /// Any bytes, counted from where the kernel counts.
    RawLink,
    RawNetwork,
    RawTransport,
    RawInner,
}

/// What has to be matched before a header may be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Below {
    Nothing,
    /// An Ethernet device.
    Device,
    /// This type in an Ethernet or VLAN header.
    EtherType(EtherType),
    /// This transport protocol of either IP family.
    Protocol(Protocol),
    /// This one of IPv4.
    Ip(Protocol),
    /// This one of IPv6.
    Ip6(Protocol),
    /// UDP, and a port that the rule names itself.
    Udp,
}

/// A row of the table.
#[derive(Debug)]
pub(crate) struct HeaderRow {
    pub header: Header,
    pub word: &'static str,
    pub base: PayloadBase,
    /// Bits from there to where it begins.
    pub start: u16,
    /// nft's number for it in notes about sets; 0 for bytes that are no header.
    pub id: u32,
    pub below: Below,
    /// Where its checksum is that a write has to fix, in bytes. UDP's is left to the pseudo
    /// header's fix: it may be absent.
    pub checksum: Option<(ChecksumType, u32)>,
}

macro_rules! headers {
    ($($header:ident $word:literal = $id:literal, $base:ident + $start:literal, $below:expr $(, checksum $checksum:literal $($crc:ident)?)?;)*) => {
        /// In the order of [`Header`].
        pub(crate) static HEADERS: &[HeaderRow] = &[$( HeaderRow {
            header: Header::$header,
            word: $word,
            base: PayloadBase::$base,
            start: $start,
            id: $id,
            below: $below,
            checksum: headers!(@checksum $($checksum $($crc)?)?),
        }, )*];
    };
    (@checksum) => { None };
    (@checksum $at:literal) => { Some((ChecksumType::Inet, $at)) };
    (@checksum $at:literal crc) => { Some((ChecksumType::Sctp, $at)) };
}

use Below::{Device, Ip, Ip6, Nothing, Udp};

headers! {
    Ether "ether" = 17, Link + 0, Device;
    // Behind one Ethernet header; a tag inside of another is told by the rule.
    Vlan "vlan" = 16, Link + 112, Below::EtherType(EtherType::VLAN);
    Arp "arp" = 15, Network + 0, Below::EtherType(EtherType::ARP);
    Ip "ip" = 12, Network + 0, Below::EtherType(EtherType::IP), checksum 10;
    Ip6 "ip6" = 13, Network + 0, Below::EtherType(EtherType::IP6);
    Icmp "icmp" = 4, Transport + 0, Ip(Protocol::ICMP), checksum 2;
    Icmpv6 "icmpv6" = 14, Transport + 0, Ip6(Protocol::ICMPV6), checksum 2;
    Igmp "igmp" = 5, Transport + 0, Ip(Protocol::IGMP), checksum 2;
    Tcp "tcp" = 8, Transport + 0, Below::Protocol(Protocol::TCP), checksum 16;
    Udp "udp" = 6, Transport + 0, Below::Protocol(Protocol::UDP);
    Udplite "udplite" = 7, Transport + 0, Below::Protocol(Protocol::UDPLITE);
    Sctp "sctp" = 10, Transport + 0, Below::Protocol(Protocol::SCTP), checksum 8 crc;
    Dccp "dccp" = 9, Transport + 0, Below::Protocol(Protocol::DCCP);
    Ah "ah" = 1, Transport + 0, Below::Protocol(Protocol::AH);
    Esp "esp" = 2, Transport + 0, Below::Protocol(Protocol::ESP);
    Comp "comp" = 3, Transport + 0, Below::Protocol(Protocol::COMP);
    Gre "gre" = 20, Transport + 0, Below::Protocol(Protocol::GRE);
    Vxlan "vxlan" = 18, Tunnel + 0, Udp;
    Geneve "geneve" = 19, Tunnel + 0, Udp;
    Transport "th" = 11, Transport + 0, Nothing;
    RawLink "ll" = 0, Link + 0, Nothing;
    RawNetwork "nh" = 0, Network + 0, Nothing;
    RawTransport "th" = 0, Transport + 0, Nothing;
    RawInner "ih" = 0, Inner + 0, Nothing;
}

impl Header {
    #[inline]
    pub fn row(self) -> &'static HeaderRow {
        &HEADERS[self as usize]
    }

    #[inline]
    pub fn base(self) -> PayloadBase {
        self.row().base
    }

    pub fn word(self) -> &'static str {
        self.row().word
    }

    /// Kind and place of the checksum that a write has to fix.
    #[inline]
    pub fn checksum(self) -> Option<(ChecksumType, u32)> {
        self.row().checksum
    }

    /// Bits from where the kernel counts to a bit of the header.
    #[inline]
    pub fn place(self, offset: u16) -> u16 {
        self.row().start + offset
    }

    /// Whether it is written in pairs of bytes: for the Internet checksum, which raw bytes behind
    /// the transport header may be covered by, and a VLAN tag is one pair.
    pub fn in_pairs(self) -> bool {
        matches!(self, Self::Vlan | Self::RawInner) || matches!(self.checksum(), Some((ChecksumType::Inet, _)))
    }
}

/// A layer: what a header is counted from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Layer {
    /// None: metadata of no layer.
    None,
    Link,
    Network,
    Transport,
    Inner,
}

impl Layer {
    pub fn of(base: PayloadBase) -> Option<Self> {
        Some(match base {
            PayloadBase::Link => Self::Link,
            PayloadBase::Network => Self::Network,
            PayloadBase::Transport => Self::Transport,
            PayloadBase::Inner | PayloadBase::Tunnel => Self::Inner,
            PayloadBase::Unknown(_) => return None,
        })
    }

    pub fn above(self) -> Self {
        match self {
            Self::None => Self::Link,
            Self::Link => Self::Network,
            Self::Network => Self::Transport,
            Self::Transport | Self::Inner => Self::Inner,
        }
    }

    pub fn below(self) -> Self {
        match self {
            Self::None | Self::Link => Self::None,
            Self::Network => Self::Link,
            Self::Transport => Self::Network,
            Self::Inner => Self::Transport,
        }
    }
}

/// A tunnel that rules can look into.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Tunnel {
    Vxlan,
    Geneve,
    Gre,
    Gretap,
}

/// What the kernel is told of a tunnel.
#[derive(Debug)]
pub(crate) struct TunnelRow {
    pub tunnel: Tunnel,
    pub word: &'static str,
    /// nft's number for its header in notes about sets.
    pub id: u32,
    pub kind: InnerType,
    /// Bytes of its header.
    pub header_size: u32,
    pub flags: InnerFlags,
    /// What has to be matched before.
    pub below: Below,
}

const INSIDE: InnerFlags = InnerFlags::NETWORK.union(InnerFlags::TRANSPORT);
const WITH_LINK: InnerFlags = INSIDE.union(InnerFlags::LINK);
const WITH_SIZE: InnerFlags = WITH_LINK.union(InnerFlags::HEADER_SIZE);

/// In the order of [`Tunnel`].
pub(crate) static TUNNELS: &[TunnelRow] = &[
    TunnelRow {
        tunnel: Tunnel::Vxlan,
        word: "vxlan",
        id: 18,
        kind: InnerType::Vxlan,
        header_size: 8,
        flags: WITH_SIZE,
        below: Udp,
    },
    TunnelRow {
        tunnel: Tunnel::Geneve,
        word: "geneve",
        id: 19,
        kind: InnerType::Geneve,
        header_size: 8,
        flags: WITH_SIZE,
        below: Udp,
    },
    TunnelRow {
        tunnel: Tunnel::Gre,
        word: "gre",
        id: 20,
        kind: InnerType::Gre,
        header_size: 4,
        flags: INSIDE,
        below: Below::Protocol(Protocol::GRE),
    },
    TunnelRow {
        tunnel: Tunnel::Gretap,
        word: "gretap",
        id: 21,
        kind: InnerType::Gretap,
        header_size: 4,
        flags: WITH_LINK,
        below: Below::Protocol(Protocol::GRE),
    },
];

impl Tunnel {
    pub fn row(self) -> &'static TunnelRow {
        &TUNNELS[self as usize]
    }

    pub fn word(self) -> &'static str {
        self.row().word
    }

    /// An expression that is to look inside.
    pub fn look(self, expr: Expr) -> Expr {
        let row = self.row();
        let inner = match expr {
            Expr::Payload(payload) => Inner::payload(row.kind, payload),
            Expr::Meta(meta) => Inner::meta(row.kind, meta),
            // Nothing else can be asked of a tunnel.
            other => return other,
        };
        inner.with_header(row.header_size).with_flags(row.flags).into()
    }

    /// The tunnel of an expression of the kernel's.
    pub fn of(kind: InnerType) -> Option<Self> {
        TUNNELS.iter().find(|row| row.kind == kind).map(|row| row.tunnel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_at_their_headers() {
        for (i, row) in HEADERS.iter().enumerate() {
            assert_eq!(row.header as usize, i);
        }
        for (i, row) in TUNNELS.iter().enumerate() {
            assert_eq!(row.tunnel as usize, i);
            assert_eq!(Tunnel::of(row.kind), Some(row.tunnel));
        }
    }
}
