//! What the rest of the kernel knows of a packet: routes, sockets, IPsec, tunnels, the sender's
//! system.

use super::*;

/// What the routes say of the packet's addresses.
///
/// ```
/// use oxitables::{Rule, data::FibAddrType, fib};
/// let spoofed = Rule::new().when(fib::saddr().with_iif().exists().is(false)).drop();
/// assert_eq!(spoofed.to_string(), "fib saddr . iif oif missing drop");
/// let ours = Rule::new().when(fib::daddr().type_().is(FibAddrType::LOCAL)).accept();
/// assert_eq!(ours.to_string(), "fib daddr type local accept");
/// ```
///
/// The way to an address can be asked for in prerouting, input and forward; what it is to this
/// host, everywhere. By the incoming interface that is asked for in prerouting, input and forward,
/// by the outgoing one in forward, output and postrouting; the kernel refuses the rest
/// (`nft_fib_validate`).
pub mod fib {
    use super::*;

    rows! { rows "fib", "";
        oif: IfIndex = Load::Fib(FibResult::Oif), 32, "oif";
        oifname: IfName = Load::Fib(FibResult::Oifname), 128, "oifname";
        type_: FibAddrType = Load::Fib(FibResult::Addrtype), 32, "type";
    }

    /// What is looked up.
    #[derive(Clone, Copy, Debug)]
    pub struct Route(FibFlags);

    /// The way to the source address.
    pub fn saddr() -> Route {
        Route(FibFlags::SADDR)
    }

    /// The way to the destination address.
    pub fn daddr() -> Route {
        Route(FibFlags::DADDR)
    }

    impl Route {
        /// With the packet's mark.
        pub fn with_mark(self) -> Self {
            Self(self.0 | FibFlags::MARK)
        }

        /// By the interface that the packet came by.
        pub fn with_iif(self) -> Self {
            Self(self.0 | FibFlags::IIF)
        }

        /// By the interface that the packet leaves by.
        pub fn with_oif(self) -> Self {
            Self(self.0 | FibFlags::OIF)
        }

        /// Index of the interface that the way begins with.
        pub fn oif(self) -> Selector<IfIndex> {
            Selector::new(Field::with(&rows::oif, Param::Fib(self.0)))
        }

        /// Its name.
        pub fn oifname(self) -> Selector<IfName> {
            Selector::new(Field::with(&rows::oifname, Param::Fib(self.0)))
        }

        /// What the address is to this host.
        pub fn type_(self) -> Selector<FibAddrType> {
            Selector::new(Field::with(&rows::type_, Param::Fib(self.0)))
        }

        /// Whether there is a way at all.
        pub fn exists(self) -> Selector<bool> {
            Selector::new(Field::with(&rows::oif, Param::Fib(self.0 | FibFlags::PRESENT)))
        }
    }
}

/// The local socket that a packet belongs to; for chains of prerouting, input and output. Without
/// one the rule ends.
pub mod socket {
    use super::*;
    const fn key(key: SocketKey) -> Load {
        Load::Socket(key)
    }
    rows! { rows "socket", "";
        transparent: u8 = key(SocketKey::Transparent), 8, "transparent";
        mark: Mark = key(SocketKey::Mark), 32, "mark";
        wildcard: u8 = key(SocketKey::Wildcard), 8, "wildcard";
        cgroupv2: CgroupId = key(SocketKey::CgroupV2), 64, "cgroupv2";
    }

