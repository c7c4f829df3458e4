//! What can go wrong, as data and in words.

use crate::{
    batch::Verb,
    data::{MarkError, Missing},
    model::Generation,
    wire::{DecodeError, Path},
};
use nix::errno::Errno;
use std::{fmt, io};

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong.
///
/// Its text is meant to be read at night: which operation, what the kernel said of which attribute,
/// why, and what to do.
#[non_exhaustive]
pub enum Error {
    /// Nothing was changed: these operations failed.
    Rejected(Rejection),
    /// Nothing was changed: the ruleset is not of the generation that the batch was bound to.
    Stale {
        /// What [`Batch::expect`](crate::Batch::expect) asked for.
        expected: Generation,
    },
    /// It is not known whether the batch was committed: the kernel's answer got lost.
    Unknown {
        /// What happened.
        why: String,
    },
    /// Nothing was done: first what came of an earlier change, whose future was dropped while it
    /// was on its way (see `oxitables::client::tokio`).
    Abandoned {
        /// Of the earlier change.
        outcome: Result<(), Box<Error>>,
    },
    /// Nothing was changed: the batch touches what another change touches that is not confirmed
    /// yet (see [`Client::apply_confirmed`](crate::Client::apply_confirmed)).
    Pending {
        /// What the batch touches: `table inet host`, or `the ruleset`.
        what: String,
        /// The table that marks the change, who made it and when.
        waiting: String,
    },
    /// It was not confirmed in time: everything is as it was before.
    Undone,
    /// Nothing was sent: the batch is larger than the socket's send buffer may become.
    TooLarge {
        /// Bytes of the batch.
        needed: usize,
        /// Bytes that one send takes.
        limit: usize,
        /// What `net.core.wmem_max` would have to be.
        sysctl: usize,
    },
    /// Nothing was changed: a user, a group, a control group or an interface that was named is not
    /// there.
    Missing(Missing),
    /// Nothing was changed: bits of a mark that somebody else has, or a number that does not fit
    /// them.
    Marks(MarkError),
    /// A single request was refused; it changed nothing.
    Request {
        /// What was asked for.
        what: String,
        /// The kernel's error number.
        errno: i32,
        /// What it means here.
        cause: String,
    },
    /// A set is not of the type that was asked for.
    Type {
        /// Which set.
        what: String,
        /// Type of its keys, in nft's words.
        found: String,
        /// Type that was asked for.
        expected: String,
    },
    /// The ruleset changed while it was listed, each time it was tried.
    Interrupted {
        /// What was asked for.
        what: String,
    },
    /// What the kernel sent does not decode.
    Malformed {
        /// What was asked for.
        what: String,
        /// Where and why.
        source: DecodeError,
    },
    /// Nothing was changed: a document of commands does not make sense (see `oxitables::json`).
    Document {
        /// Where: `nftables[3].add.rule.expr[1].match.right`.
        path: String,
        /// What is wrong there.
        why: String,
    },
    /// A system call failed.
    Io {
        /// What was being done.
        doing: &'static str,
        /// The system's error.
        source: io::Error,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejection) => rejection.fmt(f),
            Self::Stale { expected } => write!(
                f,
                "the ruleset changed meanwhile: expected generation {expected}; read it again and make a new batch, \
                 or leave that to Client::reconcile"
            ),
            Self::Unknown { why } => write!(
                f,
                "the kernel's answer got lost and the ruleset may have changed: read it back before trying again ({why})"
            ),
            Self::Abandoned { outcome } => {
                f.write_str("nothing was done: an earlier change whose future was dropped ")?;
                match outcome {
                    Ok(()) => f.write_str("has been made; now it is told, go on"),
                    Err(error) => write!(f, "failed: {error}"),
                }
            }
            Self::Pending { what, waiting } => write!(
                f,
                "nothing was changed: {what} has a change that waits to be confirmed, marked by {waiting}; \
                 try again when that is confirmed or undone, or delete that table to confirm it"
            ),
            Self::Undone => f.write_str("it was not confirmed in time, and has been undone"),
            Self::TooLarge { needed, limit, sysctl } => write!(
                f,
                "the batch has {needed} bytes, but this process may send {limit} at once; \
                 run as root of the first user namespace (CAP_NET_ADMIN), or raise the limit there: \
                 sysctl -w net.core.wmem_max={sysctl}; splitting it would give up that it happens all at once"
            ),
            Self::Missing(missing) => missing.fmt(f),
            Self::Marks(wrong) => wrong.fmt(f),
            Self::Request { what, errno, cause } => write!(f, "{what}: {}: {cause}", errno_name(*errno)),
            Self::Type { what, found, expected } => write!(f, "{what} holds {found}, not {expected}"),
            Self::Interrupted { what } => {
                write!(f, "{what}: the ruleset changed while it was listed; list it again")
            }
            Self::Malformed { what, source } => write!(f, "{what}: cannot read the kernel's answer: {source}"),
            Self::Document { path, why } => write!(f, "{path}: {why}"),
            Self::Io { doing, source } => write!(f, "{doing}: {source}"),
        }
    }
}

