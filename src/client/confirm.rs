//! Changes that undo themselves unless they are confirmed.
//!
//! [`Client::apply_confirmed`] commits a batch together with a marker, an empty table. To confirm is to delete the marker. A second
//! process, which has read what was there before, waits: when the time is over or the first process is gone, however it went, it
//! puts that back in one batch, which deletes the marker, too. The kernel takes only one of the two deletions; so whatever is
//! killed when, the ruleset is the one before or the one after. A change that is not made when the time is over is undone as soon as it is.
//!
//! # What comes back
//!
//! In the tables that the batch names, or removes without naming them ([`Batch::flush_ruleset`]): all that it changed and all that anybody has changed in them since. Rules, chains and sets that are
//! as they were stay where they are, with handles and counters, and elements that packets added to sets stay, unless the batch changed
//! elements of the same set. What the batch deleted and the second process makes again gets new handles; its counters and quotas
//! start with what was counted when the batch was applied, and its elements live as long as was left.
//!
//! # What does not
//!
//! The order in which tables, sets and objects are listed, of what was made again. Other tables are left alone. Connections, what was logged, and packets that were counted or dropped meanwhile are what they are. If the
//! second process is killed, too (with all of its control group, or for lack of memory), nobody undoes; the marker then says so: a table
//! `oxitables_pending_…`. It can be seen by everybody while changes wait; who deletes it (`nft flush ruleset`) confirms.
//!
//! # Why a second process
//!
//! The kernel has nothing that undoes a commit. A table with an owner goes with its owner, but cannot bring back what a commit removed, and
//! two rulesets side by side with a switch between them are neither before nor after: each has the other's rules in it. A thread
//! would die with its process, and to fork one with threads is not safe. So it is this program itself, started once more from `/proc/self/exe`;
//! [`init`] is where it notices.

