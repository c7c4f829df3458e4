//! The guard against guessed passwords beside iptables' usual pair of rules, trace by trace, with
//! real TCP.

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

const WINDOW: Duration = Duration::from_secs(2);
/// Tries are made at multiples of this: so a window ends in the middle between two of them.
const BEAT: Duration = WINDOW.checked_mul(2).unwrap().checked_div(11).unwrap();
/// Later than this nobody can say on which side of a window's end a packet was.
const LATE: Duration = BEAT.checked_div(3).unwrap();
/// Less than it takes until a request is sent again, and than a beat.
const PATIENCE: Duration = Duration::from_millis(200);
const TRIES: usize = 30;
/// How often a machine that is busy with something else is asked again.
const ATTEMPTS: u64 = 8;

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

/// The same connections to both, and the same answers. False if the machine was too busy to keep
/// the beat.
fn compare(lab: &Sandbox, v6: bool, seed: u64, check: &str, target: &str, guard: &BruteForceGuard) -> bool {
    let Some(iptables) = Iptables::find(v6) else { return true };
    let (theirs, ours) = (Pair::new(lab, v6), Pair::new(lab, v6));
    let new = "-A INPUT -p tcp --dport 22 -m conntrack --ctstate NEW -m recent --name SSH --rsource";
    theirs.server.run(|| iptables.run(&format!("{new} --set")));
    theirs.server.run(|| iptables.run(&format!("{new} {check} --seconds 2 --hitcount 3 -j {target}")));
    ours.server.run(Client::open).unwrap().apply(&guard.batch()).unwrap();

    let (mut dice, mut next, mut refused) = (Dice(seed), Instant::now(), 0);
    for number in 0..TRIES {
        next += BEAT * [1, 1, 1, 4][dice.roll(4)];
        sleep(next.saturating_duration_since(Instant::now()));
        // One is tried more often than others.
        let from = sources(v6)[[0, 0, 1, 2][dice.roll(4)]];
        // At the same time: who is refused in silence waits.
        let tried = thread::scope(|scope| {
            let tries = |pair| move || (Instant::now(), Pair::tries(pair, from), Instant::now());
            [&theirs, &ours].map(|pair| scope.spawn(tries(pair))).map(|answer| answer.join().unwrap())
        });
        let late = |(sent, answer, end): &(Instant, Answer, Instant)| {
            // When silence was met, only the packet's way is not known.
            let met = if *answer == Answer::Silence { sent } else { end };
            met.saturating_duration_since(next) > LATE
        };
        if tried.iter().any(late) {
            return false;
        }
        let [(_, their, _), (_, our, _)] = tried;
        let what = format!("{from}, connection {number}, {check} {target}, seed {seed}");
        assert_eq!(our, their, "left: ours, right: iptables, {what}");
        refused += usize::from(their != Answer::Answered);
    }
    assert!((1..TRIES).contains(&refused), "{refused} refused of {TRIES}: nothing was compared");
    true
}

fn compare_all(v6: bool) {
    testing::isolated(|lab| {
        let guard = || brute_force_guard(3).with_window(WINDOW);
        let reset = "REJECT --reject-with tcp-reset";
        let cases = [
            ("--update", reset, guard()),
            ("--rcheck", reset, guard().lenient()),
            ("--update", "DROP", guard().silent()),
            ("--rcheck", "DROP", guard().lenient().silent()),
        ];
        thread::scope(|scope| {
            for (seed, (check, target, guard)) in cases.iter().enumerate() {
                scope.spawn(move || {
                    let mut seeds = (0..ATTEMPTS).map(|attempt| 0x5eed + seed as u64 + 16 * attempt);
                    let kept = seeds.any(|seed| compare(lab, v6, seed, check, target, guard));
                    assert!(kept, "the machine is too busy to say what was when");
                });
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
