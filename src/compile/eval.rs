//! What an expression is: types from the other side, constants worked out, bit fields cut and
//! moved.

use super::{
    Compiler,
    declare::check_concat,
    known::{How, Known, Slot, Slots, Want, constant_number, ones},
};
use crate::{
    data::{ByteOrder, Format, INTEGER, Value},
    expr::CtKey,
    lang::{
        field::{Field, Load, Param},
        refused,
        tree::{BinaryOp, Constant, Expression},
    },
    wire::Malformed,
};

type Result<T> = std::result::Result<T, Malformed>;

/// How deep expressions may stand in each other.
const DEEPEST: u32 = 64;

impl Compiler<'_, '_> {
    /// What an expression is, where `want` is asked for; afterwards `want` is what a constant
    /// beside it has to be.
    pub(super) fn evaluate(&mut self, expression: &Expression, want: &mut Want) -> Result<Known> {
        if self.depth >= DEEPEST {
            return refused("expressions nested too deeply");
        }
        self.depth += 1;
        let known = self.evaluate_any(expression, want);
        self.depth -= 1;
        known
    }

    fn evaluate_any(&mut self, expression: &Expression, want: &mut Want) -> Result<Known> {
        match expression {
            Expression::Word(word) => self.word(word, want),
            Expression::Value(constant) => self.value(constant, want),
            Expression::Prefix(of, len) => {
                let of = self.evaluate(of, want)?;
                match of.how {
                    How::Number(_) if *len > of.slot.bits => {
                        refused(format!("a prefix of {len} bits of a value of {}", of.slot.bits))
                    }
                    How::Number(n) => {
                        let kept = n & !ones(of.slot.bits - len);
                        Ok(Known { how: How::Prefix(kept, *len), ..of })
                    }
                    _ => refused("only numbers and addresses have prefixes"),
                }
            }
            Expression::Range(bounds) => {
                let (lo, hi) = (self.evaluate(&bounds.0, want)?, self.evaluate(&bounds.1, want)?);
                match (&lo.how, &hi.how) {
                    (How::Number(a), How::Number(b)) if a == b => Ok(lo),
                    (How::Number(a), How::Number(b)) if a < b => Ok(Known { how: How::Range(*a, *b), ..lo }),
                    (How::Number(_), How::Number(_)) => refused("a range that ends before it starts"),
                    _ => refused("only numbers and addresses have ranges"),
                }
            }
            Expression::List(all) => {
                let mut bits = 0;
                let mut slot = None;
                for one in all {
                    let one = self.evaluate(one, want)?;
                    match one.as_number() {
                        Some(n) if one.slot.is_bits() => bits |= n,
                        _ => return refused(format!("a list of what are no bits, but {}", one.slot.ty.name())),
                    }
                    slot = Some(one.slot);
                }
                match slot {
                    Some(slot) => Ok(Known::number(slot, bits)),
                    None => refused("an empty list"),
                }
            }
            Expression::Concat(parts) => self.concat(parts, want),
            Expression::Field(field) => self.field(field, want),
            Expression::Numgen { random, modulus, offset } => {
                let slot = integer_like(want);
                let most = above(*modulus, *offset)?;
                *want = Want { most: Some(most), ..Want::one(slot) };
                Ok(Known { slot, how: How::Numgen { random: *random, modulus: *modulus, offset: *offset } })
            }
            Expression::Hash { of, modulus, seed, offset } => {
                let slot = integer_like(want);
                let of = match of {
                    Some(of) => Some(Box::new(self.evaluate(of, &mut Want::default())?)),
                    None => None,
                };
                if of.as_ref().is_some_and(|of| of.is_constant()) {
                    return refused("a hash of a constant");
                }
                let most = above(*modulus, *offset)?;
                *want = Want { most: Some(most), ..Want::one(slot) };
                Ok(Known { slot, how: How::Hash { of, modulus: *modulus, seed: *seed, offset: *offset } })
            }
            Expression::Binary { op, left, right } => self.binary(*op, left, right, want),
            Expression::Map { key, of } => self.map(key, of, want),
            Expression::Verdict(verdict) => Ok(Known { slot: Slot::number(0), how: How::Verdict(verdict.clone()) }),
            Expression::Object(name) => Ok(Known { slot: Slot::number(0), how: How::Object(name.clone()) }),
            Expression::Any => Ok(Known { slot: want.slot().unwrap_or(Slot::number(0)), how: How::Any }),
            Expression::Set(_) => refused("a set where one value is needed"),
            Expression::Named(name) => refused(format!("the set {name} where one value is needed")),
        }
    }

