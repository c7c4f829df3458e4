//! Matches: a field against a value, a range, bits, a set.

use super::{
    Compiler, NamedSet,
    emit::{Machine, lookup},
    known::{How, Known, Slot, Want, laid, number_image, ones},
    notes::key_of,
    sets::{Entry, Fate, Shape, Values},
};
use crate::{
    data::{ByteOrder, CtState, DataType, FieldType, Mark, Name, Typed, image},
    expr::{Bitwise, Cmp, CmpOp, FibFlags, LookupFlags, MetaKey, Range, RangeOp},
    lang::{
        field::{Field, Load, Param},
        refused,
        tree::{BinaryOp, Expression, Item, Op},
    },
    model::SetFlags,
    wire::Malformed,
};

type Result<T> = std::result::Result<T, Malformed>;

impl Compiler<'_, '_> {
    /// A match.
    pub(super) fn relation(&mut self, op: Op, left: &Expression, right: &Expression) -> Result<()> {
        let named = match right {
            Expression::Named(name) => Some(self.sets.named(name)?),
            _ => None,
        };
        let mut want = match (&named, left) {
            (Some(set), Expression::Numgen { .. } | Expression::Hash { .. }) => Want::of(&set.key),
            (named, _) => beside(named.as_ref(), left),
        };
        let said = left;
        let left = match (left, is_truth(right)) {
            (Expression::Field(field), Some(_)) => self.evaluate(&Expression::Field(existence(field)), &mut want)?,
            _ => self.evaluate(left, &mut want)?,
        };
        if left.is_constant() {
            return refused("a comparison of two constants");
        }
        let inverted = match op {
            Op::Implicit | Op::Eq => Some(false),
            Op::Ne => Some(true),
            _ => None,
        };
        match (right, named) {
            (Expression::Named(name), Some(set)) => {
                let Some(inverted) = inverted else { return refused("a set can be compared with == and != only") };
                agrees(name, &left, &set.key, false)?;
                self.note_lookup(&left, inverted, None);
                let interval = set.flags.contains(SetFlags::INTERVAL);
                self.push_lookup(left, name, None, interval, inverted)
            }
            (Expression::Set(items), _) => {
                let Some(inverted) = inverted else { return refused("a set can be compared with == and != only") };
                self.member(op, said, left, items, inverted, &want)
            }
            _ => {
                let (op, right) = self.right(op, &left, right, &mut want)?;
                self.compare(op, left, right)
            }
        }
    }

    /// The right side; a range of hours that goes past midnight is all but the hours between.
    fn right(&mut self, op: Op, left: &Known, right: &Expression, want: &mut Want) -> Result<(Op, Known)> {
        if let (How::Field(field), Expression::Range(bounds)) = (&left.how, right)
            && matches!(field.load(), Load::Meta(MetaKey::TimeHour | MetaKey::TimeDay))
        {
            let lo = self.evaluate(&bounds.0, want)?;
            let hi = self.evaluate(&bounds.1, want)?;
            if let (Some(a), Some(b)) = (lo.as_number(), hi.as_number())
                && a > b
            {
                let op = match op {
                    Op::Implicit | Op::Eq => Op::Ne,
                    Op::Ne => Op::Eq,
                    _ => return refused("a range can be compared with == and != only"),
                };
                return Ok((op, Known { how: How::Range(b, a), ..lo }));
            }
        }
        Ok((op, self.evaluate(right, want)?))
    }

