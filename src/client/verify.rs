//! What batches take sets for, checked against what the kernel has.
//!
//! What a set is can change only with the generation of the ruleset. So what was read once is true
//! as long as the generation is the same, and a batch that relies on it is bound to that
//! generation: the kernel itself refuses it if anything has changed since. Looking again then costs
//! a few exchanges; as long as nobody else commits, a single change costs none.
//!
//! For that the generation after each commit has to be known exactly. A commit that changes
//! something makes the next one; a commit that changes nothing, such as adding an element that is
//! there, leaves it. To ask the kernel costs half of a small commit. So small batches of additions
//! are first tried in a form that the kernel refuses where an element is there already.

use super::{Client, Committed};
use crate::{
    Batch,
    batch::{Assumption, Effect, Flaw, SetKind},
    data::{Family, Hook, Name},
    error::{Error, Rejection, Result},
    model::{Device, Generation, Set, Table},
    proto::{Acks, Bound},
};
use nix::net::if_::if_nametoindex;

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

    /// A batch was committed, and made this generation; `None` if that is not known.
    pub(super) fn after(&mut self, batch: &Batch, generation: Option<Generation>) {
        self.generation = generation;
        if generation.is_none() || batch.changes_sets() {
            self.forget();
        }
    }

    /// Forgets what is known, if that is of another generation than the one a batch is bound to.
    pub(super) fn keep_if(&mut self, bound: Option<Generation>) {
        if bound.is_some() && bound != self.generation {
            self.forget();
        }
    }

    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

impl Client {
    /// Commits a batch that relies on what sets were in a generation, if that is still the present
    /// one.
    pub(super) fn commit_verified(&mut self, batch: &Batch, generation: Generation) -> Result<Committed> {
        let bound = |tell| Bound { expected: Some(generation), tell };
        let sure = match batch.effect() {
            Effect::Sure => Some(self.commit(batch, bound(false))),
            Effect::Additions => match self.commit(&batch.exclusive(), bound(false)) {
                Err(Error::Rejected(_)) => None,
                outcome => Some(outcome),
            },
            Effect::Unknown => None,
        };
        let told = sure.is_none();
        let outcome = sure.unwrap_or_else(|| self.commit(batch, bound(true)));
        let after = |committed: &Committed| match told {
            true => self.known_after(Some(generation), committed),
            false => Some(generation.next()),
        };
        let after = outcome.as_ref().ok().and_then(after);
        self.verified.after(batch, after);
        outcome.map(|_| Committed { generation: None })
    }

    /// The generation that a commit left, if that is no guess: a kernel that does not tell may have
    /// changed nothing, and another program something.
    pub(super) fn known_after(&self, before: Option<Generation>, committed: &Committed) -> Option<Generation> {
        let told = self.acks != Some(Acks::Last) || committed.generation == before;
        committed.generation.filter(|_| told)
    }

    /// Refuses elements and rules for sets that are not what they are taken for. Returns the
    /// generation in which that was true; `None` if the batch relies on nothing in the kernel.
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

    /// Base chains of `batch` that hook into no device, or into one that is not there. The kernel
    /// takes them (a missing device since 6.16, where the chain waits for it), and they filter
    /// nothing.
    pub(super) fn deaf_chains(&mut self, batch: &Batch) -> Result<Vec<Flaw>> {
        let mut flaws = Vec::new();
        // Interfaces are looked up in the network namespace of this thread.
        let looks = self.is_here();
        for (operation, chain) in batch.made_chains() {
            if !matches!(chain.base(), Some((Hook::Ingress | Hook::Egress, _))) {
                continue;
            }
            let what = format!("chain {} {} {}", chain.family, chain.table, chain.name);
            let named = chain.devices();
            let missing = named.iter().find_map(|device| match device {
                Device::Name(name) if looks && if_nametoindex(name.as_bytes()).is_err() => Some(name),
                _ => None,
            });
            let cause = match missing {
                Some(device) => {
                    format!("{what} hooks into {device}, and there is no such device: it will see no packet")
                }
                None if named.is_empty() => {
                    let table = Table::new(chain.family, &chain.table);
                    if self.chain(&table, &chain.name)?.is_some_and(|present| !present.devices().is_empty()) {
                        continue;
                    }
                    format!("{what} hooks into no device, so it will see no packet: name one with with_device()")
                }
                None => continue,
            };
            flaws.push(Flaw { operation, errno: None, cause });
        }
        Ok(flaws)
    }
}
