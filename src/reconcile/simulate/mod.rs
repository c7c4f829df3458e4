//! What a batch makes of a ruleset, without a kernel.

mod things;

use super::{
    expr::{rename_chain, rename_set},
    view::{Reference, element_references, is_anonymous, is_bound, references, target_id},
};
use crate::{
    Batch,
    batch::{Change, Flaw},
    data::{Family, Name},
    error::{Rejection, Result},
    expr::Expr,
    model::{Chain, Does, FilledSet, Flowtable, Generation, Kind, Object, Rule, Ruleset, Set, Table},
    wire::{
        Codec, DecodeError, Form, Text, Writer,
        message::{F_APPEND, F_REPLACE},
    },
};
use nix::errno::Errno;
use std::collections::{BTreeMap, HashMap};
use things::Content;

impl Ruleset {
    /// What a batch makes of nothing: the usual way to say a desired state, with everything that
    /// can be put into a batch (typed rules, sets, elements, recent lists) and in the order in
    /// which it could be applied.
    ///
    /// ```
    /// use oxitables::{Batch, Family, Rule, Table, model::Ruleset, tcp};
    /// let host = Table::new(Family::Inet, "host");
    /// let input = host.chain("input");
    /// let mut batch = Batch::new();
    /// batch.add(&host).add(&input).add(input.rule(Rule::new().when(tcp::dport().is_any([22, 80])).accept()));
    /// let desired = Ruleset::made_by(&batch)?;
    /// assert_eq!((desired.rules.len(), desired.sets.len()), (1, 1));
    /// # Ok::<(), oxitables::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Rejected`](crate::Error::Rejected) with the operations that have no form, or name
    /// what is not there.
    pub fn made_by(batch: &Batch) -> Result<Self> {
        let mut ruleset = Self::new(Generation::from(0));
        ruleset.change(batch)?;
        Ok(ruleset)
    }

    /// Changes it as the kernel would change its own: to see what a batch does, or for tests that
    /// have no kernel.
    ///
    /// References are checked and handles given out. What only the kernel knows is not: whether
    /// hooks suit expressions, whether intervals overlap, what it has modules for. The generation
    /// is raised.
    ///
    /// ```
    /// use oxitables::{Batch, Family, Table, model::Ruleset};
    /// let host = Table::new(Family::Inet, "host");
    /// let mut ruleset = Ruleset::made_by(Batch::new().add(&host))?;
    /// ruleset.change(Batch::new().delete(&host))?;
    /// assert!(ruleset.tables.is_empty());
    /// assert!(ruleset.change(Batch::new().delete(&host)).unwrap_err().is_not_found());
    /// # Ok::<(), oxitables::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Rejected`](crate::Error::Rejected): nothing was changed; says which operation is
    /// wrong first.
    pub fn change(&mut self, batch: &Batch) -> Result<()> {
        if let Some(rejection) = Rejection::refused(batch) {
            return Err(rejection.into());
        }
        let mut world = World::new(self);
        let mut flaws = Vec::new();
        for change in batch.changes() {
            if let Err((errno, cause)) = world.follow(&change) {
                let operation = batch.find(change.seq()).map_or(0, |(index, _)| index);
                flaws.push(Flaw { operation, errno: Some(errno), cause });
                break;
            }
        }
        if let Some(rejection) = Rejection::flawed(batch, flaws) {
            return Err(rejection.into());
        }
        *self = world.into_ruleset(self.generation.next());
        Ok(())
    }
}

/// Family, table and name.
type Id = (u8, Name, Name);

type Outcome = std::result::Result<(), (Errno, String)>;

/// Kinds of things; objects are counted from the last by their types.
struct Came;

impl Came {
    const TABLE: u32 = 0;
    const CHAIN: u32 = 1;
    const SET: u32 = 2;
    const FLOWTABLE: u32 = 3;
    const OBJECT: u32 = 4;
}

