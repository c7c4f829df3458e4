//! Assignments: fields, marks and connections set to something.

use super::{
    field::{Field, Load, Twin},
    header::Header,
    key::Key,
    load::{load, masked_text},
    lookup::Lookup,
    lower::{Holds, Lowering, Statement, refused},
    pattern::{FieldPattern, Pattern, RawPattern, Shape},
    select::{Mapped, One, Part, Selector, Settable},
};
use crate::{
    data::*,
    expr::{Bitwise, ChecksumFlags, Ct, Expr, Exthdr, Immediate, Meta, Payload},
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
    Field(Part),
    Map(Lookup),
}

impl<T> Source<T> {
    fn new(raw: RawSource) -> Self {
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

const R1: Register = Register::R1;

impl Assign {
    fn part(&self, field: Field) -> Part {
        Part { field, mask: None, ty: self.ty, dual: false }
    }

    /// The expression that stores register 1.
    fn store(&self, field: &Field, offset: u32, len: u32) -> Result<Expr, Malformed> {
        if field.tunnel().is_some() {
            return refused(format!("{} is inside of a tunnel and cannot be set", field.words()));
        }
        Ok(match field.load() {
            Load::Packet(header, _) => {
                let checksum = header.checksum();
                let pseudo = field.spec.pseudo || header == Header::RawInner;
                Payload {
                    csum_type: checksum.map(|(kind, _)| kind),
                    csum_offset: checksum.map(|(_, at)| at),
                    csum_flags: pseudo.then_some(ChecksumFlags::L4_PSEUDO_HEADER),
                    ..Payload::store(header.base(), offset, len, R1)
                }
                .into()
            }
            Load::Meta(key) => Meta::store(key, R1).into(),
            Load::Ct(key) => Ct { direction: field.direction(), ..Ct::store(key, R1) }.into(),
            Load::Option(_, kind, _) => Exthdr::store(kind, offset, len, R1).into(),
            _ => return refused(format!("{} cannot be set", field.words())),
        })
    }

    /// A value into packet bytes. What shares its bytes with other fields is put between them, and a checksum wants
    /// whole pairs of bytes.
    fn write(&self, field: Field, header: Header, offset: u16, image: &[u8]) -> Result<Vec<Expr>, Malformed> {
        let part = self.part(field);
        let (bits, offset) = (field.bits(), header.place(offset));
        let (mut first, mut end) = (offset / 8, (offset + bits).div_ceil(8));
        let mut exprs = Vec::new();
        let loaded = load(&part, R1, &mut exprs);
        let value = loaded.encode(&part, image)?;
        let mask = loaded.mask();
        let odd = header.in_pairs() && !(first.is_multiple_of(2) && end.is_multiple_of(2));
        if odd {
            (first, end) = (first / 2 * 2, end.next_multiple_of(2));
        }
        let len = u32::from(end - first);
        exprs.clear();
        if odd || !bits.is_multiple_of(8) || !offset.is_multiple_of(8) {
            // Value and mask at their place among the bytes that are written.
            let before = usize::from(offset / 8 - first);
            let mut xor = vec![0; len as usize];
            let mut keep = vec![0xff; len as usize];
            for (i, (value, mask)) in value.iter().zip(mask.iter()).enumerate() {
                if let (Some(x), Some(k)) = (xor.get_mut(before + i), keep.get_mut(before + i)) {
                    (*x, *k) = (*value, !mask);
                }
            }
            exprs.push(Payload::load(header.base(), first.into(), len, R1).into());
            let bytes = |b: &[u8]| Value::new(b).unwrap_or_default();
            exprs.push(Bitwise::mask_xor(R1, R1, bytes(&keep), bytes(&xor)).into());
        } else {
            exprs.push(Immediate::new(R1, value).into());
        }
        exprs.push(self.store(&field, first.into(), len)?);
        Ok(exprs)
    }

    fn pattern<'a>(&self, raw: &'a RawPattern) -> Result<FieldPattern<'a>, Malformed> {
        match raw.fields().next() {
            Some(field) => Ok(field),
            None => refused("a value that does not fit a register"),
        }
    }

