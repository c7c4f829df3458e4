//! What the examples of the recipes share: a command line, hosts with addresses of both families,
//! and a table of what was tried.

// Each example uses a part of it.
#![allow(dead_code)]

pub mod listen;
pub mod process;

use oxitables::{
    Batch, Client,
    data::IfIndex,
    model::Ruleset,
    route::{Entry, Routing},
    sysctl::{self, Setting},
    testing::{
        Host, Sandbox,
        packets::{self, Answer},
    },
};
use process::Program;
use std::{
    error::Error,
    fmt::Display,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
    str::FromStr,
    thread::sleep,
    time::{Duration, Instant},
};

pub type Done<T = ()> = Result<T, Box<dyn Error>>;

/// How long to wait for an answer that is expected, and for one that is not.
const PATIENCE: Duration = Duration::from_secs(4);
const NO_PATIENCE: Duration = Duration::from_millis(300);

/// The whole of an example: without arguments it tells its story in a lab; `apply` installs the
/// recipe in the network namespace where it is started, `show` prints it; options are for both.
pub fn main<I: Into<Install>>(
    options: &str,
    tell: fn(&Sandbox) -> Done,
    recipe: impl FnOnce(&mut Options) -> Done<I>,
) -> ExitCode {
    if process::is_program() {
        process::run();
        return ExitCode::SUCCESS;
    }
    let name = std::env::args().next().unwrap_or_default();
    let name = name.rsplit('/').next().unwrap_or_default();
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let verb = if arguments.is_empty() { String::new() } else { arguments.remove(0) };
    let mut given = Options(arguments);
    let usage = format!("usage: {name} [apply|show {options}]");
    let made = || -> Done<Install> {
        let install = recipe(&mut given)?.into();
        given.all_known()?;
        Ok(install)
    };
    let done = match verb.as_str() {
        "" => Sandbox::new().map_err(Into::into).and_then(|lab| tell(&lab)),
        "apply" => made().and_then(|install| install.apply()),
        "show" => made().and_then(|install| install.show()),
        "--help" | "-h" | "help" => {
            println!("{usage}");
            Ok(())
        }
        _ => Err(usage.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What is installed: a batch, perhaps kernel parameters, perhaps routes.
pub struct Install {
    batch: Batch,
    settings: Vec<Setting>,
    routes: Vec<Entry>,
}

impl From<Batch> for Install {
    fn from(batch: Batch) -> Self {
        Self { batch, settings: Vec::new(), routes: Vec::new() }
    }
}

impl Install {
    /// The parameters too, if `--no-sysctl` is not said.
    pub fn with(batch: Batch, settings: Vec<Setting>, options: &mut Options) -> Self {
        Self { settings: if options.flag("--no-sysctl") { Vec::new() } else { settings }, ..batch.into() }
    }

    pub fn with_routes(batch: Batch, routes: Vec<Entry>) -> Self {
        Self { routes, ..batch.into() }
    }

    /// Parameters come last: nothing is forwarded before the rules are there.
    fn apply(self) -> Done {
        let added = Routing::open()?.add(self.routes)?;
        Client::open()?.apply(&self.batch)?;
        added.keep();
        let set = sysctl::set(self.settings).map_err(|error| format!("the table is installed, but {error}"))?;
        set.keep();
        for table in Ruleset::made_by(&self.batch)?.tables {
            println!("installed: table {} {}", table.family, table.name);
        }
        Ok(())
    }

    fn show(&self) -> Done {
        self.settings.iter().for_each(|setting| println!("# sysctl {setting}"));
        self.routes.iter().for_each(|entry| println!("# {entry}"));
        print!("{}", Ruleset::made_by(&self.batch)?);
        Ok(())
    }
}

/// `--name value`, each as often as it is said.
pub struct Options(Vec<String>);

impl Options {
    /// The values of an option.
    pub fn all<T: FromStr<Err: Display>>(&mut self, name: &str) -> Done<Vec<T>> {
        let mut values = Vec::new();
        while let Some(at) = self.0.iter().position(|argument| argument == name) {
            self.0.remove(at);
            let Some(value) = (at < self.0.len()).then(|| self.0.remove(at)) else {
                return Err(format!("{name} what?").into());
            };
            values.push(value.parse().map_err(|error| format!("{name} {value}: {error}"))?);
        }
        Ok(values)
    }

    /// The value of an option that may be said once.
    pub fn one<T: FromStr<Err: Display>>(&mut self, name: &str) -> Done<Option<T>> {
        let mut values = self.all(name)?;
        if values.len() > 1 { Err(format!("{name}: only once").into()) } else { Ok(values.pop()) }
    }

    /// The value of an option that has to be said.
    pub fn needed<T: FromStr<Err: Display>>(&mut self, name: &str) -> Done<T> {
        self.one(name)?.ok_or_else(|| format!("{name} is needed").into())
    }

    /// The name of an interface. It may come later, but is more likely misspelt.
    pub fn interface(&mut self, name: &str) -> Done<String> {
        let interface: String = self.needed(name)?;
        if IfIndex::named(&interface).is_err() {
            eprintln!("note: there is no interface {interface} yet");
        }
        Ok(interface)
    }

    /// Whether an option without a value is said.
    pub fn flag(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|argument| argument != name);
        self.0.len() < before
    }

    /// The value of an option that is a time: `60s`, `5m`, `1500ms`, `1h`, or plain seconds.
    pub fn time(&mut self, name: &str) -> Done<Option<Duration>> {
        let Some(text) = self.one::<String>(name)? else { return Ok(None) };
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let (number, unit) = (digits.parse::<u64>(), &text[digits.len()..]);
        let unit = [("ms", 1), ("", 1000), ("s", 1000), ("m", 60_000), ("h", 3_600_000)].iter().find(|u| u.0 == unit);
        match (number, unit) {
            (Ok(number), Some((_, unit))) => Ok(Some(Duration::from_millis(number.saturating_mul(*unit)))),
            _ => Err(format!("{name} {text}: a time such as 60s").into()),
        }
    }

    fn all_known(&self) -> Done {
        if self.0.is_empty() { Ok(()) } else { Err(format!("what is {}?", self.0.join(" ")).into()) }
    }
}

/// A version of IP, and the addresses of the labs in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Version {
    V4,
    V6,
}

impl Version {
    pub const BOTH: [Self; 2] = [Self::V4, Self::V6];

    /// `10.0.network.host` or `fd00:0:0:network::host`.
    pub fn ip(self, network: u8, host: u8) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::new(10, 0, network, host).into(),
            Self::V6 => Ipv6Addr::new(0xfd00, 0, 0, network.into(), 0, 0, 0, host.into()).into(),
        }
    }

    pub fn at(self, network: u8, host: u8, port: u16) -> SocketAddr {
        SocketAddr::new(self.ip(network, host), port)
    }

    /// How many bits of an address are its network's.
    pub fn bits(self) -> u8 {
        if self == Self::V4 { 24 } else { 64 }
    }

    pub fn net(self, network: u8) -> ipnetwork::IpNetwork {
        ipnetwork::IpNetwork::new(self.ip(network, 0), self.bits()).expect("a length that fits")
    }
}

