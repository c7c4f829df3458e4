//! The socket, and nothing else: the only system calls of the library.

use crate::{
    error::{Error, Result},
    proto::refusal,
};
use netlink_sys::{Socket as NetlinkSocket, protocols::NETLINK_NETFILTER};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        socket::{self, MsgFlags, NetlinkAddr, bind, getsockname, getsockopt, setsockopt, sockopt},
        time::{TimeVal, TimeValLike},
    },
};
use std::{
    io::{self, IoSlice},
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    time::Duration,
};

/// The kernel fills at most 32 KiB for one receive, and sizes its answers by the largest buffer it
/// was ever given: smaller ones make listings of sets quadratically slower.
const RECEIVE: usize = 64 * 1024;
/// What the kernel keeps of the send buffer for itself.
const SEND_OVERHEAD: usize = 32;
/// `MAX_RW_COUNT`: of a longer message Linux would send a part and say so.
const SEND_MAX: usize = 0x7fff_f000;

#[derive(Debug)]
pub(crate) struct Socket {
    inner: OwnedFd,
    port: u32,
    buffer: Vec<u8>,
    /// What is sent, in one piece.
    piece: Vec<u8>,
    /// System calls that are to fail in tests, in this order.
    #[cfg(test)]
    pub(super) faults: std::collections::VecDeque<Fault>,
}

/// A system call that fails.
#[cfg(test)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    /// Sending fails after the kernel has taken what is sent.
    Send(Errno),
    /// Sending fails, and the kernel gets nothing.
    Unsent(Errno),
    /// Receiving fails; what is queued stays there.
    Receive(Errno),
}

/// What a receive brought.
#[derive(Debug)]
pub(crate) enum Received<'a> {
    Datagram(&'a [u8]),
    /// Nothing is queued.
    Empty,
    /// Datagrams were lost (`ENOBUFS`).
    Overrun,
}

fn io(doing: &'static str) -> impl Fn(Errno) -> Error {
    move |errno| Error::Io { doing, source: errno.into() }
}

impl Socket {
    /// Opens a netfilter socket in the network namespace of the calling thread. It stays there.
    pub(crate) fn open() -> Result<Self> {
        let doing = "opening a netlink socket";
        let mut inner = NetlinkSocket::new(NETLINK_NETFILTER).map_err(|source| Error::Io { doing, source })?;
        let port = inner.bind_auto().map_err(|source| Error::Io { doing, source })?.port_number();
        // Errors name the attribute, and do not repeat the refused message. Kernels before 4.12
        // know neither.
        for result in [inner.set_ext_ack(true), inner.set_cap_ack(true)] {
            if let Err(e) = result {
                log::debug!("extended acks: {e}");
            }
        }
        // The kernel answers while it is asked; this is for a kernel that does not.
        setsockopt(&inner, sockopt::ReceiveTimeout, &TimeVal::seconds(10)).map_err(io(doing))?;
        let inner = inner.as_fd().try_clone_to_owned().map_err(|source| Error::Io { doing, source })?;
        Ok(Self::of(inner, port))
    }

    /// A socket that another process has opened.
    pub(crate) fn opened(inner: OwnedFd) -> Result<Self> {
        let address = getsockname::<NetlinkAddr>(inner.as_raw_fd()).map_err(io("taking a netlink socket over"))?;
        Ok(Self::of(inner, address.pid()))
    }

    fn of(inner: OwnedFd, port: u32) -> Self {
        Self {
            inner,
            port,
            buffer: vec![0; RECEIVE],
            piece: Vec::new(),
            #[cfg(test)]
            faults: Default::default(),
        }
    }

    /// For another process.
    pub(crate) fn into_fd(self) -> OwnedFd {
        self.inner
    }

    pub(crate) fn port(&self) -> u32 {
        self.port
    }

    /// The next fault, if it is of the call that is made.
    #[cfg(test)]
    fn fault(&mut self, is_of_call: fn(&Fault) -> bool) -> Option<Fault> {
        self.faults.front().is_some_and(is_of_call).then(|| self.faults.pop_front()).flatten()
    }

