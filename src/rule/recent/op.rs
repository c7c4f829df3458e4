//! What rules do with a list.

use super::{Recent, Ring, Side, whole, words};
use crate::{
    compile::lower::{Lowering, OwnChain},
    data::{Name, Register, Value, Verdict},
    expr::{Bitwise, Dynset, DynsetOp, Expr, Immediate, Limit, Lookup, Payload, PayloadBase},
    lang::{field::Twin, refused},
    rule::statement::Statement,
    set::stateful::{RateLimit, Stateful},
    wire::Malformed,
};
use std::time::Duration;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Op {
    Set,
    Rcheck,
    Update,
    Remove,
    OverRate,
}

/// What a rule does with a [`Recent`] list; goes into [`Rule::recent`](crate::Rule::recent).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RecentOp {
    pub(super) list: Recent,
    pub(super) op: Op,
    pub(super) side: Side,
    pub(super) within: Option<Duration>,
    pub(super) hits: u32,
    pub(super) invert: bool,
    /// Bits of the address that count, for IPv4 and for IPv6.
    pub(super) prefix: (u8, u8),
}

impl RecentOp {
    /// Only stamps younger than this count (`--seconds`); a window that the list declares.
    pub fn within(mut self, window: Duration) -> Self {
        self.within = Some(whole(window));
        self
    }

    /// At least so many stamps (`--hitcount`); a number that the list declares.
    pub fn hits(mut self, hits: u32) -> Self {
        self.hits = hits;
        self
    }

    /// The first bits of the address count only (`--mask`): prefix lengths for IPv4 and IPv6.
    pub fn prefix(mut self, ipv4: u8, ipv6: u8) -> Self {
        self.prefix = (ipv4, ipv6);
        self
    }

    /// Matches if the check does not hold (`!`).
    pub fn inverted(mut self) -> Self {
        self.invert = true;
        self
    }

    /// Whether the rule has to go through chains that stamp rings.
    pub(crate) fn stamps_rings(&self) -> bool {
        matches!(self.op, Op::Set | Op::Update) && !self.list.rings.is_empty()
    }

    /// The chains that stamp the rings, one after the other, and then do what `verdict` says, whose words are `label`. The
    /// last of them is the one to start with.
    pub(crate) fn chains(&self, twin: Twin, verdict: &[Expr], label: &str) -> Result<Vec<OwnChain>, Malformed> {
        let mut then = match verdict {
            [] => vec![Immediate::new(Register::VERDICT, Verdict::return_()).into()],
            verdict => verdict.to_vec(),
        };
        let mut chains = Vec::new();
        for ring in self.list.rings.iter().rev() {
            let chain = self.ring_chain(*ring, twin, &then, label)?;
            then = vec![Immediate::new(Register::VERDICT, Verdict::goto(chain.name.clone())).into()];
            chains.push(chain);
        }
        Ok(chains)
    }

    /// How a rule goes into the chains: for good if they do what it ended with, else to come back.
    pub(crate) fn way(&self, chains: &[OwnChain], ended: bool) -> Expr {
        let name = chains.last().map_or_else(|| Name::from(""), |chain| chain.name.clone());
        Immediate::new(Register::VERDICT, if ended { Verdict::goto(name) } else { Verdict::jump(name) }).into()
    }

    /// The sets that it changes, and how.
    fn changes(&self, twin: Twin) -> Vec<(DynsetOp, Name)> {
        let (op, sets) = match self.op {
            Op::Set | Op::Update => (DynsetOp::Update, self.list.plain(twin)),
            Op::Remove => (DynsetOp::Delete, self.list.all_sets(twin)),
            Op::Rcheck | Op::OverRate => return Vec::new(),
        };
        sets.into_iter().map(|set| (op, set)).collect()
    }

    fn rate(&self) -> Result<Option<&Limit>, Malformed> {
        match (&self.list.rate, self.op) {
            (None, Op::OverRate) => {
                refused(format!("recent list {} has no rate: declare it with with_rate", self.list.name))
            }
            (rate, Op::OverRate) => Ok(rate.as_ref()),
            _ => Ok(None),
        }
    }

    /// The sets that the address has to be in.
    fn checks(&self, twin: Twin) -> Result<Vec<Name>, Malformed> {
        let list = &self.list;
        Ok(match (self.op, self.hits, self.within) {
            (Op::Set | Op::OverRate, ..) => Vec::new(),
            (_, 0 | 1, None) => vec![list.seen(twin)],
            (_, 0 | 1, Some(window)) if list.windows.contains(&window) => vec![list.window(window, twin)],
            (_, 0 | 1, Some(window)) => {
                let (name, window) = (&list.name, words(window));
                return refused(format!("recent list {name} keeps no window of {window}: declare it with with_window"));
            }
            (_, hits, within) => {
                let ring = Ring { hits, within };
                if !list.rings.contains(&ring) {
                    let (name, within) = (&list.name, within.map_or("ever".into(), words));
                    return refused(format!(
                        "recent list {name} does not count {hits} hits in {within}: declare it with with_hits"
                    ));
                }
                (0..hits).map(|slot| list.stamp(ring, twin, slot)).collect()
            }
        })
    }

    /// The bits of the address that count, if they are not all.
    fn mask(&self, twin: Twin) -> Option<Value> {
        let len = twin.address_len();
        let prefix = u32::from(if twin.is_v4() { self.prefix.0 } else { self.prefix.1 });
        let mask = u128::MAX.checked_shl(128 - prefix.min(128)).unwrap_or(0).to_be_bytes();
        (prefix as usize != len * 8).then(|| Value::new(&mask[..len]).unwrap_or_default())
    }

