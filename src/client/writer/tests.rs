//! What is written for kernels that can do less than this one.

use super::*;
use crate::{
    Element, Family, Map, Set, SetRef,
    data::{Data, Port},
    model::{Does, Kind},
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
        for change in batch.changes() {
            assert_eq!((change.family(), change.kind), (Family::Inet, Kind::Elements));
            for element in change.elements().flatten() {
                let key = element.key.unwrap().to_vec();
                match (change.does, held.get_mut(&key)) {
                    (Does::New, None) => {
                        held.insert(key, (element.expiration.or(element.timeout).unwrap_or_default(), element.data));
                    }
                    (Does::New, Some((_, data))) if *data != element.data => return Err("EEXIST"),
                    (Does::New, Some((left, _))) => {
                        if let Some(life) = element.expiration.filter(|_| self.restarts) {
                            *left = life;
                        }
                    }
                    (Does::Delete, found) => {
                        found.ok_or("ENOENT")?;
                        held.remove(&key);
                    }
                    (Does::Destroy, _) if self.destroys => {
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
        let means = Means { destroy: self.destroys, restart: self.restarts };
        write(&mut batch, &queue.sets, &items, means, &Held::new());
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

#[test]
fn the_queue_stays_within_its_capacity_while_batches_fail_as_a_whole() {
    use crate::client::socket::Fault;
    use std::sync::atomic::{AtomicU64, Ordering};
    crate::testing::in_namespace(|| -> Result<()> {
        const CAPACITY: usize = 100;
        let set = Set::<Ipv4Addr>::new(&crate::Table::new(Family::Inet, "agent"), "blocked");
        let mut client = Client::open()?;
        client.capabilities()?;
        client.socket.faults = vec![Fault::Unsent(nix::errno::Errno::ENOMEM); 100_000].into();
        let failed = std::sync::Arc::new(AtomicU64::new(0));
        let told = std::sync::Arc::clone(&failed);
        let writer = Writer::new(client).with_capacity(CAPACITY).with_tick(Duration::ZERO);
        let writer = writer.spawn(move |written| {
            written.unwrap_err();
            told.fetch_add(1, Ordering::SeqCst);
        })?;
        let (mut taken, mut most, mut n) = (0, 0, 0);
        while failed.load(Ordering::SeqCst) < 1000 {
            n += 1;
            let change = ElementChange::add(&set, set.element(Ipv4Addr::from(n)));
            taken += usize::from(writer.try_push(change)?.is_none());
            most = most.max(writer.waiting());
        }
        assert_eq!((taken, most), (CAPACITY, CAPACITY));
        writer.close();
        Ok(())
    });
}

/// A map takes another value for a key also on kernels that cannot remove what need not be there.
#[test]
fn putting_replaces_the_value_of_a_map_on_kernels_without_destroy() {
    crate::testing::in_namespace(|| -> Result<()> {
        let table = crate::Table::new(Family::Inet, "agent");
        let ports = Map::<Ipv4Addr, Port>::new(&table, "ports");
        let ranges = Map::<Ipv4Addr, Port>::new(&table, "ranges").interval();
        let mut client = Client::open()?;
        client.apply(Batch::new().add(&table).add(&ports).add(&ranges))?;
        client.capabilities = Some(crate::proto::Capabilities::without(&[Feature::Destroy, Feature::TimeoutUpdate]));
        let mut writer = Writer::new(client);
        let key = |n: u32| Ipv4Addr::from(10 << 24 | n);
        let held = |set: &Map<Ipv4Addr, Port>| -> Result<Vec<_>> {
            let members = Client::open()?.members(set)?;
            let mut all: Vec<_> = members.iter().map(|e| (e.bounds().unwrap(), e.value::<Port>().unwrap())).collect();
            all.sort();
            Ok(all)
        };
        // One by one, and more than are written apart; new ones among those that are there.
        for (count, port) in [(1, 22), (2, 80), (2, 80), (500, 443), (600, 8080), (10, 53)] {
            for n in 0..count {
                writer.push(ElementChange::put(&ports, ports.element(key(n), port)))?;
                let range = key(n * 10)..=key(n * 10 + 4);
                writer.push(ElementChange::put(&ranges, ranges.element(range, port)))?;
            }
            let written = writer.flush()?;
            assert_eq!((written.elements, written.failures.len()), (2 * count as usize, 0), "{written:?}");
            for set in [&ports, &ranges] {
                let held = held(set)?;
                assert!(held[..count as usize].iter().all(|(_, value)| *value == Port::from(port)), "{held:?}");
            }
        }
        assert_eq!((held(&ports)?.len(), held(&ranges)?.len()), (600, 600));
        Ok(())
    });
}
