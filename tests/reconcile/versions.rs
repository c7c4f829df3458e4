//! One rule in the registers of several versions of nft, and of its own listings.

use crate::{common::features::lacks, nfts::nfts};
use oxitables::{
    Batch, Client,
    model::{Chain, Ruleset},
    proto::Feature,
    reconcile::diff,
    testing,
};
use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

/// Rules that versions of nft write in different ways, or list with less than was written: family,
/// and what is in the table.
const RULES: &[(&str, &[&str])] = &[
    (
        "inet",
        &[
            // A range is two comparisons before 1.1.
            "tcp dport 137-139 counter packets 12 bytes 720 drop",
            "tcp dport != 137-139 counter packets 12 bytes 720",
            "tcp dport >= 1024 counter packets 12 bytes 720",
            "ip saddr 10.0.0.1-10.0.0.9 udp sport 1-1023 counter packets 12 bytes 720 accept",
            "ip6 saddr fe80::1-fe80::ff counter packets 12 bytes 720",
            "meta mark 0x10-0x20 ct mark 16-32 counter packets 12 bytes 720",
            "meta length 64-128 meta priority 1:10-1:20 counter packets 12 bytes 720",
            "th dport 5000-6000 counter packets 12 bytes 720",
            "ip ttl 1-9 ip length 20-40 counter packets 12 bytes 720",
            "meta skuid 1000-2000 counter packets 12 bytes 720",
            "ct expiration 1m-1h counter packets 12 bytes 720",
            "tcp dport 22-23 limit rate 5/minute log prefix \"ssh \" counter packets 12 bytes 720 accept",
            "ip saddr 10.0.0.1-10.0.0.9 jump sub",
            // nft lists less than was asked for.
            "meta l4proto icmp icmp type echo-request counter packets 12 bytes 720 accept",
            "meta l4proto ipv6-icmp icmpv6 type echo-request counter packets 12 bytes 720 accept",
            "meta l4proto ipv6-icmp icmpv6 type { nd-router-solicit, nd-neighbor-solicit } counter packets 12 bytes 720",
            "ip protocol icmp icmp type echo-request counter packets 12 bytes 720",
            "ip6 nexthdr icmpv6 icmpv6 type echo-request counter packets 12 bytes 720",
            "meta nfproto ipv4 icmp type echo-request counter packets 12 bytes 720",
            "meta protocol ip ip saddr 10.0.0.1 counter packets 12 bytes 720",
            "meta l4proto tcp ip saddr 10.0.0.1 tcp dport 22 counter packets 12 bytes 720",
            "meta l4proto tcp iifname \"lo\" tcp dport 22 counter packets 12 bytes 720",
            "meta l4proto tcp reject with tcp reset",
            "meta mark set 1 meta l4proto icmp icmp type echo-request counter packets 12 bytes 720",
            "ip saddr 10.0.0.1 reject with icmp host-prohibited",
            // Bits, fields beside each other, sets.
            "tcp flags & (fin | syn | rst | psh | ack | urg | ecn | cwr) == syn counter packets 12 bytes 720",
            "tcp flags & (fin | syn) == fin | syn counter packets 12 bytes 720",
            "tcp sport 1 tcp dport 2 counter packets 12 bytes 720",
            "ct state established,related counter packets 12 bytes 720 accept",
            "ct state { new, untracked } counter packets 12 bytes 720",
            "ct state vmap { established : accept, invalid : drop }",
            "tcp dport { 22 } counter packets 12 bytes 720",
            "tcp dport { 22, 80-90 } counter packets 12 bytes 720",
            "ip saddr . tcp dport { 10.0.0.1 . 22, 10.0.0.0/8 . 80-90 } counter packets 12 bytes 720",
            "ip dscp cs1 ip dscp != af11 counter packets 12 bytes 720",
            "meta mark set ct mark and 0xff counter packets 12 bytes 720",
            "ct mark set meta mark counter packets 12 bytes 720",
            "fib daddr type local counter packets 12 bytes 720",
            "socket transparent 1 counter packets 12 bytes 720",
            "meta l4proto tcp synproxy mss 1460 wscale 7 timestamp sack-perm",
            "meta l4proto tcp synproxy",
            "meta mark set jhash ip saddr . tcp dport mod 7",
            "meta mark set symhash mod 4 offset 2",
            "meta mark set numgen inc mod 3",
            "quota over 10 mbytes counter packets 12 bytes 720",
            "log level debug prefix \"x\" flags all",
            "log group 2 snaplen 10 queue-threshold 3",
        ],
    ),
    (
        "ip",
        &[
            "tcp dport 137-139 counter packets 12 bytes 720 drop",
            "ip protocol tcp tcp dport 22 counter packets 12 bytes 720",
            "meta l4proto icmp icmp type echo-request counter packets 12 bytes 720",
            "icmp code 3-5 counter packets 12 bytes 720",
        ],
    ),
    (
        "ip6",
        &[
            "ip6 nexthdr tcp tcp dport 22 counter packets 12 bytes 720",
            "ip6 nexthdr icmpv6 icmpv6 type echo-request counter packets 12 bytes 720",
            "frag frag-off 33-45 counter packets 12 bytes 720",
            "rt seg-left 33-45 counter packets 12 bytes 720",
        ],
    ),
    (
        "bridge",
        &[
            "tcp dport 137-139 counter packets 12 bytes 720 drop",
            "meta l4proto icmp icmp type echo-request counter packets 12 bytes 720",
            "ether saddr 00:01:02:03:04:05 ip saddr 10.0.0.1 counter packets 12 bytes 720",
            "vlan id 5-9 counter packets 12 bytes 720",
        ],
    ),
    (
        "netdev",
        &[
            "tcp dport 137-139 counter packets 12 bytes 720 drop",
            "meta l4proto icmp icmp type echo-request counter packets 12 bytes 720",
            "icmpv6 type echo-request counter packets 12 bytes 720",
        ],
    ),
];

