//! A row for each kind of field that is not swept, and for what stands below it.

use super::*;
use oxitables::{
    ah, comp, dccp, esp, fib, frag, geneve, gre, gretap, igmp, ipsec, mh, osf, raw, rt, sctp, socket, srh, udplite,
    vlan, vxlan,
};

pub fn cases() -> Vec<Case> {
    let mut cases = headers();
    cases.extend(tags());
    cases.extend(options());
    cases.extend(kernel());
    cases
}

/// Rules that nft before 1.1 does not know, makes otherwise, or crashes on when it lists them,
/// whoever made them.
pub fn newest() -> Vec<Case> {
    let mut cases = tunnels();
    let r = Rule::new;
    macro_rules! in_family {
        ($($family:ident),*) => { $( rows! { cases, $family, "";
            r().when(ip::saddr().is([192, 0, 2, 1])).when(vlan::id().is(10)).drop() => "ip saddr 192.0.2.1 vlan id 10 drop";
            r().when((vlan::id(), vlan::pcp()).is_any([(5, 3)])).drop() => "vlan id . vlan pcp { 5 . 3 } drop";
            r().then(vlan::pcp().set(3)).accept() => "vlan pcp set 3 accept";
            r().then(vlan::dei().set(1)).accept() => "vlan dei set 1 accept";
        } )* };
    }
    in_family! { Inet, Bridge, Netdev }
    rows! { cases, Inet, "";
        r().when(gre::version().is(1)).when(gre::flags().is(2)).accept() => "gre version 1 gre flags 2 accept";
        r().then(gre::version().set(1)).accept() => "gre version set 1 accept";
        r().when(gre::version().is(0)).when(gre::inside(ip6::saddr()).is(v6("::1"))).drop()
            => "gre version 0 gre ip6 saddr ::1 drop";
        r().when(gre::protocol().is(EtherType::IP6)).accept() => "gre protocol ip6 accept";
        r().when(raw::network::<u32>(96).is_any([22, 23])).accept() => "@nh,96,32 { 0x16, 0x17 } accept";
        r().when(tcp::option::mptcp::subtype().is(MptcpSubtype::MP_JOIN)).drop()
            => "tcp option mptcp subtype mp-join drop";
        r().when(ip::option::lsrr::addr().is([192, 0, 2, 1])).drop() => "ip option lsrr addr 192.0.2.1 drop";
        r().when(fib::saddr().with_iif().exists().is(false)).drop() => "fib saddr . iif oif missing drop";
        r().when(fib::saddr().with_mark().with_iif().exists()).accept() => "fib saddr . mark . iif oif exists accept";
        r().when(socket::cgroupv2(2).is(5)).accept() => "socket cgroupv2 level 2 5 accept";
    }
    cases
}

