//! Rules with what they bring along, as batches take them.

use super::lower::{Lowered, UsedSet};
use crate::{
    batch::{Batch, Place, SetName, Verb},
    expr::Expr,
    model,
};

impl Lowered {
    /// Writes a rule, and before it the sets and chains that it brings.
    pub(crate) fn put(self, mut rule: model::Rule, verb: Verb, place: Place, batch: &mut Batch) {
        let (family, table) = (rule.family, &rule.table);
        for way in &self.chains {
            let chain = model::Table::new(family, table).chain(&way.name);
            if batch.is_first(&chain) {
                batch.add(&chain).flush(&chain);
                for exprs in &way.rules {
                    batch.add(model::Rule::new(&chain, exprs.clone()));
                }
            }
        }
        for UsedSet { name, kind } in &self.uses {
            batch.assume(family, table, name, *kind);
        }
        batch.operation(verb);
        let ids: Vec<u32> = self
            .sets
            .into_iter()
            .map(|anonymous| {
                let id = batch.new_id();
                let set = model::Set { family, table: table.clone(), id: Some(id), ..anonymous.set };
                set.write(Verb::Add, batch);
                let name = SetName { family, table, name: &set.name, id: Some(id) };
                batch.element_messages(Verb::Add, &name, anonymous.elements, |element, out| {
                    element.write(Verb::Add, out);
                    Ok(())
                });
                id
            })
            .collect();
        for expr in rule.exprs.iter_mut().flatten() {
            let set_id = match expr {
                Expr::Lookup(lookup) => &mut lookup.set_id,
                Expr::Objref(objref) => &mut objref.set_id,
                _ => continue,
            };
            *set_id = set_id.and_then(|index| ids.get(index as usize).copied());
        }
        rule.write(verb, place, batch);
    }
}
