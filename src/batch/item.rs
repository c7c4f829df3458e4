//! What the verbs take.

use super::{Batch, Verb};
use crate::{
    data::{Data, Family, Name},
    expr::ObjectType,
    model::{Chain, ChainFlags, Element, ElementFlags, Flowtable, Object, Rule, Set, SetFlags, Table},
    wire::{
        Be32, Codec, EncodeError, Malformed, Ms64, Path, Step, Text, Writer,
        message::{F_APPEND, F_CREATE, F_EXCL, F_REPLACE},
    },
};
use std::{borrow::Borrow, time::Duration};

/// Where a rule goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// The end of its chain.
    Back,
    /// The front of its chain.
    Front,
    /// Right before the rule with this handle.
    Before(u64),
    /// Right after it.
    After(u64),
    /// In its place.
    Of(u64),
}

mod sealed {
    use super::{Batch, Place, Verb};

    /// Writes the messages of one operation.
    pub trait Item {
        #[doc(hidden)]
        #[allow(private_interfaces)]
        fn put(&self, verb: Verb, place: Place, batch: &mut Batch);
    }

    impl<T: Item + ?Sized> Item for &T {
        #[allow(private_interfaces)]
        fn put(&self, verb: Verb, place: Place, batch: &mut Batch) {
            (**self).put(verb, place, batch);
        }
    }
}
pub(crate) use sealed::Item;

macro_rules! verbs {
    ($($(#[$m:meta])* $verb:ident: $($item:ty),*;)*) => { $(
        $(#[$m])*
        #[diagnostic::on_unimplemented(
            note = "of elements: `set.elements([element])`; of a typed rule: `chain.rule(rule)`"
        )]
        pub trait $verb: sealed::Item {}
        impl<T: $verb + ?Sized> $verb for &T {}
        $( impl $verb for $item {} )*
    )* };
}

verbs! {
    /// What can be added: tables, chains, rules, sets, maps, elements, objects, flowtables.
    Add: Table, Chain, Rule, Set, Object, Flowtable;
    /// What can be created: the same without rules, which are always new.
    Create: Table, Chain, Set, Object, Flowtable;
    /// What can be inserted and replaced: rules.
    Insert: Rule;
    /// What can be deleted and destroyed: tables, chains, sets, maps, elements, objects,
    /// flowtables, and rules that came from a listing.
    Delete: Table, Chain, Rule, Set, Object, Flowtable;
    /// What can be flushed: tables and chains (their rules), sets and maps (their elements).
    Flush: Table, Chain, Set;
}

impl<I: IntoIterator<Item: Borrow<Element>> + Clone> Add for Elements<'_, I> {}
impl<I: IntoIterator<Item: Borrow<Element>> + Clone> Create for Elements<'_, I> {}
impl<I: IntoIterator<Item: Borrow<Element>> + Clone> Delete for Elements<'_, I> {}

fn text(out: &mut Writer, kind: u16, field: &'static str, name: &Name) {
    out.attr(kind, field, |out| Text::<255>::put(name, out));
}

/// What is to be deleted: by its name, or by its handle if it has no name. Without either the
/// kernel would delete all.
fn either(out: &mut Writer, (name_kind, name): (u16, &Name), (handle_kind, handle): (u16, Option<u64>)) {
    match handle {
        Some(handle) if name.as_bytes().is_empty() => {
            out.attr(handle_kind, "handle", |out| out.bytes(&handle.to_be_bytes()));
        }
        _ => text(out, name_kind, "name", name),
    }
}

/// Flags of a message that makes something.
fn new_flags(verb: Verb) -> u16 {
    if verb == Verb::Create { F_CREATE | F_EXCL } else { F_CREATE }
}

impl Item for Table {
    #[allow(private_interfaces)]
    fn put(&self, verb: Verb, _: Place, batch: &mut Batch) {
        batch.operation(verb);
        let name = |out: &mut Writer| either(out, (1, &self.name), (4, self.handle));
        match verb {
            Verb::Delete => batch.message(2, 0, self.family, name),
            Verb::Destroy => batch.message(26, 0, self.family, name),
            Verb::Flush => batch.message(8, 0, self.family, |out| text(out, 1, "name", &self.name)),
            _ => {
                batch.check_name(&self.name, self.handle);
                batch.message(0, new_flags(verb), self.family, |out| self.encode_attrs(out));
            }
        }
    }
}

impl Item for Chain {
    #[allow(private_interfaces)]
    fn put(&self, verb: Verb, _: Place, batch: &mut Batch) {
        batch.operation(verb);
        let names = |out: &mut Writer| {
            text(out, 1, "table", &self.table);
            either(out, (3, &self.name), (2, self.handle));
        };
        match verb {
            Verb::Delete => batch.message(5, 0, self.family, names),
            Verb::Destroy => batch.message(27, 0, self.family, names),
            // A message about rules: there the chain is attribute 2.
            Verb::Flush => batch.message(8, 0, self.family, |out| {
                text(out, 1, "table", &self.table);
                text(out, 2, "name", &self.name);
            }),
            _ => {
                // The kernel makes the names of chains that belong to a rule.
                if !self.flags.unwrap_or_default().contains(ChainFlags::BINDING) {
                    batch.check_name(&self.name, self.handle);
                }
                batch.message(3, new_flags(verb), self.family, |out| self.encode_attrs(out));
            }
        }
    }
}