fn headers() -> Vec<Case> {
    let mut cases = Vec::new();
    let r = Rule::new;
    rows! { cases, Inet, "";
        r().when(udplite::dport().is(53)).accept() => "udplite dport 53 accept";
        r().when(udplite::csumcov().lt(20)).drop() => "udplite csumcov < 20 drop";
        r().when(sctp::dport().is_any([2905, 3868])).accept() => "sctp dport { 2905, 3868 } accept";
        r().when(sctp::vtag().is(0)).drop() => "sctp vtag 0 drop";
        r().when(dccp::sport().is(1)).when(dccp::dport().is(2)).accept() => "dccp sport 1 dccp dport 2 accept";
        r().when(dccp::type_().is(DccpType::REQUEST)).accept() => "dccp type request accept";
        r().when(dccp::type_().is_any([DccpType::CLOSE, DccpType::RESET])).accept() => "dccp type { close, reset } accept";
        r().when(ah::spi().is(7)).when(ah::sequence().gt(1)).accept() => "ah spi 7 ah sequence > 1 accept";
        r().when(esp::spi().is_any([7, 9])).accept() => "esp spi { 7, 9 } accept";
        r().when(comp::flags().is(3)).when(comp::cpi().is(5)).accept() => "comp flags 0x3 comp cpi 5 accept";
        r().when(igmp::type_().is(IgmpType::LEAVE_GROUP)).drop() => "igmp type leave-group drop";
        r().when(igmp::type_().is(IgmpType::MEMBERSHIP_QUERY)).when(igmp::mrt().lt(10)).drop()
            => "igmp type membership-query igmp mrt < 10 drop";
        r().when(ip6::saddr().is(v6("::1"))).when(igmp::type_().is(17)).drop()
            => "ip6 saddr ::1 igmp type membership-query drop";
        r().then(sctp::dport().set(5)).accept() => "sctp dport set 5 accept";
        r().then(igmp::mrt().set(5)).accept() => "igmp mrt set 5 accept";
        r().then(dccp::type_().set(DccpType::SYNC)).accept() => "dccp type set sync accept";
        r().when(raw::network::<u8>(8).is(5)).accept() => "@nh,8,8 0x5 accept";
        r().when(raw::transport_bits::<u16>(20, 12).is(5)).accept() => "@th,20,12 0x5 accept";
        r().when(raw::network_bits::<u8>(3, 4).is(1..=5)).accept() => "@nh,3,4 0x1-0x5 accept";
        r().when(raw::link::<u128>(0).is(5)).accept() => "@ll,0,128 0x5 accept";
        r().when(raw::link_bits::<u64>(0, 48).is(0x1122_3344_5566)).accept() => "@ll,0,48 0x112233445566 accept";
        r().when(raw::network::<u32>(96).masked(0xffu32).is(3)).accept() => "@nh,96,32 & 0xff == 0x3 accept";
        r().when(raw::inner::<u32>(0).gt(3)).accept() => "@ih,0,32 > 0x3 accept";
        r().when(raw::network::<u8>(0).is(5)).when(raw::network::<u8>(8).is(6)).accept() => "@nh,0,8 0x5 @nh,8,8 0x6 accept";
        r().then(raw::transport::<u16>(16).set(22)).accept() => "@th,16,16 set 0x16 accept";
        r().then(raw::network_bits::<u8>(4, 4).set(5)).accept() => "@nh,4,4 set 0x5 accept";
        r().then(raw::inner::<u32>(0).set(1)).accept() => "@ih,0,32 set 0x1 accept";
    }
    cases
}

fn tags() -> Vec<Case> {
    let mut cases = Vec::new();
    let r = Rule::new;
    macro_rules! in_family {
        ($($family:ident, $chain:expr;)*) => { $( rows! { cases, $family, $chain;
            r().when(vlan::id().is(10)).accept() => "vlan id 10 accept";
            r().when(vlan::id().is(10)).when(vlan::pcp().is(3)).accept() => "vlan id 10 vlan pcp 3 accept";
            r().when(vlan::dei().is(1)).drop() => "vlan dei 1 drop";
            r().when(vlan::type_().is(EtherType::IP)).when(ip::saddr().is([192, 0, 2, 1])).drop()
                => "vlan type ip ip saddr 192.0.2.1 drop";
            r().when(vlan::id().is(10)).when(ip::saddr().is([192, 0, 2, 1])).drop() => "vlan id 10 ip saddr 192.0.2.1 drop";
            r().when(vlan::id().is(10)).when(tcp::dport().is(22)).drop() => "vlan id 10 tcp dport 22 drop";
            r().when(vlan::id().is(10)).when(icmp::type_().is(8)).drop() => "vlan id 10 icmp type echo-request drop";
            r().when(vlan::id().is_any([10, 20])).drop() => "vlan id { 10, 20 } drop";
            r().when(vlan::id().is(10..=20)).drop() => "vlan id 10-20 drop";
            r().when(ether::saddr().is(mac(1))).when(vlan::id().is(10)).drop()
                => "ether saddr 00:11:22:33:44:01 vlan id 10 drop";
            r().when(ether::type_().is(EtherType::VLAN_OUTER)).when(vlan::id().is(1))
                .when(vlan::type_().is(EtherType::VLAN)).when(vlan::id().is(2)).when(ip6::saddr().is(v6("::1"))).drop()
                => "ether type 8021ad vlan id 1 vlan type 8021q vlan id 2 ip6 saddr ::1 drop";
            r().when((vlan::id(), ip::saddr()).is_any([(5, [192, 0, 2, 1]), (6, [192, 0, 2, 2])])).drop()
                => "vlan id . ip saddr { 5 . 192.0.2.1, 6 . 192.0.2.2 } drop";
            r().then(vlan::id().set(5)).accept() => "vlan id set 5 accept";
            r().then(vlan::type_().set(EtherType::IP)).accept() => "vlan type set ip accept";
        } )* };
    }
    in_family! {
        Inet, "";
        Bridge, "";
        Netdev, "";
    }
    rows! { cases, Bridge, "";
        r().when(vlan::id().is(10)).when(arp::operation().is(ArpOp::REQUEST)).drop()
            => "vlan id 10 arp operation request drop";
    }
    cases
}

