use std::{fmt, ops::Add};

numbers! {
    /// Which packets a table sees.
    pub enum Family: u8 {
        /// IPv4 and IPv6 (nft's `inet`). Since 3.14.
        Inet = 1 "NFPROTO_INET",
        /// IPv4.
        Ip = 2 "NFPROTO_IPV4",
        /// ARP.
        Arp = 3 "NFPROTO_ARP",
        /// One device's ingress or egress. Since 4.2.
        Netdev = 5 "NFPROTO_NETDEV",
        /// Ethernet bridge.
        Bridge = 7 "NFPROTO_BRIDGE",
        /// IPv6.
        Ip6 = 10 "NFPROTO_IPV6",
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Inet => "inet",
            Self::Ip => "ip",
            Self::Arp => "arp",
            Self::Netdev => "netdev",
            Self::Bridge => "bridge",
            Self::Ip6 => "ip6",
            Self::Unknown(n) => return write!(f, "family-{n}"),
        })
    }
}

/// Text that is no family.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no family: it is one of inet, ip, ip6, arp, netdev, bridge")]
pub struct ParseFamilyError;

impl std::str::FromStr for Family {
    type Err = ParseFamilyError;
    fn from_str(word: &str) -> Result<Self, ParseFamilyError> {
        [Self::Inet, Self::Ip, Self::Ip6, Self::Arp, Self::Netdev, Self::Bridge]
            .into_iter()
            .find(|family| family.to_string() == word)
            .ok_or(ParseFamilyError)
    }
}

/// The place on a packet's way where a base chain is called.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Hook {
    /// Before routing.
    Prerouting,
    /// To this host.
    Input,
    /// Through this host.
    Forward,
    /// From this host.
    Output,
    /// After routing.
    Postrouting,
    /// As it arrives at a device; needs the device's name. In `netdev` since 4.2, in `inet` since
    /// 5.10.
    Ingress,
    /// As it leaves a device; needs the device's name; `netdev` only. Since 5.16.
    Egress,
}

impl Hook {
    /// The kernel's number of the hook in a family; `None` if the family has no such hook.
    pub fn number(self, family: Family) -> Option<u32> {
        Some(match (family, self) {
            (Family::Arp, Self::Input) | (Family::Netdev, Self::Ingress) => 0,
            (Family::Arp, Self::Output) | (Family::Netdev, Self::Egress) => 1,
            (Family::Arp, Self::Forward) => 2,
            (Family::Inet, Self::Ingress) => 5,
            (Family::Arp | Family::Netdev, _) | (_, Self::Ingress | Self::Egress) => return None,
            (_, Self::Prerouting) => 0,
            (_, Self::Input) => 1,
            (_, Self::Forward) => 2,
            (_, Self::Output) => 3,
            (_, Self::Postrouting) => 4,
        })
    }

    /// The hook with the kernel's `number` in a family.
    pub fn from_number(family: Family, number: u32) -> Option<Self> {
        use Hook::*;
        [Prerouting, Input, Forward, Output, Postrouting, Ingress, Egress]
            .into_iter()
            .find(|hook| hook.number(family) == Some(number))
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Prerouting => "prerouting",
            Self::Input => "input",
            Self::Forward => "forward",
            Self::Output => "output",
            Self::Postrouting => "postrouting",
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        })
    }
}

/// When a base chain is called among those of its hook: lower is earlier.
///
/// The names are nft's and mean other numbers in the bridge family; plain numbers and offsets work
/// too.
///
/// ```
/// # use oxitables::{Family, Priority};
/// assert_eq!(Priority::FILTER.number(Family::Inet), 0);
/// assert_eq!(Priority::FILTER.number(Family::Bridge), -200);
/// assert_eq!((Priority::MANGLE + 10).number(Family::Ip), -140);
/// assert_eq!(Priority::from(42).number(Family::Ip), 42);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Priority {
    ip: i32,
    bridge: i32,
}

impl Priority {
    /// Before connection tracking.
    pub const RAW: Self = Self::both(-300);
    /// Where packets are altered.
    pub const MANGLE: Self = Self::both(-150);
    /// Destination NAT.
    pub const DSTNAT: Self = Self { ip: -100, bridge: -300 };
    /// Ordinary filtering.
    pub const FILTER: Self = Self { ip: 0, bridge: -200 };
    /// After filtering, where security modules mark packets.
    pub const SECURITY: Self = Self::both(50);
    /// Source NAT; no chain of type `nat` may be earlier than -199.
    pub const SRCNAT: Self = Self { ip: 100, bridge: 300 };
    /// The bridge family's `out`.
    pub const OUT: Self = Self::both(100);

    const fn both(n: i32) -> Self {
        Self { ip: n, bridge: n }
    }

    /// The number in a family.
    pub fn number(self, family: Family) -> i32 {
        if family == Family::Bridge { self.bridge } else { self.ip }
    }
}

impl From<i32> for Priority {
    fn from(n: i32) -> Self {
        Self::both(n)
    }
}

impl Add<i32> for Priority {
    type Output = Self;
    fn add(self, n: i32) -> Self {
        Self { ip: self.ip.saturating_add(n), bridge: self.bridge.saturating_add(n) }
    }
}

numbers! {
    /// What a base chain does with a packet that no rule decided.
    pub enum Policy: u32 {
        /// Drops it.
        Drop = 0 "NF_DROP",
        /// Lets it pass.
        Accept = 1 "NF_ACCEPT",
    }
}

/// What a base chain is for.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ChainType {
    /// Filtering.
    Filter,
    /// Address translation; sees the first packet of each connection only.
    Nat,
    /// Like filter at the output hook, but routes the packet again if it changed.
    Route,
    /// A type this version has no name for.
    Unknown(super::Name),
}

impl From<&[u8]> for ChainType {
    fn from(name: &[u8]) -> Self {
        match name {
            b"filter" => Self::Filter,
            b"nat" => Self::Nat,
            b"route" => Self::Route,
            _ => Self::Unknown(name.into()),
        }
    }
}

impl AsRef<[u8]> for ChainType {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Filter => b"filter",
            Self::Nat => b"nat",
            Self::Route => b"route",
            Self::Unknown(name) => name.as_bytes(),
        }
    }
}
