//! nft's notes of what the keys and the values of sets are, where a type's name does not say how
//! wide they are.
//!
//! Without them both nft 1.0.6 and 1.1.7 abort when they sort such elements, or show zeros. They
//! read the note of a map's keys only beside a note of its values, so those get one as well. A note
//! names an expression; a value that has only a type is noted as some field of that type.

use super::{
    declare::type_of,
    eval::slot_of,
    known::{Known, Slot},
    sets::Values,
};
use crate::{
    data::{ByteOrder, DataType, FieldType, Verdict},
    lang::{
        field::{Field, Param},
        fields::{self, specs},
        header::Header,
        tree::Expression,
        typeof_note,
    },
};

/// The note of a key that is looked up in a set of the rule, if numbers of any width are among its
/// fields.
pub(super) fn key_of(said: &Expression, key: &Known) -> Option<Vec<u8>> {
    if !key.is_concat() || !key.parts().iter().any(|part| is_unsized(part.slot.ty.datatype)) {
        return None;
    }
    let said = match said {
        Expression::Concat(fields) => fields,
        one => std::slice::from_ref(one),
    };
    let fields = said.iter().zip(key.parts()).map(|(said, part)| {
        // Elements have the order in which the key is looked up.
        let fits = type_of(said).is_ok_and(|own| own.order == part.slot.order || own.bytes() == 1);
        let other = if fits && typeof_note::is_alike(said) { None } else { stand_in(&part.slot) };
        other.unwrap_or_else(|| said.clone())
    });
    typeof_note::note(&Expression::Concat(fields.collect()))
}

/// Whether nft knows no width of a type.
fn is_unsized(ty: DataType) -> bool {
    FieldType::of(ty).is_none_or(|ty| ty.len == 0)
}

/// The note of a map's values.
pub(super) fn value_of(values: &Values) -> Option<Vec<u8>> {
    typeof_note::note(&match values {
        Values::Verdict => Expression::Verdict(Verdict::accept()),
        // No value at all: nft 1.0.6 wants a note of that, too.
        Values::Object(_) => Expression::Field(any_bytes(0)),
        Values::Slots(slots, _) => match &slots[..] {
            [one] => stand_in(one)?,
            many => Expression::Concat(many.iter().map(stand_in).collect::<Option<_>>()?),
        },
    })
}

/// A field whose values are such, of those that all versions of nft number alike; any bytes of a
/// packet, if there is none.
fn stand_in(slot: &Slot) -> Option<Expression> {
    let same = |field: &Field| {
        let own = slot_of(field);
        let order = own.order == slot.order || slot.bytes() == 1;
        (own.ty.datatype, own.bytes()) == (slot.ty.datatype, slot.bytes()) && order
    };
    let noted = |field: &Field| typeof_note::is_alike(&Expression::Field(*field));
    let raw = || (slot.order != ByteOrder::Host).then(|| any_bytes(slot.bytes()));
    // What values of maps are mostly for: where a packet is to go.
    let usual = [&specs::IP_DADDR, &specs::IP6_DADDR, &specs::TCP_DPORT];
    let mut all = usual.into_iter().chain(fields::all()).map(Field::new);
    let field = all.find(|field| same(field) && noted(field)).or_else(raw);
    field.map(Expression::Field)
}

/// So many bytes of a packet.
fn any_bytes(count: usize) -> Field {
    let bits = u16::try_from(count * 8).unwrap_or(u16::MAX);
    Field::with(&fields::RAW, Param::Raw(Header::RawNetwork, 0, bits))
}
