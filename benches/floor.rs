//! What the library adds to what the kernel itself costs.
//!
//! The floor of a change is the exact bytes of its batch, written beforehand, sent over a bare socket, and the ack read;
//! the floor of a listing is reading the same dump and looking at nothing but the headers; the floor of encoding is
//! copying the same bytes piece by piece into fresh memory. Each measurement is a process of its own in a network namespace
//! of its own; floor and library take turns, and the ratio is the median of those of the rounds.
//!
//! ```text
//! cargo bench                          everything, some two minutes
//! cargo bench -- --quick               tiny sizes, one round: does it run?
//! cargo bench -- load --rounds 15      the workloads with `load` in their name
//! cargo bench -- --noise               the floor against itself: what a ratio is worth on this machine
//! ```

use netlink_sys::{Socket, protocols::NETLINK_NETFILTER};
use nix::sys::{
    resource::{UsageWho, getrusage},
    socket::{self, MsgFlags, setsockopt, sockopt},
    time::TimeValLike,
};
use oxitables::{
    Batch, Chain, Client, Family, Hook, Priority, Table,
    data::{DataType, Register, Value, Verdict},
    expr::{Cmp, CmpOp, Counter, Expr, Immediate, Meta, MetaKey, Payload, PayloadBase},
    model::{Element, Rule, Set},
    proto::Commit,
    testing::{self, Sandbox},
};
use std::{
    env,
    error::Error,
    fs,
    hint::black_box,
    io::IoSlice,
    net::Ipv4Addr,
    os::fd::AsRawFd,
    process::Command,
    time::{Duration, Instant},
};

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// One thing to measure, in two ways.
struct Workload {
    name: &'static str,
    /// How many elements, rules or changes; and for `--quick`.
    size: usize,
    quick: usize,
    /// In a child process.
    run: fn(Side, usize) -> Result<Sample>,
    kernel: bool,
}

const WORKLOADS: &[Workload] = &[
    Workload { name: "encode elements", size: 1_000_000, quick: 5_000, run: encode_elements, kernel: false },
    Workload { name: "encode rules", size: 50_000, quick: 500, run: encode_rules, kernel: false },
    Workload { name: "load elements", size: 1_000_000, quick: 5_000, run: load_elements, kernel: true },
    Workload { name: "load rules", size: 50_000, quick: 500, run: load_rules, kernel: true },
    Workload { name: "add one element", size: 20_000, quick: 100, run: add_one_element, kernel: true },
    Workload { name: "list rules", size: 50_000, quick: 500, run: list_rules, kernel: true },
    Workload { name: "list elements", size: 100_000, quick: 5_000, run: list_elements, kernel: true },
];

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Side {
    Floor,
    Ours,
}

// What is loaded ------------------------------------------------------------------------------------------------------

fn address(i: usize) -> Ipv4Addr {
    Ipv4Addr::from(0x0100_0000_u32.wrapping_add((i as u32).wrapping_mul(2_654_435_761)))
}

fn value(bytes: &[u8]) -> Value {
    Value::new(bytes).expect("fits")
}

fn element(i: usize) -> Element {
    Element::new(value(&address(i).octets()))
}

/// `ip saddr A tcp dport P counter accept`.
fn rule(chain: &Chain, i: usize) -> Rule {
    let is = |bytes: &[u8]| Expr::from(Cmp::new(Register::R1, CmpOp::Eq, value(bytes)));
    let port = (i % 65_535 + 1) as u16;
    Rule::new(
        chain,
        [
            Payload::load(PayloadBase::Network, 12, 4, Register::R1).into(),
            is(&address(i).octets()),
            Meta::load(MetaKey::L4proto, Register::R1).into(),
            is(&[6]),
            Payload::load(PayloadBase::Transport, 2, 2, Register::R1).into(),
            is(&port.to_be_bytes()),
            Counter::new().into(),
            Immediate::new(Register::VERDICT, Verdict::accept()).into(),
        ],
    )
}

/// A table with a set and a chain, in the kernel or about to be.
struct Ruleset {
    table: Table,
    set: Set,
    chain: Chain,
}