/// A ruleset where everything is found by its name.
#[derive(Default)]
struct World {
    tables: BTreeMap<(u8, Name), Table>,
    chains: BTreeMap<Id, (Chain, Vec<Rule>)>,
    sets: BTreeMap<Id, (Set, Content)>,
    objects: BTreeMap<(u8, Name, u32, Name), Object>,
    flowtables: BTreeMap<Id, Flowtable>,
    /// The last handle given out.
    handle: u64,
    /// When each came: kind, family, table and name.
    order: HashMap<(u32, u8, Name, Name), usize>,
    came: usize,
    /// Names given to what has a number in the batch: sets, chains.
    named: [HashMap<u32, Name>; 2],
}

fn missing(what: &str, name: &Name) -> (Errno, String) {
    (Errno::ENOENT, format!("there is no {what} {name}"))
}

fn there(what: &str, name: &Name) -> (Errno, String) {
    (Errno::EEXIST, format!("there is a {what} {name} already"))
}

fn used(what: &str, name: &Name) -> (Errno, String) {
    (Errno::EBUSY, format!("{what} {name} is in use"))
}

fn undecodable(error: DecodeError) -> (Errno, String) {
    (Errno::EINVAL, error.to_string())
}

impl World {
    fn new(from: &Ruleset) -> Self {
        let mut world = Self::default();
        let handles = from.rules.iter().map(|rule| rule.handle).chain(from.chains.iter().map(|chain| chain.handle));
        world.handle = handles.chain(from.sets.iter().map(|set| set.set.handle)).flatten().max().unwrap_or(0);
        for table in &from.tables {
            let id = (u8::from(table.family), table.name.clone());
            world.comes(Came::TABLE, (id.0, id.1.clone(), Name::from("")));
            world.tables.insert(id, table.clone());
        }
        for chain in &from.chains {
            let id: Id = (chain.family.into(), chain.table.clone(), chain.name.clone());
            world.comes(Came::CHAIN, id.clone());
            world.chains.insert(id, (chain.clone(), Vec::new()));
        }
        for rule in &from.rules {
            if let Some(chain) = world.chains.get_mut(&(rule.family.into(), rule.table.clone(), rule.chain.clone())) {
                chain.1.push(rule.clone());
            }
        }
        for FilledSet { set, elements, .. } in &from.sets {
            let id: Id = (set.family.into(), set.table.clone(), set.name.clone());
            world.comes(Came::SET, id.clone());
            world.sets.insert(id, (set.clone(), Content::new(elements.clone(), set)));
        }
        for object in &from.objects {
            world.object_comes(object);
            world.objects.insert(Self::object_id(object), object.clone());
        }
        for flowtable in &from.flowtables {
            let id: Id = (flowtable.family.into(), flowtable.table.clone(), flowtable.name.clone());
            world.comes(Came::FLOWTABLE, id.clone());
            world.flowtables.insert(id, flowtable.clone());
        }
        world
    }

    fn into_ruleset(self, generation: Generation) -> Ruleset {
        // All in the order in which it came.
        let order = self.order;
        let at =
            |kind: u32, (family, table, name): &Id| order.get(&(kind, *family, table.clone(), name.clone())).copied();
        let mut ruleset = Ruleset::new(generation);
        let mut tables: Vec<_> = self.tables.into_iter().collect();
        tables.sort_by_key(|((family, name), _)| at(Came::TABLE, &(*family, name.clone(), Name::from(""))));
        ruleset.tables = tables.into_iter().map(|(_, table)| table).collect();
        let mut chains: Vec<_> = self.chains.into_iter().collect();
        chains.sort_by_key(|(id, _)| at(Came::CHAIN, id));
        for (_, (chain, rules)) in chains {
            ruleset.chains.push(chain);
            ruleset.rules.extend(rules);
        }
        let mut sets: Vec<_> = self.sets.into_iter().collect();
        sets.sort_by_key(|(id, _)| at(Came::SET, id));
        ruleset.sets.extend(sets.into_iter().map(|(_, (set, content))| {
            let elements = content.listed(&set);
            FilledSet::new(set, elements)
        }));
        let mut objects: Vec<_> = self.objects.into_iter().collect();
        objects.sort_by_key(|((family, table, kind, name), _)| {
            at(Came::OBJECT + kind, &(*family, table.clone(), name.clone()))
        });
        ruleset.objects = objects.into_iter().map(|(_, object)| object).collect();
        let mut flowtables: Vec<_> = self.flowtables.into_iter().collect();
        flowtables.sort_by_key(|(id, _)| at(Came::FLOWTABLE, id));
        ruleset.flowtables = flowtables.into_iter().map(|(_, flowtable)| flowtable).collect();
        ruleset
    }

