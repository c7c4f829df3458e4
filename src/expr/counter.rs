use crate::wire::Be64;

attributes! {
    /// Counts the packets that get here, and their bytes.
    ///
    /// ```
    /// # use oxitables::expr::Counter;
    /// let counter = Counter::new();
    /// assert_eq!((counter.packets, counter.bytes), (None, None));
    /// ```
    ///
    /// Kernel: `nft_counter.c`, since 3.13.
    #[derive(Default)]
    pub struct Counter {
        /// Bytes seen.
        opt bytes: u64 = 1 "NFTA_COUNTER_BYTES" as Be64,
        /// Packets seen.
        opt packets: u64 = 2 "NFTA_COUNTER_PACKETS" as Be64,
    } pad 3 "NFTA_COUNTER_PAD"
}

impl Counter {
    /// A counter at zero.
    pub fn new() -> Self {
        Self::default()
    }
}
