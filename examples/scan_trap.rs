//! Who touches several closed ports is refused everywhere for a while; and every attempt is
//! recorded.

#[path = "support/mod.rs"]
mod support;

use oxitables::{
    Client, TcpFlags,
    client::{Listen, NflogReader},
    proto::{LogGroup, LogRecord, Logged},
    recipes::{Recipe, ScanTrap, scan_trap},
    testing::{
        Sandbox,
        packets::{Answer::*, Packet, udp_echo},
        tcp,
    },
};
use std::{io, net::SocketAddr, process::ExitCode, thread::sleep, time::Duration};
use support::{Done, Story, Version, address, apply, gateway};

fn main() -> ExitCode {
    let options = "[--tcp PORT]... [--udp PORT]... [--trap PORT]... [--ports NUMBER] [--within TIME] [--time TIME] \
                   [--allow NETWORK]... [--log GROUP] [--cut]";
    support::main(options, tell, |options| {
        let mut trap = scan_trap(options.all::<u16>("--tcp")?).with_udp(options.all::<u16>("--udp")?);
        trap = trap.with_allowed(options.all("--allow")?);
        let traps = options.all::<u16>("--trap")?;
        if !traps.is_empty() {
            trap = trap.with_traps(traps);
        }
        let within = options.time("--within")?.unwrap_or(Duration::from_secs(60));
        trap = trap.with_ports(options.one("--ports")?.unwrap_or(4), within);
        if let Some(time) = options.time("--time")? {
            trap = trap.with_time(time);
        }
        if let Some(group) = options.one("--log")? {
            trap = trap.with_log(group);
        }
        if options.flag("--cut") {
            trap = trap.cutting_sessions();
        }
        Ok(trap.batch())
    })
}

const WITHIN: Duration = Duration::from_secs(3);
const TIME: Duration = Duration::from_secs(4);
const OFFICE: u8 = 2;
const BEHIND: u8 = 3;
const GROUP: u16 = 7;

/// What the story is about, and the guide lists.
pub(crate) fn recipe() -> ScanTrap {
    let office = Version::BOTH.map(|version| version.net(OFFICE));
    scan_trap([22, 80]).with_udp([53]).with_ports(3, WITHIN).with_time(TIME).with_allowed(office).with_log(GROUP)
}

/// Prefix, protocol and port of a record, and whom it is from.
fn words(record: &LogRecord) -> String {
    let flow = record.flow().map(|flow| match flow.ports {
        Some((_, port)) => format!("{} -> {} {} {port}", flow.saddr, flow.daddr, flow.protocol),
        None => format!("{} -> {} {}", flow.saddr, flow.daddr, flow.protocol),
    });
    format!("{}{}", record.prefix, flow.unwrap_or_default())
}

