//! Sets and what is in them, objects, flowtables.

use super::{Came, Outcome, World, missing, there, undecodable, used};
use crate::{
    batch::Change,
    data::{Name, Value},
    model::{Does, Element, Flowtable, Object, ObjectData, Set},
    reconcile::{
        normal::lifetime,
        view::{Reference, element_references},
    },
};
use nix::errno::Errno;
use std::collections::HashMap;

/// Key, upper end, and whether it ends an interval.
type ElementId = (Option<Value>, Option<Value>, bool);

/// A set whose elements are found by their keys.
#[derive(Default)]
pub(super) struct Content {
    pub(super) elements: Vec<Element>,
    places: HashMap<ElementId, usize>,
}

impl Content {
    /// An element has the life that the set gave it when it came, whatever becomes of the set.
    pub(super) fn new(mut elements: Vec<Element>, set: &Set) -> Self {
        elements.iter_mut().for_each(|element| element.timeout = lifetime(element, set).or(element.timeout));
        let places = elements.iter().enumerate().map(|(i, element)| (Self::id(element), i)).collect();
        Self { elements, places }
    }

    /// The elements as they are listed: the life that their set gives is not said.
    pub(super) fn listed(mut self, set: &Set) -> Vec<Element> {
        let given = set.timeout.filter(|timeout| !timeout.is_zero());
        let told = |element: &&mut Element| given.is_some() && element.timeout == given;
        self.elements.iter_mut().filter(told).for_each(|element| element.timeout = None);
        self.elements
    }

    fn id(element: &Element) -> ElementId {
        (element.key, element.key_end.filter(|end| Some(*end) != element.key), element.is_interval_end())
    }

    fn add(&mut self, element: Element, exclusive: bool) -> Outcome {
        let id = Self::id(&element);
        let Some(&place) = self.places.get(&id) else {
            self.places.insert(id, self.elements.len());
            self.elements.push(element);
            return Ok(());
        };
        let held = &self.elements[place];
        if exclusive || (&held.data, &held.object) != (&element.data, &element.object) {
            return Err((Errno::EEXIST, format!("there is an element {:?} already", element.key.unwrap_or_default())));
        }
        Ok(())
    }

    fn remove(&mut self, element: &Element) -> bool {
        let Some(place) = self.places.remove(&Self::id(element)) else { return false };
        self.elements.swap_remove(place);
        if let Some(moved) = self.elements.get(place) {
            self.places.insert(Self::id(moved), place);
        }
        true
    }
}

impl World {
    pub(super) fn new_set(&mut self, mut set: Set, exclusive: bool) -> Outcome {
        set.handle = self.next_handle();
        let number = set.id.take();
        if let Some(stem) = set.name.as_bytes().strip_suffix(b"%d") {
            set.name = Name::from(&[stem, self.handle.to_string().as_bytes()].concat()[..]);
            number.map(|id| self.named[0].insert(id, set.name.clone()));
        }
        let id = (set.family.into(), set.table.clone(), set.name.clone());
        match self.sets.get_mut(&id) {
            Some(_) if exclusive => return Err(there("set", &set.name)),
            Some((held, _)) => {
                let fixed = |set: &Set| (set.key_type, set.key_len, set.flags, set.data_type, set.object_type);
                if fixed(held) != fixed(&set) {
                    return Err(there("set", &set.name));
                }
                (held.timeout, held.gc_interval) = (set.timeout, set.gc_interval);
                if set.size().is_some() {
                    held.desc.get_or_insert_default().size = set.size();
                }
            }
            None => {
                self.comes(Came::SET, id.clone());
                self.sets.insert(id, (set, Content::default()));
            }
        }
        Ok(())
    }

    pub(super) fn del_set(&mut self, at: &(u8, Name), name: &Name) -> Outcome {
        if self.is_used(at, &Reference::Set(name)) {
            return Err(used("set", name));
        }
        self.sets.remove(&(at.0, at.1.clone(), name.clone())).map(drop).ok_or_else(|| missing("set", name))
    }

    /// Adds or removes elements; without any it removes all.
    pub(super) fn elements(&mut self, at: &(u8, Name), change: &Change<'_>) -> Outcome {
        let mut name = change.name().unwrap_or_else(|| Name::from(""));
        if let Some(given) = change.id().and_then(|id| self.named[0].get(&id)) {
            name = given.clone();
        }
        let id = (at.0, at.1.clone(), name.clone());
        let Some((set, mut content)) = self.sets.remove(&id) else { return Err(missing("set", &name)) };
        if change.list().is_none() {
            content = Content::default();
        }
        for element in change.elements() {
            let mut element = element.map_err(undecodable)?;
            element.timeout = lifetime(&element, &set).or(element.timeout);
            if change.does.removes() {
                if !content.remove(&element) && change.does == Does::Delete {
                    let key = element.key.unwrap_or_default();
                    return Err((Errno::ENOENT, format!("there is no element {key:?}")));
                }
                continue;
            }
            let mut lacking = None;
            element_references(&set, &element, &mut |reference| {
                lacking = Some(reference).filter(|reference| !self.has(at, reference)).or(lacking);
            });
            if let Some(reference) = lacking {
                return Err((Errno::ENOENT, format!("there is no {reference}")));
            }
            content.add(element, change.is_exclusive())?;
        }
        self.sets.insert(id, (set, content));
        Ok(())
    }

    pub(super) fn new_object(&mut self, object: Object, exclusive: bool) -> Outcome {
        let handle = self.next_handle();
        let id = Self::object_id(&object);
        match self.objects.get_mut(&id) {
            Some(_) if exclusive => return Err(there("object", &object.name)),
            Some(held) => {
                if matches!(object.data, Some(ObjectData::Quota(_) | ObjectData::Synproxy(_))) {
                    held.data = object.data;
                }
            }
            None => {
                self.object_comes(&object);
                self.objects.insert(id, Object { handle, ..object });
            }
        }
        Ok(())
    }

    pub(super) fn del_object(&mut self, at: &(u8, Name), change: &Change<'_>) -> Outcome {
        let name = change.name().unwrap_or_else(|| Name::from(""));
        let kind = change.object_type().map_or(0, u32::from);
        if self.is_used(at, &Reference::Object(kind, &name)) {
            return Err(used("object", &name));
        }
        self.objects.remove(&(at.0, at.1.clone(), kind, name.clone())).map(drop).ok_or_else(|| missing("object", &name))
    }

    pub(super) fn new_flowtable(&mut self, flowtable: Flowtable, exclusive: bool) -> Outcome {
        let handle = self.next_handle();
        let id = (flowtable.family.into(), flowtable.table.clone(), flowtable.name.clone());
        match self.flowtables.get_mut(&id) {
            Some(_) if exclusive => return Err(there("flowtable", &flowtable.name)),
            Some(held) => {
                for device in flowtable.devices() {
                    if !held.devices().contains(device) {
                        let devices = held.hook.get_or_insert_default().devices.get_or_insert_default();
                        devices.push(device.clone());
                    }
                }
            }
            None => {
                self.comes(Came::FLOWTABLE, id.clone());
                self.flowtables.insert(id, Flowtable { handle, ..flowtable });
            }
        }
        Ok(())
    }

    pub(super) fn del_flowtable(&mut self, at: &(u8, Name), name: &Name) -> Outcome {
        if self.is_used(at, &Reference::Flowtable(name)) {
            return Err(used("flowtable", name));
        }
        let gone = self.flowtables.remove(&(at.0, at.1.clone(), name.clone()));
        gone.map(drop).ok_or_else(|| missing("flowtable", name))
    }
}
