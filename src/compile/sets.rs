//! Elements of sets and maps, and the sets that belong to one rule.

use super::{
    Compiler,
    known::{How, Known, Slot, Slots, Want, laid, stretched},
    lower::AnonymousSet,
    notes,
};
use crate::{
    data::{ByteOrder, Data, DataType, Family, FieldType, Name, Userdata, Value},
    expr::{Expr, ObjectType},
    lang::{
        refused,
        tree::{Expression, Item, Statement},
    },
    model::{self, SetFlags},
    wire::Malformed,
};
use std::{collections::HashMap, time::Duration};

type Result<T> = std::result::Result<T, Malformed>;

/// One element before its bytes are made.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub key: Known,
    pub data: Option<Known>,
    pub dress: Dress,
}

/// What an element has besides key and value.
#[derive(Clone, Debug, Default)]
pub(super) struct Dress {
    pub timeout: Option<Duration>,
    pub expires: Option<Duration>,
    pub comment: Option<String>,
    pub exprs: Vec<Expr>,
}

impl Dress {
    fn on(&self, mut element: model::Element) -> model::Element {
        element.timeout = self.timeout;
        element.expiration = self.expires;
        match &self.exprs[..] {
            [] => {}
            [one] => element.expr = Some(Box::new(one.clone())),
            many => element.exprs = Some(many.to_vec()),
        }
        match &self.comment {
            Some(comment) => element.with_comment(comment),
            None => element,
        }
    }
}

/// What the values of a map are.
#[derive(Clone, Debug)]
pub(crate) enum Values {
    Verdict,
    Object(ObjectType),
    /// One or several fields; the lower and the upper bound of ranges of them.
    Slots(Vec<Slot>, bool),
}

impl Values {
    fn want(&self) -> Want {
        match self {
            Self::Slots(slots, _) => Want::of(slots),
            Self::Verdict | Self::Object(_) => Want { slots: Slots::Verdict, ..Want::default() },
        }
    }
}

/// What the elements of a set are like.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// The fields of a key, and how many bytes each has.
    pub key: Vec<(Slot, usize)>,
    /// nft's note of what the key is.
    pub key_of: Option<Vec<u8>>,
    pub interval: bool,
    /// Of intervals, neighbours become one; else none may lie in another.
    pub merge: bool,
    pub values: Option<Values>,
    /// Belongs to one rule: it is complete.
    pub whole: bool,
    pub fate: Fate,
}

/// What elements are made for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fate {
    /// To be the first in their set.
    First,
    /// To come to others.
    Comes,
    /// To be removed: of a map, the key is enough.
    Goes,
}

impl Shape {
    fn is_concat(&self) -> bool {
        self.key.len() > 1
    }

    /// A key's lowest and highest register value; the same if it is one value.
    fn bounds(&self, key: &Known) -> Result<(Value, Value)> {
        let parts = key.parts();
        if parts.len() != self.key.len() {
            return refused(format!("{} fields in a set of {}", parts.len(), self.key.len()));
        }
        let (mut lo, mut hi) = (Value::default(), Value::default());
        for (part, (slot, bytes)) in parts.iter().zip(&self.key) {
            let Some((l, h)) = part.bounds(*bytes) else { return refused("an element that is no constant") };
            let order = if self.interval || slot.is_text() { ByteOrder::Network } else { slot.order };
            let fits = lo.append(&laid(l, order)).and(hi.append(&laid(h, order)));
            if fits.is_none() {
                return refused("the fields together are longer than 64 bytes");
            }
            if self.is_concat() {
                lo.align();
                hi.align();
            }
        }
        Ok((lo, hi))
    }

