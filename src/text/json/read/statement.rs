//! Statements.

use super::{
    super::{
        node::{Node, Result},
        registers,
        words::{
            FAMILIES, IPV4, IPV6, LOG_FLAGS, LOG_LEVELS, NAT, NAT_FLAGS, OBJECTS, OPS, QUEUE_FLAGS, SYNPROXY_FLAGS,
            UPDATES, VERDICTS,
        },
    },
    expression::{element, expression, map, verdict},
    stateful::stateful,
};
use crate::{
    data::{Family, IcmpCode, Icmpv6Code, IcmpxCode, Typed},
    expr::{
        Expr, FlowOffload, Log, LogFlags, NatFlags, Notrack, ObjectType, Queue, QueueFlags, Reject, RejectType,
        Synproxy, SynproxyFlags,
    },
    lang::tree::{Expression, Item, Nat, NatKind, NatShape, Statement, Update},
};

/// The statements of a rule.
pub(in super::super) fn statements(node: &Node<'_>) -> Result<Vec<Statement>> {
    node.each(statement)
}

/// The statements that each element of a set gets.
pub(in super::super) fn statefuls(node: &Node<'_>) -> Result<Vec<Statement>> {
    node.one_or_each(|node| {
        let (kind, inner) = node.only()?;
        match stateful(kind, &inner)? {
            Some(statement) => Ok(statement),
            None => node.fault(format!("`{kind}` has no state: elements cannot have it")),
        }
    })
}

fn statement(node: &Node<'_>) -> Result<Statement> {
    let (kind, inner) = node.only()?;
    if let Some(statement) = stateful(kind, &inner)? {
        return Ok(statement);
    }
    if let Some((_, nat_kind)) = NAT.iter().find(|(name, _)| *name == kind) {
        return nat(*nat_kind, &inner).map(Statement::Nat);
    }
    if VERDICTS.iter().any(|(name, _)| *name == kind) {
        return verdict(kind, &inner).map(|verdict| Statement::Verdict(Expression::Verdict(verdict)));
    }
    Ok(match kind {
        "match" => Statement::Match {
            left: expression(&inner.need("left")?)?,
            right: expression(&inner.need("right")?)?,
            op: inner.need("op")?.choice(OPS)?,
        },
        "vmap" => Statement::Verdict(map(&inner)?),
        "mangle" => mangle(&inner)?,
        "notrack" => Statement::Plain(Notrack::new().into()),
        "log" => Statement::Plain(log(&inner)?),
        "reject" => reject(&inner)?,
        "flow" => Statement::Plain(flow(&inner)?),
        "queue" => queue(&inner)?,
        "synproxy" => synproxy(&inner)?,
        "tproxy" => Statement::Tproxy {
            family: family(&inner)?,
            addr: inner.maybe("addr", expression)?,
            port: inner.maybe("port", expression)?,
        },
        "dup" => Statement::Dup { addr: inner.maybe("addr", expression)?, dev: inner.maybe("dev", expression)? },
        "fwd" => Statement::Fwd {
            family: family(&inner)?,
            addr: inner.maybe("addr", expression)?,
            dev: expression(&inner.need("dev")?)?,
        },
        "set" => Statement::Update(Box::new(update(&inner, "set")?)),
        "map" => Statement::Update(Box::new(update(&inner, "map")?)),
        "meter" => Statement::Update(Box::new(super::meter::update(&inner)?)),
        "reset" => match expression(&inner)? {
            Expression::Field(field) => Statement::Reset(field),
            _ => return inner.fault("only a TCP option can be reset"),
        },
        "registers" => Statement::Registers(registers::read(&inner)?),
        "xt" => Statement::Plain(registers::read_extension(&inner)?),
        _ => match OBJECTS.iter().find(|(name, _)| *name == kind) {
            Some((_, kind)) => object(*kind, &inner)?,
            None => return node.fault(format!("`{kind}` is no statement")),
        },
    })
}

