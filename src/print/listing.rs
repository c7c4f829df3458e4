//! The ruleset, its tables, chains and rules.

use super::{Printer, priority::priority, sorted_devices};
use crate::{
    data::{Family, Name},
    host::Holder,
    lang::words::{POLICIES, TABLE_FLAGS, names, word},
    lift,
    model::{Chain, ChainFlags, Rule, Ruleset, Table, TableFlags},
};
use std::collections::{HashMap, HashSet};

/// A chain, by family, table and name.
type Place<'a> = (Family, &'a Name, &'a Name);

/// Where things of a ruleset are found.
#[derive(Debug, Default)]
pub(crate) struct Index<'a> {
    pub ruleset: Option<&'a Ruleset>,
    pub sets: lift::Sets<'a>,
    rules: HashMap<Place<'a>, Vec<&'a Rule>>,
    chains: HashMap<(Family, &'a Name), Vec<&'a Chain>>,
    /// Chains that stand in the one rule that jumps to them.
    bound: HashSet<Place<'a>>,
}

impl<'a> Index<'a> {
    pub fn new(ruleset: &'a Ruleset) -> Self {
        let mut index = Self { ruleset: Some(ruleset), ..Self::default() };
        index.sets = ruleset.sets.iter().map(|filled| (&filled.set, &filled.elements[..])).collect();
        for rule in &ruleset.rules {
            index.rules.entry((rule.family, &rule.table, &rule.chain)).or_default().push(rule);
        }
        for chain in &ruleset.chains {
            if chain.flags.unwrap_or_default().contains(ChainFlags::BINDING) {
                index.bound.insert((chain.family, &chain.table, &chain.name));
            } else {
                index.chains.entry((chain.family, &chain.table)).or_default().push(chain);
            }
        }
        index
    }

    /// The rules of a chain, in order.
    pub fn rules<'i>(&'i self, family: Family, table: &'i Name, chain: &'i Name) -> &'i [&'a Rule] {
        self.rules.get(&(family, table, chain)).map_or(&[], Vec::as_slice)
    }

    fn chains<'i>(&'i self, table: &'i Table) -> &'i [&'a Chain] {
        self.chains.get(&(table.family, &table.name)).map_or(&[], Vec::as_slice)
    }
}

/// How deep chains may stand in the rules of chains; nft takes one level.
const DEPTH: u8 = 8;

impl<'a> Printer<'a> {
    pub fn ruleset(&mut self, ruleset: &'a Ruleset) {
        for table in &ruleset.tables {
            self.table(table);
        }
    }

    /// A table with all that is in it.
    pub fn table(&mut self, table: &'a Table) {
        let flags = table.flags.unwrap_or_default();
        self.head(table.family, &table.name);
        let owned = flags.contains(TableFlags::OWNER);
        if self.options.handles || owned {
            self.push(" #");
        }
        if self.options.handles {
            self.print(format_args!(" handle {}", table.handle.unwrap_or_default()));
        }
        if owned {
            self.push(" progname ");
            // nft's word where it is not found.
            let program = Holder::of(table.owner.unwrap_or_default()).map(|holder| holder.program);
            let program = program.as_ref().map_or("(null)".into(), Name::to_string_lossy);
            self.push(&super::harmless(&program, false));
        }
        self.push("\n");
        self.words("\tflags ", names(TABLE_FLAGS, |flag| flags.contains(flag)), "\n");
        if let Some(comment) = table.comment() {
            self.push("\tcomment ");
            self.quoted(&comment);
            self.push("\n");
        }
        let mut first = flags.is_empty();
        let Some(ruleset) = self.index.ruleset else { return self.push("}\n") };
        let inside = |family: Family, name: &Name| family == table.family && *name == table.name;
        for object in ruleset.objects.iter().filter(|o| inside(o.family, &o.table)) {
            self.apart(&mut first);
            self.object(object);
        }
        for filled in
            ruleset.sets.iter().filter(|s| inside(s.set.family, &s.set.table) && !super::set::is_hidden(&s.set))
        {
            self.apart(&mut first);
            self.set(filled);
        }
        for flowtable in ruleset.flowtables.iter().filter(|f| inside(f.family, &f.table)) {
            self.apart(&mut first);
            self.flowtable(flowtable);
        }
        for chain in self.index.chains(table) {
            self.apart(&mut first);
            self.chain(chain);
        }
        self.push("}\n");
    }

