//! A flood of connection requests that nobody means, and clients who get through nevertheless.

#[path = "support/mod.rs"]
mod support;

use oxitables::{
    Batch, CtState, Family, Hook, Priority, Rule, Table, TcpFlags, ct,
    recipes::{Recipe, SynFloodGuard, syn_flood_guard},
    testing::{
        Host, Sandbox,
        packets::{Answer::*, Packet},
        tcp,
    },
};
use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
    time::Duration,
};
use support::{Done, Story, Version, address, apply, gateway};

fn main() -> ExitCode {
    let options = "--port PORT... [--rate NUMBER] [--burst NUMBER] [--server ADDRESS]... [--synproxy [--mss BYTES] [--wscale BITS]] \
                   [--allow NETWORK]...";
    support::main(options, tell, |options| {
        let mut guard = syn_flood_guard(options.all::<u16>("--port")?);
        guard = guard.with_allowed(options.all("--allow")?);
        let servers = options.all("--server")?;
        if !servers.is_empty() {
            guard = guard.with_servers(servers);
        }
        let (rate, burst) = (options.one("--rate")?, options.one("--burst")?);
        guard = guard.with_rate(rate.unwrap_or(20), burst.unwrap_or(40));
        let (mss, wscale) = (options.one("--mss")?, options.one("--wscale")?);
        if options.flag("--synproxy") {
            guard = guard.with_synproxy(mss.unwrap_or(1460), wscale.unwrap_or(7));
        } else if mss.is_some() || wscale.is_some() {
            return Err("--mss and --wscale are what --synproxy tells".into());
        }
        Ok(guard.batch())
    })
}

const WORLD: u8 = 1;
const OFFICE: u8 = 2;
const BEHIND: u8 = 3;
/// Requests of one flood: many times what the queue of a listener holds here.
const FLOOD: u16 = 2000;
const QUEUE: &str = "64";
const PATIENCE: Duration = Duration::from_secs(4);

/// What the story is about, and the guide lists.
pub(crate) fn recipe() -> SynFloodGuard {
    syn_flood_guard([80, 81, 82, 83]).with_rate(1, 10).with_synproxy(1460, 7)
}

/// An address of nobody, whose packets the flooder takes.
fn nobody(version: Version, number: u16) -> IpAddr {
    let [high, low] = number.to_be_bytes();
    match version {
        Version::V4 => Ipv4Addr::new(10, 9, high, low).into(),
        Version::V6 => Ipv6Addr::new(0xfd09, 0, 0, 0, 0, 0, 0, number).into(),
    }
}

/// Asks for connections and never answers: from one address, or from as many as there are requests.
fn flood(version: Version, one: bool, to: SocketAddr) -> io::Result<()> {
    (1..=FLOOD).try_for_each(|number| {
        let from = SocketAddr::new(nobody(version, if one { 1 } else { number }), 1024 + number);
        Packet::tcp(from, to, TcpFlags::SYN.bits()).send()
    })
}

/// Connections that conntrack knows of.
fn tracked(host: &Host) -> io::Result<u32> {
    let count = host.run(|| fs::read_to_string("/proc/thread-self/net/stat/nf_conntrack"))?;
    let first = count.lines().nth(1).and_then(|line| line.split_whitespace().next());
    first.and_then(|number| u32::from_str_radix(number, 16).ok()).ok_or(io::ErrorKind::InvalidData.into())
}

