use crate::wire::{Be32, Be64};
use std::time::Duration;

attributes! {
    /// Lets a rate of packets or bytes pass and ends the rule for the rest: a token bucket.
    ///
    /// ```
    /// # use oxitables::expr::*;
    /// # use std::time::Duration;
    /// let pings = Limit::packets(10, Duration::from_secs(1)).with_burst(20);
    /// assert_eq!((pings.rate, pings.unit, pings.burst), (10, 1, Some(20)));
    /// ```
    ///
    /// Kernel: `nft_limit.c`, since 3.13; bytes since 4.3.
    pub struct Limit {
        /// Packets or bytes per unit; not 0.
        req rate: u64 = 1 "NFTA_LIMIT_RATE" as Be64,
        /// The unit in seconds: 1, 60, 3600, 86400 or 604800 print as words in nft.
        req unit: u64 = 2 "NFTA_LIMIT_UNIT" as Be64,
        /// What may pass at once beyond the rate; the kernel takes 5 packets, or the rate in bytes,
        /// for 0.
        opt burst: u32 = 3 "NFTA_LIMIT_BURST" as Be32,
        /// What is counted; packets if `None`.
        opt kind: LimitType = 4 "NFTA_LIMIT_TYPE" as Be32,
        /// Flags.
        opt flags: LimitFlags = 5 "NFTA_LIMIT_FLAGS" as Be32,
    } pad 6 "NFTA_LIMIT_PAD"
}

numbers! {
    /// What a [`Limit`] counts.
    pub enum LimitType: u32 {
        /// Packets.
        Packets = 0 "NFT_LIMIT_PKTS",
        /// Bytes.
        Bytes = 1 "NFT_LIMIT_PKT_BYTES",
    }
}

flags! {
    /// Flags of a [`Limit`].
    pub struct LimitFlags: u32 {
        /// Match what is over the rate.
        INV = 1 "NFT_LIMIT_F_INV",
    }
}

impl Limit {
    /// `rate` packets per `unit` (whole seconds), bursts of 5.
    pub fn packets(rate: u64, unit: Duration) -> Self {
        Self::new(LimitType::Packets, rate, unit).with_burst(5)
    }

    /// `rate` bytes per `unit` (whole seconds).
    pub fn bytes(rate: u64, unit: Duration) -> Self {
        Self::new(LimitType::Bytes, rate, unit).with_burst(0)
    }

    /// What may pass at once beyond the rate.
    pub fn with_burst(mut self, burst: u32) -> Self {
        self.burst = Some(burst);
        self
    }

    /// Matches what is over the rate instead.
    pub fn over(mut self) -> Self {
        self.flags = Some(LimitFlags::INV);
        self
    }

    fn new(kind: LimitType, rate: u64, unit: Duration) -> Self {
        Self { kind: Some(kind), flags: Some(LimitFlags::empty()), ..Self::required(rate, unit.as_secs()) }
    }
}
