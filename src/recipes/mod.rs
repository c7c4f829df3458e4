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
//! * They serve IPv4 and IPv6 at once, and `nft list ruleset` prints each as it is meant;
//!   [the guide] has the listings.
//! * Applied again, a recipe puts its rules in the place of its old ones and keeps what its sets
//!   have learned. With [`Ruleset::made_by`](crate::model::Ruleset::made_by) and
//!   [`Client::reconcile`](crate::Client::reconcile) it also removes what an earlier version had,
//!   and keeps handles and counters.
//! * Several of them work side by side: a packet has to pass all tables, so each can only forbid
//!   more.
//! * Interfaces are matched by name: one that does not exist yet is filtered as soon as it does.
//! * They lock you out as any firewall does: over ssh, use
//!   [`Client::apply_confirmed`](crate::Client::apply_confirmed).
//!
//! Only the public interface of this crate is used here: what a recipe does, your program can do in
//! another way.
//!
//! [the guide]: https://github.com/oxitables/oxitables/blob/main/docs/guide/recipes.md

mod brute_force_guard;
mod close_reflectors;
mod closed_services;
mod imaps_before_ssh;
mod masquerade_gateway;
mod port_knock;
mod process_marks;
mod route_by_login;
mod scan_trap;
mod sender;
mod service_access;
mod strict_source;
mod syn_flood_guard;
mod vps_baseline;

pub use brute_force_guard::{BruteForceGuard, brute_force_guard};
pub use close_reflectors::{CloseReflectors, close_reflectors};
pub use closed_services::{ClosedServices, closed_services};
pub use imaps_before_ssh::{ImapsBeforeSsh, imaps_before_ssh};
pub use masquerade_gateway::{MasqueradeGateway, masquerade_gateway};
pub use port_knock::{PortKnock, port_knock};
pub use process_marks::{ProcessMarks, process_marks};
pub use route_by_login::{Login, RouteByLogin, route_by_login};
pub use scan_trap::{ScanTrap, scan_trap};
pub use sender::Sender;
pub use service_access::{BadHours, Hours, Service, ServiceAccess, Touch, Touches, service_access};
pub use strict_source::{StrictSource, strict_source};
pub use syn_flood_guard::{SynFloodGuard, syn_flood_guard};
pub use vps_baseline::{VpsBaseline, vps_baseline};

use crate::{Batch, Chain, Icmpv6Type, Port, RejectWith, Rule, Table, TcpFlags, icmpv6, ip6, rule::Open, tcp};
use ipnetwork::Ipv6Network;
use std::{net::Ipv6Addr, time::Duration};

/// Addresses of the own link (RFC 4291, 2.5.6).
const LINK_LOCAL: Ipv6Network = Ipv6Network::new_checked(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10).unwrap();

/// As many hits of a [`Recent`](crate::Recent) list as fit into the expressions of one rule.
const MOST_HITS: u32 = 50;

/// A table and all that is in it. Yours may be one, too:
///
/// ```
/// use ipnetwork::IpNetwork;
/// use oxitables::{recipes::Recipe, *};
///
/// /// A port for some networks only.
/// struct OnlyFrom(u16, Vec<IpNetwork>);
///
/// impl Recipe for OnlyFrom {
///     fn table(&self) -> Table {
///         Table::new(Family::Inet, "only_from")
///     }
///
///     fn add_to(&self, batch: &mut Batch) {
///         batch.add(self.table());
///         if self.1.is_empty() {
///             batch.invalid("nobody may"); // What it belongs to is added before.
///             return;
///         }
///         let input = self.table().chain("input").with_hook(Hook::Input, Priority::FILTER);
///         let allowed = AddrSet::new(&self.table(), "allowed").interval();
///         batch.add(&input).flush(&input).add(&allowed).flush(&allowed);
///         batch.add(allowed.elements(self.1.iter().map(|network| allowed.element(*network))));
///         let asked = || Rule::new().when(tcp::dport().is(self.0));
///         batch.add(input.rule(asked().when(addr::saddr().is_in(&allowed)).accept()));
///         batch.add(input.rule(asked().reject_with(RejectWith::TcpReset)));
///     }
/// }
/// # testing::in_namespace(|| -> Result<()> {
/// #     let mut nft = Client::open()?;
/// #     for _ in 0..2 {
/// #         nft.apply(&OnlyFrom(80, vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()]).batch())?;
/// #     }
/// #     let said = nft.apply(&OnlyFrom(80, vec![]).batch()).unwrap_err().to_string();
/// #     assert_eq!(said, "nothing was changed: add table inet only_from (operation 1 of 1): nobody may");
/// #     Ok(())
/// # });
/// ```
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

/// Makes a batch of what is wrong with a recipe, if something is.
fn is_wrong(batch: &mut Batch, wrong: impl IntoIterator<Item = Option<String>>) -> bool {
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    for why in &wrong {
        batch.invalid(why);
    }
    !wrong.is_empty()
}

/// Of a list that would mean all ports.
fn no_port(ports: &[Port]) -> Option<String> {
    ports.is_empty().then(|| "no port at all".into())
}

/// Of times that the kernel would take for eternity, or not at all.
fn wrong_time(what: &str, time: Duration) -> Option<String> {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    let fits = (Duration::from_millis(1)..=YEAR).contains(&time);
    (!fits).then(|| format!("{what} of {time:?}: it has to be between a millisecond and a year"))
}

/// Neighbour discovery, from the own link only (RFC 4861, 7.1).
fn neighbours() -> Rule {
    let types = [Icmpv6Type::ND_ROUTER_ADVERT, Icmpv6Type::ND_NEIGHBOR_SOLICIT, Icmpv6Type::ND_NEIGHBOR_ADVERT];
    let rule = Rule::new().when(ip6::hoplimit().is(255)).when(icmpv6::type_().is_any(types));
    rule.comment("neighbour discovery").accept()
}

/// For TCP segments that ask for a connection. (In two conditions, since versions of nft differ in
/// how they print one with a mask.)
fn syn(rule: Rule<Open>) -> Rule<Open> {
    rule.when(tcp::flags().any(TcpFlags::SYN)).when(tcp::flags().none(TcpFlags::FIN | TcpFlags::RST | TcpFlags::ACK))
}

/// Ends a rule for TCP: as if nothing listened, or without a word.
fn refuse(rule: Rule<Open>, silent: bool) -> Rule {
    if silent { rule.drop() } else { rule.reject_with(RejectWith::TcpReset) }
}
