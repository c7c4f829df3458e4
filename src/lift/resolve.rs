//! What nodes are: fields of headers, and expressions of them.

use super::{
    items,
    layers::{Layers, Left},
    node::{Node, Packet, SetRef},
    run::Lifter,
};
use crate::{
    data::{ByteOrder, FieldType, HEX_INTEGER, INTEGER, Protocol, Typed, Value},
    expr::ExthdrOp,
    lang::header::Layer,
    lang::{
        bits,
        field::{Field, Load},
        find,
        header::{Header, Tunnel},
        repr::{Known, Repr},
        tree::{BinaryOp, Expression},
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
    FieldType { len: u8::try_from(bits.div_ceil(8)).unwrap_or(u8::MAX), ..HEX_INTEGER }
}

impl<'a> Lifter<'a> {
    pub fn layers_of(&mut self, packet: &Packet) -> &mut Layers {
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

    /// The first field that begins where bits of a packet do, as far as the rule has made sure of
    /// the header.
    pub fn first_field(&mut self, packet: &Packet, fits: impl Fn(u32) -> bool) -> Option<(Field, Header)> {
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

    /// The same, but for a match of GRE: nft leaves it where fields are compared with more than one
    /// value.
    pub fn bare(&mut self, packet: &Packet) -> Option<Known> {
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
    pub fn leave_out_below(&mut self, packet: &Packet, left: Left, field: &Field) {
        let line = self.layers_of(packet).implied_by(&left, field.spec.needs);
        self.leave_out(line);
    }

    /// A look into a GRE tunnel needs no match of the protocol.
    pub fn leave_out_gre(&mut self, packet: &Packet) {
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
    pub fn resolve_in(&mut self, node: Node<'a>, key: bool) -> Option<Known> {
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
                Known { expression: Expression::Numgen { random, modulus, offset }, part: Repr::number(32) }
            }
            Node::Hash { of, modulus, seed, offset } => {
                let of = match of {
                    Some(node) => Some(Box::new(self.resolve(*node)?.expression)),
                    None => None,
                };
                Known { expression: Expression::Hash { of, modulus, seed, offset }, part: Repr::number(32) }
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

    pub fn binary(&mut self, op: BinaryOp, left: Node<'a>, right: Node<'a>, key: bool) -> Option<Known> {
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
                let result = Repr { ty: hex(bits), order: ByteOrder::Host, ..part };
                (Repr::number(32).value(&by)?, result)
            }
            (_, Node::Constant(value)) => (part.operand(&value)?, part),
            (_, right) => (self.resolve(right)?.expression, part),
        };
        let expression = Expression::Binary { op, left: Box::new(left.expression), right: Box::new(right) };
        Some(Known { expression, part })
    }

    /// A field, or with `force` any bits, that a mask cuts out of a packet, and how far it is from
    /// the end.
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
        // The machine moves its own numbers; nft moves those of options as they are.
        let part = if swapped { known.part.swapped() } else { known.part };
        let moved = swapped || mask.len() == 1 || matches!(**left, Node::Exthdr(..));
        (shift == by && moved).then_some(Known { part, ..known })
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
        let part = items::data_parts(of.set).first().copied().unwrap_or(Repr::number(of.data_len().saturating_mul(8)));
        let key = Box::new(Known::joined(keys));
        Some(Known { expression: Expression::Map { key, of: Box::new(right) }, part })
    }

    /// The fields of the key of a set; `many` if one of many values is asked for, and no value of a
    /// map.
    pub fn keys(&mut self, node: Node<'a>, of: SetRef<'a>, many: bool) -> Option<Vec<Known>> {
        let declared = items::key_parts(of.set);
        // What has no type of its own gets it from the set.
        let constant = |value: &Value, part: &Repr| Some(Known { expression: part.value(value)?, part: *part });
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
    pub fn cut_out(&mut self, node: Node<'a>) -> Option<Known> {
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

    /// A value of a known type, or what has values of its own.
    pub fn value(&mut self, node: Node<'a>, part: &Repr) -> Option<Expression> {
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
pub(super) fn plain_bytes(packet: &Packet) -> Option<Known> {
    find::raw(packet.base, packet.offset, packet.bits, packet.tunnel).map(Known::from)
}
