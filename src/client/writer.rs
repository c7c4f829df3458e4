//! Many small changes of elements, gathered into few batches.

mod queue;
#[cfg(test)]
mod tests;

use super::Client;
use crate::{
    Batch,
    batch::{SetName, Verb},
    data::Value,
    error::{Error, Failure, Rejection, Result},
    model::{self, Table},
    proto::Feature,
    wire::Step,
};
pub use queue::ElementChange;
pub(super) use queue::Queue;
use queue::{Deed, Item, Items, Place, Put};
use std::{
    collections::{BTreeMap, HashSet},
    time::{Duration, Instant},
};

/// What a [`Writer`] has done so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Counters {
    /// Changes that were taken.
    pub changes: u64,
    /// Of these, those that an earlier one of the same element was waiting for: they became one.
    pub folded: u64,
    /// Elements that are as they were to be.
    pub written: u64,
    /// Elements that the kernel refused.
    pub failed: u64,
    /// Batches that were committed.
    pub batches: u64,
    /// Batches that were refused, after which the good were parted from the bad.
    pub refused: u64,
}

/// What came of writing.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Written {
    /// How many elements are as they were to be.
    pub elements: usize,
    /// Those that the kernel refused, and why; the operations in them count for nothing.
    pub failures: Vec<Failure>,
}

/// Elements that are tried one by one: as many refusals fit every receive buffer.
const APART: usize = 200;

/// Writes what is queued over one connection.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) client: Client,
    pub(super) counters: Counters,
}

impl Engine {
    /// Writes all of it; an error leaves what is not written.
    pub(super) fn write(&mut self, queue: &mut Queue) -> Result<Written> {
        let Queue { sets, deeds, refused } = queue.take();
        let mut open: Vec<Items> = vec![deeds.into_iter().collect()];
        let mut written = Written { failures: refused, ..Written::default() };
        let result = self.write_open(&sets, &mut open, &mut written);
        if result.is_err() {
            let (deeds, refused) = (open.into_iter().flatten().collect(), std::mem::take(&mut written.failures));
            *queue = Queue { sets, deeds, refused };
        }
        result.map(|()| written)
    }

    fn write_open(&mut self, sets: &[Place], open: &mut Vec<Items>, written: &mut Written) -> Result<()> {
        let mut overtaken = 0;
        while let Some(items) = open.pop().filter(|items| !items.is_empty()) {
            let together = items.len() > APART;
            let known = self.batch(sets, &items, together);
            let (answer, owners) = match known {
                Ok((batch, owners)) => (self.client.apply(&batch), owners),
                Err(error) => (Err(error), Vec::new()),
            };
            match answer {
                Ok(_) => {
                    written.elements += items.len();
                    self.counters.written += items.len() as u64;
                    self.counters.batches += 1;
                }
                Err(Error::TooLarge { .. }) if items.len() > 1 => {
                    let mut items = items;
                    let rest = items.split_off(items.len() / 2);
                    open.extend([rest, items]);
                }
                Err(Error::Rejected(rejection)) if rejection.failures.iter().any(|f| f.operation.is_some()) => {
                    self.counters.refused += 1;
                    if together {
                        let mut items = items;
                        while !items.is_empty() {
                            open.push(items.split_off(items.len().saturating_sub(APART)));
                        }
                    } else {
                        let rest = self.part(items, rejection, &owners, written);
                        open.push(rest);
                    }
                }
                // What the map holds was looked up, and somebody else was faster.
                Err(error) if error.is_stale() && overtaken < super::ATTEMPTS => {
                    overtaken += 1;
                    open.push(items);
                }
                Err(error) => {
                    open.push(items);
                    return Err(error);
                }
            }
            open.retain(|items| !items.is_empty());
        }
        Ok(())
    }

