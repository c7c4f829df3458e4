//! Membership in sets and values of maps, named or made for one rule.

use super::{
    field::{Load, Twin},
    header::Header,
    key::{Key, MapValue, field_len, order_note},
    load::{Loaded, load},
    lower::{AnonymousSet, Holds, Lowering, refused},
    pattern::{FieldPattern, Pattern, RawPattern, Shape},
    select::{Chosen, Part},
    set::{MapRef, SetRef},
};
use crate::{
    data::*,
    expr::{CtKey, Expr, Lookup as LookupExpr, LookupFlags},
    model,
    wire::Malformed,
};

/// What the elements of a set are for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Use {
    Set,
    Map(MapInfo),
}

/// What is known of a map's values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MapInfo {
    pub ty: DataType,
    pub len: usize,
    pub order: u32,
    pub show: fn(&Data, &mut String),
}

impl Use {
    pub fn of<V: MapValue>() -> Self {
        Self::Map(MapInfo { ty: V::TYPE, len: V::LEN, order: V::ORDER, show: V::show })
    }
}

/// Fields, and the set they are looked up in.
#[derive(Clone, Debug)]
pub(crate) struct Lookup {
    pub parts: Vec<Part>,
    pub set: Set,
}

#[derive(Clone, Debug)]
pub(crate) enum Set {
    Named { name: Name, dual: bool, interval: bool },
    Anonymous { items: Vec<(RawPattern, Option<Data>)>, kind: Use },
}

/// The name of one of a pair of sets.
pub(crate) fn twin_name(name: &Name, dual: bool, twin: Option<Twin>) -> Name {
    match (dual, twin) {
        (true, Some(twin)) => {
            let mut bytes = name.as_bytes().to_vec();
            bytes.push(if twin.is_v4() { b'4' } else { b'6' });
            Name::from(&bytes[..])
        }
        _ => name.clone(),
    }
}

impl Lookup {
    fn parts(chosen: Vec<Chosen>) -> Vec<Part> {
        chosen.into_iter().map(|c| c.0).collect()
    }

    pub fn named<K: Key>(chosen: Vec<Chosen>, set: &SetRef<K>) -> Self {
        let set = Set::Named { name: set.name.clone(), dual: K::DUAL, interval: set.interval };
        Self { parts: Self::parts(chosen), set }
    }

    pub fn named_map<K: Key, V>(chosen: Vec<Chosen>, map: &MapRef<K, V>) -> Self {
        Self::named(chosen, map)
    }

    pub fn anonymous<K>(
        chosen: Vec<Chosen>,
        items: impl Iterator<Item = (Pattern<K>, Option<Data>)>,
        kind: Use,
    ) -> Self {
        let items = items.map(|(pattern, data)| (pattern.raw, data)).collect();
        Self { parts: Self::parts(chosen), set: Set::Anonymous { items, kind } }
    }

    pub fn is_dual(&self) -> bool {
        self.parts.iter().any(|p| p.dual)
    }

    fn resolved(&self, twin: Option<Twin>) -> Vec<Part> {
        self.parts.iter().map(|p| p.resolve(twin)).collect()
    }

    /// The elements that can stand in the set of one family.
    fn items(&self, twin: Option<Twin>) -> Vec<&(RawPattern, Option<Data>)> {
        let Set::Anonymous { items, .. } = &self.set else { return Vec::new() };
        let fits = |raw: &RawPattern| {
            let Some(twin) = twin else { return true };
            raw.fields().zip(&self.parts).all(|(field, part)| !part.dual || field.lo.len() == twin.address_len())
        };
        items.iter().filter(|(raw, _)| fits(raw)).collect()
    }

    /// Whether anything of it is left in a family.
    pub fn holds(&self, twin: Twin, inverted: bool) -> Holds {
        match self.set {
            Set::Anonymous { ref items, .. } if !items.is_empty() && self.items(Some(twin)).is_empty() => {
                if inverted {
                    Holds::Always
                } else {
                    Holds::Never
                }
            }
            _ => Holds::Maybe,
        }
    }

