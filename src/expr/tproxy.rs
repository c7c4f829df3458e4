use crate::{
    data::{Family, Register},
    wire::Be32,
};

attributes! {
    /// Gives the packet to a transparent socket of this host without changing it.
    ///
    /// ```
    /// # use oxitables::{Family, data::*, expr::*};
    /// let proxy = Tproxy::new(Family::Ip).to_port(Register::R1);
    /// # assert_eq!(proxy.address, None);
    /// ```
    ///
    /// Kernel: `nft_tproxy.c`, since 4.19; families `ip`, `ip6`, `inet`; at prerouting.
    pub struct Tproxy {
        /// Family of the address, as a number: 2 for IPv4, 10 for IPv6, 0 for both.
        req family: u32 = 1 "NFTA_TPROXY_FAMILY" as Be32,
        /// Register of the address to find a socket at; that of the incoming interface if `None`.
        opt address: Register = 2 "NFTA_TPROXY_REG_ADDR" as Be32,
        /// Register of the port to find a socket at; that of the packet if `None`.
        opt port: Register = 3 "NFTA_TPROXY_REG_PORT" as Be32,
    }
}

impl Tproxy {
    /// For packets of `family`.
    pub fn new(family: Family) -> Self {
        Self::required(u8::from(family).into())
    }

    /// For packets of either family, in tables of family `inet`: with a port only.
    pub fn any_family() -> Self {
        Self::required(0)
    }

    /// To the address in `register`.
    pub fn to_address(mut self, register: Register) -> Self {
        self.address = Some(register);
        self
    }

    /// To the port in `register`.
    pub fn to_port(mut self, register: Register) -> Self {
        self.port = Some(register);
        self
    }
}
