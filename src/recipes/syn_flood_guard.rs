//! Connections that nobody means.

use super::{Recipe, fill, is_wrong, no_port, syn};
use crate::*;
use expr::SynproxyFlags;
use ipnetwork::IpNetwork;
use std::{net::IpAddr, time::Duration};

/// A guard against floods of connection requests, as [`syn_flood_guard`] makes it.
#[derive(Clone, Debug)]
pub struct SynFloodGuard {
    ports: Vec<Port>,
    servers: Option<Vec<IpAddr>>,
    rate: u64,
    burst: u32,
    proxy: Option<(u16, u8)>,
    allowed: Vec<IpNetwork>,
}

/// More requests overflow the kernel's count of nanoseconds.
const MOST: u64 = 1_000_000;

/// Linux sends no smaller segments (`TCP_MIN_MSS`).
const MSS: u16 = 88;

/// RFC 7323, 2.3.
const WSCALE: u8 = 14;

/// Lets each address open so many connections to these TCP ports and no more: 20 a second, and 40
/// at once. What is too much is dropped before connection tracking sees it. On demand, requests are
/// answered with cookies in the name of the server
/// ([`with_synproxy`](SynFloodGuard::with_synproxy)).
///
/// ```
/// use oxitables::{Client, Result, recipes::{Recipe, syn_flood_guard}};
///
/// fn protect() -> Result<()> {
///     Client::open()?.apply(&syn_flood_guard([80, 443]).with_rate(50, 100).with_synproxy(1460, 7).batch())?;
///     Ok(())
/// }
/// # oxitables::testing::in_namespace(protect);
/// ```
///
/// What protects from what:
///
/// | | requests from few addresses | from many forged ones |
/// |---|---|---|
/// | the limit | yes: queue of the server, table of connections | no: each address is a new one. When 65,535 of a family are known, more are let through without a limit; each is forgotten after a minute |
/// | synproxy | the server only hears of connections that are answered, and no entry is made for others | the same |
/// | `net.ipv4.tcp_syncookies` (1 unless somebody changed it) | a queue that is full does not matter | the same, for listeners of this host; the table of connections fills up |
///
/// None of them helps if the line is full.
///
/// # The article
///
/// From the age when syncookies were new: `echo 1 >tcp_syncookies`, and one limit for all requests
/// together, which served the flood first and everybody else never. Better here: each address has a
/// limit of its own, and the proxy guards hosts behind too.
///
/// # Kernel
///
/// Since 4.3 (`dynset`, `fib` 4.10); with synproxy 5.3 (`nft_synproxy`, `CONFIG_SYN_COOKIES`) and
/// conntrack. No port or server at all, and a rate or a burst of zero or more than a million, are
/// refused by [`Client::apply`]; so are a segment and a scale that no server has.
pub fn syn_flood_guard<P: Into<Port>>(ports: impl IntoIterator<Item = P>) -> SynFloodGuard {
    SynFloodGuard {
        ports: ports.into_iter().map(Into::into).collect(),
        servers: None,
        rate: 20,
        burst: 40,
        proxy: None,
        allowed: Vec::new(),
    }
}

impl SynFloodGuard {
    /// With other numbers of requests than 20 a second, and 40 at once. An address that is known
    /// keeps the numbers it had until it was quiet for a minute, or its entry is
    /// [deleted](crate::Batch::delete).
    pub fn with_rate(mut self, per_second: u64, burst: u32) -> Self {
        (self.rate, self.burst) = (per_second, burst);
        self
    }

    /// For these servers instead of this host: hosts behind it, or some of its own addresses.
    pub fn with_servers(mut self, servers: impl IntoIterator<Item = IpAddr>) -> Self {
        self.servers.get_or_insert_default().extend(servers);
        self
    }

    /// With requests answered in the name of the server, which hears only of those that are
    /// answered back. Largest segment and window scale are what the client is told, and ought to be
    /// the server's.
    ///
    /// * Every such port seems to be open: where nothing listens, the connection is reset after it
    ///   was made.
    /// * Window scale, selective acknowledgement and time stamps survive if the client sends time
    ///   stamps.
    /// * Connections that are not known to conntrack when it begins are cut; and those that it
    ///   made, when the table is removed and no other asks for connection tracking.
    /// * Other filters come first, and have to let the client's packets pass: a request that is
    ///   untracked, and an answer that is new (invalid if `nf_conntrack_tcp_loose` is 0). What the
    ///   proxy then tells a server of this host comes by loopback, from the client's address.
    /// * Of IPv6 requests the kernel (`nft_synproxy_do_eval`, 6.18) checks the sum as if they were
    ///   IPv4, and drops them, unless the network card vouches for it: see whether yours does
    ///   (`ethtool -k`: rx-checksumming) before you rely on it.
    pub fn with_synproxy(mut self, mss: u16, wscale: u8) -> Self {
        self.proxy = Some((mss, wscale));
        self
    }

