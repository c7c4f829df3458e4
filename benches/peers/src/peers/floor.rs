//! The floor: bytes written beforehand, sent over a bare socket.

use super::{Job, Result, ours};
use crate::{
    bare::Bare,
    lab::Ruleset,
    work::{STEPS, Task},
};
use oxitables::{Batch, Set, proto::Commit};
use std::{io::IoSlice, net::Ipv4Addr};

/// The plain way to do it: a set without a size, a rewrite.
pub(super) fn plain(task: Task, n: usize) -> Result<Job> {
    let rules = Ruleset::new();
    match task {
        Task::Sized => {
            let set = Set::<Ipv4Addr>::new(&rules.table, "sized");
            let mut batch = Batch::new();
            batch.add(&set).add(set.keys(rules.all(n)));
            send(n, [batch])
        }
        Task::Rules => send(n, [rules.rules(n)]),
        Task::Exchange => send(n, [ours::batch(&rules, Task::Rewrite, n)]),
        _ => replay(task, n),
    }
}

/// The bytes of the crate.
pub(super) fn replay(task: Task, n: usize) -> Result<Job> {
    let rules = Ruleset::new();
    let (kind, names) = match task {
        Task::ListRules => (7, ["bench", "input"]),
        Task::ListElements => (13, ["bench", "addresses"]),
        _ => {
            let count = if task.steps() { STEPS } else { 1 };
            return send(n, (n..n + count).map(|i| ours::batch(&rules, task, i)));
        }
    };
    let mut bare = Bare::open()?;
    Ok(Box::new(move |n| bare.dump(kind, names).map(|_| n)))
}

fn send(first: usize, batches: impl IntoIterator<Item = Batch>) -> Result<Job> {
    let wire = |batch: Batch| Commit::new(&batch).transmit().iter().flat_map(|part| part.to_vec()).collect();
    let all: Vec<Vec<u8>> = batches.into_iter().map(wire).collect();
    let mut bare = Bare::open()?;
    bare.make_room(all.iter().map(Vec::len).max().unwrap_or_default());
    Ok(Box::new(move |i| bare.commit(&[IoSlice::new(&all[i - first])]).map(|()| 0)))
}
