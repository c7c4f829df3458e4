//! Many small changes of elements, gathered into few batches.

mod queue;
#[cfg(test)]
mod tests;

use super::Client;
use crate::{
    Batch,
    batch::{SetName, Verb},
    error::{Error, Failure, Rejection, Result},
    model::Table,
    proto::Feature,
    wire::Step,
};
pub use queue::ElementChange;
pub(super) use queue::Queue;
use queue::{Deed, Item, Items, Place, Put};
use std::{
    collections::BTreeMap,
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
        let (destroy, restart) = (known.has(Feature::Destroy), known.has(Feature::TimeoutUpdate));
        let mut batch = Batch::new();
        let mut owners = Vec::new();
        if !together {
            for (index, item) in items.iter().enumerate() {
                write(&mut batch, sets, std::slice::from_ref(item), destroy, restart);
                owners.resize(batch.len(), index);
            }
            return Ok((batch, owners));
        }
        // They come set by set.
        for items in items.chunk_by(|a, b| a.0.0 == b.0.0) {
            write(&mut batch, sets, items, destroy, restart);
        }
        Ok((batch, owners))
    }
}

/// Which entry of a deed and its key is written, if any.
type Pick<'p> = dyn for<'i> Fn(&'i Deed, &'i [u8]) -> Option<&'i [u8]> + 'p;

/// Writes the deeds in one set: deletes first, which make room.
fn write(batch: &mut Batch, sets: &[Place], items: &[Item], destroy: bool, restart: bool) {
    let Some(place) = items.first().and_then(|((set, _), _)| sets.get(*set)) else { return };
    let Place { family, table, name, hearsay, interval } = place;
    let set = SetName { family: *family, table, name, id: None };
    let mut run = |verb: Verb, pick: &Pick<'_>| {
        let mut entries = items.iter().filter_map(|((_, key), deed)| pick(deed, key)).peekable();
        if entries.peek().is_none() {
            return;
        }
        if let Some((key_type, interval)) = hearsay {
            batch.assume(Table::new(*family, table), name, *key_type, *interval);
        }
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
        run(Verb::Delete, &|deed, key| matches!(deed, Deed::Delete).then_some(key));
        // Made first, so that there is something to remove.
        run(Verb::Add, &|deed, _| match deed {
            Deed::Put(put) => Some(&put.entry),
            _ => None,
        });
        run(Verb::Delete, &|deed, key| matches!(deed, Deed::Put(_)).then_some(key));
    }
    run(Verb::Add, &|deed, _| match deed {
        Deed::Put(Put { restart: Some(entry), .. }) if restart => Some(entry),
        Deed::Put(put) => Some(&put.entry),
        Deed::Add(entry) => Some(entry),
        Deed::Delete => None,
    });
}

/// Gathers changes of elements and writes them in one batch each tick: for agents that ban thousands of addresses a second.
///
/// Changes of one element that wait together become one, with the effect of all of them in their order. The order among different
/// elements is not kept: deletes come first, which make room in sets of a limited size. What the kernel refuses of an element does not
/// hold up the others. The queue is bounded.
///
/// It is driven by its owner with [`flush`](Self::flush) or [`poll`](Self::poll), or runs on a thread of its own:
/// [`Writer::spawn`]. Dropped, it writes what still waits, and only logs what comes of that.
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

    /// How many elements may wait, at least 1.
    pub fn with_capacity(mut self, elements: usize) -> Self {
        self.capacity = elements.max(1);
        self
    }

    /// Queues a change. A full queue is flushed first.
    ///
    /// # Errors
    /// [`Error::Rejected`] if the element has no form on the wire; of the flush, as [`Writer::flush`], and then the change is not taken.
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
    /// As [`Client::apply`], but not for what is wrong with single elements or their sets: that is in [`Written::failures`]. What was not
    /// written waits on; to write it twice does no harm.
    pub fn flush(&mut self) -> Result<Written> {
        self.last = Some(Instant::now());
        let Some(engine) = &mut self.engine else { return Ok(Written::default()) };
        engine.write(&mut self.queue)
    }

    /// Writes what waits if a tick has passed since the last batch. Returns what came of that, or when to call again; neither if nothing
    /// waits.
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
