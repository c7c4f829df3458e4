//! Text of what the kernel holds: nft's syntax, laid out as `nft list ruleset` lays it out.
//!
//! A [`Ruleset`] prints itself; [`Ruleset::text`] has nft's options, and [`Ruleset::text_of`]
//! prints a part of it. What nft has no words for is printed as registers in brackets, which nft
//! does not read: a listing that is loaded again fails there instead of losing a condition.
//!
//! ```
//! use oxitables::*;
//!
//! fn show() -> Result<()> {
//!     let host = Table::new(Family::Inet, "host");
//!     let input = host.chain("input").with_hook(Hook::Input, Priority::FILTER).with_policy(Policy::Drop);
//!     let mut batch = Batch::new();
//!     batch.add(&host).add(&input);
//!     batch.add(input.rule(Rule::new().when(tcp::dport().is(22)).then(counter()).accept()));
//!     let mut nft = Client::open()?;
//!     nft.apply(&batch)?;
//!
//!     let ruleset = nft.ruleset()?;
//!     assert_eq!(
//!         ruleset.to_string(),
//!         "table inet host {\n\
//!          \tchain input {\n\
//!          \t\ttype filter hook input priority filter; policy drop;\n\
//!          \t\ttcp dport 22 counter packets 0 bytes 0 accept\n\
//!          \t}\n\
//!          }\n",
//!     );
//!     assert_eq!(ruleset.text_of(&ruleset.rules[0]).stateless().to_string(), "tcp dport 22 counter accept");
//!     Ok(())
//! }
//! # testing::in_namespace(show);
//! ```

#[cfg(feature = "json")]
pub mod json;
mod plan;
#[cfg(test)]
mod tests;
mod trace;

use crate::{
    data::Words,
    model::{Chain, FilledSet, Flowtable, Object, Rule, Ruleset, Table},
    print::{Index, Options, Printer},
};

use std::fmt;
pub use trace::TraceText;

/// A ruleset or a part of it as text, by [`Ruleset::text`] and [`Ruleset::text_of`].
///
/// It is made when it is printed.
#[derive(Clone, Copy, Debug)]
#[must_use = "it is printed with `{}` or `to_string()`"]
pub struct Text<'a> {
    ruleset: Option<&'a Ruleset>,
    part: Part<'a>,
    options: Options,
}

