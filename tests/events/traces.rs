//! Packets on their way through chains and rules, beside `nft monitor trace`.

use super::lab::*;
use oxitables::{
    client::{Listen, Tracer},
    data::VerdictCode,
    model::{Trace, TraceType},
    proto::Traced,
    *,
};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// All steps that have been told so far.
fn steps(tracer: &mut Tracer) -> Vec<Trace> {
    let mut steps = Vec::new();
    while let Some(traced) = tracer.next(Duration::ZERO).unwrap() {
        let Traced::Step(step) = traced else { panic!("{traced:?}") };
        steps.push(*step);
    }
    steps
}

#[test]
fn a_packet_is_followed_from_rule_to_rule() {
    testing::in_namespace(|| {
        let sub = host().chain("sub");
        let mut batch = Batch::new();
        batch.add(host()).add(&sub).add(input().with_policy(Policy::Drop));
        batch.add(sub.rule(Rule::new().when(udp::dport().is(8)).accept()));
        batch.add(sub.rule(Rule::new().then(counter())));
        batch.add(input().rule(Rule::new().when(udp::dport().is_any([7, 8])).then(meta::nftrace().set(true))));
        batch.add(input().rule(Rule::new().then(meta::mark().set(0x17)).jump(&sub)));
        let mut nft = Client::open().unwrap();
        nft.apply(&batch).unwrap();
        let all = nft.ruleset().unwrap();
        let mut tracer = Tracer::open().unwrap();
        send("127.0.0.1:9", b"not traced");
        for (port, expected) in [
            (
                7,
                &["rule input 0", "rule input 1 jump sub", "rule sub 1", "end sub", "end input", "policy drop 0x17"][..],
            ),
            (8, &["rule input 0", "rule input 1 jump sub", "rule sub 0 accept"]),
        ] {
            send(&format!("127.0.0.1:{port}"), b"?");
            let steps = steps(&mut tracer);
            let told: Vec<String> = steps
                .iter()
                .map(|step| {
                    let chain = step.chain.as_ref().unwrap();
                    let rule = all.traced_rule(step).map(|rule| {
                        let chain = all.chains.iter().find(|c| c.name == *chain).unwrap();
                        all.rules_of(chain).position(|other| other == rule).unwrap()
                    });
                    match (step.kind, rule, step.verdict.as_ref().map(|verdict| (verdict.code, &verdict.chain))) {
                        (TraceType::Rule, Some(n), Some((VerdictCode::Continue, _))) => format!("rule {chain} {n}"),
                        (TraceType::Rule, Some(n), Some((VerdictCode::Accept, _))) => {
                            format!("rule {chain} {n} accept")
                        }
                        (TraceType::Rule, Some(n), Some((VerdictCode::Jump, Some(to)))) => {
                            format!("rule {chain} {n} jump {to}")
                        }
                        // As old kernels tell it, and new ones.
                        (TraceType::Return | TraceType::Rule, None, Some((VerdictCode::Continue, _))) => {
                            format!("end {chain}")
                        }
                        (TraceType::Policy, None, _) => {
                            format!(
                                "policy {} {:#x}",
                                ["drop", "accept"][step.policy.unwrap() as usize],
                                step.mark.unwrap()
                            )
                        }
                        other => panic!("{other:?}"),
                    }
                })
                .collect();
            assert_eq!(told, expected);
            assert!(steps.iter().all(|step| step.id == steps[0].id && step.family == Family::Inet));
            assert!(steps[0].network_header.is_some() && steps[1..].iter().all(|step| step.network_header.is_none()));
        }
    });
}

