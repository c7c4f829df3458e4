//! Changes that undo themselves unless they are confirmed.
//!
//! [`Client::apply_confirmed`] commits a batch together with a marker, a table of its own. To
//! confirm is to delete the marker. A second process, which has read what was there before, waits:
//! when the time is over or the first process is gone, however it went, it puts that back in one
//! batch, which deletes the marker, too. The kernel takes only one of the two deletions; so
//! whatever is killed when, the ruleset is the one before or the one after. A change that is not
//! made when the time is over is undone as soon as it is.
//!
//! # What comes back
//!
//! In the tables that the batch names, or removes without naming them ([`Batch::flush_ruleset`]):
//! all that it changed and all that anybody has changed in them since, with a plain
//! [`Client::apply`], too. Rules, chains and sets that are as they were stay where they are, with
//! handles and counters, and elements that packets added to sets stay, unless the batch changed
//! elements of the same set. What the batch deleted and the second process makes again gets new
//! handles; its counters and quotas start with what was counted when the batch was applied, and its
//! elements live as long as was left.
//!
//! # What does not
//!
//! The order in which tables, sets and objects are listed, of what was made again. Other tables are
//! left alone. Connections, what was logged, and packets that were counted or dropped meanwhile are
//! what they are.
//!
//! # Two changes at once
//!
//! A table has one change that waits, and no more: a second one would take the first for what was
//! there before, and would bring it back for ever. [`Client::apply_confirmed`] refuses a batch that
//! touches such a table, whichever process or container made the change that waits
//! ([`Error::Pending`], which says who and when). Changes of different tables wait beside each
//! other, and are confirmed or undone each by itself. A batch that flushes the ruleset would take
//! the markers of others with it, and is refused, plain or not.
//!
//! Markers say which tables they are about, and a change is bound to the generation of the ruleset
//! at which they were read. So no second change can come in between.
//!
//! # The marker
//!
//! A table `inet oxitables_pending_…`, with a name that nobody can guess. Everybody can see it
//! while changes wait:
//!
//! ```text
//! table inet oxitables_pending_0e3f79ab3ee8b3c3b0f5d0f3c8a3c1d2 {
//!     comment "made by agent (process 47 on gw) at 2026-12-01T03:39:23Z; undone unless confirmed"
//!     set undo {
//!         type mark
//!         size 2
//!         comment "what undoes it, in notes"
//!         elements = { 0x00000000, 0x00000001 }
//!     }
//!     chain host {
//!         comment "inet"
//!     }
//! }
//! ```
//!
//! Its chains are named after the tables that the change touches. Who deletes it by hand confirms
//! the change. Who flushes the whole ruleset (`nft flush ruleset`) removes the change as well as
//! the marker: nothing is undone then, and [`Pending::confirm`] says that the tables are gone.
//!
//! # When the second process dies, too
//!
//! With the whole container, for one, or for lack of memory. Nobody undoes at that moment, but the
//! marker stays, and what undoes the change lies in it: a batch, in the notes
//! (`NFTA_SET_ELEM_USERDATA`) of the elements of the set `undo`. [`init`] of the next program that
//! uses this crate in the network namespace finds a marker that nobody watches and undoes its
//! change, and so does an [`apply_confirmed`](Client::apply_confirmed) that needs the table;
//! [`mend`] does it at any time, and [`waiting`] lists. Such an undo makes the tables anew, whole.
//! Whether somebody watches is asked of the kernel: a second process holds the name of its marker
//! as that of an abstract socket, in the same network namespace. (So any process there could
//! pretend to watch; it would be seen, and `nft delete table` ends it.)
//!
//! # What must be possible before anything is changed
//!
//! Before the batch is sent, the second process has made the batch that makes the tables anew,
//! whole, and had the kernel check it through its own socket: the socket has room for it, the
//! privileges suffice, and the kernel can make everything that is there. It keeps memory in reserve
//! for the rest, 32 bytes for each byte of that batch. If one of these fails, nothing is changed,
//! and the error says why. The batch that makes the tables anew does not grow with what others do
//! meanwhile.
//!
//! When it undoes, it first turns what there is into what there was. If the kernel refuses that it
//! makes the tables anew. What can succeed later (the kernel has no memory, somebody else is
//! faster) it tries again for a minute. What cannot (no privilege, no room) it does not try again.
//! Then the marker stays, as above.
//!
//! # Why a second process, and who may start it
//!
//! The kernel has nothing that undoes a commit. A table with an owner goes with its owner, but
//! cannot bring back what a commit removed, and two rulesets side by side with a switch between
//! them are neither before nor after: each has the other's rules in it. A thread would die with its
//! process, and to fork one with threads is not safe. So it is this program itself, started once
//! more from `/proc/self/exe`; [`init`] is where it notices, by the variable `OXITABLES_WATCHDOG`.
//!
//! That matters if the program has privileges that its user has not (file capabilities, setuid):
//! then anybody may start it with that variable. It is of no use to them. The second process opens
//! no netlink socket: it works on the one that it was started with. Of every message, the kernel
//! asks whether the process that *opened* the socket had `CAP_NET_ADMIN`, and not only whether the
//! sender has (`netlink_net_capable`, since 3.15). So whoever starts the second process can have it
//! do what they could do themselves. It runs no other program, opens no file that it is told of and
//! writes to nothing but what it was started with.
//!
//! It learns that the first process is gone from the end of their connection. A child that was
//! forked without `exec` keeps that open; so it also looks, every 50 milliseconds, whether the
//! first process is still its parent. That is the process, not the thread that made the change. A
//! program that forks and goes on in the child must do that before.

