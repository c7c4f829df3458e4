use crate::{
    data::{Data, Register},
    wire::{Be32, Nest},
};

attributes! {
    /// Loads a constant into a register, or gives the verdict.
    ///
    /// ```
    /// # use oxitables::{data::*, expr::*};
    /// let accept = Immediate::new(Register::VERDICT, Verdict::accept());
    /// let mark = Immediate::new(Register::R1, Value::new(&1u32.to_ne_bytes()).unwrap());
    /// # assert_ne!(accept.dreg, mark.dreg);
    /// ```
    ///
    /// Kernel: `nft_immediate.c`, since 3.13.
    pub struct Immediate {
        /// Register to load; [`Register::VERDICT`] for a verdict.
        req dreg: Register = 1 "NFTA_IMMEDIATE_DREG" as Be32,
        /// What to load.
        req data: Data = 2 "NFTA_IMMEDIATE_DATA" as Nest,
    }
}

impl Immediate {
    /// Loads `data` into `dreg`.
    pub fn new(dreg: Register, data: impl Into<Data>) -> Self {
        Self::required(dreg, data.into())
    }
}
