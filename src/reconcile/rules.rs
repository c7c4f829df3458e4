//! Rules of two versions of a chain: which of them stay.

use super::{
    elements::entries,
    expr::{normal, rename_chain, rename_set},
    meaning,
    normal::{element, set as normal_set},
    view::View,
};
use crate::{
    data::Name,
    model::{FilledSet, Rule},
    wire::{Codec, Form, Writer},
};
use std::{
    collections::HashMap,
    hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState},
    ops::Range,
};

/// What a rule does, in 128 bits; `None` of one that has to go in any case.
///
/// Under keys that nobody outside of this process knows, so that two rules with the same print are
/// a matter of 2^128.
pub(super) type Print = Option<(u64, u64)>;

/// Takes prints.
#[derive(Debug, Default)]
pub(super) struct Printer {
    keys: [RandomState; 2],
    ink: Vec<u8>,
}

impl Printer {
    pub(super) fn print(&mut self, rule: &Rule, view: &View<'_>) -> Print {
        self.ink.clear();
        let mut out = Writer::reuse(std::mem::take(&mut self.ink), Form::Request);
        write(rule, view, &mut out);
        self.ink = out.into_parts().0;
        Some(self.hash(|hasher| hasher.write(&self.ink)))
    }

    /// The print of what a rule means, which rules have in common that are written with other
    /// registers; that of its registers, if its meaning is not known.
    fn meaning(&mut self, rule: &Rule, views: [&View<'_>; 2]) -> Print {
        match meaning::of(rule, views) {
            Some(meaning) => Some(self.hash(|hasher| meaning.hash(hasher))),
            None => self.print(rule, views[0]),
        }
    }

    /// The prints of two versions of a chain; of the old rules none of one that may not stay.
    ///
    /// By registers, which is quick. Only rules that there are more or fewer of by their registers
    /// are compared by what they mean.
    pub(super) fn both<'r>(
        &mut self,
        (old, was, may_stay): (&[&'r Rule], &View<'r>, &[bool]),
        (new, is): (&[&'r Rule], &View<'r>),
    ) -> (Vec<Print>, Vec<Print>) {
        let mut before: Vec<Print> =
            old.iter().zip(may_stay).map(|(rule, may)| may.then(|| self.print(rule, was)).flatten()).collect();
        let mut after: Vec<Print> = new.iter().map(|rule| self.print(rule, is)).collect();
        let (head, tail) = ends(&before, &after);
        let (from, to) = (head..before.len() - tail, head..after.len() - tail);
        // Of which registers there are as many before as after.
        let mut more: HashMap<Print, isize> = HashMap::new();
        before[from.clone()].iter().for_each(|print| *more.entry(*print).or_default() += 1);
        after[to.clone()].iter().for_each(|print| *more.entry(*print).or_default() -= 1);
        let differ = |prints: &[Print], range: Range<usize>| -> Vec<usize> {
            range.filter(|at| prints[*at].is_some() && more.get(&prints[*at]) != Some(&0)).collect()
        };
        let (old_ones, new_ones) = (differ(&before, from), differ(&after, to));
        if !old_ones.is_empty() && !new_ones.is_empty() {
            old_ones.into_iter().for_each(|at| before[at] = self.meaning(old[at], [was, is]));
            new_ones.into_iter().for_each(|at| after[at] = self.meaning(new[at], [is, was]));
        }
        (before, after)
    }

    fn hash(&self, write: impl Fn(&mut DefaultHasher)) -> (u64, u64) {
        let hash = |keys: &RandomState| {
            let mut hasher = keys.build_hasher();
            write(&mut hasher);
            hasher.finish()
        };
        (hash(&self.keys[0]), hash(&self.keys[1]))
    }
}

/// Writes all that counts of a rule, its own sets and chains in the place of their names.
fn write(rule: &Rule, view: &View<'_>, out: &mut Writer) {
    for expr in rule.exprs() {
        let mut form = normal(expr, view);
        let (set, own_chain) = (view.own_set(expr), view.own_chain(expr));
        if set.is_some() {
            rename_set(form.to_mut(), Name::from("own"), None);
        }
        if own_chain.is_some() {
            rename_chain(form.to_mut(), None, None);
        }
        out.nest(0, "", |out| <crate::expr::ExprNest as Codec<crate::expr::Expr>>::put(&form, out));
        if let Some(own) = set {
            own_set(own, out);
        }
        if let Some(own) = own_chain {
            for inner in view.rules(&own.name).iter().filter(|inner| inner.chain != rule.chain) {
                write(inner, view, out);
            }
            out.nest(3, "", |_| ());
        }
    }
    let notes = rule.userdata.as_ref().map_or(&[][..], |notes| notes.as_bytes());
    out.attr(4, "", |out| out.bytes(notes));
}

/// Writes all that counts of a set that belongs to a rule.
pub(super) fn own_set(own: &FilledSet, out: &mut Writer) {
    let mut set = normal_set(&own.set);
    set.name = Name::from("own");
    out.nest(1, "", |out| set.encode_attrs(out));
    for one in entries(own).iter().flat_map(|entry| entry.written(element(entry.element, &own.set))) {
        out.nest(2, "", |out| one.encode_attrs(out));
    }
}

/// How many of the same rule are all tried; of more each has its place by its number.
const TRIED: usize = 8;

/// The longest common subsequence, as pairs of indices in order.
///
/// What both begin and end with is found at once. Between, each new rule is tried with the old ones
/// that are the same, and the longest chain of such pairs is found with piles: n log n. Of rules
/// that repeat more than [`TRIED`] times it may be shorter than the longest.
pub(super) fn common(old: &[Print], new: &[Print]) -> Vec<(usize, usize)> {
    let (head, tail) = ends(old, new);
    let mut pairs: Vec<(usize, usize)> = (0..head).map(|i| (i, i)).collect();
    pairs.extend(middle(old, new, head..old.len() - tail, head..new.len() - tail));
    pairs.extend((0..tail).rev().map(|i| (old.len() - 1 - i, new.len() - 1 - i)));
    pairs
}

/// How many rules both begin with, and how many of the others both end with.
fn ends(old: &[Print], new: &[Print]) -> (usize, usize) {
    let same = |(a, b): &(&Print, &Print)| a.is_some() && a == b;
    let head = old.iter().zip(new).take_while(same).count();
    (head, old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(same).count())
}

fn middle(old: &[Print], new: &[Print], from: Range<usize>, to: Range<usize>) -> Vec<(usize, usize)> {
    let mut places: Vec<usize> = from.filter(|i| old[*i].is_some()).collect();
    places.sort_by_key(|i| (old[*i], *i));
    let mut numbers: HashMap<Print, usize> = HashMap::new();
    // Pairs, each with the one before it in the longest chain that ends with it; and the last of
    // the best chain of each length.
    let mut links: Vec<(usize, usize, Option<usize>)> = Vec::new();
    let mut piles: Vec<usize> = Vec::new();
    for j in to.filter(|j| new[*j].is_some()) {
        let first = places.partition_point(|i| old[*i] < new[j]);
        let mut same = &places[first..][..places[first..].partition_point(|i| old[*i] == new[j])];
        if same.len() > TRIED {
            let number = numbers.entry(new[j]).or_default();
            same = same.get(*number..=*number).unwrap_or_default();
            *number += 1;
        }
        // From the last on, so that none of them follows another.
        for &i in same.iter().rev() {
            let pile = piles.partition_point(|last| links[*last].0 < i);
            links.push((i, j, pile.checked_sub(1).map(|before| piles[before])));
            let link = links.len() - 1;
            match piles.get_mut(pile) {
                Some(last) => *last = link,
                None => piles.push(link),
            }
        }
    }
    let chain = std::iter::successors(piles.last().copied(), |link| links[*link].2);
    let mut pairs: Vec<_> = chain.map(|link| (links[link].0, links[link].1)).collect();
    pairs.reverse();
    pairs
}

/// What is done with the rules of a chain.
#[derive(Debug, Default)]
pub(super) struct Edits<'r> {
    /// All that is there goes.
    pub(super) flush: bool,
    pub(super) gone: Vec<&'r Rule>,
    pub(super) made: Vec<(Spot, &'r Rule)>,
    /// Rules whose place another takes.
    pub(super) replaced: Vec<&'r Rule>,
}

/// Where a new rule goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Spot {
    Back,
    Before(u64),
    Of(u64),
}

/// The kernel walks the chain for each rule that is named by its handle: of more than this none is
/// replaced one by one.
const WALKED: usize = 100;

impl<'r> Edits<'r> {
    /// A chain that is to have these rules and has none.
    pub(super) fn fill(new: &[&'r Rule]) -> Self {
        Self { made: new.iter().map(|rule| (Spot::Back, *rule)).collect(), ..Self::default() }
    }

    /// What turns one list of rules into another.
    pub(super) fn new(old: &[&'r Rule], new: &[&'r Rule], prints: (&[Print], &[Print])) -> Self {
        let pairs = common(prints.0, prints.1);
        if pairs.is_empty() && !old.is_empty() && (old.len() > new.len() + 1 || old.len() > WALKED) {
            return Self { flush: true, gone: old.to_vec(), ..Self::fill(new) };
        }
        let mut edits = Self::default();
        let (mut i, mut j) = (0, 0);
        for (keep, at) in pairs.into_iter().map(Some).chain([None]).map(|pair| match pair {
            Some((a, b)) => (old.get(a), (a, b)),
            None => (None, (old.len(), new.len())),
        }) {
            let mut made = new[j..at.1].iter();
            for (rule, print) in old[i..at.0].iter().zip(&prints.0[i..at.0]) {
                // One that goes with what it names cannot be there until the new one is made.
                match rule.handle.filter(|_| made.len() > 0 && print.is_some()) {
                    Some(handle) => {
                        edits.made.extend(made.next().map(|new| (Spot::Of(handle), *new)));
                        edits.replaced.push(rule);
                    }
                    None => edits.gone.push(rule),
                }
            }
            let spot = keep.and_then(|rule| rule.handle).map_or(Spot::Back, Spot::Before);
            edits.made.extend(made.map(|rule| (spot, *rule)));
            (i, j) = (at.0 + 1, at.1 + 1);
        }
        edits
    }
}
