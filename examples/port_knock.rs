//! A port that opens to those who knock at others, in the right order.

#[path = "support/mod.rs"]
mod support;

use oxitables::{
    TcpFlags,
    recipes::{PortKnock, Recipe, port_knock},
    testing::{
        Sandbox,
        packets::{
            Answer::{self, *},
            Packet,
        },
        tcp,
    },
};
use std::{io, process::ExitCode, thread::sleep, time::Duration};
use support::{Done, Story, Version, address, apply};

fn main() -> ExitCode {
    let options = "--port PORT... --knock PORT... [--service PORT]... [--pace TIME] [--open TIME] [--silent]";
    support::main(options, tell, |options| {
        let ports = options.all::<u16>("--port")?;
        let (first, more) = ports.split_first().ok_or("--port is needed")?;
        let mut door =
            port_knock(*first, options.all::<u16>("--knock")?).with_services(options.all::<u16>("--service")?);
        for port in more {
            door = door.with_port(*port);
        }
        if let Some(pace) = options.time("--pace")? {
            door = door.with_pace(pace);
        }
        if let Some(open) = options.time("--open")? {
            door = door.with_open(open);
        }
        if options.flag("--silent") {
            door = door.silent();
        }
        Ok(door.batch())
    })
}

const PACE: Duration = Duration::from_millis(1500);
const OPEN: Duration = Duration::from_millis(2500);
const KNOCKS: [u16; 3] = [7000, 9000, 8000];

/// What the story is about, and the guide lists.
pub(crate) fn recipe() -> PortKnock {
    port_knock(22, KNOCKS).with_services([80]).with_pace(PACE).with_open(OPEN)
}

