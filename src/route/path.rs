//! Routes.

use super::Routing;
use crate::{
    error::{Error, Result},
    rtnetlink::family,
};
use ipnetwork::IpNetwork;
use netlink_packet_route::{
    AddressFamily,
    route::{RouteAddress, RouteAttribute, RouteMessage, RouteProtocol, RouteScope, RouteType},
};
use nix::errno::Errno;
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// The main table.
const MAIN: u32 = 254;
/// What the kernel makes of a metric of 0 in IPv6 (`IP6_RT_PRIO_USER`).
const V6_METRIC: u32 = 1024;

/// A way to a network: `ip route`.
///
/// ```
/// use oxitables::route::Route;
/// let route = Route::new("10.9.0.0/16".parse()?).via("10.0.2.1".parse()?).table(102);
/// assert_eq!(route.to_string(), "route 10.9.0.0/16 via 10.0.2.1 table 102");
/// assert_eq!(Route::default_via("fe80::1".parse()?).dev("wan2").to_string(), "route ::/0 via fe80::1 dev wan2 table 254");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Route {
    to: IpNetwork,
    gateway: Option<IpAddr>,
    dev: Option<String>,
    source: Option<IpAddr>,
    table: u32,
    metric: u32,
    reachable: bool,
}

impl Route {
    /// A way to a network. Say [`via`](Self::via) whom, [`dev`](Self::dev) by which interface, or
    /// both.
    ///
    /// `192.0.2.7/24` is refused when the route is added: the network is `192.0.2.0/24`.
    pub fn new(to: IpNetwork) -> Self {
        Self { to, gateway: None, dev: None, source: None, table: MAIN, metric: 0, reachable: true }
    }

    /// The way to wherever no other route leads, for the gateway's family.
    pub fn default_via(gateway: IpAddr) -> Self {
        let anywhere: IpAddr = match gateway {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        Self::new(anywhere.into()).prefix(0).via(gateway)
    }

    /// No way to a network: who sends there is told so, and no rule behind is asked. With a high
    /// [metric](Self::metric) it is what remains when the interface of another route goes.
    pub fn unreachable(to: IpNetwork) -> Self {
        Self { reachable: false, ..Self::new(to) }
    }

    fn prefix(mut self, bits: u8) -> Self {
        self.to = IpNetwork::new(self.to.ip(), bits).unwrap_or(self.to);
        self
    }

    /// By way of a gateway, of the same family, in a network of this host.
    pub fn via(mut self, gateway: IpAddr) -> Self {
        self.gateway = Some(gateway);
        self
    }

    /// By an interface; a link-local gateway needs it said. It has to be there and up, and when it
    /// goes the kernel removes the route.
    pub fn dev(mut self, name: impl Into<String>) -> Self {
        self.dev = Some(name.into());
        self
    }

    /// The address that this host sends from, where the program does not say.
    pub fn source(mut self, address: IpAddr) -> Self {
        self.source = Some(address);
        self
    }

    /// In a table; else in the main one, 254.
    pub fn table(mut self, table: u32) -> Self {
        self.table = table;
        self
    }

    /// Lower is better. 0 if it is not said, which IPv6 takes for 1024.
    pub fn metric(mut self, metric: u32) -> Self {
        self.metric = metric;
        self
    }

    pub(super) fn message(&self, net: &Routing) -> Result<RouteMessage> {
        let refuse =
            |cause: String| Err(Error::Request { what: format!("add {self}"), errno: Errno::EINVAL as i32, cause });
        // The kernel would take the first bytes of the address.
        if self.gateway.into_iter().chain(self.source).any(|address| address.is_ipv4() != self.to.is_ipv4()) {
            return refuse("network, gateway and source have to be of one family".into());
        }
        if self.to.ip() != self.to.network() {
            let (network, bits) = (self.to.network(), self.to.prefix());
            return refuse(format!("{} is an address in the network {network}/{bits}: say the network", self.to));
        }
        let mut message = RouteMessage::default();
        let header = &mut message.header;
        header.address_family = family(self.to.ip());
        header.destination_prefix_length = self.to.prefix();
        header.protocol = RouteProtocol::Static;
        header.kind = if self.reachable { RouteType::Unicast } else { RouteType::Unreachable };
        if self.to.is_ipv4() && self.reachable && self.gateway.is_none() {
            // Whoever is behind the interface is on its link.
            header.scope = RouteScope::Link;
        }
        let all = &mut message.attributes;
        all.push(RouteAttribute::Table(self.table));
        if self.to.prefix() > 0 {
            all.push(RouteAttribute::Destination(self.to.ip().into()));
        }
        all.extend(self.gateway.map(|gateway| RouteAttribute::Gateway(gateway.into())));
        if let Some(dev) = &self.dev {
            all.push(RouteAttribute::Oif(net.link(dev)?.index.number()));
        }
        all.extend(self.source.map(|source| RouteAttribute::PrefSource(source.into())));
        let metric = if self.metric == 0 && self.to.is_ipv6() { V6_METRIC } else { self.metric };
        all.extend((metric > 0).then_some(RouteAttribute::Priority(metric)));
        Ok(message)
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", if self.reachable { "route" } else { "route unreachable" }, self.to)?;
        if let Some(gateway) = self.gateway {
            write!(f, " via {gateway}")?;
        }
        if let Some(dev) = &self.dev {
            write!(f, " dev {dev}")?;
        }
        if let Some(source) = self.source {
            write!(f, " src {source}")?;
        }
        write!(f, " table {}", self.table)?;
        if self.metric > 0 {
            write!(f, " metric {}", self.metric)?;
        }
        Ok(())
    }
}

/// What tells routes apart for the kernel: only one of them may be there.
fn place(message: &RouteMessage) -> impl PartialEq {
    let find = |which: fn(&RouteAttribute) -> Option<u32>| message.attributes.iter().find_map(which);
    let to = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Destination(to) => Some(to.clone()),
        _ => None,
    });
    let header = &message.header;
    let table = find(|attribute| if let RouteAttribute::Table(n) = attribute { Some(*n) } else { None });
    let metric = find(|attribute| if let RouteAttribute::Priority(n) = attribute { Some(*n) } else { None });
    (header.address_family, to, header.destination_prefix_length, header.tos, table, metric.unwrap_or(0))
}

