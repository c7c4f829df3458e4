//! Statements.

use super::{
    super::{
        registers,
        words::{
            FAMILIES, IPV4, IPV6, LOG_FLAGS, LOG_LEVELS, NAT, NAT_FLAGS, OBJECTS, OPS, QUEUE_FLAGS, SYNPROXY_FLAGS,
            UPDATES,
        },
    },
    add_words,
    expression::{Cx, expression, updated, verdict_map},
    names, object_or_null, one,
    stateful::{connlimit, counter, last, limit, quota},
    word,
};
use crate::{
    data::{Family, Format, IcmpCode, Icmpv6Code, IcmpxCode},
    expr::{Expr, Log, LogLevel, NatFlags, Queue, QueueFlags, Reject, RejectType, Synproxy, SynproxyFlags},
    lang::tree::{Expression, Nat, Op, Statement, Update},
};
use serde_json::{Map, Value, json};

/// One statement of a rule of this family.
pub(in super::super) fn statement(statement: &Statement, family: Family, cx: Cx) -> Value {
    match statement {
        Statement::Match { op, left, right } => {
            let cx = Cx { matched: true, ..cx };
            let sign = word(OPS, &comparison(*op, right)).unwrap_or_default();
            json!({"match": {"op": sign, "left": expression(left, cx), "right": expression(right, cx)}})
        }
        Statement::Verdict(Expression::Map { key, of }) => verdict_map(key, of, cx),
        Statement::Verdict(verdict) => expression(verdict, cx),
        Statement::Assign { field, value } => {
            let key = expression(&Expression::Field(*field), cx);
            json!({"mangle": {"key": key, "value": expression(value, cx)}})
        }
        Statement::Plain(expr) => plain(expr, cx.bare),
        Statement::Reject { family: version, with } => reject(*version, with, family),
        Statement::Objref { kind, object } => one(word(OBJECTS, kind).unwrap_or("unknown"), expression(object, cx)),
        Statement::Nat(nat) => self::nat(nat, cx),
        Statement::Tproxy { family, addr, port } => {
            let mut properties = Map::new();
            add_family(&mut properties, *family);
            add(&mut properties, "addr", addr.as_ref(), cx);
            add(&mut properties, "port", port.as_ref(), cx);
            one("tproxy", properties)
        }
        Statement::Dup { addr, dev } => {
            let mut properties = Map::new();
            // In netdev tables a device alone stands in the place of the address.
            add(&mut properties, "addr", addr.as_ref().or(dev.as_ref()), cx);
            add(&mut properties, "dev", addr.as_ref().and(dev.as_ref()), cx);
            one("dup", object_or_null(properties))
        }
        Statement::Fwd { family, addr, dev } => {
            let mut properties = Map::from_iter([("dev".into(), expression(dev, cx))]);
            if addr.is_some() {
                add_family(&mut properties, *family);
            }
            add(&mut properties, "addr", addr.as_ref(), cx);
            one("fwd", properties)
        }
        Statement::Queue { number, flags } => queue(expression(number, cx), QueueFlags::from_bits_retain(*flags)),
        Statement::Update(update) => self::update(update, cx),
        Statement::Reset(field) => {
            let mut option = expression(&Expression::Field(*field), cx);
            // The whole option, not its first byte.
            if let Some(len) = option.pointer_mut("/tcp option/len") {
                *len = 0.into();
            }
            one("reset", option)
        }
        Statement::Registers(exprs) => one("registers", registers::write(exprs)),
    }
}

fn add(properties: &mut Map<String, Value>, key: &str, value: Option<&Expression>, cx: Cx) {
    if let Some(value) = value {
        properties.insert(key.into(), expression(value, cx));
    }
}

fn add_family(properties: &mut Map<String, Value>, family: Option<u32>) {
    let known = FAMILIES.iter().find(|(_, known)| Some(u32::from(u8::from(*known))) == family);
    if let Some((name, _)) = known {
        properties.insert("family".into(), (*name).into());
    }
}

/// The natural comparison is `==`, except for bits, and for times of the day that span midnight.
fn comparison(op: Op, right: &Expression) -> Op {
    let natural = match right {
        Expression::List(_) => false,
        Expression::Value(constant) => !matches!(constant.ty.info.format, Format::Bits | Format::Labels),
        Expression::Range(range) => match &**range {
            (Expression::Value(low), Expression::Value(high)) => *low.image <= *high.image,
            _ => true,
        },
        _ => true,
    };
    if op == Op::Implicit && natural { Op::Eq } else { op }
}

/// A statement that one expression says alone.
fn plain(expr: &Expr, bare: bool) -> Value {
    match expr {
        Expr::Counter(e) => counter(e, bare),
        Expr::Limit(e) => limit(e),
        Expr::Quota(e) => quota(e, bare),
        Expr::Last(e) => last(e, bare),
        Expr::Connlimit(e) => connlimit(e),
        Expr::Notrack(_) => one("notrack", Value::Null),
        Expr::Log(e) => log(e),
        Expr::Synproxy(e) => one("synproxy", object_or_null(synproxy(e))),
        Expr::FlowOffload(e) => json!({"flow": {"op": "add", "flowtable": format!("@{}", e.flowtable)}}),
        Expr::Queue(e) => fixed_queue(e),
        Expr::XtMatch(e) => registers::extension("match", &e.name, e.revision, &e.info),
        Expr::XtTarget(e) => registers::extension("target", &e.name, e.revision, &e.info),
        other => one("registers", registers::write(std::slice::from_ref(other))),
    }
}

