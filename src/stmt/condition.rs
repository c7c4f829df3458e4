//! Comparisons: what `when` takes.

use super::{
    field::{Load, Twin},
    load::{Loaded, load, looked, masked_text},
    lookup::Lookup,
    lower::{Holds, Lowering, Statement, refused},
    pattern::{FieldPattern, RawPattern, Shape},
    select::{Part, Selector},
};
use crate::{
    data::{Style, Value},
    expr::{Cmp, CmpOp, Expr, Range, RangeOp},
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
    fn cmp(self) -> CmpOp {
        match self {
            Self::Eq => CmpOp::Eq,
            Self::Ne => CmpOp::Neq,
            Self::Lt => CmpOp::Lt,
            Self::Le => CmpOp::Lte,
            Self::Gt => CmpOp::Gt,
            Self::Ge => CmpOp::Gte,
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
            Some(field) if self.pattern.is_sound() => Ok(field),
            _ => refused("a range whose ends are of different families"),
        }
    }

    /// The pattern is a constant, compared with all the bits of the field.
    fn plain(&self, part: &Part, field: &FieldPattern<'_>, cx: &mut Lowering) -> Result<(), Malformed> {
        let mut exprs = Vec::new();
        let mut loaded = load(part, crate::data::Register::R1, &mut exprs);
        if self.op.is_ordering() {
            loaded.network(&mut exprs);
        }
        let value = loaded.encode(part, field.lo)?;
        // Whole bytes of the packet may be joined with their neighbours.
        if let (Load::Packet(header, offset), Op::Eq, 1) = (part.field.load(), self.op, exprs.len()) {
            cx.push_equal(&part.field, header, header.place(offset) / 8, value);
        } else {
            exprs.push(Cmp::new(loaded.register, self.op.cmp(), value).into());
            cx.push_match(exprs);
        }
        if self.op == Op::Eq {
            cx.observe(&part.field, [field.lo].into_iter());
        }
        Ok(())
    }

    /// Addresses under a prefix: fewer bytes are compared, or all of them under a mask.
    fn prefix(&self, part: &Part, field: &FieldPattern<'_>, bits: u8, cx: &mut Lowering) -> Result<(), Malformed> {
        let mut exprs = Vec::new();
        let whole = usize::from(bits / 8);
        let short = field.lo.get(..whole).filter(|_| bits > 0 && bits.is_multiple_of(8));
        if let (Some(start), Load::Packet(header, offset)) = (short, part.field.load()) {
            let register = crate::data::Register::R1;
            let first = header.place(offset) / 8;
            let payload = crate::expr::Payload::load(header.base(), first.into(), whole as u32, register);
            exprs.push(looked(&part.field, payload));
            exprs.push(cmp(register, self.op, start));
        } else {
            let mut loaded = load(part, crate::data::Register::R1, &mut exprs);
            match short {
                Some(start) => exprs.push(cmp(loaded.register, self.op, start)),
                None => {
                    let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0).to_be_bytes();
                    let mask = if field.lo.len() == 16 { &mask[..] } else { &mask[..4] };
                    loaded.keep(part, mask, &mut exprs)?;
                    exprs.push(cmp(loaded.register, self.op, field.lo));
                }
            }
        }
        cx.push_match(exprs);
        Ok(())
    }
}

fn cmp(register: crate::data::Register, op: Op, bytes: &[u8]) -> Expr {
    Cmp::new(register, op.cmp(), Value::new(bytes).unwrap_or_default()).into()
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
        let mut part = self.part.resolve(cx.twin);
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
        part.field = cx.need(&part.field)?;
        match (field.shape, &mask) {
            (Shape::One, None) => return self.plain(&part, &field, cx),
            (Shape::Prefix(bits), None) => return self.prefix(&part, &field, bits, cx),
            _ => {}
        }
        let mut exprs = Vec::new();
        let mut loaded = load(&part, crate::data::Register::R1, &mut exprs);
        if let Some(mask) = &mask {
            loaded.keep(&part, mask, &mut exprs)?;
        }
        match field.shape {
            Shape::Range | Shape::Prefix(_) => {
                loaded.network(&mut exprs);
                let op = if self.op == Op::Ne { RangeOp::Neq } else { RangeOp::Eq };
                let (lo, hi) = (loaded.encode(&part, field.lo)?, loaded.encode(&part, field.hi)?);
                exprs.push(Range::new(loaded.register, op, lo, hi).into());
            }
            Shape::One | Shape::Masked => {
                if self.op.is_ordering() {
                    loaded.network(&mut exprs);
                }
                let value = loaded.encode(&part, field.lo)?;
                exprs.push(Cmp::new(loaded.register, self.op.cmp(), value).into());
            }
        }
        cx.push_match(exprs);
        Ok(())
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
        let part = Part { field: cx.need(&self.part.field)?, ..self.part };
        let mut exprs = Vec::new();
        let mut loaded: Loaded = load(&part, crate::data::Register::R1, &mut exprs);
        loaded.keep(&part, &self.bits, &mut exprs)?;
        let zero = loaded.encode(&part, &[0])?;
        let op = if self.none { CmpOp::Eq } else { CmpOp::Neq };
        exprs.push(Cmp::new(loaded.register, op, zero).into());
        cx.push_match(exprs);
        Ok(())
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
        let exprs = self.lookup.lower(cx, None, self.inverted)?;
        cx.push_match(exprs);
        Ok(())
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
