//! Netlink messages: headers, acks and extended acks, as nf_tables uses them.
//!
//! netlink-packet-core parses messages into owned values one at a time; batches and dumps here hold
//! hundreds of thousands, so the 20 bytes of header are read and written in place.

use super::{Malformed, Writer, attrs};

/// `struct nlmsghdr`.
pub(crate) const HEADER: usize = 16;
/// `struct nlmsghdr` and `struct nfgenmsg`: where the attributes start.
pub(crate) const ATTRIBUTES: usize = 20;

pub(crate) const NLMSG_ERROR: u16 = 2;
pub(crate) const NLMSG_DONE: u16 = 3;

pub(crate) const F_REQUEST: u16 = 0x1;
pub(crate) const F_ACK: u16 = 0x4;
pub(crate) const F_ECHO: u16 = 0x8;
pub(crate) const F_DUMP_INTR: u16 = 0x10;
pub(crate) const F_DUMP: u16 = 0x300;
pub(crate) const F_EXCL: u16 = 0x200;
pub(crate) const F_REPLACE: u16 = 0x100;
pub(crate) const F_CREATE: u16 = 0x400;
pub(crate) const F_APPEND: u16 = 0x800;
const F_CAPPED: u16 = 0x100;
const F_ACK_TLVS: u16 = 0x200;

/// `NFNL_SUBSYS_NFTABLES` in the upper byte of a message type.
pub(crate) const SUBSYSTEM: u16 = 10;

/// A message without attributes.
pub(crate) fn header(kind: u16, flags: u16, seq: u32, family: u8, res_id: u16) -> [u8; ATTRIBUTES] {
    let mut message = [0; ATTRIBUTES];
    message[..4].copy_from_slice(&(ATTRIBUTES as u32).to_ne_bytes());
    message[4..6].copy_from_slice(&kind.to_ne_bytes());
    message[6..8].copy_from_slice(&flags.to_ne_bytes());
    message[8..12].copy_from_slice(&seq.to_ne_bytes());
    message[16] = family;
    message[18..].copy_from_slice(&res_id.to_be_bytes());
    message
}

/// Starts a message; [`finish`] patches its length.
pub(crate) fn begin(out: &mut Writer, kind: u16, flags: u16, seq: u32, family: u8, res_id: u16) -> usize {
    let start = out.len();
    out.bytes(&header(kind, flags, seq, family, res_id));
    start
}

pub(crate) fn finish(out: &mut Writer, start: usize) {
    // A batch may pass 4 GiB, one message cannot: its attributes have 16-bit lengths.
    let len = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    out.patch(start, &len.to_ne_bytes());
}

/// One message, borrowed from a datagram or a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) seq: u32,
    /// Of who caused it; 0 is the kernel by itself.
    pub(crate) port: u32,
    /// What follows `nlmsghdr`.
    pub(crate) body: &'a [u8],
}

impl<'a> Message<'a> {
    /// The `NFT_MSG_*` number, if it belongs to nf_tables.
    pub(crate) fn nft(&self) -> Option<u8> {
        self.of(SUBSYSTEM)
    }

    /// The number that it has in a subsystem, if it belongs to that.
    pub(crate) fn of(&self, subsystem: u16) -> Option<u8> {
        let [low, high] = self.kind.to_le_bytes();
        (u16::from(high) == subsystem).then_some(low)
    }

    pub(crate) fn family(&self) -> u8 {
        self.body.first().copied().unwrap_or(0)
    }

    /// Low 16 bits of the generation, in dumps and events.
    pub(crate) fn res_id(&self) -> u16 {
        self.body.get(2..4).map_or(0, |b| u16::from_be_bytes([b[0], b[1]]))
    }

    pub(crate) fn attributes(&self) -> &'a [u8] {
        self.body.get(4..).unwrap_or_default()
    }

    /// Reads an `NLMSG_ERROR`; errno 0 is an ack.
    pub(crate) fn ack(&self) -> Result<Ack, Malformed> {
        let (code, rest) = self.body.split_first_chunk::<4>().ok_or(Malformed::Header)?;
        let mut ack = Ack { errno: i32::from_ne_bytes(*code).wrapping_neg(), offset: None, text: None };
        if self.flags & F_ACK_TLVS != 0 {
            // The refused message follows, whole unless capped, then the TLVs.
            let echoed = if self.flags & F_CAPPED != 0 {
                HEADER
            } else {
                let len = rest.first_chunk::<4>().ok_or(Malformed::Header)?;
                usize::try_from(u32::from_ne_bytes(*len)).unwrap_or(usize::MAX).max(HEADER).saturating_add(3) & !3
            };
            for attr in attrs(rest.get(echoed..).unwrap_or_default()).flatten() {
                match attr.kind {
                    1 => {
                        let text = attr.payload.strip_suffix(&[0]).unwrap_or(attr.payload);
                        ack.text = Some(String::from_utf8_lossy(text).into_owned());
                    }
                    2 => ack.offset = attr.payload.try_into().ok().map(|b| u32::from_ne_bytes(b) as usize),
                    _ => {}
                }
            }
        }
        Ok(ack)
    }
}

/// What an `NLMSG_ERROR` says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Ack {
    pub(crate) errno: i32,
    /// Offset of the refused attribute, from the start of the refused message.
    pub(crate) offset: Option<usize>,
    pub(crate) text: Option<String>,
}

/// Walks the messages of a datagram; yields one error and stops where a header does not fit.
pub(crate) fn messages(buf: &[u8]) -> impl Iterator<Item = Result<Message<'_>, Malformed>> {
    let mut rest = buf;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let message = (|| {
            let (head, _) = rest.split_first_chunk::<HEADER>()?;
            let half = |i: usize| u16::from_ne_bytes([head[i], head[i + 1]]);
            let word = |i: usize| u32::from_ne_bytes([head[i], head[i + 1], head[i + 2], head[i + 3]]);
            let len = usize::try_from(word(0)).ok()?;
            let body = rest.get(HEADER..len)?;
            Some((len, Message { kind: half(4), flags: half(6), seq: word(8), port: word(12), body }))
        })();
        rest = match message {
            Some((len, _)) => rest.get(len.next_multiple_of(4)..).unwrap_or_default(),
            None => &[],
        };
        Some(message.map(|(_, m)| m).ok_or(Malformed::Header))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn datagrams_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut steps = 0;
            for message in messages(&bytes).flatten() {
                steps += 1;
                let _ = (message.nft(), message.family(), message.res_id(), message.attributes(), message.ack());
            }
            prop_assert!(steps <= bytes.len() / HEADER + 1);
        }

        #[test]
        fn hostile_lengths_never_panic(len in any::<u32>(), flags in any::<u16>(), tail in prop::collection::vec(any::<u8>(), 0..80)) {
            let mut bytes = len.to_ne_bytes().to_vec();
            bytes.extend(NLMSG_ERROR.to_ne_bytes());
            bytes.extend(flags.to_ne_bytes());
            bytes.extend(tail);
            for message in messages(&bytes).flatten() {
                let _ = message.ack();
            }
        }
    }
}
