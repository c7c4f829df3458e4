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
pub mod stmt;
#[cfg(feature = "testing")]
pub mod testing;
pub mod uapi;

#[doc(inline)]
pub use batch::Batch;
#[doc(inline)]
pub use client::{Client, Committed};
#[doc(inline)]
pub use data::{CtState, Family, Hook, IfName, MacAddr, Mark, Policy, Port, Priority, Protocol, TcpFlags, Verdict};
#[doc(inline)]
pub use error::{Error, Result};
#[doc(inline)]
pub use model::{Chain, Table};
#[doc(inline)]
pub use stmt::{
    Action, AddrSet, Element, Key, Keyed, Map, MapRef, Match, Pattern, Recent, RecentOp, RejectWith, Rule, Set, SetKey,
    SetRef, Side, To, counter, counter_named,
    fields::{addr, arp, ct, ether, icmp, icmpv6, ip, ip6, meta, tcp, th, udp},
    limit, limit_named, log, notrack, quota, quota_named,
};
