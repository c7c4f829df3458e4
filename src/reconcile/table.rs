//! One table: what goes, what comes, and in which order.

use super::{
    Kernel,
    elements::{Changes, Entry, changes, due, entries_as_said, is_moving},
    normal,
    plan::{Destroyed, Plan, Replaced as Replacement, set_name, set_word},
    rules::{Edits, Printer, Spot},
    view::{Key, Reference, View, is_anonymous, key, object_reference},
    write,
};
use crate::{
    Batch,
    batch::{Item, Place, Verb},
    data::{DataType, Name, Value},
    model::{
        Chain, ChainHook, FilledSet, Flowtable, Object, ObjectData, Rule, Ruleset, Set, SetFlags, Table, TableFlags,
    },
};
use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

/// What becomes of something that is there and is desired.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fate {
    Stays,
    /// It is changed in place.
    InPlace,
    /// It is removed and made again, for what differs.
    Replaced(&'static str),
}

use Fate::{InPlace, Replaced, Stays};

/// What becomes of something of which some parts cannot be changed: each with whether it is the
/// same.
fn fate(same: bool, fixed: &[(&'static str, bool)]) -> Fate {
    match fixed.iter().find(|(_, same)| !same) {
        _ if same => Stays,
        None => InPlace,
        Some((part, _)) => Replaced(part),
    }
}

fn chain_fate(old: &Chain, new: &Chain, kernel: Kernel) -> Fate {
    let (a, b) = (normal::chain(old), normal::chain(new));
    let hook = |chain: &Chain| chain.hook.as_ref().map(|hook| (hook.number, hook.priority));
    let fixed = [
        ("type", a.kind == b.kind),
        ("hook", hook(&a).map(|(number, _)| number) == hook(&b).map(|(number, _)| number)),
        ("priority", hook(&a) == hook(&b)),
        ("flags", a.flags == b.flags),
        // Kernels before 6.4 take the removal of a device for that of the chain.
        ("device", new.devices().is_empty() || old.devices().iter().all(|device| new.devices().contains(device))),
        // Before that they refuse one that comes.
        ("device", kernel.devices || new.devices().iter().all(|device| old.devices().contains(device))),
    ];
    // nft's JSON before 1.1 does not tell devices, and a chain that needs some filters nothing
    // without: those that are there stay.
    let same = if new.devices().is_empty() { without_devices(&a) == without_devices(&b) } else { a == b };
    fate(same, &fixed)
}

fn without_devices(chain: &Chain) -> Chain {
    let hook = chain.hook.clone().map(|hook| ChainHook { device: None, devices: None, ..hook });
    Chain { hook, ..chain.clone() }
}

fn set_fate(old: &Set, new: &Set, kernel: Kernel) -> Fate {
    let (a, b) = (normal::set(old), normal::set(new));
    let concat = |set: &Set| set.desc.as_ref().and_then(|desc| desc.concat.clone());
    let fixed = [
        ("key", (a.key_type, a.key_len, concat(&a)) == (b.key_type, b.key_len, concat(&b))),
        ("data", (a.data_type, a.data_len, a.object_type) == (b.data_type, b.data_len, b.object_type)),
        ("flags", a.flags == b.flags),
        ("policy", a.policy == b.policy),
        ("expressions", a.exprs == b.exprs),
        // A limit can be moved, not lifted.
        ("size", a.size() == b.size() || kernel.sizes && (a.size().is_none() || b.size().is_some())),
        ("timeout", kernel.timeouts || life(&a) == life(&b)),
    ];
    fate(a == b, &fixed)
}

/// What a kernel keeps of a set that is added again: its "size", its "timeout", or what it is, such
/// as its "key". Who says no size asks for none.
pub(crate) fn kept(old: &Set, new: &Set, kernel: Kernel) -> Option<&'static str> {
    let (a, b) = (normal::set(old), normal::set(new));
    if !kernel.sizes && b.size().is_some() && a.size() != b.size() {
        return Some("size");
    }
    if !kernel.timeouts && life(&a) != life(&b) {
        return Some("timeout");
    }
    match set_fate(old, new, Kernel::ANY) {
        // How the kernel saves its elements is a wish.
        Replaced("size" | "policy") | Stays | InPlace => None,
        Replaced(what) => Some(what),
    }
}

/// How long its elements live, and how often those that have died are swept out.
fn life(set: &Set) -> (Option<Duration>, Option<Duration>) {
    (set.timeout, set.gc_interval)
}

/// The same, with what is in it: elements that are fixed once a rule uses them come with a new set,
/// and so do those for which the old one has no room.
fn filled_fate(old: &FilledSet, new: &FilledSet, kernel: Kernel) -> Fate {
    match set_fate(&old.set, &new.set, kernel) {
        Stays | InPlace if new.set.flags().contains(SetFlags::CONSTANT) && !changes(old, new, &|_| true).is_empty() => {
            Replaced("elements")
        }
        InPlace if !is_moving(&old.set) && grows(old, new).is_some_and(|room| new.elements.len() > room) => {
            Replaced("size")
        }
        fate => fate,
    }
}

/// How many elements fit into a set that is to have room for more: the new size counts from the
/// next batch on.
fn grows(old: &FilledSet, new: &FilledSet) -> Option<usize> {
    let (held, wanted) = (old.set.size()?, new.set.size()?);
    (held < wanted).then_some(held as usize)
}

/// What becomes of the elements of a set that stays. A full one that learns keeps what it learned:
/// it gets room first, and new elements with the next plan.
fn kept_changes<'r>(old: &'r FilledSet, new: &'r FilledSet, stays: &dyn Fn(&Reference<'_>) -> bool) -> Changes<'r> {
    let mut changes = changes(old, new, stays);
    if let Some(room) = grows(old, new).filter(|_| is_moving(&old.set)) {
        // One that does not say how many it holds may be full.
        let held = old.set.count.map_or(room, |count| count as usize);
        if held + changes.fresh.len() > room + changes.gone.len() {
            changes.postpone();
        }
    }
    changes
}

