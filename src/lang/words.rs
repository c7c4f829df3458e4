//! nft's words, once for both its syntaxes and for both directions.

use super::tree::{BinaryOp, NatKind, Op};
use crate::{
    data::Policy,
    expr::{DynsetOp, LogLevel, NatFlags, ObjectType, QueueFlags, SynproxyFlags},
    model::{SetPolicy, TableFlags},
};

pub(crate) type Words<T> = &'static [(&'static str, T)];

/// The word for a value.
pub(crate) fn word<T: PartialEq>(words: Words<T>, value: &T) -> Option<&'static str> {
    words.iter().find(|(_, known)| known == value).map(|(name, _)| *name)
}

/// The names of the bits that are set.
pub(crate) fn names<T: Copy>(words: Words<T>, has: impl Fn(T) -> bool) -> Vec<&'static str> {
    words.iter().filter(|(_, flag)| has(*flag)).map(|(name, _)| *name).collect()
}

pub(crate) const BINARY: Words<BinaryOp> = &[
    ("&", BinaryOp::And),
    ("|", BinaryOp::Or),
    ("^", BinaryOp::Xor),
    ("<<", BinaryOp::Lshift),
    (">>", BinaryOp::Rshift),
];

/// `in` is the natural comparison, `==` the strict one; they differ for bits only.
pub(crate) const OPS: Words<Op> = &[
    ("==", Op::Eq),
    ("!=", Op::Ne),
    ("<", Op::Lt),
    (">", Op::Gt),
    ("<=", Op::Le),
    (">=", Op::Ge),
    ("in", Op::Implicit),
    ("!", Op::Neg),
];

pub(crate) const NAT: Words<NatKind> = &[
    ("snat", NatKind::Snat),
    ("dnat", NatKind::Dnat),
    ("masquerade", NatKind::Masquerade),
    ("redirect", NatKind::Redirect),
];

pub(crate) const NAT_FLAGS: Words<NatFlags> = &[
    ("random", NatFlags::RANDOM),
    ("fully-random", NatFlags::FULLY_RANDOM),
    ("persistent", NatFlags::PERSISTENT),
    ("netmap", NatFlags::NETMAP),
];

pub(crate) const LOG_LEVELS: Words<LogLevel> = &[
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

pub(crate) const QUEUE_FLAGS: Words<QueueFlags> = &[("bypass", QueueFlags::BYPASS), ("fanout", QueueFlags::CPU_FANOUT)];

pub(crate) const SYNPROXY_FLAGS: Words<SynproxyFlags> =
    &[("timestamp", SynproxyFlags::TIMESTAMP), ("sack-perm", SynproxyFlags::SACK_PERM)];

pub(crate) const UPDATES: Words<DynsetOp> =
    &[("add", DynsetOp::Add), ("update", DynsetOp::Update), ("delete", DynsetOp::Delete)];

/// Objects, as statements, declarations and values of maps name them.
pub(crate) const OBJECTS: Words<ObjectType> = &[
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

pub(crate) const TABLE_FLAGS: Words<TableFlags> =
    &[("dormant", TableFlags::DORMANT), ("owner", TableFlags::OWNER), ("persist", TableFlags::PERSIST)];

pub(crate) const SET_POLICIES: Words<SetPolicy> =
    &[("performance", SetPolicy::Performance), ("memory", SetPolicy::Memory)];

pub(crate) const POLICIES: Words<Policy> = &[("accept", Policy::Accept), ("drop", Policy::Drop)];
