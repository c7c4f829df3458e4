//! The example agent, at work: follows its file, heals what others change, undoes what is not
//! confirmed.
//!
//! Without the standard harness, since the agent is this program, too, and begins with
//! `confirm::init()`.

mod common;
#[path = "common/ordinary.rs"]
mod ordinary;
#[path = "../examples/agent.rs"]
mod program;
#[path = "common/sandboxed.rs"]
mod sandboxed;

use nix::{sys::signal, unistd::Pid};
use oxitables::{client::confirm, model::Ruleset, *};
use sandboxed::{Outcome, Test};
use std::{
    env, fs,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// Makes this program the agent.
const AGENT: &str = "OXITABLES_TEST_AGENT";
/// How long nothing takes, on whichever machine.
const EVER: Duration = Duration::from_secs(120);

/// A desired state: who may come in at which port is counted, and somebody is blocked for so many
/// seconds.
fn state(port: u16, packets: u64, blocked: u32) -> String {
    format!(
        r#"{{"nftables": [
            {{"metainfo": {{"version": "1.1.7", "json_schema_version": 1}}}},
            {{"table": {{"family": "inet", "name": "host", "handle": 1}}}},
            {{"set": {{"family": "inet", "table": "host", "name": "blocked", "type": "ipv4_addr", "flags": ["timeout"],
                     "elem": [{{"elem": {{"val": "192.0.2.7", "timeout": {blocked}}}}}]}}}},
            {{"chain": {{"family": "inet", "table": "host", "name": "input",
                       "type": "filter", "hook": "input", "prio": 0, "policy": "accept"}}}},
            {{"rule": {{"family": "inet", "table": "host", "chain": "input", "expr": [
                {{"match": {{"op": "==", "left": {{"payload": {{"protocol": "ip", "field": "saddr"}}}}, "right": "@blocked"}}}},
                {{"counter": {{"packets": {packets}, "bytes": 700}}}}, {{"drop": null}}]}}}},
            {{"rule": {{"family": "inet", "table": "host", "chain": "input", "expr": [
                {{"match": {{"op": "==", "left": {{"payload": {{"protocol": "tcp", "field": "dport"}}}}, "right": {port}}}}},
                {{"accept": null}}]}}}}
        ]}}"#
    )
}

/// The same as the library reads it.
fn ruleset(text: &str) -> Result<Ruleset> {
    Ruleset::made_by(&json::Document::parse(text)?.batch(&Ruleset::new(0.into()))?)
}

