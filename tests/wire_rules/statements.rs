//! A row for each kind of statement beyond sets, marks and verdicts.

use super::*;
use oxitables::{
    Action, Forward, MapRef, counter_from, data::IfIndex, dup, expr::SynproxyFlags, jhash, last, limit_from, numgen,
    quota_from, symhash, synproxy, synproxy_named, tproxy,
};

pub fn cases() -> Vec<Case> {
    let mut cases = computed();
    cases.extend(learned());
    cases.extend(objects());
    cases.extend(diverted());
    cases
}

fn computed() -> Vec<Case> {
    let mut cases = Vec::new();
    let r = Rule::new;
    let either = [(0, Verdict::accept()), (1, Verdict::drop())];
    let servers = [(0, v4("192.0.2.1")), (1, v4("192.0.2.2"))];
    rows! { cases, Inet, "";
        r().when(numgen(4).is(1)).accept() => "numgen inc mod 4 1 accept";
        r().when(numgen(10).random().lt(5)).accept() => "numgen random mod 10 < 5 accept";
        r().verdict(numgen(2).vmap_of(either.clone())) => "numgen inc mod 2 vmap { 0 : accept, 1 : drop }";
        r().then(meta::mark().set(numgen(4))).accept() => "meta mark set numgen inc mod 4 accept";
        r().then(meta::mark().set(numgen(4).random().offset(10))).accept()
            => "meta mark set numgen random mod 4 offset 10 accept";
        r().when(symhash(2).is(0)).accept() => "symhash mod 2 0 accept";
        r().verdict(symhash(2).vmap_of(either.clone())) => "symhash mod 2 vmap { 0 : accept, 1 : drop }";
        r().then(ct::mark().set(symhash(4).offset(1))).accept() => "ct mark set symhash mod 4 offset 1 accept";
        r().when(jhash(ip::saddr(), 4).is(1)).accept() => "jhash ip saddr mod 4 1 accept";
        r().when(jhash(ip::saddr(), 4).is_not(1..=2)).accept() => "jhash ip saddr mod 4 != 1-2 accept";
        r().verdict(jhash(ip::saddr(), 2).vmap_of(either)) => "jhash ip saddr mod 2 vmap { 0 : accept, 1 : drop }";
        r().then(meta::mark().set(jhash(ip::saddr(), 8).offset(5))).accept()
            => "meta mark set jhash ip saddr mod 8 offset 5 accept";
        r().then(meta::mark().set(jhash((ip::saddr(), tcp::dport()), 8).seed(0xdead_beef))).accept()
            => "meta mark set jhash ip saddr . tcp dport mod 8 seed 0xdeadbeef accept";
        r().then(meta::mark().set(jhash(addr::saddr(), 8))).accept()
            => "meta mark set jhash ip saddr mod 8 accept" | "meta mark set jhash ip6 saddr mod 8 accept";
        r().then(last()).accept() => "last accept";
        r().when(ct::count(20).over()).drop() => "ct count over 20 drop";
        r().when(ct::count(5)).accept() => "ct count 5 accept";
    }
    rows! { cases, Inet, DSTNAT;
        r().dnat(jhash(ip::saddr(), 2).map_of(servers)) => "dnat ip to jhash ip saddr mod 2 map { 0 : 192.0.2.1, 1 : 192.0.2.2 }";
        r().dnat(numgen(2).map_of(servers)) => "dnat ip to numgen inc mod 2 map { 0 : 192.0.2.1, 1 : 192.0.2.2 }";
        r().dnat("192.0.2.0/24".parse::<ipnetwork::Ipv4Network>().unwrap()) => "dnat ip to 192.0.2.0-192.0.2.255";
    }
    cases
}

fn learned() -> Vec<Case> {
    let mut cases = Vec::new();
    let r = Rule::new;
    let marks = MapRef::<Ipv4Addr, Mark>::new(Inet, "t", "learned");
    let flows = MapRef::<(Ipv4Addr, Port), Mark>::new(Inet, "t", "flowmarks");
    let hosts = MapRef::<Mark, Ipv4Addr>::new(Inet, "t", "hosts");
    let busy = set::<Ipv4Addr>("busy");
    let many = set::<Ipv4Addr>("many");
    rows! { cases, Inet, "";
        r().then(ip::saddr().update_in_map(&marks, 5)).accept() => "update @learned { ip saddr : 0x00000005 } accept";
        r().then(ip::saddr().add_to_map(&marks, meta::mark())).accept() => "add @learned { ip saddr : meta mark } accept";
        r().then(ip::saddr().update_in_map(&marks, numgen(4))).accept()
            => "update @learned { ip saddr : numgen inc mod 4 } accept";
        r().then((ip::saddr(), tcp::dport()).update_in_map(&flows, 7).timeout(secs(5))).accept()
            => "update @flowmarks { ip saddr . tcp dport timeout 5s : 0x00000007 } accept";
        r().then((ip::saddr(), tcp::dport()).add_to_map(&flows, ct::mark())).accept()
            => "add @flowmarks { ip saddr . tcp dport : ct mark } accept";
        r().then(ip::saddr().add_to_map(&marks, 5).with(counter())).accept()
            => "add @learned { ip saddr counter : 0x00000005 } accept";
        r().then(meta::mark().add_to_map(&hosts, ip::saddr())).accept() => "add @hosts { meta mark : ip saddr } accept";
        r().then(ip::saddr().add_to(&many).with(ct::count(20).over())).accept()
            => "add @many { ip saddr ct count over 20 } accept";
        r().then(ip::saddr().add_to(&busy).with(last())).accept() => "add @busy { ip saddr last } accept";
        r().then(ip::saddr().add_to(&busy).with(quota(10 << 20).over())).accept()
            => "add @busy { ip saddr quota over 10 mbytes } accept";
    }
    cases
}

