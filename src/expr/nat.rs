use crate::{
    data::{Family, Register},
    wire::Be32,
};

attributes! {
    /// Translates the source or the destination of a connection.
    ///
    /// For `nat` chains: source at postrouting and input, destination at prerouting and output.
    ///
    /// ```
    /// # use oxitables::{Family, data::*, expr::*};
    /// let dnat = Nat::new(NatType::Dnat, Family::Ip).to_address(Register::R1);
    /// # assert_eq!(dnat.family, 2);
    /// ```
    ///
    /// Kernel: `nft_nat.c`, since 3.13.
    pub struct Nat {
        /// Source or destination.
        req kind: NatType = 1 "NFTA_NAT_TYPE" as Be32,
        /// Family of the addresses, as a number: 2 for IPv4, 10 for IPv6.
        req family: u32 = 2 "NFTA_NAT_FAMILY" as Be32,
        /// Register of the lowest address.
        opt addr_min: Register = 3 "NFTA_NAT_REG_ADDR_MIN" as Be32,
        /// Register of the highest address.
        opt addr_max: Register = 4 "NFTA_NAT_REG_ADDR_MAX" as Be32,
        /// Register of the lowest port.
        opt port_min: Register = 5 "NFTA_NAT_REG_PROTO_MIN" as Be32,
        /// Register of the highest port.
        opt port_max: Register = 6 "NFTA_NAT_REG_PROTO_MAX" as Be32,
        /// How addresses and ports are chosen.
        opt flags: NatFlags = 7 "NFTA_NAT_FLAGS" as Be32,
    }
}

numbers! {
    /// Which end of a connection a [`Nat`] translates.
    pub enum NatType: u32 {
        /// The source.
        Snat = 0 "NFT_NAT_SNAT",
        /// The destination.
        Dnat = 1 "NFT_NAT_DNAT",
    }
}

flags! {
    /// How address translation chooses addresses and ports.
    pub struct NatFlags: u32 {
        /// An address is given; the kernel sets it by itself.
        MAP_IPS = 1 "NF_NAT_RANGE_MAP_IPS",
        /// A port is given; the kernel sets it by itself.
        PROTO_SPECIFIED = 2 "NF_NAT_RANGE_PROTO_SPECIFIED",
        /// nft's `random`: a random port.
        RANDOM = 4 "NF_NAT_RANGE_PROTO_RANDOM",
        /// nft's `persistent`: the same address for the same client.
        PERSISTENT = 8 "NF_NAT_RANGE_PERSISTENT",
        /// nft's `fully-random`: a random port, not hashed from the addresses.
        FULLY_RANDOM = 16 "NF_NAT_RANGE_PROTO_RANDOM_FULLY",
        /// The port keeps its offset in the range.
        PROTO_OFFSET = 32 "NF_NAT_RANGE_PROTO_OFFSET",
        /// Prefix to prefix, one to one. Since 5.8.
        NETMAP = 64 "NF_NAT_RANGE_NETMAP",
    }
}

impl Nat {
    /// Translates to what registers say.
    pub fn new(kind: NatType, family: Family) -> Self {
        Self::required(kind, u8::from(family).into())
    }

    /// To the address in `register`.
    pub fn to_address(mut self, register: Register) -> Self {
        self.addr_min = Some(register);
        self
    }

    /// To the port in `register`.
    pub fn to_port(mut self, register: Register) -> Self {
        self.port_min = Some(register);
        self
    }
}
