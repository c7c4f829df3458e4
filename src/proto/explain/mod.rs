//! What an error number means, given what was asked for.

mod chain;
mod object;
mod rule;
mod set;
#[cfg(test)]
mod tests;

use crate::{
    Batch,
    batch::{Change, Present, Verb},
    data::{Family, Name, Value},
    error::Failure,
    expr::{Expr, FibResult, SocketKey},
    model::{Chain, Does, Element, Kind, Rule, Set, SetFlags, Table, TableFlags, intervals},
    proto::Feature,
    wire::{
        Path, locate,
        message::{ATTRIBUTES, Ack},
    },
};
use nix::errno::Errno;
use std::collections::{HashMap, HashSet};

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
    /// Whether the kernel lacks a feature.
    fn lacks(&mut self, _: Feature) -> bool {
        false
    }
    fn process(&mut self, _port: u32) -> Option<String> {
        None
    }
    fn elements(&mut self, _: &Set) -> Option<Vec<Element>> {
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
    /// Lowest and highest keys of the intervals that the kernel has.
    intervals: HashMap<(u8, Name, Name), Vec<(Value, Value)>>,
    /// What is wrong with the jumps of a table, by the error number.
    flaws: HashMap<(u8, Name, i32), Option<String>>,
    /// Whose a table is.
    owners: HashMap<(u8, Name), String>,
    /// The messages that failed: they have changed nothing.
    failed: HashSet<u32>,
}

impl<'w> Witness<'w> {
    pub(crate) fn new(world: &'w mut dyn World) -> Self {
        Self {
            world,
            sets: HashMap::new(),
            intervals: HashMap::new(),
            flaws: HashMap::new(),
            owners: HashMap::new(),
            failed: HashSet::new(),
        }
    }

    /// The messages that failed.
    pub(crate) fn with_failed(self, failed: impl IntoIterator<Item = u32>) -> Self {
        Self { failed: failed.into_iter().collect(), ..self }
    }

    /// A set of the batch, or one that the kernel has.
    fn set(&mut self, batch: &Batch, table: &Table, name: &Name) -> Option<Set> {
        let key = (table.family.into(), table.name.clone(), name.clone());
        let ask = || batch.set(table.family, &table.name, name).or_else(|| self.world.set(table, name));
        self.sets.entry(key).or_insert_with(ask).clone()
    }

    /// What the kernel has in a set that shares keys with an interval of one field, or with the
    /// ends of a concatenated one.
    fn overlapped(&mut self, set: &Set, lo: &Value, hi: &Value) -> Option<(Value, Value)> {
        let key = (set.family.into(), set.table.clone(), set.name.clone());
        let ask = || {
            let elements = self.world.elements(set).unwrap_or_default();
            if set.is_interval() {
                return intervals(&elements).map(|interval| (interval.lo, interval.hi)).collect();
            }
            elements.iter().filter_map(|one| one.key.map(|lo| (lo, one.key_end.unwrap_or(lo)))).collect()
        };
        let all = self.intervals.entry(key).or_insert_with(ask);
        all.iter()
            .find(|(l, h)| if set.is_interval() { **l <= **hi && **lo <= **h } else { set.shares((l, h), (lo, hi)) })
            .copied()
    }

