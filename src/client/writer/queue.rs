//! Changes that wait to be written: one deed for each element.

use super::Counters;
use crate::{
    Batch,
    batch::{SetKind, SetName, Verb},
    data::{Data, Family, Name},
    error::{Failure, Rejection, Result},
    model,
    set::{Element, Pattern, SetKey, SetRef},
    wire::{Form, Path, Writer, attrs},
};
use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::Duration,
};

/// Something to be done with one element; made for a [`Writer`](crate::client::Writer).
#[derive(Clone, Debug)]
pub struct ElementChange {
    parts: Vec<Part>,
    /// Why it has no form on the wire.
    refused: Option<Rejection>,
}

/// A change in one set: an element of either family has one or the other, the catch-all element of
/// a pair of sets has both.
#[derive(Clone, Debug)]
pub(super) struct Part {
    set: Place,
    /// As list entries: what names the element, and all of it.
    key: Box<[u8]>,
    deed: Deed,
}

/// A set, and what is believed of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    pub family: Family,
    pub table: Name,
    pub name: Name,
    pub kind: SetKind,
    pub interval: bool,
}

impl Place {
    /// Why an element cannot be added: one that waits to be written has another value.
    fn refuses(&self, entry: Box<[u8]>) -> Failure {
        let mut batch = Batch::new();
        let set = SetName { family: self.family, table: &self.table, name: &self.name, id: None };
        batch.elements(Verb::Add, &set, [entry], |entry, out| {
            out.bytes(entry);
            Ok(())
        });
        let (verb, object) = batch.operation_text(0);
        Failure {
            operation: None,
            verb,
            object,
            errno: None,
            path: Path::default(),
            cause: "its key has another value, from a change just before".into(),
            remedy: Some("put instead of add, if the last is to stand".into()),
        }
    }
}

#[derive(Clone, Debug)]
pub(in crate::client) enum Deed {
    Add(Box<[u8]>),
    Put(Put),
    Delete,
}

#[derive(Clone, Debug)]
pub(in crate::client) struct Put {
    pub entry: Box<[u8]>,
    /// The same with the time that is left, where adding it again restarts that.
    pub restart: Option<Box<[u8]>>,
}

impl Deed {
    /// What has the effect of both, one after the other.
    ///
    /// Gives back what the kernel would refuse after the first: to add an element that is there
    /// with another value.
    fn then(&mut self, next: Self) -> Option<Box<[u8]>> {
        match (&*self, next) {
            (Self::Add(entry) | Self::Put(Put { entry, .. }), Self::Add(next)) if value(entry) != value(&next) => {
                return Some(next);
            }
            // Adding leaves alone what is there.
            (Self::Put(_), Self::Add(_)) => {}
            // What was there may be another one, with another time.
            (Self::Delete, Self::Add(entry)) => *self = Self::Put(Put { entry, restart: None }),
            (_, next) => *self = next,
        }
        None
    }
}

/// What the key of an entry is mapped to.
pub(super) fn value(entry: &[u8]) -> Option<(Option<Data>, Option<Name>)> {
    element(entry).map(|element| (element.data, element.object))
}

/// The first element of a list entry.
pub(super) fn element(entry: &[u8]) -> Option<model::Element> {
    model::Element::decode_attrs(attrs(entry).flatten().next()?.payload).ok()
}

pub(super) fn bytes(elements: &[&model::Element], verb: Verb) -> Box<[u8]> {
    let mut out = Writer::new(Form::Request);
    elements.iter().for_each(|element| element.write(verb, &mut out));
    out.into_parts().0.into()
}

impl ElementChange {
    /// Makes the element; one that is there already stays as it is, but for its time: since 6.12 it
    /// starts again if another timeout is given than it has, and one for which none is given, in a
    /// set without a timeout of its own, stays for ever.
    ///
    /// In a map, an element that is there with another value is refused.
    pub fn add<K: SetKey>(set: &SetRef<K>, element: Element<K>) -> Self {
        Self::new(set, element, |elements| Deed::Add(bytes(elements, Verb::Add)))
    }

    /// Makes the element as it is given, whatever was there for its key: its time starts anew.
    ///
    /// Where only the time is new and the kernel can restart it in place (6.12), what the element
    /// counted stays; else it starts at zero.
    pub fn put<K: SetKey>(set: &SetRef<K>, element: Element<K>) -> Self {
        Self::new(set, element, |elements| {
            let bare = |e: &model::Element| {
                model::Element { timeout: None, ..e.clone() }
                    == model::Element { key: e.key, key_end: e.key_end, ..Default::default() }
            };
            let restart = match elements {
                [first, rest @ ..] if bare(first) && first.timeout.is_some_and(|t| !t.is_zero()) => {
                    let first = model::Element { expiration: first.timeout, ..(*first).clone() };
                    let all: Vec<_> = [&first].into_iter().chain(rest.iter().copied()).collect();
                    Some(bytes(&all, Verb::Add))
                }
                _ => None,
            };
            Deed::Put(Put { entry: bytes(elements, Verb::Add), restart })
        })
    }