    /// Notes that something comes, after all that is there.
    fn comes(&mut self, kind: u32, (family, table, name): Id) {
        self.came += 1;
        self.order.insert((kind, family, table, name), self.came);
    }

    fn object_comes(&mut self, object: &Object) {
        let (family, table, kind, name) = Self::object_id(object);
        self.comes(Came::OBJECT + kind, (family, table, name));
    }

    fn object_id(object: &Object) -> (u8, Name, u32, Name) {
        (object.family.into(), object.table.clone(), object.kind.map_or(0, u32::from), object.name.clone())
    }

    fn next_handle(&mut self) -> Option<u64> {
        self.handle += 1;
        Some(self.handle)
    }

    /// Does what one message says.
    fn follow(&mut self, change: &Change<'_>) -> Outcome {
        let table = change.table().unwrap_or_else(|| Name::from(""));
        let name = || change.name().unwrap_or_else(|| Name::from(""));
        let at = (change.message.family(), table.clone());
        if change.kind != Kind::Table && !self.tables.contains_key(&at) {
            return Err(missing("table", &table));
        }
        let exclusive = change.is_exclusive();
        let result = match (change.does, change.kind) {
            (Does::New, Kind::Table) => self.new_table(change.as_table().map_err(undecodable)?, exclusive),
            (_, Kind::Table) if change.flushes_ruleset() => self.del_tables(change.family()),
            (_, Kind::Table) => self.del_table(&at),
            (Does::New, Kind::Chain) => self.new_chain(&table, change),
            (_, Kind::Chain) => self.del_chain(&at, &name()),
            (Does::New, Kind::Rule) => self.new_rule(change),
            (_, Kind::Rule) => self.del_rules(&at, change.name(), change.handle()),
            (Does::New, Kind::Set) => self.new_set(change.as_set().map_err(undecodable)?, exclusive),
            (_, Kind::Set) => self.del_set(&at, &name()),
            (_, Kind::Elements) => self.elements(&at, change),
            (Does::New, Kind::Object) => self.new_object(change.as_object().map_err(undecodable)?, exclusive),
            (_, Kind::Object) => self.del_object(&at, change),
            (Does::New, Kind::Flowtable) => self.new_flowtable(change.as_flowtable().map_err(undecodable)?, exclusive),
            (_, Kind::Flowtable) => self.del_flowtable(&at, &name()),
        };
        match result {
            // Destroying is deleting what may not be there.
            Err((Errno::ENOENT, _)) if change.does == Does::Destroy => Ok(()),
            result => result,
        }
    }

    fn new_table(&mut self, table: Table, exclusive: bool) -> Outcome {
        let id = (table.family.into(), table.name.clone());
        let handle = self.next_handle();
        match self.tables.get_mut(&id) {
            Some(_) if exclusive => return Err(there("table", &table.name)),
            Some(held) => held.flags = table.flags,
            None => {
                self.comes(Came::TABLE, (id.0, id.1.clone(), Name::from("")));
                self.tables.insert(id, Table { handle, ..table });
            }
        }
        Ok(())
    }

    /// Removes all tables of a family, or of all.
    fn del_tables(&mut self, family: Family) -> Outcome {
        let all: Vec<_> = self.tables.keys().filter(|(of, _)| [*of, 0].contains(&u8::from(family))).cloned().collect();
        all.iter().try_for_each(|table| self.del_table(table))
    }

    fn del_table(&mut self, at: &(u8, Name)) -> Outcome {
        self.tables.remove(at).ok_or_else(|| missing("table", &at.1))?;
        self.chains.retain(|(family, table, _), _| (family, table) != (&at.0, &at.1));
        self.sets.retain(|(family, table, _), _| (family, table) != (&at.0, &at.1));
        self.objects.retain(|(family, table, ..), _| (family, table) != (&at.0, &at.1));
        self.flowtables.retain(|(family, table, _), _| (family, table) != (&at.0, &at.1));
        Ok(())
    }

