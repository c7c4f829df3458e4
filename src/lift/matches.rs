//! Comparisons: what is compared, with what, and which matches say the same as others.

use super::{
    items,
    layers::{Left, Told},
    node::{Node, Packet},
    resolve::plain_bytes,
    run::Lifter,
};
use crate::{
    data::{Register, Value},
    expr::{Cmp, CmpOp, CtKey, Lookup, LookupFlags, MetaKey, Range, RangeOp},
    lang::{
        bits,
        field::{Load, Side},
        find,
        header::Header,
        repr::Known,
        tree::{BinaryOp, Expression, Op, Statement},
    },
};

impl<'a> Lifter<'a> {
    /// A comparison with a constant.
    pub fn cmp(&mut self, e: &Cmp) -> Option<()> {
        let held = self.read(e.sreg, e.data.len())?;
        let data = match (&held.node, held.node.bytes() as usize) {
            (Node::Concat(_), _) | (_, 0) => e.data,
            // The rest of the word is zeros.
            (_, own) if own < e.data.len() => {
                let (data, rest) = e.data.split_at_checked(own)?;
                bits::is_zero(rest).then_some(())?;
                Value::new(data)?
            }
            _ => e.data,
        };
        let op = match e.op {
            CmpOp::Eq => Op::Implicit,
            CmpOp::Neq => Op::Ne,
            CmpOp::Lt => Op::Lt,
            CmpOp::Lte => Op::Le,
            CmpOp::Gt => Op::Gt,
            CmpOp::Gte => Op::Ge,
            CmpOp::Unknown(_) => return None,
        };
        let shorter = held.node.bytes() > data.len() as u32;
        match held.node {
            Node::Packet(packet) if !shorter && matches!(op, Op::Implicit | Op::Ne) => {
                self.expand(&packet, op, &data, &held.made_by)
            }
            Node::Binary { op: BinaryOp::And, left, right } if !shorter => {
                self.masked(op, *left, *right, &data, &held.made_by)
            }
            Node::Concat(parts) => {
                let (mut left, mut right, mut at) = (Vec::new(), Vec::new(), 0);
                for part in parts {
                    let known = self.resolve_in(part, true)?;
                    let len = known.part.bytes() as usize;
                    right.push(known.part.value(data.get(at..at + len)?)?);
                    left.push(known.expression);
                    at += len.next_multiple_of(4);
                }
                self.push_match(op, Expression::Concat(left), Expression::Concat(right), &held.made_by);
                Some(())
            }
            node => {
                let ct = told_of(&node);
                let known = match node {
                    Node::Packet(packet) if !shorter => self.bare(&packet)?,
                    node => self.resolve(node)?,
                };
                let right = if shorter { known.part.beginning(&data)? } else { known.part.value(&data)? };
                let value = (!shorter).then(|| known.part.image(&data)).flatten();
                let told = ct.filter(|_| op == Op::Implicit).map(|(left, inner)| (Told { left, value }, inner));
                let written = written(op, &known.expression, &right);
                if let Some((told, inner)) = told {
                    self.layers[usize::from(inner)].observe(&told);
                    let line = self.layers[usize::from(inner)].implied_by_meta(&told);
                    self.leave_out(line);
                    if told.value.is_some() {
                        self.layers[usize::from(inner)].remember(self.lines.len(), told);
                    }
                }
                self.push_match(written, known.expression, right, &held.made_by);
                Some(())
            }
        }
    }

    /// Adds a match. A lower and an upper bound are a range, as old nft writes them.
    fn push_match(&mut self, op: Op, left: Expression, right: Expression, made_by: &[usize]) {
        let bound = self.bound.take();
        if self.joins(bound, op, &left, &right, made_by) {
            return;
        }
        self.bound = matches!(op, Op::Ge | Op::Lt).then_some(self.lines.len());
        self.push(Statement::Match { op, left, right }, made_by);
    }

    /// Makes a range of the bound before and of this one, as old nft writes ranges.
    fn joins(
        &mut self,
        bound: Option<usize>,
        op: Op,
        left: &Expression,
        upper: &Expression,
        made_by: &[usize],
    ) -> bool {
        let Some(line) = bound.and_then(|at| self.lines.get_mut(at)) else { return false };
        let Statement::Match { op: before, left: same, right: lower } = &line.statement else { return false };
        let op = match (before, op) {
            (Op::Ge, Op::Le) => Op::Implicit,
            (Op::Lt, Op::Gt) => Op::Ne,
            _ => return false,
        };
        if same != left {
            return false;
        }
        let right = Expression::Range(Box::new((lower.clone(), upper.clone())));
        line.statement = Statement::Match { op, left: left.clone(), right };
        line.made_by.extend(made_by);
        line.made_by.push(self.at);
        true
    }

