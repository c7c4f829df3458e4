//! From the tree and the model to JSON, in nft's order and with nft's keys.

mod expression;
pub(super) mod model;
mod object;
mod stateful;
mod statement;

use super::words::{names, word};
pub(super) use expression::Cx;
pub(super) use object::object;
use serde_json::{Map, Value};
#[cfg(test)]
pub(super) use statement::statement;

/// An object with one property.
fn one(key: &str, value: impl Into<Value>) -> Value {
    Value::Object(Map::from_iter([(key.into(), value.into())]))
}

/// An object of properties; null if there are none.
fn object_or_null(properties: Map<String, Value>) -> Value {
    if properties.is_empty() { Value::Null } else { Value::Object(properties) }
}

/// Puts in a list of words unless it is empty.
fn add_words(properties: &mut Map<String, Value>, key: &str, words: Vec<&str>) {
    if !words.is_empty() {
        properties.insert(key.into(), words.into());
    }
}