    /// The only pattern of an anonymous set of one field: nft makes a plain comparison of it.
    pub fn single(&self, twin: Option<Twin>) -> Option<(Part, RawPattern)> {
        match (&self.parts[..], &self.set, &self.items(twin)[..]) {
            ([part], Set::Anonymous { kind: Use::Set, .. }, [(raw, _)]) => Some((*part, *raw)),
            _ => None,
        }
    }

    /// nft text; `word` stands between the field and a map.
    pub fn text(&self, twin: Option<Twin>, word: &str) -> String {
        let parts = self.resolved(twin);
        let mut out = Part::texts(&parts);
        out.push(' ');
        if !word.is_empty() {
            out.push_str(word);
            out.push(' ');
        }
        match &self.set {
            Set::Named { name, dual, .. } => {
                out.push('@');
                out.push_str(&twin_name(name, *dual, twin).to_string());
            }
            Set::Anonymous { kind, .. } => {
                out.push_str("{ ");
                for (i, (raw, data)) in self.items(twin).into_iter().enumerate() {
                    if i > 0 {
                        out.push_str(", ");
                    }
                    for (j, (field, part)) in raw.fields().zip(&parts).enumerate() {
                        if j > 0 {
                            out.push_str(" . ");
                        }
                        field.text(&part.ty, Style::EXPRESSION, &mut out);
                    }
                    if let (Use::Map(map), Some(data)) = (kind, data) {
                        out.push_str(" : ");
                        (map.show)(data, &mut out);
                    }
                }
                out.push_str(" }");
            }
        }
        out
    }

    /// Loads the key and looks it up; a map's value goes to `dreg`.
    pub fn lower(&self, cx: &mut Lowering, dreg: Option<Register>, inverted: bool) -> Result<Vec<Expr>, Malformed> {
        let mut exprs = Vec::new();
        let mut parts = self.resolved(cx.twin);
        let items = self.items(cx.twin);
        let intervals = match &self.set {
            Set::Named { interval, .. } => *interval,
            Set::Anonymous { .. } => {
                items.iter().any(|(raw, _)| raw.fields().zip(&parts).any(|(f, p)| !f.is_point(shortest(p))))
            }
        };
        let named = matches!(self.set, Set::Named { .. });
        let loaded = load_key(cx, &mut parts, named, intervals, &mut exprs)?;
        let (name, set_id) = match &self.set {
            Set::Named { name, dual, .. } => (twin_name(name, *dual, cx.twin), None),
            Set::Anonymous { kind, .. } => {
                let set = anonymous_set(cx, &parts, &loaded, &items, *kind, intervals)?;
                let (name, id) = cx.add_set(set);
                (name, Some(id))
            }
        };
        let flags = inverted.then_some(LookupFlags::INV);
        exprs.push(LookupExpr { set_id, dreg, flags, ..LookupExpr::new(name, Register::R1) }.into());
        if let ([part], Set::Anonymous { kind: Use::Set, .. }, false, false) =
            (&parts[..], &self.set, inverted, intervals)
        {
            let values: Vec<_> = items.iter().flat_map(|(raw, _)| raw.fields().map(|f| f.lo)).collect();
            cx.observe(&part.field, values.into_iter());
        }
        Ok(exprs)
    }
}

/// The bytes from which on a value of the field is a whole one: a name that is shorter is the start of names.
fn shortest(part: &Part) -> usize {
    if part.ty.order == ByteOrder::Text { part.ty.width() } else { 0 }
}

