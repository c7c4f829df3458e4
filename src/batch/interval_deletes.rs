//! Deletes of intervals, and whether all of each is meant.
//!
//! The kernel takes the start of an interval and its end for two elements. Of concatenated
//! intervals it deletes the one that a key lies in, however much of it was named; of others,
//! `destroy` removes the half that it finds. So what is there is looked up first, key by key.

use super::{Batch, Change};
use crate::{
    data::Value,
    model::{Does, Element, Kind, Set, SetFlags},
};
use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};

/// A delete that would remove more than it names, or half of it.
#[derive(Debug, PartialEq)]
pub(crate) struct Part {
    pub(crate) operation: usize,
    /// Number of the list entry within its operation.
    pub(crate) entry: usize,
    pub(crate) named: (Value, Value),
    /// What is there: its lowest key, and its highest where that is known.
    pub(crate) there: (Value, Option<Value>),
}

/// A delete that has to be looked at.
struct Cut {
    operation: usize,
    /// Of its message.
    seq: u32,
    /// Within its message.
    entry: usize,
    lo: Value,
    hi: Value,
    /// The kernel itself asks for the end of the interval.
    ended: bool,
}

/// Answers to keys: the elements that these lie in.
pub(crate) type Ask<'a, E> = &'a mut dyn FnMut(&[Value]) -> Result<Vec<Option<Element>>, E>;

/// Keys that are asked for at once.
const MANY: usize = 3000;

impl Batch {
    /// The deletes in an interval set that do not name what is there. `ask` knows the set as the
    /// batch finds it.
    pub(crate) fn parts<E>(&self, set: &Set, ask: Ask<'_, E>) -> Result<Vec<Part>, E> {
        let mut walk = Walk { fields: set.fields(), concat: set.flags().contains(SetFlags::CONCAT), ..Walk::default() };
        for change in self.changes() {
            if change.family() != set.family || change.table().is_none_or(|table| table != set.table) {
                continue;
            }
            let is_it = change.name().is_some_and(|name| name == set.name);
            match (change.does, change.kind) {
                // The table or the set goes, or all that is in it.
                (Does::Delete | Does::Destroy, Kind::Table) => walk.empty(),
                (Does::Delete | Does::Destroy, Kind::Set) if is_it => walk.empty(),
                (_, Kind::Elements) if is_it && change.flushes() => walk.empty(),
                (Does::New, Kind::Elements) if is_it => walk.add(&change),
                (Does::Delete | Does::Destroy, Kind::Elements) if is_it => walk.delete(self, &change, ask)?,
                _ => {}
            }
        }
        walk.settle(ask)?;
        // Of the messages with something to say only: to count takes a walk through all that is
        // before.
        let mut before = HashMap::new();
        let whole = |(seq, part): (u32, Part)| {
            let before = *before.entry(seq).or_insert_with(|| self.elements_before(part.operation, seq));
            Part { entry: before + part.entry, ..part }
        };
        Ok(walk.parts.into_iter().map(whole).collect())
    }
}

#[derive(Default)]
struct Walk {
    concat: bool,
    /// Of concatenated keys.
    fields: Vec<Range<usize>>,
    /// What the kernel had is gone.
    emptied: bool,
    /// What the batch has added so far: highest keys by lowest.
    added: BTreeMap<Vec<u8>, Value>,
    open: Vec<Cut>,
    /// Each with its message, within which its entry is counted.
    parts: Vec<(u32, Part)>,
}

impl Walk {
    fn empty(&mut self) {
        self.emptied = true;
        self.added.clear();
    }

    fn add(&mut self, change: &Change<'_>) {
        for (_, lo, hi, _) in intervals(change, self.concat) {
            self.added.insert(lo.to_vec(), hi);
        }
    }

