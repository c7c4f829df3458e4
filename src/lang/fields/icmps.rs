//! ICMP and its like.

use super::*;

/// ICMP header. Fields that only some types have bring the match of those types along.
pub mod icmp {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Packet(Header::Icmp, offset)
    }
    fields! { rows "icmp", "";
        /// Type of the message.
        Settable type_: IcmpType = at(0), 8, "type";
        /// Code of the message.
        Settable code: IcmpCode = at(8), 8, "code";
        /// Checksum.
        Settable checksum: u16 = at(16), 16, "checksum";
        /// Pings: identifier of the sender's process.
        Settable id: u16 = at(32), 16, "id" needs [8, 0];
        /// Pings: their number.
        Settable sequence: u16 = at(48), 16, "sequence" needs [8, 0];
        /// Redirects: the better gateway, as a number.
        Settable gateway: u32 = at(32), 32, "gateway" needs [5];
        /// Destination unreachable, fragmentation needed: what would fit, in bytes.
        Settable mtu: u16 = at(48), 16, "mtu" needs [3];
    }
}

/// ICMPv6 header. Fields that only some types have bring the match of those types along.
pub mod icmpv6 {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Packet(Header::Icmpv6, offset)
    }
    fields! { rows "icmpv6", "";
        /// Type of the message.
        Settable type_: Icmpv6Type = at(0), 8, "type";
        /// Code of the message.
        Settable code: Icmpv6Code = at(8), 8, "code";
        /// Checksum.
        Settable checksum: u16 = at(16), 16, "checksum";
        /// Parameter problem: where, in bytes.
        Settable param_problem: u32 = at(32), 32, "param-problem" needs [4];
        /// Packet too big: what would fit, in bytes.
        Settable mtu: u32 = at(32), 32, "mtu" needs [2];
        /// Pings: identifier of the sender's process.
        Settable id: u16 = at(32), 16, "id" needs [128, 129];
        /// Pings: their number.
        Settable sequence: u16 = at(48), 16, "sequence" needs [128, 129];
        /// Listener queries: how long an answer may take, in milliseconds.
        Settable max_delay: u16 = at(32), 16, "max-delay" needs [130];
        /// Neighbour discovery: the address that is asked for.
        Settable taddr: Ipv6Addr = at(64), 128, "taddr" needs [130, 131, 132, 135, 136, 137];
        /// Redirects: the address that is redirected.
        Settable daddr: Ipv6Addr = at(192), 128, "daddr" needs [137];
    }
}

/// IGMP, in IPv4.
pub mod igmp {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Packet(Header::Igmp, offset)
    }
    fields! { rows "igmp", "";
        /// Type of the message.
        Settable type_: IgmpType = at(0), 8, "type";
        /// Checksum.
        Settable checksum: u16 = at(16), 16, "checksum";
        /// How long an answer may take, in tenths of a second.
        Settable mrt: u8 = at(8), 8, "mrt";
        /// Group, as a number.
        Settable group: u32 = at(32), 32, "group";
    }
}
