//! Against the real kernel: each test in a network namespace of its own.

mod kernel {
    mod errors;
    mod lab;
}
