//! Whose packets they are: users and groups; and all of it as an ordinary user.

use super::lab::*;
use crate::ordinary::all_of_this_as_an_ordinary_user;
use oxitables::{
    Hook, Priority, Rule,
    data::{Gid, Uid},
    meta, testing,
};
use std::{fs, net::UdpSocket, os::unix::process::CommandExt, process::Command};

const NOBODY: u32 = 65534;

#[test]
fn all_of_this_works_as_an_ordinary_user() {
    all_of_this_as_an_ordinary_user();
}

/// Whether this user namespace has all users.
pub fn has_all_users() -> bool {
    fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| map.split_whitespace().nth(2) == Some("4294967295"))
}

#[test]
fn packets_of_users_and_groups() {
    let Some(bash) = testing::program("bash") else { return };
    testing::isolated(|lab| -> Outcome {
        for address in ["127.0.0.1", "::1"] {
            let host = lab.host("host")?;
            let rules = [
                meta::skuid().is(Uid::named("root")?),
                meta::skgid().is(Gid::named("root")?),
                meta::skuid().is(Uid::from(NOBODY)),
                meta::skgid().is(Gid::from(NOBODY)),
            ];
            let sent = |rule| Rule::new().when(oxitables::udp::dport().is(9)).when(rule);
            let mut meter = Meter::new(&host, Hook::Output, Priority::FILTER, rules.map(sent));
            let _sink = host.run(|| UdpSocket::bind((address, 9)))?;
            let send = format!("echo x >/dev/udp/{address}/9");
            let as_user = |id: Option<u32>| {
                host.run(|| {
                    let mut command = Command::new(&bash);
                    command.args(["-c", &send]);
                    if let Some(id) = id {
                        command.uid(id).gid(id);
                    }
                    command.status()
                })
            };
            assert!(as_user(None)?.success());
            assert_eq!(meter.packets(), [1, 1, 0, 0]);
            // An ordinary user has no others in its namespace.
            if has_all_users() {
                assert!(as_user(Some(NOBODY))?.success());
                assert_eq!(meter.packets(), [1, 1, 1, 1]);
            }
        }
        Ok(())
    });
}
