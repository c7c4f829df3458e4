//! Sets and maps of every kind.

use super::lab::*;
use oxitables::{Client, Error, Family, data::*, expr::*, model::*, testing};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

fn mac() -> DataType {
    DataType::from(9)
}

/// What each kind of set is, some elements, and how nft shows it.
fn kinds() -> Vec<(Set, Vec<Element>, Vec<&'static str>)> {
    let new = |name: &str| addresses(&host(), name);
    let pairs = |name: &str| Set::new(&host(), name, ipv4().then(port()), 8).with_fields([4, 2]);
    let both = |address: Value, port: u16| value([&address[..], &port.to_be_bytes(), &[0, 0]].concat());
    let mut timed = new("timed").with_flags(SetFlags::TIMEOUT).with_comment("forgets");
    (timed.timeout, timed.gc_interval) = (Some(HOUR), Some(Duration::from_secs(30)));
    let mut counted = new("counted");
    counted.expr = Some(Box::new(Counter::new().into()));
    let mut both_counted = with_exprs("both_counted", vec![Counter::new().into(), Quota::over(1 << 20).into()]);
    both_counted.flags = Some(SetFlags::EXPR | SetFlags::EVAL);
    let mut ranges = element(both(ip(0x100), 80));
    ranges.key_end = Some(both(ip(0x1ff), 90));
    let memory = {
        let mut set = new("memory");
        set.policy = Some(SetPolicy::Memory);
        set
    };
    let mut kinds = vec![
        (new("plain"), vec![element(ip(1)), element(ip(2))], vec!["type ipv4_addr"]),
        (new("sized").with_size(0x123), vec![element(ip(1))], vec!["size 291"]),
        (memory, vec![element(ip(1))], vec!["policy memory"]),
        (new("fixed").with_flags(SetFlags::CONSTANT), vec![element(ip(1))], vec!["flags constant"]),
        (
            new("nets").with_flags(SetFlags::INTERVAL),
            range(ip(0x100), ip(0x200)).into(),
            vec!["elements = { 10.0.1.0/24 }"],
        ),
        (
            pairs("pairs").with_flags(SetFlags::CONCAT),
            vec![element(both(ip(7), 443))],
            vec!["type ipv4_addr . inet_service", "elements = { 10.0.0.7 . 443 }"],
        ),
        (
            pairs("ranges").with_flags(SetFlags::CONCAT | SetFlags::INTERVAL),
            vec![ranges],
            vec!["elements = { 10.0.1.0/24 . 80-90 }"],
        ),
        (timed, vec![], vec!["timeout 1h", "gc-interval 30s", "comment \"forgets\""]),
        (
            new("learned").with_flags(SetFlags::EVAL | SetFlags::TIMEOUT).with_size(99),
            vec![],
            vec!["flags dynamic,timeout"],
        ),
        (counted, vec![element(ip(1))], vec!["counter", "elements = { 10.0.0.1 counter packets 0 bytes 0 }"]),
        (
            new("mapped").with_data(port(), 2),
            vec![pair(ip(1), 0x1234)],
            vec!["type ipv4_addr : inet_service", "elements = { 10.0.0.1 : 4660 }"],
        ),
        (
            new("verdicts").with_data(DataType::VERDICT, 0),
            vec![goes(ip(1), "away")],
            vec!["type ipv4_addr : verdict", "elements = { 10.0.0.1 : jump away }"],
        ),
        (
            Set::new(&host(), "macs", mac(), 6),
            vec![element(value([2, 0, 0, 0, 0x12, 0x34]))],
            vec!["elements = { 02:00:00:00:12:34 }"],
        ),
    ];
    if !lacks(Feature::ElementExprs) {
        kinds.push((both_counted, vec![], vec!["counter quota over 1 mbytes"]));
    }
    if !lacks(Feature::CatchAll) {
        let mut all = Element::catch_all();
        all.data = Some(Verdict::drop().into());
        let map = new("all_verdicts").with_data(DataType::VERDICT, 0);
        kinds.push((map, vec![goes(ip(1), "away"), all], vec!["elements = { 10.0.0.1 : jump away, * : drop }"]));
    }
    kinds
}

