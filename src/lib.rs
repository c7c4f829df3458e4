//! Manage Linux nftables over netlink: typed, atomic, without the `nft` program, C libraries or
//! `unsafe`.
//!
//! ```
//! use oxitables::*;
//! use std::{net::Ipv4Addr, time::Duration};
//!
//! fn protect() -> Result<()> {
//!     let host = Table::new(Family::Inet, "host");
//!     let admins = Set::<Ipv4Addr>::new(&host, "admins").interval();
//!     let blocked = Set::<Ipv4Addr>::new(&host, "blocked").timeouts();
//!     let input = host.chain("input").with_hook(Hook::Input, Priority::FILTER).with_policy(Policy::Drop);
//!     let office: ipnetwork::Ipv4Network = "192.0.2.0/24".parse().unwrap();
//!
//!     // All of it or nothing; again if it is there already.
//!     let mut batch = Batch::new();
//!     batch.add(&host).add(&admins).add(&blocked).add(&input).flush(&input);
//!     batch.add(admins.elements([admins.element(office)]));
//!     for rule in [
//!         Rule::new().when(meta::iifname().is("lo")).accept(),
//!         Rule::new().when(ip::saddr().is_in(&blocked)).drop(),
//!         Rule::new().when(ct::state().any(CtState::ESTABLISHED | CtState::RELATED)).accept(),
//!         Rule::new().when(meta::l4proto().is(Protocol::ICMPV6)).comment("neighbour discovery").accept(),
//!         Rule::new().when(tcp::dport().is(22)).when(ip::saddr().is_in(&admins)).then(counter()).accept(),
//!     ] {
//!         batch.add(input.rule(rule));
//!     }
//!     let mut nft = Client::open()?;
//!     nft.apply(&batch)?;
//!
//!     // Ten minutes for somebody who tried too often; restarted if it runs already.
//!     nft.apply(Batch::new().refresh(&blocked, [198, 51, 100, 7], Duration::from_secs(600)))?;
//!     for ban in nft.members(&blocked)? {
//!         println!("{:?} for {:?}", ban.key(), ban.expires_value());
//!     }
//!     Ok(())
//! }
//! # testing::in_namespace(protect);
//! ```
//!
//! # Where things are
//!
//! * [`Client`] talks to the kernel; [`Batch`] holds what is to be changed; [`Error`] says what
//!   went wrong, of which operation, at which attribute, and what to do.
//! * [`Rule`], [`Set`], [`Map`] and the selectors ([`ip`], [`tcp`], [`ct`], [`meta`], [`addr`] for
//!   either family, …) are what people write. They are lowered onto registers: byte order, masks
//!   and implied protocol matches are this crate's business.
//! * [`client::Writer`] gathers thousands of small changes, [`client::Owned`] is a table that goes
//!   with its owner, and [`Client::apply_confirmed`] makes changes that undo themselves unless they
//!   are confirmed.
//! * Networks (`192.0.2.0/24`) are those of the crate [`ipnetwork`].
//! * [`recipes`] are ready firewalls, tables that you extend.
//! * [`Recent`] keeps lists of recently seen addresses as iptables' `recent` match does.
//! * [`data::MarkRegistry`] hands out bits of marks; `route` (a feature) has packets with a mark
//!   leave by another router.
//! * [`Client::reconcile`] makes the kernel's tables what a [`Ruleset`](model::Ruleset) says, with
//!   as little as it takes; see [`reconcile`].
//! * [`model`] and [`expr`] are what the kernel holds, and what listings return. What this version
//!   does not know is kept byte for byte.
//! * [`client::Monitor`] tells every commit as typed events, [`client::Tracer`] follows packets
//!   from rule to rule, [`client::NflogReader`] reads what rules log. `client::tokio` (a feature)
//!   has these and the client for tokio.
//! * [`sysctl`] sets kernel parameters of the network and restores them.
//! * [`proto`] is the protocol without a socket, [`wire`] the bytes.
//! * [`Batch::from_bytes`] takes over what another library has encoded; `rustables` (a feature, off
//!   by default: that crate is GPL-3.0) takes that crate's values.
//! * `testing` (a feature) makes network namespaces for tests, as root or not.
//!
//! # What it promises
//!
//! A batch is one transaction, whatever its size, or an error. [`Client::apply`] returns `Ok` only
//! with the kernel's proof that it committed. Decoders take any input. Whatever is installed, stock
//! `nft list ruleset` prints.
//!
//! It runs on Linux 5.10 and later; `docs/kernels.md` tells what was tested on which kernel. The
//! register layer ([`model`], [`expr`]) says since when the kernel has what, and errors name the
//! version that a kernel is too old for.
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `json` | libnftables JSON, in and out: `oxitables::json` |
//! | `route` | rules of policy routing, links and addresses: `oxitables::route` |
//! | `tokio` | the client, monitors and traces for tokio: `client::tokio` |
//! | `testing` | network namespaces for tests: `oxitables::testing` |
//! | `rustables` | batches and values of that crate, which is GPL-3.0 |
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

