//! Packet by packet: both firewalls see the same packets, and have to match the same ones.

use crate::{Dice, iptables::Iptables};
use oxitables::{
    Batch, Chain, Client, Family, Hook, Priority, Recent, RecentOp, Rule, Side, Table, counter,
    expr::{Counter, Expr},
    testing::{self, Host, Sandbox},
    udp,
};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    thread::{self, sleep},
    time::{Duration, Instant},
};

const SECOND: Duration = Duration::from_secs(1);
/// Closer than this to the end of a window nobody can say which tick a packet meets.
const EDGE: Duration = Duration::from_millis(40);

/// A host that talks to itself from several addresses.
struct Wire {
    sockets: Vec<UdpSocket>,
    to: IpAddr,
}

impl Wire {
    fn new(host: &Host, v6: bool) -> Self {
        let address = |n: u8| -> IpAddr {
            if v6 {
                Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, n.into()).into()
            } else {
                Ipv4Addr::new(127, 0, 0, n).into()
            }
        };
        if v6 {
            for n in 1..10 {
                host.address("lo", format!("{}/128", address(n)).parse().unwrap()).unwrap();
            }
        }
        let sockets = (1..=3).map(|n| host.run(|| UdpSocket::bind((address(n), 0))).unwrap()).collect();
        Self { sockets, to: address(9) }
    }

    fn send(&self, who: usize, port: u16) {
        // Nobody listens: an error comes back at the next send, and is of no interest.
        while self.sockets[who].send_to(b"x", SocketAddr::new(self.to, port)).is_err() {}
    }
}

/// A rule of both sides.
struct Pair {
    port: u16,
    /// iptables' match, and what stands for it.
    words: String,
    op: RecentOp,
    /// Ends the chain, or only counts.
    accept: bool,
}

struct Case {
    list: Recent,
    rules: Vec<Pair>,
}

fn counts(nft: &mut Client, chain: &Chain, rules: usize, v6: bool) -> Vec<u64> {
    let installed = nft.rules(chain).snapshot().unwrap();
    let count = |rule: &oxitables::model::Rule| {
        rule.exprs().iter().find_map(|e| match e {
            Expr::Counter(Counter { packets, .. }) => *packets,
            _ => None,
        })
    };
    // Each rule is there twice, for IPv4 and for IPv6.
    assert_eq!(installed.len(), 2 * rules);
    installed.chunks(2).map(|pair| count(&pair[usize::from(v6)]).unwrap()).collect()
}

const PACKETS: usize = 30;

/// Sends random bursts and compares the counters after each packet.
fn compare(lab: &Sandbox, v6: bool, seed: u64, gaps: &[u64], case: &Case) {
    let Some(iptables) = Iptables::find(v6) else { return };
    let host = lab.host("host").unwrap();
    let wire = Wire::new(&host, v6);
    let mut nft = host.run(Client::open).unwrap();

    let input = case.list.table().chain("input").with_hook(Hook::Input, Priority::FILTER + 10);
    let mut batch = Batch::new();
    batch.add(case.list.table()).add(&case.list).add(&input);
    for Pair { port, words, op, accept } in &case.rules {
        let target = if *accept { "-j ACCEPT" } else { "" };
        host.run(|| iptables.run(&format!("-A INPUT -p udp --dport {port} -m recent --name R {words} {target}")));
        let rule = Rule::new().when(udp::dport().is(*port)).recent(op.clone()).then(counter());
        batch.add(if *accept { input.rule(rule.accept()) } else { input.rule(rule) });
    }
    nft.apply(&batch).unwrap();

    let ports: Vec<u16> = case.rules.iter().map(|rule| rule.port).collect();
    let mut dice = Dice(seed);
    let mut sent: Vec<Vec<Instant>> = vec![Vec::new(); 3];
    for packet in 0..PACKETS {
        sleep(Duration::from_millis(gaps[dice.roll(gaps.len())]));
        let who = dice.roll(3);
        let edge = |at: &Instant| at.elapsed().abs_diff(SECOND) < EDGE;
        while sent.iter().flatten().any(edge) {
            sleep(2 * EDGE);
        }
        wire.send(who, ports[dice.roll(ports.len())]);
        sent[who].push(Instant::now());
        let theirs = host.run(|| iptables.counts());
        let ours = counts(&mut nft, &input, case.rules.len(), v6);
        assert_eq!(ours, theirs, "packet {packet} from {who}, left: ours, right: iptables, seed {seed}");
    }
}