mod marker;
mod process;

pub use marker::Waiting;
pub(super) use marker::{Guard, bytes, same};

use super::{ATTEMPTS, Client, list, watchdog};
use crate::{
    Batch,
    batch::Touched,
    data::hex,
    error::{Error, Result},
    model::{Generation, Table, TableFlags},
};
use process::Watchdog;
use std::{
    env, fs, io,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// Tells a process that it is the second one.
pub(super) const VARIABLE: &str = "OXITABLES_WATCHDOG";
const LOG: &str = "oxitables::confirm";
const UNDOING: &str = "undoing what was not confirmed";
const MENDING: &str = "undoing a change that nobody confirmed or watches";
const CONFIRMED: &str = "somebody deleted the table that marks the changes, and so confirmed them";

static READY: AtomicBool = AtomicBool::new(false);

/// Makes [`Client::apply_confirmed`] possible: call it first thing in `main`.
///
/// In a process that was started to watch over changes it does that and never returns. In any other
/// it undoes changes in the network namespace of the calling thread that nobody confirmed and
/// nobody watches any more ([`mend`]), and returns what it undid; nothing where the process may not
/// look. Most programs find nothing.
///
/// ```no_run
/// fn main() -> oxitables::Result<()> {
///     for mended in oxitables::client::confirm::init() {
///         eprintln!("{mended}");
///     }
///     // … the program
///     Ok(())
/// }
/// ```
pub fn init() -> Vec<Mended> {
    if env::var_os(VARIABLE).is_some() {
        std::process::exit(watchdog::run());
    }
    READY.store(true, Ordering::Relaxed);
    match Client::open().and_then(|mut nft| mend(&mut nft)) {
        Ok(mended) => mended,
        Err(error) => {
            // Who may not look, or has nothing to look at, cannot have made changes either.
            let usual = error.is_permission() || error.is_unsupported();
            let level = if usual { log::Level::Debug } else { log::Level::Error };
            log::log!(target: LOG, level, "looking for changes that nobody watches: {error}");
            Vec::new()
        }
    }
}

/// The network namespace of the calling thread.
pub(super) fn namespace() -> Option<PathBuf> {
    fs::read_link("/proc/thread-self/ns/net").ok()
}

fn failed(doing: &'static str) -> impl Fn(io::Error) -> Error {
    move |source| Error::Io { doing, source }
}

fn refuse<T>(why: &str) -> Result<T> {
    Err(failed("preparing changes that have to be confirmed")(io::Error::other(why.to_owned())))
}

/// The changes that wait to be confirmed, whoever made them.
///
/// # Errors
/// As of [`Client::tables`](Client::tables)'s snapshot.
pub fn waiting(nft: &mut Client) -> Result<Vec<Waiting>> {
    Ok(Present::read(nft)?.waiting)
}

/// Undoes what waits to be confirmed and is watched by nobody, as after the death of a container
/// with all that was in it: returns each such change, and what became of it.
///
/// ```no_run
/// # use oxitables::{Client, client::confirm};
/// # fn example() -> oxitables::Result<()> {
/// let mut nft = Client::open()?;
/// confirm::mend(&mut nft)?.iter().for_each(|mended| println!("{mended}"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As of [`waiting`]; [`Error::Io`] if the calling thread is in another network namespace than the
/// connection.
pub fn mend(nft: &mut Client) -> Result<Vec<Mended>> {
    if nft.namespace != namespace() {
        return refuse("the calling thread is in another network namespace than the connection");
    }
    let mut mended = Vec::new();
    for waiting in waiting(nft)? {
        if let Some(outcome) = mend_one(nft, &waiting)? {
            mended.push(Mended { waiting, outcome });
        }
    }
    Ok(mended)
}

/// Undoes one of them; `None` if somebody watches over it.
fn mend_one(nft: &mut Client, waiting: &Waiting) -> Result<Option<Result<()>>> {
    let Waiting { marker, .. } = waiting;
    let Some(_guard) = Guard::take(&marker.name)? else { return Ok(None) };
    let outcome = marker::undo(nft, marker).and_then(|mut batch| {
        // By its handle: this one, and no other of the same name.
        batch.delete(marker);
        // Who made the change was asked whether it may.
        let allowed = std::mem::replace(&mut nft.iptables, true);
        let outcome = nft.apply(&batch);
        nft.iptables = allowed;
        outcome.map(drop)
    });
    match &outcome {
        // Another was faster.
        Err(_) if nft.table(marker.family, &marker.name)?.is_none() => return Ok(Some(Ok(()))),
        Err(error) => log::error!(target: LOG, "{MENDING}: {error}"),
        Ok(()) => {
            log::warn!(target: LOG, "nobody confirmed or watched the change that was marked by {waiting}: it is undone")
        }
    }
    Ok(Some(outcome))
}

/// A change that nobody confirmed and nobody watched, and what became of it; from [`mend`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Mended {
    /// The change.
    pub waiting: Waiting,
    /// Whether it is undone.
    pub outcome: Result<()>,
}

