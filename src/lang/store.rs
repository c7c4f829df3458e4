//! Packet bytes that are written.

use super::{field::Field, header::Header};
use crate::{
    data::Register,
    expr::{ChecksumFlags, Payload, PayloadBase},
};

impl Field {
    /// The expression that writes a register into the packet, and mends checksums.
    pub fn store(&self, header: Header, offset: u32, len: u32, register: Register) -> Payload {
        let checksum = header.checksum();
        let pseudo = self.spec.pseudo || header.base() == PayloadBase::Inner;
        Payload {
            csum_type: checksum.map(|(kind, _)| kind),
            csum_offset: checksum.map(|(_, at)| at),
            csum_flags: pseudo.then_some(ChecksumFlags::L4_PSEUDO_HEADER),
            ..Payload::store(header.base(), offset, len, register)
        }
    }
}
