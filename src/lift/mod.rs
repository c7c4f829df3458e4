//! From the kernel's registers to statements, as nft reads them.
//!
//! A rule is run through once. What loads a register leaves a [node](node) there; what reads it
//! makes a statement of it, with what is known by then of the packet's [headers](layers). Matches
//! that only made sure of a header are [left out](depends). Expressions that are no statement of
//! nft's stay what they are.

mod act;
mod depends;
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

pub(crate) use sets::Sets;

use crate::{
    expr::Expr,
    lang::tree::{Item, Statement},
    model,
};

/// What a rule says. Expressions that are no statement of nft's are kept as
/// [`Statement::Registers`].
pub(crate) fn rule(rule: &model::Rule, sets: &Sets<'_>) -> Vec<Statement> {
    run::Lifter::new(rule.family, &rule.table, sets).run(rule.exprs())
}

/// The elements of a set in the order in which nft lists them.
pub(crate) fn items(set: &model::Set, elements: &[model::Element]) -> Vec<Item> {
    items::of(set, elements)
}

/// A stateful expression of a set or an element as a statement: counter, limit, quota, last,
/// connlimit.
pub(crate) fn statement(expr: &Expr) -> Option<Statement> {
    match expr {
        Expr::Counter(_) | Expr::Limit(_) | Expr::Quota(_) | Expr::Last(_) | Expr::Connlimit(_) => {
            Some(Statement::Plain(expr.clone()))
        }
        _ => None,
    }
}
