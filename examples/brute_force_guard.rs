//! Who asks for ssh too often is refused for a while, and then forgiven.

#[path = "support/mod.rs"]
mod support;

use oxitables::{
    TcpFlags,
    recipes::{BruteForceGuard, Recipe, brute_force_guard},
    testing::{
        Sandbox,
        packets::{Answer::*, Packet},
        tcp,
    },
};
use std::{net::SocketAddr, process::ExitCode, thread::sleep, time::Duration};
use support::{Done, Story, Version, address, apply, gateway};

fn main() -> ExitCode {
    let options = "--hits NUMBER [--window TIME] [--port PORT]... [--allow NETWORK]... [--prefix4 BITS] [--prefix6 BITS] [--silent] \
                   [--lenient] [--forward]";
    support::main(options, tell, |options| {
        let mut guard = brute_force_guard(options.needed("--hits")?).with_allowed(options.all("--allow")?);
        if let Some(window) = options.time("--window")? {
            guard = guard.with_window(window);
        }
        let ports = options.all::<u16>("--port")?;
        if !ports.is_empty() {
            guard = guard.with_ports(ports);
        }
        let (ipv4, ipv6) = (options.one("--prefix4")?, options.one("--prefix6")?);
        guard = guard.with_prefix(ipv4.unwrap_or(32), ipv6.unwrap_or(128));
        if options.flag("--silent") {
            guard = guard.silent();
        }
        if options.flag("--lenient") {
            guard = guard.lenient();
        }
        if options.flag("--forward") {
            guard = guard.with_forward();
        }
        Ok(guard.batch())
    })
}

const WINDOW: Duration = Duration::from_secs(2);
const OFFICE: u8 = 2;

/// What the story is about, and the guide lists.
pub(crate) fn recipe() -> BruteForceGuard {
    brute_force_guard(3).with_window(WINDOW).with_allowed(Version::BOTH.map(|version| version.net(OFFICE)))
}

pub(crate) fn tell(lab: &Sandbox) -> Done {
    let [server, router, world, office, inside] =
        ["server", "router", "world", "office", "inside"].map(|name| lab.host(name));
    let (server, router, world, office, inside) = (server?, router?, world?, office?, inside?);
    lab.link((&server, "eth0"), (&router, "server"))?;
    lab.link((&world, "eth0"), (&router, "world"))?;
    lab.link((&office, "eth0"), (&router, "office"))?;
    lab.link((&inside, "eth0"), (&server, "inside"))?;
    for (host, interface, network) in [(&server, "server", 0), (&world, "world", 1), (&office, "office", OFFICE)] {
        address(&router, interface, network, 1)?;
        address(host, "eth0", network, 2)?;
        gateway(host, network, 1)?;
    }
    address(&world, "eth0", 1, 3)?;
    address(&server, "inside", 3, 1)?;
    address(&inside, "eth0", 3, 2)?;
    gateway(&inside, 3, 1)?;
    router.forward()?;
    server.forward()?;
    let mut servers = Vec::new();
    for version in Version::BOTH {
        router.route(version.net(3), version.ip(0, 2))?;
        for port in [22, 80] {
            servers.push(server.run(|| tcp::echo_server(version.at(0, 2, port)))?);
        }
        servers.push(inside.run(|| tcp::echo_server(version.at(3, 2, 22)))?);
    }

    let mut story = Story::new("brute_force_guard: the third ssh connection within two seconds is refused");
    let to = |version: Version, port| version.at(0, 2, port);
    let (m, b) = (|version: Version| version.ip(1, 2), |version: Version| version.ip(1, 3));
    let mallory = |v, answer, what| support::tcp(answer, what, &world, m(v), to(v, 22));
    let bob = |v, answer, what| support::tcp(answer, what, &world, b(v), to(v, 22));
    let other = |v, answer, what| support::tcp(answer, what, &world, m(v), to(v, 80));
    let behind = |v: Version, answer, what| support::tcp(answer, what, &world, m(v), v.at(3, 2, 22));
    let from_office = |v: Version, answer, what| support::tcp(answer, what, &office, v.ip(OFFICE, 2), to(v, 22));
    story.chapter("without it");
    for version in Version::BOTH {
        for _ in 0..4 {
            story.tries(&mallory(version, Answered, "as often as one likes"))?;
        }
    }
    for version in Version::BOTH {
        story.chapter(&format!("with it: {version:?}"));
        apply(&server, &recipe().batch())?;
        let (from, ssh) = (m(version), to(version, 22));
        for port in 1..=5 {
            let nobody = SocketAddr::new(from, port);
            world.run(|| Packet::tcp(nobody, ssh, TcpFlags::ACK.bits()).send())?;
        }
        story.tries(&mallory(version, Answered, "segments that ask for nothing count for nothing"))?;
        sleep(WINDOW + Duration::from_millis(100));
        let mut first = world.run(|| tcp::connect(from, ssh, Duration::from_secs(4)))?;
        story.is("the first connects", tcp::ping(&mut first).is_ok());
        story.all(&[
            mallory(version, Answered, "the second"),
            mallory(version, Refused, "the third"),
            mallory(version, Refused, "and the fourth"),
            bob(version, Answered, "somebody else"),
            other(version, Answered, "another service"),
            behind(version, Answered, "a host behind"),
        ])?;
        for _ in 0..4 {
            story.tries(&from_office(version, Answered, "a network that is allowed"))?;
        }
        story.is("the first session lives on", tcp::ping(&mut first).is_ok());
        sleep(WINDOW * 3 / 4);
        story.tries(&mallory(version, Refused, "too early"))?;
        sleep(WINDOW / 2);
        story.tries(&mallory(version, Refused, "who tries on stays out"))?;
        sleep(WINDOW + Duration::from_millis(100));
        story.all(&[
            mallory(version, Answered, "forgiven"),
            mallory(version, Answered, "and once more"),
            mallory(version, Refused, "and the third"),
        ])?;
    }

    story.chapter("other ways");
    for version in Version::BOTH {
        let again = |guard: BruteForceGuard| -> Done {
            let mut batch = oxitables::Batch::new();
            // Made first, so that there is something to delete: to destroy needs kernel 6.3.
            batch.add(guard.table()).delete(guard.table());
            guard.add_to(&mut batch);
            apply(&server, &batch)
        };
        again(recipe().silent())?;
        story.all(&[mallory(version, Answered, "silent: the first"), mallory(version, Answered, "the second")])?;
        story.tries(&mallory(version, Silence, "the third"))?;
        again(recipe().with_prefix(24, 64).with_forward())?;
        story.all(&[
            mallory(version, Answered, "a network: one"),
            bob(version, Answered, "its neighbour"),
            mallory(version, Refused, "one of them"),
            bob(version, Refused, "and the other"),
            behind(version, Refused, "behind as well"),
        ])?;
        again(recipe().lenient())?;
        story.all(&[
            mallory(version, Answered, "lenient: the first"),
            mallory(version, Answered, "the second"),
            mallory(version, Refused, "the third"),
        ])?;
    }
    story.end()
}