fn object_fate(old: &Object, new: &Object) -> Fate {
    let (a, b) = (normal::object(old), normal::object(new));
    match (&a.data, &b.data) {
        (a, b) if a == b => Stays,
        (Some(ObjectData::Quota(_)), _) | (Some(ObjectData::Synproxy(_)), _) => InPlace,
        // The kernel fills in the timeouts that are not said.
        (Some(ObjectData::CtTimeout(a)), Some(ObjectData::CtTimeout(b)))
            if (a.l3proto, a.l4proto) == (b.l3proto, b.l4proto)
                && b.timeouts.iter().all(|one| a.timeouts.contains(one)) =>
        {
            Stays
        }
        _ => Replaced("data"),
    }
}

fn flowtable_fate(old: &Flowtable, new: &Flowtable) -> Fate {
    let (a, b) = (normal::flowtable(old), normal::flowtable(new));
    let hook = |flowtable: &Flowtable| flowtable.hook.as_ref().map(|hook| (hook.number, hook.priority));
    let fixed = [
        ("hook", hook(&a) == hook(&b)),
        ("flags", a.flags == b.flags),
        ("device", old.devices().iter().all(|device| new.devices().contains(device))),
    ];
    fate(a == b, &fixed)
}

/// Things of one kind.
struct Sorted<'a, 'r, T> {
    gone: Vec<&'r T>,
    /// Those that go and come, with what differs.
    replaced: Vec<(&'r T, &'static str)>,
    /// Those that come or change, and with which verb.
    made: Vec<(Verb, &'r T)>,
    kept: Vec<(&'a &'r T, &'a &'r T)>,
}

fn sort<'a, 'r, K: Ord, T>(
    old: &'a BTreeMap<K, &'r T>,
    new: &'a BTreeMap<K, &'r T>,
    fate: impl Fn(&T, &T) -> Fate,
) -> Sorted<'a, 'r, T> {
    let mut sorted = Sorted { gone: Vec::new(), replaced: Vec::new(), made: Vec::new(), kept: Vec::new() };
    sorted.gone.extend(old.iter().filter(|(key, _)| !new.contains_key(key)).map(|(_, item)| *item));
    for (key, item) in new {
        match old.get(key).map(|old| (old, fate(old, item))) {
            None => sorted.made.push((Verb::Add, *item)),
            Some((old, Replaced(differs))) => {
                sorted.gone.push(*old);
                sorted.replaced.push((*old, differs));
                sorted.made.push((Verb::Add, *item));
            }
            Some((old, fate)) => {
                if fate == InPlace {
                    sorted.made.push((Verb::Update, *item));
                }
                sorted.kept.push((old, item));
            }
        }
    }
    // In the order in which they are said, which is that of their slice.
    sorted.made.sort_by_key(|(_, item)| std::ptr::from_ref(*item));
    sorted
}

/// Writes what turns one version of a table into another.
pub(super) fn reconcile<'r>(old: &View<'r>, new: &View<'r>, plan: &mut Plan) {
    let chains = sort(&old.chains, &new.chains, |old, new| chain_fate(old, new, plan.kernel));
    let sets = sort(&old.sets, &new.sets, |old, new| filled_fate(old, new, plan.kernel));
    let objects = sort(&old.objects, &new.objects, object_fate);
    let flowtables = sort(&old.flowtables, &new.flowtables, flowtable_fate);
    let mut gone: HashSet<Reference<'_>> = chains.gone.iter().map(|chain| Reference::Chain(&chain.name)).collect();
    gone.extend(sets.gone.iter().map(|set| Reference::Set(&set.set.name)));
    gone.extend(objects.gone.iter().map(|object| object_reference(object)));
    gone.extend(flowtables.gone.iter().map(|flowtable| Reference::Flowtable(&flowtable.name)));
    // Whether something is the same before and after.
    let stays = |reference: &Reference<'_>| !gone.contains(reference);
    let edits = edits(old, new, &stays);
    let contents: Vec<(&Set, Changes<'_>)> =
        sets.kept.iter().map(|(old, new)| (&new.set, kept_changes(old, new, &stays))).collect();

    let start = plan.batch.len();
    // The kernel takes no change of its flags together with one of its base chains, and none after
    // it; new ones may come before. Nor may an owner change them, since 6.9.
    let changes_flags = old.table.zip(new.table).filter(|(a, b)| normal::table(a) != normal::table(b));
    let updated = chains.made.iter().filter(|(verb, _)| *verb == Verb::Update).map(|(_, chain)| *chain);
    let changes_base = chains.gone.iter().copied().chain(updated).any(|chain| chain.hook.is_some());
    if let Some((held, table)) = changes_flags.filter(|(held, _)| changes_base || owned(held)) {
        return replace(old, new, held, table, plan);
    }
    for (chain, differs) in chains.replaced {
        plan.replaces("chain", (chain.family, &chain.table, &chain.name), differs);
    }
    for (FilledSet { set, .. }, differs) in sets.replaced {
        plan.replaces(set_word(set), (set.family, &set.table, &set.name), differs);
    }
    for (object, differs) in objects.replaced {
        let kind = object.kind.map_or_else(|| "object".to_owned(), |kind| kind.to_string());
        plan.replaces(kind, (object.family, &object.table, &object.name), differs);
    }
    for (flowtable, differs) in flowtables.replaced {
        plan.replaces("flowtable", (flowtable.family, &flowtable.table, &flowtable.name), differs);
    }

    // What goes, each after what names it.
    for (chain, edits) in &edits {
        remove_rules(plan, old, chain, edits);
    }
    for (set, changes) in &contents {
        plan.due = [plan.due, changes.due].into_iter().flatten().min();
        remove_elements(plan, set, changes);
    }
    for set in &sets.gone {
        plan.set_goes(set);
        plan.batch.delete(&set.set);
    }
    for chain in &chains.gone {
        plan.batch.delete(*chain);
    }
    for object in &objects.gone {
        plan.loses_object(object);
        plan.batch.delete(*object);
    }
    for flowtable in &flowtables.gone {
        plan.batch.delete(*flowtable);
    }

    // What comes, each before what names it.
    let batch = &mut plan.batch;
    if let (None, Some(table)) = (old.table, new.table) {
        batch.add(table);
    }
    put_all(batch, &flowtables.made);
    put_all(batch, &objects.made);
    for (verb, chain) in &chains.made {
        // Not all that is reported of a base chain is taken back; and what is not said leaves the
        // policy as it is.
        let Chain { flags, policy, .. } = normal::chain(chain);
        let counters = chain.counters.clone().filter(|_| *verb == Verb::Add);
        // One that says no devices keeps those that it has; kernels before 6.4 want to hear them.
        let old = chains.kept.iter().find(|(_, new)| std::ptr::eq(**new, *chain) && new.devices().is_empty());
        let hook = old.map_or(&chain.hook, |(old, _)| &old.hook).clone();
        Chain { flags, policy, counters, hook, ..(*chain).clone() }.put(*verb, Place::Back, batch);
    }
    if let Some((held, table)) = changes_flags {
        same_owner(held, table).put(Verb::Update, Place::Back, batch);
    }
    for (verb, set) in &sets.made {
        // What is not said leaves a limit as it is, too.
        let desc = if *verb == Verb::Update { normal::set(&set.set).desc } else { set.set.desc.clone() };
        Set { desc, ..set.set.clone() }.put(*verb, Place::Back, batch);
    }
    for (_, set) in sets.made.iter().filter(|(verb, set)| *verb == Verb::Add && !set.elements.is_empty()) {
        batch.operation(Verb::Add);
        write::elements(batch, Verb::Add, &set.set, entries_as_said(set).iter().map(Entry::whole));
        let next = set.elements.iter().filter_map(|element| due(element, element, set)).min();
        plan.due = [plan.due, next].into_iter().flatten().min();
    }
    for (set, changes) in &contents {
        add_elements(plan, set, changes);
    }
    for (_, edits) in &edits {
        add_rules(plan, old, new, edits);
    }
    if plan.batch.len() > start {
        // Rules and elements are read with what their sets are.
        let sets = old.sets.values().map(|set| FilledSet::new(set.set.clone(), Vec::new()));
        plan.before.sets.extend(sets);
    }
}

/// Makes a table anew with all that is in it.
fn replace<'r>(old: &View<'r>, new: &View<'r>, held: &Table, table: &'r Table, plan: &mut Plan) {
    plan.replaced.push(Replacement { what: format!("table {} {}", table.family, table.name), differs: "flags" });
    old.all_rules().for_each(|rule| plan.loses_rule(rule));
    old.sets.values().for_each(|set| plan.loses_set(set));
    old.objects.values().for_each(|object| plan.loses_object(object));
    plan.batch.delete(table).add(same_owner(held, table));
    reconcile(&View::of(table), new, plan);
}

