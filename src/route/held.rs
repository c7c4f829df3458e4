//! What was added, and goes again.

use super::{Routing, entry};
use crate::error::Result;
use netlink_packet_route::RouteNetlinkMessage;

/// The rules and routes that an [`add`](Routing::add) has made: dropping it removes them: rules
/// before routes, else the latest first.
///
/// What was there before stays. A process that is killed leaves everything: the kernel has no
/// owners of routes. What they left is there already for the next one's `add`, which does not hold
/// it: begin with [`Routing::remove`] if it is to go in the end.
#[derive(Debug)]
#[must_use = "what it holds is removed when it is dropped; `keep` leaves it"]
pub struct Held {
    net: Routing,
    added: Vec<(String, RouteNetlinkMessage)>,
}

impl Held {
    pub(super) fn new(net: Routing) -> Self {
        Self { net, added: Vec::new() }
    }

    pub(super) fn push(&mut self, what: String, message: RouteNetlinkMessage) {
        self.added.push((what, message));
    }

    /// How many were new, and are removed by this.
    pub fn added(&self) -> usize {
        self.added.len()
    }

    /// Leaves everything where it is.
    pub fn keep(mut self) {
        self.added.clear();
    }

    /// Removes what was new, and says what went wrong; what has gone already is fine.
    ///
    /// # Errors
    /// As of [`Routing::remove`]; the rest is removed all the same.
    pub fn remove(mut self) -> Result<()> {
        self.undo()
    }

    fn undo(&mut self) -> Result<()> {
        let mut result = Ok(());
        self.added.reverse();
        entry::specific_first(&mut self.added);
        for (what, message) in self.added.drain(..) {
            result = result.and(self.net.take(&what, message).map(drop));
        }
        result
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Err(error) = self.undo() {
            log::warn!("{error}");
        }
    }
}
