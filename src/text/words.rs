//! nft's words, once for both its syntaxes and for both directions.

use crate::{
    data::Policy,
    expr::{DynsetOp, LogLevel, NatFlags, ObjectType, QueueFlags, SynproxyFlags},
    model::{SetPolicy, TableFlags},
    stmt::tree::{BinaryOp, NatKind, Op},
};

pub(super) type Words<T> = &'static [(&'static str, T)];

/// The word for a value.
pub(super) fn word<T: PartialEq>(words: Words<T>, value: &T) -> Option<&'static str> {
    words.iter().find(|(_, known)| known == value).map(|(name, _)| *name)
}

/// The names of the bits that are set.
pub(super) fn names<T: Copy>(words: Words<T>, has: impl Fn(T) -> bool) -> Vec<&'static str> {
    words.iter().filter(|(_, flag)| has(*flag)).map(|(name, _)| *name).collect()
}

pub(super) const BINARY: Words<BinaryOp> = &[
    ("&", BinaryOp::And),
    ("|", BinaryOp::Or),
    ("^", BinaryOp::Xor),
    ("<<", BinaryOp::Lshift),
    (">>", BinaryOp::Rshift),
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

pub(super) const QUEUE_FLAGS: Words<QueueFlags> = &[("bypass", QueueFlags::BYPASS), ("fanout", QueueFlags::CPU_FANOUT)];

pub(super) const SYNPROXY_FLAGS: Words<SynproxyFlags> =
    &[("timestamp", SynproxyFlags::TIMESTAMP), ("sack-perm", SynproxyFlags::SACK_PERM)];

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

pub(super) const SET_POLICIES: Words<SetPolicy> =
    &[("performance", SetPolicy::Performance), ("memory", SetPolicy::Memory)];

pub(super) const POLICIES: Words<Policy> = &[("accept", Policy::Accept), ("drop", Policy::Drop)];
