//! The writer that gathers changes: what it leaves is what one after the other would have, and
//! nothing holds up the rest.

use super::lab::{Feature, is_before, lacks, open};
use oxitables::{
    client::{Counters, ElementChange, Poll, Writer, Written},
    *,
};
use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

const LONG: Duration = Duration::from_secs(3600);
const LONGER: Duration = Duration::from_secs(7200);

fn table() -> Table {
    Table::new(Family::Inet, "agent")
}

fn blocked() -> Set<Ipv4Addr> {
    Set::new(&table(), "blocked").timeouts()
}

fn ip(n: u32) -> Ipv4Addr {
    Ipv4Addr::from(10 << 24 | n)
}

/// A writer, and a connection to look.
fn made(sets: &[&Set<Ipv4Addr>]) -> Result<(Writer, Client)> {
    let mut nft = open();
    let mut batch = Batch::new();
    batch.add(table());
    sets.iter().for_each(|set| {
        batch.add(*set);
    });
    nft.apply(&batch)?;
    Ok((Writer::new(open()), nft))
}

fn members(nft: &mut Client, set: &SetRef<Ipv4Addr>) -> Result<BTreeMap<Ipv4Addr, Option<Duration>>> {
    Ok(nft.members(set)?.iter().map(|e| (e.bounds().unwrap().0, e.timeout_value())).collect())
}

#[test]
fn changes_of_one_element_become_one_with_the_effect_of_all() {
    testing::in_namespace(|| -> Result<()> {
        let set = blocked();
        let (mut writer, mut nft) = made(&[&set])?;
        // Elements that are there, and elements that are not.
        nft.apply(Batch::new().add(set.keys((0..8).map(ip)).timeout(LONG)))?;
        type Deed = fn(&Set<Ipv4Addr>, Ipv4Addr) -> ElementChange;
        let deeds: [(&str, Deed); 3] = [
            ("add", |set, key| ElementChange::add(set, set.element(key).timeout(LONGER))),
            ("put", |set, key| ElementChange::refresh(set, key, LONGER)),
            ("delete", |set, key| ElementChange::delete(set, key)),
        ];
        for (first, one) in deeds {
            for (second, other) in deeds {
                for key in [ip(1), ip(100)] {
                    nft.apply(Batch::new().flush(&set).add(set.keys((0..8).map(ip)).timeout(LONG)))?;
                    let before = writer.counters();
                    writer.push(one(&set, key))?;
                    writer.push(other(&set, key))?;
                    assert_eq!(writer.waiting(), 1);
                    let written = writer.flush()?;
                    assert_eq!((written.elements, written.failures.len()), (1, 0), "{first}, {second}");
                    assert_eq!(writer.counters().folded - before.folded, 1);
                    let found = members(&mut nft, &set)?.get(&key).copied();
                    let wanted = match (first, second) {
                        (_, "delete") => None,
                        // Whether adding restarts what is there, kernels do not agree on (6.12).
                        ("add", "add") if key == ip(1) => found,
                        _ => Some(Some(LONGER)),
                    };
                    assert_eq!(found, wanted, "{first}, {second} {key}");
                    assert_eq!(found.is_none(), second == "delete");
                }
            }
        }
        Ok(())
    });
}

#[test]
fn putting_starts_the_time_anew_whatever_was_there() {
    testing::in_namespace(|| -> Result<()> {
        let set = blocked();
        let (mut writer, mut nft) = made(&[&set])?;
        let old = [
            set.element(ip(1)).timeout(LONG).expires(Duration::from_secs(5)),
            set.element(ip(2)),
            set.element(ip(3)).timeout(LONGER).expires(Duration::from_secs(5)).comment("kept, or not"),
        ];
        nft.apply(Batch::new().add(set.elements(&old)))?;
        for n in 1..=4 {
            writer.push(ElementChange::refresh(&set, ip(n), LONG))?;
        }
        assert_eq!(writer.flush()?.elements, 4);
        for element in nft.members(&set)? {
            assert_eq!(element.timeout_value(), Some(LONG), "{element:?}");
            assert!(element.expires_value() > Some(LONG / 2), "{element:?}");
        }
        // For ever.
        writer.push(ElementChange::put(&set, set.element(ip(1))))?;
        writer.flush()?;
        assert_eq!(members(&mut nft, &set)?[&ip(1)], None);
        // A map takes another value.
        let ports = Map::<Ipv4Addr, Port>::new(&table(), "ports");
        nft.apply(Batch::new().add(&ports))?;
        for port in [22, 80] {
            writer.push(ElementChange::put(&ports, ports.element(ip(1), port)))?;
            writer.flush()?;
            assert_eq!(nft.members(&ports)?[0].value(), Some(Port::from(port)));
        }
        Ok(())
    });
}