/// A statement of a set or an element, of which none depends on the family.
pub(super) fn stateful(statement: &Statement, cx: Cx) -> Value {
    self::statement(statement, Family::Inet, cx)
}

fn log(log: &Log) -> Value {
    let mut properties = Map::new();
    if let Some(prefix) = &log.prefix {
        properties.insert("prefix".into(), prefix.to_string_lossy().into());
    }
    let numbers = [
        ("group", log.group.map(u32::from)),
        ("snaplen", log.snaplen),
        ("queue-threshold", log.queue_threshold.map(u32::from)),
    ];
    for (key, number) in numbers {
        if let Some(number) = number {
            properties.insert(key.into(), number.into());
        }
    }
    if let Some(level) = log.level.as_ref().filter(|level| **level != LogLevel::Warning) {
        properties.insert("level".into(), word(LOG_LEVELS, level).unwrap_or("unknown").into());
    }
    let flags = log.flags.unwrap_or_default();
    let all = LOG_FLAGS.iter().all(|(_, flag)| flags.contains(*flag));
    add_words(&mut properties, "flags", if all { vec!["all"] } else { names(LOG_FLAGS, |flag| flags.contains(flag)) });
    one("log", object_or_null(properties))
}

fn reject(family: Option<u32>, with: &Reject, table: Family) -> Value {
    let version = family.or(match table {
        Family::Ip => Some(IPV4),
        Family::Ip6 => Some(IPV6),
        _ => None,
    });
    // Words are for these statements only: matches of codes are listed as numbers.
    let (kind, word) = match (with.kind, version, with.code) {
        (RejectType::TcpReset, ..) => return json!({"reject": {"type": "tcp reset"}}),
        (RejectType::Icmp, Some(IPV4), code) => {
            ("icmp", code.map_or(IcmpCode::PORT_UNREACHABLE, IcmpCode::from).to_string())
        }
        (RejectType::Icmp, Some(IPV6), code) => {
            ("icmpv6", code.map_or(Icmpv6Code::PORT_UNREACHABLE, Icmpv6Code::from).to_string())
        }
        (_, _, code) => ("icmpx", code.map_or(IcmpxCode::PORT_UNREACHABLE, IcmpxCode::from).to_string()),
    };
    let code = word.parse::<u8>().map_or_else(|_| Value::from(word), Value::from);
    json!({"reject": {"type": kind, "expr": code}})
}

fn nat(nat: &Nat, cx: Cx) -> Value {
    let mut properties = Map::new();
    add_family(&mut properties, nat.family);
    add(&mut properties, "addr", nat.addr.as_ref(), cx);
    add(&mut properties, "port", nat.port.as_ref(), cx);
    // What maps networks onto networks has the flag for it, which nft leaves out in text.
    let flags = if nat.shape.prefix { nat.flags | NatFlags::NETMAP } else { nat.flags };
    add_words(&mut properties, "flags", names(NAT_FLAGS, |flag| flags.contains(flag)));
    if nat.shape.prefix {
        add_words(&mut properties, "type_flags", vec!["prefix"]);
    }
    one(word(NAT, &nat.kind).unwrap_or_default(), object_or_null(properties))
}

fn queue(number: Value, flags: QueueFlags) -> Value {
    let mut properties = Map::from_iter([("num".into(), number)]);
    add_words(&mut properties, "flags", names(QUEUE_FLAGS, |flag| flags.contains(flag)));
    one("queue", properties)
}

fn fixed_queue(fixed: &Queue) -> Value {
    let first = fixed.number.unwrap_or_default();
    let number = match fixed.total.unwrap_or(1) {
        0 | 1 => first.into(),
        total => json!({"range": [first, u32::from(first) + u32::from(total) - 1]}),
    };
    queue(number, fixed.flags.unwrap_or_default())
}

/// What a SYN proxy offers.
pub(super) fn synproxy(synproxy: &Synproxy) -> Map<String, Value> {
    let flags = synproxy.flags.unwrap_or_default();
    let mut properties = Map::new();
    if flags.contains(SynproxyFlags::MSS) {
        properties.insert("mss".into(), synproxy.mss.unwrap_or_default().into());
    }
    if flags.contains(SynproxyFlags::WSCALE) {
        properties.insert("wscale".into(), synproxy.wscale.unwrap_or_default().into());
    }
    add_words(&mut properties, "flags", names(SYNPROXY_FLAGS, |flag| flags.contains(flag)));
    properties
}

fn update(update: &Update, cx: Cx) -> Value {
    let op = word(UPDATES, &update.op).unwrap_or("unknown");
    let mut properties =
        Map::from_iter([("op".into(), op.into()), ("elem".into(), updated(&update.key, update.timeout, cx))]);
    let kind = if update.data.is_some() { "map" } else { "set" };
    add(&mut properties, "data", update.data.as_ref(), cx);
    properties.insert(kind.into(), format!("@{}", update.set).into());
    if !update.statements.is_empty() {
        let statements: Vec<_> = update.statements.iter().map(|one| stateful(one, Cx { bare: true, ..cx })).collect();
        properties.insert("stmt".into(), statements.into());
    }
    one(kind, properties)
}