fn owned(table: &Table) -> bool {
    table.flags.unwrap_or_default().contains(TableFlags::OWNER)
}

/// A table as it is to be, of whom it is.
fn same_owner(held: &Table, table: &Table) -> Table {
    let own = TableFlags::OWNER | TableFlags::PERSIST;
    table.clone().with_flags((held.flags.unwrap_or_default() & own) | (table.flags.unwrap_or_default() - own))
}

fn put_all<T: Item>(batch: &mut Batch, items: &[(Verb, &T)]) {
    items.iter().for_each(|(verb, item)| item.put(*verb, Place::Back, batch));
}

/// What becomes of the rules of each chain that is there or shall be.
fn edits<'r>(old: &View<'r>, new: &View<'r>, stays: &dyn Fn(&Reference<'_>) -> bool) -> Vec<(&'r Chain, Edits<'r>)> {
    let mut printer = Printer::default();
    let mut all = Vec::new();
    // A rule goes with what it names.
    let may_stay = |rule: &'r Rule| {
        let mut may = true;
        old.references(rule, &mut |reference| may &= stays(&reference));
        may
    };
    for (name, chain) in &new.chains {
        let (before, after) = (old.rules(name), new.rules(name));
        let edits = if old.chains.contains_key(name) && stays(&Reference::Chain(name)) {
            let may_stay: Vec<bool> = before.iter().map(|rule| may_stay(rule)).collect();
            let prints = printer.both((before, old, &may_stay), (after, new));
            Edits::new(before, after, (&prints.0, &prints.1))
        } else {
            Edits { flush: !before.is_empty(), gone: before.to_vec(), ..Edits::fill(after) }
        };
        all.push((*chain, edits));
    }
    for (name, chain) in old.chains.iter().filter(|(name, _)| !new.chains.contains_key(*name)) {
        let gone = old.rules(name).to_vec();
        all.push((chain, Edits { flush: !gone.is_empty(), gone, ..Edits::default() }));
    }
    all
}

