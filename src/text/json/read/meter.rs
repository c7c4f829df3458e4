//! Meters: sets that a statement makes on the way, as nft had them before sets could be updated.

use super::{
    super::node::{Node, Result},
    expression::element,
    statement::statefuls,
};
use crate::{
    compile::{Declaration, Typing},
    data::{DataType, Name},
    expr::DynsetOp,
    lang::tree::{Expression, Update},
    model::{Chain, SetFlags},
};

fn name(node: &Node<'_>) -> Result<Name> {
    node.need("name")?.text().map(Into::into)
}

/// What the statement does.
pub(super) fn update(node: &Node<'_>) -> Result<Update> {
    let item = element(&node.need("key")?)?;
    Ok(Update {
        op: if item.timeout.is_some() { DynsetOp::Update } else { DynsetOp::Add },
        set: name(node)?,
        key: item.key,
        data: None,
        timeout: item.timeout,
        statements: statefuls(&node.need("stmt")?)?,
    })
}

/// The sets that the statements of a rule in this chain make.
pub(super) fn sets(statements: &Node<'_>, chain: &Chain) -> Result<Vec<Declaration>> {
    let mut sets = Vec::new();
    for statement in statements.items()? {
        let statement = statement?;
        if let ("meter", node) = statement.only()? {
            sets.push(set(&node, chain)?);
        }
    }
    Ok(sets)
}

fn set(node: &Node<'_>, chain: &Chain) -> Result<Declaration> {
    let Update { key, timeout, set, .. } = update(node)?;
    let mut flags = SetFlags::EVAL;
    flags.set(SetFlags::TIMEOUT, timeout.is_some());
    Ok(Declaration {
        family: chain.family,
        table: chain.table.clone(),
        name: set,
        key: type_names(&key).map_or_else(|| Typing::Of(key), Typing::Names),
        values: None,
        flags,
        timeout: None,
        gc_interval: None,
        size: Some(node.maybe_number("size")?.filter(|size| *size > 0).unwrap_or(65535)),
        policy: None,
        auto_merge: false,
        statements: Vec::new(),
        comment: None,
    })
}

/// nft's names for the types of fields.
fn type_names(key: &Expression) -> Option<Vec<String>> {
    match key {
        // Numbers of any width have no type of their own.
        Expression::Field(field) if field.ty().datatype() == DataType::INTEGER => None,
        Expression::Field(field) => Some(vec![field.ty().name().into()]),
        Expression::Concat(fields) => fields.iter().map(type_names).collect::<Option<Vec<_>>>().map(|all| all.concat()),
        _ => None,
    }
}
