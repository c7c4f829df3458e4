//! Expressions, verdicts, elements.

use super::{
    super::{
        field,
        words::{BINARY, VERDICTS},
    },
    one, statement, word,
};
use crate::{
    data::{Format, Style, Value as Image, Verdict, VerdictCode, Words, be, hex},
    lang::tree::{BinaryOp, Constant, Expression, Item},
};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// What the form of an expression depends on.
#[derive(Clone, Copy)]
pub(in super::super) struct Cx {
    /// Which words stand for values.
    pub words: Words,
    /// Without what has changed since: counts and what is used up.
    pub bare: bool,
    /// In a match.
    pub matched: bool,
}

impl Cx {
    /// As nft lists it if it is told nothing.
    pub const LISTED: Self = Self { words: Words::LISTED, bare: false, matched: false };

    /// At an end of a range: protocols as numbers, and no services.
    fn bound(self) -> Self {
        Self { words: self.words.difference(Words::SERVICE).union(Words::NUMERIC_PROTOCOL), ..self }
    }
}

pub(super) fn expression(expression: &Expression, cx: Cx) -> Value {
    let plain = |inner: &Expression| self::expression(inner, cx);
    let all = |inner: &[Expression]| inner.iter().map(plain).collect::<Vec<_>>();
    match expression {
        Expression::Value(constant) => self::constant(constant, cx),
        Expression::Word(word) => unread(word),
        Expression::Prefix(addr, len) => json!({"prefix": {"addr": plain(addr), "len": len}}),
        Expression::Range(range) => {
            let bound = |end| self::expression(end, cx.bound());
            json!({"range": [bound(&range.0), bound(&range.1)]})
        }
        Expression::List(items) => all(items).into(),
        Expression::Concat(fields) => one("concat", all(fields)),
        Expression::Field(field) => field::write(field, cx.matched),
        Expression::Numgen { random, modulus, offset } => {
            json!({"numgen": {"mode": if *random { "random" } else { "inc" }, "mod": modulus, "offset": offset}})
        }
        Expression::Hash { of, modulus, seed, offset } => {
            let mut hash = Map::from_iter([("mod".into(), Value::from(*modulus))]);
            if let Some(seed) = seed {
                hash.insert("seed".into(), (*seed).into());
            }
            if *offset != 0 {
                hash.insert("offset".into(), (*offset).into());
            }
            match of {
                Some(of) => {
                    hash.insert("expr".into(), plain(of));
                    one("jhash", hash)
                }
                None => one("symhash", hash),
            }
        }
        Expression::Binary { op, left, right } => binary(*op, [plain(left), plain(right)]),
        Expression::Map { key, of } => one("map", json!({"key": plain(key), "data": plain(of)})),
        Expression::Set(items) => one("set", items.iter().map(|item| self::item(item, cx)).collect::<Vec<_>>()),
        Expression::Named(name) => format!("@{}", name.to_string_lossy()).into(),
        Expression::Object(name) => name.to_string_lossy().into(),
        Expression::Verdict(verdict) => self::verdict(verdict),
        Expression::Any => "*".into(),
    }
}

/// A word as it was read.
fn unread(word: &str) -> Value {
    match word {
        "exists" => true.into(),
        "missing" => false.into(),
        _ => word.parse::<u64>().ok().filter(|n| n.to_string() == word).map_or_else(|| word.into(), Value::from),
    }
}

/// A map from keys to verdicts.
pub(super) fn verdict_map(key: &Expression, of: &Expression, cx: Cx) -> Value {
    json!({"vmap": {"key": expression(key, cx), "data": expression(of, cx)}})
}

/// Operations of the same kind are one with many operands.
fn binary(op: BinaryOp, operands: [Value; 2]) -> Value {
    let sign = word(BINARY, &op).unwrap_or_default();
    let mut all = Vec::new();
    for operand in operands {
        match operand {
            Value::Object(mut same) if same.len() == 1 && same.contains_key(sign) => match same.remove(sign) {
                Some(Value::Array(inner)) => all.extend(inner),
                other => all.extend(other),
            },
            other => all.push(other),
        }
    }
    one(sign, all)
}