pub(crate) fn tell(lab: &Sandbox) -> Done {
    let [server, flooder, office, inside] = ["server", "flooder", "office", "inside"].map(|name| lab.host(name));
    let (server, flooder, office, inside) = (server?, flooder?, office?, inside?);
    for (host, interface, network) in
        [(&flooder, "world", WORLD), (&office, "office", OFFICE), (&inside, "inside", BEHIND)]
    {
        lab.link((&server, interface), (host, "eth0"))?;
        address(&server, interface, network, 1)?;
        address(host, "eth0", network, 2)?;
    }
    gateway(&server, WORLD, 2)?;
    for version in Version::BOTH {
        for network in [OFFICE, BEHIND] {
            flooder.route(version.net(network), version.ip(WORLD, 1))?;
        }
    }
    gateway(&office, OFFICE, 1)?;
    gateway(&inside, BEHIND, 1)?;
    server.forward()?;
    for host in [&server, &inside] {
        // Queues that are soon full, and no cookies of the kernel's own to make up for it.
        host.sysctl("net/ipv4/tcp_syncookies", "0")?;
        host.sysctl("net/ipv4/tcp_max_syn_backlog", QUEUE)?;
        host.sysctl("net/core/somaxconn", QUEUE)?;
        // The last quarter is for clients that are remembered. Nobody is.
        host.sysctl("net/ipv4/tcp_no_metrics_save", "1")?;
    }

    // As on most hosts, something asks for the state of connections.
    let host = Table::new(Family::Inet, "host");
    let input = host.chain("input").with_hook(Hook::Input, Priority::FILTER);
    let mut batch = Batch::new();
    batch.add(&host).add(&input).add(input.rule(Rule::new().when(ct::state().any(CtState::ESTABLISHED)).accept()));
    apply(&server, &batch)?;

    let mut story = Story::new("syn_flood_guard: 2000 requests that nobody means, and a client");
    let again = |guard: Option<SynFloodGuard>| -> Done {
        let mut batch = Batch::new();
        batch.add(recipe().table()).delete(recipe().table());
        if let Some(guard) = guard {
            guard.add_to(&mut batch);
        }
        apply(&server, &batch)
    };
    for version in Version::BOTH {
        let (client, here) = (version.ip(OFFICE, 2), version.ip(OFFICE, 1));
        let there = version.ip(BEHIND, 2);
        // Each in its own queue: one that is full stays so for a minute.
        let listens = |host: &Host, at: IpAddr, port| host.run(|| tcp::echo_server(SocketAddr::new(at, port)));
        let connects = |expected, what: &str, to: SocketAddr| support::tcp(expected, what, &office, client, to);

        story.chapter(&format!("without it: {version:?}"));
        again(None)?;
        for (what, one, port) in [("one address", true, 90), ("many addresses", false, 91)] {
            let (_listener, to) = (listens(&server, here, port)?, SocketAddr::new(here, port));
            story.tries(&connects(Answered, "before the flood", to))?;
            let before = tracked(&server)?;
            flooder.run(|| flood(version, one, to))?;
            story.is("conntrack knows of many more", tracked(&server)? > before + u32::from(FLOOD / 2));
            story.tries(&connects(Silence, &format!("a flood from {what}"), to))?;
        }

        story.chapter(&format!("a limit for each address: {version:?}"));
        let limited = syn_flood_guard([80, 81, 82, 83]).with_rate(1, 10);
        again(Some(limited.clone()))?;
        let (_listener, to) = (listens(&server, here, 80)?, SocketAddr::new(here, 80));
        let spawned = flooder.spawn(move || flood(version, true, to))?;
        for _ in 0..3 {
            story.tries(&connects(Answered, "a flood from one address", to))?;
        }
        spawned.join().map_err(|_| "the flood ended badly")??;
        story.tries(&connects(Answered, "and after it", to))?;
        again(Some(limited.clone()))?;
        let connected =
            (0..20).filter(|_| office.run(|| tcp::connect(client, to, Duration::from_millis(100)).is_ok())).count();
        story.is(&format!("one address has a burst of 10, of 20: {connected}"), (10..=15).contains(&connected));
        let other = SocketAddr::new(here, 90);
        let (_other, _full) = (listens(&server, here, 90)?, listens(&server, here, 81)?);
        story.tries(&connects(Answered, "but not at another port", other))?;
        flooder.run(|| flood(version, false, SocketAddr::new(here, 81)))?;
        again(Some(limited.clone()))?;
        story.tries(&connects(Silence, "it is none against many addresses", SocketAddr::new(here, 81)))?;
        again(Some(limited.with_allowed([version.net(OFFICE)])))?;
        let connected = (0..20).filter(|_| office.run(|| tcp::connect(client, to, PATIENCE).is_ok())).count();
        story.sees("who is allowed has no limit: of 20", 20, connected);

        story.chapter(&format!("synproxy: {version:?}"));
        again(Some(recipe()))?;
        let (_listener, to) = (listens(&server, here, 82)?, SocketAddr::new(here, 82));
        let before = tracked(&server)?;
        let spawned = flooder.spawn(move || flood(version, false, to))?;
        let mut sessions = Vec::new();
        for number in 1..=3 {
            let mut session = office.run(|| tcp::connect(client, to, PATIENCE))?;
            story.is(
                &format!("client {number} connects in a flood from many addresses"),
                tcp::ping(&mut session).is_ok(),
            );
            sessions.push(session);
        }
        spawned.join().map_err(|_| "the flood ended badly")??;
        story.tries(&connects(Answered, "and after it", to))?;
        story.is("the sessions live on", sessions.iter_mut().all(|session| tcp::ping(session).is_ok()));
        story.is("and conntrack knows of few more", tracked(&server)? < before + 50);
        let closed = office.run(|| tcp::connect(client, SocketAddr::new(here, 83), PATIENCE));
        let reset = closed.and_then(|mut stream| tcp::ping(&mut stream));
        story.is(
            "a port where nothing listens resets",
            reset.is_err_and(|e| e.kind() == io::ErrorKind::ConnectionReset),
        );

        story.chapter(&format!("a server behind: {version:?}"));
        again(None)?;
        let (_full, to) = (listens(&inside, there, 90)?, SocketAddr::new(there, 90));
        flooder.run(|| flood(version, false, to))?;
        story.tries(&connects(Silence, "without it", to))?;
        again(Some(recipe().with_servers([there])))?;
        let (_listener, to) = (listens(&inside, there, 82)?, SocketAddr::new(there, 82));
        flooder.run(|| flood(version, false, to))?;
        let mut session = office.run(|| tcp::connect(client, to, PATIENCE))?;
        story.is("its client connects, and is heard", tcp::ping(&mut session).is_ok());
    }
    story.end()
}
