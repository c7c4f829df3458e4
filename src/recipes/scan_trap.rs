//! Who looks for open doors finds all of them closed.

use super::{MOST_HITS, Recipe, fill, is_wrong, neighbours, no_port, wrong_time};
use crate::*;
use ipnetwork::IpNetwork;
use std::{net::IpAddr, time::Duration};

/// A trap for port scans, as [`scan_trap`] makes it.
#[derive(Clone, Debug)]
pub struct ScanTrap {
    tcp: Vec<Port>,
    udp: Vec<Port>,
    traps: Option<Vec<Port>>,
    hits: u32,
    within: Duration,
    time: Duration,
    allowed: Vec<IpNetwork>,
    group: Option<u16>,
    sessions: bool,
}

/// Lists an address that touches four different closed ports of this host within a minute, and
/// refuses it everywhere for ten minutes: also on ports that are open, and to hosts behind. `open`
/// are the TCP ports where there is something to be found.
///
/// ```
/// use oxitables::{Client, Result, recipes::{Recipe, scan_trap}};
/// use std::time::Duration;
///
/// fn protect() -> Result<()> {
///     let trap = scan_trap([22, 443]).with_udp([53]).with_ports(5, Duration::from_secs(30)).with_log(7);
///     let mut nft = Client::open()?;
///     nft.apply(&trap.batch())?;
///     for scanner in nft.members(&trap.listed())? {
///         println!("{:?} for {:?} more", scanner.key(), scanner.expires_value());
///     }
///     Ok(())
/// }
/// # oxitables::testing::in_namespace(protect);
/// ```
///
/// * Different ports count, exactly and in any order; TCP and UDP of one number are two. The same
///   port again (a request that is sent again) counts once within the time.
/// * A touch is a datagram, or a TCP segment without ACK and RST: a SYN, and what only scanners
///   send (FIN, NULL, XMAS). Segments with ACK or RST come late from connections that were, and
///   count for nothing; neither does what is sent to all (broadcast, multicast).
/// * The touch that is one too many has no answer any more. The time then runs; what the address
///   sends meanwhile does not prolong it.
/// * Connections that are established live on, unless
///   [`cutting_sessions`](ScanTrap::cutting_sessions); so do neighbour discovery and loopback.
///
/// A source address can be forged, and with it anybody can have somebody else listed. Name in
/// [`with_allowed`](ScanTrap::with_allowed) whom you cannot do without: gateway, resolvers (a late
/// answer looks like a touch too), where you come from. That sessions live on, and that the time is
/// short, are the rest of the remedy.
///
/// # Records
///
/// With [`with_log`](ScanTrap::with_log) every attempt goes to an NFLOG group, open port or not:
/// new connections ("scan_trap tcp "), first datagrams ("scan_trap udp "), echo requests
/// ("scan_trap icmp "); then who is listed ("scan_trap listed ") and what is refused ("scan_trap
/// refused "). A [`client::NflogReader`] has prefix, addresses and ports of each.
///
/// # The article
///
/// "Port scan detection" and "connection logging" by daemons that read all packets (scanlogd,
/// iplog) or add firewall rules (portsentry). Better here: the kernel counts, so the next packet is
/// refused already; addresses are forgiven by themselves; both families. Different: nothing is
/// blocked for ever, and a list that is full (65,535 addresses of each family) takes no new one
/// until others are forgiven. An IPv6 network is as many addresses as it likes to be: each is a
/// scanner of its own.
///
/// # Kernel
///
/// Since 5.4, as [`Recent`]; conntrack (`nf_conntrack`), and `nfnetlink_log` for records. `hits`
/// may be 1 to 50; anything else, no trap at all and times of nothing are refused by
/// [`Client::apply`].
pub fn scan_trap<P: Into<Port>>(open: impl IntoIterator<Item = P>) -> ScanTrap {
    ScanTrap {
        tcp: open.into_iter().map(Into::into).collect(),
        udp: Vec::new(),
        traps: None,
        hits: 4,
        within: Duration::from_secs(60),
        time: Duration::from_secs(600),
        allowed: Vec::new(),
        group: None,
        sessions: false,
    }
}

impl ScanTrap {
    /// With UDP ports that are open.
    pub fn with_udp<P: Into<Port>>(mut self, ports: impl IntoIterator<Item = P>) -> Self {
        self.udp.extend(ports.into_iter().map(Into::into));
        self
    }

    /// With these ports as the only ones that count, instead of all that are not open.
    pub fn with_traps<P: Into<Port>>(mut self, ports: impl IntoIterator<Item = P>) -> Self {
        self.traps.get_or_insert_default().extend(ports.into_iter().map(Into::into));
        self
    }

    /// With another number of closed ports than four, and another time than a minute.
    pub fn with_ports(mut self, hits: u32, within: Duration) -> Self {
        (self.hits, self.within) = (hits, within);
        self
    }

    /// With another time than ten minutes until an address is forgiven.
    pub fn with_time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// With networks that are never listed, and never refused.
    pub fn with_allowed(mut self, networks: impl IntoIterator<Item = IpNetwork>) -> Self {
        self.allowed.extend(networks);
        self
    }

    /// With records of all attempts to an NFLOG group.
    pub fn with_log(mut self, group: u16) -> Self {
        self.group = Some(group);
        self
    }

    /// Cuts the established connections of an address that is listed, too.
    pub fn cutting_sessions(mut self) -> Self {
        self.sessions = true;
        self
    }

