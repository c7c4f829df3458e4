//! Desired state: what has to be done to get from what is there to what should be.
//!
//! A desired state is a [`Ruleset`]: one that was read earlier, what a batch makes of nothing
//! ([`Ruleset::made_by`](crate::model::Ruleset::made_by)), or what serde reads from libnftables
//! JSON (feature `json`). [`diff`] compares it with what the kernel has and makes a [`Plan`];
//! [`Client::plan`](crate::Client::plan) and [`Client::reconcile`](crate::Client::reconcile) do it
//! with a kernel.
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
//! * Tables that the desired state does not name are never touched. Chains, sets, objects and
//!   flowtables of a table that it names go unless it names them.
//! * Rules stay in place, with handles and counters, as far as their order allows; a rule that
//!   takes the place of another keeps its handle. Anonymous sets and chains are compared by what is
//!   in them.
//! * Rules are the same if they do the same to every packet, whichever registers they are written
//!   with: versions of nft write a range as one comparison or as two, fields in one load or in
//!   several, tests in another order. What nft leaves out when it lists a rule makes no difference
//!   either: whether `icmp type` asks for IPv4 as well, and in tables of `ip6` whether `tcp dport`
//!   asks for `ip6 nexthdr` or for `meta l4proto`.
//! * Tables and chains are made in the order of the desired state. It decides between chains of one
//!   hook and one priority: the kernel runs the one first that was made last. What stays is not
//!   made anew for the sake of that order, so give such chains priorities of their own if it
//!   matters which is first.
//! * Of sets the elements that differ are written. Where elements come and go by themselves
//!   (`dynamic`, `timeout`), those that the desired state does not name are not its business, and
//!   stay: what was learned is kept, and to take such an element out is for a batch of your own.
//!   Only those that name a chain or an object that goes, go with it: [`Plan::destroys`] tells.
//! * A set that a rule of its table changes is dynamic, whether it says so or not (nft makes it so,
//!   and its JSON before 1.1 does not tell). One that is dynamic and need not be stays as it is,
//!   and loses what is not desired of it.
//! * A chain for devices that names none keeps those that it has: nft's JSON before 1.1 does not
//!   tell them.
//! * A larger size counts from the next batch on. A set whose new elements do not fit into the old
//!   one is made again; one where elements come by themselves keeps them, gets room, and the new
//!   ones with the next plan, which is [due](Plan::due) at once.
//! * A timeout is state: a desired element that has less than half of its life left is given all of
//!   it again ([`Plan::due`] says when that will be). One that has more is left alone. Since 6.12
//!   the element keeps its counters by that; before, and in plans of [`diff`], it is made anew,
//!   which [`Plan::destroys`] says.
//! * Sizes of sets change in place since 6.5, timeouts since 6.12; older kernels would ignore them,
//!   or give elements of the same batch the old timeout. There
//!   [`Client::plan`](crate::Client::plan) makes the set again, while [`diff`] knows no kernel, and
//!   [`Client::apply`](crate::Client::apply) refuses what would be ignored (timeouts before 6.1).
//! * Policies, devices that are added, sizes and timeouts of sets, quotas and whether a table
//!   sleeps change in place. What cannot (hook, priority and type of a chain, devices that go, key
//!   and flags of a set, elements of a constant one, most objects) is removed and made again in the
//!   same batch, and so are the rules and elements that name it: [`Plan::replaced`] says what, and
//!   [`Plan::destroys`] what is lost with it. A table that falls asleep or awakes while base chains
//!   of it change or go is made anew as a whole, and so is one that has an owner: the kernel has no
//!   other way.
//! * Who owns a table is not compared: `owner` and `persist` count when it is made. A table that
//!   somebody else owns can be planned; to apply that is refused
//!   ([`Error::is_permission`](crate::Error::is_permission)), with the name of the owner.
//! * Comments of tables, chains, sets and objects are given when these are made. The kernel cannot
//!   change them, and nothing is removed for their sake.
//! * An expression that this version has no type for is compared byte for byte: if the kernel
//!   reports it otherwise than it was sent, its rule is replaced each time.
//! * Values of counters and quotas are where these are made, and are left alone where they run.
//!
//! # Drift
//!
//! [`Client::keep`](crate::Client::keep) is the loop around it: it hears of every commit, tells who
//! changed what, heals it, and asserts timeouts again when they are due.
//! [`Watch`](crate::client::Watch) is for loops of one's own.
//!
//! # What it costs
//!
//! Time grows as n log n with the rules, and a plan holds what it changes, not what stays. It is
//! put into words when it is printed.

mod elements;
mod expr;
mod lines;
mod meaning;
mod normal;
mod plan;
mod rules;
mod simulate;
mod table;
#[cfg(test)]
mod tests;
mod view;
mod write;

pub(crate) use lines::{Detail, Elements};
pub use normal::normal;
pub use plan::{Destroyed, Plan, Replaced};
pub(crate) use table::{Reading, Wanted, kept};

use crate::{
    expr::Expr,
    model::{Chain, ChainFlags, FilledSet, Ruleset, Set, SetFlags},
};
use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};
use view::View;

/// What has to be done to get from `present`, what the kernel has, to `desired`.
///
/// A pure function, and a plan for any kernel. Of `present` only the tables count that `desired`
/// names; the plan is bound to its generation.
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
    diff_on(present, desired, Kernel::ANY)
}

/// What a kernel changes in place; what it does not is made anew.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Kernel {
    /// It gives elements another life where they are, with their counters.
    pub(crate) restarts: bool,
    /// Sizes of sets; kernels that do not, take them and ignore them.
    pub(crate) sizes: bool,
    /// Timeouts of sets, likewise, or for elements of a later batch only.
    pub(crate) timeouts: bool,
    /// It adds devices to chains.
    pub(crate) devices: bool,
}

