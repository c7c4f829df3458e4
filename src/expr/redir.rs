use super::NatFlags;
use crate::{data::Register, wire::Be32};

attributes! {
    /// Destination NAT to this host: to the address of the incoming interface, or to loopback at
    /// output.
    ///
    /// For `nat` chains at prerouting and output.
    ///
    /// ```
    /// # use oxitables::{data::*, expr::*};
    /// let to_port_in_register_1 = Redir::new().to_port(Register::R1);
    /// # assert_eq!(to_port_in_register_1.port_min, Some(Register::R1));
    /// ```
    ///
    /// Kernel: `nft_redir.c`, since 3.19.
    #[derive(Default)]
    pub struct Redir {
        /// Register of the lowest port.
        opt port_min: Register = 1 "NFTA_REDIR_REG_PROTO_MIN" as Be32,
        /// Register of the highest port.
        opt port_max: Register = 2 "NFTA_REDIR_REG_PROTO_MAX" as Be32,
        /// How ports are chosen.
        opt flags: NatFlags = 3 "NFTA_REDIR_FLAGS" as Be32,
    }
}

impl Redir {
    /// To the same port.
    pub fn new() -> Self {
        Self::default()
    }

    /// To the port in `register`.
    pub fn to_port(mut self, register: Register) -> Self {
        self.port_min = Some(register);
        self
    }
}
