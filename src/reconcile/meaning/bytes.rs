//! Registers byte by byte, and where each byte comes from.

use crate::data::Register;
use std::rc::Rc;

/// Bytes of a header of the packet.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Packet {
    /// `enum nft_payload_bases`.
    pub base: u32,
    /// The tunnel that the header is in; empty for the packet itself.
    pub tunnel: Rc<[u8]>,
    /// How often the packet may have been written to by then.
    pub writes: u32,
}

/// A value that is told by how it is made.
#[derive(Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Term {
    /// The expression without its registers, or the map.
    pub expr: Vec<u8>,
    pub reads: Vec<Vec<Byte>>,
    /// How often something acted by then that may change the value.
    pub changes: u32,
}

/// Where a byte comes from.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Source {
    /// So many bytes after the start of a header.
    Packet(Packet, u32),
    /// A byte of what tells the protocols of a packet, which nothing changes:
    /// [`MetaKey`](crate::expr::MetaKey).
    Protocol(u32, u32),
    /// A byte of any other value.
    Term(Rc<Term>, u32),
}

impl Source {
    /// Another byte of the same value or header.
    pub fn at(&self, at: u32) -> Self {
        match self {
            Self::Packet(packet, _) => Self::Packet(packet.clone(), at),
            Self::Protocol(key, _) => Self::Protocol(*key, at),
            Self::Term(term, _) => Self::Term(term.clone(), at),
        }
    }

    /// So many bytes after this one.
    pub fn after(&self, by: usize) -> Self {
        let (Self::Packet(_, at) | Self::Protocol(_, at) | Self::Term(_, at)) = self;
        self.at(at.saturating_add(by as u32))
    }
}

/// A byte of a register: `(source & keep) ^ flip`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Byte {
    /// Nothing for a constant.
    pub source: Option<Source>,
    pub keep: u8,
    pub flip: u8,
}

impl Byte {
    pub fn of(source: Source) -> Self {
        Self { source: Some(source), keep: 0xff, flip: 0 }
    }

    /// The value of a constant.
    pub fn constant(&self) -> Option<u8> {
        self.source.is_none().then_some(self.flip)
    }

    /// `(self & mask) ^ xor`.
    pub fn masked(self, mask: u8, xor: u8) -> Self {
        let keep = self.keep & mask;
        Self { source: self.source.filter(|_| keep != 0), keep, flip: (self.flip & mask) ^ xor }
    }

    /// What makes it equal to `n`: which bits of its source have which values; `None` if nothing
    /// does.
    pub fn compared(&self, n: u8) -> Option<(Option<Source>, u8, u8)> {
        let value = n ^ self.flip;
        (value & !self.keep == 0).then(|| (self.source.clone(), self.keep, value))
    }
}

/// Constant bytes.
pub(super) fn constants(bytes: &[u8]) -> Vec<Byte> {
    bytes.iter().map(|n| Byte { source: None, keep: 0, flip: *n }).collect()
}

/// The data registers, byte by byte; what was not written is unknown.
#[derive(Debug)]
pub(super) struct Registers([Option<Byte>; 64]);

impl Default for Registers {
    fn default() -> Self {
        Self([const { None }; 64])
    }
}

impl Registers {
    /// So many bytes from a register on.
    pub fn read(&self, register: Register, len: u32) -> Option<Vec<Byte>> {
        let start = usize::from(register.as_slot()?) * 4;
        let end = start.checked_add(len as usize)?;
        self.0.get(start..end)?.iter().cloned().collect()
    }

    /// Writes whole words: what fills none is followed by zeros.
    pub fn write(&mut self, register: Register, mut bytes: Vec<Byte>) -> Option<()> {
        let start = usize::from(register.as_slot()?) * 4;
        let len = bytes.len();
        bytes.extend(constants(&[0; 3]).into_iter().take(len.next_multiple_of(4) - len));
        let to = self.0.get_mut(start..start.checked_add(bytes.len())?)?;
        to.iter_mut().zip(bytes).for_each(|(to, byte)| *to = Some(byte));
        Some(())
    }
}
