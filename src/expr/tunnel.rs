use crate::{data::Register, wire::Be32};

attributes! {
    /// Reads which tunnel the packet came by, or goes to, where the tunnel device keeps that beside
    /// the packet.
    ///
    /// ```
    /// # use oxitables::{data::*, expr::*};
    /// let id = Tunnel::load(TunnelKey::Id, Register::R1);
    /// # assert_eq!(id.mode, None);
    /// ```
    ///
    /// Kernel: `nft_tunnel.c`, since 4.19; family `netdev`.
    pub struct Tunnel {
        /// What to read.
        req key: TunnelKey = 1 "NFTA_TUNNEL_KEY" as Be32,
        /// Register to read into.
        req dreg: Register = 2 "NFTA_TUNNEL_DREG" as Be32,
        /// Direction; either if `None`.
        opt mode: TunnelMode = 3 "NFTA_TUNNEL_MODE" as Be32,
    }
}

numbers! {
    /// What a [`Tunnel`] reads.
    pub enum TunnelKey: u32 {
        /// Whether there is a tunnel, 8 bits.
        Path = 0 "NFT_TUNNEL_PATH",
        /// Number of the tunnel (VNI, GRE key), 32 bits in the machine's order; no tunnel ends the
        /// rule.
        Id = 1 "NFT_TUNNEL_ID",
    }
}

numbers! {
    /// Direction of a [`Tunnel`].
    pub enum TunnelMode: u32 {
        /// Either.
        None = 0 "NFT_TUNNEL_MODE_NONE",
        /// The tunnel that the packet came by.
        Rx = 1 "NFT_TUNNEL_MODE_RX",
        /// The tunnel that the packet goes to.
        Tx = 2 "NFT_TUNNEL_MODE_TX",
    }
}

impl Tunnel {
    /// Reads `key` into `dreg`.
    pub fn load(key: TunnelKey, dreg: Register) -> Self {
        Self::required(key, dreg)
    }
}