impl Kernel {
    /// What is planned for any kernel.
    pub(crate) const ANY: Self = Self { restarts: false, sizes: true, timeouts: true, devices: true };
}

/// The same for a kernel of which it is known what it changes in place.
pub(crate) fn diff_on(present: &Ruleset, desired: &Ruleset, kernel: Kernel) -> Plan {
    let (present, desired) = (&*dynamic(present), &*dynamic(desired));
    let desired = &*unnamed(present, desired);
    let present = &*fixed(present, desired);
    let mut plan = Plan::new(present.generation, kernel);
    let (before, after) = (View::all(present, desired), View::all(desired, desired));
    let nothing = View::default();
    for key in in_order(desired) {
        let Some(new) = after.get(&key) else { continue };
        table::reconcile(before.get(&key).unwrap_or(&nothing), new, &mut plan);
    }
    plan
}

/// The tables in the order in which they are to be made: of chains of one hook and one priority the
/// kernel runs the one first that was made last. So it is that of their first chains with a hook,
/// and else their own.
fn in_order(desired: &Ruleset) -> Vec<view::Key<'_>> {
    let mut first: HashMap<view::Key<'_>, usize> = HashMap::new();
    for (at, chain) in desired.chains.iter().enumerate().filter(|(_, chain)| chain.hook.is_some()) {
        first.entry((chain.family.into(), &chain.table)).or_insert(at);
    }
    let mut keys: Vec<_> = desired.tables.iter().map(view::key).collect();
    keys.sort_by_key(|key| first.get(key).copied().unwrap_or(usize::MAX));
    keys
}

/// A desired state in which chains of a single rule have no name: JSON can only say the one that
/// the kernel made up (`__chain7`). One that the kernel has as an ordinary chain is one.
fn unnamed<'r>(present: &Ruleset, desired: &'r Ruleset) -> Cow<'r, Ruleset> {
    let made_up = |chain: &&Chain| {
        let number = chain.name.as_bytes().strip_prefix(view::MADE_UP);
        !view::is_bound(chain) && chain.hook.is_none() && number.is_some_and(|n| n.iter().all(u8::is_ascii_digit))
    };
    if !desired.chains.iter().any(|chain| made_up(&chain)) {
        return Cow::Borrowed(desired);
    }
    let views = View::all(desired, desired);
    let is_own = |chain: &&Chain| {
        let same =
            |other: &Chain| (other.family, &other.table, &other.name) == (chain.family, &chain.table, &chain.name);
        let uses = views.get(&(u8::from(chain.family), &chain.table)).map_or(0, |view| view.uses(&chain.name));
        uses == 1 && !present.chains.iter().any(|other| same(other) && !view::is_bound(other))
    };
    let own: Vec<usize> = (0..desired.chains.len())
        .filter(|at| Some(&desired.chains[*at]).filter(made_up).filter(is_own).is_some())
        .collect();
    let mut desired = desired.clone();
    for at in own {
        desired.chains[at].flags = Some(ChainFlags::BINDING);
    }
    Cow::Owned(desired)
}

/// A ruleset in which the sets that rules change are dynamic, whether they say so or not: nft makes
/// them so without a word, its JSON before 1.1 does not show it, and neither is said of maps.
pub(crate) fn dynamic(ruleset: &Ruleset) -> Cow<'_, Ruleset> {
    let mut changed = HashSet::new();
    for rule in &ruleset.rules {
        changed.extend(rule.exprs().iter().filter_map(|expr| match expr {
            Expr::Dynset(dynset) => Some((rule.family, &rule.table, &dynset.set)),
            _ => None,
        }));
    }
    let lacks = |set: &Set| set.may_be_dynamic() && changed.contains(&(set.family, &set.table, &set.name));
    with_sets(ruleset, lacks, |set| set.flags = Some(set.flags() | SetFlags::EVAL))
}

/// What there is, with sets that are dynamic and need not be taken for fixed ones: they do what is
/// desired of them, and the rest of what is in them goes.
fn fixed<'r>(present: &'r Ruleset, desired: &Ruleset) -> Cow<'r, Ruleset> {
    let mut wanted = HashMap::new();
    for FilledSet { set, .. } in &desired.sets {
        wanted.insert((set.family, &set.table, &set.name), set);
    }
    let needs_not = |set: &Set| wanted.get(&(set.family, &set.table, &set.name)).is_some_and(|of| is_fixed(set, of));
    with_sets(present, needs_not, |set| set.flags = Some(set.flags() - SetFlags::EVAL))
}

/// Whether a set is dynamic that is desired as one that is not.
fn is_fixed(held: &Set, desired: &Set) -> bool {
    let dynamic = |set: &Set| set.flags().contains(SetFlags::EVAL);
    dynamic(held) && !dynamic(desired)
}

/// A ruleset with some of its sets changed.
fn with_sets<'r>(ruleset: &'r Ruleset, which: impl Fn(&Set) -> bool, change: impl Fn(&mut Set)) -> Cow<'r, Ruleset> {
    let these: Vec<usize> = (0..ruleset.sets.len()).filter(|at| which(&ruleset.sets[*at].set)).collect();
    if these.is_empty() {
        return Cow::Borrowed(ruleset);
    }
    let mut ruleset = ruleset.clone();
    these.into_iter().for_each(|at| change(&mut ruleset.sets[at].set));
    Cow::Owned(ruleset)
}
