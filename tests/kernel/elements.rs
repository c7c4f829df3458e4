//! Elements: timeouts, comments, values, and finding them by key.

use super::lab::*;
use oxitables::{Client, Error, data::*, expr::*, model::*, testing};
use std::{slice::from_ref, time::Duration};

const MINUTE: Duration = Duration::from_secs(60);

fn with_timeouts() -> Set {
    let mut set = addresses(&host(), "s").with_flags(SetFlags::TIMEOUT);
    set.timeout = Some(10 * MINUTE);
    set
}

fn with(key: u32, change: impl FnOnce(&mut Element)) -> Element {
    let mut element = element(ip(key));
    change(&mut element);
    element
}

fn one(nft: &mut Client, set: &Set, key: u32) -> Element {
    nft.get(set, &[ip(key)]).unwrap().remove(0).unwrap()
}

/// What is left of the element's life, in whole minutes, rounded up.
fn minutes_left(nft: &mut Client, set: &Set, key: u32) -> Option<u64> {
    one(nft, set, key).expiration.map(|left| left.as_secs().div_ceil(60))
}

#[test]
fn timeouts_are_the_elements_own_or_the_sets() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        let set = with_timeouts();
        let elements = [
            element(ip(1)),
            with(2, |e| e.timeout = Some(MINUTE)),
            with(3, |e| e.timeout = Some(Duration::ZERO)),
            with(4, |e| (e.timeout, e.expiration) = (Some(5 * MINUTE), Some(2 * MINUTE))),
            with(5, |e| e.expiration = Some(3 * MINUTE)),
        ];
        apply(&mut nft, |b| b.add(host()).add(&set).add(set.elements(&elements)))?;
        let left: Vec<_> = (1..=5).map(|key| minutes_left(&mut nft, &set, key)).collect();
        assert_eq!(left, [Some(10), Some(1), None, Some(2), Some(3)]);
        assert_eq!(one(&mut nft, &set, 2).timeout, Some(MINUTE));
        assert_eq!(one(&mut nft, &set, 1).timeout, None, "the set's own is not repeated");
        for text in nft_lists() {
            assert!(text.contains("10.0.0.2 timeout 1m expires "), "{text}");
            assert!(text.contains("10.0.0.4 timeout 5m expires "), "{text}");
        }
        Ok(())
    });
}

#[test]
fn adding_again_does_not_refresh_but_an_expiration_does() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        let set = with_timeouts();
        let add = |nft: &mut Client, timeout: Option<Duration>, left: Option<Duration>| {
            apply(nft, |b| b.add(set.elements(&[with(1, |e| (e.timeout, e.expiration) = (timeout, left))])))
        };
        apply(&mut nft, |b| b.add(host()).add(&set))?;
        add(&mut nft, Some(5 * MINUTE), Some(2 * MINUTE))?;
        add(&mut nft, Some(5 * MINUTE), None)?;
        assert_eq!(minutes_left(&mut nft, &set, 1), Some(2), "same timeout: nothing happens");
        if lacks(Feature::TimeoutUpdate) {
            return Ok(());
        }
        add(&mut nft, Some(5 * MINUTE), Some(5 * MINUTE))?;
        assert_eq!(minutes_left(&mut nft, &set, 1), Some(5));
        add(&mut nft, Some(7 * MINUTE), None)?;
        assert_eq!(minutes_left(&mut nft, &set, 1), Some(7), "another timeout starts again");
        add(&mut nft, Some(Duration::ZERO), None)?;
        assert_eq!(one(&mut nft, &set, 1).expiration, None, "for ever");
        Ok(())
    });
}

#[test]
fn expired_ones_are_gone() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        let set = with_timeouts();
        let brief = [with(1, |e| e.timeout = Some(Duration::from_millis(50))), element(ip(2))];
        apply(&mut nft, |b| b.add(host()).add(&set).add(set.elements(&brief)))?;
        std::thread::sleep(Duration::from_millis(100));
        let found = nft.get(&set, &[ip(1), ip(2)])?;
        assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true]);
        assert_eq!(nft.elements(&set).snapshot()?.len(), 1);
        assert!(apply(&mut nft, |b| b.delete(set.elements(&brief[..1]))).unwrap_err().is_not_found());
        apply(&mut nft, |b| b.create(set.elements(&brief[..1])))?;
        Ok(())
    });
}

#[test]
fn comments_and_values_and_counters_stay() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        let map = addresses(&host(), "m").with_data(port(), 2);
        let mut counted = addresses(&host(), "c");
        counted.expr = Some(Box::new(Counter::new().into()));
        let mut counter = Counter::new();
        (counter.packets, counter.bytes) = (Some(7), Some(0x1234));
        let longest = "x".repeat(Userdata::MAX_COMMENT);
        let elements = [pair(ip(1), 80).with_comment("web"), pair(ip(2), 0x1234).with_comment(&longest)];
        apply(&mut nft, |b| {
            b.add(host()).add(&map).add(&counted).add(map.elements(&elements));
            b.add(counted.elements(&[with(1, |e| e.expr = Some(Box::new(counter.clone().into())))]))
        })?;
        assert_eq!(nft.elements(&map).snapshot()?.len(), 2);
        let found = one(&mut nft, &map, 2);
        assert_eq!((found.comment().unwrap(), &found.data), (longest, &elements[1].data));
        for text in nft_lists() {
            assert!(text.contains("10.0.0.1 comment \"web\" : 80"), "{text}");
        }
        let read = |elements: Vec<Element>| match elements[0].expr.as_deref() {
            Some(Expr::Counter(c)) => (c.packets.unwrap(), c.bytes.unwrap()),
            other => panic!("{other:?}"),
        };
        if is_before("6.5", "resetting elements") {
            return Ok(());
        }
        assert_eq!(read(nft.reset_elements(&counted).snapshot()?), (7, 0x1234));
        assert_eq!(read(nft.elements(&counted).snapshot()?), (0, 0));
        Ok(())
    });
}

