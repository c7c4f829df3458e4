//! A network behind one address.

use super::{Recipe, fill, is_wrong};
use crate::{
    data::{CtStatus, FibAddrType, NfProto},
    sysctl::{self, Setting},
    *,
};
use std::net::SocketAddr;

/// A network behind one address, as [`masquerade_gateway`] makes it.
#[derive(Clone, Debug)]
pub struct MasqueradeGateway {
    inside: IfName,
    outside: IfName,
    published: Vec<(Protocol, Port, SocketAddr)>,
    ipv6: bool,
    clamp: bool,
}

/// The machines of the network at the inside interface reach out by the outside one, with its
/// address; replies come back, and nobody outside reaches them but by ports that are published.
/// Nothing else is forwarded.
///
/// ```
/// use oxitables::{Client, recipes::{Recipe, masquerade_gateway}, sysctl};
///
/// fn share() -> oxitables::Result<()> {
///     let gateway = masquerade_gateway("lan", "wan").with_published_tcp(80, "10.0.1.2:8080".parse().unwrap());
///     Client::open()?.apply(&gateway.batch())?;
///     // No table can do that: packets are forwarded from now on.
///     sysctl::set(gateway.sysctls())?.keep();
///     Ok(())
/// }
/// # oxitables::testing::in_namespace(share);
/// ```
///
/// * A published port is reached at every address of the gateway from outside, and at the outer
///   ones also from inside, where the server then sees the gateway as the client. At its inner
///   address from inside, and from the gateway itself, the port is what it was. The server has to
///   answer by way of the gateway.
/// * Errors (ICMP) find their way back through the translation. What belongs to no connection is
///   not forwarded: it would leave with its inner address.
/// * A source that the routes know elsewhere is not forwarded: from outside no address of the
///   inside, and from inside no other. With several uplinks chosen by mark, that check is in the
///   way.
/// * Inside, everything passes. It may come by here even if it is only bridged (`br_netfilter`; a
///   server does not reach its own published port then).
/// * IPv6 is translated like IPv4, because an inside of unique local addresses (RFC 4193) has no
///   other way out; with addresses of its own it should not be, see
///   [`with_routed_ipv6`](MasqueradeGateway::with_routed_ipv6).
///
/// What the gateway itself takes in is not decided here, nor may another table drop what is
/// forwarded, as [`vps_baseline`](super::vps_baseline) does.
///
/// # The article
///
/// Network address and port translation in the days of ipchains: `ipchains -A forward -j MASQ`,
/// `ipmasqadm portfw`, and a module for each protocol that was difficult. Better here: replies and
/// errors are known by their connections and need no rules; a published port is reached from inside
/// by the outer address; the outer address may change, as it is named nowhere; IPv6. Different: the
/// modules for protocols that speak of addresses (FTP in active mode) are helpers of conntrack now,
/// which a rule gives to the connections that need one ([`helper_named`](crate::ct::helper_named)).
///
/// # Kernel
///
/// Since 5.2, when NAT came to the inet family (`nf_nat`, `nft_masq`, `nft_fib_inet`); from inside
/// to a published port by the outer address since 5.7, when the incoming interface is known in
/// postrouting.
pub fn masquerade_gateway(inside: impl Into<IfName>, outside: impl Into<IfName>) -> MasqueradeGateway {
    MasqueradeGateway {
        inside: inside.into(),
        outside: outside.into(),
        published: Vec::new(),
        ipv6: true,
        clamp: false,
    }
}

impl MasqueradeGateway {
    /// With a TCP port that is reached from outside at a server inside; with port 0 there, at the
    /// same port. For each family its own; of two for one port the first counts.
    pub fn with_published_tcp(mut self, port: impl Into<Port>, to: SocketAddr) -> Self {
        self.published.push((Protocol::TCP, port.into(), to));
        self
    }

    /// With a UDP port.
    pub fn with_published_udp(mut self, port: impl Into<Port>, to: SocketAddr) -> Self {
        self.published.push((Protocol::UDP, port.into(), to));
        self
    }

    /// With IPv6 as it is: addresses of the inside that are valid outside are not translated. Who
    /// comes in is decided in the same way.
    pub fn with_routed_ipv6(mut self) -> Self {
        self.ipv6 = false;
        self
    }

    /// With TCP segments that fit the way, for uplinks such as PPPoE behind which "packet too big"
    /// gets lost.
    pub fn with_mss_clamping(mut self) -> Self {
        self.clamp = true;
        self
    }

