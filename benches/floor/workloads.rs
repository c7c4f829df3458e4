//! The workloads, each in two ways.

use crate::{
    Result, Run, Side, Workload,
    lab::{Lab, Ruleset},
    meter::{Meter, Sample},
};
use oxitables::{
    Batch, Client,
    client::{ElementChange, Writer},
    proto::Commit,
    reconcile,
};
use std::{
    hint::black_box,
    io::IoSlice,
    time::{Duration, Instant},
};

pub(crate) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "encode elements",
        size: 1_000_000,
        quick: 5_000,
        run: Run::Apart(encode_elements),
        kernel: false,
    },
    Workload { name: "encode ranges", size: 500_000, quick: 5_000, run: Run::Apart(encode_ranges), kernel: false },
    Workload { name: "encode rules", size: 50_000, quick: 500, run: Run::Apart(encode_rules), kernel: false },
    Workload { name: "lower and encode", size: 50_000, quick: 500, run: Run::Apart(encode_typed_rules), kernel: false },
    Workload { name: "load elements", size: 1_000_000, quick: 5_000, run: Run::Apart(load_elements), kernel: true },
    Workload { name: "load sized", size: 1_000_000, quick: 5_000, run: Run::Apart(load_sized), kernel: true },
    Workload { name: "load ranges", size: 500_000, quick: 5_000, run: Run::Apart(load_ranges), kernel: true },
    Workload { name: "load timed", size: 100_000, quick: 5_000, run: Run::Apart(load_timed), kernel: true },
    Workload { name: "exchange half", size: 100_000, quick: 5_000, run: Run::Apart(exchange_half), kernel: true },
    Workload { name: "ban twice each", size: 20_000, quick: 500, run: Run::Apart(ban), kernel: true },
    Workload { name: "load rules", size: 50_000, quick: 500, run: Run::Apart(load_rules), kernel: true },
    Workload { name: "add one element", size: 20_000, quick: 100, run: Run::Apart(add_one_element), kernel: true },
    Workload { name: "list rules", size: 50_000, quick: 500, run: Run::Together(list_rules), kernel: true },
    Workload { name: "list elements", size: 100_000, quick: 5_000, run: Run::Together(list_elements), kernel: true },
    Workload { name: "diff 1000", size: 1_000, quick: 100, run: Run::Apart(diff_same), kernel: false },
    Workload { name: "diff 10000", size: 10_000, quick: 200, run: Run::Apart(diff_same), kernel: false },
    Workload { name: "diff 50000", size: 50_000, quick: 500, run: Run::Apart(diff_same), kernel: false },
    Workload { name: "diff 50000 one", size: 50_000, quick: 500, run: Run::Apart(diff_one), kernel: false },
    Workload { name: "plan 1000", size: 1_000, quick: 100, run: Run::Together(plan_same), kernel: true },
    Workload { name: "plan 10000", size: 10_000, quick: 200, run: Run::Together(plan_same), kernel: true },
    Workload { name: "plan 50000", size: 50_000, quick: 500, run: Run::Together(plan_same), kernel: true },
    Workload { name: "plan 50000 one", size: 50_000, quick: 500, run: Run::Together(plan_one), kernel: true },
];

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

fn encode_ranges(side: Side, n: usize) -> Result<Sample> {
    encode(side, 40, || Ruleset::new().ranges(n))
}

fn encode_rules(side: Side, n: usize) -> Result<Sample> {
    let rules = Ruleset::new();
    let one = rules.rules(1).wire_len() - Batch::new().wire_len();
    encode(side, one, || rules.rules(n))
}

/// Typed rules: what lowering them onto registers costs.
fn encode_typed_rules(side: Side, n: usize) -> Result<Sample> {
    let rules = Ruleset::new();
    let one = rules.typed_rules(1).wire_len() - Batch::new().wire_len();
    encode(side, one, || rules.typed_rules(n))
}

fn load(side: Side, batch: impl Fn(&Ruleset) -> Batch) -> Result<Sample> {
    load_better(side, |_, _| Ok(()), &batch, &batch)
}

/// The floor of one batch against another with the same effect, after what was there before either.
fn load_better(
    side: Side,
    before: impl Fn(&Ruleset, &mut Client) -> Result<()>,
    plain: impl Fn(&Ruleset) -> Batch,
    batch: impl Fn(&Ruleset) -> Batch,
) -> Result<Sample> {
    let mut lab = Lab::new()?;
    let Lab { rules, nft, bare } = &mut lab;
    before(rules, nft)?;
    let sample = match side {
        Side::Floor => {
            let batch = plain(rules);
            let commit = Commit::new(&batch);
            bare.make_room(batch.wire_len());
            Meter::measure(|| bare.commit(&commit.transmit()).map(|()| batch.wire_len()))?
        }
        Side::Ours => Meter::measure(|| {
            let batch = batch(rules);
            nft.apply(&batch)?;
            Ok(batch.wire_len())
        })?,
    };
    lab.close()?;
    Ok(sample)
}

fn load_elements(side: Side, n: usize) -> Result<Sample> {
    load(side, |rules| rules.elements(n))
}

/// Below the floor: a set of a known size is another one in the kernel.
fn load_sized(side: Side, n: usize) -> Result<Sample> {
    load_better(side, |_, _| Ok(()), |rules| rules.elements(n), |rules| rules.sized(n))
}

fn load_ranges(side: Side, n: usize) -> Result<Sample> {
    load(side, |rules| rules.ranges(n))
}

fn load_timed(side: Side, n: usize) -> Result<Sample> {
    load(side, |rules| rules.timed(n))
}

