//! What is written for kernels that can do less than this one.

use super::*;
use crate::{
    Element, Family, Map, Set, SetRef,
    data::{Data, Port},
    model,
    wire::attrs,
};
use std::net::Ipv4Addr;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86400);

/// A set as kernels keep it: what is left of each element's life, and its value.
#[derive(Clone, Debug, Default, PartialEq)]
struct Kernel {
    destroys: bool,
    restarts: bool,
    held: BTreeMap<Vec<u8>, (Duration, Option<Data>)>,
}

impl Kernel {
    fn new(destroys: bool, restarts: bool) -> Self {
        Self { destroys, restarts, ..Self::default() }
    }

    /// All of it, or nothing.
    fn apply(&mut self, batch: &Batch) -> Result<(), &'static str> {
        let mut held = self.held.clone();
        for (nft, message, fields) in batch.each() {
            assert_eq!(Family::from(message.family()), Family::Inet);
            for entry in attrs(fields.get(3).unwrap()).flatten() {
                let element = model::Element::decode_attrs(entry.payload).unwrap();
                let key = element.key.unwrap().to_vec();
                match (nft, held.get_mut(&key)) {
                    (12, None) => {
                        held.insert(key, (element.expiration.or(element.timeout).unwrap_or_default(), element.data));
                    }
                    (12, Some((_, data))) if *data != element.data => return Err("EEXIST"),
                    (12, Some((left, _))) => {
                        if let Some(life) = element.expiration.filter(|_| self.restarts) {
                            *left = life;
                        }
                    }
                    (14, found) => {
                        found.ok_or("ENOENT")?;
                        held.remove(&key);
                    }
                    (30, _) if self.destroys => {
                        held.remove(&key);
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        self.held = held;
        Ok(())
    }

    /// What is there after a change of a set in which all live for another minute.
    fn after(&self, change: ElementChange) -> Result<Self, &'static str> {
        let mut queue = Queue::default();
        queue.push(change, &mut Counters::default()).unwrap();
        let (items, mut batch): (Items, _) = (queue.deeds.into_iter().collect(), Batch::new());
        write(&mut batch, &queue.sets, &items, self.destroys, self.restarts);
        let mut after = self.clone();
        after.apply(&batch).map(|()| after)
    }
}

#[test]
fn older_kernels_are_written_to_in_what_they_know() {
    let set = Set::<Ipv4Addr>::new(&crate::Table::new(Family::Inet, "agent"), "blocked").timeouts();
    let minute = Duration::from_secs(60);
    for (destroys, restarts) in [(false, false), (true, false), (true, true)] {
        let empty = Kernel::new(destroys, restarts);
        let mut held = empty.clone();
        held.held.insert(vec![10, 0, 0, 1], (minute, None));
        let change = |kind: fn(&SetRef<Ipv4Addr>, Element<Ipv4Addr>) -> ElementChange, element| kind(&set, element);
        let element = || set.element([10, 0, 0, 1]).timeout(HOUR);
        let left = |kernel: Result<Kernel, _>| kernel.map(|kernel| kernel.held.values().next().map(|(left, _)| *left));
        for before in [&empty, &held] {
            // One with a comment cannot be restarted in place.
            for element in [element(), element().comment("seen")] {
                assert_eq!(left(before.after(change(ElementChange::put, element))), Ok(Some(HOUR)), "{before:?}");
            }
        }
        assert_eq!(left(empty.after(change(ElementChange::add, element()))), Ok(Some(HOUR)));
        assert_eq!(left(held.after(change(ElementChange::add, element()))), Ok(Some(minute)));
        let delete = || ElementChange::delete(&set, [10, 0, 0, 1]);
        assert_eq!(left(held.after(delete())), Ok(None));
        // Which `part` takes for done.
        assert_eq!(left(empty.after(delete())), if destroys { Ok(None) } else { Err("ENOENT") });
    }
}

#[test]
fn another_value_for_a_key_that_waits_is_refused() {
    let map = Map::<Ipv4Addr, Port>::new(&crate::Table::new(Family::Inet, "agent"), "ports");
    let (mut queue, mut counters) = (Queue::default(), Counters::default());
    let change = |port: u16| map.element([10, 0, 0, 1], port);
    queue.push(ElementChange::add(&map, change(22)), &mut counters).unwrap();
    let first = format!("{:?}", queue.deeds);
    queue.push(ElementChange::add(&map, change(80)), &mut counters).unwrap();
    queue.push(ElementChange::add(&map, change(22)), &mut counters).unwrap();
    assert_eq!(format!("{:?}", queue.deeds), first);
    assert_eq!(queue.refused.len(), 1);
    assert_eq!(queue.refused[0].object, "element inet agent ports");
    assert_eq!((counters.changes, counters.folded, counters.failed), (3, 2, 1));
    // What is put stands.
    queue.push(ElementChange::put(&map, change(80)), &mut counters).unwrap();
    queue.push(ElementChange::add(&map, change(22)), &mut counters).unwrap();
    assert_eq!((queue.refused.len(), queue.deeds.len()), (2, 1));
}

#[test]
fn what_failed_goes_back_before_what_came_later_and_sets_are_forgotten() {
    let table = crate::Table::new(Family::Inet, "agent");
    let sets = ["a", "b"].map(|name| Set::<Ipv4Addr>::new(&table, name).timeouts());
    let (mut queue, mut counters) = (Queue::default(), Counters::default());
    let refresh = |set: usize, life| ElementChange::refresh(&sets[set], [10, 0, 0, 1], life);
    queue.push(refresh(0, HOUR), &mut counters).unwrap();
    queue.push(refresh(1, HOUR), &mut counters).unwrap();
    let failed = queue.take();
    assert!(queue.sets.is_empty());
    queue.push(refresh(1, DAY), &mut counters).unwrap();
    queue.put_back(failed, &mut counters);
    let mut wanted = Queue::default();
    wanted.push(refresh(0, HOUR), &mut counters).unwrap();
    wanted.push(refresh(1, DAY), &mut counters).unwrap();
    assert_eq!(format!("{queue:?}"), format!("{wanted:?}"));
}
