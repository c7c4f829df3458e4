//! The minimal firewall of a rented server, tried from the internet, from its office and from its
//! second interface.

#[path = "support/mod.rs"]
mod support;

use ipnetwork::IpNetwork;
use oxitables::{
    Batch, Family, Hook, IcmpType, Icmpv6Type, Priority, Rule, Table, counter_named,
    expr::Counter,
    icmp, icmpv6,
    model::Object,
    recipes::{Recipe, VpsBaseline, vps_baseline},
    testing::{Sandbox, packets::Answer::*, packets::Packet, packets::udp_echo, tcp},
};
use std::{process::ExitCode, time::Duration};
use support::{Done, Story, Version, address, apply, gateway, listen::counted};

fn main() -> ExitCode {
    let options = "--interface NAME [--ssh-port PORT] [--ssh-from NETWORK]... [--ping] [--dhcpv6]";
    support::main(options, tell, |options| {
        let mut vps = vps_baseline(options.interface("--interface")?.as_str());
        if let Some(port) = options.one::<u16>("--ssh-port")? {
            vps = vps.with_ssh_port(port);
        }
        let networks: Vec<IpNetwork> = options.all("--ssh-from")?;
        if !networks.is_empty() {
            vps = vps.with_ssh_from(networks);
        }
        if options.flag("--ping") {
            vps = vps.with_ping();
        }
        if options.flag("--dhcpv6") {
            vps = vps.with_dhcpv6();
        }
        Ok(vps.batch())
    })
}

/// What the story is about, and the guide lists.
pub(crate) fn recipe() -> VpsBaseline {
    vps_baseline("eth0").with_ssh_from([1, 2].map(|office| Version::BOTH[office - 1].net(1))).with_ping()
}

const OFFICE: u8 = 1;
const WORLD: u8 = 2;
const BACKYARD: u8 = 3;

pub(crate) fn tell(lab: &Sandbox) -> Done {
    let [server, router, office, world, backyard] =
        ["server", "router", "office", "world", "backyard"].map(|name| lab.host(name));
    let (server, router, office, world, backyard) = (server?, router?, office?, world?, backyard?);
    lab.link((&server, "eth0"), (&router, "server"))?;
    lab.link((&office, "eth0"), (&router, "office"))?;
    lab.link((&world, "eth0"), (&router, "world"))?;
    lab.link((&server, "eth1"), (&backyard, "eth0"))?;
    for (host, interface, network) in [(&office, "office", OFFICE), (&world, "world", WORLD), (&server, "server", 0)] {
        address(&router, interface, network, 1)?;
        address(host, "eth0", network, 2)?;
        gateway(host, network, 1)?;
    }
    address(&server, "eth1", BACKYARD, 1)?;
    address(&backyard, "eth0", BACKYARD, 2)?;
    gateway(&backyard, BACKYARD, 1)?;
    router.forward()?;
    server.forward()?;

    for version in Version::BOTH {
        router.route(version.net(BACKYARD), version.ip(0, 2))?;
    }

    let (mut servers, mut echoes) = (Vec::new(), Vec::new());
    let mut tries = Vec::new();
    for version in Version::BOTH {
        let (here, there) = (|port| version.at(0, 2, port), |port| version.at(WORLD, 2, port));
        let [s, o, w, b] = [0, OFFICE, WORLD, BACKYARD].map(|network| version.ip(network, 2));
        for port in [22, 80] {
            servers.push(server.run(|| tcp::echo_server(here(port)))?);
        }
        servers.push(world.run(|| tcp::echo_server(there(80)))?);
        echoes.push(server.run(|| udp_echo(here(53)))?);
        tries.extend([
            support::tcp(Answered, "ssh from the office", &office, o, here(22)),
            support::tcp(Silence, "ssh from elsewhere", &world, w, here(22)),
            support::tcp(Silence, "ssh by another interface", &backyard, b, here(22)),
            support::tcp(Silence, "another service", &office, o, here(80)),
            support::tcp(Silence, "a port where nothing listens", &office, o, here(81)),
            support::udp(Silence, "a datagram", &office, o, here(53)),
            support::ping(Answered, "an echo request", &world, w, s),
            support::tcp(Answered, "a connection of its own", &server, s, there(80)),
            support::tcp(Answered, "loopback", &server, s, here(80)),
            support::tcp(Silence, "through it to others", &backyard, b, there(80)),
        ]);
    }

    let mut story = Story::new("vps_baseline: ssh from the office, ping, and nothing else");
    story.all_open(&tries)?;
    let (office_v6, ssh_v6) = (Version::V6.ip(OFFICE, 2), Version::V6.at(0, 2, 22));
    let mut old = office.run(|| tcp::connect(office_v6, ssh_v6, Duration::from_secs(4)))?;
    apply(&server, &recipe().batch())?;
    story.all(&tries)?;
    for version in Version::BOTH {
        let closed = version.at(WORLD, 2, 9);
        story.tries(&support::udp(Refused, "an error that is related", &server, version.ip(0, 2), closed))?;
    }
    let replies = Table::new(Family::Inet, "replies");
    let chain = replies.chain("input").with_hook(Hook::Input, Priority::FILTER);
    let mut heard = Batch::new();
    heard.add(&replies).add(Object::new(&replies, "heard", Counter::new())).add(&chain);
    for reply in [icmp::type_().is(IcmpType::ECHO_REPLY), icmpv6::type_().is(Icmpv6Type::ECHO_REPLY)] {
        heard.add(chain.rule(Rule::new().when(reply).then(counter_named("heard"))));
    }
    apply(&world, &heard)?;
    for (version, request) in Version::BOTH.into_iter().zip([8, 128]) {
        let before = counted(&world, &replies, "heard")?;
        let flood = Packet::icmp(version.ip(WORLD, 2), version.ip(0, 2), request, 0, [0, 1, 0, 1], &[]);
        world.run(|| (0..200).try_for_each(|_| flood.send()))?;
        // The last of what was sent has come when this is answered.
        story.tries(&support::tcp(Answered, "after a flood", &server, version.ip(0, 2), version.at(WORLD, 2, 80)))?;
        let answered = counted(&world, &replies, "heard")? - before;
        story.is("of a flood of echo requests by one program a part is answered", (1..200).contains(&answered));
    }
    story.is("an ssh session from before lives on", tcp::ping(&mut old).is_ok());
    story.end()
}
