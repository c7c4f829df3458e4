//! What a commit changed.

use super::{Chain, Element, Flowtable, Generation, Kind, MessageType, Object, Rule, Set, SetFlags, Table};
use crate::{
    data::{Family, Name},
    wire::{DecodeError, Malformed, attrs, message::Message},
};
use std::fmt;

/// What one commit changed, whoever made it.
///
/// Kernel: `nf_tables_commit`, which tells the group `NFNLGRP_NFTABLES` of each change and then of
/// the commit, since 3.18.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Transaction {
    /// The generation that it left: of one's own, that which
    /// [`Client::apply`](crate::Client::apply) reports.
    pub generation: Generation,
    /// The netlink port that it came from: of one's own, [`Client::port`](crate::Client::port).
    pub port: u32,
    /// The process that made it; of one with several threads the thread. Since 4.6.
    pub process: Option<u32>,
    /// The name of that process or thread, up to 15 bytes. Since 4.6.
    pub program: Option<Name>,
    /// What it changed, in the order of its operations.
    pub events: Vec<Event>,
}

/// One change.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// It is there now, as it is told. It may have been there before: a chain whose policy was
    /// changed, a set with a new comment, an element with a new timeout.
    Added(Item),
    /// It is gone, with all that was in it: what was in it is told as well, but for elements. With
    /// a chain that only one rule jumped to, nothing is told of its rules.
    ///
    /// A chain or flowtable that is told with devices lost only these.
    Deleted(Item),
}

/// What a change is about.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Item {
    /// A table.
    Table(Table),
    /// A chain.
    Chain(Box<Chain>),
    /// A rule. Its [`position`](Rule::position) is told if it is neither the first nor the last of
    /// its chain.
    Rule(Box<Rule>),
    /// A set or map.
    Set(Box<Set>),
    /// An element of a set or map.
    Element(Box<SetElement>),
    /// A named object.
    Object(Box<Object>),
    /// A flowtable.
    Flowtable(Box<Flowtable>),
    /// What this version cannot read, as it came.
    Unknown {
        /// Kind of the message.
        kind: MessageType,
        /// Its family.
        family: Family,
        /// Its attributes.
        attributes: Vec<u8>,
    },
}

/// An element and where it is.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SetElement {
    /// Family of the table.
    pub family: Family,
    /// Name of the table.
    pub table: Name,
    /// Name of the set or map.
    pub set: Name,
    /// The element, as the kernel holds it.
    pub element: Element,
}

impl Transaction {
    /// Whether it changed something of a table.
    pub fn changes(&self, table: &Table) -> bool {
        self.events.iter().any(|event| event.is_of(table))
    }
}

impl Event {
    /// What it is about.
    pub fn item(&self) -> &Item {
        match self {
            Self::Added(item) | Self::Deleted(item) => item,
        }
    }

    /// Whether it is about a table or something in it.
    pub fn is_of(&self, table: &Table) -> bool {
        self.item().place().is_some_and(|(family, name)| family == table.family && *name == table.name)
    }

    /// Reads a message of the group `NFNLGRP_NFTABLES`; one about elements may tell of several.
    pub(crate) fn read(message: &Message<'_>, mut each: impl FnMut(Self)) {
        let Some(number) = message.nft() else { return };
        let event = |item| {
            if MessageType::from(number).change().is_some_and(|(does, _)| does.removes()) {
                Self::Deleted(item)
            } else {
                Self::Added(item)
            }
        };
        match Item::read(number, Family::from(message.family()), message.attributes()) {
            Ok(items) => items.into_iter().map(event).for_each(each),
            Err(_) => each(event(Item::Unknown {
                kind: number.into(),
                family: message.family().into(),
                attributes: message.attributes().to_vec(),
            })),
        }
    }
}

impl Item {
    fn read(number: u8, family: Family, attributes: &[u8]) -> Result<Vec<Self>, DecodeError> {
        Ok(vec![match Kind::of(number).ok_or(Malformed::Header)? {
            Kind::Table => Self::Table(Table::decode_attrs(family, attributes)?),
            Kind::Chain => Self::Chain(Chain::decode_attrs(family, attributes)?.into()),
            Kind::Rule => Self::Rule(Rule::decode_attrs(family, attributes)?.into()),
            Kind::Set => Self::Set(Set::decode_attrs(family, attributes)?.into()),
            Kind::Object => Self::Object(Object::decode_attrs(family, attributes)?.into()),
            Kind::Flowtable => Self::Flowtable(Flowtable::decode_attrs(family, attributes)?.into()),
            Kind::Elements => return SetElement::read(family, attributes),
        }])
    }

    /// Family and name of the table that it is, or is in.
    pub fn place(&self) -> Option<(Family, &Name)> {
        Some(match self {
            Self::Table(table) => (table.family, &table.name),
            Self::Chain(chain) => (chain.family, &chain.table),
            Self::Rule(rule) => (rule.family, &rule.table),
            Self::Set(set) => (set.family, &set.table),
            Self::Element(of) => (of.family, &of.table),
            Self::Object(object) => (object.family, &object.table),
            Self::Flowtable(flowtable) => (flowtable.family, &flowtable.table),
            Self::Unknown { .. } => return None,
        })
    }
}

impl SetElement {
    fn read(family: Family, attributes: &[u8]) -> Result<Vec<Item>, DecodeError> {
        let part = |kind| attrs(attributes).flatten().find(|a| a.kind == kind).map(|a| a.payload);
        let name = |kind| {
            let text = part(kind).ok_or(Malformed::Missing)?;
            Ok::<_, Malformed>(Name::from(text.strip_suffix(&[0]).unwrap_or(text)))
        };
        let (table, set) = (name(1)?, name(2)?);
        let each = attrs(part(3).unwrap_or_default()).map(|entry| {
            let element = Element::decode_attrs(entry?.payload)?;
            Ok(Item::Element(Self { family, table: table.clone(), set: set.clone(), element }.into()))
        });
        each.collect()
    }
}

/// In the words of the errors: `rule inet host input handle 7`, `element inet agent blocked`.
impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (family, table) = match self.place() {
            Some(place) => place,
            None => return f.write_str("something unknown"),
        };
        match self {
            Self::Chain(chain) => write!(f, "chain {family} {table} {}", chain.name),
            Self::Rule(rule) => {
                write!(f, "rule {family} {table} {}", rule.chain)?;
                rule.handle.map_or(Ok(()), |handle| write!(f, " handle {handle}"))
            }
            Self::Set(set) => {
                let map = set.flags.unwrap_or_default().intersects(SetFlags::MAP | SetFlags::OBJECT);
                write!(f, "{} {family} {table} {}", if map { "map" } else { "set" }, set.name)
            }
            Self::Element(of) => write!(f, "element {family} {table} {}", of.set),
            Self::Object(object) => match object.kind {
                Some(kind) => write!(f, "{kind} {family} {table} {}", object.name),
                None => write!(f, "object {family} {table} {}", object.name),
            },
            Self::Flowtable(flowtable) => write!(f, "flowtable {family} {table} {}", flowtable.name),
            Self::Table(_) | Self::Unknown { .. } => write!(f, "table {family} {table}"),
        }
    }
}

/// `added rule inet host input handle 7`, `deleted set inet agent blocked`.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let happened = if matches!(self, Self::Added(_)) { "added" } else { "deleted" };
        write!(f, "{happened} {}", self.item())
    }
}