    /// What is set to a wider field may be as wide.
    fn widened(&self, slot: Slot) -> Slot {
        Slot { bits: slot.bits.max(if slot.is_text() { 0 } else { self.target }), ..slot }
    }

    fn word(&self, word: &str, want: &Want) -> Result<Known> {
        let Some(slot) = want.slot() else {
            return match want.slots {
                Slots::Unknown => refused(format!("nothing says what \"{word}\" is")),
                _ => refused(format!("\"{word}\" where several fields, or a verdict, are needed")),
            };
        };
        let slot = self.widened(slot);
        let info = slot.ty.info;
        // nft takes numbers for IPv4 addresses, too.
        let number =
            || INTEGER.info.parse(word, slot.bytes()).filter(|_| info.format == Format::Address && slot.bits == 32);
        let Some(image) = info.parse(word, slot.bytes()).or_else(number) else {
            return refused(match info.format {
                Format::Interface => format!("there is no interface {word:?} on this machine"),
                Format::User => format!("there is no user {word:?} on this machine"),
                Format::Group => format!("there is no group {word:?} on this machine"),
                Format::Protocol => format!("{word:?} is neither a number nor a protocol that /etc/protocols names"),
                Format::Cgroup => format!("there is no control group {word:?} on this machine"),
                Format::Service => format!("{word:?} is neither a port number nor a service that /etc/services names"),
                _ => format!("{word:?} is no {} of {} bits", slot.ty.name(), slot.bits),
            });
        };
        constant(slot, &image, want)
    }

    fn value(&self, value: &Constant, want: &Want) -> Result<Known> {
        let slot = match want.slots {
            Slots::Many(_) | Slots::Verdict => {
                return refused("a single value where several fields, or a verdict, are needed");
            }
            Slots::One(slot) => slot,
            Slots::Unknown => Slot { bits: value.image.len() as u32 * 8, ..Slot::of(value.ty) },
        };
        if slot.ty.info.format == Format::Address && value.image.len() != slot.bytes() {
            return refused("an address or a mask of the other family");
        }
        constant(self.widened(slot), &value.image, want)
    }

    /// Fields one after the other.
    fn concat(&mut self, parts: &[Expression], want: &mut Want) -> Result<Known> {
        let wanted = want.as_slice().to_vec();
        if !wanted.is_empty() && wanted.len() != parts.len() {
            return refused(format!("{} fields where there are {}", parts.len(), wanted.len()));
        }
        let mut all = Vec::with_capacity(parts.len());
        for (i, part) in parts.iter().enumerate() {
            let mut want = wanted.get(i).map(|slot| Want::one(*slot)).unwrap_or_default();
            want.keyed = true;
            let part = self.evaluate(part, &mut want)?;
            if part.is_concat() {
                return refused("fields that are fields one after the other themselves");
            }
            all.push(part);
        }
        let slots: Vec<Slot> =
            all.iter().zip(0..).map(|(part, i)| wanted.get(i).copied().unwrap_or(part.slot)).collect();
        check_concat(&slots)?;
        if slots.iter().map(|s| s.bytes().next_multiple_of(4)).sum::<usize>() > 64 {
            return refused("the fields together are longer than 64 bytes");
        }
        *want = Want { keyed: want.keyed, ..Want::of(&slots) };
        if let [one] = &mut all[..] {
            // Nothing stands behind it.
            return Ok(one.clone());
        }
        let bits = all.iter().map(|p| p.slot.bytes().next_multiple_of(4) as u32 * 8).sum();
        Ok(Known { slot: Slot { order: ByteOrder::Byte, ..Slot::number(bits) }, how: How::Concat(all) })
    }

