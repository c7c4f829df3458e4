//! nft's syntax, laid out as `nft list ruleset` lays it out.

mod acts;
mod expression;
mod listing;
mod object;
mod plain;
mod priority;
mod registers;
mod set;
mod statement;
#[cfg(test)]
mod tests;

pub(crate) use listing::Index;
#[cfg(feature = "json")]
pub(crate) use object::timeout_states;

use crate::{
    data::{Family, Name, Style, Words, show_duration},
    lang::{
        field::Field,
        tree::{Expression, Statement},
    },
    model::Device,
};
use std::{collections::HashSet, fmt::Write, time::Duration};

/// Text in the making.
pub(crate) struct Printer<'a> {
    pub out: String,
    options: &'a Options,
    index: &'a Index<'a>,
    /// Family of the table, where it is known.
    pub family: Option<Family>,
    table: Option<&'a Name>,
    /// Counters and other things that run are left out.
    stateless: bool,
    /// The kernel has not got it yet: what runs is told only if it was said.
    unsent: bool,
    style: Style,
    /// How many rules deep it is in the rules of chains.
    depth: u8,
    /// The chains that were printed in a rule: each stands in one only.
    inlined: HashSet<(Family, &'a Name, Name)>,
}

impl<'a> Printer<'a> {
    pub fn new(options: &'a Options, index: &'a Index<'a>) -> Self {
        let style = Style { words: Style::LISTED.words | options.words, ..Style::LISTED };
        let stateless = options.stateless;
        Self {
            out: String::new(),
            options,
            index,
            family: None,
            table: None,
            stateless,
            unsent: false,
            style,
            depth: 0,
            inlined: HashSet::new(),
        }
    }

    pub fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    pub fn print(&mut self, text: impl std::fmt::Display) {
        // Writing to a string does not fail.
        let _ = write!(self.out, "{text}");
    }

    /// Prints parts with something between them.
    pub fn join<T>(&mut self, parts: impl IntoIterator<Item = T>, between: &str, mut each: impl FnMut(&mut Self, T)) {
        for (index, part) in parts.into_iter().enumerate() {
            if index > 0 {
                self.push(between);
            }
            each(self, part);
        }
    }

    /// A duration between two words.
    pub fn lasting(&mut self, before: &str, duration: Duration, after: &str) {
        self.push(before);
        if self.style.words.contains(Words::NUMERIC_TIME) {
            self.print(format_args!("{}s", duration.as_secs()));
        } else {
            self.push(&show_duration(duration));
        }
        self.push(after);
    }

    /// A name as it stands in rules.
    pub fn name(&mut self, name: &Name) {
        self.print(name);
    }

    /// A field: in the words of the newest nft, or before it is sent in those that all of them
    /// read.
    pub fn field(&mut self, field: &Field) {
        self.push(&if self.unsent { field.words() } else { field.listed() });
    }

    /// Text between quotes.
    pub fn quoted(&mut self, text: &str) {
        self.print(format_args!("\"{}\"", harmless(text, true)));
    }
}

/// Text without what would end it: nft has no way to write a quote inside quotes, nor a line break
/// anywhere.
pub(crate) fn harmless(text: &str, quoted: bool) -> String {
    let one = |c: char| match c {
        '"' if quoted => '\'',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.chars().map(one).collect()
}

/// The words for devices in nft's order; `eth*` is the start of names.
pub(crate) fn sorted_devices(devices: &[Device]) -> Vec<String> {
    let mut words: Vec<_> = devices
        .iter()
        .map(|device| match device {
            Device::Name(name) => name.to_string_lossy().into_owned(),
            Device::Prefix(start) => format!("{}*", start.to_string_lossy()),
        })
        .collect();
    words.sort();
    words
}

/// What a listing shows, and how. The default is that of `nft list ruleset`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    pub handles: bool,
    pub stateless: bool,
    pub terse: bool,
    pub numeric_priority: bool,
    pub words: Words,
}

/// A statement as it stands alone, or in a table of a family; in words that depend on no machine.
pub(crate) fn statement(family: Option<Family>, statement: &Statement) -> String {
    alone(family, |printer| printer.statement(statement))
}

/// An expression as it stands alone.
pub(crate) fn expression(expression: &Expression) -> String {
    alone(None, |printer| printer.expression(expression))
}

/// The comment of a rule.
pub(crate) fn comment(text: &str) -> String {
    alone(None, |printer| {
        printer.push("comment ");
        printer.quoted(text);
    })
}

fn alone(family: Option<Family>, print: impl FnOnce(&mut Printer<'_>)) -> String {
    let (options, index) = (Options::default(), Index::default());
    let mut printer = Printer { family, style: Style::WORDS, unsent: true, ..Printer::new(&options, &index) };
    print(&mut printer);
    printer.out
}
