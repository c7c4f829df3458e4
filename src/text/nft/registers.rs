//! Registers, for what has no statement: in brackets, which nft does not take, so that a listing that is loaded again fails
//! there instead of losing a condition.

use super::Printer;
use crate::{
    data::{Data, Register, hex},
    expr::*,
};

impl Printer<'_> {
    /// One expression, as `nft --debug=netlink` shows it where that has words for all of it.
    pub fn registers(&mut self, expr: &Expr) {
        let name = expr.name().into_owned();
        self.push("[ ");
        self.name(&name.into());
        match expr {
            Expr::Payload(e) => self.payload(e),
            Expr::Meta(e) => self.access(&lower(e.key), e.dreg, e.sreg),
            Expr::Ct(e) => {
                let direction = e.direction.map(|to| format!(", dir {to}")).unwrap_or_default();
                self.access(&format!("{}{direction}", lower(e.key)), e.dreg, e.sreg);
            }
            Expr::Cmp(e) => self.print(format_args!(" {} {:?} {:?}", lower(e.op), e.sreg, e.data)),
            Expr::Range(e) => self.print(format_args!(" {} {:?} {:?} {:?}", lower(e.op), e.sreg, e.from, e.to)),
            Expr::Byteorder(e) => {
                self.print(format_args!(" {:?} = {}({:?}, {}, {})", e.dreg, lower(e.op), e.sreg, e.size, e.len));
            }
            Expr::Bitwise(e) => self.bitwise(e),
            Expr::Immediate(e) => {
                self.print(format_args!(" {:?} ", e.dreg));
                match &e.data {
                    Data::Value(value) => self.print(format_args!("{value:?}")),
                    Data::Verdict(verdict) => self.verdict(verdict),
                }
            }
            Expr::Lookup(e) => {
                self.print(format_args!(" {:?} set ", e.sreg));
                self.name(&e.set);
                if let Some(dreg) = e.dreg {
                    self.print(format_args!(" dreg {dreg:?}"));
                }
                if let Some(flags) = e.flags.filter(|flags| !flags.is_empty()) {
                    self.print(format_args!(" {:#x}", flags.bits()));
                }
            }
            Expr::Unknown(e) => self.print(format_args!(" 0x{}", hex(e.data()))),
            other => {
                // The variant's name is the expression's, which is there already.
                let debug = format!("{other:?}");
                let attributes = debug.find('{').and_then(|at| debug.get(at..)).unwrap_or(&debug).trim_end_matches(')');
                self.print(format_args!(" {attributes}"));
            }
        }
        self.push(" ]");
    }

    fn access(&mut self, what: &str, dreg: Option<Register>, sreg: Option<Register>) {
        match (dreg, sreg) {
            (Some(to), _) => self.print(format_args!(" load {what} => {to:?}")),
            (_, Some(from)) => self.print(format_args!(" set {what} with {from:?}")),
            _ => self.print(format_args!(" {what}")),
        }
    }

    fn payload(&mut self, e: &Payload) {
        let place = format!("{}b @ {} header + {}", e.len, lower(e.base), e.offset);
        match (e.dreg, e.sreg) {
            (Some(to), _) => self.print(format_args!(" load {place} => {to:?}")),
            (_, Some(from)) => self.print(format_args!(
                " write {from:?} => {place} csum_type {} csum_off {} csum_flags {:#x}",
                e.csum_type.map_or(0, u32::from),
                e.csum_offset.unwrap_or_default(),
                e.csum_flags.unwrap_or_default().bits(),
            )),
            _ => self.print(format_args!(" {place}")),
        }
    }

    fn bitwise(&mut self, e: &Bitwise) {
        match (e.op, &e.mask, &e.xor) {
            (None | Some(BitwiseOp::MaskXor), Some(mask), Some(xor)) => {
                self.print(format_args!(" {:?} = ( {:?} & {mask:?} ) ^ {xor:?}", e.dreg, e.sreg));
            }
            (Some(op), ..) => {
                self.print(format_args!(" {:?} = ( {:?} {} ", e.dreg, e.sreg, lower(op)));
                match (&e.sreg2, &e.data) {
                    (Some(other), _) => self.print(format_args!("{other:?}")),
                    (_, data) => self.print(format_args!("{data:?}")),
                }
                self.push(" )");
            }
            _ => self.print(format_args!(" {e:?}")),
        }
    }
}

/// The name of an operation, key or header.
fn lower(name: impl std::fmt::Debug) -> String {
    format!("{name:?}").to_lowercase()
}
