//! Ports that make reflectors, tried from outside and inside, at a router and through it.

#[path = "support/mod.rs"]
mod support;

use oxitables::{
    Batch, ChainType, Family, Hook, Port, Priority, Rule, Table, meta,
    recipes::{CloseReflectors, Recipe, close_reflectors},
    tcp,
    testing::{self, Host, Sandbox, packets::Answer::*, packets::Packet, packets::udp_echo},
};
use std::{
    io,
    net::{IpAddr, SocketAddr, SocketAddrV6, UdpSocket},
    process::ExitCode,
};
use support::{
    Done, INSIDE, OUTSIDE, Story, Version, apply,
    listen::{counted, sent},
    site,
};

fn main() -> ExitCode {
    let options = "--outside NAME [--tcp PORT]... [--udp PORT]... (instead of 22, 80 and 1900)";
    support::main(options, tell, |options| {
        let closed = close_reflectors(options.interface("--outside")?.as_str());
        let (tcp, udp) = (options.all::<u16>("--tcp")?, options.all::<u16>("--udp")?);
        Ok(if tcp.is_empty() && udp.is_empty() { closed } else { closed.with_tcp(tcp).with_udp(udp) }.batch())
    })
}

/// What the story is about, and the guide lists.
pub(crate) fn recipe() -> CloseReflectors {
    close_reflectors("wan")
}

const COUNTERS: [&str; 6] = ["outside_in", "outside_out", "inside_in", "inside_out", "closed_in", "closed_out"];

/// The counters that grow.
fn words(grows: &[u64]) -> String {
    let names = COUNTERS.iter().zip(grows).filter(|(_, packets)| **packets > 0).map(|(name, _)| *name);
    names.collect::<Vec<_>>().join(", ")
}

