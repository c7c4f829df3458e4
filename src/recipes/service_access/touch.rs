//! What tcpd's `spawn` was for.

use crate::{
    client::{Listen, NflogReader},
    data::Uid,
    proto::{Flow, LogGroup, LogRecord, Logged},
    *,
};
use std::{ops::ControlFlow, time::Duration};

/// Somebody was refused. Who comes in may have forged the address: nothing was sent there yet that
/// would tell.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Touch {
    /// Name of the service.
    pub service: String,
    /// From where to where.
    pub flow: Flow,
    /// Of a program of this host, its user.
    pub user: Option<Uid>,
}

impl Touch {
    /// What a record of the group tells; for readers of your own, such as tokio's.
    pub fn of(record: &LogRecord) -> Option<Self> {
        Some(Self { service: record.prefix.clone(), flow: record.flow()?, user: record.uid.map(Uid::from) })
    }
}

/// Hears of who was refused, with [`ServiceAccess::with_group`](super::ServiceAccess::with_group).
#[derive(Debug)]
pub struct Touches(NflogReader);

impl Touches {
    /// Begins to hear of a group, in the network namespace of the calling thread.
    ///
    /// # Errors
    /// As of [`NflogReader::bind`]: EPERM without privilege, or if somebody else reads the group.
    pub fn bind(group: u16) -> Result<Self> {
        Ok(Self(NflogReader::bind(LogGroup::new(group))?))
    }

    /// Calls `act` for each touch, until it breaks or none comes for `patience`; [`Duration::MAX`]
    /// is for ever.
    ///
    /// While it acts, touches wait in the socket's buffer. Those that find no room there are lost,
    /// which is logged.
    ///
    /// # Errors
    /// As of [`Listen::next`].
    pub fn each(&mut self, patience: Duration, mut act: impl FnMut(Touch) -> ControlFlow<()>) -> Result<()> {
        while let Some(logged) = self.0.next(patience)? {
            let touch = match &logged {
                Logged::Packet(record) => Touch::of(record),
                lost => {
                    log::warn!("touches of services: {lost:?}");
                    None
                }
            };
            if touch.is_some_and(|touch| act(touch).is_break()) {
                break;
            }
        }
        Ok(())
    }
}
