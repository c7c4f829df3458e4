//! From JSON to the tree.

pub(super) mod declare;
mod expression;
mod meter;
mod object;
mod stateful;
mod statement;

pub(super) use expression::items;
pub(super) use object::object;
#[cfg(test)]
pub(super) use statement::statements;
