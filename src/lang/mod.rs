//! nft's language, and nothing else: what rules are made of, and the words for it.
//!
//! A rule is a list of [statements](tree::Statement), which are made of
//! [expressions](tree::Expression). Fields and headers are rows of one registry each ([`fields`],
//! [`header`]). The passes all speak of these: `compile` makes registers of a tree, `lift` a tree
//! of registers, `print` and `json` text, and the typed builders make trees.

pub(crate) mod bits;
pub(crate) mod declared;
pub(crate) mod field;
pub(crate) mod fields;
pub(crate) mod find;
pub(crate) mod header;
pub(crate) mod repr;
pub(crate) mod selector;
pub(crate) mod store;
pub(crate) mod tree;
pub(crate) mod typeof_note;
pub(crate) mod units;
pub(crate) mod words;

use crate::wire::Malformed;
use std::borrow::Cow;

/// A refusal in plain words.
pub(crate) fn refused<T>(text: impl Into<Cow<'static, str>>) -> Result<T, Malformed> {
    Err(Malformed::Refused(text.into()))
}
