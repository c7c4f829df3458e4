//! Every field, with everything that can be said of it.

use super::Case;
use oxitables::{
    Family, Match, Pattern, Rule, addr, ah, arp, comp, ct,
    data::*,
    dccp, dst, esp, ether, fib, frag, gre, hbh, icmp, icmpv6, igmp, ip, ip6, ipsec, meta, mh, osf, raw, rt, rt0, rt2,
    rule::{Selector, Settable},
    sctp, socket, srh, tcp, th, udp, udplite, vlan,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Two values of a type, the lower first.
trait Sample: Typed {
    fn samples() -> (Self, Self);
}

macro_rules! samples {
    ($($t:ty: $a:expr, $b:expr;)*) => { $(
        impl Sample for $t {
            fn samples() -> (Self, Self) {
                ($a, $b)
            }
        }
    )* };
}

samples! {
    u8: 3, 9;
    u16: 3, 400;
    u32: 3, 70_000;
    u64: 3, 1 << 40;
    u128: 3, 1 << 100;
    IgmpType: IgmpType::MEMBERSHIP_QUERY, IgmpType::LEAVE_GROUP;
    DccpType: DccpType::DATA, DccpType::RESET;
    MhType: MhType::HOME_TEST, MhType::BINDING_UPDATE;
    FibAddrType: FibAddrType::LOCAL, FibAddrType::MULTICAST;
    MptcpSubtype: MptcpSubtype::MP_JOIN, MptcpSubtype::MP_PRIO;
    CgroupId: CgroupId::from(5), CgroupId::from(1 << 40);
    OsName: OsName::from("Linux"), OsName::from("Windows");
    Port: Port::from(22), Port::from(8080);
    Protocol: Protocol::TCP, Protocol::UDP;
    EtherType: EtherType::IP, EtherType::ARP;
    NfProto: NfProto::IPV4, NfProto::IPV6;
    ArpOp: ArpOp::REQUEST, ArpOp::REPLY;
    IcmpType: IcmpType::DESTINATION_UNREACHABLE, IcmpType::ECHO_REQUEST;
    Icmpv6Type: Icmpv6Type::PACKET_TOO_BIG, Icmpv6Type::ECHO_REQUEST;
    IcmpCode: IcmpCode::from(1), IcmpCode::from(3);
    Icmpv6Code: Icmpv6Code::from(1), Icmpv6Code::from(4);
    Mark: Mark::from(0x10), Mark::from(0xff00);
    IfIndex: IfIndex::from(1), IfIndex::from(7);
    IfType: IfType::ETHER, IfType::LOOPBACK;
    IfGroup: IfGroup::from(0), IfGroup::from(5);
    Realm: Realm::from(5), Realm::from(9);
    Uid: Uid::from(1000), Uid::from(65_534);
    Gid: Gid::from(1000), Gid::from(65_534);
    CtDirection: CtDirection::ORIGINAL, CtDirection::REPLY;
    PktType: PktType::HOST, PktType::MULTICAST;
    Dscp: Dscp::CS1, Dscp::EF;
    Ecn: Ecn::ECT1, Ecn::CE;
    Weekday: Weekday::MONDAY, Weekday::FRIDAY;
    SecondOfDay: SecondOfDay::from(3600), SecondOfDay::from(7200);
    TrafficClass: TrafficClass::new(1, 2), TrafficClass::new(0xff, 0x10);
    // As bounds of ranges nft writes whole seconds only.
    TimeLeft: TimeLeft::from_millis(2000), TimeLeft::from_millis(90_000);
    Moment: Moment::from_secs(1000), Moment::from_secs(1_700_000_000);
    MacAddr: MacAddr::new([0, 1, 2, 3, 4, 5]), MacAddr::new([0, 1, 2, 3, 4, 9]);
    Ipv4Addr: Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 9);
    Ipv6Addr: Ipv6Addr::LOCALHOST, Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    CtState: CtState::ESTABLISHED, CtState::NEW;
    CtStatus: CtStatus::ASSURED, CtStatus::DNAT;
    CtLabels: CtLabels::bit(1), CtLabels::bit(9);
    TcpFlags: TcpFlags::SYN, TcpFlags::ACK;
    bool: false, true;
    IfName: IfName::from("eth0"), IfName::from("wlan0");
    IfKind: IfKind::from("veth"), IfKind::from("wireguard");
    HelperName: HelperName::from("ftp"), HelperName::from("sip");
}

