use crate::{
    Batch,
    batch::{Assumption, Flaw, Part, Verb},
    data::{Name, Value},
    error::{Failure, Rejection},
    model::{Generation, Table},
    wire::{
        Step,
        message::{self, Ack, F_ACK, F_REQUEST, NLMSG_ERROR, SUBSYSTEM, messages},
    },
};
use std::io::IoSlice;

const NEWGEN: u8 = 15;

/// How the kernel can be made to say that it committed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Acks {
    /// It acknowledges the end of a batch, after the commit only. Since 6.10.
    End,
    /// It acknowledges messages only; the last one's arrives also when another failed.
    Last,
}

/// One batch on its way: sans-I/O.
///
/// The kernel reports each message that failed and commits only if none did. Acknowledging every
/// message would overrun the receive buffer after some 256 of them, so one ack is asked for: on the
/// end of the batch, which is the proof that it was committed, or on kernels before 6.10 on the
/// last message.
///
/// ```
/// use oxitables::{Batch, Family, Table, proto::{Commit, Outcome}};
///
/// let mut batch = Batch::new();
/// batch.add(Table::new(Family::Inet, "host"));
/// let commit = Commit::new(&batch);
/// assert_eq!(commit.transmit().iter().map(|part| part.len()).sum::<usize>(), batch.wire_len());
/// // Nothing came back: silence is not success.
/// assert!(matches!(commit.outcome(), Outcome::Unknown { .. }));
/// ```
#[derive(Debug)]
pub struct Commit<'a> {
    batch: &'a Batch,
    acks: Acks,
    check: bool,
    numbers: Markers,
    begin: Vec<u8>,
    /// Header of the last message, if that one is to be acknowledged.
    last: Option<[u8; message::HEADER]>,
    end: [u8; message::ATTRIBUTES],
    /// Sequence numbers within the batch, 0 for its begin marker, and what the kernel says.
    failures: Vec<(u32, Ack)>,
    generation: Option<Generation>,
    acked: bool,
    /// The message that is to be acknowledged was answered: nothing more can come.
    answered: bool,
    overrun: bool,
}

/// Sequence numbers of what goes around the messages of a batch. No two exchanges of a process
/// share one, so an answer that an earlier exchange left behind is never taken for the proof of a
/// later one.
#[derive(Clone, Copy, Debug)]
struct Markers {
    begin: u32,
    echo: u32,
    /// Of the message that is acknowledged: the end marker, or on old kernels the last message.
    acked: u32,
    /// Of the end marker, where it is not acknowledged.
    end: u32,
}

impl Markers {
    fn fresh() -> Self {
        let [begin, echo, acked, end] = super::fresh_seqs();
        Self { begin, echo, acked, end }
    }
}

/// What came of a batch.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// The kernel made all of it. Of a check: found nothing wrong.
    Committed,
    /// The kernel made nothing of it.
    Rejected(Rejection),
    /// The kernel made nothing of it: the generation is not the expected one.
    Stale,
    /// The answer got lost; only the generation can tell.
    Unknown {
        /// What happened.
        why: String,
    },
}

/// The generation that a commit is bound to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    pub(crate) expected: Option<Generation>,
    /// The kernel shall tell the generation that the commit makes.
    pub(crate) tell: bool,
}

impl Bound {
    /// As the batch says; who binds it wants to know the generation that follows.
    pub(crate) fn of(batch: &Batch) -> Self {
        Self { expected: batch.expected(), tell: batch.expected().is_some() }
    }
}

impl<'a> Commit<'a> {
    /// To commit `batch` on a kernel that acknowledges the end of a batch.
    pub fn new(batch: &'a Batch) -> Self {
        Self::with(batch, Acks::End, false, Bound::of(batch))
    }

    /// To commit `batch` on a kernel before 6.10.
    pub fn without_end_ack(batch: &'a Batch) -> Self {
        Self::with(batch, Acks::Last, false, Bound::of(batch))
    }

    /// To let the kernel check `batch` and make nothing of it.
    pub fn check(batch: &'a Batch) -> Self {
        // Without its end marker a batch is worked through and then undone.
        Self::with(batch, Acks::Last, true, Bound::of(batch))
    }

