//! What the kernel checks only when it commits: loops, depth, and whether expressions suit the
//! hooks they are reached from.
//!
//! In a table that a batch makes, the kernel's own check leaves these out. Such a table is in the
//! batch as a whole, so its chains can be followed here.

use super::{Batch, Change};
use crate::{
    data::{ChainType, Data, Family, Hook, Name, Register, Verdict},
    expr::{Expr, Fib, FibFlags, FibResult, Meta, MetaKey, NatType, RtKey, XfrmDirection},
    model::{Chain, Does, Element, Kind, Rule, SetFlags},
};
use nix::errno::Errno;
use std::collections::HashMap;

/// `NFT_JUMP_STACK_SIZE`.
const DEPTH: usize = 16;

/// One table as the batch makes it.
#[derive(Default)]
struct Graph {
    chains: HashMap<Name, Node>,
    /// Chains that the elements of a verdict map lead to.
    maps: HashMap<Map, Vec<Name>>,
    /// The kernel asks nothing of what meta loads in family bridge.
    lenient: bool,
}

/// A map by its name, and by its number if the kernel has yet to make the name.
#[derive(Clone, Eq, Hash, PartialEq)]
struct Map(Name, Option<u32>);

impl Map {
    fn new(name: Name, id: Option<u32>) -> Self {
        let id = id.filter(|_| name.as_bytes().contains(&b'%'));
        Self(name, id)
    }
}

/// What the kernel has of a table before a batch.
#[derive(Debug, Default)]
pub(crate) struct Present {
    pub(crate) chains: Vec<Chain>,
    pub(crate) rules: Vec<Rule>,
    /// Elements of its verdict maps, with the names of these.
    pub(crate) routes: Vec<(Name, Element)>,
}

/// Type and hook of a base chain.
type Base = (ChainType, Option<Hook>);

#[derive(Default)]
struct Node {
    base: Option<Base>,
    steps: Vec<Step>,
}

/// What a rule does that matters here.
struct Step {
    /// The message, for the failure; 0 if the kernel has the rule already.
    seq: u32,
    /// The rule, if the kernel has it already.
    handle: Option<u64>,
    what: Action,
}

enum Action {
    Jump(Name),
    Map(Map),
    /// Something that is for some places only.
    Only(Place),
}

/// What a commit would refuse, or take and make nothing of.
#[derive(Debug, PartialEq)]
pub(crate) struct Flaw {
    pub(crate) operation: usize,
    /// What a commit would say; `None` if it would take it.
    pub(crate) errno: Option<Errno>,
    pub(crate) cause: String,
}

impl Batch {
    /// What the kernel's check of this batch leaves out and a commit would refuse; `lenient` if the
    /// kernel lacks [`BridgeMeta`](crate::proto::Feature::BridgeMeta).
    pub(crate) fn flaws(&self, lenient: bool) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        for graph in self.graphs(lenient).values() {
            graph.check(&mut |seq, errno, cause| {
                let Some((operation, _)) = self.find(seq) else {
                    return;
                };
                let flaw = Flaw { operation, errno: Some(errno), cause };
                if !flaws.contains(&flaw) {
                    flaws.push(flaw);
                }
            });
        }
        flaws.extend(self.unused_sets());
        flaws.sort_by_key(|f| f.operation);
        flaws
    }

    /// Why the kernel said `errno` to this batch and not to single operations, in a table of which
    /// it has `present`.
    pub(crate) fn flaw_in(&self, family: Family, table: &Name, present: Present, errno: Errno) -> Option<String> {
        let mut graph = Graph::default();
        for chain in present.chains {
            graph.chain(chain);
        }
        for rule in present.rules {
            graph.rule(0, &rule);
        }
        for (map, element) in present.routes {
            graph.element(Map(map, None), element);
        }
        for change in self.changes() {
            let is_flush = change.flushes_ruleset() && [0, u8::from(family)].contains(&change.message.family());
            let is_here = change.family() == family && change.table().is_some_and(|name| name == *table);
            if is_here || is_flush {
                graph.follow(&change);
            }
        }
        let mut found = None;
        graph.check(&mut |_, e, cause| {
            if e == errno {
                found.get_or_insert(cause);
            }
        });
        found
    }

    /// Anonymous sets that no rule uses: the kernel notices when it commits, and does not say
    /// which.
    pub(crate) fn unused_sets(&self) -> Vec<Flaw> {
        let mut unused = Vec::new();
        for change in self.changes().filter(|change| change.does == Does::New) {
            if change.kind == Kind::Set && change.set_flags().contains(SetFlags::ANONYMOUS) {
                unused.push((change.seq(), change.id()));
            } else if change.kind == Kind::Rule
                && !unused.is_empty()
                && let Ok(rule) = change.as_rule()
            {
                let used = |id| rule.exprs().iter().any(|e| e.set().is_some_and(|(_, by)| by == id));
                unused.retain(|(_, id)| !used(*id));
            }
        }
        let flaws = unused.into_iter().filter_map(|(seq, _)| {
            let cause = "an anonymous set has to be used by a rule of the same batch".to_owned();
            Some(Flaw { operation: self.find(seq)?.0, errno: Some(Errno::EINVAL), cause })
        });
        flaws.collect()
    }

    fn graphs(&self, lenient: bool) -> HashMap<(u8, Name), Graph> {
        let mut tables: HashMap<(u8, Name), Graph> = HashMap::new();
        for change in self.changes() {
            let family = change.message.family();
            let Some(table) = change.table() else {
                if change.flushes_ruleset() {
                    tables.retain(|(own, _), _| ![0, *own].contains(&family));
                }
                continue;
            };
            let graph = tables.entry((family, table)).or_insert_with(|| Graph { lenient, ..Graph::default() });
            graph.follow(&change);
        }
        tables
    }
}

