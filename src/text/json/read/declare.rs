//! What tables are made of: tables, chains, rules, sets, elements, flowtables.

use super::{
    super::{
        node::{Node, Result},
        words::{FAMILIES, HOOKS, OBJECTS, POLICIES, SET_FLAGS, SET_POLICIES, TABLE_FLAGS},
    },
    expression::{items, typing},
    meter,
    statement::{named_object, statefuls, statements},
};
use crate::{
    compile::{Declaration, Typing, Values},
    data::{ChainType, Name},
    lang::tree::{Expression, Item, Statement},
    model::{Chain, ChainHook, Device, Flowtable, FlowtableHook, SetFlags, Table, TableFlags},
};
use std::time::Duration;

/// Whether what is named must be described, too.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in super::super) enum Wanted {
    /// All of it: to make it.
    Whole,
    /// Its name: to list it or to empty it.
    Name,
    /// Its name or its handle: to delete it.
    Either,
}

/// A name and a handle, of which there may be one only.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Named {
    pub table: Table,
    /// Empty if only the handle is known.
    pub name: Name,
    pub handle: Option<u64>,
}

fn name(node: &Node<'_>) -> Result<Name> {
    match node.text()? {
        "" => node.fault("a name is empty"),
        name => Ok(name.into()),
    }
}

/// The table that something belongs to.
pub(in super::super) fn table_of(node: &Node<'_>, key: &str) -> Result<Table> {
    Ok(Table::new(node.need("family")?.choice(FAMILIES)?, name(&node.need(key)?)?))
}

/// What something in a table is called.
pub(in super::super) fn named(node: &Node<'_>, wanted: Wanted) -> Result<Named> {
    let table = table_of(node, "table")?;
    let (name, handle) = name_or_handle(node, wanted)?;
    Ok(Named { table, name, handle })
}

fn name_or_handle(node: &Node<'_>, wanted: Wanted) -> Result<(Name, Option<u64>)> {
    if wanted != Wanted::Either {
        return Ok((name(&node.need("name")?)?, None));
    }
    match (node.maybe("name", name)?, node.maybe_number("handle")?) {
        (None, None) => node.fault("`name` or `handle` is needed"),
        // The name counts: documents that were listed have both.
        (Some(name), _) => Ok((name, None)),
        (None, handle) => Ok((Name::from(""), handle)),
    }
}

fn comment(node: &Node<'_>) -> Result<Option<String>> {
    node.maybe("comment", |node| node.text().map(Into::into))
}

pub(in super::super) fn table(node: &Node<'_>, wanted: Wanted) -> Result<Table> {
    let family = node.need("family")?.choice(FAMILIES)?;
    let (name, handle) = name_or_handle(node, wanted)?;
    let mut table = Table { handle, ..Table::new(family, name) };
    if wanted == Wanted::Whole {
        let flags = node.maybe("flags", |node| node.one_or_each(|flag| flag.choice(TABLE_FLAGS)))?.unwrap_or_default();
        let flags = flags.into_iter().fold(TableFlags::empty(), |all, flag| all | flag);
        table.flags = Some(flags).filter(|flags| !flags.is_empty());
        if let Some(comment) = comment(node)? {
            table = table.with_comment(&comment);
        }
    }
    Ok(table)
}

pub(in super::super) fn chain(node: &Node<'_>, wanted: Wanted) -> Result<Chain> {
    let Named { table, name, handle } = named(node, wanted)?;
    let mut chain = Chain { handle, ..table.chain(name) };
    if wanted != Wanted::Whole {
        return Ok(chain);
    }
    if let Some(comment) = comment(node)? {
        chain = chain.with_comment(&comment);
    }
    // As with nft, it takes all three to make a base chain.
    let (Some(kind), Some(hook), Some(priority)) = (
        node.maybe("type", |node| Ok(ChainType::from(node.text()?.as_bytes())))?,
        node.get("hook")?,
        node.maybe("prio", |node| node.integer())?,
    ) else {
        return Ok(chain);
    };
    let number = hook.choice(HOOKS)?.number(table.family);
    if number.is_none() {
        return hook.fault(format!("family {} has no such hook", table.family));
    }
    let mut called = ChainHook { number: Some(number), priority: Some(priority), ..ChainHook::required() };
    match node.maybe("dev", devices)?.as_deref() {
        None | Some([]) => {}
        Some([Device::Name(device)]) => called.device = Some(device.clone()),
        Some(several) => called.devices = Some(several.to_vec()),
    }
    chain.hook = Some(called);
    chain.kind = Some(kind);
    chain.policy = node.maybe("policy", |node| node.choice(POLICIES))?;
    Ok(chain)
}