impl std::fmt::Display for Mended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a change that nobody confirmed and nobody watched any more, marked by {}, ", self.waiting)?;
        match &self.outcome {
            Ok(()) => f.write_str("is undone"),
            Err(error) => write!(f, "could not be undone: {error}"),
        }
    }
}

/// The tables that there are, and what waits.
struct Present {
    tables: Vec<Table>,
    waiting: Vec<Waiting>,
    generation: Generation,
}

impl Present {
    fn read(nft: &mut Client) -> Result<Self> {
        let found = nft.consistent(list::ATTEMPTS, |nft, found| {
            found.tables = nft.tables().guarded(None).snapshot()?;
            for marker in found.tables.iter().filter(|table| marker::is_marker(table)) {
                found.chains.extend(nft.chains(marker).guarded(None).snapshot()?);
            }
            Ok(())
        })?;
        let waiting = Waiting::among(&found.tables, &found.chains);
        Ok(Self { tables: found.tables, waiting, generation: found.generation })
    }

    /// Which tables a batch touches: those that it names and those that it flushes.
    fn touched(&self, batch: &Touched, port: u32) -> Result<Vec<Table>> {
        let mut touched = batch.tables.clone();
        let of = |table: &&Table| {
            let handle = (table.family, table.handle.unwrap_or_default());
            batch.flushed.iter().any(|family| family.is_none_or(|family| family == table.family))
                || batch.handles.contains(&handle)
        };
        let owned = |table: &Table| table.flags.unwrap_or_default().contains(TableFlags::OWNER);
        for table in self.tables.iter().filter(of) {
            // A flush leaves alone what belongs to others. What does not go does not have to come
            // back.
            let stays = owned(table) && table.owner != Some(port);
            if !stays && !touched.iter().any(|known| same(known, table)) {
                touched.push(table.clone());
            }
        }
        let found = |table: &Table| self.tables.iter().find(|found| same(found, table));
        if touched.iter().any(|table| owned(table) || found(table).is_some_and(owned)) {
            return refuse("a table with an owner goes with it, and nobody else could put it back");
        }
        Ok(touched)
    }
}

