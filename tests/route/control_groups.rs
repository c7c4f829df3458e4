//! Whose packets they are: control groups, and groups in them.

use super::{lab::*, users::has_all_users};
use crate::common::features::lacks;
use oxitables::{Batch, Client, Hook, Priority, Rule, data::Cgroup, meta, proto::Feature, socket, testing, udp};
use std::{
    fs, io,
    net::UdpSocket,
    path::{Path, PathBuf},
    process::Command,
};

/// A group for a test, removed with the test.
struct Group(PathBuf);

impl Group {
    fn new(path: PathBuf) -> io::Result<Self> {
        fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

fn mount() -> Option<&'static Path> {
    let mounts = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new);
    mounts.into_iter().find(|mount| mount.join("cgroup.controllers").exists())
}

/// Two groups, one in the other; where nobody may make them, the test is skipped.
fn groups() -> Option<(String, Group, Group)> {
    let name = format!("oxitables-{}", std::process::id());
    let made = mount().ok_or(io::Error::from(io::ErrorKind::NotFound)).and_then(|mount| {
        let outer = Group::new(mount.join(&name))?;
        let inner = Group::new(outer.0.join("inner"))?;
        Ok((name, outer, inner))
    });
    match made {
        Ok(made) => Some(made),
        // Root makes them wherever they are mounted; to others it may be forbidden for good.
        Err(error) if has_all_users() => {
            testing::skip(&format!("cannot make version 2 control groups below /sys/fs/cgroup: {error}"));
            None
        }
        Err(error) => {
            use io::Write;
            let line =
                format!("SKIPPED control groups: an ordinary user cannot make them below /sys/fs/cgroup: {error}\n");
            let _ = io::stderr().write_all(line.as_bytes());
            None
        }
    }
}

#[test]
fn packets_of_groups_and_of_groups_in_them() {
    let Some(bash) = testing::program("bash") else { return };
    testing::isolated(|lab| -> Outcome {
        if lab.host("here")?.run(|| lacks(Feature::ControlGroups)) {
            return Ok(());
        }
        let Some((name, outer, inner)) = groups() else { return Ok(()) };
        let (all, some) = (Cgroup::at(&name)?, Cgroup::at(format!("/{name}/inner"))?);
        assert_eq!((all.level(), some.level(), some.to_string()), (1, 2, format!("/{name}/inner")));
        assert_ne!(all.id(), some.id());
        for address in ["127.0.0.1", "::1"] {
            let host = lab.host("host")?;
            let rule = |condition| Rule::new().when(udp::dport().is(9)).when(condition);
            let rules = [socket::within(&all), socket::within(&some), socket::within(&Cgroup::at("/")?)].map(rule);
            let mut meter = Meter::new(&host, Hook::Output, Priority::FILTER, rules);
            let _sink = host.run(|| UdpSocket::bind((address, 9)))?;
            let send_from = |group: Option<&Path>| -> Outcome {
                let enter = group.map_or(String::new(), |group| format!("echo $$ >{}/cgroup.procs; ", group.display()));
                let script = format!("{enter}echo x >/dev/udp/{address}/9");
                assert!(host.run(|| Command::new(&bash).args(["-ec", &script]).status())?.success());
                Ok(())
            };
            send_from(None)?;
            assert_eq!(meter.packets(), [0, 0, 1]);
            send_from(Some(&outer.0))?;
            assert_eq!(meter.packets(), [1, 0, 2]);
            send_from(Some(&inner.0))?;
            assert_eq!(meter.packets(), [2, 1, 3]);
        }
        Ok(())
    });
}

/// A group that is not there is told before anything is sent.
#[test]
fn what_is_no_group_is_refused() {
    let why = |path: &str| Cgroup::at(path).unwrap_err().to_string();
    assert!(why("no/such.slice").starts_with("there is no control group \"no/such.slice\": "));
    if mount().is_some() {
        assert!(why("no/such.slice").ends_with("start the service, or make it, first"));
        assert!(why("cgroup.procs").starts_with("there is no control group \"cgroup.procs\": "), "a file");
        assert!(why("../cgroup").ends_with("a path without `..` is needed"));
    }
    testing::in_namespace(|| -> Outcome {
        // As a program would say it: nothing is applied.
        let table = oxitables::Table::new(oxitables::Family::Inet, "host");
        let output = table.chain("output").with_hook(Hook::Output, Priority::FILTER);
        let install = || -> oxitables::Result<()> {
            let mut batch = Batch::new();
            batch.add(&table).add(&output);
            let web = Cgroup::at("no/such.slice")?;
            batch.add(output.rule(Rule::new().when(socket::within(&web)).then(meta::mark().set(1))));
            Client::open()?.apply(&batch).map(drop)
        };
        assert!(install().unwrap_err().is_not_found());
        assert!(Client::open()?.tables().snapshot()?.is_empty());
        Ok(())
    });
}
