//! What sets say of their keys and values: nft's numbers of types, and its notes.

use super::{repr::Repr, tree::Expression, typeof_note};
use crate::{
    data::{ByteOrder, DataType, FieldType, INTEGER},
    model::{Set, SetFlags},
};

/// What the keys and the values of a set are.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Declared {
    /// The types of the fields of a key.
    pub key: Vec<FieldType>,
    /// What keys are compared with, if the set was declared so (`typeof`).
    pub key_of: Option<Expression>,
    /// Maps: the types of the fields of a value; empty for verdicts and objects.
    pub data: Vec<FieldType>,
    /// Maps: what values stand for, if the map was declared so.
    pub data_of: Option<Expression>,
}

const HOST: u32 = 1;
const NETWORK: u32 = 2;

/// What the keys and the values of a set are.
pub(crate) fn of(set: &Set) -> Declared {
    let types = |parts: Vec<Repr>| parts.into_iter().map(|part| part.ty).collect();
    let (key_of, data_of) = expressions(set);
    Declared { key: types(key(set)), key_of, data: types(data(set)), data_of }
}

/// The expressions that a set was declared with. nft takes them only if they have the length of
/// what they stand for.
fn expressions(set: &Set) -> (Option<Expression>, Option<Expression>) {
    let of = |kind, len: u32| {
        let (expression, parts) = typeof_note::parse(set.userdata.as_ref()?.entry(kind)?)?;
        (length(&parts) == len).then_some(expression)
    };
    let key = of(Set::KEY_TYPEOF, set.key_len.unwrap_or_default());
    let data_len = set.data_len.unwrap_or_default();
    let data = of(Set::DATA_TYPEOF, if set.has_ranges() { data_len / 2 } else { data_len });
    let datamap = set.flags().contains(SetFlags::MAP) && set.data_type != Some(DataType::VERDICT);
    (key.filter(|_| !datamap || data.is_some()), data)
}

fn length(parts: &[Repr]) -> u32 {
    match parts {
        [part] => part.bytes(),
        parts => parts.iter().map(|part| part.bytes().next_multiple_of(4)).sum(),
    }
}

/// The fields of a key in registers.
pub(crate) fn key(set: &Set) -> Vec<Repr> {
    let len = set.key_len.unwrap_or_default();
    let lens: Vec<_> = set.desc.iter().flat_map(|desc| desc.concat.iter().flatten()).map(|field| field.len).collect();
    let ty = set.key_type.unwrap_or(DataType::INTEGER);
    let order = set.note(Set::KEY_BYTEORDER);
    let parts = parts(set, Set::KEY_TYPEOF, ty, len, &lens, order);
    if !set.flags().contains(SetFlags::INTERVAL) {
        return parts;
    }
    // Intervals are of numbers in network order.
    let network = |part: Repr| match part.order {
        ByteOrder::Host => Repr { order: ByteOrder::Network, ..part },
        _ => part,
    };
    parts.into_iter().map(network).collect()
}

/// The fields of a value in registers; none of verdicts and objects.
pub(crate) fn data(set: &Set) -> Vec<Repr> {
    let Some(ty) = set.data_type.filter(|ty| *ty != DataType::VERDICT && set.flags().contains(SetFlags::MAP)) else {
        return Vec::new();
    };
    let len = set.data_len.unwrap_or_default();
    let len = if set.has_ranges() { len / 2 } else { len };
    parts(set, Set::DATA_TYPEOF, ty, len, &[], set.note(Set::DATA_BYTEORDER))
}

fn parts(set: &Set, kind: u8, ty: DataType, len: u32, lens: &[u32], order: Option<u32>) -> Vec<Repr> {
    let typed = set.userdata.as_ref().and_then(|data| typeof_note::parse(data.entry(kind)?));
    if let Some((_, parts)) = typed.filter(|(_, parts)| length(parts) == len) {
        return parts;
    }
    let types: Vec<_> = ty.fields().map(|ty| FieldType::of(ty).unwrap_or(INTEGER)).collect();
    let single = types.len() == 1;
    let sized = |(at, ty): (usize, FieldType)| {
        let len = match lens.get(at) {
            Some(len) => *len,
            None if single => len,
            None => u32::from(ty.len),
        };
        let order = match order {
            _ if ty.order == ByteOrder::Text => ty.order,
            Some(HOST) if single => ByteOrder::Host,
            Some(NETWORK) if single => ByteOrder::Network,
            _ => ty.order,
        };
        let own = if ty.len == 0 { FieldType { len: u8::try_from(len).unwrap_or(u8::MAX), ..ty } } else { ty };
        Repr { ty: own, order, bits: len.saturating_mul(8), shift: 0 }
    };
    types.into_iter().enumerate().map(sized).collect()
}
