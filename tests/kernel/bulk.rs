//! A lot at once: in one batch, whole or with a clear error, and read back exactly.

use super::lab::*;
use oxitables::{Batch, Client, Error, Family, data::*, expr::*, model::*, testing};
use std::{collections::HashSet, fs, time::Instant};

const MANY: u32 = 100_000;

/// The most that `SO_SNDBUF` may be asked for; told outside of the namespaces only.
fn wmem_max() -> Option<usize> {
    fs::read_to_string("/proc/sys/net/core/wmem_max").ok()?.trim().parse().ok()
}

/// It went through, or it is larger than an ordinary user's socket may send: then the numbers of
/// the error are right.
fn committed(nft: &mut Client, batch: &Batch, wmem_max: Option<usize>) -> bool {
    match nft.apply(batch) {
        Ok(_) => true,
        Err(ref error @ Error::TooLarge { needed, limit, sysctl }) => {
            let own = fs::read_to_string("/proc/self/uid_map").unwrap();
            assert!(!own.contains("4294967295"), "root of the machine may send as much as it likes: {error}");
            // The kernel doubles what it is asked for, and keeps 32 bytes.
            assert_eq!(needed, batch.wire_len());
            assert!(needed > limit);
            if let Some(most) = wmem_max {
                assert_eq!(limit, 2 * most - 32);
            }
            assert!(2 * sysctl - 32 >= needed, "that much would do");
            assert!(2 * (sysctl - 1) - 32 < needed, "and less would not");
            let said = error.to_string();
            for word in [needed.to_string(), limit.to_string(), format!("sysctl -w net.core.wmem_max={sysctl}")] {
                assert!(said.contains(&word), "{said}");
            }
            false
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_hundred_thousand_elements_in_one_batch() {
    let wmem_max = wmem_max();
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        let set = addresses(&host(), "s");
        let keys: Vec<_> = (0..MANY).map(ip).collect();
        let elements: Vec<_> = keys.iter().copied().map(element).collect();
        let batch = filled(|b| b.add(host()).add(&set).add(set.elements(&elements)));
        assert_eq!(batch.len(), 3);
        if committed(&mut nft, &batch, wmem_max) {
            let found = nft.get(&set, &keys)?;
            assert!(found.iter().zip(&keys).all(|(e, key)| e.as_ref().is_some_and(|e| e.key == Some(*key))));
            apply(&mut nft, |b| b.delete(set.elements(&elements)))?;
            assert_eq!(nft.elements(&set).snapshot()?, []);
        }
        Ok(())
    });
}

#[test]
fn a_hundred_thousand_rules_in_one_batch() {
    let wmem_max = wmem_max();
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        let batch = filled(|b| {
            b.add(host()).add(input());
            for n in 0..MANY {
                let is = Cmp::new(Register::R1, CmpOp::Eq, ip(n)).into();
                b.add(rule(&input(), [saddr(), is, Counter::new().into(), verdict(Verdict::accept())]));
            }
            b
        });
        if committed(&mut nft, &batch, wmem_max) {
            let mut count = 0;
            for (n, rule) in nft.rules(&input()).enumerate() {
                let rule = rule?;
                assert!(matches!(&rule.exprs()[1], Expr::Cmp(cmp) if cmp.data == ip(n as u32)), "{n}: {rule:?}");
                count += 1;
            }
            assert_eq!(count, MANY);
        } else {
            assert_eq!(nft.tables().snapshot()?, [], "nothing was sent");
        }
        // Closing waits for the kernel to free what went, so let it go while the socket is open.
        apply(&mut nft, |b| b.flush_ruleset(None)).map(drop)
    });
}

#[test]
fn element_lists_are_split_where_a_length_would_overflow() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        let set = addresses(&host(), "s");
        apply(&mut nft, |b| b.add(host()).add(&set))?;
        let mut round = |elements: Vec<Element>| -> Result<(), Error> {
            let keys: Vec<_> = elements.iter().map(|e| e.key.unwrap()).collect();
            apply(&mut nft, |b| b.add(set.elements(&elements)))?;
            let found: Vec<_> = nft.get(&set, &keys)?.into_iter().map(Option::unwrap).collect();
            let told = |e: &Element| (e.key, e.comment());
            assert!(found.iter().map(told).eq(elements.iter().map(told)), "{} elements", elements.len());
            apply(&mut nft, |b| b.delete(set.elements(&elements)))?;
            assert!(nft.get(&set, &keys)?.iter().all(Option::is_none));
            Ok(())
        };
        // 16 bytes each: 4095 are the most that fit one list.
        for count in [4094, 4095, 4096, 4097, 2 * 4095, 2 * 4095 + 1] {
            round((0..count).map(|n| element(ip(n))).collect())?;
        }
        // Lists of all kinds of lengths around the limit.
        for stride in 1..=8 {
            let comment = |n: u32| "c".repeat((n * stride % 129) as usize);
            round((0..2000).map(|n| element(ip(n)).with_comment(&comment(n))).collect())?;
        }
        Ok(())
    });
}

