//! Rules and their expressions.

use super::{Case, Why, Witness, why};
use crate::batch::Change;
use crate::{
    batch::place_of,
    data::{Data, Family, Name, Register, Verdict},
    expr::{Dynset, Expr, Immediate, Lookup, LookupFlags},
    model::{Kind, Rule, SetFlags},
};
use nix::errno::Errno;

impl Case<'_> {
    pub(super) fn rule(&self, world: &mut Witness<'_>) -> Why {
        let chain = self.name();
        let rule = self.change.as_rule().ok();
        let expr = self.path.index_in("exprs").and_then(|i| rule.as_ref()?.exprs().get(i));
        if let Some(expr) = expr {
            return self.expression(expr, world);
        }
        match self.errno {
            Errno::ENOENT if self.path.ends_at("table") => self.general(world),
            Errno::ENOENT if self.path.ends_at("handle") || self.path.ends_at("position") => {
                let position = || rule.as_ref().and_then(|rule| rule.position);
                let handle = if self.path.ends_at("handle") { self.change.handle() } else { position() };
                let handle = handle.unwrap_or_default();
                why(
                    format!("there is no rule with handle {handle} in chain {chain} of {}", self.place()),
                    "list the rules again: it may be gone",
                )
            }
            // The kernel does not point at the handle of a rule that this batch deleted before.
            Errno::ENOENT => match self.deleted_before() {
                Some((earlier, handle)) => why(
                    format!("operation {earlier} of this batch deletes rule {handle} of chain {chain} already"),
                    "delete each rule once",
                ),
                None => self.missing("chain", Kind::Chain, &chain, world),
            },
            Errno::EMLINK => self.graph(world).unwrap_or_else(|| {
                why(
                    "the jumps close a loop, or chains nest deeper than 16",
                    "follow the jumps from this rule on; goto counts like jump",
                )
            }),
            Errno::EOPNOTSUPP => self.graph(world).unwrap_or_else(|| {
                let hint = rule.iter().flat_map(Rule::exprs).find_map(|e| place_of(self.family(), e));
                why(
                    format!("an expression does not suit the hooks that chain {chain} is reached from"),
                    hint.map_or("", |(_, _, hint)| hint),
                )
            }),
            Errno::EBUSY => why("the rule uses something that is bound elsewhere", ""),
            Errno::EFBIG | Errno::E2BIG => {
                why("the rule is too large", "the kernel takes 128 expressions and 4 KiB of what they keep: split it")
            }
            Errno::EINVAL if rule.as_ref().is_some_and(|r| r.exprs().len() > 128) => {
                why("the rule has more than 128 expressions", "split it, or look things up in a set")
            }
            _ => self.general(world),
        }
    }

    /// The operation, counted from 1, that deletes the same rule before this one, and its handle.
    fn deleted_before(&self) -> Option<(usize, u64)> {
        let deletes = |change: &Change<'_>| change.kind == Kind::Rule && change.does.removes();
        let handle = self.change.handle().filter(|_| deletes(&self.change))?;
        let here = (self.family(), self.change.table());
        let same = |change: &Change<'_>| {
            deletes(change) && (change.family(), change.table()) == here && change.handle() == Some(handle)
        };
        let earlier = self.batch.changes().take_while(|change| change.seq() < self.change.seq()).find(same)?;
        Some((self.batch.find(earlier.seq())?.0 + 1, handle))
    }

    /// What is wrong with the jumps among all chains of the table, those that the kernel has and
    /// those of the batch.
    pub(super) fn graph(&self, world: &mut Witness<'_>) -> Option<Why> {
        let cause = world.flaw(self.batch, &self.home(), self.errno)?;
        Some(why(cause, if self.errno == Errno::EMLINK { "goto counts like jump" } else { "" }))
    }

    fn expression(&self, expr: &Expr, world: &mut Witness<'_>) -> Why {
        let name = expr.name();
        match (self.errno, expr) {
            (Errno::ENOENT, Expr::Objref(e)) if e.name.is_some() => {
                let noun = e.kind.map_or("object".into(), |kind| kind.to_string());
                self.missing(&noun, Kind::Object, e.name.as_ref().unwrap_or(&Name::from("")), world)
            }
            (Errno::ENOENT, Expr::FlowOffload(e)) => {
                let (cause, remedy) = self.missing("flowtable", Kind::Flowtable, &e.flowtable, world);
                (format!("{cause}, or this kernel has no flowtables"), remedy)
            }
            (
                Errno::ENOENT,
                Expr::Immediate(Immediate { data: Data::Verdict(Verdict { chain: Some(to), .. }), .. }),
            ) => self.missing("chain", Kind::Chain, to, world),
            (Errno::ENOENT, expr) => match expr.set() {
                Some((set, _)) => self.missing("set", Kind::Set, set, world),
                None => why(
                    format!("this kernel has no expression {name} for family {}", self.family()),
                    format!("load the module {}, or use a kernel that has it", module(self.family(), &name)),
                ),
            },
            (Errno::ENODATA, _) if self.key_len(expr, world).is_some() => why(
                format!(
                    "the keys of set {} have {} bytes, and the rule loads fewer before it looks one up",
                    expr.set().map(|(set, _)| set.to_string()).unwrap_or_default(),
                    self.key_len(expr, world).unwrap_or_default()
                ),
                "look up what the set holds: its type says which fields",
            ),
            (Errno::ENODATA, _) => why(
                format!("{name} reads a register, or bytes of one, that no earlier expression of the rule wrote"),
                "",
            ),
            (Errno::ERANGE, Expr::Payload(_)) => why(
                "offset and length of a payload are at most 255, and what is loaded has to fit the 64 bytes of registers",
                "",
            ),
            (Errno::EOPNOTSUPP, Expr::Immediate(Immediate { data: Data::Verdict(v), .. })) if v.chain.is_some() => {
                let to = v.chain.as_ref().map(Name::to_string).unwrap_or_default();
                why(format!("chain {to} has a hook: it cannot be jumped to"), "jump to a chain without a hook")
            }
            (Errno::EBUSY, Expr::Lookup(Lookup { set, .. })) => {
                why(format!("set {set} is anonymous and has its rule already"), "give each rule a set of its own")
            }
            (Errno::EOPNOTSUPP | Errno::EINVAL | Errno::EBUSY, Expr::Dynset(e)) => self.dynset(e, world),
            (Errno::EPROTO | Errno::EPROTONOSUPPORT, _) => {
                why(format!("connection tracking does not work in family {}", self.family()), "")
            }
            (Errno::EOPNOTSUPP | Errno::EINVAL, _) => {
                let cause =
                    self.refused(expr, world).unwrap_or_else(|| format!("the kernel does not take {name} like this"));
                why(cause, place_of(self.family(), expr).map_or("", |(_, _, hint)| hint))
            }
            _ => self.general(world),
        }
    }

    /// The bytes of a key of the set that an expression names.
    fn key_len(&self, expr: &Expr, world: &mut Witness<'_>) -> Option<u32> {
        world.set(self.batch, &self.home(), expr.set()?.0)?.key_len
    }

    /// Why an expression is invalid, where that can be told.
    fn refused(&self, expr: &Expr, world: &mut Witness<'_>) -> Option<String> {
        let unsupported = self.errno == Errno::EOPNOTSUPP;
        let key = |what: &str, key: &dyn std::fmt::Debug, sets: bool| {
            let does = if sets { "set" } else { "read" };
            format!("{what} key {key:?} cannot be {does} in family {}, or not by this kernel", self.family())
        };
        Some(match expr {
            Expr::Lookup(Lookup { set, dreg: Some(dreg), flags, .. }) => {
                if flags.unwrap_or_default().contains(LookupFlags::INV) {
                    "an inverted lookup finds no value that it could load".into()
                } else {
                    let set = world.set(self.batch, &self.home(), set)?;
                    match (set.flags().contains(SetFlags::MAP), *dreg == Register::VERDICT) {
                        (false, _) => format!("set {} is no map: it has no values to load", set.name),
                        (true, true) => format!("the values of map {} are no verdicts", set.name),
                        (true, false) => format!("the values of map {} do not go into this register", set.name),
                    }
                }
            }
            Expr::Cmp(e) if e.data.is_empty() => "cmp has nothing to compare with".into(),
            Expr::Payload(e) if e.len == 0 => "payload is to load nothing: its length is 0".into(),
            Expr::Limit(e) if e.rate == 0 => "a limit of rate 0 would never pass anything".into(),
            Expr::Log(e) if e.group.is_some() && (e.level.is_some() || e.flags.is_some()) => {
                "log goes either to a group or to the kernel log with level and flags, not to both".into()
            }
            Expr::Log(e) if e.group.is_none() && (e.snaplen.is_some() || e.queue_threshold.is_some()) => {
                "log has snaplen and queue threshold only with a group".into()
            }
            Expr::Ct(e) if !unsupported && e.direction.is_none() => {
                format!("ct key {:?} needs a direction, or cannot be read or set in family {}", e.key, self.family())
            }
            Expr::Ct(e) => key("ct", &e.key, e.sreg.is_some()),
            Expr::Meta(e) => key("meta", &e.key, e.sreg.is_some()),
            _ => return None,
        })
    }

    fn dynset(&self, e: &Dynset, world: &mut Witness<'_>) -> Why {
        let Some(set) = world.set(self.batch, &self.home(), &e.set) else {
            return why(
                format!("rules may not change set {} like this", e.set),
                "the set needs the dynamic flag, the timeout flag for a timeout, and the same stateful expressions",
            );
        };
        let (name, flags) = (&set.name, set.flags());
        let stateful = |e: &Expr| e.is_stateful() || matches!(e, Expr::Unknown(_));
        let mut exprs = e.exprs.iter().flatten().chain(e.expr.as_deref());
        if flags.contains(SetFlags::CONSTANT) {
            why(format!("set {name} is constant: rules may not change it"), "")
        } else if flags.contains(SetFlags::INTERVAL) {
            why(
                format!("set {name} holds intervals: rules may not change it"),
                "make a set of its own for what is learned",
            )
        } else if e.timeout.is_some() && !flags.contains(SetFlags::TIMEOUT) {
            why(format!("set {name} has no timeouts"), "make it with the timeout flag")
        } else if let Some(other) = exprs.find(|e| !stateful(e)) {
            why(
                format!("elements cannot have {}", other.name()),
                "they can have counter, limit, quota, connlimit and last",
            )
        } else if e.data.is_some() != flags.contains(SetFlags::MAP) {
            let is = if flags.contains(SetFlags::MAP) { "a map: it needs" } else { "no map: it takes no" };
            why(format!("{name} is {is} a register with data"), "")
        } else if !flags.contains(SetFlags::EVAL) {
            why(format!("set {name} is not dynamic: rules may not change it"), "make it with the dynamic flag")
        } else {
            why(format!("set {name} has other stateful expressions"), "they have to be those of the set, in its order")
        }
    }
}

/// The module with an expression; some have one for each family.
fn module(family: Family, expr: &str) -> String {
    let own = match (family, expr) {
        (_, "masq" | "redir" | "nat" | "ct" | "limit" | "log" | "numgen" | "quota" | "hash") => "",
        (Family::Ip, "reject" | "fib" | "dup") => "_ipv4",
        (Family::Ip6, "reject" | "fib" | "dup") => "_ipv6",
        (Family::Inet, "reject" | "fib") => "_inet",
        (Family::Netdev, "reject" | "fib" | "dup" | "fwd") => "_netdev",
        (Family::Bridge, "reject" | "meta") => "_bridge",
        _ => "",
    };
    format!("nft_{expr}{own}")
}