    /// A field; one of bits is cut out of its bytes and moved.
    fn field(&mut self, field: &Field, want: &mut Want) -> Result<Known> {
        let field = &self.cx.need(field)?;
        let slot = slot_of(field);
        let keyed = want.keyed;
        *want = Want { keyed, of: Some(*field), ..Want::one(slot) };
        let whole = Known { slot, how: How::Field(*field) };
        let Some(offset) = bit_offset(field).filter(|_| !self.is_written(field)) else { return Ok(whole) };
        let before = u32::from(offset) % 8;
        if before == 0 && slot.bits.is_multiple_of(8) {
            return Ok(whole);
        }
        let bytes = (before + slot.bits).div_ceil(8);
        let shift = bytes * 8 - before - slot.bits;
        let load = Known { slot: Slot { bits: bytes * 8, ..slot }, ..whole };
        let cut = Slot { bits: slot.bits + shift, ..slot };
        let mask = Known::number(cut, ones(slot.bits) << shift);
        let mut known = Known { slot: cut, how: How::Binary(BinaryOp::And, load.into(), mask.into()) };
        if shift > 0 {
            if keyed || self.target > 0 {
                known = known.turn_wide(ByteOrder::Host);
            }
            let slot = known.slot;
            let by = Known::number(Slot::number(32), shift.into());
            known = Known { slot, how: How::Binary(BinaryOp::Rshift, known.into(), by.into()) };
        }
        Ok(known)
    }

    fn binary(&mut self, op: BinaryOp, left: &Expression, right: &Expression, want: &mut Want) -> Result<Known> {
        let shifts = matches!(op, BinaryOp::Lshift | BinaryOp::Rshift);
        let before = want.slot().map_or(0, |slot| slot.bits);
        let mut left = self.evaluate(left, want)?;
        if shifts {
            let bits = before.max(left.slot.bits);
            let keyed = want.keyed;
            *want = Want::one(Slot { order: left.slot.order, ..Slot::number(bits) });
            want.keyed = keyed;
        }
        let mut right = self.evaluate(right, want)?;
        if left.is_constant() && !right.is_constant() && !shifts {
            std::mem::swap(&mut left, &mut right);
        }
        if left.slot.is_text() || right.slot.is_text() || left.is_concat() || right.is_concat() {
            return refused("arithmetic with what is no number");
        }
        if let How::Field(Field { param: Param::RawOption(..), .. }) = left.how {
            return refused("arithmetic with raw bytes of an option, which makes nft crash when it lists it");
        }
        let wide = self.target.max(left.slot.bits);
        let slot = if shifts {
            let Some(by) = right.as_number() else { return refused("a shift by what is no constant number") };
            if by >= u128::from(wide) {
                return refused(format!("a shift by {by} of a value of {wide} bits"));
            }
            left = left.turn(ByteOrder::Host);
            right = Known::number(Slot::number(32), by);
            Slot::number(wide)
        } else if self.target > left.slot.bits {
            left = left.turn(ByteOrder::Host);
            Slot::number(wide)
        } else {
            left = left.whole_numbers();
            left.slot
        };
        let constants = (left.is_constant(), right.is_constant());
        match (constants, left.as_number(), right.as_number()) {
            ((true, _), Some(a), Some(b)) => {
                let n = match op {
                    BinaryOp::And => a & b,
                    BinaryOp::Or => a | b,
                    BinaryOp::Xor => a ^ b,
                    BinaryOp::Lshift => a.checked_shl(b as u32).unwrap_or(0),
                    BinaryOp::Rshift => a.checked_shr(b as u32).unwrap_or(0),
                };
                // A constant stays what it was said to be.
                let slot = if shifts { Slot { bits: slot.bits, ..left.slot } } else { slot };
                Ok(Known::number(slot, n & ones(slot.bits)))
            }
            ((false, true), _, None) | ((true, _), ..) => refused("arithmetic with ranges"),
            ((false, _), ..) => {
                let right = if shifts { right } else { right.turn(slot.order) };
                Ok(Known { slot, how: How::Binary(op, left.into(), right.into()) })
            }
        }
    }
}

