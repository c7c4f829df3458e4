//! Desired state: random rulesets on a model and on the real kernel, and what happens around plans.

mod common;
#[path = "common/ordinary.rs"]
mod ordinary;

mod reconcile {
    mod edges;
    mod generate;
    mod kernel;
    mod model;
    mod state;
    mod users;
}
