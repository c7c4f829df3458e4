//! An agent: keeps the kernel's tables as a file says, whoever changes one or the other.
//!
//! ```text
//! agent FILE [--check | --once] [--destroy] [--confirm SECONDS [--probe ADDRESS:PORT]]
//!   --check    print what would be done, let the kernel check it, change nothing
//!   --once     make it so and end
//!   --destroy  even if counters or learned elements are lost
//!   --confirm  undo a change of the file unless FILE.confirm appears in time, or what --probe names takes connections
//! ```
//!
//! The file is libnftables JSON: what `nft -j -t list table inet host` prints. To try it where it
//! can do no harm: `unshare -rn target/debug/examples/agent FILE`. `docs/guide/agents.md` explains
//! it.

use log::{error, info, warn};
use nix::sys::{
    signal::{SigSet, Signal},
    signalfd::{SfdFlags, SignalFd},
};
use oxitables::{
    Client, Plan,
    client::{Change, Watch, confirm},
    model::{Generation, Ruleset},
};
use std::{
    error::Error,
    fs,
    net::{SocketAddr, TcpStream},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

const USAGE: &str = "usage: agent FILE [--check|--once] [--destroy] [--confirm SECONDS [--probe ADDRESS:PORT]]";
/// How often the file is looked at.
const TICK: Duration = Duration::from_millis(500);
/// How soon to try again what failed.
const RETRY: Duration = Duration::from_secs(10);

type Done<T = ()> = Result<T, Box<dyn Error>>;

/// The program; `tests/agent.rs` calls it, too.
pub fn main() -> ExitCode {
    // Before all else: this program also watches over its own changes, in a second process.
    let mended = confirm::init();
    if log::set_logger(&Log).is_ok() {
        log::set_max_level(log::LevelFilter::Info);
    }
    mended.iter().for_each(|mended| warn!("{mended}"));
    match Options::parse(std::env::args().skip(1)).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Default)]
struct Options {
    file: PathBuf,
    check: bool,
    once: bool,
    destroy: bool,
    confirm: Option<Duration>,
    probe: Option<SocketAddr>,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Done<Self> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(USAGE);
            match argument.as_str() {
                "--check" => options.check = true,
                "--once" => options.once = true,
                "--destroy" => options.destroy = true,
                "--confirm" => options.confirm = Some(Duration::from_secs(value()?.parse::<u32>()?.into())),
                "--probe" => options.probe = Some(value()?.parse()?),
                file if options.file.as_os_str().is_empty() && !file.starts_with('-') => options.file = file.into(),
                _ => return Err(USAGE.into()),
            }
        }
        let useless = options.probe.is_some() && options.confirm.is_none();
        if options.file.as_os_str().is_empty() || useless { Err(USAGE.into()) } else { Ok(options) }
    }
}

/// The desired state. Errors name the place in the file.
fn read(file: &Path) -> Done<Ruleset> {
    let read = fs::read_to_string(file).map_err(Box::<dyn Error>::from);
    read.and_then(|text| Ok(serde_json::from_str(&text)?))
        .map_err(|error| format!("{}: {error}", file.display()).into())
}

fn run(options: Options) -> Done {
    let mut nft = Client::open()?;
    if options.check {
        let plan = nft.plan(&read(&options.file)?)?;
        print!("{plan}");
        plan.destroys().iter().for_each(|lost| println!("! would destroy {lost}"));
        return Ok(nft.check(&plan)?);
    }
    // Listens before it looks: what happens in between is not missed.
    let watch = Watch::open()?;
    let asked = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT]);
    asked.thread_block()?;
    let signals = SignalFd::with_flags(&asked, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
    Agent {
        options,
        nft,
        watch,
        signals,
        stopped: false,
        desired: Ruleset::new(0.into()),
        told: Vec::new(),
        due: None,
        own: None,
        applied: None,
        vain: 0,
    }
    .run()
}

struct Agent {
    options: Options,
    nft: Client,
    watch: Watch,
    signals: SignalFd,
    stopped: bool,
    /// The last good state: the kernel took it, and it was confirmed if that was asked for. At
    /// first nothing, which no kernel differs from.
    desired: Ruleset,
    /// What was changed since the kernel last was as desired.
    told: Vec<Change>,
    /// When to look again, even if nobody changes anything.
    due: Option<Instant>,
    /// What the agent itself left.
    own: Option<Generation>,
    /// What it did last, and how often that was in vain.
    applied: Option<Plan>,
    vain: u32,
}

