//! What connection tracking knows.

use super::*;

/// What connection tracking knows of a packet's connection.
pub mod ct {
    use super::*;
    const fn key(key: CtKey) -> Load {
        Load::Ct(key)
    }
    fields! { rows "ct", "";
        /// State of the packet in its connection.
        Selector state: CtState = key(CtKey::State), 32, "state";
        /// Direction of the packet.
        Selector direction: CtDirection = key(CtKey::Direction), 8, "direction";
        /// What has happened to the connection.
        Selector status: CtStatus = key(CtKey::Status), 32, "status";
        /// Connection mark.
        Settable mark: Mark = key(CtKey::Mark), 32, "mark";
        /// Time until it is forgotten, if nothing more comes.
        Selector expiration: TimeLeft = key(CtKey::Expiration), 32, "expiration";
        /// Name of its helper.
        Selector helper: HelperName = key(CtKey::Helper), 128, "helper";
        /// Its labels.
        Settable label: CtLabels = key(CtKey::Labels), 128, "label";
        /// Its IP family.
        Selector l3proto: NfProto = key(CtKey::L3protocol), 8, "l3proto";
        /// Its transport protocol.
        Selector protocol: Protocol = key(CtKey::Protocol), 8, "protocol";
        /// Packets of both directions. Needs `net.netfilter.nf_conntrack_acct`.
        Selector packets: u64 = key(CtKey::Pkts), 64, "packets";
        /// Bytes of both directions. Needs `net.netfilter.nf_conntrack_acct`.
        Selector bytes: u64 = key(CtKey::Bytes), 64, "bytes";
        /// Bytes per packet. Needs `net.netfilter.nf_conntrack_acct`.
        Selector avgpkt: u64 = key(CtKey::Avgpkt), 64, "avgpkt";
        /// Zone; connections of different zones may have the same addresses. To be set before
        /// tracking.
        Settable zone: u16 = key(CtKey::Zone), 16, "zone";
        /// Identifier. Since 5.3.
        Selector id: u32 = key(CtKey::Id), 32, "id";
        /// Which events about it are reported.
        Target event: CtEvents = key(CtKey::Eventmask), 32, "event";
        /// Security mark; only other marks can be compared with it.
        Settable secmark: u32 = key(CtKey::Secmark), 32, "secmark";
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

    macro_rules! methods {
        ($( $(#[$m:meta])* $kind:ident $row:path, $name:ident: $t:ty; )*) => { impl Direction { $(
            $(#[$m])*
            pub fn $name(self) -> $kind<$t> {
                $kind::new(Field::with(&$row, Param::Direction(self.0)))
            }
        )* } };
    }

    rows! { directed "ct", "";
        saddr: IpAddr = Load::CtAddress(Side::Source), 128, "saddr";
        daddr: IpAddr = Load::CtAddress(Side::Destination), 128, "daddr";
        ip_saddr: Ipv4Addr = key(CtKey::SrcIp), 32, "ip saddr";
        ip_daddr: Ipv4Addr = key(CtKey::DstIp), 32, "ip daddr";
        ip6_saddr: Ipv6Addr = key(CtKey::SrcIp6), 128, "ip6 saddr";
        ip6_daddr: Ipv6Addr = key(CtKey::DstIp6), 128, "ip6 daddr";
        proto_src: Port = key(CtKey::ProtoSrc), 16, "proto-src";
        proto_dst: Port = key(CtKey::ProtoDst), 16, "proto-dst";
    }

    methods! {
        /// Source address of either family; the rule becomes two, as with [`addr`].
        ///
        /// nft's `ct original saddr`, or with `reply`.
        Selector directed::saddr, saddr: IpAddr;
        /// Destination address of either family.
        ///
        /// nft's `ct original daddr`, or with `reply`.
        Selector directed::daddr, daddr: IpAddr;
        /// IPv4 source address. Since 4.17.
        ///
        /// nft's `ct original ip saddr`, or with `reply`.
        Selector directed::ip_saddr, ip_saddr: Ipv4Addr;
        /// IPv4 destination address. Since 4.17.
        ///
        /// nft's `ct original ip daddr`, or with `reply`.
        Selector directed::ip_daddr, ip_daddr: Ipv4Addr;
        /// IPv6 source address. Since 4.17.
        ///
        /// nft's `ct original ip6 saddr`, or with `reply`.
        Selector directed::ip6_saddr, ip6_saddr: Ipv6Addr;
        /// IPv6 destination address. Since 4.17.
        ///
        /// nft's `ct original ip6 daddr`, or with `reply`.
        Selector directed::ip6_daddr, ip6_daddr: Ipv6Addr;
        /// Source port.
        ///
        /// nft's `ct original proto-src`, or with `reply`.
        Selector directed::proto_src, proto_src: Port;
        /// Destination port.
        ///
        /// nft's `ct original proto-dst`, or with `reply`.
        Selector directed::proto_dst, proto_dst: Port;
        /// IP family.
        ///
        /// nft's `ct original l3proto`, or with `reply`.
        Selector rows::l3proto, l3proto: NfProto;
        /// Transport protocol.
        ///
        /// nft's `ct original protocol`, or with `reply`.
        Selector rows::protocol, protocol: Protocol;
        /// Packets. Needs `net.netfilter.nf_conntrack_acct`.
        ///
        /// nft's `ct original packets`, or with `reply`.
        Selector rows::packets, packets: u64;
        /// Bytes. Needs `net.netfilter.nf_conntrack_acct`.
        ///
        /// nft's `ct original bytes`, or with `reply`.
        Selector rows::bytes, bytes: u64;
        /// Bytes per packet. Needs `net.netfilter.nf_conntrack_acct`.
        ///
        /// nft's `ct original avgpkt`, or with `reply`.
        Selector rows::avgpkt, avgpkt: u64;
        /// Zone of this direction.
        ///
        /// nft's `ct original zone`, or with `reply`.
        Settable rows::zone, zone: u16;
    }
}
