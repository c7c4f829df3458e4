//! From the tree to registers: what people wrote, given types, implied matches, byte order and
//! registers as nft would.
#![cfg_attr(not(feature = "json"), allow(dead_code, reason = "documents use more of it than typed rules"))]

mod assign;
mod declare;
mod dependencies;
mod emit;
mod eval;
mod known;
mod load;
pub(crate) mod lower;
mod merge;
mod nat;
mod notes;
mod put;
mod reject;
mod relation;
mod sets;
mod statement;

use self::lower::{Lowered, Lowering, UsedSet};
use crate::{
    data::{Family, Name},
    expr::ObjectType,
    lang::{
        field::Field,
        refused,
        tree::{Expression, Item, Statement},
    },
    model,
    wire::Malformed,
};
pub(crate) use declare::NamedSet;
use known::Want;
pub(crate) use known::{Slot, stretched};
pub(crate) use sets::Fate;
pub(crate) use sets::{Values as MapValues, blank_set, interval_end, mark_open};
use std::{borrow::Cow, fmt, time::Duration};

/// What rules and elements refer to.
pub(crate) trait Context {
    /// The set or map of a table: its flags, types, key length, and nft's notes.
    fn set(&self, family: Family, table: &Name, name: &Name) -> Option<Cow<'_, model::Set>>;
}

/// Why a tree cannot become registers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Fault {
    /// Which statement of the rule, or which element, counted from 0.
    pub index: Option<usize>,
    /// In plain words.
    pub why: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "[{index}]: {}", self.why),
            None => f.write_str(&self.why),
        }
    }
}

/// Types of keys or values as a declaration says them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Typing {
    /// nft's names: `ipv4_addr`, `inet_service`, one for each field.
    Names(Vec<String>),
    /// The type of an expression.
    Of(Expression),
}

/// What a map maps to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Values {
    Typed {
        ty: Typing,
        /// Ranges of values, for address translation: `interval ipv4_addr`.
        interval: bool,
    },
    Verdict,
    Object(ObjectType),
}

/// A set or map as it is declared.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Declaration {
    pub family: Family,
    pub table: Name,
    pub name: Name,
    pub key: Typing,
    /// Maps only.
    pub values: Option<Values>,
    /// Those that were written; what follows from the rest is added.
    pub flags: model::SetFlags,
    pub timeout: Option<Duration>,
    pub gc_interval: Option<Duration>,
    pub size: Option<u32>,
    pub policy: Option<model::SetPolicy>,
    pub auto_merge: bool,
    /// What each element gets.
    pub statements: Vec<Statement>,
    pub comment: Option<String>,
}

/// What is known of the sets that a rule names.
pub(super) trait Sets {
    /// What the rule takes them for, where that was not read from the kernel.
    fn uses(&self) -> Vec<UsedSet> {
        Vec::new()
    }

    fn named(&self, name: &Name) -> Result<NamedSet, Malformed>;
}

/// The sets of a table.
struct InTable<'c> {
    family: Family,
    table: &'c Name,
    context: &'c dyn Context,
}

impl Sets for InTable<'_> {
    fn named(&self, name: &Name) -> Result<NamedSet, Malformed> {
        match self.context.set(self.family, self.table, name) {
            Some(set) => declare::named_set(&set),
            None => refused(format!("there is no set or map {name} in this table")),
        }
    }
}

/// A statement on its way into registers.
pub(super) struct Compiler<'a, 'c> {
    /// What the rule is so far, and knows of the packet.
    cx: &'a mut Lowering,
    sets: &'c dyn Sets,
    /// Bits of the meta or ct field that is set: what is set to it is as wide.
    target: u32,
    /// The packet field that is set.
    written: Option<Field>,
    depth: u32,
}

impl<'a, 'c> Compiler<'a, 'c> {
    pub fn new(cx: &'a mut Lowering, sets: &'c dyn Sets) -> Self {
        Self { cx, sets, target: 0, written: None, depth: 0 }
    }
}

/// For statements that name none.
pub(super) struct NoSets;

impl Sets for NoSets {
    fn named(&self, name: &Name) -> Result<NamedSet, Malformed> {
        refused(format!("nothing is known of {name}"))
    }
}

/// Appends any statement to a rule.
pub(super) fn statement(cx: &mut Lowering, sets: &dyn Sets, statement: &Statement) -> Result<(), Malformed> {
    cx.uses.extend(sets.uses());
    Compiler::new(cx, sets).statement(statement)
}

fn fault(index: Option<usize>) -> impl Fn(Malformed) -> Fault {
    move |why| Fault { index, why: why.to_string() }
}

/// The registers of a rule, and the anonymous sets it brings.
pub(crate) fn rule(
    family: Family,
    table: &Name,
    statements: &[Statement],
    context: &dyn Context,
) -> Result<Lowered, Fault> {
    let mut cx = Lowering::new(family);
    let sets = InTable { family, table, context };
    for (index, statement) in statements.iter().enumerate() {
        if index.checked_sub(1).and_then(|before| statements.get(before)).is_some_and(Statement::ends) {
            let why = "no packet gets here: the statement before this one ends the rule".into();
            return Err(Fault { index: Some(index), why });
        }
        Compiler::new(&mut cx, &sets).statement(statement).map_err(fault(Some(index)))?;
    }
    Ok(cx.finish(None))
}

/// The elements of a named set or map as the kernel takes them. With the first of a set of
/// intervals nft says that the lowest values are in none, if they are.
pub(crate) fn elements(
    set: &model::Set,
    items: &[Item],
    fate: Fate,
    context: &dyn Context,
) -> Result<Vec<model::Element>, Fault> {
    let shape = sets::Shape { fate, ..declare::shape(set).map_err(fault(None))? };
    let mut cx = Lowering::new(set.family);
    let sets = InTable { family: set.family, table: &set.table, context };
    let mut compiler = Compiler::new(&mut cx, &sets);
    let slots: Vec<_> = shape.key.iter().map(|(slot, _)| *slot).collect();
    let want = Want::of(&slots);
    let mut entries = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let one = compiler.entries(std::slice::from_ref(item), &want, shape.values.as_ref());
        let mut one = one.map_err(fault(Some(index)))?;
        for entry in &mut one {
            // nft's JSON tells the first of several only; the kernel makes those that the set says.
            if entry.dress.exprs.len() < set.element_exprs().len() {
                entry.dress.exprs.clear();
            }
        }
        entries.append(&mut one);
    }
    shape.elements(&entries).map_err(fault(None))
}

/// A set or map as the kernel takes it, with nft's notes.
pub(crate) fn declare(declaration: &Declaration) -> Result<model::Set, Fault> {
    declare::declare(declaration).map_err(fault(None))
}
