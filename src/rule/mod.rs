//! Rules as people write them: fields, conditions, actions, verdicts, typed sets.
//!
//! All of it is *lowered* onto the registers of the kernel's machine when it is put into a batch: implied protocol
//! matches, byte order, masks and the choice of registers are this layer's business, and come out as nft would make
//! them.

mod action;
mod assign;
mod condition;
mod forwarding;
mod hash;
mod item;
mod lookup;
mod marks;
mod nat;
mod object;
mod recent;
mod reject;
mod select;
pub mod selectors;
mod statement;
#[cfg(test)]
mod tests;
mod typed;
mod verdict;

pub use crate::lang::selector::{Reset, Selector, Settable, Target};
pub use action::{Action, Update, counter, log, notrack};
pub use assign::Source;
pub use condition::Match;
pub use forwarding::{Duplicate, Forward, Hop, ToQueue, dup, flow_add, queue, synproxy, tproxy};
pub use hash::{Generator, Hashed, jhash, numgen, symhash};
pub use item::ChainRule;
pub use nat::To;
pub use object::{
    Objects, counter_from, counter_named, expectation_from, expectation_named, helper_from, helper_named, limit_from,
    limit_named, quota_from, quota_named, secmark_from, secmark_named, synproxy_from, synproxy_named, timeout_from,
    timeout_named,
};
pub use recent::{Recent, RecentOp, Side};
pub use reject::RejectWith;
pub use select::{Keyed, Mapped, One};
pub use typed::{Ended, Open, Rule};
pub use verdict::Decision;
