//! Elements of two versions of a set.

use super::{
    normal::{element as normal, lifetime},
    view::{Reference, element_references},
};
use crate::{
    data::Value,
    model::{Element, ElementFlags, FilledSet, Set, SetFlags, intervals},
};
use std::{borrow::Cow, cmp::Ordering, collections::HashSet, time::Duration};

/// An element; in a set of intervals of one field with both of its ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'r> {
    pub(super) element: &'r Element,
    /// The first key behind the interval, or the last one of it in concatenations; `None` if it is
    /// a single key, or has no end.
    end: Option<&'r Value>,
    /// The end is an element of its own.
    closed: bool,
    tree: bool,
}

/// Bytes of a key; none for the element that stands for all keys.
fn bytes(key: Option<&Value>) -> &[u8] {
    key.map_or(&[], |key| key)
}

impl<'r> Entry<'r> {
    fn key(&self) -> &'r [u8] {
        bytes(self.element.key.as_ref())
    }

    fn order(&self, other: &Self) -> Ordering {
        (self.key(), self.end.is_none(), bytes(self.end)).cmp(&(other.key(), other.end.is_none(), bytes(other.end)))
    }

    fn is_before(&self, other: &Self) -> bool {
        self.element.is_catch_all() || self.end.is_some_and(|end| **end <= *other.key())
    }

    /// What gives an element another life where it is, with its counters; `None` if it is to be
    /// another in more than that. Since 6.12.
    pub(super) fn restarted(&self, held: &Self, set: &Set) -> Option<Element> {
        let (was, is) = (normal(held.element, set), normal(self.element, set));
        let same = Element { timeout: None, ..was } == Element { timeout: None, ..is };
        let life = lifetime(self.element, set);
        let timeout = Some(life.unwrap_or_default());
        same.then(|| Element { timeout, expiration: self.element.expiration.or(life), ..self.element.clone() })
    }

    /// The end as the kernel holds it.
    fn end_element(&self) -> Option<Element> {
        let key = self.end.filter(|_| self.tree)?;
        Some(Element { flags: Some(ElementFlags::INTERVAL_END), ..Element::new(*key) })
    }

    /// The first and the last key of what is nothing but one value or one range of a field; `None`
    /// of anything else.
    pub(super) fn bounds(&self) -> Option<(Value, Value)> {
        let Element { key: Some(from), data: None, object: None, timeout: None, expr: None, exprs: None, .. } =
            self.element
        else {
            return None;
        };
        let to = match (self.end, self.tree) {
            (Some(end), true) => end.before()?,
            (None, true) => Value::new(&vec![0xff; from.len()])?,
            (None, false) => *from,
            (Some(_), false) => return None,
        };
        Some((*from, to))
    }

    /// What is written to make it, with `element` as its start.
    pub(super) fn written(&self, element: Element) -> impl Iterator<Item = Element> + use<> {
        [element].into_iter().chain(self.end_element())
    }

    /// What is there to remove.
    pub(super) fn held(&self) -> (&'r Element, Option<Element>) {
        (self.element, self.end_element().filter(|_| self.closed))
    }

    /// What is there to be made in a set that may get another life for its elements in the same
    /// batch: each says its own.
    pub(super) fn explicit(&self, set: &Set) -> (Cow<'r, Element>, Option<Element>) {
        let mut element = Cow::Borrowed(self.element);
        if let (None, Some(life)) = (element.timeout, lifetime(&element, set)) {
            element.to_mut().timeout = Some(life);
        }
        (element, self.end_element())
    }

    /// What is there to be made.
    pub(super) fn whole(&self) -> (&'r Element, Option<Element>) {
        (self.element, self.end_element())
    }
}

/// The elements of a set, sorted; starts and ends put together, ends that end nothing left out.
pub(super) fn entries(set: &FilledSet) -> Vec<Entry<'_>> {
    if !set.set.is_interval() {
        let end = |element: &Element| element.key_end.filter(|end| element.key != Some(*end)).is_some();
        let mut entries: Vec<Entry<'_>> = set
            .elements
            .iter()
            .map(|element| {
                let end = element.key_end.as_ref().filter(|_| end(element));
                Entry { element, end, closed: true, tree: false }
            })
            .collect();
        entries.sort_by(Entry::order);
        entries.dedup_by(|b, a| a.order(b).is_eq());
        return entries;
    }
    let open = |element| Entry { element, end: None, closed: false, tree: true };
    let catch_all = set.elements.iter().filter(|element| element.is_catch_all()).map(open);
    catch_all
        .chain(intervals(&set.elements).map(|one| Entry { end: one.end, closed: one.closed, ..open(one.start) }))
        .collect()
}

/// The same as they are said, for a set that is new: the kernel keeps that order where it can.
/// Intervals stay sorted.
pub(super) fn entries_as_said(set: &FilledSet) -> Vec<Entry<'_>> {
    let mut entries = entries(set);
    if !set.set.is_interval() {
        entries.sort_by_key(|entry| std::ptr::from_ref(entry.element));
    }
    entries
}

