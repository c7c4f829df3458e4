//! Membership in sets and values of maps, named or made for one rule.

use super::{hash::Hash, select::Chosen, statement::Holds};
use crate::{
    batch::SetKind,
    compile::{MapValues, NamedSet, Sets, Slot, lower::UsedSet},
    data::*,
    lang::{
        field::Twin,
        refused,
        selector::Part,
        tree::{Expression, Item},
    },
    model,
    set::{
        key::{Key, MapValue, swapped, twin_name},
        pattern::{Pattern, RawPattern, Shape},
        typed::{MapRef, SetRef, TakenFor},
    },
    wire::Malformed,
};
use std::sync::Arc;

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
    pub show: fn(&Data, &mut String),
}

impl Use {
    pub fn of<V: MapValue>() -> Self {
        Self::Map(MapInfo { ty: V::TYPE, show: V::show })
    }

    fn values(&self) -> Option<MapValues> {
        match self {
            Self::Set => None,
            Self::Map(map) if map.ty == DataType::VERDICT => Some(MapValues::Verdict),
            Self::Map(map) => Some(MapValues::Slots(map.fields().map(Slot::of).collect(), false)),
        }
    }
}

/// Fields, and the set they are looked up in.
#[derive(Clone, Debug)]
pub(crate) struct Lookup {
    pub parts: Vec<Part>,
    /// What the key is, if it is a hash.
    pub hash: Option<Arc<Hash>>,
    pub set: Set,
}

#[derive(Clone, Debug)]
pub(crate) enum Set {
    Named { name: Name, dual: bool, interval: bool, kind: Use, taken_for: TakenFor },
    Anonymous { items: Vec<(RawPattern, Option<Data>)>, kind: Use },
}

impl Lookup {
    fn parts(chosen: Vec<Chosen>) -> Vec<Part> {
        chosen.into_iter().map(|c| c.0).collect()
    }

    pub fn named<K: Key>(chosen: Vec<Chosen>, set: &SetRef<K>) -> Self {
        Self::of(chosen, set, Use::Set)
    }

    pub fn named_map<K: Key, V>(chosen: Vec<Chosen>, map: &MapRef<K, V>, kind: Use) -> Self {
        Self::of(chosen, map, kind)
    }

    fn of<K: Key>(chosen: Vec<Chosen>, set: &SetRef<K>, kind: Use) -> Self {
        let (dual, interval, taken_for) = (K::DUAL, set.interval, set.taken_for());
        let set = Set::Named { name: set.name.clone(), dual, interval, kind, taken_for };
        Self { parts: Self::parts(chosen), hash: None, set }
    }

    pub fn anonymous<K>(
        chosen: Vec<Chosen>,
        items: impl Iterator<Item = (Pattern<K>, Option<Data>)>,
        kind: Use,
    ) -> Self {
        let items = items.map(|(pattern, data)| (pattern.raw, data)).collect();
        Self { parts: Self::parts(chosen), hash: None, set: Set::Anonymous { items, kind } }
    }

