//! How a rule ends.

use super::{
    lookup::Lookup,
    select::Mapped,
    statement::{Holds, Statement},
};
use crate::{
    compile::{self, lower::Lowering},
    data::{Name, Register, Verdict},
    expr::Immediate,
    lang::words,
    lang::{field::Twin, tree},
    model,
    wire::Malformed,
};
use std::{fmt, sync::Arc};

/// nft text of a statement on its own: for a dual one, that of each family.
pub(crate) fn both(statement: &dyn Statement) -> String {
    if !statement.is_dual() {
        return statement.text(None);
    }
    let texts: Vec<_> = [Twin::V4, Twin::V6]
        .into_iter()
        .filter(|twin| statement.holds(*twin) == Holds::Maybe)
        .map(|twin| statement.text(Some(twin)))
        .collect();
    texts.join(" or ")
}

/// How a rule ends: a verdict, or the one that a map has for the packet.
///
/// ```
/// use oxitables::{Rule, tcp, data::Verdict};
/// let ports = tcp::dport().vmap_of([(22, Verdict::accept()), (23, Verdict::jump("telnet"))]);
/// assert_eq!(Rule::new().verdict(ports).to_string(), "tcp dport vmap { 22 : accept, 23 : jump telnet }");
/// ```
#[derive(Clone, Debug)]
pub struct Decision(pub(crate) Arc<dyn Statement>);

impl From<Verdict> for Decision {
    fn from(verdict: Verdict) -> Self {
        Self(Arc::new(verdict))
    }
}

impl From<Mapped<Verdict>> for Decision {
    fn from(mapped: Mapped<Verdict>) -> Self {
        Self(Arc::new(VerdictMap(mapped.lookup)))
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&both(&*self.0))
    }
}

impl Statement for Verdict {
    fn lower(&self, cx: &mut Lowering) -> Result<(), Malformed> {
        cx.push_act([Immediate::new(Register::VERDICT, self.clone()).into()]);
        Ok(())
    }
    fn text(&self, _: Option<Twin>) -> String {
        words::verdict(self)
    }
}

/// A verdict out of a map.
#[derive(Clone, Debug)]
struct VerdictMap(Lookup);

impl Statement for VerdictMap {
    fn lower(&self, cx: &mut Lowering) -> Result<(), Malformed> {
        let map = tree::Statement::Verdict(self.0.map(cx.twin)?);
        compile::statement(cx, &self.0.known(cx.twin), &map)
    }
    fn text(&self, twin: Option<Twin>) -> String {
        self.0.text(twin, "vmap")
    }
    fn is_dual(&self) -> bool {
        self.0.is_dual()
    }
    fn holds(&self, twin: Twin) -> Holds {
        self.0.holds(twin, false)
    }
}

impl From<&model::Chain> for Name {
    fn from(chain: &model::Chain) -> Self {
        chain.name.clone()
    }
}
