//! Listings while the ruleset changes, and of what is not there.

use super::lab::*;
use oxitables::{Batch, Client, Error, data::Verdict, model::*, testing};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

/// Makes all rules anew, each with this comment.
fn rewrite(nft: &mut Client, count: usize, comment: &str) {
    let rule = does(&input(), Verdict::accept()).with_comment(comment);
    apply(nft, |b| (0..count).fold(b.flush(input()), |b, _| b.add(&rule))).unwrap();
}

/// Calls `each` while another client keeps calling `disturb`.
fn meanwhile(disturb: impl Fn(&mut Client, usize) + Sync, each: impl FnOnce(&mut Client)) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut nft = open();
            for n in 0.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                disturb(&mut nft, n);
                thread::sleep(std::time::Duration::from_millis(3));
            }
        });
        // Also when it panics, or the other would go on for ever.
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| each(&mut open())));
        done.store(true, Ordering::Relaxed);
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
    });
}

/// All rules of one rewrite, or an error that says that they are not.
fn one_rewrite(rules: &[Rule], count: usize) {
    assert_eq!(rules.len(), count);
    assert!(rules.iter().all(|r| r.comment() == rules[0].comment()), "rules of several rewrites");
}

#[test]
fn a_snapshot_is_of_one_generation_or_an_error() {
    const COUNT: usize = 2000;
    testing::in_namespace(|| {
        let mut nft = open();
        apply(&mut nft, |b| b.add(host()).add(input())).unwrap();
        rewrite(&mut nft, COUNT, "first");
        let mut good = 0;
        meanwhile(
            |nft, n| rewrite(nft, COUNT, &n.to_string()),
            |nft| {
                for _ in 0..20 {
                    match nft.rules(&input()).snapshot() {
                        Ok(rules) => {
                            one_rewrite(&rules, COUNT);
                            good += 1;
                        }
                        Err(Error::Interrupted { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            },
        );
        rewrite(&mut nft, COUNT, "last");
        one_rewrite(&nft.rules(&input()).snapshot().unwrap(), COUNT);
        println!("{good} of 20 snapshots found a quiet moment");
    });
}

#[test]
fn elements_of_two_generations_are_never_mixed() {
    const COUNT: u32 = 3000;
    testing::in_namespace(|| {
        let mut nft = open();
        let map = addresses(&host(), "m").with_data(port(), 2);
        let fill = |nft: &mut Client, n: usize| {
            let elements: Vec<_> = (0..COUNT).map(|key| pair(ip(key), n as u16)).collect();
            apply(nft, |b| b.flush(&map).add(map.elements(&elements))).unwrap();
        };
        apply(&mut nft, |b| b.add(host()).add(&map)).unwrap();
        fill(&mut nft, 0);
        meanwhile(fill, |nft| {
            for _ in 0..20 {
                match nft.elements(&map).snapshot() {
                    Ok(elements) => {
                        assert_eq!(elements.len(), COUNT as usize);
                        assert!(elements.iter().all(|e| e.data == elements[0].data));
                    }
                    Err(Error::Interrupted { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        });
    });
}

#[test]
fn a_long_listing_that_is_interrupted_says_so_at_its_end() {
    const COUNT: usize = 50_000;
    testing::in_namespace(|| -> Result<(), Error> {
        let (mut nft, mut other) = (open(), open());
        apply(&mut nft, |b| b.add(host()).add(input()))?;
        // As an ordinary user may send it: in pieces.
        for _ in 0..10 {
            apply(&mut nft, |b| (0..COUNT / 10).fold(b, |b, _| b.add(does(&input(), Verdict::accept()))))?;
        }
        let mut listing = nft.rules(&input());
        listing.next().unwrap()?;
        apply(&mut other, |b| b.insert(does(&input(), Verdict::drop())))?;
        let rest: Vec<_> = listing.collect();
        let (last, before) = rest.split_last().unwrap();
        assert!(matches!(last, Err(Error::Interrupted { .. })), "{last:?}");
        assert!(before.iter().all(Result::is_ok));
        let said = last.as_ref().unwrap_err().to_string();
        assert_eq!(said, "list rules of inet host input: the ruleset changed while it was listed; list it again");
        assert_eq!(nft.rules(&input()).snapshot()?.len(), COUNT + 1);
        apply(&mut nft, |b| b.delete(host())).map(drop)
    });
}

#[test]
fn a_listing_may_be_left_half_way() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        let set = addresses(&host(), "s");
        let elements: Vec<_> = (0..50_000).map(|n| element(ip(n))).collect();
        apply(&mut nft, |b| b.add(host()).add(&set).add(set.elements(&elements)).add(input()))?;
        for taken in [0, 1, 2, 40_000] {
            assert_eq!(nft.elements(&set).take(taken).count(), taken);
            // The connection is free for whatever comes next.
            apply(&mut nft, |b| b.add(does(&input(), Verdict::accept())))?;
            nft.tables().next().unwrap()?;
        }
        assert_eq!(nft.rules(&input()).snapshot()?.len(), 4);
        Ok(())
    });
}

#[test]
fn nothing_is_listed_of_nothing() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        assert_eq!(nft.tables().snapshot()?, []);
        assert_eq!(nft.chains(&host()).snapshot()?, []);
        assert_eq!(nft.chain(&host(), "input")?, None);
        assert_eq!(nft.set(&host(), "s")?, None);
        assert_eq!(nft.rules(&input()).snapshot()?, []);
        let error = nft.elements(&addresses(&host(), "s")).snapshot().unwrap_err();
        assert_eq!(error.to_string(), "list elements of inet host s: ENOENT: there is no such thing");
        assert!(error.is_not_found());
        apply(&mut nft, |b| b.add(host()))?;
        assert!(nft.elements(&addresses(&host(), "s")).snapshot().unwrap_err().is_not_found());
        assert_eq!(Batch::new().len(), 0);
        Ok(())
    });
}
