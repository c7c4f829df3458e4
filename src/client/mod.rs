//! Talks to the kernel: blocking, over one socket that stays open.

mod background;
mod beside;
pub mod confirm;
mod exchange;
mod kept;
mod list;
mod listen;
mod mark;
mod objects;
mod owned;
mod recent;
mod reconcile;
mod snapshot;
mod socket;
#[cfg(test)]
mod tests;
#[cfg(feature = "tokio")]
pub mod tokio;
mod typed;
mod verify;
mod watch;
mod watchdog;
mod writer;

pub use background::WriterThread;
pub use confirm::Pending;
pub use list::Listing;
pub use listen::{Listen, Monitor, NflogReader, Tracer};
pub use mark::{mark_socket, socket_mark};
pub use owned::Owned;
pub use recent::{RecentAdmin, RecentEntry};
pub use watch::{Change, Drift, Watch};
pub use writer::{Counters, ElementChange, Poll, Writer, Written};

use crate::{
    Batch,
    batch::{Present, is_classic},
    data::{DataType, Family, Name},
    error::{Error, Rejection, Result},
    host::Holder,
    model::{Chain, Element, Generation, Rule, Set, SetFlags, Table},
    proto::{Acks, Bound, Capabilities, Commit, Feature, Get, Outcome, Probe, World, refusal},
    wire::{self, Codec, DecodeError, Malformed, Text},
};
use socket::{Received, Socket};
use verify::Verified;

/// A connection to the nf_tables of one network namespace.
///
/// It belongs to the namespace of the thread that opened it and keeps to it wherever it is moved.
/// Keep it open: a socket for every change costs a thousand times the change, since closing one
/// waits for what the kernel still has to free.
///
/// ```no_run
/// use oxitables::{Batch, Client, Family, Table};
///
/// let mut nft = Client::open()?;
/// let mut batch = Batch::new();
/// batch.add(Table::new(Family::Inet, "agent"));
/// nft.apply(&batch)?;
/// # Ok::<(), oxitables::Error>(())
/// ```
#[derive(Debug)]
pub struct Client {
    socket: Socket,
    /// An exchange ended early: answers to it may still be queued.
    unsettled: bool,
    /// Whether this kernel acknowledges the end of a batch; asked once.
    acks: Option<Acks>,
    /// What this kernel can do; found out once.
    capabilities: Option<Capabilities>,
    /// What is known of sets that batches rely on.
    verified: Verified,
    /// The tables of iptables-nft may be changed.
    iptables: bool,
    /// Where it was opened.
    namespace: Option<std::path::PathBuf>,
}

/// Proof that a batch was committed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Committed {
    /// The generation that this commit left, of a batch that was bound to one with
    /// [`Batch::expect`].
    ///
    /// `None` for others: asking costs more than half of a small commit. [`Client::generation`]
    /// tells, but it may be another program's by then. Kernels before 6.10 do not tell: it is the
    /// next one there, unless nothing has changed at all; that is wrong of a batch that changed
    /// nothing if another program has committed since.
    pub generation: Option<Generation>,
}

/// `NFT_MSG_GETGEN`
const GETGEN: u8 = 16;
/// How often somebody else may be faster.
const ATTEMPTS: u32 = 16;

/// How often a batch is bound to the generation in which its sets were looked at.
const OPTIMISTIC: u32 = 4;

/// Below this many messages the answers cannot overrun the default receive buffer, which holds 256
/// of them.
const FEW: u32 = 200;

impl Client {
    /// Opens a connection in the network namespace of the calling thread.
    ///
    /// Any user may; what needs `CAP_NET_ADMIN` says so when it is done.
    ///
    /// # Errors
    /// [`Error::Io`] if the kernel has no netlink socket to give.
    pub fn open() -> Result<Self> {
        Ok(Self::on(Socket::open()?))
    }

    fn on(socket: Socket) -> Self {
        Self {
            socket,
            unsettled: false,
            acks: None,
            capabilities: None,
            verified: Verified::default(),
            iptables: false,
            namespace: confirm::namespace(),
        }
    }

    /// The netlink port of the connection: what the kernel reports as [owner](Table::owner) of its
    /// tables.
    pub fn port(&self) -> u32 {
        self.socket.port()
    }

