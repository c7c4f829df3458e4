//! Chunks of SCTP.

use super::*;

/// User data.
pub mod data {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::SctpChunk, 0, offset)
    }
    fields! { rows "data", "sctp chunk ";
        /// Type of the chunk.
        Selector type_: u8 = at(0), 8, "type";
        /// Flags.
        Selector flags: u8 = at(8), 8, "flags";
        /// Length in bytes.
        Selector length: u16 = at(16), 16, "length";
        /// Its number.
        Selector tsn: u32 = at(32), 32, "tsn";
        /// Stream.
        Selector stream: u16 = at(64), 16, "stream";
        /// Number in the stream.
        Selector ssn: u16 = at(80), 16, "ssn";
        /// Protocol above.
        Selector ppid: u32 = at(96), 32, "ppid";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::SctpChunk, 0), 8, "" words "sctp chunk data";
    }
}

/// Opens an association.
pub mod init {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::SctpChunk, 1, offset)
    }
    fields! { rows "init", "sctp chunk ";
        /// Type of the chunk.
        Selector type_: u8 = at(0), 8, "type";
        /// Flags.
        Selector flags: u8 = at(8), 8, "flags";
        /// Length in bytes.
        Selector length: u16 = at(16), 16, "length";
        /// Tag of the sender.
        Selector init_tag: u32 = at(32), 32, "init-tag";
        /// Room of the receiver, in bytes.
        Selector a_rwnd: u32 = at(64), 32, "a-rwnd";
        /// Streams out.
        Selector num_outbound_streams: u16 = at(96), 16, "num-outbound-streams";
        /// Streams in.
        Selector num_inbound_streams: u16 = at(112), 16, "num-inbound-streams";
        /// First number.
        Selector initial_tsn: u32 = at(128), 32, "initial-tsn";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::SctpChunk, 1), 8, "" words "sctp chunk init";
    }
}

/// Agrees to it.
pub mod init_ack {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::SctpChunk, 2, offset)
    }
    fields! { rows "init-ack", "sctp chunk ";
        /// Type of the chunk.
        Selector type_: u8 = at(0), 8, "type";
        /// Flags.
        Selector flags: u8 = at(8), 8, "flags";
        /// Length in bytes.
        Selector length: u16 = at(16), 16, "length";
        /// Tag of the sender.
        Selector init_tag: u32 = at(32), 32, "init-tag";
        /// Room of the receiver, in bytes.
        Selector a_rwnd: u32 = at(64), 32, "a-rwnd";
        /// Streams out.
        Selector num_outbound_streams: u16 = at(96), 16, "num-outbound-streams";
        /// Streams in.
        Selector num_inbound_streams: u16 = at(112), 16, "num-inbound-streams";
        /// First number.
        Selector initial_tsn: u32 = at(128), 32, "initial-tsn";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::SctpChunk, 2), 8, "" words "sctp chunk init-ack";
    }
}

/// Acknowledges.
pub mod sack {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::SctpChunk, 3, offset)
    }
    fields! { rows "sack", "sctp chunk ";
        /// Type of the chunk.
        Selector type_: u8 = at(0), 8, "type";
        /// Flags.
        Selector flags: u8 = at(8), 8, "flags";
        /// Length in bytes.
        Selector length: u16 = at(16), 16, "length";
        /// All up to here arrived.
        Selector cum_tsn_ack: u32 = at(32), 32, "cum-tsn-ack";
        /// Room of the receiver, in bytes.
        Selector a_rwnd: u32 = at(64), 32, "a-rwnd";
        /// Blocks behind gaps.
        Selector num_gap_ack_blocks: u16 = at(96), 16, "num-gap-ack-blocks";
        /// What came twice.
        Selector num_dup_tsns: u16 = at(112), 16, "num-dup-tsns";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::SctpChunk, 3), 8, "" words "sctp chunk sack";
    }
}