    /// Leaves the items that were not refused.
    fn part(&mut self, items: Items, rejection: Rejection, owners: &[usize], written: &mut Written) -> Items {
        let mut refused: BTreeMap<usize, Option<Failure>> = BTreeMap::new();
        for failure in rejection.failures {
            let Some(&owner) = failure.operation.and_then(|operation| owners.get(operation)) else { continue };
            // That it need not be there is what deleting here means.
            let gone =
                matches!(items[owner].1, Deed::Delete) && failure.errno == Some(nix::errno::Errno::ENOENT as i32);
            let of_element = failure.path.steps().contains(&Step::Field("elements"));
            refused
                .entry(owner)
                .or_insert_with(|| (!(gone && of_element)).then_some(Failure { operation: None, ..failure }));
        }
        let mut rest = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            match refused.remove(&index) {
                None => rest.push(item),
                Some(None) => {
                    written.elements += 1;
                    self.counters.written += 1;
                }
                Some(Some(failure)) => {
                    self.counters.failed += 1;
                    written.failures.push(failure);
                }
            }
        }
        rest
    }

    /// The batch, and which item each of its operations is of, unless they are together.
    fn batch(&mut self, sets: &[Place], items: &Items, together: bool) -> Result<(Batch, Vec<usize>)> {
        let known = self.client.capabilities()?;
        let means = Means { destroy: known.has(Feature::Destroy), restart: known.has(Feature::TimeoutUpdate) };
        let mut batch = Batch::new();
        let mut owners = Vec::new();
        let mut index = 0;
        // They come set by set.
        for items in items.chunk_by(|a, b| a.0.0 == b.0.0) {
            let held = if means.destroy { Held::new() } else { self.held(sets, items, &mut batch)? };
            if together {
                write(&mut batch, sets, items, means, &held);
                continue;
            }
            for item in items {
                write(&mut batch, sets, std::slice::from_ref(item), means, &held);
                owners.resize(batch.len(), index);
                index += 1;
            }
        }
        Ok((batch, owners))
    }

    /// Of the keys that are put into a map, those that it has already: only without them an element
    /// with another value can be made. Binds the batch to what was found.
    fn held<'i>(&mut self, sets: &[Place], items: &'i [Item], batch: &mut Batch) -> Result<Held<'i>> {
        let mut keys: Vec<(&[u8], Value)> = Vec::new();
        for ((_, key), deed) in items {
            let Deed::Put(put) = deed else { continue };
            let named = queue::element(key).and_then(|element| element.key);
            if let (Some(named), Some((Some(_), _) | (_, Some(_)))) = (named, queue::value(&put.entry)) {
                keys.push((key, named));
            }
        }
        let place = items.first().and_then(|((set, _), _)| sets.get(*set)).filter(|_| !keys.is_empty());
        let Some(Place { family, table, name, .. }) = place else { return Ok(Held::new()) };
        let generation = self.client.generation()?;
        let Some(set) = self.client.set(&Table::new(*family, table), name)? else { return Ok(Held::new()) };
        let named: Vec<Value> = keys.iter().map(|(_, named)| *named).collect();
        let found = self.client.get(&set, &named)?;
        let same = |((_, named), found): &(&(&[u8], Value), Option<model::Element>)| {
            found.as_ref().is_some_and(|element| element.key == Some(*named))
        };
        batch.expect(batch.expected().unwrap_or(generation));
        Ok(keys.iter().zip(found).filter(same).map(|((key, _), _)| *key).collect())
    }
}

/// Keys that a map has, as list entries.
type Held<'i> = HashSet<&'i [u8]>;

/// What a kernel can do with elements that are there already.
#[derive(Clone, Copy)]
struct Means {
    /// Remove what need not be there.
    destroy: bool,
    /// Restart the time of an element in place.
    restart: bool,
}

/// Which entry of a deed and its key is written, if any.
type Pick<'p> = dyn for<'i> Fn(&'i Deed, &'i [u8]) -> Option<&'i [u8]> + 'p;

/// Writes the deeds in one set: deletes first, which make room.
fn write(batch: &mut Batch, sets: &[Place], items: &[Item], means: Means, held: &Held<'_>) {
    let Means { destroy, restart } = means;
    let Some(place) = items.first().and_then(|((set, _), _)| sets.get(*set)) else { return };
    let Place { family, table, name, kind, interval } = place;
    let set = SetName { family: *family, table, name, id: None };
    let mut run = |verb: Verb, pick: &Pick<'_>| {
        let mut entries = items.iter().filter_map(|((_, key), deed)| pick(deed, key)).peekable();
        if entries.peek().is_none() {
            return;
        }
        batch.assume(*family, table, name, *kind);
        batch.elements(verb, &set, entries, |entry, out| {
            out.bytes(entry);
            Ok(())
        });
        if *interval && matches!(verb, Verb::Delete | Verb::Destroy) {
            batch.cuts(&set);
        }
    };
    let in_place = |put: &Put| restart && put.restart.is_some();
    if destroy {
        run(Verb::Destroy, &|deed, key| match deed {
            Deed::Delete => Some(key),
            Deed::Put(put) if !in_place(put) => Some(key),
            _ => None,
        });
    } else {
        run(Verb::Delete, &|deed, key| (matches!(deed, Deed::Delete) || held.contains(key)).then_some(key));
        // Made first, so that there is something to remove.
        run(Verb::Add, &|deed, key| match deed {
            Deed::Put(put) if !held.contains(key) => Some(&put.entry),
            _ => None,
        });
        run(Verb::Delete, &|deed, key| (matches!(deed, Deed::Put(_)) && !held.contains(key)).then_some(key));
    }
    run(Verb::Add, &|deed, _| match deed {
        Deed::Put(Put { restart: Some(entry), .. }) if restart => Some(entry),
        Deed::Put(put) => Some(&put.entry),
        Deed::Add(entry) => Some(entry),
        Deed::Delete => None,
    });
}