    /// What the batch has added and shares keys with an interval.
    fn own(&self, lo: &Value, hi: &Value) -> Option<(Value, Value)> {
        let before = self.added.range(..=hi.to_vec()).rev();
        // Those of one field are disjoint: the last that starts before it ends is the only one.
        let near = before.take(if self.concat { usize::MAX } else { 1 });
        near.map(|(l, h)| (Value::new(l).unwrap_or_default(), *h)).find(|(l, h)| {
            let has = |field: &Range<usize>| {
                let [l, h, key] = [l, h, lo].map(|value| value.get(field.clone()));
                l <= key && key <= h
            };
            if self.concat { self.fields.iter().all(has) } else { **h >= **lo }
        })
    }

    fn delete<E>(&mut self, batch: &Batch, change: &Change<'_>, ask: Ask<'_, E>) -> Result<(), E> {
        let seq = change.seq();
        let Some((operation, _)) = batch.find(seq) else { return Ok(()) };
        for (entry, lo, hi, ended) in intervals(change, self.concat) {
            if let Some((l, h)) = self.own(&lo, &hi) {
                if (l, h) == (lo, hi) {
                    self.added.remove(&*lo);
                } else {
                    self.parts.push((seq, Part { operation, entry, named: (lo, hi), there: (l, Some(h)) }));
                }
            } else if !self.emptied {
                self.open.push(Cut { operation, seq, entry, lo, hi, ended: ended && change.does == Does::Delete });
                if self.open.len() == MANY {
                    self.settle(ask)?;
                }
            }
        }
        Ok(())
    }

    /// Compares with what the kernel has.
    fn settle<E>(&mut self, ask: Ask<'_, E>) -> Result<(), E> {
        let concat = self.concat;
        let keys = |cut: &Cut| match (concat, cut.ended) {
            (true, _) => vec![cut.lo],
            // Where the highest key lies decides: the kernel does not delete unless the end is
            // there, too.
            (false, true) => vec![cut.hi],
            (false, false) => [Some(cut.hi), Some(cut.lo), cut.hi.after()].into_iter().flatten().collect(),
        };
        let wanted: Vec<Value> = self.open.iter().flat_map(keys).collect();
        let mut found = if wanted.is_empty() { Vec::new() } else { ask(&wanted)? }.into_iter();
        for cut in std::mem::take(&mut self.open) {
            let mut next = || found.next().flatten().filter(|e| !e.is_interval_end() && !e.is_catch_all());
            let there = if concat {
                let found = next().and_then(|e| Some((e.key?, e.key_end.or(e.key))));
                found.filter(|found| *found != (cut.lo, Some(cut.hi)))
            } else {
                let start = |element: Option<Element>| element.and_then(|e| e.key);
                let last = start(next());
                let (first, behind) = match cut.ended {
                    true => (last, None),
                    false => (start(next()), if cut.hi.after().is_some() { start(next()) } else { None }),
                };
                let exact = first == Some(cut.lo) && last == first && behind != first;
                first.or(last).filter(|_| !exact).map(|start| (start, None))
            };
            if let Some(there) = there {
                let Cut { operation, seq, entry, lo, hi, .. } = cut;
                self.parts.push((seq, Part { operation, entry, named: (lo, hi), there }));
            }
        }
        Ok(())
    }
}

/// The intervals of a list of elements: number of the entry, lowest and highest key, whether an end
/// is named.
fn intervals(change: &Change<'_>, concat: bool) -> impl Iterator<Item = (usize, Value, Value, bool)> {
    let mut entries = change.elements().map(Result::ok).enumerate().peekable();
    std::iter::from_fn(move || {
        loop {
            let (index, element) = entries.next()?;
            let Some((element, lo)) = element.and_then(|e| Some((e.key?, e)).map(|(lo, e)| (e, lo))) else { continue };
            if element.is_interval_end() {
                continue;
            }
            if concat {
                return Some((index, lo, element.key_end.unwrap_or(lo), true));
            }
            let end = entries.next_if(|(_, next)| next.as_ref().is_some_and(Element::is_interval_end));
            let end = end.and_then(|(_, end)| end?.key);
            let last = end.and_then(|end| end.before());
            let highest = || Value::new(&[0xff; Value::MAX][..lo.len()]).unwrap_or_default();
            return Some((index, lo, last.unwrap_or_else(highest), end.is_some()));
        }
    })
}