/// Devices by name, or by the start of their names.
fn devices(node: &Node<'_>) -> Result<Vec<Device>> {
    node.one_or_each(|node| {
        let name = name(node)?;
        if name.as_bytes().len() > 15 {
            return node.fault("the name of a device has up to 15 bytes");
        }
        Ok(match name.as_bytes().strip_suffix(b"*") {
            Some(start) if !start.is_empty() => Device::Prefix(start.into()),
            _ => Device::Name(name),
        })
    })
}

/// Which rule another stands next to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in super::super) enum Position {
    Handle(u64),
    /// Counted from 0.
    Index(u64),
}

/// A rule that is to be written, or, without statements, found.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct RuleText {
    pub chain: Chain,
    pub position: Option<Position>,
    pub statements: Vec<Statement>,
    /// Sets that it makes.
    pub sets: Vec<Declaration>,
    pub comment: Option<String>,
}

/// The chain of a rule, and the rule that is meant.
pub(in super::super) fn rule_place(node: &Node<'_>, handles: bool) -> Result<RuleText> {
    let chain = table_of(node, "table")?.chain(name(&node.need("chain")?)?);
    let handle = if handles { node.maybe_number("handle")? } else { None };
    let index = node.maybe_number("index")?;
    let position = handle.map(Position::Handle).or(index.map(Position::Index));
    Ok(RuleText { chain, position, statements: Vec::new(), sets: Vec::new(), comment: None })
}

/// A whole rule. Of what is only described nft does not look at handles, since listings have them.
pub(in super::super) fn rule(node: &Node<'_>, handles: bool) -> Result<RuleText> {
    let (place, expr) = (rule_place(node, handles)?, node.need("expr")?);
    let sets = meter::sets(&expr, &place.chain)?;
    Ok(RuleText { statements: statements(&expr)?, sets, comment: comment(node)?, ..place })
}

/// A set or a map, and its elements.
pub(in super::super) fn set(node: &Node<'_>) -> Result<(Declaration, Vec<Item>)> {
    let Named { table, name, .. } = named(node, Wanted::Whole)?;
    let items = node.maybe("elem", items)?.unwrap_or_default();
    let flags = node.maybe("flags", |node| node.one_or_each(|flag| flag.choice(SET_FLAGS)))?.unwrap_or_default();
    let seconds = |node: &Node<'_>| node.number().map(Duration::from_secs);
    let values = node.maybe("map", |node| values(node, &items))?;
    let of_objects = matches!(values, Some(Values::Object(_)));
    let declaration = Declaration {
        family: table.family,
        table: table.name,
        name,
        key: typing(&node.need("type")?)?,
        values,
        flags: flags.into_iter().fold(SetFlags::empty(), |all, flag| all | flag),
        timeout: node.maybe("timeout", seconds)?.filter(|timeout| !timeout.is_zero()),
        gc_interval: node.maybe("gc-interval", seconds)?.filter(|interval| !interval.is_zero()),
        size: node.maybe_number("size")?,
        policy: node.maybe("policy", |node| node.choice(SET_POLICIES))?,
        auto_merge: node.truth("auto-merge")?,
        statements: node.maybe("stmt", statefuls)?.unwrap_or_default(),
        comment: comment(node)?,
    };
    let items = if of_objects { items.into_iter().map(named_object).collect() } else { items };
    Ok((declaration, items))
}

/// What a map maps to. Whether it maps to ranges, JSON does not say: its elements do.
fn values(node: &Node<'_>, items: &[Item]) -> Result<Values> {
    let word = node.value().as_str();
    if let Some((_, object)) = OBJECTS.iter().find(|(name, _)| Some(*name) == word) {
        return Ok(Values::Object(*object));
    }
    if word == Some("verdict") {
        return Ok(Values::Verdict);
    }
    let ty: Typing = typing(node)?;
    let interval = items.iter().any(|item| item.data.as_ref().is_some_and(is_interval));
    Ok(Values::Typed { ty, interval })
}

fn is_interval(data: &Expression) -> bool {
    match data {
        Expression::Range(_) | Expression::Prefix(..) => true,
        Expression::Concat(fields) => fields.iter().any(is_interval),
        // The two ends or the length of a network may also be written as one word.
        Expression::Word(word) => {
            word.contains('/') || word.split_once('-').is_some_and(|(low, _)| low.contains(['.', ':']))
        }
        _ => false,
    }
}

pub(in super::super) fn flowtable(node: &Node<'_>, wanted: Wanted) -> Result<Flowtable> {
    let Named { table, name, handle } = named(node, wanted)?;
    let mut flowtable = Flowtable { handle, ..Flowtable::named(&table, name) };
    if wanted == Wanted::Whole {
        node.need("hook")?.choice(&[("ingress", ())])?;
        flowtable.hook = Some(FlowtableHook {
            number: Some(0),
            priority: Some(node.need("prio")?.integer()?),
            devices: node.maybe("dev", devices)?,
            ..FlowtableHook::default()
        });
    }
    Ok(flowtable)
}
