//! What the kernel tells by itself: of commits, of traced packets, of logged ones.

use super::{Client, Received, Socket};
use crate::{
    error::{Error, Result},
    model::{Generation, Ruleset},
    proto::{self, LogGroup, Logged, News, Traced, refusal},
};
use nix::errno::Errno;
use std::{
    io::{self, IoSlice},
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
    time::{Duration, Instant},
};

/// `NFNLGRP_NFTABLES`
const COMMITS: u32 = 7;
/// `NFNLGRP_NFTRACE`
const TRACES: u32 = 9;

/// What a socket listens to.
///
/// [`next`](Self::next) waits by itself. A runtime waits until the file descriptor is readable and
/// then calls [`try_next`](Self::try_next) until that is `None`; `client::tokio` (a feature) is
/// such a driver for tokio, and others need no more than this:
///
/// ```
/// use oxitables::{client::{Listen, Monitor}, *};
/// use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
/// use std::os::fd::AsFd;
///
/// fn drive() -> Result<()> {
///     let mut monitor = Monitor::open()?;
///     Client::open()?.apply(Batch::new().add(Table::new(Family::Inet, "host")))?;
///     let mut told = 0;
///     while told == 0 {
///         poll(&mut [PollFd::new(monitor.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE).unwrap();
///         while let Some(news) = monitor.try_next()? {
///             println!("{news:?}");
///             told += 1;
///         }
///     }
///     Ok(())
/// }
/// # testing::in_namespace(drive);
/// ```
pub trait Listen: AsFd {
    /// What it hears of.
    type Item;

    /// What is there already; `None` if there is nothing.
    ///
    /// # Errors
    /// [`Error::Io`]; what was heard is not lost by it.
    fn try_next(&mut self) -> Result<Option<Self::Item>>;

    /// Waits for what comes next; `None` if nothing comes in `timeout`.
    ///
    /// # Errors
    /// As of [`try_next`](Self::try_next).
    fn next(&mut self, timeout: Duration) -> Result<Option<Self::Item>> {
        let deadline = Instant::now().checked_add(timeout);
        loop {
            if let Some(item) = self.try_next()? {
                return Ok(Some(item));
            }
            let left = deadline.map(|end| end.saturating_duration_since(Instant::now()));
            if !super::socket::wait(self.as_fd(), left)? {
                return Ok(None);
            }
        }
    }
}

/// Hears of every commit in a network namespace, whoever makes it: what was added and deleted, and
/// by whom.
///
/// A commit is told when it is complete, once, in order. Where messages got lost because nobody
/// read them in time, that is told as a [`News::Gap`]; [`resync`](Self::resync) then reads where
/// things stand, and what comes after it fits on.
///
/// ```
/// use oxitables::{client::{Listen, Monitor}, model::{Event, Item}, proto::News, *};
/// use std::time::Duration;
///
/// fn follow() -> Result<()> {
///     let mut monitor = Monitor::open()?;
///     let mut all = monitor.resync()?;
///     let mut nft = Client::open()?;
///     let host = Table::new(Family::Inet, "host");
///     nft.apply(Batch::new().add(&host))?;
///     while let Some(news) = monitor.next(Duration::ZERO)? {
///         match news {
///             News::Commit(commit) if commit.port == nft.port() => println!("that was me"),
///             News::Commit(commit) => commit.events.iter().for_each(|event| println!("{event}")),
///             News::Gap(_) => all = monitor.resync()?,
///             _ => {}
///         }
///     }
///     assert!(all.tables.is_empty(), "the commit came after it");
///     Ok(())
/// }
/// # testing::in_namespace(follow);
/// ```
///
/// # Kernel
/// Since 3.18. Not told: what packets add to sets and take from them, elements that expire, tables
/// that go with their owner, devices that come and go.
#[derive(Debug)]
pub struct Monitor {
    socket: Socket,
    /// Answers come to another socket: here they would stand in the queue that overran.
    nft: Client,
    machine: proto::Monitor,
}

