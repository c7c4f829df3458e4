//! Batches: what is to be changed, in order, all of it or nothing.
//!
//! A batch is written as it is filled, so it takes the memory of its netlink messages and little more.

mod cut;
mod describe;
mod graph;
mod item;

pub(crate) use cut::Part;
pub(crate) use describe::{Fields, describe};
pub(crate) use graph::{Flaw, Present, place_of};
pub use item::{Add, Create, Delete, Elements, Flush, Insert};
pub(crate) use item::{Item, Place, SetName};

use crate::{
    data::{DataType, Family, Name},
    expr::Expr,
    model::{self, Chain, Generation, Set, Table},
    wire::{
        EncodeError, Form, Malformed, Step, Writer, attrs,
        message::{self, F_CREATE, F_ECHO, F_EXCL, F_REQUEST, SUBSYSTEM},
    },
};
use std::{collections::HashSet, fmt};

/// Changes that the kernel makes all at once, or not at all.
///
/// The verbs are nft's. Each method appends one operation and gives the batch back, so calls can be chained:
///
/// ```
/// use oxitables::{Batch, Family, Hook, Policy, Priority, Table};
///
/// let host = Table::new(Family::Inet, "host");
/// let input = host.chain("input").with_hook(Hook::Input, Priority::FILTER).with_policy(Policy::Drop);
/// let mut batch = Batch::new();
/// batch.add(&host).add(&input);
/// assert_eq!(batch.len(), 2);
/// ```
///
/// What has no form on the wire (a name that is too long, a zero timeout) is remembered and reported by
/// [`Client::apply`](crate::Client::apply), together with everything else that is wrong, before anything is sent.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The messages between the begin and the end marker.
    out: Vec<u8>,
    operations: Vec<Operation>,
    /// Messages written; their sequence numbers are 1 to this.
    messages: u32,
    /// Where the last message starts.
    last: usize,
    /// Ids given to anonymous sets.
    ids: u32,
    /// Chains that rules brought along.
    made: HashSet<(Family, Name, Name)>,
    expected: Option<Generation>,
    assumptions: Vec<Assumption>,
    /// Tables with the names and families of those of iptables-nft, and the first operation on each.
    classic: Vec<(usize, Table)>,
    /// Which operations flush the ruleset, and of which family.
    flushed: Vec<(usize, Option<Family>)>,
    /// Interval sets that elements are deleted from.
    cut: Vec<(Family, Name, Name)>,
    /// Operations that have no form on the wire, and why.
    refused: Vec<(usize, EncodeError)>,
}

/// What a batch is about.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    /// The tables that it names.
    pub(crate) tables: Vec<Table>,
    /// The sets whose elements it changes.
    pub(crate) sets: Vec<(Family, Name, Name)>,
    /// The families of which it removes tables without naming them: all, or one by its handle. `None` is every family.
    pub(crate) flushed: Vec<Option<Family>>,
}

/// One operation: a run of messages.
#[derive(Clone, Copy, Debug)]
struct Operation {
    verb: Verb,
    /// Sequence number of its first message.
    seq: u32,
    /// Where that message starts.
    offset: usize,
}

/// What a caller believes of a set, and which operation relies on it first.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Assumption {
    pub(crate) operation: usize,
    pub(crate) table: Table,
    pub(crate) set: Name,
    /// Type of its keys.
    pub(crate) key_type: DataType,
    /// It holds intervals. Concatenated keys have a form of their own for these, which cannot be taken for another.
    pub(crate) interval: Option<bool>,
}

