//! A port that opens to those who knock.

use super::{Recipe, fill, is_wrong, refuse, syn, wrong_time};
use crate::*;
use std::time::Duration;

/// A port that opens to those who knock, as [`port_knock`] makes it.
#[derive(Clone, Debug)]
pub struct PortKnock {
    ports: Vec<Port>,
    knocks: Vec<Port>,
    services: Vec<Port>,
    pace: Duration,
    open: Duration,
    silent: bool,
}

/// Keeps a TCP port of this host closed but for addresses that have just asked for connections to
/// other ports, in this order: for half a minute they may open connections to it, which then live
/// as long as they like.
///
/// ```
/// use oxitables::{Client, Result, recipes::{Recipe, port_knock}};
///
/// fn protect() -> Result<()> {
///     let door = port_knock(22, [7000, 9000, 8000]).with_services([80, 443]);
///     Client::open()?.apply(&door.batch())?;
///     Ok(())
/// }
/// # oxitables::testing::in_namespace(protect);
/// ```
///
/// * Each knock has to follow within ten seconds, with no other between: a wrong one, a knock
///   repeated, a request to any other closed port, and the address has to begin anew. Knocking it
///   all again gives another half minute.
/// * A scan opens nothing: what it touches between two knocks breaks the sequence, and where they
///   follow one another as in 7000, 7001, 7002, the next port that it touches closes the door again
///   (so let no guarded port, and no service before one, be the next after the last knock). Ports
///   that people use meanwhile have to be named for that reason
///   ([`with_services`](PortKnock::with_services)); the guarded port is not one that breaks
///   anything.
/// * A knock is a TCP segment that asks for a connection (SYN). It looks closed like the guarded
///   port, also where something listens; or silent, as fits the other ports of the host
///   ([`silent`](PortKnock::silent)).
/// * Loopback is not guarded. Sessions that conntrack does not know yet, because nothing asked for
///   it before, are not let in either.
///
/// # The article
///
/// Port knocking is mentioned in "IMAPS before SSH". Better than a daemon that reads along
/// (knockd): the kernel keeps the stages, for IPv4 and IPv6, nothing parses packets in user space,
/// and no rule is added for each guest.
///
/// What it is not: a password. Who can read the packets can repeat them from an address of theirs.
/// Who can send with somebody else's source address can knock for them, which opens nothing to the
/// sender, and can break their sequence. Knocks from many forged addresses fill the sets (65,535
/// addresses of each family): then nobody else gets in until they expire. Keep a second lock behind
/// it.
///
/// # Kernel
///
/// Since 5.4 (`dynset` with delete); conntrack (`nf_conntrack`) and `nft_reject_inet`. No knock at
/// all, one on a guarded port or on a service, and times of nothing are refused by
/// [`Client::apply`].
pub fn port_knock<P: Into<Port>>(port: impl Into<Port>, knocks: impl IntoIterator<Item = P>) -> PortKnock {
    PortKnock {
        ports: vec![port.into()],
        knocks: knocks.into_iter().map(Into::into).collect(),
        services: Vec::new(),
        pace: Duration::from_secs(10),
        open: Duration::from_secs(30),
        silent: false,
    }
}

impl PortKnock {
    /// With one more port to guard.
    pub fn with_port(mut self, port: impl Into<Port>) -> Self {
        self.ports.push(port.into());
        self
    }

    /// With TCP ports that are open to everybody, and disturb no sequence.
    pub fn with_services<P: Into<Port>>(mut self, ports: impl IntoIterator<Item = P>) -> Self {
        self.services.extend(ports.into_iter().map(Into::into));
        self
    }

    /// With another time than ten seconds, within which the next knock has to follow.
    pub fn with_pace(mut self, pace: Duration) -> Self {
        self.pace = pace;
        self
    }

    /// With another time than half a minute, for which the port is open.
    pub fn with_open(mut self, open: Duration) -> Self {
        self.open = open;
        self
    }

