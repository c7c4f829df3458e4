//! Programs of a host as real processes: of a user, of a group, in a control group. They do what
//! they are told, and start shells.
//!
//! Each is this program once more, with [`AS_PROGRAM`] in its environment: an example looks for it
//! first thing, and `tests/recipes.rs` has a test `program`.

use super::{Act, Done, PATIENCE};
use oxitables::{
    data::Cgroup,
    proto::Feature,
    testing::{Host, packets::Answer, packets::udp_echo, tcp},
};
use std::{
    cell::RefCell,
    env, fs,
    io::{self, BufRead, BufReader, Write},
    net::{IpAddr, SocketAddr},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

const AS_PROGRAM: &str = "OXITABLES_AS_PROGRAM";
const ANSWER: &str = "answer: ";

/// Whose program it is; else root's, where this one is.
#[derive(Clone, Default)]
pub struct Who {
    pub user: Option<u32>,
    pub group: Option<u32>,
    pub within: Option<PathBuf>,
}

/// A program that runs on a host until it is dropped.
pub struct Program {
    child: Child,
    pipes: RefCell<(Option<ChildStdin>, BufReader<ChildStdout>)>,
}

impl Program {
    pub fn start(host: &Host, who: &Who) -> Done<Self> {
        let mut command = again(Command::new("/proc/self/exe"));
        if let Some(user) = who.user {
            command.uid(user);
        }
        if let Some(group) = who.group {
            command.gid(group);
        }
        let mut child = host.run(|| command.spawn())?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("a program without pipes".into());
        };
        let program = Self { child, pipes: RefCell::new((Some(input), BufReader::new(output))) };
        if let Some(group) = &who.within {
            program.ask(&format!("enter {}", group.display()))?;
        }
        Ok(program)
    }

    /// Serves an echo there, by TCP and UDP.
    pub fn serve(&self, at: SocketAddr) -> Done {
        self.ask(&format!("serve {at}")).map(drop)
    }

    /// Opens a TCP connection and keeps it.
    pub fn hold(&self, from: IpAddr, to: SocketAddr) -> Done {
        self.ask(&format!("hold {from} {to}")).map(drop)
    }

    /// Whether what it holds is answered still.
    pub fn holds(&self) -> bool {
        self.ask("held").is_ok()
    }

    /// Tries something; a shell that it starts does, if it is told so.
    pub(super) fn tries(&self, what: &str, patience: Duration, shell: bool) -> Done<Answer> {
        let shell = if shell { "shell " } else { "" };
        let word = self.ask(&format!("{shell}{what} {}", patience.as_millis()))?;
        let all = [Answer::Answered, Answer::Refused, Answer::Unreachable, Answer::Forbidden, Answer::Silence];
        all.into_iter().find(|answer| answer.to_string() == word).ok_or_else(|| word.into())
    }

    fn ask(&self, line: &str) -> Done<String> {
        let (input, output) = &mut *self.pipes.borrow_mut();
        if let Some(input) = input {
            writeln!(input, "{line}")?;
        }
        answer(output).map_err(|error| format!("{line}: {error}").into())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It ends with its input.
        self.pipes.borrow_mut().0 = None;
        let _ = self.child.wait();
    }
}

/// Reads up to the next answer: in tests the harness speaks, too.
fn answer(output: &mut impl BufRead) -> Done<String> {
    loop {
        let mut line = String::new();
        if output.read_line(&mut line)? == 0 {
            return Err("the program has ended".into());
        }
        if let Some((_, answer)) = line.trim_end().split_once(ANSWER) {
            return answer.strip_prefix("error ").map_or(Ok(answer.to_owned()), |error| Err(error.into()));
        }
    }
}

