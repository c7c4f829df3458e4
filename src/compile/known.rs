//! Expressions that are understood: what they are, how wide, in which order, and how they come
//! about.

use crate::{
    data::{ByteOrder, DataType, FieldType, Name, Value, Verdict, be, image},
    expr::PayloadBase,
    lang::{field::Field, tree::BinaryOp},
};

/// One value in a register or a key: its type, its bits, and the order of its bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Slot {
    pub ty: FieldType,
    pub bits: u32,
    pub order: ByteOrder,
}

impl Slot {
    /// A value of a type, as keys and data of sets have it.
    pub fn of(ty: FieldType) -> Self {
        let bits = if ty.info.bits > 0 { ty.info.bits.into() } else { u32::from(ty.len) * 8 };
        Self { ty, bits, order: ty.order }
    }

    /// A plain number in the machine's order.
    pub fn number(bits: u32) -> Self {
        Self { ty: crate::data::INTEGER, bits, order: ByteOrder::Host }
    }

    pub fn bytes(&self) -> usize {
        self.bits.div_ceil(8) as usize
    }

    pub fn is_text(&self) -> bool {
        self.ty.is_text()
    }

    /// Whether it is a set of bits, for which nothing but `==` means all of them.
    pub fn is_bits(&self) -> bool {
        self.ty.info.base == DataType::BITMASK
    }
}

/// The lowest bits.
pub(super) fn ones(bits: u32) -> u128 {
    if bits >= 128 { u128::MAX } else { (1 << bits) - 1 }
}

/// The bytes of a number, most significant first.
pub(super) fn number_image(n: u128, bytes: usize) -> Value {
    let all = n.to_be_bytes();
    match all.len().checked_sub(bytes) {
        Some(skip) => image(&all[skip..]),
        None => image(&[&[0; Value::MAX][..(bytes - all.len()).min(Value::MAX)], &all[..]].concat()),
    }
}

/// Bytes that are most significant first, in an order.
pub(super) fn laid(mut value: Value, order: ByteOrder) -> Value {
    if order == ByteOrder::Host && cfg!(target_endian = "little") {
        value.reverse();
    }
    value
}

/// A name, filled up to a width.
pub(crate) fn stretched(bytes: &[u8], with: u8, len: usize) -> Value {
    let mut value = image(bytes);
    while value.len() < len {
        if value.append(&[with]).is_none() {
            break;
        }
    }
    value
}

/// An expression that is understood.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub slot: Slot,
    pub how: How,
}

/// How a value comes about.
#[derive(Clone, Debug)]
pub(super) enum How {
    Number(u128),
    /// A name with zeros behind it; the beginning of one if it is shorter than its type.
    Text(Value),
    /// From the lower to the upper number.
    Range(u128, u128),
    /// The numbers that agree in their first bits.
    Prefix(u128, u32),
    Field(Field),
    /// Whole bytes of the packet, from so many bytes after the start of a header.
    Bytes(PayloadBase, u32),
    /// In the other byte order.
    Turned(Box<Known>),
    Binary(BinaryOp, Box<Known>, Box<Known>),
    Concat(Vec<Known>),
    /// The value that a map has for a key.
    Map(Box<Known>, MapUse),
    Numgen {
        random: bool,
        modulus: u32,
        offset: u32,
    },
    Hash {
        of: Option<Box<Known>>,
        modulus: u32,
        seed: Option<u32>,
        offset: u32,
    },
    Verdict(Verdict),
    Object(Name),
    /// Every key that has no element of its own.
    Any,
}

/// A map that a value is taken from.
#[derive(Clone, Debug)]
pub(super) struct MapUse {
    pub name: Name,
    pub id: Option<u32>,
    /// Its values are fields one after the other.
    pub fields: usize,
    /// Its values are ranges: the lower and the upper bound.
    pub ranges: bool,
}

impl Known {
    pub fn number(slot: Slot, n: u128) -> Self {
        Self { slot, how: How::Number(n) }
    }

    pub fn is_constant(&self) -> bool {
        match &self.how {
            How::Number(_) | How::Text(_) | How::Range(..) | How::Prefix(..) => true,
            How::Verdict(_) | How::Object(_) | How::Any => true,
            How::Concat(parts) => parts.iter().all(Self::is_constant),
            _ => false,
        }
    }

