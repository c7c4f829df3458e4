//! Batches: what is to be changed, in order, all of it or nothing.
//!
//! A batch is written as it is filled, so it takes the memory of its netlink messages and little
//! more.

mod change;
mod describe;
mod dynamic;
mod elements;
mod graph;
mod interval_deletes;
mod item;
mod sent;

pub(crate) use change::Change;
pub(crate) use describe::describe;
pub(crate) use graph::{Flaw, Present, place_of};
pub(crate) use interval_deletes::Part;
pub use item::{Add, Create, Delete, Elements, Flush, Insert};
pub(crate) use item::{Item, Place, SetName};
pub(crate) use sent::Effect;

use crate::{
    data::{DataType, Family, Name},
    expr::Expr,
    model::{self, Chain, Does, Generation, Kind, Set, SetFlags, Table},
    wire::{
        EncodeError, Form, Malformed, Step, Writer,
        message::{self, F_REQUEST, SUBSYSTEM},
    },
};
use std::{collections::BTreeSet, fmt};

/// Changes that the kernel makes all at once, or not at all.
///
/// The verbs are nft's. Each method appends one operation and gives the batch back, so calls can be
/// chained:
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
/// What has no form on the wire (a name that is too long, a zero timeout) is remembered and
/// reported by [`Client::apply`](crate::Client::apply), together with everything else that is
/// wrong, before anything is sent.
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
    made: BTreeSet<(u8, Name, Name)>,
    /// Sets that rules of this batch change, wherever they are declared.
    dynamic: BTreeSet<(u8, Name, Name)>,
    expected: Option<Generation>,
    assumptions: Vec<Assumption>,
    /// Tables with the names and families of those of iptables-nft, and the first operation on
    /// each.
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
    /// The families of which it removes all tables without naming them. `None` is every family.
    pub(crate) flushed: Vec<Option<Family>>,
    /// The tables that it removes by their handles.
    pub(crate) handles: Vec<(Family, u64)>,
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

/// What a set is taken for, and which operation relies on it first.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Assumption {
    pub(crate) operation: usize,
    pub(crate) family: Family,
    pub(crate) table: Name,
    pub(crate) set: Name,
    pub(crate) kind: SetKind,
}

/// What a set is, as far as the kernel would not notice a mistake.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct SetKind {
    /// Type of its keys.
    pub(crate) key_type: DataType,
    /// Type of its values. `None`: it does not matter.
    pub(crate) value_type: Option<DataType>,
    /// It holds intervals. `None`: it does not matter, as for concatenated keys, whose intervals
    /// have a form of their own.
    pub(crate) interval: Option<bool>,
}

impl SetKind {
    /// What a set is.
    pub(crate) fn of(set: &Set) -> Self {
        let interval = Some(set.flags().contains(SetFlags::INTERVAL));
        Self { key_type: set.key_type.unwrap_or_default(), value_type: set.data_type, interval }
    }

