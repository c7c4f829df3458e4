use crate::{data::Register, wire::Be32};

attributes! {
    /// Reads what routing knows of the packet. One that is not routed yet ends the rule.
    ///
    /// ```
    /// # use oxitables::{data::*, expr::*};
    /// let mss = Rt::load(RtKey::TcpMss, Register::R1);
    /// # assert_eq!(mss.dreg, Register::R1);
    /// ```
    ///
    /// Kernel: `nft_rt.c`, since 4.10.
    pub struct Rt {
        /// What to read.
        req key: RtKey = 2 "NFTA_RT_KEY" as Be32,
        /// Register to read into.
        req dreg: Register = 1 "NFTA_RT_DREG" as Be32,
    }
}

numbers! {
    /// What an [`Rt`] reads.
    pub enum RtKey: u32 {
        /// Routing realm, 32 bits in the machine's order.
        ClassId = 0 "NFT_RT_CLASSID",
        /// Next hop of an IPv4 packet, 4 bytes.
        Nexthop4 = 1 "NFT_RT_NEXTHOP4",
        /// Next hop of an IPv6 packet, 16 bytes.
        Nexthop6 = 2 "NFT_RT_NEXTHOP6",
        /// Largest TCP segment that the path takes, 16 bits in the machine's order. Since 4.14; at
        /// forward, output, postrouting.
        TcpMss = 3 "NFT_RT_TCPMSS",
        /// Whether the packet will be protected by IPsec, 8 bits. Since 4.20.
        Xfrm = 4 "NFT_RT_XFRM",
    }
}

impl Rt {
    /// Reads `key` into `dreg`.
    pub fn load(key: RtKey, dreg: Register) -> Self {
        Self::required(key, dreg)
    }
}
