//! Fields: `{"payload": {"protocol": "tcp", "field": "dport"}}` and their kin, both ways.

use super::{
    node::{Node, Result},
    words::{FAMILIES, OSF_TTLS},
};
use crate::{
    data::Family,
    expr::{ExthdrOp, FibFlags, XfrmDirection},
    lang::{
        field::{FIB_WORDS, Field, Load, Object, Param, Spec, fib_words, ttl_word},
        fields::{self, RAW, RAW_OPTION, find_in},
        header::{Header, TUNNELS},
    },
};
use serde_json::{Value, json};

/// Headers that raw bytes are counted from.
const BASES: &[(&str, Header)] =
    &[("ll", Header::RawLink), ("nh", Header::RawNetwork), ("th", Header::RawTransport), ("ih", Header::RawInner)];

/// As many bits as registers hold.
const BITS: u16 = 512;

/// A field; `None` if it is another kind of expression.
pub(super) fn read(kind: &str, node: &Node<'_>) -> Result<Option<Field>> {
    Ok(Some(match kind {
        "payload" => payload(node)?,
        "exthdr" => option(Object::Exthdr, node)?,
        "tcp option" => tcp_option(node)?,
        "ip option" => option(Object::IpOption, node)?,
        "sctp chunk" => option(Object::SctpChunk, node)?,
        "dccp option" => {
            let number = node.need("type")?.number()?;
            numbered(ExthdrOp::DccpOption, number, node)?
        }
        "meta" => key(Object::Meta, node)?,
        "ct" => ct(node)?,
        "rt" => of_family(Object::Rt, node)?,
        "socket" => {
            let level = node.maybe_number("level")?;
            Field { param: level.map_or(Param::None, Param::Level), ..key(Object::Socket, node)? }
        }
        "ipsec" => {
            let way = node.need("dir")?.choice(&[("in", XfrmDirection::In), ("out", XfrmDirection::Out)])?;
            let number = node.maybe_number::<u8>("spnum")?.unwrap_or_default();
            Field { param: Param::Ipsec(way, number.into()), ..of_family(Object::Ipsec, node)? }
        }
        "osf" => {
            let ttl = node.maybe("ttl", |node| node.choice(OSF_TTLS))?;
            Field { param: ttl.map_or(Param::None, Param::Ttl), ..key(Object::Osf, node)? }
        }
        "tunnel" => key(Object::Tunnel, node)?,
        "fib" => fib(node)?,
        _ => return Ok(None),
    }))
}

/// The existence of an option by number.
fn numbered(op: ExthdrOp, number: u8, node: &Node<'_>) -> Result<Field> {
    match fields::numbered(op) {
        Some(spec) => Ok(Field::with(spec, Param::Kind(number))),
        None => node.fault("such options are known by name only"),
    }
}

/// The field of which there is one for each key.
fn key(object: Object, node: &Node<'_>) -> Result<Field> {
    let key = node.need("key")?;
    let field = key.text()?;
    match find_in(object, object.word(), field) {
        Some(spec) => Ok(Field::new(spec)),
        None => key.fault(format!("{} has no `{field}`", object.word())),
    }
}

/// The same where some keys are addresses, whose family stands beside.
fn of_family(object: Object, node: &Node<'_>) -> Result<Field> {
    let key = node.need("key")?;
    let field = key.text()?;
    let family = node.maybe("family", |node| match node.choice(FAMILIES)? {
        family @ (Family::Ip | Family::Ip6) => Ok(family),
        _ => node.fault("expected `ip` or `ip6`"),
    })?;
    // Without a family, and with one that the key does not care for, nft takes the first key of the
    // name.
    let named = |family: Family| find_in(object, object.word(), &format!("{family} {field}"));
    let spec = named(family.unwrap_or(Family::Ip)).or_else(|| find_in(object, object.word(), field));
    match spec {
        Some(spec) => Ok(Field::new(spec)),
        None => key.fault(format!("{} has no `{field}`", object.word())),
    }
}

fn ct(node: &Node<'_>) -> Result<Field> {
    let direction = node.maybe("dir", |node| node.choice(&[("original", 0), ("reply", 1)]))?;
    let field = key(Object::Ct, node)?;
    Ok(Field { param: direction.map_or(Param::None, Param::Direction), ..field })
}

/// Where raw bits are, and how many.
fn bits(node: &Node<'_>) -> Result<(u16, u16)> {
    let len = node.need("len")?;
    match len.number()? {
        bits if bits <= BITS => Ok((node.need("offset")?.number()?, bits)),
        _ => len.fault(format!("registers hold {BITS} bits")),
    }
}

fn payload(node: &Node<'_>) -> Result<Field> {
    if node.has("base") {
        let header = node.need("base")?.choice(BASES)?;
        let (offset, bits) = bits(node)?;
        return match bits {
            0 => node.need("len")?.fault("nothing to read"),
            bits => Ok(Field::with(&RAW, Param::Raw(header, offset, bits))),
        };
    }
    let inside = node.maybe("tunnel", |node| {
        let word = node.text()?;
        match TUNNELS.iter().find(|row| row.word == word) {
            Some(row) => Ok(row.tunnel),
            None => node.fault(format!("`{word}` is no tunnel")),
        }
    })?;
    let (protocol, field) = (node.need("protocol")?, node.need("field")?);
    match find_in(Object::Payload, protocol.text()?, field.text()?) {
        Some(spec) => Ok(Field::with(spec, inside.map_or(Param::None, |tunnel| Param::Inside(tunnel, 0)))),
        None => field.fault(format!("{} has no `{}`", protocol.text()?, field.text()?)),
    }
}

