//! What rules do with a list.

use super::{Recent, Ring, Side, whole, words};
use crate::{
    compile::Slot,
    data::{Name, Value},
    expr::{DynsetOp, Limit},
    lang::{
        field::IpVersion,
        fields::addr,
        refused,
        selector::Selected,
        tree::{self, Expression, Statement},
    },
    rule::{
        lookup::KnownSet,
        statement::{ByVersion, Detour, DetourChain, Piece, Role, Typed},
    },
    wire::Malformed,
};
use std::{sync::Arc, time::Duration};

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

    /// What it is in a rule.
    pub(crate) fn statements(self) -> Vec<Typed> {
        let wrong = |why| {
            let piece = Piece::new(Statement::Registers(Vec::new())).checked(Err(why));
            vec![Typed::new(Role::Condition, false, ByVersion::new(true, |_| piece.clone()))]
        };
        let (v4, v6) = match (self.pieces(IpVersion::V4), self.pieces(IpVersion::V6)) {
            (Ok(v4), Ok(v6)) => (v4, v6),
            (Err(why), _) | (_, Err(why)) => return wrong(why),
        };
        let each = |pieces: (_, _)| ByVersion::Each(Box::new(pieces.into()));
        let typed = |pieces| Typed { pieces, role: Role::Condition, acts: false, detour: None };
        let mut all: Vec<Typed> = v4.into_iter().zip(v6).map(each).map(typed).collect();
        if matches!(self.op, Op::Set | Op::Update)
            && !self.list.rings.is_empty()
            && let Some(last) = all.last_mut()
        {
            last.detour = Some(Arc::new(self));
        }
        all
    }

    /// Its statements for one IP version: what has to hold, then what changes.
    fn pieces(&self, version: IpVersion) -> Result<Vec<Piece<Statement>>, Malformed> {
        let checks = self.checks(version)?;
        if self.prefix.0 > 32 || self.prefix.1 > 128 {
            return refused(format!("an address has 32 or 128 bits, not /{} and /{}", self.prefix.0, self.prefix.1));
        }
        if self.invert && (self.op != Op::Rcheck || checks.len() > 1) {
            return refused("of recent only a check of one hit can be inverted");
        }
        let checks = checks.into_iter().map(|set| self.is_in(set, version));
        let changes = self.changes(version).into_iter().map(|(op, set)| self.change(op, set, version));
        let rate = self.rate()?.map(|limit| {
            let limit = Statement::Plain(limit.clone().into());
            self.update(DynsetOp::Update, self.list.bucket(version), version, vec![limit])
        });
        Ok(checks.chain(changes).chain(rate).collect())
    }

    /// The address, under the mask.
    fn key(&self, version: IpVersion) -> Selected {
        let address = match self.side {
            Side::Source => addr::saddr(),
            Side::Destination => addr::daddr(),
        };
        Selected { mask: self.mask(version), ..address.part.resolve(Some(version)) }
    }

    fn known(&self, name: Name, version: IpVersion) -> KnownSet {
        let key = vec![Slot::of(self.key(version).ty)];
        KnownSet { name, interval: false, taken_for: None, values: None, key }
    }

    fn is_in(&self, set: Name, version: IpVersion) -> Piece<Statement> {
        let op = if self.invert { tree::Op::Ne } else { tree::Op::Implicit };
        let (left, right) = (self.key(version).expression(), Expression::Named(set.clone()));
        Piece { sets: vec![self.known(set, version)], ..Piece::new(Statement::Match { op, left, right }) }
    }

    fn change(&self, op: DynsetOp, set: Name, version: IpVersion) -> Piece<Statement> {
        self.update(op, set, version, Vec::new())
    }

    fn update(&self, op: DynsetOp, set: Name, version: IpVersion, statements: Vec<Statement>) -> Piece<Statement> {
        let sets = vec![self.known(set.clone(), version)];
        let key = self.key(version).expression();
        let update = tree::Update { op, set, key, data: None, timeout: None, statements };
        Piece { sets, ..Piece::new(Statement::Update(Box::new(update))) }
    }

    /// The sets that it changes, and how.
    fn changes(&self, version: IpVersion) -> Vec<(DynsetOp, Name)> {
        let (op, sets) = match self.op {
            Op::Set | Op::Update => (DynsetOp::Update, self.list.plain(version)),
            Op::Remove => (DynsetOp::Delete, self.list.all_sets(version)),
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
    fn checks(&self, version: IpVersion) -> Result<Vec<Name>, Malformed> {
        let list = &self.list;
        Ok(match (self.op, self.hits, self.within) {
            (Op::Set | Op::OverRate, ..) => Vec::new(),
            (_, 0 | 1, None) => vec![list.seen(version)],
            (_, 0 | 1, Some(window)) if list.windows.contains(&window) => vec![list.window(window, version)],
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
                (0..hits).map(|slot| list.stamp(ring, version, slot)).collect()
            }
        })
    }

    /// The bits of the address that count, if they are not all.
    fn mask(&self, version: IpVersion) -> Option<Value> {
        let len = version.address_len();
        let prefix = u32::from(if version.is_v4() { self.prefix.0 } else { self.prefix.1 });
        let mask = u128::MAX.checked_shl(128 - prefix.min(128)).unwrap_or(0).to_be_bytes();
        (prefix as usize != len * 8).then(|| Value::new(&mask[..len]).unwrap_or_default())
    }
}

impl Detour for RecentOp {
    fn chains(&self, version: IpVersion, label: &str) -> Vec<DetourChain> {
        self.list.rings.iter().rev().map(|ring| self.ring_chain(*ring, version, label)).collect()
    }
}

impl RecentOp {
    /// The chain that stamps a ring: the slot whose turn it is, and then the next one's turn.
    fn ring_chain(&self, ring: Ring, version: IpVersion, label: &str) -> DetourChain {
        let list = &self.list;
        let side = if self.side == Side::Source { "" } else { "_daddr" };
        let bits = match version {
            IpVersion::V4 if self.prefix.0 < 32 => format!("_{}", self.prefix.0),
            IpVersion::V6 if self.prefix.1 < 128 => format!("_{}", self.prefix.1),
            _ => String::new(),
        };
        let name = format!("{}{side}{bits}_{label}", list.ring_name(ring, version)).into();
        let change = |op, set| self.change(op, set, version);
        // Slot 0 last: its turn it is when no other's is.
        let rules = (1..ring.hits).chain([0]).map(|slot| {
            let mut rule = Vec::new();
            if slot > 0 {
                rule.push(self.is_in(list.turn(ring, version, slot), version));
            }
            rule.push(change(DynsetOp::Update, list.stamp(ring, version, slot)));
            if slot > 0 {
                rule.push(change(DynsetOp::Delete, list.turn(ring, version, slot)));
            }
            if slot + 1 < ring.hits {
                rule.push(change(DynsetOp::Add, list.turn(ring, version, slot + 1)));
            }
            rule
        });
        DetourChain { name, rules: rules.collect() }
    }
}