#[test]
fn of_every_kind() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        apply(&mut nft, |b| b.add(host()).add(host().chain("away")))?;
        for (set, elements, lines) in kinds() {
            apply(&mut nft, |b| b.create(&set).add(&set).add(set.elements(&elements)))?;
            let back = nft.set(&host(), &set.name)?.unwrap();
            assert_eq!(normal(&back), normal(&set), "{}", set.name);
            let kept = nft.elements(&back).snapshot()?;
            assert_eq!(kept.len(), elements.len(), "{}", set.name);
            for element in &elements {
                let found = kept.iter().find(|e| (e.key, e.flags()) == (element.key, element.flags())).unwrap();
                assert_eq!((&found.data, &found.key_end), (&element.data, &element.key_end), "{}", set.name);
            }
            assert_listed(&lines);
            apply(&mut nft, |b| b.delete(&set))?;
            assert_eq!(nft.set(&host(), &set.name)?, None);
        }
        Ok(())
    });
}

trait Flags {
    fn flags(&self) -> ElementFlags;
}

impl Flags for Element {
    fn flags(&self) -> ElementFlags {
        self.flags.unwrap_or_default()
    }
}

/// A set without what the kernel adds to it.
fn normal(set: &Set) -> Set {
    let mut set = set.clone();
    (set.handle, set.backend, set.count, set.id) = (None, None, None, None);
    set.flags = Some(set.flags());
    // Of verdicts it reports its own size.
    set.data_len = set.data_len.filter(|_| set.data_type != Some(DataType::VERDICT));
    set.policy = set.policy.filter(|p| *p != SetPolicy::Performance);
    // A lone expression comes back in the singular.
    if let Some([one]) = set.exprs.as_deref() {
        set.expr = Some(Box::new(one.clone()));
        set.exprs = None;
    }
    for expr in set.expr.as_deref_mut().into_iter().chain(set.exprs.iter_mut().flatten()) {
        match expr {
            Expr::Counter(c) => (c.packets, c.bytes) = (None, None),
            Expr::Quota(q) => q.consumed = None,
            _ => {}
        }
    }
    set.desc = set.desc.filter(|d| d.size.is_some() || d.concat.is_some());
    set
}

#[test]
fn a_rule_uses_them() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        let (plain, verdicts) = (addresses(&host(), "plain"), addresses(&host(), "v").with_data(DataType::VERDICT, 0));
        let look = |set: &Set| Lookup::new(&set.name, Register::R1);
        apply(&mut nft, |b| {
            b.add(host()).add(input()).add(&plain).add(&verdicts);
            b.add(rule(&input(), [is_ip(), is(2), saddr(), look(&plain).into(), verdict(Verdict::accept())]));
            b.add(rule(&input(), [is_ip(), is(2), saddr(), look(&plain).inverted().into(), verdict(Verdict::drop())]));
            b.add(rule(&input(), [is_ip(), is(2), saddr(), look(&verdicts).into_register(Register::VERDICT).into()]))
        })?;
        assert_listed(&["ip saddr @plain accept", "ip saddr != @plain drop", "ip saddr vmap @v"]);
        assert!(apply(&mut nft, |b| b.delete(&plain)).unwrap_err().is_busy());
        Ok(())
    });
}

fn is_ip() -> Expr {
    Meta::load(MetaKey::Nfproto, Register::R1).into()
}

fn is(byte: u8) -> Expr {
    Cmp::new(Register::R1, CmpOp::Eq, value([byte])).into()
}

#[test]
fn anonymous_ones_belong_to_their_rule() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        let fill = |b: &mut oxitables::Batch, id: u32, key: u32| {
            let mut set = addresses(&host(), "__set%d").with_flags(SetFlags::ANONYMOUS | SetFlags::CONSTANT);
            let mut lookup = Lookup::new("__set%d", Register::R1);
            (set.id, lookup.set_id) = (Some(id), Some(id));
            let rule = rule(&input(), [is_ip(), is(2), saddr(), lookup.into(), verdict(Verdict::accept())]);
            b.add(&set).add(set.elements(&[element(ip(key)), element(ip(key + 1))])).add(rule);
        };
        apply(&mut nft, |b| {
            b.add(host()).add(input());
            fill(b, 1, 1);
            fill(b, 2, 3);
            b
        })?;
        assert_listed(&["ip saddr { 10.0.0.1, 10.0.0.2 } accept", "ip saddr { 10.0.0.3, 10.0.0.4 } accept"]);
        let sets = nft.sets(&host()).snapshot()?;
        assert_eq!(sets.iter().map(|s| s.name.to_string()).collect::<Vec<_>>(), ["__set0", "__set1"]);
        let rules = nft.rules(&input()).snapshot()?;
        apply(&mut nft, |b| b.delete(&rules[0]))?;
        assert_eq!(nft.sets(&host()).snapshot()?.len(), 1);
        Ok(())
    });
}

