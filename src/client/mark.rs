//! Marks that a program gives to its own sockets.

use crate::{
    data::{Mark, Masked},
    error::{Error, Result},
};
use nix::sys::socket::{getsockopt, setsockopt, sockopt};
use std::os::fd::AsFd;

/// The mark of a socket (`SO_MARK`): 0 unless somebody gave it one.
///
/// # Errors
/// [`Error::Io`] if it is no socket.
pub fn socket_mark(socket: &impl AsFd) -> Result<Mark> {
    let mark = getsockopt(socket, sockopt::Mark);
    mark.map(Mark::from).map_err(|errno| Error::Io { doing: "reading the mark of a socket", source: errno.into() })
}

/// Marks what a socket sends from now on: some bits of its mark, or all of it.
///
/// The mark is on each packet from the start, so that it also chooses the route by which a
/// connection is made: mark before connecting. Answers that come in do not have it; see
/// [`MarkBits::restore`](crate::data::MarkBits::restore).
///
/// ```
/// use oxitables::{Mark, client::{mark_socket, socket_mark}};
/// # oxitables::testing::in_namespace(|| {
/// let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
/// mark_socket(&socket, Mark::from(0x0f)).unwrap();
/// mark_socket(&socket, Mark::bits(0x0200, 0xff00)).unwrap();
/// assert_eq!(socket_mark(&socket).unwrap(), Mark::from(0x020f));
/// # });
/// ```
///
/// Kernel: `sk_setsockopt`; needs `CAP_NET_ADMIN` in the user namespace that owns the network
/// namespace, or since 5.17 `CAP_NET_RAW`. `socket(7)`.
///
/// # Errors
/// [`Error::Io`]: EPERM without the privilege ([`Error::is_permission`]), ENOTSOCK if it is no socket.
pub fn mark_socket(socket: &impl AsFd, mark: impl Into<Masked<Mark>>) -> Result<()> {
    let mark = mark.into().onto(socket_mark(socket)?.number());
    setsockopt(socket, sockopt::Mark, &mark)
        .map_err(|errno| Error::Io { doing: "marking a socket (this needs CAP_NET_ADMIN)", source: errno.into() })
}
