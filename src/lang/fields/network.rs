//! Network layer.

use super::*;

/// IPv4 header.
pub mod ip {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Packet(Header::Ip, offset)
    }
    fields! { rows "ip", "";
        /// Version, 4.
        Settable version: u8 = at(0), 4, "version";
        /// Length of the header in words of 4 bytes.
        Settable hdrlength: u8 = at(4), 4, "hdrlength";
        /// Differentiated services code point.
        Settable dscp: Dscp = at(8), 6, "dscp";
        /// Explicit congestion notification.
        Settable ecn: Ecn = at(14), 2, "ecn";
        /// Length of the packet in bytes, header included.
        Settable length: u16 = at(16), 16, "length", pseudo;
        /// Identifier that the fragments of a packet share.
        Settable id: u16 = at(32), 16, "id";
        /// Fragment offset in words of 8 bytes; bit 13 says that more follow, bit 14 not to
        /// fragment.
        Settable frag_off: u16 = at(48), 16, "frag-off" as Hex;
        /// Hops left.
        Settable ttl: u8 = at(64), 8, "ttl";
        /// Transport protocol; [`meta::l4proto`] says it for both families.
        Settable protocol: Protocol = at(72), 8, "protocol", pseudo;
        /// Header checksum.
        Settable checksum: u16 = at(80), 16, "checksum";
        /// Source address.
        Settable saddr: Ipv4Addr = at(96), 32, "saddr", pseudo;
        /// Destination address.
        Settable daddr: Ipv4Addr = at(128), 32, "daddr", pseudo;
    }

    pub use super::options::ip as option;
}

/// IPv6 header.
pub mod ip6 {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Packet(Header::Ip6, offset)
    }
    fields! { rows "ip6", "";
        /// Version, 6.
        Settable version: u8 = at(0), 4, "version";
        /// Differentiated services code point.
        Settable dscp: Dscp = at(4), 6, "dscp";
        /// Explicit congestion notification.
        Settable ecn: Ecn = at(10), 2, "ecn";
        /// Flow label; 20 bits.
        Settable flowlabel: u32 = at(12), 20, "flowlabel";
        /// Length of what follows the header, in bytes.
        Settable length: u16 = at(32), 16, "length", pseudo;
        /// What follows this header: an extension header or the transport;
        /// [`meta::l4proto`] looks behind extension headers.
        Settable nexthdr: Protocol = at(48), 8, "nexthdr", pseudo;
        /// Hops left.
        Settable hoplimit: u8 = at(56), 8, "hoplimit";
        /// Source address.
        Settable saddr: Ipv6Addr = at(64), 128, "saddr", pseudo;
        /// Destination address.
        Settable daddr: Ipv6Addr = at(192), 128, "daddr", pseudo;
    }
}

/// Addresses of either IP family.
///
/// A rule that speaks of them becomes two in an inet, bridge or netdev table, one for each family;
/// in an ip or ip6 table it becomes that family's. A rule that can match in one family only becomes
/// only that one.
///
/// ```
/// use oxitables::{Rule, addr};
/// use std::net::IpAddr;
/// let mail: IpAddr = "2001:db8::25".parse().unwrap();
/// assert_eq!(Rule::new().when(addr::daddr().is(mail)).accept().to_string(), "ip6 daddr 2001:db8::25 accept");
/// ```
pub mod addr {
    use super::*;
    fields! { rows "addr", "";
        /// Source address.
        Selector saddr: IpAddr = Load::Address(Side::Source), 128, "saddr";
        /// Destination address.
        Selector daddr: IpAddr = Load::Address(Side::Destination), 128, "daddr";
    }
}
