//! Which process has a netlink port.

use crate::data::Name;
use std::{fmt, fs, path::Path};

/// A process that has a netfilter socket open.
pub(crate) struct Holder {
    process: String,
    port: u32,
    /// Its name, up to 15 bytes.
    pub program: Name,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {}, netlink port {})", self.program, self.process, self.port)
    }
}

impl Holder {
    /// Who has a port in the network namespace of the calling thread, as far as this process may
    /// see.
    pub fn of(port: u32) -> Option<Self> {
        let socket = socket(port)?;
        let holds = |process: &str| {
            let files = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
            files.into_iter().any(|file| fs::read_link(file.path()).is_ok_and(|to| to == Path::new(&socket)))
        };
        // Of a process's sockets the first has its number for a port, the others have random ones.
        let likely = port.to_string();
        let process = if holds(&likely) {
            likely
        } else {
            let all = fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
            all.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).find(|process| holds(process))?
        };
        let comm = fs::read(format!("/proc/{process}/comm")).ok()?;
        let program = Name::from(comm.strip_suffix(b"\n").unwrap_or(&comm));
        Some(Self { process, port, program })
    }
}

/// How the socket is linked from the directories of open files.
fn socket(port: u32) -> Option<String> {
    const NETFILTER: &str = "12";
    let sockets = fs::read_to_string("/proc/thread-self/net/netlink").ok()?;
    sockets.lines().find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        match fields[..] {
            [_, NETFILTER, held, .., inode] if held.parse() == Ok(port) => Some(format!("socket:[{inode}]")),
            _ => None,
        }
    })
}
