//! What old kernels keep of a set that is there, although a batch says otherwise: they do not tell.

use super::Client;
use crate::{
    Batch,
    batch::{Change, Flaw},
    data::Name,
    error::{Rejection, Result},
    model::{Kind, Set, SetFlags, Table},
    proto::Feature,
    reconcile::{Kernel, kept},
};
use std::{collections::HashMap, sync::LazyLock};

static RELEASE: LazyLock<String> =
    LazyLock::new(|| std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default());

/// What this machine's kernel calls itself, as `uname -r` tells it.
pub(super) fn release() -> &'static str {
    &RELEASE
}

impl Client {
    /// Whether the kernel keeps the size or the timeout of a set whatever a batch says. The release
    /// tells, so that nothing is asked on kernels that do as they are told.
    pub(super) fn keeps(&self) -> bool {
        !self.has_by_release(Feature::SetSize) || !self.has_by_release(Feature::SetTimeout)
    }

    fn has_by_release(&self, feature: Feature) -> bool {
        self.capabilities.as_ref().map_or_else(|| feature.is_in(release()), |known| known.has(feature))
    }

    /// Sets of the batch that are there with another size or timeout.
    pub(super) fn reject_kept(&mut self, batch: &Batch) -> Result<()> {
        let (sizes, timeouts) = (self.has_by_release(Feature::SetSize), self.has_by_release(Feature::SetTimeout));
        let kernel = Kernel { sizes, timeouts, ..Kernel::ANY };
        let mut sets: HashMap<(u8, Name, Name), Option<Set>> = HashMap::new();
        let mut gone: Vec<(u8, Name)> = Vec::new();
        let mut flaws = Vec::new();
        let messages = batch.each_operation().enumerate();
        let read = |(operation, message)| Some((operation, Change::read(message)?));
        let changes = messages.flat_map(|(n, (_, messages))| messages.map(move |message| (n, message)));
        for (operation, change) in changes.filter_map(read) {
            let family = change.message.family();
            match (change.kind, change.table(), change.name()) {
                (Kind::Table, Some(table), _) if change.does.removes() => {
                    sets.retain(|(f, t, _), _| (*f, t) != (family, &table));
                    gone.push((family, table));
                }
                (Kind::Set, Some(table), Some(name)) if change.does.removes() => {
                    sets.insert((family, table, name), None);
                }
                // By number, or all: what is there then is not followed.
                (Kind::Table | Kind::Set, ..) if change.does.removes() => break,
                (Kind::Set, Some(table), Some(name)) => {
                    let Ok(new) = change.as_set() else { continue };
                    if new.flags().contains(SetFlags::ANONYMOUS) {
                        continue;
                    }
                    let key = (family, table, name);
                    if !sets.contains_key(&key) {
                        let is_gone = gone.iter().any(|(f, t)| (*f, t) == (family, &key.1));
                        let old = if is_gone { None } else { self.set(&Table::new(new.family, &key.1), &key.2)? };
                        sets.insert(key.clone(), old);
                    }
                    match sets.get(&key).and_then(Option::as_ref).map(|old| kept(old, &new, kernel)) {
                        None => drop(sets.insert(key, Some(new))),
                        Some(None) => {}
                        Some(Some(what)) => flaws.push(flaw(operation, what)),
                    }
                }
                _ => {}
            }
        }
        Rejection::flawed(batch, flaws).map_or(Ok(()), |rejection| Err(rejection.into()))
    }
}

fn flaw(operation: usize, what: &str) -> Flaw {
    let since = |feature: Feature| format!("{feature} came with {}", feature.since());
    let why = match what {
        "size" => since(Feature::SetSize),
        "timeout" => since(Feature::SetTimeout),
        _ => "what a set holds cannot be changed".to_owned(),
    };
    let cause = format!(
        "the set is there with another {what}, and this kernel would keep it and say nothing: {why}; delete the set in \
         the same batch to make it anew"
    );
    Flaw { operation, errno: None, cause }
}
