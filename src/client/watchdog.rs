//! The second process of [`confirm`](super::confirm): reads what there is, waits, and puts it back.

use super::{Client, confirm::PENDING};
use crate::{
    Batch,
    data::{Family, Name, unhex},
    error::{Error, Result},
    model::{Chain, FilledSet, Object, Ruleset, Set, SetFlags, Table, TableFlags},
    reconcile::{Wanted, diff},
};
use nix::sys::signal::SigSet;
use std::{
    io::{self, BufRead, Write},
    sync::mpsc::{self, RecvTimeoutError},
    time::{Duration, Instant},
};

/// How often it is tried to put back what there was, and how long after one another.
const ATTEMPTS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(50);
/// How often somebody else may be faster before it is put back whatever there is now.
const POLITE: u32 = 5;

/// What to watch over.
struct Watch {
    deadline: Duration,
    marker: Table,
    tables: Vec<Table>,
    /// Families of which all tables are meant; 0 is all of them.
    flushed: Vec<u8>,
    /// Whose elements the batch changes.
    sets: Vec<(Family, Name, Name)>,
    /// What there was, and when.
    before: Option<(Ruleset, Instant)>,
}

/// All of it; returns the code to exit with.
pub(super) fn run() -> i32 {
    // A service manager that stops a program asks all its processes to end. This one does, when it has done its work.
    let _ = SigSet::all().thread_block();
    let (sender, orders) = mpsc::channel();
    std::thread::spawn(move || {
        let lines = io::stdin().lock().lines().map_while(std::result::Result::ok);
        // Without a receiver there is nothing left to do.
        let _ = lines.map(|line| sender.send(line)).find(std::result::Result::is_err);
    });
    let answer = |text: String| {
        let mut out = io::stdout().lock();
        // Who asked may be gone.
        let _ = out.write_all(format!("{}\n", text.replace('\n', "; ")).as_bytes()).and_then(|()| out.flush());
    };
    let marker = Table::new(Family::Inet, "");
    let (tables, flushed, sets) = (Vec::new(), Vec::new(), Vec::new());
    let mut watch = Watch { deadline: Duration::MAX, marker, tables, flushed, sets, before: None };
    let mut nft = match Client::open() {
        Ok(nft) => nft,
        Err(error) => {
            answer(format!("failed {error}"));
            return 1;
        }
    };
    // It is the first process that was asked whether it may.
    nft.allow_iptables(true);
    // The time is over, and the changes are not made yet.
    let mut late = false;
    loop {
        let left = match &watch.before {
            Some((_, then)) if !late => watch.deadline.saturating_sub(then.elapsed()),
            _ => Duration::MAX,
        };
        let order = match orders.recv_timeout(left) {
            Ok(order) => order,
            Err(RecvTimeoutError::Timeout) => {
                late = matches!(nft.table(watch.marker.family, &watch.marker.name), Ok(None));
                if late { continue } else { break }
            }
            Err(RecvTimeoutError::Disconnected) => break,
        };
        match order.split(' ').collect::<Vec<_>>()[..] {
            ["deadline", ms] => watch.deadline = ms.parse().map_or(Duration::MAX, Duration::from_millis),
            // Who may start this program is not to delete other tables by it.
            ["marker", told] if name(told).as_bytes().starts_with(PENDING.as_bytes()) => watch.marker.name = name(told),
            ["all", family] => watch.flushed.push(family.parse().unwrap_or_default()),
            ["table", family, told] => watch.tables.push(Table::new(number(family), name(told))),
            ["set", family, table, set] => watch.sets.push((number(family), name(table), name(set))),
            ["snapshot"] => match watch.snapshot(&mut nft) {
                Ok(before) => {
                    let generation = before.generation;
                    watch.before = Some((before, Instant::now()));
                    answer(format!("ready {}", generation.0));
                }
                Err(error) => {
                    answer(format!("failed {error}"));
                    return 1;
                }
            },
            ["made"] if late => break,
            ["made"] => {}
            ["done"] => return 0,
            _ => {
                answer(format!("failed {order:?} is no order"));
                return 1;
            }
        }
    }
    match watch.undo(&mut nft) {
        Ok(undone) => {
            answer(if undone { "undone" } else { "nothing" }.into());
            0
        }
        Err(error) => {
            eprintln!("oxitables: what was not confirmed is not undone: {error}");
            answer(format!("failed {error}"));
            1
        }
    }
}

/// The name that was told; no digits are no name.
fn name(told: &str) -> Name {
    Name::from(&unhex(told).unwrap_or_default()[..])
}

fn number(text: &str) -> Family {
    Family::from(text.parse::<u8>().unwrap_or_default())
}

impl Watch {
    /// What there is before the changes are made: from then on it is known which tables are meant.
    fn snapshot(&mut self, nft: &mut Client) -> Result<Ruleset> {
        let meant = |family: u8| self.flushed.iter().any(|flushed| [0, family].contains(flushed));
        let mut tables = self.tables.clone();
        let before = nft.consistent(super::list::ATTEMPTS, |nft, ruleset| {
            tables = self.tables.clone();
            if !self.flushed.is_empty() {
                let all = nft.tables().snapshot()?.into_iter().filter(|table| meant(table.family.into()));
                // Those that belong to a connection stay.
                let free = all.filter(|table| !table.flags.unwrap_or_default().contains(TableFlags::OWNER));
                tables.extend(free.filter(|found| !self.tables.iter().any(|named| is(named, found))));
            }
            nft.read(&tables, &|_| Wanted::All, ruleset)
        })?;
        self.tables = tables;
        Ok(before)
    }

    fn read(&self, nft: &mut Client) -> Result<Ruleset> {
        nft.consistent(super::list::ATTEMPTS, |nft, ruleset| nft.read(&self.tables, &|_| Wanted::All, ruleset))
    }

