//! What batches take sets for, checked against what the kernel has.
//!
//! What a set is can change only with the generation of the ruleset. So what was read once is true as
//! long as the generation is the same, and a batch that relies on it is bound to that generation: the
//! kernel itself refuses it if anything has changed since. Looking again then costs a few exchanges;
//! as long as nobody else commits, a single change costs none.

use super::Client;
use crate::{
    Batch,
    batch::{Assumption, SetKind},
    data::{Family, Name},
    error::{Rejection, Result},
    model::{Generation, Set, Table},
};

/// Sets that are remembered. Beyond that all are forgotten: to look again is never wrong.
const ROOM: usize = 256;

/// What was read of sets.
#[derive(Debug, Default)]
pub(super) struct Verified {
    /// The generation in which all of it is true.
    generation: Option<Generation>,
    sets: Vec<((Family, Name, Name), Option<SetKind>)>,
}

impl Verified {
    fn find(&self, wanted: &Assumption) -> Option<Option<SetKind>> {
        let Assumption { family, table, set, .. } = wanted;
        let found = self.sets.iter().find(|((f, t, s), _)| f == family && (t, s) == (table, set));
        found.map(|(_, kind)| *kind)
    }

    fn move_to(&mut self, generation: Generation) {
        self.generation = Some(generation);
    }

    /// A batch was committed that was bound to no generation. Nobody else may have committed meanwhile;
    /// if somebody has, the kernel will say so.
    pub(super) fn committed(&mut self, batch: &Batch) {
        match self.generation {
            Some(before) if !batch.changes_sets() => self.move_to(before.next()),
            _ => self.forget(),
        }
    }

    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// After a batch was refused because the generation is another one.
    ///
    /// A commit that changes nothing leaves the generation as it is. So if it is the one before the
    /// one that was expected, nothing but that has happened.
    pub(super) fn overtaken(&mut self, expected: Generation, now: Generation) {
        if now.next() == expected { self.move_to(now) } else { self.forget() }
    }
}

impl Client {
    /// Refuses elements and rules for sets that are not what they are taken for. Returns the generation
    /// in which that was true; `None` if the batch relies on nothing in the kernel.
    pub(super) fn reject_mistaken(&mut self, batch: &Batch) -> Result<Option<Generation>> {
        if batch.assumptions().is_empty() {
            return Ok(None);
        }
        let made = batch.made_sets();
        let mut wrong = Vec::new();
        let mut generation = None;
        for wanted in batch.assumptions() {
            let Assumption { family, table, set, kind, .. } = wanted;
            let is_it = |made: &&Set| made.family == *family && (&made.table, &made.name) == (table, set);
            if let Some(made) = made.iter().rev().find(is_it) {
                if !SetKind::of(made).serves(kind) {
                    wrong.push((wanted, made.clone()));
                }
                continue;
            }
            let now = match self.verified.generation {
                Some(now) => now,
                None => self.generation()?,
            };
            self.verified.generation = Some(now);
            generation = Some(now);
            match self.verified.find(wanted) {
                Some(Some(found)) if found.serves(kind) => continue,
                // What is not there the kernel will speak of itself.
                Some(None) => continue,
                _ => {}
            }
            let found = self.set(&Table::new(*family, table), set).ok().flatten();
            let is = found.as_ref().map(SetKind::of);
            if self.verified.sets.len() >= ROOM {
                self.verified.sets.clear();
            }
            self.verified.sets.retain(|((f, t, s), _)| f != family || (t, s) != (table, set));
            self.verified.sets.push(((*family, table.clone(), set.clone()), is));
            if let Some(found) = found.filter(|found| !SetKind::of(found).serves(kind)) {
                wrong.push((wanted, found));
            }
        }
        match Rejection::mistaken(batch, wrong) {
            Some(rejection) => {
                self.verified.forget();
                Err(rejection.into())
            }
            None => Ok(generation),
        }
    }
}
