//! The protocol without its socket: what to send, and what the answers mean.
//!
//! [`Commit`] and [`Dump`] hold no file descriptor and no clock. A driver sends what they ask for,
//! feeds them every datagram that arrives, tells them of overruns, and asks what came of it; the
//! blocking [`Client`](crate::Client) is one. [`Monitor`], [`Tracer`] and [`Nflog`] do the same
//! with what the kernel tells by itself.

mod commit;
mod dump;
mod explain;
mod monitor;
mod nflog;
mod probe;
mod tracer;

pub(crate) use commit::{Acks, Bound};
pub use commit::{Commit, Outcome};
pub use dump::{Dump, DumpEvent};
pub(crate) use dump::{Get, refusal};
use explain::request_cause;
pub(crate) use explain::{Witness, World, explain};
pub use monitor::{Monitor, News};
pub use nflog::{Flow, LogGroup, LogRecord, Logged, Nflog};
pub use probe::{Capabilities, Feature, Probe};
pub use tracer::{Traced, Tracer};

use std::sync::atomic::{AtomicU32, Ordering};

/// Sequence numbers that this process has not used yet. Messages of a batch count from 1 on; all
/// other numbers have the highest bit set.
pub(crate) fn fresh_seqs<const N: usize>() -> [u32; N] {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = NEXT.fetch_add(N as u32, Ordering::Relaxed);
    std::array::from_fn(|i| first.wrapping_add(i as u32) | 1 << 31)
}
