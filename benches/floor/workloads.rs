//! The workloads, each in two ways.

use crate::{
    Result, Run, Side, Workload,
    lab::{Lab, Ruleset},
    meter::{Meter, Sample},
};
use oxitables::{Batch, Client, proto::Commit};
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
    Workload { name: "encode rules", size: 50_000, quick: 500, run: Run::Apart(encode_rules), kernel: false },
    Workload { name: "lower and encode", size: 50_000, quick: 500, run: Run::Apart(encode_typed_rules), kernel: false },
    Workload { name: "load elements", size: 1_000_000, quick: 5_000, run: Run::Apart(load_elements), kernel: true },
    Workload { name: "load rules", size: 50_000, quick: 500, run: Run::Apart(load_rules), kernel: true },
    Workload { name: "add one element", size: 20_000, quick: 100, run: Run::Apart(add_one_element), kernel: true },
    Workload { name: "list rules", size: 50_000, quick: 500, run: Run::Together(list_rules), kernel: true },
    Workload { name: "list elements", size: 100_000, quick: 5_000, run: Run::Together(list_elements), kernel: true },
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
    let mut lab = Lab::new()?;
    let Lab { rules, nft, bare } = &mut lab;
    let sample = match side {
        Side::Floor => {
            let batch = batch(rules);
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