impl Ruleset {
    fn new() -> Self {
        let table = Table::new(Family::Ip, "bench");
        Self {
            set: Set::new(&table, "addresses", DataType::from(7), 4),
            chain: table.chain("input").with_hook(Hook::Input, Priority::FILTER),
            table,
        }
    }

    fn elements(&self, n: usize) -> Batch {
        let mut batch = Batch::new();
        batch.add(self.set.elements((0..n).map(element)));
        batch
    }

    fn rules(&self, n: usize) -> Batch {
        let mut batch = Batch::new();
        for i in 0..n {
            batch.add(rule(&self.chain, i));
        }
        batch
    }

    fn one_element(&self, i: usize) -> Batch {
        let mut batch = Batch::new();
        batch.add(self.set.elements([element(i)]));
        batch
    }
}

/// A namespace with the empty [`Ruleset`] in it, the library's connection to it, and a bare one.
struct Lab {
    rules: Ruleset,
    nft: Client,
    bare: Bare,
    _sandbox: Sandbox,
}

impl Lab {
    fn new() -> Result<Self> {
        let sandbox = Sandbox::new()?;
        // Both sockets stay in the namespace; the work is then done outside, on the main thread.
        let (mut nft, bare) = sandbox.host("bench")?.run(|| (Client::open(), Bare::open().map_err(|e| e.to_string())));
        let rules = Ruleset::new();
        let mut batch = Batch::new();
        batch.add(&rules.table).add(&rules.set).add(&rules.chain);
        nft.as_mut().map_err(|e| e.to_string())?.apply(&batch)?;
        Ok(Self { rules, nft: nft?, bare: bare?, _sandbox: sandbox })
    }

    /// Leaves the kernel nothing to clean up in the background of the next measurement.
    fn close(mut self) -> Result<()> {
        let mut batch = Batch::new();
        batch.delete(&self.rules.table);
        self.nft.apply(&batch)?;
        // Closing waits for what the last commits freed.
        Ok(())
    }
}

// The floor -----------------------------------------------------------------------------------------------------------

/// A netlink socket and what it needs for large batches, nothing else.
struct Bare {
    socket: Socket,
    buffer: Vec<u8>,
}

impl Bare {
    fn open() -> Result<Self> {
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        socket.bind_auto()?;
        setsockopt(&socket, sockopt::ReceiveTimeout, &nix::sys::time::TimeVal::seconds(10))?;
        Ok(Self { socket, buffer: vec![0; 64 * 1024] })
    }

    fn make_room(&self, len: usize) {
        // Refused in a user namespace; a batch that does not fit is then an error of the send.
        let _ = setsockopt(&self.socket, sockopt::SndBufForce, &len);
    }

