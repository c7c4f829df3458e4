//! What the kernel at hand can do, asked by the tests that need it.

#![allow(dead_code)] // Not every program asks for everything.

use oxitables::{Client, proto::Feature, testing};
use std::fs;

/// Whether the kernel lacks something, in the namespace of the calling thread: then the test is
/// skipped loudly. Where it is of a version that has it, that is a failure with
/// OXITABLES_REQUIRE_KERNEL=1.
#[track_caller]
pub fn lacks(feature: Feature) -> bool {
    let has = Client::open().unwrap().capabilities().unwrap().has(feature);
    if !has {
        let why = format!("this kernel cannot do that: {feature} came with {}", feature.since());
        if is_at_least(feature.since()) {
            testing::skip(&format!("{why}, and this is {}", release()));
        } else {
            testing::skip_anyway(&why);
        }
    }
    !has
}

/// Whether the kernel is older than those of which a test expects something that no [`Feature`]
/// tells of: then this is skipped loudly.
#[track_caller]
pub fn is_before(version: &str, what: &str) -> bool {
    let is_old = !is_at_least(version);
    if is_old {
        testing::skip_anyway(&format!("this kernel is too old: expected from {version} on is {what}"));
    }
    is_old
}

/// Whether the kernel is of a version, such as 6.2, or of a later one.
pub fn is_at_least(version: &str) -> bool {
    let numbers = |text: &str| -> Vec<u32> {
        text.split(|c: char| !c.is_ascii_digit()).map_while(|n| n.parse().ok()).take(2).collect()
    };
    numbers(&release()) >= numbers(version)
}

/// What the kernel calls itself.
pub fn release() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease").unwrap().trim().to_owned()
}
