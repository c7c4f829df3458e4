use crate::{
    data::{Name, Register},
    wire::{Be32, Text},
};

attributes! {
    /// Makes a number from packet fields, the same for the same fields. In the machine's byte
    /// order, 32 bits.
    ///
    /// ```
    /// # use oxitables::{data::*, expr::*};
    /// // One of eight buckets for the four bytes in register 1; 0x1234 makes it the same after a restart.
    /// let bucket = Hash::jenkins(Register::R1, 4, 8, Register::R1).with_seed(0x1234);
    /// let by_flow = Hash::symmetric(8, Register::R1);
    /// # assert_ne!(bucket, by_flow);
    /// ```
    ///
    /// Kernel: `nft_hash.c`, since 4.9.
    pub struct Hash {
        /// Jenkins: register that holds the fields.
        opt sreg: Register = 1 "NFTA_HASH_SREG" as Be32,
        /// Register that takes the number.
        req dreg: Register = 2 "NFTA_HASH_DREG" as Be32,
        /// Jenkins: bytes of the fields, up to 255.
        opt len: u32 = 3 "NFTA_HASH_LEN" as Be32,
        /// How many different numbers there are; at least 1.
        req modulus: u32 = 4 "NFTA_HASH_MODULUS" as Be32,
        /// Jenkins: start value. A random one, which is not reported, if `None`.
        opt seed: u32 = 5 "NFTA_HASH_SEED" as Be32,
        /// The lowest number; 0 if `None`. Since 4.9.
        opt offset: u32 = 6 "NFTA_HASH_OFFSET" as Be32,
        /// Kind; Jenkins if `None`. Since 4.12.
        opt kind: HashType = 7 "NFTA_HASH_TYPE" as Be32,
        /// Reserved: kernels read it in one or two releases after 4.18 only.
        opt set: Name = 8 "NFTA_HASH_SET_NAME" as Text<255>,
        /// Reserved, as `set`.
        opt set_id: u32 = 9 "NFTA_HASH_SET_ID" as Be32,
    }
}

numbers! {
    /// Kind of a [`Hash`](struct@Hash).
    pub enum HashType: u32 {
        /// Jenkins' hash of register bytes (nft's `jhash`).
        Jenkins = 0 "NFT_HASH_JENKINS",
        /// The kernel's hash of the flow, the same in both directions (nft's `symhash`). Since
        /// 4.12.
        Symmetric = 1 "NFT_HASH_SYM",
    }
}

impl Hash {
    /// One of `modulus` numbers for `len` bytes of `sreg`, with a random seed.
    pub fn jenkins(sreg: Register, len: u32, modulus: u32, dreg: Register) -> Self {
        let (sreg, len) = (Some(sreg), Some(len));
        Self { sreg, len, kind: Some(HashType::Jenkins), ..Self::required(dreg, modulus) }
    }

    /// One of `modulus` numbers for the packet's flow. Since 4.12.
    pub fn symmetric(modulus: u32, dreg: Register) -> Self {
        Self { kind: Some(HashType::Symmetric), ..Self::required(dreg, modulus) }
    }

    /// Makes the numbers the same after a restart, and on another host.
    pub fn with_seed(mut self, seed: u32) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Counts from here instead of from 0.
    pub fn with_offset(mut self, offset: u32) -> Self {
        self.offset = Some(offset);
        self
    }
}
