//! Privileges: having them, or getting them over namespaces of one's own.

use std::{fs, io};

use nix::{
    errno::Errno,
    sched::{CloneFlags, unshare},
    unistd::{getegid, geteuid},
};

use super::SandboxError;

const CAP_NET_ADMIN: u64 = 1 << 12;
const CAP_SYS_ADMIN: u64 = 1 << 21;

/// Makes an unprivileged process root over the namespaces that it makes from now on.
///
/// Does nothing when the process may make network namespaces already, hence also when called again.
/// Otherwise the process enters a new user namespace in which its user and group are 0: files keep
/// their owners and the process gains no right over them, but a network namespace made afterwards
/// is its own.
///
/// [`Sandbox::new`](super::Sandbox::new) calls this itself; a program that starts threads before it
/// makes its sandbox calls it first thing in `main`.
///
/// # Errors
///
/// [`ManyThreads`](SandboxError::ManyThreads) when other threads run already,
/// [`Forbidden`](SandboxError::Forbidden) when this system does not let ordinary users make user
/// namespaces.
///
/// ```
/// use oxitables::testing::{self, Sandbox};
///
/// if testing::enter_user_namespace().is_ok() {
///     std::thread::spawn(|| Sandbox::new().is_ok()).join().unwrap();
/// }
/// ```
pub fn enter_user_namespace() -> Result<(), SandboxError> {
    if privileged()? {
        return Ok(());
    }
    // Asked for before the move: afterwards both read as the overflow id, 65534, until they are
    // mapped.
    let (user, group) = (geteuid(), getegid());
    match unshare(CloneFlags::CLONE_NEWUSER) {
        Ok(()) => {}
        Err(Errno::EINVAL) if threads() != 1 => return Err(SandboxError::ManyThreads),
        Err(errno) => return Err(SandboxError::forbidden("enter a user namespace", errno)),
    }
    // An ordinary user may map his group only after giving up setgroups, with which he could shed a
    // group that denies him something. Kernels before 3.19 have no such file.
    match fs::write("/proc/self/setgroups", "deny") {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(SandboxError::forbidden("give up setgroups in a user namespace", error));
        }
        _ => {}
    }
    for (map, id) in [("uid_map", user.as_raw()), ("gid_map", group.as_raw())] {
        // Ubuntu's AppArmor lets unshare succeed and refuses only here.
        fs::write(format!("/proc/self/{map}"), format!("0 {id} 1"))
            .map_err(|error| SandboxError::forbidden(format!("write {map} of a user namespace"), error))?;
    }
    Ok(())
}

/// Whether this thread may make network namespaces and configure them.
fn privileged() -> Result<bool, SandboxError> {
    let status = fs::read_to_string("/proc/thread-self/status")
        .map_err(|error| SandboxError::system("read this thread's capabilities in /proc", error))?;
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0);
    let needed = CAP_NET_ADMIN | CAP_SYS_ADMIN;
    Ok(effective & needed == needed)
}

/// How many threads this process has; 0 when /proc does not tell.
pub(super) fn threads() -> usize {
    fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}
