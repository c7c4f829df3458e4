use crate::{
    data::Register,
    wire::{Be32, U8},
};

attributes! {
    /// Reads from an IPsec state of the packet. A packet without one ends the rule.
    ///
    /// ```
    /// # use oxitables::{data::*, expr::*};
    /// let spi = Xfrm::load(XfrmKey::Spi, XfrmDirection::In, Register::R1);
    /// # assert_eq!(spi.number, Some(0));
    /// ```
    ///
    /// Kernel: `nft_xfrm.c`, since 4.20; families `ip`, `ip6`, `inet`.
    pub struct Xfrm {
        /// Register to read into.
        req dreg: Register = 1 "NFTA_XFRM_DREG" as Be32,
        /// What to read.
        req key: XfrmKey = 2 "NFTA_XFRM_KEY" as Be32,
        /// Whether of what was decrypted on the way in, or of what will be encrypted on the way
        /// out.
        req direction: XfrmDirection = 3 "NFTA_XFRM_DIR" as U8,
        /// Which of several states, from 0 on, at most 5; 0 if `None`.
        opt number: u32 = 4 "NFTA_XFRM_SPNUM" as Be32,
    }
}

numbers! {
    /// What an [`Xfrm`] reads.
    pub enum XfrmKey: u32 {
        /// IPv4 destination of the tunnel.
        DaddrIp4 = 1 "NFT_XFRM_KEY_DADDR_IP4",
        /// IPv6 destination of the tunnel.
        DaddrIp6 = 2 "NFT_XFRM_KEY_DADDR_IP6",
        /// IPv4 source of the tunnel.
        SaddrIp4 = 3 "NFT_XFRM_KEY_SADDR_IP4",
        /// IPv6 source of the tunnel.
        SaddrIp6 = 4 "NFT_XFRM_KEY_SADDR_IP6",
        /// Number of the request that made the state, 32 bits in the machine's order.
        ReqId = 5 "NFT_XFRM_KEY_REQID",
        /// Security parameter index, 32 bits in network order.
        Spi = 6 "NFT_XFRM_KEY_SPI",
    }
}

numbers! {
    /// Which way an [`Xfrm`] looks.
    pub enum XfrmDirection: u8 {
        /// In: at prerouting, input, forward.
        In = 0 "XFRM_POLICY_IN",
        /// Out: at output, forward, postrouting.
        Out = 1 "XFRM_POLICY_OUT",
    }
}

impl Xfrm {
    /// Reads `key` of the first state into `dreg`.
    pub fn load(key: XfrmKey, direction: XfrmDirection, dreg: Register) -> Self {
        Self { number: Some(0), ..Self::required(dreg, key, direction) }
    }
}
