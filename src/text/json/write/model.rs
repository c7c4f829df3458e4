//! Tables and what is in them.

use super::{
    super::words::{FAMILIES, HOOKS, OBJECTS, POLICIES, SET_FLAGS, SET_POLICIES, TABLE_FLAGS},
    add_words,
    expression::{Cx, expression, item},
    names, one,
    statement::{stateful, statement},
    word,
};
use crate::{
    data::{DataType, Family, FieldType, Hook, Name, Policy},
    lang::declared,
    lift::{self, Sets},
    model::{Chain, Device, FilledSet, Flowtable, Rule, SetFlags, SetPolicy, Table},
    print::sorted_devices,
};
use serde_json::{Map, Value};

fn family(family: Family) -> Value {
    word(FAMILIES, &family).map_or_else(|| family.to_string().into(), Value::from)
}

/// Where something is and what it is called, in one of nft's two orders.
fn place(family: Family, table: Option<&Name>, name: &Name, name_first: bool) -> Map<String, Value> {
    let mut properties = Map::from_iter([("family".into(), self::family(family))]);
    let table = table.map(|table| ("table", table.to_string_lossy().into_owned()));
    let name = Some(("name", name.to_string_lossy().into_owned()));
    let both = if name_first { [name, table] } else { [table, name] };
    properties.extend(both.into_iter().flatten().map(|(key, text)| (key.into(), text.into())));
    properties
}

fn add_handle(properties: &mut Map<String, Value>, handle: Option<u64>) {
    properties.insert("handle".into(), handle.unwrap_or_default().into());
}

/// The same with the handle; that of a chain after its table.
pub(super) fn handled(
    family: Family,
    table: Option<&Name>,
    name: &Name,
    handle: Option<u64>,
    name_first: bool,
) -> Map<String, Value> {
    let mut properties = place(family, table, name, name_first);
    add_handle(&mut properties, handle);
    properties
}

pub(super) fn comment(properties: &mut Map<String, Value>, comment: Option<String>) {
    if let Some(comment) = comment {
        properties.insert("comment".into(), comment.into());
    }
}

pub(in super::super) fn table(table: &Table) -> Value {
    let mut properties = handled(table.family, None, &table.name, table.handle, true);
    let flags = table.flags.unwrap_or_default();
    add_words(&mut properties, "flags", names(TABLE_FLAGS, |flag| flags.contains(flag)));
    comment(&mut properties, table.comment());
    one("table", properties)
}

/// One device as a word, several as a list.
fn add_devices(properties: &mut Map<String, Value>, devices: &[Device]) {
    let mut words: Vec<Value> = sorted_devices(devices).into_iter().map(Value::from).collect();
    match words.len() {
        0 => {}
        1 => drop(properties.insert("dev".into(), words.remove(0))),
        _ => drop(properties.insert("dev".into(), words.into())),
    }
}

pub(in super::super) fn chain(chain: &Chain) -> Value {
    let mut properties = handled(chain.family, Some(&chain.table), &chain.name, chain.handle, false);
    comment(&mut properties, chain.comment());
    if let Some(hook) = &chain.hook {
        add_devices(&mut properties, &chain.devices());
        let number = hook.number.flatten();
        let known = number.and_then(|number| Hook::from_number(chain.family, number));
        let kind =
            chain.kind.as_ref().map_or("filter".into(), |kind| String::from_utf8_lossy(kind.as_ref()).into_owned());
        properties.insert("type".into(), kind.into());
        properties.insert("hook".into(), known.and_then(|hook| word(HOOKS, &hook)).unwrap_or("unknown").into());
        properties.insert("prio".into(), hook.priority.unwrap_or_default().into());
        let policy = chain.policy.unwrap_or(Policy::Accept);
        properties.insert("policy".into(), word(POLICIES, &policy).unwrap_or("unknown").into());
    }
    one("chain", properties)
}

