//! Normal form: what two descriptions of the same thing have in common.
//!
//! The kernel gives numbers and names to what has none, fills in defaults, counts, rounds times to
//! its ticks and shows elements in an order of its own. Here that is taken away again.

use super::{
    elements::entries,
    expr::{fresh_quota, full_limit, rename_chain, rename_set, stateless_all, synproxy},
    view::View,
};
use crate::{
    data::{ChainType, Data, DataType, Name, Policy},
    expr::{Connlimit, Counter, Expr},
    model::{
        Chain, ChainFlags, ChainHook, CtExpectation, CtHelper, CtTimeout, Device, Element, FilledSet, Flowtable,
        Generation, Object, ObjectData, Rule, Ruleset, Set, SetDesc, SetFlags, SetPolicy, Table, TableFlags, TunnelIp,
        TunnelIp6, TunnelTemplate,
    },
};
use std::time::Duration;

/// The normal form of a ruleset: equal for two that do the same.
///
/// Without what only the kernel knows (handles, numbers of users, generation), what packets change
/// (values of counters, what is used of quotas, remaining life), what cannot be changed once it is
/// there and means nothing to packets (comments of tables, chains, sets and objects), and without
/// names that the kernel made up. Sorted by name, rules by chain; an interval is a start and an
/// end.
///
/// What the kernel reports of a ruleset has the normal form of what was sent to it. Rules are
/// compared by their registers here; that other registers may mean the same only
/// [`diff`](super::diff) knows, of which nothing comes for two rulesets that do the same.
///
/// ```
/// use oxitables::{Batch, Family, Table, model::Ruleset, reconcile::normal};
/// let table = |comment| Table::new(Family::Inet, "host").with_comment(comment);
/// let made = |comment| Ruleset::made_by(Batch::new().add(table(comment)));
/// assert_eq!(normal(&made("one")?), normal(&made("other")?));
/// # Ok::<(), oxitables::Error>(())
/// ```
pub fn normal(ruleset: &Ruleset) -> Ruleset {
    let mut form = Ruleset::new(Generation::from(0));
    for view in View::all(ruleset, ruleset).into_values() {
        let Some(owner) = view.table else { continue };
        form.tables.push(table(owner));
        form.chains.extend(view.chains.values().map(|c| chain(c)));
        form.objects.extend(view.objects.values().map(|o| object(o)));
        form.flowtables.extend(view.flowtables.values().map(|f| flowtable(f)));
        form.sets.extend(view.sets.values().map(|s| filled(s)));
        let mut own = Own { view: &view, form: &mut form, sets: 0, chains: 0 };
        for chain in view.chains.keys() {
            for rule in view.rules(chain) {
                own.rule(rule, (*chain).clone());
            }
        }
    }
    form
}

/// Gives the anonymous sets and chains of a table names by the order in which rules use them.
struct Own<'a, 'r> {
    view: &'a View<'r>,
    form: &'a mut Ruleset,
    sets: usize,
    chains: usize,
}

impl Own<'_, '_> {
    fn rule(&mut self, from: &Rule, chain: Name) {
        let mut rule = bare(from);
        rule.chain = chain;
        let mut exprs = Vec::new();
        for expr in from.exprs() {
            let mut form = super::expr::normal(expr, self.view).into_owned();
            if let Some(set) = self.view.own_set(expr) {
                let name = format!("__set{}", self.sets);
                self.sets += 1;
                let mut set = filled(set);
                set.set.name = name.as_str().into();
                self.form.sets.push(set);
                rename_set(&mut form, name.into(), None);
            }
            if let Some(own) = self.view.own_chain(expr).filter(|own| own.name != from.chain) {
                let name: Name = format!("__chain{}", self.chains).into();
                self.chains += 1;
                self.form.chains.push(Chain { name: name.clone(), ..self::chain(own) });
                for inner in self.view.rules(&own.name) {
                    self.rule(inner, name.clone());
                }
                rename_chain(&mut form, Some(name), None);
            }
            exprs.push(form);
        }
        rule.exprs = Some(exprs);
        self.form.rules.push(rule);
    }
}