    /// Packet bytes that are, or are not, a constant: one field or several next to each other.
    fn expand(&mut self, packet: &Packet, op: Op, data: &[u8], made_by: &[usize]) -> Option<()> {
        let inner = usize::from(packet.tunnel.is_some());
        self.leave_out_gre(packet);
        let (mut rest, mut at) = (*packet, 0);
        while rest.bits > 0 {
            let field = self.first_field(&rest, |_| true);
            let field = field
                .filter(|(_, header)| *header != Header::Transport || !self.layers_of(packet).asks_for_transport());
            let whole = field.as_ref().map_or(rest.bits, |(field, _)| field.bits().into());
            let len = whole.min(rest.bits);
            if op == Op::Ne && len < rest.bits {
                // Not all of several is more than each of them not.
                let known = plain_bytes(packet)?;
                let right = known.part.of_image(known.part.fit(data)?);
                self.push_match(op, known.expression, right, made_by);
                return Some(());
            }
            let bytes = bits::slice(data, at, len)?;
            let (known, left) = match field {
                Some((field, header)) => (Known::from(field), Some((Left::of(rest.layer, &field, header), field))),
                None => (plain_bytes(&Packet { bits: len, ..rest })?, None),
            };
            let (right, value) = if len < whole {
                let image = known.part.fit(&bits::shifted_up(&bytes, whole - len, whole.div_ceil(8) as usize)?)?;
                (Expression::Prefix(Box::new(known.part.of_image(image)), len), None)
            } else {
                (known.part.of_image(known.part.fit(&bytes)?), Some(bytes))
            };
            let told = left.filter(|_| op == Op::Implicit).map(|(left, _)| Told { left, value });
            if let Some(told) = &told {
                self.layers[inner].observe(told);
            }
            if let Some((left, field)) = left {
                self.leave_out_below(&rest, left, &field);
            }
            let written = written(op, &known.expression, &right);
            self.push_match(written, known.expression, right, made_by);
            if let Some(told) = told {
                self.layers[inner].remember(self.lines.len() - 1, told);
            }
            rest = Packet { offset: rest.offset + len, bits: rest.bits - len, ..rest };
            at += len;
        }
        Some(())
    }

    /// A comparison under a mask.
    fn masked(&mut self, op: Op, left: Node<'a>, right: Node<'a>, data: &[u8], made_by: &[usize]) -> Option<()> {
        let Node::Constant(mask) = right else {
            let known = self.binary(BinaryOp::And, left, right, false)?;
            return self.compare(op, known, data, made_by);
        };
        match &left {
            // Bytes that are no field: the mask may make one, or several, of them.
            Node::Packet(packet) if self.field_at(packet).is_none() => {
                if let Some((field, shift)) = self.cut(&left, &mask, false) {
                    let moved = bits::fitted(&moved(data, shift)?, field.bits.div_ceil(8) as usize)?;
                    if matches!(op, Op::Implicit | Op::Ne) {
                        return self.expand(&field, op, &aligned(&moved, field.bits)?, made_by);
                    }
                    let known = self.packet(&field)?;
                    let right = known.part.of_image(known.part.fit(&moved)?);
                    self.push_match(op, known.expression, right, made_by);
                    return Some(());
                }
                if let Some((bytes, shift)) = self.cut(&left, &mask, true) {
                    self.leave_out_gre(packet);
                    let known = plain_bytes(&bytes)?;
                    let right = known.part.of_image(known.part.fit(&moved(data, shift)?)?);
                    self.push_match(op, known.expression, right, made_by);
                    return Some(());
                }
            }
            Node::Exthdr(exthdr, _) => {
                if let Some((field, shift)) = find::exthdr_masked(exthdr, &mask) {
                    let known = self.resolve(Node::Exthdr(exthdr.clone(), Some(field)))?;
                    return self.compare(op, known.at(shift), data, made_by);
                }
            }
            _ => {}
        }
        let known = self.resolve(left)?;
        let part = known.part;
        let equal = matches!(op, Op::Implicit | Op::Ne);
        if equal && part.ty.bits && bits::is_zero(data) {
            let mut flags: Vec<_> = part.flags(&part.image(&mask)?).collect();
            let right = match flags.len() {
                0 => part.value(&mask)?,
                1 => flags.remove(0),
                _ => Expression::List(flags),
            };
            let op = if op == Op::Ne { Op::Implicit } else { Op::Neg };
            self.push_match(op, known.expression, right, made_by);
            return Some(());
        }
        if part.is_address()
            && let Some(len) = bits::prefix(&part.image(&mask)?)
        {
            let right = Expression::Prefix(Box::new(part.constant(data)?), len);
            self.push_match(op, known.expression, right, made_by);
            return Some(());
        }
        let mask = Box::new(part.value(&mask)?);
        let left = Expression::Binary { op: BinaryOp::And, left: Box::new(known.expression), right: mask };
        self.compare(op, Known { expression: left, part }, data, made_by)
    }

