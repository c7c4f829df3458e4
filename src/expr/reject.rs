use crate::wire::{Be32, U8};

attributes! {
    /// Drops the packet and tells its sender.
    ///
    /// ```
    /// # use oxitables::expr::*;
    /// // As if nothing listened on the port.
    /// let closed = Reject::tcp_reset();
    /// # assert_eq!(closed.code, Some(0));
    /// ```
    ///
    /// Kernel: `nft_reject.c`, since 3.14; at input, forward, output, and since 5.9 prerouting.
    pub struct Reject {
        /// What the sender gets.
        req kind: RejectType = 1 "NFTA_REJECT_TYPE" as Be32,
        /// Code of the ICMP message: ICMP's in `ip`, ICMPv6's in `ip6`, `NFT_REJECT_ICMPX_*` for
        /// [`RejectType::Icmpx`]; 0 for a reset.
        opt code: u8 = 2 "NFTA_REJECT_ICMP_CODE" as U8,
    }
}

numbers! {
    /// What the sender of a rejected packet gets.
    pub enum RejectType: u32 {
        /// ICMP or ICMPv6 destination unreachable.
        Icmp = 0 "NFT_REJECT_ICMP_UNREACH",
        /// TCP reset.
        TcpReset = 1 "NFT_REJECT_TCP_RST",
        /// Destination unreachable of the packet's own family; for `inet` and `bridge`.
        Icmpx = 2 "NFT_REJECT_ICMPX_UNREACH",
    }
}

impl Reject {
    /// A TCP reset.
    pub fn tcp_reset() -> Self {
        Self { code: Some(0), ..Self::required(RejectType::TcpReset) }
    }

    /// An ICMP message with a code of the given kind.
    pub fn icmp(kind: RejectType, code: u8) -> Self {
        Self { code: Some(code), ..Self::required(kind) }
    }
}