/// Gives an interface an address of each family.
pub fn address(host: &Host, interface: &str, network: u8, number: u8) -> Done {
    for version in Version::BOTH {
        host.address(interface, format!("{}/{}", version.ip(network, number), version.bits()).parse()?)?;
    }
    Ok(())
}

/// Sends what no other route covers to a gateway, in both families.
pub fn gateway(host: &Host, network: u8, number: u8) -> Done {
    Version::BOTH.iter().try_for_each(|version| Ok(host.default_route(version.ip(network, number))?))
}

/// Network of the outside of a [`site`], and its number of the router there (1) and of the world
/// (2).
pub const OUTSIDE: u8 = 0;
/// Network of its inside: the router is 1, its two machines 2 and 3.
pub const INSIDE: u8 = 1;

/// A router with the world at `wan`, and two machines at its bridge `lan`. All know their ways by
/// it; it does not forward yet.
pub fn site(lab: &Sandbox, names: [&str; 4]) -> Done<[Host; 4]> {
    let [router, world, one, other] = names.map(|name| lab.host(name));
    let all = [router?, world?, one?, other?];
    let [router, world, one, other] = &all;
    lab.link((router, "wan"), (world, "eth0"))?;
    lab.link((router, "port1"), (one, "eth0"))?;
    lab.link((router, "port2"), (other, "eth0"))?;
    router.bridge("lan", &["port1", "port2"])?;
    for (host, interface, network, number) in [
        (router, "wan", OUTSIDE, 1),
        (world, "eth0", OUTSIDE, 2),
        (router, "lan", INSIDE, 1),
        (one, "eth0", INSIDE, 2),
        (other, "eth0", INSIDE, 3),
    ] {
        address(host, interface, network, number)?;
        if number > 1 {
            gateway(host, network, 1)?;
        }
    }
    Ok(all)
}

/// Applies a batch on a host.
pub fn apply(host: &Host, batch: &Batch) -> Done {
    Ok(host.run(|| Client::open()?.apply(batch)).map(drop)?)
}

/// Something that is tried on a host, or by a program of it, and what should come back.
pub struct Try<'a> {
    what: String,
    expected: Answer,
    by: By<'a>,
    act: Act,
}

