//! Chains: hooks, priorities, policies, devices, and every verb.

use super::lab::*;
use oxitables::{Batch, Chain, Error, Family, Hook, Policy, Priority, Table, data::*, expr::*, model::*, testing};

#[test]
fn base_chains_of_every_kind() {
    use {ChainType::*, Hook::*};
    let cases: [(Family, ChainType, Hook, Priority, &str); 16] = [
        (Family::Inet, Filter, Input, Priority::FILTER, "type filter hook input priority filter; policy drop;"),
        (Family::Inet, Filter, Prerouting, Priority::RAW, "type filter hook prerouting priority raw; policy drop;"),
        (
            Family::Inet,
            Filter,
            Forward,
            Priority::FILTER + 10,
            "type filter hook forward priority filter + 10; policy drop;",
        ),
        (Family::Inet, Filter, Output, Priority::SECURITY, "type filter hook output priority security; policy drop;"),
        (
            Family::Inet,
            Filter,
            Postrouting,
            (-7).into(),
            "type filter hook postrouting priority filter - 7; policy drop;",
        ),
        (Family::Inet, Nat, Prerouting, Priority::DSTNAT, "type nat hook prerouting priority dstnat; policy drop;"),
        (Family::Ip, Nat, Postrouting, Priority::SRCNAT, "type nat hook postrouting priority srcnat; policy drop;"),
        (Family::Ip6, Nat, Input, 1234.into(), "type nat hook input priority 1234; policy drop;"),
        (Family::Ip, Nat, Output, (-199).into(), "type nat hook output priority -199; policy drop;"),
        (Family::Ip, Route, Output, Priority::MANGLE, "type route hook output priority mangle; policy drop;"),
        (Family::Ip6, Filter, Input, i32::MIN.into(), "type filter hook input priority -2147483648; policy drop;"),
        (Family::Ip6, Filter, Input, i32::MAX.into(), "type filter hook input priority 2147483647; policy drop;"),
        (Family::Arp, Filter, Input, 0.into(), "type filter hook input priority filter; policy drop;"),
        (Family::Arp, Filter, Output, 5.into(), "type filter hook output priority filter + 5; policy drop;"),
        (Family::Bridge, Filter, Forward, Priority::FILTER, "type filter hook forward priority filter; policy drop;"),
        (
            Family::Bridge,
            Filter,
            Prerouting,
            Priority::DSTNAT,
            "type filter hook prerouting priority dstnat; policy drop;",
        ),
    ];
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        for (n, (family, kind, hook, priority, line)) in cases.into_iter().enumerate() {
            let table = Table::new(family, format!("t{n}"));
            let chain = table.chain("c").with_hook(hook, priority).with_type(kind.clone()).with_policy(Policy::Drop);
            apply(&mut nft, |b| b.add(&table).create(&chain))?;
            let back = nft.chain(&table, "c")?.unwrap();
            assert_eq!((back.kind.as_ref(), back.policy), (Some(&kind), Some(Policy::Drop)), "{line}");
            assert_eq!(back.base(), Some((hook, priority.number(family))), "{line}");
            assert_eq!(back.flags, Some(ChainFlags::BASE));
            assert_listed(&[line]);
        }
        Ok(())
    });
}

#[test]
fn devices_one_several_none() {
    testing::isolated(|lab| -> Outcome {
        let router = lab.host("router")?;
        router.dummy("wan")?;
        router.dummy("lan")?;
        router.run(|| -> Result<(), Error> {
            let mut nft = open();
            let (netdev, inet) = (Table::new(Family::Netdev, "n"), host());
            let chain = |table: &Table, name: &str, hook, devices: &[&str]| {
                devices.iter().fold(table.chain(name).with_hook(hook, -1), |chain, device| chain.with_device(*device))
            };
            let mut chains = vec![
                chain(&netdev, "one", Hook::Ingress, &["wan"]),
                chain(&netdev, "two", Hook::Ingress, &["wan", "lan"]),
                chain(&inet, "both", Hook::Ingress, &["lan", "wan"]),
            ];
            let mut lines = vec!["type filter hook ingress device \"wan\" priority filter - 1; policy accept;"];
            if !is_before("5.16", "the hook egress") {
                chains.push(chain(&netdev, "out", Hook::Egress, &["lan"]));
                lines.push("type filter hook egress device \"lan\" priority filter - 1; policy accept;");
            }
            apply(&mut nft, |b| chains.iter().fold(b.add(&netdev).add(&inet), Batch::add))?;
            for chain in &chains {
                let table = if chain.family == Family::Netdev { &netdev } else { &inet };
                let back = nft.chain(table, &chain.name)?.unwrap();
                assert_eq!((back.base(), back.devices()), (chain.base(), chain.devices()), "{}", chain.name);
            }
            assert_listed(&lines);
            for text in nft_lists() {
                assert!(text.contains("hook ingress devices = { ") && text.contains("lan"), "{text}");
            }
            Ok(())
        })?;
        Ok(())
    });
}

