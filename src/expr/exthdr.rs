use crate::{
    data::Register,
    wire::{Be32, Bits32, U8},
};

attributes! {
    /// Loads from, writes to or removes an extension header or an option: of IPv6, IPv4, TCP, SCTP,
    /// DCCP.
    ///
    /// A packet without it ends the rule, unless its presence is what is asked for.
    ///
    /// ```
    /// # use oxitables::{data::*, expr::*};
    /// // tcp option maxseg size, the two bytes behind type and length
    /// let size = Exthdr::load(ExthdrOp::TcpOption, 2, 2, 2, Register::R1);
    /// let has_size = Exthdr::exists(ExthdrOp::TcpOption, 2, Register::R1);
    /// # assert_ne!(size, has_size);
    /// ```
    ///
    /// Kernel: `nft_exthdr.c`, since 3.13.
    pub struct Exthdr {
        /// Register to load into.
        opt dreg: Register = 1 "NFTA_EXTHDR_DREG" as Be32,
        /// TCP options: register to write from. Since 4.13.
        opt sreg: Register = 7 "NFTA_EXTHDR_SREG" as Be32,
        /// Which header or option, by its number in the protocol; of IPv6 the next-header number.
        /// The kernel removes the TCP option of this number if there is no register.
        req kind: u8 = 2 "NFTA_EXTHDR_TYPE" as U8,
        /// Bytes after its start. Reported, but not taken, where an option is removed.
        opt offset: u32 = 3 "NFTA_EXTHDR_OFFSET" as Be32,
        /// Bytes to load or write, up to 255. Reported, but not taken, where an option is removed.
        opt len: u32 = 4 "NFTA_EXTHDR_LEN" as Be32,
        /// Flags, for loads. The kernel reports "none" as zero, and takes no zero where it writes
        /// or removes.
        opt flags: ExthdrFlags = 5 "NFTA_EXTHDR_FLAGS" as Bits32,
        /// What the header or option belongs to; IPv6 if `None`. Since 4.11.
        opt op: ExthdrOp = 6 "NFTA_EXTHDR_OP" as Be32,
    }
}

numbers! {
    /// What the header or option of an [`Exthdr`] belongs to.
    pub enum ExthdrOp: u32 {
        /// IPv6: an extension header.
        Ipv6 = 0 "NFT_EXTHDR_OP_IPV6",
        /// TCP: an option. Since 4.11.
        TcpOption = 1 "NFT_EXTHDR_OP_TCPOPT",
        /// IPv4: an option. Since 5.3.
        Ipv4Option = 2 "NFT_EXTHDR_OP_IPV4",
        /// SCTP: a chunk. Since 5.14.
        SctpChunk = 3 "NFT_EXTHDR_OP_SCTP",
        /// DCCP: an option. Since 6.5.
        DccpOption = 4 "NFT_EXTHDR_OP_DCCP",
    }
}

flags! {
    /// Flags of an [`Exthdr`].
    pub struct ExthdrFlags: u32 {
        /// Load one byte that says whether it is there, 1 or 0, instead of its content. Since 4.11.
        PRESENT = 1 "NFT_EXTHDR_F_PRESENT",
    }
}

impl Exthdr {
    /// Loads `len` bytes at `offset` of the header or option `kind` into `dreg`.
    pub fn load(op: ExthdrOp, kind: u8, offset: u32, len: u32, dreg: Register) -> Self {
        let (offset, len) = (Some(offset), Some(len));
        Self { op: Some(op), dreg: Some(dreg), offset, len, flags: Some(ExthdrFlags::empty()), ..Self::required(kind) }
    }

    /// Loads 1 into `dreg` if the header or option is there, else 0.
    pub fn exists(op: ExthdrOp, kind: u8, dreg: Register) -> Self {
        Self { flags: Some(ExthdrFlags::PRESENT), ..Self::load(op, kind, 0, 1, dreg) }
    }

    /// Writes `len` bytes (2 or 4) of `sreg` to `offset` of the TCP option `kind`, if the packet
    /// has it. Since 4.13.
    pub fn store(kind: u8, offset: u32, len: u32, sreg: Register) -> Self {
        let (offset, len) = (Some(offset), Some(len));
        Self { op: Some(ExthdrOp::TcpOption), sreg: Some(sreg), offset, len, ..Self::required(kind) }
    }

    /// Removes the TCP option `kind` by writing padding over it (nft's `reset`). Since 5.18.
    pub fn reset(kind: u8) -> Self {
        Self { op: Some(ExthdrOp::TcpOption), ..Self::required(kind) }
    }

    /// Whether it removes an option.
    pub fn is_reset(&self) -> bool {
        self.op == Some(ExthdrOp::TcpOption) && self.dreg.is_none() && self.sreg.is_none()
    }

    /// What is sent of one that was reported: an option that is removed has neither offset nor
    /// length.
    pub(super) fn taken_back(&self) -> Option<Self> {
        let told = self.is_reset() && (self.offset, self.len) != (None, None);
        told.then(|| Self { offset: None, len: None, ..self.clone() })
    }
}
