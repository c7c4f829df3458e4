//! The fields that rules speak of, a module for each kind and a row for each field.

use super::field::{Field, Header, Load, Side, Spec};
use super::select::{Selector, Settable, Target};
use crate::data::*;
use crate::expr::{CtKey, MetaKey};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Fields that are named elsewhere in the crate.
pub(crate) mod specs {
    use super::*;

    macro_rules! addresses {
        ($($name:ident = $t:ty, $load:expr, $words:literal;)*) => { $(
            pub(crate) static $name: Spec = Spec {
                words: $words, load: $load, bits: <$t>::FIELD.len as u16 * 8, order: ByteOrder::Network, needs: &[],
                pseudo: true,
            };
        )* };
    }

    addresses! {
        IP_SADDR = Ipv4Addr, Load::Packet(Header::Ip, 96), "ip saddr";
        IP_DADDR = Ipv4Addr, Load::Packet(Header::Ip, 128), "ip daddr";
        IP6_SADDR = Ipv6Addr, Load::Packet(Header::Ip6, 64), "ip6 saddr";
        IP6_DADDR = Ipv6Addr, Load::Packet(Header::Ip6, 192), "ip6 daddr";
        CT_IP_SADDR = Ipv4Addr, Load::Ct(CtKey::SrcIp), "ct ip saddr";
        CT_IP_DADDR = Ipv4Addr, Load::Ct(CtKey::DstIp), "ct ip daddr";
        CT_IP6_SADDR = Ipv6Addr, Load::Ct(CtKey::SrcIp6), "ct ip6 saddr";
        CT_IP6_DADDR = Ipv6Addr, Load::Ct(CtKey::DstIp6), "ct ip6 daddr";
    }
}

/// One function for each row.
macro_rules! fields {
    ($( $(#[$m:meta])* $kind:ident $name:ident: $t:ty = $load:expr, $bits:literal, $words:literal
        $(needs $needs:expr)? $(, $pseudo:ident)?; )*) => { $(
        $(#[$m])*
        #[doc = concat!("\n\nnft's `", $words, "`.")]
        pub fn $name() -> $kind<$t> {
            static SPEC: Spec = Spec {
                words: $words,
                load: $load,
                bits: $bits,
                order: Spec::order_of(&<$t as Typed>::FIELD, &$load),
                needs: fields!(@needs $($needs)?),
                pseudo: fields!(@pseudo $($pseudo)?),
            };
            $kind::new(Field { spec: &SPEC, direction: None })
        }
    )* };
    (@needs) => { &[] };
    (@needs $needs:expr) => { &$needs };
    (@pseudo) => { false };
    (@pseudo pseudo) => { true };
}

/// Ethernet header. Outside of bridge tables, the packet must have come from an Ethernet device to match.
pub mod ether {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Packet(Header::Ether, offset)
    }
    fields! {
        /// Destination address.
        Settable daddr: MacAddr = at(0), 48, "ether daddr";
        /// Source address.
        Settable saddr: MacAddr = at(48), 48, "ether saddr";
        /// Protocol above.
        Settable type_: EtherType = at(96), 16, "ether type";
    }
}

/// ARP. For tables of the families arp, bridge and netdev.
pub mod arp {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Packet(Header::Arp, offset)
    }
    fields! {
        /// Type of hardware addresses: 1 is Ethernet.
        Settable htype: u16 = at(0), 16, "arp htype";
        /// Type of protocol addresses.
        Settable ptype: EtherType = at(16), 16, "arp ptype";
        /// Bytes of a hardware address.
        Settable hlen: u8 = at(32), 8, "arp hlen";
        /// Bytes of a protocol address.
        Settable plen: u8 = at(40), 8, "arp plen";
        /// What the packet wants.
        Settable operation: ArpOp = at(48), 16, "arp operation";
        /// Hardware address of the sender.
        Settable saddr_ether: MacAddr = at(64), 48, "arp saddr ether";
        /// IPv4 address of the sender.
        Settable saddr_ip: Ipv4Addr = at(112), 32, "arp saddr ip";
        /// Hardware address of the target.
        Settable daddr_ether: MacAddr = at(144), 48, "arp daddr ether";
        /// IPv4 address of the target.
        Settable daddr_ip: Ipv4Addr = at(192), 32, "arp daddr ip";
    }
}