/// Equality and membership, which every field has.
macro_rules! plain {
    ($rows:ident, $family:ident; $($selector:expr),* $(,)?) => { $( {
        let selector = $selector;
        let (a, b) = sample(&selector);
        $rows.extend(matches(Family::$family, [
            selector.is(a),
            selector.is_not(b),
            selector.is_any([a, b]),
            selector.is_none_of([b, a]),
        ]));
        let verdicts = [(a, Verdict::accept()), (b, Verdict::drop())];
        $rows.push(case(Family::$family, Rule::new().verdict(selector.vmap_of(verdicts))));
    } )* };
}

/// Order and masks.
macro_rules! ordered {
    ($rows:ident, $family:ident; $($selector:expr),* $(,)?) => { $( {
        plain!($rows, $family; $selector);
        let selector = $selector;
        let (a, b) = sample(&selector);
        $rows.extend(matches(Family::$family, [
            selector.is(a..=b),
            selector.is_not(a..=b),
            selector.lt(b),
            selector.le(b),
            selector.gt(a),
            selector.ge(a),
            selector.is_any([Pattern::from(a..=b)]),
            selector.is_any([Pattern::from(a), (b..=b).into()]),
        ]));
    } )* };
}

/// Bits under a mask.
macro_rules! masked {
    ($rows:ident, $family:ident; $($selector:expr),* $(,)?) => { $( {
        ordered!($rows, $family; $selector);
        let selector = $selector;
        let (a, b) = sample(&selector);
        $rows.extend(matches(Family::$family, [
            selector.is(Masked::new(a, b)),
            selector.masked(b).is_not(a),
            selector.masked(b).is_any([a, b]),
            selector.masked(b).gt(a),
        ]));
    } )* };
}

macro_rules! set_to {
    ($rows:ident, $family:ident; $($selector:expr),* $(,)?) => { $( {
        let selector = $selector;
        let (a, b) = sample(&selector);
        for value in [a, b] {
            $rows.push(case(Family::$family, Rule::new().then(selector.set(value)).accept()));
        }
    } )* };
}

/// What a selector selects.
trait Selects {
    type Value: Sample;
}

impl<T: Sample> Selects for Selector<T> {
    type Value = T;
}

impl<T: Sample> Selects for Settable<T> {
    type Value = T;
}

fn sample<S: Selects>(_: &S) -> (S::Value, S::Value) {
    S::Value::samples()
}

/// The words are our own.
fn case(family: Family, rule: impl Into<Rule>) -> Case {
    let rule = rule.into();
    Case { family, chain: "", words: rule.text(family), rule }
}

/// A rule for each match.
fn matches(family: Family, matches: impl IntoIterator<Item = Match>) -> impl Iterator<Item = Case> {
    matches.into_iter().map(move |condition| case(family, Rule::new().when(condition).accept()))
}

