//! Forged sources, source routes and redirects, at a router and through it.

#[path = "support/mod.rs"]
mod support;

use oxitables::{
    recipes::{Recipe, StrictSource, strict_source},
    sysctl::{self, Interface::Every, ipv4},
    testing::{Host, Sandbox, packets::Answer::*, packets::Packet, packets::udp_echo, tcp},
};
use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    process::ExitCode,
};
use support::{
    Done, Install, Story, Version, address, apply, gateway,
    listen::{Sent, counted, sent},
};

fn main() -> ExitCode {
    let options = "[--loose INTERFACE]... [--loose-everywhere] [--no-sysctl]";
    support::main(options, tell, |options| {
        let mut strict = strict_source().with_loose(options.all::<String>("--loose")?.iter().map(String::as_str));
        if options.flag("--loose-everywhere") {
            strict = strict.with_loose_everywhere();
        }
        Ok(Install::with(strict.batch(), strict.sysctls(), options))
    })
}

/// What the story is about, and the guide lists.
pub(crate) fn recipe() -> StrictSource {
    strict_source().with_loose(["vpn"])
}

const OUTSIDE: u8 = 0;
const INSIDE: u8 = 1;
/// Behind the world.
const BEYOND: u8 = 7;
/// Where no route leads.
const NOWHERE: u8 = 9;

/// Which of the forged sources pass.
struct Passes {
    inside_from_outside: bool,
    outside_from_inside: bool,
}

/// Datagrams with true and with forged sources, to the router and through it.
fn datagrams<'a>(router: &'a Host, world: &'a Host, pc: &'a Host, passes: &Passes) -> Vec<Sent<'a>> {
    let mut all = Vec::new();
    for version in Version::BOTH {
        for (arrives, what, from, source) in [
            (true, "outside", world, version.ip(OUTSIDE, 2)),
            (true, "beyond, from outside", world, version.ip(BEYOND, 2)),
            (true, "inside", pc, version.ip(INSIDE, 2)),
            (passes.inside_from_outside, "inside, from outside", world, version.ip(INSIDE, 77)),
            (passes.outside_from_inside, "outside, from inside", pc, version.ip(OUTSIDE, 77)),
            (passes.outside_from_inside, "beyond, from inside", pc, version.ip(BEYOND, 77)),
            (false, "nowhere, from outside", world, version.ip(NOWHERE, 77)),
            (false, "nowhere, from inside", pc, version.ip(NOWHERE, 77)),
        ] {
            let through =
                if std::ptr::eq(from, world) { (pc, version.ip(INSIDE, 2)) } else { (world, version.ip(OUTSIDE, 2)) };
            for (host, to) in [(router, version.ip(OUTSIDE, 1)), through] {
                let (source, to) = (SocketAddr::new(source, 4000), SocketAddr::new(to, 5000));
                let send = move || from.run(|| Packet::udp(source, to, b"?").send());
                all.push(sent(arrives, format!("{what}: {source} -> {to}"), host, to, send));
            }
        }
    }
    all
}

/// The message that says: go by `gateway`, about a packet to `target`.
fn redirect(from: IpAddr, to: IpAddr, gateway: IpAddr, target: IpAddr) -> Packet {
    let octets = |address| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    if let (IpAddr::V4(gateway), IpAddr::V4(to4)) = (gateway, to) {
        let mut about = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0];
        about.extend([to4.octets().to_vec(), octets(target), vec![0; 8]].concat());
        return Packet::icmp(from, to, 5, 1, gateway.octets(), &about);
    }
    Packet::icmp(from, to, 137, 0, [0; 4], &[octets(gateway), octets(target)].concat()).hops(255)
}