/// IPv4 header.
pub mod ip {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Packet(Header::Ip, offset)
    }
    fields! {
        /// Version, 4.
        Settable version: u8 = at(0), 4, "ip version";
        /// Length of the header in words of 4 bytes.
        Settable hdrlength: u8 = at(4), 4, "ip hdrlength";
        /// Differentiated services code point.
        Settable dscp: Dscp = at(8), 6, "ip dscp";
        /// Explicit congestion notification.
        Settable ecn: Ecn = at(14), 2, "ip ecn";
        /// Length of the packet in bytes, header included.
        Settable length: u16 = at(16), 16, "ip length", pseudo;
        /// Identifier that the fragments of a packet share.
        Settable id: u16 = at(32), 16, "ip id";
        /// Fragment offset in words of 8 bytes; bit 13 says that more follow, bit 14 not to fragment.
        Settable frag_off: u16 = at(48), 16, "ip frag-off";
        /// Hops left.
        Settable ttl: u8 = at(64), 8, "ip ttl";
        /// Transport protocol; [`meta::l4proto`] says it for both families.
        Settable protocol: Protocol = at(72), 8, "ip protocol", pseudo;
        /// Header checksum.
        Settable checksum: u16 = at(80), 16, "ip checksum";
        /// Source address.
        Settable saddr: Ipv4Addr = at(96), 32, "ip saddr", pseudo;
        /// Destination address.
        Settable daddr: Ipv4Addr = at(128), 32, "ip daddr", pseudo;
    }
}

/// IPv6 header.
pub mod ip6 {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Packet(Header::Ip6, offset)
    }
    fields! {
        /// Version, 6.
        Settable version: u8 = at(0), 4, "ip6 version";
        /// Differentiated services code point.
        Settable dscp: Dscp = at(4), 6, "ip6 dscp";
        /// Explicit congestion notification.
        Settable ecn: Ecn = at(10), 2, "ip6 ecn";
        /// Flow label; 20 bits.
        Settable flowlabel: u32 = at(12), 20, "ip6 flowlabel";
        /// Length of what follows the header, in bytes.
        Settable length: u16 = at(32), 16, "ip6 length", pseudo;
        /// What follows this header: an extension header or the transport;
        /// [`meta::l4proto`] looks behind extension headers.
        Settable nexthdr: Protocol = at(48), 8, "ip6 nexthdr", pseudo;
        /// Hops left.
        Settable hoplimit: u8 = at(56), 8, "ip6 hoplimit";
        /// Source address.
        Settable saddr: Ipv6Addr = at(64), 128, "ip6 saddr", pseudo;
        /// Destination address.
        Settable daddr: Ipv6Addr = at(192), 128, "ip6 daddr", pseudo;
    }
}

/// ICMP header. Fields that only some types have bring the match of those types along.
pub mod icmp {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Packet(Header::Icmp, offset)
    }
    fields! {
        /// Type of the message.
        Settable type_: IcmpType = at(0), 8, "icmp type";
        /// Code of the message.
        Settable code: IcmpCode = at(8), 8, "icmp code";
        /// Checksum.
        Settable checksum: u16 = at(16), 16, "icmp checksum";
        /// Pings: identifier of the sender's process.
        Settable id: u16 = at(32), 16, "icmp id" needs [8, 0];
        /// Pings: their number.
        Settable sequence: u16 = at(48), 16, "icmp sequence" needs [8, 0];
        /// Redirects: the better gateway, as a number.
        Settable gateway: u32 = at(32), 32, "icmp gateway" needs [5];
        /// Destination unreachable, fragmentation needed: what would fit, in bytes.
        Settable mtu: u16 = at(48), 16, "icmp mtu" needs [3];
    }
}

