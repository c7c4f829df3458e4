//! Rules put together at random, the same ones each time.

use super::Case;
use oxitables::{
    Action, Batch, Client, Family, Keyed, Mark, Match, Pattern, RejectWith, Rule, Table, counter, data::*, ether, ip,
    limit, log, meta, quota, tcp,
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use std::net::Ipv4Addr;

/// Rules that make sense on their own, for a comparison with nft.
fn sensible_match() -> impl Strategy<Value = Match> {
    let port = || (1u16..2000).prop_map(Port::from);
    let address = || (0u8..4, 0u8..3).prop_map(|(a, b)| Ipv4Addr::new(10, a, 0, b));
    let ports = || prop::collection::vec((1u16..60, 0u16..9).prop_map(|(a, n)| Pattern::from(a..=a + n)), 1..6);
    prop_oneof![
        port().prop_map(|p| tcp::dport().is(p)),
        port().prop_map(|p| tcp::sport().is(p)),
        port().prop_map(|p| tcp::dport().is_not(p)),
        ports().prop_map(|p| tcp::dport().is_any(p)),
        ports().prop_map(|p| tcp::dport().is_none_of(p)),
        (1u16..9000).prop_map(|n| tcp::window().is(n)),
        (0u8..32).prop_map(|n| tcp::flags().is(TcpFlags::from(n))),
        address().prop_map(|a| ip::saddr().is(a)),
        address().prop_map(|a| ip::daddr().is_not(a)),
        (address(), 8u8..=32).prop_map(|(a, n)| ip::saddr().is(network(a, n))),
        prop::collection::vec((address(), 20u8..=32), 1..5)
            .prop_map(|v| ip::daddr().is_any(v.into_iter().map(|(a, n)| network(a, n)))),
        prop::collection::btree_map(address(), port(), 1..4).prop_map(|v| (ip::saddr(), tcp::dport()).is_any(v)),
        (1u8..255).prop_map(|n| ip::ttl().is(n)),
        (1u16..2000).prop_map(|n| ip::length().is(n)),
        (1u16..2000).prop_map(|n| ip::id().is(n)),
        (0u8..64).prop_map(|n| ip::dscp().is(n)),
        (0u8..64).prop_map(|n| ip::dscp().gt(n)),
        Just(ip::protocol().is(Protocol::TCP)),
        Just(meta::l4proto().is(Protocol::TCP)),
        Just(meta::protocol().is(EtherType::IP)),
        any::<[u8; 6]>().prop_map(|n| ether::saddr().is(MacAddr::new(n))),
        any::<[u8; 6]>().prop_map(|n| ether::daddr().is(MacAddr::new(n))),
        Just(ether::type_().is(EtherType::IP)),
        "[a-z]{1,6}[*]?".prop_map(|n| meta::iifname().is(&n[..])),
        any::<u32>().prop_map(|n| meta::mark().is(n)),
        any::<(u32, u32)>().prop_map(|(a, b)| meta::mark().is(a.min(b)..=a.max(b))),
        any::<u32>().prop_map(|n| meta::mark().ge(n)),
        (1u64..1000).prop_map(|n| limit(n).per_minute().into()),
        (1u64..1000).prop_map(|n| quota(n).into()),
    ]
}

/// The network of so many bits that an address is in.
fn network(address: Ipv4Addr, bits: u8) -> ipnetwork::Ipv4Network {
    let within = ipnetwork::Ipv4Network::new(address, bits).unwrap();
    ipnetwork::Ipv4Network::new(within.network(), bits).unwrap()
}

fn sensible_action() -> impl Strategy<Value = Action> {
    prop_oneof![
        Just(counter().into()),
        Just(log().into()),
        any::<(u32, u32)>().prop_map(|(a, b)| meta::mark().set(Mark::bits(a, b))),
        (0u8..64).prop_map(|n| ip::dscp().set(n)),
        (1u8..255).prop_map(|n| ip::ttl().set(n)),
    ]
}

fn sensible_rule() -> impl Strategy<Value = Rule> {
    let part = prop_oneof![4 => sensible_match().prop_map(Ok), 1 => sensible_action().prop_map(Err)];
    (prop::collection::vec(part, 1..7), 0u8..4).prop_map(|(parts, end)| {
        let mut rule = Rule::new();
        for part in parts {
            rule = match part {
                Ok(condition) => rule.when(condition),
                Err(action) => rule.then(action),
            };
        }
        match end {
            0 => rule.reject(),
            1 => rule.reject_with(RejectWith::TcpReset),
            2 => rule.reject_with(IcmpCode::HOST_UNREACHABLE),
            _ => rule.accept(),
        }
    })
}

/// So many rules of a family that do not contradict themselves; works in a namespace where nothing
/// matters.
pub fn cases(family: Family, count: usize) -> Vec<Case> {
    let mut client = Client::open().unwrap();
    let chain = Table::new(family, "scratch").chain("every");
    client.apply(Batch::new().add(Table::new(family, "scratch")).add(&chain)).unwrap();
    let mut runner = TestRunner::deterministic();
    let strategy = sensible_rule();
    std::iter::repeat_with(|| strategy.new_tree(&mut runner).unwrap().current())
        .filter(|rule| client.apply(Batch::new().add(chain.rule(rule.clone()))).is_ok())
        .map(|rule| Case { family, chain: "", words: rule.text(family), rule })
        // After a limit before a reject, nft 1.1.7 no longer understands the rest of the script.
        .filter(|case| !case.words.iter().any(|words| words.contains("/minute ") && words.contains(" reject")))
        .take(count)
        .collect()
}
