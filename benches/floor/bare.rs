//! The floor: a netlink socket with nothing around it.

use crate::Result;
use netlink_sys::{Socket, protocols::NETLINK_NETFILTER};
use nix::sys::{
    socket::{self, MsgFlags, setsockopt, sockopt},
    time::{TimeVal, TimeValLike},
};
use oxitables::Family;
use std::{io::IoSlice, os::fd::AsRawFd};

/// A netlink socket and what it needs for large batches, nothing else.
pub(crate) struct Bare {
    socket: Socket,
    buffer: Vec<u8>,
}

impl Bare {
    pub(crate) fn open() -> Result<Self> {
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        socket.bind_auto()?;
        setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::seconds(10))?;
        Ok(Self { socket, buffer: vec![0; 64 * 1024] })
    }

    pub(crate) fn make_room(&self, len: usize) {
        // Refused in a user namespace; a batch that does not fit is then an error of the send.
        let _ = setsockopt(&self.socket, sockopt::SndBufForce, &len);
    }

    fn send(&self, parts: &[IoSlice<'_>]) -> Result<()> {
        socket::sendmsg::<()>(self.socket.as_raw_fd(), parts, &[], MsgFlags::empty(), None)?;
        Ok(())
    }

    fn receive(&mut self) -> Result<usize> {
        Ok(socket::recv(self.socket.as_raw_fd(), &mut self.buffer, MsgFlags::empty())?)
    }

    /// Sends a batch and reads its ack.
    pub(crate) fn commit(&mut self, parts: &[IoSlice<'_>]) -> Result<()> {
        self.send(parts)?;
        let len = self.receive()?;
        match (header(&self.buffer[..len]), &self.buffer[16..20]) {
            ((_, NLMSG_ERROR), [0, 0, 0, 0]) => Ok(()),
            (_, error) => Err(format!("the kernel refused: {error:?}").into()),
        }
    }

    /// Asks for a dump and reads it to its end; returns how many bytes came.
    pub(crate) fn dump(&mut self, kind: u8, names: [&str; 2]) -> Result<usize> {
        let mut request = Vec::new();
        request.extend([0; 4]);
        request.extend((0x0a00 | u16::from(kind)).to_ne_bytes());
        request.extend(0x301_u16.to_ne_bytes()); // NLM_F_REQUEST | NLM_F_DUMP
        request.extend([0; 8]);
        request.extend([Family::Ip.into(), 0, 0, 0]);
        for (name, kind) in names.iter().zip(1_u16..) {
            request.extend((name.len() as u16 + 5).to_ne_bytes());
            request.extend(kind.to_ne_bytes());
            request.extend(name.bytes());
            request.resize(request.len() / 4 * 4 + 4, 0);
        }
        let len = request.len() as u32;
        request[..4].copy_from_slice(&len.to_ne_bytes());
        self.send(&[IoSlice::new(&request)])?;
        let mut total = 0;
        loop {
            let len = self.receive()?;
            total += len;
            let mut rest = &self.buffer[..len];
            while !rest.is_empty() {
                match header(rest) {
                    (_, NLMSG_DONE) => return Ok(total),
                    (_, NLMSG_ERROR) => return Err("the kernel refused the dump".into()),
                    (len, _) => rest = &rest[len.next_multiple_of(4)..],
                }
            }
        }
    }
}

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;

/// Length and type of a message.
fn header(message: &[u8]) -> (usize, u16) {
    let len = u32::from_ne_bytes([message[0], message[1], message[2], message[3]]);
    (len as usize, u16::from_ne_bytes([message[4], message[5]]))
}
