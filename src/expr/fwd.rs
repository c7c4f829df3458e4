use crate::{
    data::{Family, Register},
    wire::Be32,
};

attributes! {
    /// Sends the packet out of another device, past the rest of the network stack.
    ///
    /// ```
    /// # use oxitables::{data::*, expr::*};
    /// let out = Fwd::to_device(Register::R1);
    /// # assert_eq!(out.address, None);
    /// ```
    ///
    /// Kernel: `nft_fwd_netdev.c`, since 4.5; family `netdev`.
    pub struct Fwd {
        /// Register of the index of the device.
        req device: Register = 1 "NFTA_FWD_SREG_DEV" as Be32,
        /// Register of the neighbour's address; with it the packet gets a new link-layer header and
        /// a lower time to live. Since 4.17.
        opt address: Register = 2 "NFTA_FWD_SREG_ADDR" as Be32,
        /// Family of that address, as a number: 2 for IPv4, 10 for IPv6.
        opt family: u32 = 3 "NFTA_FWD_NFPROTO" as Be32,
    }
}

impl Fwd {
    /// Out of the device whose index is in `register`, as it is.
    pub fn to_device(register: Register) -> Self {
        Self::required(register)
    }

    /// To the neighbour whose address is in `register`. Since 4.17.
    pub fn to_neighbour(mut self, family: Family, register: Register) -> Self {
        (self.address, self.family) = (Some(register), Some(u8::from(family).into()));
        self
    }
}
