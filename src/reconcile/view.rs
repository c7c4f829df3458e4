//! One table of a ruleset, with everything found by its name.

use crate::{
    data::{Data, Name, Verdict},
    expr::{Expr, ObjectType},
    model::{Chain, ChainFlags, Element, FilledSet, Flowtable, Object, Rule, Ruleset, Set, SetFlags, Table},
};
use std::collections::{BTreeMap, HashMap};

/// What there is in one table; anonymous sets and chains stand apart from those that people name.
#[derive(Debug, Default)]
pub(super) struct View<'r> {
    pub(super) table: Option<&'r Table>,
    pub(super) chains: BTreeMap<&'r Name, &'r Chain>,
    pub(super) sets: BTreeMap<&'r Name, &'r FilledSet>,
    pub(super) objects: BTreeMap<(u32, &'r Name), &'r Object>,
    pub(super) flowtables: BTreeMap<&'r Name, &'r Flowtable>,
    rules: HashMap<&'r Name, Vec<&'r Rule>>,
    anonymous_sets: HashMap<&'r Name, &'r FilledSet>,
    anonymous_chains: HashMap<&'r Name, &'r Chain>,
}

/// What a rule or an element names.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Reference<'r> {
    Chain(&'r Name),
    Set(&'r Name),
    Object(u32, &'r Name),
    Flowtable(&'r Name),
}

impl std::fmt::Display for Reference<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Chain(name) => write!(f, "chain {name}"),
            Self::Set(name) => write!(f, "set {name}"),
            Self::Object(kind, name) => write!(f, "{} {name}", ObjectType::from(*kind)),
            Self::Flowtable(name) => write!(f, "flowtable {name}"),
        }
    }
}

pub(super) fn object_reference(object: &Object) -> Reference<'_> {
    Reference::Object(object.kind.map_or(0, u32::from), &object.name)
}

/// A table by family and name.
pub(super) type Key<'r> = (u8, &'r Name);

pub(super) fn key(table: &Table) -> Key<'_> {
    (table.family.into(), &table.name)
}

/// How the names begin that the kernel gives to chains of a single rule.
pub(super) const MADE_UP: &[u8] = b"__chain";

/// Whether a set belongs to one rule.
pub(super) fn is_anonymous(set: &Set) -> bool {
    set.flags().contains(SetFlags::ANONYMOUS)
}

/// Whether a chain belongs to one rule.
pub(super) fn is_bound(chain: &Chain) -> bool {
    chain.flags.unwrap_or_default().contains(ChainFlags::BINDING)
}

impl<'r> View<'r> {
    /// An empty table.
    pub(super) fn of(table: &'r Table) -> Self {
        Self { table: Some(table), ..Self::default() }
    }

    /// All tables of a ruleset that `wanted` has, in one walk.
    pub(super) fn all(ruleset: &'r Ruleset, wanted: &Ruleset) -> BTreeMap<Key<'r>, Self> {
        let mut views: BTreeMap<Key<'r>, Self> = BTreeMap::new();
        let named: BTreeMap<_, _> = wanted.tables.iter().map(|table| (key(table), ())).collect();
        for table in ruleset.tables.iter().filter(|table| named.contains_key(&key(table))) {
            views.entry(key(table)).or_default().table = Some(table);
        }
        macro_rules! each {
            ($items:ident, |$item:ident| $at:expr, |$view:ident| $put:expr) => {
                for $item in &ruleset.$items {
                    let (family, table) = $at;
                    if let Some($view) = views.get_mut(&(u8::from(family), table)) {
                        $put;
                    }
                }
            };
        }
        each!(chains, |chain| (chain.family, &chain.table), |view| {
            if is_bound(chain) {
                view.anonymous_chains.insert(&chain.name, chain);
            } else {
                view.chains.insert(&chain.name, chain);
            }
        });
        each!(rules, |rule| (rule.family, &rule.table), |view| view.rules.entry(&rule.chain).or_default().push(rule));
        each!(sets, |set| (set.set.family, &set.set.table), |view| {
            if is_anonymous(&set.set) {
                view.anonymous_sets.insert(&set.set.name, set);
            } else {
                view.sets.insert(&set.set.name, set);
            }
        });
        each!(objects, |object| (object.family, &object.table), |view| {
            view.objects.insert((object.kind.map_or(0, u32::from), &object.name), object);
        });
        each!(flowtables, |flowtable| (flowtable.family, &flowtable.table), |view| {
            view.flowtables.insert(&flowtable.name, flowtable);
        });
        views
    }

    /// The rules of a chain, in order.
    pub(super) fn rules(&self, chain: &Name) -> &[&'r Rule] {
        self.rules.get(chain).map_or(&[], |rules| rules)
    }

    /// The rules of all chains.
    pub(super) fn all_rules(&self) -> impl Iterator<Item = &'r Rule> {
        self.rules.values().flatten().copied()
    }

