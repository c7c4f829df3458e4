//! Manages Linux nftables over netlink.
#[macro_use]
pub mod wire;
pub mod data;
pub mod expr;
pub mod model;
#[cfg(feature = "testing")]
pub mod testing;
pub use data::{Family, Priority, Hook, Policy};
pub use model::{Table, Chain};
