//! What has no meaning is refused in plain words.

use crate::{
    Family::{self, *},
    Keyed, Mark, Pattern, RejectWith, Rule, SetRef, To, addr, arp,
    data::*,
    icmp, ip, ip6, meta, tcp, udp,
};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

fn why(rule: impl Into<Rule>, family: Family) -> String {
    rule.into().lower(family).unwrap_err().to_string()
}

#[test]
fn families() {
    let local = Ipv4Addr::LOCALHOST;
    assert_eq!(why(Rule::new().when(ip::saddr().is(local)), Arp), "ip saddr in a table of family arp");
    assert_eq!(why(Rule::new().when(ip6::saddr().is(Ipv6Addr::LOCALHOST)), Ip), "ip6 saddr in a table of family ip");
    assert_eq!(why(Rule::new().when(arp::htype().is(1)), Inet), "a table of family inet sees no ARP packets");
    assert_eq!(why(Rule::new().when(addr::saddr().is(local)), Arp), "IP addresses in a table of family arp");
    assert_eq!(why(Rule::new().when(tcp::dport().is(22)), Arp), "tcp dport in a rule for ARP packets");
    assert_eq!(
        why(Rule::new().when(ip::ttl().is(1)).when(ip6::hoplimit().is(1)), Inet),
        "ip6 hoplimit in a rule for packets of ip",
    );
    assert_eq!(
        why(Rule::new().when(meta::nfproto().is(NfProto::IPV4)), Ip),
        "meta nfproto says something in tables of family inet only",
    );
}

#[test]
fn protocols() {
    assert_eq!(
        why(Rule::new().when(tcp::dport().is(22)).when(udp::dport().is(22)), Ip),
        "udp dport in a rule for packets of protocol tcp",
    );
    assert_eq!(
        why(Rule::new().when(meta::l4proto().is_any([Protocol::TCP, Protocol::UDP])).when(tcp::dport().is(22)), Ip),
        "tcp dport in a rule that matches several transport protocols: use th::sport() or th::dport()",
    );
    assert_eq!(
        why(Rule::new().when(icmp::type_().is(3)).when(icmp::id().is(1)), Ip),
        "icmp id in a rule for ICMP messages that have no such field",
    );
    assert_eq!(
        why(Rule::new().dnat(To::from(Ipv4Addr::LOCALHOST).port(80)), Ip),
        "a port needs a transport protocol: match tcp, udp or meta l4proto before",
    );
    assert_eq!(
        why(Rule::new().when(udp::dport().is(5)).reject_with(RejectWith::TcpReset), Ip),
        "a TCP reset in a rule for packets of another protocol",
    );
    assert_eq!(
        why(Rule::new().reject_with(IcmpCode::HOST_UNREACHABLE), Ip6),
        "an ICMP message of the other family than the rule's: use RejectWith::Icmpx",
    );
    assert_eq!(why(Rule::new().reject(), Arp), "ARP packets cannot be rejected");
}

#[test]
fn values() {
    assert_eq!(why(Rule::new().when(ip::dscp().is(64)), Ip), "0x40 does not fit the 6 bits of ip dscp");
    assert_eq!(
        why(Rule::new().when(ip6::flowlabel().is(1 << 20)), Ip6),
        "1048576 does not fit the 20 bits of ip6 flowlabel"
    );
    #[allow(clippy::reversed_empty_ranges)]
    let backwards = tcp::dport().is(90..=80);
    assert_eq!(why(Rule::new().when(backwards), Ip), "tcp dport with a range that ends before it starts");
    assert_eq!(
        why(Rule::new().when(meta::iifname().is("0123456789abcdef")), Ip),
        "iifname takes a name of 1 to 15 bytes, or the first 1 to 14 of more names",
    );
    assert_eq!(why(Rule::new().when(tcp::dport().gt(1..=2)), Ip), "tcp dport > takes a single value");
    assert_eq!(why(Rule::new().when(tcp::dport().is_any([0u16; 0])), Ip), "a set without elements");
    assert_eq!(
        why(Rule::new().verdict(tcp::dport().vmap_of([(22, Verdict::accept()), (22, Verdict::drop())])), Ip),
        "a map with two values for one key",
    );
    let overlap = [(Pattern::from(20..=30), Verdict::accept()), (Pattern::from(25), Verdict::drop())];
    assert_eq!(why(Rule::new().verdict(tcp::dport().vmap_of(overlap)), Ip), "a map whose ranges overlap");
    let mixed = IpAddr::from(Ipv4Addr::LOCALHOST)..=IpAddr::from(Ipv6Addr::LOCALHOST);
    assert!(why(Rule::new().when(addr::saddr().is(mixed)), Ip).contains("different families"));
    let key = (ip6::saddr(), ip6::daddr(), ip6::saddr(), ip6::daddr(), meta::mark());
    let set = SetRef::<(Ipv6Addr, Ipv6Addr, Ipv6Addr, Ipv6Addr, Mark)>::new(Ip6, "t", "s");
    assert_eq!(why(Rule::new().when(key.is_in(&set)), Ip6), "the fields together are longer than 64 bytes");
}

#[test]
fn set_updates() {
    let nets = SetRef::<Ipv4Addr>::new(Ip, "t", "nets").interval();
    assert_eq!(
        why(Rule::new().then(ip::saddr().add_to(&nets)), Ip),
        "rules cannot change nets: it is a set of intervals"
    );
    let seen = SetRef::<Ipv4Addr>::new(Ip, "t", "seen");
    assert_eq!(
        why(Rule::new().then(ip::saddr().add_to(&seen).timeout(Duration::ZERO)), Ip),
        "a zero timeout would never expire: leave it out",
    );
}