    /// Who is refused.
    pub fn listed(&self) -> AddrSet {
        AddrSet::new(&self.table(), "listed").dynamic().with_timeout(self.time)
    }

    /// Which ports were touched by whom.
    pub fn touched(&self) -> Set<(IpAddr, Protocol, Port)> {
        Set::new(&self.table(), "touched").dynamic().with_timeout(self.within)
    }

    /// The times of touches.
    pub fn touches(&self) -> Recent {
        Recent::new(&self.table(), "touches").with_hits(self.hits, self.within).with_memory(self.within)
    }

    /// Where listed addresses are refused, for this host and those behind.
    pub fn prerouting(&self) -> Chain {
        self.table().chain("prerouting").with_hook(Hook::Prerouting, Priority::FILTER)
    }

    /// Where attempts are recorded and closed ports found. Before other filters, which may drop
    /// what is a touch here.
    pub fn input(&self) -> Chain {
        self.table().chain("input").with_hook(Hook::Input, Priority::FILTER + -1)
    }

    /// What goes to closed ports.
    pub fn closed(&self) -> Chain {
        self.table().chain("closed")
    }

    fn log(&self, rule: Rule<rule::Open>, what: &str) -> Rule<rule::Open> {
        match self.group {
            Some(group) => rule.then(log().with_prefix(format!("scan_trap {what} ")).to_group(group)),
            None => rule,
        }
    }

    fn passes(&self) -> Vec<Rule> {
        let mut rules = vec![Rule::new().when(meta::iifname().is("lo")).accept()];
        if !self.allowed.is_empty() {
            rules.push(Rule::new().when(addr::saddr().is_any(self.allowed.iter().copied())).accept());
        }
        rules
    }

    fn established() -> Rule {
        Rule::new().when(ct::state().any(CtState::ESTABLISHED | CtState::RELATED)).accept()
    }

    fn prerouting_rules(&self) -> Vec<Rule> {
        let mut rules = self.passes();
        if !self.sessions {
            rules.push(Self::established());
        }
        rules.push(neighbours());
        rules.push(self.log(Rule::new().when(addr::saddr().is_in(&self.listed())), "refused").drop());
        rules
    }

    fn input_rules(&self) -> Vec<Rule> {
        let asks = |rule: Rule<rule::Open>| rule.when(tcp::flags().none(TcpFlags::RST | TcpFlags::ACK));
        let mut rules = self.passes();
        rules.push(Self::established());
        if self.group.is_some() {
            rules.push(self.log(asks(Rule::new()), "tcp").into());
            rules.push(self.log(Rule::new().when(meta::l4proto().is(Protocol::UDP)), "udp").into());
            rules.push(self.log(Rule::new().when(icmp::type_().is(IcmpType::ECHO_REQUEST)), "icmp").into());
            rules.push(self.log(Rule::new().when(icmpv6::type_().is(Icmpv6Type::ECHO_REQUEST)), "icmp").into());
        }
        let to_us = || Rule::new().when(meta::pkttype().is(data::PktType::HOST));
        for (protocol, rule, port, open) in
            [(Protocol::TCP, asks(to_us()), tcp::dport(), &self.tcp), (Protocol::UDP, to_us(), udp::dport(), &self.udp)]
        {
            let rule = match (&self.traps, &open[..]) {
                (None, []) => rule.when(meta::l4proto().is(protocol)),
                (None, open) => rule.when(port.is_none_of(open.iter().copied())),
                (Some(traps), open) => {
                    let traps: Vec<Port> = traps.iter().copied().filter(|port| !open.contains(port)).collect();
                    // Those that are open are none.
                    if traps.is_empty() {
                        continue;
                    }
                    rule.when(port.is_any(traps))
                }
            };
            rules.push(rule.jump(self.closed().name));
        }
        rules
    }

    fn closed_rules(&self) -> Vec<Rule> {
        let (touched, touches) = (self.touched(), self.touches());
        let touch = (addr::saddr(), meta::l4proto(), th::dport());
        let often = touches.rcheck(Side::Source).within(self.within).hits(self.hits);
        let list = Rule::new().recent(often).then(addr::saddr().add_to(&self.listed()));
        vec![
            Rule::new().when(touch.is_in(&touched)).return_(),
            Rule::new().then(touch.add_to(&touched)).recent(touches.set(Side::Source)).into(),
            self.log(list, "listed").drop(),
        ]
    }
}

impl Recipe for ScanTrap {
    fn table(&self) -> Table {
        Table::new(Family::Inet, "scan_trap")
    }

    fn add_to(&self, batch: &mut Batch) {
        batch.add(self.table());
        let hits = (!(1..=MOST_HITS).contains(&self.hits))
            .then(|| format!("{} closed ports make a scan: 1 to {MOST_HITS} can be counted", self.hits));
        let times = [wrong_time("a time for touches", self.within), wrong_time("a list", self.time)];
        let traps = self.traps.as_deref().and_then(no_port);
        if is_wrong(batch, times.into_iter().chain([hits, traps])) {
            return;
        }
        batch.add(self.listed()).add(self.touched()).add(self.touches());
        // First without its rules, which jump to a chain that is not there yet.
        fill::<Rule>(batch, &self.input(), []);
        fill(batch, &self.closed(), self.closed_rules());
        fill(batch, &self.input(), self.input_rules());
        fill(batch, &self.prerouting(), self.prerouting_rules());
    }
}
