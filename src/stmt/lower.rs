//! From statements to registers: what has to be matched before a field may be read, and how it is read.
//!
//! Everything here follows nft, whose listings only recognise what nft itself would have made.

pub(crate) use super::need::{Net, Transport};
use super::{
    field::{Field, Twin},
    header::{Header, Tunnel},
    need::{Known, names_protocol},
    recent::{RecentChain, RecentOp},
};
use crate::{
    data::{Family, Name, Register, Userdata, Value},
    expr::{Cmp, CmpOp, Expr, Payload, PayloadBase},
    model,
    wire::Malformed,
};
use std::borrow::Cow;

/// A rule as the kernel takes it, and the anonymous sets it refers to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lowered {
    pub exprs: Vec<Expr>,
    /// A lookup of one of these has its index as `set_id`.
    pub sets: Vec<AnonymousSet>,
    pub userdata: Option<Userdata>,
    /// Chains that the rule goes to, and that the batch has to make before it.
    pub chains: Vec<RecentChain>,
}

/// A set that belongs to one rule. Its table is left blank; its id is its index in [`Lowered::sets`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AnonymousSet {
    pub set: model::Set,
    pub elements: Vec<model::Element>,
}

/// Whether a statement can hold in one of the two IP families.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Holds {
    /// As packets go.
    Maybe,
    /// Not in this family: the rule is not needed there.
    Never,
    /// For every packet of this family: the statement is not needed there.
    Always,
}

/// A condition, an action or a verdict.
///
/// One that speaks of addresses of either family is *dual*: its rule is lowered once for each family, and the
/// statement can tell from [`Lowering::twin`] which one it is.
pub(crate) trait Statement: std::fmt::Debug + Send + Sync {
    /// Appends its expressions.
    fn lower(&self, cx: &mut Lowering) -> Result<(), Malformed>;
    /// Its nft text in one of two families, or in a rule that is only one.
    fn text(&self, twin: Option<Twin>) -> String;
    /// Whether the rule has to be lowered for each family.
    fn is_dual(&self) -> bool {
        false
    }
    /// Whether it does or uses up something, so that packets of the other family must not get to it.
    fn acts(&self) -> bool {
        false
    }
    /// Whether it can hold in a family.
    fn holds(&self, _: Twin) -> Holds {
        Holds::Maybe
    }
    /// What it does with a recent list, if it does.
    fn as_recent(&self) -> Option<&RecentOp> {
        None
    }
}

/// A refusal in plain words.
pub(crate) fn refused<T>(text: impl Into<Cow<'static, str>>) -> Result<T, Malformed> {
    Err(Malformed::Refused(text.into()))
}

/// A piece of the rule, before neighbours are joined.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Equal(Equal),
    /// The protocol is that of the table anyway: needed only if nothing follows.
    Own(Vec<Expr>),
    /// Any other match.
    Match(Vec<Expr>),
    /// Something that acts.
    Act(Vec<Expr>),
}

/// Packet bytes that equal a constant.
#[derive(Clone, Debug)]
pub(super) struct Equal {
    pub tunnel: Option<Tunnel>,
    pub base: PayloadBase,
    /// In bytes.
    pub offset: u16,
    pub value: Value,
    /// They name the protocol above.
    pub names: bool,
}

/// A rule on its way to registers.
#[derive(Debug)]
pub(crate) struct Lowering {
    pub family: Family,
    pub twin: Option<Twin>,
    pub(super) steps: Vec<Step>,
    pub sets: Vec<AnonymousSet>,
    /// What the rule knows of the packet.
    pub(super) outer: Known,
    /// What it knows of the packet inside of a tunnel.
    pub(super) inner: Option<(Tunnel, Known)>,
}

impl Lowering {
    pub fn new(family: Family, twin: Option<Twin>) -> Self {
        Self { family, twin, steps: Vec::new(), sets: Vec::new(), outer: Known::new(family), inner: None }
    }

    pub fn net(&self) -> Option<Net> {
        self.outer.net
    }

    pub fn transport(&self) -> Option<Transport> {
        self.outer.transport
    }

    /// A match other than of packet bytes with a constant.
    pub fn push_match(&mut self, exprs: Vec<Expr>) {
        self.steps.push(Step::Match(exprs));
    }

    /// Something that acts.
    pub fn push_act(&mut self, exprs: Vec<Expr>) {
        self.steps.push(Step::Act(exprs));
    }

    /// Takes back the last step, if it acts.
    pub fn pop_act(&mut self) -> Vec<Expr> {
        match self.steps.pop_if(|step| matches!(step, Step::Act(_))) {
            Some(Step::Act(exprs)) => exprs,
            _ => Vec::new(),
        }
    }

    /// Packet bytes that equal a constant.
    pub fn push_equal(&mut self, field: &Field, header: Header, offset: u16, value: Value) {
        let names = names_protocol(field.spec.load);
        self.steps.push(Step::Equal(Equal { tunnel: field.tunnel(), base: header.base(), offset, value, names }));
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
        self.drop_own();
        self.merge();
        let mut exprs = Vec::new();
        for step in self.steps {
            match step {
                Step::Equal(Equal { tunnel, base, offset, value, .. }) => {
                    let payload = Payload::load(base, offset.into(), value.len() as u32, Register::R1).into();
                    exprs.push(match tunnel {
                        Some(tunnel) => tunnel.look(payload),
                        None => payload,
                    });
                    exprs.push(Cmp::new(Register::R1, CmpOp::Eq, value).into());
                }
                Step::Own(more) | Step::Match(more) | Step::Act(more) => exprs.extend(more),
            }
        }
        Lowered { exprs, sets: self.sets, userdata, chains: Vec::new() }
    }

    fn drop_own(&mut self) {
        let last = self.steps.len().saturating_sub(1);
        let mut at = 0;
        self.steps.retain(|step| {
            at += 1;
            at > last || !matches!(step, Step::Own(_))
        });
    }
}
