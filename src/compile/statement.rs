//! Statements, one by one.

use super::{
    Compiler,
    assign::as_wide,
    emit::{Machine, lookup},
    known::{How, Known, Slot, Want},
    relation::agrees,
    sets::{Values, stateful},
};
use crate::{
    data::{Data, Name, Register},
    expr::{Dynset, Expr, Exthdr, ExthdrOp, Immediate, Log, ObjectType, Objref, Queue, QueueFlags},
    lang::{
        field::{Field, Load},
        refused,
        tree::{Expression, Statement, Update},
    },
    wire::Malformed,
};

type Result<T> = std::result::Result<T, Malformed>;

impl Compiler<'_, '_> {
    /// One statement.
    pub(super) fn statement(&mut self, statement: &Statement) -> Result<()> {
        match statement {
            Statement::Match { op, left, right } => self.relation(*op, left, right),
            Statement::Verdict(verdict) => self.verdict(verdict),
            Statement::Assign { field, value } => self.assign(field, value),
            Statement::Plain(Expr::XtMatch(_) | Expr::XtTarget(_)) => {
                refused("an extension of iptables, which only iptables can write")
            }
            Statement::Plain(Expr::Queue(queue)) if queue.sreg.is_none() => {
                // nft says both numbers, the second of one queue, too.
                let total = Some(queue.total.unwrap_or(1));
                let flags = queue.flags.filter(|flags| !flags.is_empty());
                self.cx.push_act([Queue { total, flags, ..queue.clone() }.into()]);
                Ok(())
            }
            Statement::Plain(expr) => {
                if let Expr::Log(log) = expr {
                    check_log(log)?;
                }
                self.cx.push_act([expr.clone()]);
                Ok(())
            }
            Statement::Reject { family, with } => self.reject(*family, with),
            Statement::Objref { kind, object } => self.objref(*kind, object),
            Statement::Nat(nat) => self.nat(nat),
            Statement::Tproxy { family, addr, port } => self.tproxy(*family, addr.as_ref(), port.as_ref()),
            Statement::Dup { addr, dev } => self.dup(addr.as_ref(), dev.as_ref()),
            Statement::Fwd { family, addr, dev } => self.fwd(*family, addr.as_ref(), dev),
            Statement::Queue { number, flags } => self.queue(number, *flags),
            Statement::Update(update) => self.update(update),
            Statement::Reset(field) => self.reset(field),
            Statement::Registers(exprs) => {
                self.cx.push_act(exprs.clone());
                Ok(())
            }
        }
    }

    fn verdict(&mut self, verdict: &Expression) -> Result<()> {
        let mut machine = Machine::default();
        match verdict {
            Expression::Verdict(verdict) => {
                let immediate = Immediate::new(Register::VERDICT, Data::Verdict(verdict.clone()));
                self.cx.push_act([immediate.into()]);
                return Ok(());
            }
            Expression::Map { key, of } => {
                let (key, name, id, values) = self.map_lookup(key, of, Some(Values::Verdict))?;
                if !matches!(values, Some(Values::Verdict)) {
                    return refused(format!("{name} is no map of verdicts"));
                }
                let register = machine.load_only(&key)?;
                machine.push(lookup(&name, id, register, Some(Register::VERDICT)));
            }
            _ => return refused("this is no verdict"),
        }
        self.cx.push_act(machine.exprs);
        Ok(())
    }

    fn objref(&mut self, kind: ObjectType, object: &Expression) -> Result<()> {
        let mut machine = Machine::default();
        match object {
            Expression::Object(name) => machine.push(Objref::new(kind, name.clone())),
            Expression::Word(name) => machine.push(Objref::new(kind, Name::from(&name[..]))),
            Expression::Map { key, of } => {
                let (key, name, set_id, values) = self.map_lookup(key, of, Some(Values::Object(kind)))?;
                if !matches!(values, Some(Values::Object(_))) {
                    return refused(format!("{name} is no map of objects"));
                }
                let register = machine.load_only(&key)?;
                machine.push(Objref { set_id, ..Objref::from_map(name, register) });
            }
            _ => return refused("an object is a name, or a map of names"),
        }
        self.cx.push_act(machine.exprs);
        Ok(())
    }

