//! Users, groups, control groups and interfaces by name: looked up now, or a clear error now.

use super::{CgroupId, Gid, IfIndex, Uid};
use nix::{
    errno::Errno,
    unistd::{Group, User},
};
use std::{
    fmt, fs, io,
    os::unix::fs::MetadataExt,
    path::{Component, Path, PathBuf},
};

/// Something that is called by name is not there.
///
/// The kernel knows numbers only; what a name means is found out when it is said, before anything
/// is sent.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is no {kind} {name:?}{}", why.as_ref().map_or_else(String::new, |why| format!(": {why}")))]
#[non_exhaustive]
pub struct Missing {
    /// What kind of thing: `user`, `group`, `control group`, `interface`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Why, and what to do.
    pub why: Option<String>,
}

impl Missing {
    pub(crate) fn new(kind: &'static str, name: impl Into<String>, why: impl Into<Option<String>>) -> Self {
        Self { kind, name: name.into(), why: why.into() }
    }
}

/// What the user database said.
fn known<T>(kind: &'static str, name: &str, found: Result<Option<T>, Errno>) -> Result<T, Missing> {
    match found {
        Ok(Some(found)) => Ok(found),
        Ok(None) => Err(Missing::new(kind, name, None)),
        Err(errno) => Err(Missing::new(kind, name, format!("the user database cannot be asked: {}", errno.desc()))),
    }
}

impl Uid {
    /// The user with this name, from the machine's user database (`getpwnam_r(3)`).
    ///
    /// ```
    /// use oxitables::{data::Uid, meta};
    /// assert_eq!(Uid::named("root")?, Uid::from(0));
    /// assert_eq!(Uid::named("no-one-here").unwrap_err().to_string(), "there is no user \"no-one-here\"");
    /// # Ok::<(), oxitables::Error>(())
    /// ```
    ///
    /// The number is what is sent: a user that is made anew with another one needs the rule anew.
    /// Rules see numbers as the user namespace that owns the network namespace has them
    /// (`nft_meta_get_eval_skugid`).
    ///
    /// # Errors
    /// [`Missing`] if there is none, or the database does not answer.
    pub fn named(name: &str) -> Result<Self, Missing> {
        known("user", name, User::from_name(name)).map(|user| user.uid.as_raw().into())
    }
}

impl Gid {
    /// The group with this name (`getgrnam_r(3)`). A socket has one group: the one that its program
    /// ran as.
    ///
    /// ```
    /// assert_eq!(oxitables::data::Gid::named("root")?.number(), 0);
    /// assert!(oxitables::data::Gid::named("no-one-here").is_err());
    /// # Ok::<(), oxitables::Error>(())
    /// ```
    ///
    /// # Errors
    /// As of [`Uid::named`].
    pub fn named(name: &str) -> Result<Self, Missing> {
        known("group", name, Group::from_name(name)).map(|group| group.gid.as_raw().into())
    }
}

impl IfIndex {
    /// The interface with this name in the network namespace of the calling thread.
    ///
    /// For one that comes and goes, match its name ([`meta::iifname`](crate::meta::iifname)): that
    /// needs no interface.
    ///
    /// ```
    /// use oxitables::data::IfIndex;
    /// assert_eq!(
    ///     IfIndex::named("wan7").unwrap_err().to_string(),
    ///     "there is no interface \"wan7\": make it first, or match its name instead of its number",
    /// );
    /// ```
    ///
    /// # Errors
    /// [`Missing`] if there is none yet.
    pub fn named(name: &str) -> Result<Self, Missing> {
        nix::net::if_::if_nametoindex(name).map(Self::from).map_err(|_| {
            Missing::new("interface", name, "make it first, or match its name instead of its number".to_owned())
        })
    }
}

/// Where version 2 control groups are, as systemd mounts them: alone, or beside those of version 1.
const MOUNTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
/// A file that every group of version 2 has, and none of version 1.
const MARKER: &str = "cgroup.controllers";

/// A version 2 control group: the processes of a service, a session, a container.
///
/// ```no_run
/// use oxitables::{Rule, data::Cgroup, meta, socket};
///
/// let web = Cgroup::at("system.slice/nginx.service")?;
/// let rule = Rule::new().when(socket::within(&web)).then(meta::mark().set(7));
/// // socket cgroupv2 level 2 "system.slice/nginx.service" meta mark set 0x00000007
/// # Ok::<(), oxitables::Error>(())
/// ```
///
/// What is in a group below it is in it, too; so is what a process of it started, unless somebody
/// moved that. A socket stays in the group that made it (`sock_cgroup_ptr`).
///
/// **The number is what is sent**, found when the group is looked up: a group that is removed and
/// made anew, as systemd does when a service is restarted, has another one, and the rule has to be
/// made again. Groups that stay are better: slices.
///
/// Since 5.13. In a cgroup namespace the level counts from its root since 6.11 and the stable
/// kernels of that autumn, before from the machine's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cgroup {
    path: PathBuf,
    id: CgroupId,
    level: u8,
}

impl Cgroup {
    /// The group at a path below the root of the hierarchy, with or without a slash in front; the
    /// root itself is `/`.
    ///
    /// # Errors
    /// [`Missing`] if there is none, if it is deeper than 255, if the path has `..` in it, or if no
    /// version 2 groups are mounted where systemd mounts them.
    pub fn at(path: impl AsRef<Path>) -> Result<Self, Missing> {
        let missing = |why: String| Missing::new("control group", path.as_ref().to_string_lossy(), why);
        let Some(mount) = MOUNTS.iter().map(Path::new).find(|mount| mount.join(MARKER).exists()) else {
            return Err(missing(format!("no version 2 control groups are mounted at {} or {}", MOUNTS[0], MOUNTS[1])));
        };
        let mut below = PathBuf::new();
        for part in path.as_ref().components() {
            match part {
                Component::Normal(name) => below.push(name),
                Component::RootDir | Component::CurDir => {}
                Component::ParentDir | Component::Prefix(_) => {
                    return Err(missing("a path without `..` is needed".into()));
                }
            }
        }
        let level = below.components().count();
        let folder = mount.join(&below);
        let found = fs::metadata(&folder).and_then(|group| {
            // A plain file is none.
            folder.join(MARKER).metadata().map(|_| group.ino())
        });
        match (found, u8::try_from(level)) {
            (Ok(id), Ok(level)) => Ok(Self { path: below, id: id.into(), level }),
            (Ok(_), Err(_)) => Err(missing("it is deeper than 255".into())),
            (Err(error), _) if error.kind() == io::ErrorKind::NotFound => {
                Err(missing(format!("not below {}: start the service, or make it, first", mount.display())))
            }
            (Err(error), _) => Err(missing(error.to_string())),
        }
    }

    /// The number by which the kernel knows it.
    pub fn id(&self) -> CgroupId {
        self.id
    }

    /// How deep it is: 0 is the root, `system.slice/nginx.service` is 2.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Where it is, below the root.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl fmt::Display for Cgroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.path.display())
    }
}
