//! What plans keep, and what happens around them.

use crate::common::features::lacks;
use oxitables::{
    Batch, Chain, Client, Family, Hook, Keyed, Priority, Rule, Set, Table,
    client::Watch,
    counter,
    data::{Register, Verdict},
    expr::{Counter, Expr, Immediate, Quota},
    ip,
    model::{self, ChainFlags, Object, ObjectData, Ruleset, TableFlags},
    proto::Feature,
    reconcile::normal,
    tcp, testing,
};
use std::{net::Ipv4Addr, thread, time::Duration};

pub const HOUR: Duration = Duration::from_secs(3600);

pub fn host() -> Table {
    Table::new(Family::Inet, "host")
}

pub fn input() -> Chain {
    host().chain("input").with_hook(Hook::Input, Priority::FILTER)
}

/// For closures that only do.
pub fn done<T>(_: T) {}

pub fn made(fill: impl FnOnce(&mut Batch)) -> Ruleset {
    let mut batch = Batch::new();
    batch.add(host()).add(input());
    fill(&mut batch);
    Ruleset::made_by(&batch).unwrap()
}

pub fn ports(ports: &[u16]) -> Ruleset {
    made(|batch| {
        for port in ports {
            batch.add(input().rule(Rule::new().when(tcp::dport().is(*port)).then(counter()).accept()));
        }
    })
}

/// Reconciles; the next plan is empty.
pub fn settle(nft: &mut Client, desired: &Ruleset) -> String {
    let plan = nft.reconcile(desired).unwrap();
    let again = nft.plan(desired).unwrap();
    assert!(again.is_empty(), "{again}after\n{plan}");
    plan.to_string()
}

#[test]
fn counters_of_rules_that_stay_go_on() {
    testing::in_namespace(|| {
        let mut nft = Client::open().unwrap();
        let counted = |packets| {
            let mut counter = Counter::new();
            (counter.packets, counter.bytes) = (Some(packets), Some(packets * 60));
            let exprs: [Expr; 2] = [counter.into(), Immediate::new(Register::VERDICT, Verdict::continue_()).into()];
            model::Rule::new(&input(), exprs)
        };
        let marked = |n: u64, comment: &str| counted(n).with_comment(comment);
        let mut batch = Batch::new();
        batch.add(host()).add(input());
        (1..=5).for_each(|n| done(batch.add(marked(n, &format!("rule {n}")))));
        nft.apply(&batch).unwrap();
        let before = nft.rules(&input()).snapshot().unwrap();

        let wanted = |names: &[&str]| made(|batch| names.iter().for_each(|name| done(batch.add(marked(0, name)))));
        let desired = wanted(&["rule 1", "new", "rule 3", "rule 5", "last"]);
        let lost: Vec<_> = nft.plan(&desired).unwrap().destroys().iter().map(ToString::to_string).collect();
        let handle = |n: usize| before[n].handle.unwrap();
        let expected = [
            format!("counter of rule inet host input handle {}: 4 packets, 240 bytes", handle(3)),
            format!("counter of rule inet host input handle {}: 2 packets, 120 bytes", handle(1)),
        ];
        assert_eq!(lost, expected);
        settle(&mut nft, &desired);
        let after = nft.rules(&input()).snapshot().unwrap();
        for (now, then) in [(0, 0), (2, 2), (3, 4)] {
            assert_eq!(after[now].handle, before[then].handle);
            assert_eq!(after[now].exprs(), before[then].exprs());
        }
        // In the place of the one that it replaced.
        assert_eq!(after[1].handle, before[1].handle);
    });
}

#[test]
fn learned_elements_and_what_objects_counted_stay() {
    testing::in_namespace(|| {
        let resizes = !lacks(Feature::SetSize);
        let mut nft = Client::open().unwrap();
        let seen = Set::<Ipv4Addr>::new(&host(), "seen").dynamic().with_timeout(HOUR);
        let desired = |quota: u64, size: u32| {
            made(|batch| {
                let seen = seen.clone().with_size(size);
                batch.add(&seen).add(Object::new(&host(), "most", Quota::over(quota)));
                batch.add(seen.elements([seen.element([10, 0, 0, 1])]));
                batch.add(input().rule(Rule::new().then(ip::saddr().update_in(&seen)).then(counter()).accept()));
            })
        };
        let mut used = Quota::over(1000);
        used.consumed = Some(77);
        nft.apply(Batch::new().add(host()).add(Object::new(&host(), "most", used))).unwrap();
        settle(&mut nft, &desired(1000, 100));
        // As a packet would add it.
        nft.apply(Batch::new().add(seen.elements([seen.element([10, 0, 0, 2])]))).unwrap();
        let text = settle(&mut nft, &desired(2000, if resizes { 200 } else { 100 }));
        let quota = "~ quota inet host most { over 2000 bytes; }\n";
        let size = "~ set inet host seen { type ipv4_addr; size 200; flags dynamic,timeout; timeout 1h; }\n";
        assert_eq!(text, format!("{quota}{}", if resizes { size } else { "" }));
        assert_eq!(nft.members(&seen).unwrap().len(), 2);
        let quota = nft.object(&host(), oxitables::expr::ObjectType::Quota, "most").unwrap().unwrap();
        assert!(matches!(quota.data, Some(ObjectData::Quota(Quota { bytes: 2000, consumed: Some(77), .. }))));

        let gone = nft.plan(&made(|_| {})).unwrap();
        let lost: Vec<_> = gone.destroys().iter().map(ToString::to_string).collect();
        assert!(lost[0].ends_with("learned elements of set inet host seen"), "{lost:?}");
        assert_eq!(lost[1], "quota of quota inet host most: 77 bytes used");
    });
}

