//! What the library adds to what the kernel itself costs.
//!
//! The floor of a change is the exact bytes of its batch, written beforehand, sent over a bare
//! socket, and the ack read; the floor of a listing is reading the same dump and looking at nothing
//! but the headers; the floor of encoding is copying the same bytes piece by piece into fresh
//! memory. Each measurement is a process of its own in a network namespace of its own; floor and
//! library take turns, and the ratio is the median of those of the rounds.
//!
//! ```text
//! cargo bench                          everything, some two minutes
//! cargo bench -- --quick               tiny sizes, one round: does it run?
//! cargo bench -- load --rounds 15      the workloads with `load` in their name
//! cargo bench -- --noise               the floor against itself: what a ratio is worth on this machine
//! ```

mod bare;
mod lab;
mod meter;
mod workloads;

use meter::Sample;
use oxitables::testing::{self, Sandbox};
use std::{env, error::Error, process::Command, time::Duration};
use workloads::WORKLOADS;

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// One thing to measure, in two ways.
struct Workload {
    name: &'static str,
    /// How many elements, rules or changes; and for `--quick`.
    size: usize,
    quick: usize,
    run: Run,
    kernel: bool,
}

/// How a workload is measured in child processes.
#[derive(Clone, Copy)]
enum Run {
    /// Floor and library in one each.
    Apart(fn(Side, usize) -> Result<Sample>),
    /// Both in the same, because what is in the kernel is not twice the same: sets hash by a random
    /// seed.
    Together(fn([Side; 2], usize) -> Result<[Sample; 2]>),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Side {
    Floor,
    Ours,
}

/// Measures sides of a workload in a process of their own.
fn in_child<const N: usize>(workload: &Workload, sides: [Side; N], size: usize) -> Result<[Sample; N]> {
    let sides = sides.map(|side| format!("{side:?}"));
    let child =
        Command::new(env::current_exe()?).args([CHILD, workload.name, &size.to_string()]).args(sides).output()?;
    if !child.status.success() {
        return Err(String::from_utf8_lossy(&child.stderr).trim().into());
    }
    let samples: Vec<Sample> =
        String::from_utf8(child.stdout)?.lines().map(Sample::from_line).collect::<Result<_>>()?;
    samples.try_into().map_err(|_| "the child did not measure what it was asked for".into())
}

const CHILD: &str = "--child";

fn child(args: &[String]) -> Result<()> {
    let [name, size, sides @ ..] = args else { return Err("not for people".into()) };
    let workload = WORKLOADS.iter().find(|w| w.name == name).ok_or("no such workload")?;
    let sides: Vec<_> = sides.iter().map(|side| if side == "Floor" { Side::Floor } else { Side::Ours }).collect();
    let size = size.parse()?;
    let samples = match (workload.run, &sides[..]) {
        (Run::Apart(run), &[side]) => vec![run(side, size)?],
        (Run::Together(run), &[one, other]) => run([one, other], size)?.to_vec(),
        _ => return Err("not how this is measured".into()),
    };
    samples.iter().for_each(|sample| println!("{}", sample.to_line()));
    Ok(())
}

/// Floor and library; each goes first in every other round.
fn measure(workload: &Workload, size: usize, round: usize, ours: Side) -> Result<(Sample, Sample)> {
    let one = |side| in_child(workload, [side], size).map(|[sample]| sample);
    Ok(match workload.run {
        Run::Together(_) => in_child(workload, [Side::Floor, ours], size)?.into(),
        Run::Apart(_) if round.is_multiple_of(2) => (one(Side::Floor)?, one(ours)?),
        Run::Apart(_) => {
            let ours = one(ours)?;
            (one(Side::Floor)?, ours)
        }
    })
}

/// The samples of one workload, floor and library by round.
type Rounds = Vec<(Sample, Sample)>;

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let n = numbers.len();
    (numbers[(n - 1) / 2] + numbers[n / 2]) / 2.0
}

fn time(seconds: f64) -> String {
    if seconds < 1e-4 { format!("{:.2} us", seconds * 1e6) } else { format!("{:.1} ms", seconds * 1e3) }
}