    /// The value of a map as the kernel takes it.
    fn value(&self, data: Option<&Known>, element: &mut model::Element) -> Result<()> {
        match (&self.values, data.map(|d| (&d.how, d))) {
            (None, None) => {}
            (None, Some(_)) => return refused("a value in a set"),
            (Some(_), None) if self.fate == Fate::Goes => {}
            (Some(_), None) => return refused("an element of a map without a value"),
            (Some(Values::Verdict), Some((How::Verdict(verdict), _))) => {
                element.data = Some(Data::Verdict(verdict.clone()));
            }
            (Some(Values::Verdict), _) => return refused("a value that is no verdict in a map of verdicts"),
            (Some(Values::Object(_)), Some((How::Object(name), _))) => element.object = Some(name.clone()),
            (Some(Values::Object(_)), _) => return refused("a value that is no name of an object"),
            (Some(Values::Slots(slots, ranges)), Some((_, data))) => {
                let parts = data.parts();
                if parts.len() != slots.len() {
                    return refused(format!("a value of {} fields in a map of {}", parts.len(), slots.len()));
                }
                let mut value = Value::default();
                let padded = parts.len() > 1 || *ranges;
                let bounds: &[bool] = if *ranges { &[false, true] } else { &[false] };
                for upper in bounds {
                    for (part, slot) in parts.iter().zip(slots) {
                        if !part.is_single() && !*ranges {
                            return refused("a range of values in a map of single ones");
                        }
                        let Some((lo, hi)) = part.bounds(slot.bytes()) else {
                            return refused("a value that is no constant");
                        };
                        let one = if *upper { hi } else { lo };
                        let one = if slot.is_text() { one } else { laid(one, slot.order) };
                        if value.append(&one).is_none() {
                            return refused("values longer than 64 bytes");
                        }
                        if padded {
                            value.align();
                        }
                    }
                }
                element.data = Some(Data::Value(value));
            }
        }
        Ok(())
    }

    fn element(&self, key: Option<Value>, entry: &Entry) -> Result<model::Element> {
        let element = match key {
            Some(key) => model::Element::new(key),
            None => model::Element::catch_all(),
        };
        let mut element = entry.dress.on(element);
        self.value(entry.data.as_ref(), &mut element)?;
        Ok(element)
    }

    /// The elements as the kernel takes them.
    pub fn elements(&self, entries: &[Entry]) -> Result<Vec<model::Element>> {
        if !self.interval
            && let Some(entry) = entries.iter().find(|e| !matches!(e.key.how, How::Any) && !e.key.is_single())
        {
            let what = entry.key.slot.ty.name();
            return refused(format!("a range or prefix ({what}) in what is no set of intervals"));
        }
        if self.interval && !self.is_concat() {
            return self.intervals(entries);
        }
        let mut elements: Vec<model::Element> = Vec::with_capacity(entries.len());
        let mut seen = HashMap::new();
        for entry in entries {
            let element = if matches!(entry.key.how, How::Any) {
                self.element(None, entry)?
            } else {
                let (lo, hi) = self.bounds(&entry.key)?;
                let element = self.element(Some(lo), entry)?;
                model::Element { key_end: self.interval.then_some(hi), ..element }
            };
            if !self.whole {
                elements.push(element);
                continue;
            }
            // What is said twice is said once.
            match seen.entry((element.key, element.key_end)).or_insert(elements.len()) {
                at if *at == elements.len() => elements.push(element),
                at if elements.get(*at).is_some_and(|before| before.data == element.data) => {}
                _ => return refused("a map with two values for one key"),
            }
        }
        Ok(elements)
    }

    /// Intervals of one field: starts in order, each followed by the first value after it.
    fn intervals(&self, entries: &[Entry]) -> Result<Vec<model::Element>> {
        let mut all = Vec::with_capacity(entries.len());
        let mut rest = None;
        for entry in entries {
            if matches!(entry.key.how, How::Any) {
                rest = Some(entry);
                continue;
            }
            let (lo, hi) = self.bounds(&entry.key)?;
            all.push((lo, hi, entry));
        }
        all.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        let mut ranges: Vec<(Value, Value, &Entry)> = Vec::with_capacity(all.len());
        for (lo, hi, entry) in all {
            match ranges.last_mut() {
                Some(last) if self.merge && (*lo <= *last.1 || last.1.after() == Some(lo)) => {
                    if *hi > *last.1 {
                        last.1 = hi;
                    }
                }
                Some(last) if (last.0, last.1) == (lo, hi) => {}
                Some(last) if *lo <= *last.1 && self.values.is_some() => return refused("a map whose ranges overlap"),
                Some(last) if *lo <= *last.1 => return refused("a set whose ranges overlap"),
                _ => ranges.push((lo, hi, entry)),
            }
        }
        let mut elements = Vec::with_capacity(ranges.len() * 2 + 1);
        if let Some((lo, ..)) = ranges.first().filter(|(lo, ..)| self.fate == Fate::First && lo.iter().any(|b| *b != 0))
        {
            elements.push(interval_end(stretched(&[], 0, lo.len())));
        }
        // nft puts the one for all the rest first.
        if let Some(entry) = rest {
            elements.push(self.element(None, entry)?);
        }
        for (i, (lo, hi, entry)) in ranges.iter().enumerate() {
            let mut start = self.element(Some(*lo), entry)?;
            let end = hi.after();
            if end.is_none() {
                let mut userdata = start.userdata.take().unwrap_or_default();
                mark_open(&mut userdata);
                start.userdata = Some(userdata);
            }
            elements.push(start);
            let next = ranges.get(i + 1).filter(|_| self.whole).map(|(lo, ..)| *lo);
            elements.extend(end.filter(|end| next != Some(*end)).map(interval_end));
        }
        Ok(elements)
    }