/// Sends a datagram to an address, which may be of many.
fn cast(from: &Host, to: SocketAddr, payload: &[u8]) -> io::Result<()> {
    from.run(|| {
        let socket = UdpSocket::bind(if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
        socket.set_broadcast(true)?;
        socket.send_to(payload, to).map(drop)
    })
}

pub(crate) fn tell(lab: &Sandbox) -> Done {
    let [router, world, pc, bot] = site(lab, ["router", "world", "pc", "bot"])?;
    router.forward()?;

    let nat = Table::new(Family::Inet, "nat");
    let published = nat.chain("published").with_type(ChainType::Nat).with_hook(Hook::Prerouting, Priority::DSTNAT);
    let mut publish = Batch::new();
    publish.add(nat).add(&published);
    let ssh = Rule::new().when(meta::iifname().is("wan")).when(tcp::dport().is(8022)).redirect_to(Port::from(22));
    publish.add(published.rule(ssh));
    apply(&router, &publish)?;

    let (mut servers, mut echoes) = (Vec::new(), Vec::new());
    let (mut tries, mut datagrams) = (Vec::new(), Vec::new());
    for version in Version::BOTH {
        let [w, r, i, p, b]: [IpAddr; 5] =
            [(OUTSIDE, 2), (OUTSIDE, 1), (INSIDE, 1), (INSIDE, 2), (INSIDE, 3)].map(|(net, n)| version.ip(net, n));
        let at = |ip, port| SocketAddr::new(ip, port);
        for (host, ip) in [(&world, w), (&router, r), (&router, i), (&pc, p)] {
            for port in [22, 80, 443] {
                servers.push(host.run(|| testing::tcp::echo_server(at(ip, port)))?);
            }
            for port in [53, 1900] {
                echoes.push(host.run(|| udp_echo(at(ip, port)))?);
            }
        }
        for (closed, what) in [(22, "ssh"), (80, "http")] {
            tries.extend([
                support::tcp(Silence, &format!("{what} from outside"), &world, w, at(r, closed)),
                support::tcp(Silence, &format!("{what} from outside, through it"), &world, w, at(p, closed)),
                support::tcp(Silence, &format!("{what} to the outside"), &router, r, at(w, closed)),
                support::tcp(Silence, &format!("{what} to the outside, through it"), &pc, p, at(w, closed)),
                support::tcp(Answered, &format!("{what} inside"), &pc, p, at(i, closed)),
                support::tcp(Answered, &format!("{what} inside, the other way"), &router, i, at(p, closed)),
                support::tcp(Answered, &format!("{what} by loopback"), &router, r, at(r, closed)),
            ]);
        }
        tries.extend([
            support::udp(Silence, "ssdp from outside", &world, w, at(r, 1900)),
            support::udp(Silence, "ssdp from outside, through it", &world, w, at(p, 1900)),
            support::udp(Forbidden, "ssdp to the outside", &router, r, at(w, 1900)),
            support::udp(Silence, "ssdp to the outside, through it", &pc, p, at(w, 1900)),
            support::udp(Answered, "ssdp inside", &pc, p, at(i, 1900)),
            support::udp(Answered, "ssdp inside, among themselves", &bot, b, at(p, 1900)),
            support::tcp(Answered, "ssh that is published as 8022", &world, w, at(r, 8022)),
            support::tcp(Answered, "https from outside", &world, w, at(r, 443)),
            support::tcp(Answered, "https to the outside", &pc, p, at(w, 443)),
            support::udp(Answered, "another datagram from outside", &world, w, at(p, 53)),
            support::udp(Answered, "another datagram to the outside", &router, r, at(w, 53)),
            support::ping(Answered, "an echo request from outside", &world, w, r),
            support::ping(Answered, "an echo request to the outside", &pc, p, w),
        ]);

        // A machine inside makes another one answer to a victim outside.
        let (victim, service) = (at(w, 5555), at(p, 1900));
        let (world, bot) = (&world, &bot);
        datagrams.push(sent(
            false,
            format!("reflected inside to outside: {service} -> udp {victim}"),
            world,
            victim,
            move || bot.run(|| Packet::udp(victim, service, b"?").send()),
        ));
        for (arrives, to) in [(false, at(b, 1900)), (true, at(b, 1901))] {
            let send = move || cast(world, to, &[0; 3000]);
            datagrams.push(sent(arrives, format!("in fragments: {w} -> udp {to}"), bot, to, send));
        }
    }
    let all_nodes = |host: &Host, interface| -> Done<SocketAddr> {
        Ok(SocketAddrV6::new("ff02::1".parse()?, 5000, 0, host.index(interface)?).into())
    };
    let (any4, any6): (SocketAddr, SocketAddr) = ("0.0.0.0:5000".parse()?, "[::]:5000".parse()?);
    let from = &router;
    for (arrives, what, host, at, to) in [
        (false, "a broadcast to the outside", &world, any4, "10.0.0.255:5000".parse()?),
        (false, "to all nodes outside", &world, any6, all_nodes(&router, "wan")?),
        (true, "a broadcast inside", &pc, any4, "10.0.1.255:5000".parse()?),
        (true, "to all nodes inside", &pc, any6, all_nodes(&router, "lan")?),
    ] {
        datagrams.push(sent(arrives, format!("{what}: {to}"), host, at, move || cast(from, to, b"?")));
    }

    let mut story = Story::new("close_reflectors: 22, 80 and 1900/udp closed both ways, no broadcast out");
    story.all_open(&tries)?;
    story.all_arrive(&datagrams)?;
    let recipe = recipe();
    apply(&router, &recipe.batch())?;
    story.all(&tries)?;
    story.all_sent(&datagrams)?;

    story.chapter("measured");
    let read = || -> Done<Vec<u64>> { COUNTERS.iter().map(|name| counted(&router, &recipe.table(), name)).collect() };
    // Neighbours may have asked for each other meanwhile: of all packets there are so many at
    // least.
    for version in Version::BOTH {
        let [w, p, r] = [(OUTSIDE, 2), (INSIDE, 2), (OUTSIDE, 1)].map(|(network, number)| version.ip(network, number));
        for (what, host, from, to, port, grows) in [
            ("from outside to a closed port of it", &world, w, r, 1900, [7, 0, 0, 0, 7, 0]),
            ("from outside to a closed port inside", &world, w, p, 1900, [7, 0, 0, 0, 7, 0]),
            ("from inside to a closed port outside", &pc, p, w, 1900, [0, 7, 7, 0, 0, 7]),
            ("from inside to another port, answered", &pc, p, w, 53, [7, 7, 7, 7, 0, 0]),
        ] {
            let before = read()?;
            host.run(|| {
                let socket = UdpSocket::bind((from, 0))?;
                (0..7).try_for_each(|_| socket.send_to(b"?", (to, port)).map(drop))
            })?;
            story.soon(&format!("seven packets {what}: {}", words(&grows)), || {
                let grown: Vec<u64> = read()?.iter().zip(&before).map(|(now, then)| now - then).collect();
                Ok(grown[4..] == grows[4..] && grown.iter().zip(grows).all(|(grown, least)| *grown >= least))
            })?;
        }
    }
    story.end()
}