    /// Gives the connection room for so many bytes of answers that wait to be read; the kernel
    /// doubles it, and has a least size.
    ///
    /// The default holds the refusals of 256 operations, and is enough for all else: a program that
    /// wants to be told of more at once makes it larger.
    ///
    /// # Errors
    /// [`Error::Io`] if the kernel refuses the size.
    pub fn set_receive_buffer(&mut self, bytes: usize) -> Result<()> {
        self.socket.set_receive_buffer(bytes)
    }

    /// Lets this connection change the tables that iptables-nft keeps: `filter`, `nat`, `mangle`,
    /// `raw`, `security` and `broute` of families ip, ip6, arp and bridge, where they have its
    /// chains.
    ///
    /// That is refused otherwise, and so is to [flush the ruleset](Batch::flush_ruleset) with them
    /// in it: what iptables does not know it fails on, and `iptables-restore` throws away what it
    /// did not write.
    pub fn allow_iptables(&mut self, allow: bool) -> &mut Self {
        self.iptables = allow;
        self
    }

    /// Makes all changes of `batch`, or none.
    ///
    /// # Errors
    /// * [`Error::Rejected`]: nothing was changed; says what is wrong with which operations.
    /// * [`Error::Stale`]: nothing was changed; somebody else was faster (see [`Batch::expect`]).
    /// * [`Error::TooLarge`]: nothing was sent.
    /// * [`Error::Unknown`]: the answer got lost and the generation does not tell either.
    /// * [`Error::Interrupted`]: it deletes intervals or flushes the ruleset, and somebody else
    ///   kept changing the ruleset while it was looked at.
    /// * [`Error::Pending`]: it flushes the ruleset while a change waits to be confirmed, whose
    ///   marker would go with it.
    pub fn apply(&mut self, batch: &Batch) -> Result<Committed> {
        self.reject_wrong(batch)?;
        if batch.messages() == 0 {
            self.reject_mistaken(batch)?;
            let Some(expected) = batch.expected() else { return Ok(Committed { generation: None }) };
            return match self.generation()? {
                now if now == expected => Ok(Committed { generation: Some(now) }),
                _ => Err(Error::Stale { expected }),
            };
        }
        let cuts = !batch.cut_sets().is_empty();
        let keeps = self.keeps() && !batch.made_sets().is_empty();
        let reads = cuts || keeps || !batch.flushed().is_empty();
        // What is read first has to be true when the batch is committed: which intervals and sets
        // there are, and that no change waits to be confirmed when the ruleset is flushed.
        for attempt in 0..list::ATTEMPTS {
            let bound = match batch.expected() {
                None if reads => Some(self.generation()?),
                expected => expected,
            };
            self.verified.keep_if(bound);
            let verified = self.reject_mistaken(batch)?;
            if reads {
                self.reject_parts(batch)?;
                self.reject_pending(batch)?;
            }
            if keeps {
                self.reject_kept(batch)?;
            }
            // Beside one who commits all the time, what was just read has to be good enough.
            let optimistic = verified.filter(|_| bound.is_none() && attempt < OPTIMISTIC);
            let outcome = match optimistic {
                Some(generation) => self.commit_verified(batch, generation),
                None => {
                    let outcome = self.commit(batch, Bound { expected: bound, tell: batch.expected().is_some() });
                    let after = outcome.as_ref().ok().and_then(|committed| self.known_after(bound, committed));
                    self.verified.after(batch, after);
                    outcome
                }
            };
            match outcome {
                Err(error) if error.is_stale() && batch.expected().is_none() => {}
                outcome => return outcome,
            }
        }
        Err(Error::Interrupted { what: "delete intervals, or flush the ruleset".into() })
    }

    /// Commits if the ruleset is of a generation.
    fn commit(&mut self, batch: &Batch, bound: Bound) -> Result<Committed> {
        let expected = bound.expected;
        // Where answers may get lost, the generation before is what tells afterwards.
        let before = match expected {
            None if batch.messages() > FEW => Some(self.generation()?),
            expected => expected,
        };
        let acks = self.acks()?;
        let mut commit = Commit::with(batch, acks, false, bound);
        self.exchange(&mut commit)?;
        match commit.outcome_in(self) {
            Outcome::Committed => {
                let generation = match (expected.filter(|_| bound.tell), commit.generation(), acks) {
                    (None, ..) => None,
                    (_, Some(told), _) => Some(told),
                    // Nothing told: nothing changed.
                    (Some(expected), None, Acks::End) => Some(expected),
                    (Some(expected), None, Acks::Last) => Some(self.after(expected)?),
                };
                Ok(Committed { generation })
            }
            outcome => Err(self.failed(batch, outcome, before, expected)?),
        }
    }