impl Agent {
    fn run(mut self) -> Done {
        let (mut seen, mut again) = (None, None);
        while !self.stopped() {
            let stamp = |file: fs::Metadata| (file.ino(), file.size(), file.mtime(), file.mtime_nsec());
            let stamp = fs::metadata(&self.options.file).map(stamp).ok();
            if seen != Some(stamp) || again.is_some_and(|again| again <= Instant::now()) {
                (seen, again) = (Some(stamp), None);
                match self.follow() {
                    Ok(()) if self.options.once => return Ok(()),
                    Ok(()) => info!("{} is in force", self.options.file.display()),
                    // Somebody else was faster: once more.
                    Err(error) if error.downcast_ref().is_some_and(oxitables::Error::is_stale) => seen = None,
                    Err(error) if self.options.once => return Err(error),
                    Err(error) => {
                        error!("{error}; the state before stays");
                        // What the kernel does not take today it may take when a device is there,
                        // or others are quiet.
                        again = error.is::<oxitables::Error>().then(|| Instant::now() + RETRY);
                    }
                }
            }
            let own = self.own;
            self.told.extend(self.watch.next_of(&self.desired, TICK)?.filter(|change| Some(change.generation) != own));
            if (!self.told.is_empty() || self.due.is_some_and(|due| due <= Instant::now()))
                && let Err(error) = self.heal()
            {
                error!("{error}");
                self.told.clear();
                self.due = Some(Instant::now() + RETRY);
            }
        }
        info!("asked to end; the ruleset stays as it is");
        Ok(())
    }

    /// Makes the kernel's tables what the file says, if nothing is lost by it.
    fn follow(&mut self) -> Done {
        let desired = read(&self.options.file)?;
        let plan = self.nft.plan(&desired)?;
        print!("{plan}");
        plan.replaced().iter().for_each(|made_again| info!("made again: {made_again}"));
        if !plan.destroys().is_empty() && !self.options.destroy {
            let lost: Vec<String> = plan.destroys().iter().map(ToString::to_string).collect();
            return Err(format!("would destroy the {} (may it? --destroy)", lost.join(", the ")).into());
        }
        let due = plan.due();
        match self.options.confirm {
            Some(time) if !plan.is_empty() => self.apply_confirmed(&plan, time)?,
            _ => self.own = self.nft.apply(&plan)?.generation,
        }
        self.desired = desired;
        self.due = due.map(|time| Instant::now() + time);
        Ok(())
    }

    /// Makes a change that might lock somebody out: without a sign that it did not, it is undone.
    fn apply_confirmed(&mut self, plan: &Plan, time: Duration) -> Done {
        let mut file = self.options.file.clone().into_os_string();
        file.push(".confirm");
        // One of last time does not count.
        let _ = fs::remove_file(&file);
        let pending = self.nft.apply_confirmed(plan, time)?;
        let end = Instant::now() + time;
        match self.options.probe {
            Some(address) => info!("waiting for {address} to take a connection"),
            None => info!("waiting for {}", file.display()),
        }
        while !self.stopped() && Instant::now() < end {
            let good = match self.options.probe {
                Some(address) => TcpStream::connect_timeout(&address, TICK).is_ok(),
                None => fs::remove_file(&file).is_ok(),
            };
            if good {
                return Ok(pending.confirm(&mut self.nft)?);
            }
            thread::sleep(TICK);
        }
        pending.undo()?;
        Err("not confirmed, and undone".into())
    }

    /// Puts back what others changed, and restarts the time of elements that would run out.
    fn heal(&mut self) -> oxitables::Result<()> {
        let plan = self.nft.plan(&self.desired)?;
        self.due = plan.due().map(|time| Instant::now() + time);
        // What the plan has seen has been told by now, and maybe more.
        let known = self.told.len();
        while let Some(change) = self.watch.next_of(&self.desired, Duration::ZERO)? {
            self.told.push(change);
        }
        if plan.is_empty() {
            self.told.drain(..known);
            return Ok(());
        }
        let others = self.told.iter().filter(|change| Some(change.generation) != self.own);
        let applied = self.applied.take().filter(|_| others.clone().next().is_none());
        let unsettled = applied.map(|applied| plan.unsettled(&applied)).unwrap_or_default();
        self.vain = if unsettled.is_empty() { 0 } else { self.vain + 1 };
        match others.map(ToString::to_string).collect::<Vec<_>>().join("; ").as_str() {
            "" => info!("it was time"),
            others => warn!("{others}: put back"),
        }
        print!("{plan}");
        plan.destroys().iter().for_each(|lost| warn!("lost: {lost}"));
        match self.nft.apply(&plan) {
            // Somebody else was faster, and will be told of.
            Err(error) if error.is_stale() => self.due = Some(Instant::now()),
            done => {
                self.own = done?.generation;
                self.told.clear();
                // Looks whether that did it. What does not settle is tried again, but ever more
                // seldom.
                let look = Instant::now() + RETRY * (1 << self.vain.min(6));
                self.due = Some(self.due.map_or(look, |due| if self.vain > 0 { due.max(look) } else { due.min(look) }));
                for line in unsettled {
                    warn!("does not settle: {line}");
                }
                self.applied = Some(plan);
            }
        }
        Ok(())
    }

    fn stopped(&mut self) -> bool {
        self.stopped |= matches!(self.signals.read_signal(), Ok(Some(_)));
        self.stopped
    }
}

/// To standard error, where service managers take it from.
struct Log;

impl log::Log for Log {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Info
    }
    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            eprintln!("{} {}", record.level(), record.args());
        }
    }
    fn flush(&self) {}
}
