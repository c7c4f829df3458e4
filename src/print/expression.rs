//! Expressions.

use super::Printer;
use crate::{
    data::{Form, Verdict, VerdictCode},
    lang::{
        tree::{BinaryOp, Constant, Expression, Item},
        words::{BINARY, word},
    },
};

impl BinaryOp {
    /// How loosely it binds.
    fn precedence(self) -> u8 {
        match self {
            Self::Lshift | Self::Rshift => 1,
            Self::And => 2,
            Self::Xor => 3,
            Self::Or => 4,
        }
    }
}

/// How loosely the operator of an expression binds; 0 for one that has none.
fn precedence(expression: &Expression) -> u8 {
    match expression {
        Expression::Binary { op, .. } => op.precedence(),
        _ => 0,
    }
}

impl Printer<'_> {
    pub fn expression(&mut self, expression: &Expression) {
        match expression {
            Expression::Value(value) => self.constant(value),
            Expression::Word(word) => self.push(word),
            Expression::Prefix(of, len) => {
                self.expression(of);
                self.print(format_args!("/{len}"));
            }
            Expression::Range(bounds) => {
                let style = self.style;
                self.style = style.bound();
                self.expression(&bounds.0);
                self.push("-");
                self.expression(&bounds.1);
                self.style = style;
            }
            Expression::List(parts) => self.join(parts, ",", Self::expression),
            Expression::Concat(parts) => self.join(parts, " . ", Self::expression),
            Expression::Field(field) => self.field(field),
            Expression::Numgen { random, modulus, offset } => {
                self.print(format_args!("numgen {} mod {modulus}", if *random { "random" } else { "inc" }));
                self.offset(*offset);
            }
            Expression::Hash { of, modulus, seed, offset } => {
                match of {
                    Some(of) => {
                        self.push("jhash ");
                        self.expression(of);
                    }
                    None => self.push("symhash"),
                }
                self.print(format_args!(" mod {modulus}"));
                if let Some(seed) = seed {
                    self.print(format_args!(" seed {seed:#x}"));
                }
                self.offset(*offset);
            }
            Expression::Binary { op, left, right } => {
                self.operand(*op, left);
                self.print(format_args!(" {} ", word(BINARY, op).unwrap_or_default()));
                self.operand(*op, right);
            }
            Expression::Map { key, of } => self.map(key, "map", of),
            Expression::Set(items) => {
                self.push("{ ");
                self.join(items, ", ", Self::item);
                self.push(" }");
            }
            Expression::Named(name) => {
                self.push("@");
                self.name(name);
            }
            Expression::Object(name) => self.quoted(&String::from_utf8_lossy(name.as_bytes())),
            Expression::Verdict(verdict) => self.verdict(verdict),
            Expression::Any => self.push("*"),
        }
    }

    /// `word` is `map`, or `vmap` if the values are verdicts.
    pub fn map(&mut self, key: &Expression, word: &str, of: &Expression) {
        self.expression(key);
        self.print(format_args!(" {word} "));
        self.expression(of);
    }

    fn offset(&mut self, offset: u32) {
        if offset > 0 {
            self.print(format_args!(" offset {offset}"));
        }
    }

    fn operand(&mut self, op: BinaryOp, operand: &Expression) {
        let parentheses = op.precedence() < precedence(operand);
        if parentheses {
            self.push("(");
        }
        self.expression(operand);
        if parentheses {
            self.push(")");
        }
    }

    fn constant(&mut self, value: &Constant) {
        // Several bits have names one by one only.
        let several = value.ty.bits && value.image.iter().map(|byte| byte.count_ones()).sum::<u32>() > 1;
        let style = if several { self.style.with(Form::Bound) } else { self.style };
        // Names of interfaces and their like come with quotes, and with whatever bytes they have.
        let text = value.ty.text(&value.image, style);
        self.push(&super::harmless(&text, false));
    }

    pub fn verdict(&mut self, verdict: &Verdict) {
        self.push(match verdict.code {
            VerdictCode::Drop => "drop",
            VerdictCode::Accept => "accept",
            VerdictCode::Continue => "continue",
            VerdictCode::Break => "break",
            VerdictCode::Jump => "jump",
            VerdictCode::Goto => "goto",
            VerdictCode::Return => "return",
            VerdictCode::Stolen => "stolen",
            VerdictCode::Queue => "queue",
            VerdictCode::Unknown(code) if code & 0xff == 3 => "queue",
            VerdictCode::Repeat | VerdictCode::Unknown(_) => "unknown verdict value",
        });
        if let (VerdictCode::Jump | VerdictCode::Goto, Some(chain)) = (verdict.code, &verdict.chain)
            && !self.inlined(chain)
        {
            self.push(" ");
            self.name(chain);
        }
    }

    pub fn item(&mut self, item: &Item) {
        self.expression(&item.key);
        for statement in &item.statements {
            self.push(" ");
            self.statement(statement);
        }
        let forever = item.timeout.is_some_and(|timeout| timeout.is_zero());
        if forever {
            self.push(" timeout never");
        } else if let Some(timeout) = item.timeout {
            self.lasting(" timeout ", timeout, "");
        }
        if let Some(expires) = item.expires.filter(|left| !left.is_zero() && !forever && !self.stateless) {
            self.lasting(" expires ", expires, "");
        }
        if let Some(comment) = &item.comment {
            self.push(" comment ");
            self.quoted(comment);
        }
        if let Some(data) = &item.data {
            self.push(" : ");
            self.expression(data);
        }
    }
}