pub(crate) fn tell(lab: &Sandbox) -> Done {
    let (server, world) = (lab.host("server")?, lab.host("world")?);
    lab.link((&server, "eth0"), (&world, "eth0"))?;
    address(&server, "eth0", 0, 1)?;
    for number in [2, 3] {
        address(&world, "eth0", 0, number)?;
    }
    let mut servers = Vec::new();
    for version in Version::BOTH {
        // Something listens where one knocks second: it is a knock all the same.
        for port in [22, 80, KNOCKS[1]] {
            servers.push(server.run(|| tcp::echo_server(version.at(0, 1, port)))?);
        }
    }

    let mut story = Story::new("port_knock: 7000, 9000, 8000 open ssh for a while");
    let connect = |version: Version, answer: Answer, who: u8, port: u16, what: &str| {
        support::tcp(answer, what, &world, version.ip(0, who), version.at(0, 1, port))
    };
    let ssh = |version, answer, what: &str| connect(version, answer, 2, 22, what);
    let forget = |door: &PortKnock| -> Done {
        let mut batch = oxitables::Batch::new();
        batch.add(door.table()).delete(door.table());
        door.add_to(&mut batch);
        apply(&server, &batch)
    };
    let opening = Version::BOTH.map(|version| ssh(version, Refused, "ssh without the recipe"));
    story.all_open(&opening)?;

    for version in Version::BOTH {
        story.chapter(&format!("the right order, and a while: {version:?}"));
        forget(&recipe())?;
        let (from, to) = (version.ip(0, 2), version.at(0, 1, 22));
        let knock = |port| connect(version, Refused, 2, port, "a knock looks closed");
        story.tries(&ssh(version, Refused, "closed, as it seems"))?;
        story.all(&KNOCKS.map(knock))?;
        let mut session = world.run(|| tcp::connect(from, to, Duration::from_secs(4)))?;
        story.is("it opens", tcp::ping(&mut session).is_ok());
        story.all(&[
            ssh(version, Answered, "and again"),
            connect(version, Refused, 3, 22, "not to somebody else"),
            connect(version, Answered, 2, 80, "another service"),
            ssh(version, Answered, "which disturbs nothing"),
        ])?;
        sleep(OPEN + Duration::from_millis(100));
        story.tries(&ssh(version, Refused, "the while has passed"))?;
        story.is("the session lives on", tcp::ping(&mut session).is_ok());
        story.all(&KNOCKS.map(knock))?;
        story.tries(&ssh(version, Answered, "knocked again"))?;

        story.chapter(&format!("other orders: {version:?}"));
        let [a, b, c] = KNOCKS;
        for (what, knocks, opens) in [
            ("two of three", &[a, b][..], false),
            ("the wrong order", &[a, c, b], false),
            ("backwards", &[c, b, a], false),
            ("without the first", &[b, c], false),
            ("one of them three times", &[a, a, a], false),
            ("the second twice", &[a, b, b, c], false),
            ("another port in between", &[a, b, 7001, c], false),
            ("the guarded port in between", &[a, 22, b, c], true),
            ("a service in between", &[a, 80, b, c], true),
            ("begun anew", &[a, b, a, b, c], true),
            ("another port thereafter", &[a, b, c, 7001], false),
        ] {
            forget(&recipe())?;
            for port in knocks {
                world.run(|| oxitables::testing::packets::tcp(from, version.at(0, 1, *port), PACE))?;
            }
            story.tries(&ssh(version, if opens { Answered } else { Refused }, &format!("{what} {knocks:?}")))?;
        }
        forget(&recipe())?;
        let mixed = [(2, a), (3, b), (2, b), (3, c)].map(|(who, port)| connect(version, Refused, who, port, "a knock"));
        story.all(&mixed)?;
        story.tries(&ssh(version, Refused, "two who share a sequence"))?;
        story.tries(&connect(version, Refused, 2, c, "its third knock, in time"))?;
        story.tries(&ssh(version, Answered, "each has a sequence of its own"))?;
        forget(&recipe())?;
        story.all(&[knock(a), knock(b)])?;
        sleep(PACE + Duration::from_millis(100));
        story.all(&[knock(c), ssh(version, Refused, "the third knock comes too late")])?;

        story.chapter(&format!("scans: {version:?}"));
        let segment = |port: u16, flags| {
            let from = std::net::SocketAddr::new(from, 4000);
            Packet::tcp(from, version.at(0, 1, port), flags).send()
        };
        for (what, knocks) in [("the sequence", KNOCKS), ("one that rises by one", [7000, 7001, 7002])] {
            let door = port_knock(22, knocks).with_services([80]).with_pace(PACE * 10).with_open(OPEN * 10);
            forget(&door)?;
            world.run(|| (1..=u16::MAX).try_for_each(|port| segment(port, TcpFlags::SYN.bits())))?;
            story.tries(&ssh(version, Refused, &format!("all ports, with {what}")))?;
        }
        for (what, flags) in
            [("ACK", TcpFlags::ACK), ("FIN", TcpFlags::FIN), ("SYN and ACK", TcpFlags::SYN | TcpFlags::ACK)]
        {
            forget(&recipe())?;
            world.run(|| KNOCKS.iter().try_for_each(|port| segment(*port, flags.bits())))?;
            story.tries(&ssh(version, Refused, &format!("segments with {what} do not knock")))?;
        }
        forget(&recipe())?;
        world.run(|| -> io::Result<()> {
            let socket = std::net::UdpSocket::bind((from, 0))?;
            KNOCKS.iter().try_for_each(|port| socket.send_to(b"?", version.at(0, 1, *port)).map(drop).or(Ok(())))
        })?;
        story.tries(&ssh(version, Refused, "datagrams do not knock"))?;

        story.chapter(&format!("silent: {version:?}"));
        forget(&recipe().silent())?;
        story.tries(&ssh(version, Silence, "no answer"))?;
        story.all(&KNOCKS.map(|port| connect(version, Silence, 2, port, "nor to a knock")))?;
        story.tries(&ssh(version, Answered, "it opens"))?;
        story.tries(&connect(version, Silence, 3, 22, "not to somebody else"))?;
    }
    story.end()
}
