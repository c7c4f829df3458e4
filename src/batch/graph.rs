//! What the kernel checks only when it commits: loops, depth, and whether expressions suit the hooks they are reached from.
//!
//! In a table that a batch makes, the kernel's own check leaves these out. Such a table is in the batch as a whole, so its
//! chains can be followed here.

use super::{Batch, Fields};
use crate::{
    data::{ChainType, Data, Family, Hook, Name},
    expr::{Expr, NatType},
    model::{Chain, Element, Rule},
    wire::{
        attrs,
        message::{self, Message},
    },
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
    maps: HashMap<Name, Vec<Name>>,
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
    /// The message, for the failure.
    seq: u32,
    what: Action,
}

enum Action {
    Jump(Name),
    Map(Name),
    Expr(Expr),
}

/// What a commit would refuse.
#[derive(Debug, PartialEq)]
pub(crate) struct Flaw {
    pub(crate) operation: usize,
    pub(crate) errno: Errno,
    pub(crate) cause: String,
}

impl Batch {
    /// What the kernel's check of this batch leaves out and a commit would refuse.
    pub(crate) fn flaws(&self) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        for ((family, _), graph) in &self.graphs() {
            graph.check(Family::from(*family), &mut |seq, errno, cause| {
                let Some((operation, _)) = self.find(seq) else {
                    return;
                };
                let flaw = Flaw { operation, errno, cause };
                if !flaws.contains(&flaw) {
                    flaws.push(flaw);
                }
            });
        }
        flaws.sort_by_key(|f| f.operation);
        flaws
    }

    /// A loop among the chains of this batch, or too deep a nest, in words. Which chains are base chains may be known to the
    /// kernel only, so each is started from.
    pub(crate) fn loop_text(&self) -> Option<String> {
        self.graphs().iter().find_map(|((family, _), graph)| {
            let mut found = None;
            for chain in graph.chains.keys() {
                let base = (ChainType::Filter, None);
                graph.walk(Family::from(*family), &base, &mut vec![chain], &mut HashMap::new(), &mut |_, _, cause| {
                    found.get_or_insert(cause);
                });
            }
            found
        })
    }

    fn graphs(&self) -> HashMap<(u8, Name), Graph> {
        let mut tables: HashMap<(u8, Name), Graph> = HashMap::new();
        for message in message::messages(self.body().0).flatten() {
            let (Some(nft), fields) = (message.nft(), Fields::of(&message)) else {
                continue;
            };
            let Some(table) = fields.name(1) else {
                continue;
            };
            let graph = tables.entry((message.family(), table)).or_default();
            graph.follow(nft, &message, &fields);
        }
        tables
    }
}

impl Graph {
    fn follow(&mut self, nft: u8, message: &Message<'_>, fields: &Fields<'_>) {
        let family = Family::from(message.family());
        match nft {
            // Deleted or destroyed: what follows makes it anew.
            2 | 26 => *self = Self::default(),
            5 | 27 => {
                fields.name(3).map(|chain| self.chains.remove(&chain));
            }
            8 | 28 if fields.get(3).is_none() => {
                let flushed = fields.name(2);
                for (name, chain) in &mut self.chains {
                    if flushed.as_ref().is_none_or(|f| f == name) {
                        chain.steps.clear();
                    }
                }
            }
            3 => {
                let Ok(chain) = Chain::decode_attrs(family, message.attributes()) else {
                    return;
                };
                let base = chain
                    .hook
                    .as_ref()
                    .map(|_| (chain.kind.clone().unwrap_or(ChainType::Filter), chain.base().map(|(hook, _)| hook)));
                let node = self.chains.entry(chain.name).or_default();
                node.base = base.or(node.base.take());
            }
            6 => {
                let Ok(rule) = Rule::decode_attrs(family, message.attributes()) else {
                    return;
                };
                let steps = rule.exprs().iter().filter_map(|expr| {
                    let what = match expr {
                        Expr::Immediate(e) => match &e.data {
                            Data::Verdict(v) => Action::Jump(v.chain.clone()?),
                            Data::Value(_) => return None,
                        },
                        Expr::Lookup(e) if e.dreg == Some(crate::data::Register::VERDICT) => Action::Map(e.set.clone()),
                        Expr::Masq(_) | Expr::Redir(_) | Expr::Nat(_) | Expr::Reject(_) => Action::Expr(expr.clone()),
                        _ => return None,
                    };
                    Some(Step { seq: message.seq, what })
                });
                self.chains.entry(rule.chain.clone()).or_default().steps.extend(steps);
            }
            12 => {
                let (Some(set), Some(list)) = (fields.name(2), fields.get(3)) else {
                    return;
                };
                for entry in attrs(list).flatten() {
                    if let Ok(Element { data: Some(Data::Verdict(verdict)), .. }) = Element::decode_attrs(entry.payload)
                    {
                        self.maps.entry(set.clone()).or_default().extend(verdict.chain);
                    }
                }
            }
            _ => {}
        }
    }

    fn check(&self, family: Family, report: &mut dyn FnMut(u32, Errno, String)) {
        for (name, chain) in &self.chains {
            if let Some(base) = &chain.base {
                self.walk(family, base, &mut vec![name], &mut HashMap::new(), report);
            }
        }
    }

    /// Follows the jumps out of the last chain of `path`; a chain that was walked at a depth is not walked again there.
    fn walk<'a>(
        &'a self,
        family: Family,
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
                Action::Expr(expr) => {
                    if let Some(cause) = misplaced(family, expr, base) {
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
                    self.walk(family, base, path, walked, report);
                    path.pop();
                }
            }
        }
    }
}

/// Where an expression may be reached from: whether only from nat chains, from which hooks, and that in words.
pub(crate) fn place_of(family: Family, expr: &Expr) -> Option<(bool, &'static [Hook], &'static str)> {
    use Hook::*;
    Some(match expr {
        Expr::Masq(_) => (true, &[Postrouting], "masquerade is for nat chains at postrouting"),
        Expr::Redir(_) => (true, &[Prerouting, Output], "redirect is for nat chains at prerouting and output"),
        Expr::Nat(e) if e.kind == NatType::Snat => {
            (true, &[Postrouting, Input], "snat is for nat chains at postrouting and input")
        }
        Expr::Nat(_) => (true, &[Prerouting, Output], "dnat is for nat chains at prerouting and output"),
        Expr::Reject(_) if family == Family::Netdev => (false, &[Ingress], "in family netdev reject is for ingress"),
        Expr::Reject(_) if family == Family::Bridge => {
            (false, &[Prerouting, Input], "in family bridge reject is for prerouting and input")
        }
        Expr::Reject(_) => {
            (false, &[Prerouting, Input, Forward, Output], "reject is for prerouting, input, forward and output")
        }
        _ => return None,
    })
}

/// Why an expression may not be reached from such a base chain.
fn misplaced(family: Family, expr: &Expr, (kind, hook): &Base) -> Option<&'static str> {
    let (nat_only, hooks, cause) = place_of(family, expr)?;
    (!hooks.contains(&(*hook)?) || nat_only && *kind != ChainType::Nat).then_some(cause)
}
