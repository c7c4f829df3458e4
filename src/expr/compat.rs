//! Extensions of iptables in rules of nf_tables, as `iptables-nft` makes them.

use crate::{
    data::Name,
    wire::{Be32, Blob, Text},
};

attributes! {
    /// A match of iptables.
    ///
    /// What it is told is a C struct in the machine's layout: this crate keeps the bytes. Some
    /// extensions also ask for the protocol of the rule, which the kernel does not report: see
    /// [`RuleCompat`](crate::model::RuleCompat).
    ///
    /// Kernel: `nft_compat.c`, since 3.13.
    pub struct XtMatch {
        /// Name of the extension, up to 28 bytes.
        req name: Name = 1 "NFTA_MATCH_NAME" as Text<28>,
        /// Revision of the struct.
        req revision: u32 = 2 "NFTA_MATCH_REV" as Be32,
        /// The struct.
        req info: Vec<u8> = 3 "NFTA_MATCH_INFO" as Blob<65000>,
    }
}

attributes! {
    /// A target of iptables. As with [`XtMatch`], the bytes are kept.
    ///
    /// Kernel: `nft_compat.c`, since 3.13.
    pub struct XtTarget {
        /// Name of the extension, up to 28 bytes.
        req name: Name = 1 "NFTA_TARGET_NAME" as Text<28>,
        /// Revision of the struct.
        req revision: u32 = 2 "NFTA_TARGET_REV" as Be32,
        /// The struct.
        req info: Vec<u8> = 3 "NFTA_TARGET_INFO" as Blob<65000>,
    }
}

impl XtMatch {
    /// The match `name` with its struct.
    pub fn new(name: impl Into<Name>, revision: u32, info: impl Into<Vec<u8>>) -> Self {
        Self::required(name.into(), revision, info.into())
    }
}

impl XtTarget {
    /// The target `name` with its struct.
    pub fn new(name: impl Into<Name>, revision: u32, info: impl Into<Vec<u8>>) -> Self {
        Self::required(name.into(), revision, info.into())
    }
}
