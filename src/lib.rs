//! Manages Linux nftables over netlink.
#[cfg(feature = "testing")]
pub mod testing;
