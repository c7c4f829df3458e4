//! What nft's schema has no words for: expressions byte for byte, so that what was listed can be
//! applied again.
//!
//! `{"registers": [{"name": "bitwise", "data": "0c0001…"}]}` is this crate's own; nft refuses it,
//! and what it would list in its place it could not read either.

use super::node::{Node, Result};
use crate::{
    data::{Name, hex, unhex},
    expr::{Expr, XtMatch, XtTarget},
};
use serde_json::{Value, json};

pub(super) fn write(exprs: &[Expr]) -> Vec<Value> {
    exprs.iter().map(|expr| json!({"name": expr.name(), "data": hex(&expr.to_bytes())})).collect()
}

pub(super) fn read(node: &Node<'_>) -> Result<Vec<Expr>> {
    node.each(|node| {
        let data = node.need("data")?;
        match unhex(data.text()?) {
            Some(bytes) => Ok(Expr::from_bytes(&bytes)),
            None => data.fault("expected pairs of hexadecimal digits"),
        }
    })
}

/// An extension of iptables. nft gives the first two properties only.
pub(super) fn extension(kind: &str, name: &Name, revision: u32, info: &[u8]) -> Value {
    json!({"xt": {"type": kind, "name": name.to_string_lossy(), "revision": revision, "info": hex(info)}})
}

pub(super) fn read_extension(node: &Node<'_>) -> Result<Expr> {
    if !node.has("info") {
        return node.fault("what the extension is told is missing: use iptables-nft");
    }
    let is_match = node.need("type")?.choice(&[("match", true), ("target", false)])?;
    let (name, revision, info) = (node.need("name")?.text()?, node.need("revision")?.number()?, node.need("info")?);
    let Some(bytes) = unhex(info.text()?) else {
        return info.fault("expected pairs of hexadecimal digits");
    };
    Ok(if is_match { XtMatch::new(name, revision, bytes).into() } else { XtTarget::new(name, revision, bytes).into() })
}
