//! Words of the schema, once for both directions.

use crate::{
    data::{Family, Hook, Policy, Verdict},
    expr::{DynsetOp, LogFlags, LogLevel, NatFlags, ObjectType, OsfTtl, QueueFlags, SynproxyFlags},
    model::{SetFlags, SetPolicy, TableFlags},
    stmt::tree::{BinaryOp, NatKind, Op},
};

type Words<T> = &'static [(&'static str, T)];

pub(super) const FAMILIES: Words<Family> = &[
    ("ip", Family::Ip),
    ("ip6", Family::Ip6),
    ("inet", Family::Inet),
    ("arp", Family::Arp),
    ("bridge", Family::Bridge),
    ("netdev", Family::Netdev),
];

/// `NFPROTO_IPV4` and `NFPROTO_IPV6`, as statements have them.
pub(super) const IPV4: u32 = 2;
pub(super) const IPV6: u32 = 10;

pub(super) const BINARY: Words<BinaryOp> = &[
    ("&", BinaryOp::And),
    ("|", BinaryOp::Or),
    ("^", BinaryOp::Xor),
    ("<<", BinaryOp::Lshift),
    (">>", BinaryOp::Rshift),
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

/// `in` is the natural comparison, `==` the strict one; they differ for bits only.
pub(super) const OPS: Words<Op> = &[
    ("==", Op::Eq),
    ("!=", Op::Ne),
    ("<", Op::Lt),
    (">", Op::Gt),
    ("<=", Op::Le),
    (">=", Op::Ge),
    ("in", Op::Implicit),
    ("!", Op::Neg),
];

pub(super) const NAT: Words<NatKind> = &[
    ("snat", NatKind::Snat),
    ("dnat", NatKind::Dnat),
    ("masquerade", NatKind::Masquerade),
    ("redirect", NatKind::Redirect),
];

pub(super) const NAT_FLAGS: Words<NatFlags> = &[
    ("random", NatFlags::RANDOM),
    ("fully-random", NatFlags::FULLY_RANDOM),
    ("persistent", NatFlags::PERSISTENT),
    ("netmap", NatFlags::NETMAP),
];

pub(super) const LOG_LEVELS: Words<LogLevel> = &[
    ("emerg", LogLevel::Emerg),
    ("alert", LogLevel::Alert),
    ("crit", LogLevel::Crit),
    ("err", LogLevel::Err),
    ("warn", LogLevel::Warning),
    ("notice", LogLevel::Notice),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("audit", LogLevel::Audit),
];

pub(super) const LOG_FLAGS: Words<LogFlags> = &[
    ("tcp sequence", LogFlags::TCP_SEQUENCE),
    ("tcp options", LogFlags::TCP_OPTIONS),
    ("ip options", LogFlags::IP_OPTIONS),
    ("skuid", LogFlags::USER),
    ("ether", LogFlags::ETHER),
];

pub(super) const QUEUE_FLAGS: Words<QueueFlags> = &[("bypass", QueueFlags::BYPASS), ("fanout", QueueFlags::CPU_FANOUT)];

pub(super) const SYNPROXY_FLAGS: Words<SynproxyFlags> =
    &[("timestamp", SynproxyFlags::TIMESTAMP), ("sack-perm", SynproxyFlags::SACK_PERM)];

pub(super) const OSF_TTLS: Words<OsfTtl> = &[("loose", OsfTtl::Less), ("skip", OsfTtl::NoCheck)];

pub(super) const UPDATES: Words<DynsetOp> =
    &[("add", DynsetOp::Add), ("update", DynsetOp::Update), ("delete", DynsetOp::Delete)];

/// Objects, as statements, declarations and values of maps name them.
pub(super) const OBJECTS: Words<ObjectType> = &[
    ("counter", ObjectType::Counter),
    ("quota", ObjectType::Quota),
    ("limit", ObjectType::Limit),
    ("ct helper", ObjectType::CtHelper),
    ("ct timeout", ObjectType::CtTimeout),
    ("ct expectation", ObjectType::CtExpect),
    ("secmark", ObjectType::Secmark),
    ("synproxy", ObjectType::Synproxy),
    ("tunnel", ObjectType::Tunnel),
];

pub(super) const TABLE_FLAGS: Words<TableFlags> =
    &[("dormant", TableFlags::DORMANT), ("owner", TableFlags::OWNER), ("persist", TableFlags::PERSIST)];

pub(super) const SET_FLAGS: Words<SetFlags> = &[
    ("constant", SetFlags::CONSTANT),
    ("interval", SetFlags::INTERVAL),
    ("timeout", SetFlags::TIMEOUT),
    ("dynamic", SetFlags::EVAL),
];

pub(super) const SET_POLICIES: Words<SetPolicy> =
    &[("performance", SetPolicy::Performance), ("memory", SetPolicy::Memory)];

pub(super) const POLICIES: Words<Policy> = &[("accept", Policy::Accept), ("drop", Policy::Drop)];

pub(super) const HOOKS: Words<Hook> = &[
    ("prerouting", Hook::Prerouting),
    ("input", Hook::Input),
    ("forward", Hook::Forward),
    ("output", Hook::Output),
    ("postrouting", Hook::Postrouting),
    ("ingress", Hook::Ingress),
    ("egress", Hook::Egress),
];

/// Units of rates in seconds; other units of the kernel have no word.
pub(super) const UNITS: Words<u64> =
    &[("second", 1), ("minute", 60), ("hour", 3600), ("day", 86400), ("week", 604_800)];

/// Units of amounts in bytes.
pub(super) const BYTES: Words<u64> = &[("bytes", 1), ("kbytes", 1 << 10), ("mbytes", 1 << 20)];