enum By<'a> {
    Host(&'a Host),
    Program(&'a Program, bool),
}

/// What is tried: kind, source, destination.
#[derive(Clone, Copy)]
struct Act(&'static str, IpAddr, SocketAddr);

impl Act {
    const KINDS: [&'static str; 3] = ["tcp", "udp", "ping"];

    fn parse(kind: &str, from: &str, to: &str) -> Done<Self> {
        let kind = Self::KINDS.into_iter().find(|known| *known == kind).ok_or("neither tcp, udp nor ping")?;
        Ok(Self(kind, from.parse()?, to.parse()?))
    }

    fn act(self, patience: Duration) -> io::Result<Answer> {
        let Self(kind, from, to) = self;
        match kind {
            "tcp" => packets::tcp(from, to, patience),
            "udp" => packets::udp(from, to, patience),
            _ => packets::ping(from, to.ip(), patience),
        }
    }
}

/// A TCP connection.
pub fn tcp<'a>(expected: Answer, what: &str, host: &'a Host, from: IpAddr, to: SocketAddr) -> Try<'a> {
    Try { what: format!("{what}: {from} -> tcp {to}"), expected, by: By::Host(host), act: Act("tcp", from, to) }
}

/// A datagram, and the one that answers.
pub fn udp<'a>(expected: Answer, what: &str, host: &'a Host, from: IpAddr, to: SocketAddr) -> Try<'a> {
    Try { what: format!("{what}: {from} -> udp {to}"), expected, by: By::Host(host), act: Act("udp", from, to) }
}

/// An echo request.
pub fn ping<'a>(expected: Answer, what: &str, host: &'a Host, from: IpAddr, to: IpAddr) -> Try<'a> {
    let act = Act("ping", from, SocketAddr::new(to, 0));
    Try { what: format!("{what}: {from} -> ping {to}"), expected, by: By::Host(host), act }
}

impl<'a> Try<'a> {
    /// Tried by a program of that host.
    pub fn by(self, program: &'a Program) -> Self {
        Self { by: By::Program(program, false), ..self }
    }

    /// Tried by a shell that a program of that host starts.
    pub fn by_shell_of(self, program: &'a Program) -> Self {
        Self { by: By::Program(program, true), ..self }
    }

    pub fn act(&self, patience: Duration) -> Done<Answer> {
        let act @ Act(kind, from, to) = self.act;
        match self.by {
            By::Host(host) => Ok(host.run(|| act.act(patience))?),
            By::Program(program, shell) => program.tries(&format!("{kind} {from} {to}"), patience, shell),
        }
    }
}

/// A story: what is tried, what should happen, and what did.
pub struct Story {
    wrong: Vec<String>,
}

impl Story {
    pub fn new(title: &str) -> Self {
        println!("\n{title}\n{}", "=".repeat(title.chars().count()));
        Self { wrong: Vec::new() }
    }

    pub fn chapter(&self, title: &str) {
        println!("\n{title}");
    }

    /// A line of the table.
    pub fn sees<T: Display + PartialEq>(&mut self, what: &str, expected: T, happened: T) {
        let told = expected == happened;
        let mark = if told { "as told".to_owned() } else { format!("NOT AS TOLD: {expected}") };
        println!("  {what:<92} {happened:>12}   {mark}");
        if !told {
            self.wrong.push(format!("{what}: {happened} instead of {expected}"));
        }
    }

    /// Something is so, or not.
    pub fn is(&mut self, what: &str, so: bool) {
        self.sees(what, "yes", if so { "yes" } else { "no" });
    }

    /// Waits until something is so; for what the kernel does a little later.
    pub fn soon(&mut self, what: &str, mut so: impl FnMut() -> Done<bool>) -> Done {
        let give_up = Instant::now() + PATIENCE;
        while !so()? && Instant::now() < give_up {
            sleep(Duration::from_millis(10));
        }
        self.is(what, so()?);
        Ok(())
    }

    /// What is tried has the answer that is expected.
    pub fn tries(&mut self, what: &Try<'_>) -> Done {
        let patience = if what.expected == Answer::Silence { NO_PATIENCE } else { PATIENCE };
        let happened = what.act(patience)?;
        self.sees(&what.what, what.expected, happened);
        Ok(())
    }

    /// All of them.
    pub fn all(&mut self, tries: &[Try<'_>]) -> Done {
        tries.iter().try_for_each(|what| self.tries(what))
    }

    /// Without the recipe all of it goes through: what is silent, refused or not let out
    /// afterwards, is so because of the recipe.
    pub fn all_open(&mut self, tries: &[Try<'_>]) -> Done {
        for what in tries {
            let happened = what.act(PATIENCE)?;
            if happened == what.expected && happened != Answer::Answered {
                self.wrong.push(format!("{}: {happened}, also without the recipe", what.what));
            }
        }
        Ok(())
    }

    /// All was as told, or an error.
    pub fn end(self) -> Done {
        if self.wrong.is_empty() {
            println!("\nall is as told");
            return Ok(());
        }
        Err(format!("not as told: {}", self.wrong.join("; ")).into())
    }
}
