//! Firewalls that many need: each a table of its own, made by a small typed function.
//!
//! ```
//! use oxitables::{recipes::{Recipe, vps_baseline}, *};
//!
//! fn protect() -> Result<()> {
//!     let vps = vps_baseline("eth0").with_ssh_from(["192.0.2.0/24".parse().unwrap()]);
//!     let mut batch = vps.batch();
//!     // What is your own goes into the same chains.
//!     batch.add(vps.input().rule(Rule::new().when(tcp::dport().is(443)).accept()));
//!     Client::open()?.apply(&batch)?;
//!     Ok(())
//! }
//! # testing::in_namespace(protect);
//! ```
//!
//! * They serve IPv4 and IPv6 at once, and `nft list ruleset` prints each as it is meant; [the guide] has the listings.
//! * Applied again, a recipe puts its rules in the place of its old ones and keeps what its sets have learned. With
//!   [`Ruleset::made_by`](crate::model::Ruleset::made_by) and [`Client::reconcile`](crate::Client::reconcile) it also removes what an
//!   earlier version had, and keeps handles and counters.
//! * Several of them work side by side: a packet has to pass all tables, so each can only forbid more.
//! * Interfaces are matched by name: one that does not exist yet is filtered as soon as it does.
//! * They lock you out as any firewall does: over ssh, use [`Client::apply_confirmed`](crate::Client::apply_confirmed).
//!
//! Only the public interface of this crate is used here: what a recipe does, your program can do in another way.
//!
//! [the guide]: https://github.com/oxitables/oxitables/blob/main/docs/guide/recipes.md

mod vps_baseline;

pub use vps_baseline::{VpsBaseline, vps_baseline};

use crate::{Batch, Chain, Rule, Table};
use ipnetwork::Ipv6Network;
use std::net::Ipv6Addr;

/// Addresses of the own link (RFC 4291, 2.5.6).
const LINK_LOCAL: Ipv6Network = Ipv6Network::new_checked(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10).unwrap();

/// A table and all that is in it.
pub trait Recipe {
    /// The table.
    fn table(&self) -> Table;

    /// Adds table, sets, chains and rules to a batch. Rules that its chains have already make room.
    fn add_to(&self, batch: &mut Batch);

    /// A batch with nothing else.
    fn batch(&self) -> Batch {
        let mut batch = Batch::new();
        self.add_to(&mut batch);
        batch
    }
}

/// Makes a chain with these rules and no others.
fn fill<R: Into<Rule>>(batch: &mut Batch, chain: &Chain, rules: impl IntoIterator<Item = R>) {
    batch.add(chain).flush(chain);
    for rule in rules {
        batch.add(chain.rule(rule));
    }
}
