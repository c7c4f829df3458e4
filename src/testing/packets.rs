//! What a host tries, and what comes back; packets with any source, options and routes.
//!
//! All of these act in the namespace of the calling thread: call them in
//! [`Host::run`](super::Host::run).
//!
//! ```
//! use oxitables::testing::{self, packets::{self, Answer}, tcp};
//! use std::time::Duration;
//!
//! testing::in_namespace(|| -> std::io::Result<()> {
//!     let (here, patience) = ("127.0.0.1".parse().unwrap(), Duration::from_secs(1));
//!     let _ssh = tcp::echo_server("127.0.0.1:22".parse().unwrap())?;
//!     assert_eq!(packets::tcp(here, "127.0.0.1:22".parse().unwrap(), patience)?, Answer::Answered);
//!     assert_eq!(packets::tcp(here, "127.0.0.1:23".parse().unwrap(), patience)?, Answer::Refused);
//!     assert_eq!(packets::ping(here, "127.0.0.2".parse().unwrap(), patience)?, Answer::Answered);
//!     Ok(())
//! });
//! ```

use std::{
    fmt,
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr, UdpSocket},
    os::fd::{AsRawFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use nix::sys::socket::{self, AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage};

/// What came back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Answer {
    /// A connection, a datagram, an echo.
    Answered,
    /// Nothing listens there, or it looks so: a reset, or "port unreachable".
    Refused,
    /// There is no way there, says a router or this host: "host unreachable", "administratively
    /// prohibited".
    Unreachable,
    /// This host does not let it out (EPERM; of TCP one sees [`Silence`](Self::Silence) then).
    Forbidden,
    /// Nothing.
    Silence,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Forbidden => "not let out",
            Self::Silence => "silence",
        })
    }
}

impl Answer {
    /// What a result means.
    ///
    /// # Errors
    ///
    /// Errors that say nothing of the other side: `AddrNotAvailable` when the host has no such
    /// source address, and the like.
    ///
    /// ```
    /// use oxitables::testing::packets::Answer;
    /// use std::io::{self, ErrorKind};
    /// assert_eq!(Answer::of(Err::<(), _>(ErrorKind::TimedOut.into())).unwrap(), Answer::Silence);
    /// ```
    pub fn of<T>(result: io::Result<T>) -> io::Result<Self> {
        match result {
            Ok(_) => Ok(Self::Answered),
            Err(error) => match error.kind() {
                ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => Ok(Self::Refused),
                ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Ok(Self::Unreachable),
                // What "administratively prohibited" is for IPv6.
                ErrorKind::PermissionDenied if error.raw_os_error() == Some(nix::libc::EACCES) => Ok(Self::Unreachable),
                ErrorKind::PermissionDenied => Ok(Self::Forbidden),
                ErrorKind::TimedOut | ErrorKind::WouldBlock => Ok(Self::Silence),
                _ => Err(error),
            },
        }
    }
}

/// Tries to open a TCP connection, and closes it again.
///
/// # Errors
///
/// As [`Answer::of`].
pub fn tcp(from: IpAddr, to: SocketAddr, patience: Duration) -> io::Result<Answer> {
    Answer::of(super::tcp::connect(from, to, patience))
}

/// Sends a datagram and waits for another one, of which [`udp_echo`] would be the sender.
///
/// # Errors
///
/// As [`Answer::of`].
pub fn udp(from: IpAddr, to: SocketAddr, patience: Duration) -> io::Result<Answer> {
    ask(UdpSocket::bind((from, 0))?, to, b"?", patience)
}