/// Below the floor of flushing and filling: what remains is left alone.
fn exchange_half(side: Side, n: usize) -> Result<Sample> {
    let fill = |rules: &Ruleset, nft: &mut Client| {
        nft.apply(&rules.elements(n))?;
        // The table that has grown is rearranged meanwhile.
        std::thread::sleep(Duration::from_millis(200));
        Ok(())
    };
    let rewrite = |rules: &Ruleset| {
        let mut batch = Batch::new();
        batch.flush(&rules.set).add(rules.set.keys(rules.half(n)));
        batch
    };
    let exchange = |rules: &Ruleset| {
        let mut batch = Batch::new();
        batch.exchange(&rules.set, rules.all(n), rules.half(n));
        batch
    };
    load_better(side, fill, rewrite, exchange)
}

/// Bans as they come, each of them twice: a commit for each, or a [`Writer`] that gathers a
/// thousand. The wall time is that of all.
fn ban(side: Side, n: usize) -> Result<Sample> {
    let Lab { rules, nft, mut bare } = Lab::new()?;
    let hour = Duration::from_secs(3600);
    let addresses = || rules.all(n).flat_map(|address| [address, address]);
    match side {
        Side::Floor => {
            let one = |address| {
                let mut batch = Batch::new();
                batch.refresh(&rules.timed, address, hour);
                wire(&batch)
            };
            let all: Vec<_> = addresses().map(one).collect();
            Meter::measure(|| {
                all.iter().try_for_each(|bytes| bare.commit(&[IoSlice::new(bytes)]))?;
                Ok(all.iter().map(Vec::len).sum())
            })
        }
        Side::Ours => {
            let mut writer = Writer::new(nft).with_capacity(1000);
            Meter::measure(|| {
                for address in addresses() {
                    writer.push(ElementChange::refresh(&rules.timed, address, hour))?;
                }
                writer.flush()?;
                Ok(0)
            })
        }
    }
}

fn load_rules(side: Side, n: usize) -> Result<Sample> {
    load(side, |rules| rules.rules(n))
}

/// Each on the connection that is held; the wall time is the median of one.
fn add_one_element(side: Side, n: usize) -> Result<Sample> {
    let mut lab = Lab::new()?;
    let Lab { rules, nft, bare } = &mut lab;
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
    lab.close()?;
    Ok(sample)
}

fn list(
    sides: [Side; 2],
    n: usize,
    batch: impl Fn(&Ruleset) -> Batch,
    (kind, names): (u8, [&str; 2]),
    count: impl Fn(&mut Client, &Ruleset) -> Result<usize>,
) -> Result<[Sample; 2]> {
    let mut lab = Lab::new()?;
    let Lab { rules, nft, bare } = &mut lab;
    nft.apply(&batch(rules))?;
    // A set that has grown is still being rearranged, and would be listed twice.
    std::thread::sleep(Duration::from_millis(200));
    // Once beforehand: for its size, and to warm the kernel's side of it.
    let len = bare.dump(kind, names)?;
    let mut one = |side| {
        Meter::measure(|| match side {
            Side::Floor => bare.dump(kind, names),
            Side::Ours => {
                assert_eq!(count(nft, rules)?, n);
                Ok(len)
            }
        })
    };
    let mut pairs = Vec::new();
    for _ in 0..3 {
        pairs.push([one(sides[0])?, one(sides[1])?]);
    }
    // Of three the one with the median ratio.
    let ratio = |[floor, ours]: &[Sample; 2]| ours.wall.div_duration_f64(floor.wall);
    pairs.sort_by(|a, b| ratio(a).total_cmp(&ratio(b)));
    lab.close()?;
    Ok(pairs[1])
}

fn list_rules(sides: [Side; 2], n: usize) -> Result<[Sample; 2]> {
    list(
        sides,
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

fn list_elements(sides: [Side; 2], n: usize) -> Result<[Sample; 2]> {
    list(
        sides,
        n,
        |rules| rules.elements(n),
        (13, ["bench", "addresses"]),
        |nft, rules| {
            nft.elements(&rules.set.model()).try_fold(0, |n, element| {
                black_box(&element?);
                Ok(n + 1)
            })
        },
    )
}

/// Comparing rules with as many; the floor is that of copying them.
fn diff(side: Side, n: usize, changed: bool) -> Result<Sample> {
    let present = Ruleset::new().desired(n, false)?;
    let desired = Ruleset::new().desired(n, changed)?;
    Meter::measure(|| match side {
        Side::Floor => Ok(black_box(present.clone()).rules.len()),
        Side::Ours => {
            assert_eq!(black_box(reconcile::diff(&present, &desired)).len(), usize::from(changed));
            Ok(n)
        }
    })
}

fn diff_same(side: Side, n: usize) -> Result<Sample> {
    diff(side, n, false)
}

fn diff_one(side: Side, n: usize) -> Result<Sample> {
    diff(side, n, true)
}

/// Reading the rules and comparing them with as many; the floor is that of listing them.
fn plan(sides: [Side; 2], n: usize, changed: bool) -> Result<[Sample; 2]> {
    let desired = Ruleset::new().desired(n, changed)?;
    list(
        sides,
        n,
        |rules| rules.rules(n),
        (7, ["bench", "input"]),
        |nft, _| {
            assert_eq!(nft.plan(&desired)?.len(), usize::from(changed));
            Ok(n)
        },
    )
}

fn plan_same(sides: [Side; 2], n: usize) -> Result<[Sample; 2]> {
    plan(sides, n, false)
}

fn plan_one(sides: [Side; 2], n: usize) -> Result<[Sample; 2]> {
    plan(sides, n, true)
}
