//! `nft -f`, of a file that is there already; a change of one element as an argument.

use super::{Job, Result};
use crate::{
    lab::{address, port, range},
    work::{Change, Task},
};
use std::{
    env,
    fs::{self, File},
    io::{self, BufWriter, Write},
    process::{self, Command},
};

pub(super) fn open(program: &'static str, task: Task, n: usize) -> Result<Job> {
    let nft = move |args: &[&str]| {
        let mut nft = Command::new(program);
        nft.args(args);
        nft
    };
    Ok(match task {
        Task::ListElements => {
            Box::new(move |_| Ok(run(nft(&["list", "set", "ip", "bench", "addresses"]))?.matches(',').count() + 1))
        }
        Task::ListRules => {
            Box::new(move |_| Ok(run(nft(&["list", "chain", "ip", "bench", "input"]))?.matches(" accept\n").count()))
        }
        _ if task.steps() => Box::new(move |i| {
            let mut text = Vec::new();
            script(&mut text, task, i)?;
            run(nft(&[&String::from_utf8(text)?])).map(|_| 0)
        }),
        _ => {
            let path = env::temp_dir().join(format!("oxitables-peers-{}", process::id()));
            let mut out = BufWriter::new(File::create(&path)?);
            script(&mut out, task, n)?;
            out.flush()?;
            let file = File::open(&path)?;
            // It is there as long as it is open.
            fs::remove_file(&path)?;
            Box::new(move |_| {
                let mut nft = nft(&["-f", "-"]);
                nft.stdin(file.try_clone()?);
                run(nft).map(|_| 0)
            })
        }
    })
}

fn run(mut nft: Command) -> Result<String> {
    let output = nft.output()?;
    if !output.status.success() {
        let err = String::from_utf8_lossy(&output.stderr);
        return Err(err.lines().next().unwrap_or("no reason given").into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn script(out: &mut impl Write, task: Task, n: usize) -> io::Result<()> {
    if task == Task::Rules {
        return (0..n).try_for_each(|i| {
            let (address, port) = (address(i), port(i));
            writeln!(out, "add rule ip bench input ip saddr {address} tcp dport {port} counter accept")
        });
    }
    let Change { set, flush, delete, add } = task.change(n);
    if task == Task::Sized {
        writeln!(out, "add set ip bench {set} {{ type ipv4_addr; size {n}; }}")?;
    }
    if flush {
        writeln!(out, "flush set ip bench {set}")?;
    }
    for (verb, elements) in [("delete", delete), ("add", add)].into_iter().filter(|(_, e)| !e.is_empty()) {
        write!(out, "{verb} element ip bench {set} {{ ")?;
        for i in elements {
            match task {
                Task::Ranges => write!(out, "{}/29, ", range(i).start())?,
                Task::Timed => write!(out, "{} timeout 1h, ", address(i))?,
                _ => write!(out, "{}, ", address(i))?,
            }
        }
        writeln!(out, "}}")?;
    }
    Ok(())
}