/// Gathers changes of elements and writes them in one batch each tick: for agents that ban
/// thousands of addresses a second.
///
/// Changes of one element that wait together become one, with the effect of all of them in their
/// order. The order among different elements is not kept: deletes come first, which make room in
/// sets of a limited size. What the kernel refuses of an element does not hold up the others. The
/// queue is bounded.
///
/// It is driven by its owner with [`flush`](Self::flush) or [`poll`](Self::poll), or runs on a
/// thread of its own: [`Writer::spawn`]. Dropped, it writes what still waits, and only logs what
/// comes of that.
///
/// ```no_run
/// use oxitables::{Client, Family, SetRef, client::{ElementChange, Writer}};
/// use std::{net::Ipv4Addr, time::Duration};
///
/// let blocked = SetRef::<Ipv4Addr>::new(Family::Inet, "agent", "blocked");
/// let mut writer = Writer::new(Client::open()?);
/// for last in 1..=100 {
///     writer.push(ElementChange::refresh(&blocked, [192, 0, 2, last], Duration::from_secs(600)))?;
/// }
/// let written = writer.flush()?;
/// for failure in &written.failures {
///     eprintln!("{}: {}", failure.object, failure.cause);
/// }
/// # Ok::<(), oxitables::Error>(())
/// ```
#[derive(Debug)]
pub struct Writer {
    /// `None` when it is taken apart.
    pub(super) engine: Option<Engine>,
    pub(super) queue: Queue,
    pub(super) tick: Duration,
    pub(super) capacity: usize,
    last: Option<Instant>,
}

impl Writer {
    /// Over this connection: a tick of 10 ms, room for 65,536 elements.
    pub fn new(client: Client) -> Self {
        let engine = Some(Engine { client, counters: Counters::default() });
        Self { engine, queue: Queue::default(), tick: Duration::from_millis(10), capacity: 1 << 16, last: None }
    }

    /// The least time between two batches; by the clock that only runs forward.
    pub fn with_tick(mut self, tick: Duration) -> Self {
        self.tick = tick;
        self
    }

    /// How many elements may wait, at least 1. Those of a batch that is being written count, since
    /// they wait again if it fails.
    pub fn with_capacity(mut self, elements: usize) -> Self {
        self.capacity = elements.max(1);
        self
    }

    /// Queues a change. A full queue is flushed first.
    ///
    /// # Errors
    /// [`Error::Rejected`] if the element has no form on the wire; of the flush, as
    /// [`Writer::flush`], and then the change is not taken.
    pub fn push(&mut self, change: ElementChange) -> Result<Written> {
        let written = if self.queue.len() >= self.capacity { self.flush()? } else { Written::default() };
        if let Some(engine) = &mut self.engine {
            self.queue.push(change, &mut engine.counters)?;
        }
        Ok(written)
    }

    /// Writes all that waits.
    ///
    /// # Errors
    /// As [`Client::apply`], but not for what is wrong with single elements or their sets: that is
    /// in [`Written::failures`]. What was not written waits on; to write it twice does no harm.
    pub fn flush(&mut self) -> Result<Written> {
        self.last = Some(Instant::now());
        let Some(engine) = &mut self.engine else { return Ok(Written::default()) };
        engine.write(&mut self.queue)
    }

    /// Writes what waits if a tick has passed since the last batch. Returns what came of that, or
    /// when to call again; neither if nothing waits.
    ///
    /// # Errors
    /// As [`Writer::flush`].
    pub fn poll(&mut self) -> Result<Poll> {
        if self.queue.len() == 0 {
            return Ok(Poll::Idle);
        }
        match self.last.and_then(|last| self.tick.checked_sub(last.elapsed())) {
            Some(left) if !left.is_zero() => Ok(Poll::In(left)),
            _ => self.flush().map(Poll::Written),
        }
    }

    /// How many elements wait.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// What it has done so far.
    pub fn counters(&self) -> Counters {
        self.engine.as_ref().map(|engine| engine.counters).unwrap_or_default()
    }
}

/// What [`Writer::poll`] did.
#[derive(Debug)]
pub enum Poll {
    /// Nothing waits.
    Idle,
    /// Something waits; call again after this time.
    In(Duration),
    /// A batch was written.
    Written(Written),
}

impl Drop for Writer {
    fn drop(&mut self) {
        match self.flush() {
            Ok(Written { failures, .. }) if failures.is_empty() => {}
            Ok(Written { failures, .. }) => {
                log::warn!("{} elements were refused: {}", failures.len(), failures[0].cause)
            }
            Err(error) => log::warn!("{} elements are not written: {error}", self.queue.len()),
        }
    }
}