    pub(crate) fn with(batch: &'a Batch, acks: Acks, check: bool, bound: Bound) -> Self {
        let numbers = Markers::fresh();
        let last = (acks == Acks::Last && batch.messages() > 0).then(|| {
            let (body, at) = batch.body();
            let mut header = [0; message::HEADER];
            header.copy_from_slice(&body[at..at + message::HEADER]);
            let flags = u16::from_ne_bytes([header[6], header[7]]) | F_ACK;
            header[6..8].copy_from_slice(&flags.to_ne_bytes());
            header[8..12].copy_from_slice(&numbers.acked.to_ne_bytes());
            header
        });
        // A kernel that acknowledges the end (6.10) also knows the message that asks for the
        // generation (6.3).
        let echo = bound.tell && acks == Acks::End && !check;
        let (end_flags, end_seq) = if acks == Acks::End { (F_ACK, numbers.acked) } else { (0, numbers.end) };
        Self {
            batch,
            acks,
            check,
            numbers,
            begin: batch.begin(bound.expected, numbers.begin, echo.then_some(numbers.echo)),
            last,
            end: message::header(0x11, F_REQUEST | end_flags, end_seq, 0, SUBSYSTEM),
            failures: Vec::new(),
            generation: None,
            acked: false,
            answered: false,
            overrun: false,
        }
    }

    /// What to send, as one datagram: a batch in several sends is several batches.
    pub fn transmit(&self) -> Vec<IoSlice<'_>> {
        self.parts().into_iter().filter(|part| !part.is_empty()).collect()
    }

    /// The same; some of the parts may be empty.
    pub(crate) fn parts(&self) -> [IoSlice<'_>; 5] {
        let (body, last) = self.batch.body();
        let (before, header, after) = match &self.last {
            None => (body, &[][..], &[][..]),
            Some(header) => (&body[..last], &header[..], &body[last + header.len()..]),
        };
        let end = if self.check { &[][..] } else { &self.end };
        [&self.begin, before, header, after, end].map(IoSlice::new)
    }

    /// Takes a datagram from the kernel. What belongs to something else is ignored.
    pub fn handle(&mut self, datagram: &[u8]) {
        let Markers { begin, echo, acked, .. } = self.numbers;
        for message in messages(datagram).flatten() {
            if message.nft() == Some(NEWGEN) && message.seq == echo {
                self.generation = Generation::read(message.attributes());
            }
            if message.kind != NLMSG_ERROR {
                continue;
            }
            let Ok(ack) = message.ack() else { continue };
            // What is refused as a whole is refused by its begin marker, and by nothing else.
            self.answered |= message.seq == acked || message.seq == begin;
            let seq = match message.seq {
                seq if seq == acked && ack.errno == 0 => {
                    self.acked = true;
                    continue;
                }
                seq if seq == begin => 0,
                // The end marker itself is never refused: the kernel says that of the begin marker.
                seq if seq == acked && self.acks == Acks::Last => self.batch.messages(),
                seq => seq,
            };
            let ours = seq <= self.batch.messages() && message.seq != 0;
            if ack.errno != 0 && ours {
                self.failures.push((seq, ack));
            }
        }
    }

    /// Notes that the socket lost answers (`ENOBUFS`).
    pub fn handle_overrun(&mut self) {
        self.overrun = true;
    }

    /// Whether nothing more can come: the end of the batch was acknowledged.
    pub fn is_settled(&self) -> bool {
        self.acked && self.acks == Acks::End
    }

    /// Whether the message that is to be acknowledged was answered: the kernel says nothing more.
    pub(crate) fn is_answered(&self) -> bool {
        self.answered
    }

    /// Whether the kernel said what becomes of it.
    pub(crate) fn is_decided(&self) -> bool {
        self.answered || !self.failures.is_empty()
    }

    /// The generation that the commit made. Told since kernel 6.10, of batches that are bound to
    /// one; `None` also if the batch changed nothing.
    pub fn generation(&self) -> Option<Generation> {
        self.generation
    }

    /// What the answers so far mean. Ask when the socket has no more of them.
    pub fn outcome(&self) -> Outcome {
        self.outcome_in(&mut ())
    }

    pub(crate) fn outcome_in(&self, world: &mut dyn super::World) -> Outcome {
        if self.is_settled() {
            return Outcome::Committed;
        }
        if self.failures.iter().any(|(seq, ack)| *seq == 0 && ack.errno == nix::errno::Errno::ERESTART as i32) {
            return Outcome::Stale;
        }
        if !self.failures.is_empty() {
            let failed = self.failures.iter().map(|(seq, _)| *seq);
            let mut witness = super::Witness::new(world).with_failed(failed);
            let mut failures: Vec<Failure> =
                self.failures.iter().map(|(seq, ack)| super::explain(self.batch, *seq, ack, &mut witness)).collect();
            // What fails after the first step of a refreshment fails because that did.
            failures.dedup_by(|next, first| next.verb == Verb::Refresh && next.operation == first.operation);
            return Outcome::Rejected(Rejection { failures, operations: self.batch.len(), more: self.overrun });
        }
        match (self.overrun, self.acked) {
            (false, true) => Outcome::Committed,
            (false, false) => Outcome::Unknown { why: "the kernel did not answer".into() },
            (true, _) => Outcome::Unknown { why: "the socket's receive buffer overran (ENOBUFS)".into() },
        }
    }
}

