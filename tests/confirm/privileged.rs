//! Programs that have privileges their users have not: setuid, and with file capabilities. Nobody
//! gains anything by starting their second process.

use crate::{
    agents::Agent,
    common::{Copy, NOBODY},
    sandboxed::Outcome,
    settled, state, table,
};
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};
use oxitables::{
    testing::{self, program},
    *,
};
use std::{
    env, fs,
    io::{Read, Write},
    os::{
        fd::OwnedFd,
        unix::{fs::PermissionsExt, net::UnixStream, process::CommandExt},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Makes this program one that tries to command the program that is named.
const ATTACKS: &str = "OXITABLES_TEST_ATTACKS";
const WATCHDOG: &str = "OXITABLES_WATCHDOG";

/// `CAP_NET_ADMIN`, permitted and effective: `VFS_CAP_REVISION_2`.
const NET_ADMIN: &str = "0x0100000200100000000000000000000000000000";

pub fn who_starts_the_second_process_of_a_privileged_program_gains_nothing() -> Outcome {
    if ordinary() {
        // Nobody may give privileges to a program.
        return Ok(());
    }
    let mut nft = Client::open()?;
    nft.apply(Batch::new().add(table()))?;
    let attacker = Copy::new()?;
    for (how, privileged) in [("setuid", setuid()?), ("capabilities", capable()?)] {
        let Some((_folder, privileged)) = privileged else {
            testing::skip(&format!("{how}: no privileges can be given to a program here"));
            continue;
        };
        // They suffice for what the program does itself,
        let mut command = Command::new(&privileged);
        command.env("OXITABLES_TEST_TOLD", "1").uid(NOBODY).gid(NOBODY).current_dir("/");
        let mut agent = Agent::run(command);
        assert_eq!(agent.ask("change host kept 600000"), "ok", "{how}");
        assert_eq!(agent.ask("confirm 0"), "ok", "{how}");
        assert_eq!(agent.ask("change host undone 600000"), "ok", "{how}");
        let (before, _) = state(&mut nft)?;
        // and its user cannot use them, neither to delete a table nor to confirm or undo what
        // waits.
        let marker = oxitables::client::confirm::waiting(&mut nft)?.remove(0).marker.name.to_string();
        let mut attack = attacker.as_nobody();
        let said = attack.env(ATTACKS, &privileged).env("OXITABLES_TEST_MARKER", marker).output()?;
        let said = format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
        assert_eq!(said.matches("attacked").count(), 3 * WAYS.len(), "{how}: {said}");
        assert!(said.contains("no privilege"), "the kernel was asked: {said}");
        assert_eq!(state(&mut nft)?, (before, true), "{how}: {said}");
        agent.kill();
        let after = settled(&mut nft)?;
        assert!(
            after.chains.iter().any(|chain| chain.name == "kept")
                && !after.chains.iter().any(|chain| chain.name == "undone")
        );
        nft.apply(Batch::new().delete(table().chain("kept")))?;
    }
    Ok(())
}

/// Whether this is root of a user namespace only.
pub fn ordinary() -> bool {
    fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| !map.contains("4294967295"))
}

/// A copy that is root's whoever runs it.
fn setuid() -> std::io::Result<Option<(Copy, PathBuf)>> {
    let copy = Copy::new()?;
    let path = copy.path();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o4755))?;
    Ok(raised(&path)?.then_some((copy, path)))
}

/// A copy that may change the firewall whoever runs it.
fn capable() -> std::io::Result<Option<(Copy, PathBuf)>> {
    let copy = Copy::new()?;
    let path = copy.path();
    let Some(python) = program("python3") else { return Ok(None) };
    let script = "import os, sys; os.setxattr(sys.argv[1], 'security.capability', bytes.fromhex(sys.argv[2][2:]))";
    let given = Command::new(python).args(["-c", script]).arg(&path).arg(NET_ADMIN).status()?.success();
    Ok((given && raised(&path)?).then_some((copy, path)))
}