    /// What has to be forwarded at all. An outside interface that gets its routes from router
    /// advertisements needs [`accept_ra`](sysctl::ipv6::accept_ra) `Always` besides.
    pub fn sysctls(&self) -> Vec<Setting> {
        vec![sysctl::ipv4::ip_forward(true), sysctl::ipv6::forwarding(sysctl::Interface::All, true)]
    }

    /// Where published ports lead: for connections to an outer address of the gateway.
    pub fn published(&self) -> Chain {
        self.table().chain("published")
    }

    /// What is forwarded.
    pub fn forward(&self) -> Chain {
        self.table().chain("forward").with_hook(Hook::Forward, Priority::FILTER).with_policy(Policy::Drop)
    }

    fn nat(&self, name: &str, hook: Hook, priority: Priority) -> Chain {
        self.table().chain(name).with_type(ChainType::Nat).with_hook(hook, priority)
    }

    fn wrong(&self) -> Vec<Option<String>> {
        let same = self.inside == self.outside;
        let mut wrong = vec![same.then(|| format!("inside and outside are both {}", self.inside))];
        for (_, port, to) in &self.published {
            let ip = to.ip();
            let nowhere = ip.is_unspecified() || ip.is_loopback() || ip.is_multicast();
            wrong.push(nowhere.then(|| format!("{ip} is no server inside")));
            wrong.push((port.number() == 0).then(|| "port 0 cannot be published".into()));
        }
        wrong
    }

    fn forward_rules(&self) -> Vec<Rule> {
        let mut rules = Vec::new();
        if self.clamp {
            let opening = Rule::new().when(tcp::flags().any(TcpFlags::SYN));
            rules.push(opening.then(tcp::option::maxseg::size().set(rt::mtu())).into());
        }
        let new = || ct::state().any(CtState::NEW);
        // No way back by the interface that it came by. (`missing` says the same, but nft 1.0.6
        // lists it as `missing/8`.)
        let elsewhere = Rule::new().when(fib::saddr().with_iif().oif().is(0));
        let from_inside = |to| Rule::new().when(meta::iifname().is(self.inside)).when(meta::oifname().is(to));
        rules.extend([
            Rule::new().when(ct::state().any(CtState::ESTABLISHED | CtState::RELATED)).accept(),
            from_inside(self.inside).accept(),
            elsewhere.comment("a source that lives elsewhere").drop(),
            from_inside(self.outside).when(new()).accept(),
            Rule::new().when(ct::status().any(CtStatus::DNAT)).when(new()).comment("published").accept(),
        ]);
        rules
    }
}

impl Recipe for MasqueradeGateway {
    fn table(&self) -> Table {
        Table::new(Family::Inet, "masquerade_gateway")
    }

    fn add_to(&self, batch: &mut Batch) {
        batch.add(self.table());
        if is_wrong(batch, self.wrong()) {
            return;
        }
        fill(
            batch,
            &self.published(),
            self.published.iter().map(|(protocol, port, to)| {
                let asked = if *protocol == Protocol::TCP { tcp::dport() } else { udp::dport() };
                let rule = Rule::new().when(asked.is(*port));
                if to.port() == 0 { rule.dnat(to.ip()) } else { rule.dnat(*to) }
            }),
        );
        // What is local and not of the inside: an outer address.
        let ours = |interface| {
            Rule::new().when(meta::iifname().is(interface)).when(fib::daddr().type_().is(FibAddrType::LOCAL))
        };
        let outer = ours(self.inside).when(fib::daddr().with_iif().type_().is_not(FibAddrType::LOCAL));
        let prerouting = self.nat("prerouting", Hook::Prerouting, Priority::DSTNAT);
        let published = self.published();
        fill(batch, &prerouting, [ours(self.outside), outer].map(|rule| rule.goto(&published.name)));
        fill(batch, &self.forward(), self.forward_rules());
        // What has an address of the way out keeps it: the gateway may have several.
        let other = fib::saddr().with_oif().type_().is_not(FibAddrType::LOCAL);
        let mut outwards = Rule::new().when(meta::oifname().is(self.outside)).when(other);
        if !self.ipv6 {
            outwards = outwards.when(meta::nfproto().is(NfProto::IPV4));
        }
        let back_in = Rule::new().when(meta::iifname().is(self.inside)).when(meta::oifname().is(self.inside));
        let back_in = back_in.when(ct::status().any(CtStatus::DNAT)).comment("published, from inside");
        let postrouting = self.nat("postrouting", Hook::Postrouting, Priority::SRCNAT);
        fill(batch, &postrouting, [outwards, back_in].map(Rule::masquerade));
    }
}
