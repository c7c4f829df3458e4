//! Rules: where they go, what they keep, and what other programs made.

use super::lab::*;
use oxitables::{Client, Error, Table, data::*, expr::*, model::Rule, testing};

fn named(comment: &str) -> Rule {
    does(&input(), Verdict::continue_()).with_comment(comment)
}

fn comments(nft: &mut Client) -> Vec<String> {
    nft.rules(&input()).map(|rule| rule.unwrap().comment().unwrap_or_default()).collect()
}

#[test]
fn every_verb_and_every_place() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        apply(&mut nft, |b| b.add(host()).add(input()).add(named("c")).add(named("e")))?;
        apply(&mut nft, |b| b.insert(named("a")))?;
        assert_eq!(comments(&mut nft), ["a", "c", "e"]);
        let rules = nft.rules(&input()).snapshot()?;
        let handle =
            |comment: &str| rules.iter().find(|r| r.comment().as_deref() == Some(comment)).unwrap().handle.unwrap();

        apply(&mut nft, |b| b.insert_before(handle("c"), named("b")).add_after(handle("c"), named("d")))?;
        assert_eq!(comments(&mut nft), ["a", "b", "c", "d", "e"]);
        assert_listed(&["continue comment \"d\""]);

        apply(&mut nft, |b| b.replace(handle("c"), named("C")))?;
        assert_eq!(comments(&mut nft), ["a", "b", "C", "d", "e"]);
        let replaced = nft.rules(&input()).snapshot()?.swap_remove(2);
        assert_eq!(replaced.handle, Some(handle("c")), "the new one keeps the handle");

        apply(&mut nft, |b| b.delete(&rules[0]))?;
        assert!(apply(&mut nft, |b| b.delete(&rules[0])).unwrap_err().is_not_found());
        match lacks(Feature::Destroy) {
            false => apply(&mut nft, |b| b.destroy(&rules[0]).destroy(&replaced))?,
            true => apply(&mut nft, |b| b.delete(&replaced))?,
        };
        assert_eq!(comments(&mut nft), ["b", "d", "e"]);
        apply(&mut nft, |b| b.flush(input()))?;
        assert_eq!(comments(&mut nft), [] as [&str; 0]);
        Ok(())
    });
}

#[test]
fn a_listed_rule_can_be_added_again() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        let ssh = rule(
            &input(),
            [
                Meta::load(MetaKey::L4proto, Register::R1).into(),
                Cmp::new(Register::R1, CmpOp::Eq, value([6])).into(),
                Payload::load(PayloadBase::Transport, 2, 2, Register::R1).into(),
                Cmp::new(Register::R1, CmpOp::Eq, value(22u16.to_be_bytes())).into(),
                Counter::new().into(),
                verdict(Verdict::accept()),
            ],
        );
        apply(&mut nft, |b| b.add(host()).add(input()).add(&ssh))?;
        assert_listed(&["tcp dport 22 counter packets 0 bytes 0 accept"]);
        let mut back = nft.rules(&input()).snapshot()?;
        apply(&mut nft, |b| b.add(&back[0]).insert(&back[0]))?;
        back = nft.rules(&input()).snapshot()?;
        assert_eq!(back.len(), 3);
        assert!(back.iter().all(|rule| rule.exprs() == back[0].exprs()));
        let handles: std::collections::HashSet<_> = back.iter().map(|rule| rule.handle).collect();
        assert_eq!(handles.len(), 3);
        Ok(())
    });
}

#[test]
fn counters_and_quotas_are_read_and_reset() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        let mut counter = Counter::new();
        (counter.packets, counter.bytes) = (Some(7), Some(0x1234));
        let mut quota = Quota::over(1 << 20);
        quota.consumed = Some(0x4321);
        let read = |rules: Vec<Rule>| match rules[0].exprs() {
            [Expr::Counter(c), Expr::Quota(q)] => [c.packets, c.bytes, q.consumed].map(Option::unwrap_or_default),
            other => panic!("{other:?}"),
        };
        apply(&mut nft, |b| b.add(host()).add(input()).add(rule(&input(), [counter.into(), Expr::from(quota)])))?;
        assert_eq!(read(nft.rules(&input()).snapshot()?), [7, 0x1234, 0x4321]);
        assert_listed(&["counter packets 7 bytes 4660 quota over 1 mbytes used 17185 bytes"]);
        if is_before("6.2", "resetting rules") {
            return Ok(());
        }
        assert_eq!(read(nft.reset_rules(&input()).snapshot()?), [7, 0x1234, 0x4321], "the values before");
        assert_eq!(read(nft.rules(&input()).snapshot()?), [0, 0, 0]);
        Ok(())
    });
}

#[test]
fn what_nft_made_goes_back_as_it_came() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        let rules = [
            "fib saddr . iif oif missing counter packets 0 bytes 0 drop",
            "tcp option maxseg size set rt mtu",
            "tcp option sack-permitted exists accept",
            "meta mark set numgen inc mod 4 offset 7",
            "meta mark set jhash ip saddr . ip daddr mod 16 seed 0xdeadbeef offset 3",
            "socket transparent 1 accept",
            "reset tcp option sack-permitted",
            "ct count over 20 reject",
            "synproxy mss 1460 wscale 7 timestamp sack-perm",
            "osf name Linux accept",
            "ipsec in reqid 4660 accept",
            "rt ip nexthop 10.0.0.1 accept",
            "meta mark set symhash mod 16",
            "ip option rr exists drop",
            "sctp chunk data exists accept",
            "limit rate 10/minute burst 7 packets log prefix \"x\" level info flags ip options",
            "udp length set 0x1234",
            "ip dscp set 0x12",
            "tcp flags & (syn | ack) == syn counter",
            "@nh,8,4 0x5 accept",
            "@ih,32,32 0x12345678 accept",
            "ct state established,related accept",
            "ip6 nexthdr 6 exthdr frag exists drop",
            "ip saddr { 10.0.0.1, 10.0.0.2 } accept",
        ];
        let supported: Vec<&str> = rules
            .into_iter()
            .filter(|rule| {
                let script = format!("add table inet from; add chain inet from c; add rule inet from c {rule}");
                let program = testing::program("nft");
                program.is_some_and(|p| std::process::Command::new(p).arg(script).output().unwrap().status.success())
            })
            .collect();
        if testing::program("nft").is_none() {
            return Ok(());
        }

        assert!(supported.len() >= 12, "{supported:?}");
        let (from, to) = (Table::new(oxitables::Family::Inet, "from"), Table::new(oxitables::Family::Inet, "to"));
        let originals = nft.rules(&from.chain("c")).snapshot()?;
        assert!(!originals.iter().flat_map(Rule::exprs).any(|e| matches!(e, Expr::Unknown(_))));
        apply(&mut nft, |b| {
            b.add(&to).add(to.chain("c"));
            // An anonymous set is a thing of its own, which goes with the rule.
            for rule in originals.iter().filter(|r| !r.exprs().iter().any(|e| matches!(e, Expr::Lookup(_)))) {
                let mut rule = rule.clone();
                rule.table = to.name.clone();
                b.add(rule);
            }
            b
        })?;
        for text in nft_lists() {
            let of = |table: &str| -> Vec<String> {
                let body = text.split(&format!("table inet {table} {{")).nth(1).unwrap().split("\n}").next().unwrap();
                body.lines().filter(|line| !line.contains("saddr {")).map(String::from).collect()
            };
            assert_eq!(of("from"), of("to"));
        }
        Ok(())
    });
}
