//! Named sets and maps with their elements, and nft's words for them.

use super::*;
use oxitables::{AddrSet, Batch, Element};

/// A set, or a pair of them, and the nft declarations that make the same.
pub struct SetCase {
    pub batch: Batch,
    /// A line for each.
    pub words: Vec<&'static str>,
}

macro_rules! sets {
    ($($name:ident: $set:expr $(, $element:expr)* => $($words:literal)|+;)*) => {
        vec![$( {
            let $name = $set;
            let mut batch = Batch::new();
            let elements: Vec<Element<_>> = vec![$($element),*];
            batch.add(&$name).add($name.elements(elements));
            SetCase { batch, words: vec![$($words),+] }
        } ),*]
    };
}

/// All of them, in the inet table that has a chain `other`.
pub fn cases() -> Vec<SetCase> {
    let t = table();
    let accept = Verdict::accept;
    sets! {
        s: Set::<Ipv4Addr>::new(&t, "bare") => "set bare { type ipv4_addr; }";
        s: Set::<Ipv4Addr>::new(&t, "a4"), s.element([192, 0, 2, 1])
            => "set a4 { type ipv4_addr; elements = { 192.0.2.1 } }";
        s: Set::<Ipv6Addr>::new(&t, "a6"), s.element(v6("2001:db8::1")), s.element(v6("::1"))
            => "set a6 { type ipv6_addr; elements = { 2001:db8::1, ::1 } }";
        s: Set::<Ipv4Addr>::new(&t, "a4i").interval().auto_merge().with_comment("hello"),
            s.element(net4("10.0.0.0/8")), s.element(v4("192.168.0.0")..=v4("255.255.255.255"))
            => "set a4i { type ipv4_addr; flags interval; auto-merge; comment \"hello\"; elements = { 10.0.0.0/8, 192.168.0.0-255.255.255.255 } }";
        s: Set::<Ipv6Addr>::new(&t, "a6i").interval(), s.element(net6("2001:db8::/32")), s.element(v6("::1"))
            => "set a6i { type ipv6_addr; flags interval; elements = { 2001:db8::/32, ::1 } }";
        s: AddrSet::new(&t, "lan").interval(), s.element(net("10.0.0.0/8")), s.element(net("fd00::/8")), s.element(net("192.168.0.0/16"))
            => "set lan4 { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 192.168.0.0/16 } }"
            | "set lan6 { type ipv6_addr; flags interval; elements = { fd00::/8 } }";
        s: Set::<(IpAddr, Port)>::new(&t, "pair"), s.element((v4("192.0.2.1"), 22)), s.element((v6("::1"), 80))
            => "set pair4 { type ipv4_addr . inet_service; elements = { 192.0.2.1 . 22 } }"
            | "set pair6 { type ipv6_addr . inet_service; elements = { ::1 . 80 } }";
        s: Set::<Port>::new(&t, "ports").interval(), s.element(0), s.element(22..=80), s.element(65535)
            => "set ports { type inet_service; flags interval; elements = { 0, 22-80, 65535 } }";
        s: Set::<Port>::new(&t, "fixed").constant().with_size(10), s.element(22), s.element(80)
            => "set fixed { type inet_service; flags constant; size 10; elements = { 22, 80 } }";
        s: Set::<Mark>::new(&t, "m"), s.element(1), s.element(2) => "set m { type mark; elements = { 1, 2 } }";
        s: Set::<Mark>::new(&t, "mi").interval(), s.element(1), s.element(5..=10)
            => "set mi { type mark; flags interval; elements = { 1, 5-10 } }";
        s: Set::<(Ipv4Addr, Port)>::new(&t, "ap"), s.element(([192, 0, 2, 1], 22))
            => "set ap { type ipv4_addr . inet_service; elements = { 192.0.2.1 . 22 } }";
        s: Set::<(Mark, Port)>::new(&t, "mp"), s.element((1, 22))
            => "set mp { type mark . inet_service; elements = { 1 . 22 } }";
        s: Set::<(IfName, Mark)>::new(&t, "ifm"), s.element(("eth0", 1))
            => "set ifm { type ifname . mark; elements = { \"eth0\" . 1 } }";
        s: Set::<(Ipv4Addr, Port)>::new(&t, "api").interval(),
            s.element(([192, 0, 2, 1], 22)), s.element((net4("10.0.0.0/8"), 80..=90))
            => "set api { type ipv4_addr . inet_service; flags interval; elements = { 192.0.2.1 . 22, 10.0.0.0/8 . 80-90 } }";
        s: Set::<(Mark, Port)>::new(&t, "mpi").interval(), s.element((1..=5, 22))
            => "set mpi { type mark . inet_service; flags interval; elements = { 1-5 . 22 } }";
        s: Set::<(IfName, Ipv6Addr, Protocol)>::new(&t, "three").interval(), s.element(("eth0", net6("fe80::/10"), Protocol::TCP))
            => "set three { type ifname . ipv6_addr . inet_proto; flags interval; elements = { \"eth0\" . fe80::/10 . tcp } }";
        s: Set::<IfName>::new(&t, "ifi").interval(), s.element("eth*"), s.element("wg0")
            => "set ifi { type ifname; flags interval; elements = { \"eth*\", \"wg0\" } }";
        s: Set::<CtState>::new(&t, "states"), s.element(CtState::NEW) => "set states { type ct_state; elements = { new } }";
        s: Set::<(Protocol, Port)>::new(&t, "prot"), s.element((Protocol::TCP, 22))
            => "set prot { type inet_proto . inet_service; elements = { tcp . 22 } }";
        s: Set::<Protocol>::new(&t, "proto"), s.element(Protocol::TCP), s.element(17)
            => "set proto { type inet_proto; elements = { tcp, udp } }";
        s: Set::<MacAddr>::new(&t, "mac").timeouts(), s.element(mac(5)).timeout(secs(5)), s.element(mac(6))
            => "set mac { type ether_addr; flags timeout; elements = { 00:11:22:33:44:05 timeout 5s, 00:11:22:33:44:06 } }";
        s: Set::<Ipv4Addr>::new(&t, "bans").with_timeout(secs(3600)), s.element([192, 0, 2, 1]),
            s.element([192, 0, 2, 2]).timeout(secs(600)).comment("too many tries")
            => "set bans { type ipv4_addr; timeout 1h; elements = { 192.0.2.1, 192.0.2.2 timeout 10m comment \"too many tries\" } }";
        s: Set::<Ipv4Addr>::new(&t, "nets").interval().with_timeout(secs(60)), s.element(net4("10.0.0.0/8")).timeout(secs(90))
            => "set nets { type ipv4_addr; flags interval; timeout 1m; elements = { 10.0.0.0/8 timeout 90s } }";
        s: Set::<Ipv4Addr>::new(&t, "notes"), s.element([192, 0, 2, 1]).comment("one")
            => "set notes { type ipv4_addr; elements = { 192.0.2.1 comment \"one\" } }";
        s: Set::<Ipv4Addr>::new(&t, "every"), s.element([192, 0, 2, 1]), s.catch_all()
            => "set every { type ipv4_addr; elements = { 192.0.2.1, * } }";
        s: Set::<Ipv4Addr>::new(&t, "dyn").dynamic().with_timeout(secs(60)).with_gc_interval(secs(10)).with_size(100)
                .with_expr(counter()), s.element([192, 0, 2, 1])
            => "set dyn { type ipv4_addr; flags dynamic,timeout; timeout 1m; gc-interval 10s; size 100; counter; elements = { 192.0.2.1 } }";
        s: Set::<Ipv4Addr>::new(&t, "rates").dynamic().with_size(9).with_expr(limit(10).per_minute().over()), s.element([192, 0, 2, 1])
            => "set rates { type ipv4_addr; size 9; flags dynamic; limit rate over 10/minute; elements = { 192.0.2.1 } }";
        s: Set::<Ipv4Addr>::new(&t, "both").dynamic().with_size(9).with_expr(limit(10).per_minute()).with_expr(counter())
            => "set both { type ipv4_addr; size 9; flags dynamic; limit rate 10/minute counter; }";
        s: Set::<Ipv4Addr>::new(&t, "small").with_policy(oxitables::model::SetPolicy::Memory)
            => "set small { type ipv4_addr; policy memory; }";
        m: Map::<Port, Verdict>::new(&t, "vm"), m.element(22, accept()), m.element(23, Verdict::jump("other")),
            m.catch_all(Verdict::drop())
            => "map vm { type inet_service : verdict; elements = { 22 : accept, 23 : jump other, * : drop } }";
        m: Map::<Port, Verdict>::new(&t, "vmi").interval(), m.element(22..=30, accept()).comment("some")
            => "map vmi { type inet_service : verdict; flags interval; elements = { 22-30 comment \"some\" : accept } }";
        m: Map::<(Ipv4Addr, Port), Verdict>::new(&t, "vmc").interval(), m.element((net4("10.0.0.0/8"), 80..=90), Verdict::goto("other"))
            => "map vmc { type ipv4_addr . inet_service : verdict; flags interval; elements = { 10.0.0.0/8 . 80-90 : goto other } }";
        m: Map::<Ipv4Addr, Mark>::new(&t, "am"), m.element([192, 0, 2, 1], 5)
            => "map am { type ipv4_addr : mark; elements = { 192.0.2.1 : 5 } }";
        m: Map::<Ipv4Addr, Mark>::new(&t, "amd").dynamic().timeouts().with_size(7).with_comment("learned"),
            m.element([192, 0, 2, 1], 5).timeout(secs(60))
            => "map amd { type ipv4_addr : mark; size 7; flags dynamic,timeout; comment \"learned\"; elements = { 192.0.2.1 timeout 1m : 5 } }";
        m: Map::<Ipv4Addr, Mark>::new(&t, "ami").interval(), m.element(net4("10.0.0.0/8"), 5), m.catch_all(7)
            => "map ami { type ipv4_addr : mark; flags interval; elements = { 10.0.0.0/8 : 5, * : 7 } }";
        m: Map::<Port, (Ipv4Addr, Port)>::new(&t, "pam"), m.element(80, (v4("192.0.2.1"), Port::from(8080)))
            => "map pam { type inet_service : ipv4_addr . inet_service; elements = { 80 : 192.0.2.1 . 8080 } }";
        m: Map::<Mark, Ipv4Addr>::new(&t, "ma"), m.element(1, v4("192.0.2.1"))
            => "map ma { type mark : ipv4_addr; elements = { 1 : 192.0.2.1 } }";
    }
}