/// The text that [`Display`](fmt::Display) gives: it is what `fn main() -> oxitables::Result<()>`
/// shows when it fails. The values are there with `{:#?}`, for a [`Rejection`].
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejection) if f.alternate() => fmt::Debug::fmt(rejection, f),
            _ => fmt::Display::fmt(self, f),
        }
    }
}

/// The text of an error says its cause, too. So the source is what is behind that cause, and
/// whoever prints the whole chain reads nothing twice.
impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => source.get_ref().and_then(|inner| inner.source()),
            Self::Malformed { source, .. } => std::error::Error::source(source),
            _ => None,
        }
    }
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<Missing> for Error {
    fn from(missing: Missing) -> Self {
        Self::Missing(missing)
    }
}

impl From<MarkError> for Error {
    fn from(wrong: MarkError) -> Self {
        Self::Marks(wrong)
    }
}

/// All operations of a batch that failed.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Rejection {
    /// The failures, in the order of the operations. Later ones may follow from earlier ones.
    pub failures: Vec<Failure>,
    /// How many operations the batch has.
    pub operations: usize,
    /// There were more failures than the receive buffer holds.
    pub more: bool,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing was changed: ")?;
        let same =
            |a: &Failure, b: &Failure| (a.verb, a.errno, &a.cause, &a.remedy) == (b.verb, b.errno, &b.cause, &b.remedy);
        for (i, failure) in self.failures.iter().enumerate() {
            // A reason is said once, with the numbers of all operations that it holds for.
            if self.failures[..i].iter().any(|before| same(before, failure)) {
                continue;
            }
            if i > 0 {
                f.write_str("\n")?;
            }
            let Failure { verb, object, path, errno, cause, remedy, .. } = failure;
            match failure.operation {
                // What has no name or no message is told by its number alone.
                Some(n) => {
                    let what = format!("{verb} {object}");
                    write!(f, "{} (operation {} of {})", what.trim_end(), n + 1, self.operations)?;
                }
                None => write!(f, "batch of {} operations", self.operations)?,
            }
            if let Some(errno) = errno {
                write!(f, ": {}", errno_name(*errno))?;
            }
            if !path.is_empty() {
                write!(f, " at {path}")?;
            }
            write!(f, ": {cause}")?;
            if let Some(remedy) = remedy {
                write!(f, "; {remedy}")?;
            }
            let rest = self.failures[i + 1..].iter().filter(|next| same(failure, next));
            let rest: Vec<usize> =
                rest.filter_map(|next| next.operation).filter(|n| Some(*n) != failure.operation).collect();
            if !rest.is_empty() {
                write!(f, " (the same of operations {})", ranges(&rest))?;
            }
        }
        if self.more {
            f.write_str("\nand more failures than the socket's receive buffer holds")?;
        }
        Ok(())
    }
}