impl Graph {
    fn follow(&mut self, change: &Change<'_>) {
        match (change.does, change.kind) {
            // What follows makes it anew.
            (Does::Delete | Does::Destroy, Kind::Table) => *self = Self { lenient: self.lenient, ..Self::default() },
            (Does::Delete | Does::Destroy, Kind::Chain) => {
                change.name().map(|chain| self.chains.remove(&chain));
            }
            (Does::Delete | Does::Destroy, Kind::Rule) => {
                let (chain, handle) = (change.name(), change.handle());
                for (_, node) in self.chains.iter_mut().filter(|(name, _)| chain.as_ref().is_none_or(|c| c == *name)) {
                    node.steps.retain(|step| handle.is_some() && step.handle != handle);
                }
            }
            (Does::New, Kind::Chain) => {
                if let Ok(chain) = change.as_chain() {
                    self.chain(chain);
                }
            }
            (Does::New, Kind::Rule) => {
                let Ok(rule) = change.as_rule() else { return };
                if let (Some(handle), Some(node)) = (rule.handle, self.chains.get_mut(&rule.chain)) {
                    // The one that it replaces.
                    node.steps.retain(|step| step.handle != Some(handle));
                }
                self.rule(change.seq(), &rule);
            }
            (Does::New, Kind::Elements) => {
                let Some(set) = change.name() else { return };
                for element in change.elements().flatten() {
                    self.element(Map::new(set.clone(), change.id()), element);
                }
            }
            _ => {}
        }
    }

    fn chain(&mut self, chain: Chain) {
        let hook = chain.base().map(|(hook, _)| hook);
        let base = chain.hook.map(|_| (chain.kind.unwrap_or(ChainType::Filter), hook));
        let node = self.chains.entry(named(chain.name, chain.id)).or_default();
        node.base = base.or(node.base.take());
    }

    fn rule(&mut self, seq: u32, rule: &Rule) {
        let steps = rule.exprs().iter().filter_map(|expr| {
            let what = match expr {
                Expr::Immediate(e) => match &e.data {
                    Data::Verdict(Verdict { chain: None, chain_id: Some(id), .. }) => {
                        Action::Jump(named(Chain::NAMELESS.into(), Some(*id)))
                    }
                    Data::Verdict(v) => Action::Jump(v.chain.clone()?),
                    Data::Value(_) => return None,
                },
                Expr::Lookup(e) if e.dreg == Some(Register::VERDICT) => Action::Map(Map::new(e.set.clone(), e.set_id)),
                Expr::Meta(e) if self.lenient && rule.family == Family::Bridge && e.sreg.is_none() => return None,
                _ => Action::Only(place_of(rule.family, expr)?),
            };
            Some(Step { seq, handle: rule.handle.filter(|_| seq == 0), what })
        });
        let chain = named(rule.chain.clone(), rule.chain_id);
        self.chains.entry(chain).or_default().steps.extend(steps);
    }