#[test]
fn a_running_timeout_is_asserted_again() {
    testing::in_namespace(|| {
        let mut nft = Client::open().unwrap();
        let blocked = Set::<Ipv4Addr>::new(&host(), "blocked").timeouts();
        let element = |life| blocked.element([10, 0, 0, 1]).timeout(life);
        let desired = |life| made(|batch| done(batch.add(&blocked).add(blocked.elements([element(life)]))));
        settle(&mut nft, &desired(HOUR));
        let due = nft.plan(&desired(HOUR)).unwrap().due().unwrap();
        assert!(due <= HOUR / 2 && due > HOUR / 4, "{due:?}");

        let old = element(HOUR).expires(HOUR / 3);
        nft.apply(Batch::new().delete(blocked.elements([element(HOUR)])).add(blocked.elements([old]))).unwrap();
        assert_eq!(settle(&mut nft, &desired(HOUR)), "~ element inet host blocked { 10.0.0.1 timeout 1h }\n");
        assert!(nft.members(&blocked).unwrap()[0].expires_value().unwrap() > HOUR / 2);
        // Another life, and one without end.
        settle(&mut nft, &desired(2 * HOUR));
        assert_eq!(nft.members(&blocked).unwrap()[0].timeout_value(), Some(2 * HOUR));
        let forever = made(|b| done(b.add(&blocked).add(blocked.elements([blocked.element([10, 0, 0, 1])]))));
        settle(&mut nft, &forever);
        assert_eq!(nft.members(&blocked).unwrap()[0].timeout_value(), None);

        // One that expires between plan and commit is no reason to fail: no generation tells of it.
        let short = element(HOUR).expires(Duration::from_millis(50));
        nft.apply(Batch::new().flush(&blocked).add(blocked.elements([short]))).unwrap();
        let plan = nft.plan(&desired(HOUR)).unwrap();
        while nft.has(&blocked, [10, 0, 0, 1]).unwrap() {
            thread::sleep(Duration::from_millis(5));
        }
        nft.apply(&plan).unwrap();
        assert!(nft.has(&blocked, [10, 0, 0, 1]).unwrap());
    });
}

#[test]
fn a_plan_is_for_one_generation() {
    testing::in_namespace(|| {
        let mut nft = Client::open().unwrap();
        let plan = nft.plan(&ports(&[1])).unwrap();
        nft.apply(Batch::new().add(Table::new(Family::Ip, "other"))).unwrap();
        assert!(nft.apply(&plan).unwrap_err().is_stale());
        assert!(nft.table(Family::Inet, "host").unwrap().is_none());
        settle(&mut nft, &ports(&[1]));
        // An empty one says whether it still holds.
        let empty = nft.plan(&ports(&[1])).unwrap();
        nft.apply(&empty).unwrap();
        nft.apply(Batch::new().delete(Table::new(Family::Ip, "other"))).unwrap();
        assert!(nft.apply(&empty).unwrap_err().is_stale());
    });
}

#[test]
fn writers_beside_each_other_all_get_what_they_desire() {
    testing::in_namespace(|| {
        const WRITERS: u16 = 4;
        let clients: Vec<Client> = (0..WRITERS).map(|_| Client::open().unwrap()).collect();
        // Each has a table of its own, but there is one generation for all.
        thread::scope(|scope| {
            for (n, mut nft) in clients.into_iter().enumerate() {
                scope.spawn(move || {
                    let table = Table::new(Family::Inet, format!("writer{n}"));
                    let chain = table.chain("c");
                    for round in 0..15_u16 {
                        let mut batch = Batch::new();
                        batch.add(&table).add(&chain);
                        for port in 0..=round % 4 {
                            batch.add(chain.rule(Rule::new().when(tcp::dport().is(port + round)).accept()));
                        }
                        let desired = Ruleset::made_by(&batch).unwrap();
                        // Somebody gets through each time, but not always within the bound.
                        while let Err(error) = nft.reconcile(&desired) {
                            assert!(error.is_stale(), "{error}");
                        }
                        assert!(nft.plan(&desired).unwrap().is_empty());
                    }
                });
            }
        });
        let mut nft = Client::open().unwrap();
        assert_eq!(nft.tables().snapshot().unwrap().len(), usize::from(WRITERS));
    });
}