fn tunnels() -> Vec<Case> {
    let mut cases = Vec::new();
    let r = || Rule::new().when(udp::dport().is(4789));
    let g = || Rule::new().when(udp::dport().is(6081));
    rows! { cases, Inet, "";
        r().when(vxlan::vni().is(10)).drop() => "udp dport 4789 vxlan vni 10 drop";
        r().when(vxlan::flags().is(8)).when(vxlan::vni().is(10)).drop()
            => "udp dport 4789 vxlan flags 0x8 vxlan vni 10 drop";
        r().when(vxlan::vni().is_any([10, 11])).drop() => "udp dport 4789 vxlan vni { 10, 11 } drop";
        r().when(vxlan::vni().is(10..=20)).drop() => "udp dport 4789 vxlan vni 10-20 drop";
        r().when(vxlan::inside(ip::saddr()).is([192, 0, 2, 1])).drop() => "udp dport 4789 vxlan ip saddr 192.0.2.1 drop";
        r().when(vxlan::inside(ip::saddr()).is(net4("10.0.0.0/8"))).drop() => "udp dport 4789 vxlan ip saddr 10.0.0.0/8 drop";
        r().when(vxlan::inside(ip::saddr()).is(net4("10.0.0.0/9"))).drop() => "udp dport 4789 vxlan ip saddr 10.0.0.0/9 drop";
        r().when(vxlan::inside(ip6::daddr()).is(v6("::1"))).drop() => "udp dport 4789 vxlan ip6 daddr ::1 drop";
        r().when(vxlan::inside(ip::saddr()).is([192, 0, 2, 1])).when(vxlan::inside(tcp::dport()).is(22)).drop()
            => "udp dport 4789 vxlan ip saddr 192.0.2.1 vxlan tcp dport 22 drop";
        r().when(vxlan::inside(udp::sport()).is(1)).when(vxlan::inside(udp::dport()).is(2)).drop()
            => "udp dport 4789 vxlan udp sport 1 vxlan udp dport 2 drop";
        Rule::new().when(meta::l4proto().is(Protocol::UDP)).when(vxlan::inside(tcp::sport()).is(1))
            .when(vxlan::inside(tcp::dport()).is(2)).drop()
            => "meta l4proto udp vxlan tcp sport 1 vxlan tcp dport 2 drop";
        r().when(vxlan::inside(ether::saddr()).is(mac(1))).when(vxlan::inside(ether::type_()).is(EtherType::IP)).drop()
            => "udp dport 4789 vxlan ether saddr 00:11:22:33:44:01 vxlan ether type ip drop";
        r().when(vxlan::inside(icmp::type_()).is(8)).drop() => "udp dport 4789 vxlan icmp type echo-request drop";
        r().when(vxlan::inside(icmpv6::type_()).is(128)).drop() => "udp dport 4789 vxlan icmpv6 type echo-request drop";
        r().when(vxlan::inside(arp::operation()).is(1)).drop() => "udp dport 4789 vxlan arp operation request drop";
        r().when(vxlan::inside(vlan::id()).is(5)).when(vxlan::inside(ip::saddr()).is([192, 0, 2, 1])).drop()
            => "udp dport 4789 vxlan vlan id 5 vxlan ip saddr 192.0.2.1 drop";
        r().when(vxlan::inside(tcp::flags()).any(TcpFlags::SYN)).drop() => "udp dport 4789 vxlan tcp flags syn drop";
        r().when(vxlan::inside(ip::dscp()).is(Dscp::CS1)).drop() => "udp dport 4789 vxlan ip dscp cs1 drop";
        r().when((vxlan::inside(ip::saddr()), vxlan::inside(tcp::dport())).is_any([([192, 0, 2, 1], 22)])).drop()
            => "udp dport 4789 vxlan ip saddr . vxlan tcp dport { 192.0.2.1 . 22 } drop";
        g().when(geneve::vni().is(10)).drop() => "udp dport 6081 geneve vni 10 drop";
        g().when(geneve::type_().is(EtherType::IP)).drop() => "udp dport 6081 geneve type ip drop";
        g().when(geneve::inside(ip::saddr()).is([192, 0, 2, 1])).drop() => "udp dport 6081 geneve ip saddr 192.0.2.1 drop";
        Rule::new().when(gre::inside(ip::saddr()).is([192, 0, 2, 1])).drop() => "gre ip saddr 192.0.2.1 drop";
        Rule::new().when(gre::inside(icmp::type_()).is(8)).drop() => "gre icmp type echo-request drop";
        Rule::new().when(gre::inside(tcp::dport()).is_any([22, 23])).drop() => "gre tcp dport { 22, 23 } drop";
        Rule::new().when(gretap::inside(ether::saddr()).is(mac(1))).drop() => "gretap ether saddr 00:11:22:33:44:01 drop";
        Rule::new().when(gretap::inside(icmp::type_()).is(8)).drop() => "gretap icmp type echo-request drop";
        Rule::new().when(gretap::inside(vlan::id()).is(5)).drop() => "gretap vlan id 5 drop";
    }
    cases
}

