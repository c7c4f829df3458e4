//! What cannot be changed in place, what others own, and what comes from documents.

use super::state::{HOUR, done, host, input, made, ports, settle};
use crate::common::features::lacks;
use oxitables::{
    Batch, Client, Family, Hook, Keyed, Map, Policy, Port, Priority, Rule, Set, counter,
    data::Verdict,
    expr::{Counter, Expr},
    ip,
    model::{self, Ruleset, TableFlags},
    proto::Feature,
    reconcile::diff,
    tcp, testing,
};
use std::{net::Ipv4Addr, ops::ControlFlow, sync::mpsc, thread, time::Duration};

#[test]
fn what_cannot_be_changed_is_made_again_and_reported() {
    testing::in_namespace(|| {
        let mut nft = Client::open().unwrap();
        let with = |priority: Priority, set: &Set<Ipv4Addr>| {
            let input = host().chain("input").with_hook(Hook::Input, priority);
            let mut batch = Batch::new();
            batch.add(host()).add(&input).add(set).add(set.elements([set.element([10, 0, 0, 1])]));
            batch.add(input.rule(Rule::new().when(ip::saddr().is_in(set)).then(counter()).drop()));
            Ruleset::made_by(&batch).unwrap()
        };
        let blocked = || Set::<Ipv4Addr>::new(&host(), "blocked");
        settle(&mut nft, &with(Priority::FILTER, &blocked()));
        let mut replaced = |desired: &Ruleset| {
            let plan = nft.reconcile(desired).unwrap();
            assert!(nft.plan(desired).unwrap().is_empty());
            plan.replaced().iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let sized: &[&str] = if lacks(Feature::SetSize) { &["set inet host blocked: another size"] } else { &[] };
        assert_eq!(replaced(&with(Priority::FILTER, &blocked().with_size(5))), sized);
        assert_eq!(replaced(&with(Priority::FILTER, &blocked().interval())), ["set inet host blocked: another flags"]);
        let chain = replaced(&with(Priority::RAW, &blocked().interval()));
        assert_eq!(chain, ["chain inet host input: another priority"]);

        // The key of a map, while a rule uses it.
        let ports = Map::<Port, Verdict>::new(&host(), "ways");
        let hosts = Map::<Ipv4Addr, Verdict>::new(&host(), "ways");
        replaced(&made(|batch| {
            batch.add(&ports).add(ports.elements([ports.element(22, Verdict::accept())]));
            batch.add(input().rule(Rule::new().verdict(tcp::dport().vmap(&ports))));
        }));
        let by_host = made(|batch| {
            batch.add(&hosts).add(hosts.elements([hosts.element([10, 0, 0, 1], Verdict::accept())]));
            batch.add(input().rule(Rule::new().verdict(ip::saddr().vmap(&hosts))));
        });
        assert_eq!(replaced(&by_host), ["map inet host ways: another key"]);
    });
}

/// The kernel takes no change of a table's flags together with one of its base chains.
#[test]
fn tables_fall_asleep_with_other_chains() {
    testing::in_namespace(|| {
        let mut nft = Client::open().unwrap();
        let with = |flags: TableFlags, chains: &[(&str, Policy)]| {
            let mut batch = Batch::new();
            batch.add(host().with_flags(flags));
            for (name, policy) in chains {
                let chain = host().chain(*name).with_hook(Hook::Input, Priority::FILTER).with_policy(*policy);
                batch.add(&chain).add(chain.rule(Rule::new().then(counter())));
            }
            Ruleset::made_by(&batch).unwrap()
        };
        let (awake, asleep) = (TableFlags::empty(), TableFlags::DORMANT);
        let (a, b) = (("a", Policy::Accept), ("b", Policy::Accept));
        settle(&mut nft, &with(awake, &[a]));
        let rule = nft.rules(&host().chain("a")).snapshot().unwrap();
        // One more.
        for (flags, chains) in [(asleep, &[a, b][..]), (awake, &[a, b, ("c", Policy::Drop)])] {
            settle(&mut nft, &with(flags, chains));
        }
        assert_eq!(nft.rules(&host().chain("a")).snapshot().unwrap(), rule);
        // One less, and another policy: the table is made anew.
        for (flags, chains) in [(asleep, &[a][..]), (awake, &[("a", Policy::Drop)])] {
            let plan = nft.plan(&with(flags, chains)).unwrap();
            assert_eq!(plan.replaced()[0].to_string(), "table inet host: another flags");
            assert!(plan.to_string().starts_with("- table inet host\n+ table inet host"), "{plan}");
            settle(&mut nft, &with(flags, chains));
        }
    });
}

#[test]
fn a_table_that_another_owns_is_left_to_it() {
    testing::in_namespace(|| {
        if lacks(Feature::Owner) {
            return;
        }
        let (mut owner, mut other) = (Client::open().unwrap(), Client::open().unwrap());
        let owned = |flags: TableFlags| {
            let mut batch = Batch::new();
            batch.add(host().with_flags(flags)).add(input());
            Ruleset::made_by(&batch).unwrap()
        };
        settle(&mut owner, &owned(TableFlags::OWNER));
        assert!(other.reconcile(&ports(&[22])).unwrap_err().is_permission());
        // Whose it is is nothing that a plan changes; its owner may reconcile it like any other.
        assert!(other.plan(&owned(TableFlags::empty())).unwrap().is_empty());
        settle(&mut owner, &owned(TableFlags::DORMANT));
        let flags = owner.table(Family::Inet, "host").unwrap().unwrap().flags;
        assert_eq!(flags, Some(TableFlags::OWNER | TableFlags::DORMANT));
        settle(&mut owner, &ports(&[22]));
        assert!(other.plan(&ports(&[22])).unwrap().is_empty());
    });
}

#[test]
fn a_life_starts_again_with_its_counters_where_the_kernel_can() {
    testing::in_namespace(|| {
        let mut nft = Client::open().unwrap();
        let blocked = Set::<Ipv4Addr>::new(&host(), "blocked").timeouts().with_expr(counter());
        let desired =
            made(|b| done(b.add(&blocked).add(blocked.elements([blocked.element([10, 0, 0, 1]).timeout(HOUR)]))));
        settle(&mut nft, &desired);
        let mut aged = nft.ruleset().unwrap();
        let element = &mut aged.sets[0].elements[0];
        element.expiration = Some(HOUR / 4);
        let mut counted = Counter::new();
        (counted.packets, counted.bytes) = (Some(7), Some(700));
        element.expr = Some(Box::new(Expr::from(counted)));
        let age = |nft: &mut Client| {
            let set = &aged.sets[0];
            nft.apply(Batch::new().flush(&blocked).add(set.set.elements(&set.elements))).unwrap();
        };
        let packets = |nft: &mut Client| {
            let element = nft.ruleset().unwrap().sets.remove(0).elements.remove(0);
            assert!(element.expiration.unwrap() > HOUR / 2);
            match element.expr.as_deref() {
                Some(Expr::Counter(counter)) => counter.packets,
                other => panic!("{other:?}"),
            }
        };
        age(&mut nft);
        if !lacks(Feature::TimeoutUpdate) {
            let plan = nft.plan(&desired).unwrap();
            assert_eq!(plan.to_string(), "~ element inet host blocked { 10.0.0.1 timeout 1h }\n");
            assert!(plan.destroys().is_empty());
            nft.apply(&plan).unwrap();
            assert_eq!(packets(&mut nft), Some(7));
            age(&mut nft);
        }
        // A plan for any kernel says what it costs.
        let plan = diff(&nft.ruleset().unwrap(), &desired);
        assert_eq!(plan.to_string(), "~ element inet host blocked { 10.0.0.1 timeout 1h }\n");
        assert_eq!(plan.destroys()[0].to_string(), "counter of element of set inet host blocked: 7 packets, 700 bytes");
        nft.apply(&plan).unwrap();
        assert_eq!(packets(&mut nft), Some(0));
    });
}

#[test]
fn drift_is_told_and_healed() {
    testing::in_namespace(|| {
        let (mut nft, mut other) = (Client::open().unwrap(), Client::open().unwrap());
        let desired = ports(&[22, 80]);
        let (healed, told) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(move || {
                for () in told {
                    // What was seen is healed soon after.
                    let rule = loop {
                        let rules = other.rules(&input()).snapshot().unwrap_or_default();
                        match <[model::Rule; 2]>::try_from(rules) {
                            Ok([rule, _]) => break rule,
                            Err(_) => thread::sleep(Duration::from_millis(5)),
                        }
                    };
                    other.apply(Batch::new().delete(&rule)).unwrap();
                }
            });
            let mut seen = Vec::new();
            nft.keep(&desired, HOUR, |drift| {
                seen.push((drift.plan.len(), drift.changes.to_vec(), drift.to_string()));
                if seen.len() > 2 {
                    return ControlFlow::Break(());
                }
                healed.send(()).unwrap();
                ControlFlow::Continue(())
            })
            .unwrap();
            drop(healed);
            assert_eq!((seen[0].0, seen[0].1.len()), (4, 0));
            for (len, changes, text) in &seen[1..] {
                assert!(matches!(&changes[..], [change] if change.objects.len() == 1), "{changes:?}");
                assert_eq!(*len, 1);
                assert!(text.contains(" changed rule inet host input handle "), "{text}");
                assert!(text.ends_with("tcp dport 22 counter accept\n"), "{text}");
            }
        });
        // The last was shown, and left.
        assert_eq!(nft.plan(&desired).unwrap().len(), 1);
        // Without drift it looks as often as it is told.
        let mut looks = Vec::new();
        nft.keep(&desired, Duration::ZERO, |drift| {
            looks.push(drift.plan.len());
            if looks.len() > 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
        assert_eq!(looks, [1, 0, 0]);
    });
}

#[test]
fn a_listing_that_is_read_back_is_what_there_is() {
    testing::in_namespace(|| {
        let mut nft = Client::open().unwrap();
        let blocked = Set::<Ipv4Addr>::new(&host(), "blocked").timeouts();
        let nets = Set::<Ipv4Addr>::new(&host(), "nets").interval();
        let ways = Map::<Port, Verdict>::new(&host(), "ways");
        let there = made(|batch| {
            batch.add(&blocked).add(&nets).add(&ways).add(host().chain("web"));
            batch.add(blocked.elements([blocked.element([10, 0, 0, 1]).timeout(HOUR)]));
            batch.add(nets.elements([nets.element(Ipv4Addr::new(10, 0, 0, 0)..=Ipv4Addr::new(10, 255, 255, 255))]));
            batch.add(ways.elements([ways.element(80, Verdict::jump("web"))]));
            batch.add(input().rule(Rule::new().when(ip::saddr().is_in(&blocked)).drop()));
            batch
                .add(input().rule(Rule::new().when(ip::saddr().is_in(&nets)).then(counter()).comment("ours").accept()));
            batch.add(input().rule(Rule::new().when(tcp::dport().is_any([22, 2222])).accept()));
            batch.add(input().rule(Rule::new().verdict(tcp::dport().vmap(&ways))));
        });
        settle(&mut nft, &there);
        let listed = serde_json::to_string(&nft.ruleset().unwrap()).unwrap();
        let desired: Ruleset = serde_json::from_str(&listed).unwrap();
        let plan = nft.plan(&desired).unwrap();
        assert!(plan.is_empty(), "{plan}from\n{listed}");
        // And it is enough to make it all.
        nft.apply(Batch::new().delete(host())).unwrap();
        settle(&mut nft, &desired);
        assert_eq!(diff(&nft.ruleset().unwrap(), &there).to_string(), "");
        // As configuration files begin.
        let first = listed.find("{\"table\"").unwrap();
        let file = format!("{}{{\"flush\": {{\"ruleset\": null}}}}, {}", &listed[..first], &listed[first..]);
        assert!(nft.plan(&serde_json::from_str(&file).unwrap()).unwrap().is_empty());
    });
}

/// A larger size counts from the next batch on.
#[test]
fn full_sets_grow() {
    testing::in_namespace(|| {
        if lacks(Feature::SetSize) {
            return;
        }
        let mut nft = Client::open().unwrap();
        let with = |set: Set<Ipv4Addr>, hosts: std::ops::Range<u8>| {
            made(|batch| {
                batch.add(&set).add(set.elements(hosts.map(|n| set.element([10, 0, 0, n]))));
                batch.add(input().rule(Rule::new().when(ip::saddr().is_in(&set)).then(counter()).drop()));
            })
        };
        let few = |size| Set::<Ipv4Addr>::new(&host(), "few").with_size(size);
        settle(&mut nft, &with(few(3), 0..3));
        // Some go, some come, and they fit.
        let plan = nft.reconcile(&with(few(5), 1..4)).unwrap();
        assert_eq!(plan.replaced(), []);
        let desired = with(few(8), 2..9);
        let plan = nft.reconcile(&desired).unwrap();
        assert_eq!(plan.replaced()[0].to_string(), "set inet host few: another size");
        assert!(nft.plan(&desired).unwrap().is_empty());

        // What a set has learned is not thrown away.
        let seen = |size| Set::<Ipv4Addr>::new(&host(), "seen").dynamic().with_timeout(HOUR).with_size(size);
        settle(&mut nft, &with(seen(3), 0..1));
        let learned = |nft: &mut Client, hosts: std::ops::Range<u8>| {
            let set = seen(3);
            nft.apply(Batch::new().add(set.elements(hosts.map(|n| set.element([10, 0, 1, n]))))).unwrap();
        };
        learned(&mut nft, 0..2);
        let desired = with(seen(6), 0..4);
        let plan = nft.plan(&desired).unwrap();
        assert_eq!((plan.len(), plan.due()), (1, Some(Duration::ZERO)), "{plan}");
        assert_eq!(plan.destroys(), []);
        let text = settle(&mut nft, &desired);
        assert!(text.starts_with("~ set inet host seen") && text.contains("\n+ element inet host seen {"), "{text}");
        let elements = nft.members(&seen(6)).unwrap();
        assert_eq!(elements.len(), 6);
    });
}

#[test]
fn what_a_map_learned_goes_with_what_it_names() {
    testing::in_namespace(|| {
        let mut nft = Client::open().unwrap();
        let ways = Map::<Ipv4Addr, Verdict>::new(&host(), "ways").timeouts();
        let desired = |chains: &[&str]| {
            made(|batch| {
                batch.add(&ways);
                chains.iter().for_each(|chain| done(batch.add(host().chain(*chain))));
                batch.add(input().rule(Rule::new().verdict(ip::saddr().vmap(&ways))));
            })
        };
        settle(&mut nft, &desired(&["goes", "stays"]));
        let way = |n: u8, chain: &str| ways.element([1, 1, 1, n], Verdict::jump(chain)).timeout(HOUR);
        nft.apply(Batch::new().add(ways.elements([way(1, "goes"), way(2, "stays"), way(3, "goes")]))).unwrap();
        let plan = nft.reconcile(&desired(&["stays"])).unwrap();
        assert_eq!(plan.destroys()[0].to_string(), "2 learned elements of map inet host ways");
        assert!(nft.plan(&desired(&["stays"])).unwrap().is_empty());
        let left: Vec<_> = nft.members(&ways).unwrap().iter().map(|e| e.bounds().unwrap().0).collect();
        assert_eq!(left, [Ipv4Addr::new(1, 1, 1, 2)]);
    });
}

/// The kernel takes a rule and makes another one of it: the agent says which, and does not spin.
#[test]
fn what_does_not_settle_is_named_and_done_ever_more_seldom() {
    use std::{ops::ControlFlow, time::Duration};
    testing::in_namespace(|| -> oxitables::Result<()> {
        let host = model::Table::new(Family::Inet, "host");
        let input = host.chain("input");
        // An expression with an attribute that no kernel knows, and that each leaves out: it goes
        // into the nest with the data, which stands last.
        let load = oxitables::expr::Meta::load(oxitables::expr::MetaKey::Mark, oxitables::data::Register::R1);
        let mut bytes = Expr::from(load).to_bytes();
        let data = bytes.iter().position(|byte| *byte == b'm').map(|name| name + 8).unwrap();
        let len = u16::from_ne_bytes([bytes[data], bytes[data + 1]]) + 8;
        bytes[data..data + 2].copy_from_slice(&len.to_ne_bytes());
        bytes.extend([8, 0, 99, 0, 0, 0, 0, 1]);
        let rule = model::Rule::new(&input, vec![Expr::from_bytes(&bytes)]);
        let desired = model::Ruleset::made_by(Batch::new().add(&host).add(&input).add(rule))?;
        let (mut looks, mut named) = (0, Vec::new());
        Client::open()?.keep(&desired, Duration::ZERO, |drift| {
            looks += 1;
            named.push(drift.unsettled.len());
            if looks > 1 {
                assert!(drift.unsettled.iter().all(|line| line.contains("rule inet host input")), "{drift}");
            }
            if looks == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        assert_eq!(named, [0, 1, 1, 1, 1]);
        Ok(())
    });
}
