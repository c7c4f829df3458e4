//! Plans of what the kernel has.

use super::{
    ATTEMPTS, Client,
    list::{GETCHAIN, GETRULE, names},
};
use crate::{
    error::Result,
    model::{Chain, FilledSet, Rule, Ruleset, Set, Table},
    proto::Feature,
    reconcile::{Kernel, Plan, Reading, Wanted, diff, diff_on, dynamic},
};

/// Up to how many keys are asked for one by one, which takes the kernel about ten times as long for each as to list it.
fn few_keys(set: &Set) -> usize {
    set.count.map_or(1000, |held| held as usize / 10).max(100)
}

impl Client {
    /// What has to be done to get from what the kernel has to `desired`; nothing is changed.
    ///
    /// Reads the tables that `desired` names, and of these the elements of sets only as far as they count: none of a set
    /// that rules fill and `desired` names no element of.
    ///
    /// ```no_run
    /// # use oxitables::{Client, model::Ruleset};
    /// # fn example(desired: &Ruleset) -> oxitables::Result<()> {
    /// let mut nft = Client::open()?;
    /// let plan = nft.plan(desired)?;
    /// print!("{plan}");
    /// nft.apply(&plan)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Interrupted`](crate::Error::Interrupted) if the ruleset kept changing; [`Error::Malformed`](crate::Error::Malformed) if something does not decode;
    /// [`Error::Request`](crate::Error::Request) without privilege.
    pub fn plan(&mut self, desired: &Ruleset) -> Result<Plan> {
        let desired = &*dynamic(desired);
        let reading = Reading::new(desired);
        let present = self.consistent(|nft, present| nft.read(&desired.tables, &|set| reading.of(set), present))?;
        let plan = diff(&present, desired);
        // Asked only if it counts: that takes longer than to plan again.
        if !plan.refreshes() && !plan.changes_sets() {
            return Ok(plan);
        }
        let known = self.capabilities()?;
        let kernel = Kernel {
            restarts: known.has(Feature::TimeoutUpdate),
            sizes: known.has(Feature::SetSize),
            timeouts: known.has(Feature::SetTimeout),
        };
        Ok(if kernel == Kernel::ANY { plan } else { diff_on(&present, desired, kernel) })
    }

    /// Plans and applies, again if somebody else was faster, up to 16 times; and again if a plan only made room for the next
    /// ([`Plan::due`]). Returns all that was done: an empty plan if everything was as desired.
    ///
    /// # Errors
    /// As of [`Client::plan`] and [`Client::apply`]; [`Error::Stale`](crate::Error::Stale) if somebody else was faster each time.
    pub fn reconcile(&mut self, desired: &Ruleset) -> Result<Plan> {
        let mut done: Option<Plan> = None;
        let mut attempt = 1;
        loop {
            let plan = self.plan(desired)?;
            let applied = if plan.is_empty() { Ok(()) } else { self.apply(&plan).map(|_| ()) };
            match applied {
                Err(error) if error.is_stale() && attempt < ATTEMPTS => {}
                outcome => {
                    outcome?;
                    let goes_on = plan.has_next() && attempt < ATTEMPTS;
                    let all = match done.take() {
                        Some(earlier) => earlier.then(plan),
                        None => plan,
                    };
                    if !goes_on {
                        return Ok(all);
                    }
                    done = Some(all);
                }
            }
            attempt += 1;
        }
    }

    /// What there is in these tables.
    pub(super) fn read(
        &mut self,
        tables: &[Table],
        wanted: &dyn Fn(&Set) -> Wanted,
        present: &mut Ruleset,
    ) -> Result<()> {
        for table in tables {
            let Some(found) = self.table(table.family, &table.name)? else { continue };
            let family = Some(table.family);
            let what = |kind| format!("{kind} of {} {}", table.family, table.name);
            let name = table.name.clone();
            let chains =
                self.listing(GETCHAIN, family, Vec::new(), what("chains"), Chain::decode_attrs, move |chain| {
                    chain.table == name
                });
            present.chains.extend(chains.guarded(None).snapshot()?);
            let at = names(&[(1, &table.name)]);
            let rules = self.listing(GETRULE, family, at, what("rules"), Rule::decode_attrs, |_| true);
            present.rules.extend(rules.guarded(None).snapshot()?);
            present.objects.extend(self.objects(table).guarded(None).snapshot()?);
            present.flowtables.extend(self.flowtables(table).guarded(None).snapshot()?);
            for set in self.sets(table).guarded(None).snapshot()? {
                let elements = match wanted(&set) {
                    Wanted::Nothing => Vec::new(),
                    Wanted::Keys(keys) if keys.len() <= few_keys(&set) => {
                        self.get(&set, &keys)?.into_iter().flatten().collect()
                    }
                    Wanted::Keys(_) | Wanted::All => self.elements(&set).guarded(Some(&set)).snapshot()?,
                };
                present.sets.push(FilledSet::new(set, elements));
            }
            present.tables.push(found);
        }
        Ok(())
    }
}
