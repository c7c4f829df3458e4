//! Listings.

use super::{
    command::{Kind, Show},
    node::Fault,
    write::{Cx, model as write, object},
};
use crate::{
    client::Client,
    compile,
    data::{Family, Name},
    error::{Error, Result},
    model::{Chain, FilledSet, Object, Rule, Ruleset, Set, SetFlags, Table},
    print::{Index, Options},
    text::{Part, Text},
};
use serde_json::{Value, json, ser::Formatter};
use std::{borrow::Cow, fmt, io};

/// A ruleset as `nft -j list ruleset` lists it. For parts of it, and for nft's options, see
/// [`Text::to_json`].
///
/// ```
/// use oxitables::{Family, Table, json, model::{Generation, Ruleset}};
/// let mut ruleset = Ruleset::new(Generation::from(1));
/// ruleset.tables.push(Table::new(Family::Inet, "host"));
/// assert_eq!(json::to_value(&ruleset)["nftables"][1]["table"]["name"], "host");
/// ```
pub fn to_value(ruleset: &Ruleset) -> Value {
    ruleset.text().to_json()
}

impl Text<'_> {
    /// The same as libnftables JSON: `nft -j`. Handles are always there, priorities and times
    /// always numbers.
    ///
    /// ```no_run
    /// # fn main() -> oxitables::Result<()> {
    /// use oxitables::json::Nft;
    /// let ruleset = oxitables::Client::open()?.ruleset()?;
    /// println!("{}", Nft(&ruleset.text().stateless().to_json()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn to_json(&self) -> Value {
        let whole = if let Part::Ruleset(all) = self.part { Some(all) } else { self.ruleset };
        let lister = Lister::new(whole, self.options);
        document(match self.part {
            Part::Ruleset(ruleset) => ruleset.tables.iter().flat_map(|table| lister.table(table)).collect(),
            Part::Table(table) => lister.table(table),
            Part::Chain(chain) => lister.chain(chain),
            Part::Rule(rule) => vec![lister.rule(rule)],
            Part::Set(filled) => vec![lister.set(filled)],
            Part::Object(one) => vec![object(one)],
            Part::Flowtable(flowtable) => vec![write::flowtable(flowtable)],
        })
    }
}

/// What listings are made with.
struct Lister<'r> {
    index: Index<'r>,
    /// Without elements.
    terse: bool,
    cx: Cx,
}

impl<'r> Lister<'r> {
    fn new(ruleset: Option<&'r Ruleset>, options: Options) -> Self {
        let index = ruleset.map(Index::new).unwrap_or_default();
        let cx = Cx { words: Cx::LISTED.words | options.words, bare: options.stateless, ..Cx::LISTED };
        Self { index, terse: options.terse, cx }
    }

    fn rule(&self, rule: &Rule) -> Value {
        write::rule(rule, &self.index.sets, self.cx)
    }

    fn set(&self, filled: &FilledSet) -> Value {
        write::set(filled, self.terse, self.cx)
    }

    fn rules<'i>(&'i self, chain: &'i Chain) -> impl Iterator<Item = Value> {
        self.index.rules(chain.family, &chain.table, &chain.name).iter().map(|rule| self.rule(rule))
    }

    /// A chain and its rules.
    fn chain(&self, chain: &Chain) -> Vec<Value> {
        std::iter::once(write::chain(chain)).chain(self.rules(chain)).collect()
    }

    /// A table and all that is in it, in nft's order.
    fn table(&self, table: &Table) -> Vec<Value> {
        let mut all = vec![write::table(table)];
        let Some(ruleset) = self.index.ruleset else {
            return all;
        };
        let here = |family: Family, name: &Name| (family, name) == (table.family, &table.name);
        let objects = ruleset.objects.iter().filter(|one| here(one.family, &one.table));
        let sets = ruleset.sets.iter().filter(|one| here(one.set.family, &one.set.table) && is_named(one));
        let flowtables = ruleset.flowtables.iter().filter(|one| here(one.family, &one.table));
        all.extend(ruleset.chains_of(table).map(write::chain));
        all.extend(objects.map(object));
        all.extend(sets.map(|one| self.set(one)));
        all.extend(flowtables.map(write::flowtable));
        all.extend(ruleset.chains_of(table).flat_map(|chain| self.rules(chain)));
        all
    }
}

/// Shows a document as nft does: in one line, with blanks behind commas and colons.
///
/// ```
/// use oxitables::json::Nft;
/// let value = serde_json::json!({"nftables": [{"metainfo": null}, {}]});
/// assert_eq!(Nft(&value).to_string(), r#"{"nftables": [{"metainfo": null}, {}]}"#);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Nft<'a>(pub &'a Value);

impl fmt::Display for Nft<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::new();
        serde::Serialize::serialize(self.0, &mut serde_json::Serializer::with_formatter(&mut out, Blanks))
            .map_err(|_| fmt::Error)?;
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

struct Blanks;

impl Formatter for Blanks {
    fn begin_array_value<W: io::Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: io::Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }
}

/// A document of these, with the head that every one has.
fn document(mut items: Vec<Value>) -> Value {
    let head = json!({"metainfo": {
        "version": env!("CARGO_PKG_VERSION"),
        "release_name": env!("CARGO_PKG_NAME"),
        "json_schema_version": 1,
    }});
    items.insert(0, head);
    json!({"nftables": items})
}