    /// With networks that have no limit, and speak with the server itself.
    pub fn with_allowed(mut self, networks: impl IntoIterator<Item = IpNetwork>) -> Self {
        self.allowed.extend(networks);
        self
    }

    /// Who asked, each with what is left to it.
    pub fn sources(&self) -> AddrSet {
        AddrSet::new(&self.table(), "sources").dynamic().with_timeout(Duration::from_secs(60))
    }

    /// Before connection tracking.
    pub fn prerouting(&self) -> Chain {
        self.table().chain("prerouting").with_hook(Hook::Prerouting, Priority::RAW)
    }

    /// Where requests to this host are answered, with synproxy. After other filters: what they
    /// refuse is not answered.
    pub fn input(&self) -> Chain {
        self.table().chain("input").with_hook(Hook::Input, Priority::FILTER + 1)
    }

    /// Where requests to hosts behind are answered, with synproxy. After other filters as well.
    pub fn forward(&self) -> Chain {
        self.table().chain("forward").with_hook(Hook::Forward, Priority::FILTER + 1)
    }

    /// For what goes to the servers.
    fn guarded(&self) -> Rule<rule::Open> {
        let rule = Rule::new();
        let rule = match &self.servers {
            None => rule.when(fib::daddr().type_().is(data::FibAddrType::LOCAL)),
            Some(servers) => rule.when(addr::daddr().is_any(servers.iter().copied())),
        };
        rule.when(tcp::dport().is_any(self.ports.iter().copied()))
    }

    fn passes(&self) -> Vec<Rule> {
        // What the proxy tells a server of this host comes by loopback, too.
        let mut rules = vec![Rule::new().when(meta::iifname().is("lo")).accept()];
        if !self.allowed.is_empty() {
            rules.push(Rule::new().when(addr::saddr().is_any(self.allowed.iter().copied())).accept());
        }
        rules
    }

    fn prerouting_rules(&self) -> Vec<Rule> {
        let mut rules = self.passes();
        let over = limit(self.rate).per_second().burst(self.burst).over();
        rules.push(syn(self.guarded()).then(addr::saddr().update_in(&self.sources()).with(over)).drop());
        if self.proxy.is_some() {
            rules.push(syn(self.guarded()).then(notrack()).into());
        }
        // Where nothing asks for connection tracking, fragments are not put together yet, and the
        // flags may be in the next one.
        rules.push(self.guarded().when(tcp::doff().is(5..=15)).accept());
        rules.push(self.guarded().comment("a header in pieces").drop());
        rules
    }

    fn proxy_rules(&self) -> Vec<Rule> {
        let Some((mss, wscale)) = self.proxy else { return Vec::new() };
        let flags = SynproxyFlags::SACK_PERM | SynproxyFlags::TIMESTAMP;
        // What answers a cookie is invalid, or new if conntrack is loose.
        let unknown = CtState::NEW | CtState::INVALID | CtState::UNTRACKED;
        let mut rules = self.passes();
        rules.push(self.guarded().when(ct::state().any(unknown)).then(synproxy(mss, wscale).with_flags(flags)).drop());
        rules
    }
}

impl Recipe for SynFloodGuard {
    fn table(&self) -> Table {
        Table::new(Family::Inet, "syn_flood_guard")
    }

    fn add_to(&self, batch: &mut Batch) {
        batch.add(self.table());
        let fits = (1..=MOST).contains(&self.rate) && (1..=MOST).contains(&self.burst.into());
        let rate = (!fits)
            .then(|| format!("a rate of {} and a burst of {}: each has to be 1 to {MOST}", self.rate, self.burst));
        let servers = matches!(self.servers.as_deref(), Some([])).then(|| "no server at all".into());
        let proxy = self.proxy.filter(|(mss, wscale)| *mss < MSS || *wscale > WSCALE).map(|(mss, wscale)| {
            format!("segments of {mss} bytes and a window scale of {wscale}: from {MSS} on, and 0 to {WSCALE}")
        });
        if is_wrong(batch, [no_port(&self.ports), servers, rate, proxy]) {
            return;
        }
        batch.add(self.sources());
        fill(batch, &self.prerouting(), self.prerouting_rules());
        fill(batch, &self.input(), self.proxy_rules());
        fill(batch, &self.forward(), if self.servers.is_some() { self.proxy_rules() } else { Vec::new() });
    }
}
