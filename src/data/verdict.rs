use super::Name;
use crate::wire::{Be32, BeI32, Text};

attributes! {
    /// What becomes of a packet, or of its way through the chains.
    ///
    /// ```
    /// # use oxitables::data::Verdict;
    /// assert_eq!(Verdict::jump("limits").chain.unwrap(), "limits");
    /// ```
    ///
    /// Kernel: `nft_verdict_init`, `nft_do_chain`.
    #[derive(Hash)]
    pub struct Verdict {
        /// Which verdict.
        req code: VerdictCode = 1 "NFTA_VERDICT_CODE" as BeI32,
        /// Where `jump` and `goto` go.
        opt chain: Name = 2 "NFTA_VERDICT_CHAIN" as Text<255>,
        /// The same for a chain of this batch that has no name yet. Since 5.9; never reported.
        opt chain_id: u32 = 3 "NFTA_VERDICT_CHAIN_ID" as Be32,
    }
}

numbers! {
    /// Kind of a [`Verdict`].
    pub enum VerdictCode: i32 {
        /// The packet is gone.
        Drop = 0 "NF_DROP",
        /// The packet goes on to the next base chain of the hook, if any.
        Accept = 1 "NF_ACCEPT",
        /// Another part of the kernel has taken the packet; in traces, never in rules.
        Stolen = 2 "NF_STOLEN",
        /// To the program that listens on a queue, whose number is in the upper 16 bits; nft uses
        /// the expression `queue`.
        Queue = 3 "NF_QUEUE",
        /// The hook once more; never in rules.
        Repeat = 4 "NF_REPEAT",
        /// The next rule.
        Continue = -1 "NFT_CONTINUE",
        /// The next rule, as when a match failed.
        Break = -2 "NFT_BREAK",
        /// Into a chain, and back after it.
        Jump = -3 "NFT_JUMP",
        /// Into a chain, and not back.
        Goto = -4 "NFT_GOTO",
        /// Back to the chain that jumped here; the policy in a base chain.
        Return = -5 "NFT_RETURN",
    }
}

impl Verdict {
    /// Lets the packet pass this base chain.
    pub fn accept() -> Self {
        Self::required(VerdictCode::Accept)
    }

    /// Drops the packet.
    pub fn drop() -> Self {
        Self::required(VerdictCode::Drop)
    }

    /// Goes on with the next rule.
    pub fn continue_() -> Self {
        Self::required(VerdictCode::Continue)
    }

    /// Goes back to the calling chain.
    pub fn return_() -> Self {
        Self::required(VerdictCode::Return)
    }

    /// Goes into `chain` and comes back after it.
    pub fn jump(chain: impl Into<Name>) -> Self {
        Self { chain: Some(chain.into()), ..Self::required(VerdictCode::Jump) }
    }

    /// Goes into `chain` and does not come back.
    pub fn goto(chain: impl Into<Name>) -> Self {
        Self { chain: Some(chain.into()), ..Self::required(VerdictCode::Goto) }
    }
}
