use crate::{
    data::{Data, Register, Value},
    wire::{Be32, Nest},
};

attributes! {
    /// Combines the bits of a register: masks, shifts, and, or, xor.
    ///
    /// ```
    /// # use oxitables::{data::*, expr::*};
    /// // The upper 20 bits of an IPv4 address in register 1.
    /// let mask = Value::new(&[0xff, 0xff, 0xf0, 0]).unwrap();
    /// let prefix = Bitwise::mask(Register::R1, Register::R1, mask);
    /// assert_eq!(prefix.len, 4);
    /// ```
    ///
    /// Kernel: `nft_bitwise.c`, since 3.13.
    pub struct Bitwise {
        /// Register that holds the value.
        req sreg: Register = 1 "NFTA_BITWISE_SREG" as Be32,
        /// Register that takes the result.
        req dreg: Register = 2 "NFTA_BITWISE_DREG" as Be32,
        /// Bytes to work on.
        req len: u32 = 3 "NFTA_BITWISE_LEN" as Be32,
        /// Operation; mask-xor if `None`. Since 5.6.
        opt op: BitwiseOp = 6 "NFTA_BITWISE_OP" as Be32,
        /// Mask-xor: the bits that are kept.
        opt mask: Value = 4 "NFTA_BITWISE_MASK" as Nest,
        /// Mask-xor: the bits that are flipped afterwards.
        opt xor: Value = 5 "NFTA_BITWISE_XOR" as Nest,
        /// And, or, xor: register of the other operand. Since 6.13.
        opt sreg2: Register = 8 "NFTA_BITWISE_SREG2" as Be32,
        /// Shifts: the count, 32 bits in the machine's order. And, or, xor: the other operand.
        opt data: Data = 7 "NFTA_BITWISE_DATA" as Nest,
    }
}

numbers! {
    /// Operation of a [`Bitwise`].
    pub enum BitwiseOp: u32 {
        /// `(value & mask) ^ xor`.
        MaskXor = 0 "NFT_BITWISE_MASK_XOR",
        /// Shift to the left. Since 5.6.
        Lshift = 1 "NFT_BITWISE_LSHIFT",
        /// Shift to the right. Since 5.6.
        Rshift = 2 "NFT_BITWISE_RSHIFT",
        /// Bitwise and. Since 6.13.
        And = 3 "NFT_BITWISE_AND",
        /// Bitwise or. Since 6.13.
        Or = 4 "NFT_BITWISE_OR",
        /// Bitwise exclusive or. Since 6.13.
        Xor = 5 "NFT_BITWISE_XOR",
    }
}

impl Bitwise {
    /// `dreg = sreg & mask`.
    pub fn mask(sreg: Register, dreg: Register, mask: Value) -> Self {
        let zero = Value::new(&[0; Value::MAX][..mask.len()]).unwrap_or_default();
        Self::mask_xor(sreg, dreg, mask, zero)
    }

    /// `dreg = (sreg & mask) ^ xor`, which with `mask = !m` and `xor = v` sets the bits `m` to `v`
    /// and keeps the others.
    pub fn mask_xor(sreg: Register, dreg: Register, mask: Value, xor: Value) -> Self {
        Self {
            op: Some(BitwiseOp::MaskXor),
            mask: Some(mask),
            xor: Some(xor),
            ..Self::required(sreg, dreg, mask.len() as u32)
        }
    }

    /// `dreg = sreg op sreg2`, on `len` bytes: and, or, xor.
    pub fn combine(sreg: Register, dreg: Register, sreg2: Register, len: u32, op: BitwiseOp) -> Self {
        Self { op: Some(op), sreg2: Some(sreg2), ..Self::required(sreg, dreg, len) }
    }

    /// `dreg = sreg << bits` or `>> bits`, on `len` bytes.
    pub fn shift(sreg: Register, dreg: Register, len: u32, op: BitwiseOp, bits: u32) -> Self {
        // The count stands in a register of the machine, so in its byte order.
        let data = Value::new(&bits.to_ne_bytes()).map(Data::Value);
        Self { op: Some(op), data, ..Self::required(sreg, dreg, len) }
    }
}
