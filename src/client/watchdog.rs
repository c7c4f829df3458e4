//! The second process of [`confirm`](super::confirm): reads what there is, waits, and puts it back.

use super::{
    Client, Socket,
    confirm::{Guard, VARIABLE, bytes, same},
};
use crate::{
    Batch,
    data::{Family, Name, Userdata, unhex},
    error::{Error, Result},
    expr::ObjectType,
    model::{FilledSet, Ruleset, Set, SetFlags, Table},
    reconcile::{Wanted, diff},
};
use nix::{
    errno::Errno,
    sys::{
        signal::SigSet,
        socket::{getsockopt, sockopt::PeerCredentials},
    },
    unistd::{Pid, getppid},
};
use std::{
    collections::HashMap,
    io::{self, BufRead, BufReader, Write},
    os::{fd::AsFd, unix::net::UnixStream},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

/// How long it is tried to put back what there was, and how long after one another.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);
/// How often somebody else may be faster before it is put back whatever there is now.
const POLITE: u32 = 5;
/// Bytes of memory that undoing takes at most for each byte of the batch that makes the tables
/// anew.
const RESERVE: usize = 32;
/// How often it is looked whether the first process still lives.
const LOOK: Duration = Duration::from_millis(50);

/// What to watch over.
struct Watch {
    deadline: Duration,
    marker: Table,
    tables: Vec<Table>,
    /// Whose elements the batch changes.
    sets: Vec<(Family, Name, Name)>,
    /// What there was, and when.
    before: Option<(Ruleset, Instant)>,
    /// Memory for the undoing.
    reserve: Vec<u8>,
    /// Says that somebody watches.
    guard: Option<Guard>,
    /// It may be undone already: the kernel's answer got lost.
    unsure: bool,
}

/// All of it; returns the code to exit with.
pub(super) fn run() -> i32 {
    let Some((line, orders, first, socket)) = inherited() else {
        let _ =
            writeln!(io::stderr(), "oxitables: {VARIABLE} is for the program itself, which did not start this process");
        // Who gives orders learns it from the exit status, not while writing them.
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        return 1;
    };
    // A service manager that stops a program asks all its processes to end. This one does, when it
    // has done its work.
    let _ = SigSet::all().thread_block();
    let answer = |bytes: &[u8]| {
        // Who asked may be gone.
        let _ = (&line).write_all(bytes);
    };
    let say = |text: String| answer(format!("{}\n", text.replace('\n', "; ")).as_bytes());
    let mut nft = Client::on(socket);
    // It is the first process that was asked whether it may.
    nft.allow_iptables(true);
    let mut watch = Watch::new();
    match watch.wait(&mut nft, &read(orders), first, &answer) {
        Ok(true) => {}
        Ok(false) => return 0,
        Err(error) => {
            say(format!("failed {error}"));
            return 1;
        }
    }
    match watch.undo(&mut nft) {
        Ok(undone) => {
            say(if undone { "undone" } else { "nothing" }.into());
            0
        }
        Err(error) => {
            say(format!("failed {error}"));
            // Nobody may be there to read that.
            let _ = writeln!(io::stderr(), "oxitables: what was not confirmed is not undone: {error}");
            1
        }
    }
}

/// What the first process gives this one: a line to it, for reading and writing, and a netlink
/// socket; and which process it is.
fn inherited() -> Option<(UnixStream, UnixStream, Pid, Socket)> {
    let line = UnixStream::from(io::stdin().as_fd().try_clone_to_owned().ok()?);
    let first = getsockopt(&line, PeerCredentials).ok()?;
    let socket = Socket::opened(io::stdout().as_fd().try_clone_to_owned().ok()?).ok()?;
    Some((line.try_clone().ok()?, line, Pid::from_raw(first.pid()), socket))
}

/// The orders as they come, each a line.
fn read(line: UnixStream) -> Receiver<String> {
    let (sender, orders) = mpsc::channel();
    std::thread::spawn(move || {
        let lines = BufReader::new(line).lines().map_while(std::result::Result::ok);
        // Without a receiver there is nothing left to do.
        let _ = lines.map(|line| sender.send(line)).find(std::result::Result::is_err);
    });
    orders
}

/// The name that was told; no digits are no name.
fn name(told: &str) -> Name {
    Name::from(&unhex(told).unwrap_or_default()[..])
}

fn number(text: &str) -> Family {
    Family::from(text.parse::<u8>().unwrap_or_default())
}

impl Watch {
    fn new() -> Self {
        let marker = Table::new(Family::Inet, "");
        let (tables, sets, before) = (Vec::new(), Vec::new(), None);
        let (reserve, guard, unsure) = (Vec::new(), None, false);
        Self { deadline: Duration::MAX, marker, tables, sets, before, reserve, guard, unsure }
    }

    /// Does as it is told until it has to undo, by order or because the time is over or the first
    /// process gone; false if it is done without.
    fn wait(
        &mut self,
        nft: &mut Client,
        orders: &Receiver<String>,
        first: Pid,
        answer: &dyn Fn(&[u8]),
    ) -> Result<bool> {
        // The time is over, and the changes are not made yet.
        let mut late = false;
        loop {
            let left = match &self.before {
                Some((_, then)) if !late => self.deadline.saturating_sub(then.elapsed()),
                _ => Duration::MAX,
            };
            let order = match orders.recv_timeout(left.min(LOOK)) {
                Ok(order) => order,
                // What that one has forked may hold the line open.
                Err(RecvTimeoutError::Timeout) if getppid() != first => return Ok(true),
                Err(RecvTimeoutError::Timeout) if left > LOOK => continue,
                Err(RecvTimeoutError::Timeout) => {
                    late = matches!(nft.table(self.marker.family, &self.marker.name), Ok(None));
                    if late { continue } else { return Ok(true) }
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(true),
            };
            match order.split(' ').collect::<Vec<_>>()[..] {
                ["deadline", ms] => self.deadline = ms.parse().map_or(Duration::MAX, Duration::from_millis),
                ["marker", told] => {
                    self.marker.name = name(told);
                    let taken = || Error::Io { doing: "watching", source: io::ErrorKind::AddrInUse.into() };
                    self.guard = Some(Guard::take(&self.marker.name)?.ok_or_else(taken)?);
                }
                ["forget"] => self.tables.clear(),
                ["table", family, told] => self.tables.push(Table::new(number(family), name(told))),
                ["set", family, table, set] => self.sets.push((number(family), name(table), name(set))),
                ["snapshot"] => {
                    let (generation, undo) = self.snapshot(nft)?;
                    answer(format!("snapshot {generation} {}\n", undo.len()).as_bytes());
                    answer(&undo);
                }
                ["rehearse"] => {
                    self.rehearse(nft)?;
                    answer(b"ready\n");
                }
                ["made"] if late => return Ok(true),
                ["made"] => {}
                ["done"] => return Ok(false),
                // By order, or it was killed while it gave one.
                _ => return Ok(true),
            }
        }
    }

    /// What there is before the changes are made: of which generation, and what makes it anew.
    fn snapshot(&mut self, nft: &mut Client) -> Result<(u32, Vec<u8>)> {
        let before = self.read(nft)?;
        let undo = bytes(&self.anew(&before, |_| true));
        let generation = before.generation.0;
        self.before = Some((before, Instant::now()));
        Ok((generation, undo))
    }

    /// Has the kernel check what makes the tables anew: it has to fit into the socket, to be
    /// allowed, and to be possible.
    fn rehearse(&mut self, nft: &mut Client) -> Result<()> {
        let Some((before, _)) = &self.before else { return Ok(()) };
        let undo = self.anew(before, |table| before.tables.iter().any(|old| same(old, table)));
        self.reserve = vec![1; RESERVE * undo.wire_len()];
        let mut batch = Batch::new();
        // In the place of its deletion, of the same length.
        batch.create(&self.marker).append(undo);
        batch.add(&self.marker);
        nft.check(&batch)
    }

    fn read(&self, nft: &mut Client) -> Result<Ruleset> {
        nft.consistent(super::list::ATTEMPTS, |nft, ruleset| nft.read(&self.tables, &|_| Wanted::All, ruleset))
    }

    /// Puts back what there was, unless it is done with: false.
    fn undo(&mut self, nft: &mut Client) -> Result<bool> {
        self.reserve = Vec::new();
        let Some((mut before, mut then)) = self.before.take() else { return Ok(false) };
        let (start, mut form, mut overtaken) = (Instant::now(), Form::Repair, 0);
        loop {
            age(&mut before, then.elapsed());
            then = Instant::now();
            let error = match self.attempt(nft, &mut before, form) {
                Ok(undone) => return Ok(undone),
                Err(error) => error,
            };
            if error.is_stale() || matches!(error, Error::Interrupted { .. }) {
                overtaken += 1;
                if overtaken >= POLITE {
                    form = Form::Anew;
                }
            } else if form != Form::Anew {
                // What cannot be turned into what there was can be replaced by it, even if it
                // cannot be read.
                form = if form == Form::Repair { Form::Rewrite } else { Form::Anew };
            } else if !is_passing(&error) || start.elapsed() >= PATIENCE {
                return Err(error);
            } else {
                std::thread::sleep(PAUSE);
            }
        }
    }

    fn attempt(&mut self, nft: &mut Client, before: &mut Ruleset, form: Form) -> Result<bool> {
        // Confirmed, or never made; or undone by the attempt before.
        let Some(marker) = nft.table(self.marker.family, &self.marker.name)? else { return Ok(self.unsure) };
        let mut batch = match form {
            Form::Anew => self.anew(before, |_| true),
            Form::Repair | Form::Rewrite => {
                let present = self.read(nft)?;
                if form == Form::Rewrite || notes_differ(&present, before) {
                    self.rewrite(&present, before)
                } else {
                    self.repair(present, before)
                }
            }
        };
        // If that is gone, nothing is done.
        batch.delete(&marker);
        let outcome = nft.apply(&batch);
        self.unsure |= matches!(outcome, Err(Error::Unknown { .. } | Error::Io { .. }));
        outcome.map(|_| true)
    }

    /// Turns what there is into what there was.
    fn repair(&self, mut present: Ruleset, before: &mut Ruleset) -> Batch {
        // What a plan never does is to take out elements that may have come by themselves. These
        // are put back here: those of the sets that the batch changed; the others are left alone.
        let mut taken = Vec::new();
        for (at, old) in before.sets.iter_mut().enumerate().filter(|(_, old)| comes_and_goes(&old.set)) {
            let same = |new: &&mut FilledSet| key(&new.set) == key(&old.set) && new.set.handle == old.set.handle;
            if let Some(new) = present.sets.iter_mut().find(same) {
                new.elements.clear();
                taken.push((at, std::mem::take(&mut old.elements)));
            }
        }
        let mut batch = Batch::from(diff(&present, before));
        for (at, elements) in taken {
            let set = &mut before.sets[at];
            if self.sets.contains(&key(&set.set)) {
                batch.flush(&set.set);
                if !elements.is_empty() {
                    batch.add(set.set.elements(&elements));
                }
            }
            // For the next attempt.
            set.elements = elements;
        }
        delete(&mut batch, &present, |table| !before.tables.iter().any(|old| same(old, table)));
        batch
    }

    /// Makes anew what there was.
    fn rewrite(&self, present: &Ruleset, before: &Ruleset) -> Batch {
        let mut batch = Batch::new();
        batch.expect(present.generation);
        delete(&mut batch, present, |_| true);
        batch.append(diff(&Ruleset::new(present.generation), before).into());
        batch
    }

    /// The same whatever there is now: where somebody else changes the ruleset all the time, or the
    /// kernel takes nothing else.
    ///
    /// What one batch makes and deletes, the kernel lists to others until the batch is over, even
    /// if it is only checked. So then only the tables that are `there` are deleted; of the others
    /// the same message comes twice.
    fn anew(&self, before: &Ruleset, there: impl Fn(&Table) -> bool) -> Batch {
        let mut batch = Batch::new();
        for Table { family, name, .. } in &self.tables {
            // Made first, so that there is something to delete.
            let table = Table::new(*family, name.clone());
            batch.add(&table);
            if there(&table) {
                batch.delete(&table)
            } else {
                batch.add(&table)
            };
        }
        batch.append(diff(&Ruleset::new(before.generation), before).into());
        batch
    }
}

/// How to undo, from what keeps most to what needs least.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Form {
    /// What there is turned into what there was.
    Repair,
    /// The tables that there are deleted, and made.
    Rewrite,
    /// The same without looking at what there is.
    Anew,
}

/// Whether the same may succeed later: the kernel lacks memory, or the answer got lost.
fn is_passing(error: &Error) -> bool {
    const PASSING: [Errno; 5] = [Errno::ENOMEM, Errno::ENOBUFS, Errno::EAGAIN, Errno::EINTR, Errno::EBUSY];
    let passes = |errno: Option<i32>| errno.is_some_and(|errno| PASSING.contains(&Errno::from_raw(errno)));
    match error {
        Error::Rejected(rejection) => rejection.failures.iter().any(|failure| passes(failure.errno)),
        Error::Request { errno, .. } => passes(Some(*errno)),
        Error::Io { source, .. } => passes(source.raw_os_error()),
        Error::Unknown { .. } => true,
        _ => false,
    }
}

/// Deletes some of the tables.
fn delete(batch: &mut Batch, present: &Ruleset, goes: impl Fn(&Table) -> bool) {
    for table in present.tables.iter().filter(|table| goes(table)) {
        batch.delete(table);
    }
}

fn key(set: &Set) -> (Family, Name, Name) {
    (set.family, set.table.clone(), set.name.clone())
}

/// Whether something was made again with other comments: the kernel changes no comment, and so no
/// plan does.
fn notes_differ(present: &Ruleset, before: &Ruleset) -> bool {
    let present = notes(present);
    notes(before).iter().any(|(place, old)| present.get(place).is_some_and(|new| new != old))
}

/// What things are noted by: what they are, and their names.
type Place<'a> = (u8, Option<ObjectType>, Family, &'a Name, &'a Name);

/// The notes of all that may have some.
fn notes(all: &Ruleset) -> HashMap<Place<'_>, &Option<Userdata>> {
    let tables = all.tables.iter().map(|t| ((0, None, t.family, &t.name, &t.name), &t.userdata));
    let chains = all.chains.iter().map(|c| ((1, None, c.family, &c.table, &c.name), &c.userdata));
    let sets = all.sets.iter().map(|FilledSet { set: s, .. }| ((2, None, s.family, &s.table, &s.name), &s.userdata));
    let objects = all.objects.iter().map(|o| ((3, o.kind, o.family, &o.table, &o.name), &o.userdata));
    tables.chain(chains).chain(sets).chain(objects).collect()
}

/// Whether packets or time change what is in it.
fn comes_and_goes(set: &Set) -> bool {
    set.flags().intersects(SetFlags::EVAL | SetFlags::TIMEOUT)
}

/// Takes off what has gone by of the lives of elements.
fn age(before: &mut Ruleset, by: Duration) {
    // Less the kernel may round to nothing, which is for ever; what has expired does so once more.
    const LEAST: Duration = Duration::from_millis(20);
    for element in before.sets.iter_mut().flat_map(|set| &mut set.elements) {
        element.expiration = element.expiration.map(|left| left.saturating_sub(by).max(LEAST));
    }
}
