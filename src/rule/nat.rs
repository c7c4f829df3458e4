//! Address translation.

use super::{
    lookup::Lookup,
    select::Mapped,
    statement::{Holds, Statement},
};
use crate::{
    compile::{self, NoSets, lower::Lowering},
    data::{Port, Typed},
    expr::NatFlags,
    lang::{
        field::Twin,
        refused,
        tree::{self, Expression, NatKind, NatShape},
    },
    set::pattern::check_network,
    wire::Malformed,
};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    ops::RangeInclusive,
};

/// Where a translation leads: addresses, ports, and how they are chosen.
///
/// ```
/// use oxitables::{Rule, To, tcp};
/// use std::net::{Ipv4Addr, SocketAddr};
/// let web: SocketAddr = "192.0.2.80:8080".parse().unwrap();
/// let rule = Rule::new().when(tcp::dport().is(80)).dnat(web);
/// assert_eq!(rule.to_string(), "tcp dport 80 dnat ip to 192.0.2.80:8080");
/// let pool = Ipv4Addr::new(192, 0, 2, 1)..=Ipv4Addr::new(192, 0, 2, 9);
/// let rule = Rule::new().snat(To::from(pool).persistent());
/// assert_eq!(rule.to_string(), "snat ip to 192.0.2.1-192.0.2.9 persistent");
/// ```
///
/// An address makes it a translation of that family; with one of each family ([`To::or`]) the rule becomes two.
#[derive(Clone, Debug, Default)]
pub struct To {
    v4: Option<(Ipv4Addr, Ipv4Addr)>,
    v6: Option<(Ipv6Addr, Ipv6Addr)>,
    map: Option<NatMap>,
    ports: Option<(u16, u16)>,
    flags: NatFlags,
    /// Why it cannot be meant so.
    wrong: Option<Malformed>,
}

#[derive(Clone, Debug)]
struct NatMap {
    lookup: Lookup,
    v4: bool,
}

impl To {
    /// The address that would be taken anyway: for ports and flags alone.
    pub fn same() -> Self {
        Self::default()
    }

    /// Another target, for the packets of the other family.
    pub fn or(self, other: impl Into<Self>) -> Self {
        let other = other.into();
        Self {
            v4: self.v4.or(other.v4),
            v6: self.v6.or(other.v6),
            map: self.map.or(other.map),
            ports: self.ports.or(other.ports),
            flags: self.flags | other.flags,
            wrong: self.wrong.or(other.wrong),
        }
    }

    /// To one port. The rule must match a transport protocol before.
    pub fn port(self, port: u16) -> Self {
        self.ports(port..=port)
    }

    /// To one of several ports.
    pub fn ports(mut self, ports: RangeInclusive<u16>) -> Self {
        self.ports = Some((*ports.start(), *ports.end()));
        self
    }

    /// To a random port, hashed from the addresses.
    pub fn random(mut self) -> Self {
        self.flags |= NatFlags::RANDOM;
        self
    }

    /// To a random port, hashed from nothing.
    pub fn fully_random(mut self) -> Self {
        self.flags |= NatFlags::FULLY_RANDOM;
        self
    }

    /// To the same address for the same client.
    pub fn persistent(mut self) -> Self {
        self.flags |= NatFlags::PERSISTENT;
        self
    }

    /// The family of the address, for one of two rules.
    pub(super) fn family(&self, twin: Option<Twin>) -> Option<Twin> {
        match (&self.map, self.v4, self.v6) {
            (Some(map), ..) => Some(if map.v4 { Twin::V4 } else { Twin::V6 }),
            (None, Some(_), Some(_)) => twin,
            (None, Some(_), None) => Some(Twin::V4),
            (None, None, Some(_)) => Some(Twin::V6),
            (None, None, None) => None,
        }
    }

    /// Lowest and highest address of a family.
    fn addresses(&self, family: Twin) -> Option<(IpAddr, IpAddr)> {
        match family {
            Twin::V4 => self.v4.map(|(a, b)| (a.into(), b.into())),
            Twin::V6 => self.v6.map(|(a, b)| (a.into(), b.into())),
        }
    }

