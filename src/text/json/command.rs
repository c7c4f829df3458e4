//! Commands: what a document asks for.

use super::{
    node::{Node, Result},
    read::{
        declare::{self, Named, Position, RuleText, Wanted},
        items, object,
    },
    words::{FAMILIES, OBJECTS},
};
use crate::{
    batch::Verb,
    compile::Declaration,
    data::{Family, Name},
    expr::ObjectType,
    lang::tree::Item,
    model::{Chain, Flowtable, Object, Table},
};

/// One command and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Command {
    /// `nftables[3].add.rule`.
    pub path: String,
    pub action: Action,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    /// Make it, or delete it, by what the verb says.
    Change(Verb, What),
    /// Remove what is in it.
    FlushTable(Table),
    FlushChain(Chain),
    FlushSet(Named),
    FlushRuleset(Option<Family>),
    Rename(Chain, Name),
    Show(Show),
    /// Show it, and start it again from zero.
    Reset(Show),
}

/// What can be made and deleted.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    Table(Table),
    Chain(Chain),
    Rule(RuleText),
    Set(Box<Declaration>, Vec<Item>),
    /// One that is deleted.
    NamedSet(Named),
    Elements(Named, Vec<Item>),
    Flowtable(Flowtable),
    Object(Object),
}

/// What is to be shown.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Show {
    pub kind: Kind,
    pub family: Option<Family>,
    pub table: Option<Name>,
    /// The chain of a rule, or what else is shown.
    pub name: Option<Name>,
    pub rule: Option<u64>,
    pub items: Vec<Item>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Ruleset,
    Tables,
    Table,
    Chains,
    Chain,
    Rules,
    Sets,
    Maps,
    Meters,
    /// One of these three.
    Set,
    Elements,
    Objects(ObjectType),
    Flowtables,
}

/// The newest schema there is.
const SCHEMA: u64 = 1;

/// A command; `None` of what only describes the document.
pub(super) fn command(node: &Node<'_>) -> Result<Option<Command>> {
    let (verb, inner) = node.only()?;
    let (path, action) = match verb {
        "metainfo" => {
            return match inner.get("json_schema_version")? {
                Some(version) if version.number::<u64>()? > SCHEMA => version.fault("a schema that is not known yet"),
                _ => Ok(None),
            };
        }
        "add" => of(&inner, |kind, node| change(Verb::Add, kind, node, true))?,
        "create" => of(&inner, |kind, node| change(Verb::Create, kind, node, true))?,
        "insert" => of(&inner, |kind, node| place(Verb::Insert, kind, node))?,
        "replace" => of(&inner, |kind, node| place(Verb::Replace, kind, node))?,
        "delete" => of(&inner, |kind, node| delete(Verb::Delete, kind, node))?,
        "destroy" => of(&inner, |kind, node| delete(Verb::Destroy, kind, node))?,
        "flush" => of(&inner, flush)?,
        "rename" => of(&inner, rename)?,
        "list" => of(&inner, |kind, node| show(kind, node).map(Action::Show))?,
        "reset" => of(&inner, reset)?,
        // What was listed can be added as it is.
        kind => (inner.to_string(), change(Verb::Add, kind, &inner, false)?),
    };
    Ok(Some(Command { path, action }))
}

fn of(node: &Node<'_>, read: impl FnOnce(&str, &Node<'_>) -> Result<Action>) -> Result<(String, Action)> {
    let (kind, inner) = node.only()?;
    Ok((inner.to_string(), read(kind, &inner)?))
}

fn object_type(kind: &str) -> Option<ObjectType> {
    OBJECTS.iter().find(|(name, _)| *name == kind).map(|(_, object)| *object)
}

fn unknown<T>(kind: &str, node: &Node<'_>) -> Result<T> {
    node.fault(format!("`{kind}` is nothing that this can be done with"))
}

/// What is to be made; a rule behind the one whose handle it has, if that is `told` and not just
/// listed.
fn change(verb: Verb, kind: &str, node: &Node<'_>, told: bool) -> Result<Action> {
    let what = match kind {
        "table" => What::Table(declare::table(node, Wanted::Whole)?),
        "chain" => What::Chain(declare::chain(node, Wanted::Whole)?),
        "rule" if verb == Verb::Create => return node.fault("a rule is always new: use `add`"),
        "rule" => What::Rule(declare::rule(node, told)?),
        "set" | "map" => {
            let (declaration, items) = declare::set(node)?;
            What::Set(Box::new(declaration), items)
        }
        "element" => elements(node)?,
        "flowtable" => What::Flowtable(declare::flowtable(node, Wanted::Whole)?),
        _ => match object_type(kind) {
            Some(object_type) => What::Object(object(object_type, node, Wanted::Whole)?),
            None => return unknown(kind, node),
        },
    };
    Ok(Action::Change(verb, what))
}

fn elements(node: &Node<'_>) -> Result<What> {
    Ok(What::Elements(declare::named(node, Wanted::Name)?, items(&node.need("elem")?)?))
}

