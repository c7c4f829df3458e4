//! Real TCP for a lab: a server that echoes, a client with a chosen source address.
//!
//! The selectors of a rule are another `tcp`, [`oxitables::tcp`](crate::tcp): beside
//! `use oxitables::*`, write `testing::tcp`.
//!
//! All of these act in the namespace of the calling thread: call them in
//! [`Host::run`](super::Host::run).

use std::{
    collections::HashMap,
    io::{self, Read, Write},
    net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream},
    os::fd::{AsRawFd, OwnedFd},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::{
        socket::{self, AddressFamily, SockFlag, SockType, SockaddrStorage, setsockopt, sockopt},
        time::TimeVal,
    },
};

/// A server that sends back whatever it is sent, until it is dropped.
///
/// Dropping it closes the listening socket and every connection.
#[derive(Debug)]
#[must_use = "the server ends when it is dropped"]
pub struct EchoServer {
    listener: Arc<TcpListener>,
    address: SocketAddr,
    connections: Arc<Connections>,
}

/// The connections that are open, by number; `None` once the server has ended.
#[derive(Debug)]
struct Connections(Mutex<Option<HashMap<u64, TcpStream>>>);

/// Starts a server that echoes on every connection to an address of the host; port 0 takes a free
/// one.
///
/// # Errors
///
/// Those of binding: EADDRINUSE, EADDRNOTAVAIL for an address that the host does not have.
///
/// ```
/// use oxitables::testing::{self, tcp};
/// use std::{net::TcpStream, time::Duration};
///
/// testing::in_namespace(|| {
///     let server = tcp::echo_server("127.0.0.1:7".parse().unwrap()).unwrap();
///     let mut stream = TcpStream::connect(server.address()).unwrap();
///     tcp::ping(&mut stream).unwrap();
/// });
/// ```
pub fn echo_server(address: SocketAddr) -> io::Result<EchoServer> {
    let listener = Arc::new(TcpListener::bind(address)?);
    let server = EchoServer {
        address: listener.local_addr()?,
        connections: Arc::new(Connections(Mutex::new(Some(HashMap::new())))),
        listener,
    };
    let (listener, connections) = (server.listener.clone(), server.connections.clone());
    thread::Builder::new().name("echo".into()).spawn(move || {
        for number in 0.. {
            // Fails once the server has been dropped.
            let Ok((stream, _)) = listener.accept() else {
                return;
            };
            if !connections.serve(number, stream) {
                return;
            }
        }
    })?;
    Ok(server)
}

impl EchoServer {
    /// Where it listens.
    ///
    /// ```
    /// # oxitables::testing::in_namespace(|| {
    /// let server = oxitables::testing::tcp::echo_server("127.0.0.1:0".parse().unwrap()).unwrap();
    /// assert_ne!(server.address().port(), 0);
    /// # });
    /// ```
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for EchoServer {
    fn drop(&mut self) {
        // Wakes the thread that waits in accept, which then lets go of the socket and of the
        // namespace.
        let _ = socket::shutdown(self.listener.as_raw_fd(), socket::Shutdown::Both);
        for stream in self.connections.lock().take().into_iter().flat_map(HashMap::into_values) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Connections {
    fn lock(&self) -> MutexGuard<'_, Option<HashMap<u64, TcpStream>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts to echo on a connection; false once the server has ended.
    fn serve(self: &Arc<Self>, number: u64, stream: TcpStream) -> bool {
        let Ok(copy) = stream.try_clone() else {
            return true;
        };
        match self.lock().as_mut() {
            Some(open) => open.insert(number, copy),
            None => return false,
        };
        let connections = self.clone();
        thread::spawn(move || {
            let _ = io::copy(&mut &stream, &mut &stream);
            if let Some(open) = connections.lock().as_mut() {
                open.remove(&number);
            }
        });
        true
    }
}

/// Connects from a chosen source address, and gives up after `timeout`.
///
/// The stream that it returns has the same timeout on each read and write, so that a firewall which
/// swallows packets shows as an error and never as a test that hangs.
///
/// # Errors
///
/// `ConnectionRefused` when the other side answers with a reset, `TimedOut` when nobody answers
/// (packets dropped), `HostUnreachable` and the like when a router says so, `AddrNotAvailable` when
/// the host has no address `from`.
///
/// ```
/// use oxitables::testing::{self, tcp};
/// use std::{io::ErrorKind, time::Duration};
///
/// testing::in_namespace(|| {
///     let from = "127.0.0.9".parse().unwrap();
///     let closed = tcp::connect(from, "127.0.0.1:22".parse().unwrap(), Duration::from_secs(1));
///     assert_eq!(closed.unwrap_err().kind(), ErrorKind::ConnectionRefused);
/// });
/// ```
pub fn connect(from: IpAddr, to: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    let family = if to.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let fd: OwnedFd = socket::socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    socket::bind(fd.as_raw_fd(), &SockaddrStorage::from(SocketAddr::new(from, 0)))?;
    // Zero would mean no timeout at all.
    let timeout = timeout.max(Duration::from_millis(1));
    setsockopt(&fd, sockopt::SendTimeout, &time_val(timeout)?)?;
    match socket::connect(fd.as_raw_fd(), &SockaddrStorage::from(to)) {
        Ok(()) => {}
        // What the kernel calls a blocking connect that outlasted SO_SNDTIMEO.
        Err(Errno::EINPROGRESS | Errno::EAGAIN) => return Err(Errno::ETIMEDOUT.into()),
        Err(errno) => return Err(errno.into()),
    }
    let stream = TcpStream::from(fd);
    stream.set_read_timeout(Some(timeout))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends one byte and waits for the same byte: whether an established connection to an
/// [`echo_server`] still works.
///
/// # Errors
///
/// `WouldBlock` when the answer does not come within the stream's read timeout, `UnexpectedEof`
/// when the other side closed the connection, `ConnectionReset` when something reset it.
///
/// ```
/// use oxitables::testing::{self, tcp};
/// use std::{io::ErrorKind, net::TcpStream};
///
/// testing::in_namespace(|| {
///     let server = tcp::echo_server("[::1]:7".parse().unwrap()).unwrap();
///     let mut stream = TcpStream::connect(server.address()).unwrap();
///     tcp::ping(&mut stream).unwrap();
///     drop(server);
///     assert!(tcp::ping(&mut stream).is_err());
/// });
/// ```
pub fn ping(stream: &mut TcpStream) -> io::Result<()> {
    let mut answer = [0];
    stream.write_all(b"x")?;
    stream.read_exact(&mut answer)?;
    if answer == *b"x" { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

fn time_val(time: Duration) -> io::Result<TimeVal> {
    let too_long = |_| io::Error::from(io::ErrorKind::InvalidInput);
    Ok(TimeVal::new(time.as_secs().try_into().map_err(too_long)?, time.subsec_micros().into()))
}