    /// One address of a family and one port; none if there are more.
    pub(super) fn single(&self, twin: Option<Twin>) -> Option<(Option<IpAddr>, Option<u16>)> {
        let one = |(low, high): (IpAddr, IpAddr)| (low == high).then_some(low);
        let address = match self.family(twin).and_then(|family| self.addresses(family)) {
            Some(both) => Some(one(both)?),
            None => None,
        };
        let port = match self.ports {
            Some((low, high)) => Some(Some(low).filter(|_| low == high)?),
            None => None,
        };
        (self.map.is_none() && self.flags.is_empty()).then_some((address, port))
    }

    /// nft text behind a word.
    pub(super) fn text(&self, word: &str, twin: Option<Twin>) -> String {
        let family = self.family(twin);
        let mut out = word.to_owned();
        match family {
            Some(Twin::V4) => out.push_str(" ip"),
            Some(Twin::V6) => out.push_str(" ip6"),
            None => {}
        }
        if family.is_some() || self.ports.is_some() {
            out.push_str(" to ");
        }
        if let Some(map) = &self.map {
            out.push_str(&map.lookup.text(twin, "map"));
        } else if let Some((a, b)) = family.and_then(|f| self.addresses(f)) {
            let show = |address: IpAddr| match address {
                // Brackets keep the port apart.
                IpAddr::V6(v6) if self.ports.is_some() => format!("[{v6}]"),
                address => address.to_string(),
            };
            out.push_str(&show(a));
            if a != b {
                out.push('-');
                out.push_str(&show(b));
            }
        }
        out + &self.ports_text() + &self.flags_text()
    }

    pub(super) fn is_dual(&self) -> bool {
        match &self.map {
            Some(map) => map.lookup.is_dual(),
            None => self.v4.is_some() && self.v6.is_some(),
        }
    }

    pub(super) fn holds(&self, twin: Twin) -> Holds {
        if self.family(Some(twin)).is_some_and(|family| family != twin) {
            return Holds::Never;
        }
        self.map.as_ref().map_or(Holds::Maybe, |map| map.lookup.holds(twin, false))
    }

    fn flags_text(&self) -> String {
        let words = [
            (NatFlags::RANDOM, "random"),
            (NatFlags::FULLY_RANDOM, "fully-random"),
            (NatFlags::PERSISTENT, "persistent"),
        ];
        let words: Vec<_> = words.iter().filter(|(flag, _)| self.flags.contains(*flag)).map(|(_, w)| *w).collect();
        if words.is_empty() { String::new() } else { format!(" {}", words.join(",")) }
    }

    fn ports_text(&self) -> String {
        match self.ports {
            None => String::new(),
            Some((a, b)) if a == b => format!(":{a}"),
            Some((a, b)) => format!(":{a}-{b}"),
        }
    }
}

impl From<u16> for To {
    fn from(port: u16) -> Self {
        Self::same().port(port)
    }
}

impl From<Port> for To {
    fn from(port: Port) -> Self {
        Self::same().port(port.number())
    }
}

impl From<RangeInclusive<u16>> for To {
    fn from(ports: RangeInclusive<u16>) -> Self {
        Self::same().ports(ports)
    }
}

impl From<RangeInclusive<Ipv4Addr>> for To {
    fn from(addresses: RangeInclusive<Ipv4Addr>) -> Self {
        Self { v4: Some(addresses.into_inner()), ..Self::default() }
    }
}

impl From<RangeInclusive<Ipv6Addr>> for To {
    fn from(addresses: RangeInclusive<Ipv6Addr>) -> Self {
        Self { v6: Some(addresses.into_inner()), ..Self::default() }
    }
}

impl From<ipnetwork::Ipv4Network> for To {
    fn from(net: ipnetwork::Ipv4Network) -> Self {
        let wrong = check_network(net.into()).err();
        Self { wrong, ..Self::from(net.network()..=net.broadcast()) }
    }
}