    /// One value, range, prefix or bits.
    fn compare(&mut self, op: Op, mut left: Known, mut right: Known) -> Result<()> {
        if left.is_concat() || right.is_concat() {
            return refused("several fields can be compared with sets only");
        }
        if !right.is_constant() {
            return refused("the right side of a comparison has to be constant");
        }
        let ordering = matches!(op, Op::Lt | Op::Gt | Op::Le | Op::Ge);
        if ordering && !right.is_single() {
            return refused("an order comparison takes a single value");
        }
        let bits = right.slot.is_bits() && matches!(right.how, How::Number(_));
        if op == Op::Neg && !bits {
            return refused("only bits can be negated so: did you mean != ?");
        }
        if op == Op::Neg && matches!(left.how, How::Binary(..)) {
            return refused("a negation of bits that are combined with others");
        }
        // What it says of the packet is true behind it.
        let said = match (&left.how, op) {
            (How::Field(field), Op::Implicit | Op::Eq) => right.as_number().map(|n| (*field, n)),
            _ => None,
        };
        if ordering || matches!(right.how, How::Range(..)) {
            left = left.turn(ByteOrder::Network);
        }
        let any_bit = bits && matches!(op, Op::Implicit | Op::Neg);
        if let Some((op, by)) = transferable(&left)
            && matches!(right.how, How::Number(_) | How::Range(..))
        {
            transfer_constant(op, by, &mut right)?;
            left = without(left);
        }
        let len = left.slot.bytes();
        let order = left.slot.order;
        let mut machine = Machine::default();
        let value = |n| laid(number_image(n, len), order);
        match right.how {
            How::Range(lo, hi) => {
                let op = if op == Op::Ne { RangeOp::Neq } else { RangeOp::Eq };
                let register = machine.load_only(&left)?;
                machine.push(Range::new(register, op, value(lo), value(hi)));
            }
            How::Prefix(n, bits) => {
                let whole = (bits / 8) as usize;
                if order == ByteOrder::Network && bits > 0 && bits.is_multiple_of(8) {
                    let register = machine.load_only(&Known { slot: Slot { bits, ..left.slot }, ..left })?;
                    let start = number_image(n, len);
                    machine.push(Cmp::new(register, cmp(op), image(start.get(..whole).unwrap_or(&start))));
                } else {
                    let register = machine.load_only(&left)?;
                    let mask = ones(left.slot.bits) & !ones(left.slot.bits.saturating_sub(bits));
                    machine.push(Bitwise::mask(register, register, value(mask)));
                    machine.push(Cmp::new(register, cmp(op), value(n)));
                }
            }
            How::Number(n) if any_bit => {
                let register = machine.load_only(&left)?;
                if matches!(left.how, How::Binary(..)) {
                    machine.push(Cmp::new(register, CmpOp::Eq, value(n)));
                } else {
                    machine.push(Bitwise::mask(register, register, value(n)));
                    machine.push(Cmp::new(register, if op == Op::Neg { CmpOp::Eq } else { CmpOp::Neq }, value(0)));
                }
            }
            How::Number(n) => {
                // Whole bytes of the packet may be joined with their neighbours.
                if let (How::Field(field), Op::Implicit | Op::Eq) = (&left.how, op)
                    && let Load::Packet(header, offset) = field.load()
                {
                    self.cx.push_equal(field, header, header.place(offset) / 8, value(n));
                } else {
                    let register = machine.load_only(&left)?;
                    machine.push(Cmp::new(register, cmp(op), value(n)));
                }
            }
            How::Text(text) => {
                let text = if text.len() < len { text } else { super::known::stretched(&text, 0, len) };
                let bits = text.len() as u32 * 8;
                let register = machine.load_only(&Known { slot: Slot { bits, ..left.slot }, ..left })?;
                machine.push(Cmp::new(register, cmp(op), text));
            }
            _ => return refused("this cannot be compared"),
        }
        if !machine.exprs.is_empty() {
            self.cx.push_match(machine.exprs);
        }
        if let Some((field, n)) = said {
            self.cx.observe(&field, &[n]);
        }
        Ok(())
    }

    /// In a set of this rule, or not. A set of one element is a comparison.
    fn member(
        &mut self,
        op: Op,
        said: &Expression,
        left: Known,
        items: &[Item],
        inverted: bool,
        want: &Want,
    ) -> Result<()> {
        let key = Want { keyed: false, ..want.clone() };
        let mut entries = self.entries(items, &key, None)?;
        if let ([one], false) = (&entries[..], left.is_concat())
            && one.dress.exprs.is_empty()
            && !matches!(one.key.how, How::Any)
        {
            let right = one.key.clone();
            let op = match op {
                Op::Implicit if right.slot.is_bits() && right.slot.ty.datatype != CtState::FIELD.datatype => Op::Eq,
                op => op,
            };
            return self.compare(op, left, right);
        }
        let keys: Vec<_> = entries.iter().map(|entry| entry.key.clone()).collect();
        self.note_lookup(&left, inverted, Some(&keys));
        let key_order = if left.is_concat() { ByteOrder::Byte } else { left.slot.order };
        let left = self.transfer_all(left, &mut entries)?;
        let interval = entries.iter().any(|e| !matches!(e.key.how, How::Any) && !e.key.is_single());
        let key = left.parts().iter().map(|part| (part.slot, part.slot.bytes())).collect();
        let merge = interval && !left.is_concat();
        let shape =
            Shape { key, key_of: key_of(said, &left), interval, merge, values: None, whole: true, fate: Fate::First };
        let (name, id) = self.add_anonymous(&shape, key_order, &entries)?;
        self.push_lookup(left, &name, Some(id), interval, inverted)
    }