/// Waits until the kernel has what a state says.
fn comes(nft: &mut Client, text: &str) -> Result<()> {
    let (start, desired) = (Instant::now(), ruleset(text)?);
    while !nft.plan(&desired)?.is_empty() {
        assert!(start.elapsed() < EVER, "never came: {text}");
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// What the first rule counted, and its handle.
fn counted(nft: &mut Client) -> Result<(u64, Option<u64>)> {
    let all = nft.ruleset()?;
    let rule = all.rules.first().expect("a rule");
    let counter = rule.exprs().iter().find_map(|e| match e {
        expr::Expr::Counter(counter) => counter.packets,
        _ => None,
    });
    Ok((counter.expect("a counter"), rule.handle))
}

/// Somebody else.
fn nft(command: &str) -> Outcome {
    let program = testing::program("nft").ok_or("no nft")?;
    let status = Command::new(program).args(command.split(' ')).status()?;
    if status.success() { Ok(()) } else { Err(command.into()) }
}

/// A folder with a file of a desired state.
struct File(PathBuf);

impl File {
    fn new(text: &str) -> std::io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("oxitables-agent-{}-{n}", std::process::id()));
        fs::create_dir(&folder)?;
        let file = Self(folder.join("state.json"));
        file.write(text)?;
        Ok(file)
    }

    /// At once, as who writes such files should.
    fn write(&self, text: &str) -> std::io::Result<()> {
        let new = self.0.with_extension("new");
        fs::write(&new, text)?;
        fs::rename(new, &self.0)
    }

    fn confirm(&self) -> std::io::Result<()> {
        fs::write(self.0.with_extension("json.confirm"), "")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        if let Some(folder) = self.0.parent() {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// A running agent, and what it logs.
struct Agent(Child, mpsc::Receiver<String>);

impl Agent {
    fn start(file: &File, options: &[&str]) -> std::io::Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.env(AGENT, "1").arg(&file.0).args(options).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let (sender, lines) = mpsc::channel();
        let said = BufReader::new(child.stderr.take().expect("a pipe"));
        thread::spawn(move || said.lines().map_while(Result::ok).find(|line| sender.send(line.clone()).is_err()));
        Ok(Self(child, lines))
    }

    /// Waits until it says something with this in it, and returns that.
    fn says(&self, text: &str) -> String {
        let mut before = Vec::new();
        loop {
            match self.1.recv_timeout(EVER) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => before.push(line),
                Err(_) => panic!("never said {text:?}, but {before:#?}"),
            }
        }
    }

    fn end(mut self, how: signal::Signal) -> std::io::Result<ExitStatus> {
        signal::kill(Pid::from_raw(self.0.id().cast_signed()), how)?;
        self.0.wait()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn it_follows_its_file_and_keeps_counters() -> Outcome {
    let (mut client, file) = (Client::open()?, File::new(&state(22, 7, 3600))?);
    let agent = Agent::start(&file, &[])?;
    agent.says("is in force");
    let before = counted(&mut client)?;
    assert_eq!(before.0, 7);
    let next = state(2222, 0, 3600);
    file.write(&next)?;
    agent.says("is in force");
    assert!(client.plan(&ruleset(&next)?)?.is_empty());
    assert_eq!(counted(&mut client)?, before, "the counter ran on, in the same rule");
    assert!(agent.end(signal::SIGTERM)?.success());
    assert!(client.plan(&ruleset(&next)?)?.is_empty(), "what it made stays");
    Ok(())
}

fn what_others_change_it_puts_back_and_names_them() -> Outcome {
    let (mut client, desired) = (Client::open()?, state(22, 7, 3600));
    let file = File::new(&desired)?;
    let agent = Agent::start(&file, &[])?;
    agent.says("is in force");
    for drift in
        ["add rule inet host input udp dport 53 drop", "flush chain inet host input", "add chain inet host open"]
    {
        nft(drift)?;
        let said = agent.says("put back");
        assert!(said.contains("nft (process "), "{said}");
        comes(&mut client, &desired)?;
    }
    nft("add table inet other")?;
    nft("delete table inet host")?;
    comes(&mut client, &desired)?;
    assert!(client.table(Family::Inet, "other")?.is_some(), "not its business");
    Ok(())
}

fn a_bad_file_leaves_the_last_good_state() -> Outcome {
    let (mut client, desired) = (Client::open()?, state(22, 7, 3600));
    let file = File::new(&desired)?;
    let agent = Agent::start(&file, &[])?;
    agent.says("is in force");
    file.write(&desired[..desired.len() / 2])?;
    assert!(agent.says("ERROR").contains("line "));
    file.write(&desired.replace(r#""drop": null"#, r#""dorp": null"#))?;
    assert!(agent.says("ERROR").contains("nftables[4].rule.expr[2]"));
    fs::remove_file(&file.0)?;
    assert!(agent.says("ERROR").contains("No such file"));
    nft("flush chain inet host input")?;
    comes(&mut client, &desired)?;
    file.write(&state(23, 7, 3600))?;
    comes(&mut client, &state(23, 7, 3600))?;
    Ok(())
}

fn what_was_counted_is_not_destroyed_unless_it_may() -> Outcome {
    let (mut client, file) = (Client::open()?, File::new(&state(22, 7, 3600))?);
    assert!(Agent::start(&file, &["--once"])?.0.wait()?.success());
    let without = state(22, 7, 3600).replace(r#"{"counter": {"packets": 7, "bytes": 700}},"#, "");
    file.write(&without)?;
    let mut refused = Agent::start(&file, &["--once"])?;
    let said = refused.says("would destroy");
    assert!(said.contains("counter of rule inet host input handle") && said.contains("7 packets"), "{said}");
    assert!(!refused.0.wait()?.success());
    assert_eq!(counted(&mut client)?.0, 7);
    assert!(Agent::start(&file, &["--check"])?.0.wait()?.success());
    assert_eq!(counted(&mut client)?.0, 7);
    assert!(Agent::start(&file, &["--once", "--destroy"])?.0.wait()?.success());
    comes(&mut client, &without)?;
    Ok(())
}

fn unconfirmed_or_killed_it_is_as_before() -> Outcome {
    let (mut client, before) = (Client::open()?, state(22, 7, 3600));
    let (file, after) = (File::new(&before)?, state(23, 7, 3600));
    let agent = Agent::start(&file, &["--confirm", "1"])?;
    // Nobody confirms the first either.
    agent.says("not confirmed");
    assert!(client.table(Family::Inet, "host")?.is_none());
    drop(agent);
    assert!(Agent::start(&file, &["--once"])?.0.wait()?.success());
    for signal in [signal::SIGKILL, signal::SIGTERM] {
        let agent = Agent::start(&file, &["--confirm", "600"])?;
        agent.says("is in force");
        file.write(&after)?;
        agent.says("waiting for");
        assert!(client.plan(&ruleset(&after)?)?.is_empty());
        agent.end(signal)?;
        comes(&mut client, &before)?;
        file.write(&before)?;
    }
    Ok(())
}

fn confirmed_it_stays() -> Outcome {
    let (mut client, first) = (Client::open()?, state(22, 7, 3600));
    let file = File::new(&first)?;
    let agent = Agent::start(&file, &["--confirm", "600"])?;
    agent.says("waiting for");
    file.confirm()?;
    agent.says("is in force");
    agent.end(signal::SIGKILL)?;
    assert!(client.plan(&ruleset(&first)?)?.is_empty());
    // The same by a connection.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let second = state(23, 7, 3600);
    file.write(&second)?;
    let probe = listener.local_addr()?.to_string();
    assert!(Agent::start(&file, &["--confirm", "600", "--probe", &probe, "--once"])?.0.wait()?.success());
    assert!(client.plan(&ruleset(&second)?)?.is_empty());
    Ok(())
}

fn elements_do_not_run_out() -> Outcome {
    let (mut client, file) = (Client::open()?, File::new(&state(22, 7, 2))?);
    let agent = Agent::start(&file, &[])?;
    agent.says("is in force");
    // Longer than they live.
    (0..3).for_each(|_| drop(agent.says("it was time")));
    comes(&mut client, &state(22, 7, 2))?;
    Ok(())
}

const TESTS: &[Test] = sandboxed::tests![
    it_follows_its_file_and_keeps_counters,
    what_others_change_it_puts_back_and_names_them,
    a_bad_file_leaves_the_last_good_state,
    what_was_counted_is_not_destroyed_unless_it_may,
    unconfirmed_or_killed_it_is_as_before,
    confirmed_it_stays,
    elements_do_not_run_out,
];

fn main() -> std::process::ExitCode {
    if env::var_os(AGENT).is_some() {
        return program::main();
    }
    confirm::init();
    // Somebody else is nft.
    if testing::program("nft").is_some() {
        sandboxed::run(TESTS);
    }
    std::process::ExitCode::SUCCESS
}
