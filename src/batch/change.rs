//! The messages of a batch by name: what each does, and to what.
//!
//! It is read where it lies, and only what is asked for is decoded. All that looks into a batch
//! reads it by this: the graph of jumps, the deletes within intervals, simulated plans, errors,
//! batches of other libraries.

use super::Batch;
use crate::{
    data::{Family, Name},
    expr::ObjectType,
    model::{Chain, Does, Element, Flowtable, Kind, LIST, MessageType, Object, Rule, Set, SetFlags, Table},
    wire::{
        DecodeError, Spec, attrs,
        message::{self, F_EXCL, Message},
    },
};

/// The number of a field in a table of attributes.
const fn number(table: &[Spec], field: &str) -> u16 {
    let mut row = 0;
    while row < table.len() {
        if same(table[row].field.as_bytes(), field.as_bytes()) {
            return table[row].number;
        }
        row += 1;
    }
    panic!("the table has no such field")
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

const _: () = {
    let tables = [Chain::TABLE, Rule::TABLE, Set::TABLE, LIST, Object::TABLE, Flowtable::TABLE];
    let mut at = 0;
    while at < tables.len() {
        assert!(number(tables[at], "table") == Change::TABLE);
        at += 1;
    }
};

/// One message of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change<'a> {
    pub does: Does,
    pub kind: Kind,
    pub message: Message<'a>,
}

impl Change<'_> {
    /// The attribute with the name of the table, the same in every message.
    pub const TABLE: u16 = number(Table::TABLE, "name");
}

impl<'a> Change<'a> {
    /// Reads a message; `None` if it is none of nf_tables, or changes nothing.
    pub fn read(message: Message<'a>) -> Option<Self> {
        let (does, kind) = MessageType::from(message.nft()?).change()?;
        Some(Self { does, kind, message })
    }

    pub fn seq(&self) -> u32 {
        self.message.seq
    }

    pub fn family(&self) -> Family {
        self.message.family().into()
    }

    /// Whether it is refused if the thing is there already.
    pub fn is_exclusive(&self) -> bool {
        self.message.flags & F_EXCL != 0
    }

