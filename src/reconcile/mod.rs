//! Desired state: what has to be done to get from what is there to what should be.
//!
//! A desired state is a [`Ruleset`]: one that was read earlier, what a batch makes of nothing
//! ([`Ruleset::made_by`](crate::model::Ruleset::made_by)), or what serde reads from libnftables JSON (feature `json`). [`diff`] compares it with what the kernel has and makes a [`Plan`];
//! [`Client::plan`](crate::Client::plan) and [`Client::reconcile`](crate::Client::reconcile) do it with a kernel.
//!
//! ```
//! use oxitables::*;
//! # use std::{net::Ipv4Addr, time::Duration};
//!
//! fn desired() -> Result<model::Ruleset> {
//!     let host = Table::new(Family::Inet, "host");
//!     let blocked = Set::<Ipv4Addr>::new(&host, "blocked").timeouts();
//!     let input = host.chain("input").with_hook(Hook::Input, Priority::FILTER).with_policy(Policy::Drop);
//!     let mut batch = Batch::new();
//!     batch.add(&host).add(&blocked).add(&input);
//!     batch.add(input.rule(Rule::new().when(ip::saddr().is_in(&blocked)).drop()));
//!     batch.add(input.rule(Rule::new().when(tcp::dport().is(22)).then(counter()).accept()));
//!     model::Ruleset::made_by(&batch)
//! }
//!
//! fn agent() -> Result<()> {
//!     let mut nft = Client::open()?;
//!     let plan = nft.plan(&desired()?)?;
//!     assert!(plan.to_string().ends_with("+ rule inet host input tcp dport 22 counter accept\n"));
//!     plan.destroys().iter().for_each(|state| println!("would be lost: {state}"));
//!     nft.apply(&plan)?;
//!     assert!(nft.plan(&desired()?)?.is_empty());
//!     Ok(())
//! }
//! # testing::in_namespace(agent);
//! ```
//!
//! # What a plan does
//!
//! * Tables that the desired state does not name are never touched. Chains, sets, objects and flowtables of a table that it names go
//!   unless it names them.
//! * Rules stay in place, with handles and counters, as far as their order allows; a rule that takes the place of another
//!   keeps its handle. Anonymous sets and chains are compared by what is in them.
//! * Of sets the elements that differ are written. Where elements come and go by themselves (`dynamic`, `timeout`), those that
//!   the desired state does not name are not its business, and stay: what was learned is kept, and to take such an element out is
//!   for a batch of your own. Only those that name a chain or an object that goes, go with it: [`Plan::destroys`] tells.
//! * A larger size counts from the next batch on. A set whose new elements do not fit into the old one is made again; one where
//!   elements come by themselves keeps them, gets room, and the new ones with the next plan, which is [due](Plan::due) at once.
//! * A timeout is state: a desired element that has less than half of its life left is given all of it again
//!   ([`Plan::due`] says when that will be). One that has more is left alone. Since 6.12 the element keeps its counters by
//!   that; before, and in plans of [`diff`], it is made anew, which [`Plan::destroys`] says.
//! * Policies, devices that are added, sizes and timeouts of sets, quotas and whether a table sleeps change in place. What cannot (hook,
//!   priority and type of a chain, devices that go, key and flags of a set, elements of a constant one, most objects) is
//!   removed and made again in the same batch, and so are the rules and elements that name it: [`Plan::replaced`] says what, and
//!   [`Plan::destroys`] what is lost with it. A table that falls asleep or awakes while base chains of it change or go is
//!   made anew as a whole, and so is one that has an owner: the kernel has no other way.
//! * Who owns a table is not compared: `owner` and `persist` count when it is made. A table that somebody else owns can be planned; to apply
//!   that is refused ([`Error::is_permission`](crate::Error::is_permission)), with the name of the owner.
//! * Comments of tables, chains, sets and objects are given when these are made. The kernel cannot change them, and nothing is
//!   removed for their sake.
//! * An expression that this version has no type for is compared byte for byte: if the kernel reports it otherwise than it was sent, its
//!   rule is replaced each time.
//! * Values of counters and quotas are where these are made, and are left alone where they run.
//!
//! # Drift
//!
//! [`Client::keep`](crate::Client::keep) is the loop around it: it hears of every commit, tells who changed what, heals it, and asserts
//! timeouts again when they are due. [`Watch`](crate::client::Watch) is for loops of one's own.
//!
//! # What it costs
//!
//! Time grows as n log n with the rules, and a plan holds what it changes, not what stays. It is put into words when it is printed.

mod elements;
mod expr;
mod lines;
mod made;
mod normal;
mod plan;
mod rules;
mod table;
#[cfg(test)]
mod tests;
mod view;
mod write;

pub(crate) use lines::{Detail, Elements};
pub use normal::normal;
pub use plan::{Destroyed, Plan, Replaced};
pub(crate) use table::{Reading, Wanted};

use crate::model::Ruleset;
use view::View;

/// What has to be done to get from `present`, what the kernel has, to `desired`.
///
/// A pure function, and a plan for any kernel. Of `present` only the tables count that `desired` names; the plan is bound to its generation.
///
/// ```
/// use oxitables::{Batch, Family, Policy, Hook, Priority, Table, model::Ruleset, reconcile::diff};
/// let host = Table::new(Family::Inet, "host");
/// let input = host.chain("input").with_hook(Hook::Input, Priority::FILTER);
/// let before = Ruleset::made_by(Batch::new().add(&host).add(&input))?;
/// let after = Ruleset::made_by(Batch::new().add(&host).add(input.with_policy(Policy::Drop)))?;
/// assert_eq!(diff(&before, &after).to_string(), "~ chain inet host input { type filter hook input priority filter; policy drop; }\n");
/// assert!(diff(&after, &after).is_empty());
/// # Ok::<(), oxitables::Error>(())
/// ```
pub fn diff(present: &Ruleset, desired: &Ruleset) -> Plan {
    diff_on(present, desired, false)
}

/// The same for a kernel that gives elements another life where they are, with their counters, if it does: since 6.12.
pub(crate) fn diff_on(present: &Ruleset, desired: &Ruleset, restarts: bool) -> Plan {
    let mut plan = Plan::new(present.generation, restarts);
    let (before, after) = (View::all(present, desired), View::all(desired, desired));
    let nothing = View::default();
    for (key, new) in &after {
        table::reconcile(before.get(key).unwrap_or(&nothing), new, &mut plan);
    }
    plan
}
