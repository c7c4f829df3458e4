//! A web server whose processes reach their database and nothing else: real processes, by control
//! group, user and group.

#[path = "support/mod.rs"]
pub(crate) mod support;

use oxitables::{
    Client,
    data::{Cgroup, Gid, MarkBits, Uid},
    recipes::{ProcessMarks, Recipe, Sender, process_marks},
    testing::{Host, Sandbox, packets::Answer::*, packets::udp_echo, tcp},
};
use std::{
    net::{IpAddr, SocketAddr},
    process::ExitCode,
    time::Duration,
};
use support::{
    Done, Story, Version, address, apply, gateway,
    process::{Group, Program, Who, has_all_users, loudly_skipped},
};

fn main() -> ExitCode {
    let options = "[--cgroup PATH]... [--user NAME]... [--group NAME]... [--database ADDRESS:PORT]... [--port PORT]... \
                   [--resolver ADDRESS]... [--loopback] [--mark-bits NUMBER]";
    support::main(options, tell, |options| {
        let mut web: Vec<Sender> = Vec::new();
        for path in options.all::<String>("--cgroup")? {
            web.push(Cgroup::at(path)?.into());
        }
        for name in options.all::<String>("--user")? {
            web.push(Uid::named(&name)?.into());
        }
        for name in options.all::<String>("--group")? {
            web.push(Gid::named(&name)?.into());
        }
        let mut web = web.into_iter();
        let first = web.next().ok_or("--cgroup, --user or --group is needed")?;
        let mut tamed = process_marks(first, options.all("--database")?)
            .with_ports(options.all("--port")?)
            .with_resolvers(options.all("--resolver")?);
        if options.flag("--loopback") {
            tamed = tamed.with_loopback();
        }
        if let Some(bits) = options.one("--mark-bits")? {
            tamed = tamed.with_mark(MarkBits::new(bits))?;
        }
        Ok(web.fold(tamed, ProcessMarks::with_processes).batch())
    })
}

const DATABASE: u8 = 0;
const WEB: u8 = 1;
const WORLD: u8 = 2;
/// Users and groups are numbers to the kernel: these need no names. 33 is www-data in Debian.
const WWW: u32 = 33;
const NOBODY: u32 = 65534;

/// What the guide lists.
pub(crate) fn recipe() -> ProcessMarks {
    tamed(Uid::from(WWW).into())
}

fn tamed(web: Sender) -> ProcessMarks {
    process_marks(web, Version::BOTH.map(|version| version.at(DATABASE, 2, 3306))).with_ports([80])
}

pub(crate) fn tell(lab: &Sandbox) -> Done {
    let [web, router, database, world] = ["web", "router", "database", "world"].map(|name| lab.host(name));
    let (web, router, database, world) = (web?, router?, database?, world?);
    for (host, network, name) in [(&database, DATABASE, "db"), (&web, WEB, "web"), (&world, WORLD, "world")] {
        lab.link((host, "eth0"), (&router, name))?;
        address(&router, name, network, 1)?;
        address(host, "eth0", network, 2)?;
        gateway(host, network, 1)?;
    }
    router.forward()?;
    // The web server is no root.
    web.sysctl("net/ipv4/ip_unprivileged_port_start", "0")?;
    let mut servers = Vec::new();
    let mut echoes = Vec::new();
    for version in Version::BOTH {
        for port in [22, 3306] {
            servers.push(database.run(|| tcp::echo_server(version.at(DATABASE, 2, port)))?);
            servers.push(world.run(|| tcp::echo_server(version.at(WORLD, 2, port)))?);
        }
        for (host, network) in [(&database, DATABASE), (&world, WORLD)] {
            echoes.push(host.run(|| udp_echo(version.at(network, 2, 53)))?);
        }
        // Not a process of the web server.
        servers.push(web.run(|| tcp::echo_server(version.at(WEB, 2, 9000)))?);
    }

    let mut story = Story::new("process_marks: a web server reaches its database, and nothing else");
    let name = format!("oxitables-marks-{}", std::process::id());
    let outer = if has_all_users() { Group::make(&name)? } else { None };
    let inner = if outer.is_some() { Group::make(format!("{name}/workers"))? } else { None };
    let of = |user, group| Who { user, group, ..Who::default() };
    let mut ways: Vec<(&str, Sender, Who, Option<Who>)> = Vec::new();
    if let (Some(outer), Some(inner)) = (&outer, &inner) {
        let group = outer.look_up()?;
        ways.push(("a control group", group.clone().into(), outer.programs(), Some(of(None, None))));
        ways.push(("a group in it", group.into(), inner.programs(), Some(of(None, None))));
        ways.push(("of two groups one", inner.look_up()?.into(), inner.programs(), Some(outer.programs())));
    }
    if has_all_users() {
        let www = || of(Some(WWW), Some(NOBODY));
        ways.push(("a user", Uid::from(WWW).into(), www(), Some(of(Some(NOBODY), Some(NOBODY)))));
        ways.push(("a group of users", Gid::from(NOBODY).into(), www(), Some(of(Some(WWW), Some(WWW)))));
    } else {
        loudly_skipped("control groups, other users, and that others are unaffected: there is only one user");
        ways.push(("the only user", Uid::from(0).into(), of(None, None), None));
    }
    for (n, (title, sender, who, others)) in ways.into_iter().enumerate() {
        story.chapter(title);
        let lab = Lab { web: &web, world: &world, program: Program::start(&web, &who)? };
        let others = others.map(|others| Program::start(&web, &others)).transpose()?;
        lab.tell(&mut story, &tamed(sender), others.as_ref(), n == 0)?;
        apply(&web, oxitables::Batch::new().delete(recipe().table()))?;
    }
    story.end()
}

