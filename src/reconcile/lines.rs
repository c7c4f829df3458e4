//! What a plan does, line by line: its messages and what it removes, read once somebody asks.

use super::{
    expr::{rename_chain, rename_set},
    plan::{Plan, set_name},
    simulate::named,
    view::target_id,
};
use crate::{
    batch::{Change, Verb, describe},
    data::{Family, Name},
    model::{Chain, Element, FilledSet, Flowtable, Kind, Object, Rule, Ruleset, Set, Table},
};

/// How many elements of a list are shown.
pub(super) const SHOWN: usize = 8;

/// An operation, or something that one removes.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// `-` of what goes, `+` of what comes, `~` of what stays and changes.
    pub(crate) sign: char,
    /// `rule inet host input handle 7`.
    pub(crate) name: String,
    pub(crate) detail: Detail,
}

/// What there is to say beyond the name.
#[derive(Clone, Debug)]
pub(crate) enum Detail {
    Nothing,
    Table(Table),
    Chain(Chain),
    Rule(Rule),
    Set(FilledSet),
    /// Elements of a set, and how many more there are.
    Elements(Elements),
    Object(Object),
    Flowtable(Flowtable),
}

/// The first elements of a list.
#[derive(Clone, Debug)]
pub(crate) struct Elements {
    pub(crate) set: (Family, Name, Name),
    pub(crate) first: Vec<Element>,
    /// How many more there are.
    pub(crate) more: usize,
}

impl Plan {
    /// What it does, and the sets and chains that the rules which it makes speak of. Those of what
    /// it removes are in `before`.
    pub(crate) fn lines(&self) -> (Vec<Line>, Ruleset) {
        let mut after = Ruleset { chains: Vec::new(), rules: Vec::new(), ..self.before.clone() };
        let mut lines = Vec::new();
        let mut gone = self.gone.iter().peekable();
        for (operation, (verb, messages)) in self.batch.each_operation().enumerate() {
            let told = lines.len();
            while let Some((_, detail)) = gone.next_if(|(at, _)| *at == operation) {
                let name = match detail {
                    Detail::Rule(rule) => rule_name(rule),
                    Detail::Set(set) => set_name(&set.set),
                    Detail::Elements(Elements { set: (family, table, set), .. }) => {
                        format!("element {family} {table} {set}")
                    }
                    _ => String::new(),
                };
                lines.push(Line { sign: '-', name, detail: detail.clone() });
            }
            if lines.len() == told || verb == Verb::Replace {
                lines.extend(line(verb, &messages.filter_map(Change::read).collect::<Vec<_>>(), &mut after));
            }
        }
        (lines, after)
    }
}

/// `rule inet host input handle 7`.
pub(super) fn rule_name(rule: &Rule) -> String {
    let handle = rule.handle.map_or(String::new(), |handle| format!(" handle {handle}"));
    format!("rule {} {} {}{handle}", rule.family, rule.table, rule.chain)
}

/// An operation, from its messages.
fn line(verb: Verb, messages: &[Change<'_>], after: &mut Ruleset) -> Option<Line> {
    // A rule comes after what belongs to it, new elements after those that they take the place of.
    let last = messages.last()?;
    let (sign, makes) = match verb {
        Verb::Delete | Verb::Destroy | Verb::Flush => ('-', false),
        Verb::Update | Verb::Refresh => ('~', true),
        _ => ('+', true),
    };
    let mut name = describe(&last.message);
    let detail = match last.kind {
        _ if !makes => None,
        Kind::Table => last.as_table().ok().map(Detail::Table),
        Kind::Chain => last.as_chain().ok().map(Detail::Chain),
        Kind::Rule => {
            messages[..messages.len() - 1].iter().for_each(|message| belonging(message, after));
            rule(last).map(|rule| {
                rule.position.iter().for_each(|place| name += &format!(" position {place}"));
                Detail::Rule(rule)
            })
        }
        Kind::Set => last.as_set().ok().map(|set| {
            let set = FilledSet::new(set, Vec::new());
            after.sets.push(set.clone());
            Detail::Set(set)
        }),
        Kind::Elements => {
            let is_same = |message: &&Change<'_>| (message.does, message.kind) == (last.does, last.kind);
            let anew = verb == Verb::Refresh && !messages.iter().all(|message| is_same(&message));
            let same = messages.iter().filter(is_same);
            let same: Vec<_> = same.skip(if anew { messages.len() / 3 } else { 0 }).collect();
            last.table().zip(last.name()).map(|(table, set)| {
                let elements = same.into_iter().flat_map(|message| message.elements().flatten());
                Detail::Elements(Elements::new((last.family(), table, set), elements))
            })
        }
        Kind::Object => last.as_object().ok().map(Detail::Object),
        Kind::Flowtable => last.as_flowtable().ok().map(Detail::Flowtable),
    };
    Some(Line { sign, name, detail: detail.unwrap_or(Detail::Nothing) })
}

/// A set or chain of a rule's own, under a name that tells it from others of the batch.
fn belonging(change: &Change<'_>, after: &mut Ruleset) {
    let name = own(change.id().unwrap_or_default());
    match change.kind {
        Kind::Set => {
            let set = change.as_set().ok().map(|set| Set { name, ..set });
            after.sets.extend(set.map(|set| FilledSet::new(set, Vec::new())));
        }
        // Elements come after their set.
        Kind::Elements => {
            if let Some(set) = after.sets.last_mut().filter(|set| set.set.name == name) {
                set.elements.extend(change.elements().flatten());
            }
        }
        Kind::Chain => after.chains.extend(Chain::decode_attrs(change.family(), &named(change, Some(&name)))),
        Kind::Rule => after.rules.extend(rule(change)),
        _ => {}
    }
}

/// A rule, with names in the place of the numbers of a batch.
fn rule(change: &Change<'_>) -> Option<Rule> {
    let chain = change.id().map(own);
    let mut rule = Rule::decode_attrs(change.family(), &named(change, chain.as_ref())).ok()?;
    for expr in rule.exprs.iter_mut().flatten() {
        let set = expr.set().and_then(|(name, id)| id.filter(|_| name.as_bytes().ends_with(b"%d")));
        if let Some(id) = set {
            rename_set(expr, own(id), None);
        }
        if let Some(id) = target_id(expr) {
            rename_chain(expr, Some(own(id)), None);
        }
    }
    Some(rule)
}

/// What stands for the name of something that the kernel will name; no name that it gives.
fn own(id: u32) -> Name {
    format!("%{id}").into()
}

impl Elements {
    /// Of elements of intervals, an end comes after its start.
    pub(super) fn new(set: (Family, Name, Name), elements: impl IntoIterator<Item = Element>) -> Self {
        let mut shown = Self { set, first: Vec::new(), more: 0 };
        let mut starts = 0;
        for element in elements {
            starts += usize::from(!element.is_interval_end());
            if starts <= SHOWN {
                shown.first.push(element);
            } else {
                shown.more += usize::from(!element.is_interval_end());
            }
        }
        shown
    }
}