impl Monitor {
    /// Begins to listen in the network namespace of the calling thread.
    ///
    /// # Errors
    /// [`Error::Request`] without privilege (`CAP_NET_ADMIN` in the namespace).
    pub fn open() -> Result<Self> {
        let mut socket = Socket::open()?;
        socket.join(COMMITS, "listen to commits")?;
        let mut nft = Client::open()?;
        let machine = proto::Monitor::new(nft.generation()?);
        Ok(Self { socket, nft, machine })
    }

    /// Reads everything, and goes on with the commits after that: nothing is told twice, and
    /// nothing left out.
    ///
    /// # Errors
    /// As of [`Client::ruleset`].
    pub fn resync(&mut self) -> Result<Ruleset> {
        let all = self.nft.ruleset()?;
        self.skip_to(all.generation);
        Ok(all)
    }

    /// Leaves out what a [`Ruleset`] of this generation has already, if it was read after the
    /// monitor was opened, or after it told of a gap.
    pub fn skip_to(&mut self, generation: Generation) {
        self.machine.skip_to(generation);
    }
}

impl Listen for Monitor {
    type Item = News;

    fn try_next(&mut self) -> Result<Option<News>> {
        loop {
            if let Some(news) = self.machine.poll() {
                return Ok(Some(news));
            }
            match self.socket.try_receive()? {
                Received::Datagram(datagram) => self.machine.handle(datagram),
                Received::Overrun => self.machine.handle_overrun(),
                // The kernel drops everything until the queue is empty, without a word. What it
                // tells from here on is of later commits than this, or goes with a loss of its own.
                Received::Empty if self.machine.is_lost() => self.machine.resume(self.nft.generation()?),
                Received::Empty => return Ok(None),
            }
        }
    }
}

/// Follows packets that a rule marked with `meta nftrace set 1` through chains and rules.
///
/// [`Ruleset::trace`] says what a step is in the words of `nft monitor trace`,
/// [`Ruleset::traced_rule`] finds its rule.
///
/// ```
/// use oxitables::{client::{Listen, Tracer}, proto::Traced, *};
/// use std::{net::UdpSocket, time::Duration};
///
/// fn where_does_it_go() -> Result<()> {
///     let host = Table::new(Family::Inet, "host");
///     let output = host.chain("output").with_hook(Hook::Output, Priority::FILTER);
///     let mut batch = Batch::new();
///     batch.add(&host).add(&output).add(output.rule(Rule::new().when(udp::dport().is(53)).then(meta::nftrace().set(true)).drop()));
///     let mut nft = Client::open()?;
///     nft.apply(&batch)?;
///     let (all, mut tracer) = (nft.ruleset()?, Tracer::open()?);
///     let _ = UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"?", "127.0.0.1:53");
///     while let Some(Traced::Step(step)) = tracer.next(Duration::ZERO)? {
///         println!("{}", all.trace(&step));
///     }
///     Ok(())
/// }
/// # testing::in_namespace(where_does_it_go);
/// ```
///
/// # Kernel
/// `nf_tables_trace.c`, since 4.5. All tables of the namespace are told of. A chain that is left at
/// its end is told as a step without a rule.
#[derive(Debug)]
pub struct Tracer {
    socket: Socket,
    machine: proto::Tracer,
}

impl Tracer {
    /// Begins to listen in the network namespace of the calling thread. Where nobody listens,
    /// tracing costs nothing.
    ///
    /// # Errors
    /// [`Error::Request`] without privilege (`CAP_NET_ADMIN` in the namespace).
    pub fn open() -> Result<Self> {
        let mut socket = Socket::open()?;
        socket.join(TRACES, "listen to traced packets")?;
        Ok(Self { socket, machine: proto::Tracer::new() })
    }
}

impl Listen for Tracer {
    type Item = Traced;

    fn try_next(&mut self) -> Result<Option<Traced>> {
        loop {
            if let Some(step) = self.machine.poll() {
                return Ok(Some(step));
            }
            match self.socket.try_receive()? {
                Received::Datagram(datagram) => self.machine.handle(datagram),
                Received::Overrun => self.machine.handle_overrun(),
                Received::Empty => return Ok(None),
            }
        }
    }
}

