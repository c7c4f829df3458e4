//! The crate beside its peers: every workload by every contender, in turns, as ratios to the floor.
//!
//! ```text
//! cargo run --release --manifest-path benches/peers/Cargo.toml                  everything, five rounds
//! … -- --quick                                                                  a hundredth, one round: does it run?
//! … -- --rounds 9 "W1 elements" W4                                              the workloads with such names
//! ```
//!
//! Each run is a process of its own and has a network namespace of its own; listings share one,
//! since what they list must be the same. Prints the Markdown of `docs/benchmarks.md`. How it
//! measures, what the columns mean and what to install beforehand is written there.

#[path = "../../floor/bare.rs"]
mod bare;
#[path = "../../floor/lab.rs"]
#[allow(dead_code, reason = "only the ruleset and its addresses are needed, not the lab")]
mod lab;
#[path = "../../floor/meter.rs"]
mod meter;
mod peers;
mod table;
mod work;

use meter::{Meter, Sample};
use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike,
};
use oxitables::testing::{Sandbox, enter_user_namespace};
use peers::{Contender, Result, contenders};
use std::{
    collections::hash_map::RandomState,
    env,
    hash::BuildHasher,
    process::{self, Command, Output},
    time::{Duration, Instant},
};
use work::{Lab, STEPS, Task, WORKLOADS, Workload};

/// How one run ended.
enum Outcome {
    Done(Sample),
    /// In a word or two.
    Failed(String),
}

/// All runs of a workload, by contender and round.
struct Results {
    workload: &'static Workload,
    n: usize,
    outcomes: Vec<Vec<Outcome>>,
}

const CHILD: &str = "--child";

/// Measures one contender in this process, and prints how many changes were made and what they
/// took.
fn child(args: &[String]) -> Result<()> {
    let [task, n, contender] = args else { return Err("not for people".into()) };
    let (task, n) = (Task::from_name(task)?, n.parse()?);
    let contender = contenders().find(|c| c.name == contender).ok_or("no such contender")?;
    let mut job = (contender.open)(task, n)?;
    let mut times = Vec::with_capacity(STEPS);
    let start = Instant::now();
    let mut sample = Meter::measure(|| {
        while times.is_empty() || task.steps() && times.len() < STEPS && start.elapsed() < Duration::from_secs(1) {
            let start = Instant::now();
            let listed = job(n + times.len())?;
            times.push(start.elapsed());
            if task.lists() && listed != n {
                return Err(format!("listed {listed}").into());
            }
        }
        Ok(0)
    })?;
    // The programs that it ran.
    let run = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let count = times.len() as u32;
    sample.user = (sample.user + Duration::from_micros(run.user_time().num_microseconds() as u64)) / count;
    sample.system = (sample.system + Duration::from_micros(run.system_time().num_microseconds() as u64)) / count;
    sample.peak = sample.peak.max(run.max_rss() as u64 * 1024);
    times.sort_unstable();
    sample.wall = times[times.len() / 2];
    println!("{count} {}", sample.to_line());
    Ok(())
}

/// Runs [`child`] in the namespace of this thread: how many changes it made and what they took, or
/// why it failed.
fn spawn(task: Task, n: usize, contender: &Contender) -> Result<Result<(usize, Sample), String>> {
    let args = [CHILD, task.name(), &n.to_string(), contender.name];
    let Output { status, stdout, stderr } = Command::new(env::current_exe()?).args(args).output()?;
    if !status.success() {
        return Ok(Err(String::from_utf8_lossy(&stderr).lines().next().unwrap_or("crashes").into()));
    }
    let stdout = String::from_utf8(stdout)?;
    let (count, sample) = stdout.trim().split_once(' ').ok_or("the child said nothing")?;
    Ok(Ok((count.parse()?, Sample::from_line(sample)?)))
}

/// One run, and whether the kernel then holds what it should.
fn run(lab: &mut Lab, task: Task, n: usize, contender: &Contender) -> Result<Outcome> {
    if contender.cannot.contains(&task) {
        return Ok(Outcome::Failed(format!("cannot ({})", task.means())));
    }
    Ok(match spawn(task, n, contender)? {
        Err(why) if !task.lists() && lab.holds(task, n, 1)? => Outcome::Failed(format!("false failure ({why})")),
        Err(why) => Outcome::Failed(format!("fails ({why})")),
        Ok((count, sample)) if task.lists() || lab.holds(task, n, count)? => Outcome::Done(sample),
        Ok(_) => Outcome::Failed("wrong success".into()),
    })
}

/// Every contender once, in random order.
fn round(results: &mut Results, contenders: &[Contender]) -> Result<()> {
    let (task, n) = (results.workload.task, results.n);
    let mut runs: Vec<_> = contenders.iter().zip(&mut results.outcomes).collect();
    runs.sort_by_cached_key(|(contender, _)| RandomState::new().hash_one(contender.name));
    let together = if task.lists() { runs.len() } else { 1 };
    for runs in runs.chunks_mut(together) {
        let work = || -> Result<()> {
            let mut lab = Lab::fill(task, n)?;
            for (contender, outcomes) in runs {
                outcomes.push(run(&mut lab, task, n, contender)?);
            }
            lab.close()
        };
        Sandbox::new()?.host("bench")?.run(|| work().map_err(|error| error.to_string()))?;
    }
    Ok(())
}

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    if args.first().is_some_and(|a| a == CHILD) {
        // As it reads, not as a debugger shows it.
        return child(&args[1..]).map_err(|error| {
            eprintln!("{error}");
            process::exit(1)
        });
    }
    let (mut quick, mut rounds, mut wanted) = (false, None, Vec::new());
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        match &*arg {
            "--quick" => quick = true,
            "--rounds" => rounds = Some(args.next().ok_or("--rounds how many?")?.parse::<usize>()?),
            _ => wanted.push(arg),
        }
    }
    let rounds = rounds.unwrap_or(if quick { 1 } else { 5 });
    enter_user_namespace()?;
    let contenders: Vec<Contender> = contenders().filter(Contender::present).collect();
    let mut all: Vec<Results> = WORKLOADS
        .iter()
        .map(|workload| {
            let n = if quick { workload.size / 100 } else { workload.size };
            Results { workload, n, outcomes: contenders.iter().map(|_| Vec::new()).collect() }
        })
        .filter(|r| wanted.is_empty() || wanted.iter().any(|w| format!("{} {}", r.workload.name, r.n).contains(w)))
        .collect();
    for done in 0..rounds {
        for results in &mut all {
            eprintln!("round {} of {rounds}: {} {}", done + 1, results.workload.name, results.n);
            round(results, &contenders)?;
        }
    }
    table::print(&all, &contenders, rounds);
    Ok(())
}