    /// Tells nothing to who knocks or is refused, instead of a reset. Who waits for an answer
    /// knocks a second time after a second.
    pub fn silent(mut self) -> Self {
        self.silent = true;
        self
    }

    /// Who may come in.
    pub fn open(&self) -> AddrSet {
        AddrSet::new(&self.table(), "open").dynamic().with_timeout(self.open)
    }

    /// Who has done so many knocks, from 1 on; after the last one, who may come in.
    pub fn step(&self, knocks: usize) -> AddrSet {
        if knocks >= self.knocks.len() {
            return self.open();
        }
        AddrSet::new(&self.table(), format!("step{knocks}_")).dynamic().with_timeout(self.pace)
    }

    /// What comes in. Before other filters, which may drop what is a knock here.
    pub fn input(&self) -> Chain {
        self.table().chain("input").with_hook(Hook::Input, Priority::FILTER + -1)
    }

    /// Requests for connections to ports that are neither guarded nor a service.
    pub fn knocks(&self) -> Chain {
        self.table().chain("knocks")
    }

    fn steps(&self) -> impl Iterator<Item = AddrSet> {
        (1..self.knocks.len()).map(|knocks| self.step(knocks))
    }

    fn input_rules(&self) -> Vec<Rule> {
        let guarded = || Rule::new().when(tcp::dport().is_any(self.ports.clone()));
        let mut rules = vec![
            Rule::new().when(meta::iifname().is("lo")).accept(),
            Rule::new().when(ct::state().any(CtState::ESTABLISHED | CtState::RELATED)).accept(),
            guarded().when(addr::saddr().is_in(&self.open())).accept(),
            refuse(guarded(), self.silent),
        ];
        if !self.services.is_empty() {
            rules.push(Rule::new().when(tcp::dport().is_any(self.services.clone())).accept());
        }
        rules.push(syn(Rule::new()).jump(self.knocks().name));
        rules
    }

    fn knock_rules(&self) -> Vec<Rule> {
        let mut rules = Vec::new();
        // The last first, lest a packet takes two steps.
        for (number, knock) in self.knocks.iter().enumerate().skip(1).rev() {
            let (before, after) = (self.step(number), self.step(number + 1));
            let rule = Rule::new().when(tcp::dport().is(*knock)).when(addr::saddr().is_in(&before));
            let rule = rule.then(addr::saddr().delete_from(&before)).then(addr::saddr().update_in(&after));
            rules.push(refuse(rule, self.silent));
        }
        for step in self.steps() {
            rules.push(Rule::new().then(addr::saddr().delete_from(&step)).into());
        }
        let first = self.knocks.first().map(|knock| Rule::new().when(tcp::dport().is(*knock)));
        rules.extend(first.map(|first| first.then(addr::saddr().update_in(&self.step(1))).into()));
        rules.push(refuse(Rule::new().when(tcp::dport().is_any(self.knocks.clone())), self.silent));
        rules.push(Rule::new().then(addr::saddr().delete_from(&self.open())).into());
        rules
    }
}

impl Recipe for PortKnock {
    fn table(&self) -> Table {
        Table::new(Family::Inet, "port_knock")
    }

    fn add_to(&self, batch: &mut Batch) {
        batch.add(self.table());
        let taken = self.knocks.iter().find(|port| self.ports.contains(port) || self.services.contains(port));
        let wrong = [
            wrong_time("a pace", self.pace),
            wrong_time("an open port", self.open),
            self.knocks.is_empty().then(|| "a port opens after a knock at least".into()),
            taken.map(|port| format!("{port} is a knock, and cannot be guarded or a service")),
        ];
        if is_wrong(batch, wrong) {
            return;
        }
        batch.add(self.open());
        for step in self.steps() {
            batch.add(step);
        }
        // First without its rules, which jump to a chain that is not there yet.
        fill::<Rule>(batch, &self.input(), []);
        fill(batch, &self.knocks(), self.knock_rules());
        fill(batch, &self.input(), self.input_rules());
    }
}
