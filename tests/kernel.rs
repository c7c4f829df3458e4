//! Against the real kernel: each test in a network namespace of its own.

mod common;
#[path = "common/ordinary.rs"]
mod ordinary;

mod kernel {
    mod batch;
    mod beside;
    mod bulk;
    mod capabilities;
    mod chains;
    mod elements;
    mod errors;
    mod faults;
    mod guards;
    mod intervals;
    mod lab;
    mod listing;
    mod misled;
    mod names;
    mod objects;
    mod owner;
    mod rules;
    mod sets;
    mod tables;
    mod text;
    mod users;
    mod writer;
}
