//! Link layer.

use super::*;

/// Ethernet header. Outside of bridge tables, the packet must have come from an Ethernet device to
/// match.
pub mod ether {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Packet(Header::Ether, offset)
    }
    fields! { rows "ether", "";
        /// Destination address.
        Settable daddr: MacAddr = at(0), 48, "daddr";
        /// Source address.
        Settable saddr: MacAddr = at(48), 48, "saddr";
        /// Protocol above.
        Settable type_: EtherType = at(96), 16, "type";
    }
}

/// VLAN tag. Below it the Ethernet header says that there is one; match [`ether::type_`] for
/// another kind of tag, and [`type_`](vlan::type_) of 802.1Q for one inside of another: what comes
/// behind speaks of the inner one.
///
/// ```
/// use oxitables::{Rule, ip, vlan};
/// let rule = Rule::new().when(vlan::id().is(10)).when(ip::saddr().is([192, 0, 2, 1])).accept();
/// assert_eq!(rule.to_string(), "vlan id 10 ip saddr 192.0.2.1 accept");
/// ```
pub mod vlan {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Packet(Header::Vlan, offset)
    }
    fields! { rows "vlan", "";
        /// Priority; 3 bits.
        Settable pcp: u8 = at(0), 3, "pcp";
        /// Whether it may be dropped first; 1 bit.
        Settable dei: u8 = at(3), 1, "dei";
        /// Number of the VLAN; 12 bits.
        Settable id: u16 = at(4), 12, "id";
        /// Protocol above.
        Settable type_: EtherType = at(16), 16, "type";
    }
}

/// ARP. For tables of the families arp, bridge and netdev.
pub mod arp {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Packet(Header::Arp, offset)
    }
    fields! { rows "arp", "";
        /// Type of hardware addresses: 1 is Ethernet.
        Settable htype: u16 = at(0), 16, "htype";
        /// Type of protocol addresses.
        Settable ptype: EtherType = at(16), 16, "ptype";
        /// Bytes of a hardware address.
        Settable hlen: u8 = at(32), 8, "hlen";
        /// Bytes of a protocol address.
        Settable plen: u8 = at(40), 8, "plen";
        /// What the packet wants.
        Settable operation: ArpOp = at(48), 16, "operation";
        /// Hardware address of the sender.
        Settable saddr_ether: MacAddr = at(64), 48, "saddr ether";
        /// IPv4 address of the sender.
        Settable saddr_ip: Ipv4Addr = at(112), 32, "saddr ip";
        /// Hardware address of the target.
        Settable daddr_ether: MacAddr = at(144), 48, "daddr ether";
        /// IPv4 address of the target.
        Settable daddr_ip: Ipv4Addr = at(192), 32, "daddr ip";
    }
}
