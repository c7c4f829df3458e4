//! What a rule means, whichever registers it is written with.
//!
//! Programs and versions of nft write one rule in several ways: a range as one comparison or as
//! two, next to each other's fields in one load or in two, tests in another order, a header tested
//! before it is read or not again. Two rules that have the same meaning here do the same with every
//! packet; a rule that is not understood as a whole has no meaning here, and is compared register
//! by register.
//!
//! A rule is run with [bytes](bytes::Byte) that say where they come from. What only tests is
//! collected until something acts: the order of tests does not matter, since each of them only ends
//! the rule. What acts is kept in its order, with what it reads in the place of the registers.
//! [What nft leaves out](facts) when it lists a rule is left out at last.

mod bytes;
mod facts;
mod parts;

use super::{
    elements::{Entry, entries},
    expr::{normal, rename_chain, rename_set},
    rules::own_set,
    view::{View, is_anonymous},
};
use crate::{
    data::{Data, Name, Register, Value},
    expr::{
        Bitwise, BitwiseOp, Byteorder, Cmp, CmpOp, Expr, ExprNest, Inner, Lookup, LookupFlags, Payload, Range, RangeOp,
    },
    model::{Element, FilledSet, Rule, SetFlags},
    wire::{Codec, Form, Writer},
};
use bytes::{Byte, Packet, Registers, Source, Term, constants};
use facts::Known;
use parts::{Effect, Parts};
use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

/// What a rule means: equal for two that do the same.
#[derive(Debug, Eq, Hash, PartialEq)]
pub(super) struct Meaning {
    steps: Vec<Step>,
    /// Its comment.
    notes: Vec<u8>,
}

#[derive(Debug, Eq, Hash, PartialEq)]
enum Step {
    /// What has to hold for what follows.
    Tests(Tests),
    /// An expression that acts, without its registers; what it reads from them; and the set that it
    /// uses, if it has an own one.
    Acts(Vec<u8>, Vec<Vec<Byte>>, Option<Vec<u8>>),
    /// The chain of its own that the rule goes to.
    Chain(Vec<Meaning>),
}

/// Tests that may be made in any order.
#[derive(Debug, Default, Eq, Hash, PartialEq)]
struct Tests {
    /// Bits that have values: by the byte they are in, which bits and which values.
    bits: BTreeMap<Source, (u8, u8)>,
    /// How many bytes of headers are there.
    there: BTreeMap<Packet, u32>,
    others: BTreeSet<Test>,
}

#[derive(Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Test {
    /// Does not hold for any packet.
    Never,
    /// There is such a value.
    Has(Source),
    /// Not all of these bits have these values.
    Differs(Vec<(Source, u8, u8)>),
    AtLeast(Vec<Byte>, Vec<u8>),
    AtMost(Vec<Byte>, Vec<u8>),
    Outside(Vec<Byte>, Vec<u8>, Vec<u8>),
    /// Whether a set has it, or has it not.
    Among(Vec<Byte>, Vec<u8>, bool),
}