/// Reads the packets that rules log to a group: `log group 5`.
///
/// ```
/// use oxitables::{client::{Listen, NflogReader}, proto::{LogGroup, Logged}, *};
/// use std::{net::UdpSocket, time::Duration};
///
/// fn who_knocks() -> Result<()> {
///     let host = Table::new(Family::Inet, "host");
///     let input = host.chain("input").with_hook(Hook::Input, Priority::FILTER);
///     let mut batch = Batch::new();
///     batch.add(&host).add(&input).add(input.rule(Rule::new().when(udp::dport().is(69)).then(log().with_prefix("tftp ").to_group(5)).drop()));
///     Client::open()?.apply(&batch)?;
///     let mut reader = NflogReader::bind(LogGroup::new(5))?;
///     UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"?", "127.0.0.1:69").unwrap();
///     let Some(Logged::Packet(packet)) = reader.next(Duration::from_secs(60))? else { panic!("nothing was logged") };
///     let flow = packet.flow().unwrap();
///     assert_eq!((&packet.prefix[..], flow.ports.unwrap().1), ("tftp ", 69));
///     println!("{} {} -> {}", packet.prefix, flow.saddr, flow.daddr);
///     Ok(())
/// }
/// # testing::in_namespace(who_knocks);
/// ```
///
/// # Kernel
/// `nfnetlink_log.c`; works in user namespaces. A group has one reader at a time; what is logged to
/// a group without a reader is gone.
#[derive(Debug)]
pub struct NflogReader {
    socket: Socket,
    machine: proto::Nflog,
}

impl NflogReader {
    /// Binds a group in the network namespace of the calling thread. It is free again when the
    /// reader is dropped.
    ///
    /// # Errors
    /// [`Error::Request`]: EPERM without privilege (`CAP_NET_ADMIN`) or if somebody else reads the group, EINVAL if the kernel has no
    /// `nfnetlink_log`.
    pub fn bind(group: LogGroup) -> Result<Self> {
        let (mut socket, mut machine) = (Socket::open()?, proto::Nflog::new(group));
        socket.send(&[IoSlice::new(&machine.request())])?;
        // The kernel answers while it is asked.
        while machine.bound().is_none() {
            match socket.try_receive()? {
                Received::Datagram(datagram) => machine.handle(datagram),
                Received::Overrun => machine.handle_overrun(),
                Received::Empty => {
                    return Err(Error::Io { doing: "binding a log group", source: io::ErrorKind::TimedOut.into() });
                }
            }
        }
        let Some(Err(errno)) = machine.bound() else { return Ok(Self { socket, machine }) };
        let what = format!("log group {}", group.number());
        let cause = match Errno::from_raw(errno) {
            // Or without privilege; but who may ask for the generation has that.
            Errno::EPERM if Client::open()?.generation().is_ok() => {
                "another socket reads this group, and it has one reader"
            }
            Errno::EINVAL => {
                "the kernel has no nfnetlink_log: load that module, or build it with CONFIG_NETFILTER_NETLINK_LOG"
            }
            _ => return Err(refusal(what, errno)),
        };
        Err(Error::Request { what, errno, cause: cause.into() })
    }
}

impl Listen for NflogReader {
    type Item = Logged;

    fn try_next(&mut self) -> Result<Option<Logged>> {
        loop {
            if let Some(packet) = self.machine.poll() {
                return Ok(Some(packet));
            }
            match self.socket.try_receive()? {
                Received::Datagram(datagram) => self.machine.handle(datagram),
                Received::Overrun => self.machine.handle_overrun(),
                Received::Empty => return Ok(None),
            }
        }
    }
}

macro_rules! sockets {
    ($($listener:ident)*) => { $(
        impl $listener {
            /// Gives it room for so many bytes that wait to be read; see
            /// [`Client::set_receive_buffer`].
            ///
            /// # Errors
            /// [`Error::Io`] if the kernel refuses the size.
            pub fn set_receive_buffer(&mut self, bytes: usize) -> Result<()> {
                self.socket.set_receive_buffer(bytes)
            }
        }

        impl AsFd for $listener {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.socket.as_fd()
            }
        }

        impl AsRawFd for $listener {
            fn as_raw_fd(&self) -> RawFd {
                self.as_fd().as_raw_fd()
            }
        }
    )* };
}

sockets! { Monitor Tracer NflogReader }