    /// The set that belongs to one rule.
    fn anonymous(&self, family: Family, key_order: ByteOrder, elements: Vec<model::Element>) -> AnonymousSet {
        let name = match &self.values {
            None => "__set%d",
            Some(Values::Object(_)) => "__objmap%d",
            Some(_) => "__map%d",
        };
        let mut set = model::Set::required(family, Name::from(""), Name::from(name));
        let mut flags = SetFlags::ANONYMOUS | SetFlags::CONSTANT;
        flags.set(SetFlags::INTERVAL, self.interval);
        flags.set(SetFlags::CONCAT, self.interval && self.is_concat());
        let mut userdata = Userdata::default();
        userdata.set(model::Set::KEY_BYTEORDER, &key_order.noted().to_ne_bytes());
        set_values(&mut set, &mut flags, &mut userdata, self.values.as_ref());
        if self.merge {
            userdata.set(model::Set::MERGE_ELEMENTS, &1u32.to_ne_bytes());
        }
        if let Some(note) = &self.key_of {
            userdata.set(model::Set::KEY_TYPEOF, note);
            if let Some(note) = self.values.as_ref().and_then(notes::value_of) {
                userdata.set(model::Set::DATA_TYPEOF, &note);
            }
        }
        note_intervals(&mut userdata, self.values.as_ref());
        set.flags = Some(flags);
        set.key_type = Some(key_type(&self.key.iter().map(|(slot, _)| *slot).collect::<Vec<_>>()));
        set.key_len = Some(key_len(self.key.iter().map(|(_, bytes)| *bytes)));
        set.userdata = Some(userdata);
        let mut desc = model::SetDesc::default();
        if self.interval && self.is_concat() {
            desc.concat = Some(self.key.iter().map(|(_, len)| model::SetField::required(*len as u32)).collect());
        } else if !self.interval {
            // With the size known the kernel takes a table of fixed size, which is the faster one.
            desc.size = Some(elements.len() as u32);
        }
        if desc != model::SetDesc::default() {
            set.desc = Some(desc);
        }
        AnonymousSet { set, elements }
    }
}

/// An anonymous set of single values of one byte of the packet.
pub(crate) fn blank_set(ty: FieldType, elements: Vec<model::Element>) -> AnonymousSet {
    let key = vec![(Slot::of(ty), ty.width())];
    let shape =
        Shape { key, key_of: None, interval: false, merge: false, values: None, whole: true, fate: Fate::First };
    shape.anonymous(Family::Inet, ByteOrder::Network, elements)
}

/// nft's number for the type of a key.
pub(super) fn key_type(slots: &[Slot]) -> DataType {
    slots.iter().map(|slot| slot.ty.datatype).reduce(DataType::then).unwrap_or(DataType::INTEGER)
}

/// Bytes of a key of fields of so many bytes.
pub(super) fn key_len(fields: impl ExactSizeIterator<Item = usize>) -> u32 {
    let concat = fields.len() > 1;
    fields.map(|len| if concat { len.next_multiple_of(4) } else { len } as u32).sum()
}

