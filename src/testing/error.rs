//! What can go wrong while a sandbox is built, in words that say what to do.

use std::{fmt, io};

use nix::errno::Errno;

/// Why a sandbox, or a part of one, could not be made.
///
/// The message names what was attempted, the kernel's answer and, where one is known, the remedy;
/// `Debug` shows the same text, because it is what `unwrap` and a `main` or test that returns the
/// error print.
///
/// ```
/// use oxitables::testing::{self, SandboxError};
///
/// testing::isolated(|lab| {
///     let host = lab.host("router").unwrap();
///     let error = host.index("eth7").unwrap_err();
///     assert!(matches!(error, SandboxError::Network { .. }));
///     assert_eq!(error.to_string(), "cannot find eth7 on router: ENODEV: No such device");
/// });
/// ```
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The process has more than one thread and no privileges: the kernel lets only a
    /// single-threaded process enter a user namespace.
    #[error(
        "this process already has several threads, and the kernel lets only a single-threaded one enter a user \
         namespace: call testing::enter_user_namespace() first thing in main, wrap the body of a #[test] in \
         testing::isolated, or run the whole program as root or under `unshare -Ur`"
    )]
    ManyThreads,

    /// This system does not let the process make namespaces.
    #[error("cannot {attempted}: {}{}", words(cause), forbidden(cause))]
    Forbidden {
        /// What was attempted.
        attempted: String,
        /// The kernel's answer.
        cause: io::Error,
    },

    /// The kernel refused a request about links, addresses or routes.
    #[error("cannot {attempted}: {}{}{}", words(cause), in_brackets(reason), misconfigured(cause))]
    Network {
        /// What was attempted.
        attempted: String,
        /// The kernel's answer.
        cause: io::Error,
        /// The kernel's explanation, where it gave one.
        reason: Option<String>,
    },

    /// A file, thread or process of the sandbox failed; sysctls are files too.
    #[error("cannot {attempted}: {}{}", words(cause), unwritable(cause))]
    System {
        /// What was attempted.
        attempted: String,
        /// The system's answer.
        cause: io::Error,
    },
}

impl SandboxError {
    pub(super) fn forbidden(attempted: impl Into<String>, cause: impl Into<io::Error>) -> Self {
        Self::Forbidden { attempted: attempted.into(), cause: cause.into() }
    }

    pub(super) fn system(attempted: impl Into<String>, cause: impl Into<io::Error>) -> Self {
        Self::System { attempted: attempted.into(), cause: cause.into() }
    }
}

impl fmt::Debug for SandboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `EPERM: Operation not permitted` rather than `Operation not permitted (os error 1)`.
fn words(cause: &io::Error) -> String {
    match cause.raw_os_error() {
        Some(errno) => {
            let text = cause.to_string();
            let text = text.split(" (os error").next().unwrap_or_default();
            format!("{:?}: {text}", Errno::from_raw(errno))
        }
        None => cause.to_string(),
    }
}

fn in_brackets(reason: &Option<String>) -> String {
    reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"))
}

fn forbidden(cause: &io::Error) -> &'static str {
    match cause.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EPERM | Errno::EACCES) => {
            ": run as root (in a container: with CAP_SYS_ADMIN and CAP_NET_ADMIN), or allow user namespaces: \
             `sysctl kernel.apparmor_restrict_unprivileged_userns=0` on Ubuntu, \
             `sysctl kernel.unprivileged_userns_clone=1` on Debian; in a container also seccomp has to allow unshare"
        }
        Some(Errno::ENOSPC | Errno::EUSERS) => {
            ": no namespace is left to this user: raise `sysctl user.max_user_namespaces user.max_net_namespaces`"
        }
        Some(Errno::EINVAL | Errno::ENOSYS) => {
            ": this kernel has no such namespaces: CONFIG_USER_NS and CONFIG_NET_NS are needed"
        }
        _ => "",
    }
}

fn misconfigured(cause: &io::Error) -> &'static str {
    match cause.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EOPNOTSUPP | Errno::EAFNOSUPPORT) => {
            ": this kernel lacks it; veth and bridge are modules (as root: `modprobe -a veth bridge`), \
             IPv6 may be switched off at boot"
        }
        Some(Errno::ERANGE) => ": a name of an interface has 1 to 15 bytes",
        Some(Errno::ENETUNREACH | Errno::EHOSTUNREACH) => ": the gateway is not in any network of this host",
        _ => "",
    }
}

fn unwritable(cause: &io::Error) -> &'static str {
    match cause.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EROFS) => ": /proc/sys is read-only, as containers have it unless they are privileged",
        _ => "",
    }
}
