//! Nothing twice and nothing lost: a snapshot and what is told after it make the next snapshot.

use super::lab::*;
use oxitables::{client::Monitor, client::Watch, model, *};
use std::{net::Ipv4Addr, ops::ControlFlow, thread, time::Duration};

fn blocked() -> Set<Ipv4Addr> {
    Set::new(&host(), "blocked")
}

/// Commit number `n`, which adds things that were not there and deletes what one of those before it
/// added.
fn change(nft: &mut Client, n: u32) {
    let chain = |n: u32| host().chain(format!("c{n}"));
    let mut batch = Batch::new();
    batch.add(chain(n));
    for port in 0..n % 40 {
        batch.add(chain(n).rule(Rule::new().when(tcp::dport().is(port as u16)).accept()));
    }
    let address = |n: u32, i: u8| Ipv4Addr::new(10, (n >> 8) as u8, n as u8, i);
    batch.add(blocked().elements((0..3).map(|i| blocked().element(address(n, i)))));
    if n >= 5 {
        batch.flush(chain(n - 5)).delete(chain(n - 5));
        batch.delete(blocked().elements((0..2).map(|i| blocked().element(address(n - 5, i)))));
    }
    nft.apply(&batch).unwrap();
}

fn begin() -> Client {
    let mut nft = Client::open().unwrap();
    nft.apply(&filled(|batch| batch.add(host()).add(blocked()))).unwrap();
    nft
}

#[test]
fn a_snapshot_in_the_middle_of_commits() {
    testing::in_namespace(|| {
        let mut nft = begin();
        let mut monitor = Monitor::open().unwrap();
        monitor.set_receive_buffer(16 << 20).unwrap();
        let mut reader = Client::open().unwrap();
        for n in 0..60 {
            change(&mut nft, n);
        }
        thread::scope(|scope| {
            let writer = scope.spawn(move || {
                for n in 60..160 {
                    change(&mut nft, n);
                }
                nft.generation().unwrap()
            });
            // Busy or not: each snapshot goes with what is told after it.
            let mut mirrors = Vec::new();
            while let Ok(all) = monitor.resync() {
                mirrors.push(all);
                if writer.is_finished() || mirrors.len() == 3 {
                    break;
                }
            }
            let last = writer.join().unwrap();
            let from = mirrors.pop().unwrap_or_else(|| monitor.resync().unwrap());
            let mut mirror = Mirror::of(&from);
            if from.generation != last {
                let (commits, gaps) = follow(&mut monitor, &mut mirror, last);
                assert_eq!((commits, gaps), (u32::from(last) - u32::from(from.generation), 0));
            }
            assert_eq!(mirror, Mirror::of(&reader.ruleset().unwrap()));
        });
    });
}

#[test]
fn a_gap_is_told_and_filled() {
    testing::in_namespace(|| {
        let mut nft = begin();
        let mut monitor = Monitor::open().unwrap();
        // The least that the kernel gives.
        monitor.set_receive_buffer(0).unwrap();
        let mut mirror = Mirror::of(&monitor.resync().unwrap());
        let mut all_gaps = 0;
        for round in 0..6 {
            for n in 0..30 {
                change(&mut nft, round * 30 + n);
            }
            let (_, gaps) = follow(&mut monitor, &mut mirror, nft.generation().unwrap());
            all_gaps += gaps;
            assert_eq!(mirror, Mirror::of(&nft.ruleset().unwrap()));
        }
        assert!(all_gaps >= 6, "{all_gaps}");
    });
}

#[test]
fn gaps_while_others_go_on() {
    testing::in_namespace(|| {
        let mut nft = begin();
        let mut monitor = Monitor::open().unwrap();
        monitor.set_receive_buffer(0).unwrap();
        let mut mirror = Mirror::of(&monitor.resync().unwrap());
        thread::scope(|scope| {
            let writer = scope.spawn(move || {
                for n in 0..400 {
                    change(&mut nft, n);
                    if n % 20 == 0 {
                        // A snapshot needs a moment of peace.
                        thread::sleep(Duration::from_millis(60));
                    }
                }
                nft
            });
            let mut gaps = 0;
            let mut nft = loop {
                match client::Listen::next(&mut monitor, Duration::from_millis(1)).unwrap() {
                    Some(proto::News::Commit(commit)) => mirror.follow(&commit),
                    Some(proto::News::Gap(_)) => {
                        gaps += 1;
                        mirror = loop {
                            match monitor.resync() {
                                Ok(all) => break Mirror::of(&all),
                                Err(Error::Interrupted { .. }) => {}
                                Err(error) => panic!("{error}"),
                            }
                        };
                    }
                    Some(other) => panic!("{other:?}"),
                    None if writer.is_finished() => break writer.join().unwrap(),
                    None => {}
                }
            };
            // What is left in the queue, if there is anything.
            while let Some(news) = client::Listen::next(&mut monitor, Duration::ZERO).unwrap() {
                match news {
                    proto::News::Commit(commit) => mirror.follow(&commit),
                    _ => mirror = Mirror::of(&monitor.resync().unwrap()),
                }
            }
            assert!(gaps > 0, "the least buffer holds no commit of 40 rules");
            assert_eq!(mirror, Mirror::of(&nft.ruleset().unwrap()));
        });
    });
}

#[test]
fn whoever_watches_is_told_that_something_was_missed() {
    testing::in_namespace(|| {
        let mut nft = begin();
        let mut watch = Watch::open().unwrap();
        for n in 0..2000 {
            change(&mut nft, n);
        }
        let desired = model::Ruleset::made_by(&filled(|batch| batch.add(host()))).unwrap();
        let mut missed = 0;
        while let Some(change) = watch.next_of(&desired, Duration::ZERO).unwrap() {
            assert_eq!(change.missed, change.objects.is_empty());
            missed += u32::from(change.missed);
            assert!(!change.missed || change.to_string().contains("in time"), "{change}");
        }
        assert!(missed > 0);
    });
}

/// The own change is larger than the receive buffer: its end is lost. Nobody else changed anything,
/// so nothing is told.
#[test]
fn the_own_change_is_not_missed_by_who_made_it() {
    testing::in_namespace(|| {
        let desired = model::Ruleset::made_by(&filled(|batch| {
            batch.add(host()).add(input());
            (0..30_000u32)
                .fold(batch, |batch, n| batch.add(input().rule(Rule::new().when(meta::mark().is(n)).accept())))
        }));
        let mut looks = Vec::new();
        Client::open()
            .unwrap()
            .keep(&desired.unwrap(), Duration::ZERO, |drift| {
                looks.push((drift.plan.len(), drift.changes.len()));
                if looks.len() < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
            .unwrap();
        assert_eq!(looks, [(30_002, 0), (0, 0), (0, 0)]);
    });
}
