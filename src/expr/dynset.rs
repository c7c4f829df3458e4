//! `dynset`: learn, refresh or forget a set element for each packet that gets here.

use super::{Expr, ExprNest};
use crate::{
    data::{Name, Register},
    wire::{Be32, List, Ms64, Text},
};
use std::time::Duration;

attributes! {
    /// Adds, refreshes or removes a set element from the packet path.
    ///
    /// The set must have the `dynamic` flag, and `timeout` for [`timeout`](Self::timeout). A set
    /// that is full *ends the rule* for a new key; so do not hang a verdict behind it that must be
    /// reached. Elements that expired but are not collected yet still count.
    ///
    /// ```
    /// # use oxitables::{data::*, expr::*};
    /// # use std::time::Duration;
    /// // update @seen { ip saddr timeout 1m counter }
    /// let learn = Dynset::new("seen", DynsetOp::Update, Register::R1)
    ///     .with_timeout(Duration::from_secs(60))
    ///     .with_expr(Counter::new());
    /// # assert_eq!(learn.flags, None);
    /// ```
    ///
    /// Kernel: `nft_dynset.c`, since 4.1.
    pub struct Dynset {
        /// Register that holds the element's key.
        req key: Register = 4 "NFTA_DYNSET_SREG_KEY" as Be32,
        /// Register that holds the value; maps only.
        opt data: Register = 5 "NFTA_DYNSET_SREG_DATA" as Be32,
        /// What to do with the element.
        req op: DynsetOp = 3 "NFTA_DYNSET_OP" as Be32,
        /// The set.
        req set: Name = 1 "NFTA_DYNSET_SET_NAME" as Text<255>,
        /// Id of a set of this batch that has no name yet; never reported.
        opt set_id: u32 = 2 "NFTA_DYNSET_SET_ID" as Be32,
        /// Life of the element; that of the set if `None`. The kernel reports "none" as zero.
        opt timeout: Duration = 6 "NFTA_DYNSET_TIMEOUT" as Ms64,
        /// One stateful expression for each element.
        opt expr: Box<Expr> = 7 "NFTA_DYNSET_EXPR" as ExprNest<true>,
        /// Several of them; needs [`DynsetFlags::EXPR`]. Since 5.11.
        opt exprs: Vec<Expr> = 10 "NFTA_DYNSET_EXPRESSIONS" as List<ExprNest<true>>,
        /// Flags.
        opt flags: DynsetFlags = 9 "NFTA_DYNSET_FLAGS" as Be32,
    } pad 8 "NFTA_DYNSET_PAD"
}

numbers! {
    /// Operation of a [`Dynset`].
    pub enum DynsetOp: u32 {
        /// Add it if it is missing; the deadline of one that is there stays.
        Add = 0 "NFT_DYNSET_OP_ADD",
        /// Add it if it is missing, else restart its timeout.
        Update = 1 "NFT_DYNSET_OP_UPDATE",
        /// Remove it; goes on also if it is not there. Since 5.4.
        Delete = 2 "NFT_DYNSET_OP_DELETE",
    }
}

flags! {
    /// Flags of a [`Dynset`].
    pub struct DynsetFlags: u32 {
        /// End the rule where it would go on, and the other way round.
        INV = 1 "NFT_DYNSET_F_INV",
        /// [`Dynset::exprs`] is used. Since 5.11.
        EXPR = 2 "NFT_DYNSET_F_EXPR",
    }
}

impl Dynset {
    /// Does `op` to the element of `set` whose key is in register `key`.
    pub fn new(set: impl Into<Name>, op: DynsetOp, key: Register) -> Self {
        Self::required(key, op, set.into())
    }

    /// What is sent of one that was reported: the kernel leaves the flag for expressions out, and
    /// wants it.
    pub(super) fn taken_back(&self) -> Option<Self> {
        let lacks = self.exprs.is_some() && !self.flags.unwrap_or_default().contains(DynsetFlags::EXPR);
        lacks.then(|| self.clone().with_flag())
    }

    fn with_flag(mut self) -> Self {
        self.flags = Some(self.flags.unwrap_or_default() | DynsetFlags::EXPR);
        self
    }

    /// Gives the element a life of its own.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Gives each element a stateful expression of its own (counter, limit, quota), at most two.
    pub fn with_expr(mut self, expr: impl Into<Expr>) -> Self {
        // Kernels before 5.11 know only the single form, so that is used while it can be.
        match self.expr.take() {
            None if self.exprs.is_none() => self.expr = Some(Box::new(expr.into())),
            first => {
                self.exprs.get_or_insert_default().extend(first.map(|e| *e).into_iter().chain([expr.into()]));
                self = self.with_flag();
            }
        }
        self
    }
}