#[test]
fn what_may_change_of_a_set() {
    testing::in_namespace(|| -> Result<(), Error> {
        if lacks(Feature::SetSize) {
            return Ok(());
        }
        let mut nft = open();
        let set = |size, timeout| {
            let mut set = addresses(&host(), "s").with_flags(SetFlags::TIMEOUT).with_size(size);
            set.timeout = Some(timeout);
            set
        };
        apply(&mut nft, |b| b.add(host()).add(set(10, HOUR)))?;
        apply(&mut nft, |b| b.add(set(20, 2 * HOUR)))?;
        let back = nft.set(&host(), "s")?.unwrap();
        assert_eq!((back.size(), back.timeout), (Some(20), Some(2 * HOUR)));
        Ok(())
    });
}

#[test]
fn listed_are_those_of_one_table_and_counted() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft: Client = open();
        let theirs = oxitables::Table::new(Family::Inet, "theirs");
        let ours = addresses(&host(), "ours");
        apply(&mut nft, |b| {
            b.add(host()).add(&theirs).add(&ours).add(addresses(&theirs, "a")).add(addresses(&theirs, "b"));
            b.add(ours.elements(&[element(ip(1)), element(ip(2)), element(ip(3))]))
        })?;
        let sets = nft.sets(&host()).snapshot()?;
        assert_eq!(sets.len(), 1);
        // Since 6.16.
        assert!(sets[0].count.is_none_or(|count| count == 3));
        assert_eq!(nft.sets(&theirs).snapshot()?.len(), 2);
        assert_eq!(nft.set(&host(), "a")?, None);
        apply(&mut nft, |b| b.flush(&ours))?;
        assert_eq!(nft.elements(&ours).snapshot()?, []);
        Ok(())
    });
}

/// Numbers of which nft knows no width need its notes: without them both versions abort, or show
/// zeros.
#[test]
fn typed_maps_by_numbers_of_any_width_are_listed_by_every_nft() {
    use oxitables::{Keyed, Mark, ip, meta, tcp};
    testing::in_namespace(|| -> Result<(), Error> {
        let input = host().chain("input");
        let key = || (ip::ttl(), tcp::dport());
        let rule = oxitables::Rule::new;
        let marks = key().map_of([((64, 22), Mark::from(1)), ((65, 23), Mark::from(2))]);
        let verdicts = key().vmap_of([((64, 22), Verdict::accept()), ((65, 23), Verdict::drop())]);
        let objects = key().objects_of([((64, 22), "seen"), ((65, 23), "seen")]);
        let seen = Object::new(&host(), "seen", ObjectData::Counter(Counter::new()));
        apply(&mut open(), |b| {
            b.add(host()).add(&input).add(seen);
            b.add(input.rule(rule().when(key().is_any([(64, 22), (65, 23)]))));
            b.add(input.rule(rule().then(meta::mark().set(marks))));
            b.add(input.rule(rule().then(oxitables::counter_from(objects))));
            b.add(input.rule(rule().verdict(verdicts)))
        })?;
        assert_listed(&[
            "ip ttl . tcp dport { 64 . 22, 65 . 23 }",
            "meta mark set ip ttl . tcp dport map { 64 . 22 : 0x00000001, 65 . 23 : 0x00000002 }",
            "counter name ip ttl . tcp dport map { 64 . 22 : \"seen\", 65 . 23 : \"seen\" }",
            "ip ttl . tcp dport vmap { 64 . 22 : accept, 65 . 23 : drop }",
        ]);
        Ok(())
    });
}
