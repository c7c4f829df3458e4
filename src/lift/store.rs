//! Setting fields: of packets, of their metadata, of their connections.

use super::{
    node::{Node, Packet},
    resolve::hex,
    run::{Lifter, packet},
};
use crate::{
    data::{ByteOrder, Value},
    expr::{ChecksumType, Ct, Exthdr, Meta, Payload},
    lang::header::Layer,
    lang::{
        bits,
        field::{Field, Load},
        find,
        repr::{Known, Repr},
        tree::{BinaryOp, Expression, Statement},
    },
};

/// What is written to some bits of a packet that are read, changed and written back whole.
enum Change<'v> {
    /// Bits become those of a value.
    Set { mask: Value, value: Value },
    /// Bits are combined with those of a value.
    Combine(BinaryOp, &'v Value),
}

impl<'a> Lifter<'a> {
    fn assign(&mut self, field: Field, value: Expression, made_by: &[usize]) -> Option<()> {
        self.act(Statement::Assign { field, value }, made_by)
    }

    pub fn meta_store(&mut self, e: &Meta) -> Option<()> {
        let field = find::meta(e.key, None)?;
        let held = self.whole(e.sreg?)?;
        let value = self.value(held.node, &Repr::from(&field))?;
        self.assign(field, value, &held.made_by)
    }

    pub fn ct_store(&mut self, e: &Ct) -> Option<()> {
        let field = find::ct(e.key, e.direction)?;
        let held = self.whole(e.sreg?)?;
        let mut value = self.value(held.node, &Repr::from(&field))?;
        if field.is_set_to_list() {
            value = listed(value);
        }
        self.assign(field, value, &held.made_by)
    }

    pub fn exthdr_store(&mut self, e: &Exthdr) -> Option<()> {
        let field = find::exthdr(e)?;
        let held = self.read(e.sreg?, e.len? as usize)?;
        let value = self.value(held.node, &Repr::from(&field))?;
        self.assign(field, value, &held.made_by)
    }

    pub fn payload_store(&mut self, e: &Payload) -> Option<()> {
        let to = packet(e, None)?;
        let held = self.read(e.sreg?, e.len as usize)?;
        if let Some((field, _)) = self.field_at(&to)
            && to.layer != Layer::Inner
            && mends(e, &field)
        {
            let known = self.packet(&to)?;
            let value = self.value(held.node, &known.part)?;
            return self.assign(field_of(known.expression)?, value, &held.made_by);
        }
        let change = change_of(&to, &held.node);
        let changed = change.and_then(|change| self.changed(&to, &change));
        if let Some((field, value)) = changed.filter(|(field, _)| mends(e, field)) {
            return self.assign(field, value, &held.made_by);
        }
        self.restore(self.lines.len());
        let part = Repr { ty: hex(to.bits), order: ByteOrder::Network, bits: to.bits, shift: 0 };
        let value = self.value(held.node, &part)?;
        let field = find::raw(to.base, to.offset, to.bits, None).filter(|field| mends(e, field))?;
        self.assign(field, value, &held.made_by)
    }

    /// The field that a change is of, and its new value.
    fn changed(&mut self, to: &Packet, change: &Change<'_>) -> Option<(Field, Expression)> {
        match change {
            Change::Set { mask, value } => {
                // All the bits of a field, or some of it: the others become zeros or ones.
                let (packet, shift) = match self.cut(&Node::Packet(*to), mask, false) {
                    Some(cut) => cut,
                    None => return self.partly(to, change).or_else(|| self.set_bytes(to, mask, value)),
                };
                let known = self.packet(&packet)?;
                Some((field_of(known.expression.clone())?, self.moved(&known, value, shift)?))
            }
            Change::Combine(..) => self.partly(to, change),
        }
    }

    /// Bits of which no field is known.
    fn set_bytes(&mut self, to: &Packet, mask: &Value, value: &Value) -> Option<(Field, Expression)> {
        // Bits that all become ones may be some of more.
        let (packet, shift) = self.cut(&Node::Packet(*to), mask, true).filter(|_| mask != value)?;
        let part = Repr { ty: hex(packet.bits), order: ByteOrder::Network, bits: packet.bits, shift: 0 };
        let field = find::raw(packet.base, packet.offset, packet.bits, None)?;
        let value = bits::fitted(&bits::shifted(value, shift), part.bytes() as usize)?;
        Some((field, part.named(value)))
    }

    fn moved(&self, known: &Known, value: &Value, shift: u32) -> Option<Expression> {
        let image = known.part.fit(&bits::shifted(value, shift))?;
        Some(known.part.named(image))
    }

