use crate::{
    data::{Register, Value},
    wire::{Be32, Nest},
};

attributes! {
    /// Compares a register with an interval, both ends included.
    ///
    /// Bytes are compared from the first on: the register has to be in network order.
    ///
    /// ```
    /// # use oxitables::{data::*, expr::*};
    /// let port = |n: u16| Value::new(&n.to_be_bytes()).unwrap();
    /// let ephemeral = Range::new(Register::R1, RangeOp::Eq, port(49152), port(65535));
    /// # assert_eq!(*ephemeral.to, [255, 255]);
    /// ```
    ///
    /// Kernel: `nft_range.c`, since 4.9.
    pub struct Range {
        /// Register to compare.
        req sreg: Register = 1 "NFTA_RANGE_SREG" as Be32,
        /// Inside or outside.
        req op: RangeOp = 2 "NFTA_RANGE_OP" as Be32,
        /// Lower end.
        req from: Value = 3 "NFTA_RANGE_FROM_DATA" as Nest,
        /// Upper end.
        req to: Value = 4 "NFTA_RANGE_TO_DATA" as Nest,
    }
}

numbers! {
    /// Comparison of a [`Range`].
    pub enum RangeOp: u32 {
        /// Inside.
        Eq = 0 "NFT_RANGE_EQ",
        /// Outside.
        Neq = 1 "NFT_RANGE_NEQ",
    }
}

impl Range {
    /// Goes on only if `sreg` is inside (or outside) `from..=to`.
    pub fn new(sreg: Register, op: RangeOp, from: Value, to: Value) -> Self {
        Self::required(sreg, op, from, to)
    }
}
