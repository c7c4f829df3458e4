//! From commands to a batch.

use super::{
    command::{Action, Command, What},
    node::Fault,
    read::declare::{Named, Position, RuleText},
};
use crate::{
    batch::{Batch, Place, Verb},
    compile::{self, Context, Declaration, Fate},
    data::{Family, Name},
    expr::Expr,
    lang::tree::Item,
    lift::Sets,
    model::{Chain, Element, Rule, Ruleset, Set},
};
use std::{
    borrow::Cow,
    cell::Cell,
    collections::{HashMap, HashSet},
    mem::{discriminant, take},
};

type Key = (Family, Name, Name);
type Result<T = ()> = std::result::Result<T, Fault>;

/// The batch of some commands, and whether it would have to be known what the kernel holds.
pub(super) fn build(commands: &[Command], known: &Ruleset) -> (Result<Batch>, bool) {
    let counts = |command: &Command| {
        let Action::Change(_, What::Rule(rule)) = &command.action else { return false };
        matches!(rule.position, Some(Position::Index(_)))
    };
    let mut builder = Builder {
        batch: Batch::new(),
        known,
        known_sets: known.sets.iter().map(|filled| (&filled.set, &filled.elements[..])).collect(),
        sets: HashMap::new(),
        gone: HashSet::new(),
        counts: commands.iter().any(counts),
        rules: HashMap::new(),
        missed: Cell::new(false),
    };
    let built = commands.iter().try_for_each(|command| {
        builder
            .command(&command.action)
            .map_err(|fault| Fault { path: command.path.clone() + &fault.path, why: fault.why })
    });
    let missed = builder.missed.get();
    (built.map(|()| builder.batch), missed)
}

struct Builder<'a> {
    batch: Batch,
    /// What the kernel holds, as far as it was read.
    known: &'a Ruleset,
    known_sets: Sets<'a>,
    /// The sets that the commands so far made, or removed.
    sets: HashMap<Key, Option<Set>>,
    /// The tables that the commands so far removed, by name.
    gone: HashSet<(Family, Name)>,
    /// Whether rules are told apart by how many stand before them.
    counts: bool,
    /// If so: the rules of the chains that are spoken of.
    rules: HashMap<Key, Vec<Slot>>,
    /// Whether something was looked for and not found.
    missed: Cell<bool>,
}

/// A rule, in the kernel or in this batch.
#[derive(Clone, Copy)]
enum Slot {
    Handle(u64),
    Id(u32),
}

impl Context for Builder<'_> {
    fn set(&self, family: Family, table: &Name, name: &Name) -> Option<Cow<'_, Set>> {
        if let Some(made) = self.sets.get(&(family, table.clone(), name.clone())) {
            return made.as_ref().map(Cow::Borrowed);
        }
        if self.is_gone(family, table) {
            return None;
        }
        let found = self.known_sets.find(family, table, name);
        self.missed.set(self.missed.get() || found.is_none());
        found.map(|(set, _)| Cow::Borrowed(set))
    }
}

fn key(chain: &Chain) -> Key {
    (chain.family, chain.table.clone(), chain.name.clone())
}

fn fault<T>(why: impl Into<String>) -> Result<T> {
    Err(Fault { path: String::new(), why: why.into() })
}

fn within<T>(place: &str, result: std::result::Result<T, compile::Fault>) -> Result<T> {
    result.map_err(|fault| Fault {
        path: fault.index.map_or_else(|| format!(".{place}"), |index| format!(".{place}[{index}]")),
        why: fault.why,
    })
}

/// Calls the method of a batch that a verb means.
macro_rules! change {
    ($batch:expr, $verb:expr, $item:expr) => {
        match $verb {
            Verb::Create => drop($batch.create($item)),
            Verb::Delete => drop($batch.delete($item)),
            Verb::Destroy => drop($batch.destroy($item)),
            _ => drop($batch.add($item)),
        }
    };
}