    fn get(&self, attribute: u16) -> Option<&'a [u8]> {
        attrs(self.message.attributes()).flatten().find(|a| a.kind == attribute).map(|a| a.payload)
    }

    fn text(&self, attribute: u16) -> Option<Name> {
        self.get(attribute).map(|text| Name::from(text.strip_suffix(&[0]).unwrap_or(text)))
    }

    fn number(&self, attribute: u16) -> Option<u32> {
        self.get(attribute)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// Its table.
    pub fn table(&self) -> Option<Name> {
        self.text(Self::TABLE)
    }

    /// The attribute with its name; of a rule, that of its chain, of elements that of their set.
    pub fn name_attribute(&self) -> u16 {
        match self.kind {
            Kind::Table => Self::TABLE,
            Kind::Chain => const { number(Chain::TABLE, "name") },
            Kind::Rule => const { number(Rule::TABLE, "chain") },
            Kind::Set => const { number(Set::TABLE, "name") },
            Kind::Elements => const { number(LIST, "set") },
            Kind::Object => const { number(Object::TABLE, "name") },
            Kind::Flowtable => const { number(Flowtable::TABLE, "name") },
        }
    }

    /// Its name; of a rule, that of its chain, of elements that of their set.
    pub fn name(&self) -> Option<Name> {
        self.text(self.name_attribute())
    }

    pub fn handle(&self) -> Option<u64> {
        let attribute = match self.kind {
            Kind::Table => const { number(Table::TABLE, "handle") },
            Kind::Chain => const { number(Chain::TABLE, "handle") },
            Kind::Rule => const { number(Rule::TABLE, "handle") },
            Kind::Set => const { number(Set::TABLE, "handle") },
            Kind::Object => const { number(Object::TABLE, "handle") },
            Kind::Flowtable => const { number(Flowtable::TABLE, "handle") },
            Kind::Elements => return None,
        };
        self.get(attribute)?.try_into().ok().map(u64::from_be_bytes)
    }

    /// The number by which the batch names a chain or a set; of a rule, that of its chain, of
    /// elements that of their set.
    pub fn id(&self) -> Option<u32> {
        self.number(match self.kind {
            Kind::Chain => const { number(Chain::TABLE, "id") },
            Kind::Rule => const { number(Rule::TABLE, "chain_id") },
            Kind::Set => const { number(Set::TABLE, "id") },
            Kind::Elements => const { number(LIST, "set_id") },
            Kind::Table | Kind::Object | Kind::Flowtable => return None,
        })
    }

    /// The number that a rule has in its batch.
    pub fn rule_id(&self) -> Option<u32> {
        (self.kind == Kind::Rule).then(|| self.number(const { number(Rule::TABLE, "id") })).flatten()
    }

    /// Whether a rule says what it does.
    pub fn has_exprs(&self) -> bool {
        self.kind == Kind::Rule && self.get(const { number(Rule::TABLE, "exprs") }).is_some()
    }

    /// The type of an object.
    pub fn object_type(&self) -> Option<ObjectType> {
        let kind = || self.number(const { number(Object::TABLE, "kind") }).map(ObjectType::from);
        (self.kind == Kind::Object).then(kind).flatten()
    }

    /// The flags of a set.
    pub fn set_flags(&self) -> SetFlags {
        let flags = || self.number(const { number(Set::TABLE, "flags") }).unwrap_or_default();
        if self.kind == Kind::Set { flags().into() } else { SetFlags::empty() }
    }

    /// Whether it has something to say of devices.
    pub fn has_hook(&self) -> bool {
        let attribute = match self.kind {
            Kind::Chain => const { number(Chain::TABLE, "hook") },
            Kind::Flowtable => const { number(Flowtable::TABLE, "hook") },
            _ => return false,
        };
        self.get(attribute).is_some()
    }

    /// The list of elements in bytes, if it has one.
    pub fn list(&self) -> Option<&'a [u8]> {
        (self.kind == Kind::Elements).then(|| self.get(const { number(LIST, "elements") })).flatten()
    }

    /// The elements of its list.
    pub fn elements(&self) -> impl Iterator<Item = Result<Element, DecodeError>> + use<'a> {
        attrs(self.list().unwrap_or_default()).map(|entry| Element::decode_attrs(entry?.payload))
    }

    /// Whether it removes all tables, of a family or of all.
    pub fn flushes_ruleset(&self) -> bool {
        self.kind == Kind::Table && self.does.removes() && self.table().is_none() && self.handle().is_none()
    }

    /// Whether it removes all rules of a chain or a table, or all elements of a set.
    pub fn flushes(&self) -> bool {
        self.does == Does::Delete
            && match self.kind {
                Kind::Rule => self.handle().is_none() && self.rule_id().is_none(),
                Kind::Elements => self.list().is_none(),
                _ => false,
            }
    }

    pub fn as_table(&self) -> Result<Table, DecodeError> {
        Table::decode_attrs(self.family(), self.message.attributes())
    }

    pub fn as_chain(&self) -> Result<Chain, DecodeError> {
        Chain::decode_attrs(self.family(), self.message.attributes())
    }

    pub fn as_rule(&self) -> Result<Rule, DecodeError> {
        Rule::decode_attrs(self.family(), self.message.attributes())
    }

    pub fn as_set(&self) -> Result<Set, DecodeError> {
        Set::decode_attrs(self.family(), self.message.attributes())
    }

    pub fn as_object(&self) -> Result<Object, DecodeError> {
        Object::decode_attrs(self.family(), self.message.attributes())
    }

    pub fn as_flowtable(&self) -> Result<Flowtable, DecodeError> {
        Flowtable::decode_attrs(self.family(), self.message.attributes())
    }
}

impl Batch {
    /// The messages, in order.
    pub(crate) fn changes(&self) -> impl Iterator<Item = Change<'_>> {
        message::messages(self.body().0).flatten().filter_map(Change::read)
    }
}
