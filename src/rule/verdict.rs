//! How a rule ends.

use super::{
    Mapped,
    statement::{Role, Typed},
};
use crate::{
    data::{Name, Verdict},
    lang::tree::{Expression, Statement},
    model,
};

/// How a rule ends: a verdict, or the one that a map has for the packet.
///
/// ```
/// use oxitables::{Rule, tcp, data::Verdict};
/// let ports = tcp::dport().vmap_of([(22, Verdict::accept()), (23, Verdict::jump("telnet"))]);
/// assert_eq!(Rule::new().verdict(ports).to_string(), "tcp dport vmap { 22 : accept, 23 : jump telnet }");
/// ```
#[derive(Clone, Debug)]
pub struct Decision(pub(crate) Typed);

impl From<Verdict> for Decision {
    fn from(verdict: Verdict) -> Self {
        Self(Typed::plain(Role::Verdict, false, Statement::Verdict(Expression::Verdict(verdict))))
    }
}

impl From<Mapped<Verdict>> for Decision {
    fn from(mapped: Mapped<Verdict>) -> Self {
        Self(Typed::new(Role::Verdict, false, mapped.value.map(|piece| piece.map(Statement::Verdict))))
    }
}

impl From<&model::Chain> for Name {
    fn from(chain: &model::Chain) -> Self {
        chain.name.clone()
    }
}
