//! Who changed what.

use super::{ATTEMPTS, Client, Committed, Listen, Monitor, beside::pause};
use crate::{
    Batch,
    data::Name,
    error::{Error, Result},
    model::{Generation, Ruleset, Transaction},
    proto::News,
    reconcile::Plan,
};
use std::{
    ops::ControlFlow,
    time::{Duration, Instant},
};

/// How long to wait before something is done once more that did not settle; twice as long each
/// time.
const DAMPED: Duration = Duration::from_millis(100);

/// How many objects of a change are named.
const SHOWN: usize = 8;

/// Hears of every commit that changes desired tables, whoever makes it, and tells it in words.
///
/// It is a [`Monitor`], which has the changes as values and says what the kernel does not tell.
/// [`Client::keep`] does what most agents need of it.
///
/// ```no_run
/// # use oxitables::{client::Watch, model::Ruleset};
/// # use std::time::Duration;
/// # fn log(desired: &Ruleset) -> oxitables::Result<()> {
/// let mut watch = Watch::open()?;
/// while let Some(change) = watch.next_of(desired, Duration::from_secs(3600))? {
///     println!("{change}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Watch(Monitor);

/// A commit.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// The generation that it left.
    pub generation: Generation,
    /// The process that made it; of one with several threads the thread. Since 4.6.
    pub process: Option<u32>,
    /// The name of that process or thread, up to 15 bytes. Since 4.6.
    pub program: Option<Name>,
    /// What was made, changed or removed: `rule inet host input handle 7`; each once.
    pub objects: Vec<String>,
    /// This is no commit: messages got lost, because nobody read them in time, and anything may
    /// have changed up to the generation.
    pub missed: bool,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.program, self.process) {
            (Some(program), Some(process)) => write!(f, "{program} (process {process})")?,
            _ => f.write_str("somebody")?,
        }
        if self.missed {
            return f.write_str(" changed what nobody listened to in time");
        }
        let shown = self.objects.len().min(SHOWN);
        write!(f, " changed {}", self.objects[..shown].join(", "))?;
        match self.objects.len() - shown {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// What [`Client::keep`] found.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Drift<'a> {
    /// What would make the tables what they are to be; empty if they are.
    pub plan: &'a Plan,
    /// Who changed what since the last look, as far as the plan has seen it. Empty the first time,
    /// when the time was over, and for what the kernel does not tell.
    pub changes: &'a [Change],
    /// What does not settle: it was applied, nobody has changed it since, and it has to be done
    /// again ([`Plan::unsettled`]). [`Client::keep`] waits longer each time before it does.
    pub unsettled: &'a [String],
}

impl std::fmt::Display for Drift<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.changes.iter().try_for_each(|change| writeln!(f, "{change}"))?;
        self.unsettled.iter().try_for_each(|line| writeln!(f, "does not settle: {line}"))?;
        self.plan.fmt(f)
    }
}