fn options() -> Vec<Case> {
    let mut cases = Vec::new();
    let r = Rule::new;
    rows! { cases, Inet, "";
        r().when(frag::exists()).drop() => "exthdr frag exists drop";
        r().when(frag::exists().is(false)).accept() => "exthdr frag missing accept";
        r().when(frag::more_fragments().is(1)).drop() => "frag more-fragments 1 drop";
        r().when(frag::frag_off().is(5)).drop() => "frag frag-off 5 drop";
        r().when(mh::type_().is(MhType::BINDING_UPDATE)).accept() => "mh type binding-update accept";
        r().when(rt::type_().is(4)).when(srh::tag().is(5)).drop() => "rt type 4 srh tag 5 drop";
        r().when(srh::sid1().is(v6("::1"))).drop() => "srh sid[1] ::1 drop";
        r().when(rt::exists()).drop() => "exthdr rt exists drop";
        r().verdict(frag::exists().vmap_of([(true, Verdict::drop()), (false, Verdict::accept())]))
            => "exthdr frag vmap { exists : drop, missing : accept }";
        r().when((frag::id(), ip6::saddr()).is_any([(5, v6("::1"))])).drop() => "frag id . ip6 saddr { 5 . ::1 } drop";
        r().when(frag::nexthdr().is(Protocol::TCP)).when(tcp::dport().is(22)).drop()
            => "frag nexthdr tcp tcp dport 22 drop";
        r().when(tcp::option::maxseg::size().lt(500)).drop() => "tcp option maxseg size < 500 drop";
        r().when(tcp::option::maxseg::size().is(500..=1400)).accept() => "tcp option maxseg size 500-1400 accept";
        r().when(tcp::option::sack_perm::exists()).accept() => "tcp option sack-perm exists accept";
        r().when(tcp::option::sack::exists().is(false)).accept() => "tcp option sack missing accept";
        r().when(tcp::option::sack1::left().is(5)).accept() => "tcp option sack1 left 5 accept";
        r().when(tcp::option::number(99)).drop() => "tcp option 99 exists drop";
        r().when(tcp::option::bits::<u8>(255, 8).is(4)).drop() => "tcp option @255,8,8 4 drop";
        r().when((tcp::option::maxseg::size(), tcp::dport()).is_any([(5, 22)])).drop()
            => "tcp option maxseg size . tcp dport { 5 . 22 } drop";
        r().then(tcp::option::maxseg::size().set(1400)).accept() => "tcp option maxseg size set 1400 accept";
        r().then(tcp::option::maxseg::size().set(rt::mtu())).accept() => "tcp option maxseg size set rt mtu accept";
        r().then(tcp::option::timestamp::tsval().set(7)).accept() => "tcp option timestamp tsval set 7 accept";
        r().when(ip::option::ra::exists()).drop() => "ip option ra exists drop";
        r().when(sctp::chunk::data::exists()).accept() => "sctp chunk data exists accept";
        r().when(sctp::chunk::init::num_inbound_streams().gt(5)).drop()
            => "sctp chunk init num-inbound-streams > 5 drop";
    }
    rows! { cases, Ip6, "";
        r().when(frag::exists()).drop() => "exthdr frag exists drop";
    }
    rows! { cases, Netdev, "";
        r().when(frag::id().is(5)).drop() => "frag id 5 drop";
        r().when(ip::option::rr::ptr().is(4)).drop() => "ip option rr ptr 4 drop";
    }
    cases
}

