//! Intervals: what overlaps is refused with both named, and a delete takes out what it names and
//! nothing else.

use super::lab::{Feature, Outcome, assert_listed, lacks, open};
use oxitables::*;
use std::{net::Ipv4Addr, ops::RangeInclusive, time::Duration};

fn table() -> Table {
    Table::new(Family::Inet, "t")
}

fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

#[track_caller]
fn refusal(result: Result<Committed>) -> String {
    result.expect_err("this must not be taken").to_string()
}

type Range = RangeInclusive<u8>;

/// A set of intervals of addresses, and one of addresses and ports.
struct Sets {
    nets: Set<Ipv4Addr>,
    pairs: Set<(Ipv4Addr, Port)>,
}

impl Sets {
    fn made(nft: &mut Client) -> Result<Self> {
        let nets = Set::new(&table(), "nets").interval().timeouts();
        let pairs = Set::new(&table(), "pairs").interval();
        nft.apply(Batch::new().add(table()).add(&nets).add(&pairs))?;
        Ok(Self { nets, pairs })
    }

    fn net(&self, range: Range) -> Element<Ipv4Addr> {
        self.nets.element(ip(*range.start())..=ip(*range.end()))
    }

    fn pair(&self, range: Range, ports: RangeInclusive<u16>) -> Element<(Ipv4Addr, Port)> {
        self.pairs.element((ip(*range.start())..=ip(*range.end()), ports))
    }

    /// First and last addresses that the set of intervals holds.
    fn held(&self, nft: &mut Client) -> Result<Vec<(u8, u8)>> {
        let last = |ip: Ipv4Addr| ip.octets()[3];
        Ok(nft.members(&self.nets)?.iter().filter_map(Element::bounds).map(|(a, b)| (last(a), last(b))).collect())
    }
}

