//! Rules as people write them: fields, conditions, actions, verdicts, typed sets.
//!
//! All of it is *lowered* onto the registers of the kernel's machine when it is put into a batch: implied protocol
//! matches, byte order, masks and the choice of registers are this layer's business, and come out as nft would make
//! them.

mod action;
mod assign;
mod bulk;
pub(crate) mod compile;
mod condition;
mod disjoint;
mod divert;
mod element;
pub(crate) mod field;
pub(crate) mod fields;
mod hash;
pub(crate) mod header;
mod item;
mod key;
pub(crate) mod lift;
pub(crate) mod limit;
mod load;
mod lookup;
mod lower;
mod marks;
mod merge;
mod nat;
mod need;
mod object;
mod pattern;
mod recent;
mod reject;
mod rule;
mod select;
pub(crate) mod selector;
pub mod selectors;
mod set;
mod statement;
#[cfg(test)]
mod tests;
pub(crate) mod tree;
pub(crate) mod units;
mod verdict;

pub use action::{Action, Update, counter, log, notrack};
pub use assign::Source;
pub use bulk::{Filled, Keys};
pub use condition::Match;
pub use divert::{Duplicate, Forward, Hop, ToQueue, dup, flow_add, queue, synproxy, tproxy};
pub use element::Element;
pub(crate) use field::Twin;
pub use hash::{Generator, Hashed, jhash, numgen, symhash};
pub use item::{ChainRule, Elements};
pub use key::{Key, MapValue, SetKey};
pub use limit::{ByteQuota, ConnCount, Rate, RateLimit, Stateful, conn_count, last, limit, quota};
pub use nat::To;
pub use object::{
    Objects, counter_from, counter_named, expectation_from, expectation_named, helper_from, helper_named, limit_from,
    limit_named, quota_from, quota_named, secmark_from, secmark_named, synproxy_from, synproxy_named, timeout_from,
    timeout_named,
};
pub use pattern::Pattern;
pub use recent::{Recent, RecentOp, Side};
pub use reject::RejectWith;
pub use rule::{Ended, Open, Rule};
pub use select::{Keyed, Mapped, One};
pub use selector::{Reset, Selector, Settable, Target};
pub use set::{AddrSet, Map, MapRef, Set, SetRef};
pub use verdict::Decision;