/// ICMPv6 header. Fields that only some types have bring the match of those types along.
pub mod icmpv6 {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Packet(Header::Icmpv6, offset)
    }
    fields! {
        /// Type of the message.
        Settable type_: Icmpv6Type = at(0), 8, "icmpv6 type";
        /// Code of the message.
        Settable code: Icmpv6Code = at(8), 8, "icmpv6 code";
        /// Checksum.
        Settable checksum: u16 = at(16), 16, "icmpv6 checksum";
        /// Parameter problem: where, in bytes.
        Settable param_problem: u32 = at(32), 32, "icmpv6 param-problem" needs [4];
        /// Packet too big: what would fit, in bytes.
        Settable mtu: u32 = at(32), 32, "icmpv6 mtu" needs [2];
        /// Pings: identifier of the sender's process.
        Settable id: u16 = at(32), 16, "icmpv6 id" needs [128, 129];
        /// Pings: their number.
        Settable sequence: u16 = at(48), 16, "icmpv6 sequence" needs [128, 129];
        /// Listener queries: how long an answer may take, in milliseconds.
        Settable max_delay: u16 = at(32), 16, "icmpv6 max-delay" needs [130];
        /// Neighbour discovery: the address that is asked for.
        Settable taddr: Ipv6Addr = at(64), 128, "icmpv6 taddr" needs [130, 131, 132, 135, 136, 137];
        /// Redirects: the address that is redirected.
        Settable daddr: Ipv6Addr = at(192), 128, "icmpv6 daddr" needs [137];
    }
}

/// TCP header.
pub mod tcp {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Packet(Header::Tcp, offset)
    }
    fields! {
        /// Source port.
        Settable sport: Port = at(0), 16, "tcp sport";
        /// Destination port.
        Settable dport: Port = at(16), 16, "tcp dport";
        /// Sequence number of the first byte.
        Settable sequence: u32 = at(32), 32, "tcp sequence";
        /// Sequence number of the next byte that is expected.
        Settable ackseq: u32 = at(64), 32, "tcp ackseq";
        /// Length of the header in words of 4 bytes.
        Settable doff: u8 = at(96), 4, "tcp doff";
        /// Bits that mean nothing yet.
        Settable reserved: u8 = at(100), 4, "tcp reserved";
        /// Flags.
        Settable flags: TcpFlags = at(104), 8, "tcp flags";
        /// Bytes that the sender is ready to take.
        Settable window: u16 = at(112), 16, "tcp window";
        /// Checksum.
        Settable checksum: u16 = at(128), 16, "tcp checksum";
        /// Where urgent data ends.
        Settable urgptr: u16 = at(144), 16, "tcp urgptr";
    }
}

/// UDP header.
pub mod udp {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Packet(Header::Udp, offset)
    }
    fields! {
        /// Source port.
        Settable sport: Port = at(0), 16, "udp sport", pseudo;
        /// Destination port.
        Settable dport: Port = at(16), 16, "udp dport", pseudo;
        /// Length in bytes, header included.
        Settable length: u16 = at(32), 16, "udp length", pseudo;
        /// Checksum.
        Settable checksum: u16 = at(48), 16, "udp checksum", pseudo;
    }
}

/// Ports of whatever transport the packet has; match [`meta::l4proto`] with it, or any protocol's bytes match.
pub mod th {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Packet(Header::Transport, offset)
    }
    fields! {
        /// Source port.
        Settable sport: Port = at(0), 16, "th sport";
        /// Destination port.
        Settable dport: Port = at(16), 16, "th dport";
    }
}

