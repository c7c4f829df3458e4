//! Normal form of expressions: without state, and with the defaults that the kernel reports.

use super::{
    normal::{some, time},
    view::View,
};
use crate::{
    data::{Data, Name, Register},
    expr::{
        Bitwise, BitwiseOp, ChecksumType, Connlimit, Counter, Ct, CtKey, Dynset, DynsetFlags, Expr, Exthdr, ExthdrOp,
        Fwd, Hash, HashType, Inner, Last, Limit, LimitType, Log, LogLevel, Lookup, Masq, Nat, Numgen, Objref, Osf,
        OsfTtl, Payload, Queue, Quota, QuotaFlags, Redir, Reject, RejectType, Socket, SocketKey, Synproxy, Tunnel,
        TunnelMode, Xfrm,
    },
};
use std::borrow::Cow;

/// An expression of a rule: what is not said is what the kernel takes for it, and what it does not
/// report is left out.
///
/// There is an arm for each expression, also for those of which the kernel reports all that it was
/// sent and nothing else.
pub(super) fn normal<'e>(expr: &'e Expr, view: &View<'_>) -> Cow<'e, Expr> {
    Cow::Owned(match expr {
        Expr::Bitwise(e) => Bitwise { op: e.op.or(Some(BitwiseOp::MaskXor)), ..(**e).clone() }.into(),
        // Both directions have the same, and newer kernels do not report which was meant.
        Expr::Ct(e) if matches!(e.key, CtKey::L3protocol | CtKey::Protocol) => {
            Ct { direction: None, ..e.clone() }.into()
        }
        Expr::Dynset(e) => dynset(e, view).into(),
        Expr::Exthdr(e) => {
            let (offset, len) = if e.is_reset() { (None, None) } else { (e.offset, e.len) };
            Exthdr { op: e.op.or(Some(ExthdrOp::Ipv6)), flags: some(e.flags), offset, len, ..e.clone() }.into()
        }
        Expr::Fwd(e) => Fwd { family: e.family.filter(|_| e.address.is_some()), ..e.clone() }.into(),
        Expr::Hash(e) => hash(e).into(),
        Expr::Inner(e) => Inner { expr: Box::new(normal(&e.expr, view).into_owned()), ..e.clone() }.into(),
        Expr::Log(e) => log(e).into(),
        Expr::Lookup(e) => Lookup { set_id: None, flags: some(e.flags), ..e.clone() }.into(),
        Expr::Masq(e) => {
            Masq { port_max: last(e.port_min, e.port_max), flags: some(e.flags.map(|f| f - RANGES)), ..e.clone() }
                .into()
        }
        Expr::Nat(e) => Nat {
            addr_max: last(e.addr_min, e.addr_max),
            port_max: last(e.port_min, e.port_max),
            flags: some(e.flags.map(|flags| flags - RANGES)),
            ..e.clone()
        }
        .into(),
        Expr::Numgen(e) => Numgen { offset: e.offset.or(Some(0)), ..e.clone() }.into(),
        Expr::Objref(e) => Objref { set_id: None, ..e.clone() }.into(),
        Expr::Osf(e) => Osf { ttl: e.ttl.or(Some(OsfTtl::True)), flags: some(e.flags), ..e.clone() }.into(),
        Expr::Payload(e) if e.sreg.is_some() => Payload {
            csum_type: e.csum_type.filter(|kind| *kind != ChecksumType::None),
            csum_offset: some(e.csum_offset),
            csum_flags: some(e.csum_flags),
            ..e.clone()
        }
        .into(),
        Expr::Queue(e) if e.sreg.is_some() => {
            Queue { number: None, total: None, flags: some(e.flags), ..e.clone() }.into()
        }
        Expr::Queue(e) => Queue { total: e.total.or(Some(1)), flags: some(e.flags), ..e.clone() }.into(),
        Expr::Redir(e) => {
            Redir { port_max: last(e.port_min, e.port_max), flags: some(e.flags.map(|f| f - RANGES)), ..e.clone() }
                .into()
        }
        Expr::Reject(e) if e.kind == RejectType::TcpReset => Reject { code: None, ..e.clone() }.into(),
        Expr::Socket(e) if e.key != SocketKey::CgroupV2 => Socket { level: None, ..e.clone() }.into(),
        Expr::Synproxy(e) => synproxy(e).into(),
        Expr::Tunnel(e) => Tunnel { mode: e.mode.or(Some(TunnelMode::None)), ..e.clone() }.into(),
        Expr::Xfrm(e) => Xfrm { number: e.number.or(Some(0)), ..e.clone() }.into(),
        Expr::Connlimit(_) | Expr::Counter(_) | Expr::Last(_) | Expr::Limit(_) | Expr::Quota(_) => {
            return stateless(expr);
        }
        // All of it is said, and all of it is reported.
        Expr::Byteorder(_)
        | Expr::Cmp(_)
        | Expr::Ct(_)
        | Expr::Dup(_)
        | Expr::Fib(_)
        | Expr::FlowOffload(_)
        | Expr::Immediate(_)
        | Expr::Meta(_)
        | Expr::Notrack(_)
        | Expr::Payload(_)
        | Expr::Range(_)
        | Expr::Reject(_)
        | Expr::Rt(_)
        | Expr::Socket(_)
        | Expr::Tproxy(_)
        | Expr::XtMatch(_)
        | Expr::XtTarget(_)
        | Expr::Unknown(_) => return Cow::Borrowed(expr),
    })
}

