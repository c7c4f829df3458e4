//! IPsec's headers and tunnels.

use super::*;

/// IPsec authentication header.
pub mod ah {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Packet(Header::Ah, offset)
    }
    fields! { rows "ah", "";
        /// What follows.
        Settable nexthdr: Protocol = at(0), 8, "nexthdr";
        /// Length of the header in words of 4 bytes, less 2.
        Settable hdrlength: u8 = at(8), 8, "hdrlength";
        /// Reserved bits.
        Settable reserved: u16 = at(16), 16, "reserved";
        /// Which security association.
        Settable spi: u32 = at(32), 32, "spi";
        /// Number of the packet.
        Settable sequence: u32 = at(64), 32, "sequence";
    }
}

/// IPsec encapsulating security payload.
pub mod esp {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Packet(Header::Esp, offset)
    }
    fields! { rows "esp", "";
        /// Which security association.
        Settable spi: u32 = at(0), 32, "spi";
        /// Number of the packet.
        Settable sequence: u32 = at(32), 32, "sequence";
    }
}

/// IP payload compression.
pub mod comp {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Packet(Header::Comp, offset)
    }
    fields! { rows "comp", "";
        /// What follows.
        Settable nexthdr: Protocol = at(0), 8, "nexthdr";
        /// Flags.
        Settable flags: u8 = at(8), 8, "flags" as Bitmask;
        /// How it is compressed.
        Settable cpi: u16 = at(16), 16, "cpi";
    }
}

/// `inside` of a tunnel.
macro_rules! inside {
    ($tunnel:ident $doc:literal) => {
        #[doc = $doc]
        pub fn inside<T: Typed>(field: impl Into<Selector<T>>) -> Selector<T> {
            field.into().inside(Tunnel::$tunnel)
        }
    };
}

/// Generic routing encapsulation.
///
/// ```
/// use oxitables::{Rule, gre, ip};
/// let rule = Rule::new().when(gre::inside(ip::saddr()).is([192, 0, 2, 1])).drop();
/// assert_eq!(rule.to_string(), "gre ip saddr 192.0.2.1 drop");
/// ```
pub mod gre {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Packet(Header::Gre, offset)
    }
    fields! { rows "gre", "";
        /// Version; 3 bits.
        Settable version: u8 = at(13), 3, "version";
        /// Flags; 5 bits.
        Settable flags: u8 = at(0), 5, "flags";
        /// Protocol inside.
        Settable protocol: EtherType = at(16), 16, "protocol";
    }

    inside! { Gre "A field of the IP packet inside. Since 6.2." }
}

/// Generic routing encapsulation of Ethernet.
pub mod gretap {
    use super::*;

    inside! { Gretap "A field of the Ethernet frame inside. Since 6.2." }
}

/// VXLAN. The rule has to match the UDP port before, which is anybody's choice.
///
/// ```
/// use oxitables::{Rule, ip, udp, vxlan};
/// let rule = Rule::new()
///     .when(udp::dport().is(4789))
///     .when(vxlan::vni().is(10))
///     .when(vxlan::inside(ip::saddr()).is([192, 0, 2, 1]))
///     .drop();
/// assert_eq!(rule.to_string(), "udp dport 4789 vxlan vni 10 vxlan ip saddr 192.0.2.1 drop");
/// ```
pub mod vxlan {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Packet(Header::Vxlan, offset)
    }
    rows! { rows "vxlan", "";
        vni: u32 = at(32), 24, "vni";
        flags: u8 = at(0), 8, "flags" as Bitmask;
    }

    /// Flags. Since 6.2.
    ///
    /// nft's `vxlan flags`.
    pub fn flags() -> Selector<u8> {
        Selector::new(Field::new(&rows::flags)).inside(Tunnel::Vxlan)
    }

    /// Number of the network; 24 bits. Since 6.2.
    ///
    /// nft's `vxlan vni`.
    pub fn vni() -> Selector<u32> {
        Selector::new(Field::new(&rows::vni)).inside(Tunnel::Vxlan)
    }

    inside! { Vxlan "A field of the Ethernet frame inside. Since 6.2." }
}

/// Geneve. The rule has to match the UDP port before.
pub mod geneve {
    use super::*;
    const fn at(offset: u16) -> Load {
        Load::Packet(Header::Geneve, offset)
    }
    rows! { rows "geneve", "";
        vni: u32 = at(32), 24, "vni";
        type_: EtherType = at(16), 16, "type";
    }

    /// Protocol inside. Since 6.2.
    ///
    /// nft's `geneve type`.
    pub fn type_() -> Selector<EtherType> {
        Selector::new(Field::new(&rows::type_)).inside(Tunnel::Geneve)
    }

    /// Number of the network; 24 bits. Since 6.2.
    ///
    /// nft's `geneve vni`.
    pub fn vni() -> Selector<u32> {
        Selector::new(Field::new(&rows::vni)).inside(Tunnel::Geneve)
    }

    inside! { Geneve "A field of the Ethernet frame inside. Since 6.2." }
}
