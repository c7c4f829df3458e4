use crate::wire::{Be32, Be64, Codec, DecodeError, Form, Writer};

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
        opt flags: QuotaFlags = 2 "NFTA_QUOTA_FLAGS" as Flags,
    } pad 3 "NFTA_QUOTA_PAD"
}

/// Flags; the one that only the kernel sets is not sent, it would refuse it.
#[derive(Debug)]
pub enum Flags {}

impl Codec<QuotaFlags> for Flags {
    fn put(value: &QuotaFlags, out: &mut Writer) {
        let reported = if out.form() == Form::Request { QuotaFlags::DEPLETED } else { QuotaFlags::empty() };
        Be32::put(&(*value - reported), out);
    }
    fn get(payload: &[u8]) -> Result<QuotaFlags, DecodeError> {
        Be32::get(payload)
    }
    #[cfg(test)]
    fn any() -> proptest::strategy::BoxedStrategy<QuotaFlags> {
        Be32::any()
    }
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