/// What elements refer to, as it was listed.
struct Known<'a>(&'a Ruleset);

impl compile::Context for Known<'_> {
    fn set(&self, family: Family, table: &Name, name: &Name) -> Option<Cow<'_, Set>> {
        self.0.set(&Table::new(family, table.clone()), name).map(|found| Cow::Borrowed(&found.set))
    }
}

fn is_named(filled: &FilledSet) -> bool {
    !filled.set.flags().contains(SetFlags::ANONYMOUS)
}

/// What a command asks to see.
pub(super) fn answer(nft: &mut Client, show: &Show, reset: bool, path: &str) -> Result<Value> {
    let ruleset = nft.ruleset()?;
    let lister = Lister::new(Some(&ruleset), Options::default());
    let named = |name: &Name| show.name.as_ref().is_none_or(|wanted| wanted == name);
    let here = |family: Family, table: &Name| {
        show.family.is_none_or(|wanted| wanted == family) && show.table.as_ref().is_none_or(|wanted| wanted == table)
    };
    let some = |all: Vec<Value>| match (&show.name, show.table.as_ref(), all.is_empty()) {
        (None, None, _) | (_, _, false) => Ok(document(all)),
        (None, ..) if !matches!(show.kind, Kind::Table) => Ok(document(all)),
        _ => Err(Error::from(Fault { path: path.into(), why: "there is no such thing".into() })),
    };
    let chains = || ruleset.chains.iter().filter(|chain| here(chain.family, &chain.table));
    let all_sets = || ruleset.sets.iter().filter(|one| is_named(one) && here(one.set.family, &one.set.table));
    let is_map = |one: &&FilledSet| one.set.flags().intersects(SetFlags::MAP | SetFlags::OBJECT);
    some(match show.kind {
        Kind::Ruleset | Kind::Table => ruleset
            .tables
            .iter()
            .filter(|table| here(table.family, &table.name))
            .flat_map(|table| lister.table(table))
            .collect(),
        Kind::Tables => {
            ruleset.tables.iter().filter(|table| here(table.family, &table.name)).map(write::table).collect()
        }
        Kind::Chains => chains().map(write::chain).collect(),
        Kind::Chain => chains().filter(|chain| named(&chain.name)).flat_map(|chain| lister.chain(chain)).collect(),
        Kind::Rules => {
            let wanted: Vec<Chain> = chains().filter(|chain| named(&chain.name)).cloned().collect();
            let mut rules: Vec<Rule> = Vec::new();
            for chain in &wanted {
                let is_wanted = |rule: &Rule| show.rule.is_none() || rule.handle == show.rule;
                match show.rule.filter(|_| reset) {
                    Some(handle) => rules.extend(nft.reset_rule(chain, handle)?),
                    None => {
                        let listing = if reset { nft.reset_rules(chain) } else { nft.rules(chain) };
                        rules.extend(listing.snapshot()?.into_iter().filter(is_wanted));
                    }
                }
            }
            rules.iter().map(|rule| lister.rule(rule)).collect()
        }
        Kind::Sets => all_sets().filter(|one| !is_map(one)).map(|one| lister.set(one)).collect(),
        Kind::Maps => all_sets().filter(is_map).map(|one| lister.set(one)).collect(),
        // Sets that only a rule fills are sets like others since nft 0.8.
        Kind::Meters => Vec::new(),
        Kind::Set => {
            let mut shown = Vec::new();
            for one in all_sets().filter(|one| named(&one.set.name)) {
                let elements = if reset { nft.reset_elements(&one.set).snapshot()? } else { one.elements.clone() };
                shown.push(lister.set(&FilledSet::new(one.set.clone(), elements)));
            }
            shown
        }
        Kind::Elements => {
            let mut shown = Vec::new();
            for one in all_sets().filter(|one| named(&one.set.name)) {
                let keys = compile::elements(&one.set, &show.items, compile::Fate::Goes, &Known(&ruleset))
                    .map_err(|fault| Fault { path: format!("{path}.elem"), why: fault.to_string() })?;
                let keys: Vec<_> = keys.iter().filter(|one| !one.is_interval_end()).filter_map(|one| one.key).collect();
                let elements = nft.reset(&one.set, &keys)?.into_iter().flatten().collect();
                shown.push(lister.set(&FilledSet::new(one.set.clone(), elements)));
            }
            shown
        }
        Kind::Objects(kind) => {
            let listed = ruleset.objects.iter().filter(|object| {
                object.kind == Some(kind) && named(&object.name) && here(object.family, &object.table)
            });
            let mut objects: Vec<Object> = Vec::new();
            for object in listed {
                let table = Table::new(object.family, object.table.clone());
                let fresh = if reset { nft.reset_object(&table, kind, object.name.clone())? } else { None };
                objects.push(fresh.unwrap_or_else(|| object.clone()));
            }
            objects.iter().map(object).collect()
        }
        Kind::Flowtables => ruleset
            .flowtables
            .iter()
            .filter(|one| here(one.family, &one.table) && named(&one.name))
            .map(write::flowtable)
            .collect(),
    })
}