#[test]
fn chains_of_one_rule() {
    testing::in_namespace(|| {
        let mut nft = Client::open().unwrap();
        // As a listing of nft's `jump { tcp dport { 22, 80 } drop }` has it.
        let with = |port: u16| {
            let mut ruleset = ports(&[1]);
            let own = host().chain("__chain7");
            let drop = Rule::new().when(tcp::dport().is_any([22, port])).drop();
            let mut batch = Batch::new();
            batch.add(host()).add(&own).add(own.rule(drop)).add(own.rule(Rule::new().then(counter())));
            let mut inner = Ruleset::made_by(&batch).unwrap();
            inner.chains[0].flags = Some(ChainFlags::BINDING);
            ruleset.chains.append(&mut inner.chains);
            ruleset.rules.append(&mut inner.rules);
            ruleset.sets.append(&mut inner.sets);
            ruleset
                .rules
                .push(model::Rule::new(&input(), [Immediate::new(Register::VERDICT, Verdict::jump("__chain7"))]));
            ruleset
        };
        for port in [80, 81] {
            settle(&mut nft, &with(port));
            assert_eq!(normal(&nft.ruleset().unwrap()), normal(&with(port)));
        }
        let read = nft.ruleset().unwrap();
        settle(&mut nft, &ports(&[1]));
        assert_eq!(nft.chains(&host()).snapshot().unwrap().len(), 1);
        settle(&mut nft, &read);
    });
}

#[test]
fn devices_and_sleeping_tables() {
    testing::isolated(|lab| {
        let here = lab.host("here").unwrap();
        for device in ["d0", "d1"] {
            if here.dummy(device).is_err() {
                return testing::skip("no dummy devices here");
            }
        }
        here.run(|| {
            let mut nft = Client::open().unwrap();
            let lan = Table::new(Family::Netdev, "lan");
            let with = |devices: &[&str], flags: TableFlags| {
                let chain = lan.chain("in").with_hook(Hook::Ingress, Priority::FILTER);
                let chain = devices.iter().fold(chain, |chain, device| chain.with_device(*device));
                let mut batch = Batch::new();
                batch.add(lan.clone().with_flags(flags)).add(&chain);
                batch.add(chain.rule(Rule::new().then(counter())));
                Ruleset::made_by(&batch).unwrap()
            };
            let awake = TableFlags::empty();
            settle(&mut nft, &with(&["d0"], awake));
            let handle = |nft: &mut Client| nft.rules(&lan.chain("in")).snapshot().unwrap()[0].handle;
            let before = handle(&mut nft);
            let text = settle(&mut nft, &with(&["d1", "d0"], awake));
            if !lacks(Feature::ChainDevices) {
                assert!(text.starts_with("~ chain") && text.lines().count() == 1, "{text}");
                assert_eq!(handle(&mut nft), before);
            }
            let text = settle(&mut nft, &with(&["d1"], awake));
            assert!(text.contains("- chain") && text.contains("+ chain"), "{text}");
            for (flags, shown) in [(TableFlags::DORMANT, " { flags dormant; }"), (awake, "")] {
                assert_eq!(settle(&mut nft, &with(&["d1"], flags)), format!("~ table netdev lan{shown}\n"));
            }
        });
    });
}

#[test]
fn who_changed_what_and_back_again() {
    testing::in_namespace(|| {
        let mut nft = Client::open().unwrap();
        let desired = ports(&[22, 80]);
        settle(&mut nft, &desired);
        let mut watch = Watch::open().unwrap();
        let mut other = Client::open().unwrap();
        let rule = other.rules(&input()).snapshot().unwrap().remove(0);
        other.apply(Batch::new().add(Table::new(Family::Ip, "foreign"))).unwrap();
        other.apply(Batch::new().delete(&rule)).unwrap();

        let change = watch.next_of(&desired, HOUR).unwrap().unwrap();
        assert_eq!(change.objects, [format!("rule inet host input handle {}", rule.handle.unwrap())]);
        assert_eq!(change.generation, nft.generation().unwrap());
        // The kernel speaks of threads.
        let thread = std::fs::read_link("/proc/thread-self").unwrap();
        assert_eq!(change.process.unwrap().to_string(), thread.file_name().unwrap().to_string_lossy());
        let program = std::fs::read_to_string("/proc/thread-self/comm").unwrap();
        assert_eq!(change.program.clone().unwrap(), program.trim_end());
        assert!(!change.missed);
        assert!(change.to_string().ends_with(&format!("changed {}", change.objects[0])), "{change}");

        assert_eq!(nft.reconcile(&desired).unwrap().len(), 1);
        // One's own commits are told, too; and then there is nothing more.
        assert_eq!(watch.next_of(&desired, HOUR).unwrap().unwrap().objects.len(), 1);
        assert_eq!(watch.next_of(&desired, Duration::ZERO).unwrap(), None);
    });
}
