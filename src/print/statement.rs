//! Statements.

use super::Printer;
use crate::{
    data::{Family, Protocol, Typed},
    expr::ObjectType,
    lang::{
        tree::{Expression, IPV4, IPV6, Nat, Op, Statement, Update},
        words::{NAT, NAT_FLAGS, OBJECTS, OPS, UPDATES, names, word},
    },
};

/// `NFPROTO_IPV4` and `NFPROTO_IPV6` as nft writes them.
fn family_word(family: u32) -> &'static str {
    match family {
        IPV4 => "ip",
        IPV6 => "ip6",
        _ => "unknown",
    }
}

/// What objects of a type are called.
pub(super) fn object_word(kind: ObjectType) -> &'static str {
    match kind {
        // Of which nft knows nothing.
        ObjectType::Connlimit => "connlimit",
        kind => word(OBJECTS, &kind).unwrap_or("unknown"),
    }
}

impl Printer<'_> {
    /// Statements with blanks between them.
    pub fn statements(&mut self, statements: &[Statement]) {
        self.join(statements, " ", Self::statement);
    }

    pub fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Match { op, left, right } => {
                self.expression(left);
                self.push(" ");
                if let Some(sign) = word(OPS, op).filter(|_| *op != Op::Implicit) {
                    self.print(format_args!("{sign} "));
                }
                self.expression(right);
            }
            Statement::Verdict(Expression::Map { key, of }) => self.map(key, "vmap", of),
            Statement::Verdict(verdict) => self.expression(verdict),
            Statement::Assign { field, value } => {
                self.field(field);
                self.push(" set ");
                self.assigned(value);
            }
            Statement::Plain(expr) => self.plain(expr),
            Statement::Reject { with, family } => self.reject(with, *family),
            Statement::Objref { kind, object } => {
                match kind {
                    ObjectType::CtHelper | ObjectType::CtTimeout | ObjectType::CtExpect => {
                        self.print(format_args!("{} set ", object_word(*kind)));
                    }
                    ObjectType::Secmark => self.push("meta secmark set "),
                    kind => self.print(format_args!("{} name ", object_word(*kind))),
                }
                self.expression(object);
            }
            Statement::Nat(nat) => self.nat(nat),
            Statement::Tproxy { family, addr, port } => {
                self.push("tproxy");
                if let Some(family) = family.filter(|_| self.family.is_none_or(|table| table == Family::Inet)) {
                    self.print(format_args!(" {}", family_word(family)));
                }
                self.push(" to");
                self.endpoint(addr.as_ref(), port.as_ref(), true);
            }
            Statement::Dup { addr, dev } => {
                self.push("dup");
                // In netdev tables the device is all that there is.
                let (to, by) = if addr.is_some() { (addr, dev) } else { (dev, addr) };
                self.part(" to ", to.as_ref());
                self.part(" device ", by.as_ref());
            }
            Statement::Fwd { family, addr, dev } => {
                self.push("fwd");
                if let Some(addr) = addr {
                    self.print(format_args!(" {} to ", family_word(family.unwrap_or_default())));
                    self.expression(addr);
                    self.part(" device ", Some(dev));
                } else {
                    self.part(" to ", Some(dev));
                }
            }
            Statement::Queue { number, flags } => {
                self.queue_flags(*flags);
                self.part(" to ", Some(number));
            }
            Statement::Update(update) => self.update(update),
            Statement::Reset(field) => {
                self.push("reset ");
                self.field(field);
            }
            Statement::Registers(exprs) => self.join(exprs, " ", Self::plain),
        }
    }

    /// What a field is set to. nft lists protocols by name there, and takes the names for the start
    /// of something else.
    fn assigned(&mut self, value: &Expression) {
        let style = self.style;
        if self.unsent && matches!(value, Expression::Value(value) if value.ty.datatype == Protocol::FIELD.datatype) {
            self.style = style.bound();
        }
        self.expression(value);
        self.style = style;
    }

    fn part(&mut self, word: &str, part: Option<&Expression>) {
        if let Some(part) = part {
            self.push(word);
            self.expression(part);
        }
    }

    /// An address and a port behind a blank, with an IPv6 address in brackets beside a port.
    fn endpoint(&mut self, addr: Option<&Expression>, port: Option<&Expression>, always: bool) {
        if addr.is_some() || port.is_some() {
            self.push(" ");
        }
        let brackets = port.is_some() || always;
        match addr {
            Some(Expression::Range(bounds)) if brackets && is_ip6(&bounds.0) && !always => {
                self.address(&bounds.0, true);
                self.push("-");
                self.address(&bounds.1, true);
            }
            Some(addr) => self.address(addr, brackets && is_ip6(addr)),
            None => {}
        }
        self.part(":", port);
    }

    fn address(&mut self, addr: &Expression, brackets: bool) {
        if brackets {
            self.push("[");
        }
        self.expression(addr);
        if brackets {
            self.push("]");
        }
    }

    fn nat(&mut self, nat: &Nat) {
        self.push(word(NAT, &nat.kind).unwrap_or_default());
        if nat.addr.is_some() || nat.port.is_some() {
            if let Some(family @ (IPV4 | IPV6)) = nat.family {
                self.print(format_args!(" {}", family_word(family)));
            }
            if nat.shape.prefix {
                self.push(" prefix");
            }
            self.push(" to");
            self.endpoint(nat.addr.as_ref(), nat.port.as_ref(), false);
        }
        self.words(" ", names(NAT_FLAGS, |flag| nat.flags.contains(flag)), "");
    }

    fn update(&mut self, update: &Update) {
        self.print(format_args!("{} @", word(UPDATES, &update.op).unwrap_or("unknown")));
        self.name(&update.set);
        self.push(" { ");
        self.expression(&update.key);
        if let Some(timeout) = update.timeout.filter(|timeout| !timeout.is_zero()) {
            self.lasting(" timeout ", timeout, "");
        }
        let stateless = std::mem::replace(&mut self.stateless, true);
        for statement in &update.statements {
            self.push(" ");
            self.statement(statement);
        }
        self.stateless = stateless;
        self.part(" : ", update.data.as_ref());
        self.push(" }");
    }
}

fn is_ip6(expression: &Expression) -> bool {
    matches!(expression, Expression::Value(value) if value.image.len() == 16)
}
