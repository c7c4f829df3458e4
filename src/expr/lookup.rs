use crate::{
    data::{Name, Register},
    wire::{Be32, Text},
};

attributes! {
    /// Tests set membership, or fetches the value that a map has for the key.
    ///
    /// ```
    /// # use oxitables::{data::*, expr::*};
    /// let refused = Lookup::new("admins", Register::R1).inverted();
    /// # assert_eq!(refused.flags, Some(LookupFlags::INV));
    /// ```
    ///
    /// Kernel: `nft_lookup.c`, since 3.13.
    pub struct Lookup {
        /// The set or map.
        req set: Name = 1 "NFTA_LOOKUP_SET" as Text<255>,
        /// Id of a set of this batch that has no name yet; never reported.
        opt set_id: u32 = 4 "NFTA_LOOKUP_SET_ID" as Be32,
        /// Register that holds the key.
        req sreg: Register = 2 "NFTA_LOOKUP_SREG" as Be32,
        /// Register that takes the value; maps only.
        opt dreg: Register = 3 "NFTA_LOOKUP_DREG" as Be32,
        /// Flags. Since 4.8.
        opt flags: LookupFlags = 5 "NFTA_LOOKUP_FLAGS" as Be32,
    }
}

flags! {
    /// Flags of a [`Lookup`].
    pub struct LookupFlags: u32 {
        /// Match what is not in the set.
        INV = 1 "NFT_LOOKUP_F_INV",
    }
}

impl Lookup {
    /// Goes on if the key in `sreg` is in `set`.
    pub fn new(set: impl Into<Name>, sreg: Register) -> Self {
        Self::required(set.into(), sreg)
    }

    /// Goes on if it is not.
    pub fn inverted(mut self) -> Self {
        self.flags = Some(LookupFlags::INV);
        self
    }

    /// Loads the map's value into `dreg`.
    pub fn into_register(mut self, dreg: Register) -> Self {
        self.dreg = Some(dreg);
        self
    }
}
