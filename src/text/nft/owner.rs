//! Who owns a table: the program that holds a netlink socket.

use std::{fs, path::Path};

/// The name of the program whose netfilter socket has this port; `(null)` if it is not found, as nft has it.
pub(super) fn program(port: u32) -> String {
    socket(port).and_then(|inode| holder(port, &inode)).unwrap_or_else(|| "(null)".into())
}

/// How the socket is linked from the directories of open files.
fn socket(port: u32) -> Option<String> {
    const NETFILTER: &str = "12";
    let sockets = fs::read_to_string("/proc/thread-self/net/netlink").ok()?;
    let port = port.to_string();
    sockets.lines().find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        match fields[..] {
            [_, NETFILTER, held, .., inode] if held == port => Some(format!("socket:[{inode}]")),
            _ => None,
        }
    })
}

/// The name of the process that has it open: most likely the one whose number the port is.
fn holder(port: u32, link: &str) -> Option<String> {
    let name = |process: &Path| {
        let open = fs::read_dir(process.join("fd")).ok()?;
        let holds = |file: fs::DirEntry| fs::read_link(file.path()).is_ok_and(|target| target == Path::new(link));
        let name = open.flatten().any(holds).then(|| fs::read_to_string(process.join("comm")))?;
        Some(name.ok()?.trim_end().to_owned())
    };
    name(Path::new(&format!("/proc/{port}")))
        .or_else(|| fs::read_dir("/proc").ok()?.flatten().find_map(|process| name(&process.path())))
}
