use super::NatFlags;
use crate::{data::Register, wire::Be32};

attributes! {
    /// Source NAT to the address that the outgoing interface has.
    ///
    /// For `nat` chains at postrouting.
    ///
    /// ```
    /// # use oxitables::expr::*;
    /// assert_eq!(Expr::from(Masq::new()).name(), "masq");
    /// ```
    ///
    /// Kernel: `nft_masq.c`, since 3.18.
    #[derive(Default)]
    pub struct Masq {
        /// How ports are chosen.
        opt flags: NatFlags = 1 "NFTA_MASQ_FLAGS" as Be32,
        /// Register of the lowest port. Since 4.6.
        opt port_min: Register = 2 "NFTA_MASQ_REG_PROTO_MIN" as Be32,
        /// Register of the highest port. Since 4.6.
        opt port_max: Register = 3 "NFTA_MASQ_REG_PROTO_MAX" as Be32,
    }
}

impl Masq {
    /// With ports as the kernel likes.
    pub fn new() -> Self {
        Self::default()
    }
}
