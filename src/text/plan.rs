//! Plans, a line for each thing that they do.

use crate::{
    model::FilledSet,
    print::{Index, Options, Printer},
    reconcile::{Detail, Elements, Plan},
};
use std::fmt;

/// A line for each thing that goes (`-`), comes (`+`), or stays and changes (`~`), in nft's syntax
/// and in the order in which it happens. A new rule says before which one it comes (`position`),
/// unless that is the end; of elements the first eight are shown.
///
/// It is read from the batch when it is printed: a plan that nobody looks at does not pay for it.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (lines, after) = self.lines();
        let options = Options { stateless: true, terse: true, ..Options::default() };
        let (old, new, alone) = (Index::new(&self.before), Index::new(&after), Index::default());
        for line in &lines {
            let index = if line.sign == '-' { &old } else { &new };
            // What is in a table has lines of its own.
            let index = if matches!(line.detail, Detail::Table(_)) { &alone } else { index };
            let mut printer = Printer::new(&options, index);
            match &line.detail {
                Detail::Nothing => {}
                Detail::Table(table) => printer.table(table),
                Detail::Chain(chain) => printer.chain(chain),
                Detail::Set(set) => printer.set(set),
                Detail::Object(object) => printer.object(object),
                Detail::Flowtable(flowtable) => printer.flowtable(flowtable),
                Detail::Rule(rule) => printer.rule(rule),
                Detail::Elements(Elements { set: (family, table, name), first, more }) => {
                    let set = index.sets.find(*family, table, name);
                    let first = set.map(|(set, _)| FilledSet::new(set.clone(), first.clone()));
                    let mut items =
                        first.map_or_else(Vec::new, |set| Printer::new(&options, &alone).each_element(&set));
                    items.extend((*more > 0).then(|| format!("… {more} more")));
                    printer.print(format_args!("{{ {} }}", items.join(", ")));
                }
            }
            let text = match line.detail {
                Detail::Rule(_) | Detail::Elements(_) => flat(printer.out.lines()),
                _ => body(&printer.out),
            };
            writeln!(f, "{} {}{}{text}", line.sign, line.name, if text.is_empty() { "" } else { " " })?;
        }
        Ok(())
    }
}

/// What stands between the braces of a listing, in one line; nothing if nothing does.
fn body(listing: &str) -> String {
    let inner = listing.trim_end().strip_suffix('}').unwrap_or_default();
    let inner = flat(inner.split_once('\n').map_or("", |(_, inner)| inner).lines());
    match inner.strip_suffix(';').unwrap_or(&inner) {
        "" => String::new(),
        inner => format!("{{ {inner}; }}"),
    }
}

/// Lines as one.
fn flat<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for line in lines.map(str::trim).filter(|line| !line.is_empty()) {
        text.push_str(match text.chars().last() {
            None => "",
            Some('{' | ';' | ',') => " ",
            Some(_) => "; ",
        });
        text.push_str(line);
    }
    text
}
