//! Datagrams that arrive or do not, and what was counted.

use super::{Done, NO_PATIENCE, PATIENCE, Story};
use oxitables::{Client, Table, expr::ObjectType, model::ObjectData, testing::Host};
use std::{
    io::{self, ErrorKind},
    net::{SocketAddr, UdpSocket},
    thread::sleep,
    time::{Duration, Instant},
};

/// Something that is sent, and whether it arrives.
pub struct Sent<'a> {
    what: String,
    arrives: bool,
    host: &'a Host,
    at: SocketAddr,
    send: Box<dyn Fn() -> io::Result<()> + 'a>,
}

/// A datagram for a socket of a host.
pub fn sent<'a>(
    arrives: bool,
    what: impl Into<String>,
    host: &'a Host,
    at: SocketAddr,
    send: impl Fn() -> io::Result<()> + 'a,
) -> Sent<'a> {
    Sent { what: what.into(), arrives, host, at, send: Box::new(send) }
}

impl Sent<'_> {
    fn arrives(&self, patience: Duration) -> io::Result<bool> {
        let at = self.at;
        let socket = self.host.run(|| bind(at))?;
        socket.set_read_timeout(Some(patience))?;
        match (self.send)() {
            // Not let out.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(false),
            done => done?,
        }
        match socket.recv(&mut [0; 64]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            heard => heard.map(|_| true),
        }
    }
}

/// Binds a socket where another one has just been closed. A program that is being started may hold
/// that for a moment more, until it is itself.
fn bind(at: SocketAddr) -> io::Result<UdpSocket> {
    let give_up = Instant::now() + PATIENCE;
    loop {
        match UdpSocket::bind(at) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && Instant::now() < give_up => {
                sleep(Duration::from_millis(5));
            }
            bound => return bound,
        }
    }
}

impl Story {
    /// Without the recipe all of it arrives.
    pub fn all_arrive(&mut self, all: &[Sent<'_>]) -> Done {
        for sent in all {
            if !sent.arrives(PATIENCE)? {
                self.wrong.push(format!("{}: does not arrive without the recipe either", sent.what));
            }
        }
        Ok(())
    }

    /// What is sent arrives, or does not, as is told.
    pub fn all_sent(&mut self, all: &[Sent<'_>]) -> Done {
        let told = |arrives| if arrives { "arrives" } else { "lost" };
        for sent in all {
            let happened = sent.arrives(if sent.arrives { PATIENCE } else { NO_PATIENCE })?;
            self.sees(&sent.what, told(sent.arrives), told(happened));
        }
        Ok(())
    }
}

/// Packets that a named counter of a table has counted.
pub fn counted(host: &Host, table: &Table, counter: &str) -> Done<u64> {
    let object = host.run(|| Client::open()?.object(table, ObjectType::Counter, counter))?;
    match object.and_then(|object| object.data) {
        Some(ObjectData::Counter(counter)) => Ok(counter.packets.unwrap_or_default()),
        other => Err(format!("{counter} is no counter: {other:?}").into()),
    }
}