pub(super) fn verdict(verdict: &Verdict) -> Value {
    let name = match &verdict.code {
        VerdictCode::Jump => "jump",
        VerdictCode::Goto => "goto",
        VerdictCode::Break => "break",
        code => {
            let known = VERDICTS.iter().find(|(_, make)| make().code == *code);
            return one(known.map_or("continue", |(name, _)| *name), Value::Null);
        }
    };
    match &verdict.chain {
        Some(chain) => one(name, json!({"target": chain.to_string_lossy()})),
        None => one(name, Value::Null),
    }
}

/// A word or a number.
fn constant(constant: &Constant, cx: Cx) -> Value {
    let Constant { ty, image } = constant;
    let look = ty.info.format;
    let numeric = if look == Format::Protocol { Words::NUMERIC_PROTOCOL } else { Words::NUMERIC_SYMBOL };
    let named = !cx.words.contains(numeric);
    match look {
        Format::Boolean => return (be(image) != 0).into(),
        Format::Duration => return number(&image_of(be(image) / 1000)),
        Format::Bits => return bit(constant, named),
        Format::Labels => return label(constant),
        _ => {}
    }
    if let Some(symbol) = ty.symbol(image).filter(|_| named) {
        return symbol.into();
    }
    let text = ty.text(image, Style { words: cx.words, ..Style::LISTED });
    match look {
        Format::Address
        | Format::Link
        | Format::Name
        | Format::Moment
        | Format::Hour
        | Format::Weekday
        | Format::Class
        | Format::Interface
        | Format::Cgroup => text.trim_matches('"').into(),
        // By the name of a service, user or group.
        _ if text.starts_with('"') => text.trim_matches('"').into(),
        _ => number(image),
    }
}

fn image_of(n: u128) -> Image {
    Image::new(&n.to_be_bytes()).unwrap_or_default()
}

/// A number, or, if it has more than 64 bits, its digits in hex.
fn number(image: &[u8]) -> Value {
    let start = image.iter().position(|byte| *byte != 0).unwrap_or(image.len());
    let digits = &image[start..];
    if digits.len() <= 8 {
        return Value::from(be(digits) as u64);
    }
    format!("0x{}", hex(digits).trim_start_matches('0')).into()
}

/// The name of a bit. Several at once are an operation on each of them, or else a number.
fn bit(constant: &Constant, named: bool) -> Value {
    let mut bits = constant.ty.info.bits_of(be(&constant.image), true);
    match (bits.next(), bits.next()) {
        (Some((_, Some(word))), None) if named => word.into(),
        _ => number(&constant.image),
    }
}

/// Labels are one by one, by name or by number.
fn label(constant: &Constant) -> Value {
    let n = be(&constant.image);
    match constant.ty.info.bits_of(n, true).next() {
        Some((_, Some(word))) => word.into(),
        _ => n.trailing_zeros().into(),
    }
}

fn seconds(duration: Duration) -> Value {
    duration.as_secs().into()
}

/// An element: in a set its key, in a map a pair.
pub(super) fn item(item: &Item, cx: Cx) -> Value {
    let key = element(&item.key, item, cx);
    match &item.data {
        Some(data) => Value::Array(vec![key, expression(data, cx)]),
        None => key,
    }
}

/// A key with its time, its comment and its statements.
fn element(key: &Expression, item: &Item, cx: Cx) -> Value {
    let key = expression(key, cx);
    let Item { timeout, expires, comment, statements, .. } = item;
    if timeout.is_none() && expires.is_none() && comment.is_none() && statements.is_empty() {
        return key;
    }
    let mut properties = Map::from_iter([("val".into(), key)]);
    for (name, time) in [("timeout", timeout), ("expires", expires)] {
        if let Some(time) = time {
            properties.insert(name.into(), seconds(*time));
        }
    }
    if let Some(comment) = comment {
        properties.insert("comment".into(), comment.as_str().into());
    }
    for statement in statements {
        if let Value::Object(inner) = statement::stateful(statement, cx) {
            properties.extend(inner);
        }
    }
    one("elem", properties)
}

/// What a rule puts into a set: a key, maybe with a life.
pub(super) fn updated(key: &Expression, timeout: Option<Duration>, cx: Cx) -> Value {
    element(key, &Item { timeout, ..Item::from(Expression::Any) }, cx)
}