/// The meaning of a rule; `None` if that is not known. What sets of a name count is asked of both
/// versions of the table, `views`; it is a rule of the first.
pub(super) fn of(rule: &Rule, views: [&View<'_>; 2]) -> Option<Meaning> {
    let [view, _] = views;
    let mut run = Run {
        view,
        views,
        known: Known::new(rule, view),
        registers: Registers::default(),
        steps: Vec::new(),
        tests: Tests::default(),
        changes: 0,
        writes: 0,
    };
    for expr in rule.exprs() {
        if expr.has_unknown() {
            return None;
        }
        run.expr(rule, expr)?;
    }
    run.close();
    let notes = rule.userdata.as_ref().map_or_else(Vec::new, |notes| notes.as_bytes().to_vec());
    Some(Meaning { steps: run.steps, notes })
}

/// A rule while it is run.
struct Run<'v, 'r> {
    view: &'v View<'r>,
    /// This version of the table and the one that it is compared with.
    views: [&'v View<'r>; 2],
    known: Known,
    registers: Registers,
    steps: Vec<Step>,
    tests: Tests,
    /// How often something acted that may change what is read.
    changes: u32,
    /// And how often that may have been bytes of the packet.
    writes: u32,
}

/// An expression as bytes.
fn encoded(expr: &Expr) -> Vec<u8> {
    let mut out = Writer::new(Form::Request);
    <ExprNest as Codec<Expr>>::put(expr, &mut out);
    out.into_parts().0
}

impl<'r> Run<'_, 'r> {
    fn expr(&mut self, rule: &Rule, expr: &Expr) -> Option<()> {
        match expr {
            Expr::Payload(e) if e.sreg.is_none() => self.packet(e.dreg?, e, Rc::default()),
            Expr::Inner(e) => self.inner(e),
            Expr::Immediate(e) => match &e.data {
                Data::Value(value) if e.dreg != Register::VERDICT => self.registers.write(e.dreg, constants(value)),
                _ => self.go(rule, expr),
            },
            Expr::Bitwise(e) => self.bitwise(e),
            Expr::Byteorder(e) => self.byteorder(e),
            Expr::Cmp(e) => self.cmp(e),
            Expr::Range(e) => self.range(e),
            Expr::Lookup(e) => self.lookup(e),
            _ => self.other(expr),
        }
    }

    /// Ends the tests so far: something acts.
    fn close(&mut self) {
        let mut tests = std::mem::take(&mut self.tests);
        self.known.settle(&mut tests);
        if tests != Tests::default() {
            self.steps.push(Step::Tests(tests));
        }
    }

    fn act(&mut self, expr: &Expr, reads: Vec<Vec<Byte>>, set: Option<Vec<u8>>) {
        self.close();
        self.steps.push(Step::Acts(encoded(expr), reads, set));
    }

    /// The set that an expression uses, with the lengths of its keys and values.
    fn set(&self, name: &Name) -> Option<&'r FilledSet> {
        self.view.any_set(name)
    }

    /// What tells a set from others: its name, or what is in it if it belongs to the rule.
    fn identity(&self, set: &FilledSet) -> Vec<u8> {
        let mut out = Writer::new(Form::Request);
        if is_anonymous(&set.set) {
            own_set(set, &mut out);
        } else {
            out.attr(0, "", |out| out.bytes(set.set.name.as_bytes()));
        }
        out.into_parts().0
    }

    /// Whether a lookup may change something: what elements count.
    fn counts(&self, set: &FilledSet) -> bool {
        let of = |element: &Element| element.expr.is_some() || element.exprs.is_some();
        let counts = |set: &FilledSet| {
            let declared = set.set.flags().contains(SetFlags::EVAL) || !set.set.element_exprs().is_empty();
            declared || set.elements.iter().any(of)
        };
        match is_anonymous(&set.set) {
            true => counts(set),
            false => self.views.iter().filter_map(|view| view.any_set(&set.set.name)).any(counts),
        }
    }

    fn packet(&mut self, dreg: Register, e: &Payload, tunnel: Rc<[u8]>) -> Option<()> {
        let (base, end) = (u32::from(e.base), e.offset.checked_add(e.len)?);
        let of = Packet { base, tunnel, writes: self.writes };
        let there = self.tests.there.entry(of.clone()).or_default();
        *there = end.max(*there);
        self.known.reads(&of, e.offset, e.len);
        let bytes = (e.offset..end).take(Value::MAX).map(|at| Byte::of(Source::Packet(of.clone(), at)));
        self.registers.write(dreg, bytes.collect())
    }

    /// A field of the packet in a tunnel, or what is known of that.
    fn inner(&mut self, e: &Inner) -> Option<()> {
        match &*e.expr {
            Expr::Payload(payload) if payload.sreg.is_none() => {
                let place = Payload { dreg: None, ..Payload::required(payload.base, 0, 0) };
                let tunnel = encoded(&Inner { expr: Box::new(place.into()), ..e.clone() }.into());
                self.packet(payload.dreg?, payload, tunnel.into())
            }
            Expr::Meta(meta) => {
                let len = parts::meta_len(meta.key)?;
                let bare = crate::expr::Meta { dreg: Some(Register::R1), ..meta.clone() };
                let bare = Inner { expr: Box::new(bare.into()), ..e.clone() }.into();
                self.load(&bare, Vec::new(), (meta.dreg?, len))
            }
            _ => None,
        }
    }

    /// Puts a value into a register that is told by an expression and what it reads.
    fn load(&mut self, bare: &Expr, reads: Vec<Vec<Byte>>, (dreg, len): (Register, u32)) -> Option<()> {
        if len as usize > Value::MAX {
            return None;
        }
        let source = match bare {
            Expr::Meta(e) => Known::meta(e.key),
            _ => None,
        };
        let term = || Rc::new(Term { expr: encoded(bare), reads, changes: self.changes });
        let source = source.unwrap_or_else(|| Source::Term(term(), 0));
        let bytes = (0..len).map(|at| Byte::of(source.at(at))).collect();
        if !source.is_always() {
            self.tests.others.insert(Test::Has(source));
        }
        self.registers.write(dreg, bytes)
    }

    fn other(&mut self, expr: &Expr) -> Option<()> {
        let Parts { bare, reads, writes, effect } = parts::of(&normal(expr, self.view), &|name| self.set(name))?;
        let reads: Vec<_> =
            reads.into_iter().map(|(register, len)| self.registers.read(register, len)).collect::<Option<_>>()?;
        match effect {
            Effect::None => return self.load(&bare, reads, writes?),
            Effect::Counts | Effect::Changes => {}
        }
        let mut bare = bare;
        let own = bare.set().and_then(|(name, _)| self.set(name)).filter(|set| is_anonymous(&set.set));
        if own.is_some() {
            rename_set(&mut bare, Name::from(""), None);
        }
        let identity = own.map(|set| self.identity(set));
        self.act(&bare, reads, identity);
        self.changes += u32::from(effect == Effect::Changes);
        let spares = matches!(bare, Expr::Meta(_) | Expr::Ct(_) | Expr::Dynset(_) | Expr::Objref(_) | Expr::Notrack(_));
        self.writes += u32::from(effect == Effect::Changes && !spares);
        match writes {
            Some((register, len)) => {
                // Another value each time it is asked for.
                let term = Rc::new(Term { expr: encoded(&bare), reads: Vec::new(), changes: self.steps.len() as u32 });
                let bytes = (0..len).map(|at| Byte::of(Source::Term(term.clone(), at))).collect();
                self.registers.write(register, bytes)
            }
            None => Some(()),
        }
    }

    /// A verdict.
    fn go(&mut self, rule: &Rule, expr: &Expr) -> Option<()> {
        let mut form = normal(expr, self.view).into_owned();
        let own = self.view.own_chain(expr).filter(|own| own.name != rule.chain);
        if own.is_some() {
            rename_chain(&mut form, None, None);
        }
        self.act(&form, Vec::new(), None);
        if let Some(own) = own {
            let inner: Option<Vec<_>> = self.view.rules(&own.name).iter().map(|inner| of(inner, self.views)).collect();
            self.steps.push(Step::Chain(inner?));
        }
        (self.changes, self.writes) = (self.changes + 1, self.writes + 1);
        Some(())
    }

    fn bitwise(&mut self, e: &Bitwise) -> Option<()> {
        let read = self.registers.read(e.sreg, e.len)?;
        let op = e.op.unwrap_or(BitwiseOp::MaskXor);
        let bytes = match op {
            BitwiseOp::MaskXor => {
                let (mask, xor) = (e.mask?, e.xor?);
                let at = |value: &Value, at: usize| value.get(at).copied().unwrap_or(0);
                let masked = |(i, byte): (usize, Byte)| byte.masked(at(&mask, i), at(&xor, i));
                read.into_iter().enumerate().map(masked).collect()
            }
            BitwiseOp::And | BitwiseOp::Or | BitwiseOp::Xor => {
                // Whole registers are combined.
                let len = e.len.next_multiple_of(4);
                let read = self.registers.read(e.sreg, len)?;
                let right = match (&e.data, e.sreg2) {
                    (Some(Data::Value(value)), None) if value.len() == len as usize => constants(value),
                    (None, Some(register)) => self.registers.read(register, len)?,
                    _ => return None,
                };
                let fixed: Option<Vec<u8>> = right.iter().map(Byte::constant).collect();
                match fixed {
                    Some(fixed) => read
                        .into_iter()
                        .zip(fixed)
                        .map(|(byte, n)| match op {
                            BitwiseOp::And => byte.masked(n, 0),
                            BitwiseOp::Or => byte.masked(!n, n),
                            _ => byte.masked(0xff, n),
                        })
                        .collect(),
                    None => return self.computed(&op, None, vec![read, right], (e.dreg, len)),
                }
            }
            BitwiseOp::Lshift | BitwiseOp::Rshift => {
                let Some(Data::Value(by)) = e.data else { return None };
                // Whole registers are moved.
                let read = self.registers.read(e.sreg, e.len.next_multiple_of(4))?;
                return self.computed(&op, Some(by), vec![read], (e.dreg, e.len.next_multiple_of(4)));
            }
            BitwiseOp::Unknown(_) => return None,
        };
        self.registers.write(e.dreg, bytes)
    }

    /// A value that is computed of others, whatever is in them.
    fn computed(
        &mut self,
        op: &BitwiseOp,
        by: Option<Value>,
        reads: Vec<Vec<Byte>>,
        (dreg, len): (Register, u32),
    ) -> Option<()> {
        let bare =
            Bitwise { op: Some(*op), data: by.map(Data::Value), ..Bitwise::required(Register::R1, Register::R1, len) };
        let term = Rc::new(Term { expr: encoded(&bare.into()), reads, changes: 0 });
        self.registers.write(dreg, (0..len).map(|at| Byte::of(Source::Term(term.clone(), at))).collect())
    }

    fn byteorder(&mut self, e: &Byteorder) -> Option<()> {
        let mut read = self.registers.read(e.sreg, e.len)?;
        let whole = matches!(e.size, 2 | 4 | 8) && e.len.is_multiple_of(e.size);
        // Of what fills no word the rest stays as it was.
        if !whole || !e.len.is_multiple_of(4) && e.sreg != e.dreg {
            return None;
        }
        if cfg!(target_endian = "little") {
            read.chunks_mut(e.size as usize).for_each(<[_]>::reverse);
        }
        self.registers.write(e.dreg, read)
    }

    fn cmp(&mut self, e: &Cmp) -> Option<()> {
        let read = self.registers.read(e.sreg, e.data.len() as u32)?;
        match e.op {
            CmpOp::Eq => self.tests.equal(&read, &e.data),
            CmpOp::Neq => self.tests.differ(&read, &e.data),
            CmpOp::Gte => self.tests.at_least(read, Some(e.data)),
            CmpOp::Gt => self.tests.at_least(read, e.data.after()),
            CmpOp::Lte => self.tests.at_most(read, Some(e.data)),
            CmpOp::Lt => self.tests.at_most(read, e.data.before()),
            CmpOp::Unknown(_) => return None,
        }
        Some(())
    }

    fn range(&mut self, e: &Range) -> Option<()> {
        if e.from.len() != e.to.len() {
            return None;
        }
        let read = self.registers.read(e.sreg, e.from.len() as u32)?;
        match e.op {
            RangeOp::Eq => self.tests.between(read, &e.from, &e.to),
            RangeOp::Neq => self.tests.outside(read, &e.from, &e.to),
            RangeOp::Unknown(_) => return None,
        }
        Some(())
    }

    fn lookup(&mut self, e: &Lookup) -> Option<()> {
        let set = self.set(&e.set)?;
        let read = self.registers.read(e.sreg, set.set.key_len?)?;
        let inverted = e.flags.unwrap_or_default().contains(LookupFlags::INV);
        let identity = self.identity(set);
        let bare = || Lookup {
            set_id: None,
            flags: None,
            dreg: e.dreg.map(|_| Register::R1),
            ..Lookup::new("", Register::R1)
        };
        match e.dreg {
            Some(Register::VERDICT) => {
                let bare = Lookup { dreg: Some(Register::VERDICT), ..bare() };
                self.act(&bare.into(), vec![read], Some(identity));
                (self.changes, self.writes) = (self.changes + 1, self.writes + 1);
            }
            None if self.counts(set) => {
                let own = is_anonymous(&set.set).then_some(identity);
                let bare = Lookup {
                    set: if own.is_some() { Name::from("") } else { e.set.clone() },
                    flags: e.flags,
                    ..bare()
                };
                self.act(&bare.into(), vec![read], own);
            }
            Some(_) if self.counts(set) => return None,
            Some(dreg) => {
                let len = set.set.data_len.filter(|len| *len as usize <= Value::MAX)?;
                let term = Term { expr: identity, reads: vec![read], changes: self.changes };
                let source = Source::Term(Rc::new(term), 0);
                let bytes = (0..len).map(|at| Byte::of(source.at(at))).collect();
                self.tests.others.insert(Test::Has(source));
                return self.registers.write(dreg, bytes);
            }
            None => match only(set) {
                // nft makes a plain comparison of a set of one value, some versions do.
                Some((from, to)) if from.len() == read.len() => match (from == to, inverted) {
                    (true, false) => self.tests.equal(&read, &from),
                    (true, true) => self.tests.differ(&read, &from),
                    (false, false) => self.tests.between(read, &from, &to),
                    (false, true) => self.tests.outside(read, &from, &to),
                },
                _ => drop(self.tests.others.insert(Test::Among(read, identity, inverted))),
            },
        }
        Some(())
    }
}

