//! Words that only the schema has, or that it has in an order of its own.

pub(super) use crate::lang::{
    tree::{IPV4, IPV6},
    units::{BYTES, UNITS},
    words::*,
};
use crate::{
    data::{Family, Hook, Verdict},
    expr::{LogFlags, OsfTtl},
    model::SetFlags,
};

pub(super) const FAMILIES: Words<Family> = &[
    ("ip", Family::Ip),
    ("ip6", Family::Ip6),
    ("inet", Family::Inet),
    ("arp", Family::Arp),
    ("bridge", Family::Bridge),
    ("netdev", Family::Netdev),
];

/// Verdicts; those with a chain are made elsewhere.
pub(super) const VERDICTS: Words<fn() -> Verdict> = &[
    ("accept", Verdict::accept),
    ("drop", Verdict::drop),
    ("continue", Verdict::continue_),
    ("return", Verdict::return_),
    ("jump", || Verdict::jump("")),
    ("goto", || Verdict::goto("")),
];

pub(super) const LOG_FLAGS: Words<LogFlags> = &[
    ("tcp sequence", LogFlags::TCP_SEQUENCE),
    ("tcp options", LogFlags::TCP_OPTIONS),
    ("ip options", LogFlags::IP_OPTIONS),
    ("skuid", LogFlags::USER),
    ("ether", LogFlags::ETHER),
];

pub(super) const OSF_TTLS: Words<OsfTtl> = &[("loose", OsfTtl::Less), ("skip", OsfTtl::NoCheck)];

pub(super) const SET_FLAGS: Words<SetFlags> = &[
    ("constant", SetFlags::CONSTANT),
    ("interval", SetFlags::INTERVAL),
    ("timeout", SetFlags::TIMEOUT),
    ("dynamic", SetFlags::EVAL),
];

pub(super) const HOOKS: Words<Hook> = &[
    ("prerouting", Hook::Prerouting),
    ("input", Hook::Input),
    ("forward", Hook::Forward),
    ("output", Hook::Output),
    ("postrouting", Hook::Postrouting),
    ("ingress", Hook::Ingress),
    ("egress", Hook::Egress),
];
