//! The minimal firewall of a rented server.

use super::{LINK_LOCAL, Recipe, fill, neighbours};
use crate::*;
use ipnetwork::IpNetwork;

/// The minimal firewall of a rented server, as [`vps_baseline`] makes it.
#[derive(Clone, Debug)]
pub struct VpsBaseline {
    interface: IfName,
    ssh: Port,
    from: Option<Vec<IpNetwork>>,
    ping: bool,
    dhcpv6: bool,
}

/// What every small server on the internet needs first: loopback, what belongs to connections that
/// exist, and new ssh connections by one interface. Everything else is dropped, and nothing is
/// forwarded.
///
/// ```
/// use oxitables::{Client, recipes::{Recipe, vps_baseline}};
///
/// fn protect() -> oxitables::Result<()> {
///     let office = ["192.0.2.0/24".parse().unwrap(), "2001:db8:7::/48".parse().unwrap()];
///     Client::open()?.apply(&vps_baseline("eth0").with_ssh_from(office).with_ping().batch())?;
///     Ok(())
/// }
/// # oxitables::testing::in_namespace(protect);
/// ```
///
/// # The article
///
/// "The minimal firewall for a VPS": iptables with a policy of DROP, and rules for `lo`,
/// `ESTABLISHED,RELATED` and port 22. Better here: one table for both families and one batch, so
/// that there is no moment with half of it; IPv6 keeps working, because neighbour discovery (from
/// the own link only, hop limit 255: RFC 4861, 7.1) and multicast listener queries pass always;
/// errors such as "packet too big" pass as related. Different: there is no chain for output, which
/// let everything out there too.
///
/// # Kernel
///
/// Since 3.14; conntrack (`nf_conntrack`). Where nothing was tracked before, a connection of this
/// host is known from the first packet that it sends after that; until then, what comes in on it is
/// dropped.
pub fn vps_baseline(interface: impl Into<IfName>) -> VpsBaseline {
    VpsBaseline { interface: interface.into(), ssh: Port::from(22), from: None, ping: false, dhcpv6: false }
}

impl VpsBaseline {
    /// With ssh on another port than 22.
    pub fn with_ssh_port(mut self, port: impl Into<Port>) -> Self {
        self.ssh = port.into();
        self
    }

    /// With ssh for these networks only; what they name of one family says nothing of the other,
    /// from which nobody comes in then.
    pub fn with_ssh_from(mut self, networks: impl IntoIterator<Item = IpNetwork>) -> Self {
        self.from.get_or_insert_default().extend(networks);
        self
    }

    /// With echo requests (ping) answered, at most ten a second of each family.
    pub fn with_ping(mut self) -> Self {
        self.ping = true;
        self
    }

    /// With addresses leased by DHCPv6, whose answers conntrack does not relate to their question.
    /// (DHCP for IPv4 needs no rule.)
    pub fn with_dhcpv6(mut self) -> Self {
        self.dhcpv6 = true;
        self
    }

    /// What comes in.
    pub fn input(&self) -> Chain {
        self.table().chain("input").with_hook(Hook::Input, Priority::FILTER).with_policy(Policy::Drop)
    }

    /// What is sent on to others: nothing.
    pub fn forward(&self) -> Chain {
        self.table().chain("forward").with_hook(Hook::Forward, Priority::FILTER).with_policy(Policy::Drop)
    }

    fn rules(&self) -> Vec<Rule> {
        let mut rules: Vec<Rule> = vec![Rule::new().when(meta::iifname().is("lo")).accept()];
        if self.ping {
            // Before connections that exist: to conntrack, all requests of one program are one.
            for echo in [icmp::type_().is(IcmpType::ECHO_REQUEST), icmpv6::type_().is(Icmpv6Type::ECHO_REQUEST)] {
                rules.push(Rule::new().when(echo.clone()).when(limit(10).per_second().burst(10)).accept());
                rules.push(Rule::new().when(echo).drop());
            }
        }
        rules.extend([
            Rule::new().when(ct::state().any(CtState::ESTABLISHED | CtState::RELATED)).accept(),
            neighbours(),
            Rule::new()
                .when(ip6::saddr().is(LINK_LOCAL))
                .when(icmpv6::type_().is(Icmpv6Type::MLD_LISTENER_QUERY))
                .comment("who listens to multicast")
                .accept(),
        ]);
        if self.dhcpv6 {
            let answer = Rule::new().when(ip6::saddr().is(LINK_LOCAL)).when(ip6::daddr().is(LINK_LOCAL));
            rules.push(answer.when(udp::dport().is(546)).comment("DHCPv6").accept());
        }
        let mut ssh = Rule::new().when(meta::iifname().is(self.interface));
        if let Some(networks) = &self.from {
            ssh = ssh.when(addr::saddr().is_any(networks.iter().copied()));
        }
        // Untracked is what another table answers with cookies first.
        let state = ct::state().any(CtState::NEW | CtState::UNTRACKED);
        rules.push(ssh.when(tcp::dport().is(self.ssh)).when(state).accept());
        rules
    }
}

impl Recipe for VpsBaseline {
    fn table(&self) -> Table {
        Table::new(Family::Inet, "vps_baseline")
    }

    fn add_to(&self, batch: &mut Batch) {
        batch.add(self.table());
        fill(batch, &self.input(), self.rules());
        fill::<Rule>(batch, &self.forward(), []);
    }
}
