use super::*;

/// Tables of the other five families, where fields need other matches before them.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let lan = set::<IpAddr>("lan").interval();
    let pairs = set::<(Ipv4Addr, Port)>("pairs");
    let r = Rule::new;
    rows! { cases, Ip, FILTER;
        r().when(ip::saddr().is([192, 0, 2, 1])).accept() => "ip saddr 192.0.2.1 accept";
        r().when(ip::saddr().is(net4("10.0.0.0/8"))).when(ip::protocol().is(Protocol::TCP)).accept()
            => "ip saddr 10.0.0.0/8 ip protocol tcp accept";
        r().when(tcp::dport().is(22)).accept() => "tcp dport 22 accept";
        r().when(icmp::type_().is(IcmpType::ECHO_REQUEST)).accept() => "icmp type echo-request accept";
        r().when(icmpv6::type_().is(Icmpv6Type::ECHO_REQUEST)).accept() => "icmpv6 type echo-request accept";
        r().when(addr::saddr().is_in(&lan)).accept() => "ip saddr @lan4 accept";
        r().when(addr::saddr().is_not(v6("::1"))).accept() => "accept";
        r().when((ip::saddr(), tcp::dport()).is_in(&pairs)).accept() => "ip saddr . tcp dport @pairs accept";
        r().when(meta::protocol().is(EtherType::IP)).when(tcp::dport().is(22)).accept()
            => "meta protocol ip tcp dport 22 accept";
        r().when(meta::protocol().is(EtherType::IP)) => "meta protocol ip";
        r().when(ether::saddr().is(mac(1))).when(ip::saddr().is([192, 0, 2, 1])).accept()
            => "ether saddr 00:11:22:33:44:01 ip saddr 192.0.2.1 accept";
        r().reject() => "reject";
        r().when(tcp::dport().is(22)).reject_with(RejectWith::TcpReset) => "tcp dport 22 reject with tcp reset";
        r().reject_with(IcmpCode::ADMIN_PROHIBITED) => "reject with icmp admin-prohibited";
        r().when(ct::original().ip_saddr().is([192, 0, 2, 1])).accept() => "ct original ip saddr 192.0.2.1 accept";
        r().when(limit(5).per_second()).accept() => "limit rate 5/second burst 5 packets accept";
    }
    rows! { cases, Ip, DSTNAT;
        r().when(tcp::dport().is(80)).dnat("192.0.2.1:8080".parse::<SocketAddr>().unwrap())
            => "tcp dport 80 dnat ip to 192.0.2.1:8080";
        r().when(tcp::dport().is(80)).dnat(8080) => "tcp dport 80 dnat to :8080";
        r().dnat(v4("192.0.2.1")) => "dnat ip to 192.0.2.1";
    }
    rows! { cases, Ip, SRCNAT;
        r().when(meta::oifname().is("eth0")).masquerade() => "oifname \"eth0\" masquerade";
    }
    rows! { cases, Ip6, FILTER;
        r().when(ip6::saddr().is(net6("2001:db8::/32"))).accept() => "ip6 saddr 2001:db8::/32 accept";
        r().when(icmpv6::type_().is(Icmpv6Type::ND_NEIGHBOR_SOLICIT)).when(ip6::hoplimit().is(255)).accept()
            => "icmpv6 type nd-neighbor-solicit ip6 hoplimit 255 accept";
        r().when(ip6::nexthdr().is(Protocol::TCP)).when(ip6::hoplimit().is(5)).accept()
            => "ip6 nexthdr tcp ip6 hoplimit 5 accept";
        r().when(addr::saddr().is_in(&lan)).accept() => "ip6 saddr @lan6 accept";
        r().when(udp::dport().is(546)).accept() => "udp dport 546 accept";
        r().reject() => "reject";
        r().reject_with(Icmpv6Code::ADMIN_PROHIBITED) => "reject with icmpv6 admin-prohibited";
        r().when(ip6::saddr().is_any([v6("::1"), v6("::2")])).accept() => "ip6 saddr { ::1, ::2 } accept";
    }
    rows! { cases, Ip6, DSTNAT;
        r().dnat(v6("2001:db8::1")) => "dnat ip6 to 2001:db8::1";
    }
    rows! { cases, Arp, FILTER;
        r().when(arp::operation().is(ArpOp::REQUEST)).accept() => "arp operation request accept";
        r().when(arp::operation().is_any([ArpOp::REQUEST, ArpOp::REPLY])).accept()
            => "arp operation { request, reply } accept";
        r().when(arp::saddr_ip().is(net4("10.0.0.0/8"))).accept() => "arp saddr ip 10.0.0.0/8 accept";
        r().when(arp::saddr_ether().is(mac(1))).when(arp::saddr_ip().is([192, 0, 2, 1])).accept()
            => "arp saddr ether 00:11:22:33:44:01 arp saddr ip 192.0.2.1 accept";
        r().when(arp::htype().is(1)).when(arp::ptype().is(EtherType::IP)).when(arp::hlen().is(6))
            .when(arp::plen().is(4)).when(arp::operation().is(1)).accept()
            => "arp htype 1 arp ptype ip arp hlen 6 arp plen 4 arp operation request accept";
        r().then(arp::daddr_ip().set(v4("192.0.2.1"))).accept() => "arp daddr ip set 192.0.2.1 accept";
        r().when(meta::iifname().is("eth0")).when(limit(5).per_second()).accept()
            => "iifname \"eth0\" limit rate 5/second burst 5 packets accept";
        r().when(ether::saddr().is(mac(1))).drop() => "ether saddr 00:11:22:33:44:01 drop";
    }
    rows! { cases, Bridge, FILTER;
        r().when(ip::saddr().is([192, 0, 2, 1])).accept() => "ip saddr 192.0.2.1 accept";
        r().when(tcp::dport().is(22)).accept() => "tcp dport 22 accept";
        r().when(icmp::type_().is(IcmpType::ECHO_REQUEST)).accept() => "icmp type echo-request accept";
        r().when(icmpv6::type_().is(Icmpv6Type::ECHO_REQUEST)).accept() => "icmpv6 type echo-request accept";
        r().when(ether::saddr().is(mac(1))).when(ip::saddr().is([192, 0, 2, 1])).accept()
            => "ether saddr 00:11:22:33:44:01 ip saddr 192.0.2.1 accept";
        r().when(ether::type_().is(EtherType::IP6)).when(icmpv6::type_().is(128)).accept()
            => "ether type ip6 icmpv6 type echo-request accept";
        r().when(arp::operation().is(ArpOp::REPLY)).drop() => "arp operation reply drop";
        r().when(ether::saddr().is(mac(1))).when(icmp::type_().is(8)).accept()
            => "ether saddr 00:11:22:33:44:01 icmp type echo-request accept";
        r().when(addr::saddr().is_in(&lan)).accept() => "ip saddr @lan4 accept" | "ip6 saddr @lan6 accept";
        r().when(addr::saddr().is_not(v4("192.0.2.1"))).drop()
            => "ip saddr != 192.0.2.1 drop" | "meta protocol ip6 drop";
        r().when(meta::protocol().is(EtherType::IP)).when(ip::daddr().is([192, 0, 2, 1])).accept()
            => "meta protocol ip ip daddr 192.0.2.1 accept";
    }
    rows! { cases, Bridge, PREROUTING;
        r().then(meta::pkttype().set(PktType::HOST)).accept() => "meta pkttype set host accept";
    }
    rows! { cases, Netdev, INGRESS;
        r().when(ip::saddr().is([192, 0, 2, 1])).drop() => "ip saddr 192.0.2.1 drop";
        r().when(ip6::saddr().is(v6("::1"))).drop() => "ip6 saddr ::1 drop";
        r().when(icmp::type_().is(IcmpType::ECHO_REQUEST)).drop() => "icmp type echo-request drop";
        r().when(ether::saddr().is(mac(1))).when(ip::saddr().is([192, 0, 2, 1])).drop()
            => "ether saddr 00:11:22:33:44:01 ip saddr 192.0.2.1 drop";
        r().when(arp::operation().is(ArpOp::REQUEST)).drop() => "arp operation request drop";
        r().when(meta::protocol().is(EtherType::IP)).when(meta::l4proto().is(Protocol::TCP)).when(tcp::dport().is(22)).drop()
            => "meta protocol ip meta l4proto tcp tcp dport 22 drop";
        r().when(addr::saddr().is_any([v4("192.0.2.1"), v4("192.0.2.2")])).drop()
            => "ip saddr { 192.0.2.1, 192.0.2.2 } drop";
        r().when(udp::dport().is(53)).when(udp::sport().is(53)).then(counter()).drop()
            => "udp dport 53 udp sport 53 counter drop";
        r().reject() => "reject";
        r().reject_with(IcmpCode::PORT_UNREACHABLE) => "reject with icmp port-unreachable";
    }
    cases
}