/// What a set that is a map says of its values.
pub(super) fn set_values(set: &mut model::Set, flags: &mut SetFlags, userdata: &mut Userdata, values: Option<&Values>) {
    let order = match values {
        None => return,
        Some(Values::Verdict) => {
            *flags |= SetFlags::MAP;
            set.data_type = Some(DataType::VERDICT);
            ByteOrder::Byte
        }
        Some(Values::Object(kind)) => {
            *flags |= SetFlags::OBJECT;
            set.object_type = Some(*kind);
            return;
        }
        Some(Values::Slots(slots, ranges)) => {
            *flags |= SetFlags::MAP;
            set.data_type = Some(key_type(slots));
            let len = key_len(slots.iter().map(Slot::bytes));
            set.data_len = Some(if *ranges { len * 2 } else { len });
            match slots[..] {
                [one] => data_order(&one),
                _ => ByteOrder::Byte,
            }
        }
    };
    userdata.set(model::Set::DATA_BYTEORDER, &order.noted().to_ne_bytes());
}

/// The order of a map's values is that of their type; a plain number has that of what is set to it.
pub(super) fn data_order(slot: &Slot) -> ByteOrder {
    if slot.ty.datatype == DataType::INTEGER { slot.order } else { slot.ty.order }
}

/// nft's note whether values are ranges.
pub(super) fn note_intervals(userdata: &mut Userdata, values: Option<&Values>) {
    if let Some(values) = values {
        let ranges = matches!(values, Values::Slots(_, true));
        userdata.set(model::Set::DATA_INTERVAL, &u32::from(ranges).to_ne_bytes());
    }
}

/// The element that marks the first value after an interval.
pub(crate) fn interval_end(key: Value) -> model::Element {
    model::Element { flags: Some(model::ElementFlags::INTERVAL_END), ..model::Element::new(key) }
}

/// nft's note that an interval reaches the highest value, and so has no end.
pub(crate) fn mark_open(userdata: &mut Userdata) {
    const FLAGS: u8 = 1;
    const OPEN: u32 = 1;
    userdata.set(FLAGS, &OPEN.to_ne_bytes());
}

/// A stateful statement of an element or a set.
pub(super) fn stateful(statements: &[Statement]) -> Result<Vec<Expr>> {
    let one = |statement: &Statement| match statement {
        Statement::Plain(
            expr @ (Expr::Counter(_) | Expr::Limit(_) | Expr::Quota(_) | Expr::Last(_) | Expr::Connlimit(_)),
        ) => Ok(expr.clone()),
        _ => refused("only a counter, limit, quota, last or ct count can stand in a set"),
    };
    statements.iter().map(one).collect()
}

impl Compiler<'_, '_> {
    /// What elements say.
    pub(super) fn entries(&mut self, items: &[Item], key: &Want, values: Option<&Values>) -> Result<Vec<Entry>> {
        let mut entries = Vec::with_capacity(items.len());
        for item in items {
            let data = match (&item.data, values) {
                // The name of an object may come as a plain word.
                (Some(Expression::Word(word)), Some(Values::Object(_))) => {
                    Some(Known { slot: Slot::number(0), how: How::Object(Name::from(&word[..])) })
                }
                (Some(data), values) => {
                    let mut want = values.map(Values::want).unwrap_or_default();
                    Some(self.evaluate(data, &mut want)?)
                }
                (None, _) => None,
            };
            let dress = Dress {
                timeout: item.timeout,
                expires: item.expires,
                comment: item.comment.clone(),
                exprs: stateful(&item.statements)?,
            };
            if let Expression::Set(inner) = &item.key {
                for mut entry in self.entries(inner, key, None)? {
                    entry.data.clone_from(&data);
                    entries.push(entry);
                }
                continue;
            }
            let mut want = key.clone();
            let key = self.evaluate(&item.key, &mut want)?;
            if !key.is_constant() {
                return refused("an element that is no constant");
            }
            entries.push(Entry { key, data, dress });
        }
        Ok(entries)
    }

    /// Adds a set that belongs to the rule; returns its name and its id.
    pub(super) fn add_anonymous(
        &mut self,
        shape: &Shape,
        key_order: ByteOrder,
        entries: &[Entry],
    ) -> Result<(Name, u32)> {
        if entries.is_empty() {
            return refused("a set without elements");
        }
        let elements = shape.elements(entries)?;
        let set = shape.anonymous(self.cx.family, key_order, elements);
        Ok(self.cx.add_set(set))
    }
}