/// Whether a route that the kernel lists is where another one would be.
pub(super) fn is_rival(sent: &RouteMessage, there: &RouteMessage) -> bool {
    place(sent) == place(there)
}

/// Whether it is the one that was sent: the kernel may add what was not said, such as the
/// interface.
pub(super) fn is_same(sent: &RouteMessage, there: &RouteMessage) -> bool {
    let said = |attribute: &RouteAttribute| match attribute {
        // Compared by `place`.
        RouteAttribute::Priority(_) | RouteAttribute::Table(_) | RouteAttribute::Destination(_) => true,
        said => there.attributes.contains(said),
    };
    let gateway = |message: &RouteMessage| {
        message.attributes.iter().any(|attribute| {
            matches!(attribute, RouteAttribute::Gateway(_) | RouteAttribute::Via(_) | RouteAttribute::MultiPath(_))
        })
    };
    sent.header.kind == there.header.kind && gateway(sent) == gateway(there) && sent.attributes.iter().all(said)
}

/// A route that the kernel lists, in words.
pub(super) fn text(there: &RouteMessage) -> String {
    let mut out = format!("a route ({:?})", there.header.kind);
    for attribute in &there.attributes {
        match attribute {
            RouteAttribute::Gateway(RouteAddress::Inet(gateway)) => out.push_str(&format!(" via {gateway}")),
            RouteAttribute::Gateway(RouteAddress::Inet6(gateway)) => out.push_str(&format!(" via {gateway}")),
            RouteAttribute::Oif(index) => out.push_str(&format!(" by interface {index}")),
            RouteAttribute::MultiPath(ways) => out.push_str(&format!(" by {} ways", ways.len())),
            _ => {}
        }
    }
    out
}

/// Asks for the routes of a family.
pub(super) fn question(family: AddressFamily) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = family;
    message
}
