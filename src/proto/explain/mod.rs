//! What an error number means, given what was asked for.

mod chain;
mod object;
mod rule;
mod set;

use crate::{
    Batch,
    batch::{Fields, Present, Verb},
    data::{Family, Name},
    error::Failure,
    model::{Chain, Kind, Set, Table},
    wire::{
        Path, locate,
        message::{ATTRIBUTES, Ack, Message},
    },
};
use nix::errno::Errno;
use std::collections::HashMap;

/// What can be asked for to explain an error better.
pub(crate) trait World {
    fn table(&mut self, _: Family, _: &Name) -> Option<Table> {
        None
    }
    fn chain(&mut self, _: &Table, _: &Name) -> Option<Chain> {
        None
    }
    fn set(&mut self, _: &Table, _: &Name) -> Option<Set> {
        None
    }
    fn present(&mut self, _: &Table) -> Option<Present> {
        None
    }
}

/// Knows nothing.
impl World for () {}

/// Asks each question once: a batch may fail in many places for one reason.
pub(crate) struct Witness<'w> {
    world: &'w mut dyn World,
    sets: HashMap<(u8, Name, Name), Option<Set>>,
    /// What is wrong with the jumps of a table, by the error number.
    flaws: HashMap<(u8, Name, i32), Option<String>>,
}

impl<'w> Witness<'w> {
    pub(crate) fn new(world: &'w mut dyn World) -> Self {
        Self { world, sets: HashMap::new(), flaws: HashMap::new() }
    }

    /// A set of the batch, or one that the kernel has.
    fn set(&mut self, batch: &Batch, table: &Table, name: &Name) -> Option<Set> {
        let key = (table.family.into(), table.name.clone(), name.clone());
        let ask = || batch.set(table.family, &table.name, name).or_else(|| self.world.set(table, name));
        self.sets.entry(key).or_insert_with(ask).clone()
    }

    fn flaw(&mut self, batch: &Batch, table: &Table, errno: Errno) -> Option<String> {
        let ask = || {
            let present = self.world.present(table).unwrap_or_default();
            batch.flaw_in(table.family, &table.name, present, errno)
        };
        self.flaws.entry((table.family.into(), table.name.clone(), errno as i32)).or_insert_with(ask).clone()
    }
}

/// Cause and remedy.
type Why = (String, Option<String>);

fn why(cause: impl Into<String>, remedy: impl Into<String>) -> Why {
    (cause.into(), Some(remedy.into()).filter(|r| !r.is_empty()))
}

/// Turns an error of the kernel's into a failure of an operation.
pub(crate) fn explain(batch: &Batch, seq: u32, ack: &Ack, world: &mut Witness<'_>) -> Failure {
    let errno = Errno::from_raw(ack.errno);
    let mut failure = Failure {
        operation: None,
        verb: Verb::Add,
        object: String::new(),
        errno: Some(ack.errno),
        path: Path::default(),
        cause: String::new(),
        remedy: None,
    };
    // Sequence number 0 is the begin marker: the batch as a whole.
    let Some((index, message)) = batch.find(seq) else {
        (failure.cause, failure.remedy) = match errno {
            Errno::EPERM => why(PRIVILEGE.0, PRIVILEGE.1),
            Errno::EOPNOTSUPP => {
                why("this kernel has no nf_tables", "build it with CONFIG_NF_TABLES, or load nf_tables")
            }
            _ => why(errno.desc(), ""),
        };
        return failure;
    };
    // What fails only at the end is said of the first message, without any hint.
    if errno == Errno::EINVAL
        && seq == 1
        && ack.offset.is_none()
        && let Some(unused) = batch.unused_sets().into_iter().next()
    {
        (failure.verb, failure.object) = batch.operation_text(unused.operation);
        (failure.operation, failure.cause) = (Some(unused.operation), unused.cause);
        return failure;
    }
    let kind = message.nft().and_then(Kind::of);
    if let (Some(kind), Some(offset)) = (kind, ack.offset.and_then(|o| o.checked_sub(ATTRIBUTES))) {
        failure.path = locate(message.attributes(), offset, kind.scope());
    }
    (failure.verb, failure.object) = batch.operation_text(index);
    failure.operation = Some(index);
    let case = Case { batch, message, verb: failure.verb, errno, path: &failure.path };
    let (cause, remedy) = match kind {
        Some(Kind::Table) => case.table(world),
        Some(Kind::Chain) => case.chain(world),
        Some(Kind::Rule) => case.rule(world),
        Some(Kind::Set) => case.set(world),
        Some(Kind::Elements) => case.elements(world),
        Some(Kind::Object) => case.object(world),
        Some(Kind::Flowtable) => case.flowtable(world),
        None => case.general(world),
    };
    failure.cause = match &ack.text {
        Some(text) => format!("{cause} (the kernel says: {text})"),
        None => cause,
    };
    failure.remedy = remedy;
    if kind == Some(Kind::Elements) {
        // A long list is several messages; it is one to whoever wrote it.
        failure.path.shift("elements", batch.elements_before(index, seq));
    }
    failure
}

const PRIVILEGE: (&str, &str) = (
    "no privilege to change the firewall of this network namespace",
    "run as root or with CAP_NET_ADMIN (setcap cap_net_admin+ep PROGRAM), or in a namespace of your own (unshare -Urn)",
);