/// Sends an ICMP or ICMPv6 echo request, and waits for the reply.
///
/// # Errors
///
/// As [`Answer::of`].
///
/// # Kernel
///
/// Ping sockets (`ping_group_range`, since 3.0 and for IPv6 3.11), which every
/// [`Host`](super::Host) lets root have.
pub fn ping(from: IpAddr, to: IpAddr, patience: Duration) -> io::Result<Answer> {
    let (protocol, kind) = if to.is_ipv4() { (SockProtocol::Icmp, 8) } else { (SockProtocol::IcmpV6, 128) };
    let fd = socket(to, SockType::Datagram, protocol)?;
    socket::bind(fd.as_raw_fd(), &SockaddrStorage::from(SocketAddr::new(from, 0)))?;
    ask(UdpSocket::from(fd), SocketAddr::new(to, 0), &[kind, 0, 0, 0, 0, 0, 0, 1], patience)
}

/// A connected socket hears of ICMP errors.
fn ask(socket: UdpSocket, to: SocketAddr, question: &[u8], patience: Duration) -> io::Result<Answer> {
    // Zero would mean no timeout at all.
    socket.set_read_timeout(Some(patience.max(Duration::from_millis(1))))?;
    let asked = socket.connect(to).and_then(|()| socket.send(question));
    Answer::of(asked.and_then(|_| socket.recv(&mut [0; 64])))
}

fn socket(family: IpAddr, kind: SockType, protocol: SockProtocol) -> io::Result<OwnedFd> {
    let family = if family.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    Ok(socket::socket(family, kind, SockFlag::SOCK_CLOEXEC, protocol)?)
}

