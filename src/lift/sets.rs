use crate::{
    data::{Family, Name},
    model,
};
use std::collections::HashMap;

/// The sets of a ruleset with their elements, by family, table and name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sets<'a> {
    sets: HashMap<(Family, &'a Name, &'a Name), (&'a model::Set, &'a [model::Element])>,
}

impl<'a> Sets<'a> {
    /// Adds a set.
    pub fn add(&mut self, set: &'a model::Set, elements: &'a [model::Element]) {
        self.sets.insert((set.family, &set.table, &set.name), (set, elements));
    }

    /// The set of a name in a table.
    pub fn find(&self, family: Family, table: &Name, name: &Name) -> Option<(&'a model::Set, &'a [model::Element])> {
        self.sets.get(&(family, table, name)).copied()
    }
}

impl<'a> FromIterator<(&'a model::Set, &'a [model::Element])> for Sets<'a> {
    fn from_iter<I: IntoIterator<Item = (&'a model::Set, &'a [model::Element])>>(sets: I) -> Self {
        let mut all = Self::default();
        sets.into_iter().for_each(|(set, elements)| all.add(set, elements));
        all
    }
}
