//! The recipes: each example's story with real packets, in both families, and the guide's listings.

// Each example brings the same support along.
#![allow(clippy::duplicate_mod)]

// The recipes as a part of another crate: they use nothing that a stranger could not use.
pub use oxitables::*;
#[allow(dead_code, unused_imports, hidden_glob_reexports)]
#[path = "../src/recipes/mod.rs"]
mod recipes;

/// Runs the story of each example, and knows what the guide lists.
macro_rules! stories {
    ($($name:ident $path:literal)*) => { $(
        #[path = $path]
        #[allow(dead_code)] // its main
        mod $name;
    )*
        mod story { $(
            #[test]
            fn $name() {
                oxitables::testing::isolated(crate::$name::tell);
            }
        )* }

        /// Name and batch of each.
        fn all() -> Vec<(&'static str, oxitables::Batch)> {
            use oxitables::recipes::Recipe;
            vec![$( (stringify!($name), $name::recipe().batch()) ),*]
        }
    };
}

stories! {
    brute_force_guard "../examples/brute_force_guard.rs"
    close_reflectors "../examples/close_reflectors.rs"
    closed_services "../examples/closed_services.rs"
    imaps_before_ssh "../examples/imaps_before_ssh/main.rs"
    masquerade_gateway "../examples/masquerade_gateway.rs"
    port_knock "../examples/port_knock.rs"
    process_marks "../examples/process_marks.rs"
    route_by_login "../examples/route_by_login.rs"
    scan_trap "../examples/scan_trap.rs"
    service_access "../examples/service_access.rs"
    strict_source "../examples/strict_source.rs"
    syn_flood_guard "../examples/syn_flood_guard.rs"
    vps_baseline "../examples/vps_baseline.rs"
}

/// Whether the kernel lacks what a recipe needs.
fn is_too_new(name: &str) -> bool {
    name == "masquerade_gateway" && features::lacks(proto::Feature::FibForward)
}

/// Not a test: what a program in the stories runs.
#[test]
#[ignore = "is started by the stories"]
fn program() {
    use process_marks::support::process;
    if process::is_program() {
        process::run();
        // The harness has nobody to speak to.
        std::process::exit(0);
    }
}

#[path = "recipes/again.rs"]
mod again;
#[path = "recipes/bad_input.rs"]
mod bad_input;
#[path = "recipes/bad_senders.rs"]
mod bad_senders;
#[path = "recipes/beside.rs"]
mod beside;
#[path = "common/features.rs"]
mod features;
#[path = "recipes/guide.rs"]
mod guide;
#[path = "common/nfts.rs"]
mod nfts;
#[path = "recipes/nmap.rs"]
mod nmap;
