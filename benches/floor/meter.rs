//! Time and memory of one run.

use crate::Result;
use nix::sys::{
    resource::{UsageWho, getrusage},
    time::{TimeVal, TimeValLike},
};
use std::{
    fs,
    time::{Duration, Instant},
};

/// What one run took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) wall: Duration,
    pub(crate) user: Duration,
    pub(crate) system: Duration,
    /// Memory at its peak beyond what the process had before, in bytes.
    pub(crate) peak: u64,
    /// Bytes of the batch or dump.
    pub(crate) wire: u64,
}

pub(crate) struct Meter;

impl Meter {
    /// Measures what returns how many bytes it was about.
    pub(crate) fn measure(body: impl FnOnce() -> Result<usize>) -> Result<Sample> {
        // Starts the high-water mark afresh.
        let _ = fs::write("/proc/self/clear_refs", "5");
        let (rss, cpu, start) = (memory("VmRSS:")?, Self::cpu()?, Instant::now());
        let wire = body()?;
        let (wall, after) = (start.elapsed(), Self::cpu()?);
        Ok(Sample {
            wall,
            user: after.0.saturating_sub(cpu.0),
            system: after.1.saturating_sub(cpu.1),
            peak: memory("VmHWM:")?.saturating_sub(rss),
            wire: wire as u64,
        })
    }

    fn cpu() -> Result<(Duration, Duration)> {
        let usage = getrusage(UsageWho::RUSAGE_SELF)?;
        let time = |t: TimeVal| Duration::from_micros(t.num_microseconds() as u64);
        Ok((time(usage.user_time()), time(usage.system_time())))
    }
}

/// A line of `/proc/self/status`, in bytes.
fn memory(line: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let kib = status.lines().find_map(|l| l.strip_prefix(line)).ok_or("no such line in /proc/self/status")?;
    Ok(kib.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}

impl Sample {
    pub(crate) fn to_line(self) -> String {
        let ns = |d: Duration| d.as_nanos();
        format!("{} {} {} {} {}", ns(self.wall), ns(self.user), ns(self.system), self.peak, self.wire)
    }

    pub(crate) fn from_line(line: &str) -> Result<Self> {
        let numbers: Vec<u64> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        let [wall, user, system, peak, wire] = numbers[..] else { return Err(format!("not a sample: {line}").into()) };
        let ns = Duration::from_nanos;
        Ok(Self { wall: ns(wall), user: ns(user), system: ns(system), peak, wire })
    }
}