    /// Whether it is one value and no range of them.
    pub fn is_single(&self) -> bool {
        match &self.how {
            How::Range(..) | How::Prefix(..) => false,
            How::Text(text) => text.len() >= self.slot.bytes(),
            How::Concat(parts) => parts.iter().all(Self::is_single),
            _ => true,
        }
    }

    pub fn as_number(&self) -> Option<u128> {
        match self.how {
            How::Number(n) => Some(n),
            _ => None,
        }
    }

    pub fn parts(&self) -> &[Self] {
        match &self.how {
            How::Concat(parts) => parts,
            _ => std::slice::from_ref(self),
        }
    }

    pub fn is_concat(&self) -> bool {
        matches!(self.how, How::Concat(_))
    }

    /// Bytes in a register; the fields of several start at multiples of four.
    pub fn bytes(&self) -> usize {
        match &self.how {
            How::Concat(parts) => parts.iter().map(|p| p.slot.bytes().next_multiple_of(4)).sum(),
            _ => self.slot.bytes(),
        }
    }

    /// The lowest and the highest value of a constant of one field, most significant byte first, in
    /// so many bytes.
    pub fn bounds(&self, bytes: usize) -> Option<(Value, Value)> {
        let pair = |lo, hi| (number_image(lo, bytes), number_image(hi, bytes));
        Some(match &self.how {
            How::Number(n) => pair(*n, *n),
            How::Range(lo, hi) => pair(*lo, *hi),
            How::Prefix(n, len) => pair(*n, n | ones(self.slot.bits.saturating_sub(*len))),
            How::Text(text) => (
                stretched(text, 0, bytes),
                match text.len() < bytes {
                    true => stretched(text, 0xff, bytes),
                    false => *text,
                },
            ),
            _ => return None,
        })
    }

    /// The bytes of a constant of one field, in an order.
    pub fn laid(&self, order: ByteOrder, bytes: usize) -> Option<Value> {
        let (lo, _) = self.bounds(bytes)?;
        Some(if matches!(self.how, How::Text(_)) { lo } else { laid(lo, order) })
    }

    /// The same in another byte order.
    pub fn turn(mut self, order: ByteOrder) -> Self {
        match &mut self.how {
            // Of a key, the machine's numbers are turned so that their ranges are those of bytes.
            How::Concat(parts) => {
                *parts = std::mem::take(parts).into_iter().map(|part| part.turn(order)).collect();
                return self;
            }
            _ if self.slot.is_text() || self.slot.order == order => return self,
            _ => {}
        }
        let slot = Slot { order, ..self.slot };
        if self.is_constant() || self.slot.bytes() < 2 {
            return Self { slot, ..self };
        }
        Self { slot, how: How::Turned(Box::new(self)) }
    }
}

/// What an expression without a type of its own is to be.
#[derive(Clone, Debug, Default)]
pub(super) struct Want {
    pub slots: Slots,
    /// The greatest number that makes sense.
    pub most: Option<u128>,
    /// The field that it is compared with.
    pub of: Option<Field>,
    /// It stands in a key, where bit fields are moved to where a number belongs.
    pub keyed: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) enum Slots {
    #[default]
    Unknown,
    One(Slot),
    Many(Vec<Slot>),
    Verdict,
}

impl Want {
    pub fn one(slot: Slot) -> Self {
        Self { slots: Slots::One(slot), ..Self::default() }
    }

    pub fn of(slots: &[Slot]) -> Self {
        let slots = match slots {
            [one] => Slots::One(*one),
            many => Slots::Many(many.to_vec()),
        };
        Self { slots, ..Self::default() }
    }

    pub fn slot(&self) -> Option<Slot> {
        match self.slots {
            Slots::One(slot) => Some(slot),
            _ => None,
        }
    }

    /// What is wanted, in words.
    pub fn words(&self, slot: &Slot) -> String {
        self.of.map_or_else(|| slot.ty.name().into(), |field| field.words())
    }

    pub fn as_slice(&self) -> &[Slot] {
        match &self.slots {
            Slots::One(slot) => std::slice::from_ref(slot),
            Slots::Many(slots) => slots,
            Slots::Unknown | Slots::Verdict => &[],
        }
    }
}

/// The number that the bytes of a constant are.
pub(super) fn constant_number(bytes: &[u8]) -> Option<u128> {
    (bytes.len() <= 16).then(|| be(bytes))
}