    fn push_lookup(&mut self, left: Known, name: &Name, id: Option<u32>, interval: bool, inverted: bool) -> Result<()> {
        let left = if interval { left.turn(ByteOrder::Network) } else { left };
        let mut machine = Machine::default();
        let register = machine.load_only(&left)?;
        let mut lookup = lookup(name, id, register, None);
        lookup.flags = inverted.then_some(LookupFlags::INV);
        machine.push(lookup);
        self.cx.push_match(machine.exprs);
        Ok(())
    }

    /// What a map has for a key: the key, ready for the lookup, and the map.
    pub(super) fn map_lookup(
        &mut self,
        said: &Expression,
        of: &Expression,
        values: Option<Values>,
    ) -> Result<(Known, Name, Option<u32>, Option<Values>)> {
        let before = std::mem::take(&mut self.target);
        let named = match of {
            Expression::Named(name) => Some((name, self.sets.named(name)?)),
            _ => None,
        };
        let mut want = beside(named.as_ref().map(|(_, set)| set), said);
        let key = self.evaluate(said, &mut want)?;
        self.target = before;
        if key.is_constant() {
            return refused("a map is looked up with a constant");
        }
        if let Some((name, set)) = named {
            agrees(name, &key, &set.key, true)?;
            let key = match set.flags.contains(SetFlags::INTERVAL) {
                true => key.turn(ByteOrder::Network),
                false => key,
            };
            return Ok((key, name.clone(), None, set.values));
        }
        let Expression::Set(items) = of else { return refused("a map is a set of elements or the name of one") };
        let Some(mut values) = values else { return refused("nothing says what the values of the map are") };
        let mut entries = self.entries(items, &Want { keyed: false, ..want.clone() }, Some(&values))?;
        if let Values::Slots(_, ranges) = &mut values {
            *ranges = entries.iter().any(|e| e.data.as_ref().is_some_and(|d| !d.is_single()));
        }
        let key_order = match want.slot() {
            Some(slot) if !key.is_concat() => slot.order,
            _ => ByteOrder::Byte,
        };
        let object = matches!(values, Values::Object(_));
        let key = if object { key } else { self.transfer_all(key, &mut entries)? };
        let interval = entries.iter().any(|e| !matches!(e.key.how, How::Any) && !e.key.is_single());
        // A number that was combined or moved is one of the field's type all the same.
        let fields: Vec<_> = if key.is_concat() {
            key.parts().iter().map(|part| (part.slot, part.slot.bytes())).collect()
        } else {
            let slot = want.slot().unwrap_or(key.slot);
            vec![(Slot { order: key.slot.order, ..slot }, key.slot.bytes())]
        };
        let key_of = key_of(said, &key);
        let shape =
            Shape { key: fields, key_of, interval, merge: false, values: Some(values), whole: true, fate: Fate::First };
        let (name, id) = self.add_anonymous(&shape, key_order, &entries)?;
        let key = if interval { key.turn(ByteOrder::Network) } else { key };
        Ok((key, name, Some(id), shape.values))
    }

    /// Moves shifts and flips from the field to the elements, if it can be done for all of them.
    fn transfer_all(&mut self, left: Known, entries: &mut [Entry]) -> Result<Known> {
        let Some((op, n)) = transferable(&left) else { return Ok(left) };
        if !entries.iter().all(|entry| matches!(entry.key.how, How::Number(_))) {
            return Ok(left.whole_numbers());
        }
        for entry in entries.iter_mut() {
            transfer_constant(op, n, &mut entry.key)?;
        }
        Ok(without(left))
    }

    /// What a comparison says of the packet.
    fn note(&mut self, left: &Known, values: &[Known]) {
        let How::Field(field) = &left.how else { return };
        let numbers: Vec<u128> = values.iter().filter_map(Known::as_number).collect();
        if numbers.len() == values.len() || values.len() > 1 {
            self.cx.observe(field, &numbers);
        }
    }

    /// The same of a lookup in a set; of one whose elements are not known, that it is one of
    /// several.
    fn note_lookup(&mut self, left: &Known, inverted: bool, values: Option<&[Known]>) {
        match (inverted, values) {
            (false, Some(values)) => self.note(left, values),
            (false, None) => {
                if let How::Field(field) = &left.how
                    && matches!(field.load(), Load::Meta(_))
                {
                    self.cx.observe(field, &[0, 0]);
                }
            }
            (true, _) => {}
        }
    }
}