/// Loads the fields of a key into registers, each at a multiple of four bytes.
pub(crate) fn load_key(
    cx: &mut Lowering,
    parts: &mut [Part],
    named: bool,
    intervals: bool,
    exprs: &mut Vec<Expr>,
) -> Result<Vec<Loaded>, Malformed> {
    for part in &mut *parts {
        part.field = cx.need(&part.field)?;
    }
    let parts = &*parts;
    let mut slot = 0;
    let mut all = Vec::new();
    for part in parts {
        let mut loaded = load(part, Register::slot(slot), exprs);
        match &part.mask {
            Some(mask) => loaded.keep(part, mask, exprs)?,
            // In a set of its own a bit field may stay where it is: its elements are put there too.
            None if named || parts.len() > 1 => loaded.settle(exprs),
            None => {}
        }
        if intervals {
            loaded.network(exprs);
        }
        let words = u8::try_from(loaded.len.div_ceil(4)).unwrap_or(u8::MAX);
        slot = slot.saturating_add(words);
        if slot > 16 {
            return refused("the fields together are longer than 64 bytes");
        }
        all.push(loaded);
    }
    Ok(all)
}

/// Lower and upper bound of a field, in register form.
fn bounds(part: &Part, loaded: &Loaded, field: &FieldPattern<'_>) -> Result<(Value, Value), Malformed> {
    if field.shape == Shape::Masked {
        return refused("masked bits cannot stand in a set");
    }
    if field.lo > field.hi {
        return refused("a range that ends before it starts");
    }
    if part.ty.order == ByteOrder::Text && field.lo.len() < part.ty.width() {
        // Checked as a name, and stretched to the first and last name that starts so.
        loaded.encode(part, field.lo)?;
        return Ok((stretched(field.lo, 0, part.ty.width()), stretched(field.lo, 0xff, part.ty.width())));
    }
    Ok((loaded.encode(part, field.lo)?, loaded.encode(part, field.hi)?))
}

pub(crate) fn stretched(bytes: &[u8], with: u8, len: usize) -> Value {
    let mut value = Value::new(bytes).unwrap_or_default();
    while value.len() < len {
        if value.append(&[with]).is_none() {
            break;
        }
    }
    value
}

/// An anonymous set of the ICMP types that have a field.
pub(crate) fn icmp_types(header: Header, types: &[u8], id: u32) -> AnonymousSet {
    let field = if header == Header::Icmpv6 { Icmpv6Type::FIELD } else { IcmpType::FIELD };
    let mut set = blank("__set%d", SetShape { key: field.datatype, len: 1, order: 2, ..SetShape::default() });
    set.id = Some(id);
    set.desc = Some(model::SetDesc { size: Some(types.len() as u32), ..model::SetDesc::default() });
    let elements = types.iter().filter_map(|t| Value::new(&[*t])).map(model::Element::new).collect();
    AnonymousSet { set, elements }
}

/// What an anonymous set is like.
#[derive(Default)]
struct SetShape {
    key: DataType,
    len: u32,
    order: u32,
    flags: model::SetFlags,
    map: Option<MapInfo>,
    concat: Option<Vec<u32>>,
}

fn blank(name: &str, shape: SetShape) -> model::Set {
    use model::SetFlags;
    let mut set = model::Set::required(Family::Inet, Name::from(""), Name::from(name));
    let interval = shape.flags.contains(SetFlags::INTERVAL);
    let mut userdata = Userdata::default();
    userdata.set(model::Set::KEY_BYTEORDER, &shape.order.to_ne_bytes());
    if let Some(map) = shape.map {
        set.data_type = Some(map.ty);
        set.data_len = (map.len > 0).then_some(map.len as u32);
        userdata.set(model::Set::DATA_BYTEORDER, &map.order.to_ne_bytes());
    }
    if interval && shape.concat.is_none() && shape.map.is_none() {
        userdata.set(model::Set::MERGE_ELEMENTS, &1u32.to_ne_bytes());
    }
    if shape.map.is_some() {
        userdata.set(model::Set::DATA_INTERVAL, &0u32.to_ne_bytes());
    }
    set.flags = Some(
        SetFlags::ANONYMOUS
            | SetFlags::CONSTANT
            | shape.flags
            | if shape.map.is_some() { SetFlags::MAP } else { SetFlags::empty() },
    );
    set.key_type = Some(shape.key);
    set.key_len = Some(shape.len);
    set.userdata = Some(userdata);
    if interval && let Some(fields) = shape.concat {
        let fields = fields.into_iter().map(model::SetField::required).collect();
        set.desc = Some(model::SetDesc { concat: Some(fields), ..model::SetDesc::default() });
    }
    set
}

