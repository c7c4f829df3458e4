//! Services that nobody outside is to see, tried from outside and inside, at a router and behind
//! it.

#[path = "support/mod.rs"]
mod support;

use oxitables::{
    Batch, ChainType, Family, Hook, Priority, Rule, Table,
    recipes::{ClosedServices, Recipe, closed_services},
    testing::{
        Sandbox,
        packets::Answer::{self, *},
        packets::Packet,
        packets::udp_echo,
        tcp,
    },
};
use std::{
    io,
    net::{SocketAddr, UdpSocket},
    process::ExitCode,
    time::Duration,
};
use support::{Done, INSIDE, OUTSIDE, Story, Version, address, apply, gateway, listen::counted};

fn main() -> ExitCode {
    support::main("--outside NAME [--tcp PORT]... [--udp PORT]... (more)", tell, |options| {
        let closed = closed_services(options.interface("--outside")?.as_str());
        Ok(closed.with_tcp(options.all::<u16>("--tcp")?).with_udp(options.all::<u16>("--udp")?).batch())
    })
}

/// What the story is about, and the guide lists.
pub(crate) fn recipe() -> ClosedServices {
    closed_services("wan")
}

const TCP: [u16; 9] = [79, 111, 139, 445, 512, 513, 514, 6000, 6063];
const UDP: [u16; 6] = [69, 111, 137, 138, 161, 162];