/// The only value or range in a set that belongs to the rule.
fn only(set: &FilledSet) -> Option<(Value, Value)> {
    match &entries(set)[..] {
        [one] if is_anonymous(&set.set) => Entry::bounds(one),
        _ => None,
    }
}

impl Tests {
    fn never(&mut self) {
        self.others.insert(Test::Never);
    }

    /// Some bits have values.
    fn equal(&mut self, read: &[Byte], data: &[u8]) {
        for (byte, n) in read.iter().zip(data) {
            match byte.compared(*n) {
                None => self.never(),
                Some((_, 0, _)) => {}
                Some((None, ..)) => {}
                Some((Some(source), bits, value)) => {
                    let held = self.bits.entry(source).or_default();
                    if (held.1 ^ value) & held.0 & bits != 0 {
                        self.never();
                    } else {
                        *held = (held.0 | bits, held.1 | value);
                    }
                }
            }
        }
    }

    fn differ(&mut self, read: &[Byte], data: &[u8]) {
        let mut all = Vec::new();
        for (byte, n) in read.iter().zip(data) {
            match byte.compared(*n) {
                // Differs for every packet.
                None => return,
                Some((Some(source), bits @ 1.., value)) => all.push((source, bits, value)),
                Some(_) => {}
            }
        }
        match &all[..] {
            [] => self.never(),
            // The only bit that counts has the other value.
            [(source, bits, value)] if bits.count_ones() == 1 => {
                let byte = Byte { source: Some(source.clone()), keep: *bits, flip: 0 };
                self.equal(&[byte], &[value ^ bits]);
            }
            _ => drop(self.others.insert(Test::Differs(all))),
        }
    }

    fn at_least(&mut self, read: Vec<Byte>, from: Option<Value>) {
        match from {
            None => self.never(),
            Some(from) if from.iter().all(|n| *n == 0) => {}
            Some(from) => drop(self.others.insert(Test::AtLeast(read, from.to_vec()))),
        }
    }

    fn at_most(&mut self, read: Vec<Byte>, to: Option<Value>) {
        match to {
            None => self.never(),
            Some(to) if to.iter().all(|n| *n == 0xff) => {}
            Some(to) => drop(self.others.insert(Test::AtMost(read, to.to_vec()))),
        }
    }

    fn between(&mut self, read: Vec<Byte>, from: &Value, to: &Value) {
        self.at_least(read.clone(), Some(*from));
        self.at_most(read, Some(*to));
    }

    fn outside(&mut self, read: Vec<Byte>, from: &Value, to: &Value) {
        self.others.insert(Test::Outside(read, from.to_vec(), to.to_vec()));
    }
}