#[test]
fn every_verb() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        let (input, limits) = (input(), host().chain("limits").with_comment("called by input"));
        let names = |nft: &mut oxitables::Client| -> Result<Vec<String>, Error> {
            Ok(nft.chains(&host()).snapshot()?.iter().map(|c| c.name.to_string()).collect())
        };
        apply(&mut nft, |b| b.add(host()).create(&input).create(&limits).add(&limits))?;
        apply(&mut nft, |b| b.add(does(&input, Verdict::jump("limits"))).add(does(&limits, Verdict::return_())))?;
        let back = nft.chain(&host(), "limits")?.unwrap();
        assert_eq!((back.comment().as_deref(), back.base(), back.hook.as_ref()), (Some("called by input"), None, None));
        assert_eq!(back.used, Some(2), "a jump and a rule");
        assert_listed(&["chain limits {", "comment \"called by input\"", "jump limits", "return"]);

        // The policy is what can be changed.
        apply(&mut nft, |b| b.add(input.clone().with_policy(Policy::Drop)))?;
        assert_eq!(nft.chain(&host(), "input")?.unwrap().policy, Some(Policy::Drop));

        apply(&mut nft, |b| b.flush(&limits))?;
        assert_eq!(nft.rules(&limits).snapshot()?, []);
        assert!(apply(&mut nft, |b| b.delete(&limits)).unwrap_err().is_busy());
        apply(&mut nft, |b| b.flush(&input).delete(&limits))?;
        assert_eq!(names(&mut nft)?, ["input"]);
        apply(&mut nft, |b| b.delete(&input))?;
        assert_eq!(names(&mut nft)?, [] as [&str; 0]);
        if !lacks(Feature::Destroy) {
            apply(&mut nft, |b| b.add(&input).destroy(&limits).destroy(&input))?;
            assert_eq!(names(&mut nft)?, [] as [&str; 0]);
        }

        // Deleting and making it again in one batch is how a hook is changed.
        let output: Chain = host().chain("input").with_hook(Hook::Output, Priority::FILTER);
        apply(&mut nft, |b| b.add(&input))?;
        apply(&mut nft, |b| b.delete(&input).add(&output))?;
        assert_eq!(nft.chain(&host(), "input")?.unwrap().base(), Some((Hook::Output, 0)));
        Ok(())
    });
}

#[test]
fn listed_are_those_of_one_table() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        let (ours, theirs) = (host(), Table::new(Family::Inet, "theirs"));
        apply(&mut nft, |b| {
            b.add(&ours).add(&theirs).add(ours.chain("a")).add(theirs.chain("b")).add(theirs.chain("c"))
        })?;
        assert_eq!(nft.chains(&ours).snapshot()?.len(), 1);
        assert_eq!(nft.chains(&theirs).snapshot()?.len(), 2);
        assert_eq!(nft.chain(&ours, "b")?, None);
        Ok(())
    });
}

#[test]
fn a_chain_without_a_name_belongs_to_its_rule() {
    testing::in_namespace(|| -> Outcome {
        let mut nft = open();
        let blocks = [Chain::anonymous(&host(), 7), Chain::anonymous(&host(), 8)];
        let batch = filled(|b| {
            b.add(host()).add(input());
            for (block, port) in blocks.iter().zip([0x1234_u16, 0x2345]) {
                b.add(block).add(rule(block, [Expr::from(Counter::new()), verdict(Verdict::accept())]));
                let matches = Cmp::new(Register::R1, CmpOp::Eq, value(port.to_be_bytes()));
                let load = Payload::load(PayloadBase::Transport, 2, 2, Register::R1);
                b.add(rule(&input(), [Expr::from(load), matches.into(), verdict(block.jump())]));
            }
            b
        });
        nft.check(&batch)?;
        nft.apply(&batch)?;
        let chains = nft.chains(&host()).snapshot()?;
        let anonymous: Vec<_> = chains.iter().filter(|c| c.hook.is_none()).collect();
        assert_eq!(anonymous.len(), 2);
        assert!(anonymous.iter().all(|c| c.flags.unwrap().contains(ChainFlags::BINDING)), "{chains:?}");
        assert_eq!(nft.rules(anonymous[0]).snapshot()?.len(), 1);
        assert_listed(&["jump { counter packets 0 bytes 0 accept }"]);
        // They go with the rules.
        apply(&mut nft, |b| b.flush(input()))?;
        assert_eq!(nft.chains(&host()).snapshot()?.len(), 1);
        // What the commit would refuse is found in them, too.
        let refused = filled(|b| {
            let block = Chain::anonymous(&host(), 1);
            b.delete(host()).add(host()).add(input()).add(&block).add(rule(&block, [Masq::new()]));
            b.add(does(&input(), block.goto()))
        });
        let told = nft.check(&refused).unwrap_err().to_string();
        if !is_before("6.12", "saying what of a chain without a name is out of place") {
            assert!(told.contains("masquerade is for nat chains at postrouting"), "{told}");
        }
        Ok(())
    });
}
