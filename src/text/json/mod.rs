//! libnftables JSON: the schema that `nft -j` speaks, firewalld, Ansible and many others with it
//! (`man 5 libnftables-json`).
//!
//! What is read is a [`Document`]; what is listed comes from [`to_value`]. Both are what nft 1.1.7
//! reads and writes.
//!
//! ```
//! use oxitables::{Client, Result, json::Document};
//!
//! fn configure() -> Result<()> {
//!     let document: Document = r#"{"nftables": [
//!         {"add": {"table": {"family": "inet", "name": "host"}}},
//!         {"add": {"chain": {"family": "inet", "table": "host", "name": "input",
//!                            "type": "filter", "hook": "input", "prio": 0, "policy": "accept"}}},
//!         {"add": {"rule": {"family": "inet", "table": "host", "chain": "input", "expr": [
//!             {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 22}},
//!             {"accept": null}]}}},
//!         {"list": {"ruleset": null}}
//!     ]}"#
//!     .parse()?;
//!     // One transaction: all of it or nothing.
//!     let answers = document.apply(&mut Client::open()?)?;
//!     assert_eq!(answers[0]["nftables"][1]["table"]["name"], "host");
//!     Ok(())
//! }
//! # oxitables::testing::in_namespace(configure);
//! ```
//!
//! As with nft, a listing says of a map that was declared by `typeof` only the type of its values,
//! and of times only whole seconds.
//!
//! Errors name the place: `nftables[3].add.rule.expr[1].match.right: …`.
//!
//! # Where it differs from nft
//!
//! * What nft lists and then cannot read is taken back: counters of elements, levels of
//!   `socket cgroupv2`, extensions of iptables.
//! * Expressions that are no statement of nft's are listed as `{"registers": […]}`, byte for byte,
//!   and can be applied again.
//! * Chains without a name, which nft lists as a text that it cannot read, are listed as chains
//!   with the kernel's name for them.
//! * `list` and `reset` come after all changes of the document were made.

mod build;
mod command;
mod desired;
mod document;
mod field;
mod list;
mod node;
mod read;
mod registers;
#[cfg(test)]
mod tests;
mod words;
mod write;

pub use document::Document;
pub use list::{Nft, to_value};