#[test]
fn more_failures_than_the_receive_buffer_holds() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        let error = apply(&mut nft, |b| {
            b.add(host());
            for n in 0..1000 {
                b.delete(host().chain(format!("nosuch{n}")));
            }
            b
        });
        let error = error.unwrap_err();
        assert!(error.is_not_found());
        let failures = error.failures();
        assert!((200..1000).contains(&failures.len()), "{}", failures.len());
        assert_eq!((failures[0].operation, failures[199].operation), (Some(1), Some(200)));
        assert!(error.to_string().ends_with("and more failures than the socket's receive buffer holds"));
        assert_eq!(nft.tables().snapshot()?, [], "and the connection works on");
        Ok(())
    });
}

#[test]
fn what_is_acknowledged_does_not_fill_the_receive_buffer() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        apply(&mut nft, |b| {
            b.add(host()).add(input());
            (0..5000).fold(b, |b, _| b.add(does(&input(), Verdict::accept())))
        })?;
        assert_eq!(nft.rules(&input()).snapshot()?.len(), 5000);
        // And a lone error far behind is told.
        let error = apply(&mut nft, |b| {
            (0..5000).fold(&mut *b, |b, _| b.add(does(&input(), Verdict::accept())));
            b.delete(host().chain("nosuch"))
        });
        assert_eq!(error.unwrap_err().failures()[0].operation, Some(5000));
        Ok(())
    });
}

#[test]
fn a_listing_right_after_a_load_is_exact() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        let set = addresses(&host(), "s");
        let elements: Vec<_> = (0..MANY).map(|n| element(ip(n))).collect();
        let keys: HashSet<_> = elements.iter().map(|e| e.key.unwrap()).collect();
        for _ in 0..3 {
            apply(&mut nft, |b| b.flush_ruleset(None).add(host()).add(&set).add(set.elements(&elements)))?;
            let kept = nft.set(&host(), "s")?.unwrap();
            let listed = nft.elements(&kept).snapshot()?;
            assert_eq!(listed.len(), elements.len());
            assert!(listed.iter().map(|e| e.key.unwrap()).collect::<HashSet<_>>() == keys);
        }
        assert!(nft.table(Family::Inet, "host")?.is_some());
        Ok(())
    });
}

#[test]
fn a_large_batch_that_fails_everywhere_is_explained_in_proportion() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        apply(&mut nft, |b| b.add(host()).add(input()).add(host().chain("a")).add(host().chain("b")))?;
        let many = |first: &Rule, rest: &Rule, count: usize| {
            filled(|b| {
                b.add(does(&host().chain("a"), Verdict::jump("b"))).add(does(&input(), Verdict::jump("a"))).add(first);
                (0..count).fold(b, |b, _| b.add(rest))
            })
        };
        let (accept, lost) = (does(&input(), Verdict::accept()), does(&input(), Verdict::jump("nosuch")));
        let ring = does(&host().chain("b"), Verdict::jump("a"));
        for (first, rest, words) in [
            (&accept, &lost, "there is no chain nosuch in table inet host"),
            (&ring, &accept, "the jump closes a loop: a > b > a"),
        ] {
            // The least of several, whatever else the machine does.
            let mut least = |count| {
                let batch = many(first, rest, count);
                let one = |_| {
                    let start = Instant::now();
                    let error = nft.apply(&batch).unwrap_err();
                    assert!(error.failures().iter().all(|f| f.cause.contains(words)), "{error}");
                    start.elapsed()
                };
                (0..3).map(one).min().unwrap()
            };
            let (few, many) = (least(2_500), least(20_000));
            println!("8 times as many take {:.1} times as long", many.div_duration_f64(few));
            assert!(many < 30 * few, "{few:?}, {many:?}: not in proportion to the batch");
        }
        Ok(())
    });
}
