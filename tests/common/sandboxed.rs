//! Tests of programs without the standard harness: in order, each in a sandbox of its own.

use crate::{common::is_root, ordinary};
use oxitables::testing::{self, Sandbox};
use std::env;

pub type Outcome = Result<(), Box<dyn std::error::Error>>;

/// A test and its name.
pub type Test = (&'static str, fn() -> Outcome);

macro_rules! tests {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), $name)),*] };
}
pub(crate) use tests;

/// Runs those that the arguments name, or all, and all of this once more as an ordinary user.
pub fn run(tests: &[Test]) {
    // An ordinary user is root of the namespace that the first sandbox makes.
    let root = is_root();
    let wanted: Vec<String> = env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    for (name, test) in
        tests.iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|w| name.contains(w.as_str())))
    {
        let sandbox = match Sandbox::new() {
            Ok(sandbox) => sandbox,
            Err(error) => return testing::skip(&format!("{name}: no sandbox can be made here: {error}")),
        };
        let host = sandbox.host("host").unwrap();
        host.run(|| test().unwrap_or_else(|error| panic!("{name}: {error}")));
        println!("test {name} ... ok");
    }
    if root && wanted.is_empty() {
        ordinary::as_nobody(&[]);
        println!("test as an ordinary user ... ok");
    }
}
