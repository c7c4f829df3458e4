//! Tests of the statement layer; `tests/wire_proof.rs` compares what it makes with nft.

mod random;
mod refusals;
mod registers;
mod sets;
