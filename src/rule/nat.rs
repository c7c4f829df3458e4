//! Address translation.

use super::{
    Mapped,
    statement::{ByVersion, Holds, Operand, Piece, Role, Typed},
};
use crate::{
    data::{Port, Typed as _},
    expr::NatFlags,
    lang::{
        field::IpVersion,
        refused,
        tree::{Expression, Nat, NatKind, NatShape, Statement},
        words::{NAT, word},
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
/// An address makes it a translation of that family; with one of each family ([`To::or`]) the rule
/// becomes two.
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
    value: Operand,
    version: IpVersion,
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
    fn family(&self, version: Option<IpVersion>) -> Option<IpVersion> {
        match (&self.map, self.v4, self.v6) {
            (Some(map), ..) => Some(map.version),
            (None, Some(_), Some(_)) => version,
            (None, Some(_), None) => Some(IpVersion::V4),
            (None, None, Some(_)) => Some(IpVersion::V6),
            (None, None, None) => None,
        }
    }

    /// Lowest and highest address of a family.
    fn addresses(&self, family: IpVersion) -> Option<(IpAddr, IpAddr)> {
        match family {
            IpVersion::V4 => self.v4.map(|(a, b)| (a.into(), b.into())),
            IpVersion::V6 => self.v6.map(|(a, b)| (a.into(), b.into())),
        }
    }

    /// One address of a family and one port; none if there are more.
    fn single(&self, version: Option<IpVersion>) -> Option<(Option<IpAddr>, Option<u16>)> {
        let one = |(low, high): (IpAddr, IpAddr)| (low == high).then_some(low);
        let address = match self.family(version).and_then(|family| self.addresses(family)) {
            Some(both) => Some(one(both)?),
            None => None,
        };
        let port = match self.ports {
            Some((low, high)) => Some(Some(low).filter(|_| low == high)?),
            None => None,
        };
        (self.map.is_none() && self.flags.is_empty()).then_some((address, port))
    }

    fn is_dual(&self) -> bool {
        match &self.map {
            Some(map) => map.value.is_dual(),
            None => self.v4.is_some() && self.v6.is_some(),
        }
    }

    fn holds(&self, version: IpVersion) -> Holds {
        if self.family(Some(version)).is_some_and(|family| family != version) {
            return Holds::Never;
        }
        self.map.as_ref().map_or(Holds::Maybe, |map| map.value.get(Some(version)).holds)
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
    ($($value:ty = $version:ident;)*) => { $(
        impl From<Mapped<$value>> for To {
            fn from(mapped: Mapped<$value>) -> Self {
                let map = NatMap { value: mapped.value, version: IpVersion::$version };
                Self { map: Some(map), ..Self::default() }
            }
        }
    )* };
}

maps! {
    Ipv4Addr = V4;
    Ipv6Addr = V6;
    (Ipv4Addr, Port) = V4;
    (Ipv6Addr, Port) = V6;
}

impl To {
    fn port_expression(&self) -> Option<Expression> {
        let port = |n: u16| Expression::constant(Port::FIELD, &n.to_be_bytes());
        self.ports.map(|(low, high)| Expression::range(port(low), port(high)))
    }

    /// One statement, or one for each IP version.
    fn pieces(&self, piece: impl Fn(Option<IpVersion>) -> Piece<Statement>) -> ByVersion<Piece<Statement>> {
        ByVersion::new(self.is_dual(), |version| match version {
            Some(of) => Piece { holds: self.holds(of), ..piece(version) },
            None => piece(None),
        })
    }

    /// The translation that leads there.
    pub(super) fn translate(self, kind: NatKind) -> Typed {
        let nat = |version| {
            let family = self.family(version);
            let (addr, sets, wrong) = match &self.map {
                Some(map) => {
                    let Piece { tree, sets, wrong, .. } = map.value.get(version).clone();
                    (Some(tree), sets, wrong)
                }
                None => {
                    let range = |(low, high): (IpAddr, IpAddr)| Expression::range(low.into(), high.into());
                    (family.and_then(|family| self.addresses(family)).map(range), Vec::new(), None)
                }
            };
            let family = family.map(IpVersion::number);
            let (port, flags, shape) = (self.port_expression(), self.flags, NatShape::default());
            let nat = Statement::Nat(Nat { kind, family, addr, port, flags, shape });
            Piece { sets, wrong, ..Piece::new(nat) }.checked(self.check(kind, version))
        };
        Typed::new(Role::Verdict, false, self.pieces(nat))
    }

    fn check(&self, kind: NatKind, version: Option<IpVersion>) -> Result<(), Malformed> {
        if let Some(why) = &self.wrong {
            return Err(why.clone());
        }
        let any = self.family(version).or(self.family(Some(IpVersion::V4)));
        let local = matches!(kind, NatKind::Masquerade | NatKind::Redirect);
        if !local && any.is_none() && self.ports.is_none() {
            return refused(format!("{} to neither address nor port", word(NAT, &kind).unwrap_or_default()));
        }
        Ok(())
    }

    /// The local socket that a packet is handed to, there.
    pub(super) fn proxy(self) -> ByVersion<Piece<Statement>> {
        self.pieces(|version| {
            let single = self.single(version);
            let check = match single {
                Some(_) => Ok(()),
                None => refused("tproxy to more than one address or port"),
            };
            let family = self.family(version).map(IpVersion::number);
            let addr = single.and_then(|(addr, _)| addr).map(Expression::from);
            Piece::new(Statement::Tproxy { family, addr, port: self.port_expression() }).checked(check)
        })
    }
}
