//! Exchanges with the kernel: what is sent, and its answers, read to the last one.
//!
//! The kernel works while it is sent to. When `sendmsg` returns, all answers are in the queue of
//! the socket, and an empty queue means that there are no more. A system call may fail in between,
//! for lack of memory or because of a signal. Then a question is asked, and everything before its
//! answer is read: so no exchange finds what an earlier one left behind.

use super::{Client, Received};
use crate::{
    data::Family,
    error::{Error, Result},
    proto::{Commit, Dump, DumpEvent, Get},
    wire::{DecodeError, Malformed, message::messages},
};
use std::io::{self, IoSlice};

/// How often a question is asked whose answer does not arrive: each time something else went wrong.
const TRIES: u32 = 8;

impl Client {
    /// Sends a batch and reads what the kernel says of it. An error means that the kernel said
    /// nothing.
    pub(super) fn exchange(&mut self, commit: &mut Commit<'_>) -> Result<()> {
        self.settle(|_| ())?;
        let sent = self.socket.send(&commit.parts());
        if let Err(error @ Error::TooLarge { .. }) = sent {
            return Err(error);
        }
        self.unsettled = true;
        let read = sent.and_then(|()| {
            while !commit.is_answered() {
                match self.socket.try_receive()? {
                    Received::Empty => break,
                    received => commit.take(received),
                }
            }
            Ok(())
        });
        if commit.is_answered() {
            self.unsettled = false;
            return Ok(());
        }
        // A refusal comes without an end. Silence, and what a failed call hides, are looked into.
        let settled = self.settle(|received| commit.take(received));
        if commit.is_decided() { Ok(()) } else { read.and(settled) }
    }

    /// Reads what an exchange has left in the queue, if one has.
    fn settle(&mut self, mut take: impl FnMut(Received<'_>)) -> Result<()> {
        let mut outcome = Ok(());
        for _ in 0..TRIES {
            if !self.unsettled {
                return Ok(());
            }
            outcome = self.read_all(&mut take);
            self.unsettled = outcome.is_err();
        }
        outcome
    }

    /// Reads all that was queued before this call. Its answers come in order, so a question that is
    /// asked now is answered last.
    fn read_all(&mut self, take: &mut impl FnMut(Received<'_>)) -> Result<()> {
        let missing = || Err(Error::Io { doing: "receiving", source: io::ErrorKind::TimedOut.into() });
        // In a full queue there is no room for the answer.
        loop {
            match self.socket.try_receive()? {
                Received::Empty => break,
                received => take(received),
            }
        }
        let question = Self::request(super::GETGEN, None, "generation", |_| ());
        self.socket.send(&[IoSlice::new(&question.request)])?;
        loop {
            match self.socket.receive()? {
                Received::Empty => return missing(),
                Received::Overrun => {
                    take(Received::Overrun);
                    return missing();
                }
                Received::Datagram(datagram) if messages(datagram).flatten().any(|m| m.seq == question.seq) => {
                    return Ok(());
                }
                datagram => take(datagram),
            }
        }
    }

    /// Sends a request, hands each message of the answer to `each`, and reads until the answer is
    /// whole. Requests have numbers of their own: what one leaves behind, none other takes for its
    /// answer.
    pub(super) fn ask(
        &mut self,
        get: &Get,
        mut each: impl FnMut(u8, Family, &[u8]) -> Result<(), DecodeError>,
    ) -> Result<()> {
        let mut answer = Answer { dump: Dump::new(get.seq), seen: 0, lost: false, refused: None, failed: None };
        self.socket.send(&[IoSlice::new(&get.request)])?;
        // Behind the whole answer nothing comes. To ask the socket for it would cost one more
        // system call.
        while answer.seen < get.answers && answer.refused.is_none() {
            match self.socket.try_receive()? {
                Received::Empty => break,
                received => answer.take(received, &mut each),
            }
        }
        if !answer.is_there() && !answer.lost {
            // The kernel answers every request: that there is nothing was a mistake.
            self.read_all(&mut |received| answer.take(received, &mut each))?;
        }
        let there = answer.is_there();
        let Answer { lost, refused, failed, .. } = answer;
        match (refused, failed) {
            (Some(errno), _) => Err(Self::refused(get, errno)),
            (None, Some(error)) => Err(Self::malformed(get, error)),
            (None, None) if lost => Err(Error::Io { doing: "receiving", source: nix::errno::Errno::ENOBUFS.into() }),
            (None, None) if there => Ok(()),
            (None, None) => Err(Self::malformed(get, Malformed::Missing.into())),
        }
    }
}

/// What has come of a request.
struct Answer {
    dump: Dump,
    /// Messages of it.
    seen: usize,
    lost: bool,
    refused: Option<i32>,
    failed: Option<DecodeError>,
}

impl Answer {
    fn take(&mut self, received: Received<'_>, each: &mut impl FnMut(u8, Family, &[u8]) -> Result<(), DecodeError>) {
        let Received::Datagram(datagram) = received else {
            self.lost = true;
            return;
        };
        let Self { dump, seen, failed, .. } = self;
        let event = dump.handle(datagram, |kind, family, attributes| {
            *seen += 1;
            *failed = each(kind, family, attributes).err().or(failed.take());
        });
        match event {
            Ok(DumpEvent::Failed(errno)) => self.refused = Some(errno),
            Ok(_) => {}
            Err(error) => self.failed = Some(error),
        }
    }

    /// Whether something of it came.
    fn is_there(&self) -> bool {
        self.seen > 0 || self.refused.is_some() || self.failed.is_some()
    }
}

impl Commit<'_> {
    fn take(&mut self, received: Received<'_>) {
        match received {
            Received::Datagram(datagram) => self.handle(datagram),
            Received::Overrun => self.handle_overrun(),
            Received::Empty => {}
        }
    }
}
