//! Registers, for what has no statement: in brackets, which nft does not take, so that a listing
//! that is loaded again fails there instead of losing a condition.
//!
//! The words are those of `nft --debug=netlink`.

use super::{Printer, acts::act};
use crate::{
    data::{Data, Register, Verdict, VerdictCode, hex},
    expr::*,
    lang::field::fib_words,
};
use std::fmt::{Debug, Display};

impl Printer<'_> {
    /// One expression.
    pub fn registers(&mut self, expr: &Expr) {
        self.push("[ ");
        self.name(&expr.name().into_owned().into());
        let words = words(expr);
        if !words.is_empty() {
            self.print(format_args!(" {}", words.trim_end()));
        }
        self.push(" ]");
    }
}

/// What an expression does.
pub(super) fn words(expr: &Expr) -> String {
    match expr {
        Expr::Unknown(e) => format!("0x{}", hex(e.data())),
        // What has no words here.
        other if other.has_unknown() => format!("{} 0x{}", known(other), hex(&other.to_bytes())),
        other => known(other),
    }
}

fn known(expr: &Expr) -> String {
    match expr {
        Expr::Payload(e) => payload(e),
        Expr::Meta(e) => access(&snake(e.key), e.dreg, e.sreg),
        Expr::Ct(e) => {
            let way = e.direction.map(|way| format!(" , dir {}", if way == 0 { "original" } else { "reply" }));
            access(&snake(e.key), e.dreg, e.sreg) + &way.unwrap_or_default()
        }
        Expr::Rt(e) => access(&snake(e.key), Some(e.dreg), None),
        Expr::Socket(e) => access(&snake(e.key), Some(e.dreg), None) + &optional(" level ", e.level),
        Expr::Tunnel(e) => access(&snake(e.key), Some(e.dreg), None),
        Expr::Osf(e) => format!("dreg {}", number(e.dreg)),
        Expr::Xfrm(e) => {
            let way = if e.direction == XfrmDirection::In { "in" } else { "out" };
            format!("load {way} {} {} => {:?}", e.number.unwrap_or_default(), snake(e.key), e.dreg)
        }
        Expr::Fib(e) => {
            let present = if e.flags.contains(FibFlags::PRESENT) { " present" } else { "" };
            format!("{} {}{present} => {:?}", fib_words(e.flags).join(" . "), snake(e.result), e.dreg)
        }
        Expr::Exthdr(e) => exthdr(e),
        Expr::Inner(e) => {
            let inside = format!("{} {}", e.expr.name(), words(&e.expr));
            format!("type {} hdrsize {} flags {:x} [ {inside} ]", u32::from(e.kind), e.header_size, e.flags.bits())
        }
        Expr::Numgen(e) => {
            let kind = if e.kind == NumgenType::Random { "random" } else { "inc" };
            format!("{:?} = {kind} mod {}{}", e.dreg, e.modulus, offset(e.offset))
        }
        Expr::Hash(e) => match (e.kind, e.sreg) {
            (Some(HashType::Symmetric), _) | (_, None) => {
                format!("{:?} = symhash() % mod {}{}", e.dreg, e.modulus, offset(e.offset))
            }
            (_, Some(from)) => {
                let (len, seed) = (e.len.unwrap_or_default(), e.seed.unwrap_or_default());
                format!("{:?} = jhash({from:?}, {len}, {seed:#x}) % mod {}{}", e.dreg, e.modulus, offset(e.offset))
            }
        },
        Expr::Cmp(e) => format!("{} {:?} {:?}", snake(e.op), e.sreg, e.data),
        Expr::Range(e) => format!("{} {:?} {:?} {:?}", snake(e.op), e.sreg, e.from, e.to),
        Expr::Byteorder(e) => format!("{:?} = {}({:?}, {}, {})", e.dreg, snake(e.op), e.sreg, e.size, e.len),
        Expr::Bitwise(e) => bitwise(e),
        Expr::Immediate(e) => format!("{:?} {}", e.dreg, data(&e.data)),
        Expr::Lookup(e) => {
            let to = e.dreg.map(|to| format!(" dreg {}", number(to))).unwrap_or_default();
            format!("{:?} set {}{to} {:#x}", e.sreg, e.set, e.flags.unwrap_or_default().bits())
        }
        other => act(other),
    }
}

/// The number of a register.
pub(super) fn number(register: Register) -> u32 {
    register.into()
}

/// Something with words before it, if there is anything.
pub(super) fn optional(before: &str, value: Option<impl Display>) -> String {
    value.map(|value| format!("{before}{value}")).unwrap_or_default()
}

