//! Extension headers of IPv6.

use super::*;

/// Hop-by-hop options of IPv6.
pub mod hbh {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::Ipv6, 0, offset)
    }
    fields! { rows "hbh", "";
        /// What follows.
        Selector nexthdr: Protocol = at(0), 8, "nexthdr";
        /// Length of the header in words of 8 bytes, less 1.
        Selector hdrlength: u8 = at(8), 8, "hdrlength";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::Ipv6, 0), 8, "" words "exthdr hbh";
    }
}

/// Routing header of IPv6; and what the routes say of a packet, which nft calls by the same name.
///
/// ```
/// use oxitables::{Rule, rt, tcp};
/// let clamp = Rule::new().then(tcp::option::maxseg::size().set(rt::mtu()));
/// assert_eq!(clamp.to_string(), "tcp option maxseg size set rt mtu");
/// ```
pub mod rt {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::Ipv6, 43, offset)
    }
    fields! { rows "rt", "";
        /// What follows.
        Selector nexthdr: Protocol = at(0), 8, "nexthdr";
        /// Length of the header in words of 8 bytes, less 1.
        Selector hdrlength: u8 = at(8), 8, "hdrlength";
        /// Type of the header: 2 is mobile IP, 4 a segment routing header.
        Selector type_: u8 = at(16), 8, "type";
        /// Segments left.
        Selector seg_left: u8 = at(24), 8, "seg-left";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::Ipv6, 43), 8, "" words "exthdr rt";
    }

    fields! { route "rt", "";
        /// Routing realm. For chains of the output path.
        Selector classid: Realm = Load::Rt(RtKey::ClassId), 32, "classid";
        /// Next hop on the way of an IPv4 packet.
        Selector ip_nexthop: Ipv4Addr = Load::Rt(RtKey::Nexthop4), 32, "ip nexthop";
        /// Next hop on the way of an IPv6 packet.
        Selector ip6_nexthop: Ipv6Addr = Load::Rt(RtKey::Nexthop6), 128, "ip6 nexthop";
        /// TCP segment size that fits the way, in bytes. Since 4.14.
        Selector mtu: u16 = Load::Rt(RtKey::TcpMss), 16, "mtu";
        /// Whether IPsec will protect it. Since 5.0.
        Selector ipsec: bool = Load::Rt(RtKey::Xfrm), 8, "ipsec";
    }
}

/// Routing header of type 0, which routers drop.
pub mod rt0 {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::Ipv6, 43, offset)
    }
    fields! { rows "rt0", "";
        /// First address.
        Selector addr1: Ipv6Addr = at(64), 128, "addr[1]";
        /// Second address.
        Selector addr2: Ipv6Addr = at(192), 128, "addr[2]";
    }
}

/// Routing header of type 2, of mobile IPv6.
pub mod rt2 {
    use super::*;
    fields! { rows "rt2", "";
        /// Home address.
        Selector addr: Ipv6Addr = Load::Option(ExthdrOp::Ipv6, 43, 64), 128, "addr";
    }
}

/// Segment routing header.
pub mod srh {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::Ipv6, 43, offset)
    }
    fields! { rows "srh", "";
        /// Index of the last segment.
        Selector last_entry: u8 = at(32), 8, "last-entry";
        /// Flags.
        Selector flags: u8 = at(40), 8, "flags";
        /// Tag that packets share.
        Selector tag: u16 = at(48), 16, "tag";
        /// First segment.
        Selector sid1: Ipv6Addr = at(64), 128, "sid[1]";
        /// Second segment.
        Selector sid2: Ipv6Addr = at(192), 128, "sid[2]";
    }
}

/// Fragment header of IPv6.
///
/// ```
/// use oxitables::{Rule, frag};
/// assert_eq!(Rule::new().when(frag::exists()).drop().to_string(), "exthdr frag exists drop");
/// assert_eq!(Rule::new().when(frag::exists().is(false)).accept().to_string(), "exthdr frag missing accept");
/// ```
pub mod frag {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::Ipv6, 44, offset)
    }
    fields! { rows "frag", "";
        /// What follows.
        Selector nexthdr: Protocol = at(0), 8, "nexthdr";
        /// Reserved bits.
        Selector reserved: u8 = at(8), 8, "reserved";
        /// Where the fragment belongs, in words of 8 bytes; 13 bits.
        Selector frag_off: u16 = at(16), 13, "frag-off";
        /// More reserved bits; 2.
        Selector reserved2: u8 = at(29), 2, "reserved2";
        /// Whether more fragments follow; 1 bit.
        Selector more_fragments: u8 = at(31), 1, "more-fragments";
        /// Identifier that the fragments of a packet share.
        Selector id: u32 = at(32), 32, "id";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::Ipv6, 44), 8, "" words "exthdr frag";
    }
}

/// Destination options of IPv6.
pub mod dst {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::Ipv6, 60, offset)
    }
    fields! { rows "dst", "";
        /// What follows.
        Selector nexthdr: Protocol = at(0), 8, "nexthdr";
        /// Length of the header in words of 8 bytes, less 1.
        Selector hdrlength: u8 = at(8), 8, "hdrlength";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::Ipv6, 60), 8, "" words "exthdr dst";
    }
}

/// Mobility header of IPv6.
pub mod mh {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::Ipv6, 135, offset)
    }
    fields! { rows "mh", "";
        /// What follows.
        Selector nexthdr: Protocol = at(0), 8, "nexthdr";
        /// Length of the header in words of 8 bytes, less 1.
        Selector hdrlength: u8 = at(8), 8, "hdrlength";
        /// Type of the message.
        Selector type_: MhType = at(16), 8, "type";
        /// Reserved bits.
        Selector reserved: u8 = at(24), 8, "reserved";
        /// Checksum.
        Selector checksum: u16 = at(32), 16, "checksum";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::Ipv6, 135), 8, "" words "exthdr mh";
    }
}
