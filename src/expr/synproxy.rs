use crate::wire::{Be16, Be32, U8};

attributes! {
    /// Answers TCP SYN packets in place of the server until the client has proved its address.
    ///
    /// ```
    /// # use oxitables::expr::*;
    /// let proxy = Synproxy::new(1460, 7).with_flags(SynproxyFlags::TIMESTAMP | SynproxyFlags::SACK_PERM);
    /// # assert_eq!(proxy.flags.unwrap().bits(), 15);
    /// ```
    ///
    /// Kernel: `nft_synproxy.c`, since 5.3, as an object since 5.4; at input and forward.
    #[derive(Default)]
    pub struct Synproxy {
        /// Largest segment that is offered to clients, in bytes.
        opt mss: u16 = 1 "NFTA_SYNPROXY_MSS" as Be16,
        /// Window scale that is offered to clients: the window is shifted by this many bits.
        opt wscale: u8 = 2 "NFTA_SYNPROXY_WSCALE" as U8,
        /// TCP options that are offered to clients.
        opt flags: SynproxyFlags = 3 "NFTA_SYNPROXY_FLAGS" as Be32,
    }
}

flags! {
    /// TCP options that a [`Synproxy`] offers.
    pub struct SynproxyFlags: u32 {
        /// Largest segment.
        MSS = 1 "NF_SYNPROXY_OPT_MSS",
        /// Window scale.
        WSCALE = 2 "NF_SYNPROXY_OPT_WSCALE",
        /// Selective acknowledgement.
        SACK_PERM = 4 "NF_SYNPROXY_OPT_SACK_PERM",
        /// Timestamps, which the two others need.
        TIMESTAMP = 8 "NF_SYNPROXY_OPT_TIMESTAMP",
        /// Explicit congestion notification; refused by the kernel, which sets it by itself.
        ECN = 16 "NF_SYNPROXY_OPT_ECN",
    }
}

impl Synproxy {
    /// Offers segments of `mss` bytes and a window scale.
    pub fn new(mss: u16, wscale: u8) -> Self {
        Self {
            mss: Some(mss),
            wscale: Some(wscale),
            flags: Some(SynproxyFlags::MSS | SynproxyFlags::WSCALE),
            ..Self::default()
        }
    }

    /// Offers these options, too.
    pub fn with_flags(mut self, flags: SynproxyFlags) -> Self {
        self.flags = Some(self.flags.unwrap_or_default() | flags);
        self
    }
}
