//! Rules as they are sent: with the sets and chains of their own.

use super::{
    elements::{Entry, entries_as_said},
    expr::{rename_chain, rename_set},
    view::View,
};
use crate::{
    batch::{Batch, Place, SetName, Verb},
    data::Name,
    expr::Expr,
    model::{Chain, ChainFlags, Element, Rule, Set},
    wire::{Form, Writer, attrs},
};
use std::borrow::Borrow;

const NEWCHAIN: u8 = 3;
const NEWRULE: u8 = 6;
const CHAIN_NAME: u16 = 3;
const RULE_CHAIN: u16 = 2;
const CREATE: u16 = crate::wire::message::F_CREATE;
const APPEND: u16 = CREATE | crate::wire::message::F_APPEND;

/// Puts a rule into a batch as one operation.
pub(super) fn rule(batch: &mut Batch, verb: Verb, place: Place, rule: &Rule, view: &View<'_>) {
    batch.operation(verb);
    belongings(batch, rule, view).write(verb, place, batch);
}

/// Elements of a set that is there or has been made.
pub(super) fn elements<E: Borrow<Element>>(
    batch: &mut Batch,
    verb: Verb,
    set: &Set,
    elements: impl IntoIterator<Item = (E, Option<Element>)>,
) {
    let Set { family, table, name, id, .. } = set;
    let set = SetName { family: *family, table, name, id: *id };
    batch.element_messages(verb, &set, elements, |(start, end), out| {
        start.borrow().write(verb, out);
        if let Some(end) = end {
            end.write(verb, out);
        }
        Ok(())
    });
}

/// Writes the sets and chains that go with a rule, and gives the rule as it names them.
fn belongings(batch: &mut Batch, from: &Rule, view: &View<'_>) -> Rule {
    let own = |expr: &Expr| (view.own_set(expr), view.own_chain(expr).filter(|own| own.name != from.chain));
    let exprs = from.exprs().iter().map(|expr| {
        let mut expr = expr.clone();
        let (set, chain) = own(&expr);
        if let Some(filled) = set {
            let id = batch.new_id();
            let set = Set { name: pattern(&filled.set.name), id: Some(id), ..filled.set.clone() };
            set.write(Verb::Add, batch);
            elements(batch, Verb::Add, &set, entries_as_said(filled).iter().map(Entry::whole));
            rename_set(&mut expr, set.name, Some(id));
        }
        if let Some(chain) = chain {
            let id = batch.new_id();
            let made = Chain {
                id: Some(id),
                flags: Some(ChainFlags::BINDING),
                ..Chain::required(chain.family, chain.table.clone(), chain.name.clone())
            };
            message(batch, NEWCHAIN, CREATE, CHAIN_NAME, made.family, |out| made.encode_attrs(out));
            for inner in view.rules(&chain.name) {
                let inner = Rule { chain_id: Some(id), ..belongings(batch, inner, view) };
                message(batch, NEWRULE, APPEND, RULE_CHAIN, inner.family, |out| inner.encode_attrs(out));
            }
            rename_chain(&mut expr, None, Some(id));
        }
        expr
    });
    Rule {
        exprs: Some(exprs.collect()),
        compat: from.compat.clone(),
        userdata: from.userdata.clone(),
        ..Rule::required(from.family, from.table.clone(), from.chain.clone())
    }
}

/// A message without the name of a chain, which the kernel will make up.
fn message(
    batch: &mut Batch,
    kind: u8,
    flags: u16,
    name: u16,
    family: crate::data::Family,
    body: impl FnOnce(&mut Writer),
) {
    batch.message(kind, flags, family, |out| {
        let mut all = Writer::new(Form::Request);
        body(&mut all);
        let (bytes, error) = all.into_parts();
        attrs(&bytes).flatten().filter(|attr| attr.kind != name).for_each(|attr| out.bytes(attr.raw));
        if let Some(error) = error {
            out.refuse(error.why);
        }
    });
}

/// What the kernel makes the name of an anonymous set from.
fn pattern(name: &Name) -> Name {
    let stem = name.as_bytes().strip_suffix(b"%d").unwrap_or(name.as_bytes());
    let end = stem.iter().rposition(|b| !b.is_ascii_digit()).map_or(0, |last| last + 1);
    Name::from(&[&stem[..end], b"%d"].concat()[..])
}
