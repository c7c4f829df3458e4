//! What the kernel tells by itself.

use super::Generation;
use crate::{
    data::{Family, Name, Verdict},
    wire::{Be16, Be32, Be64, Blob, Nest, Text, U8},
};

attributes! {
    /// A commit: the last message of those that tell its changes, and the answer to the question
    /// for the generation.
    ///
    /// Kernel: `nf_tables_fill_gen_info`, since 3.18.
    pub struct GenerationInfo {
        /// The generation that it left.
        req id: Generation = 1 "NFTA_GEN_ID" as Be32,
        /// Process that committed, or asked. Since 4.6.
        opt process: u32 = 2 "NFTA_GEN_PROC_PID" as Be32,
        /// Name of that process. Since 4.6.
        opt program: Name = 3 "NFTA_GEN_PROC_NAME" as Text<15>,
    }
}

attributes! {
    /// One step of a traced packet (`meta nftrace set 1`): a rule that matched, or the end of a
    /// base chain.
    ///
    /// Packet and devices are told with the first step only.
    ///
    /// Kernel: `nft_trace_notify` in `nf_tables_trace.c`, since 4.5; heard by the group
    /// `NFNLGRP_NFTRACE`.
    pub struct Trace [
        /// Family of the table.
        family: Family
    ] {
        /// Family that the hook is of.
        opt nfproto: u32 = 15 "NFTA_TRACE_NFPROTO" as Be32,
        /// Kind of the step.
        req kind: TraceType = 4 "NFTA_TRACE_TYPE" as Be32,
        /// Number of the packet: the same in all of its steps. The kernel has it in its own order;
        /// this is as nft prints it.
        opt id: u32 = 6 "NFTA_TRACE_ID" as Be32,
        /// Chain.
        opt chain: Name = 2 "NFTA_TRACE_CHAIN" as Text<255>,
        /// Table.
        opt table: Name = 1 "NFTA_TRACE_TABLE" as Text<255>,
        /// The rule.
        opt rule: u64 = 3 "NFTA_TRACE_RULE_HANDLE" as Be64,
        /// What the rule said.
        opt verdict: Verdict = 5 "NFTA_TRACE_VERDICT" as Nest,
        /// What the base chain said where no rule did.
        opt policy: u32 = 16 "NFTA_TRACE_POLICY" as Be32,
        /// Mark of the packet, if it has one.
        opt mark: u32 = 14 "NFTA_TRACE_MARK" as Be32,
        /// Index of the incoming device.
        opt iif: u32 = 10 "NFTA_TRACE_IIF" as Be32,
        /// Hardware type of the incoming device (`ARPHRD_*`).
        opt iiftype: u16 = 11 "NFTA_TRACE_IIFTYPE" as Be16,
        /// Index of the outgoing device.
        opt oif: u32 = 12 "NFTA_TRACE_OIF" as Be32,
        /// Hardware type of the outgoing device (`ARPHRD_*`).
        opt oiftype: u16 = 13 "NFTA_TRACE_OIFTYPE" as Be16,
        /// Start of the network header, up to 40 bytes.
        opt network_header: Vec<u8> = 8 "NFTA_TRACE_NETWORK_HEADER" as Blob<65531>,
        /// Start of the transport header, up to 20 bytes.
        opt transport_header: Vec<u8> = 9 "NFTA_TRACE_TRANSPORT_HEADER" as Blob<65531>,
        /// Start of the link-layer header, up to 20 bytes.
        opt link_header: Vec<u8> = 7 "NFTA_TRACE_LL_HEADER" as Blob<65531>,
        /// State of the packet in its connection, a bit as of `ct state`. Since 6.16.
        opt ct_state: u32 = 21 "NFTA_TRACE_CT_STATE" as Be32,
        /// Direction in the connection: 0 original, 1 reply. Since 6.16.
        opt ct_direction: u8 = 19 "NFTA_TRACE_CT_DIRECTION" as U8,
        /// Identifier of the packet's connection, as conntrack(8) prints it. Since 6.16.
        opt ct_id: u32 = 18 "NFTA_TRACE_CT_ID" as Be32,
        /// Status bits of the connection (`IPS_*`). Since 6.16.
        opt ct_status: u32 = 20 "NFTA_TRACE_CT_STATUS" as Be32,
    } pad 17 "NFTA_TRACE_PAD"
}

numbers! {
    /// Kind of a [`Trace`].
    pub enum TraceType: u32 {
        /// No rule decided: the policy of the base chain did.
        Policy = 1 "NFT_TRACETYPE_POLICY",
        /// A chain ended, and the packet returned to where it came from.
        Return = 2 "NFT_TRACETYPE_RETURN",
        /// A rule matched.
        Rule = 3 "NFT_TRACETYPE_RULE",
    }
}
