//! Intervals out of what the kernel has of them: the first key of each, and the first one after it.

use super::Element;
use crate::data::Value;

/// An interval of a set of intervals of one field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interval<'e> {
    /// The element that starts it, and that has all else that is said of it.
    pub start: &'e Element,
    pub lo: Value,
    /// The last key in it.
    pub hi: Value,
    /// The first key behind it; none if it goes on to the last key there is.
    pub end: Option<&'e Value>,
    /// It ends with an end marker, and not where the next one starts.
    pub closed: bool,
}

/// The intervals that elements are, in the order of their keys. A start ends what lies before it,
/// ends that end nothing are left out, and so is the element without a key.
pub(crate) fn intervals<'e>(elements: impl IntoIterator<Item = &'e Element>) -> impl Iterator<Item = Interval<'e>> {
    let keyed = elements.into_iter().filter_map(|element| Some((element.key.as_ref()?, element)));
    let mut keyed: Vec<_> = keyed.collect();
    // At one place, the end of what lies before comes first.
    keyed.sort_by(|(a, one), (b, other)| a.cmp(b).then(other.is_interval_end().cmp(&one.is_interval_end())));
    keyed.dedup_by(|(b, next), (a, before)| a == b && next.is_interval_end() == before.is_interval_end());
    let mut rest = keyed.into_iter().peekable();
    std::iter::from_fn(move || {
        let (lo, start) = rest.find(|(_, element)| !element.is_interval_end())?;
        let next = rest.peek().copied();
        let hi = next.and_then(|(end, _)| end.before()).unwrap_or_else(|| lo.highest());
        let closed = next.is_some_and(|(_, element)| element.is_interval_end());
        Some(Interval { start, lo: *lo, hi, end: next.map(|(end, _)| end), closed })
    })
}

impl Element {
    /// The last key of an interval that starts here, if the element that is written after it ends
    /// it.
    pub(crate) fn last_before(&self, next: Option<&Self>) -> Option<Value> {
        self.key_end.or_else(|| next.filter(|next| next.is_interval_end())?.key?.before())
    }
}
