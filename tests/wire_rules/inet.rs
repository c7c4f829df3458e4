use super::*;

/// Ordinary firewall rules of an inet table.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let admins = Set::<Ipv4Addr>::new(&table(), "admins").interval();
    let lan = set::<IpAddr>("lan").interval();
    let ports = set::<Port>("ports");
    let pairs = set::<(Ipv4Addr, Port)>("pairs");
    let nets = set::<(Ipv4Addr, Port)>("nets").interval();
    let marks = set::<Mark>("marks").interval();
    let markports = set::<(Mark, Port)>("markports").interval();
    let ifaces = set::<IfName>("ifaces").interval();
    let classes = set::<Dscp>("classes");
    let r = Rule::new;
    rows! { cases, Inet, FILTER;
        r().accept() => "accept";
        r().drop() => "drop";
        r().then(counter()).drop() => "counter drop";
        r().when(ct::state().any(CtState::ESTABLISHED | CtState::RELATED)).accept()
            => "ct state established,related accept";
        r().when(ct::state().any(CtState::INVALID)).drop() => "ct state invalid drop";
        r().when(ct::state().is(CtState::NEW)).accept() => "ct state == new accept";
        r().when(ct::state().is_not(CtState::NEW)).accept() => "ct state != new accept";
        r().when(ct::state().none(CtState::NEW)).accept() => "ct state ! new accept";
        r().when(ct::state().is_any([CtState::NEW, CtState::UNTRACKED])).accept()
            => "ct state { new, untracked } accept";
        r().when(ct::state().masked(CtState::NEW | CtState::ESTABLISHED).is(CtState::NEW)).accept()
            => "ct state & (established | new) == new accept";
        r().verdict(ct::state().vmap_of([(CtState::ESTABLISHED, Verdict::accept()), (CtState::INVALID, Verdict::drop())]))
            => "ct state vmap { established : accept, invalid : drop }";
        r().when(meta::iifname().is("lo")).accept() => "iifname \"lo\" accept";
        r().when(meta::iifname().is("eth*")).accept() => "iifname \"eth*\" accept";
        r().when(meta::iifname().is_not("eth*")).drop() => "iifname != \"eth*\" drop";
        r().when(meta::iifname().is_any(["eth0", "eth1"])).accept() => "iifname { \"eth0\", \"eth1\" } accept";
        r().when(meta::iifname().is_any(["eth0", "wg*"])).accept() => "iifname { \"eth0\", \"wg*\" } accept";
        r().when(meta::iifname().is_in(&ifaces)).accept() => "iifname @ifaces accept";
        r().when(meta::iif().is(1)).accept() => "iif 1 accept";
        r().when(meta::iif().is_not(1..=3)).accept() => "iif != 1-3 accept";
        r().when(tcp::dport().is(22)).accept() => "tcp dport 22 accept";
        r().when(tcp::dport().is_not(22)).drop() => "tcp dport != 22 drop";
        r().when(tcp::dport().is(1024..=65535)).accept() => "tcp dport 1024-65535 accept";
        r().when(tcp::dport().is_not(1024..=65535)).drop() => "tcp dport != 1024-65535 drop";
        r().when(tcp::dport().is_any([22, 80, 443])).accept() => "tcp dport { 22, 80, 443 } accept";
        r().when(tcp::dport().is_any([22])).accept() => "tcp dport 22 accept";
        r().when(tcp::dport().is_none_of([22, 80])).drop() => "tcp dport != { 22, 80 } drop";
        r().when(tcp::dport().is_any([Pattern::from(22), (80..=90).into(), 91.into()])).accept()
            => "tcp dport { 22, 80-90, 91 } accept";
        r().when(tcp::dport().is_any([Pattern::from(0), (65530..=65535).into()])).accept()
            => "tcp dport { 0, 65530-65535 } accept";
        r().when(tcp::dport().is_in(&ports)).accept() => "tcp dport @ports accept";
        r().when(tcp::dport().is_not_in(&ports)).drop() => "tcp dport != @ports drop";
        r().when(tcp::dport().lt(1024)).accept() => "tcp dport < 1024 accept";
        r().when(tcp::dport().le(1024)).accept() => "tcp dport <= 1024 accept";
        r().when(tcp::sport().gt(1023)).accept() => "tcp sport > 1023 accept";
        r().when(tcp::sport().ge(1024)).accept() => "tcp sport >= 1024 accept";
        r().when(tcp::sport().is(1)).when(tcp::dport().is(2)).accept() => "tcp sport 1 tcp dport 2 accept";
        r().when(tcp::dport().is(2)).when(ct::state().any(CtState::NEW)).when(tcp::sport().is(1)).accept()
            => "tcp dport 2 ct state new tcp sport 1 accept";
        r().when(tcp::sport().is(1)).then(counter()).when(tcp::dport().is(2)).accept()
            => "tcp sport 1 counter tcp dport 2 accept";
        r().when(tcp::flags().any(TcpFlags::SYN)).accept() => "tcp flags syn accept";
        r().when(tcp::flags().any(TcpFlags::SYN | TcpFlags::ACK)).accept() => "tcp flags syn,ack accept";
        r().when(tcp::flags().masked(TcpFlags::FIN).is(TcpFlags::FIN)).accept() => "tcp flags & fin == fin accept";
        r().when(tcp::flags().masked(TcpFlags::SYN | TcpFlags::ACK | TcpFlags::RST).is_not(TcpFlags::SYN)).drop()
            => "tcp flags & (syn | rst | ack) != syn drop";
        r().when(tcp::flags().is(TcpFlags::SYN | TcpFlags::ACK)).accept() => "tcp flags == 0x12 accept";
        r().when(tcp::flags().is_any([TcpFlags::SYN, TcpFlags::SYN | TcpFlags::ACK])).accept()
            => "tcp flags { syn, syn | ack } accept";
        r().when(tcp::flags().is(TcpFlags::SYN)).when(tcp::window().is(5)).drop()
            => "tcp flags == syn tcp window 5 drop";
        r().when(tcp::doff().is(5)).accept() => "tcp doff 5 accept";
        r().when(udp::dport().is_any([53, 123])).accept() => "udp dport { 53, 123 } accept";
        r().when(udp::length().gt(512)).drop() => "udp length > 512 drop";
        r().when(meta::l4proto().is_any([Protocol::TCP, Protocol::UDP])).when(th::dport().is(53)).accept()
            => "meta l4proto { tcp, udp } th dport 53 accept";
        r().when(meta::l4proto().is(Protocol::TCP)).when(tcp::dport().is(22)).accept()
            => "meta l4proto tcp tcp dport 22 accept";
        r().when((meta::l4proto(), th::dport()).is_any([(Protocol::TCP, 53), (Protocol::UDP, 53)])).accept()
            => "meta l4proto . th dport { tcp . 53, udp . 53 } accept";
        r().when(ip::saddr().is([192, 0, 2, 1])).accept() => "ip saddr 192.0.2.1 accept";
        r().when(ip::saddr().is_not([192, 0, 2, 1])).drop() => "ip saddr != 192.0.2.1 drop";
        r().when(ip::saddr().is(net4("10.0.0.0/8"))).accept() => "ip saddr 10.0.0.0/8 accept";
        r().when(ip::saddr().is(net4("10.0.0.0/9"))).accept() => "ip saddr 10.0.0.0/9 accept";
        r().when(ip::saddr().is_not(net4("192.168.0.0/16"))).drop() => "ip saddr != 192.168.0.0/16 drop";
        r().when(ip::saddr().is(net4("0.0.0.0/0"))).accept() => "ip saddr 0.0.0.0/0 accept";
        r().when(ip::saddr().is(v4("10.0.0.1")..=v4("10.0.0.9"))).accept() => "ip saddr 10.0.0.1-10.0.0.9 accept";
        r().when(ip::saddr().masked(v4("255.255.0.255")).is([10, 0, 0, 1])).accept()
            => "ip saddr & 255.255.0.255 == 10.0.0.1 accept";
        r().when(ip::saddr().is_any([net4("10.0.0.0/8"), [192, 0, 2, 1].into()])).accept()
            => "ip saddr { 10.0.0.0/8, 192.0.2.1 } accept";
        r().when(ip::saddr().is_in(&admins)).accept() => "ip saddr @admins accept";
        r().when(ip::saddr().masked(v4("255.255.255.0")).is_in(&admins)).accept()
            => "ip saddr & 255.255.255.0 @admins accept";
        r().when(ip::saddr().is([192, 0, 2, 1])).when(ip::daddr().is([192, 0, 2, 2])).accept()
            => "ip saddr 192.0.2.1 ip daddr 192.0.2.2 accept";
        r().when((ip::saddr(), tcp::dport()).is_in(&pairs)).accept() => "ip saddr . tcp dport @pairs accept";
        r().when((ip::saddr(), tcp::dport()).is_in(&nets)).accept() => "ip saddr . tcp dport @nets accept";
        r().when((ip::saddr(), tcp::dport()).is_any([([192, 0, 2, 1], 22), ([192, 0, 2, 2], 80)])).accept()
            => "ip saddr . tcp dport { 192.0.2.1 . 22, 192.0.2.2 . 80 } accept";
        r().when((ip::saddr(), tcp::dport()).is_any([(net4("10.0.0.0/8"), 22..=23)])).accept()
            => "ip saddr . tcp dport { 10.0.0.0/8 . 22-23 } accept";
        r().when((meta::iifname(), ip::saddr()).is_any([("eth0", net4("10.0.0.0/8"))])).accept()
            => "iifname . ip saddr { \"eth0\" . 10.0.0.0/8 } accept";
        r().when((meta::iifname(), ip::saddr()).is_any([("eth*", [192, 0, 2, 1])])).accept()
            => "iifname . ip saddr { \"eth*\" . 192.0.2.1 } accept";
        r().when((ip6::saddr(), tcp::dport(), ip6::daddr()).is_any([(v6("::1"), 22, v6("::2"))])).accept()
            => "ip6 saddr . tcp dport . ip6 daddr { ::1 . 22 . ::2 } accept";
        r().when(ip::protocol().is(Protocol::ICMP)).accept() => "ip protocol icmp accept";
        r().when(ip::protocol().is(Protocol::TCP)).when(tcp::dport().is(22)).accept()
            => "ip protocol tcp tcp dport 22 accept";
        r().when(ip::protocol().is_any([Protocol::TCP, Protocol::UDP])).when(th::dport().is(53)).accept()
            => "ip protocol { tcp, udp } th dport 53 accept";
        r().when(ip::version().is(4)).accept() => "ip version 4 accept";
        r().when(ip::hdrlength().gt(5)).drop() => "ip hdrlength > 5 drop";
        r().when(ip::dscp().is(Dscp::EF)).accept() => "ip dscp ef accept";
        r().when(ip::dscp().is_any([Dscp::CS1, Dscp::AF11])).accept() => "ip dscp { cs1, af11 } accept";
        r().when(ip::dscp().is(5..=10)).accept() => "ip dscp 0x05-0x0a accept";
        r().when(ip::dscp().masked(0x1c).is(0x08)).accept() => "ip dscp & af32 == cs1 accept";
        r().when(ip::dscp().is_in(&classes)).accept() => "ip dscp @classes accept";
        r().when((ip::dscp(), ip::saddr()).is_any([(Dscp::CS1, [192, 0, 2, 1])])).accept()
            => "ip dscp . ip saddr { cs1 . 192.0.2.1 } accept";
        r().when(ip::ecn().is(Ecn::CE)).accept() => "ip ecn ce accept";
        r().when(ip::length().is(20..=60)).accept() => "ip length 20-60 accept";
        r().when(ip::frag_off().masked(0x1fff).is_not(0)).drop() => "ip frag-off & 0x1fff != 0x0 drop";
        r().when(ip::ttl().lt(5)).drop() => "ip ttl < 5 drop";
        r().when(ip::ttl().is(5)).when(ip::protocol().is(6)).accept() => "ip ttl 5 ip protocol tcp accept";
        r().when(ip6::saddr().is(net6("fe80::/10"))).accept() => "ip6 saddr fe80::/10 accept";
        r().when(ip6::saddr().is(net6("2001:db8::/32"))).accept() => "ip6 saddr 2001:db8::/32 accept";
        r().when(ip6::dscp().is(Dscp::EF)).accept() => "ip6 dscp ef accept";
        r().when(ip6::dscp().is_in(&classes)).accept() => "ip6 dscp @classes accept";
        r().when(ip6::flowlabel().is(5)).accept() => "ip6 flowlabel 5 accept";
        r().when(ip6::ecn().is(Ecn::CE)).accept() => "ip6 ecn ce accept";
        r().when(ip6::nexthdr().is(Protocol::ICMPV6)).accept() => "ip6 nexthdr ipv6-icmp accept";
        r().when(ip6::hoplimit().is(255)).accept() => "ip6 hoplimit 255 accept";
        r().when(icmp::type_().is(IcmpType::ECHO_REQUEST)).accept() => "icmp type echo-request accept";
        r().when(icmp::type_().is(IcmpType::ECHO_REQUEST)).when(icmp::code().is(0)).accept()
            => "icmp type echo-request icmp code 0 accept";
        r().when(icmp::type_().is_any([IcmpType::ECHO_REQUEST, IcmpType::DESTINATION_UNREACHABLE])).accept()
            => "icmp type { echo-request, destination-unreachable } accept";
        r().when(icmp::type_().is(3..=5)).accept() => "icmp type 3-5 accept";
        r().when(icmp::id().is(5)).accept() => "icmp id 5 accept";
        r().when(icmp::type_().is(IcmpType::ECHO_REQUEST)).when(icmp::id().is(5)).accept()
            => "icmp type echo-request icmp id 5 accept";
        r().when(icmp::id().is_any([5, 7])).accept() => "icmp id { 5, 7 } accept";
        r().when(icmp::mtu().lt(1280)).drop() => "icmp mtu < 1280 drop";
        r().when(icmpv6::type_().is_any([Icmpv6Type::ND_ROUTER_ADVERT, Icmpv6Type::ND_NEIGHBOR_SOLICIT])).accept()
            => "icmpv6 type { nd-router-advert, nd-neighbor-solicit } accept";
        r().when(icmpv6::mtu().is(1280)).accept() => "icmpv6 mtu 1280 accept";
        r().when(icmpv6::taddr().is(v6("fe80::1"))).accept() => "icmpv6 taddr fe80::1 accept";
        r().when(ether::saddr().is(mac(1))).accept() => "ether saddr 00:11:22:33:44:01 accept";
        r().when(ether::saddr().is(mac(1))).when(ip::saddr().is([192, 0, 2, 1])).accept()
            => "ether saddr 00:11:22:33:44:01 ip saddr 192.0.2.1 accept";
        r().when(ether::daddr().is(mac(1))).when(ether::saddr().is(mac(2))).accept()
            => "ether daddr 00:11:22:33:44:01 ether saddr 00:11:22:33:44:02 accept";
        r().when(ether::saddr().is_any([mac(1), mac(2)])).accept()
            => "ether saddr { 00:11:22:33:44:01, 00:11:22:33:44:02 } accept";
        r().when(meta::mark().is(0x10)).accept() => "meta mark 0x00000010 accept";
        r().when(meta::mark().is(Mark::bits(0x10, 0xff))).accept() => "meta mark & 0x000000ff == 0x00000010 accept";
        r().when(meta::mark().masked(0xff).is(5..=10)).accept() => "meta mark & 0x000000ff == 0x00000005-0x0000000a accept";
        r().when(meta::mark().gt(10)).accept() => "meta mark > 0x0000000a accept";
        r().when(meta::mark().is_any([Pattern::from(1), (5..=10).into()])).accept()
            => "meta mark { 0x00000001, 0x00000005-0x0000000a } accept";
        r().when(meta::mark().is_none_of([1, 2])).accept() => "meta mark != { 0x00000001, 0x00000002 } accept";
        r().when(meta::mark().is_in(&marks)).accept() => "meta mark @marks accept";
        r().when((meta::mark(), tcp::dport()).is_in(&markports)).accept() => "meta mark . tcp dport @markports accept";
        r().when(addr::saddr().is_in(&lan)).accept() => "ip saddr @lan4 accept" | "ip6 saddr @lan6 accept";
        r().when(addr::saddr().is_not_in(&lan)).when(tcp::dport().is(22)).drop()
            => "ip saddr != @lan4 tcp dport 22 drop" | "ip6 saddr != @lan6 tcp dport 22 drop";
        r().when(addr::daddr().is(v4("192.0.2.1"))).accept() => "ip daddr 192.0.2.1 accept";
        r().when(addr::daddr().is_not(v4("192.0.2.1"))).drop()
            => "ip daddr != 192.0.2.1 drop" | "meta nfproto ipv6 drop";
        r().when(addr::saddr().is_any([net("10.0.0.0/8"), net("fd00::/8"), net("192.168.0.0/16")])).accept()
            => "ip saddr { 10.0.0.0/8, 192.168.0.0/16 } accept" | "ip6 saddr fd00::/8 accept";
    }
    cases
}

