//! A socket that takes what peers encode: none of them makes room for large batches, or for an ack
//! of every message.

use super::{Result, errno};
use netlink_sys::{Socket, protocols::NETLINK_NETFILTER};
use nix::sys::socket::{setsockopt, sockopt};

pub(super) struct Roomy {
    socket: Socket,
    buffer: Vec<u8>,
}

impl Roomy {
    pub(super) fn open() -> Result<Self> {
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        socket.bind_auto()?;
        socket.set_non_blocking(true)?;
        setsockopt(&socket, sockopt::SndBufForce, &(1 << 29))?;
        setsockopt(&socket, sockopt::RcvBufForce, &(1 << 29))?;
        Ok(Self { socket, buffer: vec![0; 32 * 1024] })
    }

    /// Sends a batch and reads the acks: when the kernel has taken it, they are all there.
    pub(super) fn commit(&mut self, batch: &[u8]) -> Result<()> {
        self.socket.send(batch, 0).map_err(|e| errno(e.raw_os_error().unwrap_or_default()))?;
        loop {
            match self.socket.recv(&mut &mut self.buffer[..], 0) {
                Ok(_) => match i32::from_ne_bytes([16, 17, 18, 19].map(|i| self.buffer[i])) {
                    0 => {}
                    error => return Err(errno(-error)),
                },
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) => return Err(errno(e.raw_os_error().unwrap_or_default())),
            }
        }
    }
}
