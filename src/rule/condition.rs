//! Comparisons: what `when` takes.

use super::{
    action::Plain,
    lookup::Lookup,
    select::masked_text,
    statement::{Holds, Statement},
};
use crate::{
    compile::{self, NoSets, lower::Lowering},
    data::{Style, Value},
    lang::{
        field::Twin,
        refused,
        selector::{Part, Selector},
        tree::{self, Expression},
    },
    set::pattern::{FieldPattern, RawPattern, Shape},
    set::stateful::{ByteQuota, ConnCount, RateLimit, Stateful},
    wire::Malformed,
};
use std::{fmt, sync::Arc};

/// A condition of a rule. It never acts: all it can do is end the rule for a packet.
///
/// ```compile_fail
/// # use oxitables::{Rule, tcp};
/// Rule::new().then(tcp::dport().is(22));
/// ```
#[derive(Clone, Debug)]
pub struct Match(pub(crate) Arc<dyn Statement>);

impl Match {
    pub(crate) fn new(statement: impl Statement + 'static) -> Self {
        Self(Arc::new(statement))
    }
}

/// Something exists.
impl From<Selector<bool>> for Match {
    fn from(exists: Selector<bool>) -> Self {
        exists.is(true)
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&super::verdict::both(&*self.0))
    }
}

/// A comparison.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Op {
    fn tree(self) -> tree::Op {
        match self {
            Self::Eq => tree::Op::Eq,
            Self::Ne => tree::Op::Ne,
            Self::Lt => tree::Op::Lt,
            Self::Le => tree::Op::Le,
            Self::Gt => tree::Op::Gt,
            Self::Ge => tree::Op::Ge,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
        }
    }

    fn is_ordering(self) -> bool {
        !matches!(self, Self::Eq | Self::Ne)
    }
}

/// One field against one pattern.
#[derive(Clone, Debug)]
pub(crate) struct Compare {
    pub part: Part,
    pub op: Op,
    pub pattern: RawPattern,
}

impl Compare {
    fn field(&self) -> Result<FieldPattern<'_>, Malformed> {
        match self.pattern.fields().next() {
            Some(field) if self.pattern.is_sound() => self.pattern.check_prefixes().map(|()| field),
            _ => refused("a range whose ends are of different families"),
        }
    }

    /// Compares what `left` makes of the part.
    pub fn lower_as(&self, cx: &mut Lowering, left: impl FnOnce(Part) -> Expression) -> Result<(), Malformed> {
        let part = self.part.resolve(cx.twin);
        let field = self.field()?;
        if field.lo > field.hi && field.shape != Shape::Masked {
            return refused(format!("{} with a range that ends before it starts", part.field.words()));
        }
        if self.op.is_ordering() && field.shape != Shape::One {
            return refused(format!("{} {} takes a single value", part.field.words(), self.op.text()));
        }
        let mask = both_masks(&part, &field);
        if mask.is_some() && matches!(field.shape, Shape::Prefix(_)) {
            return refused(format!("{} with a mask and a prefix: put both into the mask", part.field.words()));
        }
        let left = left(Part { mask, ..part });
        compile::relation(cx, &NoSets, self.op.tree(), &left, &field.expression(part.ty))
    }
}

/// The mask of the field and that of the pattern.
fn both_masks(part: &Part, field: &FieldPattern<'_>) -> Option<Value> {
    let own = (field.shape == Shape::Masked).then(|| Value::new(field.hi)).flatten();
    match (part.mask, own) {
        (Some(a), Some(b)) => {
            let bytes: Vec<u8> = a.iter().zip(&*b).map(|(a, b)| a & b).collect();
            Value::new(&bytes)
        }
        (a, b) => a.or(b),
    }
}

impl Statement for Compare {
    fn lower(&self, cx: &mut Lowering) -> Result<(), Malformed> {
        self.lower_as(cx, |part| part.expression())
    }

    fn text(&self, twin: Option<Twin>) -> String {
        let part = self.part.resolve(twin);
        let Some(field) = self.pattern.fields().next() else { return part.text() };
        let mask = both_masks(&part, &field);
        let mut out = match &mask {
            Some(mask) => masked_text(&Part { mask: None, ..part }, mask),
            None => part.text(),
        };
        out.push(' ');
        // Without an operator nft takes bits for "any of them".
        if self.op != Op::Eq || mask.is_some() || part.ty.bits {
            out.push_str(self.op.text());
            out.push(' ');
        }
        field.text(&part.ty, if mask.is_some() { Style::MASKED } else { Style::EXPRESSION }, &mut out);
        out
    }

    fn is_dual(&self) -> bool {
        self.part.dual
    }

    fn holds(&self, twin: Twin) -> Holds {
        match self.pattern.fields().next() {
            Some(field) if self.part.dual && field.lo.len() != twin.address_len() => {
                if self.op == Op::Ne {
                    Holds::Always
                } else {
                    Holds::Never
                }
            }
            _ => Holds::Maybe,
        }
    }
}

/// Any or none of some bits.
#[derive(Clone, Debug)]
pub(crate) struct Test {
    pub part: Part,
    pub bits: Value,
    pub none: bool,
}

impl Statement for Test {
    fn lower(&self, cx: &mut Lowering) -> Result<(), Malformed> {
        let op = if self.none { tree::Op::Neg } else { tree::Op::Implicit };
        let field = Expression::Field(self.part.field);
        compile::relation(cx, &NoSets, op, &field, &Expression::constant(self.part.ty, &self.bits))
    }

    fn text(&self, _: Option<Twin>) -> String {
        let mut out = self.part.text();
        out.push_str(if self.none { " ! " } else { " " });
        self.part.ty.show(&self.bits, Style::WORDS, &mut out);
        out
    }
}

/// In a set, or not.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub lookup: Lookup,
    pub inverted: bool,
}

impl Member {
    /// A set of one element is a comparison.
    fn single(&self, twin: Option<Twin>) -> Option<Compare> {
        let (part, pattern) = self.lookup.single(twin)?;
        Some(Compare { part, op: if self.inverted { Op::Ne } else { Op::Eq }, pattern })
    }
}

impl Statement for Member {
    fn lower(&self, cx: &mut Lowering) -> Result<(), Malformed> {
        if let Some(compare) = self.single(cx.twin) {
            return compare.lower(cx);
        }
        let op = if self.inverted { tree::Op::Ne } else { tree::Op::Eq };
        let (key, set) = (self.lookup.key(cx.twin), self.lookup.set(cx.twin)?);
        compile::relation(cx, &self.lookup.known(cx.twin), op, &key, &set)
    }

    fn text(&self, twin: Option<Twin>) -> String {
        match self.single(twin) {
            Some(compare) => compare.text(twin),
            None => self.lookup.text(twin, if self.inverted { "!=" } else { "" }),
        }
    }

    fn is_dual(&self) -> bool {
        self.lookup.is_dual()
    }

    fn holds(&self, twin: Twin) -> Holds {
        self.lookup.holds(twin, self.inverted)
    }
}

macro_rules! conditions {
    ($($stateful:ty)*) => { $(
        impl From<$stateful> for Match {
            fn from(condition: $stateful) -> Self {
                let text = condition.text();
                Self::new(Plain { expr: condition.into_expr(), text })
            }
        }
    )* };
}

conditions! { RateLimit ByteQuota ConnCount }
