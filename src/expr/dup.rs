use crate::{data::Register, wire::Be32};

attributes! {
    /// Sends a copy of the packet somewhere.
    ///
    /// ```
    /// # use oxitables::{data::*, expr::*};
    /// let to_host = Dup::to_address(Register::R1);
    /// let by_port = Dup::to_device(Register::R1);
    /// # assert_ne!(to_host, by_port);
    /// ```
    ///
    /// Kernel: `nft_dup_ipv4.c`, `nft_dup_ipv6.c` since 4.3, `nft_dup_netdev.c` since 4.6.
    #[derive(Default)]
    pub struct Dup {
        /// Register of the host that gets the copy; families `ip` and `ip6`.
        opt address: Register = 1 "NFTA_DUP_SREG_ADDR" as Be32,
        /// Register of the index of the device; mandatory in family `netdev`.
        opt device: Register = 2 "NFTA_DUP_SREG_DEV" as Be32,
    }
}

impl Dup {
    /// A copy to the host whose address is in `register` (`ip`, `ip6`).
    pub fn to_address(register: Register) -> Self {
        Self { address: Some(register), ..Self::default() }
    }

    /// A copy out of the device whose index is in `register` (`netdev`).
    pub fn to_device(register: Register) -> Self {
        Self { device: Some(register), ..Self::default() }
    }

    /// By the device whose index is in `register`.
    pub fn by_device(mut self, register: Register) -> Self {
        self.device = Some(register);
        self
    }
}
