//! A host with two routers: who came by ssh leaves by one, local users by the other. Real
//! processes, by control group and user.

#[path = "support/mod.rs"]
mod support;

use oxitables::{
    data::{Cgroup, Gid, MarkBits, Uid},
    recipes::{Login, Recipe, RouteByLogin, Sender, route_by_login},
    route::{Held, Route, Routing},
    testing::{Host, Sandbox, packets::Answer, packets::Answer::*, packets::udp_echo, tcp},
    *,
};
use std::{
    collections::BTreeMap,
    net::{IpAddr, UdpSocket},
    process::ExitCode,
    time::Duration,
};
use support::{
    Done, Install, Story, Try, Version, address, apply, gateway,
    process::{Group, Program, Who, has_all_users, loudly_skipped},
};

fn main() -> ExitCode {
    let options = "[--cgroup TABLE=PATH]... [--user TABLE=NAME]... [--group TABLE=NAME]... [--via TABLE=ROUTER]... \
                   [--mark-bits NUMBER] [--keep-source]";
    support::main(options, tell, |options| {
        let mut logins: BTreeMap<u32, Login> = BTreeMap::new();
        for kind in ["--cgroup", "--user", "--group", "--via"] {
            for value in options.all::<String>(kind)? {
                let (table, name) = value.split_once('=').ok_or_else(|| format!("{kind} TABLE=…"))?;
                let table = table.parse().map_err(|_| format!("{kind} {value}: {table} is no table"))?;
                let login = logins.remove(&table).unwrap_or_else(|| Login::by_table(table));
                let login = match kind {
                    "--cgroup" => login.with(Cgroup::at(name)?),
                    "--user" => login.with(Uid::named(name)?),
                    "--group" => login.with(Gid::named(name)?),
                    _ => login.via(name.parse().map_err(|_| format!("{kind} {value}: {name} is no address"))?),
                };
                logins.insert(table, login);
            }
        }
        if logins.is_empty() {
            return Err("whose way? --cgroup, --user or --group TABLE=…, and --via TABLE=ROUTER".into());
        }
        let mut ways = route_by_login(logins.into_values())?;
        if let Some(bits) = options.one("--mark-bits")? {
            ways = ways.with_mark(MarkBits::new(bits))?;
        }
        if options.flag("--keep-source") {
            ways = ways.without_masquerade();
        }
        Ok(Install::with_routes(ways.batch(), ways.routes()))
    })
}

const ONE: u8 = 1;
const TWO: u8 = 2;
const FAR: u8 = 9;
/// Users are numbers to the kernel: these need no names.
const REMOTE: u32 = 65534;
const LOCAL: u32 = 33;

/// What the guide lists.
pub(crate) fn recipe() -> RouteByLogin {
    ways([Uid::from(REMOTE).into()], [Uid::from(LOCAL).into()]).expect("seven bits are enough for two")
}

fn ways<const N: usize, const M: usize>(ssh: [Sender; N], local: [Sender; M]) -> oxitables::Result<RouteByLogin> {
    let login = |table, senders: &[Sender], network| {
        let login = senders.iter().cloned().fold(Login::by_table(table), Login::with);
        let login = Version::BOTH.iter().fold(login, |login, version| login.via(version.ip(network, 1)));
        (!senders.is_empty()).then_some(login)
    };
    route_by_login(login(102, &ssh, TWO).into_iter().chain(login(101, &local, ONE)))
}

/// Both halves.
fn begin(here: &Host, ways: &RouteByLogin) -> Done<Held> {
    let held = here.run(|| Routing::open()?.add(ways.routes()))?;
    apply(here, &ways.batch())?;
    Ok(held)
}

/// A router that lets pass, of the ports that tell routers apart, its own only.
fn passes_only(router: &Host, other: u16) -> Done {
    let table = Table::new(Family::Inet, "router");
    let forward = table.chain("forward").with_hook(Hook::Forward, Priority::FILTER);
    let transport = Rule::new().when(meta::l4proto().is_any([Protocol::TCP, Protocol::UDP]));
    let mut batch = Batch::new();
    batch.add(&table).add(&forward).add(forward.rule(transport.when(th::dport().is(other)).drop()));
    apply(router, &batch)
}

/// Ports that only one of the routers passes.
const BY_ONE: u16 = 1001;
const BY_TWO: u16 = 1002;