    pub fn is_dual(&self) -> bool {
        self.parts.iter().any(|p| p.dual) || self.hash.as_ref().is_some_and(|hash| hash.is_dual())
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

    /// nft text of a map of objects with these names.
    pub fn object_text(&self, twin: Option<Twin>, names: &[Name]) -> String {
        let Set::Anonymous { items, .. } = &self.set else { return self.text(twin, "map") };
        let parts = self.resolved(twin);
        let items = items.iter().zip(names).map(|((raw, _), name)| {
            let key = raw.fields().zip(&parts).map(|(field, part)| {
                let mut out = String::new();
                field.text(&part.ty, Style::EXPRESSION, &mut out);
                out
            });
            format!("{} : \"{}\"", key.collect::<Vec<_>>().join(" . "), name.to_string_lossy())
        });
        format!("{} map {{ {} }}", Part::texts(&parts), items.collect::<Vec<_>>().join(", "))
    }

    /// nft text; `word` stands between the field and a map.
    pub fn text(&self, twin: Option<Twin>, word: &str) -> String {
        let parts = self.resolved(twin);
        let mut out = match &self.hash {
            Some(hash) => hash.text(twin),
            None => Part::texts(&parts),
        };
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

    /// The fields.
    pub fn key(&self, twin: Option<Twin>) -> Expression {
        match &self.hash {
            Some(hash) => hash.expression(twin),
            None => key(&self.resolved(twin)),
        }
    }

    /// The set or map.
    pub fn set(&self, twin: Option<Twin>) -> Result<Expression, Malformed> {
        let Set::Anonymous { kind, .. } = &self.set else {
            return Ok(Expression::Named(self.known(twin).name));
        };
        let parts = self.resolved(twin);
        let item = |(raw, data): &(RawPattern, Option<Data>)| {
            if !raw.is_sound() || raw.len() != parts.len() {
                return refused("an element whose bounds do not belong together");
            }
            raw.check_prefixes()?;
            if raw.fields().any(|field| field.shape == Shape::Masked) {
                return refused("masked bits cannot stand in a set");
            }
            let key = Expression::concat(raw.fields().zip(&parts).map(|(field, part)| field.expression(part.ty)));
            let data = match (kind, data) {
                (Use::Map(map), Some(data)) => Some(map.expression(data)),
                _ => None,
            };
            Ok(Item { data, ..Item::from(key) })
        };
        Ok(Expression::Set(self.items(twin).into_iter().map(item).collect::<Result<_, _>>()?))
    }

    /// The value that the map has for the fields.
    pub fn map(&self, twin: Option<Twin>) -> Result<Expression, Malformed> {
        Ok(Expression::Map { key: Box::new(self.key(twin)), of: Box::new(self.set(twin)?) })
    }

    /// What is known of the set without asking.
    pub fn known(&self, twin: Option<Twin>) -> KnownSet {
        let (name, interval, kind, taken_for) = match &self.set {
            Set::Named { name, dual, interval, kind, taken_for } => {
                (twin_name(name, *dual, twin), *interval, *kind, Some(taken_for.kind(twin)))
            }
            Set::Anonymous { kind, .. } => (Name::from(""), false, *kind, None),
        };
        KnownSet {
            name,
            interval,
            taken_for,
            values: kind.values(),
            key: self.resolved(twin).iter().map(|part| Slot::of(part.ty)).collect(),
        }
    }
}

/// A typed set, as its rule knows it.
pub(crate) struct KnownSet {
    pub name: Name,
    pub interval: bool,
    /// What has to be true of it in the kernel; `None` of a set that the rule brings.
    pub taken_for: Option<SetKind>,
    pub values: Option<MapValues>,
    pub key: Vec<Slot>,
}

impl Sets for KnownSet {
    fn uses(&self) -> Vec<UsedSet> {
        self.taken_for.map(|kind| UsedSet { name: self.name.clone(), kind }).into_iter().collect()
    }

    fn named(&self, _: &Name) -> Result<NamedSet, Malformed> {
        let mut flags = model::SetFlags::empty();
        flags.set(model::SetFlags::INTERVAL, self.interval);
        Ok(NamedSet { flags, key: self.key.clone(), values: self.values.clone() })
    }
}

impl Sets for Vec<KnownSet> {
    fn uses(&self) -> Vec<UsedSet> {
        self.iter().flat_map(Sets::uses).collect()
    }

    fn named(&self, name: &Name) -> Result<NamedSet, Malformed> {
        match self.iter().find(|set| set.name == *name) {
            Some(set) => set.named(name),
            None => refused(format!("nothing is known of the set {name}")),
        }
    }
}

impl MapInfo {
    fn fields(&self) -> impl Iterator<Item = FieldType> {
        self.ty.fields().filter_map(FieldType::of)
    }

    /// A value out of its register form.
    fn expression(&self, data: &Data) -> Expression {
        let value = match data {
            Data::Verdict(verdict) => return Expression::Verdict(verdict.clone()),
            Data::Value(value) => value,
        };
        let mut rest = &value[..];
        Expression::concat(self.fields().map(|ty| {
            let (bytes, _) = rest.split_at_checked(ty.width()).unwrap_or_default();
            let image = swapped(&ty, bytes, false);
            rest = rest.get(ty.width().next_multiple_of(4)..).unwrap_or_default();
            Expression::constant(ty, &image)
        }))
    }
}

/// The fields of a key.
pub(crate) fn key(parts: &[Part]) -> Expression {
    Expression::concat(parts.iter().map(Part::expression))
}
