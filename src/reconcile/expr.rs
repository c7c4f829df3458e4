//! Normal form of expressions: without state, and with the defaults that the kernel reports.

use super::{
    normal::{some, time},
    view::View,
};
use crate::{
    data::{Data, Name},
    expr::{
        ChecksumType, Connlimit, Counter, Ct, CtKey, Dynset, DynsetFlags, Expr, Last, Limit, LimitType, Log, LogLevel,
        Lookup, Masq, Nat, Numgen, Objref, Payload, Queue, Quota, QuotaFlags, Redir, Reject, RejectType,
    },
};
use std::borrow::Cow;

/// An expression of a rule.
pub(super) fn normal<'e>(expr: &'e Expr, view: &View<'_>) -> Cow<'e, Expr> {
    Cow::Owned(match expr {
        Expr::Lookup(e) => Lookup { set_id: None, flags: some(e.flags), ..e.clone() }.into(),
        Expr::Dynset(e) => dynset(e, view).into(),
        Expr::Objref(e) => Objref { set_id: None, ..e.clone() }.into(),
        Expr::Log(e) => {
            // The level is that of a line in the log, and there is none where packets go to a group.
            let level = if e.group.is_none() { e.level.or(Some(LogLevel::Warning)) } else { None };
            Log { level, flags: some(e.flags), queue_threshold: some(e.queue_threshold), ..e.clone() }.into()
        }
        Expr::Nat(e) => Nat {
            addr_max: e.addr_max.or(e.addr_min),
            port_max: e.port_max.or(e.port_min),
            flags: some(e.flags.map(|flags| flags - RANGES)),
            ..e.clone()
        }
        .into(),
        Expr::Masq(e) => {
            Masq { port_max: e.port_max.or(e.port_min), flags: some(e.flags.map(|f| f - RANGES)), ..e.clone() }.into()
        }
        Expr::Redir(e) => {
            Redir { port_max: e.port_max.or(e.port_min), flags: some(e.flags.map(|f| f - RANGES)), ..e.clone() }.into()
        }
        Expr::Payload(e) if e.sreg.is_some() => Payload {
            csum_type: e.csum_type.filter(|kind| *kind != ChecksumType::None),
            csum_offset: some(e.csum_offset),
            csum_flags: some(e.csum_flags),
            ..e.clone()
        }
        .into(),
        Expr::Reject(e) if e.kind == RejectType::TcpReset => Reject { code: None, ..e.clone() }.into(),
        // Both directions have the same, and newer kernels do not report which was meant.
        Expr::Ct(e) if matches!(e.key, CtKey::L3protocol | CtKey::Protocol) => {
            Ct { direction: None, ..e.clone() }.into()
        }
        Expr::Queue(e) => Queue { total: e.total.or(Some(1)), flags: some(e.flags), ..e.clone() }.into(),
        Expr::Numgen(e) => Numgen { offset: e.offset.or(Some(0)), ..e.clone() }.into(),
        expr => return stateless(expr),
    })
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