impl Chain {
    /// Writes the message that gives the chain with this handle another name.
    pub(super) fn rename(&self, name: &Name, batch: &mut Batch) {
        batch.operation(Verb::Rename);
        let Some(handle) = self.handle else {
            return batch.refuse(EncodeError {
                path: Path::from_iter([Step::Field("handle")]),
                why: Malformed::Refused("a chain is renamed by its handle: take the chain from a listing".into()),
            });
        };
        batch.check_name(name, None);
        batch.message(3, 0, self.family, |out| {
            text(out, 1, "table", &self.table);
            out.attr(2, "handle", |out| out.bytes(&handle.to_be_bytes()));
            text(out, 3, "name", name);
        });
    }
}

impl Item for Set {
    #[allow(private_interfaces)]
    fn put(&self, verb: Verb, _: Place, batch: &mut Batch) {
        batch.operation(verb);
        self.write(verb, batch);
    }
}

impl Set {
    /// Writes the message; a typed rule brings its anonymous sets along.
    pub(crate) fn write(&self, verb: Verb, batch: &mut Batch) {
        let name = SetName { family: self.family, table: &self.table, name: &self.name, id: None };
        match verb {
            Verb::Delete | Verb::Destroy => {
                let kind = if verb == Verb::Delete { 11 } else { 29 };
                batch.message(kind, 0, self.family, |out| {
                    text(out, 1, "table", &self.table);
                    either(out, (2, &self.name), (16, self.handle));
                });
            }
            Verb::Flush => batch.message(14, 0, self.family, |out| name.write(out)),
            _ => {
                if self.timeout == Some(Duration::ZERO) {
                    // Left out on the wire, where it means the opposite.
                    batch.refuse(EncodeError {
                        path: Path::from_iter([Step::Field("timeout")]),
                        why: Malformed::Refused("with a zero timeout elements would never expire: leave it out".into()),
                    });
                }
                // The kernel makes the names of anonymous sets.
                if !self.flags().contains(SetFlags::ANONYMOUS) {
                    batch.check_name(&self.name, self.handle);
                }
                // The kernel asks for an id even where the name is all that counts.
                let id = self.id.unwrap_or_else(|| batch.new_id());
                batch.message(9, new_flags(verb), self.family, |out| {
                    Set { id: Some(id), flags: Some(self.flags()), ..self.clone() }.encode_attrs(out);
                });
            }
        }
    }
}

impl Item for Object {
    #[allow(private_interfaces)]
    fn put(&self, verb: Verb, _: Place, batch: &mut Batch) {
        batch.operation(verb);
        let refuse = |batch: &mut Batch, field, why| {
            batch.refuse(EncodeError { path: Path::from_iter([Step::Field(field)]), why });
        };
        let Some(kind) = self.kind else {
            return refuse(batch, "kind", Malformed::Missing);
        };
        let name = |out: &mut Writer| {
            text(out, 1, "table", &self.table);
            either(out, (2, &self.name), (6, self.handle));
            out.attr(3, "kind", |out| <Be32 as Codec<ObjectType>>::put(&kind, out));
        };
        match (verb, self.mismatch()) {
            (Verb::Delete, _) => batch.message(20, 0, self.family, name),
            (Verb::Destroy, _) => batch.message(31, 0, self.family, name),
            (_, Some(why)) => refuse(batch, "data", why),
            _ if self.data.is_none() => refuse(batch, "data", Malformed::Missing),
            _ => {
                batch.check_name(&self.name, self.handle);
                batch.message(18, new_flags(verb), self.family, |out| self.encode_attrs(out));
            }
        }
    }
}

impl Item for Flowtable {
    #[allow(private_interfaces)]
    fn put(&self, verb: Verb, _: Place, batch: &mut Batch) {
        batch.operation(verb);
        let name = |out: &mut Writer| {
            text(out, 1, "table", &self.table);
            either(out, (2, &self.name), (5, self.handle));
        };
        match verb {
            Verb::Delete => batch.message(24, 0, self.family, name),
            Verb::Destroy => batch.message(32, 0, self.family, name),
            _ => {
                batch.check_name(&self.name, self.handle);
                batch.message(22, new_flags(verb), self.family, |out| self.encode_attrs(out));
            }
        }
    }
}

impl Item for Rule {
    #[allow(private_interfaces)]
    fn put(&self, verb: Verb, place: Place, batch: &mut Batch) {
        batch.operation(verb);
        self.write(verb, place, batch);
    }
}