pub(crate) fn tell(lab: &Sandbox) -> Done {
    let [here, one, two, far] = ["here", "one", "two", "far"].map(|name| lab.host(name));
    let (here, one, two, far) = (here?, one?, two?, far?);
    address(&far, "lo", FAR, 9)?;
    for (router, network, eth) in [(&one, ONE, "eth1"), (&two, TWO, "eth2")] {
        lab.link((&here, eth), (router, "lan"))?;
        lab.link((router, "wan"), (&far, eth))?;
        address(&here, eth, network, 2)?;
        address(router, "lan", network, 1)?;
        address(router, "wan", network + 2, 1)?;
        address(&far, eth, network + 2, 2)?;
        gateway(router, network + 2, 2)?;
        for version in Version::BOTH {
            far.route(version.net(network), version.ip(network + 2, 1))?;
        }
        router.forward()?;
    }
    gateway(&here, ONE, 1)?;
    // Of two addresses a program may choose.
    address(&here, "eth2", TWO, 3)?;
    passes_only(&one, BY_TWO)?;
    passes_only(&two, BY_ONE)?;
    here.sysctl("net/ipv4/ip_unprivileged_port_start", "0")?;
    let (mut servers, mut echoes) = (Vec::new(), Vec::new());
    for version in Version::BOTH {
        for port in [BY_ONE, BY_TWO] {
            servers.push(far.run(|| tcp::echo_server(version.at(FAR, 9, port)))?);
            echoes.push(far.run(|| udp_echo(version.at(FAR, 9, port)))?);
        }
        servers.push(one.run(|| tcp::echo_server(version.at(ONE, 1, 80)))?);
        servers.push(here.run(|| tcp::echo_server(version.at(ONE, 2, 80)))?);
    }

    let mut story = Story::new("route_by_login: who came by ssh leaves by router two, local users by router one");
    story.chapter(
        "only what leaves by router one is answered by port 1001, only what leaves by router two by port 1002",
    );
    let lab = Lab { here: &here, far: &far };
    let of = |user| Who { user: Some(user), group: Some(user), within: None };
    if has_all_users() {
        let name = format!("oxitables-login-{}", std::process::id());
        if let (Some(ssh), Some(local)) = (Group::make(format!("{name}-ssh"))?, Group::make(format!("{name}-local"))?) {
            story.chapter("by control group");
            let session = Group::make(format!("{name}-ssh/session"))?.ok_or("a group in a group")?;
            let ways = ways([ssh.look_up()?.into()], [local.look_up()?.into()])?;
            lab.tell(&mut story, &ways, &session.programs(), Some(&local.programs()), Some(&Who::default()))?;
        }
        story.chapter("by user");
        lab.tell(&mut story, &recipe(), &of(REMOTE), Some(&of(LOCAL)), Some(&Who::default()))?;
    } else {
        loudly_skipped("control groups, other users, and that others are unaffected: there is only one user");
        story.chapter("the only user, as if by ssh");
        lab.tell(&mut story, &ways([Uid::from(0).into()], [])?, &Who::default(), None, None)?;
        story.chapter("the only user, as a local one");
        let held = begin(&here, &ways([], [Uid::from(0).into()])?)?;
        let user = Program::start(&here, &Who::default())?;
        story.all(&lab.leaves(BY_ONE, "local", &user))?;
        held.remove()?;
    }
    story.end()
}

struct Lab<'a> {
    here: &'a Host,
    far: &'a Host,
}

