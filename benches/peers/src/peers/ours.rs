//! The crate, as one would write it.

use super::{Job, Result};
use crate::{
    lab::{Ruleset, address},
    work::Task,
};
use oxitables::{Batch, Client};
use std::hint::black_box;

/// A change: of so many things, or of the one with this number.
pub(super) fn batch(rules: &Ruleset, task: Task, n: usize) -> Batch {
    let mut batch = Batch::new();
    match task {
        Task::Elements => return rules.elements(n),
        Task::Sized => return rules.sized(n),
        Task::Ranges => return rules.ranges(n),
        Task::Timed => return rules.timed(n),
        Task::Rules => return rules.typed_rules(n),
        Task::AddOne => return rules.one_element(n),
        Task::DeleteOne => batch.delete(rules.set.keys([address(n)])),
        Task::Rewrite => batch.flush(&rules.set).add(rules.set.keys(rules.half(n))),
        Task::Exchange => batch.exchange(&rules.set, rules.all(n), rules.half(n)),
        Task::ListElements | Task::ListRules => &mut batch,
    };
    batch
}

pub(super) fn open(task: Task, _: usize) -> Result<Job> {
    let (rules, mut nft) = (Ruleset::new(), Client::open()?);
    Ok(match task {
        Task::ListElements => {
            let set = rules.set.model();
            Box::new(move |_| Ok(nft.elements(&set).try_fold(0, |n, element| element.map(|e| n + count(&e)))?))
        }
        Task::ListRules => {
            Box::new(move |_| Ok(nft.rules(&rules.chain).try_fold(0, |n, rule| rule.map(|r| n + count(&r)))?))
        }
        _ => Box::new(move |n| {
            nft.apply(&batch(&rules, task, n))?;
            Ok(0)
        }),
    })
}

fn count<T>(item: &T) -> usize {
    black_box(item);
    1
}
