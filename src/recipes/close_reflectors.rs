//! Ports that make a host a reflector, closed in both directions.

use super::{Recipe, fill, is_wrong, no_port};
use crate::{data::FibAddrType, expr::Counter, model::Object, rule::Selector, *};
use std::net::Ipv6Addr;

/// All nodes of a link (RFC 4291, 2.7.1).
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// Ports that make a host a reflector, closed in both directions, as [`close_reflectors`] makes it.
#[derive(Clone, Debug)]
pub struct CloseReflectors {
    outside: IfName,
    tcp: Vec<Port>,
    udp: Vec<Port>,
}

/// Nothing goes from or to ports 22/tcp, 80/tcp and 1900/udp by the outside interface, in or out,
/// and no broadcast leaves by it. What comes and goes inside is as it was, and all of it is
/// counted.
///
/// ```
/// use oxitables::{Client, expr::ObjectType, recipes::{Recipe, close_reflectors}};
///
/// fn protect() -> oxitables::Result<()> {
///     let closed = close_reflectors("eth0").with_udp([53, 123, 1900, 11211]);
///     let mut nft = Client::open()?;
///     nft.apply(&closed.batch())?;
///     let refused = nft.object(&closed.table(), ObjectType::Counter, "closed_in")?;
///     println!("{refused:?}");
///     Ok(())
/// }
/// # oxitables::testing::in_namespace(protect);
/// ```
///
/// On a host and on a router alike: the chains stand where a packet comes in and where it leaves,
/// whoever it is for. Of a packet either port may be the closed one:
///
/// * who sends to it from outside (with the address of a victim) reaches nobody, so nobody answers;
/// * a captured machine inside sends nothing to such ports elsewhere;
/// * and what a machine inside answers to a forged packet that came some other way stays inside.
///
/// The port is the one that is seen outside: what is published under another port is reached there.
///
/// So who closes 80 does not read the web by http either, connections that exist end, and a
/// resolver should not send from a port that is closed (`outgoing-port-avoid` of unbound).
///
/// # Counters
///
/// `outside_in`, `outside_out`: all packets of the outside interface. `inside_in`, `inside_out`:
/// those of all others but loopback. `closed_in`, `closed_out`: what was dropped. Applied again,
/// they count on.
///
/// # The article
///
/// Rules of iptables that drop these ports in INPUT and OUTPUT, and packets to broadcast addresses
/// in OUTPUT. Better here: what is forwarded is covered; IPv6 is, with "all nodes" (`ff02::1`) for
/// the broadcast it has not, except for ICMPv6 messages that are sent there by right; broadcast
/// addresses are known from the routes (`fib`) and not written down. Fragments are of no use: the
/// first has the ports, and without it nothing is put together.
///
/// # Kernel
///
/// Since 4.10 (`nft_fib_inet`). DHCP clients for IPv4 broadcast below netfilter, by packet sockets,
/// and go on working.
pub fn close_reflectors(outside: impl Into<IfName>) -> CloseReflectors {
    CloseReflectors { outside: outside.into(), tcp: [22, 80].map(Port::from).to_vec(), udp: vec![Port::from(1900)] }
}

impl CloseReflectors {
    /// With these TCP ports instead of 22 and 80; none is fine as long as a UDP port is left.
    pub fn with_tcp<P: Into<Port>>(mut self, ports: impl IntoIterator<Item = P>) -> Self {
        self.tcp = ports.into_iter().map(Into::into).collect();
        self
    }

    /// With these UDP ports instead of 1900; none is fine as long as a TCP port is left.
    pub fn with_udp<P: Into<Port>>(mut self, ports: impl IntoIterator<Item = P>) -> Self {
        self.udp = ports.into_iter().map(Into::into).collect();
        self
    }

    /// What comes in.
    pub fn incoming(&self) -> Chain {
        self.table().chain("incoming").with_hook(Hook::Prerouting, Priority::RAW)
    }

    /// What leaves, with the addresses and ports that are seen outside.
    pub fn outgoing(&self) -> Chain {
        self.table().chain("outgoing").with_hook(Hook::Postrouting, Priority::SRCNAT + 1)
    }

    /// What is counted.
    pub fn counters(&self) -> [Object; 6] {
        ["outside_in", "outside_out", "inside_in", "inside_out", "closed_in", "closed_out"]
            .map(|name| Object::new(&self.table(), name, Counter::new()))
    }

    /// Packets to and from closed ports, counted and dropped.
    fn closed(&self, counter: &str) -> [Rule; 2] {
        let tcp = self.tcp.iter().map(|port| (Protocol::TCP, *port));
        let ports: Vec<_> = tcp.chain(self.udp.iter().map(|port| (Protocol::UDP, *port))).collect();
        [th::dport(), th::sport()].map(|port| {
            let closed = (meta::l4proto(), port).is_any(ports.iter().copied());
            Rule::new().when(closed).then(counter_named(counter)).drop()
        })
    }
}

impl Recipe for CloseReflectors {
    fn table(&self) -> Table {
        Table::new(Family::Inet, "close_reflectors")
    }

    fn add_to(&self, batch: &mut Batch) {
        batch.add(self.table());
        if is_wrong(batch, [no_port(&[&self.tcp[..], &self.udp].concat())]) {
            return;
        }
        for counter in self.counters() {
            batch.add(counter);
        }
        let side = |name: fn() -> Selector<IfName>, way: &str| {
            [
                Rule::new().when(name().is("lo")).accept(),
                Rule::new().when(name().is_not(self.outside)).then(counter_named(format!("inside_{way}"))).accept(),
                Rule::new().then(counter_named(format!("outside_{way}"))).into(),
            ]
        };
        let incoming = side(meta::iifname, "in").into_iter().chain(self.closed("closed_in"));
        fill(batch, &self.incoming(), incoming);
        let broadcasts = [
            Rule::new().when(fib::daddr().type_().is(FibAddrType::BROADCAST)),
            Rule::new().when(ip6::daddr().is(ALL_NODES)).when(meta::l4proto().is_not(Protocol::ICMPV6)),
            Rule::new().when(ip6::daddr().is(ALL_NODES)).when(icmpv6::type_().is(Icmpv6Type::ECHO_REQUEST)),
        ];
        let broadcasts = broadcasts.map(|rule| rule.then(counter_named("closed_out")).drop());
        let outgoing = side(meta::oifname, "out").into_iter().chain(self.closed("closed_out")).chain(broadcasts);
        fill(batch, &self.outgoing(), outgoing);
    }
}