/// Addresses of either IP family.
///
/// A rule that speaks of them becomes two in an inet, bridge or netdev table, one for each family; in an ip or ip6
/// table it becomes that family's. A rule that can match in one family only becomes only that one.
///
/// ```
/// use oxitables::{Rule, addr};
/// use std::net::IpAddr;
/// let mail: IpAddr = "2001:db8::25".parse().unwrap();
/// assert_eq!(Rule::new().when(addr::daddr().is(mail)).accept().to_string(), "ip6 daddr 2001:db8::25 accept");
/// ```
pub mod addr {
    use super::*;
    fields! {
        /// Source address.
        Selector saddr: IpAddr = Load::Address(Side::Source), 128, "addr saddr";
        /// Destination address.
        Selector daddr: IpAddr = Load::Address(Side::Destination), 128, "addr daddr";
    }
}

/// What the kernel knows of a packet besides its bytes.
pub mod meta {
    use super::*;
    const fn key(key: MetaKey) -> Load {
        Load::Meta(key)
    }
    fields! {
        /// Length of the packet in bytes, without the link header.
        Selector length: u32 = key(MetaKey::Len), 32, "meta length";
        /// Protocol above the link.
        Selector protocol: EtherType = key(MetaKey::Protocol), 16, "meta protocol";
        /// Traffic class.
        Settable priority: TrafficClass = key(MetaKey::Priority), 32, "meta priority";
        /// Packet mark.
        Settable mark: Mark = key(MetaKey::Mark), 32, "meta mark";
        /// Index of the incoming interface.
        Selector iif: IfIndex = key(MetaKey::Iif), 32, "iif";
        /// Index of the outgoing interface.
        Selector oif: IfIndex = key(MetaKey::Oif), 32, "oif";
        /// Name of the incoming interface.
        Selector iifname: IfName = key(MetaKey::Iifname), 128, "iifname";
        /// Name of the outgoing interface.
        Selector oifname: IfName = key(MetaKey::Oifname), 128, "oifname";
        /// Hardware type of the incoming interface.
        Selector iiftype: IfType = key(MetaKey::Iiftype), 16, "meta iiftype";
        /// Hardware type of the outgoing interface.
        Selector oiftype: IfType = key(MetaKey::Oiftype), 16, "meta oiftype";
        /// Kind of the incoming interface, such as `veth`. Since 4.20.
        Selector iifkind: IfKind = key(MetaKey::Iifkind), 128, "meta iifkind";
        /// Kind of the outgoing interface. Since 4.20.
        Selector oifkind: IfKind = key(MetaKey::Oifkind), 128, "meta oifkind";
        /// Group of the incoming interface.
        Selector iifgroup: IfGroup = key(MetaKey::Iifgroup), 32, "iifgroup";
        /// Group of the outgoing interface.
        Selector oifgroup: IfGroup = key(MetaKey::Oifgroup), 32, "oifgroup";
        /// User of the local socket that sent it.
        Selector skuid: Uid = key(MetaKey::Skuid), 32, "meta skuid";
        /// Group of the local socket that sent it.
        Selector skgid: Gid = key(MetaKey::Skgid), 32, "meta skgid";
        /// Routing realm.
        Selector rtclassid: Realm = key(MetaKey::Rtclassid), 32, "meta rtclassid";
        /// IP family; for inet tables.
        Selector nfproto: NfProto = key(MetaKey::Nfproto), 8, "meta nfproto";
        /// Transport protocol of either family, behind IPv6 extension headers.
        Selector l4proto: Protocol = key(MetaKey::L4proto), 8, "meta l4proto";
        /// Name of the bridge that the incoming port belongs to; bridge tables.
        Selector ibrname: IfName = key(MetaKey::BriIifname), 128, "meta ibrname";
        /// Name of the bridge that the outgoing port belongs to; bridge tables.
        Selector obrname: IfName = key(MetaKey::BriOifname), 128, "meta obrname";
        /// VLAN of the incoming bridge port; bridge tables. Since 5.4.
        Selector ibrpvid: u16 = key(MetaKey::BriIifpvid), 16, "meta ibrpvid";
        /// VLAN protocol of the incoming bridge; bridge tables. Since 5.4.
        Selector ibrvproto: EtherType = key(MetaKey::BriIifvproto), 16, "meta ibrvproto";
        /// Who the packet is for, on its link. Can be set at bridge prerouting and netdev ingress.
        Settable pkttype: PktType = key(MetaKey::Pkttype), 8, "meta pkttype";
        /// Processor that runs the rule.
        Selector cpu: u32 = key(MetaKey::Cpu), 32, "meta cpu";
        /// net_cls control group of the local socket.
        Selector cgroup: u32 = key(MetaKey::Cgroup), 32, "meta cgroup";
        /// A random number.
        Selector random: u32 = key(MetaKey::Prandom), 32, "meta random";
        /// Whether IPsec protected it.
        Selector ipsec: bool = key(MetaKey::Secpath), 8, "meta ipsec";
        /// When the rule runs, in seconds since 1970. Since 5.4.
        Selector time: Moment = key(MetaKey::TimeNs), 64, "meta time";
        /// Day of the week, in UTC. Since 5.4.
        Selector day: Weekday = key(MetaKey::TimeDay), 8, "meta day";
        /// Second of the day, in UTC. Since 5.4.
        Selector hour: SecondOfDay = key(MetaKey::TimeHour), 32, "meta hour";
        /// Index of the enslaved interface it came by. Since 5.6.
        Selector sdif: IfIndex = key(MetaKey::Sdif), 32, "meta sdif";
        /// Name of the enslaved interface it came by. Since 5.6.
        Selector sdifname: IfName = key(MetaKey::Sdifname), 128, "meta sdifname";
        /// Whether the packet is traced; set it to `true` and watch with `nft monitor trace`.
        Target nftrace: bool = key(MetaKey::Nftrace), 8, "meta nftrace";
        /// Whether to route the packet instead of bridging it; bridge prerouting. Since 6.4.
        Target broute: bool = key(MetaKey::BriBroute), 8, "meta broute";
    }
}