/// Guides: what programs of this kind have to do, chapter by chapter.
#[cfg(any(doc, doctest))]
pub mod guide {
    #[doc = include_str!("../docs/guide/agents.md")]
    pub mod agents {}

    #[doc = include_str!("../docs/guide/recipes.md")]
    pub mod recipes {}

    #[cfg(feature = "tokio")]
    #[doc = include_str!("../docs/guide/events.md")]
    pub mod events {}

    #[cfg(feature = "json")]
    #[doc = include_str!("../docs/guide/migrating.md")]
    pub mod migrating {}

    #[cfg(feature = "route")]
    #[doc = include_str!("../docs/guide/marks.md")]
    pub mod marks {}
}

#[macro_use]
pub mod wire;
pub mod batch;
pub mod client;
mod compile;
pub mod data;
pub mod error;
pub mod expr;
mod host;
mod interop;
mod lang;
mod lift;
pub mod model;
mod print;
pub mod proto;
pub mod recipes;
pub mod reconcile;
#[cfg(feature = "route")]
pub mod route;
#[cfg(any(feature = "route", feature = "testing"))]
mod rtnetlink;
pub mod rule;
pub mod set;
pub mod sysctl;
#[cfg(feature = "testing")]
pub mod testing;
pub mod text;
pub mod uapi;

#[doc(inline)]
pub use batch::Batch;
#[doc(inline)]
pub use client::{Client, Committed};
#[doc(inline)]
pub use data::{
    ChainType, CtState, Family, Hook, IcmpType, Icmpv6Type, IfName, MacAddr, Mark, Policy, Port, Priority, Protocol,
    TcpFlags, Verdict,
};
#[doc(inline)]
pub use error::{Error, Result};
#[doc(inline)]
pub use expr::LogLevel;
#[cfg(feature = "rustables")]
#[doc(inline)]
pub use interop::rustables;
pub use ipnetwork;
#[doc(inline)]
pub use model::{Chain, Table};
#[doc(inline)]
pub use reconcile::Plan;
#[doc(inline)]
pub use rule::{
    Action, Forward, Keyed, Match, Recent, RecentOp, RejectWith, Rule, Side, To, ToQueue, counter, counter_from,
    counter_named, dup, flow_add, jhash, limit_from, limit_named, log, notrack, numgen, queue, quota_from, quota_named,
    selectors::{
        addr, ah, arp, comp, ct, dccp, dst, esp, ether, fib, frag, geneve, gre, gretap, hbh, icmp, icmpv6, igmp, ip,
        ip6, ipsec, meta, mh, osf, raw, rt, rt0, rt2, sctp, socket, srh, tcp, th, tunnel, udp, udplite, vlan, vxlan,
    },
    symhash, synproxy, synproxy_from, synproxy_named, tproxy,
};
#[doc(inline)]
pub use set::{AddrSet, Element, Key, Map, MapRef, Pattern, Set, SetKey, SetRef, last, limit, quota};
#[cfg(feature = "json")]
#[doc(inline)]
pub use text::json;
