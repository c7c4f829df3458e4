//! Assignments: packet bytes, marks, connections, options.

use super::{
    Compiler,
    emit::Machine,
    eval::{bit_offset, slot_of},
    known::{How, Known, Slot, Want, ones},
};
use crate::{
    data::{ByteOrder, DataType, Mark, Register, Typed},
    expr::{Ct, Expr, Exthdr, ExthdrOp, Meta},
    lang::{
        field::{Field, Load},
        header::Header,
        refused,
        tree::{BinaryOp, Expression},
    },
    wire::Malformed,
};

type Result<T> = std::result::Result<T, Malformed>;

const MARK: DataType = Mark::FIELD.datatype();

impl Compiler<'_, '_> {
    /// `FIELD set VALUE`.
    pub(super) fn assign(&mut self, field: &Field, value: &Expression) -> Result<()> {
        let slot = slot_of(field);
        match field.load() {
            Load::Packet(header, _) => self.assign_packet(field, header, value),
            Load::Option(ExthdrOp::TcpOption | ExthdrOp::Ipv6, kind, offset) => {
                let slot = Slot { order: ByteOrder::Network, ..slot };
                let known = self.argument(value, slot)?;
                let mut machine = Machine::default();
                let register = machine.load_only(&known)?;
                let store = Exthdr::store(kind, u32::from(offset) / 8, slot.bytes() as u32, register);
                let op = match field.load() {
                    Load::Option(op, ..) => Some(op),
                    _ => None,
                };
                machine.push(Exthdr { op, ..store });
                self.cx.push_act(machine.exprs);
                Ok(())
            }
            Load::Meta(key) => self.assign_known(slot, value, |register| Meta::store(key, register).into()),
            Load::Ct(key) => {
                let direction = field.direction();
                self.assign_known(slot, value, |register| Ct { direction, ..Ct::store(key, register) }.into())
            }
            _ => refused(format!("{} cannot be set", field.words())),
        }
    }

    fn assign_known(&mut self, slot: Slot, value: &Expression, store: impl FnOnce(Register) -> Expr) -> Result<()> {
        self.target = slot.bits;
        let known = self.argument(value, slot);
        self.target = 0;
        let mut machine = Machine::default();
        let register = machine.load_only(&known?)?;
        machine.push(store(register));
        self.cx.push_act(machine.exprs);
        Ok(())
    }

    /// A value of a type that a statement takes, in the order in which it takes it.
    pub(super) fn argument(&mut self, value: &Expression, slot: Slot) -> Result<Known> {
        let known = self.evaluate(value, &mut Want::one(slot))?;
        let mark = slot.ty.datatype == MARK && !known.slot.is_text() && !known.slot.is_bits();
        as_wide(&known, &slot)?;
        if known.is_concat() || !mark && known.slot.ty.datatype != slot.ty.datatype {
            return refused(format!("a value of type {} where {} is needed", known.slot.ty.name(), slot.ty.name()));
        }
        Ok(known.turn(slot.order))
    }

    /// A value into packet bytes. What shares its bytes with other fields is put between them, and
    /// a checksum wants whole pairs of bytes.
    fn assign_packet(&mut self, field: &Field, header: Header, value: &Expression) -> Result<()> {
        if field.tunnel().is_some() {
            return refused(format!("{} is inside of a tunnel and cannot be set", field.words()));
        }
        let field = &self.cx.need(field)?;
        let (slot, offset) = (slot_of(field), bit_offset(field).unwrap_or_default());
        let pairs = header.in_pairs();
        self.written = Some(*field);
        let known = self.argument(value, slot);
        self.written = None;
        let known = known?;
        if !known.is_single() {
            return refused(format!("{} takes a single value", field.words()));
        }
        let mut machine = Machine::default();
        let (first, end) = (u32::from(offset) / 8, (u32::from(offset) + slot.bits).div_ceil(8));
        let aligned = offset.is_multiple_of(8) && slot.bits.is_multiple_of(8);
        if aligned && (!pairs || (end - first).is_multiple_of(2)) {
            let register = machine.load_only(&known)?;
            machine.push(field.store(header, first, end - first, register));
            self.cx.push_act(machine.exprs);
            return Ok(());
        }
        // Where the field is in the bytes that are read and written.
        let (mut from, mut to) = (first, end);
        if pairs && !(end - first).is_multiple_of(2) {
            if first.is_multiple_of(2) { to += 1 } else { from -= 1 }
        }
        let shift = to * 8 - u32::from(offset) - slot.bits;
        let wide = Slot { bits: (to - from) * 8, ..slot };
        let own = ones(slot.bits) << shift;
        let others = ones(wide.bits) & !own;
        let bytes = Known { slot: wide, how: How::Bytes(header.base(), from) };
        let known = match known.as_number() {
            Some(n) => {
                let kept = Known::number(wide, others);
                let kept = Known { slot: wide, how: How::Binary(BinaryOp::And, bytes.into(), kept.into()) };
                let n = Known::number(wide, n << shift);
                Known { slot: wide, how: How::Binary(BinaryOp::Xor, kept.into(), n.into()) }
            }
            None => match widened(known, field, &bytes, shift, others) {
                Some(known) => known,
                None => {
                    return refused(format!("{} can be set to a constant or to bits of itself only", field.words()));
                }
            },
        };
        let register = machine.load_only(&known)?;
        machine.push(field.store(header, from, to - from, register));
        self.cx.push_act(machine.exprs);
        Ok(())
    }

    /// Whether a field is the one that is written: it is read whole then, with what stands beside
    /// it.
    pub(super) fn is_written(&self, field: &Field) -> bool {
        self.written.as_ref() == Some(field)
    }
}

/// Whether a field that is a plain number has the bits that are asked for.
pub(super) fn as_wide(known: &Known, slot: &Slot) -> Result<()> {
    match known.how {
        How::Field(_) if known.slot.ty.datatype == DataType::INTEGER && known.slot.bits != slot.bits => {
            refused(format!("a number of {} bits where one of {} is needed", known.slot.bits, slot.bits))
        }
        _ => Ok(()),
    }
}

/// Arithmetic with a field itself, on the bytes that it is in.
fn widened(known: Known, field: &Field, bytes: &Known, shift: u32, others: u128) -> Option<Known> {
    match known.how {
        How::Field(own) if own == *field => Some(bytes.clone()),
        How::Binary(op @ (BinaryOp::And | BinaryOp::Or | BinaryOp::Xor), left, right) => {
            let n = right.as_number()? << shift;
            let n = if op == BinaryOp::And { n | others } else { n };
            let left = widened(*left, field, bytes, shift, others)?;
            let n = Known::number(bytes.slot, n);
            Some(Known { slot: bytes.slot, how: How::Binary(op, left.into(), n.into()) })
        }
        _ => None,
    }
}