    /// Puts back what there was, unless it is done with: false.
    fn undo(&self, nft: &mut Client) -> Result<bool> {
        let Some((before, then)) = &self.before else { return Ok(false) };
        let (mut whole, mut overtaken) = (false, 0);
        let mut last = Error::Interrupted { what: "undo what was not confirmed".into() };
        for _ in 0..ATTEMPTS {
            let outcome = nft.table(self.marker.family, &self.marker.name).and_then(|marker| match marker {
                // Confirmed, or never made.
                None => Ok(false),
                Some(_) if overtaken >= POLITE => nft.apply(&self.anew(&aged(before, then.elapsed()))).map(|_| true),
                Some(_) => {
                    let present = self.read(nft)?;
                    let before = aged(before, then.elapsed());
                    let batch = if whole || notes_differ(&present, &before) {
                        self.rewrite(present, &before)
                    } else {
                        self.repair(present, before)
                    };
                    nft.apply(&batch).map(|_| true)
                }
            });
            match outcome {
                Ok(undone) => return Ok(undone),
                Err(error) if error.is_stale() || matches!(error, Error::Interrupted { .. }) => overtaken += 1,
                Err(error) => {
                    // What cannot be turned into what there was can be replaced by it.
                    whole = matches!(error, Error::Rejected(_)) || whole;
                    last = error;
                    std::thread::sleep(PAUSE);
                }
            }
        }
        Err(last)
    }

    /// Turns what there is into what there was.
    fn repair(&self, mut present: Ruleset, mut before: Ruleset) -> Batch {
        // What a plan never does is to take out elements that may have come by themselves. These are put back here: those of the sets
        // that the batch changed; the others are left alone.
        let mut refilled = Vec::new();
        for old in before.sets.iter_mut().filter(|old| comes_and_goes(&old.set)) {
            let same = |new: &&mut FilledSet| key(&new.set) == key(&old.set) && new.set.handle == old.set.handle;
            if let Some(new) = present.sets.iter_mut().find(same) {
                let elements = std::mem::take(&mut old.elements);
                new.elements.clear();
                if self.sets.contains(&key(&old.set)) {
                    refilled.push((old.set.clone(), elements));
                }
            }
        }
        let mut batch = Batch::from(diff(&present, &before));
        for (set, elements) in &refilled {
            batch.flush(set);
            if !elements.is_empty() {
                batch.add(set.elements(elements));
            }
        }
        self.finish(&mut batch, &present, |table| !before.tables.iter().any(|old| is(old, table)));
        batch
    }

    /// Makes anew what there was.
    fn rewrite(&self, present: Ruleset, before: &Ruleset) -> Batch {
        let mut batch = Batch::new();
        batch.expect(present.generation);
        self.finish(&mut batch, &present, |_| true);
        batch.append(diff(&Ruleset::new(present.generation), before).into());
        batch
    }

    /// The same where somebody else changes the ruleset all the time, so that nobody can tell what there is.
    fn anew(&self, before: &Ruleset) -> Batch {
        let mut batch = Batch::new();
        for Table { family, name, .. } in &self.tables {
            // Made first, so that there is something to delete.
            let table = Table::new(*family, name.clone());
            batch.add(&table).delete(&table);
        }
        batch.delete(&self.marker);
        batch.append(diff(&Ruleset::new(before.generation), before).into());
        batch
    }

    /// Deletes tables, and the marker: if that is gone, nothing is done.
    fn finish(&self, batch: &mut Batch, present: &Ruleset, goes: impl Fn(&Table) -> bool) {
        for table in present.tables.iter().filter(|table| goes(table)) {
            batch.delete(table);
        }
        batch.delete(&self.marker);
    }
}

fn is(one: &Table, other: &Table) -> bool {
    (one.family, &one.name) == (other.family, &other.name)
}

fn key(set: &Set) -> (Family, Name, Name) {
    (set.family, set.table.clone(), set.name.clone())
}

/// Whether something was made again with other comments: the kernel changes no comment, and so no plan does.
fn notes_differ(present: &Ruleset, before: &Ruleset) -> bool {
    let tables =
        before.tables.iter().any(|old| present.tables.iter().any(|new| is(old, new) && old.userdata != new.userdata));
    let chains = before.chains.iter().any(|old| {
        let same = |new: &&Chain| (new.family, &new.table, &new.name) == (old.family, &old.table, &old.name);
        present.chains.iter().find(same).is_some_and(|new| new.userdata != old.userdata)
    });
    let sets = before.sets.iter().any(|old| {
        let new = present.sets.iter().find(|new| key(&new.set) == key(&old.set));
        new.is_some_and(|new| new.set.userdata != old.set.userdata)
    });
    let objects = before.objects.iter().any(|old| {
        let place = |object: &Object| (object.family, object.table.clone(), object.name.clone(), object.kind);
        let new = present.objects.iter().find(|new| place(new) == place(old));
        new.is_some_and(|new| new.userdata != old.userdata)
    });
    tables || chains || sets || objects
}

/// Whether packets or time change what is in it.
fn comes_and_goes(set: &Set) -> bool {
    set.flags().intersects(SetFlags::EVAL | SetFlags::TIMEOUT)
}

/// What would be left of it by now.
fn aged(before: &Ruleset, by: Duration) -> Ruleset {
    let mut aged = before.clone();
    // Less the kernel may round to nothing, which is for ever; what has expired does so once more.
    const LEAST: Duration = Duration::from_millis(20);
    for element in aged.sets.iter_mut().flat_map(|set| &mut set.elements) {
        element.expiration = element.expiration.map(|left| left.saturating_sub(by).max(LEAST));
    }
    aged
}
