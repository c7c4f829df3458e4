use crate::{data::Register, wire::Be32};

attributes! {
    /// Asks the routing table about an address of the packet.
    ///
    /// ```
    /// # use oxitables::{data::*, expr::*};
    /// // Whether replies would leave where the packet came in: fib saddr . iif oif
    /// let back = Fib::new(FibResult::Oif, FibFlags::SADDR | FibFlags::IIF, Register::R1);
    /// # assert_eq!(back.flags.bits(), 9);
    /// ```
    ///
    /// Kernel: `nft_fib.c`, since 4.10.
    pub struct Fib {
        /// Register that takes the answer.
        req dreg: Register = 1 "NFTA_FIB_DREG" as Be32,
        /// What is asked.
        req result: FibResult = 2 "NFTA_FIB_RESULT" as Be32,
        /// What is looked up: exactly one of source and destination address, and what else counts.
        req flags: FibFlags = 3 "NFTA_FIB_FLAGS" as Be32,
    }
}

numbers! {
    /// What a [`Fib`] asks.
    pub enum FibResult: u32 {
        /// Index of the interface of the route, 0 for none; 32 bits in the machine's order.
        Oif = 1 "NFT_FIB_RESULT_OIF",
        /// Name of the interface of the route, 16 bytes, zeros for none.
        Oifname = 2 "NFT_FIB_RESULT_OIFNAME",
        /// Type of the route (`RTN_*`: unicast, local, broadcast, …), 32 bits in the machine's
        /// order.
        Addrtype = 3 "NFT_FIB_RESULT_ADDRTYPE",
    }
}

flags! {
    /// What a [`Fib`] looks up.
    pub struct FibFlags: u32 {
        /// The source address.
        SADDR = 1 "NFTA_FIB_F_SADDR",
        /// The destination address.
        DADDR = 2 "NFTA_FIB_F_DADDR",
        /// With the packet mark.
        MARK = 4 "NFTA_FIB_F_MARK",
        /// Routes over the incoming interface only.
        IIF = 8 "NFTA_FIB_F_IIF",
        /// Routes over the outgoing interface only.
        OIF = 16 "NFTA_FIB_F_OIF",
        /// One byte in the register: whether there is a route. Since 4.11; not with
        /// [`FibResult::Addrtype`] before 6.15.
        PRESENT = 32 "NFTA_FIB_F_PRESENT",
    }
}

impl Fib {
    /// Asks for `result` about what `flags` name.
    pub fn new(result: FibResult, flags: FibFlags, dreg: Register) -> Self {
        Self::required(dreg, result, flags)
    }
}
