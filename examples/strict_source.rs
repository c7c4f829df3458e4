//! Forged sources, source routes and redirects, at a router and through it.

#[path = "support/mod.rs"]
mod support;

use oxitables::{
    Batch, Family, Hook, Icmpv6Type, Priority, Rule, Table, counter_named,
    expr::Counter,
    icmpv6, ip, ip6,
    model::Object,
    recipes::{Recipe, StrictSource, strict_source},
    sysctl::{self, Interface::Every, ipv4},
    testing::{Host, Sandbox, packets::Answer::*, packets::Packet, packets::udp_echo, tcp},
};
use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket},
    process::ExitCode,
};
use support::{
    Done, INSIDE, Install, OUTSIDE, Story, Version, apply,
    listen::{Sent, counted, sent},
    site,
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
    let [router, world, pc, _neighbour] = site(lab, ["router", "world", "pc", "neighbour"])?;
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
    let (all, to) = (SocketAddr::from(([10, 0, INSIDE, 255], 4000)), Version::V4.at(INSIDE, 1, 5000));
    let everybody = [sent(false, format!("everybody, from inside: {all} -> {to}"), &router, to, || {
        pc.run(|| Packet::udp(all, to, b"?").send())
    })];
    story.all_arrive(&everybody)?;
    let recipe = recipe();
    let read = |name| counted(&router, &recipe.table(), name);

    apply(&router, &recipe.batch())?;
    story.chapter("strict");
    story.all(&tries)?;
    story.is("so far no source was forged", read("spoofed")? == 0);
    story.all_sent(&datagrams(&router, &world, &pc, &strict))?;
    story.sees("forged, counted", 20, read("spoofed")?);
    story.all_sent(&everybody)?;
    story.all_sent(&routed)?;
    story.sees("source routes, counted", 5, read("source_routed")?);

    for version in Version::BOTH {
        let before = read("spoofed")?;
        let (own, to) = (version.at(INSIDE, 1, 4000), version.at(OUTSIDE, 1, 5000));
        world.run(|| Packet::udp(own, to, b"?").send())?;
        story.soon(&format!("its own address, from outside: {own} -> {to}"), || Ok(read("spoofed")? == before + 1))?;
    }

    story.chapter("what has to pass");
    // Counts what the recipe has let through.
    let probe = Table::new(Family::Inet, "probe");
    let passed = probe.chain("passed").with_hook(Hook::Prerouting, Priority::FILTER);
    let solicit = icmpv6::type_().is(Icmpv6Type::ND_NEIGHBOR_SOLICIT);
    let mut batch = Batch::new();
    batch.add(&probe).add(&passed);
    for (name, what) in [
        ("asking", Rule::new().when(ip6::saddr().is(Ipv6Addr::UNSPECIFIED)).when(solicit)),
        ("joining", Rule::new().when(ip::option::ra::exists().is(true))),
    ] {
        batch.add(Object::new(&probe, name, Counter::new()));
        batch.add(passed.rule(what.then(counter_named(name))));
    }
    apply(&router, &batch)?;
    let asked: Ipv6Addr = "fd00:0:0:1::1".parse()?;
    let question =
        Packet::icmp(Ipv6Addr::UNSPECIFIED.into(), "ff02::1:ff00:1".parse()?, 135, 0, [0; 4], &asked.octets())
            .hops(255);
    pc.run(|| question.send())?;
    story.soon("from ::, whose address is this?", || Ok(counted(&router, &probe, "asking")? > 0))?;
    let group = world.run(|| UdpSocket::bind("0.0.0.0:0"))?;
    group.join_multicast_v4(&"239.1.2.3".parse()?, &"10.0.0.2".parse()?)?;
    story.soon("router alert, of who joins a group", || Ok(counted(&router, &probe, "joining")? > 0))?;

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