impl Rule {
    /// Writes the message; a typed rule may need several for one operation.
    pub(crate) fn write(&self, verb: Verb, place: Place, batch: &mut Batch) {
        let be = |handle: u64| move |out: &mut Writer| out.bytes(&handle.to_be_bytes());
        match (verb, self.handle) {
            (Verb::Delete | Verb::Destroy, Some(handle)) => {
                let kind = if verb == Verb::Delete { 8 } else { 28 };
                batch.message(kind, 0, self.family, |out| {
                    text(out, 1, "table", &self.table);
                    text(out, 2, "chain", &self.chain);
                    out.attr(3, "handle", be(handle));
                });
            }
            // Without a handle the kernel would delete every rule of the chain.
            (Verb::Delete | Verb::Destroy, None) => batch.refuse(EncodeError {
                path: Path::from_iter([Step::Field("handle")]),
                why: Malformed::Refused("a rule is deleted by its handle: take the rule from a listing".into()),
            }),
            _ => {
                let flags = match place {
                    Place::Back | Place::After(_) => F_CREATE | F_APPEND,
                    Place::Front | Place::Before(_) => F_CREATE,
                    Place::Of(_) => F_REPLACE,
                };
                batch.message(6, flags, self.family, |out| {
                    self.encode_attrs(out);
                    match place {
                        Place::Before(handle) | Place::After(handle) => out.attr(6, "position", be(handle)),
                        Place::Of(handle) => out.attr(3, "handle", be(handle)),
                        Place::Back | Place::Front => {}
                    }
                });
                batch.declare_dynamic(self);
            }
        }
    }
}

/// Which set a list of elements belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SetName<'a> {
    pub(crate) family: Family,
    pub(crate) table: &'a Name,
    pub(crate) name: &'a Name,
    /// Of a set of the same batch that has no name yet.
    pub(crate) id: Option<u32>,
}

impl SetName<'_> {
    pub(crate) fn write(&self, out: &mut Writer) {
        text(out, 1, "table", self.table);
        text(out, 2, "set", self.name);
        if let Some(id) = self.id {
            out.attr(4, "set_id", |out| out.bytes(&id.to_be_bytes()));
        }
    }
}

/// Elements of a set as the kernel holds them; the typed way is
/// [`Set::elements`](crate::SetRef::elements).
#[derive(Clone, Copy, Debug)]
pub struct Elements<'a, I> {
    set: SetName<'a>,
    interval: bool,
    elements: I,
}

impl Set {
    /// Elements of this set, for a batch: a slice of them, or an iterator that makes one after the
    /// other, so that a million of them need no memory but that of the batch.
    ///
    /// In an interval set, keep each start and its end next to each other.
    pub fn elements<I>(&self, elements: I) -> Elements<'_, I>
    where
        I: IntoIterator<Item: Borrow<Element>> + Clone,
    {
        let set = SetName { family: self.family, table: &self.table, name: &self.name, id: self.id };
        Elements { set, interval: self.flags().contains(SetFlags::INTERVAL), elements }
    }
}

impl<I: IntoIterator<Item: Borrow<Element>> + Clone> Item for Elements<'_, I> {
    #[allow(private_interfaces)]
    fn put(&self, verb: Verb, _: Place, batch: &mut Batch) {
        let mut cuts = false;
        batch.elements(verb, &self.set, self.elements.clone(), |element, out| {
            let element: &Element = element.borrow();
            cuts |= self.interval || element.is_interval_end() || element.key_end.is_some();
            element.write(verb, out);
            Ok(())
        });
        if cuts && matches!(verb, Verb::Delete | Verb::Destroy) {
            batch.cuts(&self.set);
        }
    }
}

impl Element {
    /// Appends the list entry for a verb: to delete, the key is enough.
    #[inline]
    pub(crate) fn write(&self, verb: Verb, out: &mut Writer) {
        let entry = out.open(out.nested(1));
        if matches!(verb, Verb::Delete | Verb::Destroy) {
            let Self { key, key_end, flags, .. } = self;
            Self { key: *key, key_end: *key_end, flags: *flags, ..Self::default() }.encode_attrs(out);
        } else {
            self.encode_attrs(out);
        }
        out.close(entry);
    }

    /// The same of an element with nothing but these, which is not worth making an element for: of
    /// a million.
    #[inline]
    pub(crate) fn write_key(key: &[u8], flags: Option<ElementFlags>, timeout: Option<Duration>, out: &mut Writer) {
        let entry = out.open(out.nested(1));
        let nest = out.open(out.nested(Self::KEY));
        out.leaf(Data::VALUE, "value", key);
        out.close(nest);
        if let Some(flags) = flags {
            out.leaf(Self::FLAGS, "flags", &u32::from(flags).to_be_bytes());
        }
        if let Some(timeout) = timeout {
            out.attr(Self::TIMEOUT, "timeout", |out| Ms64::put(&timeout, out));
        }
        out.close(entry);
    }
}