/// nft's note of the byte order of a single field, which it has even for one byte.
fn anonymous_order(part: &Part) -> u32 {
    match (part.field.load(), part.field.spec.ty.order) {
        (Load::Packet(..) | Load::Option(..) | Load::Exists(..) | Load::Ct(CtKey::Protocol), ByteOrder::Byte) => {
            order_note(ByteOrder::Network)
        }
        (_, ByteOrder::Byte) => order_note(ByteOrder::Host),
        (_, order) => order_note(order),
    }
}

/// One element before it is written: bounds and value.
type Item<'a> = (Value, Value, Option<&'a Data>);

fn anonymous_set(
    cx: &Lowering,
    parts: &[Part],
    loaded: &[Loaded],
    items: &[&(RawPattern, Option<Data>)],
    kind: Use,
    intervals: bool,
) -> Result<AnonymousSet, Malformed> {
    use model::SetFlags;
    if items.is_empty() {
        return refused("a set without elements");
    }
    let concat = parts.len() > 1;
    let (map, name) = match kind {
        Use::Set => (None, "__set%d"),
        Use::Map(info) => (Some(info), "__map%d"),
    };
    let lens: Vec<u32> = loaded.iter().map(|l| l.len as u32).collect();
    let mut flags = SetFlags::empty();
    if intervals {
        flags |= if concat { SetFlags::INTERVAL | SetFlags::CONCAT } else { SetFlags::INTERVAL };
    }
    let key = parts.iter().map(|p| p.ty.datatype).reduce(DataType::then).unwrap_or(DataType::INTEGER);
    let mut set = blank(
        name,
        SetShape {
            key,
            len: if concat { lens.iter().map(|l| l.next_multiple_of(4)).sum() } else { lens.iter().sum() },
            order: if concat { 0 } else { parts.first().map_or(0, anonymous_order) },
            flags,
            map,
            concat: concat.then_some(lens),
        },
    );
    set.family = cx.family;
    // Nobody can tell from the type how wide a plain number in a concatenation is.
    if concat && parts.iter().any(|part| FieldType::of(part.ty.datatype).is_some_and(|ty| ty.width() == 0)) {
        let keys: Vec<_> = parts.iter().map(|part| part.field).collect();
        if let (Some(note), Some(userdata)) = (super::typeof_::note(&keys), &mut set.userdata) {
            userdata.set(super::typeof_::KEY, note.as_bytes());
        }
    }
    let mut bounds_of = Vec::with_capacity(items.len());
    for (raw, data) in items {
        if !raw.is_sound() || raw.len() != parts.len() {
            return refused("an element whose bounds do not belong together");
        }
        let (mut lo, mut hi) = (Value::default(), Value::default());
        for ((field, part), loaded) in raw.fields().zip(parts).zip(loaded) {
            let (l, h) = bounds(part, loaded, &field)?;
            // Registers hold 64 bytes, which was checked when the key was loaded.
            let _ = (lo.append(&l), hi.append(&h));
            if concat {
                lo.align();
                hi.align();
            }
        }
        bounds_of.push((lo, hi, data.as_ref()));
    }
    let elements = match (intervals, concat) {
        (true, false) => interval_elements(bounds_of, map.is_some())?,
        (true, true) => bounds_of.iter().map(|(lo, hi, data)| element(*lo, Some(*hi), *data)).collect(),
        (false, _) => {
            let elements = point_elements(bounds_of)?;
            // With the size known the kernel takes a table of fixed size, which is the faster one.
            set.desc = Some(model::SetDesc { size: Some(elements.len() as u32), ..model::SetDesc::default() });
            elements
        }
    };
    Ok(AnonymousSet { set, elements })
}