    /// The set of its own that an expression uses.
    pub(super) fn own_set(&self, expr: &Expr) -> Option<&'r FilledSet> {
        self.anonymous_sets.get(expr.set()?.0).copied()
    }

    /// The set of a name, whether it belongs to a rule or not.
    pub(super) fn any_set(&self, name: &Name) -> Option<&'r FilledSet> {
        self.sets.get(name).or_else(|| self.anonymous_sets.get(name)).copied()
    }

    /// How often a chain is named by verdicts of rules. What it could not be the own chain of
    /// counts as many: maps, and rules of chains that may be such themselves, which do not nest.
    pub(super) fn uses(&self, chain: &Name) -> usize {
        let goes = |rule: &Rule| {
            let times = rule.exprs().iter().filter(|expr| target(expr) == Some(chain)).count();
            if rule.chain.as_bytes().starts_with(MADE_UP) { 2 * times } else { times }
        };
        let rules: usize = self.all_rules().map(goes).sum();
        let mut mapped = 0;
        for set in self.sets.values().chain(self.anonymous_sets.values()) {
            for element in &set.elements {
                element_references(&set.set, element, &mut |reference| {
                    mapped += 2 * usize::from(reference == Reference::Chain(chain));
                });
            }
        }
        rules + mapped
    }

    /// The chain of its own that an expression goes to.
    pub(super) fn own_chain(&self, expr: &Expr) -> Option<&'r Chain> {
        self.anonymous_chains.get(target(expr)?).copied()
    }

    /// Calls `each` with everything that a rule names, itself or through what is its own.
    pub(super) fn references(&self, rule: &'r Rule, each: &mut dyn FnMut(Reference<'r>)) {
        references(rule, &mut |reference| match reference {
            Reference::Set(name) if self.anonymous_sets.contains_key(name) => {
                let set = self.anonymous_sets[name];
                set.elements.iter().for_each(|element| element_references(&set.set, element, each));
            }
            // Bound chains do not nest: the kernel refuses it.
            Reference::Chain(name) if self.anonymous_chains.contains_key(name) => {
                for rule in self.rules(name).iter().filter(|inner| inner.chain != rule.chain) {
                    self.references(rule, each);
                }
            }
            reference => each(reference),
        });
    }
}

/// Calls `each` with what a rule names.
pub(super) fn references<'r>(rule: &'r Rule, each: &mut dyn FnMut(Reference<'r>)) {
    for expr in rule.exprs() {
        if let Some((set, _)) = expr.set() {
            each(Reference::Set(set));
        }
        if let Some(chain) = target(expr) {
            each(Reference::Chain(chain));
        }
        match expr {
            Expr::Objref(e) => {
                if let (Some(kind), Some(name)) = (e.kind, &e.name) {
                    each(Reference::Object(kind.into(), name));
                }
            }
            Expr::FlowOffload(e) => each(Reference::Flowtable(&e.flowtable)),
            _ => {}
        }
    }
}

/// The verdict that an expression gives.
fn verdict(expr: &Expr) -> Option<&Verdict> {
    match expr {
        Expr::Immediate(e) => match &e.data {
            Data::Verdict(verdict) => Some(verdict),
            Data::Value(_) => None,
        },
        _ => None,
    }
}

/// The chain that an expression goes to.
pub(super) fn target(expr: &Expr) -> Option<&Name> {
    verdict(expr)?.chain.as_ref()
}

/// The number in the batch of the chain that an expression goes to.
pub(super) fn target_id(expr: &Expr) -> Option<u32> {
    verdict(expr)?.chain_id
}

/// Calls `each` with what an element names.
pub(super) fn element_references<'r>(set: &Set, element: &'r Element, each: &mut dyn FnMut(Reference<'r>)) {
    if let Some(Data::Verdict(Verdict { chain: Some(chain), .. })) = &element.data {
        each(Reference::Chain(chain));
    }
    if let Some(object) = &element.object {
        each(Reference::Object(set.object_type.map_or(0, |kind: ObjectType| kind.into()), object));
    }
}
