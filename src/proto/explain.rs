//! What an error number means, given what was asked for.

use crate::{
    Batch,
    batch::{Verb, place_of},
    data::{Data, DataType, Family, Name},
    error::Failure,
    expr::{Expr, Immediate, ObjectType},
    model::{Chain, Element, Kind, Rule, Set, SetFlags, Table},
    wire::{
        Path, locate,
        message::{ATTRIBUTES, Ack, Message},
    },
};
use nix::errno::Errno;

/// What can be asked for to explain an error better.
pub(crate) trait World {
    fn set(&mut self, family: Family, table: &Name, name: &Name) -> Option<Set>;
    fn table(&mut self, family: Family, name: &Name) -> Option<Table>;
}

/// Knows nothing.
impl World for () {
    fn set(&mut self, _: Family, _: &Name, _: &Name) -> Option<Set> {
        None
    }
    fn table(&mut self, _: Family, _: &Name) -> Option<Table> {
        None
    }
}

/// Cause and remedy.
type Why = (String, Option<String>);

fn why(cause: impl Into<String>, remedy: &str) -> Why {
    (cause.into(), (!remedy.is_empty()).then(|| remedy.into()))
}

/// Turns an error of the kernel's into a failure of an operation.
pub(crate) fn explain(batch: &Batch, seq: u32, ack: &Ack, world: &mut dyn World) -> Failure {
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
        None => case.general(None, world),
    };
    failure.cause = match &ack.text {
        Some(text) => format!("{cause} (the kernel says: {text})"),
        None => cause,
    };
    failure.remedy = remedy;
    failure
}

const PRIVILEGE: (&str, &str) = (
    "no privilege to change the firewall of this network namespace",
    "run as root or with CAP_NET_ADMIN (setcap cap_net_admin+ep PROGRAM), or in a namespace of your own (unshare -Urn)",
);

