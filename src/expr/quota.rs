use crate::wire::{Be32, Be64};

attributes! {
    /// Matches until a number of bytes has passed, or from then on.
    ///
    /// ```
    /// # use oxitables::expr::*;
    /// let first_gibibyte = Quota::until(1 << 30);
    /// let afterwards = Quota::over(1 << 30);
    /// # assert_ne!(first_gibibyte, afterwards);
    /// ```
    ///
    /// Kernel: `nft_quota.c`, since 4.9.
    pub struct Quota {
        /// Bytes.
        req bytes: u64 = 1 "NFTA_QUOTA_BYTES" as Be64,
        /// Bytes used up. Since 4.10.
        opt consumed: u64 = 4 "NFTA_QUOTA_CONSUMED" as Be64,
        /// Flags.
        opt flags: QuotaFlags = 2 "NFTA_QUOTA_FLAGS" as Be32,
    } pad 3 "NFTA_QUOTA_PAD"
}

flags! {
    /// Flags of a [`Quota`].
    pub struct QuotaFlags: u32 {
        /// Match once the bytes are used up.
        INV = 1 "NFT_QUOTA_F_INV",
        /// Used up, as the kernel reports it.
        DEPLETED = 2 "NFT_QUOTA_F_DEPLETED",
    }
}

impl Quota {
    /// Matches while less than `bytes` have passed.
    pub fn until(bytes: u64) -> Self {
        Self { flags: Some(QuotaFlags::empty()), ..Self::required(bytes) }
    }

    /// Matches once `bytes` have passed.
    pub fn over(bytes: u64) -> Self {
        Self { flags: Some(QuotaFlags::INV), ..Self::required(bytes) }
    }
}
