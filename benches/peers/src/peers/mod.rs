//! Who is measured.

mod floor;
mod json;
mod nft;
#[cfg(feature = "nftnl")]
mod nftnl;
#[cfg(feature = "nlink")]
mod nlink;
mod ours;
#[cfg(any(feature = "nftnl", feature = "rustables"))]
mod roomy;
#[cfg(feature = "rustables")]
mod rustables;

use crate::work::Task;
use std::{env, error::Error};

pub(crate) type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// The work, ready to be done: takes [`Task::change`]'s number, returns how many things it listed.
pub(crate) type Job = Box<dyn FnMut(usize) -> Result<usize>>;

pub(crate) struct Contender {
    pub(crate) name: &'static str,
    /// Prepares what is not to be timed: opens what is held open, writes nft's file.
    pub(crate) open: fn(Task, usize) -> Result<Job>,
    /// What it has no means for.
    pub(crate) cannot: &'static [Task],
    /// A program that it runs.
    program: Option<&'static str>,
}

impl Contender {
    pub(crate) fn present(&self) -> bool {
        let path = env::var_os("PATH").unwrap_or_default();
        self.program.is_none_or(|program| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
    }
}

/// The first is the floor, to which the others are compared.
pub(crate) fn contenders() -> impl Iterator<Item = Contender> {
    let library = |name, open, cannot| Contender { name, open, cannot, program: None };
    let program = |name, open, program| Contender { name, open, cannot: &[], program: Some(program) };
    [
        library("floor", floor::plain, &[]),
        library("replay", floor::replay, &[]),
        library("oxitables", ours::open, &[]),
        #[cfg(feature = "nlink")]
        library("nlink", nlink::open, nlink::CANNOT),
        #[cfg(feature = "rustables")]
        library("rustables", rustables::open, rustables::CANNOT),
        #[cfg(feature = "rustables")]
        library("rustables+", rustables::open_roomy, rustables::CANNOT),
        #[cfg(feature = "nftnl")]
        library("nftnl", nftnl::open, nftnl::CANNOT),
        #[cfg(feature = "nftnl")]
        library("nftnl+", nftnl::open_roomy, nftnl::CANNOT),
        program("nft 1.0", |task, n| nft::open("nft", task, n), "nft"),
        program("nft new", |task, n| nft::open("nft-new", task, n), "nft-new"),
        program("nftables", json::open, "nft"),
    ]
    .into_iter()
}

/// The name of an error number, which is all that a table has room for.
#[cfg(any(feature = "nftnl", feature = "nlink", feature = "rustables"))]
fn errno(number: i32) -> Box<dyn Error> {
    format!("{:?}", nix::errno::Errno::from_raw(number)).into()
}
