//! Registers to statements: written by hand, out of typed rules, at random.

mod random;
mod registers;
mod rules;
mod sets;

use crate::{
    compile::lower::Lowered,
    data::{Family, Name},
    expr::Expr,
    model::{self, FilledSet, Ruleset},
};

/// A rule in a table `t`.
fn rule(family: Family, exprs: impl IntoIterator<Item = Expr>) -> model::Rule {
    model::Rule::new(&model::Table::new(family, "t").chain("c"), exprs)
}

/// A ruleset of sets with elements.
fn ruleset(sets: impl IntoIterator<Item = (model::Set, Vec<model::Element>)>) -> Ruleset {
    let mut ruleset = Ruleset::new(1.into());
    ruleset.sets = sets.into_iter().map(|(set, elements)| FilledSet { set, elements }).collect();
    ruleset
}

/// What expressions say, as nft writes it.
fn text(family: Family, exprs: impl IntoIterator<Item = Expr>) -> String {
    ruleset([]).statements(&rule(family, exprs)).join(" ")
}

/// A rule and its anonymous sets as the kernel tells them after they were made.
fn told(family: Family, lowered: Lowered) -> (model::Rule, Ruleset) {
    let name = |id: u32| Name::from(format!("__set{id}"));
    let mut exprs = lowered.exprs;
    for expr in &mut exprs {
        if let Expr::Lookup(lookup) = expr
            && let Some(id) = lookup.set_id.take()
        {
            lookup.set = name(id);
        }
    }
    let sets = lowered.sets.into_iter().map(|anonymous| {
        let id = anonymous.set.id.unwrap_or_default();
        (model::Set { family, table: "t".into(), name: name(id), id: None, ..anonymous.set }, anonymous.elements)
    });
    (rule(family, exprs), ruleset(sets))
}