impl Rejection {
    /// What has no form on the wire.
    pub(crate) fn refused(batch: &Batch) -> Option<Self> {
        let failures = batch.refused().iter().map(|(operation, error)| {
            let (path, cause) = (error.path.clone(), error.why.to_string());
            Failure { path, cause, ..failure(batch, *operation) }
        });
        Self::of(batch, failures.collect())
    }

    /// Elements for sets that are not what the caller took them for.
    pub(crate) fn mistaken<'b>(
        batch: &Batch,
        wrong: impl IntoIterator<Item = (&'b Assumption, crate::model::Set)>,
    ) -> Option<Self> {
        let failures = wrong.into_iter().map(|(assumption, found)| {
            let Assumption { operation, set, kind, .. } = assumption;
            let is = found.key_type.unwrap_or_default();
            let (cause, remedy) = if is != kind.key_type {
                (format!("set {set} holds {}, not {}", is.words(), kind.key_type.words()), "give it what it holds")
            } else if let Some(wanted) = kind.value_type.filter(|ty| found.data_type != Some(*ty)) {
                let is = found.data_type.map_or("no values".into(), |ty| ty.words());
                (format!("set {set} maps to {is}, not to {}", wanted.words()), "give it what it maps to")
            } else if kind.interval == Some(true) {
                (format!("set {set} holds single values, not intervals"), "take it without interval()")
            } else {
                let why = match found.is_interval() {
                    true => "a single value there would stand for all that follow it",
                    false => "to delete a single value there would delete all that it lies in",
                };
                (format!("set {set} holds intervals: {why}"), "say interval() of it")
            };
            let remedy = Some(format!("{remedy}, or take the set from Client::find_set"));
            Failure { cause, remedy, ..failure(batch, *operation) }
        });
        Self::of(batch, failures.collect())
    }

    /// A change of what belongs to iptables-nft.
    pub(crate) fn iptables(batch: &Batch, operation: usize, table: &Table, chain: &Name) -> Self {
        let cause = format!("table {} {} has chain {chain}: it is kept by iptables-nft", table.family, table.name);
        let remedy = Some("use a table of your own, whose rules apply as well, or say Client::allow_iptables".into());
        let failure = Failure { cause, remedy, ..failure(batch, operation) };
        Self { failures: vec![failure], operations: batch.len(), more: false }
    }

    /// Deletes of intervals that are not what the set has.
    pub(crate) fn parts(batch: &Batch, set: &crate::model::Set, parts: Vec<Part>) -> Option<Self> {
        let ty = set.key_type.unwrap_or_default();
        let show = |lo: &Value, hi: Option<&Value>| match hi {
            Some(hi) => ty.show_range(lo, hi),
            None => format!("an interval from {}", ty.show(lo, true)),
        };
        let failures = parts.into_iter().map(|Part { operation, entry, named: (lo, hi), there: (first, last) }| {
            let (named, there) = (show(&lo, Some(&hi)), show(&first, last.as_ref()));
            Failure {
                path: [Step::Field("elements"), Step::Index(entry)].into_iter().collect(),
                cause: format!(
                    "set {} has {there}, which is not {named}: the kernel would take out what was not asked for",
                    set.name
                ),
                remedy: Some(
                    "delete the interval as it was added, and add what is to stay of it, in the same batch".into(),
                ),
                ..failure(batch, operation)
            }
        });
        Self::of(batch, failures.collect())
    }

    /// What a commit would refuse.
    pub(crate) fn flawed(batch: &Batch, flaws: Vec<Flaw>) -> Option<Self> {
        let failures = flaws.into_iter().map(|flaw| Failure {
            errno: flaw.errno.map(|errno| errno as i32),
            cause: flaw.cause,
            ..failure(batch, flaw.operation)
        });
        Self::of(batch, failures.collect())
    }

    fn of(batch: &Batch, failures: Vec<Failure>) -> Option<Self> {
        (!failures.is_empty()).then(|| Self { failures, operations: batch.len(), more: false })
    }

    /// The batch as a whole was dropped.
    pub(crate) fn whole(batch: &Batch, cause: &str) -> Self {
        let (object, cause) = (String::new(), cause.into());
        let failure = Failure { operation: None, object, cause, ..failure(batch, 0) };
        Self { failures: vec![failure], operations: batch.len(), more: false }
    }
}

/// An operation, and nothing yet of what is wrong with it.
fn failure(batch: &Batch, operation: usize) -> Failure {
    let (verb, object) = batch.operation_text(operation);
    Failure {
        operation: Some(operation),
        verb,
        object,
        errno: None,
        path: Default::default(),
        cause: String::new(),
        remedy: None,
    }
}
