//! Statements that remember something: in rules, and of the elements of sets.

use super::{
    super::{
        node::{Node, Result},
        words::{BYTES, UNITS},
    },
    statement::object,
};
use crate::{
    expr::{Connlimit, Counter, Expr, Last, Limit, ObjectType, Quota},
    lang::tree::Statement,
};
use std::time::Duration;

/// A stateful statement, or the use of an object of the kind; `None` if it is another statement.
pub(super) fn stateful(kind: &str, node: &Node<'_>) -> Result<Option<Statement>> {
    let (object_type, expr) = match kind {
        "counter" => (ObjectType::Counter, counter(node)?),
        "limit" => (ObjectType::Limit, limit(node)?),
        "quota" => (ObjectType::Quota, quota(node)?),
        "last" => return Ok(Some(Statement::Plain(last(node)?))),
        "ct count" => return Ok(Some(Statement::Plain(connlimit(node)?))),
        _ => return Ok(None),
    };
    Ok(Some(match expr {
        Some(expr) => Statement::Plain(expr),
        None => object(object_type, node)?,
    }))
}

fn counter(node: &Node<'_>) -> Result<Option<Expr>> {
    let has_state = node.is_null() || node.has("packets") && node.has("bytes");
    if !has_state {
        return Ok(None);
    }
    let count = |key| node.maybe_number(key).map(|count| count.filter(|count| *count > 0));
    Ok(Some(Counter { packets: count("packets")?, bytes: count("bytes")?, ..Counter::new() }.into()))
}

/// A rate: used by the statement and the object.
pub(super) fn limit(node: &Node<'_>) -> Result<Option<Expr>> {
    if !node.has("rate") {
        return Ok(None);
    }
    let rate: u64 = node.need("rate")?.number()?;
    let unit = Duration::from_secs(node.need("per")?.choice(UNITS)?);
    let burst: u64 = node.maybe_number("burst")?.unwrap_or_default();
    let limit = if matches!(node.maybe("rate_unit", |unit| Ok(unit.text()? != "packets"))?, Some(true)) {
        Limit::bytes(scaled(rate, node, "rate_unit")?, unit).with_burst(fit(scaled(burst, node, "burst_unit")?, node)?)
    } else {
        let limit = Limit::packets(rate, unit);
        if burst == 0 { limit } else { limit.with_burst(fit(burst, node)?) }
    };
    Ok(Some(if node.truth("inv")? { limit.over() } else { limit }.into()))
}

fn fit(burst: u64, node: &Node<'_>) -> Result<u32> {
    burst.try_into().or_else(|_| node.fault(format!("a burst of {burst} is too large")))
}

/// An amount in bytes, of the unit that a property has.
fn scaled(amount: u64, node: &Node<'_>, unit: &str) -> Result<u64> {
    let factor = node.maybe(unit, |unit| unit.choice(BYTES))?.unwrap_or(1);
    amount.checked_mul(factor).map_or_else(|| node.fault(format!("{amount} is too large")), Ok)
}

fn quota(node: &Node<'_>) -> Result<Option<Expr>> {
    let Some(amount) = node.is_object().then(|| node.maybe_number("val")).transpose()?.flatten() else {
        return Ok(None);
    };
    let bytes = scaled(amount, node, "val_unit")?;
    let used = scaled(node.maybe_number("used")?.unwrap_or_default(), node, "used_unit")?;
    let quota = if node.truth("inv")? { Quota::over(bytes) } else { Quota::until(bytes) };
    Ok(Some(Quota { consumed: Some(used).filter(|used| *used > 0), ..quota }.into()))
}

fn last(node: &Node<'_>) -> Result<Expr> {
    // nft says -1 for never.
    let ago = if node.is_null() { None } else { node.need("used")?.value().as_u64() };
    Ok(Last { set: ago.map(|_| 1), ago: ago.map(Duration::from_millis), ..Last::new() }.into())
}

fn connlimit(node: &Node<'_>) -> Result<Expr> {
    let count = node.need("val")?.number()?;
    Ok(if node.truth("inv")? { Connlimit::over(count) } else { Connlimit::until(count) }.into())
}