/// What connection tracking knows of a packet's connection.
///
/// ```
/// use oxitables::{ct, data::CtState};
/// assert_eq!(ct::state().any(CtState::NEW).to_string(), "ct state new");
/// assert_eq!(ct::original().proto_dst().is(80).to_string(), "ct original proto-dst 80");
/// ```
pub mod ct {
    use super::*;
    const fn key(key: CtKey) -> Load {
        Load::Ct(key)
    }
    fields! {
        /// State of the packet in its connection.
        Selector state: CtState = key(CtKey::State), 32, "ct state";
        /// Direction of the packet.
        Selector direction: CtDirection = key(CtKey::Direction), 8, "ct direction";
        /// What has happened to the connection.
        Selector status: CtStatus = key(CtKey::Status), 32, "ct status";
        /// Connection mark.
        Settable mark: Mark = key(CtKey::Mark), 32, "ct mark";
        /// Time until it is forgotten, if nothing more comes.
        Selector expiration: TimeLeft = key(CtKey::Expiration), 32, "ct expiration";
        /// Name of its helper.
        Selector helper: HelperName = key(CtKey::Helper), 128, "ct helper";
        /// Its labels.
        Settable label: CtLabels = key(CtKey::Labels), 128, "ct label";
        /// Its IP family.
        Selector l3proto: NfProto = key(CtKey::L3protocol), 8, "ct l3proto";
        /// Its transport protocol.
        Selector protocol: Protocol = key(CtKey::Protocol), 8, "ct protocol";
        /// Packets of both directions. Needs `net.netfilter.nf_conntrack_acct`.
        Selector packets: u64 = key(CtKey::Pkts), 64, "ct packets";
        /// Bytes of both directions. Needs `net.netfilter.nf_conntrack_acct`.
        Selector bytes: u64 = key(CtKey::Bytes), 64, "ct bytes";
        /// Bytes per packet. Needs `net.netfilter.nf_conntrack_acct`.
        Selector avgpkt: u64 = key(CtKey::Avgpkt), 64, "ct avgpkt";
        /// Zone; connections of different zones may have the same addresses. To be set before tracking.
        Settable zone: u16 = key(CtKey::Zone), 16, "ct zone";
        /// Identifier. Since 5.3.
        Selector id: u32 = key(CtKey::Id), 32, "ct id";
        /// Which events about it are reported.
        Target event: CtEvents = key(CtKey::Eventmask), 32, "ct event";
    }

