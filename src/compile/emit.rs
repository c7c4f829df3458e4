//! From what is understood to registers.

use super::{
    known::{How, Known, laid, number_image, ones},
    load::fetch,
};
use crate::{
    data::{ByteOrder, Name, Register},
    expr::{
        Bitwise, BitwiseOp, Byteorder, ByteorderOp, Expr, Hash, HashType, Immediate, Lookup, Numgen, NumgenType,
        Payload,
    },
    lang::{refused, tree::BinaryOp},
    wire::Malformed,
};

type Result<T> = std::result::Result<T, Malformed>;

/// Registers while a statement is made: sixteen of four bytes each.
#[derive(Debug, Default)]
pub(super) struct Machine {
    next: u8,
    pub exprs: Vec<Expr>,
}

/// A place in the registers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place(u8);

impl Place {
    pub fn register(self) -> Register {
        Register::slot(self.0)
    }

    /// The place so many bytes behind, rounded up to whole registers.
    pub fn after(self, bytes: usize) -> Self {
        Self(self.0.saturating_add(u8::try_from(bytes.div_ceil(4)).unwrap_or(u8::MAX)))
    }
}

const CROWDED: &str = "the statement needs more registers than there are";

impl Machine {
    /// Registers of 16 bytes, or as many as several fields take.
    fn take(&mut self, known: &Known) -> Result<Place> {
        self.take_slots(if known.is_concat() { known.bytes() / 4 } else { 4 })
    }

    fn take_slots(&mut self, slots: usize) -> Result<Place> {
        let place = Place(self.next);
        match u8::try_from(slots).ok().and_then(|slots| self.next.checked_add(slots)) {
            Some(next) if next <= 16 => self.next = next,
            _ => return refused(CROWDED),
        }
        Ok(place)
    }

    /// Puts a value into registers of its own, which stay taken.
    pub fn load(&mut self, known: &Known) -> Result<Place> {
        let place = self.take(known)?;
        self.emit(known, place)?;
        Ok(place)
    }

    /// Puts a value into registers that are free again after the statement's own expression.
    pub fn load_only(&mut self, known: &Known) -> Result<Register> {
        let before = self.next;
        let place = self.load(known)?;
        self.next = before;
        Ok(place.register())
    }

    pub fn push(&mut self, expr: impl Into<Expr>) {
        self.exprs.push(expr.into());
    }

    fn emit(&mut self, known: &Known, at: Place) -> Result<()> {
        let register = at.register();
        let slot = &known.slot;
        match &known.how {
            How::Number(_) | How::Text(_) => match known.laid(slot.order, slot.bytes()) {
                Some(value) => self.push(Immediate::new(register, value)),
                None => return refused("a constant that does not fit a register"),
            },
            How::Field(field) => self.push(fetch(field, register, slot.bytes() as u32)?),
            How::Bytes(base, offset) => self.push(Payload::load(*base, *offset, slot.bytes() as u32, register)),
            How::Turned(of) => {
                self.emit(of, at)?;
                let size = match of.slot.bits {
                    bits if bits.is_multiple_of(64) => 8,
                    bits if bits.is_multiple_of(32) => 4,
                    _ => 2,
                };
                let op = if slot.order == ByteOrder::Network { ByteorderOp::Hton } else { ByteorderOp::Ntoh };
                self.push(Byteorder::new(register, op, slot.bytes() as u32, size));
            }
            How::Binary(op, left, right) => self.binary(known, *op, left, right, at)?,
            How::Concat(parts) => {
                let mut at = at;
                for part in parts {
                    self.emit(part, at)?;
                    at = at.after(part.slot.bytes());
                }
            }
            How::Map(key, map) => {
                // What the key takes beyond its first register is free: the value comes after it is
                // read.
                let before = self.next;
                self.next = self.next.max(at.after(key.bytes()).0);
                if self.next > 16 {
                    return refused(CROWDED);
                }
                self.emit(key, at)?;
                self.next = before;
                self.push(lookup(&map.name, map.id, register, Some(register)));
            }
            How::Numgen { random, modulus, offset } => {
                let kind = if *random { NumgenType::Random } else { NumgenType::Incremental };
                self.push(Numgen { offset: Some(*offset), ..Numgen::new(kind, *modulus, register) });
            }
            How::Hash { of, modulus, seed, offset } => {
                let mut hash = match of {
                    Some(of) => {
                        let source = self.load_only(of)?;
                        let mut hash = Hash::jenkins(source, of.bytes() as u32, *modulus, register);
                        hash.kind = Some(HashType::Jenkins);
                        hash
                    }
                    None => Hash::symmetric(*modulus, register),
                };
                (hash.seed, hash.offset) = (*seed, Some(*offset));
                self.push(hash);
            }
            How::Verdict(verdict) => self.push(Immediate::new(Register::VERDICT, verdict.clone())),
            How::Range(..) | How::Prefix(..) => return refused("a range where one value is needed"),
            How::Object(_) | How::Any => return refused("this has no value of its own"),
        }
        Ok(())
    }

    fn binary(&mut self, known: &Known, op: BinaryOp, left: &Known, right: &Known, at: Place) -> Result<()> {
        let register = at.register();
        let len = known.slot.bytes() as u32;
        let op = match op {
            BinaryOp::Lshift | BinaryOp::Rshift => {
                let Some(by) = right.as_number() else { return refused("a shift by what is no constant number") };
                self.emit(left, at)?;
                let op = if op == BinaryOp::Lshift { BitwiseOp::Lshift } else { BitwiseOp::Rshift };
                self.push(Bitwise::shift(register, register, len, op, by as u32));
                return Ok(());
            }
            _ if right.as_number().is_some() => return self.mask_xor(known, at),
            BinaryOp::And => BitwiseOp::And,
            BinaryOp::Or => BitwiseOp::Or,
            BinaryOp::Xor => BitwiseOp::Xor,
        };
        self.emit(left, at)?;
        let other = self.load_only(right)?;
        self.push(Bitwise::combine(register, register, other, len, op));
        Ok(())
    }

    /// Any number of constants that are combined with a value, as one mask and the bits that are
    /// flipped after it.
    fn mask_xor(&mut self, known: &Known, at: Place) -> Result<()> {
        let all = ones(known.slot.bits);
        let (mut mask, mut xor) = (all, 0);
        let mut inner = known;
        let mut chain = Vec::new();
        while let How::Binary(op @ (BinaryOp::And | BinaryOp::Or | BinaryOp::Xor), left, right) = &inner.how
            && let Some(n) = right.as_number()
        {
            chain.push((*op, n));
            inner = left;
        }
        for (op, n) in chain.into_iter().rev() {
            let (keep, flip) = match op {
                BinaryOp::And => (n, 0),
                BinaryOp::Or => (!n, n),
                _ => (all, n),
            };
            xor = (xor & keep) ^ flip;
            mask &= keep;
        }
        self.emit(inner, at)?;
        let register = at.register();
        let bytes = known.slot.bytes();
        let value = |n| laid(number_image(n, bytes), known.slot.order);
        self.push(Bitwise::mask_xor(register, register, value(mask), value(xor)));
        Ok(())
    }
}

/// A lookup in a set, which gets its name by its id if it belongs to the rule.
pub(super) fn lookup(set: &Name, set_id: Option<u32>, key: Register, dreg: Option<Register>) -> Lookup {
    Lookup { set_id, dreg, ..Lookup::new(set.clone(), key) }
}
