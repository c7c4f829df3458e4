//! Assignments: fields, marks and connections set to something.

use super::{
    hash::Hash,
    lookup::Lookup,
    select::{Mapped, One, masked_text},
    statement::{Holds, Statement},
};
use crate::{
    compile::{self, NoSets, lower::Lowering},
    data::*,
    lang::{
        field::{Field, Load, Twin},
        refused,
        selector::{Part, Selector, Settable},
        tree::{self, BinaryOp, Expression},
    },
    set::{
        key::Key,
        pattern::{FieldPattern, Pattern, RawPattern, Shape},
    },
    wire::Malformed,
};
use std::{marker::PhantomData, sync::Arc};

/// What a field is set to: a value, some bits, another field of the same type, a map's value.
#[derive(Clone, Debug)]
pub struct Source<T> {
    pub(crate) raw: RawSource,
    kind: PhantomData<T>,
}

#[derive(Clone, Debug)]
pub(crate) enum RawSource {
    Pattern(RawPattern),
    Field(Part),
    Map(Lookup),
    Hash(Arc<Hash>),
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
        Self::new(RawSource::Field(One::one(field).0))
    }
}

impl<T: Typed + Key> From<Settable<T>> for Source<T> {
    fn from(field: Settable<T>) -> Self {
        Self::new(RawSource::Field(One::one(field).0))
    }
}

impl<T: Typed> From<Mapped<T>> for Source<T> {
    fn from(mapped: Mapped<T>) -> Self {
        Self::new(RawSource::Map(mapped.lookup))
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

/// `FIELD set SOURCE`.
#[derive(Clone, Debug)]
pub(crate) struct Assign {
    pub field: Field,
    pub ty: FieldType,
    pub source: RawSource,
}

impl Assign {
    fn part(&self) -> Part {
        Part { field: self.field, mask: None, ty: self.ty, dual: false }
    }

    /// What it is set to.
    fn value(&self, twin: Option<Twin>) -> Result<Expression, Malformed> {
        let masked_bits = match &self.source {
            RawSource::Pattern(raw) => raw.fields().next().filter(|field| field.shape == Shape::Masked),
            _ => None,
        };
        let Some(field) = masked_bits else { return self.source.expression(self.ty, twin) };
        if matches!(self.field.load(), Load::Packet(..) | Load::Option(..)) {
            return refused(format!("{} can be set as a whole only", self.field.words()));
        }
        let (not, and) = rest_and_set(&field);
        let kept = Expression::Field(self.field).masked(self.ty, &not);
        Ok(Expression::Binary {
            op: BinaryOp::Or,
            left: kept.into(),
            right: Expression::constant(self.ty, &and).into(),
        })
    }
}

impl RawSource {
    /// The value; bits under a mask are none.
    pub fn expression(&self, ty: FieldType, twin: Option<Twin>) -> Result<Expression, Malformed> {
        match self {
            Self::Field(from) => Ok(from.resolve(twin).expression()),
            Self::Map(lookup) => lookup.map(twin),
            Self::Hash(hash) => Ok(hash.expression(twin)),
            Self::Pattern(raw) => match raw.check_prefixes().map(|()| raw.fields().next())? {
                Some(field) if field.shape == Shape::Masked => {
                    refused("bits under a mask where a whole value is needed")
                }
                Some(field) => Ok(field.expression(ty)),
                None => refused("a value that does not fit a register"),
            },
        }
    }
}

/// The bits that stay, and those that are set.
fn rest_and_set(field: &FieldPattern<'_>) -> (Vec<u8>, Vec<u8>) {
    (field.hi.iter().map(|b| !b).collect(), field.lo.iter().zip(field.hi).map(|(a, b)| a & b).collect())
}

impl Statement for Assign {
    fn lower(&self, cx: &mut Lowering) -> Result<(), Malformed> {
        let assign = tree::Statement::Assign { field: self.field, value: self.value(cx.twin)? };
        match &self.source {
            RawSource::Map(lookup) => compile::statement(cx, &lookup.known(cx.twin), &assign),
            _ => compile::statement(cx, &NoSets, &assign),
        }
    }

    fn text(&self, twin: Option<Twin>) -> String {
        let mut out = self.field.words();
        out.push_str(" set ");
        match &self.source {
            RawSource::Field(from) => out.push_str(&from.resolve(twin).text()),
            RawSource::Map(lookup) => out.push_str(&lookup.text(twin, "map")),
            RawSource::Hash(hash) => out.push_str(&hash.text(twin)),
            RawSource::Pattern(raw) => {
                let Some(field) = raw.fields().next() else { return out };
                if field.shape == Shape::Masked {
                    let (not, and) = rest_and_set(&field);
                    out.push_str(&masked_text(&self.part(), &not));
                    out.push_str(" | ");
                    self.ty.show(&and, Style::MASKED, &mut out);
                } else if matches!(self.ty.datatype, BOOLEAN) {
                    // `exists` and `missing` are for matches.
                    out.push_str(if field.lo == [0] { "0" } else { "1" });
                } else {
                    // Here nft takes the names of protocols for the start of something else.
                    let number = matches!(self.ty.datatype, PROTOCOL);
                    field.text(&self.ty, if number { Style::NUMBER } else { Style::WORDS }, &mut out);
                }
            }
        }
        out
    }

    fn acts(&self) -> bool {
        true
    }

    fn is_dual(&self) -> bool {
        match &self.source {
            RawSource::Pattern(_) => false,
            RawSource::Field(part) => part.dual,
            RawSource::Map(lookup) => lookup.is_dual(),
            RawSource::Hash(hash) => hash.is_dual(),
        }
    }

    fn holds(&self, twin: Twin) -> Holds {
        match &self.source {
            RawSource::Map(lookup) => lookup.holds(twin, false),
            _ => Holds::Maybe,
        }
    }
}

const BOOLEAN: DataType = bool::FIELD.datatype();
const PROTOCOL: DataType = Protocol::FIELD.datatype();