/// All of them.
pub fn cases() -> Vec<Case> {
    let mut rows = Vec::new();
    masked! { rows, Inet;
        ip::length(), ip::id(), ip::frag_off(), ip::ttl(), ip::checksum(), ip::saddr(), ip::daddr(),
        ip6::length(), ip6::hoplimit(), ip6::saddr(), ip6::daddr(),
        icmp::checksum(), icmp::id(), icmp::sequence(), icmp::gateway(), icmp::mtu(),
        icmpv6::checksum(), icmpv6::mtu(), icmpv6::id(), icmpv6::sequence(), icmpv6::max_delay(), icmpv6::taddr(),
        icmpv6::daddr(), icmpv6::param_problem(),
        tcp::sport(), tcp::dport(), tcp::sequence(), tcp::ackseq(), tcp::window(), tcp::checksum(), tcp::urgptr(),
        udp::sport(), udp::dport(), udp::length(), udp::checksum(), th::sport(), th::dport(),
        ether::saddr(), ether::daddr(),
        meta::length(), meta::mark(), meta::cpu(), meta::cgroup(), meta::random(),
        ct::mark(), ct::zone(), ct::id(),
        ip::version(), ip::hdrlength(), ip::dscp(), ip::ecn(), ip6::version(), ip6::ecn(), tcp::doff(), tcp::reserved(),
        ip6::flowlabel(), ip6::dscp(),
    }
    ordered! { rows, Inet;
        ip::protocol(), ip6::nexthdr(), icmp::type_(), icmp::code(), icmpv6::type_(), icmpv6::code(),
        ether::type_(), meta::protocol(), meta::iif(), meta::oif(), meta::iiftype(), meta::oiftype(),
        meta::iifgroup(), meta::oifgroup(), meta::skuid(), meta::skgid(), meta::rtclassid(),
        meta::l4proto(), meta::pkttype(), meta::priority(), meta::day(), meta::hour(), meta::time(), meta::sdif(),
        ct::expiration(), ct::protocol(), ct::packets(), ct::bytes(), ct::avgpkt(),
        ct::original().ip_saddr(), ct::original().ip_daddr(), ct::reply().ip6_saddr(), ct::reply().ip6_daddr(),
        ct::original().proto_src(), ct::reply().proto_dst(), ct::original().protocol(),
        ct::original().packets(), ct::reply().bytes(), ct::original().avgpkt(), ct::reply().zone(),
        ct::state(), ct::status(), tcp::flags(),
    }
    plain! { rows, Inet;
        meta::iifname(), meta::oifname(), meta::iifkind(), meta::oifkind(), meta::sdifname(), meta::nfproto(),
        ct::direction(), ct::l3proto(), ct::original().l3proto(), meta::ipsec(), ct::helper(),
    }
    ordered! { rows, Arp;
        arp::htype(), arp::ptype(), arp::hlen(), arp::plen(), arp::operation(), arp::saddr_ether(), arp::saddr_ip(),
        arp::daddr_ether(), arp::daddr_ip(),
    }
    set_to! { rows, Arp;
        arp::htype(), arp::ptype(), arp::hlen(), arp::plen(), arp::operation(), arp::saddr_ether(), arp::saddr_ip(),
        arp::daddr_ether(), arp::daddr_ip(),
    }
    set_to! { rows, Inet;
        ip::version(), ip::hdrlength(), ip::dscp(), ip::ecn(), ip::length(), ip::id(), ip::frag_off(), ip::ttl(),
        ip::protocol(), ip::checksum(), ip::saddr(), ip::daddr(),
        ip6::version(), ip6::dscp(), ip6::ecn(), ip6::flowlabel(), ip6::length(), ip6::nexthdr(), ip6::hoplimit(),
        ip6::saddr(), ip6::daddr(),
        icmp::type_(), icmp::code(), icmp::checksum(), icmp::id(), icmp::sequence(), icmp::gateway(), icmp::mtu(),
        icmpv6::type_(), icmpv6::code(), icmpv6::checksum(), icmpv6::mtu(), icmpv6::id(), icmpv6::max_delay(),
        icmpv6::taddr(), icmpv6::daddr(),
        tcp::sport(), tcp::dport(), tcp::sequence(), tcp::ackseq(), tcp::doff(), tcp::reserved(), tcp::flags(),
        tcp::window(), tcp::checksum(), tcp::urgptr(),
        udp::sport(), udp::dport(), udp::length(), udp::checksum(), th::sport(), th::dport(),
        ether::saddr(), ether::daddr(), ether::type_(),
        meta::mark(), meta::priority(), ct::mark(), ct::zone(), ct::label(),
    }
    for family in [Family::Inet, Family::Ip, Family::Ip6, Family::Bridge] {
        let v4: IpAddr = Ipv4Addr::new(192, 0, 2, 1).into();
        let v6: IpAddr = Ipv6Addr::LOCALHOST.into();
        rows.extend(matches(family, [addr::saddr().is_any([v4, v6]), addr::daddr().is_none_of([v4, v6])]));
    }
    rows
}

