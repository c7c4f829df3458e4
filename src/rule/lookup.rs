//! Membership in sets and values of maps, named or made for one rule.

use super::{
    hash::Hash,
    select::Chosen,
    statement::{ByVersion, Holds, Operand, Piece},
};
use crate::{
    batch::SetKind,
    compile::{MapValues, NamedSet, Sets, Slot, lower::UsedSet},
    data::*,
    lang::{
        field::IpVersion,
        refused,
        selector::Selected,
        tree::{Expression, Item},
    },
    model,
    set::{
        SetRef,
        key::{Key, MapValue, swapped, version_name},
        pattern::{RawPattern, Shape},
    },
    wire::Malformed,
};

/// What is looked up: fields, or their hash.
#[derive(Clone, Debug)]
pub(crate) struct KeyOf {
    parts: Vec<Selected>,
    pub hash: Option<Hash>,
}

impl From<Vec<Chosen>> for KeyOf {
    fn from(chosen: Vec<Chosen>) -> Self {
        Self { parts: chosen.into_iter().map(|chosen| chosen.0).collect(), hash: None }
    }
}

impl From<Hash> for KeyOf {
    fn from(hash: Hash) -> Self {
        Self { parts: vec![Hash::part()], hash: Some(hash) }
    }
}

/// An element of a set that is made for one rule, with what a map has for it.
pub(crate) type RawItem = (RawPattern, Option<Expression>);

impl KeyOf {
    pub fn is_dual(&self) -> bool {
        self.parts.iter().any(|part| part.dual) || self.hash.as_ref().is_some_and(Hash::is_dual)
    }

    /// The field, if it is one.
    pub fn single(&self) -> Option<&Selected> {
        if let [only] = &self.parts[..] { Some(only) } else { None }
    }

    fn resolved(&self, version: Option<IpVersion>) -> impl Iterator<Item = Selected> + '_ {
        self.parts.iter().map(move |part| part.resolve(version))
    }

    pub fn expression(&self, version: Option<IpVersion>) -> Expression {
        match &self.hash {
            Some(hash) => hash.expression(version),
            None => Expression::concat(self.resolved(version).map(|part| part.expression())),
        }
    }

    pub fn slots(&self, version: Option<IpVersion>) -> Vec<Slot> {
        self.resolved(version).map(|part| Slot::of(part.ty)).collect()
    }

    /// The elements that can stand in the set of one version.
    pub fn fitting<'i>(&self, items: &'i [RawItem], version: Option<IpVersion>) -> Vec<&'i RawItem> {
        let fits = |raw: &RawPattern| {
            let Some(version) = version else { return true };
            raw.fields().zip(&self.parts).all(|(field, part)| !part.dual || field.lo.len() == version.address_len())
        };
        items.iter().filter(|(raw, _)| fits(raw)).collect()
    }

    /// Looked up in a set that is made of these elements, out of so many.
    pub fn anonymous(&self, items: &[&RawItem], of: usize, version: Option<IpVersion>) -> Piece<Looked> {
        let parts: Vec<_> = self.resolved(version).collect();
        let check = items.iter().try_for_each(|(raw, _)| {
            if !raw.is_sound() || raw.len() != parts.len() {
                return refused("an element whose bounds do not belong together");
            }
            raw.check_prefixes()?;
            if raw.fields().any(|field| field.shape == Shape::Masked) {
                return refused("masked bits cannot stand in a set");
            }
            Ok(())
        });
        let items = items.iter().map(|(raw, data)| {
            let key = Expression::concat(raw.fields().zip(&parts).map(|(field, part)| field.named(part.ty)));
            Item { data: data.clone(), ..Item::from(key) }
        });
        let set = Expression::Set(items.collect());
        let holds = match &set {
            Expression::Set(left) if left.is_empty() && of > 0 => Holds::Never,
            _ => Holds::Maybe,
        };
        Piece { holds, ..Piece::new(Looked { key: self.expression(version), of: set }) }.checked(check)
    }

    /// Looked up in a map that is made for one rule.
    pub fn in_items(&self, items: impl IntoIterator<Item = RawItem>) -> Lookup {
        let items: Vec<_> = items.into_iter().collect();
        ByVersion::new(self.is_dual(), |version| self.anonymous(&self.fitting(&items, version), items.len(), version))
    }

    /// Looked up in a set or a map that has a name.
    pub fn in_named<K: Key>(&self, set: &SetRef<K>, values: Option<MapValues>) -> Lookup {
        ByVersion::new(self.is_dual(), |version| {
            let known = KnownSet::new(set, version, self.slots(version), values.clone());
            let looked = Looked { key: self.expression(version), of: Expression::Named(known.name.clone()) };
            Piece { sets: vec![known], ..Piece::new(looked) }
        })
    }
}

/// A key, and the set or the map that it is looked up in.
#[derive(Clone, Debug)]
pub(crate) struct Looked {
    pub key: Expression,
    pub of: Expression,
}

pub(crate) type Lookup = ByVersion<Piece<Looked>>;

impl Lookup {
    /// The value that the map has.
    pub fn value(self) -> Operand {
        let map = |Looked { key, of }| Expression::Map { key: Box::new(key), of: Box::new(of) };
        self.map(|piece| piece.map(map))
    }
}

/// What is known of the values of a map.
pub(crate) fn values_of<V: MapValue>() -> MapValues {
    match V::TYPE {
        DataType::VERDICT => MapValues::Verdict,
        ty => MapValues::Slots(ty.fields().filter_map(FieldType::of).map(Slot::of).collect(), false),
    }
}

/// A value of a map, out of the form that registers have.
pub(crate) fn value_expression<V: MapValue>(value: &V) -> Expression {
    let value = match value.data() {
        Data::Verdict(verdict) => return Expression::Verdict(verdict),
        Data::Value(value) => value,
    };
    let mut rest = &value[..];
    Expression::concat(V::TYPE.fields().filter_map(FieldType::of).map(|ty| {
        let (bytes, _) = rest.split_at_checked(ty.width()).unwrap_or_default();
        let image = swapped(&ty, bytes, false);
        rest = rest.get(ty.width().next_multiple_of(4)..).unwrap_or_default();
        Expression::named(ty, &image)
    }))
}

/// A named set, as its rule knows it.
#[derive(Clone, Debug)]
pub(crate) struct KnownSet {
    pub name: Name,
    pub interval: bool,
    /// What has to be true of it in the kernel; `None` of a set that comes with the statement.
    pub taken_for: Option<SetKind>,
    pub values: Option<MapValues>,
    pub key: Vec<Slot>,
}

impl KnownSet {
    pub fn new<K: Key>(set: &SetRef<K>, version: Option<IpVersion>, key: Vec<Slot>, values: Option<MapValues>) -> Self {
        let name = version_name(&set.name, K::DUAL, version);
        Self { name, interval: set.interval, taken_for: Some(set.taken_for(version)), values, key }
    }
}

impl Sets for Vec<KnownSet> {
    fn uses(&self) -> Vec<UsedSet> {
        self.iter().filter_map(|set| Some(UsedSet { name: set.name.clone(), kind: set.taken_for? })).collect()
    }

    fn named(&self, name: &Name) -> Result<NamedSet, Malformed> {
        let Some(set) = self.iter().find(|set| set.name == *name) else {
            return refused(format!("nothing is known of the set {name}"));
        };
        let mut flags = model::SetFlags::empty();
        flags.set(model::SetFlags::INTERVAL, set.interval);
        Ok(NamedSet { flags, key: set.key.clone(), values: set.values.clone() })
    }
}
