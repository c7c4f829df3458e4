//! Comparisons: what is compared, with what, and which matches say the same as others.

use super::{
    bits, find, items,
    layers::{Layer, Layers, Left, Told},
    node::{Node, Packet, SetRef},
    run::Lifter,
    value::{Known, Part},
};
use crate::{
    data::{ByteOrder, FieldType, HEX_INTEGER, INTEGER, Protocol, Register, Typed, Value},
    expr::{Cmp, CmpOp, ExthdrOp, Lookup, LookupFlags, MetaKey, Range, RangeOp},
    stmt::{
        field::{Field, Load},
        header::{Header, Tunnel},
        tree::{BinaryOp, Expression, Op, Statement},
    },
};

/// Bits of a packet under a mask that are a field, or that nft shows as one.
struct Masked {
    packet: Packet,
    /// How far its values are from the end of the bytes.
    shift: u32,
}

/// A number of so many bits that nft shows in hex.
pub(super) fn hex(bits: u32) -> FieldType {
    FieldType { len: bits.div_ceil(8) as u8, ..HEX_INTEGER }
}

impl<'a> Lifter<'a> {
    fn layers_of(&mut self, packet: &Packet) -> &mut Layers {
        &mut self.layers[usize::from(packet.tunnel.is_some())]
    }

    /// The fields of the header in which bits of a packet are, the header, and where it begins.
    fn header_of(&mut self, packet: &Packet) -> Option<(Header, u32)> {
        match (packet.layer, packet.tunnel) {
            (Layer::Inner, Some(tunnel)) => Some((find::header(tunnel)?, 0)),
            (Layer::Inner, None) => None,
            (layer, _) => self.layers_of(packet).header_at(layer, packet.offset),
        }
    }

    /// The first field that begins where bits of a packet do, as far as the rule has made sure of the header.
    fn first_field(&mut self, packet: &Packet, fits: impl Fn(u32) -> bool) -> Option<(Field, Header)> {
        let Some((header, start)) = self.header_of(packet) else {
            // Every transport has ports there.
            let unknown = self.layers_of(packet).known(packet.layer).is_none();
            return port(packet).filter(|_| unknown);
        };
        let layers = self.layers_of(packet);
        let mut fields = find::fields(header, packet.tunnel, start);
        let field = fields.find(|field| {
            find::offset(field) == packet.offset - start && fits(field.bits().into()) && layers.has(field.spec.needs)
        })?;
        Some((field, header))
    }

    /// The field that bits of a packet are; ports, if nothing else is known to be there.
    pub fn field_at(&mut self, packet: &Packet) -> Option<(Field, Header)> {
        let field = self.first_field(packet, |bits| bits == packet.bits);
        field.or_else(|| port(packet).filter(|_| packet.tunnel.is_none()))
    }

    /// Packet bytes as a field, or as bytes; leaves out what says already that the field is there.
    pub fn packet(&mut self, packet: &Packet) -> Option<Known> {
        self.leave_out_gre(packet);
        self.bare(packet)
    }

    /// The same, but for a match of GRE: nft leaves it where fields are compared with more than one value.
    fn bare(&mut self, packet: &Packet) -> Option<Known> {
        let field = self.field_at(packet);
        let field =
            field.filter(|(_, header)| *header != Header::Transport || !self.layers_of(packet).asks_for_transport());
        let Some((field, header)) = field else { return plain_bytes(packet) };
        let left = match Left::of(packet.layer, &field, header) {
            // That it names the protocol above counts only where it does so by one value.
            Left::Packet { layer, header, ethertype, .. } => Left::Packet { layer, header, names: false, ethertype },
            left => left,
        };
        self.leave_out_below(packet, left, &field);
        let known = Known::from(field);
        // Of a tunnel's own header nft knows no types.
        Some(if packet.layer == Layer::Inner { known.typed(hex(packet.bits)) } else { known })
    }

