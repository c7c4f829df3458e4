//! From statements to registers: what has to be matched before a field may be read, and how it is
//! read.
//!
//! Everything here follows nft, whose listings only recognise what nft itself would have made.

use super::dependencies::{Known, names_protocol};
pub(crate) use super::dependencies::{Net, Transport};
use crate::{
    batch::SetKind,
    data::{Family, Name, Register, Userdata, Value},
    expr::{Cmp, CmpOp, Expr, Payload, PayloadBase},
    lang::{
        field::Field,
        header::{Header, Tunnel},
    },
    model,
};

/// A rule as the kernel takes it, and the anonymous sets it refers to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lowered {
    pub exprs: Vec<Expr>,
    /// A lookup of one of these has its index as `set_id`.
    pub sets: Vec<AnonymousSet>,
    pub userdata: Option<Userdata>,
    /// Named sets that the rule uses, and what it takes them for.
    pub uses: Vec<UsedSet>,
    /// Chains that the rule goes to, and that the batch has to make before it.
    pub chains: Vec<OwnChain>,
}

/// A chain that a rule brings along.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OwnChain {
    pub name: Name,
    pub rules: Vec<Vec<Expr>>,
}

/// A named set that a rule uses.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct UsedSet {
    pub name: Name,
    pub kind: SetKind,
}

/// A set that belongs to one rule. Its table is left blank; its id is its index in
/// [`Lowered::sets`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AnonymousSet {
    pub set: model::Set,
    pub elements: Vec<model::Element>,
}

/// A piece of the rule, before neighbours are joined.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub kind: Kind,
    /// How many of the rule's expressions it has.
    pub len: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Equal(Equal),
    /// The protocol is that of the table anyway: needed only if nothing follows.
    Own,
    /// Any other match.
    Match,
    /// Something that acts.
    Act,
}

/// Packet bytes that equal a constant: a load and a comparison.
#[derive(Clone, Copy, Debug)]
pub(super) struct Equal {
    pub tunnel: Option<Tunnel>,
    pub base: PayloadBase,
    /// In bytes.
    pub offset: u16,
    pub len: u8,
    /// They name the protocol above.
    pub names: bool,
}

impl Equal {
    /// Its expressions.
    pub fn exprs(&self, value: Value) -> [Expr; 2] {
        let payload = Payload::load(self.base, self.offset.into(), self.len.into(), Register::R1).into();
        let load = match self.tunnel {
            Some(tunnel) => tunnel.look(payload),
            None => payload,
        };
        [load, Cmp::new(Register::R1, CmpOp::Eq, value).into()]
    }
}

/// A rule on its way to registers.
#[derive(Debug)]
pub(crate) struct Lowering {
    pub family: Family,
    pub(super) steps: Vec<Step>,
    /// Those of all steps, in order.
    pub(super) exprs: Vec<Expr>,
    pub sets: Vec<AnonymousSet>,
    pub uses: Vec<UsedSet>,
    /// What the rule knows of the packet.
    pub(super) outer: Known,
    /// What it knows of the packet inside of a tunnel.
    pub(super) inner: Option<(Tunnel, Known)>,
}

impl Lowering {
    pub fn new(family: Family) -> Self {
        // Room for what most rules have.
        let (steps, exprs) = (Vec::with_capacity(8), Vec::with_capacity(8));
        Self { family, steps, exprs, sets: Vec::new(), uses: Vec::new(), outer: Known::new(family), inner: None }
    }

    pub fn net(&self) -> Option<Net> {
        self.outer.net
    }

    pub fn transport(&self) -> Option<Transport> {
        self.outer.transport
    }

    pub(super) fn push(&mut self, kind: Kind, exprs: impl IntoIterator<Item = Expr>) {
        let before = self.exprs.len();
        self.exprs.extend(exprs);
        self.steps.push(Step { kind, len: self.exprs.len() - before });
    }

    /// A match other than of packet bytes with a constant.
    pub fn push_match(&mut self, exprs: impl IntoIterator<Item = Expr>) {
        self.push(Kind::Match, exprs);
    }

    /// Something that acts.
    pub fn push_act(&mut self, exprs: impl IntoIterator<Item = Expr>) {
        self.push(Kind::Act, exprs);
    }

    /// Takes back the last step, if it acts.
    pub fn pop_act(&mut self) -> Vec<Expr> {
        match self.steps.pop_if(|step| matches!(step.kind, Kind::Act)) {
            Some(step) => self.exprs.split_off(self.exprs.len() - step.len),
            None => Vec::new(),
        }
    }

    /// Packet bytes that equal a constant.
    pub fn push_equal(&mut self, field: &Field, header: Header, offset: u16, value: Value) {
        let names = names_protocol(field);
        let equal = Equal { tunnel: field.tunnel(), base: header.base(), offset, len: value.len() as u8, names };
        self.push(Kind::Equal(equal), equal.exprs(value));
    }

    /// Adds an anonymous set and returns what a lookup needs to name it.
    pub fn add_set(&mut self, mut set: AnonymousSet) -> (Name, u32) {
        let id = self.sets.len() as u32;
        set.set.id = Some(id);
        let name = set.set.name.clone();
        self.sets.push(set);
        (name, id)
    }

    /// The finished rule.
    pub fn finish(mut self, userdata: Option<Userdata>) -> Lowered {
        let is_own = |step: &Step| matches!(step.kind, Kind::Own);
        if let [before @ .., _] = &self.steps[..]
            && before.iter().any(is_own)
        {
            let last = before.len();
            self.retain(|at, step| at == last || !is_own(step));
        }
        self.merge();
        Lowered { exprs: self.exprs, sets: self.sets, userdata, uses: self.uses, chains: Vec::new() }
    }

    /// Takes steps out, and their expressions.
    pub(super) fn retain(&mut self, keep: impl Fn(usize, &Step) -> bool) {
        let mut exprs = std::mem::take(&mut self.exprs).into_iter();
        let mut at = 0..;
        self.steps.retain(|step| {
            let kept = at.next().is_some_and(|at| keep(at, step));
            let own = exprs.by_ref().take(step.len);
            if kept {
                self.exprs.extend(own);
            } else {
                own.for_each(drop);
            }
            kept
        });
    }
}
