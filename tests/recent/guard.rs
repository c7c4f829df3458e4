//! The guard against guessed passwords beside iptables' usual pair of rules, trace by trace, with real TCP.

use crate::{Dice, iptables::Iptables};
use oxitables::{
    Client,
    recipes::{BruteForceGuard, Recipe, brute_force_guard},
    testing::{
        self, Host, Sandbox,
        packets::{self, Answer},
        tcp::{self, EchoServer},
    },
};
use std::{
    net::{IpAddr, SocketAddr},
    thread::{self, sleep},
    time::{Duration, Instant},
};

const WINDOW: Duration = Duration::from_secs(1);
/// Closer than this to the end of a window nobody can say which tick a packet meets.
const EDGE: Duration = Duration::from_millis(40);
/// Less than it takes until a request is sent again.
const PATIENCE: Duration = Duration::from_millis(200);
const TRIES: usize = 30;

struct Pair {
    client: Host,
    server: Host,
    ssh: SocketAddr,
    _sshd: EchoServer,
}

fn sources(v6: bool) -> Vec<IpAddr> {
    let address = |n| if v6 { format!("fd77:1::{n}") } else { format!("10.77.1.{n}") };
    (10..13).map(|n| address(n).parse().unwrap()).collect()
}

impl Pair {
    fn new(lab: &Sandbox, v6: bool) -> Self {
        let [client, server] = ["client", "server"].map(|name| lab.host(name).unwrap());
        lab.link((&client, "eth0"), (&server, "eth0")).unwrap();
        let (here, bits) = if v6 { ("fd77:1::1", 64) } else { ("10.77.1.1", 24) };
        server.address("eth0", format!("{here}/{bits}").parse().unwrap()).unwrap();
        for source in sources(v6) {
            client.address("eth0", format!("{source}/{bits}").parse().unwrap()).unwrap();
        }
        let ssh = SocketAddr::new(here.parse().unwrap(), 22);
        let sshd = server.run(|| tcp::echo_server(ssh)).unwrap();
        Self { client, server, ssh, _sshd: sshd }
    }

    fn tries(&self, from: IpAddr) -> Answer {
        self.client.run(|| packets::tcp(from, self.ssh, PATIENCE)).unwrap()
    }
}

/// The same connections to both, and the same answers.
fn compare(lab: &Sandbox, v6: bool, seed: u64, check: &str, target: &str, guard: &BruteForceGuard) {
    let Some(iptables) = Iptables::find(v6) else { return };
    let (theirs, ours) = (Pair::new(lab, v6), Pair::new(lab, v6));
    let new = "-A INPUT -p tcp --dport 22 -m conntrack --ctstate NEW -m recent --name SSH --rsource";
    theirs.server.run(|| iptables.run(&format!("{new} --set")));
    theirs.server.run(|| iptables.run(&format!("{new} {check} --seconds 1 --hitcount 4 -j {target}")));
    ours.server.run(Client::open).unwrap().apply(&guard.batch()).unwrap();

    let mut dice = Dice(seed);
    let (mut stamps, mut refused) = (Vec::<Instant>::new(), 0);
    for number in 0..TRIES {
        sleep(Duration::from_millis([5, 120, 450][dice.roll(3)]));
        while stamps.iter().any(|at| at.elapsed().abs_diff(WINDOW) < EDGE) {
            sleep(2 * EDGE);
        }
        // One is tried more often than others.
        let from = sources(v6)[[0, 0, 1, 2][dice.roll(4)]];
        stamps.push(Instant::now());
        // At the same time: who is refused in silence waits.
        let answers = thread::scope(|scope| {
            [&theirs, &ours].map(|pair| scope.spawn(move || pair.tries(from))).map(|answer| answer.join().unwrap())
        });
        assert_eq!(
            answers[1], answers[0],
            "left: ours, right: iptables, {from}, connection {number}, {check} {target}, seed {seed}"
        );
        refused += usize::from(answers[0] != Answer::Answered);
    }
    assert!((1..TRIES).contains(&refused), "{refused} refused of {TRIES}: nothing was compared");
}

fn compare_all(v6: bool) {
    testing::isolated(|lab| {
        let guard = || brute_force_guard(4).with_window(WINDOW);
        let reset = "REJECT --reject-with tcp-reset";
        let cases = [
            ("--update", reset, guard()),
            ("--rcheck", reset, guard().lenient()),
            ("--update", "DROP", guard().silent()),
            ("--rcheck", "DROP", guard().lenient().silent()),
        ];
        thread::scope(|scope| {
            for (seed, (check, target, guard)) in cases.iter().enumerate() {
                scope.spawn(move || compare(lab, v6, 0x5eed + seed as u64, check, target, guard));
            }
        });
    });
}

#[test]
fn brute_force_is_stopped_at_the_same_try_in_ipv4() {
    compare_all(false);
}

#[test]
fn brute_force_is_stopped_at_the_same_try_in_ipv6() {
    compare_all(true);
}
