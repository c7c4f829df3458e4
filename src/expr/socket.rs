use crate::{data::Register, wire::Be32};

attributes! {
    /// Reads from the local socket that the packet belongs to. A packet without one ends the rule.
    ///
    /// ```
    /// # use oxitables::{data::*, expr::*};
    /// let mark = Socket::load(SocketKey::Mark, Register::R1);
    /// let slice = Socket::cgroup(2, Register::R1);
    /// # assert_ne!(mark, slice);
    /// ```
    ///
    /// Kernel: `nft_socket.c`, since 4.18; families `ip`, `ip6`, `inet`.
    pub struct Socket {
        /// What to read.
        req key: SocketKey = 1 "NFTA_SOCKET_KEY" as Be32,
        /// Register to read into.
        req dreg: Register = 2 "NFTA_SOCKET_DREG" as Be32,
        /// Control groups: which ancestor, counted from the root, from 1 on. Since 5.13.
        opt level: u32 = 3 "NFTA_SOCKET_LEVEL" as Be32,
    }
}

numbers! {
    /// What a [`Socket`] reads.
    pub enum SocketKey: u32 {
        /// Whether it has the transparent option, 8 bits.
        Transparent = 0 "NFT_SOCKET_TRANSPARENT",
        /// Its mark, 32 bits in the machine's order. Since 4.19.
        Mark = 1 "NFT_SOCKET_MARK",
        /// Whether it is bound to any address, 8 bits. Since 5.10.
        Wildcard = 2 "NFT_SOCKET_WILDCARD",
        /// Number of its control group (version 2), 64 bits in the machine's order. Since 5.13.
        CgroupV2 = 3 "NFT_SOCKET_CGROUPV2",
    }
}

impl Socket {
    /// Reads `key` into `dreg`.
    pub fn load(key: SocketKey, dreg: Register) -> Self {
        Self::required(key, dreg)
    }

    /// Reads the control group at `level` below the root into `dreg`. Since 5.13.
    pub fn cgroup(level: u32, dreg: Register) -> Self {
        Self { level: Some(level), ..Self::load(SocketKey::CgroupV2, dreg) }
    }
}