/// Where the last address or port is: where the first is, if it is not said, and nowhere without a
/// first.
fn last(first: Option<Register>, last: Option<Register>) -> Option<Register> {
    last.filter(|_| first.is_some()).or(first)
}

/// A hash of a flow has no input and no seed, whatever is said.
fn hash(e: &Hash) -> Hash {
    let form = Hash { offset: some(e.offset), kind: e.kind.or(Some(HashType::Jenkins)), set_id: None, ..e.clone() };
    match e.kind {
        Some(HashType::Symmetric) => Hash { sreg: None, len: None, seed: None, ..form },
        _ => form,
    }
}

/// Packets go to the log, with a level and flags, or to a group.
fn log(e: &Log) -> Log {
    match e.group {
        Some(_) => Log {
            level: None,
            flags: None,
            snaplen: some(e.snaplen),
            queue_threshold: some(e.queue_threshold),
            ..e.clone()
        },
        None => Log {
            level: e.level.or(Some(LogLevel::Warning)),
            flags: some(e.flags),
            snaplen: None,
            queue_threshold: None,
            ..e.clone()
        },
    }
}

/// A SYN proxy without what it does not say.
pub(super) fn synproxy(e: &Synproxy) -> Synproxy {
    Synproxy { mss: some(e.mss), wscale: some(e.wscale), flags: some(e.flags), ..e.clone() }
}

/// What the kernel sets by itself where registers for addresses or ports are given.
const RANGES: crate::expr::NatFlags = crate::expr::NatFlags::MAP_IPS.union(crate::expr::NatFlags::PROTO_SPECIFIED);

fn dynset(e: &Dynset, view: &View<'_>) -> Dynset {
    let exprs = e.exprs.as_deref().or(e.expr.as_deref().map(std::slice::from_ref)).unwrap_or_default();
    // Those that the set has anyway are not reported.
    let inherited = view.sets.get(&e.set).and_then(|set| stateless_all(set.set.element_exprs()));
    Dynset {
        set_id: None,
        timeout: some(e.timeout).map(time),
        expr: None,
        exprs: stateless_all(exprs).filter(|exprs| inherited.as_ref() != Some(exprs)),
        flags: some(e.flags.map(|flags| flags - DynsetFlags::EXPR)),
        ..e.clone()
    }
}

/// An expression without what it counted.
pub(super) fn stateless(expr: &Expr) -> Cow<'_, Expr> {
    Cow::Owned(match expr {
        Expr::Counter(_) => Counter::new().into(),
        Expr::Last(_) => Last::new().into(),
        Expr::Quota(e) => fresh_quota(e).into(),
        Expr::Limit(e) => full_limit(e).into(),
        Expr::Connlimit(e) => Connlimit { flags: some(e.flags), ..e.clone() }.into(),
        expr => return Cow::Borrowed(expr),
    })
}

/// Several of them; `None` for none.
pub(super) fn stateless_all(exprs: &[Expr]) -> Option<Vec<Expr>> {
    (!exprs.is_empty()).then(|| exprs.iter().map(|expr| stateless(expr).into_owned()).collect())
}

/// A quota of which nothing is used.
pub(super) fn fresh_quota(e: &Quota) -> Quota {
    Quota { consumed: None, flags: some(e.flags.map(|flags| flags - QuotaFlags::DEPLETED)), ..e.clone() }
}

/// A limit with everything said.
pub(super) fn full_limit(e: &Limit) -> Limit {
    let kind = e.kind.unwrap_or(LimitType::Packets);
    // Of packets the kernel takes 5 for none.
    let burst = some(e.burst).unwrap_or(if kind == LimitType::Packets { 5 } else { 0 });
    Limit { kind: Some(kind), burst: Some(burst), flags: some(e.flags), ..e.clone() }
}

/// Names the set that an expression uses.
pub(super) fn rename_set(expr: &mut Expr, name: Name, id: Option<u32>) {
    match expr {
        Expr::Lookup(e) => (e.set, e.set_id) = (name, id),
        Expr::Dynset(e) => (e.set, e.set_id) = (name, id),
        Expr::Objref(e) => (e.set, e.set_id) = (Some(name), id),
        _ => {}
    }
}

/// Names the chain that an expression goes to.
pub(super) fn rename_chain(expr: &mut Expr, name: Option<Name>, id: Option<u32>) {
    if let Expr::Immediate(e) = expr
        && let Data::Verdict(verdict) = &mut e.data
    {
        (verdict.chain, verdict.chain_id) = (name, id);
    }
}
