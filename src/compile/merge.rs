//! Comparisons of neighbouring bytes, joined as nft joins them.

use super::lower::{Equal, Kind, Lowering, Step};
use crate::{
    data::Value,
    expr::{Expr, PayloadBase},
};

impl Lowering {
    /// Joins comparisons of neighbouring bytes within each run of matches.
    pub(super) fn merge(&mut self) {
        let is_act = |step: &Step| matches!(step.kind, Kind::Act);
        let joinable = |run: &[Step]| run.iter().any(|a| run.iter().any(|b| join(a, b).is_some()));
        // Hardly any rule has such.
        if !self.steps.split(is_act).any(joinable) {
            return;
        }
        let mut run = Vec::new();
        let mut gone = vec![false; self.steps.len()];
        for at in 0..=self.steps.len() {
            match self.steps.get(at).map(|step| step.kind) {
                Some(Kind::Equal(_)) => run.push(at),
                Some(Kind::Match | Kind::Own) => {}
                Some(Kind::Act) | None => self.merge_run(std::mem::take(&mut run), &mut gone),
            }
        }
        self.retain(|at, _| !gone[at]);
    }

    fn merge_run(&mut self, mut run: Vec<usize>, gone: &mut [bool]) {
        let key = |step: &Step| match step.kind {
            Kind::Equal(equal) => (u32::from(equal.base), equal.offset),
            _ => (u32::MAX, 0),
        };
        run.sort_by_key(|at| key(&self.steps[*at]));
        let mut run = run.into_iter();
        let Some(mut last) = run.next() else { return };
        for this in run {
            let Some((joined, into_this)) = join(&self.steps[last], &self.steps[this]) else {
                last = this;
                continue;
            };
            let mut value = self.compared(last);
            let _ = value.append(&self.compared(this));
            // What names the protocol above stays where it is: later matches rely on it.
            let (stays, goes) = if into_this { (this, last) } else { (last, this) };
            let at = self.place(stays);
            self.exprs.splice(at..at + 2, joined.exprs(value));
            self.steps[stays].kind = Kind::Equal(joined);
            gone[goes] = true;
            last = stays;
        }
    }

    /// Where the expressions of a step begin.
    fn place(&self, step: usize) -> usize {
        self.steps[..step].iter().map(|step| step.len).sum()
    }

    /// What packet bytes are compared with.
    fn compared(&self, step: usize) -> Value {
        match &self.exprs[self.place(step) + 1] {
            Expr::Cmp(cmp) => cmp.data,
            _ => Value::default(),
        }
    }
}

/// Two comparisons as one, if nft would join them, and whether in the place of the second.
fn join(first: &Step, second: &Step) -> Option<(Equal, bool)> {
    let (Kind::Equal(first), Kind::Equal(second)) = (first.kind, second.kind) else { return None };
    let (len, len2) = (first.len, second.len);
    let adjacent = first.base == second.base && first.offset + u16::from(len) == second.offset;
    if !adjacent || first.tunnel != second.tunnel || len + len2 > 16 {
        return None;
    }
    // Up to four bytes are fast to load and compare; two fast comparisons are not joined to a slow
    // one.
    if len + len2 > 4 && len <= 4 && len2 <= 4 && first.base != PayloadBase::Link {
        return None;
    }
    Some((Equal { len: len + len2, names: first.names || second.names, ..first }, second.names))
}
