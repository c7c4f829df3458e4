use crate::{data::Register, wire::Be32};

attributes! {
    /// Converts between the machine's byte order and the network's.
    ///
    /// Ordering comparisons work byte by byte, so what meta and ct report has to be in network
    /// order for them.
    ///
    /// ```
    /// # use oxitables::{data::*, expr::*};
    /// let hton = Byteorder::new(Register::R1, ByteorderOp::Hton, 4, 4);
    /// assert_eq!(hton.sreg, hton.dreg);
    /// ```
    ///
    /// Kernel: `nft_byteorder.c`, since 3.13.
    pub struct Byteorder {
        /// Register that holds the value.
        req sreg: Register = 1 "NFTA_BYTEORDER_SREG" as Be32,
        /// Register that takes the result.
        req dreg: Register = 2 "NFTA_BYTEORDER_DREG" as Be32,
        /// Direction.
        req op: ByteorderOp = 3 "NFTA_BYTEORDER_OP" as Be32,
        /// Bytes to convert, a multiple of `size`.
        req len: u32 = 4 "NFTA_BYTEORDER_LEN" as Be32,
        /// Bytes of one number: 2, 4 or 8.
        req size: u32 = 5 "NFTA_BYTEORDER_SIZE" as Be32,
    }
}

numbers! {
    /// Direction of a [`Byteorder`].
    pub enum ByteorderOp: u32 {
        /// Network to host.
        Ntoh = 0 "NFT_BYTEORDER_NTOH",
        /// Host to network.
        Hton = 1 "NFT_BYTEORDER_HTON",
    }
}

impl Byteorder {
    /// Converts `len` bytes of `register` in place, in numbers of `size` bytes.
    pub fn new(register: Register, op: ByteorderOp, len: u32, size: u32) -> Self {
        Self::required(register, register, op, len, size)
    }
}