fn remove_rules(plan: &mut Plan, old: &View<'_>, chain: &Chain, edits: &Edits<'_>) {
    for rule in &edits.gone {
        plan.goes(rule, old);
        if !edits.flush {
            plan.batch.delete(*rule);
        }
    }
    if edits.flush {
        plan.batch.flush(chain);
    }
}

fn add_rules(plan: &mut Plan, old: &View<'_>, new: &View<'_>, edits: &Edits<'_>) {
    let mut replaced = edits.replaced.iter();
    for (spot, rule) in &edits.made {
        let (verb, place) = match *spot {
            Spot::Back => (Verb::Add, Place::Back),
            Spot::Before(handle) => (Verb::Insert, Place::Before(handle)),
            Spot::Of(handle) => {
                replaced.next().iter().for_each(|rule| plan.goes(rule, old));
                (Verb::Replace, Place::Of(handle))
            }
        };
        write::rule(&mut plan.batch, verb, place, rule, new);
    }
}

fn remove_elements(plan: &mut Plan, set: &Set, changes: &Changes<'_>) {
    let anew = changes.refreshed.iter().filter(|(old, new)| !plan.kernel.restarts || new.restarted(old, set).is_none());
    let lost: Vec<_> = changes.gone.iter().chain(anew.map(|(old, _)| old)).collect();
    for entry in lost {
        plan.loses_element(set, entry.element);
    }
    if changes.learned > 0 {
        plan.destroyed.push(Destroyed::Learned { of: set_name(set), elements: u32::try_from(changes.learned).ok() });
    }
    if changes.gone.is_empty() {
        return;
    }
    plan.elements_go(set, &changes.gone);
    plan.batch.operation(Verb::Delete);
    let held = || changes.gone.iter().map(Entry::held);
    if is_moving(set) {
        // One that expires meanwhile could not be removed: put there first, it is there.
        write::elements(&mut plan.batch, Verb::Add, set, held());
    }
    write::elements(&mut plan.batch, Verb::Delete, set, held());
}