fn sort(devices: &mut [Device]) {
    devices.sort_by_key(|device| match device {
        Device::Name(name) => (false, name.clone()),
        Device::Prefix(name) => (true, name.clone()),
    });
}

/// A flag field where nothing and no flags are the same.
pub(super) fn some<T: Copy + Default + PartialEq>(value: Option<T>) -> Option<T> {
    value.filter(|value| *value != T::default())
}

/// A time as it is in every kernel's ticks: these are 10, 4, 3⅓ or 1 ms, and all have the multiples
/// of 20 ms in common.
pub(super) fn time(time: Duration) -> Duration {
    let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    // Nothing would mean for ever.
    if ms == 0 { Duration::ZERO } else { Duration::from_millis((ms - ms % 20).max(1)) }
}

/// A table without numbers, owner and comment.
pub(super) fn table(table: &Table) -> Table {
    let flags = some(table.flags.map(|flags| flags & TableFlags::DORMANT));
    Table { flags, ..Table::new(table.family, &table.name) }
}

/// A chain without numbers, counters and comment, and with what the kernel takes for granted.
pub(super) fn chain(chain: &Chain) -> Chain {
    let mut form = Chain::required(chain.family, chain.table.clone(), chain.name.clone());
    form.flags = some(chain.flags.map(|flags| flags - ChainFlags::BASE));
    if let Some(hook) = &chain.hook {
        let mut devices = chain.devices();
        sort(&mut devices);
        form.hook = Some(ChainHook {
            number: hook.number,
            priority: hook.priority,
            devices: Some(devices).filter(|devices| !devices.is_empty()),
            ..ChainHook::required()
        });
        form.policy = Some(chain.policy.unwrap_or(Policy::Accept));
        form.kind = Some(chain.kind.clone().unwrap_or(ChainType::Filter));
    }
    form
}

/// A rule without numbers and expressions.
fn bare(rule: &Rule) -> Rule {
    Rule {
        userdata: rule.userdata.clone().filter(|notes| !notes.as_bytes().is_empty()),
        ..Rule::required(rule.family, rule.table.clone(), rule.chain.clone())
    }
}

/// A set without numbers and notes, and with what the kernel takes for granted.
pub(super) fn set(set: &Set) -> Set {
    let flags = set.flags();
    let own = flags.contains(SetFlags::ANONYMOUS);
    let concat = set.desc.as_ref().and_then(|desc| desc.concat.clone()).filter(|fields| fields.len() > 1);
    // A set that is filled once is as large as that, whether it says so (nft before 1.1) or not.
    // Where rules may add, the kernel sets a limit by itself.
    let default = flags.contains(SetFlags::EVAL).then_some(DYNAMIC_SIZE);
    let size = some(set.size()).or(default).filter(|_| !own && !flags.contains(SetFlags::CONSTANT));
    Set {
        flags: Some(flags - SetFlags::EXPR),
        key_type: set.key_type,
        key_len: set.key_len,
        data_type: set.data_type,
        // That of a verdict is the kernel's affair.
        data_len: set.data_len.filter(|_| set.data_type != Some(DataType::VERDICT)),
        object_type: set.object_type,
        timeout: some(set.timeout).map(time),
        gc_interval: some(set.gc_interval),
        policy: set.policy.filter(|policy| *policy != SetPolicy::Performance && !own),
        desc: (size.is_some() || concat.is_some()).then(|| SetDesc { size, concat, ..SetDesc::default() }),
        exprs: stateless_all(set.element_exprs()),
        ..Set::required(set.family, set.table.clone(), set.name.clone())
    }
}

/// What the kernel limits a set to that rules change and that declares no size.
const DYNAMIC_SIZE: u32 = 65535;

fn filled(from: &FilledSet) -> FilledSet {
    let entries = entries(from);
    let elements = entries.iter().flat_map(|entry| entry.written(element(entry.element, &from.set)));
    FilledSet::new(set(&from.set), elements.collect())
}