/// What a key that is looked up in a named set is to be: constants among its fields are of the
/// set's types.
fn beside(set: Option<&NamedSet>, key: &Expression) -> Want {
    match (set, key) {
        (Some(set), Expression::Concat(_)) => Want { keyed: true, ..Want::of(&set.key) },
        (set, _) => Want { keyed: set.is_some(), ..Want::default() },
    }
}

/// Whether what is looked up in a set, or put into it, is of its types. nft takes any number for a
/// mark, but in a match.
pub(super) fn agrees(set: &Name, said: &Known, slots: &[Slot], marks: bool) -> Result<()> {
    let (own, others) = (said.parts(), slots);
    let any_number = marks && others.len() == 1 && others[0].ty.datatype == Mark::FIELD.datatype();
    let is_number = |ty: FieldType| ty.datatype == DataType::INTEGER || ty.info.base == DataType::INTEGER;
    let same =
        |(own, slot): (&Known, &Slot)| own.slot.ty.datatype == slot.ty.datatype || any_number && is_number(own.slot.ty);
    if own.len() == others.len() && own.iter().zip(others).all(same) {
        return Ok(());
    }
    let words =
        |slots: &mut dyn Iterator<Item = &Slot>| slots.map(|slot| slot.ty.name()).collect::<Vec<_>>().join(" . ");
    let (own, others) = (words(&mut own.iter().map(|part| &part.slot)), words(&mut others.iter()));
    refused(format!("the types do not agree: {own} is given where {set} takes {others}"))
}

fn cmp(op: Op) -> CmpOp {
    match op {
        Op::Implicit | Op::Eq | Op::Neg => CmpOp::Eq,
        Op::Ne => CmpOp::Neq,
        Op::Lt => CmpOp::Lt,
        Op::Gt => CmpOp::Gt,
        Op::Le => CmpOp::Lte,
        Op::Ge => CmpOp::Gte,
    }
}

/// Whether there is a route, where the field is what is known of it.
fn existence(field: &Field) -> Field {
    match field.param {
        Param::Fib(flags) => Field::with(field.spec, Param::Fib(flags | FibFlags::PRESENT)),
        _ => *field,
    }
}

/// Whether it says that something is there, or is not.
fn is_truth(right: &Expression) -> Option<bool> {
    match right {
        Expression::Word(word) => match &word[..] {
            "exists" => Some(true),
            "missing" => Some(false),
            _ => None,
        },
        Expression::Value(constant) if constant.ty == bool::FIELD => Some(constant.image.iter().any(|b| *b != 0)),
        _ => None,
    }
}

/// What can be moved to the other side of a comparison: a shift by a constant, or a flip of
/// constant bits.
fn transferable(left: &Known) -> Option<(BinaryOp, u128)> {
    match &left.how {
        How::Binary(op @ (BinaryOp::Lshift | BinaryOp::Rshift | BinaryOp::Xor), _, by) => Some((*op, by.as_number()?)),
        _ => None,
    }
}

fn transfer_number(op: BinaryOp, by: u128, n: u128) -> Result<u128> {
    match op {
        BinaryOp::Lshift if n.trailing_zeros() < by as u32 && n != 0 => refused("a comparison that never holds"),
        BinaryOp::Lshift => Ok(n.checked_shr(by as u32).unwrap_or(0)),
        BinaryOp::Rshift => Ok(n.checked_shl(by as u32).unwrap_or(0)),
        _ => Ok(n ^ by),
    }
}

fn transfer_constant(op: BinaryOp, by: u128, constant: &mut Known) -> Result<()> {
    match &mut constant.how {
        How::Number(n) => *n = transfer_number(op, by, *n)?,
        How::Range(lo, hi) => (*lo, *hi) = (transfer_number(op, by, *lo)?, transfer_number(op, by, *hi)?),
        _ => {}
    }
    Ok(())
}

/// The field without what was moved to the other side. Bits that a shift would have dropped are
/// masked.
fn without(left: Known) -> Known {
    match left.how {
        How::Binary(BinaryOp::Rshift, of, by) => {
            let shift = by.as_number().unwrap_or(0) as u32;
            let mask = ones(of.slot.bits).checked_shl(shift).unwrap_or(0) & ones(of.slot.bits);
            let slot = Slot { ty: left.slot.ty, ..of.slot };
            Known { slot, how: How::Binary(BinaryOp::And, of, Known::number(slot, mask).into()) }
        }
        How::Binary(_, of, _) => Known { slot: Slot { ty: left.slot.ty, ..of.slot }, how: of.how },
        how => Known { slot: left.slot, how },
    }
}
