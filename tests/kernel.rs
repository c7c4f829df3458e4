//! Against the real kernel: each test in a network namespace of its own.

#[path = "kernel/commit.rs"]
mod commit;