/// A table with one of the rules.
fn text(family: &str, rule: &str) -> String {
    let hook = if family == "netdev" { "ingress device \"lo\"" } else { "input" };
    format!(
        "table {family} t {{\n chain sub {{ }}\n chain c {{\n type filter hook {hook} priority 0; policy accept;\n {rule}\n }}\n}}\n"
    )
}

fn run(nft: &Path, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(nft)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{input}{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What the kernel has once a program has loaded a text.
fn loaded(client: &mut Client, nft: &Path, text: &str) -> Ruleset {
    client.apply(Batch::new().flush_ruleset(None)).unwrap();
    run(nft, &["-f", "-"], text);
    client.ruleset().unwrap()
}

fn assert_same(a: &Ruleset, b: &Ruleset, what: &str) {
    for (a, b) in [(a, b), (b, a)] {
        let plan = diff(a, b);
        assert!(plan.is_empty(), "{what}:\n{plan}");
    }
}

#[test]
fn a_rule_is_the_same_in_the_registers_of_every_nft() {
    testing::in_namespace(|| {
        let nfts: Vec<_> = nfts().collect();
        if nfts.is_empty() {
            return testing::skip("nft is not installed");
        }
        let mut client = Client::open().unwrap();
        let devices = !lacks(Feature::ChainDevices);
        for (family, rule) in RULES.iter().flat_map(|(family, rules)| rules.iter().map(move |rule| (family, rule))) {
            let text = text(family, rule);
            let mut all: Vec<Ruleset> = Vec::new();
            for nft in &nfts {
                let what = |of: &str| format!("{rule} in {family}, loaded by {}, and {of}", nft.display());
                let held = loaded(&mut client, nft, &text);
                let theirs: Ruleset = serde_json::from_str(&run(nft, &["-j", "list", "ruleset"], "")).unwrap();
                let plan = client.plan(&theirs).unwrap();
                assert!(plan.is_empty(), "{}:\n{plan}", what("its own JSON"));
                let ours: Ruleset = serde_json::from_str(&serde_json::to_string(&held).unwrap()).unwrap();
                assert_same(&held, &ours, &what("our JSON"));
                for other in &all {
                    assert_same(&held, other, &what("what another nft loaded"));
                }
                let listing = held.to_string();
                for other in &nfts {
                    let again = loaded(&mut client, other, &listing);
                    assert_same(&held, &again, &what(&format!("our text of it, loaded by {}", other.display())));
                }
                // What is made of it by a plan is the same, too.
                for desired in [&held, &ours, &theirs] {
                    // Of those that nft 1.0.6 tells without their devices.
                    let is_deaf = |chain: &Chain| chain.devices().is_empty() && chain.hook.is_some();
                    if !devices && *family == "netdev" && desired.chains.iter().any(is_deaf) {
                        continue;
                    }
                    client.apply(Batch::new().flush_ruleset(None)).unwrap();
                    client.reconcile(desired).unwrap();
                    let plan = client.plan(desired).unwrap();
                    assert!(plan.is_empty(), "{}:\n{plan}", what("what a plan makes of it"));
                }
                all.push(held);
            }
        }
    });
}

/// Rules that look alike and are not: none may be taken for the other.
const DIFFERENT: &[(&str, &str, &str)] = &[
    ("inet", "tcp dport 137-139 drop", "tcp dport 137-140 drop"),
    ("inet", "tcp dport 137-139 drop", "tcp dport != 137-139 drop"),
    ("inet", "tcp dport 137-139 drop", "udp dport 137-139 drop"),
    ("inet", "tcp dport 137-139 drop", "tcp sport 137-139 drop"),
    ("inet", "tcp dport >= 137 drop", "tcp dport > 137 drop"),
    ("inet", "tcp dport >= 137 counter tcp dport <= 139 drop", "tcp dport 137-139 counter drop"),
    ("inet", "meta l4proto icmp accept", "meta nfproto ipv4 meta l4proto icmp accept"),
    ("inet", "meta l4proto icmp icmp type echo-request accept", "meta l4proto icmp icmp type echo-reply accept"),
    ("inet", "meta l4proto tcp accept", "accept"),
    ("inet", "ip saddr 10.0.0.1 accept", "ip daddr 10.0.0.1 accept"),
    ("inet", "ip saddr 10.0.0.0/8 accept", "ip saddr 10.0.0.0/16 accept"),
    ("inet", "meta nfproto ipv4 tcp dport 22 accept", "tcp dport 22 accept"),
    ("inet", "ip protocol tcp tcp dport 22 accept", "tcp dport 22 accept"),
    ("inet", "ip6 nexthdr tcp tcp dport 22 accept", "meta nfproto ipv6 tcp dport 22 accept"),
    ("ip6", "ip6 nexthdr tcp accept", "meta l4proto tcp accept"),
    ("inet", "counter tcp dport 22 accept", "tcp dport 22 counter accept"),
    ("inet", "tcp dport 22 limit rate 1/second log accept", "tcp dport 22 log limit rate 1/second accept"),
    ("inet", "tcp sport 1 tcp dport 2 accept", "tcp sport 2 tcp dport 1 accept"),
    ("inet", "tcp flags & (fin | syn) == syn accept", "tcp flags & syn == syn accept"),
    ("inet", "tcp flags != syn accept", "tcp flags syn accept"),
    ("inet", "ct state new accept", "ct state == 9 accept"),
    ("inet", "tcp dport { 22, 23 } accept", "tcp dport { 22, 24 } accept"),
    ("inet", "tcp dport { 22, 23 } accept", "tcp dport != { 22, 23 } accept"),
    ("inet", "tcp dport { 22 } accept", "tcp dport { 23 } accept"),
    ("inet", "meta mark set 1", "ct mark set 1"),
    ("inet", "meta mark set ct mark", "ct mark set meta mark"),
    ("inet", "meta mark set 1 meta mark 1 accept", "meta mark 1 meta mark set 1 accept"),
    ("inet", "meta mark set meta mark and 0xff", "meta mark set meta mark or 0xff"),
    ("inet", "meta mark set jhash ip saddr mod 7", "meta mark set jhash ip daddr mod 7"),
    ("inet", "meta mark set numgen inc mod 3", "meta mark set numgen random mod 3"),
    ("ip", "ip protocol set 6 ip protocol 6 accept", "ip protocol set 6 meta l4proto 6 accept"),
    ("ip", "meta mark set 1 ip protocol tcp accept", "meta mark set 1 meta l4proto udp accept"),
    ("inet", "tcp dport set 5 tcp dport 22-23 accept", "tcp dport 22-23 tcp dport set 5 accept"),
    ("ip", "reject with tcp reset", "reject with icmp port-unreachable"),
    ("ip", "ip protocol tcp reject with tcp reset", "ip protocol udp reject"),
    ("inet", "jump sub", "goto sub"),
    ("inet", "accept comment \"one\"", "accept comment \"other\""),
    ("bridge", "ether saddr 00:01:02:03:04:05 accept", "ether daddr 00:01:02:03:04:05 accept"),
    ("bridge", "vlan id 5 accept", "vlan pcp 5 accept"),
    ("netdev", "meta protocol ip accept", "accept"),
];

#[test]
fn rules_that_differ_are_never_taken_for_the_same() {
    testing::in_namespace(|| {
        let nfts: Vec<_> = nfts().collect();
        if nfts.is_empty() {
            return testing::skip("nft is not installed");
        }
        let mut client = Client::open().unwrap();
        for (family, one, other) in DIFFERENT {
            for (by, beside) in nfts.iter().flat_map(|by| nfts.iter().map(move |beside| (by, beside))) {
                let one = loaded(&mut client, by, &text(family, one));
                let other = loaded(&mut client, beside, &text(family, other));
                assert!(!diff(&one, &other).is_empty() && !diff(&other, &one).is_empty(), "{family}:\n{one}{other}");
            }
        }
    });
}

/// Chains of a single rule have no name in the kernel, and one that it made up in JSON.
#[test]
fn unnamed_chains_are_the_same_under_the_name_that_json_says() {
    testing::in_namespace(|| {
        let Some(nft) = nfts().last() else { return testing::skip("nft is not installed") };
        let mut client = Client::open().unwrap();
        let text = text(
            "inet",
            "tcp dport 22 jump { ip saddr 10.0.0.1 accept; counter drop; }\n udp dport 53 goto { accept; }",
        );
        let held = loaded(&mut client, &nft, &text);
        let document: Ruleset = serde_json::from_str(&serde_json::to_string(&held).unwrap()).unwrap();
        let plan = client.plan(&document).unwrap();
        assert!(plan.is_empty(), "{plan}");
        client.apply(Batch::new().flush_ruleset(None)).unwrap();
        client.reconcile(&document).unwrap();
        let plan = client.plan(&document).unwrap();
        assert!(plan.is_empty(), "{plan}");
        assert!(diff(&client.ruleset().unwrap(), &held).is_empty());
    });
}

/// nft's JSON before 1.1 does not tell the devices of a chain.
#[test]
fn a_chain_keeps_its_devices_if_none_are_said() {
    testing::in_namespace(|| {
        let Some(nft) = nfts().next() else { return testing::skip("nft is not installed") };
        let mut client = Client::open().unwrap();
        let held = loaded(&mut client, &nft, &text("netdev", "counter packets 12 bytes 720"));
        let listed = serde_json::to_string(&held).unwrap().replace("\"dev\":\"lo\",", "");
        let silent: Ruleset = serde_json::from_str(&listed).unwrap();
        assert_eq!((silent.chains.len(), silent.chains.iter().map(|chain| chain.devices().len()).sum()), (2, 0usize));
        assert!(client.plan(&silent).unwrap().is_empty());
        // Another policy is set in place.
        let drops: Ruleset =
            serde_json::from_str(&listed.replace("\"policy\":\"accept\"", "\"policy\":\"drop\"")).unwrap();
        let plan = client.reconcile(&drops).unwrap();
        assert!(plan.to_string().starts_with("~ chain netdev t c") && plan.destroys().is_empty(), "{plan}");
        assert!(client.plan(&drops).unwrap().is_empty());
        let devices = client.ruleset().unwrap().chains.iter().map(|chain| chain.devices().len()).sum::<usize>();
        assert_eq!(devices, 1);
    });
}

/// Extensions of iptables are opaque: a snapshot of them is a desired state all the same.
#[test]
fn what_iptables_nft_has_written_plans_nothing() {
    testing::in_namespace(|| {
        let Some(iptables) = testing::program("iptables-nft") else {
            return testing::skip("iptables-nft is not installed");
        };
        let rules = [
            "-A INPUT -p tcp --dport 137:139 -m comment --comment one -j DROP",
            "-A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT",
            "-A INPUT -p tcp -m multiport --dports 22,80 -m limit --limit 5/min -j LOG --log-prefix x",
            "-A INPUT -i lo -p icmp --icmp-type echo-request -j REJECT --reject-with icmp-host-prohibited",
            "-N own",
            "-A FORWARD -s 10.0.0.0/8 ! -d 10.0.0.1 -o docker0 -j own",
            "-t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE",
            "-t mangle -A PREROUTING -p tcp --syn -j MARK --set-mark 7",
        ];
        for rule in rules {
            let done = Command::new(&iptables).args(rule.split(' ')).output().unwrap();
            assert!(done.status.success(), "{rule}: {}", String::from_utf8_lossy(&done.stderr));
        }
        let mut client = Client::open().unwrap();
        client.allow_iptables(true);
        let held = client.ruleset().unwrap();
        assert!(held.rules.len() >= 7);
        assert!(client.plan(&held).unwrap().is_empty());
        // One rule less: it alone is made again.
        let last = held.rules.iter().rfind(|rule| rule.table == *"mangle").unwrap();
        client.apply(Batch::new().delete(last)).unwrap();
        assert_eq!(client.reconcile(&held).unwrap().len(), 1);
        assert_same(&client.ruleset().unwrap(), &held, "what a plan made of it");
    });
}
