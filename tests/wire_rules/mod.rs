//! Typed rules beside the nft rules they stand for, and the comparison of both.

use oxitables::{
    Family::{self, *},
    Keyed, Map, Mark, Pattern, RejectWith, Rule, Set, SetRef, Table, To, addr, arp, counter, counter_named, ct,
    data::*,
    ether,
    expr::{LogFlags, LogLevel},
    icmp, icmpv6, ip, ip6, limit, limit_named, log, meta, notrack, quota, quota_named, tcp, th, udp,
};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

pub mod compare;
mod families;
pub mod fields;
mod held;
mod inet;
pub mod nft;
pub mod otherwise;
pub mod random;
pub mod sets;
pub mod statements;
pub mod sweep;

/// One rule, where it stands, and the nft rules that make the same.
pub struct Case {
    pub family: Family,
    /// What the chain is, in nft's words; nothing if it is a regular one.
    pub chain: &'static str,
    pub rule: Rule,
    /// One for each rule that it becomes.
    pub words: Vec<String>,
}

/// All of them.
pub fn cases() -> Vec<Case> {
    let mut cases = inet::cases();
    cases.extend(inet::more());
    cases.extend(families::cases());
    cases.extend(fields::cases());
    cases
}

macro_rules! ordinary_declarations {
    () => {
        "set admins { type ipv4_addr; flags interval; }
            set lan4 { type ipv4_addr; flags interval; }
            set lan6 { type ipv6_addr; flags interval; }
            set ports { type inet_service; }
            set pairs { type ipv4_addr . inet_service; }
            set nets { type ipv4_addr . inet_service; flags interval; }
            set marks { type mark; flags interval; }
            set markports { type mark . inet_service; flags interval; }
            set ifaces { type ifname; flags interval; }
            set classes { type dscp; }
            set seen { type ipv4_addr; flags dynamic,timeout; }
            set who4 { type ipv4_addr; flags dynamic,timeout; }
            set who6 { type ipv6_addr; flags dynamic,timeout; }
            set flows { type ipv4_addr . inet_service; flags dynamic,timeout; }
            map services { type inet_service : verdict; }
            map tags { type ipv4_addr : mark; }
            map backends { type inet_service : ipv4_addr . inet_service; }
            map targets { type inet_service : ipv4_addr; }
            counter hits { }
            quota most { 1 mbytes }
            limit slow { rate 1/second }
            chain other { }"
    };
}

/// What the rules refer to, in nft's words, in a table of a family.
pub fn declarations(family: Family) -> &'static str {
    match family {
        Arp => {
            "set marks { type mark; }
            chain other { }"
        }
        Inet => {
            concat!(
                ordinary_declarations!(),
                "
                map learned { type ipv4_addr : mark; flags dynamic; }
                map flowmarks { type ipv4_addr . inet_service : mark; flags dynamic,timeout; timeout 1m; }
                map hosts { type mark : ipv4_addr; flags dynamic; }
                map objects { type ipv4_addr : counter; }
                set busy { type ipv4_addr; flags dynamic; }
                set many { type ipv4_addr; flags dynamic; }
                counter misses { }
                synproxy guard {
                    mss 1460
                    wscale 7
                }
                ct helper ftp { type \"ftp\" protocol tcp; }
                ct timeout patient {
                    protocol tcp; l3proto ip
                    policy = { established : 100 }
                }
                ct expectation soon {
                    protocol tcp
                    dport 9876
                    timeout 2m
                    size 12
                    l3proto ip
                }"
            )
        }
        _ => {
            ordinary_declarations!()
        }
    }
}

fn table() -> Table {
    Table::new(Inet, "t")
}

fn set<K: oxitables::SetKey>(name: &str) -> SetRef<K> {
    SetRef::new(Inet, "t", name)
}

const FILTER: &str = "type filter hook input priority 0;";
const FORWARD: &str = "type filter hook forward priority 0;";
const PREROUTING: &str = "type filter hook prerouting priority -300;";
const DSTNAT: &str = "type nat hook prerouting priority -100;";
const SRCNAT: &str = "type nat hook postrouting priority 100;";
const INGRESS: &str = "type filter hook ingress device lo priority 0;";

fn v4(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

fn v6(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

fn net4(text: &str) -> Pattern<Ipv4Addr> {
    text.parse::<ipnetwork::Ipv4Network>().unwrap().into()
}

fn net6(text: &str) -> Pattern<Ipv6Addr> {
    text.parse::<ipnetwork::Ipv6Network>().unwrap().into()
}

fn net(text: &str) -> Pattern<IpAddr> {
    text.parse::<ipnetwork::IpNetwork>().unwrap().into()
}

fn mac(last: u8) -> MacAddr {
    MacAddr::new([0, 0x11, 0x22, 0x33, 0x44, last])
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Rows of a family and a kind of chain.
macro_rules! rows {
    ($cases:ident, $family:ident, $chain:expr; $( $rule:expr => $($words:literal)|+; )*) => {
        $( $cases.push(Case { family: $family, chain: $chain, rule: $rule.into(), words: vec![$($words.into()),+] }); )*
    };
}
use rows;