/// This program once more.
fn again(mut command: Command) -> Command {
    command.args(["program", "--exact", "--ignored", "--nocapture"]).env(AS_PROGRAM, "1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// Whether this process was started as a [`Program`].
pub fn is_program() -> bool {
    env::var_os(AS_PROGRAM).is_some()
}

/// What such a process does.
pub fn run() {
    let mut servers: Vec<Box<dyn std::any::Any>> = Vec::new();
    let mut held = Vec::new();
    for line in io::stdin().lines().map_while(Result::ok) {
        let mut act = || -> Done<String> {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                // 0 is who writes it.
                ["enter", group] => fs::write(format!("{group}/cgroup.procs"), "0")?,
                ["serve", at] => {
                    let at: SocketAddr = at.parse()?;
                    servers.push(Box::new((tcp::echo_server(at)?, udp_echo(at)?)));
                }
                ["hold", from, to] => held.push(tcp::connect(from.parse()?, to.parse()?, PATIENCE)?),
                ["held"] => held.iter_mut().try_for_each(tcp::ping)?,
                ["shell", ..] => return shell(&words[1..].join(" ")),
                [kind, from, to, patience] => {
                    let patience = Duration::from_millis(patience.parse()?);
                    return Ok(Act::parse(kind, from, to)?.act(patience)?.to_string());
                }
                _ => return Err("what?".into()),
            }
            Ok("done".into())
        };
        println!("{ANSWER}{}", act().unwrap_or_else(|error| format!("error {error}")));
    }
}

/// Starts a shell, which starts this program once more, which does as it is told.
fn shell(line: &str) -> Done<String> {
    let mut sh = Command::new("sh");
    sh.args(["-c", "exec /proc/$PPID/exe \"$@\"", "sh"]);
    let mut sh = again(sh).spawn()?;
    if let Some(mut input) = sh.stdin.take() {
        writeln!(input, "{line}")?;
    }
    let said = sh.stdout.take().ok_or("a shell without output").map(|output| answer(&mut BufReader::new(output)))?;
    sh.wait()?;
    said
}

/// Whether there are other users here than root: an ordinary user's namespace has none.
pub fn has_all_users() -> bool {
    fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| map.split_whitespace().nth(2) == Some("4294967295"))
}

/// A control group of a lab, removed with it.
pub struct Group {
    folder: PathBuf,
    path: PathBuf,
}

impl Group {
    /// Makes one below the root of the hierarchy, or says loudly why that cannot be.
    pub fn make(path: impl Into<PathBuf>) -> Done<Option<Self>> {
        let path = path.into();
        if lacks(Feature::ControlGroups) {
            return Ok(None);
        }
        let mounts = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(PathBuf::from);
        let mount = mounts.into_iter().find(|mount| mount.join("cgroup.controllers").exists());
        let made = mount.ok_or(io::Error::other("none are mounted")).and_then(|mount| {
            let folder = mount.join(&path);
            fs::create_dir(&folder).map(|()| folder)
        });
        match made {
            Ok(folder) => Ok(Some(Self { folder, path })),
            Err(error) => {
                loudly_skipped(&format!("version 2 control groups cannot be made: {error}"));
                Ok(None)
            }
        }
    }

    pub fn look_up(&self) -> Done<Cgroup> {
        Ok(Cgroup::at(&self.path)?)
    }

    pub fn programs(&self) -> Who {
        Who { within: Some(self.folder.clone()), ..Who::default() }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.folder);
    }
}

/// Whether this kernel cannot do what a part of a story needs: then that is skipped, loudly.
pub fn lacks(feature: Feature) -> bool {
    let known = |mut nft: oxitables::Client| nft.capabilities().map(|known| known.has(feature));
    let lacks = matches!(oxitables::Client::open().and_then(known), Ok(false));
    if lacks {
        oxitables::testing::skip_anyway(&format!(
            "this kernel cannot do that: {feature} came with {}",
            feature.since()
        ));
    }
    lacks
}

/// A part of a story that cannot be told here. To an ordinary user it is forbidden for good;
/// anybody else should know.
pub fn loudly_skipped(why: &str) {
    if has_all_users() {
        return oxitables::testing::skip(why);
    }
    // In one piece, past the harness.
    let _ = io::stderr().write_all(format!("SKIPPED for an ordinary user: {why}\n").as_bytes());
}
