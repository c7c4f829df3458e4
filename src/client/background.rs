//! A [`Writer`] on a thread of its own.

use super::writer::{Counters, ElementChange, Engine, Queue, Writer, Written};
use crate::error::{Error, Result};
use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// A [`Writer`] that runs on a thread of its own; from [`Writer::spawn`].
///
/// It may be shared: all methods but [`close`](Self::close) take `&self`. Dropped or closed, it
/// writes what waits and then ends.
#[derive(Debug)]
pub struct WriterThread {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    capacity: usize,
    tick: Duration,
}

#[derive(Debug)]
struct State {
    queue: Queue,
    /// Elements of the batch that is being written; they may have to wait again.
    in_flight: usize,
    /// Of what was taken in; the thread adds what it wrote.
    counters: Counters,
    /// How many batches have begun, and how many of them have ended.
    begun: u64,
    over: u64,
    /// Up to which batch all is written.
    written: u64,
    /// Up to which batch somebody waits.
    hurry: u64,
    closing: bool,
    /// The thread has ended.
    ended: bool,
}

impl State {
    /// How many elements are not written yet.
    fn waiting(&self) -> usize {
        self.queue.len() + self.in_flight
    }
}

impl Shared {
    /// The state; a thread that panicked while it held it left nothing half-done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something changes, or it is time, if that ever comes.
    fn wait_until<'a>(&'a self, state: MutexGuard<'a, State>, time: Option<Instant>) -> MutexGuard<'a, State> {
        let Some(time) = time else { return self.wait(state) };
        let left = time.saturating_duration_since(Instant::now());
        self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
    }
}

fn ended() -> Error {
    Error::Io { doing: "queueing a change", source: io::ErrorKind::BrokenPipe.into() }
}

impl Writer {
    /// Goes on on a thread of its own, which tells `report` of each batch what came of it.
    ///
    /// An error of a batch as a whole (no privilege, an answer that got lost) is told, too, and the
    /// batch tried again a tick later.
    ///
    /// ```no_run
    /// use oxitables::{Client, Family, SetRef, client::{ElementChange, Writer}};
    /// use std::{net::Ipv4Addr, time::Duration};
    ///
    /// let blocked = SetRef::<Ipv4Addr>::new(Family::Inet, "agent", "blocked");
    /// let writer = Writer::new(Client::open()?).spawn(|written| match written {
    ///     Ok(written) => written.failures.iter().for_each(|failure| eprintln!("{}", failure.cause)),
    ///     Err(error) => eprintln!("{error}"),
    /// })?;
    /// writer.push(ElementChange::refresh(&blocked, [192, 0, 2, 7], Duration::from_secs(600)))?;
    /// println!("{:?}", writer.close());
    /// # Ok::<(), oxitables::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`] if the system has no thread to give.
    pub fn spawn(mut self, report: impl FnMut(Result<Written>) + Send + 'static) -> Result<WriterThread> {
        let Some(engine) = self.engine.take() else { return Err(ended()) };
        let state = State {
            queue: std::mem::take(&mut self.queue),
            in_flight: 0,
            counters: engine.counters,
            begun: 0,
            over: 0,
            written: 0,
            hurry: 0,
            closing: false,
            ended: false,
        };
        let (capacity, tick) = (self.capacity, self.tick);
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new(), capacity, tick });
        let own = Arc::clone(&shared);
        let body = move || {
            let _end = End(&own);
            run(&own, engine, report);
        };
        let thread = std::thread::Builder::new().name("oxitables writer".into()).spawn(body);
        let thread = Some(thread.map_err(|source| Error::Io { doing: "starting a thread", source })?);
        Ok(WriterThread { shared, thread })
    }
}

/// Tells those who wait that the thread has ended, however it did.
struct End<'a>(&'a Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.changed.notify_all();
    }
}

/// Batches that are given up when they fail while everything is to end.
const LAST_TRIES: u32 = 3;

