//! Manages Linux nftables over netlink.
#[macro_use]
pub mod wire;
pub mod data;
pub mod expr;
pub mod model;
pub mod stmt;
#[cfg(feature = "testing")]
pub mod testing;
pub use data::{Family, Priority, Hook, Policy};
pub use model::{Chain, Table};
#[doc(inline)]
pub use data::{CtState, IfName, MacAddr, Mark, Port, Protocol, TcpFlags, Verdict};
#[doc(inline)]
pub use stmt::{
    Action, AddrSet, Element, Key, Keyed, Map, MapRef, Match, Pattern, RejectWith, Rule, Set, SetKey, SetRef, To,
    counter, counter_named,
    fields::{addr, arp, ct, ether, icmp, icmpv6, ip, ip6, meta, tcp, th, udp},
    limit, limit_named, log, notrack, quota, quota_named,
};
