//! Expressions, verdicts, elements.

use super::{
    super::{
        field,
        node::{Node, Result},
        words::{BINARY, VERDICTS},
    },
    stateful::stateful,
};
use crate::{
    compile::Typing,
    data::Verdict,
    lang::tree::{BinaryOp, Expression, Item},
};
use serde_json::Value;
use std::time::Duration;

/// Operands of one operation. A chain of operations is as deep as it has operands.
const OPERANDS: usize = 100;

/// Anything that has a value.
pub(in super::super) fn expression(node: &Node<'_>) -> Result<Expression> {
    match node.value() {
        Value::String(text) => Ok(word(text)),
        Value::Number(number) if !number.is_f64() => Ok(Expression::Word(number.to_string())),
        Value::Bool(true) => Ok(Expression::Word("exists".into())),
        Value::Bool(false) => Ok(Expression::Word("missing".into())),
        Value::Array(_) => node.each(expression).map(Expression::List),
        Value::Object(_) => {
            let (kind, inner) = node.only()?;
            named(kind, &inner, node)
        }
        Value::Null | Value::Number(_) => node.fault(format!("{} is no expression", node.value())),
    }
}

/// A scalar: what it means depends on what it is compared with, except for references.
fn word(text: &str) -> Expression {
    match text.strip_prefix('@') {
        Some(name) => Expression::Named(name.into()),
        None if text == "*" => Expression::Any,
        None => Expression::Word(text.into()),
    }
}

fn named(kind: &str, node: &Node<'_>, outer: &Node<'_>) -> Result<Expression> {
    if let Some((_, op)) = BINARY.iter().find(|(sign, _)| *sign == kind) {
        return binary(*op, node);
    }
    if VERDICTS.iter().any(|(name, _)| *name == kind) {
        return verdict(kind, node).map(Expression::Verdict);
    }
    Ok(match kind {
        "concat" => {
            let fields = node.each(expression)?;
            if fields.len() < 2 {
                return node.fault("a concatenation has at least two fields");
            }
            Expression::Concat(fields)
        }
        "set" => set(node)?,
        "map" | "vmap" => map(node)?,
        "prefix" => {
            let addr = expression(&node.need("addr")?)?;
            Expression::Prefix(Box::new(addr), node.need("len")?.number()?)
        }
        "range" => {
            let (low, high) = node.pair()?;
            Expression::Range(Box::new((expression(&low)?, expression(&high)?)))
        }
        "numgen" => Expression::Numgen {
            random: node.need("mode")?.choice(&[("inc", false), ("random", true)])?,
            modulus: node.need("mod")?.number()?,
            offset: node.maybe_number("offset")?.unwrap_or_default(),
        },
        "jhash" | "symhash" => Expression::Hash {
            of: match kind {
                "jhash" => Some(Box::new(expression(&node.need("expr")?)?)),
                _ => None,
            },
            modulus: node.need("mod")?.number()?,
            seed: if kind == "jhash" { node.maybe_number("seed")? } else { None },
            offset: node.maybe_number("offset")?.unwrap_or_default(),
        },
        _ => match field::read(kind, node)? {
            Some(field) => Expression::Field(field),
            None => return outer.fault(format!("`{kind}` is no expression")),
        },
    })
}

/// Bit arithmetic on two or more operands, from the left.
fn binary(op: BinaryOp, node: &Node<'_>) -> Result<Expression> {
    let operands = node.items()?;
    if !(2..=OPERANDS).contains(&operands.len()) {
        return node.fault(format!("expected 2 to {OPERANDS} operands, found {}", operands.len()));
    }
    let (levels, mut all) = (operands.len(), None);
    for operand in operands {
        let right = expression(&operand?.deeper(levels))?;
        all = Some(match all {
            Some(left) => Expression::Binary { op, left: Box::new(left), right: Box::new(right) },
            None => right,
        });
    }
    all.map_or_else(|| node.fault("no operands"), Ok)
}

pub(super) fn verdict(kind: &str, node: &Node<'_>) -> Result<Verdict> {
    let target = || match node.need("target")?.text()? {
        "" => node.fault("the name of a chain is empty"),
        name => Ok(name),
    };
    Ok(match (kind, VERDICTS.iter().find(|(name, _)| *name == kind)) {
        ("jump", _) => Verdict::jump(target()?),
        ("goto", _) => Verdict::goto(target()?),
        (_, Some((_, make))) => make(),
        _ => return node.fault(format!("`{kind}` is no verdict")),
    })
}

/// The value that a map has for a key.
pub(super) fn map(node: &Node<'_>) -> Result<Expression> {
    let key = Box::new(expression(&node.need("key")?)?);
    Ok(Expression::Map { key, of: Box::new(expression(&node.need("data")?)?) })
}

/// The name of a set, or elements.
fn set(node: &Node<'_>) -> Result<Expression> {
    match node.value().as_str().map(word) {
        Some(name @ Expression::Named(_)) => Ok(name),
        _ => items(node).map(Expression::Set),
    }
}

/// Elements, or the one there is.
pub(in super::super) fn items(node: &Node<'_>) -> Result<Vec<Item>> {
    node.one_or_each(item)
}

/// An element: a key, with what belongs to it, and in maps with its value.
fn item(node: &Node<'_>) -> Result<Item> {
    if node.is_pair() {
        let (key, data) = node.pair()?;
        return Ok(Item { data: Some(expression(&data)?), ..element(&key)? });
    }
    element(node)
}

/// A key, with its time, comment and counters where it has the long form, as a rule also updates
/// one.
pub(super) fn element(node: &Node<'_>) -> Result<Item> {
    if !node.has("elem") {
        return expression(node).map(Item::from);
    }
    let node = node.need("elem")?;
    let mut item = Item::from(expression(&node.need("val")?)?);
    let seconds = |node: &Node<'_>| node.number().map(Duration::from_secs);
    item.timeout = node.maybe("timeout", seconds)?;
    item.expires = node.maybe("expires", seconds)?;
    item.comment = node.maybe("comment", |node| node.text().map(Into::into))?;
    for (key, inner) in node.properties()? {
        if let Some(statement) = stateful(key, &inner)? {
            item.statements.push(statement);
        }
    }
    Ok(item)
}

/// What keys or values are: names of types, or an expression that has the type.
pub(in super::super) fn typing(node: &Node<'_>) -> Result<Typing> {
    if node.is_object() {
        return match node.only()? {
            ("typeof", of) => expression(&of).map(Typing::Of),
            (other, _) => node.fault(format!("`{other}` is no type: expected a name, a list of names, or `typeof`")),
        };
    }
    // nft also takes what it prints in text: `ipv4_addr . inet_service`.
    let names =
        node.one_or_each(|node| Ok(node.text()?.split('.').map(|name| name.trim().into()).collect::<Vec<_>>()))?;
    Ok(Typing::Names(names.concat()))
}