fn report(workload: &Workload, size: usize, rounds: &Rounds) {
    let (floor, ours): (Vec<Sample>, Vec<Sample>) = rounds.iter().copied().unzip();
    let wall = |samples: &[Sample]| median(samples.iter().map(|s| s.wall.as_secs_f64()).collect());
    // The kernel accounts these by its tick of some milliseconds: only the mean says something.
    let mean = |samples: &[Sample], of: fn(&Sample) -> Duration| {
        time(samples.iter().map(|s| of(s).as_secs_f64()).sum::<f64>() / samples.len() as f64)
    };
    let ratios: Vec<f64> = rounds.iter().map(|(f, o)| o.wall.as_secs_f64() / f.wall.as_secs_f64()).collect();
    let (least, most) = (ratios.iter().copied().fold(f64::MAX, f64::min), ratios.iter().copied().fold(0.0, f64::max));
    let mib = |bytes: f64| bytes / f64::from(1 << 20);
    let peak = median(ours.iter().map(|s| s.peak as f64).collect());
    println!(
        "{:<16} {size:>8} {:>10} {:>10} {:>6.3} ({least:.2}-{most:.2}) {:>10} {:>10} {:>10} {:>10} {:>7.1} {:>7.1}",
        workload.name,
        time(wall(&floor)),
        time(wall(&ours)),
        median(ratios.clone()),
        mean(&floor, |s| s.user),
        mean(&ours, |s| s.user),
        mean(&floor, |s| s.system),
        mean(&ours, |s| s.system),
        mib(floor[0].wire as f64),
        mib(peak),
    );
}

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    if args.first().is_some_and(|a| a == CHILD) {
        return child(&args[1..]);
    }
    let has = |flag: &str| args.iter().any(|a| a == flag);
    // `cargo test --all-targets` runs benches too, without `--bench`.
    let quick = has("--quick") || !has("--bench");
    let rounds = match args.iter().position(|a| a == "--rounds") {
        Some(i) => args.get(i + 1).ok_or("--rounds how many?")?.parse()?,
        None if quick => 1,
        None => 5,
    };
    let filter = args.iter().enumerate().find(|(i, a)| !a.starts_with("--") && (*i == 0 || args[i - 1] != "--rounds"));
    let mut chosen: Vec<(&Workload, Rounds)> = WORKLOADS
        .iter()
        .filter(|w| filter.is_none_or(|(_, wanted)| w.name.contains(wanted.as_str())))
        .map(|w| (w, Vec::new()))
        .collect();
    if let Err(error) = Sandbox::new() {
        testing::skip(&format!("only encoding is measured, no sandbox can be made here: {error}"));
        chosen.retain(|(w, _)| !w.kernel);
    }
    let size = |w: &Workload| if quick { w.quick } else { w.size };
    for round in 0..rounds {
        chosen.retain_mut(|(workload, samples)| {
            let ours = if has("--noise") { Side::Floor } else { Side::Ours };
            match measure(workload, size(workload), round, ours) {
                Ok(pair) => samples.push(pair),
                Err(error) => testing::skip(&format!("{}: {error}", workload.name)),
            }
            samples.len() > round
        });
    }
    println!(
        "{rounds} rounds; wall: medians, and median (least-most) of the rounds' ratios; user and system CPU: means"
    );
    println!(
        "{:<16} {:>8} {:>10} {:>10} {:>18} {:>21} {:>21} {:>15}\n{:<16} {:>8} {:>10} {:>10} {:>18} {:>10} {:>10} {:>10} {:>10} {:>7} {:>7}",
        "",
        "",
        "wall",
        "",
        "",
        "user",
        "system",
        "MiB",
        "workload",
        "size",
        "floor",
        "library",
        "ratio",
        "floor",
        "library",
        "floor",
        "library",
        "wire",
        "peak",
    );
    for (workload, rounds) in &chosen {
        report(workload, size(workload), rounds);
    }
    Ok(())
}