fn element(key: Value, key_end: Option<Value>, data: Option<&Data>) -> model::Element {
    model::Element { key_end, data: data.cloned(), ..model::Element::new(key) }
}

fn point_elements(items: Vec<Item<'_>>) -> Result<Vec<model::Element>, Malformed> {
    let mut elements: Vec<model::Element> = Vec::with_capacity(items.len());
    let mut seen = std::collections::HashMap::with_capacity(items.len());
    for (key, _, data) in items {
        match seen.insert(key, data) {
            None => elements.push(element(key, None, data)),
            Some(before) if before == data => {}
            Some(_) => return refused("a map with two values for one key"),
        }
    }
    Ok(elements)
}

/// Sorted starts, each followed by the first value after it, unless another start stands there.
fn interval_elements(mut items: Vec<Item<'_>>, map: bool) -> Result<Vec<model::Element>, Malformed> {
    items.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
    let mut ranges: Vec<Item<'_>> = Vec::with_capacity(items.len());
    for item in items {
        match ranges.last_mut() {
            Some(last) if map && *last == item => {}
            Some(last) if *item.0 <= *last.1 && map => return refused("a map whose ranges overlap"),
            Some(last) if !map && (*item.0 <= *last.1 || after(&last.1) == Some(item.0)) => {
                if *item.1 > *last.1 {
                    last.1 = item.1;
                }
            }
            _ => ranges.push(item),
        }
    }
    let mut elements = Vec::with_capacity(ranges.len() * 2 + 1);
    if let Some((first, ..)) = ranges.first().filter(|(lo, ..)| lo.iter().any(|b| *b != 0)) {
        elements.push(interval_end(stretched(&[], 0, first.len())));
    }
    for (i, (lo, hi, data)) in ranges.iter().enumerate() {
        let mut start = element(*lo, None, *data);
        let end = after(hi);
        if end.is_none() {
            start.userdata = Some(open_interval());
        }
        elements.push(start);
        let next = ranges.get(i + 1).map(|(lo, ..)| *lo);
        elements.extend(end.filter(|end| next != Some(*end)).map(interval_end));
    }
    Ok(elements)
}

/// The element that marks the first value after an interval.
pub(crate) fn interval_end(key: Value) -> model::Element {
    model::Element { flags: Some(model::ElementFlags::INTERVAL_END), ..model::Element::new(key) }
}

/// nft's note that an interval reaches the highest value, and so has no end.
pub(crate) fn open_interval() -> Userdata {
    const FLAGS: u8 = 1;
    const OPEN: u32 = 1;
    let mut userdata = Userdata::default();
    userdata.set(FLAGS, &OPEN.to_ne_bytes());
    userdata
}

/// The next value; `None` after the highest.
pub(crate) fn after(value: &Value) -> Option<Value> {
    let mut bytes = value.to_vec();
    for byte in bytes.iter_mut().rev() {
        let (next, carry) = byte.overflowing_add(1);
        *byte = next;
        if !carry {
            return Value::new(&bytes);
        }
    }
    None
}

/// The value before; `None` before the lowest.
pub(crate) fn before(value: &Value) -> Option<Value> {
    let mut bytes = value.to_vec();
    for byte in bytes.iter_mut().rev() {
        let (next, borrow) = byte.overflowing_sub(1);
        *byte = next;
        if !borrow {
            return Value::new(&bytes);
        }
    }
    None
}

/// Bytes of a field in a family.
pub(crate) fn len_in(field: &FieldType, dual: bool, twin: Option<Twin>) -> usize {
    field_len(field, dual, twin.is_some_and(Twin::is_v4))
}
