use crate::{
    model::{Event, Generation, GenerationInfo, Transaction},
    wire::message::messages,
};
use std::collections::VecDeque;

const NEWGEN: u8 = 15;

/// Makes whole commits of what the kernel tells the group `NFNLGRP_NFTABLES`: sans-I/O.
///
/// The kernel tells of each change and then of the commit. Every commit raises the generation by
/// one, so what is missing is noticed even if the socket does not say so. Where something got lost,
/// what is left may be the half of a commit: from then on nothing is told until the driver has
/// emptied the socket, asked for the generation and said [`resume`](Self::resume).
///
/// ```
/// use oxitables::{model::Generation, proto::{Monitor, News}};
///
/// let mut monitor = Monitor::new(Generation::from(7));
/// monitor.handle(&[]);
/// assert_eq!(monitor.poll(), None);
/// monitor.handle_overrun();
/// assert!(monitor.is_lost());
/// monitor.resume(Generation::from(9));
/// assert_eq!(monitor.poll(), Some(News::Gap(Generation::from(9))));
/// ```
#[derive(Debug)]
pub struct Monitor {
    /// Commits after this one are still to be told.
    last: Generation,
    lost: bool,
    /// Of a commit that is not complete yet; each with the lower half of its generation.
    events: Vec<(u16, Event)>,
    news: VecDeque<News>,
}

/// What a [`Monitor`] tells.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum News {
    /// A commit, with all that it changed.
    Commit(Transaction),
    /// A change by a packet, without a commit: a quota that is used up.
    Packet(Event),
    /// Messages got lost (`ENOBUFS`). Commits up to this generation may be missing; later ones will
    /// be told.
    Gap(Generation),
}

impl Monitor {
    /// Tells of commits after `generation`. Listen first, then ask for the generation: then none is
    /// missed.
    pub fn new(generation: Generation) -> Self {
        Self { last: generation, lost: false, events: Vec::new(), news: VecDeque::new() }
    }

    /// Takes a datagram.
    pub fn handle(&mut self, datagram: &[u8]) {
        for message in messages(datagram) {
            // Before a gap is told, there may be more of it.
            let Ok(message) = message else { return self.handle_overrun() };
            match message.nft() {
                _ if self.lost => return,
                Some(NEWGEN) => match GenerationInfo::decode_attrs(message.attributes()) {
                    Ok(info) => self.commit(message.port, info),
                    Err(_) => self.handle_overrun(),
                },
                Some(_) if message.port == 0 => {
                    Event::read(&message, |event| self.news.push_back(News::Packet(event)));
                }
                Some(_) => Event::read(&message, |event| self.events.push((message.res_id(), event))),
                None => {}
            }
        }
    }

    fn commit(&mut self, port: u32, info: GenerationInfo) {
        let GenerationInfo { id: generation, process, program, .. } = info;
        // What began before the monitor did, or before a gap ended, may not be all of its commit.
        let half = u32::from(generation) as u16;
        let events = std::mem::take(&mut self.events).into_iter();
        let events = events.filter(|(of, _)| *of == half).map(|(_, event)| event).collect();
        if !generation.is_after(self.last) {
            return;
        }
        if generation != self.last.next() {
            return self.handle_overrun();
        }
        self.last = generation;
        self.news.push_back(News::Commit(Transaction { generation, port, process, program, events }));
    }

    /// Notes that the socket lost datagrams (`ENOBUFS`).
    pub fn handle_overrun(&mut self) {
        self.lost = true;
        self.events.clear();
    }

    /// Whether something got lost: nothing is told until [`resume`](Self::resume).
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// Goes on after a loss with the commits after `generation`, which was asked for when the
    /// socket was empty: all of these are whole. Tells of a gap.
    pub fn resume(&mut self, generation: Generation) {
        self.lost = false;
        self.last = generation;
        self.news.push_back(News::Gap(generation));
    }

    /// Leaves out what a snapshot of `generation` has already, gaps too.
    pub fn skip_to(&mut self, generation: Generation) {
        self.news.retain(|news| match news {
            News::Commit(commit) => commit.generation.is_after(generation),
            News::Gap(until) => until.is_after(generation),
            News::Packet(_) => false,
        });
        if generation.is_after(self.last) {
            self.last = generation;
        }
    }

    /// The next news, if there is some.
    pub fn poll(&mut self) -> Option<News> {
        self.news.pop_front()
    }
}