    /// What belongs to one direction of a connection.
    #[derive(Clone, Copy, Debug)]
    pub struct Direction(u8);

    /// The direction of the first packet.
    pub fn original() -> Direction {
        Direction(0)
    }

    /// The direction of the answers.
    pub fn reply() -> Direction {
        Direction(1)
    }

    macro_rules! directed {
        ($( $(#[$m:meta])* $kind:ident $name:ident: $t:ty = $load:expr, $bits:literal, $words:literal; )*) => { $(
            $(#[$m])*
            #[doc = concat!("\n\nnft's `", $words, "` with the direction.")]
            pub fn $name(self) -> $kind<$t> {
                static SPEC: Spec = Spec {
                    words: $words,
                    load: $load,
                    bits: $bits,
                    order: Spec::order_of(&<$t as Typed>::FIELD, &$load),
                    needs: &[],
                    pseudo: false,
                };
                $kind::new(Field { spec: &SPEC, direction: Some(self.0) })
            }
        )* };
    }

    impl Direction {
        directed! {
            /// Source address of either family; the rule becomes two, as with [`addr`].
            Selector saddr: IpAddr = Load::CtAddress(Side::Source), 128, "ct saddr";
            /// Destination address of either family.
            Selector daddr: IpAddr = Load::CtAddress(Side::Destination), 128, "ct daddr";
            /// IPv4 source address. Since 4.17.
            Selector ip_saddr: Ipv4Addr = key(CtKey::SrcIp), 32, "ct ip saddr";
            /// IPv4 destination address. Since 4.17.
            Selector ip_daddr: Ipv4Addr = key(CtKey::DstIp), 32, "ct ip daddr";
            /// IPv6 source address. Since 4.17.
            Selector ip6_saddr: Ipv6Addr = key(CtKey::SrcIp6), 128, "ct ip6 saddr";
            /// IPv6 destination address. Since 4.17.
            Selector ip6_daddr: Ipv6Addr = key(CtKey::DstIp6), 128, "ct ip6 daddr";
            /// Source port.
            Selector proto_src: Port = key(CtKey::ProtoSrc), 16, "ct proto-src";
            /// Destination port.
            Selector proto_dst: Port = key(CtKey::ProtoDst), 16, "ct proto-dst";
            /// IP family.
            Selector l3proto: NfProto = key(CtKey::L3protocol), 8, "ct l3proto";
            /// Transport protocol.
            Selector protocol: Protocol = key(CtKey::Protocol), 8, "ct protocol";
            /// Packets. Needs `net.netfilter.nf_conntrack_acct`.
            Selector packets: u64 = key(CtKey::Pkts), 64, "ct packets";
            /// Bytes. Needs `net.netfilter.nf_conntrack_acct`.
            Selector bytes: u64 = key(CtKey::Bytes), 64, "ct bytes";
            /// Bytes per packet. Needs `net.netfilter.nf_conntrack_acct`.
            Selector avgpkt: u64 = key(CtKey::Avgpkt), 64, "ct avgpkt";
            /// Zone of this direction.
            Settable zone: u16 = key(CtKey::Zone), 16, "ct zone";
        }
    }
}
