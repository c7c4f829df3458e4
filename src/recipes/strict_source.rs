//! Packets come from where they say, by a way that the routers choose.

use super::{Recipe, fill};
use crate::{
    data::FibAddrType,
    expr::Counter,
    model::Object,
    sysctl::{self, Interface::Every, RoutingHeaders, Setting},
    *,
};
use std::net::Ipv4Addr;

/// Packets that come from where they say, by a way that the routers choose, as [`strict_source`]
/// wants them.
#[derive(Clone, Debug)]
pub struct StrictSource {
    /// Interfaces at which any way back is enough; without any, all are meant.
    loose: Option<Vec<IfName>>,
}

/// Drops packets whose source is not where they come from, in both families; packets that say which
/// way they want to go; and redirects, which say which way others should.
///
/// ```
/// use oxitables::{Client, recipes::{Recipe, strict_source}, sysctl};
///
/// fn protect() -> oxitables::Result<()> {
///     let strict = strict_source().with_loose(["wan1", "wan2"]);
///     Client::open()?.apply(&strict.batch())?;
///     // What the kernel does by itself, beyond the reach of tables.
///     sysctl::set(strict.sysctls())?.keep();
///     Ok(())
/// }
/// # oxitables::testing::in_namespace(protect);
/// ```
///
/// * **Strict**: the route to the source leads by the interface that the packet came by. **Loose**:
///   there is a route; for interfaces whose answers may leave by another one (several uplinks,
///   routes by mark). Neither takes what comes from this host's own addresses, from a broadcast
///   address, or from where the routes say `blackhole` or `unreachable`.
/// * What has no address yet may ask for one: `0.0.0.0` and `::`, to everybody on the link. So may
///   what asks whose an address is. Loopback is left alone.
/// * **Source routes**: IPv4 with the options LSRR or SSRR, IPv6 with a routing header of whatever
///   type. In nf_tables a source route of which a part has been gone already is no option
///   (`__ip_options_compile`), nor is anything beside it; so no other options pass than router
///   alert and record route, as long as these can be read (RFC 7126 advises the like). Of fragments
///   only the first is asked for a routing header, unless connections are tracked, which puts them
///   together before (RFC 7112).
/// * **Redirects** are dropped, whoever sends them: those that come in, and those that this host
///   would send.
///
/// Of several next hops of an IPv6 route, Linux 6.18 asks only one, so that what comes by the
/// others is dropped: such interfaces have to be loose.
///
/// What was dropped is counted: `spoofed`, `source_routed`, `redirects`. A packet is looked at
/// before its connection is known, so a flood makes no connections.
///
/// # The article
///
/// `rp_filter` 1 and 2, `ip6tables -m rpfilter`, `accept_source_route`, `accept_redirects`,
/// `send_redirects`. Better here: IPv6 has no `rp_filter`, and with this it is the same for both;
/// it holds for interfaces that come later; what is dropped is counted. Different: `rp_filter`
/// itself is not set, as the table takes its place; where it is on, it goes on checking.
///
/// # Kernel
///
/// Since 5.13 (`nft_fib_inet`; before, `fib` knows no way back to `::`, so that nobody could look
/// for an address). The kernel has not followed routing headers of type 0 since 2.6.21 by itself,
/// but forwards and delivers packets that have one.
pub fn strict_source() -> StrictSource {
    StrictSource { loose: Some(Vec::new()) }
}

impl StrictSource {
    /// With any way back enough at these interfaces.
    pub fn with_loose<I: Into<IfName>>(mut self, interfaces: impl IntoIterator<Item = I>) -> Self {
        if let Some(loose) = &mut self.loose {
            loose.extend(interfaces.into_iter().map(Into::into));
        }
        self
    }

    /// With any way back enough at every interface.
    pub fn with_loose_everywhere(mut self) -> Self {
        self.loose = None;
        self
    }

    /// What the kernel does by itself: it does not believe redirects, not even of known gateways,
    /// sends none, and follows no source routes, by any interface, now or later.
    pub fn sysctls(&self) -> Vec<Setting> {
        use sysctl::{ipv4, ipv6};
        vec![
            ipv4::accept_source_route(Every, false),
            ipv4::accept_redirects(Every, false),
            ipv4::secure_redirects(Every, false),
            ipv4::send_redirects(Every, false),
            ipv6::accept_source_route(Every, RoutingHeaders::None),
            ipv6::accept_redirects(Every, false),
        ]
    }

    /// What comes in.
    pub fn incoming(&self) -> Chain {
        self.table().chain("incoming").with_hook(Hook::Prerouting, Priority::RAW)
    }

    /// What this host sends.
    pub fn outgoing(&self) -> Chain {
        self.table().chain("outgoing").with_hook(Hook::Output, Priority::FILTER)
    }

    /// What is counted.
    pub fn counters(&self) -> [Object; 3] {
        ["spoofed", "source_routed", "redirects"].map(|name| Object::new(&self.table(), name, Counter::new()))
    }
}

/// Counted and dropped.
fn refuse(what: Match, counter: &str) -> Rule {
    Rule::new().when(what).then(counter_named(counter)).drop()
}

fn redirects() -> [Rule; 2] {
    [icmp::type_().is(IcmpType::REDIRECT), icmpv6::type_().is(Icmpv6Type::ND_REDIRECT)]
        .map(|redirect| refuse(redirect, "redirects"))
}

impl Recipe for StrictSource {
    fn table(&self) -> Table {
        Table::new(Family::Inet, "strict_source")
    }

    fn add_to(&self, batch: &mut Batch) {
        batch.add(self.table());
        for counter in self.counters() {
            batch.add(counter);
        }
        let mut rules = vec![Rule::new().when(meta::iifname().is("lo")).accept()];
        for route in [ip::option::lsrr::exists(), ip::option::ssrr::exists(), rt::exists()] {
            rules.push(refuse(route.is(true), "source_routed"));
        }
        // Of a source route that has begun the kernel reads no option at all.
        let options = Rule::new().when(ip::hdrlength().gt(5)).when(ip::option::ra::exists().is(false));
        let options = options.when(ip::option::rr::exists().is(false));
        rules.push(options.then(counter_named("source_routed")).drop());
        rules.extend(redirects());
        // Everybody of a network is nobody; 0.0.0.0 counts as such, too.
        let everybody = Rule::new().when(ip::saddr().is_not(Ipv4Addr::UNSPECIFIED));
        let everybody = everybody.when(fib::saddr().type_().is(FibAddrType::BROADCAST));
        rules.push(everybody.then(counter_named("spoofed")).drop());
        // 0: there is none. (`missing` says the same, but nft 1.0.6 lists it as `missing/8`.)
        rules.push(refuse(fib::saddr().oif().is(0), "spoofed"));
        if let Some(loose) = &self.loose {
            rules.extend(loose.iter().map(|interface| Rule::new().when(meta::iifname().is(*interface)).accept()));
            rules.push(refuse(fib::saddr().with_iif().oif().is(0), "spoofed"));
        }
        fill(batch, &self.incoming(), rules);
        fill(batch, &self.outgoing(), redirects());
    }
}