/// What a refused request that changes nothing means.
pub(crate) fn request_cause(errno: i32) -> String {
    match Errno::from_raw(errno) {
        Errno::EPERM => format!("{}; {}", PRIVILEGE.0, PRIVILEGE.1),
        Errno::ENOENT => "there is no such thing".into(),
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
        crate::batch::Fields::of(&self.message).name(kind).unwrap_or_else(|| Name::from(""))
    }

    fn place(&self, table: &Name) -> String {
        format!("table {} {table}", self.family())
    }

    /// What may happen to any object; `table` names the attribute with its table.
    fn general(&self, table: Option<u16>, world: &mut dyn World) -> Why {
        let table = table.map(|kind| self.name(kind));
        match (self.errno, table) {
            (Errno::EPERM, Some(table)) => {
                let owner = world.table(self.family(), &table).and_then(|t| t.owner);
                let by = owner.map_or("another process".to_owned(), |port| {
                    let comm = std::fs::read_to_string(format!("/proc/{port}/comm")).unwrap_or_default();
                    match comm.trim() {
                        "" => format!("the process with netlink port {port}"),
                        comm => format!("{comm} (netlink port and, most likely, process {port})"),
                    }
                });
                why(
                    format!("the {} belongs to {by}", self.place(&table)),
                    "only its owner may change it; it goes when the owner closes its socket",
                )
            }
            (Errno::ENOENT, Some(table)) => {
                why(format!("there is no {}", self.place(&table)), "add the table first, in the same batch")
            }
            (Errno::EAFNOSUPPORT, _) => {
                why(format!("this kernel has no nf_tables for family {}", self.family()), "enable CONFIG_NF_TABLES_*")
            }
            (Errno::ENOMEM, _) => why("the kernel has no memory for it", ""),
            (Errno::EOPNOTSUPP, _) => why("this kernel cannot do that, or not here", ""),
            (Errno::EINVAL, _) => why("the kernel finds this invalid", ""),
            _ => why(self.errno.desc(), ""),
        }
    }

    fn table(&self, world: &mut dyn World) -> Why {
        let place = self.place(&self.name(1));
        match self.errno {
            Errno::ENOENT => why(format!("there is no {place}"), "destroy instead of delete, if it need not be there"),
            Errno::EEXIST => why(format!("the {place} exists already"), "add instead of create, if that is fine"),
            Errno::EBUSY => why(format!("the {place} is in use"), ""),
            Errno::EOPNOTSUPP => why(
                "these flags cannot be changed, or this kernel does not know them",
                "a plain table cannot become an owned one; delete and add it in the same batch \
                 (owner since kernel 5.12, persist since 6.9)",
            ),
            _ => self.general(Some(1), world),
        }
    }

    fn chain(&self, world: &mut dyn World) -> Why {
        let name = self.name(3);
        let chain = Chain::decode_attrs(self.family(), self.message.attributes()).ok();
        let base = chain.as_ref().and_then(|c| c.hook.as_ref());
        match self.errno {
            Errno::ENOENT if self.path.ends_at("table") => self.general(Some(1), world),
            Errno::ENOENT if base.is_some() && self.verb != Verb::Delete => {
                if self.path.ends_at("kind") {
                    why("this kernel does not have that chain type", "load or build in nft_chain_nat")
                } else {
                    why("a device of the chain does not exist", "make the device first (not needed since 6.16)")
                }
            }
            Errno::ENOENT => why(format!("there is no chain {name} in {}", self.place(&self.name(1))), ""),
            Errno::EEXIST => why(
                format!("chain {name} exists already, perhaps with another type"),
                "type, hook and priority cannot be changed: delete and add it in the same batch",
            ),
            Errno::EBUSY => why(
                format!("chain {name} is in use: a rule or a map jumps to it"),
                "delete what jumps to it first, in the same batch",
            ),
            Errno::EOPNOTSUPP => {
                let nat = chain.as_ref().is_some_and(|c| c.kind == Some(crate::data::ChainType::Nat));
                match base.and_then(|b| b.priority) {
                    Some(priority) if nat && priority <= -200 => {
                        why(format!("a nat chain needs a priority above -200, this has {priority}"), "")
                    }
                    _ => why(
                        format!("the kernel does not take this hook, type or policy for chain {name}"),
                        "nat is for prerouting, input, output and postrouting, route for output; hook and priority of a \
                         chain that exists cannot be changed: delete and add it in the same batch",
                    ),
                }
            }
            Errno::EINVAL if base.is_some_and(|b| b.device.is_none() && b.devices.is_none()) => {
                why("the kernel finds this chain invalid", "ingress and egress chains need a device")
            }
            _ => self.general(Some(1), world),
        }
    }

    fn rule(&self, world: &mut dyn World) -> Why {
        let (table, chain) = (self.name(1), self.name(2));
        let rule = Rule::decode_attrs(self.family(), self.message.attributes()).ok();
        let expr = self.path.index_in("exprs").and_then(|i| rule.as_ref()?.exprs().get(i).cloned());
        let within = |noun: &str, name: &Name| format!("there is no {noun} {name} in {}", self.place(&table));
        match (self.errno, &expr) {
            (Errno::ENOENT, Some(expr)) => match expr {
                Expr::Lookup(e) => why(within("set or map", &e.set), "add it before the rule, in the same batch"),
                Expr::Dynset(e) => why(within("set", &e.set), "add it before the rule, in the same batch"),
                Expr::Immediate(e) => match &e.data {
                    Data::Verdict(v) if v.chain.is_some() => why(
                        within("chain", v.chain.as_ref().unwrap_or(&chain)),
                        "add the chain before the rule that goes there, in the same batch",
                    ),
                    _ => why("there is no such chain", ""),
                },
                Expr::Objref(e) => {
                    let noun = e.kind.map_or("object", |kind| match kind {
                        ObjectType::Counter => "counter",
                        ObjectType::Quota => "quota",
                        ObjectType::Limit => "limit",
                        _ => "object",
                    });
                    let name = e.name.as_ref().or(e.set.as_ref());
                    why(name.map_or("there is no such object".into(), |name| within(noun, name)), "")
                }
                other => {
                    let name = other.name();
                    why(
                        format!("this kernel has no expression {name} for family {}", self.family()),
                        &format!("load the module nft_{name}, or a kernel that has it"),
                    )
                }
            },
            (Errno::ENOENT, None) if self.path.ends_at("table") => self.general(Some(1), world),
            (Errno::ENOENT, None) if self.path.ends_at("handle") || self.path.ends_at("position") => {
                why("there is no rule with this handle", "list the rules again: it may be gone")
            }
            (Errno::ENOENT, None) => why(within("chain", &chain), "add the chain first, in the same batch"),
            (Errno::EMLINK, _) => why(
                self.batch.loop_text().unwrap_or("a jump closes a loop, or chains nest deeper than 16".into()),
                "follow the jumps from this rule on; goto counts like jump",
            ),
            (Errno::EOPNOTSUPP | Errno::EINVAL, Some(Expr::Dynset(e))) => why(
                format!("rules may not change set {} like this", e.set),
                "the set needs the dynamic flag, the timeout flag for a timeout, and the same stateful expressions",
            ),
            (Errno::EOPNOTSUPP, Some(Expr::Immediate(Immediate { data: Data::Verdict(v), .. })))
                if v.chain.is_some() =>
            {
                let to = v.chain.as_ref().unwrap_or(&chain);
                why(format!("chain {to} is a base chain: it cannot be jumped to"), "jump to a chain without a hook")
            }
            (Errno::EOPNOTSUPP | Errno::EINVAL, Some(expr)) => {
                let hint = match expr {
                    Expr::Lookup(_) => "the key in the register has another length than the set's, or the set is a map",
                    Expr::Limit(_) => "the rate must not be 0 and must fit its unit",
                    other => place_of(self.family(), other).map_or("", |(_, _, hint)| hint),
                };
                why(format!("the kernel does not take the expression {} here", expr.name()), hint)
            }
            (Errno::EOPNOTSUPP, None) => {
                let hint = rule.iter().flat_map(Rule::exprs).find_map(|e| place_of(self.family(), e));
                why(
                    format!("an expression is not for the hooks that chain {chain} is reached from"),
                    hint.map_or("", |(_, _, hint)| hint),
                )
            }
            (Errno::EBUSY, _) => why("the rule uses something that is bound elsewhere", ""),
            (Errno::ENODATA, _) => why("an expression reads a register that nothing wrote", ""),
            (Errno::EFBIG | Errno::E2BIG, _) => why("the rule is too large", "it takes 128 expressions, about 4 KiB"),
            (Errno::EINVAL, None) if rule.is_some_and(|r| r.exprs().len() > 128) => {
                why("the rule has more than 128 expressions", "split it")
            }
            (Errno::EPROTO | Errno::EPROTONOSUPPORT, _) => {
                why(format!("connection tracking does not work in family {}", self.family()), "")
            }
            _ => self.general(Some(1), world),
        }
    }

    fn set(&self, world: &mut dyn World) -> Why {
        let name = self.name(2);
        match self.errno {
            Errno::ENOENT if self.path.ends_at("table") => self.general(Some(1), world),
            Errno::ENOENT => why(format!("there is no set {name} in {}", self.place(&self.name(1))), ""),
            Errno::EEXIST => why(
                format!(
                    "set {name} exists already{}",
                    if self.verb == Verb::Create { "" } else { " with another type or other flags" }
                ),
                "what a set holds cannot be changed: delete and add it, and the rules that use it, in the same batch",
            ),
            Errno::EBUSY => why(format!("set {name} is in use by a rule"), "delete the rule first, in the same batch"),
            Errno::EOPNOTSUPP => why(
                "the kernel has no set with this combination of flags",
                "a dynamic set cannot hold intervals; per-element expressions are counter, limit, quota, connlimit, last",
            ),
            Errno::EINVAL => why(
                "the kernel finds this set invalid",
                "keys have 1 to 64 bytes; a concatenation of intervals describes at least two fields",
            ),
            Errno::E2BIG => why("a set takes two stateful expressions", ""),
            _ => self.general(Some(1), world),
        }
    }

    fn elements(&self, world: &mut dyn World) -> Why {
        let (table, name) = (self.name(1), self.name(2));
        let element = self.element();
        if element.is_none() {
            return match self.errno {
                Errno::ENOENT if self.path.ends_at("set") => why(
                    format!("there is no set {name} in {}", self.place(&table)),
                    "add the set first, in the same batch",
                ),
                _ => self.general(Some(1), world),
            };
        }
        let set = self.batch.set(self.family(), &table, &name).or_else(|| world.set(self.family(), &table, &name));
        let key = element.as_ref().map(|e| show(e, set.as_ref())).unwrap_or_default();
        let flags = set.as_ref().map(Set::flags).unwrap_or_default();
        match self.errno {
            Errno::ENOENT => {
                why(format!("set {name} has no element {key}"), "destroy instead of delete, if it need not be there")
            }
            Errno::EEXIST if flags.contains(SetFlags::INTERVAL) => why(
                format!("{key} overlaps an element of set {name}"),
                "delete what it overlaps first, in the same batch, or merge the two",
            ),
            Errno::EEXIST if flags.contains(SetFlags::MAP) => why(
                format!("map {name} has {key} already, perhaps with another value"),
                "delete and add it in the same batch",
            ),
            Errno::EEXIST => why(format!("set {name} has {key} already"), "add instead of create, if that is fine"),
            Errno::ENFILE => {
                let size = set.as_ref().and_then(Set::size).map_or(String::new(), |n| format!(" of {n}"));
                why(
                    format!("set {name} is full: its size{size} leaves no room for {key}"),
                    "add the set again with a larger size, or delete elements; expired ones count until they are collected",
                )
            }
            Errno::ERANGE => {
                why(format!("{key} would expire after its timeout, or never: too long"), "at most some 584 years")
            }
            Errno::EBUSY => why(format!("set {name} does not change: it is constant or bound"), ""),
            Errno::EOPNOTSUPP => why(
                format!("set {name} does not take {key} like this"),
                "timeouts need a set with the timeout flag; expressions have to be those of the set",
            ),
            Errno::EINVAL => why(
                format!("set {name} does not take {key}: wrong length, wrong flags, or an end before its start"),
                "",
            ),
            _ => self.general(Some(1), world),
        }
    }

    /// The element that the kernel points at.
    fn element(&self) -> Option<Element> {
        let index = self.path.index_in("elements")?;
        let fields = crate::batch::Fields::of(&self.message);
        let entry = crate::wire::attrs(fields.get(3)?).flatten().nth(index)?;
        Element::decode_attrs(entry.payload).ok()
    }
}

/// An element in the words of its set, or in hexadecimal.
fn show(element: &Element, set: Option<&Set>) -> String {
    let kind = set.and_then(|s| s.key_type).unwrap_or(DataType::from(0));
    match (&element.key, &element.key_end) {
        (Some(key), Some(end)) => format!("{}-{}", kind.show(key), kind.show(end)),
        (Some(key), None) => kind.show(key),
        (None, _) => "*".into(),
    }
}