/// Family of an address: `ip` or `ip6`.
fn family(node: &Node<'_>) -> Result<Option<u32>> {
    node.maybe("family", |node| match node.choice(FAMILIES)? {
        family @ (Family::Ip | Family::Ip6) => Ok(u8::from(family).into()),
        _ => node.fault("expected `ip` or `ip6`"),
    })
}

/// Bits from their names, or of the one name.
fn flags<T: Copy + std::ops::BitOr<Output = T>>(node: &Node<'_>, names: &[(&str, T)], none: T) -> Result<T> {
    let all = node.maybe("flags", |node| node.one_or_each(|flag| flag.choice(names)))?.unwrap_or_default();
    Ok(all.into_iter().fold(none, |all, flag| all | flag))
}

fn mangle(node: &Node<'_>) -> Result<Statement> {
    let key = node.need("key")?;
    let Expression::Field(field) = expression(&key)? else {
        return key.fault("cannot be set");
    };
    let value = node.need("value")?;
    if field.words() == "ct helper" {
        return object(ObjectType::CtHelper, &value);
    }
    Ok(Statement::Assign { field, value: expression(&value)? })
}

/// The use of an object, or of the one that a map has for a key.
pub(super) fn object(kind: ObjectType, node: &Node<'_>) -> Result<Statement> {
    let object = match expression(node)? {
        Expression::Word(name) => Expression::Object(name.as_str().into()),
        Expression::Map { key, of } => Expression::Map {
            key,
            of: Box::new(match *of {
                Expression::Set(items) => Expression::Set(items.into_iter().map(named_object).collect()),
                named => named,
            }),
        },
        _ => return node.fault("expected the name of an object, or a map"),
    };
    Ok(Statement::Objref { kind, object })
}

/// An element whose value is the name of an object.
pub(in super::super) fn named_object(item: Item) -> Item {
    let data = item.data.map(|data| match data {
        Expression::Word(name) => Expression::Object(name.as_str().into()),
        other => other,
    });
    Item { data, ..item }
}

fn nat(kind: NatKind, node: &Node<'_>) -> Result<Nat> {
    let mut shape = NatShape::default();
    let types = node.maybe("type_flags", |node| node.one_or_each(|node| node.text().map(str::to_owned)))?;
    for name in types.unwrap_or_default() {
        match name.as_str() {
            "prefix" => shape.prefix = true,
            "interval" => shape.interval = true,
            "concat" => shape.concat = true,
            _ => return node.need("type_flags")?.fault(format!("`{name}` is none of prefix, interval, concat")),
        }
    }
    Ok(Nat {
        kind,
        family: family(node)?,
        addr: node.maybe("addr", expression)?,
        port: node.maybe("port", expression)?,
        flags: flags(node, NAT_FLAGS, NatFlags::empty())?,
        shape,
    })
}

fn log(node: &Node<'_>) -> Result<Expr> {
    let flag = |flag: &Node<'_>| match flag.value().as_str() {
        Some("all") => Ok(LOG_FLAGS.iter().fold(LogFlags::empty(), |all, (_, flag)| all | *flag)),
        _ => flag.choice(LOG_FLAGS),
    };
    let flags = node.maybe("flags", |node| node.one_or_each(flag))?;
    Ok(Log {
        prefix: node.maybe("prefix", |node| node.text().map(Into::into))?,
        level: node.maybe("level", |node| node.choice(LOG_LEVELS))?,
        flags: flags.map(|flags| flags.into_iter().fold(LogFlags::empty(), |all, flag| all | flag)),
        group: node.maybe_number("group")?,
        snaplen: node.maybe_number("snaplen")?,
        queue_threshold: node.maybe_number("queue-threshold")?,
        ..Log::new()
    }
    .into())
}

