//! What a plan does, line by line: its messages and what it removes, read once somebody asks.

use super::{
    expr::{rename_chain, rename_set},
    plan::{Plan, set_name},
    simulate::named,
    view::target_id,
};
use crate::{
    batch::{Fields, Verb, describe},
    data::{Family, Name},
    model::{Chain, Element, FilledSet, Flowtable, Kind, Object, Rule, Ruleset, Set, Table},
    wire::{attrs, message::Message},
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
    /// What it does, and the sets and chains that the rules which it makes speak of. Those of what it removes are in
    /// `before`.
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
                lines.extend(line(verb, &messages.collect::<Vec<_>>(), &mut after));
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
fn line(verb: Verb, messages: &[Message<'_>], after: &mut Ruleset) -> Option<Line> {
    // A rule comes after what belongs to it, new elements after those that they take the place of.
    let last = messages.last()?;
    let (sign, makes) = match verb {
        Verb::Delete | Verb::Destroy | Verb::Flush => ('-', false),
        Verb::Update | Verb::Refresh => ('~', true),
        _ => ('+', true),
    };
    let (family, attributes) = (Family::from(last.family()), last.attributes());
    let mut name = describe(last);
    let detail = match last.nft().and_then(Kind::of).filter(|_| makes) {
        Some(Kind::Table) => Table::decode_attrs(family, attributes).ok().map(Detail::Table),
        Some(Kind::Chain) => Chain::decode_attrs(family, attributes).ok().map(Detail::Chain),
        Some(Kind::Rule) => {
            messages[..messages.len() - 1].iter().for_each(|message| belonging(message, after));
            rule(last).map(|rule| {
                rule.position.iter().for_each(|place| name += &format!(" position {place}"));
                Detail::Rule(rule)
            })
        }
        Some(Kind::Set) => Set::decode_attrs(family, attributes).ok().map(|set| {
            let set = FilledSet::new(set, Vec::new());
            after.sets.push(set.clone());
            Detail::Set(set)
        }),
        Some(Kind::Elements) => {
            let anew = verb == Verb::Refresh && messages.iter().any(|message| message.kind != last.kind);
            let same = messages.iter().filter(|message| message.kind == last.kind);
            let same: Vec<_> = same.skip(if anew { messages.len() / 3 } else { 0 }).collect();
            let fields = Fields::of(last);
            fields.name(1).zip(fields.name(2)).map(|(table, set)| {
                Detail::Elements(Elements::new((family, table, set), same.into_iter().flat_map(elements)))
            })
        }
        Some(Kind::Object) => Object::decode_attrs(family, attributes).ok().map(Detail::Object),
        Some(Kind::Flowtable) => Flowtable::decode_attrs(family, attributes).ok().map(Detail::Flowtable),
        None => None,
    };
    Some(Line { sign, name, detail: detail.unwrap_or(Detail::Nothing) })
}

/// A set or chain of a rule's own, under a name that tells it from others of the batch.
fn belonging(message: &Message<'_>, after: &mut Ruleset) {
    let family = Family::from(message.family());
    let fields = Fields::of(message);
    let id = |kind| fields.get(kind).and_then(|id| id.try_into().ok()).map(u32::from_be_bytes);
    match message.nft().and_then(Kind::of) {
        Some(Kind::Set) => after.sets.extend(
            Set::decode_attrs(family, message.attributes())
                .ok()
                .map(|set| FilledSet::new(Set { name: own(set.id.unwrap_or_default()), ..set }, Vec::new())),
        ),
        // Elements come after their set.
        Some(Kind::Elements) => {
            let name = own(id(4).unwrap_or_default());
            if let Some(set) = after.sets.last_mut().filter(|set| set.set.name == name) {
                set.elements.extend(elements(message));
            }
        }
        Some(Kind::Chain) => {
            let name = own(id(11).unwrap_or_default());
            after.chains.extend(Chain::decode_attrs(family, &named(message, 3, Some(&name))));
        }
        Some(Kind::Rule) => after.rules.extend(rule(message)),
        _ => {}
    }
}

/// A rule, with names in the place of the numbers of a batch.
fn rule(message: &Message<'_>) -> Option<Rule> {
    let fields = Fields::of(message);
    let chain = fields.get(11).and_then(|id| id.try_into().ok()).map(|id| own(u32::from_be_bytes(id)));
    let mut rule = Rule::decode_attrs(message.family().into(), &named(message, 2, chain.as_ref())).ok()?;
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

/// The elements of a message.
fn elements<'a>(message: &Message<'a>) -> impl Iterator<Item = Element> + use<'a> {
    let list = attrs(message.attributes()).flatten().find(|attr| attr.kind == 3);
    list.into_iter()
        .flat_map(|list| attrs(list.payload).flatten())
        .filter_map(|entry| Element::decode_attrs(entry.payload).ok())
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