#[test]
fn steps_that_nobody_reads_in_time_are_a_gap() {
    testing::in_namespace(|| {
        let mut batch = Batch::new();
        batch.add(host()).add(input());
        batch.add(input().rule(Rule::new().then(meta::nftrace().set(true))));
        Client::open().unwrap().apply(&batch).unwrap();
        let mut tracer = Tracer::open().unwrap();
        // Room for some steps; the kernel takes a few hundred bytes for each.
        tracer.set_receive_buffer(16 << 10).unwrap();
        for _ in 0..200 {
            send("127.0.0.1:7", b"?");
        }
        let told: Vec<Traced> = std::iter::from_fn(|| tracer.next(Duration::ZERO).unwrap()).collect();
        let gaps = told.iter().filter(|traced| **traced == Traced::Gap).count();
        assert!(gaps == 1 && told.len() > 1 && told.len() < 600, "{gaps} of {}", told.len());
        send("127.0.0.1:7", b"?");
        // The datagram, and the ICMP error that answers it.
        assert_eq!(steps(&mut tracer).len(), 6, "and then it goes on");
    });
}

/// `nft monitor trace`, and what it prints.
struct Monitor {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Monitor {
    fn start(nft: &Path) -> Self {
        let mut child = Command::new(nft).args(["monitor", "trace"]).stdout(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        // It listens when a socket of its own has a group.
        let id = child.id().to_string();
        let listens = || {
            let all = fs::read_to_string(format!("/proc/{id}/net/netlink")).unwrap();
            all.lines().any(|line| {
                let fields: Vec<&str> = line.split_whitespace().collect();
                fields[1] == "12" && fields[2] == id && fields[3] != "00000000"
            })
        };
        while !listens() {
            assert!(child.try_wait().unwrap().is_none(), "it ended");
            thread::sleep(Duration::from_millis(5));
        }
        Self { child, lines }
    }

    /// The lines that come; the comparison shows which are missing.
    fn lines(&self) -> impl Iterator<Item = String> {
        std::iter::from_fn(|| self.lines.recv_timeout(LIMIT).ok()).map(|line| line.trim_end().to_owned())
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Every nft on this machine, and whether it tells what the present one does.
fn every_nft() -> Vec<(PathBuf, bool)> {
    let new = Path::new("/usr/local/bin/nft-new");
    let mut all: Vec<_> = testing::program("nft").into_iter().map(|nft| (nft, false)).collect();
    // The headers of packets are compared with this one alone.
    all.extend(new.exists().then(|| (new.into(), true)));
    all
}

fn load(nft: &Path, rules: &str) {
    let mut child = Command::new(nft).args(["-f", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(rules.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{rules}");
}

/// Sends packets, compares what is told of them with what each nft prints, and returns it.
fn compare(rules: &str, packets: &[&dyn Fn()]) -> Vec<String> {
    let mut told = Vec::new();
    for (nft, present) in every_nft() {
        load(&nft, "flush ruleset\n");
        load(&nft, rules);
        let all = Client::open().unwrap().ruleset().unwrap();
        let mut tracer = Tracer::open().unwrap();
        let monitor = Monitor::start(&nft);
        // One after the other: the receive buffer of an ordinary user is small.
        let mut told_us = Vec::new();
        for packet in packets {
            packet();
            told_us.extend(steps(&mut tracer));
        }
        // nft 1.1.7 prints headers as told here; 1.0.6 has other words, and knows nothing of
        // conntrack.
        let same = |line: &String| {
            !line.contains("end of chain") && (present || !line.contains(" packet: ") && !line.contains(" conntrack: "))
        };
        let lines = |step| all.trace(step).to_string().lines().map(String::from).collect::<Vec<_>>();
        let ours: Vec<String> = told_us.iter().flat_map(lines).collect();
        let comparable: Vec<String> = ours.iter().filter(|line| same(line)).cloned().collect();
        let theirs: Vec<String> = monitor.lines().filter(same).take(comparable.len()).collect();
        assert_eq!(comparable, theirs, "{}", nft.display());
        told = ours;
    }
    told
}

/// Packets of all kinds over loopback.
const LOOPBACK: &str = "
table ip t4 {
	set ports {
		type inet_service
		elements = { 53, 99 }
	}
	chain pre {
		type filter hook prerouting priority raw; policy accept;
		meta nftrace set 1
	}
	chain input {
		type filter hook input priority 0; policy accept;
		tcp dport 81 meta mark set 0x7 jump sub
		udp dport @ports drop
		udp dport { 1000, 1001 } jump sub
		tcp dport 83 reject with tcp reset
	}
	chain sub {
		ip saddr 127.0.0.1 continue
		tcp dport 81 return
		udp dport 1000 goto last
	}
	chain last {
		ct state new counter comment \"the last one\"
	}
}
table ip6 t6 {
	chain pre {
		type filter hook prerouting priority raw; policy accept;
		meta nftrace set 1
	}
	chain input {
		type filter hook input priority 0; policy drop;
		tcp dport 82 accept
		tcp sport 82 accept
		udp dport 83 return
	}
}
table inet both {
	chain input {
		type filter hook input priority 10; policy accept;
		tcp dport 81 accept
	}
	chain output {
		type filter hook output priority 10; policy accept;
		udp dport 54 meta nftrace set 1 ip dscp set cs1 counter
	}
}
";

#[test]
fn the_same_words_as_nft() {
    testing::in_namespace(|| {
        let tcp = |to: &str| drop(std::net::TcpStream::connect(to));
        let udp = |port: u16| {
            // A socket that answers: an ICMP error would be told in other words.
            let _there = std::net::UdpSocket::bind(("127.0.0.1", port));
            send(&format!("127.0.0.1:{port}"), b"hello");
        };
        let told = compare(
            LOOPBACK,
            &[
                &|| tcp("127.0.0.1:81"),
                &|| tcp("127.0.0.1:83"),
                &|| tcp("[::1]:82"),
                &|| udp(1000),
                &|| udp(1001),
                &|| udp(53),
                &|| udp(54),
                &|| {
                    send("[::1]:83", b"hello");
                },
            ],
        );
        for wanted in [
            "ip t4 sub rule udp dport 1000 goto last (verdict goto last)",
            "comment \"the last one\" (verdict continue)",
            "ip t4 input policy accept meta mark 0x00000007",
            "ip6 t6 input policy drop",
            "inet both output rule udp dport 54 meta nftrace set 1 ip dscp set cs1 counter packets 0 bytes 0 (verdict continue)",
            "tcp dport 81 tcp flags == syn tcp window",
        ] {
            assert!(told.iter().any(|line| line.contains(wanted)), "{wanted}: {told:#?}");
        }
    });
}

#[test]
fn the_same_words_as_nft_below_ip() {
    testing::isolated(|lab| -> Result<(), Box<dyn std::error::Error>> {
        let (client, server) = (lab.host("client")?, lab.host("server")?);
        lab.link((&client, "eth0"), (&server, "eth0"))?;
        client.address("eth0", "10.77.1.10/24".parse()?)?;
        server.address("eth0", "10.77.1.1/24".parse()?)?;
        let rules = "
table netdev n {
	chain in {
		type filter hook ingress device \"eth0\" priority 0; policy accept;
		ip saddr 10.77.1.10 meta nftrace set 1
		ether type arp meta nftrace set 1
		udp dport 9 drop
	}
}
table arp a {
	chain in {
		type filter hook input priority 0; policy accept;
		arp operation request counter
	}
}
";
        let told = server.run(|| {
            let udp = |port: u16| {
                client.run(|| std::net::UdpSocket::bind("10.77.1.10:0")?.send_to(b"?", ("10.77.1.1", port))).unwrap();
            };
            compare(rules, &[&|| udp(9), &|| udp(10)])
        });
        let both = |a: &str, b: &str| told.iter().any(|line| line.contains(a) && line.contains(b));
        assert!(both("netdev n in packet: iif \"eth0\" ether saddr ", " ip protocol udp "), "{told:#?}");
        assert!(both("netdev n in rule udp dport 9 drop", "(verdict drop)"), "{told:#?}");
        Ok(())
    });
}