#[test]
fn every_verb() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        let set = addresses(&host(), "s");
        let [a, b_, c] = [1, 2, 3].map(|n| element(ip(n)));
        apply(&mut nft, |b| b.add(host()).add(&set).create(set.elements(&[a.clone(), b_.clone()])))?;
        apply(&mut nft, |b| b.add(set.elements(&[a.clone(), c.clone()])))?;
        assert!(apply(&mut nft, |b| b.create(set.elements(from_ref(&c)))).unwrap_err().is_exists());
        apply(&mut nft, |b| b.delete(set.elements(from_ref(&a))))?;
        assert!(apply(&mut nft, |b| b.delete(set.elements(from_ref(&a)))).unwrap_err().is_not_found());
        let destroys = !lacks(Feature::Destroy);
        if destroys {
            apply(&mut nft, |b| b.destroy(set.elements(&[a.clone(), b_.clone()])))?;
        } else {
            apply(&mut nft, |b| b.delete(set.elements(from_ref(&b_))))?;
        }
        assert_eq!(nft.elements(&set).snapshot()?, from_ref(&c));
        apply(&mut nft, |b| b.flush(&set))?;
        assert_eq!(nft.elements(&set).snapshot()?, []);
        // Deleting nothing is not flushing: a list without elements would be that to the kernel.
        apply(&mut nft, |b| b.add(set.elements(from_ref(&c))).delete(set.elements(&[])))?;
        if destroys {
            apply(&mut nft, |b| b.destroy(set.elements(&[])))?;
        }
        assert_eq!(nft.elements(&set).snapshot()?, [c]);
        Ok(())
    });
}

#[test]
fn found_by_key_however_many_are_missing() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        let set = addresses(&host(), "s");
        let even: Vec<_> = (0..500).map(|n| element(ip(2 * n))).collect();
        apply(&mut nft, |b| b.add(host()).add(&set).add(set.elements(&even)))?;
        let keys: Vec<_> = (0..1000).map(ip).collect();
        let found = nft.get(&set, &keys)?;
        assert_eq!(found.len(), keys.len());
        for (n, (key, found)) in keys.iter().zip(&found).enumerate() {
            assert_eq!(found.as_ref().map(|e| e.key.unwrap()), (n % 2 == 0).then_some(*key));
        }
        assert_eq!(nft.get(&set, &[])?, []);
        assert_eq!(nft.get(&set, &[ip(1), ip(3), ip(5)])?, [None, None, None]);
        assert!(nft.get(&addresses(&host(), "nosuch"), &[ip(1)]).unwrap_err().is_not_found());
        // A key finds the interval that it lies in.
        let nets = addresses(&host(), "nets").with_flags(SetFlags::INTERVAL);
        apply(&mut nft, |b| b.add(&nets).add(nets.elements(&range(ip(0x100), ip(0x200)))))?;
        let found = nft.get(&nets, &[ip(0x180), ip(0x300)])?;
        assert_eq!(found[0].as_ref().unwrap().key, Some(ip(0x100)));
        assert_eq!(found[1], None);
        Ok(())
    });
}

#[test]
fn single_elements_are_read_and_reset() {
    testing::in_namespace(|| -> Outcome {
        let mut nft = open();
        let counters = {
            let mut set = addresses(&host(), "s");
            set.expr = Some(Box::new(Counter::new().into()));
            set
        };
        let counted = |n, packets| {
            let mut counter = Counter::new();
            (counter.packets, counter.bytes) = (Some(packets), Some(packets * 100));
            let mut element = element(ip(n));
            element.expr = Some(Box::new(counter.into()));
            element
        };
        apply(&mut nft, |b| b.add(host()).add(&counters).add(counters.elements([counted(1, 7), counted(2, 9)])))?;
        let packets = |found: &[Option<Element>]| -> Vec<Option<u64>> {
            let of = |e: &Element| match e.expr.as_deref() {
                Some(Expr::Counter(counter)) => counter.packets,
                _ => None,
            };
            found.iter().map(|e| e.as_ref().and_then(of)).collect()
        };
        if is_before("6.5", "resetting elements") {
            return Ok(());
        }
        assert_eq!(packets(&nft.reset(&counters, &[ip(1), ip(3)])?), [Some(7), None]);
        assert_eq!(packets(&nft.get(&counters, &[ip(1), ip(2)])?), [Some(0), Some(9)]);
        Ok(())
    });
}