    /// Lets the kernel check `batch` without changing anything, and checks what it leaves out.
    ///
    /// In tables that the batch makes, the kernel looks at loops, at the depth of jumps and at
    /// whether expressions suit their hooks only when it commits; this crate does it here. What
    /// only a commit can meet (memory, another program's change in between) is not found. It also
    /// refuses what the kernel takes and makes nothing of: an ingress or egress chain without a
    /// device, or with one that is not there.
    ///
    /// # Errors
    /// As [`Client::apply`].
    pub fn check(&mut self, batch: &Batch) -> Result<()> {
        self.reject_wrong(batch)?;
        self.verified.forget();
        self.reject_mistaken(batch)?;
        if batch.messages() == 0 {
            return Ok(());
        }
        self.reject_parts(batch)?;
        self.reject_pending(batch)?;
        if self.keeps() {
            self.reject_kept(batch)?;
        }
        let mut commit = Commit::check(batch);
        self.exchange(&mut commit)?;
        match commit.outcome_in(self) {
            Outcome::Committed => {
                let mut flaws = batch.flaws(false);
                // Asked only if it counts.
                if !flaws.is_empty() && !self.capabilities()?.has(Feature::BridgeMeta) {
                    flaws = batch.flaws(true);
                }
                flaws.extend(self.deaf_chains(batch)?);
                Rejection::flawed(batch, flaws).map_or(Ok(()), |rejection| Err(rejection.into()))
            }
            outcome => Err(self.failed(batch, outcome, None, batch.expected())?),
        }
    }

    /// What need not be sent to know that it is wrong.
    fn reject_wrong(&mut self, batch: &Batch) -> Result<()> {
        if let Some(rejection) = Rejection::refused(batch) {
            return Err(rejection.into());
        }
        self.reject_iptables(batch)
    }

    /// Changes of what belongs to iptables-nft.
    fn reject_iptables(&mut self, batch: &Batch) -> Result<()> {
        if self.iptables {
            return Ok(());
        }
        let mut touched = batch.classic_tables().to_vec();
        for (operation, family) in batch.flushed() {
            let tables = readable(self.tables().snapshot())?;
            let goes = |table: &Table| is_classic(table) && family.is_none_or(|family| table.family == family);
            touched.extend(tables.into_iter().filter(goes).map(|table| (*operation, table)));
        }
        for (operation, table) in &touched {
            let chains = readable(self.chains(table).snapshot())?;
            if let Some(chain) = chains.iter().find(|chain| chain.is_of_iptables()) {
                return Err(Rejection::iptables(batch, *operation, table, &chain.name).into());
            }
        }
        Ok(())
    }

    /// Deletes of intervals that the kernel would take for more than they name.
    fn reject_parts(&mut self, batch: &Batch) -> Result<()> {
        for (family, table, name) in batch.cut_sets() {
            let present = self.set(&Table::new(*family, table), name)?;
            let Some(set) = present.clone().or_else(|| batch.set(*family, table, name)) else { continue };
            if !set.flags().contains(SetFlags::INTERVAL) {
                continue;
            }
            let parts = batch.parts(&set, &mut |keys| match &present {
                Some(set) => self.get(set, keys),
                None => Ok(Vec::new()),
            })?;
            if let Some(rejection) = Rejection::parts(batch, &set, parts) {
                return Err(rejection.into());
            }
        }
        Ok(())
    }

    /// How this kernel says that it committed: an empty batch tells.
    fn acks(&mut self) -> Result<Acks> {
        if let Some(acks) = self.acks {
            return Ok(acks);
        }
        let acks = match self.commit_nothing()? {
            Outcome::Committed => Acks::End,
            // Refused: that says nothing of the end, and the batch itself will be refused as well.
            Outcome::Rejected(_) => return Ok(Acks::End),
            _ => Acks::Last,
        };
        log::debug!("proof of a commit: {acks:?}");
        Ok(*self.acks.insert(acks))
    }