impl Builder<'_> {
    fn is_gone(&self, family: Family, table: &Name) -> bool {
        self.gone.contains(&(family, table.clone()))
    }

    fn command(&mut self, action: &Action) -> Result {
        match action {
            Action::Change(verb, what) => return self.change(*verb, what),
            Action::FlushTable(table) => {
                self.rules.retain(|(family, name, _), _| (*family, name) != (table.family, &table.name));
                self.batch.flush(table);
            }
            Action::FlushChain(chain) => {
                self.rules.insert(key(chain), Vec::new());
                self.batch.flush(chain);
            }
            Action::FlushSet(named) => drop(self.batch.flush(set_named(named))),
            Action::FlushRuleset(family) => {
                self.sets.clear();
                let tables =
                    self.known.tables.iter().filter(|table| family.is_none_or(|family| table.family == family));
                self.gone.extend(tables.map(|table| (table.family, table.name.clone())));
                self.rules.clear();
                self.batch.flush_ruleset(*family);
            }
            Action::Rename(chain, name) => {
                let found = self.known.chains.iter().find(|known| {
                    (known.family, &known.table, &known.name) == (chain.family, &chain.table, &chain.name)
                });
                let Some(handle) = chain.handle.or_else(|| found?.handle) else {
                    self.missed.set(true);
                    return fault(format!("there is no chain {} {} {}", chain.family, chain.table, chain.name));
                };
                self.batch.rename(&Chain { handle: Some(handle), ..chain.clone() }, name.clone());
            }
            Action::Show(_) | Action::Reset(_) => {}
        }
        Ok(())
    }

    fn change(&mut self, verb: Verb, what: &What) -> Result {
        let removes = matches!(verb, Verb::Delete | Verb::Destroy);
        match what {
            What::Table(table) => {
                if removes {
                    self.sets.retain(|(family, name, _), _| (*family, name) != (table.family, &table.name));
                    self.gone.insert((table.family, table.name.clone()));
                }
                change!(self.batch, verb, table);
            }
            What::Chain(chain) => change!(self.batch, verb, chain),
            What::Rule(rule) if removes => {
                let handle = match self.neighbour(rule)? {
                    Some(Slot::Handle(handle)) => handle,
                    _ => return fault("a rule of the same document cannot be deleted"),
                };
                let rule = Rule { handle: Some(handle), ..Rule::new(&rule.chain, Vec::<Expr>::new()) };
                if verb == Verb::Delete {
                    self.batch.delete(&rule)
                } else {
                    self.batch.destroy(&rule)
                };
            }
            What::Rule(rule) => return self.rule(verb, rule),
            What::Set(declaration, items) => return self.declare(verb, declaration, items),
            What::NamedSet(named) => {
                self.sets.insert((named.table.family, named.table.name.clone(), named.name.clone()), None);
                change!(self.batch, verb, &set_named(named));
            }
            What::Elements(named, items) => {
                let Named { table, name, .. } = named;
                let Some(set) = Context::set(self, table.family, &table.name, name).map(Cow::into_owned) else {
                    return fault(format!("there is no set {} {} {name}", table.family, table.name));
                };
                let goes = matches!(verb, Verb::Delete | Verb::Destroy);
                return self.elements(verb, &set, items, if goes { Fate::Goes } else { Fate::Comes });
            }
            What::Flowtable(flowtable) => change!(self.batch, verb, flowtable),
            What::Object(object) => change!(self.batch, verb, object),
        }
        Ok(())
    }

    fn declare(&mut self, verb: Verb, declaration: &Declaration, items: &[Item]) -> Result {
        let set = compile::declare(declaration).map_err(|fault| Fault { path: String::new(), why: fault.why })?;
        change!(self.batch, verb, &set);
        let key = (declaration.family, declaration.table.clone(), declaration.name.clone());
        self.sets.insert(key, Some(set.clone()));
        if items.is_empty() { Ok(()) } else { self.elements(verb, &set, items, Fate::First) }
    }

    fn elements(&mut self, verb: Verb, set: &Set, items: &[Item], fate: Fate) -> Result {
        let mut elements = within("elem", compile::elements(set, items, fate, self))?;
        elements.iter_mut().for_each(|element| complete(element, set.element_exprs()));
        change!(self.batch, verb, set.elements(&elements));
        Ok(())
    }

    /// The rules of a chain so far.
    fn slots(&mut self, chain: &Chain) -> &mut Vec<Slot> {
        let (known, gone) = (self.known, self.is_gone(chain.family, &chain.table));
        self.rules.entry(key(chain)).or_insert_with(|| {
            let rules = known.rules_of(chain).filter(|_| !gone);
            rules.filter_map(|rule| rule.handle.map(Slot::Handle)).collect()
        })
    }

    /// The rule that another one is placed by.
    fn neighbour(&mut self, rule: &RuleText) -> Result<Option<Slot>> {
        let index = match rule.position {
            None => return Ok(None),
            Some(Position::Handle(handle)) => return Ok(Some(Slot::Handle(handle))),
            Some(Position::Index(index)) => index,
        };
        let slots = self.slots(&rule.chain);
        match usize::try_from(index).ok().and_then(|index| slots.get(index)) {
            Some(slot) => Ok(Some(*slot)),
            None => {
                let count = slots.len();
                self.missed.set(true);
                fault(format!("there is no rule {index}: the chain has {count}, counted from 0"))
            }
        }
    }

    fn rule(&mut self, verb: Verb, text: &RuleText) -> Result {
        let chain = &text.chain;
        for set in &text.sets {
            if Context::set(self, set.family, &set.table, &set.name).is_none() {
                self.declare(Verb::Add, set, &[])?;
            }
        }
        let mut lowered = within("expr", compile::rule(chain.family, &chain.table, &text.statements, self))?;
        let neighbour = self.neighbour(text)?;
        let id = self.counts.then(|| self.batch.new_id());
        if let Some(id) = id {
            let slots = self.slots(chain);
            let at = neighbour.and_then(|slot| slots.iter().position(|other| slot.is(*other)));
            match (verb, at) {
                (Verb::Replace, _) => {}
                (Verb::Insert, at) => slots.insert(at.unwrap_or_default(), Slot::Id(id)),
                (_, Some(at)) => slots.insert(at + 1, Slot::Id(id)),
                (_, None) => slots.push(Slot::Id(id)),
            }
        }
        let mut rule = Rule { id, ..Rule::new(chain, take(&mut lowered.exprs)) };
        if let Some(comment) = &text.comment {
            rule = rule.with_comment(comment);
        }
        let place = match (verb, neighbour) {
            (Verb::Replace, Some(Slot::Handle(handle))) => Place::Of(handle),
            (Verb::Replace, _) => return fault("a rule of the same document cannot be replaced"),
            (Verb::Insert, Some(Slot::Handle(handle))) => Place::Before(handle),
            (_, Some(Slot::Handle(handle))) => Place::After(handle),
            (verb, Some(Slot::Id(id))) => {
                rule.position_id = Some(id);
                if verb == Verb::Insert { Place::Front } else { Place::Back }
            }
            (Verb::Insert, None) => Place::Front,
            (_, None) => Place::Back,
        };
        lowered.put(rule, verb, place, &mut self.batch);
        Ok(())
    }
}