/// Answers every datagram with the same, for as long as it lives.
#[derive(Debug)]
#[must_use = "the server ends when it is dropped"]
pub struct UdpEcho {
    socket: UdpSocket,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Starts a [`UdpEcho`].
///
/// # Errors
///
/// `AddrInUse`, `AddrNotAvailable`: as of `bind`.
///
/// ```
/// use oxitables::testing::{self, packets::{self, Answer}};
/// use std::time::Duration;
///
/// testing::in_namespace(|| -> std::io::Result<()> {
///     let dns = "[::1]:53".parse().unwrap();
///     let server = packets::udp_echo(dns)?;
///     assert_eq!(packets::udp("::1".parse().unwrap(), dns, Duration::from_secs(1))?, Answer::Answered);
///     drop(server);
///     assert_eq!(packets::udp("::1".parse().unwrap(), dns, Duration::from_secs(1))?, Answer::Refused);
///     Ok(())
/// });
/// ```
pub fn udp_echo(at: SocketAddr) -> io::Result<UdpEcho> {
    let socket = UdpSocket::bind(at)?;
    let echo = socket.try_clone()?;
    let ended = Arc::new(AtomicBool::new(false));
    let over = ended.clone();
    let serve = move || {
        let mut datagram = [0; 1500];
        // A socket that was shut down returns empty datagrams from nobody, of which `recv_from`
        // makes a panic.
        while echo.peek(&mut []).is_ok() && !over.load(Ordering::SeqCst) {
            if let Ok((length, peer)) = echo.recv_from(&mut datagram) {
                let _ = echo.send_to(&datagram[..length], peer);
            }
        }
    };
    Ok(UdpEcho { socket, ended, thread: Some(thread::Builder::new().name("echo".into()).spawn(serve)?) })
}

impl Drop for UdpEcho {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Fails with ENOTCONN, and wakes the thread nevertheless.
        let _ = socket::shutdown(self.socket.as_raw_fd(), socket::Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A packet that is sent as it is: with a source address that is not this host's, with options that
/// no program asks for.
///
/// ```
/// use oxitables::testing::{self, packets::Packet};
///
/// testing::isolated(|lab| -> Result<(), Box<dyn std::error::Error>> {
///     let host = lab.host("attacker")?;
///     host.dummy("eth0")?;
///     host.address("eth0", "10.77.1.66/24".parse()?)?;
///     let (liar, victim) = ("10.77.9.9:53".parse()?, "10.77.1.1:53".parse()?);
///     host.run(|| Packet::udp(liar, victim, b"?").via("10.77.1.2".parse().unwrap()).send())?;
///     Ok(())
/// });
/// ```
#[derive(Clone, Debug)]
pub struct Packet {
    from: IpAddr,
    to: IpAddr,
    via: Option<IpAddr>,
    passed: bool,
    protocol: u8,
    hops: u8,
    pieces: usize,
    payload: Vec<u8>,
}

impl Packet {
    fn new(from: IpAddr, to: IpAddr, protocol: u8, payload: Vec<u8>, checksum: usize) -> Self {
        let (via, passed, hops, pieces) = (None, false, 64, usize::MAX);
        let mut packet = Self { from, to, via, passed, protocol, hops, pieces, payload };
        let sum = packet.checksum();
        packet.payload[checksum..checksum + 2].copy_from_slice(&sum.to_be_bytes());
        packet
    }

    /// A UDP datagram.
    ///
    /// # Panics
    ///
    /// With a payload that fits into no datagram.
    pub fn udp(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Self {
        let length = u16::try_from(8 + payload.len()).expect("a datagram has at most 65535 bytes");
        let mut header = ports(from, to);
        header.extend(length.to_be_bytes());
        header.extend([0, 0]);
        header.extend(payload);
        Self::new(from.ip(), to.ip(), 17, header, 6)
    }

    /// A TCP segment that asks for a connection (SYN) or has other flags, without data.
    pub fn tcp(from: SocketAddr, to: SocketAddr, flags: u8) -> Self {
        let mut header = ports(from, to);
        header.extend([0, 0, 0, 1, 0, 0, 0, 0, 5 << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
        Self::new(from.ip(), to.ip(), 6, header, 16)
    }

    /// An ICMP or ICMPv6 message: type, code, the four bytes after the checksum, and what follows.
    pub fn icmp(from: IpAddr, to: IpAddr, kind: u8, code: u8, rest: [u8; 4], body: &[u8]) -> Self {
        let mut message = vec![kind, code, 0, 0];
        message.extend(rest);
        message.extend(body);
        Self::new(from, to, if to.is_ipv4() { 1 } else { 58 }, message, 2)
    }

    /// Goes to `via` first, which is asked to send it on: with a loose source route (RFC 791), or a
    /// routing header of type 0 (RFC 2460).
    pub fn via(mut self, via: IpAddr) -> Self {
        self.via = Some(via);
        self
    }

    /// Looks as if it had come by way of `via`: with a source route that leads no further.
    pub fn passed(mut self, via: IpAddr) -> Self {
        self.passed = true;
        self.via(via)
    }

    /// Where it is sent to first, and the other address of its source route.
    fn hop(&self) -> (IpAddr, Option<IpAddr>) {
        match self.via {
            Some(via) if !self.passed => (via, Some(self.to)),
            via => (self.to, via),
        }
    }

    /// With such a time to live or hop limit, instead of 64.
    pub fn hops(mut self, hops: u8) -> Self {
        self.hops = hops;
        self
    }

    /// In fragments with so many bytes each, rounded up to a multiple of eight; not together with
    /// [`via`](Self::via).
    pub fn in_pieces_of(mut self, bytes: usize) -> Self {
        self.pieces = bytes.max(1).next_multiple_of(8);
        self
    }

    /// Sends it.
    ///
    /// # Errors
    ///
    /// `PermissionDenied` without CAP_NET_RAW; `NetworkUnreachable` without a route.
    pub fn send(&self) -> io::Result<()> {
        let (target, _) = self.hop();
        let fd = socket(target, SockType::Raw, SockProtocol::Raw)?;
        let to = SockaddrStorage::from(SocketAddr::new(target, 0));
        let mut offset = 0;
        for piece in self.payload.chunks(self.pieces) {
            let (more, whole) = (offset + piece.len() < self.payload.len(), piece.len() == self.payload.len());
            let bytes = if whole { self.bytes() } else { self.piece(offset, more, piece) };
            socket::sendto(fd.as_raw_fd(), &bytes, &to, MsgFlags::empty())?;
            offset += piece.len();
        }
        Ok(())
    }

    /// A fragment (RFC 791, 2.3; RFC 8200, 4.5), with the source port as identification.
    fn piece(&self, offset: usize, more: bool, piece: &[u8]) -> Vec<u8> {
        let mut bytes = Self { via: None, payload: piece.to_vec(), ..self.clone() }.bytes();
        if self.to.is_ipv4() {
            let field = (offset / 8) as u16 | if more { 0x2000 } else { 0 };
            bytes[4..6].copy_from_slice(&self.payload[..2]);
            bytes[6..8].copy_from_slice(&field.to_be_bytes());
        } else {
            let field = offset as u16 | u16::from(more);
            let mut header = vec![self.protocol, 0];
            header.extend(field.to_be_bytes());
            header.extend([0, 0, self.payload[0], self.payload[1]]);
            bytes[4..6].copy_from_slice(&(piece.len() as u16 + 8).to_be_bytes());
            bytes[6] = 44;
            bytes.splice(40..40, header);
        }
        bytes
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let (next, other) = self.hop();
        if self.to.is_ipv4() {
            // The kernel fills in length, identification and checksum.
            let words = if other.is_some() { 7 } else { 5 };
            bytes.extend([0x40 | words, 0, 0, 0, 0, 0, 0, 0, self.hops, self.protocol, 0, 0]);
            bytes.extend(octets(self.from));
            bytes.extend(octets(next));
            if let Some(other) = other {
                // The pointer: at the address, or behind it.
                bytes.extend([131, 7, if self.passed { 8 } else { 4 }]);
                bytes.extend(octets(other));
                bytes.push(0);
            }
        } else {
            let routing = if other.is_some() { 24 } else { 0 };
            bytes.extend([0x60, 0, 0, 0]);
            bytes.extend((self.payload.len() as u16 + routing).to_be_bytes());
            bytes.extend([if other.is_some() { 43 } else { self.protocol }, self.hops]);
            bytes.extend(octets(self.from));
            bytes.extend(octets(next));
            if let Some(other) = other {
                bytes.extend([self.protocol, 2, 0, if self.passed { 0 } else { 1 }, 0, 0, 0, 0]);
                bytes.extend(octets(other));
            }
        }
        bytes.extend(&self.payload);
        bytes
    }

    /// RFC 1071, over the pseudo header where there is one.
    fn checksum(&self) -> u16 {
        let mut summed = Vec::new();
        if self.protocol != 1 {
            summed.extend(octets(self.from));
            summed.extend(octets(self.to));
            summed.extend((self.payload.len() as u16).to_be_bytes());
            summed.extend([0, self.protocol]);
        }
        summed.extend(&self.payload);
        let words =
            summed.chunks(2).map(|word| u32::from(word[0]) << 8 | word.get(1).map_or(0, |byte| u32::from(*byte)));
        let mut sum: u32 = words.sum();
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        match !(sum as u16) {
            // Zero would mean that there is none.
            0 => 0xffff,
            sum => sum,
        }
    }
}

fn ports(from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    [from.port().to_be_bytes(), to.port().to_be_bytes()].concat()
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_add_up() {
        for (from, to) in [("192.0.2.1:1", "192.0.2.2:53"), ("[2001:db8::1]:1", "[2001:db8::2]:53")] {
            let packet = Packet::udp(from.parse().unwrap(), to.parse().unwrap(), b"odd");
            assert_eq!(packet.checksum(), 0xffff, "over all of it, with the checksum, it is zero");
        }
        // RFC 1071 has no example with a header; this one is of a captured echo request.
        let request = Packet::icmp([127, 0, 0, 1].into(), [127, 0, 0, 1].into(), 8, 0, [0, 1, 0, 1], &[]);
        assert_eq!(request.payload, [8, 0, 0xf7, 0xfd, 0, 1, 0, 1]);
    }
}