fn tcp_option(node: &Node<'_>) -> Result<Field> {
    if node.has("base") {
        let kind = node.need("base")?.number()?;
        return Ok(match bits(node)? {
            // That it is there at all.
            (0, 8) => numbered(ExthdrOp::TcpOption, kind, node)?,
            (offset, bits) => Field::with(&RAW_OPTION, Param::RawOption(kind, offset, bits)),
        });
    }
    option(Object::TcpOption, node)
}

/// A field of a header, option or chunk, or whether there is one.
fn option(object: Object, node: &Node<'_>) -> Result<Field> {
    let (name, field) = (node.need("name")?, node.get("field")?);
    let header = match name.text()? {
        "sack0" if object == Object::TcpOption => "sack",
        header => header,
    };
    let field_name = field.as_ref().map(Node::text).transpose()?.unwrap_or_default();
    match (find_in(object, header, field_name), field) {
        (Some(spec), _) => Ok(Field::new(spec)),
        (None, Some(field)) => field.fault(format!("{} {header} has no `{field_name}`", object.word())),
        (None, None) => name.fault(format!("`{header}` is no {}", object.word())),
    }
}

fn fib(node: &Node<'_>) -> Result<Field> {
    let named = node
        .maybe("flags", |node| node.one_or_each(|flag| flag.choice(&FIB_WORDS.map(|(flag, word)| (word, flag)))))?
        .unwrap_or_default();
    let mut flags = named.into_iter().fold(FibFlags::empty(), |all, flag| all | flag);
    let result = node.need("result")?;
    let mut word = result.text()?;
    if word == "check" {
        flags |= FibFlags::PRESENT;
        word = "oif";
    }
    if flags.contains(FibFlags::SADDR) == flags.contains(FibFlags::DADDR) {
        return node.fault("either saddr or daddr is looked up");
    }
    if flags.contains(FibFlags::IIF | FibFlags::OIF) {
        return node.fault("either iif or oif counts");
    }
    match find_in(Object::Fib, Object::Fib.word(), word) {
        Some(spec) => Ok(Field::with(spec, Param::Fib(flags))),
        None => result.fault(format!("fib has no `{word}`")),
    }
}

/// The field as nft's JSON has it. In a match, nft lists a check of a route as the interface of the
/// route.
pub(super) fn write(field: &Field, in_match: bool) -> Value {
    let Spec { header, .. } = field.spec;
    let object = field.spec.object();
    let inner = match (object, field.param) {
        (_, Param::Raw(base, offset, len)) => json!({"base": base.word(), "offset": offset, "len": len}),
        (_, Param::RawOption(kind, offset, len)) => json!({"base": kind, "offset": offset, "len": len}),
        (Object::TcpOption, Param::Kind(kind)) => json!({"base": kind, "offset": 0, "len": 8}),
        (_, Param::Kind(kind)) => json!({"type": kind}),
        (Object::Payload, Param::Inside(tunnel, _)) => {
            json!({"tunnel": tunnel.word(), "protocol": header, "field": field.spec.json_field()})
        }
        (Object::Payload, _) => json!({"protocol": header, "field": field.spec.json_field()}),
        (Object::Exthdr | Object::TcpOption | Object::IpOption | Object::SctpChunk, _) => match field.spec.load {
            Load::Exists(..) => json!({"name": header}),
            _ => json!({"name": header, "field": field.spec.json_field()}),
        },
        (Object::Ct, Param::Direction(direction)) => {
            json!({"key": field.spec.field, "dir": if direction == 0 { "original" } else { "reply" }})
        }
        (Object::Rt | Object::Ipsec, param) => {
            let (family, key) = match field.spec.field.split_once(' ') {
                Some((family, key)) => (Some(family), key),
                None => (None, field.spec.field),
            };
            let mut inner = json!({"key": key});
            if let Some(family) = family {
                inner["family"] = family.into();
            }
            if let Param::Ipsec(way, number) = param {
                inner["dir"] = if way == XfrmDirection::In { "in" } else { "out" }.into();
                inner["spnum"] = number.into();
            }
            inner
        }
        (Object::Osf, Param::Ttl(ttl)) if ttl_word(ttl).is_some() => {
            json!({"key": field.spec.field, "ttl": ttl_word(ttl)})
        }
        // nft leaves the level out, and then cannot read what it wrote.
        (Object::Socket, Param::Level(level)) => json!({"key": field.spec.field, "level": level}),
        (Object::Fib, Param::Fib(flags)) => {
            let check = flags.contains(FibFlags::PRESENT) && !in_match;
            json!({"result": if check { "check" } else { field.spec.field }, "flags": fib_words(flags)})
        }
        _ => json!({"key": field.spec.field}),
    };
    json!({ object.word(): inner })
}