pub(in super::super) fn flowtable(flowtable: &Flowtable) -> Value {
    let mut properties = handled(flowtable.family, Some(&flowtable.table), &flowtable.name, flowtable.handle, true);
    if let Some(hook) = &flowtable.hook {
        properties.insert("hook".into(), "ingress".into());
        properties.insert("prio".into(), hook.priority.unwrap_or_default().into());
    }
    add_devices(&mut properties, flowtable.devices());
    one("flowtable", properties)
}

pub(in super::super) fn rule(rule: &Rule, sets: &Sets<'_>, cx: Cx) -> Value {
    let mut properties = Map::from_iter([
        ("family".into(), family(rule.family)),
        ("table".into(), rule.table.to_string_lossy().into()),
        ("chain".into(), rule.chain.to_string_lossy().into()),
        ("handle".into(), rule.handle.unwrap_or_default().into()),
    ]);
    comment(&mut properties, rule.comment());
    let statements: Vec<_> = lift::rule(rule, sets).iter().map(|one| statement(one, rule.family, cx)).collect();
    if !statements.is_empty() {
        properties.insert("expr".into(), statements.into());
    }
    one("rule", properties)
}

/// The names of types: one as a word, several as a list.
fn types(fields: &[FieldType]) -> Value {
    match fields {
        [one] => one.name().into(),
        many => many.iter().map(FieldType::name).collect(),
    }
}

pub(in super::super) fn set(filled: &FilledSet, terse: bool, cx: Cx) -> Value {
    let FilledSet { set, elements } = filled;
    let flags = set.flags();
    let declared = declared::of(set);
    let mut properties = place(set.family, Some(&set.table), &set.name, true);
    let key = declared.key_of.as_ref().map(|of| one("typeof", expression(of, cx)));
    properties.insert("type".into(), key.unwrap_or_else(|| types(&declared.key)));
    add_handle(&mut properties, set.handle);
    comment(&mut properties, set.comment());
    let is_map = flags.intersects(SetFlags::MAP | SetFlags::OBJECT);
    if flags.contains(SetFlags::OBJECT) {
        let kind = set.object_type.and_then(|kind| word(OBJECTS, &kind)).unwrap_or("unknown");
        properties.insert("map".into(), kind.into());
    } else if flags.contains(SetFlags::MAP) {
        let verdicts = set.data_type == Some(DataType::VERDICT);
        properties.insert("map".into(), if verdicts { "verdict".into() } else { types(&declared.data) });
    }
    if !flags.contains(SetFlags::CONSTANT) {
        if let Some(policy) = set.policy.filter(|policy| *policy != SetPolicy::Performance) {
            properties.insert("policy".into(), word(SET_POLICIES, &policy).unwrap_or("unknown").into());
        }
        if let Some(size) = set.size().filter(|size| *size > 0) {
            properties.insert("size".into(), size.into());
            if let Some(count) = set.count.filter(|count| *count > 0) {
                properties.insert("count".into(), count.into());
            }
        }
    }
    add_words(&mut properties, "flags", names(SET_FLAGS, |flag| flags.contains(flag)));
    let times = [("timeout", set.timeout), ("gc-interval", set.gc_interval)];
    for (key, time) in times {
        if let Some(time) = time.filter(|time| !time.is_zero()) {
            properties.insert(key.into(), time.as_secs().into());
        }
    }
    if set.merges() {
        properties.insert("auto-merge".into(), true.into());
    }
    if !elements.is_empty() && !terse {
        let items = lift::items(set, elements);
        properties.insert("elem".into(), items.iter().map(|one| item(one, cx)).collect());
    }
    let statements: Vec<_> = set
        .element_exprs()
        .iter()
        .filter_map(lift::statement)
        .map(|one| stateful(&one, Cx { bare: true, ..cx }))
        .collect();
    if !statements.is_empty() {
        properties.insert("stmt".into(), statements.into());
    }
    one(if is_map { "map" } else { "set" }, properties)
}