#[test]
fn what_the_kernel_refuses_does_not_hold_up_the_rest() {
    testing::in_namespace(|| -> Result<()> {
        let small = Set::<Ipv4Addr>::new(&table(), "small").with_size(100);
        let nets = Set::<Ipv4Addr>::new(&table(), "nets").interval();
        let (mut writer, mut nft) = made(&[&blocked(), &small, &nets])?;
        let missing = Set::<Ipv4Addr>::new(&table(), "missing");
        let hearsay = SetRef::<Ipv4Addr>::new(Family::Inet, "agent", "nets");
        nft.apply(Batch::new().add(nets.ranges([ip(0)..=ip(99), ip(200)..=ip(299)])))?;
        for n in 0..1000 {
            writer.push(ElementChange::refresh(&blocked(), ip(n), LONG))?;
            writer.push(ElementChange::add(&small, small.element(ip(n))))?;
        }
        writer.push(ElementChange::add(&missing, missing.element(ip(1))))?;
        writer.push(ElementChange::add(&nets, nets.element(ip(150)..=ip(250))))?;
        writer.push(ElementChange::add(&nets, nets.element(ip(300)..=ip(350))))?;
        writer.push(ElementChange::delete(&nets, ip(10)..=ip(20)))?;
        writer.push(ElementChange::delete(&nets, ip(0)..=ip(99)))?;
        writer.push(ElementChange::add(&hearsay, hearsay.element(ip(500))))?;
        let Written { elements, failures, .. } = writer.flush()?;
        assert_eq!(members(&mut nft, &blocked())?.len(), 1000);
        assert_eq!(members(&mut nft, &small)?.len(), 100);
        let held: Vec<_> = nft.members(&nets)?.iter().filter_map(Element::bounds).collect();
        assert_eq!(held, [(ip(200), ip(299)), (ip(300), ip(350))]);
        for (words, count) in [
            ("set small is full", 900),
            (if is_before("6.12", "saying which set is missing") { "missing" } else { "there is no set missing" }, 1),
            ("overlaps 10.0.0.200-10.0.1.43 of set nets", 1),
            ("which is not 10.0.0.10-10.0.0.20", 1),
            ("set nets holds intervals", 1),
        ] {
            assert_eq!(failures.iter().filter(|f| f.cause.contains(words)).count(), count, "{words}: {failures:#?}");
        }
        assert_eq!((elements, failures.len()), (1102, 904));
        let Counters { changes, written, failed, .. } = writer.counters();
        assert_eq!((changes, written, failed), (2006, 1102, 904));
        // What has no form never waits.
        assert!(writer.push(ElementChange::refresh(&blocked(), ip(1), Duration::ZERO)).is_err());
        assert!(writer.push(ElementChange::add(&blocked(), blocked().element(ip(1)..=ip(2)))).is_err());
        assert_eq!(writer.waiting(), 0);
        Ok(())
    });
}

#[test]
fn driven_by_its_owner_it_keeps_to_its_tick_and_its_bound() {
    testing::in_namespace(|| -> Result<()> {
        let set = blocked();
        let (writer, mut nft) = made(&[&set])?;
        let mut writer = writer.with_tick(LONG).with_capacity(10);
        assert!(matches!(writer.poll()?, Poll::Idle));
        writer.push(ElementChange::refresh(&set, ip(0), LONG))?;
        assert!(
            matches!(writer.poll()?, Poll::Written(Written { elements: 1, .. })),
            "the first has nothing to wait for"
        );
        for n in 1..=10 {
            assert_eq!(writer.push(ElementChange::refresh(&set, ip(n), LONG))?.elements, 0);
        }
        assert!(matches!(writer.poll()?, Poll::In(left) if left <= LONG && left > LONG / 2));
        assert_eq!(members(&mut nft, &set)?.len(), 1);
        assert_eq!(writer.push(ElementChange::refresh(&set, ip(11), LONG))?.elements, 10, "a full queue is written");
        assert_eq!(writer.waiting(), 1);
        drop(writer);
        assert_eq!(members(&mut nft, &set)?.len(), 12, "dropping writes");
        Ok(())
    });
}

#[test]
fn a_table_of_somebody_else_is_said_so() {
    testing::in_namespace(|| -> Result<()> {
        let set = blocked();
        if lacks(Feature::Owner) {
            return Ok(());
        }
        let (mut writer, mut nft) = made(&[&set])?;
        let mut owner = open();
        nft.apply(Batch::new().delete(table()))?;
        // Somebody else holds the name: each element is refused, and said so.
        owner.apply(Batch::new().add(table().with_flags(model::TableFlags::OWNER)).add(&set))?;
        writer.push(ElementChange::refresh(&set, ip(1), LONG))?;
        let written = writer.flush()?;
        assert!(written.failures[0].cause.contains("belongs to"), "{written:?}");
        assert_eq!(writer.waiting(), 0);
        Ok(())
    });
}