fn kernel() -> Vec<Case> {
    let mut cases = Vec::new();
    let r = Rule::new;
    rows! { cases, Inet, "";
        r().when(fib::daddr().type_().is_any([FibAddrType::LOCAL, FibAddrType::BROADCAST])).accept()
            => "fib daddr type { local, broadcast } accept";
        r().verdict(fib::daddr().with_iif().type_().vmap_of([(FibAddrType::LOCAL, Verdict::accept())]))
            => "fib daddr . iif type vmap { local : accept }";
        r().when(fib::saddr().with_iif().oif().is(1)).accept() => "fib saddr . iif oif 1 accept";
        r().when(fib::saddr().oifname().is("eth*")).accept() => "fib saddr oifname \"eth*\" accept";
        r().when((fib::daddr().type_(), tcp::dport()).is_any([(FibAddrType::LOCAL, 22)])).accept()
            => "fib daddr type . tcp dport { local . 22 } accept";
        r().when(rt::classid().is(5)).accept() => "rt classid 5 accept";
        r().when(rt::mtu().lt(1400)).accept() => "rt mtu < 1400 accept";
        r().when(rt::ip_nexthop().is([192, 0, 2, 1])).accept() => "rt ip nexthop 192.0.2.1 accept";
        r().when(rt::ip_nexthop().is(net4("10.0.0.0/8"))).accept() => "rt ip nexthop 10.0.0.0/8 accept";
        r().when(rt::ip6_nexthop().is(v6("::1"))).accept() => "rt ip6 nexthop ::1 accept";
        r().when(rt::ipsec()).accept() => "rt ipsec exists accept";
        r().when(socket::mark().is(1)).accept() => "socket mark 0x00000001 accept";
        r().when(socket::transparent().is(1)).when(socket::wildcard().is(0)).accept()
            => "socket transparent 1 socket wildcard 0 accept";
        r().then(ct::mark().set(socket::mark())).accept() => "ct mark set socket mark accept";
        r().when(ipsec::inbound().reqid().is(1)).accept() => "ipsec in reqid 1 accept";
        r().when(ipsec::inbound().reqid().gt(1)).accept() => "ipsec in reqid > 1 accept";
        r().when(ipsec::inbound().spi().is_any([1, 7])).accept() => "ipsec in spi { 1, 7 } accept";
        r().when(ipsec::outbound().number(1).ip_saddr().is([192, 0, 2, 1])).accept()
            => "ipsec out spnum 1 ip saddr 192.0.2.1 accept";
        r().when(ipsec::outbound().ip6_daddr().is(v6("::1"))).accept() => "ipsec out ip6 daddr ::1 accept";
        r().when(osf::name().is("Linux")).accept() => "osf name \"Linux\" accept";
        r().when(osf::skip().name().is_any(["Linux", "Windows"])).accept()
            => "osf ttl skip name { \"Linux\", \"Windows\" } accept";
        r().when(osf::loose().version().is("Linux:4.20")).accept() => "osf ttl loose version \"Linux:4.20\" accept";
        r().then(meta::secmark().set(ct::secmark())).accept() => "meta secmark set ct secmark accept";
        r().then(ct::secmark().set(meta::secmark())).accept() => "ct secmark set meta secmark accept";
    }
    cases
}
