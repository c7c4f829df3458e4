//! What the machine calls things: the files and questions that nft consults.

use std::{fs, sync::OnceLock};

/// A file of names and numbers, read once.
#[derive(Debug)]
pub(crate) struct NameFile {
    /// Where it may be; the first that is there counts.
    paths: &'static [&'static str],
    format: Format,
    rows: OnceLock<Vec<(u64, String)>>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Format {
    /// `tcp 6 TCP`: name, number, more names.
    NameFirst,
    /// `ssh 22/tcp`: name, port and protocol, more names.
    Service,
    /// `0 default`: number and name, as iproute2 has it.
    NumberFirst,
}

/// Transport protocols.
pub(crate) static PROTOCOLS: NameFile = NameFile::new(&["/etc/protocols"], Format::NameFirst);
/// Ports.
pub(crate) static SERVICES: NameFile = NameFile::new(&["/etc/services"], Format::Service);
/// Routing realms.
pub(crate) static REALMS: NameFile =
    NameFile::new(&["/etc/iproute2/rt_realms", "/usr/share/iproute2/rt_realms"], Format::NumberFirst);
/// Groups of interfaces.
pub(crate) static GROUPS: NameFile =
    NameFile::new(&["/etc/iproute2/group", "/usr/share/iproute2/group"], Format::NumberFirst);
/// Packet marks.
pub(crate) static MARKS: NameFile =
    NameFile::new(&["/etc/iproute2/rt_marks", "/usr/share/iproute2/rt_marks"], Format::NumberFirst);
/// Labels of connections.
pub(crate) static LABELS: NameFile = NameFile::new(&["/etc/connlabel.conf"], Format::NumberFirst);

impl NameFile {
    const fn new(paths: &'static [&'static str], format: Format) -> Self {
        Self { paths, format, rows: OnceLock::new() }
    }

    fn rows(&self) -> &[(u64, String)] {
        self.rows.get_or_init(|| {
            let text = self.paths.iter().find_map(|path| fs::read(path).ok()).unwrap_or_default();
            String::from_utf8_lossy(&text).lines().flat_map(|line| self.format.read(line)).collect()
        })
    }

    /// The name of a number, the first there is.
    pub fn name(&'static self, number: u64) -> Option<&'static str> {
        self.rows().iter().find(|(known, _)| *known == number).map(|(_, name)| name.as_str())
    }

    /// The number of a name.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.rows().iter().find(|(_, known)| known == name).map(|(number, _)| *number)
    }
}

impl Format {
    /// The names in a line, each with the number.
    fn read(self, line: &str) -> Vec<(u64, String)> {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let (Some(first), Some(second)) = (words.next(), words.next()) else { return Vec::new() };
        let (name, number) = match self {
            Self::NameFirst => (first, second.parse().ok()),
            Self::Service => (first, second.split('/').next().and_then(|port| port.parse().ok())),
            Self::NumberFirst => (second, super::format::number(first).and_then(|n| n.try_into().ok())),
        };
        let Some(number) = number else { return Vec::new() };
        // iproute2 takes one name only.
        let more = words.filter(|_| self != Self::NumberFirst);
        std::iter::once(name).chain(more).map(|name| (number, name.to_owned())).collect()
    }
}

/// The name of an interface in the network namespace of this thread.
pub(super) fn interface_name(index: u32) -> Option<String> {
    let name = nix::net::if_::if_indextoname(index).ok()?;
    // Of an index that there is not, nix tells an empty one.
    name.into_string().ok().filter(|name| !name.is_empty())
}

/// Its index.
pub(super) fn interface_index(name: &str) -> Option<u32> {
    nix::net::if_::if_nametoindex(name).ok()
}

pub(super) fn user_name(id: u32) -> Option<String> {
    nix::unistd::User::from_uid(id.into()).ok().flatten().map(|user| user.name)
}

pub(super) fn user_id(name: &str) -> Option<u32> {
    nix::unistd::User::from_name(name).ok().flatten().map(|user| user.uid.as_raw())
}

pub(super) fn group_name(id: u32) -> Option<String> {
    nix::unistd::Group::from_gid(id.into()).ok().flatten().map(|group| group.name)
}

pub(super) fn group_id(name: &str) -> Option<u32> {
    nix::unistd::Group::from_name(name).ok().flatten().map(|group| group.gid.as_raw())
}

const CGROUPS: &str = "/sys/fs/cgroup";

/// The path of a control group below the mount, found by the number of its directory.
pub(super) fn cgroup_path(id: u64) -> Option<String> {
    use std::os::unix::fs::{DirEntryExt, MetadataExt};
    if fs::metadata(CGROUPS).is_ok_and(|root| root.ino() == id) {
        return None;
    }
    let mut below = vec![std::path::PathBuf::from(CGROUPS)];
    while let Some(path) = below.pop() {
        for entry in fs::read_dir(&path).into_iter().flatten().flatten() {
            if entry.ino() == id {
                let path = entry.path();
                return path.strip_prefix(CGROUPS).ok()?.to_str().map(str::to_owned);
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                below.push(entry.path());
            }
        }
    }
    None
}

/// The number of a control group.
pub(super) fn cgroup_id(path: &str) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(std::path::Path::new(CGROUPS).join(path.trim_start_matches('/'))).ok().map(|group| group.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_names() {
        let row = |number: u64, name: &str| (number, name.to_owned());
        assert_eq!(Format::NameFirst.read("tcp\t6\tTCP\t\t# transmission"), [row(6, "tcp"), row(6, "TCP")]);
        assert_eq!(Format::Service.read("domain 53/tcp dns"), [row(53, "domain"), row(53, "dns")]);
        assert_eq!(Format::NumberFirst.read("  0x10 sixteen # ten"), [row(16, "sixteen")]);
        for empty in ["", "# all of it", "word", "word word"] {
            assert_eq!(Format::NumberFirst.read(empty), [], "{empty}");
        }
    }
}
