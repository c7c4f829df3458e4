//! Comparisons of neighbouring bytes, joined as nft joins them.

use super::lower::{Equal, Lowering, Step};
use crate::expr::PayloadBase;

impl Lowering {
    /// Joins comparisons of neighbouring bytes within each run of matches.
    pub(super) fn merge(&mut self) {
        let mut run = Vec::new();
        let mut gone = vec![false; self.steps.len()];
        for at in 0..=self.steps.len() {
            match self.steps.get(at) {
                Some(Step::Equal(_)) => run.push(at),
                Some(Step::Match(_) | Step::Own(_)) => {}
                Some(Step::Act(_)) | None => self.merge_run(std::mem::take(&mut run), &mut gone),
            }
        }
        let mut gone = gone.into_iter();
        self.steps.retain(|_| !gone.next().unwrap_or_default());
    }

    fn merge_run(&mut self, mut run: Vec<usize>, gone: &mut [bool]) {
        let key = |step: &Step| match step {
            Step::Equal(equal) => (u32::from(equal.base), equal.offset),
            _ => (u32::MAX, 0),
        };
        run.sort_by_key(|at| key(&self.steps[*at]));
        let mut run = run.into_iter();
        let Some(mut last) = run.next() else { return };
        for this in run {
            let (Step::Equal(first), Step::Equal(second)) = (&self.steps[last], &self.steps[this]) else { continue };
            let Some((joined, into_this)) = join(first, second) else {
                last = this;
                continue;
            };
            // What names the protocol above stays where it is: later matches rely on it.
            let (stays, goes) = if into_this { (this, last) } else { (last, this) };
            self.steps[stays] = Step::Equal(joined);
            gone[goes] = true;
            last = stays;
        }
    }
}

/// Two comparisons as one, if nft would join them, and whether in the place of the second.
fn join(first: &Equal, second: &Equal) -> Option<(Equal, bool)> {
    let (len, len2) = (first.value.len(), second.value.len());
    let adjacent = first.base == second.base && usize::from(first.offset) + len == usize::from(second.offset);
    if !adjacent || first.tunnel != second.tunnel || len + len2 > 16 {
        return None;
    }
    // Up to four bytes are fast to load and compare; two fast comparisons are not joined to a slow one.
    if len + len2 > 4 && len <= 4 && len2 <= 4 && first.base != PayloadBase::Link {
        return None;
    }
    let mut value = first.value;
    value.append(&second.value)?;
    Some((Equal { value, names: first.names || second.names, ..first.clone() }, second.names))
}