    /// A constant, or some bits of one.
    fn lower_pattern(&self, own: Field, raw: &RawPattern) -> Result<Vec<Expr>, Malformed> {
        let field = self.pattern(raw)?;
        let part = self.part(own);
        let of_packet = matches!(own.load(), Load::Packet(..) | Load::Option(..));
        if of_packet && field.shape == Shape::Masked {
            return refused(format!("{} can be set as a whole only", self.field.words()));
        }
        if let Load::Packet(header, offset) = own.load() {
            return self.write(own, header, offset, field.lo);
        }
        let (offset, len) = self.whole(&own)?;
        let mut exprs = Vec::new();
        let loaded = load(&part, R1, &mut exprs);
        match field.shape {
            Shape::Masked => {
                let (value, mask) = (loaded.encode(&part, field.lo)?, loaded.encode(&part, field.hi)?);
                let not = |v: &Value| v.iter().map(|b| !b).collect::<Vec<_>>();
                let and = |a: &Value, b: &Value| a.iter().zip(b.iter()).map(|(a, b)| a & b).collect::<Vec<_>>();
                let bytes = |b: Vec<u8>| Value::new(&b).unwrap_or_default();
                exprs.push(Bitwise::mask_xor(R1, R1, bytes(not(&mask)), bytes(and(&value, &mask))).into());
            }
            _ => {
                exprs.clear();
                exprs.push(Immediate::new(R1, loaded.encode(&part, field.lo)?).into());
            }
        }
        exprs.push(self.store(&own, offset, len)?);
        Ok(exprs)
    }

    /// Offset and length of a field that can be stored without touching others.
    fn whole(&self, field: &Field) -> Result<(u32, u32), Malformed> {
        let (offset, pairs) = match field.load() {
            Load::Packet(header, offset) => (header.place(offset), header.in_pairs()),
            Load::Option(_, _, offset) => (offset, false),
            _ => return Ok((0, 0)),
        };
        let (first, len) = (u32::from(offset / 8), u32::from(field.bits() / 8));
        let odd = pairs && !(first.is_multiple_of(2) && len.is_multiple_of(2));
        if odd || !offset.is_multiple_of(8) || !field.bits().is_multiple_of(8) {
            return refused(format!("{} can be set to a constant only", self.field.words()));
        }
        Ok((first, len))
    }
}

impl Statement for Assign {
    fn lower(&self, cx: &mut Lowering) -> Result<(), Malformed> {
        let own = cx.need(&self.field)?;
        let exprs = match &self.source {
            RawSource::Pattern(raw) => self.lower_pattern(own, raw)?,
            RawSource::Field(from) => {
                let (offset, len) = self.whole(&own)?;
                let mut from = from.resolve(cx.twin);
                from.field = cx.need(&from.field)?;
                let mut exprs = Vec::new();
                let mut loaded = load(&from, R1, &mut exprs);
                loaded.settle(&mut exprs);
                if let Some(mask) = &from.mask {
                    loaded.keep(&from, mask, &mut exprs)?;
                }
                loaded.turn(own.spec.ty.order, &mut exprs);
                exprs.push(self.store(&own, offset, len)?);
                exprs
            }
            RawSource::Map(lookup) => {
                let (offset, len) = self.whole(&own)?;
                let mut exprs = lookup.lower(cx, Some(R1), false)?;
                exprs.push(self.store(&own, offset, len)?);
                exprs
            }
        };
        cx.push_act(exprs);
        Ok(())
    }

    fn text(&self, twin: Option<Twin>) -> String {
        let mut out = self.field.words();
        out.push_str(" set ");
        match &self.source {
            RawSource::Field(from) => out.push_str(&from.resolve(twin).text()),
            RawSource::Map(lookup) => out.push_str(&lookup.text(twin, "map")),
            RawSource::Pattern(raw) => {
                let Some(field) = raw.fields().next() else { return out };
                if field.shape == Shape::Masked {
                    let not: Vec<u8> = field.hi.iter().map(|b| !b).collect();
                    let and: Vec<u8> = field.lo.iter().zip(field.hi).map(|(a, b)| a & b).collect();
                    out.push_str(&masked_text(&self.part(self.field), &not));
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