    /// Leaves out what a field of a packet implies.
    fn leave_out_below(&mut self, packet: &Packet, left: Left, field: &Field) {
        let line = self.layers_of(packet).implied_by(&left, field.spec.needs);
        self.leave_out(line);
    }

    /// A look into a GRE tunnel needs no match of the protocol.
    fn leave_out_gre(&mut self, packet: &Packet) {
        if matches!(packet.tunnel, Some(Tunnel::Gre | Tunnel::Gretap)) {
            let line = self.layers[0].take_gre();
            self.leave_out(line);
        }
    }

    /// What a mask cuts out of a packet, if that is one or more fields next to each other.
    fn masked_fields(&mut self, packet: &Packet, mask: &[u8]) -> Option<Masked> {
        let (low, end) = bits::run(mask).filter(|_| bits::width(mask) == packet.bits)?;
        let offset = packet.offset + packet.bits.checked_sub(end)?;
        let (header, start) = self.header_of(packet)?;
        let mut len = 0;
        for field in find::fields(header, packet.tunnel, start) {
            if find::offset(&field) + start != offset + len {
                continue;
            }
            len += u32::from(field.bits());
            if len >= packet.bits {
                return None;
            }
            if len == end - low {
                return Some(Masked { packet: Packet { offset, bits: len, ..*packet }, shift: low });
            }
        }
        None
    }

    /// What a mask cuts out of bytes of which no field is known.
    fn masked_bytes(&mut self, packet: &Packet, mask: &[u8]) -> Option<Masked> {
        if self.field_at(packet).is_some() {
            return None;
        }
        let (low, end) = bits::run(mask).filter(|_| bits::width(mask) == packet.bits)?;
        let offset = packet.offset + packet.bits.checked_sub(end).filter(|skipped| *skipped > 0)?;
        (offset.next_multiple_of(8) <= 255)
            .then_some(Masked { packet: Packet { offset, bits: end - low, ..*packet }, shift: low })
    }

    /// What a node is, and which values it has.
    pub fn resolve(&mut self, node: Node<'a>) -> Option<Known> {
        self.resolve_in(node, false)
    }

    /// The same, for a field of a key if `key`, where masks cut out fields.
    fn resolve_in(&mut self, node: Node<'a>, key: bool) -> Option<Known> {
        Some(match node {
            Node::Constant(_) => return None,
            Node::Packet(packet) => {
                let known = self.packet(&packet)?;
                if key && packet.layer == Layer::Inner { known.typed_as_field() } else { known }
            }
            Node::Exthdr(exthdr, field) => {
                let layer = match exthdr.op.unwrap_or(ExthdrOp::Ipv6) {
                    ExthdrOp::TcpOption => Layer::Transport,
                    ExthdrOp::Ipv6 | ExthdrOp::Ipv4Option => Layer::Network,
                    _ => Layer::None,
                };
                if layer != Layer::None {
                    let line = self.layers[0].take(layer);
                    self.leave_out(line);
                }
                let known = Known::from(field?);
                match field.map(|field| field.spec.load) {
                    // Beside other fields, nft takes existence for the first field of the header.
                    Some(Load::Exists(ExthdrOp::Ipv6, _)) if key => known.typed(Protocol::FIELD),
                    Some(Load::Exists(..)) if key => known.typed(FieldType { len: 1, ..INTEGER }),
                    _ => known,
                }
            }
            Node::Field(field) => {
                let field = self.layers[0].typed(field);
                if matches!(field.spec.load, Load::CtAddress(_)) {
                    return None;
                }
                field.into()
            }
            Node::Numgen { random, modulus, offset } => {
                Known { expression: Expression::Numgen { random, modulus, offset }, part: Part::number(32) }
            }
            Node::Hash { of, modulus, seed, offset } => {
                let of = match of {
                    Some(node) => Some(Box::new(self.resolve(*node)?.expression)),
                    None => None,
                };
                Known { expression: Expression::Hash { of, modulus, seed, offset }, part: Part::number(32) }
            }
            Node::Swapped(node) => {
                let known = self.resolve_in(*node, key)?;
                Known { part: known.part.swapped(), ..known }
            }
            Node::Binary { op, left, right } => self.binary(op, *left, *right, key)?,
            Node::Concat(parts) => {
                let parts = parts.into_iter().map(|part| self.resolve_in(part, true)).collect::<Option<Vec<_>>>()?;
                let part = parts.first()?.part;
                let parts = parts.into_iter().map(|known| known.expression).collect();
                Known { expression: Expression::Concat(parts), part }
            }
            Node::Map { key, of } => self.map(*key, of)?,
        })
    }