fn objects() -> Vec<Case> {
    let mut cases = Vec::new();
    let r = Rule::new;
    let by_host = set::<Ipv4Addr>("objects");
    rows! { cases, Inet, "";
        r().then(counter_from(ip::saddr().objects(&by_host))).accept() => "counter name ip saddr map @objects accept";
        r().then(counter_from(ip::saddr().objects_of([(v4("192.0.2.1"), "hits"), (v4("192.0.2.2"), "misses")]))).accept()
            => "counter name ip saddr map { 192.0.2.1 : \"hits\", 192.0.2.2 : \"misses\" } accept";
        r().when(quota_from(tcp::dport().objects_of([(22, "most")]))).accept()
            => "quota name tcp dport map { 22 : \"most\" } accept";
        r().when(limit_from((ip::saddr(), tcp::dport()).objects_of([(([192, 0, 2, 1], 22), "slow")]))).accept()
            => "limit name ip saddr . tcp dport map { 192.0.2.1 . 22 : \"slow\" } accept";
        r().then(ct::helper_named("ftp")).accept() => "ct helper set \"ftp\" accept";
        r().then(ct::helper_from(ip::saddr().objects_of([(v4("192.0.2.1"), "ftp")]))).accept()
            => "ct helper set ip saddr map { 192.0.2.1 : \"ftp\" } accept";
        r().then(ct::timeout_named("patient")).accept() => "ct timeout set \"patient\" accept";
        r().then(ct::expectation_named("soon")).accept() => "ct expectation set \"soon\" accept";
        r().then(synproxy_named("guard")).accept() => "synproxy name \"guard\" accept";
    }
    cases
}

fn diverted() -> Vec<Case> {
    let mut cases = Vec::new();
    let r = Rule::new;
    let tcp = || Rule::new().when(meta::l4proto().is(Protocol::TCP));
    let device = IfIndex::from(1);
    let v4_address: SocketAddr = "192.0.2.1:50".parse().unwrap();
    let v6_address: SocketAddr = "[::1]:50".parse().unwrap();
    let action = |action: Action| action;
    rows! { cases, Inet, "";
        tcp().then(tproxy(50)).accept() => "meta l4proto tcp tproxy to :50 accept";
        tcp().then(tproxy(v4_address)).accept() => "meta l4proto tcp tproxy ip to 192.0.2.1:50 accept";
        tcp().then(tproxy(v6_address)).accept() => "meta l4proto tcp tproxy ip6 to [::1]:50 accept";
        tcp().then(tproxy(v4("192.0.2.1"))).accept() => "meta l4proto tcp tproxy ip to 192.0.2.1 accept";
        tcp().then(synproxy(1460, 7)).accept() => "meta l4proto tcp synproxy mss 1460 wscale 7 accept";
        tcp().then(synproxy(1460, 7).with_flags(SynproxyFlags::SACK_PERM | SynproxyFlags::TIMESTAMP)).accept()
            => "meta l4proto tcp synproxy mss 1460 wscale 7 timestamp sack-perm accept";
        r().then(tcp::option::sack_perm::reset()).accept() => "reset tcp option sack-perm accept";
        r().then(tcp::option::timestamp::reset()).accept() => "reset tcp option timestamp accept";
        r().then(tcp::option::reset(99)).accept() => "reset tcp option 99 accept";
    }
    rows! { cases, Ip, "";
        tcp().then(tproxy(50)).accept() => "meta l4proto tcp tproxy to :50 accept";
        r().then(dup(v4("192.0.2.1"))).accept() => "dup to 192.0.2.1 accept";
        r().then(dup(v4("192.0.2.1")).device(device)).accept() => "dup to 192.0.2.1 device 1 accept";
        r().then(dup(ip::saddr()).device(device)).accept() => "dup to ip saddr device 1 accept";
        r().then(dup(ip::saddr().map_of([(v4("192.0.2.1"), v4("192.0.2.2"))])).device(device)).accept()
            => "dup to ip saddr map { 192.0.2.1 : 192.0.2.2 } device 1 accept";
        r().then(action(dup(jhash(ip::saddr(), 2).map_of([(0, v4("192.0.2.1"))])).into())).accept()
            => "dup to jhash ip saddr mod 2 map { 0 : 192.0.2.1 } accept";
    }
    rows! { cases, Ip6, "";
        r().then(dup(v6("2001:db8::1"))).accept() => "dup to 2001:db8::1 accept";
    }
    rows! { cases, Netdev, INGRESS;
        r().then(dup(device)).accept() => "dup to 1 accept";
        r().then(dup(meta::mark().map_of([(1, device)]))).accept() => "dup to meta mark map { 0x00000001 : 1 } accept";
        r().fwd(device) => "fwd to 1";
        r().fwd(ip::saddr().map_of([(v4("192.0.2.1"), device)])) => "fwd to ip saddr map { 192.0.2.1 : 1 }";
        r().fwd(Forward::from(device).neighbour(v4("192.0.2.1"))) => "fwd ip to 192.0.2.1 device 1";
        r().fwd(Forward::from(device).neighbour(v6("::1"))) => "fwd ip6 to ::1 device 1";
        r().fwd(Forward::from(device).neighbour(ip::saddr())) => "fwd ip to ip saddr device 1";
    }
    cases
}
