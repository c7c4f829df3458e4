//! Typed sets and their elements, as batches take them.

use super::{
    disjoint::{Disjoint, overlaps},
    element::{Element, LoweredElement},
    key::{MapValue, SetKey, len_in},
    pattern::Pattern,
    typed::{Map, Set, SetRef},
};
use crate::{
    batch::{Add, Batch, Create, Delete, Flush, Item, Place, SetKind, SetName, Verb},
    data::Name,
    wire::{EncodeError, Step},
};
use std::{borrow::Borrow, time::Duration};

macro_rules! sets {
    ($([$($generics:tt)*] $set:ty;)*) => { $(
        impl<$($generics)*> Add for $set {}
        impl<$($generics)*> Create for $set {}
        impl<$($generics)*> Delete for $set {}
        impl<$($generics)*> Flush for $set {}
        impl<$($generics)*> Item for $set {
            #[allow(private_interfaces)]
            fn put(&self, verb: Verb, place: Place, batch: &mut Batch) {
                for model in self.models() {
                    model.put(verb, place, batch);
                }
            }
        }
    )* };
}

sets! {
    [K: SetKey] Set<K>;
    [K: SetKey, V: MapValue] Map<K, V>;
}

/// Typed elements of one set or map, for a batch; from [`SetRef::elements`].
#[derive(Clone, Debug)]
pub struct Elements<'a, K, I> {
    set: &'a SetRef<K>,
    elements: I,
}

impl<K: SetKey> SetRef<K> {
    /// Notes for the operation that follows what has to be true of the set.
    pub(super) fn assume(&self, name: &Name, verb: Verb, batch: &mut Batch) {
        batch.assume(self.family, &self.table, name, self.kind_for(name, verb));
    }

    /// What the set of this name is taken for, as far as it matters to a verb.
    pub(crate) fn kind_for(&self, name: &Name, verb: Verb) -> SetKind {
        let deletes = matches!(verb, Verb::Delete | Verb::Destroy);
        // A single key that is added to intervals of concatenated fields is one; deleted, it would
        // take the interval along.
        let interval = (K::FIELDS.len() == 1 || deletes).then_some(self.interval);
        SetKind { key_type: self.type_of(name), value_type: self.value_type, interval }
    }

    /// Elements of this set, for a batch: a slice or an iterator of what [`SetRef::element`] makes.
    ///
    /// ```
    /// use oxitables::{Batch, Family, SetRef};
    /// use std::net::Ipv4Addr;
    /// let blocked = SetRef::<Ipv4Addr>::new(Family::Inet, "agent", "blocked");
    /// let all = (1..=254).map(|n| blocked.element([192, 0, 2, n]));
    /// Batch::new().add(blocked.elements(all));
    /// ```
    pub fn elements<I>(&self, elements: I) -> Elements<'_, K, I>
    where
        I: IntoIterator<Item: Borrow<Element<K>>> + Clone,
    {
        Elements { set: self, elements }
    }
}

impl<K: SetKey, I: IntoIterator<Item: Borrow<Element<K>>> + Clone> Add for Elements<'_, K, I> {}
impl<K: SetKey, I: IntoIterator<Item: Borrow<Element<K>>> + Clone> Create for Elements<'_, K, I> {}
impl<K: SetKey, I: IntoIterator<Item: Borrow<Element<K>>> + Clone> Delete for Elements<'_, K, I> {}
impl<K: SetKey, I: IntoIterator<Item: Borrow<Element<K>>> + Clone> Item for Elements<'_, K, I> {
    #[allow(private_interfaces)]
    fn put(&self, verb: Verb, _: Place, batch: &mut Batch) {
        for name in self.set.each_name() {
            self.set.assume(&name, verb, batch);
            batch.operation(verb);
            self.put_in(&name, verb, batch);
            if self.set.interval && matches!(verb, Verb::Delete | Verb::Destroy) {
                batch.cuts(&SetName { family: self.set.family, table: &self.set.table, name: &name, id: None });
            }
        }
    }
}

impl<K: SetKey, I: IntoIterator<Item: Borrow<Element<K>>> + Clone> Elements<'_, K, I> {
    pub(super) fn items(&self) -> I::IntoIter {
        self.elements.clone().into_iter()
    }

    /// Writes the messages for the set, or for one of a pair, within the current operation.
    fn put_in(&self, name: &Name, verb: Verb, batch: &mut Batch) {
        let set = SetName { family: self.set.family, table: &self.set.table, name, id: None };
        let makes = !matches!(verb, Verb::Delete | Verb::Destroy);
        let mut disjoint = Disjoint::new(self.set.interval && makes);
        batch.element_messages(verb, &set, self.elements.clone(), |element, out| {
            let LoweredElement { set, element, second } = element.borrow().lower()?;
            // Of a pair of sets each takes its own.
            if set == *name {
                disjoint.see(&element, second.as_ref().map(|(_, end)| end));
                element.write(verb, out);
            }
            if let Some((_, second)) = second.filter(|(set, _)| set == name) {
                second.write(verb, out);
            }
            Ok(())
        });
        if !disjoint.holds() {
            let lowered = self.elements.clone().into_iter().enumerate().filter_map(|(index, element)| {
                let lowered = element.borrow().lower().ok().filter(|lowered| lowered.set == *name)?;
                Some((index, lowered.element, lowered.second.map(|(_, end)| end)))
            });
            let widths: Vec<usize> = K::FIELDS.iter().map(|f| len_in(f, K::DUAL, self.set.version(name))).collect();
            for (index, why) in overlaps(lowered, &widths, self.set.type_of(name)) {
                batch.refuse(EncodeError::from(why).within(Step::Index(index)).within(Step::Field("elements")));
            }
        }
    }
}

impl Batch {
    /// Puts an element into a set for `timeout` from now on, whether or not it is there already.
    ///
    /// [`add`](Batch::add) leaves the running time of an element alone, and on kernels before 6.12
    /// nothing else restarts it: so the element is removed and made again, in one transaction. What
    /// it counted starts at zero.
    ///
    /// ```
    /// use oxitables::{Batch, Family, SetRef};
    /// use std::{net::Ipv4Addr, time::Duration};
    /// let blocked = SetRef::<Ipv4Addr>::new(Family::Inet, "agent", "blocked");
    /// Batch::new().refresh(&blocked, [192, 0, 2, 7], Duration::from_secs(600));
    /// ```
    pub fn refresh<K: SetKey>(&mut self, set: &SetRef<K>, key: impl Into<Pattern<K>>, timeout: Duration) -> &mut Self {
        let element = [set.element(key).timeout(timeout)];
        let elements = set.elements(element);
        let names = set.names();
        names.iter().for_each(|name| set.assume(name, Verb::Refresh, self));
        self.operation(Verb::Refresh);
        let refused = self.refused().len();
        // Made first, so that there is something to remove.
        for verb in [Verb::Add, Verb::Delete, Verb::Add] {
            // What has no form is said once.
            if self.refused().len() == refused {
                names.iter().for_each(|name| elements.put_in(name, verb, self));
            }
        }
        self
    }
}