    fn send(&self, parts: &[IoSlice<'_>]) -> Result<()> {
        socket::sendmsg::<()>(self.socket.as_raw_fd(), parts, &[], MsgFlags::empty(), None)?;
        Ok(())
    }

    fn receive(&mut self) -> Result<usize> {
        Ok(socket::recv(self.socket.as_raw_fd(), &mut self.buffer, MsgFlags::empty())?)
    }

    /// Sends a batch and reads its ack.
    fn commit(&mut self, parts: &[IoSlice<'_>]) -> Result<()> {
        self.send(parts)?;
        let len = self.receive()?;
        match (header(&self.buffer[..len]), &self.buffer[16..20]) {
            ((_, NLMSG_ERROR), [0, 0, 0, 0]) => Ok(()),
            (_, error) => Err(format!("the kernel refused: {error:?}").into()),
        }
    }

    /// Asks for a dump and reads it to its end; returns how many bytes came.
    fn dump(&mut self, kind: u8, names: [&str; 2]) -> Result<usize> {
        let mut request = Vec::new();
        request.extend([0; 4]);
        request.extend((0x0a00 | u16::from(kind)).to_ne_bytes());
        request.extend(0x301_u16.to_ne_bytes()); // NLM_F_REQUEST | NLM_F_DUMP
        request.extend([0; 8]);
        request.extend([Family::Ip.into(), 0, 0, 0]);
        for (name, kind) in names.iter().zip(1_u16..) {
            request.extend((name.len() as u16 + 5).to_ne_bytes());
            request.extend(kind.to_ne_bytes());
            request.extend(name.bytes());
            request.resize(request.len() / 4 * 4 + 4, 0);
        }
        let len = request.len() as u32;
        request[..4].copy_from_slice(&len.to_ne_bytes());
        self.send(&[IoSlice::new(&request)])?;
        let mut total = 0;
        loop {
            let len = self.receive()?;
            total += len;
            let mut rest = &self.buffer[..len];
            while !rest.is_empty() {
                match header(rest) {
                    (_, NLMSG_DONE) => return Ok(total),
                    (_, NLMSG_ERROR) => return Err("the kernel refused the dump".into()),
                    (len, _) => rest = &rest[len.next_multiple_of(4)..],
                }
            }
        }
    }
}

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;

/// Length and type of a message.
fn header(message: &[u8]) -> (usize, u16) {
    let len = u32::from_ne_bytes([message[0], message[1], message[2], message[3]]);
    (len as usize, u16::from_ne_bytes([message[4], message[5]]))
}

// The workloads -------------------------------------------------------------------------------------------------------

/// A batch as bytes: what `Client::apply` sends.
fn wire(batch: &Batch) -> Vec<u8> {
    Commit::new(batch).transmit().iter().flat_map(|part| part.to_vec()).collect()
}

fn encode(side: Side, piece: usize, batch: impl Fn() -> Batch) -> Result<Sample> {
    match side {
        Side::Floor => {
            let bytes = wire(&batch());
            Meter::measure(|| {
                let mut copy = Vec::new();
                for piece in bytes.chunks(piece) {
                    copy.extend_from_slice(black_box(piece));
                }
                black_box(&copy);
                Ok(bytes.len())
            })
        }
        Side::Ours => Meter::measure(|| Ok(black_box(batch()).wire_len())),
    }
}

fn encode_elements(side: Side, n: usize) -> Result<Sample> {
    encode(side, 16, || Ruleset::new().elements(n))
}

fn encode_rules(side: Side, n: usize) -> Result<Sample> {
    let rules = Ruleset::new();
    let one = rules.rules(1).wire_len() - Batch::new().wire_len();
    encode(side, one, || rules.rules(n))
}

fn load(side: Side, batch: impl Fn(&Ruleset) -> Batch) -> Result<Sample> {
    let Lab { rules, mut nft, mut bare, _sandbox } = Lab::new()?;
    let sample = match side {
        Side::Floor => {
            let batch = batch(&rules);
            let commit = Commit::new(&batch);
            bare.make_room(batch.wire_len());
            Meter::measure(|| bare.commit(&commit.transmit()).map(|()| batch.wire_len()))?
        }
        Side::Ours => Meter::measure(|| {
            let batch = batch(&rules);
            nft.apply(&batch)?;
            Ok(batch.wire_len())
        })?,
    };
    Lab { rules, nft, bare, _sandbox }.close()?;
    Ok(sample)
}

fn load_elements(side: Side, n: usize) -> Result<Sample> {
    load(side, |rules| rules.elements(n))
}

fn load_rules(side: Side, n: usize) -> Result<Sample> {
    load(side, |rules| rules.rules(n))
}

/// Each on the connection that is held; the wall time is the median of one.
fn add_one_element(side: Side, n: usize) -> Result<Sample> {
    let Lab { rules, mut nft, mut bare, _sandbox } = Lab::new()?;
    let mut times = Vec::with_capacity(n);
    let bytes: Vec<u8> = (0..n).flat_map(|i| wire(&rules.one_element(i))).collect();
    let one = bytes.len() / n;
    let mut sample = match side {
        Side::Floor => Meter::measure(|| {
            for bytes in bytes.chunks(one) {
                let start = Instant::now();
                bare.commit(&[IoSlice::new(bytes)])?;
                times.push(start.elapsed());
            }
            Ok(one)
        })?,
        Side::Ours => Meter::measure(|| {
            for i in 0..n {
                let start = Instant::now();
                nft.apply(&rules.one_element(i))?;
                times.push(start.elapsed());
            }
            Ok(one)
        })?,
    };
    times.sort_unstable();
    sample.wall = times[n / 2];
    sample.user /= n as u32;
    sample.system /= n as u32;
    Lab { rules, nft, bare, _sandbox }.close()?;
    Ok(sample)
}

fn list(
    side: Side,
    n: usize,
    batch: impl Fn(&Ruleset) -> Batch,
    request: (u8, [&str; 2]),
    count: impl Fn(&mut Client, &Ruleset) -> Result<usize>,
) -> Result<Sample> {
    let Lab { rules, mut nft, mut bare, _sandbox } = Lab::new()?;
    nft.apply(&batch(&rules))?;
    // A set that has grown is still being rearranged, and would be listed twice.
    std::thread::sleep(Duration::from_millis(200));
    let (kind, names) = request;
    // Once beforehand: for its size, and to warm the kernel's side of it.
    let len = bare.dump(kind, names)?;
    let sample = Meter::measure(|| match side {
        Side::Floor => bare.dump(kind, names),
        Side::Ours => {
            assert_eq!(count(&mut nft, &rules)?, n);
            Ok(len)
        }
    })?;
    Lab { rules, nft, bare, _sandbox }.close()?;
    Ok(sample)
}

fn list_rules(side: Side, n: usize) -> Result<Sample> {
    list(
        side,
        n,
        |rules| rules.rules(n),
        (7, ["bench", "input"]),
        |nft, rules| {
            nft.rules(&rules.chain).try_fold(0, |n, rule| {
                black_box(&rule?);
                Ok(n + 1)
            })
        },
    )
}

fn list_elements(side: Side, n: usize) -> Result<Sample> {
    list(
        side,
        n,
        |rules| rules.elements(n),
        (13, ["bench", "addresses"]),
        |nft, rules| {
            nft.elements(&rules.set).try_fold(0, |n, element| {
                black_box(&element?);
                Ok(n + 1)
            })
        },
    )
}

// Measuring -----------------------------------------------------------------------------------------------------------

/// What one run took.
#[derive(Clone, Copy, Debug)]
struct Sample {
    wall: Duration,
    user: Duration,
    system: Duration,
    /// Memory at its peak beyond what the process had before, in bytes.
    peak: u64,
    /// Bytes of the batch or dump.
    wire: u64,
}

struct Meter;

impl Meter {
    /// Measures what returns how many bytes it was about.
    fn measure(body: impl FnOnce() -> Result<usize>) -> Result<Sample> {
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
        let time = |t: nix::sys::time::TimeVal| Duration::from_micros(t.num_microseconds() as u64);
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
    fn to_line(self) -> String {
        let ns = |d: Duration| d.as_nanos();
        format!("{} {} {} {} {}", ns(self.wall), ns(self.user), ns(self.system), self.peak, self.wire)
    }

    fn from_line(line: &str) -> Result<Self> {
        let numbers: Vec<u64> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        let [wall, user, system, peak, wire] = numbers[..] else { return Err(format!("not a sample: {line}").into()) };
        let ns = Duration::from_nanos;
        Ok(Self { wall: ns(wall), user: ns(user), system: ns(system), peak, wire })
    }
}

/// Runs one side of a workload in a process of its own.
fn in_child(workload: &Workload, side: Side, size: usize) -> Result<Sample> {
    let child = Command::new(env::current_exe()?)
        .args([CHILD, workload.name, &format!("{side:?}"), &size.to_string()])
        .output()?;
    if !child.status.success() {
        return Err(String::from_utf8_lossy(&child.stderr).trim().into());
    }
    Sample::from_line(&String::from_utf8(child.stdout)?)
}

const CHILD: &str = "--child";

fn child(args: &[String]) -> Result<()> {
    let [name, side, size] = args else { return Err("not for people".into()) };
    let workload = WORKLOADS.iter().find(|w| w.name == name).ok_or("no such workload")?;
    let side = if side == "Floor" { Side::Floor } else { Side::Ours };
    println!("{}", (workload.run)(side, size.parse()?)?.to_line());
    Ok(())
}

// Telling -------------------------------------------------------------------------------------------------------------

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
            let run = |side| in_child(workload, side, size(workload));
            let ours = if has("--noise") { Side::Floor } else { Side::Ours };
            // Each goes first in every other round.
            let pair = if round % 2 == 0 {
                run(Side::Floor).and_then(|floor| Ok((floor, run(ours)?)))
            } else {
                run(ours).and_then(|ours| Ok((run(Side::Floor)?, ours)))
            };
            match pair {
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