    fn new_chain(&mut self, table: &Name, change: &Change<'_>) -> Outcome {
        let handle = self.next_handle();
        let own = change.name().is_none().then(|| Name::from(format!("__chain{}", self.handle)));
        let chain = Chain::decode_attrs(change.family(), &named(change, own.as_ref())).map_err(undecodable)?;
        if let (Some(name), Some(id)) = (own, chain.id) {
            self.named[1].insert(id, name);
        }
        let at = (change.message.family(), table.clone(), chain.name.clone());
        match self.chains.get_mut(&at) {
            Some(_) if change.is_exclusive() => return Err(there("chain", &chain.name)),
            Some((held, _)) => {
                if let Some(hook) = &chain.hook {
                    let same = |a: &crate::model::ChainHook| (a.number, a.priority);
                    if held.hook.as_ref().map(same) != Some(same(hook))
                        || chain.kind.is_some() && chain.kind != held.kind
                    {
                        return Err((Errno::EEXIST, format!("chain {} has another hook", chain.name)));
                    }
                    let mut devices = held.devices();
                    devices.extend(chain.devices().into_iter().filter(|device| !held.devices().contains(device)));
                    if let Some(hook) = held.hook.as_mut().filter(|_| !devices.is_empty()) {
                        (hook.device, hook.devices) = (None, Some(devices));
                    }
                }
                held.policy = chain.policy.or(held.policy);
            }
            None => {
                self.comes(Came::CHAIN, at.clone());
                self.chains.insert(at, (Chain { id: None, handle, ..chain }, Vec::new()));
            }
        }
        Ok(())
    }

    fn del_chain(&mut self, at: &(u8, Name), name: &Name) -> Outcome {
        let id = (at.0, at.1.clone(), name.clone());
        if !self.chains.contains_key(&id) {
            return Err(missing("chain", name));
        }
        self.del_rules(at, Some(name.clone()), None)?;
        if self.is_used(at, &Reference::Chain(name)) {
            return Err(used("chain", name));
        }
        self.chains.remove(&id);
        Ok(())
    }

    fn new_rule(&mut self, change: &Change<'_>) -> Outcome {
        let own = change.id().and_then(|id| self.named[1].get(&id).cloned());
        let mut rule = Rule::decode_attrs(change.family(), &named(change, own.as_ref())).map_err(undecodable)?;
        for expr in rule.exprs.iter_mut().flatten() {
            self.resolve(expr);
        }
        let at = (change.message.family(), rule.table.clone());
        let mut lacking = None;
        references(&rule, &mut |reference| {
            if !self.has(&at, &reference) {
                lacking = Some((Errno::ENOENT, format!("there is no {reference}")));
            }
        });
        if let Some(lacking) = lacking {
            return Err(lacking);
        }
        let next = self.next_handle();
        let (replaced, position) = (rule.handle.take(), rule.position.take());
        (rule.handle, rule.chain_id, rule.id, rule.position_id) = (next, None, None, None);
        let id = (at.0, at.1.clone(), rule.chain.clone());
        let Some((_, rules)) = self.chains.get_mut(&id) else { return Err(missing("chain", &rule.chain)) };
        let find = |handle: u64| rules.iter().position(|rule| rule.handle == Some(handle));
        let absent = |handle: u64| (Errno::ENOENT, format!("there is no rule with handle {handle}"));
        let flags = change.message.flags;
        let append = flags & F_APPEND != 0;
        match (replaced.filter(|_| flags & F_REPLACE != 0), position) {
            (Some(handle), _) => {
                let place = find(handle).ok_or_else(|| absent(handle))?;
                rule.handle = Some(handle);
                let old = std::mem::replace(&mut rules[place], rule);
                self.drop_belongings(&at, &[old]);
            }
            (None, Some(handle)) => {
                let place = find(handle).ok_or_else(|| absent(handle))?;
                rules.insert(place + usize::from(append), rule);
            }
            (None, None) if append => rules.push(rule),
            (None, None) => rules.insert(0, rule),
        }
        Ok(())
    }

