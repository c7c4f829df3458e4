//! iptables-legacy in the namespace of the calling thread: the reference.

use oxitables::testing;
use std::{path::PathBuf, process::Command};

/// iptables for one family.
#[derive(Clone)]
pub struct Iptables(PathBuf);

impl Iptables {
    /// `None`, said loudly, where it is not installed.
    #[track_caller]
    pub fn find(v6: bool) -> Option<Self> {
        testing::program(if v6 { "ip6tables-legacy" } else { "iptables-legacy" }).map(Self)
    }

    pub fn run(&self, arguments: &str) -> String {
        let mut command = Command::new(&self.0);
        // Its lock file is root's own; and each namespace has tables of its own, so that there is
        // nothing to lock.
        command.env("XTABLES_LOCKFILE", "/dev/null").arg("-w").args(arguments.split_whitespace());
        let output = command.output().unwrap();
        assert!(output.status.success(), "iptables {arguments}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Packets counted by each rule of INPUT.
    pub fn counts(&self) -> Vec<u64> {
        let listing = self.run("-L INPUT -v -n -x");
        listing.lines().skip(2).map(|line| line.split_whitespace().next().unwrap().parse().unwrap()).collect()
    }
}
