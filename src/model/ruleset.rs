use super::{Chain, Element, Flowtable, Generation, Object, Rule, Set, Table};
use crate::data::{Family, Name};

/// Everything that the kernel holds, of one generation: what
/// [`Client::ruleset`](crate::Client::ruleset) reads.
///
/// In the kernel's order: tables as they were made, the rest table by table, rules chain by chain.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Ruleset {
    /// The generation that it is of.
    pub generation: Generation,
    /// Tables of all families.
    pub tables: Vec<Table>,
    /// Chains, base and regular.
    pub chains: Vec<Chain>,
    /// Rules.
    pub rules: Vec<Rule>,
    /// Sets and maps, anonymous ones too, with their elements.
    pub sets: Vec<FilledSet>,
    /// Named objects.
    pub objects: Vec<Object>,
    /// Flowtables.
    pub flowtables: Vec<Flowtable>,
}

/// A set or map and what is in it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct FilledSet {
    /// The set.
    pub set: Set,
    /// Its elements, as the kernel holds them.
    pub elements: Vec<Element>,
}

impl Ruleset {
    /// Takes in what another one has of other tables.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.tables.append(&mut other.tables);
        self.chains.append(&mut other.chains);
        self.rules.append(&mut other.rules);
        self.sets.append(&mut other.sets);
        self.objects.append(&mut other.objects);
        self.flowtables.append(&mut other.flowtables);
    }

    /// Nothing, of this generation.
    pub fn new(generation: Generation) -> Self {
        Self {
            generation,
            tables: Vec::new(),
            chains: Vec::new(),
            rules: Vec::new(),
            sets: Vec::new(),
            objects: Vec::new(),
            flowtables: Vec::new(),
        }
    }

    /// Those of one table: its chains, in order.
    pub fn chains_of<'r>(&'r self, table: &'r Table) -> impl Iterator<Item = &'r Chain> {
        self.chains.iter().filter(|c| c.family == table.family && c.table == table.name)
    }

    /// The rules of a chain, in order.
    pub fn rules_of<'r>(&'r self, chain: &'r Chain) -> impl Iterator<Item = &'r Rule> {
        self.rules.iter().filter(|r| r.family == chain.family && r.table == chain.table && r.chain == chain.name)
    }

    /// The rule of a table with this handle.
    pub fn rule(&self, family: Family, table: &Name, handle: u64) -> Option<&Rule> {
        let mut rules = self.rules.iter().filter(|rule| rule.handle == Some(handle));
        rules.find(|rule| rule.family == family && rule.table == *table)
    }

    /// The set or map of a table with this name.
    pub fn set(&self, table: &Table, name: &Name) -> Option<&FilledSet> {
        self.sets.iter().find(|s| s.set.family == table.family && s.set.table == table.name && s.set.name == *name)
    }
}

impl FilledSet {
    /// A set with these elements.
    pub fn new(set: Set, elements: Vec<Element>) -> Self {
        Self { set, elements }
    }
}