/// What [`Ruleset::text_of`] prints: a reference to any of these.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Part<'a> {
    /// Everything.
    Ruleset(&'a Ruleset),
    /// A table with all that is in it, as `nft list table` prints it.
    Table(&'a Table),
    /// A chain with its rules, as `nft list chain` prints it.
    Chain(&'a Chain),
    /// A rule: its statements, and its comment.
    Rule(&'a Rule),
    /// A set or map with its elements, as `nft list set` prints it.
    Set(&'a FilledSet),
    /// An object, as `nft list counter` and its like print it.
    Object(&'a Object),
    /// A flowtable, as `nft list flowtable` prints it.
    Flowtable(&'a Flowtable),
}

impl Text<'_> {
    /// With handles: `nft -a`.
    pub fn handles(mut self) -> Self {
        self.options.handles = true;
        self
    }

    /// Without what runs (counters, used quotas, what is left of lifetimes): `nft -s`.
    pub fn stateless(mut self) -> Self {
        self.options.stateless = true;
        self
    }

    /// Without elements of named sets: `nft -t`.
    pub fn terse(mut self) -> Self {
        self.options.terse = true;
        self
    }

    /// Numbers instead of words: `nft -n`.
    pub fn numeric(self) -> Self {
        self.words(Words::NUMERIC).numeric_priorities()
    }

    /// Priorities as numbers: `nft -y`.
    pub fn numeric_priorities(mut self) -> Self {
        self.options.numeric_priority = true;
        self
    }

    /// Transport protocols as numbers: `nft -p`.
    pub fn numeric_protocols(self) -> Self {
        self.words(Words::NUMERIC_PROTOCOL)
    }

    /// Times as numbers, where nft has numbers for them: `nft -T`.
    pub fn numeric_times(self) -> Self {
        self.words(Words::NUMERIC_TIME)
    }

    /// Ports by the name of their service on this machine: `nft -S`.
    pub fn services(self) -> Self {
        self.words(Words::SERVICE)
    }

    /// Users and groups by their name on this machine: `nft -u`.
    pub fn users(self) -> Self {
        self.words(Words::GUID)
    }

    fn words(mut self, words: Words) -> Self {
        self.options.words |= words;
        self
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = if let Part::Ruleset(all) = self.part { Some(all) } else { self.ruleset };
        let index = whole.map(Index::new).unwrap_or_default();
        let mut printer = Printer::new(&self.options, &index);
        match self.part {
            Part::Ruleset(ruleset) => printer.ruleset(ruleset),
            Part::Table(table) => printer.table(table),
            Part::Chain(chain) => printer.alone(chain.family, &chain.table, |printer| printer.chain(chain)),
            Part::Rule(rule) => printer.rule(rule),
            Part::Set(filled) => printer.alone(filled.set.family, &filled.set.table, |printer| printer.set(filled)),
            Part::Object(object) => printer.alone(object.family, &object.table, |printer| printer.object(object)),
            Part::Flowtable(flowtable) => {
                printer.alone(flowtable.family, &flowtable.table, |printer| printer.flowtable(flowtable));
            }
        }
        f.write_str(&printer.out)
    }
}

impl Ruleset {
    /// The ruleset as text, with options.
    ///
    /// ```no_run
    /// # fn main() -> oxitables::Result<()> {
    /// let ruleset = oxitables::Client::open()?.ruleset()?;
    /// print!("{}", ruleset.text().handles().stateless());
    /// # Ok(())
    /// # }
    /// ```
    pub fn text(&self) -> Text<'_> {
        self.text_of(self)
    }

    /// A part of the ruleset as text. Anonymous sets and chains that a rule uses are looked up in
    /// the ruleset.
    ///
    /// Each time that it is printed, the whole ruleset is gone through once: of many rules print
    /// the chain, or the table.
    pub fn text_of<'a>(&'a self, part: impl Into<Part<'a>>) -> Text<'a> {
        Text { ruleset: Some(self), part: part.into(), options: Options::default() }
    }

    /// The statements of a rule, each as text. As with [`Ruleset::text_of`], the whole ruleset is
    /// gone through once.
    ///
    /// ```
    /// use oxitables::{expr::*, data::*, model::*};
    /// let table = Table::new(Family::Ip, "t");
    /// let rule = Rule::new(&table.chain("c"), [Expr::from(Counter::new()), Notrack::new().into()]);
    /// let ruleset = Ruleset::new(1.into());
    /// assert_eq!(ruleset.statements(&rule), ["counter packets 0 bytes 0", "notrack"]);
    /// ```
    pub fn statements(&self, rule: &Rule) -> Vec<String> {
        let (options, index) = (Options::default(), Index::new(self));
        Printer::new(&options, &index).each_statement(rule)
    }

    /// The elements of a set or map, each as text: `192.0.2.1 timeout 1m`.
    pub fn elements(&self, set: &FilledSet) -> Vec<String> {
        let (options, index) = (Options::default(), Index::default());
        Printer::new(&options, &index).each_element(set)
    }
}

macro_rules! parts {
    ($($(#[$meta:meta])* $part:ident: $object:ident;)*) => { $(
        impl<'a> From<&'a $object> for Part<'a> {
            fn from(object: &'a $object) -> Self {
                Self::$part(object)
            }
        }

        $(#[$meta])*
        impl fmt::Display for $object {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Text { ruleset: None, part: self.into(), options: Options::default() }.fmt(f)
            }
        }
    )* };
}

parts! {
    /// As `nft list ruleset` prints it; [`Ruleset::text`] has options.
    Ruleset: Ruleset;
    /// The table alone, as if there were nothing in it; for the rest see [`Ruleset::text_of`].
    Table: Table;
    /// The chain alone, as if there were no rules in it; for the rest see [`Ruleset::text_of`].
    Chain: Chain;
    /// The rule's statements. Anonymous sets are not known to it: see [`Ruleset::text_of`].
    Rule: Rule;
    /// As `nft list set` prints it.
    Set: FilledSet;
    /// As `nft list counter` and its like print it.
    Object: Object;
    /// As `nft list flowtable` prints it.
    Flowtable: Flowtable;
}