fn run(shared: &Shared, mut engine: Engine, mut report: impl FnMut(Result<Written>)) {
    // `None` is beyond all clocks.
    let mut due = Some(Instant::now());
    let mut tries = 0;
    loop {
        let mut state = shared.lock();
        while state.queue.len() == 0 && !state.closing {
            state = shared.wait(state);
        }
        while due.is_none_or(|due| Instant::now() < due) && state.begun >= state.hurry && !state.closing {
            state = shared.wait_until(state, due);
        }
        if state.queue.len() == 0 || tries == LAST_TRIES {
            return;
        }
        due = Instant::now().checked_add(shared.tick);
        state.begun += 1;
        let mut queue = state.queue.take();
        state.in_flight = queue.len();
        drop(state);
        let before = engine.counters;
        let result = engine.write(&mut queue);
        let mut state = shared.lock();
        state.over += 1;
        state.in_flight = 0;
        state.counters.add(&before, &engine.counters);
        if result.is_ok() {
            // Each takes all that waits, what failed before with it.
            state.written = state.begun;
        } else {
            let State { queue: waiting, counters, .. } = &mut *state;
            waiting.put_back(queue, counters);
        }
        tries = if result.is_err() && state.closing { tries + 1 } else { 0 };
        drop(state);
        shared.changed.notify_all();
        report(result);
    }
}

impl Counters {
    /// Adds what an engine has done between two points.
    fn add(&mut self, before: &Self, after: &Self) {
        self.written += after.written - before.written;
        self.failed += after.failed - before.failed;
        self.batches += after.batches - before.batches;
        self.refused += after.refused - before.refused;
    }
}

impl WriterThread {
    /// Queues a change; waits while the queue is full.
    ///
    /// # Errors
    /// [`Error::Rejected`] if the element has no form on the wire; [`Error::Io`] if the thread has
    /// ended because `report` panicked.
    pub fn push(&self, change: ElementChange) -> Result<()> {
        let mut state = self.shared.lock();
        while state.waiting() >= self.shared.capacity && !state.ended {
            state = self.shared.wait(state);
        }
        self.take(state, change)
    }

    /// Queues a change, unless the queue is full: then gives it back.
    ///
    /// # Errors
    /// As [`WriterThread::push`].
    pub fn try_push(&self, change: ElementChange) -> Result<Option<ElementChange>> {
        let state = self.shared.lock();
        if state.waiting() >= self.shared.capacity && !state.ended {
            return Ok(Some(change));
        }
        self.take(state, change).map(|()| None)
    }

    fn take(&self, mut state: MutexGuard<'_, State>, change: ElementChange) -> Result<()> {
        if state.ended {
            return Err(ended());
        }
        let State { queue, counters, .. } = &mut *state;
        let first = queue.len() == 0;
        queue.push(change, counters)?;
        drop(state);
        if first {
            self.shared.changed.notify_all();
        }
        Ok(())
    }

    /// Has all that waits written at once, and waits until it is, or until that failed; what is
    /// pushed meanwhile does not count.
    ///
    /// # Errors
    /// [`Error::Io`] if something is not written, as when the thread has ended because `report`
    /// panicked; `report` was told why.
    pub fn flush(&self) -> Result<()> {
        let mut state = self.shared.lock();
        let last = state.begun + u64::from(state.queue.len() > 0);
        state.hurry = state.hurry.max(last);
        self.shared.changed.notify_all();
        while state.over < last && !state.ended {
            state = self.shared.wait(state);
        }
        if state.written < last {
            return Err(Error::Io { doing: "writing what waits", source: io::ErrorKind::Interrupted.into() });
        }
        Ok(())
    }

    /// How many elements are not written yet: those that wait, and those of a batch under way. At
    /// most the capacity of the writer, and one more where a change concerns a pair of sets.
    pub fn waiting(&self) -> usize {
        self.shared.lock().waiting()
    }

    /// What it has done so far.
    pub fn counters(&self) -> Counters {
        self.shared.lock().counters
    }

    /// Writes what waits, ends the thread, and says what was done. What fails now is tried again
    /// twice, at once, and then given up.
    pub fn close(mut self) -> Counters {
        self.end();
        self.counters()
    }

    fn end(&mut self) {
        self.shared.lock().closing = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::warn!("the writer's report panicked");
        }
    }
}

impl Drop for WriterThread {
    fn drop(&mut self) {
        self.end();
    }
}