    fn compare(&mut self, op: Op, left: Known, data: &[u8], made_by: &[usize]) -> Option<()> {
        let right = left.part.value(data)?;
        self.push_match(written(op, &left.expression, &right), left.expression, right, made_by);
        Some(())
    }

    /// A comparison with a range.
    pub fn range(&mut self, e: &Range) -> Option<()> {
        let held = self.read(e.sreg, e.from.len())?;
        if e.to.len() != e.from.len() || held.node.bytes() != e.from.len() as u32 {
            return None;
        }
        let op = match e.op {
            RangeOp::Eq => Op::Implicit,
            RangeOp::Neq => Op::Ne,
            RangeOp::Unknown(_) => return None,
        };
        let hour = matches!(&held.node, Node::Swapped(node) if is_hour(node));
        // There nft does not see the operator for the byte order.
        let swapped = matches!(held.node, Node::Swapped(_));
        let known = match held.node {
            Node::Packet(packet) => self.bare(&packet)?,
            node => self.cut_out(node)?,
        };
        // Hours that go over midnight where this machine is, or in UTC.
        let (op, from, to) = if hour && op == Op::Ne && *e.from <= *e.to {
            (Op::Implicit, &e.to, &e.from)
        } else {
            (op, &e.from, &e.to)
        };
        let right = known.part.range(from, to)?;
        let op = if swapped { op } else { written(op, &known.expression, &right) };
        self.push_match(op, known.expression, right, &held.made_by);
        Some(())
    }

    /// A set that has the value or not, or the value that a map has for it.
    pub fn lookup(&mut self, e: &Lookup) -> Option<()> {
        let of = self.set(&e.set)?;
        let held = self.read(e.sreg, of.key_len() as usize)?;
        let inverted = e.flags.unwrap_or_default().contains(LookupFlags::INV);
        match e.dreg {
            Some(_) if inverted => None,
            Some(Register::VERDICT) => {
                let map = self.map(held.node, of)?.expression;
                self.bound = None;
                self.push(Statement::Verdict(map), &held.made_by);
                Some(())
            }
            Some(register) => self.store(register, Node::Map { key: Box::new(held.node), of }, held.made_by),
            None => {
                let swapped = matches!(held.node, Node::Swapped(_));
                let keys = self.keys(held.node, of, true)?;
                let right = items::reference(of, &keys)?;
                let left = Known::joined(keys);
                let op = if inverted { Op::Ne } else { Op::Implicit };
                let op = if swapped { op } else { written(op, &left, &right) };
                self.push_match(op, left, right, &held.made_by);
                Some(())
            }
        }
    }
}

/// A number without its last bits, which have to be zeros.
fn moved(bytes: &[u8], by: u32) -> Option<Value> {
    bits::lowest(bytes).is_none_or(|low| low >= by).then(|| bits::shifted(bytes, by))
}

/// Bits at the end of bytes as bits at their beginning.
fn aligned(bytes: &[u8], len: u32) -> Option<Value> {
    bits::shifted_up(bytes, bits::width(bytes).checked_sub(len)?, bytes.len())
}

/// What a match of metadata tells of headers, and whether of those in a tunnel.
fn told_of(node: &Node<'_>) -> Option<(Left, bool)> {
    let Node::Field(field) = node else { return None };
    Some(match field.spec.load {
        Load::Meta(key @ (MetaKey::Iiftype | MetaKey::Nfproto | MetaKey::L4proto | MetaKey::Protocol)) => {
            (Left::Meta(key), field.tunnel().is_some())
        }
        Load::Ct(key) => (Left::Ct(key), false),
        Load::CtAddress(side) => (Left::Ct(if side == Side::Source { CtKey::Src } else { CtKey::Dst }), false),
        _ => return None,
    })
}

fn is_hour(node: &Node<'_>) -> bool {
    matches!(node, Node::Field(field) if matches!(field.spec.load, Load::Meta(MetaKey::TimeHour)))
}

/// Whether nft writes `==`.
fn written(op: Op, left: &Expression, right: &Expression) -> Op {
    let bits = matches!(right, Expression::Value(value) if value.ty.bits);
    if op == Op::Implicit && (bits || matches!(left, Expression::Binary { .. })) { Op::Eq } else { op }
}
