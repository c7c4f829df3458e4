use crate::{
    data::Register,
    wire::{Be32, Bits32, U8},
};

attributes! {
    /// Guesses the operating system of a sender from its TCP SYN packet.
    ///
    /// The register takes a name of 16 bytes, `unknown` if no fingerprint matches; fingerprints are
    /// loaded with `nfnl_osf`.
    ///
    /// ```
    /// # use oxitables::{data::*, expr::*};
    /// let name = Osf::new(OsfTtl::True, Register::R1);
    /// # assert_eq!(name.flags, None);
    /// ```
    ///
    /// Kernel: `nft_osf.c`, since 4.19; families `ip`, `inet`; at prerouting, input, forward.
    pub struct Osf {
        /// How the packet's time to live has to fit; [`OsfTtl::True`] if `None`.
        opt ttl: OsfTtl = 2 "NFTA_OSF_TTL" as U8,
        /// Flags. Since 5.2. The kernel reports "none" as zero, and refuses zero.
        opt flags: OsfFlags = 3 "NFTA_OSF_FLAGS" as Bits32,
        /// Register that takes the name.
        req dreg: Register = 1 "NFTA_OSF_DREG" as Be32,
    }
}

numbers! {
    /// How the time to live of an [`Osf`]'s packet has to fit the fingerprint.
    pub enum OsfTtl: u8 {
        /// As the fingerprint says, less what the way took.
        True = 0 "NF_OSF_TTL_TRUE",
        /// Not more than the fingerprint says.
        Less = 1 "NF_OSF_TTL_LESS",
        /// Any.
        NoCheck = 2 "NF_OSF_TTL_NOCHECK",
    }
}

flags! {
    /// Flags of an [`Osf`].
    pub struct OsfFlags: u32 {
        /// Name and version, `Linux:3.0`, instead of the name alone. Since 5.2.
        VERSION = 1 "NFT_OSF_F_VERSION",
    }
}

impl Osf {
    /// Loads the name into `dreg`.
    pub fn new(ttl: OsfTtl, dreg: Register) -> Self {
        Self { ttl: Some(ttl), ..Self::required(dreg) }
    }

    /// Loads name and version instead. Since 5.2.
    pub fn with_version(mut self) -> Self {
        self.flags = Some(OsfFlags::VERSION);
        self
    }
}
