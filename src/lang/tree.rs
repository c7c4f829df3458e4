//! Rules as nft has them in mind: statements made of expressions.
//!
//! This is what lifting makes of registers, what the listing and the JSON are written from, and
//! what JSON is read into. It says no more than the registers do: no byte order, no implied
//! matches, no registers.

use super::field::Field;
use crate::{
    data::{FieldType, Name, Typed, Value, Verdict, VerdictCode},
    expr::{Expr, NatFlags, ObjectType, Reject},
};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

/// Something that has a value, or a pattern of values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    /// A constant: the bytes most significant first, whatever order its type has in registers.
    Value(Constant),
    /// A word or number of whose type nothing is known yet; only in what people wrote, never
    /// lifted.
    #[cfg_attr(not(feature = "json"), expect(dead_code, reason = "JSON is what people write"))]
    Word(String),
    /// The values that agree with one in its first bits.
    Prefix(Box<Expression>, u32),
    /// From the lower to the upper value, both included.
    Range(Box<(Expression, Expression)>),
    /// Bits, any of them: `established,related`. Each is a value of its own.
    List(Vec<Expression>),
    /// Fields or values one after the other: `ip saddr . tcp dport`.
    Concat(Vec<Expression>),
    /// Something of the packet, or that the kernel knows of it.
    Field(Field),
    /// Numbers in turn, or at random.
    Numgen { random: bool, modulus: u32, offset: u32 },
    /// A hash of an expression, or, if there is none, of the packet's flow, the same in both
    /// directions.
    Hash { of: Option<Box<Expression>>, modulus: u32, seed: Option<u32>, offset: u32 },
    /// Bit arithmetic.
    Binary { op: BinaryOp, left: Box<Expression>, right: Box<Expression> },
    /// The value that a map has for a key: `of` is a [`Set`](Self::Set) with data or a
    /// [`Named`](Self::Named).
    Map { key: Box<Expression>, of: Box<Expression> },
    /// The elements of a set, or of a map if they have data.
    Set(Vec<Item>),
    /// A named set or map: `@admins`.
    Named(Name),
    /// The name of an object.
    Object(Name),
    /// What becomes of the packet.
    Verdict(Verdict),
    /// `*`: every key that has no element of its own.
    Any,
}

impl Expression {
    /// A constant.
    pub fn constant(ty: FieldType, image: &[u8]) -> Self {
        Self::Value(Constant { ty, image: Value::new(image).unwrap_or_default() })
    }

    /// The same, the bits of a mask alone.
    pub fn masked(self, ty: FieldType, mask: &[u8]) -> Self {
        Self::Binary { op: BinaryOp::And, left: Box::new(self), right: Box::new(Self::named(ty, mask)) }
    }

    /// A constant, several bits of which are told apart: `syn | ack`.
    pub fn named(ty: FieldType, image: &[u8]) -> Self {
        let or = |left, right| Self::Binary { op: BinaryOp::Or, left: Box::new(left), right: Box::new(right) };
        match ty.bits && ones(image) > 1 {
            true => bits_of(ty, image).reduce(or).unwrap_or_else(|| Self::constant(ty, image)),
            false => Self::constant(ty, image),
        }
    }

    /// Bits, any of them: `established,related`.
    pub fn list_of_bits(ty: FieldType, image: &[u8]) -> Self {
        match ones(image) > 1 {
            true => Self::List(bits_of(ty, image).collect()),
            false => Self::constant(ty, image),
        }
    }

    /// From the lower to the upper value; the one that there is if they are the same.
    pub fn range(lo: Self, hi: Self) -> Self {
        if lo == hi { lo } else { Self::Range(Box::new((lo, hi))) }
    }

    /// Several expressions one after the other, or the one that there is.
    pub fn concat(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut parts: Vec<_> = parts.into_iter().collect();
        match parts.pop() {
            Some(only) if parts.is_empty() => only,
            last => {
                parts.extend(last);
                Self::Concat(parts)
            }
        }
    }
}

fn ones(image: &[u8]) -> u32 {
    image.iter().map(|byte| byte.count_ones()).sum()
}

/// The bits of a constant one by one, the lowest first.
pub(crate) fn bits_of(ty: FieldType, image: &[u8]) -> impl Iterator<Item = Expression> {
    let len = image.len().min(Value::MAX);
    image[..len].iter().enumerate().rev().flat_map(move |(at, byte)| {
        (0..8).filter(move |bit| byte >> bit & 1 == 1).map(move |bit| {
            let mut one = [0; Value::MAX];
            one[at] = 1 << bit;
            Expression::constant(ty, &one[..len])
        })
    })
}

impl From<IpAddr> for Expression {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::constant(Ipv4Addr::FIELD, &address.octets()),
            IpAddr::V6(address) => Self::constant(Ipv6Addr::FIELD, &address.octets()),
        }
    }
}