    /// A part of a table as it stands alone: with the table around it.
    pub fn alone(&mut self, family: Family, table: &'a Name, part: impl FnOnce(&mut Self)) {
        self.head(family, table);
        self.push("\n");
        part(self);
        self.push("}\n");
    }

    fn head(&mut self, family: Family, table: &'a Name) {
        self.print(format_args!("table {family} "));
        self.name(table);
        self.push(" {");
    }

    /// An empty line before everything but the first.
    fn apart(&mut self, first: &mut bool) {
        if !std::mem::replace(first, false) {
            self.push("\n");
        }
    }

    /// Words with commas between them, if there are any.
    pub fn words(&mut self, before: &str, words: impl IntoIterator<Item = &'static str>, after: &str) {
        let mut words = words.into_iter().peekable();
        if words.peek().is_some() {
            self.push(before);
            self.join(words, ",", Self::push);
            self.push(after);
        }
    }

    /// The name of something in a table, and the opening brace.
    pub fn open(&mut self, word: &str, name: &Name, handle: Option<u64>) {
        self.print(format_args!("\t{word} "));
        self.name(name);
        self.push(" {");
        self.handle(handle);
    }

    fn handle(&mut self, handle: Option<u64>) {
        if self.options.handles {
            self.print(format_args!(" # handle {}", handle.unwrap_or_default()));
        }
    }

    pub fn chain(&mut self, chain: &'a Chain) {
        self.open("chain", &chain.name, chain.handle);
        if let Some(comment) = chain.comment() {
            self.push("\n\t\tcomment ");
            self.quoted(&comment);
        }
        self.push("\n");
        if let Some(hook) = &chain.hook {
            let number = hook.number.flatten().unwrap_or_default();
            self.push("\t\t");
            if let Some(kind) = &chain.kind {
                self.push("type ");
                self.name(&kind.as_ref().into());
                self.print(format_args!(" hook {}", super::priority::hook(chain.family, number)));
            }
            match &sorted_devices(&chain.devices())[..] {
                [] => {}
                [device] => {
                    self.push(" device ");
                    self.quoted(device);
                }
                devices => {
                    self.push(" devices = { ");
                    self.join(devices, ", ", |this, device| this.quoted(device));
                    self.push(" }");
                }
            }
            if let Some(n) = hook.priority {
                let named = !self.options.numeric_priority;
                self.print(format_args!(" priority {};", priority(chain.family, number, n, named)));
            }
            if let Some(policy) = &chain.policy {
                self.print(format_args!(" policy {};", word(POLICIES, policy).unwrap_or("unknown")));
            }
            if chain.flags.unwrap_or_default().contains(ChainFlags::HW_OFFLOAD) {
                self.push(" flags offload;");
            }
            self.push("\n");
        }
        for rule in self.index.rules(chain.family, &chain.table, &chain.name) {
            self.push("\t\t");
            self.rule(rule);
            self.push("\n");
        }
        self.push("\t}\n");
    }

    pub fn rule(&mut self, rule: &'a Rule) {
        self.family = Some(rule.family);
        self.table = Some(&rule.table);
        self.statements(&lift::rule(rule, &self.index.sets));
        if let Some(comment) = rule.comment() {
            self.push(" comment ");
            self.quoted(&comment);
        }
        if self.depth == 0 {
            self.handle(rule.handle);
        }
    }

    pub fn each_statement(&mut self, rule: &'a Rule) -> Vec<String> {
        self.family = Some(rule.family);
        self.table = Some(&rule.table);
        let statements = lift::rule(rule, &self.index.sets);
        statements.iter().map(|statement| self.taken(|this| this.statement(statement))).collect()
    }

    /// What is printed, apart from the rest.
    pub fn taken(&mut self, print: impl FnOnce(&mut Self)) -> String {
        let rest = std::mem::take(&mut self.out);
        print(self);
        std::mem::replace(&mut self.out, rest)
    }

    /// The rules of a chain that only this rule jumps to, between braces; `false` if it is no such
    /// chain.
    pub fn inlined(&mut self, chain: &Name) -> bool {
        let (Some(family), Some(table)) = (self.family, self.table) else { return false };
        if self.depth >= DEPTH
            || !self.index.bound.contains(&(family, table, chain))
            || !self.inlined.insert((family, table, chain.clone()))
        {
            return false;
        }
        self.depth += 1;
        self.push(" {\n");
        for rule in self.index.rules(family, table, chain) {
            self.push("\t\t\t");
            self.rule(rule);
            self.push("\n");
        }
        self.push("\t\t}");
        self.depth -= 1;
        true
    }
}