fn reject(node: &Node<'_>) -> Result<Statement> {
    fn code<T: Typed>(node: &Node<'_>) -> Result<u8> {
        let code = node.maybe("expr", |code| {
            let Expression::Word(text) = expression(code)? else {
                return code.fault("expected the code of a message");
            };
            match T::FIELD.parse(&text).as_deref() {
                Some([number]) => Ok(*number),
                _ => code.fault(format!("`{text}` is no code of a message")),
            }
        });
        // Without a code it is nft's first one.
        code.map(Option::unwrap_or_default)
    }
    let kinds = [("tcp reset", 0), ("icmp", 1), ("icmpv6", 2), ("icmpx", 3)];
    let (family, with) = match node.maybe("type", |node| node.choice(&kinds))? {
        Some(0) => (None, Reject::tcp_reset()),
        Some(1) => (Some(IPV4), Reject::icmp(RejectType::Icmp, code::<IcmpCode>(node)?)),
        Some(2) => (Some(IPV6), Reject::icmp(RejectType::Icmp, code::<Icmpv6Code>(node)?)),
        Some(_) => (None, Reject::icmp(RejectType::Icmpx, code::<IcmpxCode>(node)?)),
        None if node.has("expr") => return node.fault("`type` is missing"),
        // What is usual for the packets that get here.
        None => (None, Reject { code: None, ..Reject::icmp(RejectType::Icmp, 0) }),
    };
    Ok(Statement::Reject { family, with })
}

fn flow(node: &Node<'_>) -> Result<Expr> {
    node.need("op")?.choice(&[("add", ())])?;
    let flowtable = node.need("flowtable")?;
    match flowtable.text()?.strip_prefix('@') {
        Some(name) => Ok(FlowOffload::new(name).into()),
        None => flowtable.fault("expected `@` and the name of a flowtable"),
    }
}

fn queue(node: &Node<'_>) -> Result<Statement> {
    let flags = flags(node, QUEUE_FLAGS, QueueFlags::empty())?;
    let number = |word: &Expression| match word {
        Expression::Word(word) => word.parse::<u16>().ok(),
        _ => None,
    };
    let Some(asked) = node.maybe("num", expression)? else {
        return Ok(Statement::Plain(Queue::new(0).with_flags(flags).into()));
    };
    let (first, last) = match &asked {
        Expression::Range(range) => (number(&range.0), number(&range.1)),
        one => (number(one), number(one)),
    };
    Ok(match (first, last) {
        (Some(first), Some(last)) => match last.checked_sub(first).and_then(|more| more.checked_add(1)) {
            Some(1) => Statement::Plain(Queue::new(first).with_flags(flags).into()),
            Some(total) => Statement::Plain(Queue::new(first).with_total(total).with_flags(flags).into()),
            None => return node.need("num")?.fault("a range of queues goes upwards"),
        },
        _ => Statement::Queue { number: asked, flags: flags.bits() },
    })
}

fn synproxy(node: &Node<'_>) -> Result<Statement> {
    if node.is_null() || node.has("mss") || node.has("wscale") || node.has("flags") {
        return synproxy_of(node).map(|synproxy| Statement::Plain(synproxy.into()));
    }
    object(ObjectType::Synproxy, node)
}

/// What a SYN proxy offers: used by the statement and the object.
pub(super) fn synproxy_of(node: &Node<'_>) -> Result<Synproxy> {
    let mut flags = flags(node, SYNPROXY_FLAGS, SynproxyFlags::empty())?;
    let (mss, wscale) = (node.maybe_number("mss")?, node.maybe_number("wscale")?);
    flags.set(SynproxyFlags::MSS, mss.is_some());
    flags.set(SynproxyFlags::WSCALE, wscale.is_some());
    Ok(Synproxy { mss, wscale, flags: Some(flags), ..Synproxy::default() })
}

fn update(node: &Node<'_>, kind: &str) -> Result<Update> {
    let set = node.need(kind)?;
    let Some(name) = set.text()?.strip_prefix('@') else {
        return set.fault("expected `@` and the name of a set");
    };
    let item = element(&node.need("elem")?)?;
    Ok(Update {
        op: node.need("op")?.choice(UPDATES)?,
        set: name.into(),
        key: item.key,
        data: if kind == "map" { Some(element(&node.need("data")?)?.key) } else { None },
        timeout: item.timeout,
        statements: node.maybe("stmt", statefuls)?.unwrap_or_default(),
    })
}