    /// Lets a key be in the set for so long from now on: a [`put`](Self::put) of an element with
    /// nothing but a timeout.
    pub fn refresh<K: SetKey>(set: &SetRef<K>, key: impl Into<Pattern<K>>, timeout: Duration) -> Self {
        Self::put(set, set.element(key).timeout(timeout))
    }

    /// Removes the element of a key; it need not be there.
    pub fn delete<K: SetKey>(set: &SetRef<K>, key: impl Into<Pattern<K>>) -> Self {
        Self::new(set, set.element(key), |_| Deed::Delete)
    }

    fn new<K: SetKey>(set: &SetRef<K>, element: Element<K>, deed: impl Fn(&[&model::Element]) -> Deed) -> Self {
        let lowered = match element.lower() {
            Ok(lowered) => lowered,
            Err(_) => {
                let mut batch = Batch::new();
                batch.add(set.elements([element]));
                return Self { parts: Vec::new(), refused: Rejection::refused(&batch) };
            }
        };
        let part = |name: &Name, elements: &[&model::Element]| {
            let kind = set.kind_for(name, Verb::Delete);
            let (family, table, name, interval) = (set.family(), set.table().clone(), name.clone(), set.is_interval());
            let set = Place { family, table, name, kind, interval };
            Part { set, key: bytes(elements, Verb::Delete), deed: deed(elements) }
        };
        let parts = match &lowered.second {
            Some((name, end)) if *name == lowered.set => vec![part(name, &[&lowered.element, end])],
            Some((name, version)) => vec![part(&lowered.set, &[&lowered.element]), part(name, &[version])],
            None => vec![part(&lowered.set, &[&lowered.element])],
        };
        Self { parts, refused: None }
    }
}

/// What waits to be written: one deed for each element.
#[derive(Debug, Default)]
pub(in crate::client) struct Queue {
    pub(super) sets: Vec<Place>,
    /// By set and key, which is the order that interval sets like best.
    pub(super) deeds: BTreeMap<(usize, Box<[u8]>), Deed>,
    /// What is refused without asking the kernel, after what else waits.
    pub(super) refused: Vec<Failure>,
}

impl Queue {
    pub(in crate::client) fn len(&self) -> usize {
        self.deeds.len() + self.refused.len()
    }

    pub(in crate::client) fn push(&mut self, change: ElementChange, counters: &mut Counters) -> Result<()> {
        if let Some(refused) = change.refused {
            return Err(refused.into());
        }
        counters.changes += 1;
        for Part { set, key, deed } in change.parts {
            let at = self.place(set);
            match self.deeds.entry((at, key)) {
                Entry::Vacant(free) => {
                    free.insert(deed);
                }
                Entry::Occupied(mut known) => {
                    counters.folded += 1;
                    if let Some(entry) = known.get_mut().then(deed) {
                        counters.failed += 1;
                        self.refused.push(self.sets[at].refuses(entry));
                    }
                }
            }
        }
        Ok(())
    }

    fn place(&mut self, set: Place) -> usize {
        self.sets.iter().position(|known| *known == set).unwrap_or_else(|| {
            self.sets.push(set);
            self.sets.len() - 1
        })
    }

    pub(in crate::client) fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// Puts back what could not be written: what came later for the same element stands.
    pub(in crate::client) fn put_back(&mut self, rest: Self, counters: &mut Counters) {
        let later = std::mem::replace(self, rest);
        let places: Vec<usize> = later.sets.into_iter().map(|set| self.place(set)).collect();
        self.refused.extend(later.refused);
        for ((set, key), deed) in later.deeds {
            let at = places[set];
            match self.deeds.entry((at, key)) {
                Entry::Vacant(free) => {
                    free.insert(deed);
                }
                Entry::Occupied(mut earlier) => {
                    if let Some(entry) = earlier.get_mut().then(deed) {
                        counters.failed += 1;
                        self.refused.push(self.sets[at].refuses(entry));
                    }
                }
            }
        }
    }
}

/// A deed, and the set and key it is for.
pub(super) type Item = ((usize, Box<[u8]>), Deed);
pub(super) type Items = Vec<Item>;