/// Is the path alive?
pub mod heartbeat {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::SctpChunk, 4, offset)
    }
    fields! { rows "heartbeat", "sctp chunk ";
        /// Type of the chunk.
        Selector type_: u8 = at(0), 8, "type";
        /// Flags.
        Selector flags: u8 = at(8), 8, "flags";
        /// Length in bytes.
        Selector length: u16 = at(16), 16, "length";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::SctpChunk, 4), 8, "" words "sctp chunk heartbeat";
    }
}

/// It is.
pub mod heartbeat_ack {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::SctpChunk, 5, offset)
    }
    fields! { rows "heartbeat-ack", "sctp chunk ";
        /// Type of the chunk.
        Selector type_: u8 = at(0), 8, "type";
        /// Flags.
        Selector flags: u8 = at(8), 8, "flags";
        /// Length in bytes.
        Selector length: u16 = at(16), 16, "length";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::SctpChunk, 5), 8, "" words "sctp chunk heartbeat-ack";
    }
}

/// Breaks the association.
pub mod abort {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::SctpChunk, 6, offset)
    }
    fields! { rows "abort", "sctp chunk ";
        /// Type of the chunk.
        Selector type_: u8 = at(0), 8, "type";
        /// Flags.
        Selector flags: u8 = at(8), 8, "flags";
        /// Length in bytes.
        Selector length: u16 = at(16), 16, "length";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::SctpChunk, 6), 8, "" words "sctp chunk abort";
    }
}

/// Closes it.
pub mod shutdown {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::SctpChunk, 7, offset)
    }
    fields! { rows "shutdown", "sctp chunk ";
        /// Type of the chunk.
        Selector type_: u8 = at(0), 8, "type";
        /// Flags.
        Selector flags: u8 = at(8), 8, "flags";
        /// Length in bytes.
        Selector length: u16 = at(16), 16, "length";
        /// All up to here arrived.
        Selector cum_tsn_ack: u32 = at(32), 32, "cum-tsn-ack";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::SctpChunk, 7), 8, "" words "sctp chunk shutdown";
    }
}

/// Agrees.
pub mod shutdown_ack {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::SctpChunk, 8, offset)
    }
    fields! { rows "shutdown-ack", "sctp chunk ";
        /// Type of the chunk.
        Selector type_: u8 = at(0), 8, "type";
        /// Flags.
        Selector flags: u8 = at(8), 8, "flags";
        /// Length in bytes.
        Selector length: u16 = at(16), 16, "length";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::SctpChunk, 8), 8, "" words "sctp chunk shutdown-ack";
    }
}

/// Something was wrong.
pub mod error {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::SctpChunk, 9, offset)
    }
    fields! { rows "error", "sctp chunk ";
        /// Type of the chunk.
        Selector type_: u8 = at(0), 8, "type";
        /// Flags.
        Selector flags: u8 = at(8), 8, "flags";
        /// Length in bytes.
        Selector length: u16 = at(16), 16, "length";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::SctpChunk, 9), 8, "" words "sctp chunk error";
    }
}

/// Sends the cookie back.
pub mod cookie_echo {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::SctpChunk, 10, offset)
    }
    fields! { rows "cookie-echo", "sctp chunk ";
        /// Type of the chunk.
        Selector type_: u8 = at(0), 8, "type";
        /// Flags.
        Selector flags: u8 = at(8), 8, "flags";
        /// Length in bytes.
        Selector length: u16 = at(16), 16, "length";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::SctpChunk, 10), 8, "" words "sctp chunk cookie-echo";
    }
}

/// The cookie is right.
pub mod cookie_ack {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::SctpChunk, 11, offset)
    }
    fields! { rows "cookie-ack", "sctp chunk ";
        /// Type of the chunk.
        Selector type_: u8 = at(0), 8, "type";
        /// Flags.
        Selector flags: u8 = at(8), 8, "flags";
        /// Length in bytes.
        Selector length: u16 = at(16), 16, "length";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::SctpChunk, 11), 8, "" words "sctp chunk cookie-ack";
    }
}