    /// What this kernel can do: found out the first time, and remembered. Changes nothing.
    ///
    /// ```no_run
    /// use oxitables::{Client, proto::Feature};
    /// let mut nft = Client::open()?;
    /// if !nft.capabilities()?.has(Feature::Destroy) {
    ///     println!("this kernel is older than {}", Feature::Destroy.since());
    /// }
    /// # Ok::<(), oxitables::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Rejected`] without privilege, or if the kernel has no nf_tables.
    pub fn capabilities(&mut self) -> Result<&Capabilities> {
        let found = match self.capabilities.take() {
            Some(known) => known,
            None => self.probe()?,
        };
        Ok(self.capabilities.insert(found))
    }

    fn probe(&mut self) -> Result<Capabilities> {
        let end_ack = self.acks()? == Acks::End;
        let probe = Probe::new();
        let mut commit = probe.commit();
        self.exchange(&mut commit)?;
        let found = probe.capabilities(&commit, end_ack, kept::release())?;
        log::debug!("this kernel lacks: {:?}", found.missing());
        Ok(found)
    }

    /// Commits an empty batch, which changes nothing.
    fn commit_nothing(&mut self) -> Result<Outcome> {
        let nothing = Batch::new();
        let mut commit = Commit::new(&nothing);
        self.exchange(&mut commit)?;
        Ok(commit.outcome())
    }

    /// Returns when every commit is finished that has raised the generation already.
    ///
    /// A commit raises it first, and then takes out what it removed. It holds a lock until the end,
    /// for which even a batch of nothing waits.
    fn wait_for_commits(&mut self) -> Result<()> {
        self.commit_nothing().map(|_| ())
    }

    /// The generation of a commit that was bound to `expected`, of a kernel that does not tell: the
    /// next, unless it changed nothing. If it did and another program has committed since, this is
    /// wrong.
    fn after(&mut self, expected: Generation) -> Result<Generation> {
        let now = self.generation()?;
        Ok(if now == expected { now } else { expected.next() })
    }

    fn failed(
        &mut self,
        batch: &Batch,
        outcome: Outcome,
        before: Option<Generation>,
        expected: Option<Generation>,
    ) -> Result<Error> {
        Ok(match (outcome, expected) {
            (Outcome::Rejected(rejection), _) => rejection.into(),
            (Outcome::Stale, Some(expected)) => Error::Stale { expected },
            (Outcome::Unknown { why }, _) => match before {
                Some(before) if self.generation()? == before => {
                    Rejection::whole(batch, &format!("the generation is the same as before, and {why}")).into()
                }
                _ => Error::Unknown { why },
            },
            (Outcome::Stale | Outcome::Committed, _) => {
                Error::Unknown { why: "the kernel's answer makes no sense".into() }
            }
        })
    }

    /// The present generation of the ruleset.
    ///
    /// # Errors
    /// [`Error::Request`] without privilege.
    pub fn generation(&mut self) -> Result<Generation> {
        let get = Self::request(GETGEN, None, "generation", |_| ());
        let mut found = None;
        self.ask(&get, |_, _, attributes| {
            found = Generation::read(attributes);
            Ok(())
        })?;
        found.ok_or_else(|| Self::malformed(&get, Malformed::Missing.into()))
    }

    fn request(kind: u8, family: Option<Family>, what: &str, body: impl FnOnce(&mut wire::Writer)) -> Get {
        Get::new(kind, 0, family, what.to_owned(), body)
    }

    fn malformed(get: &Get, source: DecodeError) -> Error {
        Error::Malformed { what: get.what.clone(), source }
    }

    fn refused(get: &Get, errno: i32) -> Error {
        refusal(get.what.clone(), errno)
    }

    /// One object by its name; `None` if there is none.
    fn one<T>(
        &mut self,
        kind: u8,
        family: Family,
        what: &str,
        names: &[(u16, &Name)],
        decode: impl Fn(Family, &[u8]) -> Result<T, DecodeError>,
    ) -> Result<Option<T>> {
        let get = Self::request(kind, Some(family), what, |out| {
            for (kind, name) in names {
                out.attr(*kind, "name", |out| Text::<255>::put(*name, out));
            }
        });
        self.single(&get, decode)
    }