/// A constant of a known type.
///
/// Several bits at once are an [`Or`](BinaryOp::Or) of constants of one bit each, the lowest first
/// and nested to the left, where nft writes them by name (`syn | ack`); a constant of several bits
/// is one that it writes as a number (`0x12`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Constant {
    pub ty: FieldType,
    /// Most significant byte first; text as it is. Shorter than the type if it is the beginning of
    /// a name (`eth*`).
    pub image: Value,
}

/// Bit arithmetic.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BinaryOp {
    And,
    Or,
    Xor,
    Lshift,
    Rshift,
}

/// One element of a set.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    pub key: Expression,
    /// Maps: the value.
    pub data: Option<Expression>,
    /// Its life; for ever if zero.
    pub timeout: Option<Duration>,
    /// What is left of it.
    pub expires: Option<Duration>,
    pub comment: Option<String>,
    /// Its counter, limit, quota, …
    pub statements: Vec<Statement>,
}

impl From<Expression> for Item {
    fn from(key: Expression) -> Self {
        Self { key, data: None, timeout: None, expires: None, comment: None, statements: Vec::new() }
    }
}

/// How the two sides of a match are compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Op {
    /// The natural comparison of the right side: equal to a value, in a range, in a set, any of
    /// some bits.
    ///
    /// nft leaves it out in text. JSON says `==`, and `in` for bits.
    Implicit,
    /// Written `==`: equal, also for bits.
    Eq,
    Ne,
    Lt,
    Gt,
    Le,
    Ge,
    /// None of some bits: `tcp flags ! syn`.
    Neg,
}

/// `NFPROTO_IPV4` and `NFPROTO_IPV6`, as statements have them.
pub(crate) const IPV4: u32 = 2;
pub(crate) const IPV6: u32 = 10;

/// What a rule is made of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Statement {
    /// The rule ends here unless it holds.
    Match { op: Op, left: Expression, right: Expression },
    /// A verdict, or the one that a map has for a key.
    Verdict(Expression),
    /// Sets a field: `meta mark set 1`, `tcp option maxseg size set 1360`, `ct helper`'s kin
    /// excepted.
    Assign { field: Field, value: Expression },
    /// What one expression says alone and without registers: counter, limit, quota, last,
    /// connlimit, log, notrack, synproxy, flow_offload, match, target; queue with fixed numbers.
    Plain(Expr),
    /// Refuses the packet. Of ICMP messages, `family` says which: [`IPV4`] or [`IPV6`], which the
    /// rule has made sure of before; with a reset and in tables of either family it may be missing.
    Reject { family: Option<u32>, with: Reject },
    /// Applies a named object, or the one that a map has for a key: `counter name "x"`,
    /// `ct helper set "ftp"`.
    Objref { kind: ObjectType, object: Expression },
    /// `snat`, `dnat`, `masquerade`, `redirect`.
    Nat(Nat),
    /// Hands the packet to a local socket.
    Tproxy { family: Option<u32>, addr: Option<Expression>, port: Option<Expression> },
    /// Sends a copy elsewhere.
    Dup { addr: Option<Expression>, dev: Option<Expression> },
    /// Sends the packet out of another device.
    Fwd { family: Option<u32>, addr: Option<Expression>, dev: Expression },
    /// Hands the packet to a program; the number is computed.
    Queue { number: Expression, flags: u16 },
    /// Adds to, refreshes in or removes from a set or a map.
    Update(Box<Update>),
    /// Makes a TCP option be nothing: `reset tcp option sack-perm`.
    Reset(Field),
    /// Registers that are no statement of nft's.
    Registers(Vec<Expr>),
}

impl Statement {
    /// Whether a rule ends with it: no version of nft takes another statement behind it.
    pub fn ends(&self) -> bool {
        match self {
            Self::Verdict(Expression::Verdict(verdict)) => verdict.code != VerdictCode::Continue,
            Self::Plain(expr) => matches!(expr, Expr::Queue(_)),
            Self::Reject { .. } | Self::Nat(_) | Self::Fwd { .. } | Self::Queue { .. } => true,
            _ => false,
        }
    }
}

/// Address translation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Nat {
    pub kind: NatKind,
    /// [`IPV4`] or [`IPV6`], where the statement says it.
    pub family: Option<u32>,
    /// An address, a range, a prefix, a map; with a port in its values if they are concatenations.
    pub addr: Option<Expression>,
    pub port: Option<Expression>,
    pub flags: NatFlags,
    /// What the values of a map are besides plain addresses: written between family and `to`.
    pub shape: NatShape,
}

/// Which translation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NatKind {
    Snat,
    Dnat,
    Masquerade,
    Redirect,
}

/// nft's words between the family and the address.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct NatShape {
    /// `prefix`: networks onto networks.
    pub prefix: bool,
    /// `interval`, in old rules: ranges of addresses.
    pub interval: bool,
    /// Address and port are one concatenation: `addr . port`.
    pub concat: bool,
}

/// A change of a set or map by a packet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Update {
    pub op: crate::expr::DynsetOp,
    pub set: Name,
    pub key: Expression,
    /// Maps: the value.
    pub data: Option<Expression>,
    pub timeout: Option<Duration>,
    /// What each element gets: counters, limits, …
    pub statements: Vec<Statement>,
}
