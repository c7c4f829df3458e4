//! IMAPS before SSH, trace by trace, with real TCP through three hosts.

use crate::{Dice, iptables::Iptables};
use oxitables::{
    Client,
    recipes::{Recipe, imaps_before_ssh},
    testing::{
        self, Host, Sandbox,
        tcp::{self, EchoServer},
    },
};
use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr, TcpStream},
    thread::{self, sleep},
    time::Duration,
};

const WINDOW: Duration = Duration::from_secs(1);

/// What a client does next. Connections have numbers, addresses too.
#[derive(Clone, Copy, Debug)]
enum Step {
    Open { connection: usize, who: usize, host: usize, port: u16 },
    Talk(usize),
    Close(usize),
    Wait(Duration),
}

/// Hosts to connect to.
const ROUTER: usize = 0;
const MAIL: usize = 1;

struct Lab {
    client: Host,
    router: Host,
    _mail: Host,
    sources: Vec<IpAddr>,
    hosts: [IpAddr; 2],
    connections: HashMap<usize, TcpStream>,
    _servers: Vec<EchoServer>,
}

impl Lab {
    fn new(lab: &Sandbox, v6: bool) -> Self {
        let (net, bits) = if v6 { ("fd77", 64) } else { ("10.77", 24) };
        let address = |network: u8, host: u8| -> String {
            if v6 { format!("{net}:{network}::{host}") } else { format!("{net}.{network}.{host}") }
        };
        let ip = |network, host| -> IpAddr { address(network, host).parse().unwrap() };
        let on = |host: &Host, interface: &str, network, number| {
            host.address(interface, format!("{}/{bits}", address(network, number)).parse().unwrap()).unwrap();
        };
        let [client, router, mail] = ["client", "router", "mail"].map(|name| lab.host(name).unwrap());
        lab.link((&client, "eth0"), (&router, "lan")).unwrap();
        lab.link((&mail, "eth0"), (&router, "dmz")).unwrap();
        for number in 10..13 {
            on(&client, "eth0", 1, number);
        }
        on(&router, "lan", 1, 1);
        on(&router, "dmz", 2, 1);
        on(&mail, "eth0", 2, 2);
        client.default_route(ip(1, 1)).unwrap();
        mail.default_route(ip(2, 1)).unwrap();
        router.forward().unwrap();
        let serve = |host: &Host, address, port| host.run(|| tcp::echo_server(SocketAddr::new(address, port))).unwrap();
        let servers = vec![
            serve(&router, ip(1, 1), 22),
            serve(&router, ip(1, 1), 80),
            serve(&mail, ip(2, 2), 993),
            serve(&mail, ip(2, 2), 25),
        ];
        Self {
            sources: (10..13).map(|n| ip(1, n)).collect(),
            hosts: [ip(1, 1), ip(2, 2)],
            client,
            router,
            _mail: mail,
            connections: HashMap::new(),
            _servers: servers,
        }
    }

    fn play(&mut self, steps: &[Step]) -> Vec<String> {
        steps.iter().map(|step| format!("{step:?} -> {}", self.step(*step))).collect()
    }

    fn step(&mut self, step: Step) -> String {
        let told = |result: std::io::Result<()>| result.map_or_else(|e| e.kind().to_string(), |()| "ok".into());
        match step {
            Step::Open { connection, who, host, port } => {
                let (from, to) = (self.sources[who], SocketAddr::new(self.hosts[host], port));
                let opened = self.client.run(|| tcp::connect(from, to, Duration::from_millis(700)));
                told(opened.map(|stream| drop(self.connections.insert(connection, stream))))
            }
            Step::Talk(connection) => match self.connections.get_mut(&connection) {
                Some(stream) => told(tcp::ping(stream)),
                None => "no connection".into(),
            },
            Step::Close(connection) => {
                drop(self.connections.remove(&connection));
                // Until the FIN has been there.
                sleep(Duration::from_millis(100));
                "done".into()
            }
            Step::Wait(time) => {
                sleep(time);
                "done".into()
            }
        }
    }
}

