//! Who changed what.

use super::{Client, Received, Socket};
use crate::{
    batch::describe,
    data::Name,
    error::{Error, Result},
    model::{Generation, GenerationInfo, Ruleset},
    reconcile::Plan,
    wire::message::messages,
};
use std::{
    collections::BTreeSet,
    ops::ControlFlow,
    time::{Duration, Instant},
};

/// `NFNLGRP_NFTABLES`
const GROUP: u32 = 7;
const NEWGEN: u8 = 15;
/// How many objects of a change are named.
const SHOWN: usize = 8;

/// Hears of every commit in a network namespace, whoever makes it.
///
/// Changes that packets make, elements that expire and tables that go with their owner are not told by the kernel.
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
pub struct Watch {
    socket: Socket,
    /// What the messages of a commit that is not complete yet are about.
    seen: BTreeSet<What>,
    missed: bool,
}

/// A table, and what of it, in words.
type What = (u8, Name, String);

/// A commit.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// The generation that it left; `None` if its own message got lost.
    pub generation: Option<Generation>,
    /// The process that made it; of one with several threads the thread. Since 4.6.
    pub process: Option<u32>,
    /// The name of that process or thread, up to 15 bytes. Since 4.6.
    pub program: Option<Name>,
    /// What was made, changed or removed: `rule inet host input handle 7`; each once.
    pub objects: Vec<String>,
    /// Messages got lost before this one, because nobody read them in time or a commit was too large: more may have changed.
    pub missed: bool,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.program, self.process) {
            (Some(program), Some(process)) => write!(f, "{program} (process {process})")?,
            _ => f.write_str("somebody")?,
        }
        let shown = self.objects.len().min(SHOWN);
        write!(f, " changed {}", self.objects[..shown].join(", "))?;
        match self.objects.len() - shown {
            0 if !self.missed => Ok(()),
            0 => f.write_str(if shown == 0 { "what got lost" } else { " and more" }),
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
    /// Who changed what since the last look, as far as the plan has seen it. Empty the first time, when the time was over, and for
    /// what the kernel does not tell.
    pub changes: &'a [Change],
}

impl std::fmt::Display for Drift<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.changes.iter().try_for_each(|change| writeln!(f, "{change}"))?;
        self.plan.fmt(f)
    }
}

impl Client {
    /// Keeps the tables that `desired` names as they are to be, until `look` says that it is enough.
    ///
    /// `look` is shown what was found: at the start, after each commit of somebody else that changes these tables, when timeouts of
    /// elements have to be asserted again, and at least as often as `every` says. What it is shown is healed, unless it
    /// breaks. If somebody else is faster than the healing, it is shown what there is then.
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
        loop {
            let known = told.len();
            let plan = self.plan(desired)?;
            // All that the plan has seen has been told by now, and maybe more.
            while let Some(change) = watch.next_of(desired, Duration::ZERO)? {
                told.push(change);
            }
            told.retain(|change| change.generation != own || change.missed);
            let seen =
                |change: &Change| plan.expected().zip(change.generation).is_some_and(|(of, is)| !is.is_after(of));
            let seen = told.partition_point(seen).max(known);
            if look(&Drift { plan: &plan, changes: &told[..seen] }).is_break() {
                return Ok(());
            }
            told.drain(..seen);
            own = match (!plan.is_empty()).then(|| self.apply(&plan)) {
                None => None,
                // Whoever was faster has been told of, or will be.
                Some(Err(error)) if error.is_stale() => continue,
                Some(done) => done?.generation,
            };
            let wait = plan.due().map_or(every, |due| due.min(every));
            while told.is_empty()
                && let Some(change) = watch.next_of(desired, wait)?
            {
                if change.generation != own || change.missed {
                    told.push(change);
                }
            }
        }
    }
}

impl Watch {
    /// Begins to listen in the network namespace of the calling thread.
    ///
    /// # Errors
    /// [`Error::Request`] without privilege.
    pub fn open() -> Result<Self> {
        let mut socket = Socket::open()?;
        socket.join(GROUP)?;
        Ok(Self { socket, seen: BTreeSet::new(), missed: false })
    }

    /// The next commit that changes a table of `desired`, one's own too; `None` if there is none in `timeout`.
    ///
    /// # Errors
    /// [`Error::Malformed`] if the kernel's message does not decode; [`Error::Io`].
    pub fn next_of(&mut self, desired: &Ruleset, timeout: Duration) -> Result<Option<Change>> {
        let deadline = Instant::now().checked_add(timeout);
        loop {
            let left = deadline.map(|end| end.saturating_duration_since(Instant::now()));
            let Some(change) = self.next(left)? else { return Ok(None) };
            let owned = |family: u8, table: &Name| {
                desired.tables.iter().any(|owned| u8::from(owned.family) == family && owned.name == *table)
            };
            let objects: Vec<String> = change
                .1
                .into_iter()
                .filter(|(family, table, _)| owned(*family, table))
                .map(|(.., what)| what)
                .collect();
            if !objects.is_empty() || change.0.missed {
                return Ok(Some(Change { objects, ..change.0 }));
            }
        }
    }

    /// The next commit.
    fn next(&mut self, timeout: Option<Duration>) -> Result<Option<(Change, BTreeSet<What>)>> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            // What was lost may have been the end of the last commit.
            let left = if self.missed {
                Some(Duration::ZERO)
            } else {
                deadline.map(|end| end.saturating_duration_since(Instant::now()))
            };
            let ready = self.socket.wait(left)?;
            let datagram = match self.socket.try_receive()? {
                Received::Datagram(datagram) => datagram,
                Received::Overrun => {
                    self.missed = true;
                    continue;
                }
                Received::Empty if std::mem::take(&mut self.missed) => {
                    let lost =
                        Change { generation: None, process: None, program: None, objects: Vec::new(), missed: true };
                    return Ok(Some((lost, std::mem::take(&mut self.seen))));
                }
                Received::Empty if ready || left.is_none_or(|left| !left.is_zero()) => continue,
                Received::Empty => return Ok(None),
            };
            for message in messages(datagram).flatten() {
                match message.nft() {
                    Some(NEWGEN) => {
                        let info = GenerationInfo::decode_attrs(message.attributes())
                            .map_err(|source| Error::Malformed { what: "watch".into(), source })?;
                        let (GenerationInfo { id, process, program, .. }, missed) =
                            (info, std::mem::take(&mut self.missed));
                        let change = Change { generation: Some(id), process, program, objects: Vec::new(), missed };
                        // A commit ends with this message, and a datagram with a commit.
                        return Ok(Some((change, std::mem::take(&mut self.seen))));
                    }
                    Some(_) => {
                        let fields = crate::batch::Fields::of(&message);
                        let table = fields.name(1).unwrap_or_else(|| Name::from(""));
                        self.seen.insert((message.family(), table, describe(&message)));
                    }
                    None => {}
                }
            }
        }
    }
}