/// A rule next to another, or in its place.
fn place(verb: Verb, kind: &str, node: &Node<'_>) -> Result<Action> {
    if kind != "rule" {
        return node.fault("only rules can be inserted and replaced");
    }
    let rule = declare::rule(node, true)?;
    if verb == Verb::Replace && rule.position.is_none() {
        return node.fault("`handle` is missing");
    }
    Ok(Action::Change(verb, What::Rule(rule)))
}

fn delete(verb: Verb, kind: &str, node: &Node<'_>) -> Result<Action> {
    let what = match kind {
        "table" => What::Table(declare::table(node, Wanted::Either)?),
        "chain" => What::Chain(declare::chain(node, Wanted::Either)?),
        "rule" => {
            let rule = declare::rule_place(node, true)?;
            if rule.position.is_none() {
                return node.fault("`handle` is missing");
            }
            What::Rule(rule)
        }
        "set" | "map" | "meter" => What::NamedSet(declare::named(node, Wanted::Either)?),
        "element" => elements(node)?,
        "flowtable" => What::Flowtable(declare::flowtable(node, Wanted::Either)?),
        _ => match object_type(kind) {
            Some(object_type) => What::Object(object(object_type, node, Wanted::Either)?),
            None => return unknown(kind, node),
        },
    };
    Ok(Action::Change(verb, what))
}

fn flush(kind: &str, node: &Node<'_>) -> Result<Action> {
    Ok(match kind {
        "table" => Action::FlushTable(declare::table(node, Wanted::Name)?),
        "chain" => Action::FlushChain(declare::chain(node, Wanted::Name)?),
        "set" | "map" | "meter" => Action::FlushSet(declare::named(node, Wanted::Name)?),
        "ruleset" => Action::FlushRuleset(node.maybe("family", |node| node.choice(FAMILIES))?),
        _ => return unknown(kind, node),
    })
}

fn rename(kind: &str, node: &Node<'_>) -> Result<Action> {
    if kind != "chain" {
        return node.fault("only chains can be renamed");
    }
    let mut chain = declare::chain(node, Wanted::Name)?;
    chain.handle = node.maybe_number("handle")?;
    Ok(Action::Rename(chain, node.need("newname")?.text()?.into()))
}

fn show(kind: &str, node: &Node<'_>) -> Result<Show> {
    let one = |kind| {
        let named = declare::named(node, Wanted::Name)?;
        Ok(Show {
            kind,
            family: Some(named.table.family),
            table: Some(named.table.name),
            name: Some(named.name),
            rule: None,
            items: Vec::new(),
        })
    };
    let all = |kind| {
        Ok(Show {
            kind,
            family: node.maybe("family", |node| node.choice(FAMILIES))?,
            table: node.maybe("table", |node| node.text().map(Into::into))?,
            name: None,
            rule: None,
            items: Vec::new(),
        })
    };
    match kind {
        "ruleset" => all(Kind::Ruleset),
        "tables" => all(Kind::Tables),
        "table" => {
            let table = declare::table(node, Wanted::Name)?;
            Ok(Show { table: Some(table.name), ..all(Kind::Table)? })
        }
        "chains" => all(Kind::Chains),
        "chain" => one(Kind::Chain),
        "sets" => all(Kind::Sets),
        "maps" => all(Kind::Maps),
        "meters" => all(Kind::Meters),
        "set" | "map" | "meter" => one(Kind::Set),
        "flowtables" => all(Kind::Flowtables),
        "flowtable" => one(Kind::Flowtables),
        _ => match (object_type(kind), kind.strip_suffix('s').and_then(object_type)) {
            (Some(object_type), _) => one(Kind::Objects(object_type)),
            (_, Some(object_type)) => all(Kind::Objects(object_type)),
            (None, None) => unknown(kind, node),
        },
    }
}

fn reset(kind: &str, node: &Node<'_>) -> Result<Action> {
    let mut what = match kind {
        "rule" => {
            let RuleText { chain, position, .. } = declare::rule_place(node, true)?;
            let Some(Position::Handle(handle)) = position else {
                return node.fault("`handle` is missing");
            };
            Show {
                kind: Kind::Rules,
                family: Some(chain.family),
                table: Some(chain.table),
                name: Some(chain.name),
                rule: Some(handle),
                items: Vec::new(),
            }
        }
        "rules" => Show {
            kind: Kind::Rules,
            name: node.maybe("chain", |node| node.text().map(Into::into))?,
            ..show("ruleset", node)?
        },
        "element" => Show { kind: Kind::Elements, items: items(&node.need("elem")?)?, ..show("set", node)? },
        _ => show(kind, node)?,
    };
    what.rule = what.rule.filter(|_| what.kind == Kind::Rules);
    match what.kind {
        Kind::Rules | Kind::Set | Kind::Elements => Ok(Action::Reset(what)),
        Kind::Objects(ObjectType::Counter | ObjectType::Quota) => Ok(Action::Reset(what)),
        _ => unknown(kind, node),
    }
}