/// Whether the system gives a program its privileges, which it does not on every mount.
fn raised(path: &Path) -> std::io::Result<bool> {
    let mut command = Command::new(path);
    let said =
        command.env("OXITABLES_TEST_TOLD", "1").uid(NOBODY).gid(NOBODY).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = said.spawn()?;
    let orders = child.stdin.take();
    writeln!(orders.as_ref().unwrap(), "apply host probe")?;
    drop(orders);
    let output = child.wait_with_output()?;
    Ok(output.stdout.starts_with(b"ok"))
}

/// Somebody's attempts, if this program was started for that.
pub fn attack() -> bool {
    let Some(target) = env::var_os(ATTACKS) else { return false };
    let marker: String = env::var("OXITABLES_TEST_MARKER").unwrap().bytes().map(|byte| format!("{byte:02x}")).collect();
    let host: String = table().name.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let orders = [
        // As if it had made the change that waits.
        format!("deadline 0\nmarker {marker}\nforget\ntable 1 {host}\nsnapshot\nrehearse\nmade\nundo\n"),
        format!("marker {marker}\nforget\ntable 1 {host}\nsnapshot\nrehearse\nmade\ndone\n"),
        // As if it made another.
        format!("deadline 0\nmarker {marker}00\nforget\ntable 1 {host}\nsnapshot\nrehearse\nmade\nundo\n"),
    ];
    for (name, way) in WAYS {
        for orders in &orders {
            let mut command = Command::new(&target);
            command.env(WATCHDOG, "1").env_remove(ATTACKS);
            println!("attacked by {name}: {}", way(command, orders).replace('\n', "; "));
        }
    }
    true
}

type Way = fn(Command, &str) -> String;
const WAYS: &[(&str, Way)] = &[
    ("pipes", by_pipes),
    ("a socket of this user", by_own_socket),
    ("a socket of a namespace of one's own", by_own_namespace),
    ("a process that is gone", by_orphan),
    ("a socket of another protocol", by_another_protocol),
    ("the program's own argument zero and no socket", by_name),
];

fn by_pipes(mut command: Command, orders: &str) -> String {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(orders.as_bytes());
    let output = child.wait_with_output().unwrap();
    format!("{} {}", output.status, String::from_utf8_lossy(&output.stdout))
}

/// Commands it over a line as the program itself has.
fn by_line(mut command: Command, output: impl Into<Stdio>, orders: &str) -> String {
    let (mut line, theirs) = UnixStream::pair().unwrap();
    let mut child = command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(output).spawn().unwrap();
    drop(command);
    let _ = line.write_all(orders.as_bytes());
    let _ = line.shutdown(std::net::Shutdown::Write);
    let mut said = Vec::new();
    let _ = line.read_to_end(&mut said);
    format!("{} {}", child.wait().unwrap(), String::from_utf8_lossy(&said))
}

fn netlink(protocol: SockProtocol) -> OwnedFd {
    socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol).unwrap()
}

fn by_own_socket(command: Command, orders: &str) -> String {
    by_line(command, netlink(SockProtocol::NetlinkNetFilter), orders)
}

fn by_another_protocol(command: Command, orders: &str) -> String {
    by_line(command, netlink(SockProtocol::NetlinkRoute), orders)
}

/// The program with what `command` has, behind other words.
fn behind(words: &[&str], command: &Command) -> Command {
    let mut behind = Command::new(words[0]);
    behind.args(&words[1..]).arg(command.get_program()).env(WATCHDOG, "1").env_remove(ATTACKS);
    behind
}

fn by_own_namespace(command: Command, orders: &str) -> String {
    by_line(behind(&["unshare", "-Urn"], &command), netlink(SockProtocol::NetlinkNetFilter), orders)
}

/// Its parent is then whoever takes orphans.
fn by_orphan(command: Command, orders: &str) -> String {
    by_line(behind(&["sh", "-c", "exec 3<&0; \"$0\" <&3 &"], &command), netlink(SockProtocol::NetlinkNetFilter), orders)
}

fn by_name(mut command: Command, orders: &str) -> String {
    command.arg0("oxitables-watchdog");
    by_line(command, Stdio::null(), orders)
}
