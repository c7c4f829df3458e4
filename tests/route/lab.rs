//! A host with two routers, and somebody far away.
//!
//! ```text
//!            eth1 10.1.0.2 -- 10.1.0.1 one 10.3.0.1 -- 10.3.0.2 eth1
//! here 192.0.2.1                                               far 192.0.2.9
//!            eth2 10.2.0.2 -- 10.2.0.1 two 10.4.0.1 -- 10.4.0.2 eth2
//! ```
//!
//! In IPv6 fd00:1::2 and so on. Whatever `here` does not know it sends to `one`.

use ipnetwork::IpNetwork;
use oxitables::{
    Batch, Chain, Client, Family, Hook, Priority, Rule, Table, addr, counter,
    expr::{Counter, Expr},
    testing::{Host, Sandbox},
};
use std::{
    net::{IpAddr, UdpSocket},
    str::FromStr,
    time::Duration,
};

pub type Outcome = Result<(), Box<dyn std::error::Error>>;

pub const PATIENCE: Duration = Duration::from_secs(10);

pub struct Lab {
    pub here: Host,
    pub one: Host,
    pub two: Host,
    pub far: Host,
    v6: bool,
}

/// Rules with counters: which packets passed.
pub struct Meter {
    chain: Chain,
    nft: Client,
}

impl Meter {
    /// A chain of its own, with a counter behind each of the rules.
    pub fn new(
        host: &Host,
        hook: Hook,
        priority: Priority,
        rules: impl IntoIterator<Item = Rule<oxitables::rule::Open>>,
    ) -> Self {
        let table = Table::new(Family::Inet, "gauge");
        let chain = table.chain(format!("{hook}")).with_hook(hook, priority);
        let mut nft = host.run(Client::open).unwrap();
        let mut batch = Batch::new();
        batch.add(&table).add(&chain);
        for rule in rules {
            batch.add(chain.rule(rule.then(counter())));
        }
        nft.apply(&batch).unwrap();
        Self { chain, nft }
    }

    /// Packets of each rule, in their order.
    pub fn packets(&mut self) -> Vec<u64> {
        let rules = self.nft.rules(&self.chain).snapshot().unwrap();
        let count = |rule: &oxitables::model::Rule| {
            rule.exprs().iter().find_map(|expr| match expr {
                Expr::Counter(Counter { packets, .. }) => *packets,
                _ => None,
            })
        };
        rules.iter().map(|rule| count(rule).unwrap()).collect()
    }
}

impl Lab {
    pub fn new(lab: &Sandbox, v6: bool) -> Result<Self, Box<dyn std::error::Error>> {
        let host = |name| lab.host(name);
        let all = Self { here: host("here")?, one: host("one")?, two: host("two")?, far: host("far")?, v6 };
        for (net, eth, router) in [(1, "eth1", &all.one), (2, "eth2", &all.two)] {
            lab.link((&all.here, eth), (router, "lan"))?;
            lab.link((router, "wan"), (&all.far, eth))?;
            all.here.address(eth, all.net(net, 2).parse()?)?;
            router.address("lan", all.net(net, 1).parse()?)?;
            router.address("wan", all.net(net + 2, 1).parse()?)?;
            all.far.address(eth, all.net(net + 2, 2).parse()?)?;
            router.forward()?;
            router.route(all.alone(all.far()), all.at(net + 2, 2))?;
            router.route(all.alone(all.service()), all.at(net, 2))?;
            all.far.route(IpNetwork::from_str(&all.net(net, 0))?, all.at(net + 2, 1))?;
        }
        all.here.address("lo", all.alone(all.service()))?;
        all.far.address("lo", all.alone(all.far()))?;
        all.here.default_route(all.at(1, 1))?;
        // Who far away calls the service does so by way of `two`.
        all.far.route(all.alone(all.service()), all.at(4, 1))?;
        Ok(all)
    }

    /// The address of a host in a network.
    pub fn at(&self, net: u8, host: u8) -> IpAddr {
        let text = if self.v6 { format!("fd00:{net}::{host}") } else { format!("10.{net}.0.{host}") };
        text.parse().unwrap()
    }

    fn net(&self, net: u8, host: u8) -> String {
        format!("{}/{}", self.at(net, host), if self.v6 { 64 } else { 24 })
    }

    fn alone(&self, address: IpAddr) -> IpNetwork {
        address.into()
    }

    /// Somebody far away.
    pub fn far(&self) -> IpAddr {
        (if self.v6 { "2001:db8::9" } else { "192.0.2.9" }).parse().unwrap()
    }

    /// An address of `here` that both routers lead to.
    pub fn service(&self) -> IpAddr {
        (if self.v6 { "2001:db8::1" } else { "192.0.2.1" }).parse().unwrap()
    }

    /// What passes a router: packets to `far`, packets from there.
    pub fn meter(&self, router: &Host) -> Meter {
        let rules = [addr::daddr().is(self.far()), addr::saddr().is(self.far())];
        Meter::new(router, Hook::Forward, Priority::FILTER, rules.map(|rule| Rule::new().when(rule)))
    }
}

/// Sends a packet and waits for the answer.
pub fn ask(socket: &UdpSocket) {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.send(b"x").unwrap();
    assert_eq!(socket.recv(&mut [0; 16]).unwrap(), 1);
}
