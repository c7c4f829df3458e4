//! What the kernel tells by itself: commits, traced packets, logged packets; and the client for
//! tokio.

#[path = "common/bytes.rs"]
mod bytes;
mod common;
#[path = "common/ordinary.rs"]
mod ordinary;

mod events {
    mod commits;
    mod gaps;
    mod lab;
    mod machines;
    mod nflog;
    mod runtime;
    mod traces;

    #[test]
    fn works_for_an_ordinary_user() {
        crate::ordinary::all_of_this_as_an_ordinary_user();
    }
}
