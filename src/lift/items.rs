//! The elements of sets, taken apart.

use super::{node::SetRef, resolve::hex};
use crate::{
    data::{ByteOrder, Data, Value},
    expr::Expr,
    lang::{
        bits, declared,
        repr::{Known, Repr},
        tree::{Expression, Item, Statement},
    },
    model::{self, Element, SetFlags},
};

/// A set as the right side of a match or a map: its name, or its elements if it has none.
pub(super) fn reference(of: SetRef<'_>, keys: &[Known]) -> Option<Expression> {
    if !of.is_anonymous() {
        // Elements of named sets are in no register but where they belong.
        let settled = keys.iter().all(|key| key.part.shift == 0);
        return settled.then(|| Expression::Named(of.set.name.clone()));
    }
    let declared = key_parts(of.set);
    let parts: Vec<_> = keys
        .iter()
        .enumerate()
        .map(|(at, key)| match declared.get(at).filter(|_| declared.len() == keys.len()) {
            // Of several fields, a set says what each is.
            Some(part) if declared.len() > 1 && !part.is_plain() => Repr { ty: part.ty, ..key.part },
            Some(part) => key.part.meaning(part),
            None => key.part,
        })
        .collect();
    Some(Expression::Set(items(of.set, of.elements, &parts, &data_parts(of.set))?))
}

/// The first byte of the first element, in nft's order.
pub(super) fn first_byte(of: SetRef<'_>) -> Option<u8> {
    let keys = of.elements.iter().filter(|element| !element.is_interval_end()).filter_map(|element| element.key);
    keys.filter(|key| key.len() == 1).filter_map(|key| key.first().copied()).min()
}

/// What the keys of a set are, by its own account.
pub(super) fn key_parts(set: &model::Set) -> Vec<Repr> {
    declared::key(set)
}

/// What the values of a map are.
pub(super) fn data_parts(set: &model::Set) -> Vec<Repr> {
    declared::data(set)
}

/// The elements of a set in nft's order; as bytes, if they are not what the set says that they are.
pub(super) fn of(set: &model::Set, elements: &[Element]) -> Vec<Item> {
    let bytes = |len: Option<u32>| {
        let bits = len.unwrap_or_default().saturating_mul(8);
        vec![Repr { ty: hex(bits), order: ByteOrder::Network, bits, shift: 0 }]
    };
    let typed = items(set, elements, &key_parts(set), &data_parts(set));
    let plain = || items(set, elements, &bytes(set.key_len), &bytes(set.data_len));
    typed.or_else(plain).unwrap_or_default()
}

/// The elements of a set in nft's order, as values of these types; `None` if some are no such
/// values.
fn items(set: &model::Set, elements: &[Element], parts: &[Repr], data: &[Repr]) -> Option<Vec<Item>> {
    let concat = set.desc.as_ref().and_then(|desc| desc.concat.as_ref()).is_some_and(|fields| fields.len() > 1);
    let (any, elements): (Vec<_>, Vec<_>) = elements.iter().partition(|element| element.is_catch_all());
    let mut items = if !set.flags().contains(SetFlags::INTERVAL) {
        points(set, &elements, parts, data)?
    } else if concat {
        let key = |element: &Element| {
            let from = element.key?;
            concat_of(&from, &element.key_end.unwrap_or(from), parts)
        };
        elements.into_iter().map(|e| item(set, e, key(e)?, data)).collect::<Option<_>>()?
    } else {
        let [part] = parts else { return None };
        intervals(set, elements, part, data)?
    };
    // Before names, nft puts what has no name.
    let names = matches!(parts, [part] if part.order == ByteOrder::Text) && !set.flags().contains(SetFlags::INTERVAL);
    for element in any {
        items.insert(if names { 0 } else { items.len() }, item(set, element, Expression::Any, data)?);
    }
    Some(items)
}

/// An element with a key.
fn item(set: &model::Set, element: &Element, key: Expression, data: &[Repr]) -> Option<Item> {
    let data = match (&element.data, &element.object) {
        (Some(Data::Verdict(verdict)), None) => Some(Expression::Verdict(verdict.clone())),
        (Some(Data::Value(value)), None) => Some(value_of(set, value, data)?),
        (None, Some(object)) => Some(Expression::Object(object.clone())),
        (None, None) => None,
        (Some(_), Some(_)) => return None,
    };
    let exprs = match (&element.exprs, &element.expr) {
        (Some(many), _) => many,
        (None, Some(one)) => std::slice::from_ref(&**one),
        (None, None) => &[],
    };
    Some(Item {
        key,
        data,
        timeout: element.timeout,
        expires: element.expiration,
        comment: element.comment(),
        statements: exprs.iter().map(plain).collect(),
    })
}

/// A stateful expression, whatever it is.
pub(super) fn plain(expr: &Expr) -> Statement {
    super::statement(expr).unwrap_or_else(|| Statement::Registers(vec![expr.clone()]))
}