impl<'a> Lab<'a> {
    fn try_all(&self, what: &str, program: &'a Program, port: u16, tcp: Answer, udp: Answer) -> Vec<Try<'a>> {
        let tries = Version::BOTH.map(|version| {
            let (from, to) = (version.ip(ONE, 2), version.at(FAR, 9, port));
            let tcp = support::tcp(tcp, what, self.here, from, to).by(program);
            [tcp, support::udp(udp, what, self.here, from, to).by(program)]
        });
        tries.into_iter().flatten().collect()
    }

    /// By the router that passes this port, and not by the other.
    fn leaves(&self, port: u16, what: &str, program: &'a Program) -> Vec<Try<'a>> {
        let mut tries = self.try_all(what, program, port, Answered, Answered);
        tries.extend(Version::BOTH.map(|version| {
            let (from, to) = (version.ip(ONE, 2), version.at(FAR, 9, BY_ONE + BY_TWO - port));
            support::tcp(Silence, what, self.here, from, to).by(program)
        }));
        tries
    }

    fn tell(
        &self,
        story: &mut Story,
        ways: &RouteByLogin,
        ssh: &Who,
        local: Option<&Who>,
        other: Option<&Who>,
    ) -> Done {
        let start = |who: &Who| Program::start(self.here, who);
        let ssh = start(ssh)?;
        let (local, other) = (local.map(start).transpose()?, other.map(start).transpose()?);
        story.all(&self.leaves(BY_ONE, "before", &ssh))?;
        for version in Version::BOTH {
            ssh.serve(version.at(ONE, 2, 22))?;
            ssh.hold(version.ip(ONE, 2), version.at(FAR, 9, BY_ONE))?;
        }

        let held = begin(self.here, ways)?;
        story.is("connections from before go on", ssh.holds());
        story.all(&self.leaves(BY_TWO, "by ssh", &ssh))?;
        for (what, program) in [("local", &local), ("nobody's", &other)] {
            if let Some(program) = program {
                story.all(&self.leaves(BY_ONE, what, program))?;
            }
        }
        for version in Version::BOTH {
            let (from, far) = (version.ip(ONE, 2), version.ip(FAR, 9));
            let shell = support::tcp(Answered, "a shell, by ssh", self.here, from, version.at(FAR, 9, BY_TWO));
            story.tries(&shell.by_shell_of(&ssh))?;
            story.tries(&support::tcp(Answered, "a neighbour", self.here, from, version.at(ONE, 1, 80)).by(&ssh))?;
            story.tries(&support::tcp(Answered, "this host", self.here, from, version.at(ONE, 2, 80)).by(&ssh))?;
            story.is("the session itself is answered the way it came", self.hears(far, version));
        }
        for version in Version::BOTH {
            for own in [2, 3].map(|number| version.ip(TWO, number)) {
                story.sees(&format!("{own}, of that way, is seen as"), own, self.seen(&ssh, own, version)?);
            }
        }
        let strict = |name, value| self.here.sysctl(&format!("net/ipv4/conf/eth2/{name}"), value);
        strict("rp_filter", "1")?;
        let (from, to) = (Version::V4.ip(ONE, 2), Version::V4.at(FAR, 9, BY_TWO));
        story.tries(&support::tcp(Silence, "a strict rp_filter alone", self.here, from, to).by(&ssh))?;
        strict("src_valid_mark", "1")?;
        story.all(&self.try_all("a strict rp_filter that looks at marks", &ssh, BY_TWO, Answered, Answered))?;

        let routing = self.here.run(Routing::open)?;
        let gone = Version::BOTH.map(|version| Route::default_via(version.ip(TWO, 1)).table(102));
        routing.remove(gone.clone().map(Into::into))?;
        // A program whose packets are routed again hears of that with datagrams only.
        story.all(&self.try_all("without its router", &ssh, BY_ONE, Silence, Unreachable))?;
        held.remove()?;
        story.all(&self.leaves(BY_ONE, "when the routes are given back", &ssh))?;
        apply(self.here, Batch::new().delete(ways.table()))?;
        strict("rp_filter", "0")?;
        strict("src_valid_mark", "0")?;
        Ok(())
    }

    /// As whom somebody far away sees a program that sends from an address.
    fn seen(&self, program: &Program, from: IpAddr, version: Version) -> Done<IpAddr> {
        let to = version.at(FAR, 9, 999);
        let socket = self.far.run(|| UdpSocket::bind(to))?;
        socket.set_read_timeout(Some(Duration::from_secs(4)))?;
        support::udp(Silence, "", self.here, from, to).by(program).act(Duration::from_millis(1))?;
        Ok(socket.recv_from(&mut [0; 9])?.1.ip())
    }

    /// Whether somebody far away is answered by a program that came by ssh.
    fn hears(&self, from: IpAddr, version: Version) -> bool {
        let patience = Duration::from_secs(2);
        let call =
            || tcp::connect(from, version.at(ONE, 2, 22), patience).and_then(|mut stream| tcp::ping(&mut stream));
        self.far.run(call).is_ok()
    }
}