    fn binary(&mut self, op: BinaryOp, left: Node<'a>, right: Node<'a>, key: bool) -> Option<Known> {
        // A bit field that was moved to where numbers belong.
        if let (BinaryOp::Rshift, Node::Constant(by)) = (op, &right)
            && let Some(known) = self.settled(&left, by)
        {
            return Some(known);
        }
        if key && let (BinaryOp::And, Node::Packet(_) | Node::Exthdr(..), Node::Constant(_)) = (op, &left, &right) {
            let node = Node::Binary { op, left: Box::new(left), right: Box::new(right) };
            return self.cut_out(node);
        }
        let left = self.resolve(left)?;
        let part = left.part;
        let (right, part) = match (op, right) {
            (BinaryOp::Lshift | BinaryOp::Rshift, Node::Constant(by)) => {
                // The machine moves its own numbers.
                (part.order != ByteOrder::Network || part.bytes() == 1).then_some(())?;
                let bits = part.bits;
                let result = Part { ty: hex(bits), order: ByteOrder::Host, ..part };
                (Part::number(32).value(&by)?, result)
            }
            (_, Node::Constant(value)) => (part.operand(&value)?, part),
            (_, right) => (self.resolve(right)?.expression, part),
        };
        let expression = Expression::Binary { op, left: Box::new(left.expression), right: Box::new(right) };
        Some(Known { expression, part })
    }

    /// A field, or with `force` any bits, that a mask cuts out of a packet, and how far it is from the end.
    pub fn cut(&mut self, node: &Node<'a>, mask: &[u8], force: bool) -> Option<(Packet, u32)> {
        let Node::Packet(packet) = node else { return None };
        let mut masked = self.masked_fields(packet, mask);
        if masked.is_none() && force {
            masked = self.masked_bytes(packet, mask);
        }
        masked.map(|masked| (masked.packet, masked.shift))
    }

    /// A bit field that was masked and moved to where numbers belong.
    fn settled(&mut self, node: &Node<'a>, by: &Value) -> Option<Known> {
        let by = u32::from_ne_bytes((**by).try_into().ok()?);
        let (node, swapped) = match node {
            Node::Swapped(node) => (&**node, true),
            node => (node, false),
        };
        let Node::Binary { op: BinaryOp::And, left, right } = node else { return None };
        let Node::Constant(mask) = &**right else { return None };
        let (known, shift) = match &**left {
            Node::Packet(_) => {
                let (field, shift) = self.cut(left, mask, false)?;
                (self.packet(&field)?, shift)
            }
            Node::Exthdr(exthdr, _) => {
                let (field, shift) = find::exthdr_masked(exthdr, mask)?;
                (self.resolve(Node::Exthdr(exthdr.clone(), Some(field)))?, shift)
            }
            _ => return None,
        };
        // The machine moves its own numbers.
        let part = if swapped { known.part.swapped() } else { known.part };
        (shift == by && (swapped || mask.len() == 1)).then_some(Known { part, ..known })
    }