/// The article's rules, as its author wrote them.
fn load_iptables(lab: &Lab, iptables: &Iptables) {
    let recent = "-m recent --name MOBILE --rsource";
    let established = "-m conntrack --ctstate ESTABLISHED";
    let mail = lab.hosts[MAIL];
    for rule in [
        format!("-A FORWARD -d {mail} -p tcp --dport 993 {established} {recent} --set -j ACCEPT"),
        format!("-A INPUT -p tcp --tcp-flags FIN FIN {established} {recent} --remove -j ACCEPT"),
        format!("-A INPUT -p tcp {established} {recent} --update -j ACCEPT"),
        format!("-A INPUT -p tcp --dport 22 -m conntrack --ctstate NEW {recent} --rcheck --seconds 1 -j ACCEPT"),
        "-A INPUT -p tcp -j REJECT --reject-with tcp-reset".into(),
    ] {
        lab.router.run(|| iptables.run(&rule));
    }
}

fn load_ours(lab: &Lab) {
    let mut nft = lab.router.run(Client::open).unwrap();
    // Twice: applying it again changes nothing.
    for _ in 0..2 {
        nft.apply(&imaps_before_ssh([lab.hosts[MAIL]]).with_window(WINDOW).batch()).unwrap();
    }
}

/// Plays the steps on both firewalls at the same time.
fn same(lab: &Sandbox, v6: bool, iptables: &Iptables, steps: &[Step]) {
    let (mut reference, mut ours) = (Lab::new(lab, v6), Lab::new(lab, v6));
    load_iptables(&reference, iptables);
    load_ours(&ours);
    let (theirs, ours) = thread::scope(|scope| {
        let theirs = scope.spawn(|| reference.play(steps));
        let ours = ours.play(steps);
        (theirs.join().unwrap(), ours)
    });
    assert_eq!(ours, theirs, "left: ours, right: iptables");
}

/// The story: learn, open, another address, an idle session, the end of it, mail again.
fn story() -> Vec<Step> {
    use Step::*;
    let ssh = |connection, who| Open { connection, who, host: ROUTER, port: 22 };
    let imaps = |connection, who| Open { connection, who, host: MAIL, port: 993 };
    let idle = Wait(Duration::from_millis(1600));
    vec![
        ssh(0, 0),
        imaps(1, 0),
        Talk(1),
        ssh(2, 0),
        Talk(2),
        ssh(3, 1),
        idle,
        ssh(4, 0),
        Talk(2),
        ssh(5, 0),
        Talk(5),
        Close(5),
        Talk(2),
        ssh(6, 0),
        Talk(1),
        ssh(7, 0),
        Talk(7),
        Close(1),
        ssh(8, 0),
    ]
}

/// Anything that a client may do; waits are far from the window's end on both sides.
fn random(seed: u64) -> Vec<Step> {
    let mut dice = Dice(seed);
    let step = |connection: usize, dice: &mut Dice| match dice.roll(8) {
        0..=2 => Step::Open { connection, who: dice.roll(3), host: ROUTER, port: [22, 22, 22, 80][dice.roll(4)] },
        3 => Step::Open { connection, who: dice.roll(3), host: MAIL, port: [993, 993, 25][dice.roll(3)] },
        4 | 5 => Step::Talk(dice.roll(connection + 1)),
        6 => Step::Close(dice.roll(connection + 1)),
        _ => Step::Wait(Duration::from_millis([300, 1700][dice.roll(2)])),
    };
    (0..20).map(|connection| step(connection, &mut dice)).collect()
}

fn compare(v6: bool, traces: &[Vec<Step>]) {
    testing::isolated(|lab| {
        let Some(iptables) = Iptables::find(v6) else { return };
        thread::scope(|scope| {
            for trace in traces {
                scope.spawn(|| same(lab, v6, &iptables, trace));
            }
        });
    });
}

#[test]
fn the_story_is_the_same_in_ipv4() {
    compare(false, &[story()]);
}

#[test]
fn the_story_is_the_same_in_ipv6() {
    compare(true, &[story()]);
}

#[test]
fn random_traces_are_the_same_in_ipv4() {
    compare(false, &[1, 2, 3].map(|seed| random(0x9e37_79b9 * seed)));
}

#[test]
fn random_traces_are_the_same_in_ipv6() {
    compare(true, &[4, 5, 6].map(|seed| random(0x9e37_79b9 * seed)));
}
