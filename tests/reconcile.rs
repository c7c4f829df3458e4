//! Desired state: random rulesets on a model and on the real kernel, and what happens around plans.

#[path = "common/bytes.rs"]
mod bytes;
mod common;
#[path = "common/nfts.rs"]
mod nfts;
#[path = "common/ordinary.rs"]
mod ordinary;

mod reconcile {
    mod defaults;
    mod dynamic;
    mod edges;
    mod generate;
    mod kernel;
    mod model;
    mod order;
    mod state;
    mod users;
    mod versions;
}
