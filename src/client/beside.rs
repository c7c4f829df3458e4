//! Reading beside others who commit.
//!
//! The kernel marks a listing as torn whenever anybody commits anything meanwhile. A long listing
//! beside a busy program would then never come to an end. But a listing that names its table is
//! right as long as nobody changed that table, and every commit tells what it changed. So where the
//! quick way fails, the commits are heard, and only those count that change what was read.

use super::{ATTEMPTS, Client, Listen, Monitor, list::PAUSE};
use crate::{
    error::{Error, Result},
    model::{Event, Generation, Item, Ruleset, Set, Table, Transaction},
    proto::News,
    reconcile::Wanted,
};
use std::time::Duration;

/// Room for what others commit while something is read.
const BUFFER: usize = 8 << 20;

/// How often what changed is read again without a pause.
const TRIES: u32 = 8;

/// Hears what is committed.
#[derive(Debug)]
pub(super) struct Commits(Monitor);

impl Commits {
    /// Begins to listen. What is read from here on, [`changed`](Self::changed) watches over.
    fn open(client: &mut Client) -> Result<Self> {
        let mut monitor = Monitor::open()?;
        if let Err(error) = monitor.set_receive_buffer(BUFFER) {
            log::debug!("a monitor without a larger buffer: {error}");
        }
        // One that had begun before is told of no more.
        client.wait_for_commits()?;
        Ok(Self(monitor))
    }

    /// Hands over each commit since the last call, `None` for commits that nobody can tell of any
    /// more. Returns the generation up to which that is all.
    fn changed(&mut self, client: &mut Client, mut each: impl FnMut(Option<&Transaction>)) -> Result<Generation> {
        let mut last = client.generation()?;
        // A commit raises the generation before it tells what it changed.
        client.wait_for_commits()?;
        while let Some(news) = self.0.try_next()? {
            match news {
                News::Commit(commit) => {
                    each(Some(&commit));
                    last = if commit.generation.is_after(last) { commit.generation } else { last };
                }
                News::Gap(generation) => {
                    each(None);
                    last = if generation.is_after(last) { generation } else { last };
                }
                News::Packet(_) => {}
            }
        }
        Ok(last)
    }

    /// Whether nobody has changed a table since the last call.
    pub(super) fn left_alone(&mut self, client: &mut Client, table: &Table) -> Result<bool> {
        let mut alone = true;
        self.changed(client, |commit| alone &= commit.is_some_and(|commit| !touches(commit, table)))?;
        Ok(alone)
    }
}

/// Whether a commit changes a table, or may.
fn touches(commit: &Transaction, table: &Table) -> bool {
    commit.events.iter().any(|event| event.item().place().is_none() || event.is_of(table))
}

impl Client {
    /// Listens to commits, if this thread is in the network namespace of the connection.
    pub(super) fn commits(&mut self) -> Result<Option<Commits>> {
        self.is_here().then(|| Commits::open(self)).transpose()
    }

    /// Whether this thread is in the network namespace of the connection.
    pub(super) fn is_here(&self) -> bool {
        self.namespace == super::confirm::namespace()
    }

    /// What these tables hold, or all that there are, of one generation: whoever else commits, as
    /// long as these tables themselves are left alone for as long as it takes to read the largest
    /// of them.
    pub(super) fn tables_at_once(
        &mut self,
        only: Option<&[Table]>,
        wanted: &dyn Fn(&Set) -> Wanted,
    ) -> Result<Ruleset> {
        let Some(mut commits) = self.commits()? else {
            return Err(Error::Interrupted { what: "list ruleset".into() });
        };
        let same = |a: &Table, b: &Table| (a.family, &a.name) == (b.family, &b.name);
        let mut read: Vec<(Table, Ruleset)> = Vec::new();
        for attempt in 0..TRIES * ATTEMPTS {
            // A table that changes often is read right again, before it changes once more.
            if attempt > 0 && attempt % TRIES == 0 {
                std::thread::sleep(pause(attempt / TRIES));
            }
            let tables = match only {
                Some(tables) => tables.to_vec(),
                None => self.tables().snapshot()?,
            };
            read.retain(|(known, _)| tables.iter().any(|table| same(known, table)));
            let mut failed = None;
            for table in &tables {
                if read.iter().any(|(known, _)| same(known, table)) {
                    continue;
                }
                let mut ruleset = Ruleset::new(Generation::from(0));
                match self.read_beside(std::slice::from_ref(table), wanted, &mut ruleset) {
                    Ok(()) => read.push((table.clone(), ruleset)),
                    // Or something that was listed is gone when it is asked for.
                    Err(error) => failed = Some(error),
                }
            }
            // Which tables there are, matters if all of them are meant.
            let (mut quiet, mut known) = (true, true);
            let generation = commits.changed(self, |commit| {
                quiet = false;
                let is_table = |event: &Event| matches!(event.item(), Item::Table(_) | Item::Unknown { .. });
                known &= commit.is_some_and(|commit| !commit.events.iter().any(is_table));
                read.retain(|(table, _)| commit.is_some_and(|commit| !touches(commit, table)));
            })?;
            if read.len() == tables.len() && (known || only.is_some()) {
                let mut all = Ruleset::new(generation);
                // In the order of the kernel, or of the caller.
                read.sort_by_key(|(table, _)| tables.iter().position(|known| same(known, table)));
                read.into_iter().for_each(|(_, table)| all.append(table));
                return Ok(all);
            }
            match failed {
                Some(error) if quiet && !matches!(error, Error::Interrupted { .. }) => return Err(error),
                _ => {}
            }
        }
        Err(Error::Interrupted { what: "list ruleset".into() })
    }
}

/// How long to wait before something is tried again.
pub(super) fn pause(attempt: u32) -> Duration {
    PAUSE * (1 << attempt.min(5))
}
