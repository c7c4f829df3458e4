//! The [`Client`](super::Client) and the listeners for tokio.
//!
//! The kernel does what it is asked while it is asked: when a `sendmsg` returns, the batch is
//! decided and all answers are queued. So there is no readiness to wait for, but there may be much
//! work in that one system call, and another program's commit to wait for; [`Client`] therefore
//! does all of it on tokio's blocking pool. Listeners wait for the world: [`Events`] drives them by
//! tokio's reactor, on the same socket.
//!
//! No other runtime is shut out: [`Listen`] says what it takes, [`proto`](crate::proto) needs no
//! socket at all, and the blocking client may be moved to any thread.
//!
//! ```
//! use oxitables::{client::{Monitor, tokio::{Client, Events}}, proto::News, *};
//!
//! async fn agent() -> Result<()> {
//!     let mut nft = Client::open()?;
//!     let mut events = Events::new(Monitor::open()?)?;
//!     let mut batch = Batch::new();
//!     batch.add(Table::new(Family::Inet, "host"));
//!     nft.apply(batch).await?;
//!     let News::Commit(commit) = events.next().await? else { panic!("nothing was lost") };
//!     assert_eq!((commit.port, commit.events.len()), (nft.port(), 1));
//!     let tables = nft.read(|nft| nft.tables().snapshot()).await?;
//!     assert_eq!(tables.len(), 1);
//!     Ok(())
//! }
//! # testing::in_namespace(|| tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(agent()));
//! ```

use super::{Committed, Listen, Monitor};
use crate::{
    Batch,
    error::{Error, Result},
    model::Ruleset,
};
use futures_core::Stream;
use std::{
    any::Any,
    future::poll_fn,
    io,
    os::fd::OwnedFd,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    task::{JoinHandle, spawn_blocking},
};

/// The client for tokio: one call at a time, each on the blocking pool.
///
/// # Cancellation
/// A future that is dropped before it was polled has sent nothing. One that is dropped later does
/// not stop what is on its way: a change is made or refused all the same, and what came of it is
/// kept. The next call, whichever it is, waits for it, does nothing and returns it as
/// [`Error::Abandoned`]; [`settle`](Self::settle) asks for it. If the client itself is dropped, it
/// goes to the log, as a warning.
///
/// ```
/// use oxitables::{client::tokio::Client, *};
/// use std::{future::Future, pin::pin, task::{Context, Waker}};
///
/// async fn give_up() -> Result<()> {
///     let mut nft = Client::open()?;
///     let mut batch = Batch::new();
///     batch.add(Table::new(Family::Inet, "host"));
///     // Begins, and is dropped: as `timeout` and `select!` do it.
///     let given_up = pin!(nft.apply(batch)).poll(&mut Context::from_waker(Waker::noop())).is_pending();
///     // Else it was fast.
///     assert_eq!(nft.settle().await.is_some_and(|made| made.is_ok()), given_up);
///     assert_eq!(nft.ruleset().await?.tables.len(), 1);
///     Ok(())
/// }
/// # testing::in_namespace(|| tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(give_up()));
/// ```
#[derive(Debug)]
pub struct Client {
    port: u32,
    /// Here between calls.
    idle: Option<super::Client>,
    /// The call that is on its way; its future may be gone.
    running: Option<JoinHandle<(super::Client, Done)>>,
}

/// What came of a call.
#[derive(Debug)]
struct Done {
    /// A `Result<T>` of the call's own type, until somebody takes it.
    result: Option<Box<dyn Any + Send>>,
    /// What of it is reported where its future is gone.
    report: Report,
}

type Report = fn(Box<dyn Any + Send>) -> Option<Result<()>>;

impl Done {
    fn report(&mut self) -> Option<Result<()>> {
        self.result.take().and_then(self.report)
    }
}

impl Drop for Done {
    fn drop(&mut self) {
        match self.report() {
            Some(Ok(())) => log::warn!("a change was made that nobody waited for"),
            Some(Err(error)) => log::warn!("a change that nobody waited for failed: {error}"),
            None => {}
        }
    }
}

fn outcome<T: 'static>(result: Box<dyn Any + Send>) -> Option<Result<()>> {
    result.downcast::<Result<T>>().ok().map(|result| result.map(drop))
}

fn nothing(_: Box<dyn Any + Send>) -> Option<Result<()>> {
    None
}

fn ended() -> Error {
    Error::Io { doing: "running a call", source: io::Error::other("it panicked, or the runtime was shut down") }
}

impl Client {
    /// Opens a connection in the network namespace of the calling thread; see
    /// [`Client::open`](super::Client::open).
    ///
    /// # Errors
    /// [`Error::Io`] if the kernel has no netlink socket to give.
    pub fn open() -> Result<Self> {
        super::Client::open().map(Self::from)
    }

    /// The netlink port of the connection; see [`Client::port`](super::Client::port).
    pub fn port(&self) -> u32 {
        self.port
    }

    /// Makes all changes of `batch`, or none; see [`Client::apply`](super::Client::apply).
    ///
    /// # Errors
    /// As there; [`Error::Abandoned`].
    pub async fn apply(&mut self, batch: impl Into<Batch>) -> Result<Committed> {
        let batch = batch.into();
        self.run(move |nft| nft.apply(&batch)).await
    }