    /// Puts names in the place of the numbers of a batch.
    fn resolve(&self, expr: &mut Expr) {
        let set = expr.set().and_then(|(_, id)| self.named[0].get(&id?)).cloned();
        if let Some(name) = set {
            rename_set(expr, name, None);
        }
        let chain = target_id(expr).and_then(|id| self.named[1].get(&id)).cloned();
        if chain.is_some() {
            rename_chain(expr, chain, None);
        }
    }

    /// Removes one rule of a chain, all of a chain, or all of a table.
    fn del_rules(&mut self, at: &(u8, Name), chain: Option<Name>, handle: Option<u64>) -> Outcome {
        if let Some(name) = &chain
            && !self.chains.contains_key(&(at.0, at.1.clone(), name.clone()))
        {
            return Err(missing("chain", name));
        }
        let mut gone = Vec::new();
        for ((family, table, name), (_, rules)) in &mut self.chains {
            if (*family, table) == (at.0, &at.1) && chain.as_ref().is_none_or(|chain| chain == name) {
                gone.extend(rules.extract_if(.., |rule| handle.is_none() || rule.handle == handle));
            }
        }
        if let Some(handle) = handle.filter(|_| gone.is_empty()) {
            return Err((Errno::ENOENT, format!("there is no rule with handle {handle}")));
        }
        self.drop_belongings(at, &gone);
        Ok(())
    }

    /// Removes the sets and chains that belonged to rules.
    fn drop_belongings(&mut self, at: &(u8, Name), gone: &[Rule]) {
        for rule in gone {
            references(rule, &mut |reference| match reference {
                Reference::Set(name) => {
                    let id = (at.0, at.1.clone(), name.clone());
                    if self.sets.get(&id).is_some_and(|(set, _)| is_anonymous(set)) {
                        self.sets.remove(&id);
                    }
                }
                Reference::Chain(name) => {
                    let id = (at.0, at.1.clone(), name.clone());
                    if self.chains.get(&id).is_some_and(|(chain, _)| is_bound(chain))
                        && let Some((_, rules)) = self.chains.remove(&id)
                    {
                        self.drop_belongings(at, &rules);
                    }
                }
                _ => {}
            });
        }
    }

    fn has(&self, at: &(u8, Name), reference: &Reference<'_>) -> bool {
        let id = |name: &Name| (at.0, at.1.clone(), name.clone());
        match *reference {
            Reference::Chain(name) => self.chains.contains_key(&id(name)),
            Reference::Set(name) => self.sets.contains_key(&id(name)),
            Reference::Object(kind, name) => self.objects.contains_key(&(at.0, at.1.clone(), kind, name.clone())),
            Reference::Flowtable(name) => self.flowtables.contains_key(&id(name)),
        }
    }

    /// Whether a rule or an element names it.
    fn is_used(&self, at: &(u8, Name), what: &Reference<'_>) -> bool {
        let mut found = false;
        let here = |id: &Id| (id.0, &id.1) == (at.0, &at.1);
        for (_, (_, rules)) in self.chains.iter().filter(|(id, _)| here(id)) {
            rules.iter().for_each(|rule| references(rule, &mut |reference| found |= reference == *what));
        }
        for (_, (set, content)) in self.sets.iter().filter(|(id, _)| here(id)) {
            for element in &content.elements {
                element_references(set, element, &mut |reference| found |= reference == *what);
            }
        }
        found
    }
}

/// The attributes of a message, with a name where it has none.
pub(super) fn named<'m>(change: &Change<'m>, name: Option<&Name>) -> std::borrow::Cow<'m, [u8]> {
    let attributes = change.message.attributes();
    let Some(name) = name else { return attributes.into() };
    let mut out = Writer::new(Form::Request);
    out.bytes(attributes);
    out.attr(change.name_attribute(), "name", |out| Text::<255>::put(name, out));
    out.into_parts().0.into()
}