    fn element(&mut self, map: Map, element: Element) {
        if let Some(Data::Verdict(Verdict { chain: Some(to), .. })) = element.data {
            self.maps.entry(map).or_default().push(to);
        }
    }

    fn check(&self, report: &mut dyn FnMut(u32, Errno, String)) {
        for (name, chain) in &self.chains {
            if let Some(base) = &chain.base {
                self.walk(base, &mut vec![name], &mut HashMap::new(), report);
            }
        }
    }

    /// Follows the jumps out of the last chain of `path`; a chain that was walked at a depth is not
    /// walked again there.
    fn walk<'a>(
        &'a self,
        base: &Base,
        path: &mut Vec<&'a Name>,
        walked: &mut HashMap<&'a Name, usize>,
        report: &mut dyn FnMut(u32, Errno, String),
    ) {
        let Some(&chain) = path.last() else { return };
        let depth = path.len();
        if walked.get(chain).is_some_and(|&at| at >= depth) {
            return;
        }
        walked.insert(chain, depth);
        for step in self.chains.get(chain).map_or(&[][..], |c| &c.steps) {
            let targets = match &step.what {
                Action::Jump(to) => std::slice::from_ref(to),
                Action::Map(map) => self.maps.get(map).map_or(&[][..], |to| to),
                Action::Only(place) => {
                    if let Some(cause) = misplaced(*place, base) {
                        report(
                            step.seq,
                            Errno::EOPNOTSUPP,
                            format!("{cause}, but this is reached from chain {}", path[0]),
                        );
                    }
                    continue;
                }
            };
            for to in targets {
                if path.contains(&to) {
                    let way = path.iter().skip_while(|c| **c != to).map(|c| format!("{c} > ")).collect::<String>();
                    report(step.seq, Errno::EMLINK, format!("the jump closes a loop: {way}{to}"));
                } else if depth == DEPTH {
                    report(step.seq, Errno::EMLINK, format!("chains nest deeper than {DEPTH} from chain {}", path[0]));
                } else if let Some((to, _)) = self.chains.get_key_value(to) {
                    path.push(to);
                    self.walk(base, path, walked, report);
                    path.pop();
                }
            }
        }
    }
}

/// The name of a chain, or one for a chain that has none yet.
fn named(name: Name, id: Option<u32>) -> Name {
    match id {
        Some(id) if name == Chain::NAMELESS => format!("__chain%{id}").into(),
        _ => name,
    }
}

/// Where an expression may be reached from: whether only from nat chains, from which hooks, and
/// that in words.
pub(crate) type Place = (bool, &'static [Hook], &'static str);

/// The place of an expression that is not for all.
pub(crate) fn place_of(family: Family, expr: &Expr) -> Option<Place> {
    use Hook::*;
    Some(match expr {
        Expr::Masq(_) => (true, &[Postrouting], "masquerade is for nat chains at postrouting"),
        Expr::Redir(_) => (true, &[Prerouting, Output], "redirect is for nat chains at prerouting and output"),
        Expr::Nat(e) if e.kind == NatType::Snat => {
            (true, &[Postrouting, Input], "snat is for nat chains at postrouting and input")
        }
        Expr::Nat(_) => (true, &[Prerouting, Output], "dnat is for nat chains at prerouting and output"),
        Expr::Meta(e) => return meta_place(family, e),
        Expr::Osf(_) | Expr::Tproxy(_) | Expr::Socket(_) | Expr::Xfrm(_) | Expr::Rt(_) | Expr::FlowOffload(_)
            if !is_layer3(family) =>
        {
            (false, &[], "osf, tproxy, socket, ipsec, rt and flow add are for the families ip, ip6 and inet")
        }
        Expr::Osf(_) if family == Family::Ip6 => (false, &[], "osf is for the families ip and inet"),
        Expr::Osf(_) => (false, &[Prerouting, Input, Forward], "osf is for prerouting, input and forward"),
        Expr::Synproxy(_) => (false, &[Input, Forward], "synproxy is for input and forward"),
        Expr::Tproxy(_) => (false, &[Prerouting], "tproxy is for prerouting"),
        Expr::Socket(_) => (false, &[Prerouting, Input, Output], "socket is for prerouting, input and output"),
        Expr::FlowOffload(_) => (false, &[Forward], "flow add is for forward"),
        Expr::Rt(e) if e.key == RtKey::TcpMss => {
            (false, &[Forward, Output, Postrouting], "rt mtu is known at forward, output and postrouting")
        }
        Expr::Xfrm(e) if e.direction == XfrmDirection::In => {
            (false, &[Prerouting, Input, Forward], "ipsec in is known at prerouting, input and forward")
        }
        Expr::Xfrm(_) => {
            (false, &[Forward, Output, Postrouting], "ipsec out is known at forward, output and postrouting")
        }
        Expr::Fib(e) => return fib_place(family, e),
        Expr::Reject(_) if family == Family::Netdev => (false, &[Ingress], "in family netdev reject is for ingress"),
        Expr::Reject(_) if family == Family::Bridge => {
            (false, &[Prerouting, Input], "in family bridge reject is for prerouting and input")
        }
        Expr::Reject(_) if family == Family::Inet => (
            false,
            &[Ingress, Prerouting, Input, Forward, Output],
            "reject is for ingress, prerouting, input, forward and output",
        ),
        Expr::Reject(_) => {
            (false, &[Prerouting, Input, Forward, Output], "reject is for prerouting, input, forward and output")
        }
        _ => return None,
    })
}

