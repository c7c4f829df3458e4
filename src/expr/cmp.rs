use crate::{
    data::{Register, Value},
    wire::{Be32, Nest},
};

attributes! {
    /// Compares a register with a constant; the rule ends here if it does not hold.
    ///
    /// Bytes are compared from the first on, which orders numbers in network order only.
    ///
    /// ```
    /// # use oxitables::{data::*, expr::*};
    /// let not_https = Cmp::new(Register::R1, CmpOp::Neq, Value::new(&443u16.to_be_bytes()).unwrap());
    /// # assert_eq!(*not_https.data, [1, 187]);
    /// ```
    ///
    /// Kernel: `nft_cmp.c`, since 3.13.
    pub struct Cmp {
        /// Register to compare.
        req sreg: Register = 1 "NFTA_CMP_SREG" as Be32,
        /// Comparison.
        req op: CmpOp = 2 "NFTA_CMP_OP" as Be32,
        /// Constant to compare with; its length counts.
        req data: Value = 3 "NFTA_CMP_DATA" as Nest,
    }
}

numbers! {
    /// Comparison of a [`Cmp`].
    pub enum CmpOp: u32 {
        /// Equal.
        Eq = 0 "NFT_CMP_EQ",
        /// Not equal.
        Neq = 1 "NFT_CMP_NEQ",
        /// Less than.
        Lt = 2 "NFT_CMP_LT",
        /// Less than or equal.
        Lte = 3 "NFT_CMP_LTE",
        /// Greater than.
        Gt = 4 "NFT_CMP_GT",
        /// Greater than or equal.
        Gte = 5 "NFT_CMP_GTE",
    }
}

impl Cmp {
    /// Goes on only if `sreg op data` holds.
    pub fn new(sreg: Register, op: CmpOp, data: Value) -> Self {
        Self::required(sreg, op, data)
    }
}
