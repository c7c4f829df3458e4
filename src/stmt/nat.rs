//! Address translation.

use super::{
    field::Twin,
    lookup::Lookup,
    lower::{Holds, Lowering, Net, Statement, refused},
    select::Mapped,
};
use crate::{
    data::{Family, Port, Register, Value},
    expr::{Expr, Immediate, Masq, Nat, NatFlags, NatType, Redir},
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
}

#[derive(Clone, Debug)]
struct NatMap {
    lookup: Lookup,
    v4: bool,
    ports: bool,
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
    fn family(&self, twin: Option<Twin>) -> Option<Twin> {
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
    ($($value:ty = $v4:literal, $ports:literal;)*) => { $(
        impl From<Mapped<$value>> for To {
            fn from(mapped: Mapped<$value>) -> Self {
                let map = NatMap { lookup: mapped.lookup, v4: $v4, ports: $ports };
                Self { map: Some(map), ..Self::default() }
            }
        }
    )* };
}

maps! {
    Ipv4Addr = true, false;
    Ipv6Addr = false, false;
    (Ipv4Addr, Port) = true, true;
    (Ipv6Addr, Port) = false, true;
}

/// Kind of translation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Snat,
    Dnat,
    Masquerade,
    Redirect,
}

/// A translation.
#[derive(Clone, Debug)]
pub(crate) struct Translate {
    pub kind: Kind,
    pub to: To,
}

/// Registers of constants, 16 bytes each.
struct Constants {
    next: u8,
    exprs: Vec<Expr>,
}

impl Constants {
    fn load(&mut self, bytes: &[u8]) -> Register {
        let register = Register::slot(self.next);
        self.next += 4;
        self.exprs.push(Immediate::new(register, Value::new(bytes).unwrap_or_default()).into());
        register
    }

    fn load_address(&mut self, address: IpAddr) -> Register {
        match address {
            IpAddr::V4(address) => self.load(&address.octets()),
            IpAddr::V6(address) => self.load(&address.octets()),
        }
    }
}

impl Translate {
    fn word(&self) -> &'static str {
        match self.kind {
            Kind::Snat => "snat",
            Kind::Dnat => "dnat",
            Kind::Masquerade => "masquerade",
            Kind::Redirect => "redirect",
        }
    }

    fn is_local(&self) -> bool {
        matches!(self.kind, Kind::Masquerade | Kind::Redirect)
    }

    /// The family that the kernel is told.
    fn nat_family(&self, cx: &Lowering) -> Result<Family, Malformed> {
        let own = match self.to.family(cx.twin) {
            Some(Twin::V4) => Family::Ip,
            Some(Twin::V6) => Family::Ip6,
            None => return Ok(cx.family),
        };
        let other = match cx.net() {
            Some(Net::Ip) => own != Family::Ip,
            Some(Net::Ip6) => own != Family::Ip6,
            _ => false,
        };
        if other {
            return refused(format!("{} to an address of family {own} in a rule for the other family", self.word()));
        }
        Ok(own)
    }
}

impl Statement for Translate {
    fn lower(&self, cx: &mut Lowering) -> Result<(), Malformed> {
        if !matches!(cx.family, Family::Ip | Family::Ip6 | Family::Inet) {
            return refused(format!("{} in a table of family {}", self.word(), cx.family));
        }
        let to = &self.to;
        if self.is_local() && to.family(cx.twin).or(to.family(Some(Twin::V4))).is_some() {
            return refused(format!("{} chooses the address itself", self.word()));
        }
        if !self.is_local() && to.family(Some(Twin::V4)).is_none() && to.ports.is_none() {
            return refused(format!("{} to neither address nor port", self.word()));
        }
        if to.ports.is_some() && cx.transport().is_none() {
            return refused("a port needs a transport protocol: match tcp, udp or meta::l4proto() before");
        }
        if to.ports.is_some_and(|(a, b)| a > b)
            || to.v4.is_some_and(|(a, b)| a > b)
            || to.v6.is_some_and(|(a, b)| a > b)
        {
            return refused(format!("{} to a range that ends before it starts", self.word()));
        }
        let family = self.nat_family(cx)?;
        let mut constants = Constants { next: 0, exprs: Vec::new() };
        let (mut addr_min, mut addr_max, mut port_min, mut port_max) = (None, None, None, None);
        let mut flags = to.flags;
        if let Some(map) = &to.map {
            if to.ports.is_some() {
                return refused("a map of addresses together with a port: let the map have both");
            }
            constants.exprs = map.lookup.lower(cx, Some(Register::R1), false)?;
            addr_min = Some(Register::R1);
            let after = if map.v4 { 1 } else { 4 };
            port_min = map.ports.then(|| Register::slot(after));
        } else {
            if let Some((a, b)) = to.family(cx.twin).and_then(|f| to.addresses(f)) {
                addr_min = Some(constants.load_address(a));
                addr_max = (a != b).then(|| constants.load_address(b));
            }
            if let Some((a, b)) = to.ports {
                port_min = Some(constants.load(&a.to_be_bytes()));
                port_max = (a != b).then(|| constants.load(&b.to_be_bytes()));
                flags |= NatFlags::PROTO_SPECIFIED;
            }
        }
        let flags = (!flags.is_empty()).then_some(flags);
        let mut exprs = constants.exprs;
        exprs.push(match self.kind {
            Kind::Masquerade => Masq { port_min, port_max, flags, ..Masq::new() }.into(),
            Kind::Redirect => Redir { port_min, port_max, flags, ..Redir::new() }.into(),
            kind => {
                let kind = if kind == Kind::Snat { NatType::Snat } else { NatType::Dnat };
                Nat { addr_min, addr_max, port_min, port_max, flags, ..Nat::new(kind, family) }.into()
            }
        });
        cx.push_act(exprs);
        Ok(())
    }

    fn text(&self, twin: Option<Twin>) -> String {
        let to = &self.to;
        let family = to.family(twin);
        let mut out = self.word().to_owned();
        match family {
            Some(Twin::V4) => out.push_str(" ip"),
            Some(Twin::V6) => out.push_str(" ip6"),
            None => {}
        }
        if family.is_some() || to.ports.is_some() {
            out.push_str(" to ");
        }
        if let Some(map) = &to.map {
            out.push_str(&map.lookup.text(twin, "map"));
        } else if let Some((a, b)) = family.and_then(|f| to.addresses(f)) {
            let show = |address: IpAddr| match address {
                // Brackets keep the port apart.
                IpAddr::V6(v6) if to.ports.is_some() => format!("[{v6}]"),
                address => address.to_string(),
            };
            out.push_str(&show(a));
            if a != b {
                out.push('-');
                out.push_str(&show(b));
            }
        }
        out + &to.ports_text() + &to.flags_text()
    }

    fn is_dual(&self) -> bool {
        match &self.to.map {
            Some(map) => map.lookup.is_dual(),
            None => self.to.v4.is_some() && self.to.v6.is_some(),
        }
    }

    fn holds(&self, twin: Twin) -> Holds {
        if self.to.family(Some(twin)).is_some_and(|family| family != twin) {
            return Holds::Never;
        }
        self.to.map.as_ref().map_or(Holds::Maybe, |map| map.lookup.holds(twin, false))
    }
}