impl Slot {
    fn is(self, other: Self) -> bool {
        match (self, other) {
            (Self::Handle(a), Self::Handle(b)) => a == b,
            (Self::Id(a), Self::Id(b)) => a == b,
            _ => false,
        }
    }
}

/// Gives an element all the counters and limits that its set asks for: older listings have one of
/// them only.
fn complete(element: &mut Element, wanted: &[Expr]) {
    let own: Vec<Expr> =
        element.exprs.take().into_iter().flatten().chain(element.expr.take().map(|one| *one)).collect();
    let find = |all: &[Expr], kind: &Expr| all.iter().find(|one| discriminant(*one) == discriminant(kind)).cloned();
    // What the set does not ask for the kernel will refuse; what has none gets all of the set's
    // from it.
    let mut all = if !own.is_empty() && own.iter().all(|one| find(wanted, one).is_some()) {
        wanted.iter().map(|one| find(&own, one).unwrap_or_else(|| one.clone())).collect()
    } else {
        own
    };
    match all.len() {
        0 => {}
        1 => element.expr = all.pop().map(Box::new),
        _ => element.exprs = Some(all),
    }
}

/// A set of which only the name is known, or the handle.
fn set_named(named: &Named) -> Set {
    Set { handle: named.handle, ..Set::new(&named.table, named.name.clone(), Default::default(), 0) }
}
