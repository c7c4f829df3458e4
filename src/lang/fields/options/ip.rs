//! Options of IPv4.

use super::*;

/// Loose source routing.
pub mod lsrr {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::Ipv4Option, 131, offset)
    }
    fields! { rows "lsrr", "ip option ";
        /// Length of the option in bytes.
        Selector length: u8 = at(8), 8, "length";
        /// Where the next address is.
        Selector ptr: u8 = at(16), 8, "ptr";
        /// First address.
        Selector addr: Ipv4Addr = at(24), 32, "addr";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::Ipv4Option, 131), 8, "" words "ip option lsrr";
    }
}

/// Record of the way.
pub mod rr {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::Ipv4Option, 7, offset)
    }
    fields! { rows "rr", "ip option ";
        /// Length of the option in bytes.
        Selector length: u8 = at(8), 8, "length";
        /// Where the next address is.
        Selector ptr: u8 = at(16), 8, "ptr";
        /// First address.
        Selector addr: Ipv4Addr = at(24), 32, "addr";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::Ipv4Option, 7), 8, "" words "ip option rr";
    }
}

/// Strict source routing.
pub mod ssrr {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::Ipv4Option, 137, offset)
    }
    fields! { rows "ssrr", "ip option ";
        /// Length of the option in bytes.
        Selector length: u8 = at(8), 8, "length";
        /// Where the next address is.
        Selector ptr: u8 = at(16), 8, "ptr";
        /// First address.
        Selector addr: Ipv4Addr = at(24), 32, "addr";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::Ipv4Option, 137), 8, "" words "ip option ssrr";
    }
}

/// Routers look at the packet.
pub mod ra {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Option(ExthdrOp::Ipv4Option, 148, offset)
    }
    fields! { rows "ra", "ip option ";
        /// Length of the option in bytes.
        Selector length: u8 = at(8), 8, "length";
        /// 0: all of them.
        Selector value: u16 = at(16), 16, "value";
        /// Whether the packet has one.
        Selector exists: bool = Load::Exists(ExthdrOp::Ipv4Option, 148), 8, "" words "ip option ra";
    }
}

/// All rows.
pub(super) static ALL: &[&[&Spec]] = &[lsrr::rows::ALL, rr::rows::ALL, ssrr::rows::ALL, ra::rows::ALL];
