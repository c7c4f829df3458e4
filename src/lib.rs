//! Manages Linux nftables over netlink.
#[macro_use]
pub mod wire;
pub mod batch;
pub mod client;
pub mod data;
pub mod error;
pub mod expr;
pub mod model;
pub mod proto;
#[cfg(feature = "testing")]
pub mod testing;
pub mod uapi;

pub use batch::Batch;
pub use client::{Client, Committed};
pub use data::{Family, Hook, Policy, Priority};
pub use error::{Error, Result};
pub use model::{Chain, Table};