impl std::error::Error for Rejection {}

/// One operation that failed.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Failure {
    /// Which operation, counted from 0; `None` if the batch as a whole was refused.
    pub operation: Option<usize>,
    /// What it was to do.
    pub verb: Verb,
    /// To what: `rule inet host input`.
    pub object: String,
    /// The kernel's error number; `None` if this crate refused it before it was sent.
    pub errno: Option<i32>,
    /// The attribute that the kernel points at, if it does.
    pub path: Path,
    /// What it means, in words.
    pub cause: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

/// Numbers of operations, counted from 1, in words: `2, 4-9`.
fn ranges(operations: &[usize]) -> String {
    let mut words: Vec<String> = Vec::new();
    for run in operations.chunk_by(|a, b| a + 1 == *b || a == b) {
        let (first, last) = (run[0] + 1, run[run.len() - 1] + 1);
        words.push(if first == last { first.to_string() } else { format!("{first}-{last}") });
    }
    const SHOWN: usize = 20;
    let more = words.len().saturating_sub(SHOWN);
    words.truncate(SHOWN);
    let shown = words.join(", ");
    if more > 0 { format!("{shown} and {more} more groups") } else { shown }
}

pub(crate) fn errno_name(errno: i32) -> String {
    match Errno::from_raw(errno) {
        // The kernel has numbers of its own beyond POSIX; 524 is the one nf_tables may show.
        Errno::UnknownErrno if errno == 524 => "ENOTSUPP".into(),
        Errno::UnknownErrno => format!("errno {errno}"),
        known => format!("{known:?}"),
    }
}

impl Error {
    /// The kernel's error numbers, one for each failure.
    fn errnos(&self) -> Vec<Option<Errno>> {
        match self {
            Self::Rejected(r) => r.failures.iter().map(|f| f.errno.map(Errno::from_raw)).collect(),
            Self::Request { errno, .. } => vec![Some(Errno::from_raw(*errno))],
            Self::Missing(_) => vec![Some(Errno::ENOENT)],
            Self::Io { source, .. } => vec![source.raw_os_error().map(Errno::from_raw)],
            _ => Vec::new(),
        }
    }

    fn all(&self, wanted: &[Errno]) -> bool {
        let errnos = self.errnos();
        !errnos.is_empty() && errnos.iter().all(|e| e.is_some_and(|e| wanted.contains(&e)))
    }

    /// Everything that failed did so because something it names is not there.
    pub fn is_not_found(&self) -> bool {
        self.all(&[Errno::ENOENT])
    }

    /// Everything that failed did so because it is there already, or overlaps with what is.
    pub fn is_exists(&self) -> bool {
        self.all(&[Errno::EEXIST])
    }

    /// Everything that failed did so because it is in use.
    pub fn is_busy(&self) -> bool {
        self.all(&[Errno::EBUSY])
    }

    /// A privilege is missing, or a table belongs to somebody else.
    pub fn is_permission(&self) -> bool {
        self.all(&[Errno::EPERM, Errno::EACCES])
    }

    /// Everything that failed did so because a set is full.
    pub fn is_full(&self) -> bool {
        self.all(&[Errno::ENFILE])
    }

    /// The ruleset changed since the generation that the batch was bound to.
    pub fn is_stale(&self) -> bool {
        matches!(self, Self::Stale { .. })
    }

    /// The batch touches what another change touches that waits to be confirmed.
    pub fn is_pending(&self) -> bool {
        matches!(self, Self::Pending { .. })
    }

    /// The kernel cannot do it.
    pub fn is_unsupported(&self) -> bool {
        self.all(&[Errno::EOPNOTSUPP, Errno::EPROTONOSUPPORT, Errno::EAFNOSUPPORT])
    }

    /// The failures of a rejected batch; none for other errors.
    pub fn failures(&self) -> &[Failure] {
        match self {
            Self::Rejected(r) => &r.failures,
            _ => &[],
        }
    }
}