impl Client {
    /// Keeps the tables that `desired` names as they are to be, until `look` says that it is
    /// enough.
    ///
    /// `look` is shown what was found: at the start, after each commit of somebody else that
    /// changes these tables, when timeouts of elements have to be asserted again, and at least as
    /// often as `every` says. What it is shown is healed, unless it breaks. If somebody else is
    /// faster than the healing, it is shown what there is then.
    ///
    /// ```
    /// use oxitables::*;
    /// use std::{ops::ControlFlow, time::Duration};
    ///
    /// fn agent() -> Result<()> {
    ///     let host = Table::new(Family::Inet, "host");
    ///     let desired = model::Ruleset::made_by(Batch::new().add(&host).add(host.chain("input")))?;
    ///     let mut healed = 0;
    ///     Client::open()?.keep(&desired, Duration::ZERO, |drift| {
    ///         print!("{drift}");
    ///         healed += drift.plan.len();
    ///         if drift.plan.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    ///     })?;
    ///     assert_eq!(healed, 2, "a table and a chain");
    ///     Ok(())
    /// }
    /// # testing::in_namespace(agent);
    /// ```
    ///
    /// # Errors
    /// As of [`Client::plan`], [`Client::apply`] and [`Watch::open`].
    pub fn keep(
        &mut self,
        desired: &Ruleset,
        every: Duration,
        mut look: impl FnMut(&Drift<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        let mut watch = Watch::open()?;
        let mut told: Vec<Change> = Vec::new();
        let mut own = None;
        let mut overtaken = 0;
        let (mut applied, mut vain): (Option<Plan>, u32) = (None, 0);
        loop {
            // What has come is in the plan anyway. What comes while it is made has room then: a
            // loss would make it stale.
            while let Some(change) = watch.read(desired, Duration::ZERO)? {
                told.push(change);
            }
            let plan = match self.plan(desired) {
                // Somebody changes these tables faster than they can be read: they will be seen
                // when that ends.
                Err(Error::Interrupted { .. }) => {
                    overtaken += 1;
                    std::thread::sleep(pause(overtaken));
                    continue;
                }
                plan => plan?,
            };
            let is_seen = |change: &Change| plan.expected().is_none_or(|of| !change.generation.is_after(of));
            // All that the plan has seen has been told by now. What is later counts the next time:
            // it may come faster than it is read.
            while told.last().is_none_or(is_seen)
                && let Some(change) = watch.read(desired, Duration::ZERO)?
            {
                told.push(change);
            }
            // A loss up to the own change is of nothing else: what was before it had been told.
            told.retain(|change| Some(change.generation) != own && change.counts());
            let seen = told.partition_point(is_seen);
            let before = applied.take().filter(|_| seen == 0);
            let unsettled = before.map(|before| plan.unsettled(&before)).unwrap_or_default();
            vain = if unsettled.is_empty() { 0 } else { vain + 1 };
            if look(&Drift { plan: &plan, changes: &told[..seen], unsettled: &unsettled }).is_break() {
                return Ok(());
            }
            told.drain(..seen);
            own = match (!plan.is_empty()).then(|| self.apply_beside(&plan, desired, &mut watch, &mut told)) {
                None => None,
                // Whoever was faster has been told of, or will be.
                Some(Err(error)) if error.is_stale() => {
                    overtaken += 1;
                    std::thread::sleep(if overtaken > 1 { pause(overtaken) } else { Duration::ZERO });
                    continue;
                }
                Some(done) => done?.generation,
            };
            overtaken = 0;
            let due = plan.due().map_or(every, |due| due.min(every));
            // What is done in vain is not done all the time.
            let wait = if vain > 0 { due.max(DAMPED * (1 << vain.min(9))) } else { due };
            applied = Some(plan).filter(|plan| !plan.is_empty());
            while told.is_empty()
                && let Some(change) = watch.next_of(desired, wait)?
            {
                told.extend((Some(change.generation) != own).then_some(change));
            }
        }
    }
}

impl Client {
    /// Applies a plan, whatever is committed to other tables meanwhile. `told` gets what was
    /// changed in the tables of the plan since it was made; then the plan is stale.
    pub(super) fn apply_beside(
        &mut self,
        plan: &Plan,
        desired: &Ruleset,
        watch: &mut Watch,
        told: &mut Vec<Change>,
    ) -> Result<Committed> {
        let mut outcome = self.apply(plan);
        let mut moved = None;
        for _ in 0..ATTEMPTS {
            if !outcome.as_ref().is_err_and(Error::is_stale) || !told.is_empty() {
                break;
            }
            let mut last = self.generation()?;
            self.wait_for_commits()?;
            while let Some(change) = watch.read(desired, Duration::ZERO)? {
                last = if change.generation.is_after(last) { change.generation } else { last };
                told.extend(change.counts().then_some(change));
            }
            if told.is_empty() {
                // Nobody has touched these tables: what the plan found is as it was.
                outcome = self.apply(moved.get_or_insert_with(|| Batch::clone(plan)).expect(last));
            }
        }
        outcome
    }
}

impl Watch {
    /// Begins to listen in the network namespace of the calling thread.
    ///
    /// # Errors
    /// [`Error::Request`](crate::Error::Request) without privilege.
    pub fn open() -> Result<Self> {
        Monitor::open().map(Self)
    }

    /// The next commit that changes a table of `desired`, one's own too; `None` if there is none in
    /// `timeout`.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io).
    pub fn next_of(&mut self, desired: &Ruleset, timeout: Duration) -> Result<Option<Change>> {
        let deadline = Instant::now().checked_add(timeout);
        loop {
            let left = deadline.map_or(timeout, |end| end.saturating_duration_since(Instant::now()));
            match self.read(desired, left)? {
                Some(change) if change.counts() => return Ok(Some(change)),
                // Others may go on for ever. Without a timeout it is asked for all that is there.
                Some(_) if timeout.is_zero() || !left.is_zero() => {}
                _ => return Ok(None),
            }
        }
    }

    /// The next commit, whatever it changes.
    fn read(&mut self, desired: &Ruleset, timeout: Duration) -> Result<Option<Change>> {
        Ok(loop {
            break match self.0.next(timeout)? {
                None => None,
                Some(News::Commit(commit)) => Some(Change::of(commit, desired)),
                Some(News::Gap(generation)) => {
                    let (process, program, objects) = (None, None, Vec::new());
                    Some(Change { generation, process, program, objects, missed: true })
                }
                Some(News::Packet(_)) => continue,
            };
        })
    }
}

impl Change {
    /// Whether it changes desired tables, or may.
    fn counts(&self) -> bool {
        self.missed || !self.objects.is_empty()
    }

    fn of(commit: Transaction, desired: &Ruleset) -> Self {
        let Transaction { generation, process, program, events, .. } = commit;
        // What cannot be read may be of these tables.
        let ours = events
            .iter()
            .filter(|event| event.item().place().is_none() || desired.tables.iter().any(|table| event.is_of(table)));
        let mut objects: Vec<String> = ours.map(|event| event.item().to_string()).collect();
        objects.sort_unstable();
        objects.dedup();
        Self { generation, process, program, objects, missed: false }
    }
}
