//! Transport layer.

use super::*;

/// TCP header.
pub mod tcp {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Packet(Header::Tcp, offset)
    }
    fields! { rows "tcp", "";
        /// Source port.
        Settable sport: Port = at(0), 16, "sport";
        /// Destination port.
        Settable dport: Port = at(16), 16, "dport";
        /// Sequence number of the first byte.
        Settable sequence: u32 = at(32), 32, "sequence";
        /// Sequence number of the next byte that is expected.
        Settable ackseq: u32 = at(64), 32, "ackseq";
        /// Length of the header in words of 4 bytes.
        Settable doff: u8 = at(96), 4, "doff";
        /// Bits that mean nothing yet.
        Settable reserved: u8 = at(100), 4, "reserved";
        /// Flags.
        Settable flags: TcpFlags = at(104), 8, "flags";
        /// Bytes that the sender is ready to take.
        Settable window: u16 = at(112), 16, "window";
        /// Checksum.
        Settable checksum: u16 = at(128), 16, "checksum";
        /// Where urgent data ends.
        Settable urgptr: u16 = at(144), 16, "urgptr";
    }

    pub use super::options::tcp as option;
}

/// UDP header.
pub mod udp {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Packet(Header::Udp, offset)
    }
    fields! { rows "udp", "";
        /// Source port.
        Settable sport: Port = at(0), 16, "sport", pseudo;
        /// Destination port.
        Settable dport: Port = at(16), 16, "dport", pseudo;
        /// Length in bytes, header included.
        Settable length: u16 = at(32), 16, "length", pseudo;
        /// Checksum.
        Settable checksum: u16 = at(48), 16, "checksum", pseudo;
    }
}

/// UDP-Lite header.
pub mod udplite {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Packet(Header::Udplite, offset)
    }
    fields! { rows "udplite", "";
        /// Source port.
        Settable sport: Port = at(0), 16, "sport";
        /// Destination port.
        Settable dport: Port = at(16), 16, "dport";
        /// Bytes that the checksum covers.
        Settable csumcov: u16 = at(32), 16, "csumcov";
        /// Checksum.
        Settable checksum: u16 = at(48), 16, "checksum";
    }
}

/// SCTP header.
pub mod sctp {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Packet(Header::Sctp, offset)
    }
    fields! { rows "sctp", "";
        /// Source port.
        Settable sport: Port = at(0), 16, "sport";
        /// Destination port.
        Settable dport: Port = at(16), 16, "dport";
        /// Verification tag.
        Settable vtag: u32 = at(32), 32, "vtag";
        /// Checksum.
        Settable checksum: u32 = at(64), 32, "checksum";
    }

    pub use super::options::sctp as chunk;
}

/// DCCP header.
pub mod dccp {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Packet(Header::Dccp, offset)
    }
    fields! { rows "dccp", "";
        /// Source port.
        Settable sport: Port = at(0), 16, "sport";
        /// Destination port.
        Settable dport: Port = at(16), 16, "dport";
        /// Type of the packet.
        Settable type_: DccpType = at(67), 4, "type";
    }

    /// Whether the packet has an option of this number.
    ///
    /// nft's `dccp option NUMBER exists`. Since 6.5.
    pub fn option(number: u8) -> Selector<bool> {
        Selector::new(Field::with(&options::DCCP_NUMBERED, Param::Kind(number)))
    }
}

/// Ports of whatever transport the packet has; match [`meta::l4proto`] with it, or any protocol's
/// bytes match.
pub mod th {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Packet(Header::Transport, offset)
    }
    fields! { rows "th", "";
        /// Source port.
        Settable sport: Port = at(0), 16, "sport";
        /// Destination port.
        Settable dport: Port = at(16), 16, "dport";
    }
}