    /// Whether a set of this kind may be taken for one of another.
    pub(crate) fn serves(&self, wanted: &Self) -> bool {
        self.key_type == wanted.key_type
            && wanted.value_type.is_none_or(|ty| self.value_type == Some(ty))
            && (wanted.interval.is_none() || wanted.interval == self.interval)
    }
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

/// The name that iptables-nft may have given to a table of a family, if it and a zero byte come
/// first.
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
            made: BTreeSet::new(),
            dynamic: BTreeSet::new(),
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
        self.begin(self.expected, 0, self.expected.map(|_| 0)).len() + self.out.len() + message::ATTRIBUTES
    }

    /// How many netlink messages it has.
    pub(crate) fn messages(&self) -> u32 {
        self.messages
    }

    /// Commits only if the ruleset is still of this generation, else nothing is done and the error
    /// [is stale](crate::Error::is_stale). Read it with
    /// [`Client::generation`](crate::Client::generation) before you read what the batch is made
    /// from.
    ///
    /// Packets that change sets, expiry of elements and owners that go do not raise the generation.
    /// Since 4.15.
    pub fn expect(&mut self, generation: Generation) -> &mut Self {
        self.expected = Some(generation);
        self
    }

    /// The generation it is bound to.
    pub fn expected(&self) -> Option<Generation> {
        self.expected
    }

    /// Makes a table, chain, set, map, rule (at the end of its chain), elements, object or
    /// flowtable; what is there already, except for rules, stays as it is.
    ///
    /// Some of it can be changed so: the policy and the devices of a chain, the flags of a table,
    /// the devices of a flowtable, the size (from the next batch on) and the timeout of a set, and
    /// objects that are a quota or a SYN proxy. Since 6.12 also the time of an element: one that is
    /// added with another timeout than it has starts again with that, and one that is added
    /// without, to a set that has none either, stays for ever. An element of a map that is there
    /// with another value is refused, and so is another size of a set (before 6.5) or another
    /// timeout (before 6.1) where the kernel would keep the old one in silence.
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

    /// Removes a table, chain, set, rule, object, flowtable or elements; fails if it is not there
    /// or in use.
    ///
    /// A table and a chain go with all that is in them. Intervals are deleted as they were added: a
    /// part of one, or more than one, is refused, since the kernel would remove more than that, or
    /// half of it.
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

    /// Removes all tables of a family, or all tables, with all that is in them; those that belong
    /// to another program's connection stay. nft's `flush ruleset`.
    ///
    /// Where iptables-nft or Docker keep tables, [`Client::apply`](crate::Client::apply) refuses
    /// it, unless [told otherwise](crate::Client::allow_iptables).
    pub fn flush_ruleset(&mut self, family: Option<Family>) -> &mut Self {
        self.flushed.push((self.operations.len(), family));
        self.operation(Verb::Flush);
        // A message about tables that names none means all of them: the one place where this is
        // meant.
        let mut out = Writer::reuse(std::mem::take(&mut self.out), Form::Request);
        let start = self.begin_any(&mut out, 2, 0, family.map_or(0, u8::from));
        message::finish(&mut out, start);
        self.out = out.into_parts().0;
        self
    }

    /// Gives a chain another name; the chain must come from a listing, since it takes its handle.
    /// Rules that jump to it still do.
    pub fn rename(&mut self, chain: &Chain, name: impl Into<Name>) -> &mut Self {
        chain.rename(&name.into(), self);
        self
    }

    pub(crate) fn refused(&self) -> &[(usize, EncodeError)] {
        &self.refused
    }

    /// Notes what the next operation relies on; once for each set.
    pub(crate) fn assume(&mut self, family: Family, table: &Name, set: &Name, kind: SetKind) {
        let same = |known: &&Assumption| (&known.kind, &known.set, &known.table) == (&kind, set, table);
        if !self.assumptions.iter().rev().any(|known| same(&known) && known.family == family) {
            let (operation, table, set) = (self.operations.len(), table.clone(), set.clone());
            self.assumptions.push(Assumption { operation, family, table, set, kind });
        }
    }

    /// Notes that intervals of a set are deleted, for which the kernel does not ask whether all of
    /// each is meant.
    pub(crate) fn cuts(&mut self, set: &SetName<'_>) {
        let set = (set.family, set.table.clone(), set.name.clone());
        if !self.cut.contains(&set) {
            self.cut.push(set);
        }
    }

    /// Notes a message about a table that iptables-nft may keep; the name of the table comes first
    /// in every message.
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
        let Touched { mut tables, mut sets, mut flushed, mut handles } = Touched::default();
        for change in self.changes() {
            let family = change.family();
            let Some(name) = change.table() else {
                match change.handle() {
                    Some(handle) if change.kind == Kind::Table && change.does.removes() => {
                        handles.push((family, handle));
                    }
                    _ => flushed.push((change.message.family() != 0).then_some(family)),
                }
                continue;
            };
            let mut table = Table::new(family, name);
            if (change.does, change.kind) == (Does::New, Kind::Table) {
                table = change.as_table().unwrap_or(table);
            }
            if let (Kind::Elements, Some(set)) = (change.kind, change.name()) {
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
        Touched { tables, sets, flushed, handles }
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
        self.dynamic.extend(other.dynamic);
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
        self.made.insert((chain.family.into(), chain.table.clone(), chain.name.clone()))
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
        // For the first message of a small batch, instead of growing from nothing to eight bytes,
        // to sixteen…
        out.reserve(256);
        message::begin(out, SUBSYSTEM << 8 | u16::from(kind), F_REQUEST | flags, self.messages, family, 0)
    }

    /// Makes it a batch that nobody can apply: the operation added last is in error, for this
    /// reason. For what makes batches of what people say, and cannot make sense of it.
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

    /// Refuses to make something whose name stock nft cannot read. What came from a listing, and
    /// has a handle, has such a name already.
    fn check_name(&mut self, name: &Name, handle: Option<u64>) {
        if let (None, Some(why)) = (handle, name.unreadable()) {
            self.refuse(EncodeError::from(Malformed::Refused(why.into())).within(Step::Field("name")));
        }
    }

    /// Records that the current operation has no form on the wire.
    pub(crate) fn refuse(&mut self, error: EncodeError) {
        self.refused.push((self.operations.len().saturating_sub(1), error));
    }
}
