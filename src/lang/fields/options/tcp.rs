//! Options of TCP.
//!
//! ```
//! use oxitables::{Rule, tcp};
//! let clamp = Rule::new().then(tcp::option::maxseg::size().set(1400));
//! assert_eq!(clamp.to_string(), "tcp option maxseg size set 1400");
//! let rule = Rule::new().when(tcp::option::sack_perm::exists()).accept();
//! assert_eq!(rule.to_string(), "tcp option sack-perm exists accept");
//! ```

use super::*;

macro_rules! reset {
    ($option:literal) => {
        /// Removes the option from the segment, by filling its place. Since 5.18.
        #[doc = concat!("\n\nnft's `reset tcp option ", $option, "`.")]
        pub fn reset() -> Reset {
            Reset(Field::new(&rows::exists))
        }
    };
}

/// End of the options.
pub mod eol {
    use super::*;
    fields! { rows "eol", "tcp option ";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::TcpOption, 0), 8, "" words "tcp option eol";
    }
}

/// Filler.
pub mod nop {
    use super::*;
    fields! { rows "nop", "tcp option ";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::TcpOption, 1), 8, "" words "tcp option nop";
    }
}

/// Largest segment that the sender takes.
pub mod maxseg {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::TcpOption, 2, offset)
    }
    fields! { rows "maxseg", "tcp option ";
        /// Length of the option in bytes.
        Selector length: u8 = at(8), 8, "length";
        /// Its size in bytes.
        Settable size: u16 = at(16), 16, "size";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::TcpOption, 2), 8, "" words "tcp option maxseg";
    }

    reset!("maxseg");
}

/// Scale of the window.
pub mod window {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::TcpOption, 3, offset)
    }
    fields! { rows "window", "tcp option ";
        /// Length of the option in bytes.
        Selector length: u8 = at(8), 8, "length";
        /// By how many bits it is shifted.
        Selector count: u8 = at(16), 8, "count";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::TcpOption, 3), 8, "" words "tcp option window";
    }

    reset!("window");
}

/// The sender takes selective acknowledgements.
pub mod sack_perm {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::TcpOption, 4, offset)
    }
    fields! { rows "sack-perm", "tcp option ";
        /// Length of the option in bytes.
        Selector length: u8 = at(8), 8, "length";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::TcpOption, 4), 8, "" words "tcp option sack-perm";
    }

    reset!("sack-perm");
}

/// Selective acknowledgements; the first block.
pub mod sack {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::TcpOption, 5, offset)
    }
    fields! { rows "sack", "tcp option ";
        /// Length of the option in bytes.
        Selector length: u8 = at(8), 8, "length";
        /// Where the block begins.
        Settable left: u32 = at(16), 32, "left";
        /// Where it ends.
        Settable right: u32 = at(48), 32, "right";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::TcpOption, 5), 8, "" words "tcp option sack";
    }

    reset!("sack");
}

/// The second block of selective acknowledgements.
pub mod sack1 {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::TcpOption, 5, offset)
    }
    fields! { rows "sack1", "tcp option ";
        /// Where the block begins.
        Settable left: u32 = at(80), 32, "left";
        /// Where it ends.
        Settable right: u32 = at(112), 32, "right";
    }
}

/// The third block.
pub mod sack2 {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::TcpOption, 5, offset)
    }
    fields! { rows "sack2", "tcp option ";
        /// Where the block begins.
        Settable left: u32 = at(144), 32, "left";
        /// Where it ends.
        Settable right: u32 = at(176), 32, "right";
    }
}

/// The fourth block.
pub mod sack3 {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::TcpOption, 5, offset)
    }
    fields! { rows "sack3", "tcp option ";
        /// Where the block begins.
        Settable left: u32 = at(208), 32, "left";
        /// Where it ends.
        Settable right: u32 = at(240), 32, "right";
    }
}

/// Timestamps.
pub mod timestamp {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::TcpOption, 8, offset)
    }
    fields! { rows "timestamp", "tcp option ";
        /// Length of the option in bytes.
        Selector length: u8 = at(8), 8, "length";
        /// Time of the sender.
        Settable tsval: u32 = at(16), 32, "tsval";
        /// Time of the receiver, sent back.
        Settable tsecr: u32 = at(48), 32, "tsecr";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::TcpOption, 8), 8, "" words "tcp option timestamp";
    }

    reset!("timestamp");
}

/// Signature.
pub mod md5sig {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::TcpOption, 19, offset)
    }
    fields! { rows "md5sig", "tcp option ";
        /// Length of the option in bytes.
        Selector length: u8 = at(8), 8, "length";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::TcpOption, 19), 8, "" words "tcp option md5sig";
    }

    reset!("md5sig");
}

/// Several paths for one connection.
pub mod mptcp {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::TcpOption, 30, offset)
    }
    fields! { rows "mptcp", "tcp option ";
        /// Length of the option in bytes.
        Selector length: u8 = at(8), 8, "length";
        /// What the option is for.
        Selector subtype: MptcpSubtype = at(16), 4, "subtype";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::TcpOption, 30), 8, "" words "tcp option mptcp";
    }

    reset!("mptcp");
}

/// Data in the first packet.
pub mod fastopen {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::TcpOption, 34, offset)
    }
    fields! { rows "fastopen", "tcp option ";
        /// Length of the option in bytes.
        Selector length: u8 = at(8), 8, "length";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::TcpOption, 34), 8, "" words "tcp option fastopen";
    }

    reset!("fastopen");
}

/// Whether the packet has an option of this number.
///
/// nft's `tcp option NUMBER exists`.
pub fn number(kind: u8) -> Selector<bool> {
    Selector::new(Field::with(&TCP_NUMBERED, Param::Kind(kind)))
}

/// Removes the option with this number. Since 5.18.
///
/// nft's `reset tcp option NUMBER`.
pub fn reset(kind: u8) -> Reset {
    Reset(Field::with(&TCP_NUMBERED, Param::Kind(kind)))
}

/// Bits of an option, counted from its first byte, which is its number. As many as the type has.
///
/// ```
/// use oxitables::tcp;
/// assert_eq!(tcp::option::bits::<u8>(255, 8).is(4).to_string(), "tcp option @255,8,8 4");
/// ```
///
/// nft's `tcp option @NUMBER,OFFSET,BITS`.
pub fn bits<T: RawBits>(kind: u8, offset: u16) -> Selector<T> {
    Selector::new(Field::with(&RAW_OPTION, Param::RawOption(kind, offset, T::FIELD.width() as u16 * 8)))
}

/// All rows.
pub(super) static ALL: &[&[&Spec]] = &[
    eol::rows::ALL,
    nop::rows::ALL,
    maxseg::rows::ALL,
    window::rows::ALL,
    sack_perm::rows::ALL,
    sack::rows::ALL,
    sack1::rows::ALL,
    sack2::rows::ALL,
    sack3::rows::ALL,
    timestamp::rows::ALL,
    md5sig::rows::ALL,
    mptcp::rows::ALL,
    fastopen::rows::ALL,
];
