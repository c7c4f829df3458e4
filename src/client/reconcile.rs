//! Plans of what the kernel has.

use super::{
    ATTEMPTS, Client, Listing, Watch,
    list::{GETCHAIN, GETRULE, QUICK, names},
};
use crate::{
    error::{Error, Result},
    model::{Chain, FilledSet, Rule, Ruleset, Set, Table},
    proto::Feature,
    reconcile::{Kernel, Plan, Reading, Wanted, diff, diff_on, dynamic},
};

/// Up to how many keys are asked for one by one, which takes the kernel about ten times as long for
/// each as to list it.
fn few_keys(set: &Set) -> usize {
    set.count.map_or(1000, |held| held as usize / 10).max(100)
}

impl Client {
    /// What has to be done to get from what the kernel has to `desired`; nothing is changed.
    ///
    /// Reads the tables that `desired` names, and of these the elements of sets only as far as they
    /// count: none of a set that rules fill and `desired` names no element of.
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
    /// [`Error::Interrupted`] if the ruleset kept changing; [`Error::Malformed`] if something does
    /// not decode; [`Error::Request`] without privilege.
    pub fn plan(&mut self, desired: &Ruleset) -> Result<Plan> {
        let desired = &*dynamic(desired);
        let reading = Reading::new(desired);
        let wanted = |set: &Set| reading.of(set);
        let present = match self.consistent(QUICK, |nft, present| nft.read(&desired.tables, &wanted, present)) {
            Err(Error::Interrupted { .. }) => self.tables_at_once(Some(&desired.tables), &wanted)?,
            present => present?,
        };
        let plan = diff(&present, desired);
        // Asked only if it counts: that takes longer than to plan again.
        if !plan.refreshes() && !plan.changes_in_place() {
            return Ok(plan);
        }
        let known = self.capabilities()?;
        let kernel = Kernel {
            restarts: known.has(Feature::TimeoutUpdate),
            sizes: known.has(Feature::SetSize),
            // Before 6.12 elements that are added in the same batch get the old timeout for theirs.
            timeouts: known.has(Feature::TimeoutUpdate),
            devices: known.has(Feature::ChainDevices),
        };
        Ok(if kernel == Kernel::ANY { plan } else { diff_on(&present, desired, kernel) })
    }

    /// Plans and applies, again if somebody else was faster, up to 16 times; and again if a plan
    /// only made room for the next ([`Plan::due`]). Returns all that was done: an empty plan if
    /// everything was as desired.
    ///
    /// # Errors
    /// As of [`Client::plan`] and [`Client::apply`]; [`Error::Stale`] if somebody else was faster
    /// each time.
    pub fn reconcile(&mut self, desired: &Ruleset) -> Result<Plan> {
        let mut done: Option<Plan> = None;
        let mut attempt = 1;
        let mut watch = None;
        loop {
            let plan = self.plan(desired)?;
            let applied = match &mut watch {
                _ if plan.is_empty() => Ok(()),
                None => self.apply(&plan).map(|_| ()),
                Some(watch) => self.apply_beside(&plan, desired, watch, &mut Vec::new()).map(|_| ()),
            };
            match applied {
                // Whoever is faster may change other tables only: from now on that is listened to.
                Err(error) if error.is_stale() && attempt < ATTEMPTS => {
                    if watch.is_none() && self.is_here() {
                        watch = Some(Watch::open()?);
                    }
                }
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

    /// What there is in these tables. The caller compares generations.
    pub(super) fn read(
        &mut self,
        tables: &[Table],
        wanted: &dyn Fn(&Set) -> Wanted,
        present: &mut Ruleset,
    ) -> Result<()> {
        self.read_in(false, tables, wanted, present)
    }

    /// What there is in these tables. The caller hears of commits.
    pub(super) fn read_beside(
        &mut self,
        tables: &[Table],
        wanted: &dyn Fn(&Set) -> Wanted,
        present: &mut Ruleset,
    ) -> Result<()> {
        self.read_in(true, tables, wanted, present)
    }

    fn read_in(
        &mut self,
        heard: bool,
        tables: &[Table],
        wanted: &dyn Fn(&Set) -> Wanted,
        present: &mut Ruleset,
    ) -> Result<()> {
        // The kernel counts chains, objects and flowtables of all tables: they come whole or not at
        // all.
        fn of_all<T>(listing: Listing<'_, T>, heard: bool) -> Result<Vec<T>> {
            if heard { listing.once().snapshot() } else { listing.guarded(None).snapshot() }
        }
        fn of_one<T>(listing: Listing<'_, T>, heard: bool, set: Option<&Set>) -> Result<Vec<T>> {
            if heard { listing.heard(set).snapshot() } else { listing.guarded(set).snapshot() }
        }
        for table in tables {
            let Some(found) = self.table(table.family, &table.name)? else { continue };
            let family = Some(table.family);
            let what = |kind| format!("{kind} of {} {}", table.family, table.name);
            let name = table.name.clone();
            let chains =
                self.listing(GETCHAIN, family, Vec::new(), what("chains"), Chain::decode_attrs, move |chain| {
                    chain.table == name
                });
            present.chains.extend(of_all(chains, heard)?);
            let at = names(&[(1, &table.name)]);
            let rules = self.listing(GETRULE, family, at, what("rules"), Rule::decode_attrs, |_| true);
            present.rules.extend(of_one(rules, heard, None)?);
            present.objects.extend(of_all(self.objects(table), heard)?);
            present.flowtables.extend(of_all(self.flowtables(table), heard)?);
            for set in of_one(self.sets(table), heard, None)? {
                let elements = match wanted(&set) {
                    Wanted::Nothing => Vec::new(),
                    Wanted::Keys(keys) if keys.len() <= few_keys(&set) => {
                        self.get(&set, &keys)?.into_iter().flatten().collect()
                    }
                    Wanted::Keys(_) | Wanted::All => of_one(self.elements(&set), heard, Some(&set))?,
                };
                present.sets.push(FilledSet::new(set, elements));
            }
            present.tables.push(found);
        }
        Ok(())
    }
}