#[test]
fn overlaps_are_refused_before_anything_is_sent() {
    let sets = Sets { nets: Set::new(&table(), "nets").interval(), pairs: Set::new(&table(), "pairs").interval() };
    // No kernel is asked: the connection has no right to change anything, and the refusal comes
    // first.
    let mut nft = open();
    for (batch, said) in [
        (
            Batch::new().add(sets.nets.elements([sets.net(30..=39), sets.net(0..=9), sets.net(5..=20)])),
            "elements[2]: 10.0.0.5-10.0.0.20 overlaps 10.0.0.0-10.0.0.9 (elements[1]): leave one out, or make one of them with merged()",
        ),
        (
            Batch::new().add(sets.nets.ranges([ip(1)..=ip(9), ip(0)..=ip(200)])),
            "elements[1]: 10.0.0.0-10.0.0.200 overlaps 10.0.0.1-10.0.0.9 (elements[0]): leave one out, or make one of them with merged()",
        ),
        (Batch::new().add(sets.nets.ranges([ip(9)..=ip(1)])), "elements[0]: 10.0.0.9-10.0.0.1 ends before it starts"),
        // The kernel would take this one.
        (
            Batch::new().add(sets.pairs.elements([sets.pair(5..=9, 80..=90), sets.pair(0..=20, 1..=1000)])),
            "elements[1]: 10.0.0.0-10.0.0.20 . 1-1000 overlaps 10.0.0.5-10.0.0.9 . 80-90 (elements[0]): leave one out, or make one of them with merged()",
        ),
    ]
    .map(|(batch, said)| (std::mem::take(batch), said))
    {
        let text = refusal(nft.apply(&batch));
        assert!(text.contains(said), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}

#[test]
fn what_is_disjoint_goes_in_any_order_and_twice_the_same_is_once() -> Outcome {
    testing::in_namespace(|| -> Result<()> {
        let mut nft = open();
        let sets = Sets::made(&mut nft)?;
        let same = [sets.net(30..=39), sets.net(0..=9), sets.net(30..=39), sets.net(10..=19)];
        nft.apply(Batch::new().add(sets.nets.elements(&same)))?;
        assert_eq!(sets.held(&mut nft)?, [(0, 9), (10, 19), (30, 39)]);
        // Neighbours in one field, apart in the other.
        let pairs = [sets.pair(0..=9, 80..=90), sets.pair(0..=9, 1..=79), sets.pair(10..=19, 80..=90)];
        nft.apply(Batch::new().add(sets.pairs.elements(&pairs)))?;
        assert_eq!(nft.members(&sets.pairs)?.len(), 3);
        // The highest address has none behind it.
        let top = Ipv4Addr::new(255, 255, 255, 0)..=Ipv4Addr::BROADCAST;
        nft.apply(Batch::new().add(sets.nets.ranges([top.clone()])))?;
        assert!(nft.has(&sets.nets, top.clone())?);
        nft.apply(Batch::new().delete(sets.nets.ranges([top])))?;
        assert_eq!(sets.held(&mut nft)?.len(), 3);
        Ok(())
    });
    Ok(())
}

#[test]
fn an_overlap_with_what_is_there_names_both() {
    testing::in_namespace(|| -> Result<()> {
        let mut nft = open();
        let sets = Sets::made(&mut nft)?;
        nft.apply(Batch::new().add(sets.nets.elements([sets.net(0..=9), sets.net(20..=29)])))?;
        let text = refusal(nft.apply(Batch::new().add(sets.nets.elements([sets.net(15..=40)]))));
        assert!(text.contains("10.0.0.15-10.0.0.40 overlaps 10.0.0.20-10.0.0.29 of set nets"), "{text}");
        nft.apply(Batch::new().add(sets.pairs.elements([sets.pair(0..=9, 80..=90)])))?;
        let text = refusal(nft.apply(Batch::new().add(sets.pairs.elements([sets.pair(5..=20, 85..=100)]))));
        assert!(text.contains("10.0.0.5-10.0.0.20 . 85-100 overlaps 10.0.0.0-10.0.0.9 . 80-90 of set pairs"), "{text}");
        Ok(())
    });
}

#[test]
fn merging_joins_what_is_alike_only() {
    testing::in_namespace(|| -> Result<()> {
        let mut nft = open();
        let sets = Sets::made(&mut nft)?;
        let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
        let elements = [
            sets.net(0..=9),
            sets.net(5..=19),
            sets.net(20..=29).timeout(minute),
            sets.net(25..=39).timeout(minute),
            sets.net(40..=49).timeout(hour),
            sets.net(60..=60),
        ];
        let merged = sets.nets.merged(elements);
        nft.apply(Batch::new().add(sets.nets.elements(&merged)))?;
        assert_eq!(sets.held(&mut nft)?, [(0, 19), (20, 39), (40, 49), (60, 60)]);
        let merged = sets.nets.merged([sets.net(100..=110), sets.net(105..=120).timeout(hour)]);
        let text = refusal(nft.apply(Batch::new().add(sets.nets.elements(&merged))));
        assert!(text.contains("overlaps"), "{text}");
        let ranges = [(130, 140), (150, 160), (120, 130), (141, 145)].map(|(a, b)| ip(a)..=ip(b));
        nft.apply(Batch::new().flush(&sets.nets).add(sets.nets.ranges(ranges).merged()))?;
        assert_eq!(sets.held(&mut nft)?, [(120, 145), (150, 160)]);
        assert_listed(&["elements = { 10.0.0.120-10.0.0.145, 10.0.0.150-10.0.0.160 }"]);
        Ok(())
    });
}

#[test]
fn a_delete_takes_out_what_it_names_or_nothing() {
    testing::in_namespace(|| -> Result<()> {
        let mut nft = open();
        let sets = Sets::made(&mut nft)?;
        let nets = [sets.net(0..=99), sets.net(100..=109), sets.net(120..=129)];
        nft.apply(Batch::new().add(sets.nets.elements(&nets)))?;
        let before = sets.held(&mut nft)?;
        let destroys = !lacks(Feature::Destroy);
        for part in [0..=9, 5..=9, 90..=99, 0..=109, 100..=129, 95..=105, 0..=200, 110..=129, 100..=110] {
            let elements = [sets.net(part.clone())];
            refusal(nft.apply(Batch::new().delete(sets.nets.elements(&elements))));
            let text = refusal(nft.apply(Batch::new().destroy(sets.nets.elements(&elements))));
            assert!(text.contains(", which is not 10.0.0."), "{text}");
            assert!(nft.check(Batch::new().destroy(sets.nets.elements(&elements))).is_err());
            assert_eq!(sets.held(&mut nft)?, before, "{part:?}");
        }
        // What is not there at all may be destroyed, and what is named may be deleted.
        if destroys {
            nft.apply(Batch::new().destroy(sets.nets.elements([sets.net(111..=119), sets.net(200..=255)])))?;
        }
        assert_eq!(sets.held(&mut nft)?, before);
        nft.apply(Batch::new().delete(sets.nets.elements([sets.net(100..=109)])))?;
        let last = sets.nets.elements([sets.net(120..=129)]);
        let mut batch = Batch::new();
        nft.apply(if destroys { batch.destroy(last) } else { batch.delete(last) })?;
        assert_eq!(sets.held(&mut nft)?, [(0, 99)]);
        // Cut in two, at once.
        let (whole, rest) = ([sets.net(0..=99)], [sets.net(0..=9), sets.net(120..=199)]);
        let mut batch = Batch::new();
        batch.delete(sets.nets.elements(&whole)).add(sets.nets.elements(&rest)).delete(sets.nets.elements(&rest[1..]));
        nft.apply(&batch)?;
        assert_eq!(sets.held(&mut nft)?, [(0, 9)]);
        Ok(())
    });
}

#[test]
fn of_concatenated_intervals_too() {
    testing::in_namespace(|| -> Result<()> {
        let mut nft = open();
        let Sets { pairs, .. } = &Sets::made(&mut nft)?;
        let sets = Sets { nets: Set::new(&table(), "nets"), pairs: pairs.clone() };
        nft.apply(Batch::new().add(pairs.elements([sets.pair(0..=99, 80..=90), sets.pair(100..=109, 80..=80)])))?;
        for (part, ports) in
            [(0..=99, 80..=80), (5..=5, 85..=85), (0..=9, 80..=90), (0..=0, 80..=80), (99..=100, 80..=80)]
        {
            let element = [sets.pair(part, ports)];
            let text = refusal(nft.apply(Batch::new().delete(pairs.elements(&element))));
            assert!(text.contains("set pairs has 10.0.0.0-10.0.0.99 . 80-90, which is not 10.0.0."), "{text}");
            refusal(nft.apply(Batch::new().destroy(pairs.elements(&element))));
        }
        // By a name that says nothing of intervals.
        let hearsay = SetRef::<(Ipv4Addr, Port)>::new(Family::Inet, "t", "pairs");
        let text = refusal(nft.apply(Batch::new().delete(hearsay.elements([hearsay.element((ip(5), 85))]))));
        assert!(text.contains("set pairs holds intervals"), "{text}");
        // And as registers.
        let key = |bytes: &[u8]| model::Element::new(data::Value::new(bytes).unwrap());
        let one = [key(&[10, 0, 0, 5, 0, 85, 0, 0])];
        refusal(nft.apply(Batch::new().delete(pairs.model().elements(&one))));
        // What the batch itself added counts.
        let (part, whole) = ([sets.pair(200..=200, 5..=5)], [sets.pair(200..=210, 1..=9)]);
        let mut batch = Batch::new();
        refusal(nft.apply(batch.add(pairs.elements(&whole)).delete(pairs.elements(&part))));
        assert_eq!(nft.members(pairs)?.len(), 2);
        nft.apply(Batch::new().delete(pairs.elements([sets.pair(0..=99, 80..=90)])))?;
        if !lacks(Feature::Destroy) {
            nft.apply(Batch::new().destroy(pairs.elements([sets.pair(0..=99, 80..=90)])))?;
        }
        assert_eq!(nft.members(pairs)?.len(), 1);
        Ok(())
    });
}

#[test]
fn half_a_million_ranges_at_once() {
    testing::in_namespace(|| -> Result<()> {
        let mut nft = open();
        let Sets { nets, .. } = Sets::made(&mut nft)?;
        const MANY: u32 = 500_000;
        let range = |n: u32| Ipv4Addr::from(n << 4)..=Ipv4Addr::from(n << 4 | 7);
        match nft.apply(Batch::new().add(nets.ranges((0..MANY).map(range)))) {
            Err(Error::TooLarge { .. }) => return Ok(()),
            result => result?,
        };
        for n in [0, 1, MANY / 2, MANY - 1] {
            assert!(nft.has(&nets, range(n))?, "{n}");
            assert!(!nft.has(&nets, Ipv4Addr::from(n << 4 | 8))?, "{n}");
        }
        // Told since 6.16.
        if let Some(count) = nft.set(&table(), "nets")?.and_then(|set| set.count) {
            assert_eq!(count, MANY);
        }
        // Looked up one by one, and taken out in one batch.
        nft.apply(Batch::new().delete(nets.ranges((0..10_000).map(range))))?;
        assert!(!nft.has(&nets, range(9_999))? && nft.has(&nets, range(10_000))?);
        nft.apply(Batch::new().delete(table())).map(drop)
    });
}

#[test]
fn a_filled_set_is_sized_by_what_it_holds() {
    testing::in_namespace(|| -> Result<()> {
        let mut nft = open();
        let set = Set::<Ipv4Addr>::new(&table(), "hosts");
        nft.apply(Batch::new().add(table()).add(set.filled(set.keys((0..1000).map(Ipv4Addr::from)))))?;
        assert_eq!(nft.set(&table(), "hosts")?.unwrap().size(), Some(1000));
        assert_eq!(nft.members(&set)?.len(), 1000);
        let one = [set.element(Ipv4Addr::LOCALHOST)];
        assert!(nft.apply(Batch::new().add(set.elements(&one))).unwrap_err().is_full());
        // Larger, in place; for the batches that follow.
        if !lacks(Feature::SetSize) {
            nft.apply(Batch::new().add(set.clone().with_size(2000)))?;
            nft.apply(Batch::new().add(set.elements(&one)))?;
            assert_eq!(nft.members(&set)?.len(), 1001);
        }
        for (name, set) in [
            ("timed", Set::<Ipv4Addr>::new(&table(), "timed").timeouts()),
            ("nets", Set::new(&table(), "nets").interval()),
        ] {
            nft.apply(Batch::new().add(set.filled(set.keys([Ipv4Addr::LOCALHOST]))))?;
            assert_eq!(nft.set(&table(), name)?.unwrap().size(), None, "{name}");
        }
        let roomy = Set::<Ipv4Addr>::new(&table(), "roomy").with_size(50);
        nft.apply(Batch::new().add(roomy.filled(roomy.keys([Ipv4Addr::LOCALHOST]))))?;
        assert_eq!(nft.set(&table(), "roomy")?.unwrap().size(), Some(50));
        Ok(())
    });
}

#[test]
fn contents_are_exchanged_by_their_difference_or_as_a_whole() {
    testing::in_namespace(|| -> Result<()> {
        let mut nft = open();
        let (hosts, nets) =
            (Set::<Ipv4Addr>::new(&table(), "hosts"), Set::<Ipv4Addr>::new(&table(), "nets").interval());
        nft.apply(Batch::new().add(table()).add(&hosts).add(&nets))?;
        let mut held: Vec<Ipv4Addr> = Vec::new();
        for (new, operations) in [(0..100, 1), (10..110, 2), (10..60, 1), (200..250, 2), (0..0, 1), (0..0, 0)] {
            let new: Vec<_> = new.map(ip).collect();
            for set in [&hosts, &nets] {
                let mut batch = Batch::new();
                batch.exchange(set, held.clone(), new.clone());
                assert_eq!(batch.len(), operations);
                nft.apply(&batch)?;
                let mut found: Vec<_> = nft.members(set)?.iter().filter_map(Element::key).collect();
                found.sort();
                assert_eq!(found, new);
            }
            held = new;
        }
        // Elsewhere than it was believed to be: filled anew, it need not have been.
        nft.apply(Batch::new().exchange(&hosts, (100..200).map(ip), (0..5).map(ip)))?;
        assert_eq!(nft.members(&hosts)?.len(), 5);
        Ok(())
    });
}