pub(crate) fn tell(lab: &Sandbox) -> Done {
    let [router, world, pc] = ["router", "world", "pc"].map(|name| lab.host(name));
    let (router, world, pc) = (router?, world?, pc?);
    lab.link((&router, "wan"), (&world, "eth0"))?;
    lab.link((&router, "lan"), (&pc, "eth0"))?;
    for (host, interface, network, number) in [
        (&router, "wan", OUTSIDE, 1),
        (&world, "eth0", OUTSIDE, 2),
        (&router, "lan", INSIDE, 1),
        (&pc, "eth0", INSIDE, 2),
    ] {
        address(host, interface, network, number)?;
    }
    gateway(&world, OUTSIDE, 1)?;
    gateway(&pc, INSIDE, 1)?;
    router.forward()?;

    let (mut servers, mut echoes) = (Vec::new(), Vec::new());
    for host in [&router, &world, &pc] {
        // For both families.
        let any = |port| SocketAddr::from(([0; 16], port));
        for port in TCP.into_iter().chain([22, 6064]) {
            servers.push(host.run(|| tcp::echo_server(any(port)))?);
        }
        // One that asks from a closed port has it for itself.
        let free = if std::ptr::eq(host, &pc) { 162 } else { 0 };
        for port in UDP.into_iter().chain([53]).filter(|port| *port != free) {
            echoes.push(host.run(|| udp_echo(any(port)))?);
        }
    }
    let mut tries = Vec::new();
    for version in Version::BOTH {
        let [w, r, i, p] = [(OUTSIDE, 2), (OUTSIDE, 1), (INSIDE, 1), (INSIDE, 2)].map(|(net, n)| version.ip(net, n));
        let at = SocketAddr::new;
        for port in TCP {
            tries.push(support::tcp(Silence, "from outside", &world, w, at(r, port)));
            tries.push(support::tcp(Answered, "inside", &pc, p, at(i, port)));
        }
        for port in UDP {
            tries.push(support::udp(Silence, "from outside", &world, w, at(r, port)));
            tries.push(support::udp(Answered, "inside", &pc, p, at(i, port)));
        }
        tries.extend([
            support::tcp(Silence, "from outside, through it", &world, w, at(p, 111)),
            support::udp(Silence, "from outside, through it", &world, w, at(p, 161)),
            support::tcp(Silence, "from outside, to its inner address", &world, w, at(i, 6000)),
            support::tcp(Answered, "from inside, to its outer address", &pc, p, at(r, 6000)),
            support::tcp(Answered, "loopback", &router, r, at(r, 111)),
            support::tcp(Answered, "to the outside, through it", &pc, p, at(w, 6000)),
            support::udp(Answered, "to the outside", &router, r, at(w, 161)),
            support::tcp(Answered, "another service, from outside", &world, w, at(r, 22)),
            support::tcp(Answered, "the next port, from outside", &world, w, at(p, 6064)),
            support::udp(Answered, "another datagram, from outside", &world, w, at(r, 53)),
            support::ping(Answered, "an echo request, from outside", &world, w, p),
        ]);
    }

    let mut story = Story::new("closed_services: not to be seen from outside");
    story.all_open(&tries)?;
    let old: Vec<_> = Version::BOTH
        .map(|version| {
            let (from, to) = (version.ip(OUTSIDE, 2), version.at(OUTSIDE, 1, 6000));
            world.run(|| tcp::connect(from, to, Duration::from_millis(300)))
        })
        .into_iter()
        .collect::<io::Result<_>>()?;
    let recipe = recipe();
    apply(&router, &recipe.batch())?;
    story.all(&tries)?;

    story.chapter("applied again, after its sets were changed");
    let mut changed = oxitables::Batch::new();
    changed.delete(recipe.tcp().elements([recipe.tcp().element(6000..=6063)]));
    changed.add(recipe.tcp().elements([recipe.tcp().element(6001..=6062)]));
    apply(&router, &changed)?;
    for v in Version::BOTH {
        story.tries(&support::tcp(Answered, "opened", &world, v.ip(OUTSIDE, 2), v.at(OUTSIDE, 1, 6000)))?;
    }
    apply(&router, &recipe.batch())?;
    for (expected, port) in [(Silence, 6000), (Silence, 6063), (Answered, 6064)] {
        for v in Version::BOTH {
            story.tries(&support::tcp(expected, "again", &world, v.ip(OUTSIDE, 2), v.at(OUTSIDE, 1, port)))?;
        }
    }

    story.chapter("connections");
    for (mut session, version) in old.into_iter().zip(Version::BOTH) {
        story.is(&format!("a session from before ends: {version:?}"), tcp::ping(&mut session).is_err());
        let [w, r, p] = [(OUTSIDE, 2), (OUTSIDE, 1), (INSIDE, 2)].map(|(net, n)| version.ip(net, n));
        let answered = pc.run(|| -> io::Result<Answer> {
            let socket = UdpSocket::bind((p, 162))?;
            socket.set_read_timeout(Some(Duration::from_secs(4)))?;
            socket.connect((w, 161))?;
            Answer::of(socket.send(b"?").and_then(|_| socket.recv(&mut [0; 9])))
        })?;
        story.sees(&format!("asked from a closed port: {p}:162 -> udp {w}:161"), Answered, answered);
        let before = counted(&router, &recipe.table(), "closed")?;
        let (from, to) = (SocketAddr::new(w, 40000), SocketAddr::new(r, 111));
        // ACK; FIN, PSH and URG; nothing.
        for flags in [0x10, 0x29, 0] {
            world.run(|| Packet::tcp(from, to, flags).send())?;
        }
        // What the session from before sends again is counted, too.
        story.soon(&format!("segments of no connection are dropped: {from} -> {to}"), || {
            Ok(counted(&router, &recipe.table(), "closed")? >= before + 3)
        })?;
    }

    story.chapter("published on purpose");
    let other = Table::new(Family::Inet, "other");
    let nat = other.chain("nat").with_type(ChainType::Nat).with_hook(Hook::Prerouting, Priority::DSTNAT);
    let mut batch = Batch::new();
    batch.add(&other).add(&nat).add(nat.rule(Rule::new().when(oxitables::tcp::dport().is(8111)).redirect_to(111)));
    apply(&router, &batch)?;
    for version in Version::BOTH {
        let (w, published) = (version.ip(OUTSIDE, 2), version.at(OUTSIDE, 1, 8111));
        story.tries(&support::tcp(Answered, "under another port", &world, w, published))?;
    }
    story.end()
}