pub(crate) fn tell(lab: &Sandbox) -> Done {
    let [router, world, pc, neighbour] = ["router", "world", "pc", "neighbour"].map(|name| lab.host(name));
    let (router, world, pc, neighbour) = (router?, world?, pc?, neighbour?);
    lab.link((&router, "wan"), (&world, "eth0"))?;
    lab.link((&router, "port1"), (&pc, "eth0"))?;
    lab.link((&router, "port2"), (&neighbour, "eth0"))?;
    router.bridge("lan", &["port1", "port2"])?;
    for (host, interface, network, number) in [
        (&router, "wan", OUTSIDE, 1),
        (&world, "eth0", OUTSIDE, 2),
        (&router, "lan", INSIDE, 1),
        (&pc, "eth0", INSIDE, 2),
        (&neighbour, "eth0", INSIDE, 3),
    ] {
        address(host, interface, network, number)?;
    }
    gateway(&world, OUTSIDE, 1)?;
    gateway(&pc, INSIDE, 1)?;
    for version in Version::BOTH {
        router.route(version.net(BEYOND), version.ip(OUTSIDE, 2))?;
    }
    router.forward()?;

    let (mut servers, mut echoes, mut tries) = (Vec::new(), Vec::new(), Vec::new());
    for version in Version::BOTH {
        let [w, r] = [2, 1].map(|number| version.ip(OUTSIDE, number));
        let [i, p] = [1, 2].map(|number| version.ip(INSIDE, number));
        let at = SocketAddr::new;
        for (host, ip) in [(&world, w), (&router, r), (&router, i), (&pc, p)] {
            servers.push(host.run(|| tcp::echo_server(at(ip, 22)))?);
            echoes.push(host.run(|| udp_echo(at(ip, 53)))?);
        }
        tries.extend([
            support::tcp(Answered, "in", &world, w, at(r, 22)),
            support::tcp(Answered, "in, through it", &world, w, at(p, 22)),
            support::tcp(Answered, "out, through it", &pc, p, at(w, 22)),
            support::udp(Answered, "out, through it", &pc, p, at(w, 53)),
            support::udp(Answered, "its own", &router, i, at(p, 53)),
            support::ping(Answered, "its own", &router, r, w),
            support::tcp(Answered, "to its other address", &pc, p, at(r, 22)),
            support::tcp(Answered, "loopback", &router, r, at(r, 22)),
        ]);
    }

    // By way of the router, and as if it had been: IPv4 machines follow source routes for a while.
    let mut routed = Vec::new();
    let follow = || sysctl::set([ipv4::accept_source_route(Every, true)]);
    let following = [router.run(follow)?, pc.run(follow)?];
    for version in Version::BOTH {
        let (w, r, p) = (version.ip(OUTSIDE, 2), version.ip(OUTSIDE, 1), version.ip(INSIDE, 2));
        let (from, to) = (SocketAddr::new(w, 4000), SocketAddr::new(p, 5000));
        let world = &world;
        if version == Version::V4 {
            let send = move || world.run(|| Packet::udp(from, to, b"?").via(r).send());
            routed.push(sent(false, format!("by way of {r}: {from} -> {to}"), &pc, to, send));
        }
        for (host, to) in [(&pc, to), (&router, SocketAddr::new(r, 5000))] {
            let send = move || world.run(|| Packet::udp(from, to, b"?").passed(version.ip(BEYOND, 9)).send());
            routed.push(sent(false, format!("has been by way of another: {from} -> {to}"), host, to, send));
        }
    }

    let mut story = Story::new("strict_source: from where they say, by a way that routers choose");
    let strict = Passes { inside_from_outside: false, outside_from_inside: false };
    story.all_open(&tries)?;
    story.all_arrive(&datagrams(&router, &world, &pc, &strict))?;
    story.all_arrive(&routed)?;
    let recipe = recipe();
    let read = |name| counted(&router, &recipe.table(), name);

    apply(&router, &recipe.batch())?;
    story.chapter("strict");
    story.all(&tries)?;
    story.is("so far no source was forged", read("spoofed")? == 0);
    story.all_sent(&datagrams(&router, &world, &pc, &strict))?;
    story.sees("forged, counted", 20, read("spoofed")?);
    story.all_sent(&routed)?;
    story.sees("source routes, counted", 5, read("source_routed")?);

    story.chapter("what asks without an address");
    let unspecified = IpAddr::from([0; 16]);
    let question = Packet::icmp(unspecified, "ff02::1:ff00:1".parse()?, 135, 0, [0; 4], &{
        let IpAddr::V6(asked) = Version::V6.ip(INSIDE, 1) else { return Err("is of IPv6".into()) };
        asked.octets()
    });
    let before = read("spoofed")?;
    pc.run(|| question.hops(255).send())?;
    story.tries(&support::ping(Answered, "afterwards", &pc, Version::V6.ip(INSIDE, 2), Version::V6.ip(INSIDE, 1)))?;
    story.is("whose address is this? is no forgery", read("spoofed")? == before);

    story.chapter("redirects");
    for version in Version::BOTH {
        let before = read("redirects")?;
        let (w, r, target) = (version.ip(OUTSIDE, 2), version.ip(OUTSIDE, 1), version.ip(BEYOND, 2));
        world.run(|| redirect(w, r, version.ip(OUTSIDE, 9), target).send())?;
        story.soon(&format!("one that comes in, {w} -> {r}, is dropped"), || Ok(read("redirects")? == before + 1))?;
        // Who takes the long way to a neighbour is told so.
        let (from, to) = (version.ip(INSIDE, 2), version.at(INSIDE, 3, 53));
        pc.route(to.ip().into(), version.ip(INSIDE, 1))?;
        pc.run(|| UdpSocket::bind((from, 0))?.send_to(b"?", to).map(drop))?;
        story.soon(&format!("one that it would send to {from} is dropped"), || Ok(read("redirects")? == before + 2))?;
    }

    story.chapter("loose inside");
    apply(&router, &strict_source().with_loose(["lan"]).batch())?;
    let loose = Passes { outside_from_inside: true, ..strict };
    story.all_sent(&datagrams(&router, &world, &pc, &loose))?;
    story.chapter("loose everywhere");
    apply(&router, &strict_source().with_loose_everywhere().batch())?;
    let loose = Passes { outside_from_inside: true, inside_from_outside: true };
    story.all_sent(&datagrams(&router, &world, &pc, &loose))?;
    story.all_sent(&routed)?;

    story.chapter("kernel parameters");
    let so = || -> oxitables::Result<bool> {
        recipe.sysctls().iter().try_fold(true, |so, setting| Ok(so & setting.holds()?))
    };
    story.is("not yet set", !router.run(so)?);
    let held = router.run(|| sysctl::set(recipe.sysctls()))?;
    story.is("set, for every interface", router.run(so)?);
    held.restore()?;
    story.is("restored", router.run(|| ipv4::accept_source_route(Every, true).holds())?);
    following.into_iter().try_for_each(|held| held.restore())?;
    story.end()
}