use super::{ATTEMPTS, Client, watchdog};
use crate::{
    Batch,
    batch::Touched,
    data::{Family, hex},
    error::{Error, Result},
    model::{Generation, Table, TableFlags},
};
use std::{
    env, fs,
    io::{self, BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::{Duration, Instant},
};

/// Tells a process that it is the second one.
pub(super) const VARIABLE: &str = "OXITABLES_WATCHDOG";
const LOG: &str = "oxitables::confirm";
/// What names of markers begin with.
pub(super) const PENDING: &str = "oxitables_pending_";

static READY: AtomicBool = AtomicBool::new(false);

/// Makes [`Client::apply_confirmed`] possible: call it first thing in `main`.
///
/// In a process that was started to watch over changes it does that and never returns; in any other it does nothing.
///
/// ```no_run
/// fn main() -> oxitables::Result<()> {
///     oxitables::client::confirm::init();
///     // … the program
///     Ok(())
/// }
/// ```
pub fn init() {
    if env::var_os(VARIABLE).is_some() {
        std::process::exit(watchdog::run());
    }
    READY.store(true, Ordering::Relaxed);
}

/// The network namespace of the calling thread.
pub(super) fn namespace() -> Option<PathBuf> {
    fs::read_link("/proc/thread-self/ns/net").ok()
}

/// Changes that are made and will be undone, unless they are confirmed; from [`Client::apply_confirmed`].
///
/// Dropped, they are undone at once.
#[derive(Debug)]
#[must_use = "dropped, the changes are undone at once"]
pub struct Pending {
    marker: Table,
    watchdog: Watchdog,
    /// Since when, and how long, it may be confirmed.
    since: Instant,
    deadline: Duration,
}

impl Pending {
    /// Keeps the changes.
    ///
    /// # Errors
    /// [`Error::Undone`] if it was too late, by the clock or because all is undone already. Else as [`Client::apply`], and the changes
    /// are undone; [`Error::Io`] if they should be and the second process cannot do it.
    pub fn confirm(mut self, nft: &mut Client) -> Result<()> {
        if self.since.elapsed() >= self.deadline {
            return self.watchdog.end(false)?.map_or(Ok(()), |Undone| Err(Error::Undone));
        }
        log::debug!(target: LOG, "confirming");
        let mut batch = Batch::new();
        batch.delete(&self.marker);
        let outcome = match nft.apply(&batch) {
            Ok(_) => Ok(()),
            // If it was not undone, somebody else has confirmed it.
            Err(error) if error.is_not_found() => {
                return self.watchdog.end(false)?.map_or(Ok(()), |Undone| Err(Error::Undone));
            }
            // The marker is gone or it is not: who was it?
            Err(error @ Error::Unknown { .. }) => match nft.table(self.marker.family, &self.marker.name) {
                Ok(Some(_)) => nft.apply(&batch).map(drop).or(Err(error)),
                _ => Err(error),
            },
            Err(error) => Err(error),
        };
        log::debug!(target: LOG, "confirmed");
        let undone = self.watchdog.end(outcome.is_ok());
        log::debug!(target: LOG, "nobody watches any more");
        outcome.or_else(|error| undone.and(Err(error)))
    }

    /// Undoes the changes now.
    ///
    /// # Errors
    /// [`Error::Io`] if the second process cannot do it, with what it says; if it is gone; if somebody else confirmed them by deleting the
    /// marker.
    pub fn undo(mut self) -> Result<()> {
        self.watchdog.end(false)?.map_or_else(|| Err(failed(UNDOING)(io::Error::other(CONFIRMED))), |Undone| Ok(()))
    }
}

const UNDOING: &str = "undoing what was not confirmed";
const CONFIRMED: &str = "somebody deleted the table that marks the changes, and so confirmed them";

/// The changes were made, and are undone.
struct Undone;

/// The second process, as the first sees it.
#[derive(Debug)]
struct Watchdog {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

fn failed(doing: &'static str) -> impl Fn(io::Error) -> Error {
    move |source| Error::Io { doing, source }
}

impl Watchdog {
    fn start() -> Result<Self> {
        // The link leads to the program even where that was deleted or replaced.
        let mut command = Command::new("/proc/self/exe");
        command.arg0("oxitables-watchdog").env(VARIABLE, "1").stdin(Stdio::piped()).stdout(Stdio::piped());
        // What ends the group of this process shall not end that one.
        let mut child =
            command.process_group(0).spawn().map_err(failed("starting a process to undo what is not confirmed"))?;
        let (orders, answers) = (child.stdin.take(), child.stdout.take());
        match (orders, answers) {
            (orders @ Some(_), Some(answers)) => Ok(Self { child, orders, answers: BufReader::new(answers) }),
            _ => Err(failed("starting a process to undo what is not confirmed")(io::ErrorKind::BrokenPipe.into())),
        }
    }

    /// Has it read what there is; returns of which generation that is.
    fn snapshot(&mut self, orders: &str) -> Result<Generation> {
        let doing = "having a second process read what there is";
        let sent = self.orders.as_mut().map_or(Ok(()), |to| to.write_all(orders.as_bytes()));
        sent.map_err(failed(doing))?;
        let mut line = String::new();
        self.answers.read_line(&mut line).map_err(failed(doing))?;
        match line.trim_end().split_once(' ') {
            Some(("ready", generation)) => {
                generation.parse().map(Generation).map_err(|e| failed(doing)(io::Error::other(e)))
            }
            Some((_, why)) => Err(failed(doing)(io::Error::other(why.to_owned()))),
            None => Err(failed(doing)(io::Error::other("it ended; does main begin with confirm::init()?"))),
        }
    }

    /// Tells it that the changes are made. If it is gone by now, that will show when it is to end.
    fn made(&mut self) {
        let _ = self.orders.as_mut().map(|orders| orders.write_all(b"made\n"));
    }

    /// Lets it end, undoing what waits unless that is done with. `None` if nothing waited.
    fn end(&mut self, done: bool) -> Result<Option<Undone>> {
        if let Some(mut orders) = self.orders.take()
            && done
        {
            let _ = orders.write_all(b"done\n");
        }
        let mut line = String::new();
        let _ = self.answers.read_line(&mut line);
        let _ = self.child.wait();
        let why = match line.trim_end() {
            "undone" => return Ok(Some(Undone)),
            "nothing" => return Ok(None),
            "" if done => return Ok(None),
            "" => "the second process is gone; if there is a table oxitables_pending_…, the changes are still made",
            answer => answer.strip_prefix("failed ").unwrap_or(answer),
        };
        Err(failed(UNDOING)(io::Error::other(why.to_owned())))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        if self.orders.is_some()
            && let Err(error) = self.end(false)
        {
            log::error!(target: LOG, "{error}");
        }
    }
}

impl Client {
    /// Makes all changes of `batch`, or none, and undoes them after `deadline` unless they are [confirmed](Pending::confirm), or at once
    /// if this process ends before: returns, panics, is killed. For changes that might lock out whoever makes them.
    ///
    /// See [`confirm`](self) for how, for what comes back and what does not. The time is that of a clock which only runs forward, and
    /// counts from the moment before the changes are made.
    ///
    /// ```no_run
    /// # use oxitables::{Batch, Client};
    /// # use std::time::Duration;
    /// # fn example(batch: &Batch, can_be_reached: impl Fn() -> bool) -> oxitables::Result<()> {
    /// let mut nft = Client::open()?;
    /// let pending = nft.apply_confirmed(batch, Duration::from_secs(30))?;
    /// if can_be_reached() {
    ///     pending.confirm(&mut nft)?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::apply`]; [`Error::Io`] if `main` did not call [`confirm::init`](init), if the calling thread is in another network
    /// namespace than this connection, or if the batch changes a table with an owner, which nobody else could put back.
    pub fn apply_confirmed(&mut self, batch: &Batch, deadline: Duration) -> Result<Pending> {
        let refuse =
            |why: &str| Err(failed("preparing changes that have to be confirmed")(io::Error::other(why.to_owned())));
        if !READY.load(Ordering::Relaxed) {
            return refuse("main has to begin with oxitables::client::confirm::init()");
        }
        if self.namespace != namespace() {
            return refuse("the calling thread is in another network namespace than the connection");
        }
        let Touched { tables, sets, flushed } = batch.touched();
        for table in &tables {
            let present = self.table(table.family, &table.name)?;
            let owned = |table: &Table| table.flags.unwrap_or_default().contains(TableFlags::OWNER);
            if owned(table) || present.as_ref().is_some_and(owned) {
                return refuse("a table with an owner goes with it, and nobody else could put it back");
            }
        }
        let marker = marker();
        let mut batch = batch.clone();
        batch.create(&marker);
        let mut orders = format!("deadline {}\nmarker {}\n", deadline.as_millis(), hex(marker.name.as_bytes()));
        for Table { family, name, .. } in &tables {
            orders += &format!("table {} {}\n", u8::from(*family), hex(name.as_bytes()));
        }
        for (family, table, name) in &sets {
            orders += &format!("set {} {} {}\n", u8::from(*family), hex(table.as_bytes()), hex(name.as_bytes()));
        }
        for family in &flushed {
            orders += &format!("all {}\n", family.map_or(0, u8::from));
        }
        let mut watchdog = Watchdog::start()?;
        log::debug!(target: LOG, "a second process is started");
        let bound = batch.expected();
        let mut attempt = 1;
        let mut since;
        loop {
            since = Instant::now();
            let generation = watchdog.snapshot(&format!("{orders}snapshot\n"))?;
            orders.clear();
            log::debug!(target: LOG, "it knows what there is");
            let applied = match bound {
                Some(expected) if expected != generation => Err(Error::Stale { expected }),
                _ => self.apply(batch.expect(generation)),
            };
            match applied {
                Ok(_) => break,
                Err(error) if error.is_stale() && bound.is_none() && attempt < ATTEMPTS => attempt += 1,
                Err(error) => {
                    let unknown = matches!(error, Error::Unknown { .. });
                    if unknown && self.table(marker.family, &marker.name)?.is_some() {
                        break;
                    }
                    // Whether there is something to undo, it knows best.
                    return watchdog.end(false).and(Err(error));
                }
            }
        }
        watchdog.made();
        log::debug!(target: LOG, "the changes are made");
        Ok(Pending { marker, watchdog, since, deadline })
    }
}

/// An empty table of a name that is not used again.
fn marker() -> Table {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("{PENDING}{}_{count}", std::process::id());
    Table::new(Family::Inet, name).with_comment("changes that are undone unless they are confirmed")
}
