use crate::wire::Be32;

attributes! {
    /// Counts the connections that get here and are still open; ends the rule when they are more
    /// than the limit.
    ///
    /// ```
    /// # use oxitables::expr::*;
    /// let up_to_ten = Connlimit::until(10);
    /// let more = Connlimit::over(10);
    /// # assert_ne!(up_to_ten, more);
    /// ```
    ///
    /// Kernel: `nft_connlimit.c`, since 4.18; families `ip`, `ip6`, `inet`.
    pub struct Connlimit {
        /// Connections.
        req count: u32 = 1 "NFTA_CONNLIMIT_COUNT" as Be32,
        /// Flags; the kernel reports them only if there are any.
        opt flags: ConnlimitFlags = 2 "NFTA_CONNLIMIT_FLAGS" as Be32,
    }
}

flags! {
    /// Flags of a [`Connlimit`].
    pub struct ConnlimitFlags: u32 {
        /// Match when there are more.
        INV = 1 "NFT_CONNLIMIT_F_INV",
    }
}

impl Connlimit {
    /// Matches while there are at most `count` connections.
    pub fn until(count: u32) -> Self {
        Self::required(count)
    }

    /// Matches once there are more than `count` connections.
    pub fn over(count: u32) -> Self {
        Self { flags: Some(ConnlimitFlags::INV), ..Self::required(count) }
    }
}
