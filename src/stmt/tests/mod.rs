//! Tests of the statement layer; `tests/wire_proof.rs` compares what it makes with nft.

mod random;
mod refusals;
mod registers;
mod sets;

use std::fmt::Write;

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}
