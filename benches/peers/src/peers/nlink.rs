//! nlink: its transactions, over the connection that it holds.

use super::{Job, Result, errno};
use crate::{
    lab::{address, port, range},
    work::{Change, Task},
};
use ::nlink::{
    Error,
    netlink::{
        Connection, Nftables,
        nftables::{
            Transaction,
            types::{Family, Rule, Set, SetElement},
        },
    },
};
use std::{hint::black_box, time::Duration};
use tokio::runtime::{Builder, Runtime};

/// It flushes the rules of chains and tables, and no set.
pub(super) const CANNOT: &[Task] = &[Task::Rewrite];

/// What it writes into one message: more addresses, and more intervals or timeouts, do not fit an
/// attribute.
const PLAIN: usize = 4095;
const LARGE: usize = 1500;

fn why(error: Error) -> Box<dyn std::error::Error> {
    error.errno().map_or_else(|| error.into(), |number| errno(number.abs()))
}

pub(super) fn open(task: Task, _: usize) -> Result<Job> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let connection = runtime.block_on(async { Connection::<Nftables>::new() })?;
    Ok(match task {
        Task::ListElements => Box::new(move |_| {
            let listing = connection.list_set_elements("bench", "addresses", Family::Ip);
            runtime.block_on(listing).map(|all| black_box(all).len()).map_err(why)
        }),
        // Their expressions stay bytes, as everybody gets them who does not ask for more.
        Task::ListRules => Box::new(move |_| {
            let listing = connection.list_rules("bench", Family::Ip);
            runtime.block_on(listing).map(|all| black_box(all).len()).map_err(why)
        }),
        Task::Rules => Box::new(move |n| {
            let all = (0..n).fold(connection.transaction(), |all, i| all.add_rule(rule(i)));
            commit(&runtime, &connection, all)
        }),
        _ => Box::new(move |n| {
            let all = change(task, &task.change(n), connection.transaction());
            commit(&runtime, &connection, all)
        }),
    })
}

fn commit(runtime: &Runtime, connection: &Connection<Nftables>, all: Transaction) -> Result<usize> {
    runtime.block_on(all.commit(connection)).map(|()| 0).map_err(why)
}

fn rule(i: usize) -> Rule {
    let rule = Rule::new("bench", "input").family(Family::Ip);
    rule.match_saddr_v4(address(i), 32).match_tcp_dport(port(i)).counter().accept()
}

fn change(task: Task, change: &Change, mut all: Transaction) -> Transaction {
    let set = Set::new("bench", change.set).family(Family::Ip);
    let set = match task {
        Task::Sized => set.size(change.add.len() as u32),
        Task::Ranges => set.interval(),
        Task::Timed => set.per_element_timeouts(),
        _ => set,
    };
    if task == Task::Sized {
        all = all.add_set(set.clone());
    }
    let element = |i| match task {
        Task::Ranges => SetElement::ipv4_range(*range(i).start(), *range(i).end()),
        Task::Timed => SetElement::ipv4(address(i)).with_timeout(Duration::from_secs(3600)),
        _ => SetElement::ipv4(address(i)),
    };
    let per_message = if matches!(task, Task::Ranges | Task::Timed) { LARGE } else { PLAIN };
    let verbs = [Transaction::del_set_elements, Transaction::add_set_elements];
    for (put, mut numbers) in verbs.into_iter().zip([change.delete.clone(), change.add.clone()]) {
        while !numbers.is_empty() {
            let some: Vec<SetElement> = numbers.by_ref().take(per_message).map(element).collect();
            all = put(all, &set, &some);
        }
    }
    all
}
