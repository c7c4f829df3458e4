//! Assignments: fields, marks and connections set to something.

use super::{
    Mapped, One,
    statement::{ByVersion, Operand, Piece},
};
use crate::{
    data::*,
    lang::{
        field::{Field, IpVersion, Load},
        refused,
        selector::{Selected, Selector, Settable},
        tree::{BinaryOp, Expression, Statement},
    },
    set::{
        key::Key,
        pattern::{FieldPattern, Pattern, RawPattern, Shape},
    },
    wire::Malformed,
};
use std::marker::PhantomData;

/// What a field is set to: a value, some bits, another field of the same type, a map's value.
#[derive(Clone, Debug)]
pub struct Source<T> {
    pub(crate) raw: RawSource,
    kind: PhantomData<T>,
}

#[derive(Clone, Debug)]
pub(crate) enum RawSource {
    Pattern(RawPattern),
    Operand(Operand),
}

impl<T> Source<T> {
    pub(crate) fn new(raw: RawSource) -> Self {
        Self { raw, kind: PhantomData }
    }
}

impl<T: Typed> From<T> for Source<T> {
    fn from(value: T) -> Self {
        Self::new(RawSource::Pattern(Pattern::from(value).raw))
    }
}

impl<T: Ordered> From<Masked<T>> for Source<T> {
    fn from(bits: Masked<T>) -> Self {
        Self::new(RawSource::Pattern(Pattern::from(bits).raw))
    }
}

impl<T: Typed + Key> From<Selector<T>> for Source<T> {
    fn from(field: Selector<T>) -> Self {
        Self::new(RawSource::Operand(One::one(field).0.operand()))
    }
}

impl<T: Typed + Key> From<Settable<T>> for Source<T> {
    fn from(field: Settable<T>) -> Self {
        Self::new(RawSource::Operand(One::one(field).0.operand()))
    }
}

impl<T: Typed> From<Mapped<T>> for Source<T> {
    fn from(mapped: Mapped<T>) -> Self {
        Self::new(RawSource::Operand(mapped.value))
    }
}

macro_rules! literals {
    ($($name:ident: $int:ty;)*) => { $(
        impl From<$int> for Source<$name> {
            fn from(n: $int) -> Self {
                $name::from(n).into()
            }
        }
    )* };
}

literals! {
    ArpOp: u16; Dscp: u8; Ecn: u8; EtherType: u16; IcmpCode: u8; IcmpType: u8; Icmpv6Code: u8; Icmpv6Type: u8;
    IgmpType: u8; DccpType: u8; Mark: u32; PktType: u8; Port: u16; Protocol: u8; TcpFlags: u8; TrafficClass: u32; CtEvents: u32;
}

impl RawSource {
    /// The value; bits under a mask are none.
    pub fn piece(&self, ty: FieldType, version: Option<IpVersion>) -> Piece<Expression> {
        match self {
            Self::Operand(operand) => operand.get(version).clone(),
            Self::Pattern(raw) => {
                let field = raw.first();
                let masked = field.shape == Shape::Masked;
                let whole = if masked { refused("bits under a mask where a whole value is needed") } else { Ok(()) };
                Piece::new(field.named(ty)).checked(whole).checked(check(raw))
            }
        }
    }
}

fn check(raw: &RawPattern) -> Result<(), Malformed> {
    if raw.len() == 0 {
        return refused("a value that does not fit a register");
    }
    raw.check_prefixes()
}

/// `FIELD set SOURCE`.
pub(crate) fn assign(field: Field, ty: FieldType, source: &RawSource) -> ByVersion<Piece<Statement>> {
    let dual = matches!(source, RawSource::Operand(operand) if operand.is_dual());
    let value = |version| match source {
        RawSource::Pattern(raw) if raw.first().shape == Shape::Masked => some_bits(field, ty, &raw.first()),
        RawSource::Pattern(raw) if field.is_set_to_list() => {
            Piece::new(Expression::list_of_bits(ty, raw.first().lo)).checked(check(raw))
        }
        source => source.piece(ty, version),
    };
    ByVersion::new(dual, |version| value(version).map(|value| Statement::Assign { field, value }))
}

/// Some bits of a field; the others stay.
fn some_bits(field: Field, ty: FieldType, bits: &FieldPattern<'_>) -> Piece<Expression> {
    let stays: Vec<u8> = bits.hi.iter().map(|b| !b).collect();
    let set: Vec<u8> = bits.lo.iter().zip(bits.hi).map(|(a, b)| a & b).collect();
    let left = Box::new(Expression::Field(field).masked(ty, &stays));
    let or = Expression::Binary { op: BinaryOp::Or, left, right: Box::new(Expression::named(ty, &set)) };
    let check = match field.load() {
        Load::Packet(..) | Load::Option(..) => refused(format!("{} can be set as a whole only", field.words())),
        _ => Ok(()),
    };
    Piece::new(or).checked(check)
}

impl Selected {
    /// The field, or one for each IP version, as what something is set to.
    pub(super) fn operand(&self) -> Operand {
        ByVersion::new(self.dual, |version| Piece::new(self.resolve(version).expression()))
    }
}