/// Metadata, connection tracking, actions and translations of an inet table.
pub fn more() -> Vec<Case> {
    let mut cases = Vec::new();
    let seen = Set::<Ipv4Addr>::new(&table(), "seen").dynamic().timeouts();
    let who = set::<IpAddr>("who");
    let lan = set::<IpAddr>("lan").interval();
    let flows = set::<(Ipv4Addr, Port)>("flows");
    let services = Map::<Port, Verdict>::new(&table(), "services");
    let tags = Map::<Ipv4Addr, Mark>::new(&table(), "tags");
    let backends = Map::<Port, (Ipv4Addr, Port)>::new(&table(), "backends");
    let targets = Map::<Port, Ipv4Addr>::new(&table(), "targets");
    let r = Rule::new;
    rows! { cases, Inet, FILTER;
        r().when(meta::length().is(100..=200)).accept() => "meta length 100-200 accept";
        r().when(meta::protocol().is_any([EtherType::IP, EtherType::IP6])).accept() => "meta protocol { ip, ip6 } accept";
        r().when(meta::nfproto().is(NfProto::IPV4)).when(icmp::type_().is(8)).accept()
            => "meta nfproto ipv4 icmp type echo-request accept";
        r().when(meta::skuid().is(1000)).accept() => "meta skuid 1000 accept";
        r().when(meta::skuid().is_any([Pattern::from(0), (1000..=2000).into()])).accept()
            => "meta skuid { 0, 1000-2000 } accept";
        r().when(meta::skgid().is_not(1000)).drop() => "meta skgid != 1000 drop";
        r().when(meta::pkttype().is(PktType::BROADCAST)).drop() => "meta pkttype broadcast drop";
        r().when(meta::priority().is(TrafficClass::new(1, 0x10))).accept() => "meta priority 1:10 accept";
        r().when(meta::cpu().is(0..=3)).accept() => "meta cpu 0-3 accept";
        r().when(meta::iifgroup().is(5)).accept() => "iifgroup 5 accept";
        r().when(meta::iiftype().is(IfType::ETHER)).accept() => "meta iiftype ether accept";
        r().when(meta::iifkind().is("veth")).accept() => "meta iifkind \"veth\" accept";
        r().when(meta::cgroup().is(5)).accept() => "meta cgroup 5 accept";
        r().when(meta::ipsec().is(true)).accept() => "meta ipsec exists accept";
        r().when(meta::ipsec().is(false)).drop() => "meta ipsec missing drop";
        r().when(meta::day().is_any([Weekday::SATURDAY, Weekday::SUNDAY])).drop()
            => "meta day { \"Saturday\", \"Sunday\" } drop";
        r().when(meta::time().gt(Moment::from_secs(1_700_000_000))).accept() => "meta time > 1700000000 accept";
        r().when(ct::status().any(CtStatus::DNAT)).accept() => "ct status dnat accept";
        r().when(ct::status().masked(CtStatus::SNAT | CtStatus::DNAT).is(CtStatus::SNAT)).accept()
            => "ct status & (snat | dnat) == snat accept";
        r().when(ct::mark().is(Mark::bits(0x10, 0xf0))).accept() => "ct mark & 0x000000f0 == 0x00000010 accept";
        r().when(ct::direction().is(CtDirection::REPLY)).accept() => "ct direction reply accept";
        r().when(ct::direction().is_any([CtDirection::ORIGINAL, CtDirection::REPLY])).accept()
            => "ct direction { original, reply } accept";
        r().when(ct::zone().is_any([Pattern::from(1), (5..=10).into()])).accept() => "ct zone { 1, 5-10 } accept";
        r().when(ct::expiration().lt(TimeLeft::from_millis(90_000))).accept() => "ct expiration < 1m30s accept";
        r().when(ct::helper().is("ftp")).accept() => "ct helper \"ftp\" accept";
        r().when(ct::label().any(CtLabels::bit(5))).accept() => "ct label 5 accept";
        r().when(ct::zone().is(5..=10)).accept() => "ct zone 5-10 accept";
        r().when(ct::l3proto().is(NfProto::IPV4)).when(ip::saddr().is([192, 0, 2, 1])).accept()
            => "ct l3proto ipv4 ip saddr 192.0.2.1 accept";
        r().when(ct::original().ip_saddr().is([192, 0, 2, 1])).accept() => "ct original ip saddr 192.0.2.1 accept";
        r().when(ct::original().ip_daddr().is(net4("10.0.0.0/8"))).accept() => "ct original ip daddr 10.0.0.0/8 accept";
        r().when(ct::reply().ip6_saddr().is(net6("fe80::/10"))).accept() => "ct reply ip6 saddr fe80::/10 accept";
        r().when(ct::original().proto_dst().is_any([Pattern::from(22), (80..=90).into()])).accept()
            => "ct original proto-dst { 22, 80-90 } accept";
        r().when(ct::original().packets().gt(100)).accept() => "ct original packets > 100 accept";
        r().when(ct::bytes().is(1000..=2000)).accept() => "ct bytes 1000-2000 accept";
        r().when(ct::original().saddr().is(v4("192.0.2.1"))).accept() => "ct original ip saddr 192.0.2.1 accept";
        r().when(limit(10).per_minute()).accept() => "limit rate 10/minute burst 5 packets accept";
        r().when(limit(10).per_second().burst(20)).accept() => "limit rate 10/second burst 20 packets accept";
        r().when(limit(10).per_hour().over()).drop() => "limit rate over 10/hour burst 5 packets drop";
        r().when(limit(10).kbytes().per_second()).accept() => "limit rate 10 kbytes/second accept";
        r().when(limit(1).mbytes().per_minute().burst(2048).over()).drop()
            => "limit rate over 1 mbytes/minute burst 2 kbytes drop";
        r().when(limit_named("slow")).accept() => "limit name \"slow\" accept";
        r().when(quota(10 << 20)).accept() => "quota 10 mbytes accept";
        r().when(quota(1000).over().used(5)).drop() => "quota over 1000 bytes used 5 bytes drop";
        r().when(quota_named("most")).accept() => "quota name \"most\" accept";
        r().then(counter_named("hits")).accept() => "counter name \"hits\" accept";
        r().then(log()).continue_() => "log continue";
        r().then(log().with_prefix("refused: ").with_level(LogLevel::Info)).drop()
            => "log prefix \"refused: \" level info drop";
        r().then(log().to_group(5).with_prefix("x")).drop() => "log prefix \"x\" group 5 drop";
        r().then(all_flags()).return_() => "log flags all return";
        r().jump("other") => "jump other";
        r().goto("other") => "goto other";
        r().when(tcp::dport().is(22)).jump("other") => "tcp dport 22 jump other";
        r().verdict(tcp::dport().vmap(&services)) => "tcp dport vmap @services";
        r().verdict(tcp::dport().vmap_of([
            (Pattern::from(22), Verdict::accept()), ((23..=25).into(), Verdict::drop()), (30.into(), Verdict::jump("other")),
        ])) => "tcp dport vmap { 22 : accept, 23-25 : drop, 30 : jump other }";
        r().verdict((ip::saddr(), tcp::dport()).vmap_of([(([192, 0, 2, 1], 22), Verdict::accept())]))
            => "ip saddr . tcp dport vmap { 192.0.2.1 . 22 : accept }";
        r().verdict(ip::dscp().vmap_of([(Dscp::CS1, Verdict::accept())])) => "ip dscp vmap { cs1 : accept }";
        r().verdict(addr::saddr().vmap_of([(net("10.0.0.0/8"), Verdict::accept()), (net("::1/128"), Verdict::drop())]))
            => "ip saddr vmap { 10.0.0.0/8 : accept }" | "ip6 saddr vmap { ::1 : drop }";
        r().then(meta::mark().set(5)).accept() => "meta mark set 0x00000005 accept";
        r().then(meta::mark().set(Mark::bits(0x0100, 0xff00))).accept()
            => "meta mark set meta mark & 0xffff00ff | 0x00000100 accept";
        r().then(meta::mark().set(ct::mark())).accept() => "meta mark set ct mark accept";
        r().then(meta::mark().set(ct::mark().masked(0xff))).accept() => "meta mark set ct mark & 0x000000ff accept";
        r().then(meta::mark().set(ip::saddr().map(&tags))).accept() => "meta mark set ip saddr map @tags accept";
        r().then(meta::mark().set(tcp::dport().map_of([(22, Mark::from(1)), (80, Mark::from(2))]))).accept()
            => "meta mark set tcp dport map { 22 : 0x00000001, 80 : 0x00000002 } accept";
        r().then(meta::mark().set(meta::mark().map_of([
            (Pattern::from(1), Mark::from(2)), ((5..=10).into(), Mark::from(3)),
        ]))).accept() => "meta mark set meta mark map { 0x00000001 : 0x00000002, 0x00000005-0x0000000a : 0x00000003 } accept";
        r().then(ct::mark().set(meta::mark())).accept() => "ct mark set meta mark accept";
        r().then(ct::mark().set(Mark::bits(0x0100, 0xff00))).comment("admin ssh").accept()
            => "ct mark set ct mark & 0xffff00ff | 0x00000100 accept comment \"admin ssh\"";
        r().then(meta::priority().set(TrafficClass::new(1, 5))).accept() => "meta priority set 1:5 accept";
        r().then(meta::nftrace().set(true)).accept() => "meta nftrace set 1 accept";
        r().then(ct::label().set(CtLabels::bit(5))).accept() => "ct label set 5 accept";
        r().then(ct::event().set(CtEvents::NEW | CtEvents::DESTROY)).accept() => "ct event set new,destroy accept";
        r().then(ip::dscp().set(Dscp::CS1)).accept() => "ip dscp set cs1 accept";
        r().then(ip::ecn().set(Ecn::ECT0)).accept() => "ip ecn set ect0 accept";
        r().then(ip::ttl().set(64)).accept() => "ip ttl set 64 accept";
        r().then(ip::saddr().set(v4("192.0.2.1"))).accept() => "ip saddr set 192.0.2.1 accept";
        r().then(ip::protocol().set(6)).accept() => "ip protocol set 6 accept";
        r().then(ip6::dscp().set(Dscp::CS1)).accept() => "ip6 dscp set cs1 accept";
        r().then(ip6::ecn().set(Ecn::CE)).accept() => "ip6 ecn set ce accept";
        r().then(ip6::hoplimit().set(64)).accept() => "ip6 hoplimit set 64 accept";
        r().then(ip6::flowlabel().set(5u32)).accept() => "ip6 flowlabel set 5 accept";
        r().then(tcp::dport().set(8080)).accept() => "tcp dport set 8080 accept";
        r().then(tcp::flags().set(TcpFlags::SYN)).accept() => "tcp flags set syn accept";
        r().then(udp::dport().set(53)).accept() => "udp dport set 53 accept";
        r().then(icmp::type_().set(IcmpType::ECHO_REPLY)).accept() => "icmp type set echo-reply accept";
        r().then(ether::daddr().set(mac(1))).accept() => "ether daddr set 00:11:22:33:44:01 accept";
        r().then(ip::saddr().update_in(&seen)).accept() => "update @seen { ip saddr } accept";
        r().then(ip::saddr().update_in(&seen).timeout(secs(60))).accept() => "update @seen { ip saddr timeout 1m } accept";
        r().then(ip::saddr().add_to(&seen).timeout(secs(90)).with(counter())).accept()
            => "add @seen { ip saddr timeout 1m30s counter } accept";
        r().then(ip::saddr().add_to(&seen).with(limit(10).per_minute())).accept()
            => "add @seen { ip saddr limit rate 10/minute burst 5 packets } accept";
        r().then(ip::saddr().update_in(&seen).timeout(secs(60)).with(limit(10).per_second().over()).with(counter())).drop()
            => "update @seen { ip saddr timeout 1m limit rate over 10/second burst 5 packets counter } drop";
        r().then(ip::saddr().masked(v4("255.255.255.0")).add_to(&seen)).accept()
            => "add @seen { ip saddr & 255.255.255.0 } accept";
        r().then(ip::saddr().delete_from(&seen)).accept() => "delete @seen { ip saddr } accept";
        r().then((ip::saddr(), tcp::dport()).update_in(&flows).timeout(secs(10))).accept()
            => "update @flows { ip saddr . tcp dport timeout 10s } accept";
        r().then(addr::saddr().update_in(&who).timeout(secs(60))).accept()
            => "update @who4 { ip saddr timeout 1m } accept" | "update @who6 { ip6 saddr timeout 1m } accept";
        r().then(counter()).when(addr::saddr().network(24, 64).is_in(&lan)).accept()
            => "meta nfproto ipv4 counter ip saddr & 255.255.255.0 @lan4 accept"
            | "meta nfproto ipv6 counter ip6 saddr & ffff:ffff:ffff:ffff:: @lan6 accept";
        r().reject() => "reject";
        r().reject_with(RejectWith::TcpReset) => "reject with tcp reset";
        r().then(log()).reject_with(RejectWith::TcpReset) => "log reject with tcp reset";
        r().when(tcp::dport().is(22)).reject_with(RejectWith::TcpReset) => "tcp dport 22 reject with tcp reset";
        r().when(ip::saddr().is([192, 0, 2, 1])).reject_with(RejectWith::TcpReset)
            => "ip saddr 192.0.2.1 reject with tcp reset";
        r().when(tcp::dport().is(22)).reject() => "tcp dport 22 reject";
        r().when(ip::saddr().is([192, 0, 2, 1])).reject() => "ip saddr 192.0.2.1 reject";
        r().when(ip6::saddr().is(v6("::1"))).reject() => "ip6 saddr ::1 reject";
        r().then(counter()).reject_with(IcmpCode::HOST_UNREACHABLE) => "counter reject with icmp host-unreachable";
        r().then(counter()).reject_with(Icmpv6Code::NO_ROUTE) => "counter reject with icmpv6 no-route";
        r().reject_with(IcmpxCode::ADMIN_PROHIBITED) => "reject with icmpx admin-prohibited";
        r().when(addr::saddr().is_not_in(&who)).reject()
            => "ip saddr != @who4 reject" | "ip6 saddr != @who6 reject";
    }
    rows! { cases, Inet, PREROUTING;
        r().when(udp::dport().is(53)).then(notrack()).accept() => "udp dport 53 notrack accept";
        r().then(ct::zone().set(5u16)).accept() => "ct zone set 5 accept";
        r().then(ct::original().zone().set(5u16)).accept() => "ct original zone set 5 accept";
    }
    rows! { cases, Inet, DSTNAT;
        r().dnat(v4("192.0.2.1")) => "dnat ip to 192.0.2.1";
        r().dnat(v6("2001:db8::1")) => "dnat ip6 to 2001:db8::1";
        r().when(tcp::dport().is(80)).dnat("192.0.2.1:8080".parse::<SocketAddr>().unwrap())
            => "tcp dport 80 dnat ip to 192.0.2.1:8080";
        r().when(tcp::dport().is(80)).dnat("[2001:db8::1]:8080".parse::<SocketAddr>().unwrap())
            => "tcp dport 80 dnat ip6 to [2001:db8::1]:8080";
        r().when(tcp::dport().is(80)).dnat(To::from(v4("192.0.2.1")..=v4("192.0.2.9")).ports(8080..=8090).random())
            => "tcp dport 80 dnat ip to 192.0.2.1-192.0.2.9:8080-8090 random";
        r().when(tcp::dport().is(80)).dnat(8080) => "tcp dport 80 dnat to :8080";
        r().when(tcp::dport().is(80)).dnat(To::from(v4("192.0.2.1")).or(v6("2001:db8::1")).port(8080))
            => "tcp dport 80 dnat ip to 192.0.2.1:8080" | "tcp dport 80 dnat ip6 to [2001:db8::1]:8080";
        r().when(tcp::dport().is_any([80, 81])).dnat(tcp::dport().map(&backends))
            => "tcp dport { 80, 81 } dnat ip to tcp dport map @backends";
        r().dnat(tcp::dport().map(&targets)) => "dnat ip to tcp dport map @targets";
        r().when(tcp::dport().is(80)).dnat(tcp::dport().map_of([(80, (v4("192.0.2.1"), Port::from(8080)))]))
            => "tcp dport 80 dnat ip to tcp dport map { 80 : 192.0.2.1 . 8080 }";
        r().redirect() => "redirect";
        r().when(tcp::dport().is(80)).redirect_to(8080) => "tcp dport 80 redirect to :8080";
        r().when(tcp::dport().is(80)).redirect_to(To::from(8080..=8090).fully_random())
            => "tcp dport 80 redirect to :8080-8090 fully-random";
    }
    rows! { cases, Inet, SRCNAT;
        r().masquerade() => "masquerade";
        r().when(meta::oifname().is("eth0")).masquerade() => "oifname \"eth0\" masquerade";
        r().masquerade_to(To::same().random().persistent()) => "masquerade random,persistent";
        r().when(tcp::dport().is(80)).masquerade_to(1024..=65535) => "tcp dport 80 masquerade to :1024-65535";
        r().snat(v4("192.0.2.1")) => "snat ip to 192.0.2.1";
        r().snat(To::from(v4("192.0.2.1")..=v4("192.0.2.9")).persistent()) => "snat ip to 192.0.2.1-192.0.2.9 persistent";
        r().when(addr::saddr().is(net("10.0.0.0/8"))).snat(To::from(v4("192.0.2.1")).or(v6("2001:db8::1")))
            => "ip saddr 10.0.0.0/8 snat ip to 192.0.2.1";
    }
    rows! { cases, Inet, FORWARD;
        r().when(meta::oifname().is("wg*")).when(meta::iifname().is("eth0")).when(ct::state().any(CtState::NEW)).accept()
            => "oifname \"wg*\" iifname \"eth0\" ct state new accept";
    }
    cases
}

fn all_flags() -> oxitables::expr::Log {
    let mut log = log();
    log.flags =
        Some(LogFlags::TCP_SEQUENCE | LogFlags::TCP_OPTIONS | LogFlags::IP_OPTIONS | LogFlags::USER | LogFlags::ETHER);
    log
}
