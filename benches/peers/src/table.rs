//! The results as Markdown.

use crate::{Outcome, Results, meter::Sample, peers::Contender};
use std::{fs, thread::available_parallelism, time::Duration};

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let n = numbers.len();
    (numbers[(n - 1) / 2] + numbers[n / 2]) / 2.0
}

/// Three digits, and no more than two after the point unless it is very little.
fn short(number: f64) -> String {
    let digits =
        if number > 0.0 && number < 0.05 { 4 } else { 2_usize.saturating_sub(number.max(1.0).log10() as usize) };
    format!("{number:.digits$}")
}

fn time(seconds: f64) -> String {
    if seconds < 1e-3 { format!("{} us", short(seconds * 1e6)) } else { format!("{} ms", short(seconds * 1e3)) }
}

/// What one contender made of a workload, or how it first failed.
fn samples(outcomes: &[Outcome]) -> Result<Vec<Sample>, &str> {
    outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Done(sample) => Ok(*sample),
            Outcome::Failed(why) => Err(why.as_str()),
        })
        .collect()
}

fn ratio(floor: &[Sample], samples: &[Sample]) -> String {
    short(median(floor.iter().zip(samples).map(|(floor, sample)| sample.wall.div_duration_f64(floor.wall)).collect()))
}

fn cost(samples: &[Sample]) -> String {
    // The kernel accounts time by its tick of some milliseconds: only the mean says something.
    let ms = |of: fn(&Sample) -> Duration| {
        short(samples.iter().map(|s| of(s).as_secs_f64()).sum::<f64>() / samples.len() as f64 * 1e3)
    };
    let peak = median(samples.iter().map(|s| s.peak as f64).collect()) / f64::from(1 << 20);
    format!("{} + {}, {}", ms(|s| s.user), ms(|s| s.system), short(peak))
}

fn row<'a>(cells: impl IntoIterator<Item = &'a str>) {
    println!("| {} |", cells.into_iter().collect::<Vec<_>>().join(" | "));
}

/// A line for each workload, with a cell for each contender made of the floor's samples and its
/// own.
fn table(
    all: &[Results],
    contenders: &[Contender],
    cell: impl Fn(usize, &[Sample], &[Sample]) -> String,
    failed: impl Fn(&str) -> String,
) {
    let head = ["workload", "size"].into_iter().chain(contenders.iter().map(|c| c.name));
    row(head.clone());
    row(head.enumerate().map(|(i, _)| if i == 0 { "---" } else { "---:" }));
    for results in all {
        let floor = samples(&results.outcomes[0]);
        let cells = results.outcomes.iter().enumerate().map(|(i, outcomes)| match (&floor, samples(outcomes)) {
            (Ok(floor), Ok(samples)) => cell(i, floor, &samples),
            (_, Err(why)) => failed(why),
            (Err(_), Ok(_)) => "?".into(),
        });
        let cells: Vec<String> =
            [results.workload.name.into(), results.n.to_string()].into_iter().chain(cells).collect();
        row(cells.iter().map(String::as_str));
    }
}

pub(crate) fn print(all: &[Results], contenders: &[Contender], rounds: usize) {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = available_parallelism().map_or(0, usize::from);
    println!("Linux {}, {cores} cores, {rounds} rounds. Wall time, as a multiple of the floor's:\n", kernel.trim());
    let wall = |i, floor: &[Sample], samples: &[Sample]| match i {
        0 => time(median(floor.iter().map(|s| s.wall.as_secs_f64()).collect())),
        _ => ratio(floor, samples),
    };
    table(all, contenders, wall, str::to_owned);
    println!("\nUser + system CPU in milliseconds, and memory at its peak in MiB:\n");
    table(all, contenders, |_, _, samples| cost(samples), |_| "-".into());
}