    fn mask_text(&self, twin: Twin) -> String {
        self.mask(twin).map_or(String::new(), |mask| format!(" & {}", twin.datatype().show(&mask, false)))
    }

    /// The address, under the mask, in register 1.
    fn key(&self, twin: Twin) -> Vec<Expr> {
        let offset = match (twin, self.side) {
            (Twin::V4, Side::Source) => 12,
            (Twin::V4, Side::Destination) => 16,
            (Twin::V6, Side::Source) => 8,
            (Twin::V6, Side::Destination) => 24,
        };
        let load = Payload::load(PayloadBase::Network, offset, twin.address_len() as u32, Register::R1);
        let mask = self.mask(twin).map(|mask| Bitwise::mask(Register::R1, Register::R1, mask).into());
        [load.into()].into_iter().chain(mask).collect()
    }

    fn with_key(&self, twin: Twin, expr: Expr) -> Vec<Expr> {
        self.key(twin).into_iter().chain([expr]).collect()
    }

    /// The chain that stamps a ring: the slot whose turn it is, and then the next one's turn.
    fn ring_chain(&self, ring: Ring, twin: Twin, then: &[Expr], label: &str) -> Result<OwnChain, Malformed> {
        let list = &self.list;
        let side = if self.side == Side::Source { "" } else { "_daddr" };
        let bits = match twin {
            Twin::V4 if self.prefix.0 < 32 => format!("_{}", self.prefix.0),
            Twin::V6 if self.prefix.1 < 128 => format!("_{}", self.prefix.1),
            _ => String::new(),
        };
        let name = format!("{}{side}{bits}_{label}", list.ring_name(ring, twin)).into();
        let change = |op, set| self.with_key(twin, Dynset::new(set, op, Register::R1).into());
        // Slot 0 last: its turn it is when no other's is.
        let slots = (1..ring.hits).chain([0]);
        let rules = slots.map(|slot| {
            let mut cx = Lowering::new(list.table.family, Some(twin));
            // Known to be true by now, but without it nft prints the address as raw bytes.
            cx.need_family(twin)?;
            if slot > 0 {
                cx.push_match(self.with_key(twin, Lookup::new(list.turn(ring, twin, slot), Register::R1).into()));
            }
            cx.push_act(change(DynsetOp::Update, list.stamp(ring, twin, slot)));
            if slot > 0 {
                cx.push_act(change(DynsetOp::Delete, list.turn(ring, twin, slot)));
            }
            if slot + 1 < ring.hits {
                cx.push_act(change(DynsetOp::Add, list.turn(ring, twin, slot + 1)));
            }
            cx.push_act(then.to_vec());
            Ok(cx.finish(None).exprs)
        });
        Ok(OwnChain { name, rules: rules.collect::<Result<_, Malformed>>()? })
    }
}

impl Statement for RecentOp {
    fn lower(&self, cx: &mut Lowering) -> Result<(), Malformed> {
        let Some(twin) = cx.twin else { return refused("a recent list needs packets of IPv4 or IPv6") };
        let checks = self.checks(twin)?;
        if self.prefix.0 > 32 || self.prefix.1 > 128 {
            return refused(format!("an address has 32 or 128 bits, not /{} and /{}", self.prefix.0, self.prefix.1));
        }
        if self.invert && (self.op != Op::Rcheck || checks.len() > 1) {
            return refused("of recent only a check of one hit can be inverted");
        }
        cx.need_family(twin)?;
        let with_key = |expr| self.with_key(twin, expr);
        for set in checks {
            let lookup = Lookup::new(set, Register::R1);
            cx.push_match(with_key(if self.invert { lookup.inverted() } else { lookup }.into()));
        }
        for (op, set) in self.changes(twin) {
            cx.push_act(with_key(Dynset::new(set, op, Register::R1).into()));
        }
        if let Some(limit) = self.rate()? {
            let bucket = Dynset::new(self.list.bucket(twin), DynsetOp::Update, Register::R1);
            cx.push_match(with_key(bucket.with_expr(limit.clone()).into()));
        }
        Ok(())
    }

    fn text(&self, twin: Option<Twin>) -> String {
        let twin = twin.unwrap_or(Twin::V4);
        let side = if self.side == Side::Source { "saddr" } else { "daddr" };
        let key = format!("{} {side}{}", twin.suffix(), self.mask_text(twin));
        let not = if self.invert { "!= " } else { "" };
        let checks = self.checks(twin).unwrap_or_default();
        let checks = checks.into_iter().map(|set| format!("{key} {not}@{set}"));
        let changes = self.changes(twin).into_iter().map(|(op, set)| {
            let verb = if op == DynsetOp::Delete { "delete" } else { "update" };
            format!("{verb} @{set} {{ {key} }}")
        });
        let rate =
            self.rate().ok().flatten().map(|limit| {
                format!("update @{} {{ {key} {} }}", self.list.bucket(twin), RateLimit(limit.clone()).text())
            });
        checks.chain(changes).chain(rate).collect::<Vec<_>>().join(" ")
    }

    fn is_dual(&self) -> bool {
        true
    }

    fn as_recent(&self) -> Option<&RecentOp> {
        Some(self)
    }
}
