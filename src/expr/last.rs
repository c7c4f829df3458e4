use crate::wire::{Be32, Ms64};
use std::time::Duration;

attributes! {
    /// Remembers when the last packet got here.
    ///
    /// ```
    /// # use oxitables::expr::*;
    /// let last = Last::new();
    /// assert_eq!(last.used(), None);
    /// ```
    ///
    /// Kernel: `nft_last.c`, since 5.14.
    #[derive(Default)]
    pub struct Last {
        /// 1 if there was a packet, else 0.
        opt set: u32 = 1 "NFTA_LAST_SET" as Be32,
        /// How long ago that was, in milliseconds on the wire. With `set` 1 only.
        opt ago: Duration = 2 "NFTA_LAST_MSECS" as Ms64,
    } pad 3 "NFTA_LAST_PAD"
}

impl Last {
    /// No packet yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long ago the last packet was; `None` if there was none.
    pub fn used(&self) -> Option<Duration> {
        self.ago.filter(|_| self.set.is_some_and(|set| set != 0))
    }
}