fn is_layer3(family: Family) -> bool {
    matches!(family, Family::Ip | Family::Ip6 | Family::Inet)
}

fn fib_place(family: Family, e: &Fib) -> Option<Place> {
    use Hook::*;
    let (iif, oif) = (e.flags.contains(FibFlags::IIF), e.flags.contains(FibFlags::OIF));
    if family == Family::Netdev && (iif || oif) {
        let (hooks, cause): (&'static [Hook], _) = match iif {
            true => (&[Ingress], "in family netdev fib with iif is for ingress"),
            false => (&[Egress], "in family netdev fib with oif is for egress"),
        };
        return Some((false, hooks, cause));
    }
    if !is_layer3(family) {
        return None;
    }
    Some(match e.result {
        FibResult::Addrtype if oif => {
            (false, &[Forward, Output, Postrouting], "fib type with oif is for forward, output and postrouting")
        }
        FibResult::Addrtype if !iif => {
            let hooks = &[Prerouting, Input, Forward, Output, Postrouting];
            (false, hooks, "fib type is for prerouting, input, forward, output and postrouting")
        }
        _ => (false, &[Prerouting, Input, Forward], "fib is for prerouting, input and forward"),
    })
}

fn meta_place(family: Family, e: &Meta) -> Option<Place> {
    use Hook::*;
    let layer3 = is_layer3(family);
    Some(match (e.key, e.sreg.is_some()) {
        (MetaKey::Pkttype, true) if family == Family::Netdev => {
            (false, &[Ingress], "the packet type is set at ingress")
        }
        (MetaKey::Pkttype, true) if family == Family::Arp => (false, &[], "the packet type is not set in family arp"),
        (MetaKey::Pkttype, true) => (false, &[Prerouting], "the packet type is set at prerouting"),
        (MetaKey::BriBroute, true) => (false, &[Prerouting], "broute is set at prerouting"),
        (MetaKey::Secpath, false) if family == Family::Netdev => (false, &[Ingress], "ipsec is known at ingress"),
        (MetaKey::Secpath, false) if layer3 => {
            (false, &[Prerouting, Input, Forward], "ipsec is known at prerouting, input and forward")
        }
        (MetaKey::Secpath, false) => (false, &[], "ipsec is not known in this family"),
        (MetaKey::Sdif | MetaKey::Sdifname, false) if layer3 => {
            (false, &[Input, Forward], "sdif and sdifname are known at input and forward")
        }
        (MetaKey::Sdif | MetaKey::Sdifname, false) => (false, &[], "sdif and sdifname are not known in this family"),
        _ => return None,
    })
}

/// Why something may not be reached from such a base chain.
fn misplaced((nat_only, hooks, cause): Place, (kind, hook): &Base) -> Option<&'static str> {
    (!hooks.contains(&(*hook)?) || nat_only && *kind != ChainType::Nat).then_some(cause)
}
