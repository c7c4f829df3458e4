use crate::{
    data::{Name, Register},
    wire::{Be32, Text},
};

attributes! {
    /// Makes a number for each packet: the next one, or a random one. In the machine's byte order,
    /// 32 bits.
    ///
    /// ```
    /// # use oxitables::{data::*, expr::*};
    /// // 10, 11, 12, 10, 11, …
    /// let turn = Numgen::new(NumgenType::Incremental, 3, Register::R1).with_offset(10);
    /// # assert_eq!(turn.offset, Some(10));
    /// ```
    ///
    /// Kernel: `nft_numgen.c`, since 4.9.
    pub struct Numgen {
        /// Register that takes the number.
        req dreg: Register = 1 "NFTA_NG_DREG" as Be32,
        /// How many different numbers there are; not 0.
        req modulus: u32 = 2 "NFTA_NG_MODULUS" as Be32,
        /// How a number is made.
        req kind: NumgenType = 3 "NFTA_NG_TYPE" as Be32,
        /// The lowest number; 0 if `None`.
        opt offset: u32 = 4 "NFTA_NG_OFFSET" as Be32,
        /// Reserved: kernels read it in one or two releases after 4.18 only.
        opt set: Name = 5 "NFTA_NG_SET_NAME" as Text<255>,
        /// Reserved, as `set`.
        opt set_id: u32 = 6 "NFTA_NG_SET_ID" as Be32,
    }
}

numbers! {
    /// How a [`Numgen`] makes a number.
    pub enum NumgenType: u32 {
        /// The next one.
        Incremental = 0 "NFT_NG_INCREMENTAL",
        /// A random one.
        Random = 1 "NFT_NG_RANDOM",
    }
}

impl Numgen {
    /// One of `modulus` numbers from 0 on, into `dreg`.
    pub fn new(kind: NumgenType, modulus: u32, dreg: Register) -> Self {
        Self { offset: Some(0), ..Self::required(dreg, modulus, kind) }
    }

    /// Counts from here instead of from 0.
    pub fn with_offset(mut self, offset: u32) -> Self {
        self.offset = Some(offset);
        self
    }
}
