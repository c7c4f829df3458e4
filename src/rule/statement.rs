//! What the typed statements have in common.

use super::recent::RecentOp;
use crate::{compile::lower::Lowering, lang::field::Twin, wire::Malformed};

/// Whether a statement can hold in one of the two IP families.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Holds {
    /// As packets go.
    Maybe,
    /// Not in this family: the rule is not needed there.
    Never,
    /// For every packet of this family: the statement is not needed there.
    Always,
}

/// A condition, an action or a verdict.
///
/// One that speaks of addresses of either family is *dual*: its rule is lowered once for each family, and the
/// statement can tell from [`Lowering::twin`] which one it is.
pub(crate) trait Statement: std::fmt::Debug + Send + Sync {
    /// Appends its expressions.
    fn lower(&self, cx: &mut Lowering) -> Result<(), Malformed>;
    /// Its nft text in one of two families, or in a rule that is only one.
    fn text(&self, twin: Option<Twin>) -> String;
    /// Whether the rule has to be lowered for each family.
    fn is_dual(&self) -> bool {
        false
    }
    /// Whether it does or uses up something, so that packets of the other family must not get to it.
    fn acts(&self) -> bool {
        false
    }
    /// Whether it can hold in a family.
    fn holds(&self, _: Twin) -> Holds {
        Holds::Maybe
    }
    /// What it does with a recent list, if it does.
    fn as_recent(&self) -> Option<&RecentOp> {
        None
    }
}
