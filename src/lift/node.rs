//! What registers hold, before it is known what it is compared with.

use crate::{
    data::{Register, Value},
    expr::{Exthdr, PayloadBase},
    lang::header::Layer,
    lang::{
        field::{Field, Load},
        header::Tunnel,
        repr::Repr,
        tree::BinaryOp,
    },
    model,
};

/// A set that a rule uses, with its elements.
#[derive(Clone, Copy, Debug)]
pub(super) struct SetRef<'a> {
    pub set: &'a model::Set,
    pub elements: &'a [model::Element],
}

impl SetRef<'_> {
    pub fn is_anonymous(&self) -> bool {
        self.set.flags().contains(model::SetFlags::ANONYMOUS)
    }

    pub fn key_len(&self) -> u32 {
        self.set.key_len.unwrap_or_default()
    }

    pub fn data_len(&self) -> u32 {
        self.set.data_len.unwrap_or_default()
    }
}

/// Packet bytes: some bits after the start of a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Packet {
    pub base: PayloadBase,
    pub layer: Layer,
    pub offset: u32,
    pub bits: u32,
    /// The tunnel in which the layer is looked for.
    pub tunnel: Option<Tunnel>,
}

/// What a register holds.
#[derive(Clone, Debug)]
pub(super) enum Node<'a> {
    Constant(Value),
    Packet(Packet),
    /// Kept as it is, because a mask can make another field of it, or the only one.
    Exthdr(Exthdr, Option<Field>),
    Field(Field),
    Numgen {
        random: bool,
        modulus: u32,
        offset: u32,
    },
    Hash {
        of: Option<Box<Node<'a>>>,
        modulus: u32,
        seed: Option<u32>,
        offset: u32,
    },
    /// In the other byte order.
    Swapped(Box<Node<'a>>),
    Binary {
        op: BinaryOp,
        left: Box<Node<'a>>,
        right: Box<Node<'a>>,
    },
    Concat(Vec<Node<'a>>),
    Map {
        key: Box<Node<'a>>,
        of: SetRef<'a>,
    },
}

impl Node<'_> {
    /// Bits of the value; 0 if that depends on the packet.
    pub fn bits(&self) -> u32 {
        match self {
            Self::Constant(value) => value.len() as u32 * 8,
            Self::Packet(packet) => packet.bits,
            Self::Exthdr(exthdr, _) => exthdr.len.unwrap_or_default().saturating_mul(8),
            // An address of either family.
            Self::Field(field) if matches!(field.spec.load, Load::CtAddress(_)) => 0,
            Self::Field(field) => Repr::from(field).bits,
            Self::Numgen { .. } | Self::Hash { .. } => 32,
            Self::Swapped(node) => node.bits(),
            Self::Binary { left, .. } => left.bits(),
            Self::Concat(parts) => parts.iter().map(|part| part.bits().next_multiple_of(32)).sum(),
            Self::Map { of, .. } => of.data_len().saturating_mul(8),
        }
    }

    /// Bytes in registers.
    pub fn bytes(&self) -> u32 {
        self.bits().div_ceil(8)
    }

    /// How many nodes there are, so that no message makes them too many to walk through.
    fn size(&self) -> usize {
        1 + match self {
            Self::Swapped(node) | Self::Map { key: node, .. } | Self::Hash { of: Some(node), .. } => node.size(),
            Self::Binary { left, right, .. } => left.size() + right.size(),
            Self::Concat(parts) => parts.iter().map(Self::size).sum(),
            _ => 0,
        }
    }
}

/// A node and the expressions that made it, by their places in the rule.
#[derive(Clone, Debug)]
pub(super) struct Held<'a> {
    pub node: Node<'a>,
    pub made_by: Vec<usize>,
}

/// The data registers: sixteen of four bytes.
#[derive(Debug, Default)]
pub(super) struct Registers<'a>([Option<Held<'a>>; 16]);

/// Most nodes in one register; nft makes less than ten.
const MOST: usize = 48;

impl<'a> Registers<'a> {
    /// Forgets everything.
    pub fn clear(&mut self) {
        self.0.fill(None);
    }

    /// Loads a register; what it overlaps is gone.
    pub fn set(&mut self, register: Register, held: Held<'a>) -> Option<()> {
        let slot = usize::from(register.as_slot()?);
        let end = slot + (held.node.bytes().div_ceil(4).max(1) as usize);
        if end > self.0.len() || held.node.size() > MOST {
            return None;
        }
        for at in 0..end {
            let words = self.0[at].as_ref().map_or(0, |held| held.node.bytes().div_ceil(4).max(1) as usize);
            if at + words > slot {
                self.0[at] = None;
            }
        }
        self.0[slot] = Some(held);
        Some(())
    }

    /// What starts at a register.
    pub fn get(&self, register: Register) -> Option<&Held<'a>> {
        self.0.get(usize::from(register.as_slot()?))?.as_ref()
    }

    /// So many bytes from a register on: one value, or several one after the other.
    ///
    /// A value that fills no word is followed by zeros.
    pub fn take(&self, register: Register, len: u32) -> Option<Held<'a>> {
        let first = self.get(register)?;
        if first.node.bytes().next_multiple_of(4) >= len || first.node.bytes() == 0 {
            return Some(first.clone());
        }
        let mut slot = register.as_slot()?;
        let (mut parts, mut made_by, mut left) = (Vec::new(), Vec::new(), len);
        while left > 0 {
            let held = self.get(Register::slot(slot))?;
            let padded = held.node.bytes().next_multiple_of(4);
            // The last field of a comparison may be shorter.
            left = left.checked_sub(padded).or((held.node.bytes() == left).then_some(0))?;
            slot = slot.checked_add(u8::try_from(padded / 4).ok()?)?;
            if padded == 0 || slot > 16 {
                return None;
            }
            parts.push(held.node.clone());
            made_by.extend_from_slice(&held.made_by);
        }
        Some(Held { node: Node::Concat(parts), made_by })
    }
}