/// The value of a map.
fn value_of(set: &model::Set, value: &Value, parts: &[Repr]) -> Option<Expression> {
    let interval = set.has_ranges();
    match parts {
        [part] if interval => {
            let (from, to) = value.split_at_checked(value.len() / 2)?;
            let len = part.ty.width().max(1).min(from.len());
            let (from, to) = (from.get(..len)?, to.get(..len)?);
            if from == to {
                // nft says so.
                return Some(Expression::Prefix(Box::new(part.constant(from)?), bits::width(from)));
            }
            between(part, from, to, true)
        }
        [part] => part.value(value.get(..part.bytes() as usize).filter(|_| part.ty.len > 0).unwrap_or(value)),
        parts if interval => {
            let (from, to) = value.split_at_checked(value.len() / 2)?;
            concat_of(&Value::new(from)?, &Value::new(to)?, parts)
        }
        parts => concat_of(value, value, parts),
    }
}

/// Fields one after the other, each from one value to another.
fn concat_of(from: &Value, to: &Value, parts: &[Repr]) -> Option<Expression> {
    let (mut at, mut fields) = (0, Vec::new());
    for part in parts {
        let len = part.bytes() as usize;
        let (from, to) = (from.get(at..at + len)?, to.get(at..at + len)?);
        fields.push(between(part, from, to, part.is_address())?);
        at += len.next_multiple_of(4);
    }
    (at == from.len().next_multiple_of(4)).then_some(())?;
    Some(match <[_; 1]>::try_from(fields) {
        Ok([only]) => only,
        Err(fields) => Expression::Concat(fields),
    })
}

/// From one value to another: one value, names that begin so, a network, or a range.
pub(super) fn between(part: &Repr, from: &[u8], to: &[u8], networks: bool) -> Option<Expression> {
    if from == to {
        return part.value(from);
    }
    if let Some(len) = common(from, to) {
        if part.order == ByteOrder::Text {
            return beginning(part, from, len);
        }
        if networks {
            return Some(Expression::Prefix(Box::new(part.constant(from)?), len));
        }
    }
    part.range(from, to)
}

/// Names of which so many bits are given.
fn beginning(part: &Repr, from: &[u8], len: u32) -> Option<Expression> {
    let len = usize::try_from(len / 8).ok().filter(|_| len.is_multiple_of(8))?;
    part.constant(from.get(..len).filter(|name| !name.is_empty() && !name.contains(&0))?)
}

/// The bits that all values from one to another have in common, if those are all values that have
/// them.
fn common(from: &[u8], to: &[u8]) -> Option<u32> {
    let free = bits::combine(from, to, |a, b| a ^ b);
    let end = bits::end_of_ones(&free, 0);
    let network = bits::ones(&free) == end && bits::lowest(from).is_none_or(|low| low >= end);
    network.then(|| bits::width(from) - end)
}

/// Elements that are one value each, sorted as nft sorts them.
fn points(set: &model::Set, elements: &[&Element], parts: &[Repr], data: &[Repr]) -> Option<Vec<Item>> {
    let mut sorted = elements
        .iter()
        .map(|element| {
            let key = element.key?;
            let (order, expression) = match parts {
                [part] => (order_of(part, &key)?, part.value(&key)?),
                parts => (order_of_fields(parts, &key)?, concat_of(&key, &key, parts)?),
            };
            Some((order, item(set, element, expression, data)?))
        })
        .collect::<Option<Vec<_>>>()?;
    sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
    Some(sorted.into_iter().map(|(_, item)| item).collect())
}

/// Where an element stands among others.
fn order_of(part: &Repr, key: &[u8]) -> Option<Vec<u8>> {
    if part.order == ByteOrder::Text {
        return Some(key.to_vec());
    }
    let image = part.image(key)?;
    // Of bits the lowest counts.
    let first = if part.ty.bits { part.flags(&image).next() } else { None };
    match first {
        Some(Expression::Value(flag)) => Some(flag.image.to_vec()),
        _ => Some(image.to_vec()),
    }
}

/// The same by several fields, of which nft takes text for a number of the machine's.
fn order_of_fields(parts: &[Repr], key: &[u8]) -> Option<Vec<u8>> {
    let (mut at, mut order) = (0, Vec::new());
    for part in parts {
        let len = part.bytes() as usize;
        let mut field = order_of(part, key.get(at..at + len)?)?;
        if part.order == ByteOrder::Text && cfg!(target_endian = "little") {
            field.reverse();
        }
        order.extend(field);
        at += len.next_multiple_of(4);
    }
    Some(order)
}

/// Intervals, of which the kernel has the starts and the first values after them.
fn intervals(set: &model::Set, elements: Vec<&Element>, part: &Repr, data: &[Repr]) -> Option<Vec<Item>> {
    model::intervals(elements)
        .map(|one| item(set, one.start, between(part, &one.lo, &one.hi, part.is_address())?, data))
        .collect()
}