fn list() -> Recent {
    Recent::new(&Table::new(Family::Inet, "t"), "R")
}

/// `--update` or `--rcheck` with a hit count, then `--set`: how recent is mostly used.
fn guard(hits: u32, update: bool) -> Case {
    let list = list().with_hits(hits, SECOND);
    let (word, op) = if update { ("update", list.update(Side::Source)) } else { ("rcheck", list.rcheck(Side::Source)) };
    let pair = |words, op| Pair { port: 9, words, op, accept: true };
    let rules = vec![
        pair(format!("--{word} --seconds 1 --hitcount {hits} --rsource"), op.within(SECOND).hits(hits)),
        pair("--set --rsource".into(), list.set(Side::Source)),
    ];
    Case { list, rules }
}

/// Compares several cases at the same time, each on a host of its own.
fn compare_all(cases: &[(bool, &[u64], Case)]) {
    testing::isolated(|lab| {
        thread::scope(|scope| {
            for (seed, (v6, gaps, case)) in cases.iter().enumerate() {
                scope.spawn(move || compare(lab, *v6, 77 + seed as u64, gaps, case));
            }
        });
    });
}

fn guards(v6: bool) {
    compare_all(
        &[(1, true), (3, true), (4, false), (6, true)]
            .map(|(hits, update)| -> (_, &[u64], _) { (v6, &[5, 120, 450], guard(hits, update)) }),
    );
}

#[test]
fn hit_counts_are_the_same_in_ipv4() {
    guards(false);
}

#[test]
fn hit_counts_are_the_same_in_ipv6() {
    guards(true);
}

/// Every operation, as rules that count and go on; packets to port 10 forget, packets to port 11
/// ask for the destination.
fn everything() -> Case {
    let list = list().with_window(SECOND).with_hits(2, SECOND).with_hits_ever(3);
    let pair = |port, words: &str, op| Pair { port, words: words.to_owned(), op, accept: false };
    let (source, destination) = (Side::Source, Side::Destination);
    let rules = vec![
        pair(9, "! --rcheck --seconds 1 --rsource", list.rcheck(source).within(SECOND).inverted()),
        pair(9, "--rcheck --hitcount 3 --rsource", list.rcheck(source).hits(3)),
        pair(9, "--update --seconds 1 --hitcount 2 --rsource", list.update(source).within(SECOND).hits(2)),
        pair(9, "--set --rsource", list.set(source)),
        pair(9, "--rcheck --seconds 1 --hitcount 2 --rsource", list.rcheck(source).within(SECOND).hits(2)),
        pair(9, "--rcheck --rsource", list.rcheck(source)),
        pair(10, "--remove --rsource", list.remove(source)),
        pair(10, "--update --rsource", list.update(source)),
        pair(11, "--rcheck --rdest", list.rcheck(destination)),
        pair(11, "--set --rdest", list.set(destination)),
        pair(11, "--update --seconds 1 --rdest", list.update(destination).within(SECOND)),
    ];
    Case { list, rules }
}

#[test]
fn every_operation_is_the_same_in_ipv4() {
    compare_all(&[(false, &[5, 200, 1500], everything())]);
}

#[test]
fn every_operation_is_the_same_in_ipv6() {
    compare_all(&[(true, &[5, 200, 1500], everything())]);
}

#[test]
fn a_mask_makes_neighbours_one() {
    let list = list().with_window(SECOND);
    let pair =
        |words: &str, op: RecentOp| Pair { port: 9, words: words.to_owned(), op: op.prefix(24, 120), accept: true };
    let rules = |mask: &str| {
        vec![
            pair(&format!("--rcheck --seconds 1 --rsource --mask {mask}"), list.rcheck(Side::Source).within(SECOND)),
            pair(&format!("--set --rsource --mask {mask}"), list.set(Side::Source)),
        ]
    };
    let masks = [(false, "255.255.255.0"), (true, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00")];
    compare_all(&masks.map(|(v6, mask)| -> (_, &[u64], _) {
        (v6, &[5, 200, 1500], Case { list: list.clone(), rules: rules(mask) })
    }));
}