#[test]
fn on_a_thread_of_its_own_many_may_push() {
    testing::in_namespace(|| -> Result<()> {
        let set = blocked();
        let (writer, mut nft) = made(&[&set])?;
        let failures = Arc::new(Mutex::new(0));
        let own = Arc::clone(&failures);
        let report = move |written: Result<Written>| *own.lock().unwrap() += written.unwrap().failures.len();
        let writer = writer.with_tick(Duration::from_millis(1)).with_capacity(500).spawn(report)?;
        thread::scope(|scope| {
            for worker in 0..4 {
                let (writer, set) = (&writer, &set);
                scope.spawn(move || {
                    for n in 0..5000 {
                        let key = ip(worker << 16 | n);
                        let change = if n % 5 == 4 {
                            ElementChange::delete(set, ip(worker << 16 | (n - 1)))
                        } else {
                            ElementChange::refresh(set, key, LONG)
                        };
                        writer.push(change).unwrap();
                    }
                });
            }
        });
        writer.flush()?;
        assert_eq!(writer.waiting(), 0);
        let wanted = 4 * 1000 * 3;
        assert_eq!(members(&mut nft, &set)?.len(), wanted);
        assert_eq!(*failures.lock().unwrap(), 0);
        writer.push(ElementChange::refresh(&set, ip(9 << 20), LONG))?;
        let counters = writer.close();
        assert_eq!(members(&mut nft, &set)?.len(), wanted + 1, "closing writes");
        assert_eq!(counters.changes, 20_001);
        assert_eq!(counters.written + counters.folded, 20_001);
        assert!(counters.batches < 20_001 / 2, "{counters:?}");
        Ok(())
    });
}

#[test]
fn a_full_queue_holds_its_callers_back_and_a_dead_thread_does_not() {
    testing::in_namespace(|| -> Result<()> {
        let set = blocked();
        let (writer, _nft) = made(&[&set])?;
        let stuck = Arc::new(AtomicBool::new(true));
        let own = Arc::clone(&stuck);
        let report = move |_: Result<Written>| {
            while own.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(1));
            }
            panic!("the report may do as it likes");
        };
        let writer = writer.with_capacity(3).with_tick(Duration::ZERO).spawn(report)?;
        writer.push(ElementChange::refresh(&set, ip(0), LONG))?;
        while writer.counters().batches == 0 {
            thread::sleep(Duration::from_millis(1));
        }
        for n in 1..=3 {
            assert!(writer.try_push(ElementChange::refresh(&set, ip(n), LONG))?.is_none());
        }
        assert!(writer.try_push(ElementChange::refresh(&set, ip(4), LONG))?.is_some(), "no room");
        thread::scope(|scope| {
            let held = scope.spawn(|| writer.push(ElementChange::refresh(&set, ip(4), LONG)));
            stuck.store(false, Ordering::SeqCst);
            held.join().unwrap().unwrap_err();
        });
        assert!(writer.flush().is_err());
        writer.close();
        Ok(())
    });
}

#[test]
fn flushing_waits_for_what_was_there_and_no_longer() {
    testing::in_namespace(|| -> Result<()> {
        let set = blocked();
        let (writer, mut nft) = made(&[&set])?;
        let writer = writer.with_tick(Duration::ZERO).with_capacity(100).spawn(|written| {
            written.unwrap();
        })?;
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for worker in 1..3 {
                let (writer, set, stop) = (&writer, &set, &stop);
                scope.spawn(move || {
                    for n in (0..1000).cycle().take_while(|_| !stop.load(Ordering::SeqCst)) {
                        writer.push(ElementChange::refresh(set, ip(worker << 16 | n), LONG)).unwrap();
                    }
                });
            }
            let mut failed = 0;
            for n in 0..100 {
                writer.push(ElementChange::refresh(&set, ip(n), LONG)).unwrap();
                failed += usize::from(writer.flush().is_err() || !nft.has(&set, ip(n)).unwrap());
            }
            stop.store(true, Ordering::SeqCst);
            assert_eq!(failed, 0);
        });
        Ok(())
    });
}

#[test]
fn a_tick_may_be_longer_than_any_clock_runs() {
    testing::in_namespace(|| -> Result<()> {
        let set = blocked();
        let (writer, mut nft) = made(&[&set])?;
        let writer = writer.with_tick(Duration::MAX).spawn(|written| {
            written.unwrap();
        })?;
        for n in 0..3 {
            writer.push(ElementChange::refresh(&set, ip(n), LONG))?;
            writer.flush()?;
        }
        writer.push(ElementChange::refresh(&set, ip(3), LONG))?;
        writer.close();
        assert_eq!(members(&mut nft, &set)?.len(), 4, "closing does not wait for the tick");
        Ok(())
    });
}