/// What an operation does, in nft's words.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Verb {
    /// Make it; it may be there already.
    Add,
    /// Make it; it must not be there.
    Create,
    /// Put a rule at the front, or before another.
    Insert,
    /// Put a rule in the place of another.
    Replace,
    /// Remove it; it must be there.
    Delete,
    /// Remove it if it is there. Since 6.3.
    Destroy,
    /// Remove what is in it.
    Flush,
    /// Put an element in, or restart its time.
    Refresh,
    /// Give it another name.
    Rename,
    /// Change what is there, in a [plan](crate::reconcile::Plan).
    Update,
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Add => "add",
            Self::Create => "create",
            Self::Insert => "insert",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Destroy => "destroy",
            Self::Flush => "flush",
            Self::Refresh => "refresh",
            Self::Rename => "rename",
            Self::Update => "update",
        })
    }
}

/// `NFTA_SET_ELEM_LIST_ELEMENTS` is an attribute: its length has 16 bits.
const LIST_MAX: usize = u16::MAX as usize - 4;

/// Where the parts of a message with a list of elements start.
#[derive(Clone, Copy)]
struct List {
    message: usize,
    list: usize,
    first: usize,
}

impl List {
    fn close(self, out: &mut Writer) {
        out.close(self.list);
        message::finish(out, self.message);
    }
}

/// The name that iptables-nft may have given to a table of a family, if it and a zero byte come first.
fn classic_name(family: Family, bytes: &[u8]) -> Option<&'static [u8]> {
    const NAMES: &[&[u8]] = &[b"filter\0", b"nat\0", b"mangle\0", b"raw\0", b"security\0", b"broute\0"];
    let families = matches!(family, Family::Ip | Family::Ip6 | Family::Arp | Family::Bridge);
    let name = NAMES.iter().filter(|_| families).find(|name| bytes.starts_with(name))?;
    name.strip_suffix(b"\0")
}

