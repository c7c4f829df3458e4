use crate::{data::Family, model::Trace, wire::message::messages};
use std::collections::VecDeque;

/// `NFT_MSG_TRACE`
const TRACE: u8 = 17;

/// Reads what the kernel tells the group `NFNLGRP_NFTRACE` of packets on their way: sans-I/O.
///
/// ```
/// use oxitables::proto::{Traced, Tracer};
///
/// let mut tracer = Tracer::new();
/// tracer.handle_overrun();
/// assert_eq!(tracer.poll(), Some(Traced::Gap));
/// assert_eq!(tracer.poll(), None);
/// ```
#[derive(Debug, Default)]
pub struct Tracer(VecDeque<Traced>);

/// What a [`Tracer`] tells.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Traced {
    /// A step of a packet.
    Step(Box<Trace>),
    /// Steps got lost (`ENOBUFS`), or could not be read.
    Gap,
}

impl Tracer {
    /// Has heard of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a datagram.
    pub fn handle(&mut self, datagram: &[u8]) {
        for message in messages(datagram) {
            self.0.push_back(match message.map(|message| (message.nft(), message)) {
                Ok((Some(TRACE), message)) => {
                    match Trace::decode_attrs(Family::from(message.family()), message.attributes()) {
                        Ok(step) => Traced::Step(step.into()),
                        Err(_) => Traced::Gap,
                    }
                }
                Ok(_) => continue,
                Err(_) => Traced::Gap,
            });
        }
    }

    /// Notes that the socket lost datagrams (`ENOBUFS`).
    pub fn handle_overrun(&mut self) {
        self.0.push_back(Traced::Gap);
    }

    /// What comes next, if there is something.
    pub fn poll(&mut self) -> Option<Traced> {
        self.0.pop_front()
    }
}