    /// Everything that the kernel holds; see [`Client::ruleset`](super::Client::ruleset).
    ///
    /// # Errors
    /// As there; [`Error::Abandoned`].
    pub async fn ruleset(&mut self) -> Result<Ruleset> {
        self.read(|nft| nft.ruleset()).await
    }

    /// Does anything that the blocking client can, and may change something:
    /// `nft.run(move |nft| nft.reconcile(&desired))`.
    ///
    /// It runs on a thread of the pool: a socket that `work` opens (as `keep` does) is in that
    /// thread's network namespace.
    ///
    /// # Errors
    /// Those of `work`; [`Error::Abandoned`]; [`Error::Io`] if `work` panicked, now or in an
    /// earlier call, or the runtime was shut down.
    pub async fn run<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut super::Client) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.call(outcome::<T>, work).await
    }

    /// The same for what changes nothing: if its future is dropped, there is nothing to report.
    ///
    /// # Errors
    /// As of [`run`](Self::run).
    pub async fn read<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut super::Client) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.call(nothing, work).await
    }

    /// What came of a change whose future was dropped, if that was not reported yet; waits for it.
    /// `None` if there is none.
    pub async fn settle(&mut self) -> Option<Result<()>> {
        match self.finish().await? {
            Ok(mut done) => done.report(),
            Err(error) => Some(Err(error)),
        }
    }

    async fn call<T: Send + 'static>(
        &mut self,
        report: Report,
        work: impl FnOnce(&mut super::Client) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if let Some(outcome) = self.settle().await {
            return Err(Error::Abandoned { outcome: outcome.map_err(Box::new) });
        }
        let mut nft = self.idle.take().ok_or_else(ended)?;
        self.running = Some(spawn_blocking(move || {
            let result: Box<dyn Any + Send> = Box::new(work(&mut nft));
            (nft, Done { result: Some(result), report })
        }));
        let result = self.finish().await.ok_or_else(ended)??.result.take().ok_or_else(ended)?;
        result.downcast::<Result<T>>().map_or_else(|_| Err(ended()), |result| *result)
    }

    /// Waits for the call that is on its way, if there is one. Dropped meanwhile, it leaves the
    /// call where it is.
    async fn finish(&mut self) -> Option<Result<Done>> {
        let ended_with = self.running.as_mut()?.await;
        self.running = None;
        Some(match ended_with {
            Ok((nft, done)) => {
                self.idle = Some(nft);
                Ok(done)
            }
            Err(_) => Err(ended()),
        })
    }
}

impl From<super::Client> for Client {
    fn from(nft: super::Client) -> Self {
        Self { port: nft.port(), idle: Some(nft), running: None }
    }
}

/// Drives a [`Monitor`], [`Tracer`](super::Tracer) or [`NflogReader`](super::NflogReader) by
/// tokio's reactor.
///
/// It is a [`Stream`] that never ends; [`next`](Self::next) needs no crate for streams.
///
/// ```
/// use futures_core::Stream;
/// use oxitables::{Result, client::{Monitor, tokio::Events}, proto::News};
///
/// fn commits() -> Result<impl Stream<Item = Result<News>>> {
///     Events::new(Monitor::open()?)
/// }
/// ```
#[derive(Debug)]
pub struct Events<L> {
    /// The listener's socket once more: what is registered has to stay open, whatever becomes of
    /// the listener.
    socket: AsyncFd<OwnedFd>,
    listener: L,
}

impl<L: Listen> Events<L> {
    /// Registers the socket with the runtime.
    ///
    /// # Errors
    /// [`Error::Io`] if the system has no room for it.
    ///
    /// # Panics
    /// As tokio does, outside of a runtime with I/O.
    pub fn new(listener: L) -> Result<Self> {
        let registered = listener.as_fd().try_clone_to_owned().and_then(|socket| {
            // What tokio has instead is unsafe, for types that do not own their descriptor; this
            // one does.
            #[allow(deprecated)]
            AsyncFd::with_interest(socket, Interest::READABLE)
        });
        match registered {
            Ok(socket) => Ok(Self { socket, listener }),
            Err(source) => Err(Error::Io { doing: "registering a socket", source }),
        }
    }

    /// Waits for what comes next. Dropped meanwhile, it has taken nothing.
    ///
    /// # Errors
    /// As of [`Listen::try_next`].
    pub async fn next(&mut self) -> Result<L::Item> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// What comes next, if it is there; wakes the task when there is something.
    ///
    /// # Errors
    /// As of [`Listen::try_next`].
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<L::Item>> {
        loop {
            let ready = ready!(self.socket.poll_read_ready_mut(cx));
            let mut guard = ready.map_err(|source| Error::Io { doing: "waiting", source })?;
            if let Some(item) = self.listener.try_next()? {
                return Poll::Ready(Ok(item));
            }
            guard.clear_ready();
        }
    }

    /// The listener.
    pub fn get_mut(&mut self) -> &mut L {
        &mut self.listener
    }
}

impl<L: Listen + Unpin> Stream for Events<L> {
    type Item = Result<L::Item>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_next(cx).map(Some)
    }
}

impl Events<Monitor> {
    /// Reads everything, and goes on with the commits after that; see [`Monitor::resync`].
    ///
    /// # Errors
    /// As of [`Client::ruleset`]. `nft` has to be of the namespace that is listened to.
    pub async fn resync(&mut self, nft: &mut Client) -> Result<Ruleset> {
        let all = nft.ruleset().await?;
        self.get_mut().skip_to(all.generation);
        Ok(all)
    }
}