/// An element without remaining life and counts; of a set that is `of`.
pub(super) fn element(element: &Element, of: &Set) -> Element {
    let exprs = stateless_all(counts(element));
    Element {
        key: element.key,
        key_end: element.key_end.filter(|end| element.key.is_none_or(|key| key != *end)),
        data: element.data.clone().map(|mut data| {
            if let Data::Verdict(verdict) = &mut data {
                verdict.chain_id = None;
            }
            data
        }),
        object: element.object.clone(),
        flags: some(element.flags),
        timeout: lifetime(element, of).map(time),
        // New elements get what the set has.
        exprs: exprs.filter(|exprs| stateless_all(of.element_exprs()).as_ref() != Some(exprs)),
        userdata: element.userdata.clone().filter(|notes| !notes.as_bytes().is_empty()),
        ..Element::default()
    }
}

/// What an element counts with.
pub(super) fn counts(element: &Element) -> &[Expr] {
    element.exprs.as_deref().or(element.expr.as_deref().map(std::slice::from_ref)).unwrap_or_default()
}

/// How long an element of this set lives from when it is put there; `None` for ever.
pub(super) fn lifetime(element: &Element, of: &Set) -> Option<Duration> {
    some(element.timeout.or(of.timeout.filter(|_| !element.is_interval_end())))
}

/// An object without numbers, counts and comment.
pub(super) fn object(object: &Object) -> Object {
    let family = Some(u8::from(object.family).into());
    let data = object.data.as_ref().map(|data| match data {
        ObjectData::Counter(_) => Counter::new().into(),
        ObjectData::Quota(e) => fresh_quota(e).into(),
        ObjectData::Limit(e) => full_limit(e).into(),
        ObjectData::Connlimit(e) => Connlimit { flags: some(e.flags), ..e.clone() }.into(),
        ObjectData::Synproxy(e) => synproxy(e).into(),
        ObjectData::Tunnel(e) => tunnel(e).into(),
        // Of the family of the table, if none is said.
        ObjectData::CtHelper(e) => CtHelper { l3proto: e.l3proto.or(family), ..e.clone() }.into(),
        ObjectData::CtTimeout(e) => CtTimeout { l3proto: e.l3proto.or(family), ..e.clone() }.into(),
        ObjectData::CtExpectation(e) => CtExpectation { l3proto: e.l3proto.or(family), ..e.clone() }.into(),
        // All of it is said, and all of it is reported.
        ObjectData::Secmark(_) | ObjectData::Unknown(_) => data.clone(),
    });
    Object { kind: object.kind, data, ..Object::required(object.family, object.table.clone(), object.name.clone()) }
}

/// A tunnel with everything said.
fn tunnel(e: &TunnelTemplate) -> TunnelTemplate {
    const DEFAULT_TTL: u8 = u8::MAX;
    let ip = e.ip.clone().map(|ip| TunnelIp { source: ip.source.filter(|source| !source.is_unspecified()), ..ip });
    let ip6 = e.ip6.clone().map(|ip| TunnelIp6 {
        source: ip.source.filter(|source| !source.is_unspecified()),
        flow_label: some(ip.flow_label),
        ..ip
    });
    TunnelTemplate {
        ip,
        ip6,
        sport: some(e.sport),
        dport: some(e.dport),
        flags: some(e.flags),
        tos: some(e.tos),
        ttl: e.ttl.or(Some(DEFAULT_TTL)),
        options: e.options.clone().filter(|options| !options.0.is_empty()),
        ..e.clone()
    }
}

/// A flowtable without numbers.
pub(super) fn flowtable(flowtable: &Flowtable) -> Flowtable {
    let mut form = Flowtable {
        flags: some(flowtable.flags),
        hook: flowtable.hook.clone(),
        ..Flowtable::required(flowtable.family, flowtable.table.clone(), flowtable.name.clone())
    };
    if let Some(devices) = form.hook.as_mut().and_then(|hook| hook.devices.as_mut()) {
        sort(devices);
    }
    form
}