    /// The value that a map has for a key.
    pub fn map(&mut self, key: Node<'a>, of: SetRef<'a>) -> Option<Known> {
        let keys = self.keys(key, of, false)?;
        let right = match &keys[..] {
            // Here nft has the types of the set, of which some numbers in hex are just numbers.
            [key] if key.part.is_plain() => {
                let ty = FieldType { len: key.part.ty.len, ..INTEGER };
                items::reference(of, &[key.clone().typed(ty)])?
            }
            keys => items::reference(of, keys)?,
        };
        let part = items::data_parts(of.set).first().copied().unwrap_or(Part::number(of.data_len().saturating_mul(8)));
        let key = Box::new(Known::joined(keys));
        Some(Known { expression: Expression::Map { key, of: Box::new(right) }, part })
    }

    /// The fields of the key of a set; `many` if one of many values is asked for, and no value of a map.
    pub fn keys(&mut self, node: Node<'a>, of: SetRef<'a>, many: bool) -> Option<Vec<Known>> {
        let declared = items::key_parts(of.set);
        // What has no type of its own gets it from the set.
        let constant = |value: &Value, part: &Part| Some(Known { expression: part.value(value)?, part: *part });
        match node {
            Node::Concat(parts) => {
                let typed = parts.len() == declared.len();
                let parts = parts.into_iter().enumerate().map(|(at, node)| {
                    let part = declared.get(at).filter(|_| typed);
                    if let Node::Constant(value) = &node {
                        return constant(value, part?);
                    }
                    let known = self.resolve_in(node, true)?;
                    Some(match part {
                        Some(part) => Known { part: known.part.meaning(part), ..known },
                        None => known,
                    })
                });
                parts.collect()
            }
            Node::Constant(value) => Some(vec![constant(&value, declared.first().filter(|_| declared.len() == 1)?)?]),
            Node::Packet(packet) => {
                let layers = self.layers_of(&packet);
                if packet.layer == Layer::Transport
                    && (packet.offset, packet.bits) == (0, 8)
                    && layers.is_icmp()
                    && of.is_anonymous()
                    && let Some(first) = items::first_byte(of)
                {
                    layers.note_icmp_set(first);
                }
                Some(vec![if many { self.bare(&packet)? } else { self.packet(&packet)? }])
            }
            node => Some(vec![self.cut_out(node)?]),
        }
    }

    /// What a node is, where a mask may have cut a field out of bytes.
    fn cut_out(&mut self, node: Node<'a>) -> Option<Known> {
        if let Node::Binary { op: BinaryOp::And, left, right } = &node
            && let Node::Constant(mask) = &**right
        {
            if let Some((packet, shift)) = self.cut(left, mask, false) {
                return Some(self.packet(&packet)?.at(shift));
            }
            if let Node::Exthdr(exthdr, _) = &**left
                && let Some((field, shift)) = find::exthdr_masked(exthdr, mask)
            {
                return Some(self.resolve(Node::Exthdr(exthdr.clone(), Some(field)))?.at(shift));
            }
        }
        self.resolve(node)
    }

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
                if let Some((told, inner)) = told.filter(|(told, _)| told.value.is_some()) {
                    self.layers[usize::from(inner)].observe(&told);
                    let line = self.layers[usize::from(inner)].implied_by_meta(&told);
                    self.leave_out(line);
                    self.layers[usize::from(inner)].remember(self.lines.len(), told);
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

    /// A value of a known type, or what has values of its own.
    pub fn value(&mut self, node: Node<'a>, part: &Part) -> Option<Expression> {
        match node {
            Node::Constant(value) => part.value(&value),
            node => Some(self.resolve(node)?.expression),
        }
    }
}

/// A port, as every transport may have some.
fn port(packet: &Packet) -> Option<(Field, Header)> {
    let found = packet.layer == Layer::Transport && packet.bits == 16;
    let mut fields = find::fields(Header::Transport, packet.tunnel, 0).filter(|_| found);
    fields.find(|field| find::offset(field) == packet.offset).map(|field| (field, Header::Transport))
}

/// Packet bytes of which no field is known.
fn plain_bytes(packet: &Packet) -> Option<Known> {
    find::raw(packet.base, packet.offset, packet.bits, packet.tunnel).map(Known::from)
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
