use crate::{data::Register, wire::Be32};

attributes! {
    /// Loads packet bytes into a register, or writes a register into the packet.
    ///
    /// A packet too short for the load ends the rule. Writing fixes the checksum that
    /// [`csum_offset`](Self::csum_offset) names, if any.
    ///
    /// ```
    /// # use oxitables::{data::*, expr::*};
    /// // tcp dport
    /// let port = Payload::load(PayloadBase::Transport, 2, 2, Register::R1);
    /// # assert_eq!((port.offset, port.len), (2, 2));
    /// ```
    ///
    /// Kernel: `nft_payload.c`, loads since 3.13, writes since 4.5.
    pub struct Payload {
        /// Register to write from.
        opt sreg: Register = 5 "NFTA_PAYLOAD_SREG" as Be32,
        /// Register to load into.
        opt dreg: Register = 1 "NFTA_PAYLOAD_DREG" as Be32,
        /// Header to count from.
        req base: PayloadBase = 2 "NFTA_PAYLOAD_BASE" as Be32,
        /// Bytes after the start of the header.
        req offset: u32 = 3 "NFTA_PAYLOAD_OFFSET" as Be32,
        /// Bytes to load or write, up to 255.
        req len: u32 = 4 "NFTA_PAYLOAD_LEN" as Be32,
        /// Writes: kind of checksum to fix.
        opt csum_type: ChecksumType = 6 "NFTA_PAYLOAD_CSUM_TYPE" as Be32,
        /// Writes: where the checksum is, counted like `offset`.
        opt csum_offset: u32 = 7 "NFTA_PAYLOAD_CSUM_OFFSET" as Be32,
        /// Writes: what else to fix.
        opt csum_flags: ChecksumFlags = 8 "NFTA_PAYLOAD_CSUM_FLAGS" as Be32,
    }
}

numbers! {
    /// Header that a [`Payload`] counts from.
    pub enum PayloadBase: u32 {
        /// Link layer.
        Link = 0 "NFT_PAYLOAD_LL_HEADER",
        /// Network: IPv4, IPv6, ARP.
        Network = 1 "NFT_PAYLOAD_NETWORK_HEADER",
        /// Transport: TCP, UDP, ICMP; nothing in later fragments.
        Transport = 2 "NFT_PAYLOAD_TRANSPORT_HEADER",
        /// What follows the transport header. Since 5.16.
        Inner = 3 "NFT_PAYLOAD_INNER_HEADER",
        /// Tunnel header; only inside an `inner` expression. Since 6.2.
        Tunnel = 4 "NFT_PAYLOAD_TUN_HEADER",
    }
}

numbers! {
    /// Checksum that a write fixes.
    pub enum ChecksumType: u32 {
        /// None.
        None = 0 "NFT_PAYLOAD_CSUM_NONE",
        /// The Internet checksum, RFC 1071.
        Inet = 1 "NFT_PAYLOAD_CSUM_INET",
        /// SCTP's CRC-32c. Since 5.10.
        Sctp = 2 "NFT_PAYLOAD_CSUM_SCTP",
    }
}

flags! {
    /// What else a write fixes.
    pub struct ChecksumFlags: u32 {
        /// The transport checksum, whose pseudo header covers the written address.
        L4_PSEUDO_HEADER = 1 "NFT_PAYLOAD_L4CSUM_PSEUDOHDR",
    }
}

impl Payload {
    /// Loads `len` bytes at `offset` of `base` into `dreg`.
    pub fn load(base: PayloadBase, offset: u32, len: u32, dreg: Register) -> Self {
        Self { dreg: Some(dreg), ..Self::required(base, offset, len) }
    }

    /// Writes `len` bytes of `sreg` to `offset` of `base`; set the checksum fields if there is one
    /// to fix.
    pub fn store(base: PayloadBase, offset: u32, len: u32, sreg: Register) -> Self {
        Self { sreg: Some(sreg), ..Self::required(base, offset, len) }
    }
}
