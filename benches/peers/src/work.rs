//! The workloads, and what the kernel must hold before and after them.

use crate::{
    Result,
    lab::{Ruleset, address, range},
};
use oxitables::{Batch, Client, Table, data::Value, model};
use std::{ops::Range, thread::sleep, time::Duration};

/// What is to be done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Task {
    Elements,
    Sized,
    Ranges,
    Timed,
    Rules,
    ListElements,
    ListRules,
    AddOne,
    DeleteOne,
    Rewrite,
    Exchange,
}

pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) task: Task,
    pub(crate) size: usize,
}

const fn workload(name: &'static str, task: Task, size: usize) -> Workload {
    Workload { name, task, size }
}

pub(crate) const WORKLOADS: &[Workload] = &[
    workload("W1 elements", Task::Elements, 10_000),
    workload("W1 elements", Task::Elements, 100_000),
    workload("W1 elements", Task::Elements, 1_000_000),
    workload("W1 sized", Task::Sized, 10_000),
    workload("W1 sized", Task::Sized, 100_000),
    workload("W1 sized", Task::Sized, 1_000_000),
    workload("W1 ranges", Task::Ranges, 100_000),
    workload("W1 ranges", Task::Ranges, 500_000),
    workload("W1 timed", Task::Timed, 100_000),
    workload("W2 rules", Task::Rules, 400),
    workload("W2 rules", Task::Rules, 1_000),
    workload("W2 rules", Task::Rules, 10_000),
    workload("W2 rules", Task::Rules, 50_000),
    workload("W3 list elements", Task::ListElements, 100_000),
    workload("W3 list rules", Task::ListRules, 400),
    workload("W3 list rules", Task::ListRules, 10_000),
    workload("W3 list rules", Task::ListRules, 50_000),
    workload("W4 add one", Task::AddOne, 0),
    workload("W4 add one", Task::AddOne, 100_000),
    workload("W4 delete one", Task::DeleteOne, 0),
    workload("W4 delete one", Task::DeleteOne, 100_000),
    workload("W5 rewrite", Task::Rewrite, 100_000),
    workload("W5 exchange", Task::Exchange, 100_000),
];

/// At most so many changes of one element are timed.
pub(crate) const STEPS: usize = 10_000;

impl Task {
    pub(crate) fn name(self) -> &'static str {
        WORKLOADS.iter().find(|w| w.task == self).map_or("", |w| w.name)
    }

    pub(crate) fn from_name(name: &str) -> Result<Self> {
        Ok(WORKLOADS.iter().find(|w| w.name == name).ok_or("no such workload")?.task)
    }

    pub(crate) fn lists(self) -> bool {
        matches!(self, Self::ListElements | Self::ListRules)
    }

    /// What is lacking where it cannot be done.
    pub(crate) fn means(self) -> &'static str {
        match self {
            Self::Ranges => "intervals",
            Self::Sized => "size",
            Self::Timed => "timeouts",
            Self::Rewrite => "flush",
            _ => "listing",
        }
    }

    /// For peers: the change of elements, of this size or of the one with this number.
    pub(crate) fn change(self, n: usize) -> Change {
        let (set, flush, delete, add) = match self {
            Self::Sized => ("sized", false, 0..0, 0..n),
            Self::Ranges => ("nets", false, 0..0, 0..n),
            Self::Timed => ("timed", false, 0..0, 0..n),
            Self::AddOne => ("addresses", false, 0..0, n..n + 1),
            Self::DeleteOne => ("addresses", false, n..n + 1, 0..0),
            Self::Rewrite => ("addresses", true, 0..0, n / 2..n / 2 + n),
            Self::Exchange => ("addresses", false, 0..n / 2, n..n + n / 2),
            _ => ("addresses", false, 0..0, 0..n),
        };
        Change { set, flush, delete, add }
    }

    /// Whether it is done many times, and the median counts.
    pub(crate) fn steps(self) -> bool {
        matches!(self, Self::AddOne | Self::DeleteOne)
    }
}

/// A change of elements, by their numbers.
pub(crate) struct Change {
    pub(crate) set: &'static str,
    pub(crate) flush: bool,
    pub(crate) delete: Range<usize>,
    pub(crate) add: Range<usize>,
}

/// The namespace of this thread, seen by the crate.
pub(crate) struct Lab {
    rules: Ruleset,
    nft: Client,
}

impl Lab {
    /// Makes what is there before the work.
    pub(crate) fn fill(task: Task, n: usize) -> Result<Self> {
        let (rules, mut nft) = (Ruleset::new(), Client::open()?);
        let mut batch = Batch::new();
        batch.add(&rules.table).add(&rules.set).add(&rules.nets).add(&rules.timed).add(&rules.chain);
        nft.apply(&batch)?;
        let before = match task {
            Task::ListElements | Task::AddOne | Task::Rewrite | Task::Exchange => rules.elements(n),
            Task::DeleteOne => rules.elements(n + STEPS),
            Task::ListRules => rules.rules(n),
            _ => Batch::new(),
        };
        nft.apply(&before)?;
        if !before.is_empty() {
            // A table that has grown is still being rearranged, and would be listed wrong.
            sleep(Duration::from_millis(300));
        }
        if task == Task::ListRules {
            // The first one to walk all that memory would pay for it.
            nft.rules(&rules.chain).try_for_each(|rule| rule.map(drop))?;
        }
        Ok(Self { rules, nft })
    }

    /// Whether the work of so many steps is done: as many rules or elements as there should be, and
    /// a thousand of them seen.
    pub(crate) fn holds(&mut self, task: Task, n: usize, steps: usize) -> Result<bool> {
        let Self { rules, nft } = self;
        if task == Task::Rules {
            let all = nft.rules(&rules.chain).collect::<oxitables::Result<Vec<model::Rule>>>()?;
            return Ok(all.len() == n && all.iter().all(|rule| rule.exprs.as_ref().is_some_and(|e| e.len() == 8)));
        }
        // How many, and those of them that are known.
        let (count, known) = match task {
            Task::AddOne => (n + steps, 0..n + steps),
            Task::DeleteOne => (n + STEPS - steps, 0..n),
            Task::Rewrite | Task::Exchange => (n, n / 2..n / 2 + n),
            _ => (n, 0..n),
        };
        let name = task.change(n).set;
        let Some(set) = nft.set(&Table::new(rules.table.family, "bench"), name)? else { return Ok(false) };
        let held = match set.count {
            Some(count) => count as usize,
            // Kernels before 6.16 do not say.
            None => {
                nft.elements(&set).try_fold(0, |n, element| element.map(|e| n + usize::from(!e.is_interval_end())))?
            }
        };
        let key = |i| if task == Task::Ranges { *range(i).start() } else { address(i) };
        let some = known.step_by((count / 1_000).max(1));
        let seen: Vec<Value> = some.filter_map(|i| Value::new(&key(i).octets())).collect();
        let seen = nft.get(&set, &seen)?;
        let timeout = (task == Task::Timed).then_some(Duration::from_secs(3600));
        Ok(held == count && seen.iter().all(|e| e.as_ref().is_some_and(|e| e.timeout == timeout)))
    }

    /// Leaves the kernel nothing to clean up in the background of the next run.
    pub(crate) fn close(mut self) -> Result<()> {
        self.nft.apply(Batch::new().delete(&self.rules.table))?;
        // Closing waits for what the last commits freed.
        Ok(())
    }
}