    macro_rules! functions {
        ($($(#[$m:meta])* $name:ident: $t:ty;)*) => { $(
            $(#[$m])*
            pub fn $name() -> Selector<$t> {
                Selector::new(Field::new(&rows::$name))
            }
        )* };
    }

    functions! {
        /// 1 if it takes packets for addresses that are not this host's.
        ///
        /// nft's `socket transparent`. Since 4.18.
        transparent: u8;
        /// Its mark.
        ///
        /// nft's `socket mark`. Since 4.19.
        mark: Mark;
        /// 1 if it is bound to no address.
        ///
        /// nft's `socket wildcard`. Since 5.10.
        wildcard: u8;
    }

    /// Its control group, so deep in the tree: 1 is just below the root.
    ///
    /// nft's `socket cgroupv2 level`. Since 5.13.
    pub fn cgroupv2(level: u8) -> Selector<CgroupId> {
        Selector::new(Field::with(&rows::cgroupv2, Param::Level(level.into())))
    }
}

/// The IPsec transformations of a packet.
///
/// ```
/// use oxitables::ipsec;
/// assert_eq!(ipsec::inbound().reqid().is(1).to_string(), "ipsec in reqid 1");
/// assert_eq!(ipsec::outbound().number(1).spi().is(7).to_string(), "ipsec out spnum 1 spi 7");
/// ```
pub mod ipsec {
    use super::*;

    /// One transformation.
    #[derive(Clone, Copy, Debug)]
    pub struct Policy(XfrmDirection, u32);

    /// What was undone when the packet came in.
    pub fn inbound() -> Policy {
        Policy(XfrmDirection::In, 0)
    }

    /// What will be done when it goes out.
    pub fn outbound() -> Policy {
        Policy(XfrmDirection::Out, 0)
    }

    impl Policy {
        /// Which of several, 0 to 5; the outermost is 0.
        pub fn number(self, number: u8) -> Self {
            Self(self.0, number.into())
        }
    }

    macro_rules! keys {
        ($($(#[$m:meta])* $name:ident: $t:ty = $key:ident, $bits:literal, $word:literal;)*) => {
            rows! { rows "ipsec", ""; $( $name: $t = Load::Xfrm(XfrmKey::$key), $bits, $word; )* }
            impl Policy { $(
                $(#[$m])*
                pub fn $name(self) -> Selector<$t> {
                    Selector::new(Field::with(&rows::$name, Param::Ipsec(self.0, self.1)))
                }
            )* }
        };
    }

    keys! {
        /// Number of the request that it was made for.
        reqid: u32 = ReqId, 32, "reqid";
        /// Which security association.
        spi: u32 = Spi, 32, "spi";
        /// IPv4 source of the tunnel.
        ip_saddr: Ipv4Addr = SaddrIp4, 32, "ip saddr";
        /// IPv4 destination of the tunnel.
        ip_daddr: Ipv4Addr = DaddrIp4, 32, "ip daddr";
        /// IPv6 source of the tunnel.
        ip6_saddr: Ipv6Addr = SaddrIp6, 128, "ip6 saddr";
        /// IPv6 destination of the tunnel.
        ip6_daddr: Ipv6Addr = DaddrIp6, 128, "ip6 daddr";
    }
}

/// The operating system of the sender, guessed from the packet that opens a TCP connection. The
/// fingerprints have to be loaded into the kernel.
///
/// ```
/// use oxitables::osf;
/// assert_eq!(osf::name().is("Linux").to_string(), "osf name \"Linux\"");
/// assert_eq!(osf::loose().version().is("Linux:4.20").to_string(), "osf ttl loose version \"Linux:4.20\"");
/// ```
pub mod osf {
    use super::*;

    rows! { rows "osf", "";
        name: OsName = Load::Osf(false), 128, "name";
        version: OsName = Load::Osf(true), 128, "version";
    }

    /// How exact the packet's TTL has to be.
    #[derive(Clone, Copy, Debug)]
    pub struct Ttl(OsfTtl);

    /// Any that is less than that of the fingerprint.
    pub fn loose() -> Ttl {
        Ttl(OsfTtl::Less)
    }

    /// Any at all.
    pub fn skip() -> Ttl {
        Ttl(OsfTtl::NoCheck)
    }

    /// Its name; the TTL has to be that of the fingerprint less the hops.
    pub fn name() -> Selector<OsName> {
        Ttl(OsfTtl::True).name()
    }

    /// Its name and version.
    pub fn version() -> Selector<OsName> {
        Ttl(OsfTtl::True).version()
    }

    impl Ttl {
        /// Its name.
        pub fn name(self) -> Selector<OsName> {
            Selector::new(Field::with(&rows::name, Param::Ttl(self.0)))
        }

        /// Its name and version, such as `Linux:4.20`. Since 5.2.
        pub fn version(self) -> Selector<OsName> {
            Selector::new(Field::with(&rows::version, Param::Ttl(self.0)))
        }
    }
}

/// The tunnel that a packet came by, where the device does not say (`external`).
pub mod tunnel {
    use super::*;
    fields! { rows "tunnel", "";
        /// Whether it came by one.
        Selector path: bool = Load::Tunnel(TunnelKey::Path), 8, "path";
        /// Its number: the VXLAN's, say.
        Selector id: u32 = Load::Tunnel(TunnelKey::Id), 32, "id";
    }
}
