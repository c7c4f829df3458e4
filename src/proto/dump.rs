use super::request_cause;
use crate::{
    data::Family,
    error::Error,
    wire::{
        DecodeError, Form, Malformed, Writer,
        message::{self, Ack, F_DUMP_INTR, F_REQUEST, NLMSG_DONE, NLMSG_ERROR, SUBSYSTEM, messages},
    },
};

/// A question to the kernel that changes nothing.
#[derive(Clone, Debug)]
pub(crate) struct Get {
    pub(crate) request: Vec<u8>,
    pub(crate) seq: u32,
    /// For errors: what was asked for.
    pub(crate) what: String,
    /// With how many messages the kernel answers, unless it refuses or lists.
    pub(crate) answers: usize,
}

impl Get {
    /// Asks for one object, or with `F_DUMP` among the flags for all of a kind.
    pub(crate) fn new(
        kind: u8,
        flags: u16,
        family: Option<Family>,
        what: String,
        body: impl FnOnce(&mut Writer),
    ) -> Self {
        let mut out = Writer::new(Form::Request);
        let [seq] = super::fresh_seqs();
        let kind = SUBSYSTEM << 8 | u16::from(kind);
        let start = message::begin(&mut out, kind, F_REQUEST | flags, seq, family.map_or(0, u8::from), 0);
        body(&mut out);
        message::finish(&mut out, start);
        // A name that does not fit names nothing: the kernel will say so.
        Self { request: out.into_parts().0, seq, what, answers: 1 }
    }
}

/// What a request that changes nothing was refused with.
pub(crate) fn refusal(what: String, errno: i32) -> Error {
    Error::Request { what, errno, cause: request_cause(errno) }
}

/// A listing on its way: sans-I/O.
///
/// Feed it datagrams and take the messages out. The kernel walks its lists in pieces; a commit in
/// between makes the rest another ruleset's. It says so on one message only, and not at all for
/// elements, so the generation that every message carries is watched too.
#[derive(Debug)]
pub struct Dump {
    seq: u32,
    generation: Option<u16>,
    torn: bool,
    lost: bool,
}

/// What a datagram of a [`Dump`] brought.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DumpEvent {
    /// More is to come.
    More,
    /// That was all of it, and all of one generation.
    Complete,
    /// That was all, but the ruleset changed in between.
    Torn,
    /// The kernel refused; its error number.
    Failed(i32),
}

impl Dump {
    /// Listens to the answers to request `seq`.
    pub fn new(seq: u32) -> Self {
        Self { seq, generation: None, torn: false, lost: false }
    }

    /// Takes a datagram; calls `each` with the kind, family and attributes of every message of the
    /// listing.
    ///
    /// # Errors
    /// When a message does not fit its datagram.
    pub fn handle(
        &mut self,
        datagram: &[u8],
        mut each: impl FnMut(u8, Family, &[u8]),
    ) -> Result<DumpEvent, DecodeError> {
        for message in messages(datagram) {
            let message = message?;
            if message.seq != self.seq {
                continue;
            }
            self.torn |= message.flags & F_DUMP_INTR != 0;
            match message.kind {
                NLMSG_DONE => {
                    let code = message.body.first_chunk::<4>().map_or(0, |c| i32::from_ne_bytes(*c));
                    return Ok(match code {
                        0 if self.torn => DumpEvent::Torn,
                        0 => DumpEvent::Complete,
                        // What was listed went away meanwhile.
                        code => DumpEvent::Failed(code.wrapping_neg()),
                    });
                }
                NLMSG_ERROR => match message.ack()? {
                    Ack { errno: 0, .. } => return Ok(DumpEvent::Complete),
                    Ack { errno, .. } => return Ok(DumpEvent::Failed(errno)),
                },
                _ => {
                    let kind = message.nft().ok_or(Malformed::Header)?;
                    let generation = *self.generation.get_or_insert(message.res_id());
                    self.torn |= generation != message.res_id();
                    each(kind, Family::from(message.family()), message.attributes());
                }
            }
        }
        Ok(DumpEvent::More)
    }

    /// Notes that the socket lost datagrams (`ENOBUFS`).
    pub fn handle_overrun(&mut self) {
        (self.torn, self.lost) = (true, true);
    }

    /// Whether some of it was lost.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost
    }

    /// Whether what came so far is known to mix two generations.
    pub fn is_torn(&self) -> bool {
        self.torn
    }
}