/// Changes that are made and will be undone, unless they are confirmed; from
/// [`Client::apply_confirmed`].
///
/// Dropped, they are undone at once.
#[derive(Debug)]
#[must_use = "dropped, the changes are undone at once"]
pub struct Pending {
    marker: Table,
    /// The touched tables as the changes left them; `None` if they were gone before they were read.
    left: Option<Vec<Table>>,
    watchdog: Watchdog,
    /// Since when, and how long, it may be confirmed.
    since: Instant,
    deadline: Duration,
}

impl Pending {
    /// Keeps the changes.
    ///
    /// # Errors
    /// [`Error::Undone`] if it was too late, by the clock or because all is undone already. Else as
    /// [`Client::apply`], and the changes are undone; [`Error::Io`] if they should be and the
    /// second process cannot do it, or if somebody deleted the marker and tables with it (`nft
    /// flush ruleset`), so that there is nothing left to keep.
    pub fn confirm(mut self, nft: &mut Client) -> Result<()> {
        if self.since.elapsed() >= self.deadline {
            return self.ended(nft);
        }
        log::debug!(target: LOG, "confirming");
        let mut batch = Batch::new();
        batch.delete(&self.marker);
        let outcome = match nft.apply(&batch) {
            Ok(_) => Ok(()),
            Err(error) if error.is_not_found() => return self.ended(nft),
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

    /// What to say where the marker is not there, or it is too late. If nothing was undone,
    /// somebody else has deleted the marker.
    fn ended(&mut self, nft: &mut Client) -> Result<()> {
        if let Some(Undone) = self.watchdog.end(false)? {
            return Err(Error::Undone);
        }
        let gone = |why: &str| Err(failed("confirming changes")(io::Error::other(why.to_owned())));
        let Some(left) = &self.left else { return gone("somebody deleted the table that marks them at once") };
        for Table { family, name, handle, .. } in left {
            if nft.table(*family, name)?.is_none_or(|table| table.handle != *handle) {
                return gone(&format!(
                    "somebody deleted the table that marks them, and table {family} {name} with it; nothing was undone"
                ));
            }
        }
        Ok(())
    }

    /// Undoes the changes now.
    ///
    /// # Errors
    /// [`Error::Io`] if the second process cannot do it, with what it says; if it is gone; if
    /// somebody else confirmed them by deleting the marker.
    pub fn undo(mut self) -> Result<()> {
        self.watchdog.end(false)?.map_or_else(|| Err(failed(UNDOING)(io::Error::other(CONFIRMED))), |Undone| Ok(()))
    }
}

/// The changes were made, and are undone.
struct Undone;

impl Client {
    /// Makes all changes of `batch`, or none, and undoes them after `deadline` unless they are
    /// [confirmed](Pending::confirm), or at once if this process ends before: returns, panics, is
    /// killed. For changes that might lock out whoever makes them.
    ///
    /// See [`confirm`](self) for how, for what comes back and what does not. The time is that of a
    /// clock which only runs forward, and counts from the moment before the changes are made. What
    /// would undo the change is sent together with it; so the batch becomes larger by the size of
    /// the tables that it touches.
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
    /// Nothing is changed then. As [`Client::apply`]; [`Error::Pending`] if the batch touches a
    /// table of which a change waits to be confirmed; [`Error::TooLarge`] if the batch together
    /// with what would undo it is larger than the send buffer may become; [`Error::Io`] if the undo
    /// was found to be impossible, if `main` did not call [`confirm::init`](init), if the calling
    /// thread is in another network namespace than this connection, or if the batch changes a table
    /// with an owner, which nobody else could put back.
    pub fn apply_confirmed(&mut self, batch: &Batch, deadline: Duration) -> Result<Pending> {
        if !READY.load(Ordering::Relaxed) {
            return refuse("main has to begin with oxitables::client::confirm::init()");
        }
        if self.namespace != namespace() {
            return refuse("the calling thread is in another network namespace than the connection");
        }
        let about = batch.touched();
        // Before a process is started for nothing.
        self.free(&about)?;
        let marker = marker::new().map_err(failed("finding a name that nobody can guess"))?;
        let mut watchdog = Watchdog::start()?;
        log::debug!(target: LOG, "a second process is started");
        let mut orders = format!("deadline {}\nmarker {}\n", deadline.as_millis(), hex(marker.name.as_bytes()));
        for (family, table, name) in &about.sets {
            orders += &format!("set {} {} {}\n", u8::from(*family), hex(table.as_bytes()), hex(name.as_bytes()));
        }
        let mut attempt = 1;
        loop {
            let since = Instant::now();
            match self.attempt(batch, &about, &marker, &orders, &mut watchdog) {
                Ok(touched) => {
                    watchdog.made();
                    log::debug!(target: LOG, "the changes are made");
                    let (marker, left) = self.left(marker, &touched);
                    return Ok(Pending { marker, left, watchdog, since, deadline });
                }
                Err(error) if error.is_stale() && batch.expected().is_none() && attempt < ATTEMPTS => attempt += 1,
                Err(error) => {
                    let ended = watchdog.end(false);
                    // Whether there is something to undo, the second process knows best, unless
                    // the kernel has said it.
                    let nothing = matches!(error, Error::Rejected(_) | Error::Stale { .. });
                    return if nothing { Err(error) } else { ended.and(Err(error)) };
                }
            }
            orders.clear();
        }
    }

    /// Makes the changes if nobody else makes others meanwhile; returns the tables that they touch.
    fn attempt(
        &mut self,
        batch: &Batch,
        about: &Touched,
        marker: &Table,
        orders: &str,
        watchdog: &mut Watchdog,
    ) -> Result<Vec<Table>> {
        let (expected, touched) = self.free(about)?;
        let mut orders = format!("{orders}forget\n");
        for Table { family, name, .. } in &touched {
            orders += &format!("table {} {}\n", u8::from(*family), hex(name.as_bytes()));
        }
        let (generation, undo) = watchdog.snapshot(&(orders + "snapshot\n"))?;
        let mut known = [Some(expected), batch.expected()].into_iter().flatten();
        if let Some(expected) = known.find(|expected| *expected != generation) {
            return Err(Error::Stale { expected });
        }
        log::debug!(target: LOG, "it knows what there is");
        let mut batch = batch.clone();
        marker::write(marker, &touched, &undo, &mut batch);
        batch.expect(generation);
        self.socket.make_room(batch.wire_len())?;
        watchdog.rehearse(&undo)?;
        log::debug!(target: LOG, "it can undo");
        match self.apply(&batch) {
            Err(error @ Error::Unknown { .. }) if self.table(marker.family, &marker.name)?.is_none() => Err(error),
            Err(Error::Unknown { .. }) | Ok(_) => Ok(touched),
            Err(error) => Err(error),
        }
    }

    /// What a batch touches, and at which generation no change of it waits to be confirmed.
    fn free(&mut self, about: &Touched) -> Result<(Generation, Vec<Table>)> {
        loop {
            let present = Present::read(self)?;
            let touched = present.touched(about, self.port())?;
            let concerns = |waiting: &Waiting, table: &Table| waiting.concerns(table) || same(&waiting.marker, table);
            let blocked = present.waiting.iter().find_map(|waiting| {
                let table = touched.iter().find(|table| concerns(waiting, table))?;
                Some((waiting, format!("table {} {}", table.family, table.name)))
            });
            let Some((waiting, what)) = blocked else { return Ok((present.generation, touched)) };
            // What nobody watches is mended, and not in the way.
            match mend_one(self, waiting)? {
                None => return Err(marker::conflict(what, waiting)),
                Some(outcome) => outcome?,
            }
        }
    }

    /// The marker with its handle, and the tables as the changes left them.
    fn left(&mut self, marker: Table, touched: &[Table]) -> (Table, Option<Vec<Table>>) {
        let mut tables = self.tables().snapshot().unwrap_or_default();
        let Some(at) = tables.iter().position(|table| same(table, &marker)) else { return (marker, None) };
        let marker = tables.swap_remove(at);
        tables.retain(|table| touched.iter().any(|touched| same(table, touched)));
        (marker, Some(tables))
    }

    /// A batch that flushes tables takes markers with them, and so would confirm the changes of
    /// others.
    pub(super) fn reject_pending(&mut self, batch: &Batch) -> Result<()> {
        if !batch.flushed().iter().any(|(_, family)| family.is_none_or(marker::takes)) {
            return Ok(());
        }
        let waiting = super::readable(waiting(self))?;
        waiting.first().map_or(Ok(()), |waiting| Err(marker::conflict("the ruleset".into(), waiting)))
    }
}