    /// A change of some bits of a field: `ip dscp set ip dscp | 0x01`.
    fn partly(&mut self, to: &Packet, change: &Change<'_>) -> Option<(Field, Expression)> {
        if !to.bits.is_multiple_of(16) {
            return None;
        }
        let (op, value) = match change {
            // Bits that only become zeros.
            Change::Set { mask, value } if bits::is_zero(value) => (BinaryOp::And, bits::not(mask)),
            Change::Set { mask, value } if mask == value => (BinaryOp::Or, *value),
            Change::Set { .. } => return None,
            Change::Combine(op, value) => (*op, **value),
        };
        let touched = if op == BinaryOp::And { bits::not(&value) } else { value };
        let low = bits::lowest(&touched)?;
        let (field, shift) = self.field_around(to, low)?;
        let own = bits::shifted_up(&bits::ones_of(u32::from(field.bits())), shift, value.len())?;
        if !bits::is_zero(&bits::combine(&touched, &own, |touched, own| touched & !own)) {
            return None;
        }
        let packet =
            Packet { offset: to.offset + to.bits - shift - u32::from(field.bits()), bits: field.bits().into(), ..*to };
        let known = self.packet(&packet)?;
        let value = bits::combine(&value, &own, |value, own| value & own);
        let value = bits::shifted(&value, shift);
        let field = field_of(known.expression.clone())?;
        let image = known.part.fit(&value)?;
        if op == BinaryOp::And && bits::is_zero(&image) {
            return Some((field, known.part.of_image(image)));
        }
        let right = Box::new(known.part.named(image));
        Some((field, Expression::Binary { op, left: Box::new(known.expression), right }))
    }

    /// The field that a bit of a packet is in, and how far its end is from the end of the bytes.
    fn field_around(&mut self, to: &Packet, bit: u32) -> Option<(Field, u32)> {
        let (header, start) = self.layers[0].header_at(to.layer, to.offset)?;
        let at = (to.offset.checked_sub(start)? + to.bits).checked_sub(bit + 1)?;
        let end = to.offset - start + to.bits;
        let field = find::fields(header, None, start).find(|field| {
            let (from, len) = (find::offset(field), u32::from(field.bits()));
            from <= at && at < from + len && from >= to.offset - start && from + len <= end
        })?;
        let shift = end - find::offset(&field) - u32::from(field.bits());
        Some((field, shift))
    }
}

/// Whether a write mends the checksums that one of the field has to.
fn mends(e: &Payload, field: &Field) -> bool {
    let Load::Packet(header, _) = field.load() else { return false };
    let Some(register) = e.sreg else { return false };
    let checksums = |e: &Payload| {
        let kind = e.csum_type.filter(|kind| *kind != ChecksumType::None);
        (kind, e.csum_offset.filter(|_| kind.is_some()), e.csum_flags.unwrap_or_default())
    };
    checksums(e) == checksums(&field.store(header, e.offset, e.len, register))
}

/// What becomes of packet bytes that are written back.
fn change_of<'v>(to: &Packet, node: &'v Node<'_>) -> Option<Change<'v>> {
    let Node::Binary { op, left, right } = node else { return None };
    let Node::Constant(value) = &**right else { return None };
    match &**left {
        Node::Packet(from) if from == to => Some(match op {
            BinaryOp::And => Change::Set { mask: bits::not(value), value: bits::combine(value, value, |_, _| 0) },
            BinaryOp::Or => Change::Set { mask: *value, value: *value },
            BinaryOp::Xor => Change::Combine(*op, value),
            BinaryOp::Lshift | BinaryOp::Rshift => return None,
        }),
        Node::Binary { op: BinaryOp::And, left, right } if *op == BinaryOp::Or => {
            let (Node::Packet(from), Node::Constant(keep)) = (&**left, &**right) else { return None };
            // Bits that are set are among those that are kept first.
            (from == to).then(|| Change::Set { mask: bits::combine(keep, value, |k, v| !k | v), value: *value })
        }
        _ => None,
    }
}

fn field_of(expression: Expression) -> Option<Field> {
    match expression {
        Expression::Field(field) => Some(field),
        _ => None,
    }
}

/// Bits one by one instead of combined.
fn listed(value: Expression) -> Expression {
    fn collect(value: Expression, into: &mut Vec<Expression>) {
        match value {
            Expression::Binary { op: BinaryOp::Or, left, right } => {
                collect(*left, into);
                collect(*right, into);
            }
            value => into.push(value),
        }
    }
    if !matches!(value, Expression::Binary { op: BinaryOp::Or, .. }) {
        return value;
    }
    let mut flags = Vec::new();
    collect(value, &mut flags);
    Expression::List(flags)
}