/// The register in which something is, if it is in one.
pub(super) fn held(before: &str, register: Option<Register>) -> String {
    register.map(|register| format!("{before} reg {}", number(register))).unwrap_or_default()
}

fn offset(offset: Option<u32>) -> String {
    optional(" offset ", offset.filter(|offset| *offset > 0))
}

fn access(what: &str, dreg: Option<Register>, sreg: Option<Register>) -> String {
    match (dreg, sreg) {
        (Some(to), _) => format!("load {what} => {to:?}"),
        (_, Some(from)) => format!("set {what} with {from:?}"),
        _ => what.into(),
    }
}

fn payload(e: &Payload) -> String {
    let place = format!("{}b @ {} header + {}", e.len, snake(e.base), e.offset);
    match (e.dreg, e.sreg) {
        (Some(to), _) => format!("load {place} => {to:?}"),
        (_, Some(from)) => format!(
            "write {from:?} => {place} csum_type {} csum_off {} csum_flags {:#x}",
            e.csum_type.map_or(0, u32::from),
            e.csum_offset.unwrap_or_default(),
            e.csum_flags.unwrap_or_default().bits(),
        ),
        _ => place,
    }
}

fn exthdr(e: &Exthdr) -> String {
    let of = match e.op.unwrap_or(ExthdrOp::Ipv6) {
        ExthdrOp::Ipv6 => " ipv6",
        ExthdrOp::TcpOption => " tcpopt",
        ExthdrOp::Ipv4Option => " ipv4",
        _ => "",
    };
    let place = format!("{}b @ {} + {}", e.len.unwrap_or_default(), e.kind, e.offset.unwrap_or_default());
    let present = if e.flags.unwrap_or_default().contains(ExthdrFlags::PRESENT) { " present" } else { "" };
    match (e.dreg, e.sreg) {
        (Some(to), _) => format!("load{of} {place}{present} => {to:?}"),
        (_, Some(from)) => format!("write{of} {from:?} => {place}"),
        _ => format!("reset{of} {}", e.kind),
    }
}

fn bitwise(e: &Bitwise) -> String {
    let sign = match e.op {
        None | Some(BitwiseOp::MaskXor) => "&".into(),
        Some(BitwiseOp::Lshift) => "<<".into(),
        Some(BitwiseOp::Rshift) => ">>".into(),
        Some(BitwiseOp::And) => "&".into(),
        Some(BitwiseOp::Or) => "|".into(),
        Some(BitwiseOp::Xor) => "^".into(),
        Some(other) => snake(other),
    };
    let other = match (e.sreg2, &e.data, e.mask) {
        (Some(other), ..) => format!("{other:?}"),
        (_, Some(value), _) => data(value),
        (.., mask) => mask.map(|mask| format!("{mask:?}")).unwrap_or_default(),
    };
    let flipped = e.xor.map(|xor| format!(" ^ {xor:?}")).unwrap_or_default();
    format!("{:?} = ( {:?} {sign} {other} ){flipped}", e.dreg, e.sreg)
}

fn data(data: &Data) -> String {
    match data {
        Data::Value(value) => format!("{value:?}"),
        Data::Verdict(verdict) => verdict_words(verdict),
    }
}

fn verdict_words(verdict: &Verdict) -> String {
    let code = match verdict.code {
        VerdictCode::Unknown(code) => code.to_string(),
        code => snake(code),
    };
    code + &optional(" -> ", verdict.chain.as_ref())
}

/// Names that are others in those words.
const RENAMED: &[(&str, &str)] = &[
    ("time_ns", "time"),
    ("time_day", "day"),
    ("time_hour", "hour"),
    ("eventmask", "event"),
    ("labels", "label"),
    ("xfrm", "ipsec"),
    ("tcp_mss", "tcpmss"),
    ("addrtype", "type"),
    ("req_id", "reqid"),
    ("saddr_ip4", "saddr4"),
    ("daddr_ip4", "daddr4"),
    ("saddr_ip6", "saddr6"),
    ("daddr_ip6", "daddr6"),
];

/// The name of an operation, key or header: `ProtoSrc` is `proto_src`.
pub(super) fn snake(name: impl Debug) -> String {
    let mut words = String::new();
    for (at, letter) in format!("{name:?}").char_indices() {
        if at > 0 && letter.is_ascii_uppercase() {
            words.push('_');
        }
        words.push(letter.to_ascii_lowercase());
    }
    RENAMED.iter().find(|(name, _)| *name == words).map_or(words, |(_, word)| (*word).into())
}
