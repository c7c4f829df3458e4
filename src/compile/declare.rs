//! Named sets and maps: what they are declared to be, and what is known of those that are there.

use super::{
    Declaration, Typing,
    eval::slot_of,
    known::Slot,
    notes,
    sets::{Fate, Shape, Values, key_len, key_type, note_intervals, set_values, stateful},
};
use crate::{
    data::{ByteOrder, DataType, FieldType, Userdata, Value},
    expr::ObjectType,
    lang::{
        declared, refused,
        tree::{BinaryOp, Expression},
        typeof_note,
    },
    model::{self, SetFlags},
    wire::Malformed,
};

type Result<T> = std::result::Result<T, Malformed>;

/// What is known of a set that rules and elements refer to.
#[derive(Clone, Debug)]
pub(crate) struct NamedSet {
    pub flags: SetFlags,
    pub key: Vec<Slot>,
    pub values: Option<Values>,
}

/// Values of types, or of the expressions that they are declared by.
fn slots(types: &[FieldType], of: Option<&Expression>, len: Option<u32>, order: Option<u32>) -> Result<Vec<Slot>> {
    if let Some(of) = of {
        return typed_by(of);
    }
    let mut slots: Vec<Slot> = types.iter().map(|ty| Slot::of(*ty)).collect();
    if let [one] = &mut slots[..] {
        // A plain number is as wide as the set says, and in the order that nft notes.
        if one.bits == 0 {
            one.bits = len.unwrap_or_default().saturating_mul(8);
        }
        one.order = match order {
            Some(1) if !one.is_text() => ByteOrder::Host,
            Some(2) if !one.is_text() => ByteOrder::Network,
            _ => one.order,
        };
    }
    match slots.iter().find(|slot| slot.bits == 0) {
        Some(slot) => refused(format!("nothing says how wide the {} in the set are", slot.ty.name())),
        None => Ok(slots),
    }
}

/// What is known of a set.
pub(super) fn named_set(set: &model::Set) -> Result<NamedSet> {
    if [set.key_len, set.data_len].iter().flatten().any(|len| *len as usize > 2 * Value::MAX) {
        return refused("more than registers hold");
    }
    let declared = declared::of(set);
    let flags = set.flags();
    let key = slots(&declared.key, declared.key_of.as_ref(), set.key_len, set.note(model::Set::KEY_BYTEORDER))?;
    let values = if flags.contains(SetFlags::OBJECT) {
        Some(Values::Object(set.object_type.unwrap_or(ObjectType::Unknown(0))))
    } else if !flags.contains(SetFlags::MAP) {
        None
    } else if set.data_type == Some(DataType::VERDICT) {
        Some(Values::Verdict)
    } else {
        let ranges = set.has_ranges();
        let len = set.data_len.map(|len| if ranges { len / 2 } else { len });
        let order = set.note(model::Set::DATA_BYTEORDER);
        Some(Values::Slots(slots(&declared.data, declared.data_of.as_ref(), len, order)?, ranges))
    };
    Ok(NamedSet { flags, key, values })
}

/// What the elements of a named set are like.
pub(super) fn shape(set: &model::Set) -> Result<Shape> {
    let NamedSet { flags, key, values } = named_set(set)?;
    let single = key.len() == 1;
    let bytes = |slot: &Slot| match set.key_len {
        Some(len) if single => len as usize,
        _ => slot.bytes(),
    };
    Ok(Shape {
        key: key.iter().map(|slot| (*slot, bytes(slot))).collect(),
        key_of: None,
        interval: flags.contains(SetFlags::INTERVAL),
        merge: set.merges() && values.is_none(),
        values,
        whole: false,
        fate: Fate::Comes,
    })
}

/// The types of what is declared by an expression.
fn typed_by(of: &Expression) -> Result<Vec<Slot>> {
    match of {
        Expression::Concat(parts) => {
            let slots = parts.iter().map(type_of).collect::<Result<Vec<_>>>()?;
            check_concat(&slots)?;
            Ok(slots)
        }
        one => Ok(vec![type_of(one)?]),
    }
}

/// Text of any length stands alone: nft aborts where it lists a concatenation with one.
pub(super) fn check_concat(slots: &[Slot]) -> Result<()> {
    match slots.iter().find(|slot| slots.len() > 1 && slot.ty.datatype == DataType::STRING) {
        Some(_) => refused("a string of no fixed length beside other fields, which no nft can list"),
        None => Ok(()),
    }
}

