//! Who tries too often has to wait.

use super::{MOST_HITS, Recipe, fill, is_wrong, no_port, refuse, wrong_time};
use crate::*;
use ipnetwork::IpNetwork;
use std::time::Duration;

/// A guard against guessed passwords, as [`brute_force_guard`] makes it.
#[derive(Clone, Debug)]
pub struct BruteForceGuard {
    hits: u32,
    window: Duration,
    ports: Vec<Port>,
    allowed: Vec<IpNetwork>,
    silent: bool,
    lenient: bool,
    forward: bool,
    prefix: (u8, u8),
}

/// Refuses the `hits`th new ssh connection of an address within a minute, and all that follow,
/// until it has been quiet for a while. Sessions that are open live on.
///
/// ```
/// use oxitables::{Client, Result, recipes::{Recipe, brute_force_guard}};
///
/// fn protect() -> Result<()> {
///     let office = ["192.0.2.0/24".parse().unwrap(), "2001:db8:7::/48".parse().unwrap()];
///     Client::open()?.apply(&brute_force_guard(4).with_allowed(office).batch())?;
///     Ok(())
/// }
/// # oxitables::testing::in_namespace(protect);
/// ```
///
/// What counts are the stamps of the address within the window, exactly, in a [`Recent`] list: a
/// new connection is a stamp, and one that is refused a second one. So who goes on trying stays
/// out, and is forgiven a minute after the last try at the latest.
///
/// It needs no listener and asks for no password: it counts requests (SYN) that begin a connection,
/// on loopback too. Two things follow. A request sent again because nobody answered counts again;
/// and who can send with somebody else's source address can have that address refused: name those
/// that must never be in [`with_allowed`](BruteForceGuard::with_allowed).
///
/// # The article
///
/// `recent` as it is usually used: `--set`, then `--update --seconds 60 --hitcount 4 -j DROP`. The
/// same packets are refused, which tests compare trace by trace. Better here: both families; what
/// is refused looks closed, so that nobody waits for an answer, or is silent as there
/// ([`silent`](BruteForceGuard::silent)); more than 100 addresses are remembered, 65,535 of each
/// family, and none of them is pushed out by others. Different: when the list is full, a new
/// address is not counted, and let in, until others were quiet for a window.
///
/// # Kernel
///
/// Since 5.4, as [`Recent`]; conntrack (`nf_conntrack`) and `nft_reject_inet`. A rule has at most
/// 128 expressions: `hits` may be 2 to 50. Anything else, a window of no time and no port at all
/// are refused by [`Client::apply`].
pub fn brute_force_guard(hits: u32) -> BruteForceGuard {
    BruteForceGuard {
        hits,
        window: Duration::from_secs(60),
        ports: vec![Port::from(22)],
        allowed: Vec::new(),
        silent: false,
        lenient: false,
        forward: false,
        prefix: (32, 128),
    }
}

impl BruteForceGuard {
    /// With another time than a minute.
    pub fn with_window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// With other TCP ports than 22. They are counted together.
    pub fn with_ports<P: Into<Port>>(mut self, ports: impl IntoIterator<Item = P>) -> Self {
        self.ports = ports.into_iter().map(Into::into).collect();
        self
    }

    /// With networks that are never counted.
    pub fn with_allowed(mut self, networks: impl IntoIterator<Item = IpNetwork>) -> Self {
        self.allowed.extend(networks);
        self
    }

    /// With networks counted as one: those of so many bits, as in 24 and 64. An IPv6 attacker has
    /// at least 2⁶⁴ addresses.
    pub fn with_prefix(mut self, ipv4: u8, ipv6: u8) -> Self {
        self.prefix = (ipv4, ipv6);
        self
    }

    /// Tells nothing to who is refused, instead of resetting the connection. Requests are sent
    /// again then, and counted.
    pub fn silent(mut self) -> Self {
        self.silent = true;
        self
    }

    /// Counts a connection that is refused once (`--rcheck` instead of `--update`): who tries on
    /// gets in now and then.
    pub fn lenient(mut self) -> Self {
        self.lenient = true;
        self
    }

    /// Guards the hosts behind this one too; and so counts what they ask of others.
    pub fn with_forward(mut self) -> Self {
        self.forward = true;
        self
    }

    /// Who tried.
    pub fn list(&self) -> Recent {
        Recent::new(&self.table(), "tries").with_hits(self.hits, self.window).with_memory(self.window)
    }

    /// What comes in.
    pub fn input(&self) -> Chain {
        self.table().chain("input").with_hook(Hook::Input, Priority::FILTER)
    }

    /// What is sent on to others: nothing is counted there unless it is
    /// [asked for](Self::with_forward).
    pub fn forward(&self) -> Chain {
        self.table().chain("forward").with_hook(Hook::Forward, Priority::FILTER)
    }

    fn rules(&self) -> Vec<Rule> {
        let tries = self.list();
        // Without SYN it would be a connection that was there before conntrack was.
        let asks = || Rule::new().when(tcp::dport().is_any(self.ports.clone())).when(tcp::flags().any(TcpFlags::SYN));
        let new = || asks().when(ct::state().any(CtState::NEW));
        let seen = if self.lenient { tries.rcheck(Side::Source) } else { tries.update(Side::Source) };
        let often = |op: RecentOp| op.prefix(self.prefix.0, self.prefix.1);
        let too_often = new().recent(often(seen.within(self.window).hits(self.hits)));
        let mut rules = Vec::new();
        if !self.allowed.is_empty() {
            rules.push(Rule::new().when(addr::saddr().is_any(self.allowed.iter().copied())).accept());
        }
        rules.push(new().recent(often(tries.set(Side::Source))).into());
        rules.push(refuse(too_often, self.silent));
        rules
    }
}

impl Recipe for BruteForceGuard {
    fn table(&self) -> Table {
        Table::new(Family::Inet, "brute_force_guard")
    }

    fn add_to(&self, batch: &mut Batch) {
        batch.add(self.table());
        let hits = (!(2..=MOST_HITS).contains(&self.hits))
            .then(|| format!("connection {} is refused: 2 to {MOST_HITS} can be counted", self.hits));
        if is_wrong(batch, [hits, wrong_time("a window", self.window), no_port(&self.ports)]) {
            return;
        }
        batch.add(self.list());
        fill(batch, &self.input(), self.rules());
        fill(batch, &self.forward(), if self.forward { self.rules() } else { Vec::new() });
    }
}