impl From<ipnetwork::Ipv6Network> for To {
    fn from(net: ipnetwork::Ipv6Network) -> Self {
        let wrong = check_network(net.into()).err();
        Self { wrong, ..Self::from(net.network()..=net.broadcast()) }
    }
}

impl From<Ipv4Addr> for To {
    fn from(address: Ipv4Addr) -> Self {
        (address..=address).into()
    }
}

impl From<Ipv6Addr> for To {
    fn from(address: Ipv6Addr) -> Self {
        (address..=address).into()
    }
}

impl From<IpAddr> for To {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => address.into(),
        }
    }
}

impl From<SocketAddrV4> for To {
    fn from(address: SocketAddrV4) -> Self {
        Self::from(*address.ip()).port(address.port())
    }
}

impl From<SocketAddrV6> for To {
    fn from(address: SocketAddrV6) -> Self {
        Self::from(*address.ip()).port(address.port())
    }
}

impl From<SocketAddr> for To {
    fn from(address: SocketAddr) -> Self {
        Self::from(address.ip()).port(address.port())
    }
}

impl<A: Into<IpAddr>> From<(A, u16)> for To {
    fn from((address, port): (A, u16)) -> Self {
        SocketAddr::new(address.into(), port).into()
    }
}

macro_rules! maps {
    ($($value:ty = $v4:literal;)*) => { $(
        impl From<Mapped<$value>> for To {
            fn from(mapped: Mapped<$value>) -> Self {
                let map = NatMap { lookup: mapped.lookup, v4: $v4 };
                Self { map: Some(map), ..Self::default() }
            }
        }
    )* };
}

maps! {
    Ipv4Addr = true;
    Ipv6Addr = false;
    (Ipv4Addr, Port) = true;
    (Ipv6Addr, Port) = false;
}

/// A translation.
#[derive(Clone, Debug)]
pub(crate) struct Translate {
    pub kind: NatKind,
    pub to: To,
}

impl Translate {
    fn word(&self) -> &'static str {
        match self.kind {
            NatKind::Snat => "snat",
            NatKind::Dnat => "dnat",
            NatKind::Masquerade => "masquerade",
            NatKind::Redirect => "redirect",
        }
    }

    fn is_local(&self) -> bool {
        matches!(self.kind, NatKind::Masquerade | NatKind::Redirect)
    }

    /// Where it leads, in one of two families.
    fn tree(&self, twin: Option<Twin>) -> Result<tree::Nat, Malformed> {
        let to = &self.to;
        let family = to.family(twin);
        let addr = match &to.map {
            Some(map) => Some(map.lookup.map(twin)?),
            None => family.and_then(|f| to.addresses(f)).map(|(a, b)| Expression::range(a.into(), b.into())),
        };
        let port = |n: u16| Expression::constant(Port::FIELD, &n.to_be_bytes());
        Ok(tree::Nat {
            kind: self.kind,
            family: family.map(Twin::number),
            addr,
            port: to.ports.map(|(a, b)| Expression::range(port(a), port(b))),
            flags: to.flags,
            shape: NatShape::default(),
        })
    }
}

impl Statement for Translate {
    fn lower(&self, cx: &mut Lowering) -> Result<(), Malformed> {
        let to = &self.to;
        if let Some(why) = &to.wrong {
            return Err(why.clone());
        }
        let any = to.family(cx.twin).or(to.family(Some(Twin::V4)));
        if !self.is_local() && any.is_none() && to.ports.is_none() {
            return refused(format!("{} to neither address nor port", self.word()));
        }
        let nat = tree::Statement::Nat(self.tree(cx.twin)?);
        match &to.map {
            Some(map) => compile::statement(cx, &map.lookup.known(cx.twin), &nat),
            None => compile::statement(cx, &NoSets, &nat),
        }
    }

    fn text(&self, twin: Option<Twin>) -> String {
        self.to.text(self.word(), twin)
    }

    fn is_dual(&self) -> bool {
        self.to.is_dual()
    }

    fn holds(&self, twin: Twin) -> Holds {
        self.to.holds(twin)
    }
}