    /// The value that a map has for a key.
    pub(super) fn map(&mut self, key: &Expression, of: &Expression, want: &mut Want) -> Result<Known> {
        use super::known::{MapUse, Slots};
        let values = match &want.slots {
            Slots::Unknown => None,
            Slots::Verdict => Some(Values::Verdict),
            Slots::One(_) | Slots::Many(_) => {
                let turned = |slot: &Slot| Slot { order: super::sets::data_order(slot), ..*slot };
                Some(Values::Slots(want.as_slice().iter().map(turned).collect(), false))
            }
        };
        let (key, name, id, values) = self.map_lookup(key, of, values)?;
        let Some(Values::Slots(slots, ranges)) = values else {
            return refused(format!("{name} is no map of values"));
        };
        let Some(first) = slots.first().copied() else { return refused(format!("{name} maps to nothing")) };
        *want = Want::of(&slots);
        let map = MapUse { name, id, fields: slots.len(), ranges };
        Ok(Known { slot: first, how: How::Map(key.into(), map) })
    }

    fn queue(&mut self, number: &Expression, flags: u16) -> Result<()> {
        let mut machine = Machine::default();
        let known = self.evaluate(number, &mut Want::one(Slot::number(16)))?;
        let fixed = match known.how {
            How::Number(n) => Some((n, n)),
            How::Range(lo, hi) => Some((lo, hi)),
            _ => None,
        };
        let flags = (flags > 0).then(|| QueueFlags::from_bits_retain(flags));
        let queue = match fixed {
            Some((lo, hi)) => {
                let Ok(total) = u16::try_from(hi - lo + 1) else {
                    return refused("queue to all the numbers there are");
                };
                Queue { flags, ..Queue::new(u16::try_from(lo).unwrap_or_default()).with_total(total) }
            }
            None => {
                let register = machine.load_only(&known)?;
                Queue { flags, ..Queue::from_register(register) }
            }
        };
        machine.push(queue);
        self.cx.push_act(machine.exprs);
        Ok(())
    }

    fn update(&mut self, update: &Update) -> Result<()> {
        let set = self.sets.named(&update.set)?;
        let mut want = Want { keyed: true, ..Want::of(&set.key) };
        let key = self.evaluate(&update.key, &mut want)?;
        let slots = &set.key;
        agrees(&update.set, &key, slots, true)?;
        key.parts().iter().zip(slots).try_for_each(|(part, slot)| as_wide(part, slot))?;
        let key = ordered(key, slots);
        let mut machine = Machine::default();
        let mut dynset = Dynset::new(update.set.clone(), update.op, machine.load(&key)?.register());
        match (&update.data, &set.values) {
            (None, None) => {}
            (Some(data), Some(Values::Slots(slots, _))) => {
                let data = self.evaluate(data, &mut Want::of(slots))?;
                agrees(&update.set, &data, slots, true)?;
                data.parts().iter().zip(slots).try_for_each(|(part, slot)| as_wide(part, slot))?;
                let data = ordered(data, slots);
                dynset.data = Some(machine.load(&data)?.register());
            }
            (None, Some(_)) if update.op == crate::expr::DynsetOp::Delete => {}
            (None, Some(_)) => return refused(format!("{} is a map: what shall the value be?", update.set)),
            (Some(_), _) => return refused(format!("{} takes no values out of packets", update.set)),
        }
        dynset.timeout = update.timeout.filter(|timeout| !timeout.is_zero());
        for expr in stateful(&update.statements)? {
            dynset = dynset.with_expr(expr);
        }
        machine.push(dynset);
        self.cx.push_act(machine.exprs);
        Ok(())
    }

    fn reset(&mut self, field: &Field) -> Result<()> {
        match field.load() {
            Load::Exists(ExthdrOp::TcpOption, kind) | Load::Option(ExthdrOp::TcpOption, kind, _) => {
                self.cx.push_act([Exthdr::reset(kind).into()]);
                Ok(())
            }
            _ => refused(format!("{} is no TCP option, which alone can be made nothing", field.words())),
        }
    }
}

/// A key in the order in which a set has it.
fn ordered(key: Known, slots: &[Slot]) -> Known {
    match key.how {
        How::Concat(parts) => {
            let parts = parts.into_iter().zip(slots).map(|(part, slot)| part.turn(slot.order)).collect();
            Known { slot: key.slot, how: How::Concat(parts) }
        }
        how => {
            let key = Known { slot: key.slot, how };
            match slots.first() {
                Some(slot) => key.turn(slot.order),
                None => key,
            }
        }
    }
}

/// Refuses what a log line, or a log group, does not have.
fn check_log(log: &Log) -> Result<()> {
    if log.group.is_some() && (log.level.is_some() || log.flags.is_some()) {
        return refused("a log line has a level and flags, a log group has none");
    }
    if log.group.is_none() && (log.snaplen.is_some() || log.queue_threshold.is_some()) {
        return refused("only a log group has a snaplen and a queue threshold");
    }
    Ok(())
}