/// Fields of which older versions of nft make something else.
pub fn newest() -> Vec<Case> {
    let mut rows = Vec::new();
    masked! { rows, Inet;
        vlan::id(), igmp::checksum(), igmp::mrt(), igmp::group(), udplite::sport(), udplite::dport(), udplite::csumcov(),
        udplite::checksum(), sctp::sport(), sctp::dport(), sctp::vtag(), sctp::checksum(), dccp::sport(), dccp::dport(),
        ah::hdrlength(), ah::reserved(), ah::spi(), ah::sequence(), esp::spi(), esp::sequence(), comp::cpi(),
        hbh::hdrlength(), rt::hdrlength(), rt::type_(), rt::seg_left(), rt0::addr1(), rt0::addr2(), rt2::addr(),
        srh::last_entry(), srh::flags(), srh::tag(), srh::sid1(), srh::sid2(), frag::reserved(), frag::id(),
        dst::hdrlength(), mh::hdrlength(), mh::reserved(), mh::checksum(),
        tcp::option::maxseg::length(), tcp::option::maxseg::size(), tcp::option::window::count(),
        tcp::option::sack::left(), tcp::option::sack::right(), tcp::option::sack2::left(), tcp::option::sack3::right(),
        tcp::option::timestamp::tsval(), tcp::option::timestamp::tsecr(), tcp::option::md5sig::length(),
        tcp::option::fastopen::length(), ip::option::lsrr::ptr(), ip::option::rr::length(), ip::option::ssrr::addr(),
        ip::option::ra::value(), sctp::chunk::data::tsn(), sctp::chunk::data::stream(), sctp::chunk::data::ppid(),
        sctp::chunk::init::init_tag(), sctp::chunk::init_ack::a_rwnd(), sctp::chunk::sack::num_dup_tsns(),
        sctp::chunk::heartbeat::flags(), sctp::chunk::shutdown::cum_tsn_ack(), sctp::chunk::ecne::lowest_tsn(),
        sctp::chunk::asconf::seqno(), sctp::chunk::forward_tsn::new_cum_tsn(), sctp::chunk::error::length(),
        rt::ip_nexthop(), rt::ip6_nexthop(), rt::mtu(), socket::mark(),
        ipsec::inbound().reqid(), ipsec::inbound().spi(), ipsec::outbound().ip_saddr(),
        ipsec::outbound().number(2).ip6_daddr(),
        raw::network::<u32>(96), raw::inner::<u8>(0), raw::link::<u64>(0), raw::network::<u128>(64),
    }
    ordered! { rows, Inet;
        vlan::type_(), igmp::type_(), dccp::type_(), ah::nexthdr(), comp::nexthdr(), comp::flags(), gre::protocol(),
        gre::flags(), hbh::nexthdr(), rt::nexthdr(), frag::nexthdr(), frag::frag_off(), dst::nexthdr(), mh::nexthdr(),
        mh::type_(), tcp::option::mptcp::subtype(), rt::classid(), fib::daddr().type_(), fib::saddr().with_iif().oif(),
        socket::cgroupv2(1), tcp::option::bits::<u16>(200, 16),
    }
    plain! { rows, Inet;
        hbh::exists(), rt::exists(), frag::exists(), dst::exists(), mh::exists(), tcp::option::eol::exists(),
        tcp::option::nop::exists(), tcp::option::maxseg::exists(), tcp::option::window::exists(),
        tcp::option::sack_perm::exists(), tcp::option::sack::exists(), tcp::option::timestamp::exists(),
        tcp::option::md5sig::exists(), tcp::option::mptcp::exists(), tcp::option::fastopen::exists(),
        tcp::option::number(77), ip::option::lsrr::exists(), ip::option::rr::exists(), ip::option::ssrr::exists(),
        ip::option::ra::exists(), sctp::chunk::data::exists(), sctp::chunk::asconf_ack::exists(),
        sctp::chunk::cookie_echo::exists(), sctp::chunk::shutdown_complete::exists(), rt::ipsec(),
        fib::saddr().oifname(), osf::name(), osf::loose().version(),
    }
    set_to! { rows, Inet;
        vlan::id(), vlan::type_(), igmp::type_(), igmp::checksum(), igmp::mrt(), igmp::group(), udplite::sport(),
        udplite::dport(), udplite::csumcov(), udplite::checksum(), sctp::sport(), sctp::dport(), sctp::vtag(),
        sctp::checksum(), dccp::sport(), dccp::dport(), dccp::type_(), ah::nexthdr(), ah::hdrlength(), ah::reserved(),
        ah::spi(), ah::sequence(), esp::spi(), esp::sequence(), comp::nexthdr(), comp::flags(), comp::cpi(),
        gre::protocol(), gre::flags(), tcp::option::maxseg::size(), tcp::option::timestamp::tsval(),
        tcp::option::timestamp::tsecr(), tcp::option::sack1::left(), raw::network::<u32>(96), raw::inner::<u16>(0),
        raw::link::<u64>(8),
    }
    rows
}
