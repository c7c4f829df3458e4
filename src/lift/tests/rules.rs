//! What typed rules become is read as what they say.

use super::told;
use crate::{data::*, *};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What registers say is what made them.
#[track_caller]
fn same(family: Family, rule: impl Into<Rule>) {
    let rule = rule.into();
    let (lowered, texts) = (rule.lower(family).unwrap(), rule.text(family));
    assert_eq!(lowered.len(), texts.len());
    for (lowered, text) in lowered.into_iter().zip(texts) {
        let (rule, ruleset) = told(family, lowered);
        assert_eq!(ruleset.statements(&rule).join(" "), text);
    }
}

fn when(condition: impl Into<Match>) -> Rule {
    Rule::new().when(condition).accept()
}

fn then(action: impl Into<Action>) -> Rule {
    Rule::new().then(action).into()
}

fn net(text: &str) -> ipnetwork::IpNetwork {
    text.parse().unwrap()
}

fn net4(text: &str) -> ipnetwork::Ipv4Network {
    text.parse().unwrap()
}

const HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

#[test]
fn fields_of_packets() {
    for condition in [
        when(tcp::dport().is(22)),
        when(tcp::dport().is_not(22)),
        when(tcp::dport().is(1024..=65535)),
        when(tcp::dport().is_any([Pattern::from(22), (80..=90).into()])),
        when(tcp::sport().gt(1023)),
        when(tcp::flags().any(TcpFlags::SYN)),
        when(tcp::flags().masked(TcpFlags::SYN | TcpFlags::ACK).is_not(TcpFlags::SYN)),
        when(tcp::doff().is(5)),
        when(ip::saddr().is(HOST)),
        when(ip::saddr().is(net4("10.0.0.0/8"))),
        when(ip::saddr().is_not(net4("10.0.0.0/9"))),
        when(ip::dscp().is(Dscp::EF)),
        when(ip::dscp().is(5..=10)),
        when(ip::dscp().is_any([Dscp::CS1, Dscp::AF11])),
        when(ip::frag_off().masked(0x1fff).is_not(0)),
        when(ip6::flowlabel().is(5)),
        when(ip6::dscp().is(Dscp::EF)),
        when((ip::saddr(), tcp::dport()).is_any([(net4("10.0.0.0/8"), 22..=23)])),
        when((ip::dscp(), ip::saddr()).is_any([(Dscp::CS1, HOST)])),
        when(icmp::type_().is(IcmpType::ECHO_REQUEST)),
        when(ip6::saddr().is(Ipv6Addr::LOCALHOST)),
        when(ether::saddr().is(MacAddr::new([2; 6]))),
        when(udp::length().gt(512)),
        when(addr::saddr().is_any([net("10.0.0.0/8"), net("fd00::/8")])),
    ] {
        same(Family::Inet, condition);
    }
    same(Family::Bridge, when(vlan::id().is(5)));
    same(Family::Arp, when(arp::operation().is(ArpOp::REQUEST)));
}

#[test]
fn what_makes_sure_of_headers_is_left_out_or_said() {
    let r = || Rule::new();
    for rule in [
        r().when(tcp::sport().is(1)).when(tcp::dport().is(2)).accept(),
        r().when(ether::daddr().is(MacAddr::new([2; 6]))).when(ip::saddr().is(HOST)).accept(),
        r().when(ip::protocol().is_any([Protocol::TCP, Protocol::UDP])).when(th::dport().is(53)).accept(),
        r().when(icmp::type_().is(IcmpType::ECHO_REQUEST)).when(icmp::id().is(5)).accept(),
        r().when(ip::saddr().is(HOST)).reject_with(IcmpCode::HOST_UNREACHABLE),
        r().when(tcp::dport().is(22)).reject_with(RejectWith::TcpReset),
        r().when(udp::dport().is(4789)).when(vxlan::inside(ip::saddr()).is(HOST)).accept(),
        r().when(gre::inside(tcp::dport()).is(22)).accept(),
    ] {
        same(Family::Inet, rule);
    }
}

#[test]
fn metadata_and_connections() {
    for condition in [
        when(ct::state().any(CtState::ESTABLISHED | CtState::RELATED)),
        when(ct::state().is(CtState::NEW)),
        when(ct::state().none(CtState::NEW)),
        when(ct::status().any(CtStatus::DNAT)),
        when(ct::original().ip_saddr().is(HOST)),
        when(ct::reply().packets().gt(100)),
        when(ct::zone().is(5..=10)),
        when(ct::label().any(CtLabels::bit(5))),
        when(meta::iifname().is("eth*")),
        when(meta::iifname().is_any(["eth0", "wg*"])),
        when(meta::mark().is(Mark::bits(0x10, 0xff))),
        when(meta::skuid().is_any([Pattern::from(0), (1000..=2000).into()])),
        when(meta::priority().is(TrafficClass::new(1, 0x10))),
        when(meta::ipsec().is(true)),
        when(meta::l4proto().is_any([Protocol::TCP, Protocol::UDP])),
        when(limit(10).per_second().over().burst(7)),
        when(quota(1000).over()),
        when(limit_named("slow")),
    ] {
        same(Family::Inet, condition);
    }
}

#[test]
fn actions() {
    let seen = SetRef::<Ipv4Addr>::new(Family::Inet, "t", "seen");
    for action in [
        then(meta::mark().set(5)),
        then(meta::mark().set(ct::mark().masked(0xff))),
        then(meta::mark().set(tcp::dport().map_of([(22, Mark::from(1)), (80, Mark::from(2))]))),
        then(ct::mark().set(meta::mark())),
        then(ct::event().set(CtEvents::NEW | CtEvents::DESTROY)),
        then(ip::dscp().set(Dscp::CS1)),
        then(ip::ecn().set(Ecn::ECT0)),
        then(ip::ttl().set(64)),
        then(ip6::flowlabel().set(5u32)),
        then(tcp::dport().set(8080)),
        then(notrack()),
        then(log().with_prefix("x")),
    ] {
        same(Family::Inet, action);
    }
    let verdicts = [(Pattern::from(22), Verdict::accept()), ((23..=25).into(), Verdict::jump("other"))];
    same(Family::Inet, Rule::new().verdict(tcp::dport().vmap_of(verdicts)));
    for rule in [
        Rule::new().when(ip::saddr().is(HOST)).dnat(To::from(HOST)),
        Rule::new().when(tcp::dport().is(80)).dnat(To::from(HOST).ports(8080..=8090)),
        Rule::new().when(ip::saddr().is(HOST)).snat(To::from(IpAddr::from(HOST))),
        Rule::new().masquerade(),
    ] {
        same(Family::Inet, rule);
    }
    // The set is known by its reference only: what cannot be looked up stays registers.
    let (rule, ruleset) = told(Family::Inet, then(ip::saddr().add_to(&seen)).lower(Family::Inet).unwrap().remove(0));
    assert!(ruleset.statements(&rule).join(" ").ends_with(']'));
}
