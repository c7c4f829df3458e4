//! Whose packets a recipe is about.

use crate::{
    data::{Cgroup, Gid, Uid},
    *,
};

/// Whose packets: what the local socket that sends them tells of its program.
///
/// ```
/// use oxitables::{data::Uid, recipes::Sender};
/// let root = Sender::from(Uid::named("root")?);
/// assert_eq!(root.matches().to_string(), "meta skuid 0");
/// # Ok::<(), oxitables::Error>(())
/// ```
///
/// A control group holds all that a program starts, whatever user it becomes. User and group are
/// those that the program had when it made the socket: a program that may become another user
/// (`sudo`, a setuid `ping`) leaves by that. And what was made elsewhere is of there: a socket that
/// is inherited, passed on, accepted from a listener of another group, or older than the program's
/// move into the group. What the kernel sends by itself has no program: resets, the first answer to
/// who connects (SYN-ACK; of control groups), neighbour discovery, ICMP errors; and of users and
/// groups neither what is left of a connection when its socket was closed. What runs in another
/// network namespace, a container, sends through the rules of that one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Sender {
    /// Programs in a control group, or in one below it. Since 5.13.
    Within(Cgroup),
    /// Programs of a user.
    User(Uid),
    /// Programs of a group.
    Group(Gid),
}

impl Sender {
    /// The condition: a packet is from there. For chains of output.
    pub fn matches(&self) -> Match {
        match self {
            Self::Within(group) => socket::within(group),
            Self::User(user) => meta::skuid().is(*user),
            Self::Group(group) => meta::skgid().is(*group),
        }
    }
}

impl From<Cgroup> for Sender {
    fn from(group: Cgroup) -> Self {
        Self::Within(group)
    }
}

impl From<Uid> for Sender {
    fn from(user: Uid) -> Self {
        Self::User(user)
    }
}

impl From<Gid> for Sender {
    fn from(group: Gid) -> Self {
        Self::Group(group)
    }
}
