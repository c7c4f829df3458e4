//! Typed rules, as batches take them.

use super::Rule;
use crate::{
    batch::{Add, Batch, Insert, Item, Place, Verb},
    compile::lower::Lowered,
    expr::Expr,
    model,
};

/// A typed rule in its chain; from [`Chain::rule`](model::Chain::rule).
#[derive(Clone, Debug)]
pub struct ChainRule<'a> {
    chain: &'a model::Chain,
    rule: Rule,
}

impl model::Chain {
    /// A rule of this chain, for a batch. One that speaks of addresses of either family becomes
    /// two.
    ///
    /// ```
    /// use oxitables::{Batch, Family, Rule, Table, tcp};
    /// let input = Table::new(Family::Inet, "host").chain("input");
    /// Batch::new().add(input.rule(Rule::new().when(tcp::dport().is(22)).accept()));
    /// ```
    pub fn rule(&self, rule: impl Into<Rule>) -> ChainRule<'_> {
        ChainRule { chain: self, rule: rule.into() }
    }
}

impl Add for ChainRule<'_> {}
impl Insert for ChainRule<'_> {}
impl Item for ChainRule<'_> {
    #[allow(private_interfaces)]
    fn put(&self, verb: Verb, place: Place, batch: &mut Batch) {
        let mut lowered = match self.rule.lower(self.chain.family) {
            Ok(lowered) => lowered,
            Err(why) => {
                // The operation keeps its place and its name among the others.
                model::Rule::new(self.chain, Vec::<Expr>::new()).put(verb, place, batch);
                return batch.refuse(why.into());
            }
        };
        match place {
            Place::Back => {}
            // Each goes before the one that was put there last.
            Place::Front | Place::After(_) => lowered.reverse(),
            Place::Before(_) => {}
            Place::Of(handle) => {
                // The first takes the place, the others follow it.
                for rest in lowered.drain(1..).rev().collect::<Vec<_>>() {
                    self.put_one(rest, Verb::Add, Place::After(handle), batch);
                }
            }
        }
        for one in lowered {
            self.put_one(one, verb, place, batch);
        }
    }
}

impl ChainRule<'_> {
    fn put_one(&self, mut lowered: Lowered, verb: Verb, place: Place, batch: &mut Batch) {
        let userdata = lowered.userdata.take();
        let exprs = Some(std::mem::take(&mut lowered.exprs));
        let rule = model::Rule { userdata, exprs, ..model::Rule::new(self.chain, Vec::<Expr>::new()) };
        lowered.put(rule, verb, place, batch);
    }
}