    /// Sends the parts as one datagram, with a send buffer that holds it.
    pub(crate) fn send(&mut self, parts: &[IoSlice<'_>]) -> Result<()> {
        let len = parts.iter().map(|part| part.len()).sum();
        self.make_room(len)?;
        #[cfg(test)]
        let fault = self.fault(|fault| !matches!(fault, Fault::Receive(_)));
        self.piece.clear();
        let piece;
        let parts = if parts.len() > 1 && len <= DEFAULT_ROOM {
            // To copy little costs less than to have the kernel gather it: 50 ns of the 4 us of a
            // small commit.
            parts.iter().for_each(|part| self.piece.extend_from_slice(part));
            piece = [IoSlice::new(&self.piece)];
            &piece
        } else {
            parts
        };
        let send = || socket::sendmsg::<()>(self.inner.as_raw_fd(), parts, &[], MsgFlags::empty(), None);
        #[cfg(test)]
        let send = || match fault {
            Some(Fault::Unsent(errno)) => Err(errno),
            Some(Fault::Send(errno)) => send().and(Err(errno)),
            _ => send(),
        };
        let sent = send();
        match sent {
            Ok(sent) if sent == len => Ok(()),
            // Without its end the kernel undoes the batch.
            Ok(sent) => Err(Error::Io {
                doing: "sending",
                source: io::Error::other(format!("the kernel took {sent} of {len} bytes")),
            }),
            Err(Errno::EMSGSIZE) => Err(self.too_large(len)),
            Err(errno) => Err(io("sending")(errno)),
        }
    }

    fn limit(&self) -> Result<usize> {
        Ok(getsockopt(&self.inner, sockopt::SndBuf).map_err(io("asking for the send buffer's size"))? - SEND_OVERHEAD)
    }

    /// Gives the send buffer room for so many bytes at once.
    pub(crate) fn make_room(&self, len: usize) -> Result<()> {
        if len <= DEFAULT_ROOM || len <= self.limit()? {
            return Ok(());
        }
        if len > SEND_MAX {
            return Err(self.too_large(len));
        }
        // The kernel doubles what it is told.
        let wanted = (len + SEND_OVERHEAD).div_ceil(2);
        if setsockopt(&self.inner, sockopt::SndBufForce, &wanted).is_err() {
            // Only for CAP_NET_ADMIN in the first user namespace; this one is capped by
            // net.core.wmem_max.
            setsockopt(&self.inner, sockopt::SndBuf, &wanted).map_err(io("enlarging the send buffer"))?;
        }
        if len > self.limit()? { Err(self.too_large(len)) } else { Ok(()) }
    }

    pub(crate) fn set_receive_buffer(&self, bytes: usize) -> Result<()> {
        // The first is for CAP_NET_ADMIN in the first user namespace; the other is capped by
        // net.core.rmem_max.
        setsockopt(&self.inner, sockopt::RcvBufForce, &bytes)
            .or_else(|_| setsockopt(&self.inner, sockopt::RcvBuf, &bytes))
            .map_err(io("setting the receive buffer's size"))
    }

    fn too_large(&self, needed: usize) -> Error {
        let limit = self.limit().unwrap_or(0).min(SEND_MAX);
        Error::TooLarge { needed, limit, sysctl: (needed + SEND_OVERHEAD).div_ceil(2) }
    }

    /// Hears what is told to a multicast group, of what.
    pub(crate) fn join(&mut self, group: u32, what: &str) -> Result<()> {
        // To bind to the same port once more chooses groups, by a bit for each; those in use are
        // below 32, and a socket has one.
        let address = NetlinkAddr::new(self.port, 1 << (group - 1));
        bind(self.inner.as_raw_fd(), &address).map_err(|errno| refusal(what.into(), errno as i32))
    }

    /// Takes one datagram that is queued already.
    pub(crate) fn try_receive(&mut self) -> Result<Received<'_>> {
        self.receive_with(MsgFlags::MSG_DONTWAIT)
    }

    /// Waits for one datagram.
    pub(crate) fn receive(&mut self) -> Result<Received<'_>> {
        self.receive_with(MsgFlags::empty())
    }

    fn receive_with(&mut self, flags: MsgFlags) -> Result<Received<'_>> {
        loop {
            #[cfg(test)]
            if let Some(Fault::Receive(errno)) = self.fault(|fault| matches!(fault, Fault::Receive(_))) {
                match errno {
                    Errno::EAGAIN => return Ok(Received::Empty),
                    Errno::ENOBUFS => return Ok(Received::Overrun),
                    Errno::EINTR => continue,
                    errno => return Err(io("receiving")(errno)),
                }
            }
            return match socket::recv(self.inner.as_raw_fd(), &mut self.buffer, flags) {
                Ok(len) => Ok(Received::Datagram(&self.buffer[..len])),
                Err(Errno::EAGAIN) => Ok(Received::Empty),
                Err(Errno::ENOBUFS) => Ok(Received::Overrun),
                Err(Errno::EINTR) => continue,
                Err(errno) => Err(io("receiving")(errno)),
            };
        }
    }
}

/// What fits every send buffer that a sane system has; asking costs a system call.
const DEFAULT_ROOM: usize = 4096;

/// Waits until something is queued; false if nothing was after `timeout`, which has no end if
/// `None`.
pub(crate) fn wait(socket: BorrowedFd<'_>, timeout: Option<Duration>) -> Result<bool> {
    // Rounded up: nobody is told too early that nothing came.
    let ms = timeout.map(|timeout| i32::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(i32::MAX));
    let timeout = ms.and_then(|ms| PollTimeout::try_from(ms).ok()).unwrap_or(PollTimeout::NONE);
    match poll(&mut [PollFd::new(socket, PollFlags::POLLIN)], timeout) {
        Ok(ready) => Ok(ready > 0),
        // Somebody looks whether there is something, and waits again.
        Err(Errno::EINTR) => Ok(true),
        Err(errno) => Err(io("waiting")(errno)),
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}
