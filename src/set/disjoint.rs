//! Intervals of a set must not overlap: found before they are sent, and told with both names.

use crate::{
    compile::stretched,
    data::{DataType, Value},
    model,
    wire::Malformed,
};
use std::ops::Range;

/// Watches intervals go by: while they ascend, nothing has to be kept to know that they are
/// disjoint.
pub(super) struct Disjoint {
    watched: bool,
    /// The end of the last one; `None` at the start.
    last: Option<Value>,
    ascending: bool,
}

impl Disjoint {
    pub(super) fn new(watched: bool) -> Self {
        Self { watched, last: None, ascending: true }
    }

    /// One interval of `lo` to `hi`.
    #[inline]
    pub(super) fn pass(&mut self, lo: &Value, hi: &Value) {
        if self.watched && self.ascending {
            self.ascending = self.last.is_none_or(|last| *last < **lo);
            self.last = Some(*hi);
        }
    }

    pub(super) fn see(&mut self, element: &model::Element, end: Option<&model::Element>) {
        if self.watched
            && let Some((lo, hi)) = bounds(element, end)
        {
            self.pass(&lo, &hi);
        }
    }

    /// Whether they are known to be disjoint. Concatenated ones, too: where the end of one and the
    /// start of the next first differ, that field parts them.
    pub(super) fn holds(&self) -> bool {
        self.ascending
    }
}

/// The lowest and the highest key of an element of an interval set.
fn bounds(element: &model::Element, end: Option<&model::Element>) -> Option<(Value, Value)> {
    let lo = element.key?;
    let hi = match (element.key_end, end.and_then(|end| end.key)) {
        (Some(hi), _) => hi,
        (None, Some(end)) => end.before()?,
        (None, None) => stretched(&[], 0xff, lo.len()),
    };
    Some((lo, hi))
}

/// Intervals in little memory.
pub(super) struct Spans {
    /// Bytes of a key.
    len: usize,
    /// Lowest and highest key of each.
    bytes: Vec<u8>,
    /// Which of the elements each is.
    index: Vec<u32>,
}

impl Spans {
    pub(super) fn new(len: usize) -> Self {
        Self { len, bytes: Vec::new(), index: Vec::new() }
    }

    pub(super) fn push(&mut self, index: usize, lo: &[u8], hi: &[u8]) {
        if lo.len() == self.len && hi.len() == self.len {
            self.bytes.extend_from_slice(lo);
            self.bytes.extend_from_slice(hi);
            self.index.push(u32::try_from(index).unwrap_or(u32::MAX));
        }
    }

    fn lo(&self, at: u32) -> &[u8] {
        &self.bytes[at as usize * 2 * self.len..][..self.len]
    }

    fn hi(&self, at: u32) -> &[u8] {
        &self.bytes[(at as usize * 2 + 1) * self.len..][..self.len]
    }

    /// All of them, by their lowest keys in one field.
    fn sorted(&self, field: &Range<usize>) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.index.len() as u32).collect();
        order.sort_unstable_by_key(|at| (&self.lo(*at)[field.clone()], *at));
        order
    }

    /// Those that overlap or follow one another as one.
    pub(super) fn merged(&self) -> Vec<(Value, Value)> {
        let mut merged: Vec<(Value, Value)> = Vec::new();
        for at in self.sorted(&(0..self.len)) {
            let (Some(lo), Some(hi)) = (Value::new(self.lo(at)), Value::new(self.hi(at))) else { continue };
            match merged.last_mut() {
                Some((_, last)) if last.after().is_none_or(|next| *lo <= *next) => {
                    if **last < *hi {
                        *last = hi;
                    }
                }
                _ => merged.push((lo, hi)),
            }
        }
        merged
    }

    /// Each that overlaps one before it, with that one; twice the same is none.
    pub(super) fn overlaps(&self, widths: &[usize], ty: DataType) -> Vec<(usize, Malformed)> {
        let fields = fields(widths);
        // The field that parts them best: an interval is compared with those that it shares that
        // field with.
        let distinct = |field: &&Range<usize>| {
            let order = self.sorted(field);
            order.windows(2).filter(|w| self.lo(w[0])[(*field).clone()] != self.lo(w[1])[(*field).clone()]).count()
        };
        let best = if fields.len() == 1 { fields.first() } else { fields.iter().max_by_key(distinct) };
        let Some(best) = best else { return Vec::new() };
        let mut found = Vec::new();
        let mut near: Vec<u32> = Vec::new();
        for at in self.sorted(best) {
            near.retain(|other| self.hi(*other)[best.clone()] >= self.lo(at)[best.clone()]);
            let (lo, hi) = (self.lo(at), self.hi(at));
            let meets = |other: &&u32| {
                let (l, h) = (self.lo(**other), self.hi(**other));
                (l, h) != (lo, hi)
                    && fields.iter().all(|f| l[f.clone()] <= hi[f.clone()] && lo[f.clone()] <= h[f.clone()])
            };
            match near.iter().find(meets) {
                Some(other) => found.push(self.told(at, *other, ty)),
                None => near.push(at),
            }
        }
        found
    }

    fn told(&self, one: u32, other: u32, ty: DataType) -> (usize, Malformed) {
        let (late, early) =
            if self.index[one as usize] > self.index[other as usize] { (one, other) } else { (other, one) };
        let show = |at| ty.show_range(self.lo(at), self.hi(at));
        let index = |at: u32| self.index[at as usize] as usize;
        let why = format!(
            "{} overlaps {} (elements[{}]): leave one out, or make one of them with merged()",
            show(late),
            show(early),
            index(early)
        );
        (index(late), Malformed::Refused(why.into()))
    }
}

/// Where the fields of a key are; a single one is not padded.
fn fields(widths: &[usize]) -> Vec<Range<usize>> {
    let mut at = 0;
    let each = widths.iter().map(|width| {
        let field = at..at + width;
        at += width.next_multiple_of(4);
        field
    });
    each.collect()
}

/// The elements that overlap another one, with why.
pub(super) fn overlaps(
    elements: impl Iterator<Item = (usize, model::Element, Option<model::Element>)>,
    widths: &[usize],
    ty: DataType,
) -> Vec<(usize, Malformed)> {
    let len =
        fields(widths).last().map_or(0, |last| if widths.len() == 1 { last.end } else { last.end.next_multiple_of(4) });
    let mut spans = Spans::new(len);
    for (index, element, end) in elements {
        if let Some((lo, hi)) = bounds(&element, end.as_ref()) {
            spans.push(index, &lo, &hi);
        }
    }
    spans.overlaps(widths, ty)
}