/// What has to be done to a set.
#[derive(Debug, Default)]
pub(super) struct Changes<'r> {
    pub(super) gone: Vec<Entry<'r>>,
    pub(super) fresh: Vec<Entry<'r>>,
    /// What is there, and what it shall live as from now on.
    pub(super) refreshed: Vec<(Entry<'r>, Entry<'r>)>,
    /// How many of those that go came by themselves.
    pub(super) learned: usize,
    /// When the next of those that are there then is to be put there again.
    pub(super) due: Option<Duration>,
}

/// Whether elements of a set come and go by themselves: then those that the desired state does not
/// name are none of its business.
pub(super) fn is_moving(set: &Set) -> bool {
    set.flags().intersects(SetFlags::EVAL | SetFlags::TIMEOUT)
}

/// What turns the elements of a set into those of another.
///
/// `stays` says of what elements name whether it is the same before and after.
pub(super) fn changes<'r>(
    old: &'r FilledSet,
    new: &'r FilledSet,
    stays: &dyn Fn(&Reference<'_>) -> bool,
) -> Changes<'r> {
    let mut changes = Changes::default();
    let (before, after) = (entries(old), entries(new));
    let may_stay = |entry: &Entry<'_>| {
        let mut may = true;
        element_references(&old.set, entry.element, &mut |reference| may &= stays(&reference));
        may
    };
    let mut kept = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < before.len() || j < after.len() {
        let order = match (before.get(i), after.get(j)) {
            (Some(a), Some(b)) => a.order(b),
            (Some(_), None) => Ordering::Less,
            _ => Ordering::Greater,
        };
        match order {
            Ordering::Less if is_moving(&old.set) && may_stay(&before[i]) && !overlaps(&before[i], &after) => {
                kept.push((before[i], before[i]));
            }
            Ordering::Less => {
                changes.learned += usize::from(is_moving(&old.set));
                changes.gone.push(before[i]);
            }
            Ordering::Greater => changes.fresh.push(after[j]),
            Ordering::Equal => {
                let (a, b) = (before[i], after[j]);
                let (was, is) = (normal(a.element, &old.set), normal(b.element, &new.set));
                let due = due(a.element, b.element, new);
                let same = may_stay(&a) && (&was.data, &was.object) == (&is.data, &is.object);
                if same && was == is && due.is_none_or(|due| !due.is_zero()) {
                    changes.due = [changes.due, due].into_iter().flatten().min();
                    kept.push((a, b));
                } else if same && lifetime(a.element, &old.set).is_some() {
                    changes.refreshed.push((a, b));
                } else {
                    changes.gone.push(a);
                    changes.fresh.push(b);
                }
            }
        }
        i += usize::from(order.is_le());
        j += usize::from(order.is_ge());
    }
    let written = changes.fresh.iter().chain(changes.refreshed.iter().map(|(_, b)| b));
    let next = written.filter_map(|entry| due(entry.element, entry.element, new)).min();
    changes.due = [changes.due, next].into_iter().flatten().min();
    changes.close(&kept);
    changes
}

/// Whether an interval crosses one of those that are to be there, which the kernel refuses.
fn overlaps(entry: &Entry<'_>, wanted: &[Entry<'_>]) -> bool {
    let next = wanted.partition_point(|other| other.is_before(entry));
    entry.tree && wanted.get(next).is_some_and(|other| !entry.is_before(other))
}

impl<'r> Changes<'r> {
    pub(super) fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.fresh.is_empty() && self.refreshed.is_empty()
    }

    /// Leaves to the next plan, which is due at once, what takes the place of nothing.
    pub(super) fn postpone(&mut self) {
        let gone: HashSet<&[u8]> = self.gone.iter().map(Entry::key).collect();
        let all = self.fresh.len();
        self.fresh.retain(|entry| gone.contains(entry.key()));
        if self.fresh.len() < all {
            self.due = Some(Duration::ZERO);
        }
    }

    /// Gives an end to intervals that lose the start which ended them.
    fn close(&mut self, kept: &[(Entry<'r>, Entry<'r>)]) {
        let mut starts: HashSet<&[u8]> = self.gone.iter().map(Entry::key).collect();
        for entry in &self.fresh {
            starts.remove(entry.key());
        }
        for (a, b) in kept.iter().filter(|(a, _)| a.tree && !a.closed) {
            if a.end.is_some_and(|end| starts.contains(&**end)) {
                self.gone.push(*a);
                self.fresh.push(*b);
            }
        }
    }
}

/// When an element has less than half of its life left; now, if it has.
pub(super) fn due(held: &Element, wanted: &Element, new: &FilledSet) -> Option<Duration> {
    let life = lifetime(wanted, &new.set)?;
    let promised = wanted.expiration.unwrap_or(life);
    Some(held.expiration.unwrap_or(promised).saturating_sub(promised / 2))
}