/// Congestion was met.
pub mod ecne {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::SctpChunk, 12, offset)
    }
    fields! { rows "ecne", "sctp chunk ";
        /// Type of the chunk.
        Selector type_: u8 = at(0), 8, "type";
        /// Flags.
        Selector flags: u8 = at(8), 8, "flags";
        /// Length in bytes.
        Selector length: u16 = at(16), 16, "length";
        /// The first packet that met it.
        Selector lowest_tsn: u32 = at(32), 32, "lowest-tsn";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::SctpChunk, 12), 8, "" words "sctp chunk ecne";
    }
}

/// The sender slowed down.
pub mod cwr {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::SctpChunk, 13, offset)
    }
    fields! { rows "cwr", "sctp chunk ";
        /// Type of the chunk.
        Selector type_: u8 = at(0), 8, "type";
        /// Flags.
        Selector flags: u8 = at(8), 8, "flags";
        /// Length in bytes.
        Selector length: u16 = at(16), 16, "length";
        /// The first packet that met it.
        Selector lowest_tsn: u32 = at(32), 32, "lowest-tsn";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::SctpChunk, 13), 8, "" words "sctp chunk cwr";
    }
}

/// Closed.
pub mod shutdown_complete {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::SctpChunk, 14, offset)
    }
    fields! { rows "shutdown-complete", "sctp chunk ";
        /// Type of the chunk.
        Selector type_: u8 = at(0), 8, "type";
        /// Flags.
        Selector flags: u8 = at(8), 8, "flags";
        /// Length in bytes.
        Selector length: u16 = at(16), 16, "length";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::SctpChunk, 14), 8, "" words "sctp chunk shutdown-complete";
    }
}

/// Addresses are changed.
pub mod asconf_ack {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::SctpChunk, 128, offset)
    }
    fields! { rows "asconf-ack", "sctp chunk ";
        /// Type of the chunk.
        Selector type_: u8 = at(0), 8, "type";
        /// Flags.
        Selector flags: u8 = at(8), 8, "flags";
        /// Length in bytes.
        Selector length: u16 = at(16), 16, "length";
        /// Its number.
        Selector seqno: u32 = at(32), 32, "seqno";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::SctpChunk, 128), 8, "" words "sctp chunk asconf-ack";
    }
}

/// Skip to here.
pub mod forward_tsn {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::SctpChunk, 192, offset)
    }
    fields! { rows "forward-tsn", "sctp chunk ";
        /// Type of the chunk.
        Selector type_: u8 = at(0), 8, "type";
        /// Flags.
        Selector flags: u8 = at(8), 8, "flags";
        /// Length in bytes.
        Selector length: u16 = at(16), 16, "length";
        /// All up to here is done with.
        Selector new_cum_tsn: u32 = at(32), 32, "new-cum-tsn";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::SctpChunk, 192), 8, "" words "sctp chunk forward-tsn";
    }
}

/// Change the addresses.
pub mod asconf {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::SctpChunk, 193, offset)
    }
    fields! { rows "asconf", "sctp chunk ";
        /// Type of the chunk.
        Selector type_: u8 = at(0), 8, "type";
        /// Flags.
        Selector flags: u8 = at(8), 8, "flags";
        /// Length in bytes.
        Selector length: u16 = at(16), 16, "length";
        /// Its number.
        Selector seqno: u32 = at(32), 32, "seqno";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::SctpChunk, 193), 8, "" words "sctp chunk asconf";
    }
}

/// All rows.
pub(super) static ALL: &[&[&Spec]] = &[
    data::rows::ALL,
    init::rows::ALL,
    init_ack::rows::ALL,
    sack::rows::ALL,
    heartbeat::rows::ALL,
    heartbeat_ack::rows::ALL,
    abort::rows::ALL,
    shutdown::rows::ALL,
    shutdown_ack::rows::ALL,
    error::rows::ALL,
    cookie_echo::rows::ALL,
    cookie_ack::rows::ALL,
    ecne::rows::ALL,
    cwr::rows::ALL,
    shutdown_complete::rows::ALL,
    asconf_ack::rows::ALL,
    forward_tsn::rows::ALL,
    asconf::rows::ALL,
];
