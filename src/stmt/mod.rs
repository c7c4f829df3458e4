//! Rules as people write them: fields, conditions, actions, verdicts, typed sets.
//!
//! All of it is *lowered* onto the registers of the kernel's machine when it is put into a batch: implied protocol
//! matches, byte order, masks and the choice of registers are this layer's business, and come out as nft would make
//! them.

mod action;
mod assign;
mod condition;
mod element;
#[allow(dead_code, reason = "what lifts rules builds on it")]
mod field;
pub mod fields;
#[allow(dead_code, reason = "what lifts rules builds on it")]
mod header;
mod item;
mod key;
mod limit;
mod load;
mod lookup;
mod lower;
mod merge;
mod nat;
mod need;
mod pattern;
mod recent;
mod reject;
mod rule;
mod select;
mod set;
#[cfg(test)]
mod tests;
pub(crate) mod tree;
#[allow(dead_code, reason = "listings build on it")]
mod typeof_;
mod verdict;

pub use action::{Action, Update, counter, counter_named, log, notrack};
pub use assign::Source;
pub use condition::Match;
pub use element::Element;
pub(crate) use field::Twin;
pub use item::{ChainRule, Elements, Keys};
pub use key::{Key, MapValue, SetKey};
pub use limit::{ByteQuota, Rate, RateLimit, Stateful, limit, limit_named, quota, quota_named};
pub use nat::To;
pub use pattern::Pattern;
pub(crate) use recent::MEMORY;
pub use recent::{Recent, RecentOp, Side};
pub use reject::RejectWith;
pub use rule::{Ended, Open, Rule};
pub use select::{Keyed, Mapped, One, Selector, Settable, Target};
pub use set::{AddrSet, Map, MapRef, Set, SetRef};
pub use verdict::Decision;