/// What is the type of a field, and how it lies in a register.
pub(super) fn slot_of(field: &Field) -> Slot {
    let ty = field.ty();
    let order = match (ty.order, field.load()) {
        // nft notes an order even for one byte.
        (ByteOrder::Byte, Load::Packet(..) | Load::Option(..) | Load::Exists(..) | Load::Ct(CtKey::Protocol)) => {
            ByteOrder::Network
        }
        (ByteOrder::Byte, _) => ByteOrder::Host,
        (order, _) => order,
    };
    Slot { ty, bits: field.bits().into(), order }
}

/// The place of a field that is cut out of bytes.
pub(super) fn bit_offset(field: &Field) -> Option<u16> {
    match field.load() {
        Load::Packet(header, offset) => Some(header.place(offset)),
        Load::Option(_, _, offset) => Some(offset),
        _ => None,
    }
}

impl Known {
    /// A bit field that stays where a number belongs: bytes of a packet are turned before they are
    /// shifted.
    pub(super) fn whole_numbers(self) -> Self {
        match self.how {
            How::Binary(BinaryOp::Rshift, of, by) if of.slot.order == ByteOrder::Network && of.slot.bytes() > 1 => {
                let slot = Slot { order: ByteOrder::Host, ..self.slot };
                Self { slot, how: How::Binary(BinaryOp::Rshift, of.turn(ByteOrder::Host).into(), by) }
            }
            how => Self { slot: self.slot, how },
        }
    }

    /// Turned, if there are bytes to turn.
    fn turn_wide(self, order: ByteOrder) -> Self {
        if self.slot.bytes() > 1 { self.turn(order) } else { self }
    }
}

/// A constant as what it has to be.
fn constant(slot: Slot, image: &[u8], want: &Want) -> Result<Known> {
    if slot.is_text() {
        // A whole one ends with a zero; a shorter one is the start of names, of which more than one
        // begin so.
        let fits = match image {
            [] | [0, ..] => false,
            [.., last] => image.len() + 1 < slot.bytes() || image.len() == slot.bytes() && *last == 0,
        };
        let Some(text) = Value::new(image).filter(|_| fits) else {
            return refused(format!(
                "{} takes a name of 1 to {} bytes, or the first 1 to {} of more names",
                want.words(&slot),
                slot.bytes().saturating_sub(1),
                slot.bytes().saturating_sub(2)
            ));
        };
        return Ok(Known { slot, how: How::Text(text) });
    }
    let Some(n) = constant_number(image) else { return refused("a number of more than 128 bits") };
    let most = want.most.unwrap_or(u128::MAX);
    if n > ones(slot.bits) {
        let text = slot.ty.text(image, crate::data::Style::NUMBER);
        return refused(format!("{text} does not fit the {} bits of {}", slot.bits, want.words(&slot)));
    }
    if n > most {
        return refused(format!("{n} is more than {most}, the most there is here"));
    }
    Ok(Known::number(slot, n))
}

/// A number that the machine makes up is of the type that is wanted, if that is a number of 32
/// bits.
fn integer_like(want: &Want) -> Slot {
    let ty = want.slot().filter(|slot| slot.bits == 32 && !slot.is_text() && !slot.is_bits()).map(|slot| slot.ty);
    Slot { ty: ty.unwrap_or(INTEGER), ..Slot::number(32) }
}

fn above(modulus: u32, offset: u32) -> Result<u128> {
    match (u64::from(modulus) + u64::from(offset)).checked_sub(1) {
        Some(most) if modulus > 0 => Ok(most.into()),
        _ => refused("a modulus of zero"),
    }
}
