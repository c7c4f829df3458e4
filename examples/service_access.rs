//! Who may use which service, tried from an office, from an attacker's network and by users of the
//! host; each touch is heard of.

#[path = "support/mod.rs"]
mod support;

use oxitables::{
    LogLevel,
    data::{Uid, Weekday},
    recipes::{Hours, Recipe, Service, ServiceAccess, Touch, Touches, service_access},
    testing::{Sandbox, packets::Answer::*, packets::Packet, packets::udp_echo, tcp},
};
use std::{
    net::SocketAddr,
    ops::ControlFlow,
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use support::{
    Done, Options, Story, Try, Version, address, apply, gateway,
    process::{Program, Who, has_all_users, loudly_skipped},
};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [watch, group] = &arguments[..]
        && watch == "watch"
    {
        return match group.parse().map_err(Into::into).and_then(watch_group) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("service_access: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let options = "[--tcp NAME=PORT]... [--udp NAME=PORT]... [--allow NAME=NETWORK]... [--deny NAME=NETWORK]... [--deny-others NAME]... \
                   [--users NAME=USER]... [--hours NAME=HH:MM-HH:MM]... [--days NAME=DAY]... [--log SEVERITY] [--group NUMBER]; \
                   watch GROUP prints touches";
    support::main(options, tell, |options| {
        let mut services = Vec::new();
        let (tcp, udp) = (named(options, "--tcp")?, named(options, "--udp")?);
        let (allow, deny) = (named(options, "--allow")?, named(options, "--deny")?);
        let (users, hours, days) = (named(options, "--users")?, named(options, "--hours")?, named(options, "--days")?);
        let deny_others: Vec<String> = options.all("--deny-others")?;
        let mut names: Vec<&String> = tcp.iter().chain(&udp).map(|(name, _)| name).collect();
        names.dedup();
        let unknown = [&allow, &deny, &users, &hours, &days].into_iter().flatten().map(|(name, _)| name);
        if let Some(name) = unknown.chain(&deny_others).find(|name| !names.contains(name)) {
            return Err(format!("{name} has no port: --tcp {name}=PORT").into());
        }
        for name in names {
            let mut service = match (of(&tcp, name)?, of(&udp, name)?) {
                (tcp, udp) if udp.is_empty() => Service::tcp(name, tcp),
                (tcp, udp) if tcp.is_empty() => Service::udp(name, udp),
                (tcp, udp) => Service::tcp(name, tcp).with_udp(udp),
            };
            service = service.with_allowed(of(&allow, name)?).with_denied(of(&deny, name)?);
            if deny_others.contains(name) {
                service = service.with_others_denied();
            }
            for user in of::<String>(&users, name)? {
                service = service.with_users([Uid::named(&user)?]);
            }
            if let Some(hours) = of::<Hours>(&hours, name)?.pop() {
                service = service.with_hours(hours);
            }
            for day in of::<String>(&days, name)? {
                let known = (0..7).map(Weekday::from).find(|known| known.to_string() == day);
                service = service.with_days([known.ok_or_else(|| format!("{day} is no day"))?]);
            }
            services.push(service);
        }
        let mut access = service_access(services);
        if let Some(severity) = options.one::<String>("--log")? {
            let known = LEVELS.iter().find(|(word, _)| *word == severity).ok_or("a severity of syslog is needed")?;
            access = access.with_log(known.1);
        }
        if let Some(group) = options.one("--group")? {
            access = access.with_group(group);
        }
        Ok(access.batch())
    })
}

const LEVELS: [(&str, LogLevel); 8] = [
    ("emerg", LogLevel::Emerg),
    ("alert", LogLevel::Alert),
    ("crit", LogLevel::Crit),
    ("err", LogLevel::Err),
    ("warn", LogLevel::Warning),
    ("notice", LogLevel::Notice),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
];

/// The values of an option as `NAME=VALUE`.
fn named(options: &mut Options, name: &str) -> Done<Vec<(String, String)>> {
    let split = |value: String| value.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    let all = options.all::<String>(name)?.into_iter().map(split).collect::<Option<Vec<_>>>();
    all.ok_or_else(|| format!("{name} SERVICE=VALUE").into())
}

/// Those of a service.
fn of<T: std::str::FromStr<Err: std::fmt::Display>>(all: &[(String, String)], service: &str) -> Done<Vec<T>> {
    let its = all.iter().filter(|(name, _)| name == service);
    its.map(|(_, value)| value.parse().map_err(|error| format!("{value}: {error}").into())).collect()
}

/// What spawn was for.
fn watch_group(group: u16) -> Done {
    Touches::bind(group)?.each(Duration::MAX, |touch| {
        let by = touch.user.map(|user| format!(" by user {user}")).unwrap_or_default();
        println!("{}: {}{by}", touch.service, touch.flow);
        ControlFlow::Continue(())
    })?;
    Ok(())
}

const OFFICE: u8 = 1;
const ATTACKER: u8 = 2;
const GROUP: u16 = 7;
const NOBODY: u32 = 65534;

/// What the guide lists, and the story begins with.
pub(crate) fn recipe() -> ServiceAccess {
    let [v4, v6] = Version::BOTH;
    let ssh = Service::tcp("sshd", [22]).with_allowed([v4.net(OFFICE), v6.net(OFFICE)]).with_others_denied();
    let web = Service::tcp("web", [80, 443])
        .with_udp([443])
        .with_allowed([v4.ip(ATTACKER, 9).into(), v6.ip(ATTACKER, 9).into()])
        .with_denied([v4.net(ATTACKER), v6.net(ATTACKER)]);
    let smtp = Service::tcp("smtp", [25]).with_users([Uid::from(0)]);
    let weekdays = [1, 2, 3, 4, 5].map(Weekday::from);
    let backup = Service::tcp("backup", [873]).with_days(weekdays);
    service_access([ssh, web, smtp, backup]).with_log(LogLevel::Notice).with_group(GROUP)
}

/// The time of the day in so many hours.
fn in_hours(hours: u64) -> Done<String> {
    let second = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() + hours * 3600;
    Ok(format!("{:02}:{:02}", second / 3600 % 24, second / 60 % 60))
}

pub(crate) fn tell(lab: &Sandbox) -> Done {
    let [server, router, office, attacker] = ["server", "router", "office", "attacker"].map(|name| lab.host(name));
    let (server, router, office, attacker) = (server?, router?, office?, attacker?);
    for (host, network, name) in
        [(&server, 0, "server"), (&office, OFFICE, "office"), (&attacker, ATTACKER, "attacker")]
    {
        lab.link((host, "eth0"), (&router, name))?;
        address(&router, name, network, 1)?;
        address(host, "eth0", network, 2)?;
        gateway(host, network, 1)?;
    }
    // A customer among attackers.
    address(&attacker, "eth0", ATTACKER, 9)?;
    router.forward()?;

    let (mut servers, mut echoes) = (Vec::new(), Vec::new());
    let mut tries = Vec::new();
    for version in Version::BOTH {
        let (here, there) = (|port| version.at(0, 2, port), |port| version.at(OFFICE, 2, port));
        for port in [22, 25, 80, 443, 21, 990, 870, 871] {
            servers.push(server.run(|| tcp::echo_server(here(port)))?);
        }
        echoes.push(server.run(|| udp_echo(here(443)))?);
        servers.push(office.run(|| tcp::echo_server(there(25)))?);
        servers.push(office.run(|| tcp::echo_server(there(80)))?);
        let [s, o, a, customer] = [(0, 2), (OFFICE, 2), (ATTACKER, 2), (ATTACKER, 9)].map(|(n, h)| version.ip(n, h));
        tries.extend([
            support::tcp(Answered, "ssh from the office", &office, o, here(22)),
            support::tcp(Silence, "ssh from elsewhere", &attacker, a, here(22)),
            support::tcp(Silence, "ssh from the host itself", &server, s, here(22)),
            support::tcp(Answered, "web from anywhere", &office, o, here(80)),
            support::tcp(Silence, "web from a denied network", &attacker, a, here(80)),
            support::udp(Silence, "and by UDP", &attacker, a, here(443)),
            support::tcp(Answered, "web, denied and allowed: allowed", &attacker, customer, here(80)),
            support::udp(Answered, "and by UDP", &attacker, customer, here(443)),
            support::tcp(Answered, "what is named nowhere", &attacker, a, here(21)),
            support::tcp(Answered, "a service elsewhere", &server, s, there(80)),
        ]);
    }
    let users = |root, what: &'static str| -> Vec<Try<'_>> {
        let outside = |version: Version| support::tcp(root, what, &server, version.ip(0, 2), version.at(OFFICE, 2, 25));
        let inside = |version: Version| support::tcp(root, what, &server, version.ip(0, 2), version.at(0, 2, 25));
        Version::BOTH.into_iter().flat_map(|version| [outside(version), inside(version)]).collect()
    };
    let coming_in: Vec<_> = Version::BOTH
        .iter()
        .map(|v| support::tcp(Answered, "mail that comes in", &office, v.ip(OFFICE, 2), v.at(0, 2, 25)))
        .collect();

    let mut story = Story::new("service_access: per service networks, users, hours; and who touches it");
    story.all_open(&tries)?;
    story.all_open(&users(Answered, "mail"))?;
    // From here on connections are tracked.
    apply(&server, &service_access([]).batch())?;
    let mut old = Vec::new();
    for version in Version::BOTH {
        let (from, to) = (version.ip(ATTACKER, 2), version.at(0, 2, 80));
        old.push(attacker.run(|| tcp::connect(from, to, Duration::from_secs(4)))?);
    }
    apply(&server, &recipe().batch())?;
    story.all(&tries)?;
    story.is("connections from before live on", old.iter_mut().all(|stream| tcp::ping(stream).is_ok()));

    story.chapter("users");
    let nobody = if has_all_users() {
        Some(Program::start(&server, &Who { user: Some(NOBODY), group: Some(NOBODY), within: None })?)
    } else {
        loudly_skipped("other users: there is only one");
        None
    };
    let other_user = |story: &mut Story, answer| -> Done {
        let Some(program) = &nobody else { return Ok(()) };
        for what in users(answer, "mail by another user") {
            story.tries(&what.by(program))?;
        }
        Ok(())
    };
    story.all(&users(Answered, "mail by the user who may"))?;
    other_user(&mut story, Refused)?;
    let smtp = Service::tcp("smtp", [25]).with_users([Uid::from(NOBODY)]);
    apply(&server, &recipe().with_service(smtp).batch())?;
    story.all(&users(Refused, "mail when another user may"))?;
    other_user(&mut story, Answered)?;
    apply(&server, &recipe().with_service(Service::tcp("smtp", [25]).with_users([])).batch())?;
    story.all(&users(Refused, "mail when nobody may"))?;
    other_user(&mut story, Refused)?;
    story.all(&coming_in)?;

    story.chapter("hours and days, by the kernel's clock");
    // An hour ago is in 23.
    let now: Hours = format!("{}-{}", in_hours(23)?, in_hours(2)?).parse()?;
    let later: Hours = format!("{}-{}", in_hours(2)?, in_hours(23)?).parse()?;
    let day = |days| -> Done<Weekday> {
        let days = days + SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() / 86_400;
        // 1970 began on a Thursday.
        Ok(Weekday::from(((days + 4) % 7) as u8))
    };
    let timed = recipe()
        .with_service(Service::tcp("open", [990]).with_hours(now).with_days([day(0)?, day(1)?]))
        .with_service(Service::tcp("closed", [870]).with_hours(later))
        .with_service(Service::tcp("weekly", [871]).with_days([day(3)?]));
    let mut tries = Vec::new();
    for version in Version::BOTH {
        let o = version.ip(OFFICE, 2);
        let at = |answer, what: &str, port| support::tcp(answer, what, &office, o, version.at(0, 2, port));
        tries.push(at(Answered, "at its hours, on its day", 990));
        tries.push(at(Silence, "at other hours", 870));
        tries.push(at(Silence, "on another day", 871));
    }
    story.all_open(&tries)?;
    apply(&server, &timed.batch())?;
    story.all(&tries)?;

    story.chapter("who touches it");
    let mut touches = server.run(|| Touches::bind(GROUP))?;
    for version in Version::BOTH {
        let a = version.ip(ATTACKER, 2);
        story.tries(&support::tcp(Silence, "web", &attacker, a, version.at(0, 2, 443)))?;
        let touch = next(&mut touches)?;
        let from = |touch: &Touch| touch.service == "web" && touch.flow.saddr == a;
        story
            .is("is told, with service, address and port", from(&touch) && port(&touch) == 443 && touch.user.is_none());
        story.tries(&support::tcp(Answered, "who may", &office, version.ip(OFFICE, 2), version.at(0, 2, 443)))?;
    }
    apply(&server, &recipe().with_service(Service::tcp("smtp", [25]).with_users([])).batch())?;
    for version in Version::BOTH {
        let s = version.ip(0, 2);
        story.tries(&support::tcp(Refused, "a user", &server, s, version.at(OFFICE, 2, 25)))?;
        let touch = next(&mut touches)?;
        let told = touch.service == "smtp" && touch.flow.saddr == s && port(&touch) == 25;
        story.is("is told, with the user, and nobody who may was", told && touch.user == Some(Uid::from(0)));
    }
    for version in Version::BOTH {
        let (a, s) = (version.ip(ATTACKER, 2), version.ip(0, 2));
        // SYN and ACK, which nobody asked for: the kernel resets it.
        attacker.run(|| Packet::tcp(SocketAddr::new(a, 25), SocketAddr::new(s, 5000), 0x12).send())?;
        story.tries(&support::tcp(Silence, "web", &attacker, a, version.at(0, 2, 443)))?;
        story.is("is told, and no reset before, which an attacker asked for", port(&next(&mut touches)?) == 443);
    }
    story.end()
}

fn port(touch: &Touch) -> u16 {
    touch.flow.ports.map_or(0, |(_, to)| to)
}

/// The next touch.
fn next(touches: &mut Touches) -> Done<Touch> {
    let mut told = None;
    touches.each(Duration::from_secs(4), |touch| {
        told = Some(touch);
        ControlFlow::Break(())
    })?;
    told.ok_or_else(|| "no touch is told".into())
}
