//! From the kernel's registers to statements, as nft reads them.
//!
//! A rule is run through once. What loads a register leaves a [node](node) there; what reads it makes a statement of it, with
//! what is known by then of the packet's [headers](layers). Matches that only made sure of a header are [left out](depends). Expressions that
//! are no statement of nft's stay what they are.

mod act;
mod bits;
mod declared;
mod depends;
mod find;
mod items;
mod layers;
mod matches;
mod node;
mod resolve;
mod run;
mod sets;
mod store;
#[cfg(test)]
mod tests;
mod typeof_of;
mod value;

pub(crate) use sets::Sets;

use super::tree::{Expression, Item, Statement};
use crate::{data::FieldType, expr::Expr, model};

/// What a rule says. Expressions that are no statement of nft's are kept as [`Statement::Registers`].
pub(crate) fn rule(rule: &model::Rule, sets: &Sets<'_>) -> Vec<Statement> {
    run::Lifter::new(rule.family, &rule.table, sets).run(rule.exprs())
}

/// The elements of a set in the order in which nft lists them.
pub(crate) fn items(set: &model::Set, elements: &[model::Element]) -> Vec<Item> {
    items::of(set, elements)
}

/// What the keys and the values of a set are.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Declared {
    /// The types of the fields of a key.
    pub key: Vec<FieldType>,
    /// What keys are compared with, if the set was declared so (`typeof`).
    pub key_of: Option<Expression>,
    /// Maps: the types of the fields of a value; empty for verdicts and objects.
    pub data: Vec<FieldType>,
    /// Maps: what values stand for, if the map was declared so.
    pub data_of: Option<Expression>,
}

/// What the keys and the values of a set are.
pub(crate) fn declared(set: &model::Set) -> Declared {
    declared::of(set)
}

/// nft's note of an expression that a set was declared with (`typeof`); `None` if nft has none for it.
pub(crate) fn typeof_userdata(of: &Expression) -> Option<Vec<u8>> {
    typeof_of::note(of)
}

/// Whether all versions of nft have the same note for an expression.
pub(crate) fn is_noted_alike(of: &Expression) -> bool {
    typeof_of::is_alike(of)
}

/// A stateful expression of a set or an element as a statement: counter, limit, quota, last, connlimit.
pub(crate) fn statement(expr: &Expr) -> Option<Statement> {
    match expr {
        Expr::Counter(_) | Expr::Limit(_) | Expr::Quota(_) | Expr::Last(_) | Expr::Connlimit(_) => {
            Some(Statement::Plain(expr.clone()))
        }
        _ => None,
    }
}