fn add_elements(plan: &mut Plan, set: &Set, changes: &Changes<'_>) {
    let batch = &mut plan.batch;
    let (mut restarted, mut anew) = (Vec::new(), Vec::new());
    for (old, new) in &changes.refreshed {
        match new.restarted(old, set).filter(|_| plan.kernel.restarts) {
            Some(element) => restarted.push((element, new.whole().1)),
            None => anew.push((old.held(), new.explicit(set))),
        }
    }
    if !restarted.is_empty() {
        batch.operation(Verb::Refresh);
        write::elements(batch, Verb::Add, set, restarted);
    }
    if !anew.is_empty() {
        // Before 6.12 nothing else than a new element restarts the time.
        batch.operation(Verb::Refresh);
        write::elements(batch, Verb::Add, set, anew.iter().map(|(old, _)| old.clone()));
        write::elements(batch, Verb::Delete, set, anew.iter().map(|(old, _)| old.clone()));
        write::elements(batch, Verb::Add, set, anew.into_iter().map(|(_, new)| new));
    }
    if !changes.fresh.is_empty() {
        batch.operation(Verb::Add);
        write::elements(batch, Verb::Add, set, changes.fresh.iter().map(|entry| entry.explicit(set)));
    }
}

/// What a plan has to know of the elements of a set that the kernel has.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Wanted {
    Nothing,
    /// Those with these keys, if they are there.
    Keys(Vec<Value>),
    All,
}

/// What a plan has to know of sets.
#[derive(Debug)]
pub(crate) struct Reading<'r>(BTreeMap<Key<'r>, BTreeMap<&'r Name, &'r FilledSet>>);

impl<'r> Reading<'r> {
    pub(crate) fn new(desired: &'r Ruleset) -> Self {
        let mut tables: BTreeMap<_, BTreeMap<_, _>> =
            desired.tables.iter().map(|t| (key(t), BTreeMap::new())).collect();
        for set in &desired.sets {
            if let Some(sets) = tables.get_mut(&(u8::from(set.set.family), &set.set.table)) {
                sets.insert(&set.set.name, set);
            }
        }
        Self(tables)
    }

    pub(crate) fn of(&self, set: &Set) -> Wanted {
        if is_anonymous(set) {
            return Wanted::All;
        }
        let desired = self.0.get(&(u8::from(set.family), &set.table)).and_then(|sets| sets.get(&set.name));
        // Rules may make it dynamic, which it need not say; and it need not be for what is desired.
        let with = |flags| Set { flags: Some(flags), ..set.clone() };
        let others = [with(set.flags() | SetFlags::EVAL), with(set.flags() - SetFlags::EVAL)];
        let goes = |desired: &Set| others.iter().all(|set| matches!(set_fate(set, desired, Kernel::ANY), Replaced(_)));
        let Some(desired) = desired.filter(|desired| !goes(&desired.set)) else {
            return Wanted::Nothing;
        };
        // Any element may name what is to go.
        if !is_moving(set)
            || !is_moving(&desired.set)
            || set.data_type == Some(DataType::VERDICT)
            || set.object_type.is_some()
        {
            return Wanted::All;
        }
        let keys: Option<Vec<Value>> = desired.elements.iter().map(|element| element.key).collect();
        match keys {
            Some(keys) if keys.is_empty() => Wanted::Nothing,
            // In a set of intervals a key finds the interval that it lies in.
            Some(keys) if !set.flags().contains(SetFlags::INTERVAL) => Wanted::Keys(keys),
            _ => Wanted::All,
        }
    }
}
