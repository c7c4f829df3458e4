//! Agents that tests tell what to do, and containers of them.

use crate::with;
use nix::{
    sys::{
        resource::{self, UsageWho},
        signal,
    },
    unistd::{self, Pid},
};
use oxitables::{
    client::{Pending, confirm},
    testing::program,
    *,
};
use std::{
    env,
    error::Error as _,
    fs,
    io::{BufRead, BufReader, Write, stdin},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

/// Makes this program such an agent.
const TOLD: &str = "OXITABLES_TEST_TOLD";

/// An agent in a process of its own.
pub struct Agent {
    pub process: Child,
    contained: bool,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Agent {
    /// What this program is when it is started as an agent.
    pub fn program() -> Command {
        let mut command = Command::new(env::current_exe().unwrap());
        command.env(TOLD, "1");
        command
    }

    pub fn start() -> Self {
        Self::run(Self::program())
    }

    /// One that is process 1 of a container: of a PID namespace with a /proc of its own. Others
    /// share the network with it.
    pub fn contained() -> Self {
        let mut command = Command::new(program("unshare").expect("unshare is a part of every system"));
        command.args(["-p", "-f", "--mount-proc"]).arg(env::current_exe().unwrap()).env(TOLD, "1");
        // It tells of a container that was killed.
        command.stderr(Stdio::null());
        Self { contained: true, ..Self::run(command) }
    }

    pub fn run(mut command: Command) -> Self {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (orders, answers) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { process, contained: false, orders, answers: BufReader::new(answers) }
    }

    pub fn tell(&mut self, order: &str) {
        // One that is gone says nothing.
        let _ = writeln!(self.orders, "{order}");
    }

    /// What it says next; nothing if it is gone.
    pub fn says(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub fn ask(&mut self, order: &str) -> String {
        self.tell(order);
        self.says()
    }

    /// Kills it; if it is in a container, with all that is in there, at whichever moment.
    pub fn kill(&mut self) {
        if self.contained {
            // What started the container ends when its process 1 does.
            children(self.process.id()).into_iter().for_each(murder);
        } else {
            let _ = self.process.kill();
        }
    }

    /// Kills it together with its second processes, which would undo its changes else.
    pub fn kill_with_watchdogs(&mut self) {
        kill_watchdogs(self.process.id());
        self.kill();
        self.process.wait().unwrap();
    }
}

fn murder(process: u32) {
    let _ = signal::kill(Pid::from_raw(process.cast_signed()), signal::SIGKILL);
}

fn children(of: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{of}/task")).into_iter().flatten().flatten();
    let children: String =
        tasks.map(|task| fs::read_to_string(task.path().join("children")).unwrap_or_default()).collect();
    children.split_whitespace().map(|child| child.parse().unwrap()).collect()
}

/// Kills the second processes of a process, or of those that it has started; returns how many.
pub fn kill_watchdogs(of: u32) -> usize {
    let each = children(of).into_iter().map(|child| {
        let called = fs::read(format!("/proc/{child}/cmdline")).unwrap_or_default();
        let watches = called.starts_with(b"oxitables-watchdog");
        if watches {
            murder(child);
        }
        kill_watchdogs(child) + usize::from(watches)
    });
    each.sum()
}

/// Does what it is told, if this program was started for that.
pub fn obey(mended: &[confirm::Mended]) -> bool {
    if env::var_os(TOLD).is_none() {
        return false;
    }
    let mut nft = Client::open().unwrap();
    let mut pending: Vec<Option<Pending>> = Vec::new();
    for order in stdin().lines().map_while(std::result::Result::ok) {
        let words: Vec<&str> = order.split(' ').collect();
        let said = |outcome: Result<()>| outcome.map_or_else(|error| describe(&error), |()| "ok".into());
        let mut take = |n: &str| pending.get_mut(n.parse::<usize>().unwrap()).and_then(Option::take);
        let answer = match words[..] {
            // A rule more in a table, confirmed or undone within so many milliseconds.
            ["change", table, name, ms] => {
                let deadline = Duration::from_millis(ms.parse().unwrap());
                match nft.apply_confirmed(&more(table, name), deadline) {
                    Ok(more) => {
                        pending.push(Some(more));
                        "ok".into()
                    }
                    Err(error) => describe(&error),
                }
            }
            ["confirm", n] => take(n).map_or("nothing".into(), |pending| said(pending.confirm(&mut nft))),
            ["undo", n] => take(n).map_or("nothing".into(), |pending| said(pending.undo())),
            ["drop", n] => {
                drop(take(n));
                "ok".into()
            }
            ["apply", table, name] => said(nft.apply(&more(table, name)).map(drop)),
            ["flush"] => said(nft.apply(Batch::new().flush_ruleset(None)).map(drop)),
            ["daemon"] => said(unistd::daemon(true, true).map_err(|errno| panic!("{errno}"))),
            // Memory that its second process has had, before it undoes and afterwards.
            ["prepared"] => watchdog_memory(),
            ["spent"] => resource::getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss().to_string(),
            ["murder"] => {
                log::set_logger(&Murderer).unwrap();
                log::set_max_level(log::LevelFilter::Debug);
                "ok".into()
            }
            ["mended"] => mended.iter().map(|one| one.to_string()).collect::<Vec<_>>().join("; "),
            _ => panic!("{order:?} is no order"),
        };
        println!("{answer}");
    }
    true
}

/// Kills second processes as soon as they are started.
struct Murderer;

impl log::Log for Murderer {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }
    fn log(&self, record: &log::Record<'_>) {
        if record.args().to_string() == "a second process is started" {
            while kill_watchdogs(std::process::id()) == 0 {}
        }
    }
    fn flush(&self) {}
}

fn watchdog_memory() -> String {
    let status = fs::read_to_string(format!("/proc/{}/status", children(std::process::id())[0])).unwrap();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    most.split_whitespace().next().unwrap().to_owned()
}

fn describe(error: &Error) -> String {
    let kind = match error {
        Error::Pending { .. } => "pending: ",
        Error::Undone => "undone: ",
        _ => "",
    };
    let cause = error.source().map_or(String::new(), |cause| format!(": {cause}"));
    let text = error.to_string();
    let cause = if text.contains(&cause) { "" } else { &cause };
    format!("{kind}{text}{cause}").replace('\n', "; ")
}

/// A chain with a rule.
pub fn more(table: &str, name: &str) -> Batch {
    let chain = Table::new(Family::Inet, table).chain(name);
    with(|batch| batch.add(&chain).add(chain.rule(Rule::new().then(counter()))))
}