    /// What answers a request for one thing; `None` if there is none.
    fn single<T>(&mut self, get: &Get, decode: impl Fn(Family, &[u8]) -> Result<T, DecodeError>) -> Result<Option<T>> {
        let mut found = None;
        let result = self.ask(get, |_, family, attributes| {
            found = Some(decode(family, attributes)?);
            Ok(())
        });
        match result {
            Ok(()) => Ok(found),
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// The table of this name; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Request`] without privilege.
    pub fn table(&mut self, family: Family, name: impl Into<Name>) -> Result<Option<Table>> {
        let name = name.into();
        self.one(1, family, &format!("table {family} {name}"), &[(1, &name)], Table::decode_attrs)
    }

    /// The chain of this name in `table`; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Request`] without privilege.
    pub fn chain(&mut self, table: &Table, name: impl Into<Name>) -> Result<Option<Chain>> {
        let name = name.into();
        let what = format!("chain {} {} {name}", table.family, table.name);
        self.one(4, table.family, &what, &[(1, &table.name), (3, &name)], Chain::decode_attrs)
    }

    /// The set or map of this name in `table`; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Request`] without privilege.
    pub fn set(&mut self, table: &Table, name: impl Into<Name>) -> Result<Option<Set>> {
        let name = name.into();
        let what = format!("set {} {} {name}", table.family, table.name);
        self.one(10, table.family, &what, &[(1, &table.name), (2, &name)], Set::decode_attrs)
    }

    /// The rule with this handle, whose counters and quotas start again from zero; `None` if there
    /// is none. Since 6.2.
    ///
    /// # Errors
    /// [`Error::Request`] without privilege.
    pub fn reset_rule(&mut self, chain: &Chain, handle: u64) -> Result<Option<Rule>> {
        let what = format!("rule {} {} {} handle {handle}", chain.family, chain.table, chain.name);
        let get = Self::request(25, Some(chain.family), &what, |out| {
            out.attr(1, "table", |out| Text::<255>::put(&chain.table, out));
            out.attr(2, "chain", |out| Text::<255>::put(&chain.name, out));
            out.attr(3, "handle", |out| out.bytes(&handle.to_be_bytes()));
        });
        self.single(&get, Rule::decode_attrs)
    }
}

/// A listing; nothing of what is not there, or may not be read: that may not be written either, and
/// the kernel will say so.
fn readable<T>(listing: Result<Vec<T>>) -> Result<Vec<T>> {
    match listing {
        Err(error) if error.is_not_found() || error.is_permission() => Ok(Vec::new()),
        listing => listing,
    }
}

impl World for Client {
    fn lacks(&mut self, feature: Feature) -> bool {
        self.capabilities().is_ok_and(|known| !known.has(feature))
    }
    fn table(&mut self, family: Family, name: &Name) -> Option<Table> {
        Client::table(self, family, name).ok().flatten()
    }
    fn chain(&mut self, table: &Table, name: &Name) -> Option<Chain> {
        Client::chain(self, table, name).ok().flatten()
    }
    fn set(&mut self, table: &Table, name: &Name) -> Option<Set> {
        Client::set(self, table, name).ok().flatten()
    }
    fn process(&mut self, port: u32) -> Option<String> {
        Holder::of(port).map(|holder| holder.to_string())
    }
    fn elements(&mut self, set: &Set) -> Option<Vec<Element>> {
        Client::elements(self, set).snapshot().ok()
    }
    fn present(&mut self, table: &Table) -> Option<Present> {
        let mut present = Present { chains: self.chains(table).snapshot().ok()?, ..Present::default() };
        for chain in &present.chains {
            present.rules.extend(self.rules(chain).snapshot().ok()?);
        }
        for map in self.sets(table).snapshot().ok()?.iter().filter(|s| s.data_type == Some(DataType::VERDICT)) {
            let elements = self.elements(map).snapshot().ok()?;
            present.routes.extend(elements.into_iter().map(|element| (map.name.clone(), element)));
        }
        Some(present)
    }
}
