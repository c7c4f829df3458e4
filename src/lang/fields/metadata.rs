//! What the kernel knows of a packet.

use super::*;

/// What the kernel knows of a packet besides its bytes.
pub mod meta {
    use super::*;
    const fn key(key: MetaKey) -> Load {
        Load::Meta(key)
    }
    fields! { rows "meta", "";
        /// Length of the packet in bytes, without the link header.
        Selector length: u32 = key(MetaKey::Len), 32, "length";
        /// Protocol above the link.
        Selector protocol: EtherType = key(MetaKey::Protocol), 16, "protocol";
        /// Traffic class.
        Settable priority: TrafficClass = key(MetaKey::Priority), 32, "priority";
        /// Packet mark.
        Settable mark: Mark = key(MetaKey::Mark), 32, "mark";
        /// Index of the incoming interface.
        Selector iif: IfIndex = key(MetaKey::Iif), 32, "iif" words "iif";
        /// Index of the outgoing interface.
        Selector oif: IfIndex = key(MetaKey::Oif), 32, "oif" words "oif";
        /// Name of the incoming interface.
        Selector iifname: IfName = key(MetaKey::Iifname), 128, "iifname" words "iifname";
        /// Name of the outgoing interface.
        Selector oifname: IfName = key(MetaKey::Oifname), 128, "oifname" words "oifname";
        /// Hardware type of the incoming interface.
        Selector iiftype: IfType = key(MetaKey::Iiftype), 16, "iiftype";
        /// Hardware type of the outgoing interface.
        Selector oiftype: IfType = key(MetaKey::Oiftype), 16, "oiftype";
        /// Kind of the incoming interface, such as `veth`. Since 4.20.
        Selector iifkind: IfKind = key(MetaKey::Iifkind), 128, "iifkind";
        /// Kind of the outgoing interface. Since 4.20.
        Selector oifkind: IfKind = key(MetaKey::Oifkind), 128, "oifkind";
        /// Group of the incoming interface.
        Selector iifgroup: IfGroup = key(MetaKey::Iifgroup), 32, "iifgroup" words "iifgroup";
        /// Group of the outgoing interface.
        Selector oifgroup: IfGroup = key(MetaKey::Oifgroup), 32, "oifgroup" words "oifgroup";
        /// User of the local socket that sent it.
        Selector skuid: Uid = key(MetaKey::Skuid), 32, "skuid";
        /// Group of the local socket that sent it.
        Selector skgid: Gid = key(MetaKey::Skgid), 32, "skgid";
        /// Routing realm.
        Selector rtclassid: Realm = key(MetaKey::Rtclassid), 32, "rtclassid";
        /// IP family; for inet tables.
        Selector nfproto: NfProto = key(MetaKey::Nfproto), 8, "nfproto";
        /// Transport protocol of either family, behind IPv6 extension headers.
        Selector l4proto: Protocol = key(MetaKey::L4proto), 8, "l4proto";
        /// Name of the bridge that the incoming port belongs to; bridge tables.
        Selector ibrname: IfName = key(MetaKey::BriIifname), 128, "ibrname";
        /// Name of the bridge that the outgoing port belongs to; bridge tables.
        Selector obrname: IfName = key(MetaKey::BriOifname), 128, "obrname";
        /// VLAN of the incoming bridge port; bridge tables. Since 5.4.
        Selector ibrpvid: u16 = key(MetaKey::BriIifpvid), 16, "ibrpvid";
        /// VLAN protocol of the incoming bridge; bridge tables. Since 5.4.
        Selector ibrvproto: EtherType = key(MetaKey::BriIifvproto), 16, "ibrvproto";
        /// Who the packet is for, on its link. Can be set at bridge prerouting and netdev ingress.
        Settable pkttype: PktType = key(MetaKey::Pkttype), 8, "pkttype";
        /// Processor that runs the rule.
        Selector cpu: u32 = key(MetaKey::Cpu), 32, "cpu";
        /// net_cls control group of the local socket.
        Selector cgroup: u32 = key(MetaKey::Cgroup), 32, "cgroup";
        /// A random number.
        Selector random: u32 = key(MetaKey::Prandom), 32, "random";
        /// Whether IPsec protected it.
        Selector ipsec: bool = key(MetaKey::Secpath), 8, "ipsec";
        /// When the rule runs, in seconds since 1970. Since 5.4.
        Selector time: Moment = key(MetaKey::TimeNs), 64, "time";
        /// Day of the week, in UTC. Since 5.4.
        Selector day: Weekday = key(MetaKey::TimeDay), 8, "day";
        /// Second of the day, in UTC. Since 5.4.
        Selector hour: SecondOfDay = key(MetaKey::TimeHour), 32, "hour";
        /// Index of the enslaved interface it came by. Since 5.6.
        Selector sdif: IfIndex = key(MetaKey::Sdif), 32, "sdif";
        /// Name of the enslaved interface it came by. Since 5.6.
        Selector sdifname: IfName = key(MetaKey::Sdifname), 128, "sdifname";
        /// Whether the packet is traced; set it to `true` and watch with `nft monitor trace`.
        Target nftrace: bool = key(MetaKey::Nftrace), 8, "nftrace" as Number;
        /// Whether to route the packet instead of bridging it; bridge prerouting. Since 6.4.
        Target broute: bool = key(MetaKey::BriBroute), 8, "broute" as Number;
        /// Hardware address of the incoming bridge; bridge tables. Since 6.18.
        Selector ibrhwaddr: MacAddr = key(MetaKey::BriIifhwaddr), 48, "ibrhwaddr";
        /// Security mark; only other marks can be compared with it.
        Settable secmark: u32 = key(MetaKey::Secmark), 32, "secmark";
    }
}
