//! Whatever is said, lowering and printing answer and do not panic.

use crate::{
    Action, Family, Keyed, Map, Mark, Match, Pattern, RejectWith, Rule, SetRef, Table, To, addr, arp, counter, ct,
    data::*, ether, icmp, icmpv6, ip, ip6, limit, log, meta, quota, tcp, th, udp,
};
use proptest::prelude::*;
use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

fn any_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)]
}

fn any_net() -> impl Strategy<Value = ipnetwork::IpNetwork> {
    (any_address(), 0u8..=128).prop_map(|(address, bits)| {
        let most = if address.is_ipv4() { 32 } else { 128 };
        ipnetwork::IpNetwork::new(address, bits.min(most)).unwrap()
    })
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{0,5}[*\"]?", "[a-z0-9]{14,70}"]
}

fn any_pattern() -> impl Strategy<Value = Pattern<Port>> {
    prop_oneof![
        any::<u16>().prop_map(Pattern::from),
        any::<(u16, u16)>().prop_map(|(a, b)| Pattern::from(a..=b)),
        any::<(u16, u16)>().prop_map(|(a, b)| Pattern::from(Masked::new(Port::from(a), Port::from(b)))),
    ]
}

fn any_match() -> impl Strategy<Value = Match> {
    let ports = || prop::collection::vec(any_pattern(), 0..6);
    prop_oneof![
        any_pattern().prop_map(|p| tcp::dport().is(p)),
        any_pattern().prop_map(|p| udp::sport().masked(p).is_not(p)),
        any_pattern().prop_map(|p| th::dport().ge(p)),
        ports().prop_map(|p| tcp::dport().is_any(p)),
        ports().prop_map(|p| tcp::sport().is_none_of(p)),
        any_net().prop_map(|n| addr::saddr().is(n)),
        any_net().prop_map(|n| addr::daddr().is_not(n)),
        (any_address(), any_address()).prop_map(|(a, b)| addr::daddr().is(a..=b)),
        prop::collection::vec((any_net(), any_pattern()), 0..4).prop_map(|v| (addr::saddr(), tcp::dport()).is_any(v)),
        any::<u8>().prop_map(|n| ip::dscp().is(n)),
        any::<(u8, u8)>().prop_map(|(a, b)| ip6::dscp().masked(a).is(b)),
        any::<u32>().prop_map(|n| ip6::flowlabel().lt(n)),
        any::<u8>().prop_map(|n| icmp::type_().is(n)),
        any::<u16>().prop_map(|n| icmp::id().is(n)),
        any::<u16>().prop_map(|n| icmpv6::max_delay().is(n)),
        any::<u8>().prop_map(|n| ip::protocol().is(n)),
        prop::collection::vec(any::<u8>(), 0..3).prop_map(|v| meta::l4proto().is_any(v)),
        any::<u16>().prop_map(|n| meta::protocol().is(n)),
        any::<u16>().prop_map(|n| arp::operation().is(n)),
        any::<[u8; 6]>().prop_map(|n| ether::saddr().is(MacAddr::new(n))),
        any_name().prop_map(|n| meta::iifname().is(&n[..])),
        prop::collection::vec(any_name(), 0..3)
            .prop_map(|v| meta::oifname().is_any(v.iter().map(|n| &n[..]).collect::<Vec<_>>())),
        any::<(u32, u32)>().prop_map(|(a, b)| meta::mark().is(Mark::bits(a, b))),
        any::<u32>().prop_map(|n| ct::state().any(CtState::from(n))),
        any::<u32>().prop_map(|n| ct::status().none(CtStatus::from(n))),
        any::<u64>().prop_map(|n| ct::reply().packets().gt(n)),
        any_address().prop_map(|a| ct::original().saddr().is(a)),
        any::<u64>().prop_map(|n| limit(n).mbytes().per_week().burst(n as u32).into()),
        any::<u64>().prop_map(|n| quota(n).over().used(n).into()),
    ]
}

fn any_action() -> impl Strategy<Value = Action> {
    let table = || Table::new(Family::Inet, "t");
    prop_oneof![
        Just(counter().into()),
        any_name().prop_map(|n| log().with_prefix(n).into()),
        any::<(u32, u32)>().prop_map(|(a, b)| meta::mark().set(Mark::bits(a, b))),
        any::<u8>().prop_map(|n| ip::dscp().set(n)),
        any::<u8>().prop_map(|n| ip::ttl().set(n)),
        any::<u32>().prop_map(|n| ip6::flowlabel().set(n)),
        any::<u16>().prop_map(|n| tcp::dport().set(n)),
        Just(meta::mark().set(ct::mark().masked(7))),
        Just(ip::ttl().set(ip::hdrlength())),
        Just(ip::saddr().set(ip::daddr())),
        any_net().prop_map(move |n| meta::mark().set(addr::saddr().map_of([(n, Mark::from(1))]))),
        Just(meta::mark().set(ip::dscp().map(&Map::<Dscp, Mark>::new(&table(), "m")))),
        any::<u64>().prop_map(|ms| {
            let seen = SetRef::<(IpAddr, Port)>::new(Family::Inet, "t", "seen");
            (addr::saddr(), tcp::dport()).update_in(&seen).timeout(Duration::from_millis(ms)).with(counter()).into()
        }),
    ]
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let parts = prop::collection::vec(prop_oneof![any_match().prop_map(Ok), any_action().prop_map(Err)], 0..6);
    (parts, any::<u8>(), any_address(), any::<(u16, u16)>(), any_name()).prop_map(
        |(parts, end, address, ports, name)| {
            let mut rule = Rule::new();
            for part in parts {
                rule = match part {
                    Ok(condition) => rule.when(condition),
                    Err(action) => rule.then(action),
                };
            }
            let rule = rule.comment(name.clone());
            match end % 10 {
                0 => rule.accept(),
                1 => rule.jump(name),
                2 => rule.reject(),
                3 => rule.reject_with(RejectWith::TcpReset),
                4 => rule.reject_with(IcmpCode::from(end)),
                5 => rule.dnat(To::from(address).ports(ports.0..=ports.1)),
                6 => rule.snat(To::from(Ipv4Addr::LOCALHOST).or(address)),
                7 => rule.masquerade_to(ports.0),
                8 => rule.verdict(tcp::dport().vmap_of([(ports.0, Verdict::accept()), (ports.1, Verdict::drop())])),
                _ => rule.into(),
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn lowering_and_printing_never_panic(rule in any_rule()) {
        for family in [Family::Inet, Family::Ip, Family::Ip6, Family::Arp, Family::Bridge, Family::Netdev, Family::Unknown(9)] {
            if let Ok(lowered) = rule.lower(family) {
                // As many texts as rules.
                prop_assert_eq!(lowered.len(), rule.text(family).len());
                for rule in lowered {
                    for set in &rule.sets {
                        prop_assert!(!set.elements.is_empty());
                    }
                }
            }
            let _ = rule.text(family);
        }
        let _ = (rule.to_string(), format!("{rule:?}"));
    }
}