    /// Who owns a table, in words. To find a process takes a walk through all of them.
    fn owner(&mut self, table: &Table) -> String {
        let ask = || {
            let port = self.world.table(table.family, &table.name).and_then(|table| table.owner);
            port.map_or("another process".to_owned(), |port| {
                self.world.process(port).unwrap_or_else(|| format!("the process with netlink port {port}"))
            })
        };
        self.owners.entry((table.family.into(), table.name.clone())).or_insert_with(ask).clone()
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
    (failure.verb, failure.object) = batch.operation_text(index);
    failure.operation = Some(index);
    let Some(change) = Change::read(message) else {
        failure.cause = errno.desc().into();
        return failure;
    };
    if let Some(offset) = ack.offset.and_then(|o| o.checked_sub(ATTRIBUTES)) {
        failure.path = locate(message.attributes(), offset, change.kind.scope());
    }
    let case = Case { batch, change, verb: failure.verb, errno, path: &failure.path };
    let lacking = case.needs().into_iter().find(|feature| world.world.lacks(*feature));
    let (cause, remedy) = match change.kind {
        _ if lacking.is_some() => lacking.map(too_old).unwrap_or_default(),
        Kind::Table => case.table(world),
        Kind::Chain => case.chain(world),
        Kind::Rule => case.rule(world),
        Kind::Set => case.set(world),
        Kind::Elements => case.elements(world),
        Kind::Object => case.object(world),
        Kind::Flowtable => case.flowtable(world),
    };
    failure.cause = match &ack.text {
        Some(text) => format!("{cause} (the kernel says: {text})"),
        None => cause,
    };
    failure.remedy = remedy;
    if change.kind == Kind::Elements {
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

fn too_old(feature: Feature) -> Why {
    why(format!("this kernel cannot do that: {feature} came with {}", feature.since()), "")
}

struct Case<'a> {
    batch: &'a Batch,
    change: Change<'a>,
    verb: Verb,
    errno: Errno,
    path: &'a Path,
}

impl Case<'_> {
    fn family(&self) -> Family {
        self.change.family()
    }

    /// Its name; of a rule, that of its chain, of elements that of their set.
    fn name(&self) -> Name {
        self.change.name().unwrap_or_else(|| Name::from(""))
    }

    /// Its table.
    fn home(&self) -> Table {
        Table::new(self.family(), self.change.table().unwrap_or_else(|| Name::from("")))
    }

    /// Whether the kernel has its table.
    fn has_table(&self, world: &mut Witness<'_>) -> bool {
        world.world.table(self.family(), &self.home().name).is_some()
    }

    fn place(&self) -> String {
        format!("table {} {}", self.family(), self.home().name)
    }

    /// What a kernel that finds something invalid may be too old for. It points at nothing then, or
    /// at the element.
    fn needs(&self) -> Vec<Feature> {
        let mut needs = Vec::new();
        if !matches!(self.errno, Errno::EINVAL | Errno::EOPNOTSUPP) {
            return needs;
        }
        match (self.change.does, self.change.kind) {
            (Does::Destroy, _) => needs.push(Feature::Destroy),
            (Does::New, Kind::Table) => {
                let flags = self.change.as_table().ok().and_then(|t| t.flags).unwrap_or_default();
                needs.extend(flags.contains(TableFlags::PERSIST).then_some(Feature::Persist));
                needs.extend(flags.contains(TableFlags::OWNER).then_some(Feature::Owner));
            }
            (Does::New, Kind::Set) => {
                let flags = self.change.set_flags();
                let concat = SetFlags::CONCAT | SetFlags::INTERVAL;
                needs.extend(flags.contains(concat).then_some(Feature::ConcatIntervals));
                needs.extend(flags.contains(SetFlags::EXPR).then_some(Feature::ElementExprs));
            }
            (Does::New, Kind::Rule) => {
                let rule = self.change.as_rule().ok();
                for expr in rule.iter().flat_map(Rule::exprs) {
                    needs.extend(match expr {
                        Expr::Socket(e) if e.key == SocketKey::CgroupV2 => Some(Feature::ControlGroups),
                        Expr::Fib(e) if e.result != FibResult::Addrtype => Some(Feature::FibForward),
                        Expr::Dynset(e) if e.exprs.as_ref().is_some_and(|all| all.len() > 1) => {
                            Some(Feature::ElementExprs)
                        }
                        Expr::Inner(_) => Some(Feature::Inner),
                        _ => None,
                    });
                }
            }
            (_, Kind::Elements) => {
                let mut elements = self.change.elements().flatten();
                needs.extend(elements.any(|element| element.is_catch_all()).then_some(Feature::CatchAll));
            }
            _ => {}
        }
        needs
    }

    fn makes(&self) -> bool {
        matches!(self.verb, Verb::Add | Verb::Create | Verb::Insert | Verb::Replace | Verb::Refresh)
    }

    /// Something that is named is not there: says so, and what became of it in this batch.
    fn missing(&self, noun: &str, kind: Kind, name: &Name, world: &Witness<'_>) -> Why {
        let within = if kind == Kind::Table { String::new() } else { format!(" in {}", self.place()) };
        let named = if kind == Kind::Table { self.place() } else { format!("{noun} {name}") };
        let remedy = match self.fate(kind, name, world) {
            Some((n, true, false)) => format!("operation {n}, which makes it, failed as well"),
            Some((n, true, true)) => format!("operation {n} makes it, but comes later: put that first"),
            Some((n, false, _)) => format!("operation {n} removed it"),
            None if self.makes() => format!("add the {noun} first, in the same batch, or correct its name"),
            None if self.verb == Verb::Delete && !self.path.ends_at("table") => DESTROY.into(),
            None => String::new(),
        };
        why(format!("there is no {named}{within}"), remedy)
    }

    /// The operation of this batch, counted from 1, that last made or removed something before this
    /// one, or makes it afterwards; whether it makes it, and whether it comes later.
    fn fate(&self, kind: Kind, name: &Name, world: &Witness<'_>) -> Option<(usize, bool, bool)> {
        let here = (self.family(), self.change.table());
        let mut fate = None;
        for change in self.batch.changes().filter(|change| change.kind == kind) {
            let later = change.seq() > self.change.seq();
            if later && fate.is_some() {
                break;
            }
            let makes = change.does == Does::New;
            // What failed has removed nothing.
            let removes = !makes && !later && !world.failed.contains(&change.seq());
            if (makes || removes)
                && change.seq() != self.change.seq()
                && (change.family(), change.table()) == here
                && change.name().is_some_and(|n| n == *name)
            {
                fate = Some((change.seq(), makes, later));
            }
        }
        let (seq, makes, later) = fate?;
        Some((self.batch.find(seq)?.0 + 1, makes, later))
    }

    /// What may happen to any object.
    fn general(&self, world: &mut Witness<'_>) -> Why {
        match self.errno {
            Errno::EPERM => why(
                format!("the {} belongs to {}", self.place(), world.owner(&self.home())),
                "only its owner may change it; it goes when the owner closes its socket",
            ),
            // Kernels before 6.2 do not always point at what is missing.
            Errno::ENOENT if !self.path.ends_at("table") && self.has_table(world) => why(
                format!("something that it names is not there in {}", self.place()),
                "list it again: it may be gone",
            ),
            Errno::ENOENT => self.missing("table", Kind::Table, &self.home().name, world),
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
            Errno::ENOENT => self.missing("table", Kind::Table, &self.home().name, world),
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
