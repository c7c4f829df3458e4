//! What nft loads, we list as that nft lists it; where an older one has other words, as one that it
//! takes for the same.

use super::lab::{Outcome, every_nft, open};
use oxitables::testing;
use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

/// The nft whose words the listing has.
const WORDS: &str = "v1.1.7";

/// Scripts, each for itself.
const SCRIPTS: &[&str] = &[
    "table inet empty {
    }",
    "table ip t {
        comment \"of mine\"
        flags dormant
        chain c {
            comment \"regular\"
        }
        chain input {
            type filter hook input priority mangle - 3; policy drop;
            ip saddr 192.0.2.0/24 tcp dport 22 counter packets 3 bytes 180 accept comment \"admin\"
            iif \"lo\" meta mark set 0x10 jump c
            ct state established,related accept
            tcp flags & (syn | ack) == syn tcp dport { 80, 443, 8000-8100 } goto c
            ip protocol vmap { icmp : accept, tcp : jump c }
            log prefix \"gone: \" level info flags skuid drop
        }
        chain late {
            type nat hook postrouting priority srcnat; policy accept;
            oifname \"wg*\" masquerade random
            ip saddr 10.0.0.0/8 meta l4proto tcp snat to 192.0.2.1-192.0.2.9:1024-2047 persistent
        }
        chain odd {
            type route hook output priority -139; policy accept;
        }
    }",
    "table inet t {
        set offsets {
            typeof frag frag-off
            elements = { 1, 2 }
        }
        chain c {
            frag frag-off @offsets drop
            ip6 saddr { ::1, ::18.52.0.0, ::18.52.18.52, ::ffff:1.2.3.4 } drop
        }
        chain before {
            type nat hook prerouting priority dstnat; policy accept;
            tcp dport 80 dnat to :8080
            udp dport 53 dnat to :5300-5399
            tcp sport 5 dnat to :tcp dport map { 81 : 8081, 82 : 8082 }
            tcp dport 22 redirect to :2222
        }
        chain after {
            type nat hook postrouting priority srcnat; policy accept;
            meta l4proto tcp snat to :1-9
            meta l4proto udp masquerade to :1-9
        }
    }",
    "table inet t {
        counter c {
            comment \"of a kind\"
            packets 7 bytes 700
        }
        quota q {
            over 25 mbytes used 1 kbytes
        }
        limit l {
            rate over 1 mbytes/hour burst 5 kbytes
        }
        set ports {
            type inet_service
            elements = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 }
        }
        set nets {
            type ipv4_addr
            flags interval
            auto-merge
            elements = { 192.0.2.0/25, 198.51.100.4-198.51.100.9, 203.0.113.1 }
        }
        set seen {
            type ipv6_addr
            size 4096
            flags dynamic,timeout
            gc-interval 10s
            comment \"learned\"
        }
        set macs {
            type ether_addr
            elements = { 02:00:00:00:00:01, 02:00:00:00:00:02 }
        }
        set named {
            type ipv4_addr
            policy memory
            elements = { 192.0.2.1 comment \"one\", 192.0.2.2 }
        }
        map to {
            type ipv4_addr . inet_service : verdict
            elements = { 192.0.2.1 . 22 : accept, 192.0.2.2 . 80 : drop }
        }
        map by {
            type ipv4_addr : counter
            elements = { 192.0.2.1 : \"c\" }
        }
        chain forward {
            type filter hook forward priority filter; policy accept;
            ip saddr @nets counter name \"c\"
            counter name ip saddr map @by
            ip saddr . tcp dport vmap @to
            add @seen { ip6 saddr timeout 1m }
            quota name \"q\" drop
            ct mark set meta mark
        }
    }",
    "table inet t {
        ct helper h {
            type \"ftp\" protocol tcp
            l3proto ip
        }
        ct expectation e {
            protocol udp
            dport 9876
            timeout 2m
            size 12
            l3proto ip
        }
        synproxy s {
            mss 1460
            wscale 7
            timestamp sack-perm
        }
        chain c {
            ip saddr 192.0.2.1 jump {
                tcp dport 22 accept
                drop
            }
        }
    }",
    // Nft 1.0.6 does not take back what it lists here.
    "table inet t {
        ct timeout slow {
            protocol tcp
            l3proto ip
            policy = { established : 1h, close : 13s }
        }
        chain c {
            meta l4proto tcp ct timeout set \"slow\"
        }
    }",
    "table netdev t {
        chain in {
            type filter hook ingress device \"lo\" priority filter; policy accept;
            ether type ip ip ttl 1 drop
            dup to \"lo\"
        }
    }",
    "table bridge t {
        chain pre {
            type filter hook prerouting priority dstnat; policy accept;
            ether saddr 02:00:00:00:00:01 ip6 nexthdr tcp drop
        }
    }",
    "table arp t {
        chain in {
            type filter hook input priority filter; policy accept;
            arp operation request arp daddr ip 192.0.2.1 accept
        }
    }",
];

fn run(nft: &Path, arguments: &[&str], input: &str) -> Result<String, String> {
    let mut command = Command::new(nft);
    let command = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    // It may not read it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

#[test]
fn what_nft_loads_is_listed_as_nft_lists_it() {
    testing::in_namespace(|| -> Outcome {
        for nft in every_nft() {
            let same_words = run(&nft, &["--version"], "")?.contains(WORDS);
            for script in SCRIPTS {
                run(&nft, &["flush", "ruleset"], "")?;
                if let Err(said) = run(&nft, &["-f", "-"], &format!("{script}\n")) {
                    assert!(!same_words, "{said}");
                    eprintln!("SKIPPED: {} does not load {script}: {said}", nft.display());
                    continue;
                }
                for (option, ours) in [
                    (&["list", "ruleset"][..], open().ruleset()?.to_string()),
                    (&["-a", "list", "ruleset"], open().ruleset()?.text().handles().to_string()),
                    (&["-s", "list", "ruleset"], open().ruleset()?.text().stateless().to_string()),
                    (&["-t", "list", "ruleset"], open().ruleset()?.text().terse().to_string()),
                    (&["-n", "list", "ruleset"], open().ruleset()?.text().numeric().to_string()),
                ] {
                    let listed = run(&nft, option, "")?;
                    if same_words {
                        assert_eq!(ours, listed, "{option:?}");
                    }
                }
                // Loaded again it is the same ruleset.
                let (ours, listed) = (open().ruleset()?.to_string(), run(&nft, &["list", "ruleset"], "")?);
                run(&nft, &["flush", "ruleset"], "")?;
                run(&nft, &["-f", "-"], &ours).map_err(|said| format!("{}: {said}{ours}", nft.display()))?;
                assert_eq!(run(&nft, &["list", "ruleset"], "")?, listed, "loaded again from\n{ours}");
            }
        }
        Ok(())
    });
}