pub(crate) fn tell(lab: &Sandbox) -> Done {
    let (server, world, inside) = (lab.host("server")?, lab.host("world")?, lab.host("inside")?);
    lab.link((&server, "eth0"), (&world, "eth0"))?;
    lab.link((&server, "eth1"), (&inside, "eth0"))?;
    for (network, number) in [(0, 2), (0, 3), (OFFICE, 2)] {
        address(&world, "eth0", network, number)?;
    }
    address(&server, "eth0", 0, 1)?;
    address(&server, "eth0", OFFICE, 1)?;
    address(&server, "eth1", BEHIND, 1)?;
    address(&inside, "eth0", BEHIND, 2)?;
    gateway(&world, 0, 1)?;
    gateway(&inside, BEHIND, 1)?;
    server.forward()?;
    let (mut servers, mut echoes) = (Vec::new(), Vec::new());
    for version in Version::BOTH {
        for port in [22, 80] {
            servers.push(server.run(|| tcp::echo_server(version.at(0, 1, port)))?);
        }
        servers.push(inside.run(|| tcp::echo_server(version.at(BEHIND, 2, 80)))?);
        echoes.push(server.run(|| udp_echo(version.at(0, 1, 53)))?);
    }

    let mut story = Story::new("scan_trap: who touches three closed ports within three seconds is refused everywhere");
    let forget = |trap: &ScanTrap| -> Done {
        let mut batch = oxitables::Batch::new();
        batch.add(trap.table()).delete(trap.table());
        trap.add_to(&mut batch);
        apply(&server, &batch)
    };
    for version in Version::BOTH {
        let (scanner, here) = (version.ip(0, 2), |port| version.at(0, 1, port));
        let touch = |answer, port| support::tcp(answer, "a closed port", &world, scanner, here(port));
        let ssh = |answer, what: &str| support::tcp(answer, what, &world, scanner, here(22));
        let segment = |to: SocketAddr, flags: TcpFlags| {
            world.run(|| Packet::tcp(SocketAddr::new(scanner, 4000), to, flags.bits()).send())
        };
        let everywhere = |answer| {
            [
                ssh(answer, "an open port"),
                support::tcp(answer, "another one", &world, scanner, here(80)),
                support::tcp(answer, "a closed port", &world, scanner, here(81)),
                support::udp(answer, "a datagram", &world, scanner, here(53)),
                support::ping(answer, "an echo request", &world, scanner, here(0).ip()),
                support::tcp(answer, "a host behind", &world, scanner, version.at(BEHIND, 2, 80)),
            ]
        };

        story.chapter(&format!("a scan: {version:?}"));
        forget(&recipe())?;
        story.all_open(&everywhere(Silence))?;
        forget(&recipe())?;
        let mut reader = server.run(|| NflogReader::bind(LogGroup::new(GROUP)))?;
        let mut session = world.run(|| tcp::connect(scanner, here(22), Duration::from_secs(4)))?;
        story.all(&[
            touch(Refused, 23),
            touch(Refused, 23),
            touch(Refused, 23),
            touch(Refused, 23),
            ssh(Answered, "the same port again is no scan"),
            support::udp(Refused, "a second closed port", &world, scanner, here(23)),
            support::udp(Answered, "open ports do not count", &world, scanner, here(53)),
            support::tcp(Answered, "nor do hosts behind", &world, scanner, version.at(BEHIND, 2, 80)),
            support::ping(Answered, "nor do echo requests", &world, scanner, here(0).ip()),
            touch(Silence, 24),
        ])?;
        let mut nft = server.run(Client::open)?;
        story.is("it is listed", nft.members(&recipe().listed())?.iter().any(|listed| listed.key() == Some(scanner)));
        story.all(&everywhere(Silence))?;
        story.is("its session lives on", tcp::ping(&mut session).is_ok());
        let other = |port, answer, what| support::tcp(answer, what, &world, version.ip(0, 3), here(port));
        story.tries(&other(22, Answered, "somebody else"))?;
        for port in 1..9 {
            let from = version.ip(OFFICE, 2);
            story.tries(&support::tcp(Refused, "who is allowed", &world, from, version.at(OFFICE, 1, port)))?;
        }
        story.soon("it is forgiven", || Ok(nft.members(&recipe().listed())?.is_empty()))?;
        story.tries(&ssh(Answered, "and comes in"))?;

        story.chapter(&format!("records: {version:?}"));
        let mut records = Vec::new();
        while let Some(logged) = reader.next(Duration::ZERO)? {
            if let Logged::Packet(record) = logged {
                records.push(words(&record));
            }
        }
        let to = here(0).ip();
        let ping = if version == Version::V4 { "icmp" } else { "ipv6-icmp" };
        for (what, times) in [
            (format!("tcp {scanner} -> {to} tcp 23"), 4),
            (format!("udp {scanner} -> {to} udp 23"), 1),
            (format!("tcp {scanner} -> {to} tcp 24"), 1),
            (format!("listed {scanner} -> {to} tcp 24"), 1),
            (format!("icmp {scanner} -> {to} {ping}"), 1),
            (format!("refused {scanner} -> {to} tcp 80"), 1),
            (format!("refused {scanner} -> {to} udp 53"), 1),
            (format!("refused {scanner} -> {} tcp 80", version.ip(BEHIND, 2)), 1),
            (format!("tcp {} -> {to} tcp 22", version.ip(0, 3)), 1),
        ] {
            let record = format!("scan_trap {what}");
            story.sees(&record, times, records.iter().filter(|told| **told == record).count());
        }

        story.chapter(&format!("what is no scan: {version:?}"));
        forget(&recipe())?;
        story.all(&[touch(Refused, 23), touch(Refused, 24)])?;
        sleep(WITHIN + Duration::from_millis(100));
        story.all(&[touch(Refused, 25), touch(Refused, 23), ssh(Answered, "slowly")])?;
        forget(&recipe())?;
        for port in 1..9 {
            segment(here(port), TcpFlags::ACK)?;
            segment(here(port), TcpFlags::RST)?;
            segment(here(23), TcpFlags::SYN)?;
        }
        story.tries(&ssh(Answered, "late segments, and a request again and again"))?;
        if version == Version::V4 {
            for port in 1..9 {
                let all = SocketAddr::new([224, 0, 0, 1].into(), port);
                world.run(|| Packet::udp(SocketAddr::new(scanner, 4000), all, b"?").send())?;
            }
            story.tries(&ssh(Answered, "datagrams to all"))?;
        }
        story.chapter(&format!("what is one: {version:?}"));
        for (what, flags) in [
            ("SYN", TcpFlags::SYN),
            ("FIN", TcpFlags::FIN),
            ("no flag", TcpFlags::from(0)),
            ("FIN, PSH, URG", TcpFlags::FIN | TcpFlags::PSH | TcpFlags::URG),
        ] {
            forget(&recipe())?;
            (1..=3).try_for_each(|port| segment(here(port), flags))?;
            story.tries(&ssh(Silence, &format!("segments with {what}")))?;
        }
        forget(&recipe())?;
        world.run(|| -> io::Result<()> {
            let from = SocketAddr::new(scanner, 4000);
            (1..=3).try_for_each(|port| Packet::udp(from, here(port), b"").send())
        })?;
        story.tries(&ssh(Silence, "datagrams"))?;

        story.chapter(&format!("other ways: {version:?}"));
        forget(&recipe().with_traps([22, 23, 24, 25]))?;
        story.all(&[26, 27, 28, 29, 23, 24].map(|port| touch(Refused, port)))?;
        story.all(&[ssh(Answered, "only traps count, and none that is open"), touch(Silence, 25)])?;
        story.tries(&ssh(Silence, "that was the third"))?;
        forget(&recipe().cutting_sessions())?;
        let mut session = world.run(|| tcp::connect(scanner, here(22), Duration::from_millis(500)))?;
        story.is("a session", tcp::ping(&mut session).is_ok());
        (1..=3).try_for_each(|port| segment(here(port), TcpFlags::SYN))?;
        story.is("is cut", tcp::ping(&mut session).is_err());
    }
    story.end()
}