/// What a refused request that changes nothing means.
pub(crate) fn request_cause(errno: i32) -> String {
    match Errno::from_raw(errno) {
        Errno::EPERM => format!("no privilege to see the firewall of this network namespace; {}", PRIVILEGE.1),
        Errno::ENOENT => "there is no such thing".into(),
        Errno::EOPNOTSUPP => "this kernel cannot do that, or has no nf_tables".into(),
        Errno::EBUSY => "another listing on this connection is not finished".into(),
        errno => errno.desc().into(),
    }
}

struct Case<'a> {
    batch: &'a Batch,
    message: Message<'a>,
    verb: Verb,
    errno: Errno,
    path: &'a Path,
}

impl Case<'_> {
    fn family(&self) -> Family {
        self.message.family().into()
    }

    fn name(&self, kind: u16) -> Name {
        Fields::of(&self.message).name(kind).unwrap_or_else(|| Name::from(""))
    }

    /// Its table; in every message the name is attribute 1.
    fn home(&self) -> Table {
        Table::new(self.family(), self.name(1))
    }

    fn place(&self) -> String {
        format!("table {} {}", self.family(), self.name(1))
    }

    fn makes(&self) -> bool {
        matches!(self.verb, Verb::Add | Verb::Create | Verb::Insert | Verb::Replace | Verb::Refresh)
    }

    /// Something that is named is not there: says so, and what became of it in this batch.
    fn missing(&self, noun: &str, kind: Kind, name: &Name) -> Why {
        let within = if kind == Kind::Table { String::new() } else { format!(" in {}", self.place()) };
        let named = if kind == Kind::Table { self.place() } else { format!("{noun} {name}") };
        let remedy = match self.fate(kind, name) {
            Some((n, true, false)) => format!("operation {n}, which makes it, failed as well"),
            Some((n, true, true)) => format!("operation {n} makes it, but comes later: put that first"),
            Some((n, false, _)) => format!("operation {n} removed it"),
            None if self.makes() => format!("add the {noun} first, in the same batch"),
            None if self.verb == Verb::Delete && !self.path.ends_at("table") => DESTROY.into(),
            None => String::new(),
        };
        why(format!("there is no {named}{within}"), remedy)
    }

    /// The operation of this batch, counted from 1, that last made or removed something before this one, or makes it
    /// afterwards; whether it makes it, and whether it comes later.
    fn fate(&self, kind: Kind, name: &Name) -> Option<(usize, bool, bool)> {
        let table = self.name(1);
        let (new, removals, attribute) = match kind {
            Kind::Table => (0, [2, 26], 1),
            Kind::Chain => (3, [5, 27], 3),
            Kind::Object => (18, [20, 31], 2),
            Kind::Flowtable => (22, [24, 32], 2),
            _ => (9, [11, 29], 2),
        };
        let mut fate = None;
        for (nft, message, fields) in self.batch.each() {
            let later = message.seq > self.message.seq;
            if later && fate.is_some() {
                break;
            }
            let concerned = nft == new || removals.contains(&nft) && !later && message.seq != self.message.seq;
            if concerned
                && message.family() == self.message.family()
                && fields.name(1).is_some_and(|t| t == table)
                && fields.name(attribute).is_some_and(|n| n == *name)
            {
                fate = Some((message.seq, nft == new, later));
            }
        }
        let (seq, makes, later) = fate.filter(|(seq, ..)| *seq != self.message.seq)?;
        Some((self.batch.find(seq)?.0 + 1, makes, later))
    }

    /// What may happen to any object.
    fn general(&self, world: &mut Witness<'_>) -> Why {
        match self.errno {
            Errno::EPERM => {
                let owner = world.world.table(self.family(), &self.name(1)).and_then(|t| t.owner);
                let by = owner.map_or("another process".to_owned(), |port| {
                    let comm = std::fs::read_to_string(format!("/proc/{port}/comm")).unwrap_or_default();
                    match comm.trim() {
                        "" => format!("the process with netlink port {port}"),
                        comm => format!("{comm} (netlink port and, most likely, process {port})"),
                    }
                });
                why(
                    format!("the {} belongs to {by}", self.place()),
                    "only its owner may change it; it goes when the owner closes its socket",
                )
            }
            Errno::ENOENT => self.missing("table", Kind::Table, &self.name(1)),
            Errno::EAFNOSUPPORT => why(
                format!("this kernel has no nf_tables for family {}", self.family()),
                format!("build it with CONFIG_NF_TABLES_{}", self.family().to_string().to_uppercase()),
            ),
            Errno::ENOMEM => why("the kernel has no memory for it", ""),
            Errno::EOPNOTSUPP => why("this kernel cannot do that, or not here", ""),
            Errno::EINVAL => why("the kernel finds this invalid and does not say why", ""),
            Errno::ERANGE => why("a number is out of the range that the kernel takes", ""),
            errno => why(errno.desc(), ""),
        }
    }

    fn table(&self, world: &mut Witness<'_>) -> Why {
        let place = self.place();
        match self.errno {
            Errno::ENOENT => self.missing("table", Kind::Table, &self.name(1)),
            Errno::EEXIST => why(format!("the {place} exists already"), CREATE),
            Errno::EBUSY => why(format!("the {place} is in use"), ""),
            Errno::EOPNOTSUPP => why(
                "these flags cannot be changed, or this kernel does not know them",
                "a plain table cannot become an owned one; delete and add it in the same batch \
                 (owner since kernel 5.12, persist since 6.9)",
            ),
            _ => self.general(world),
        }
    }
}

const DESTROY: &str = "destroy instead of delete, if it need not be there";
const CREATE: &str = "add instead of create, if that is fine";
