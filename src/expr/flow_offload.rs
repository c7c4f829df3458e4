use crate::{data::Name, wire::Text};

attributes! {
    /// Puts the packet's connection into a flowtable: its further packets pass the rules by.
    ///
    /// ```
    /// # use oxitables::expr::*;
    /// let fast = FlowOffload::new("ft");
    /// # assert_eq!(fast.flowtable, "ft");
    /// ```
    ///
    /// Kernel: `nft_flow_offload.c`, since 4.16; at forward.
    pub struct FlowOffload {
        /// Name of the flowtable.
        req flowtable: Name = 1 "NFTA_FLOW_TABLE_NAME" as Text<255>,
    }
}

impl FlowOffload {
    /// Into the flowtable of this name.
    pub fn new(flowtable: impl Into<Name>) -> Self {
        Self::required(flowtable.into())
    }
}