/// What an expression is without a rule around it.
pub(super) fn type_of(mut of: &Expression) -> Result<Slot> {
    loop {
        return match of {
            Expression::Field(field) => Ok(slot_of(field)),
            Expression::Numgen { .. } | Expression::Hash { .. } => Ok(Slot::number(32)),
            Expression::Binary { op: BinaryOp::And | BinaryOp::Or | BinaryOp::Xor, left, .. } => {
                of = left;
                continue;
            }
            _ => refused("this says nothing of types"),
        };
    }
}

fn declared(typing: &Typing) -> Result<(Vec<Slot>, Option<&Expression>)> {
    match typing {
        Typing::Of(of) => Ok((typed_by(of)?, Some(of))),
        Typing::Names(names) => {
            let one = |name: &String| match FieldType::named(name) {
                Some(ty) if ty.len > 0 => Ok(Slot::of(ty)),
                Some(_) => refused(format!("{name} comes in several widths: declare by an expression (typeof)")),
                None => refused(format!("there is no type {name}")),
            };
            let slots = names.iter().map(one).collect::<Result<Vec<_>>>()?;
            check_concat(&slots)?;
            Ok((slots, None))
        }
    }
}

/// The order that is noted with a key or a value of a type.
fn noted_order(slots: &[Slot]) -> ByteOrder {
    match slots {
        [one] => one.order,
        _ => ByteOrder::Byte,
    }
}

/// A set or map as the kernel takes it.
pub(super) fn declare(declaration: &Declaration) -> Result<model::Set> {
    let Declaration { family, table, name, .. } = declaration;
    let mut set = model::Set::required(*family, table.clone(), name.clone());
    let (key, key_of) = declared(&declaration.key)?;
    let (values, data_of) = match &declaration.values {
        None => (None, None),
        Some(super::Values::Verdict) => (Some(Values::Verdict), None),
        Some(super::Values::Object(kind)) => (Some(Values::Object(*kind)), None),
        Some(super::Values::Typed { ty, interval }) => {
            let (slots, of) = declared(ty)?;
            (Some(Values::Slots(slots, *interval)), of)
        }
    };
    let mut flags = declaration.flags;
    let interval = flags.contains(SetFlags::INTERVAL);
    let concat = key.len() > 1;
    flags.set(SetFlags::CONCAT, interval && concat);
    if declaration.timeout.is_some() {
        flags |= SetFlags::TIMEOUT;
    }
    if declaration.auto_merge && !interval {
        return refused("auto-merge is for sets of intervals");
    }
    let mut userdata = Userdata::default();
    userdata.set(model::Set::KEY_BYTEORDER, &noted_order(&key).noted().to_ne_bytes());
    set_values(&mut set, &mut flags, &mut userdata, values.as_ref());
    if declaration.auto_merge && !concat {
        userdata.set(model::Set::MERGE_ELEMENTS, &1u32.to_ne_bytes());
    }
    let key_note = key_of.and_then(typeof_note::note);
    let data_note = match data_of {
        Some(of) => typeof_note::note(of),
        None => values.as_ref().filter(|_| key_note.is_some()).and_then(notes::value_of),
    };
    for (kind, note) in [(model::Set::KEY_TYPEOF, key_note), (model::Set::DATA_TYPEOF, data_note)] {
        if let Some(note) = note {
            userdata.set(kind, &note);
        }
    }
    note_intervals(&mut userdata, values.as_ref());
    let lens = || key.iter().map(Slot::bytes);
    set.key_type = Some(key_type(&key));
    set.key_len = Some(key_len(lens()));
    (set.timeout, set.gc_interval, set.policy) = (declaration.timeout, declaration.gc_interval, declaration.policy);
    let fields = (interval && concat).then(|| lens().map(|len| model::SetField::required(len as u32)).collect());
    if declaration.size.is_some() || fields.is_some() {
        set.desc = Some(model::SetDesc { size: declaration.size, concat: fields, ..model::SetDesc::default() });
    }
    let mut exprs = stateful(&declaration.statements)?;
    if exprs.len() > 1 {
        flags |= SetFlags::EXPR;
        set.exprs = Some(exprs);
    } else {
        set.expr = exprs.pop().map(Box::new);
    }
    set.flags = Some(flags);
    set.userdata = Some(userdata);
    Ok(match &declaration.comment {
        Some(comment) => set.with_comment(comment),
        None => set,
    })
}