/// Whether a table may be one of iptables-nft.
pub(crate) fn is_classic(table: &Table) -> bool {
    classic_name(table.family, &[table.name.as_bytes(), b"\0"].concat()).is_some()
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

impl Batch {
    /// Nothing yet.
    pub fn new() -> Self {
        Self {
            out: Vec::new(),
            operations: Vec::new(),
            messages: 0,
            last: 0,
            ids: 0,
            expected: None,
            assumptions: Vec::new(),
            cut: Vec::new(),
            classic: Vec::new(),
            flushed: Vec::new(),
            refused: Vec::new(),
            made: HashSet::new(),
        }
    }

    /// How many operations it has.
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Whether it has no operation.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Its size on the wire in bytes, for what the socket's send buffer must hold.
    pub fn wire_len(&self) -> usize {
        self.begin(self.expected, self.expected.is_some()).len() + self.out.len() + message::ATTRIBUTES
    }

    /// How many netlink messages it has.
    pub(crate) fn messages(&self) -> u32 {
        self.messages
    }

    /// Commits only if the ruleset is still of this generation, else nothing is done and the error
    /// [is stale](crate::Error::is_stale). Read it with [`Client::generation`](crate::Client::generation) before you
    /// read what the batch is made from.
    ///
    /// Packets that change sets, expiry of elements and owners that go do not raise the generation. Since 4.15.
    pub fn expect(&mut self, generation: Generation) -> &mut Self {
        self.expected = Some(generation);
        self
    }

    /// The generation it is bound to.
    pub fn expected(&self) -> Option<Generation> {
        self.expected
    }

    /// Makes a table, chain, set, map, rule (at the end of its chain), elements, object or flowtable; what is there already,
    /// except for rules, stays as it is.
    ///
    /// Some of it can be changed so: the policy and the devices of a chain, the flags of a table, the devices of a flowtable, the
    /// size of a set (from the next batch on), and objects that are a quota or a SYN proxy. Since 6.12 also the time of an element: one
    /// that is added with another timeout than it has starts again with that, and one that is added without, to a set that has none
    /// either, stays for ever. An element of a map that is there with another value is refused.
    pub fn add(&mut self, item: impl Add) -> &mut Self {
        item.put(Verb::Add, Place::Back, self);
        self
    }

    /// Makes it, and fails if it is there already.
    pub fn create(&mut self, item: impl Create) -> &mut Self {
        item.put(Verb::Create, Place::Back, self);
        self
    }

    /// Puts a rule at the front of its chain.
    pub fn insert(&mut self, rule: impl Insert) -> &mut Self {
        rule.put(Verb::Insert, Place::Front, self);
        self
    }

    /// Puts a rule right before the one with this handle.
    pub fn insert_before(&mut self, handle: u64, rule: impl Insert) -> &mut Self {
        rule.put(Verb::Insert, Place::Before(handle), self);
        self
    }

    /// Puts a rule right after the one with this handle.
    pub fn add_after(&mut self, handle: u64, rule: impl Insert) -> &mut Self {
        rule.put(Verb::Add, Place::After(handle), self);
        self
    }

    /// Puts a rule in the place of the one with this handle, which the new one keeps.
    pub fn replace(&mut self, handle: u64, rule: impl Insert) -> &mut Self {
        rule.put(Verb::Replace, Place::Of(handle), self);
        self
    }

    /// Removes a table, chain, set, rule, object, flowtable or elements; fails if it is not there or in use.
    ///
    /// A table and a chain go with all that is in them. Intervals are deleted as they were added: a part of one, or more than
    /// one, is refused, since the kernel would remove more than that, or half of it.
    pub fn delete(&mut self, item: impl Delete) -> &mut Self {
        item.put(Verb::Delete, Place::Back, self);
        self
    }

    /// Removes the rule with this handle from a chain.
    pub fn delete_rule(&mut self, chain: &Chain, handle: u64) -> &mut Self {
        self.delete(model::Rule { handle: Some(handle), ..model::Rule::new(chain, Vec::<Expr>::new()) })
    }

    /// Removes it if it is there. Its table must exist. Since kernel 6.3.
    pub fn destroy(&mut self, item: impl Delete) -> &mut Self {
        item.put(Verb::Destroy, Place::Back, self);
        self
    }

    /// Removes all rules of a table or chain, or all elements of a set.
    pub fn flush(&mut self, item: impl Flush) -> &mut Self {
        item.put(Verb::Flush, Place::Back, self);
        self
    }

    /// Removes all tables of a family, or all tables, with all that is in them; those that belong to another program's
    /// connection stay. nft's `flush ruleset`.
    ///
    /// Where iptables-nft or Docker keep tables, [`Client::apply`](crate::Client::apply) refuses it, unless
    /// [told otherwise](crate::Client::allow_iptables).
    pub fn flush_ruleset(&mut self, family: Option<Family>) -> &mut Self {
        self.flushed.push((self.operations.len(), family));
        self.operation(Verb::Flush);
        // A message about tables that names none means all of them: the one place where this is meant.
        let mut out = Writer::reuse(std::mem::take(&mut self.out), Form::Request);
        let start = self.begin_any(&mut out, 2, 0, family.map_or(0, u8::from));
        message::finish(&mut out, start);
        self.out = out.into_parts().0;
        self
    }

    /// Gives a chain another name; the chain must come from a listing, since it takes its handle. Rules that jump to it still do.
    pub fn rename(&mut self, chain: &Chain, name: impl Into<Name>) -> &mut Self {
        chain.rename(&name.into(), self);
        self
    }

    pub(crate) fn refused(&self) -> &[(usize, EncodeError)] {
        &self.refused
    }

    /// Notes what the next operation relies on; once for each set.
    pub(crate) fn assume(&mut self, table: Table, set: &Name, key_type: DataType, interval: Option<bool>) {
        let operation = self.operations.len();
        let assumption = Assumption { operation, table, set: set.clone(), key_type, interval };
        if !self.assumptions.iter().any(|known| Assumption { operation, ..known.clone() } == assumption) {
            self.assumptions.push(assumption);
        }
    }

    /// Notes that intervals of a set are deleted, for which the kernel does not ask whether all of each is meant.
    pub(crate) fn cuts(&mut self, set: &SetName<'_>) {
        let set = (set.family, set.table.clone(), set.name.clone());
        if !self.cut.contains(&set) {
            self.cut.push(set);
        }
    }

    /// Notes a message about a table that iptables-nft may keep; the name of the table comes first in every message.
    fn note_classic(&mut self, family: Family, message: usize) {
        let payload = self.out.get(message + message::ATTRIBUTES + 4..).unwrap_or_default();
        if let Some(name) = classic_name(family, payload) {
            let table = Table::new(family, name);
            if !self.classic.iter().any(|(_, known)| *known == table) {
                self.classic.push((self.operations.len().saturating_sub(1), table));
            }
        }
    }

    pub(crate) fn flushed(&self) -> &[(usize, Option<Family>)] {
        &self.flushed
    }

    pub(crate) fn classic_tables(&self) -> &[(usize, Table)] {
        &self.classic
    }

    /// What it is about.
    pub(crate) fn touched(&self) -> Touched {
        let Touched { mut tables, mut sets, mut flushed } = Touched::default();
        for (nft, message, fields) in self.each() {
            let family = Family::from(message.family());
            let Some(name) = fields.name(1) else {
                flushed.push((message.family() != 0).then_some(family));
                continue;
            };
            let mut table = Table::new(family, name);
            if nft == 0 {
                table = Table::decode_attrs(family, message.attributes()).unwrap_or(table);
            }
            if let (12 | 14 | 30, Some(set)) = (nft, fields.name(2)) {
                let set = (family, table.name.clone(), set);
                if sets.last() != Some(&set) && !sets.contains(&set) {
                    sets.push(set);
                }
            }
            let known =
                tables.iter_mut().find(|known: &&mut Table| (known.family, &known.name) == (family, &table.name));
            match known {
                // Said with flags counts.
                Some(known) if table.flags.is_some() => *known = table,
                Some(_) => {}
                None => tables.push(table),
            }
        }
        Touched { tables, sets, flushed }
    }

    /// Does what another batch does after this one, which has given no numbers to sets.
    pub(crate) fn append(&mut self, other: Self) {
        let (start, messages, operations) = (self.out.len(), self.messages, self.operations.len());
        self.out.extend_from_slice(&other.out);
        let mut at = start;
        while let Some(&[a, b, c, d]) = self.out.get(at..at + 4) {
            let len = u32::from_ne_bytes([a, b, c, d]) as usize;
            let seq = &mut self.out[at + 8..at + 12];
            let number = u32::from_ne_bytes([seq[0], seq[1], seq[2], seq[3]]) + messages;
            seq.copy_from_slice(&number.to_ne_bytes());
            at += len.next_multiple_of(4);
        }
        self.operations.extend(other.operations.iter().map(|op| Operation {
            seq: op.seq + messages,
            offset: op.offset + start,
            ..*op
        }));
        self.messages += other.messages;
        if other.messages > 0 {
            self.last = other.last + start;
        }
        self.ids += other.ids;
        self.refused.extend(other.refused.into_iter().map(|(operation, error)| (operation + operations, error)));
        self.cut.extend(other.cut);
        self.classic.extend(other.classic.into_iter().map(|(operation, table)| (operation + operations, table)));
        self.flushed.extend(other.flushed.into_iter().map(|(operation, family)| (operation + operations, family)));
        self.assumptions.extend(
            other.assumptions.into_iter().map(|known| Assumption { operation: known.operation + operations, ..known }),
        );
        self.made.extend(other.made);
    }

    pub(crate) fn cut_sets(&self) -> &[(Family, Name, Name)] {
        &self.cut
    }

    pub(crate) fn assumptions(&self) -> &[Assumption] {
        &self.assumptions
    }

    /// A number for a set of this batch that has no name yet.
    pub(crate) fn new_id(&mut self) -> u32 {
        self.ids = self.ids.wrapping_add(1);
        self.ids
    }

    /// Leaves out a number that somebody else has given.
    pub(crate) fn reserve_id(&mut self, id: Option<u32>) {
        self.ids = self.ids.max(id.unwrap_or(0));
    }

    /// Whether a chain that rules bring along is not in this batch yet.
    pub(crate) fn is_first(&mut self, chain: &Chain) -> bool {
        self.made.insert((chain.family, chain.table.clone(), chain.name.clone()))
    }

    /// Starts an operation; the messages that follow are its.
    pub(crate) fn operation(&mut self, verb: Verb) {
        self.operations.push(Operation { verb, seq: self.messages + 1, offset: self.out.len() });
    }

    /// Writes one message of the current operation.
    pub(crate) fn message(&mut self, kind: u8, flags: u16, family: Family, body: impl FnOnce(&mut Writer)) {
        let mut out = Writer::reuse(std::mem::take(&mut self.out), Form::Request);
        let start = self.begin_message(&mut out, kind, flags, family);
        body(&mut out);
        message::finish(&mut out, start);
        let (buf, error) = out.into_parts();
        self.out = buf;
        self.note_classic(family, start);
        if let Some(error) = error {
            self.refuse(error);
        }
    }

    fn begin_message(&mut self, out: &mut Writer, kind: u8, flags: u16, family: Family) -> usize {
        let start = self.begin_any(out, kind, flags, family.into());
        if matches!(family, Family::Unknown(_)) {
            // Family 0 would mean every family: a delete would go through all of them.
            out.refuse(Malformed::Refused("the family of a change has to be named".into()));
        }
        start
    }

    fn begin_any(&mut self, out: &mut Writer, kind: u8, flags: u16, family: u8) -> usize {
        self.messages += 1;
        self.last = out.len();
        // For the first message of a small batch, instead of growing from nothing to eight bytes, to sixteen…
        out.reserve(256);
        message::begin(out, SUBSYSTEM << 8 | u16::from(kind), F_REQUEST | flags, self.messages, family, 0)
    }

    /// Makes it a batch that nobody can apply: the operation added last is in error, for this reason. For what makes batches of what
    /// people say, and cannot make sense of it.
    ///
    /// ```
    /// # oxitables::testing::in_namespace(|| {
    /// use oxitables::{Batch, Client, Family, Table};
    /// let mut batch = Batch::new();
    /// batch.add(Table::new(Family::Inet, "shop")).invalid("a shop without a door");
    /// let error = Client::open().unwrap().apply(&batch).unwrap_err();
    /// let said = "nothing was changed: add table inet shop (operation 1 of 1): a shop without a door";
    /// assert_eq!(error.to_string(), said);
    /// # });
    /// ```
    pub fn invalid(&mut self, why: impl Into<String>) -> &mut Self {
        self.refuse(Malformed::Refused(why.into().into()).into());
        self
    }

    /// Records that the current operation has no form on the wire.
    pub(crate) fn refuse(&mut self, error: EncodeError) {
        self.refused.push((self.operations.len().saturating_sub(1), error));
    }

    /// Writes elements as one operation: as many messages as the 16-bit length of a list asks for, split between items.
    ///
    /// `write` appends the list entries of one item; an error is reported as that of the item.
    pub(crate) fn elements<T>(
        &mut self,
        verb: Verb,
        set: &SetName<'_>,
        items: impl IntoIterator<Item = T>,
        write: impl FnMut(&T, &mut Writer) -> Result<(), Malformed>,
    ) {
        self.operation(verb);
        self.element_messages(verb, set, items, write);
    }

    /// The same within the current operation.
    pub(crate) fn element_messages<T>(
        &mut self,
        verb: Verb,
        set: &SetName<'_>,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&T, &mut Writer) -> Result<(), Malformed>,
    ) {
        let (kind, flags) = match verb {
            Verb::Create => (12, F_CREATE | F_EXCL),
            Verb::Delete => (14, 0),
            Verb::Destroy => (30, 0),
            _ => (12, F_CREATE),
        };
        let before = (self.messages, self.last);
        let mut out = Writer::reuse(std::mem::take(&mut self.out), Form::Request);
        let mut wrong = Vec::new();
        let mut open = |out: &mut Writer, wrong: &mut Vec<EncodeError>| {
            let message = self.begin_message(out, kind, flags, set.family);
            set.write(out);
            wrong.extend(out.take_error());
            let list = out.open(out.nested(3));
            List { message, list, first: out.len() }
        };
        let mut list = None;
        for (index, item) in items.into_iter().enumerate() {
            let current = list.unwrap_or_else(|| open(&mut out, &mut wrong));
            list = Some(current);
            let start = out.len();
            let written = write(&item, &mut out);
            if let Some(error) = written.err().map(EncodeError::from).or_else(|| out.take_error()) {
                out.truncate(start);
                wrong.push(error.within(Step::Index(index)).within(Step::Field("elements")));
            } else if out.len() - current.first > LIST_MAX && start > current.first {
                // Full: this item starts the next message.
                let item = out.split_off(start);
                current.close(&mut out);
                list = Some(open(&mut out, &mut wrong));
                out.bytes(&item);
            }
        }
        match list {
            // No item is for this set, as where a pair of them shares a list. One that is refused keeps its message: the
            // error names the set by it.
            Some(list) if out.len() == list.first && wrong.is_empty() => {
                out.truncate(list.message);
                (self.messages, self.last) = before;
            }
            Some(list) => list.close(&mut out),
            None => {}
        }
        let (buf, error) = out.into_parts();
        self.out = buf;
        if before.0 < self.messages {
            self.note_classic(set.family, self.last);
        }
        wrong.into_iter().chain(error).for_each(|error| self.refuse(error));
    }

    /// `NFNL_MSG_BATCH_BEGIN`, sequence number 0; with `echo` also what makes the kernel tell the generation of the commit.
    pub(crate) fn begin(&self, expected: Option<Generation>, echo: bool) -> Vec<u8> {
        let mut out = Writer::new(Form::Request);
        let begin = message::begin(&mut out, 0x10, F_REQUEST, 0, 0, SUBSYSTEM);
        if let Some(generation) = expected {
            out.attr(1, "generation", |out| out.bytes(&generation.0.to_be_bytes()));
        }
        message::finish(&mut out, begin);
        if echo {
            // The kernel sends the new generation to the sender of a batch whose first message asks for an echo. To ask for
            // that on a message of the caller's would also echo all that it makes. This one makes nothing: it destroys
            // the table with handle 0, and handles count from 1. The handle is what counts; the name is there because a
            // message without either would mean every table.
            let (kind, flags) = (SUBSYSTEM << 8 | 26, F_REQUEST | F_ECHO);
            let destroy = message::begin(&mut out, kind, flags, Self::ECHO_SEQ, Family::Inet.into(), 0);
            out.attr(1, "name", |out| out.bytes(b"no table of this name\0"));
            out.attr(4, "handle", |out| out.bytes(&[0; 8]));
            message::finish(&mut out, destroy);
        }
        out.into_parts().0
    }

    /// Sequence number of what is added to a batch to learn its generation.
    pub(crate) const ECHO_SEQ: u32 = u32::MAX;

    /// `NFNL_MSG_BATCH_END`, numbered after the last message.
    pub(crate) fn end(&self, flags: u16) -> [u8; message::ATTRIBUTES] {
        message::header(0x11, F_REQUEST | flags, self.messages + 1, 0, SUBSYSTEM)
    }

    /// The messages, and where the last one starts.
    pub(crate) fn body(&self) -> (&[u8], usize) {
        (&self.out, self.last)
    }

    /// The operation that a message belongs to, and the message.
    pub(crate) fn find(&self, seq: u32) -> Option<(usize, message::Message<'_>)> {
        let index = self.operations.partition_point(|op| op.seq <= seq).checked_sub(1)?;
        let from = &self.out[self.operations[index].offset..];
        let message = message::messages(from).flatten().find(|m| m.seq == seq)?;
        Some((index, message))
    }

    /// The operations: the verb and the messages of each.
    pub(crate) fn each_operation(&self) -> impl Iterator<Item = (Verb, impl Iterator<Item = message::Message<'_>>)> {
        let ends = self.operations.iter().skip(1).map(|next| next.offset).chain([self.out.len()]);
        self.operations
            .iter()
            .zip(ends)
            .map(|(op, end)| (op.verb, message::messages(&self.out[op.offset..end]).flatten()))
    }

    /// How many elements an operation has in its messages before this one.
    pub(crate) fn elements_before(&self, operation: usize, seq: u32) -> usize {
        let from = self.operations.get(operation).map_or(&[][..], |op| &self.out[op.offset..]);
        let earlier = message::messages(from).flatten().take_while(|m| m.seq < seq);
        earlier.filter_map(|m| Fields::of(&m).get(3)).map(|list| attrs(list).count()).sum()
    }

    /// Verb and object of an operation, in words.
    pub(crate) fn operation_text(&self, index: usize) -> (Verb, String) {
        let Some(op) = self.operations.get(index) else {
            return (Verb::Add, "nothing".into());
        };
        // What was refused may have no message at all.
        let end = self.operations.get(index + 1).map_or(self.out.len(), |next| next.offset);
        let object = message::messages(&self.out[op.offset..end]).flatten().next().map(|m| describe(&m));
        (op.verb, object.unwrap_or_default())
    }

    /// The set of this batch with these names.
    pub(crate) fn set(&self, family: Family, table: &Name, name: &Name) -> Option<Set> {
        message::messages(&self.out)
            .flatten()
            .filter(|m| m.nft() == Some(9) && m.family() == u8::from(family))
            .filter_map(|m| Set::decode_attrs(family, m.attributes()).ok())
            .find(|set| set.table == *table && set.name == *name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        data::{DataType, Value},
        model::Element,
        wire::attrs,
    };

    fn set() -> Set {
        Set::new(&Table::new(Family::Ip, "t"), "s", DataType::from(7), 4)
    }

    fn element(i: u32) -> Element {
        Element::new(Value::new(&i.to_be_bytes()).unwrap())
    }

    #[test]
    fn element_lists_are_as_full_as_their_length_allows_and_lose_nothing() {
        let (set, mut batch) = (set(), Batch::new());
        batch.add(set.elements((0..10_000).map(element)));
        assert_eq!((batch.len(), batch.messages()), (1, 3));
        let mut keys = Vec::new();
        for (message, wanted) in message::messages(batch.body().0).zip([4095, 4095, 1810]) {
            let message = message.unwrap();
            assert_eq!(message.seq as usize, keys.len() / 4095 + 1);
            let list = attrs(message.attributes()).flatten().find(|a| a.kind == 3).unwrap();
            let before = keys.len();
            keys.extend(attrs(list.payload).map(|e| Element::decode_attrs(e.unwrap().payload).unwrap().key.unwrap()));
            assert_eq!(keys.len() - before, wanted);
        }
        assert!(keys.iter().zip(0_u32..).all(|(key, i)| **key == i.to_be_bytes()));
    }

    #[test]
    fn elements_that_have_no_form_are_named_and_left_out() {
        let (set, mut batch) = (set(), Batch::new());
        let wrong = |i| if i % 3000 == 2999 { element(i).with_comment(&"x".repeat(129)) } else { element(i) };
        batch.add(set.elements((0..5000).map(wrong)));
        let paths: Vec<_> = batch.refused().iter().map(|(_, error)| error.path.to_string()).collect();
        assert_eq!(paths, ["elements[2999] > userdata"]);
        let lists = message::messages(batch.body().0).map(|m| m.unwrap().attributes());
        let elements = |list| attrs(attrs(list).flatten().find(|a| a.kind == 3).unwrap().payload).flatten().count();
        assert_eq!(lists.map(elements).sum::<usize>(), 4999);
    }
}