struct Lab<'a> {
    web: &'a Host,
    world: &'a Host,
    program: Program,
}

impl Lab<'_> {
    fn tell(&self, story: &mut Story, tamed: &ProcessMarks, others: Option<&Program>, all: bool) -> Done {
        let (web, program) = (self.web, &self.program);
        let (mut tries, mut unaffected) = (Vec::new(), Vec::new());
        for version in Version::BOTH {
            let here = version.ip(WEB, 2);
            let (database, world) = (|port| version.at(DATABASE, 2, port), |port| version.at(WORLD, 2, port));
            tries.push(support::tcp(Answered, "the database", web, here, database(3306)).by(program));
            tries.push(support::tcp(Silence, "anybody else", web, here, world(3306)).by(program));
            tries.push(support::tcp(Answered, "a shell: the database", web, here, database(3306)).by_shell_of(program));
            tries.push(support::tcp(Silence, "a shell: elsewhere", web, here, world(22)).by_shell_of(program));
            if all {
                tries.push(support::tcp(Silence, "another service there", web, here, database(22)).by(program));
                tries.push(support::udp(Forbidden, "DNS", web, here, database(53)).by(program));
                tries.push(support::udp(Forbidden, "a shell: DNS", web, here, world(53)).by_shell_of(program));
                tries.push(support::tcp(Silence, "loopback", web, here, version.at(WEB, 2, 9000)).by(program));
            }
            if let Some(others) = others {
                unaffected.push(support::tcp(Answered, "others", web, here, world(22)).by(others));
                unaffected.push(support::udp(Answered, "others", web, here, world(53)).by(others));
            }
            program.serve(version.at(WEB, 2, 80))?;
            program.serve(version.at(WEB, 2, 4444))?;
        }
        story.all_open(&tries)?;
        story.all_open(&unaffected)?;
        let hears = |port, version: Version| self.hears(version.ip(WORLD, 2), version.at(WEB, 2, port));
        story
            .is("before, a client hears of both ports", Version::BOTH.iter().all(|v| hears(80, *v) && hears(4444, *v)));
        apply(web, &tamed.batch())?;
        let mut nft = web.run(Client::open)?;
        story.all(&tries)?;
        let silent = tries.len() - 4;
        story.is("all of these were counted", tamed.dropped(&mut nft)?.0 >= silent as u64);
        let before = tamed.dropped(&mut nft)?;
        story.all(&unaffected)?;
        for version in Version::BOTH {
            story.is(&format!("a client is answered: tcp {}", version.at(WEB, 2, 80)), hears(80, version));
            let web = version.at(WEB, 2, 80);
            story.tries(&support::udp(Answered, "and by UDP", self.world, version.ip(WORLD, 2), web))?;
        }
        story.is("nothing of these was", tamed.dropped(&mut nft)? == before);
        for version in Version::BOTH {
            story.is(
                &format!("a shell that listens is not heard: tcp {}", version.at(WEB, 2, 4444)),
                !hears(4444, version),
            );
        }
        Ok(())
    }

    /// Whether somebody in the world gets an answer, and not the handshake alone.
    fn hears(&self, from: IpAddr, to: SocketAddr) -> bool {
        let patience = Duration::from_millis(500);
        self.world.run(|| {
            tcp::connect(from, to, patience)
                .and_then(|mut stream| {
                    stream.set_read_timeout(Some(patience))?;
                    tcp::ping(&mut stream)
                })
                .is_ok()
        })
    }
}
