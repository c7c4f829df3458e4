//! What rules become, register by register. Expected lists: what `nft --debug=netlink` (1.1.7)
//! prints for the same rule, in shorter words.

use crate::{
    Family::{self, *},
    Keyed, Mark, Pattern, RejectWith, Rule, SetRef, To, addr, counter, ct,
    data::*,
    dccp, ether,
    expr::*,
    flow_add, gre, icmp, ip, ip6, jhash, limit, log, meta, numgen, queue, quota, tcp, th, tunnel, udp, vxlan,
};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

/// One expression in few words.
fn short(expr: &Expr) -> String {
    let reg = |r: Option<Register>| r.map_or(0, u32::from);
    match expr {
        Expr::Meta(e) => match e.sreg {
            Some(r) => format!("meta {:?} = {}", e.key, u32::from(r)),
            None => format!("{} = meta {:?}", reg(e.dreg), e.key),
        },
        Expr::Ct(e) => match e.sreg {
            Some(r) => format!("ct {:?} = {}", e.key, u32::from(r)),
            None => format!(
                "{} = ct {:?}{}",
                reg(e.dreg),
                e.key,
                e.direction.map_or(String::new(), |d| format!(" dir {d}"))
            ),
        },
        Expr::Payload(e) => match e.sreg {
            Some(r) => format!(
                "{:?}+{}/{} = {} csum {:?}@{:?} {}",
                e.base,
                e.offset,
                e.len,
                u32::from(r),
                e.csum_type.map_or(0, u32::from),
                e.csum_offset.unwrap_or_default(),
                e.csum_flags.unwrap_or_default().bits(),
            ),
            None => format!("{} = {:?}+{}/{}", reg(e.dreg), e.base, e.offset, e.len),
        },
        Expr::Cmp(e) => format!("{} {:?} {}", u32::from(e.sreg), e.op, hex(&e.data)),
        Expr::Range(e) => format!("{} {:?} {}-{}", u32::from(e.sreg), e.op, hex(&e.from), hex(&e.to)),
        Expr::Bitwise(e) => match (&e.mask, &e.xor, &e.data) {
            (Some(mask), Some(xor), _) => format!("{} & {} ^ {}", u32::from(e.dreg), hex(mask), hex(xor)),
            (_, _, Some(Data::Value(by))) => format!("{} {:?} {}", u32::from(e.dreg), e.op.unwrap(), by[0].max(by[3])),
            _ => unreachable!(),
        },
        Expr::Byteorder(e) => format!("{} {:?}/{}", u32::from(e.dreg), e.op, e.size),
        Expr::Lookup(e) => format!(
            "{} in {}{}{}",
            u32::from(e.sreg),
            e.set,
            if e.flags.is_some() { " not" } else { "" },
            e.dreg.map_or(String::new(), |r| format!(" -> {}", u32::from(r))),
        ),
        Expr::Immediate(e) => match &e.data {
            Data::Value(value) => format!("{} = {}", u32::from(e.dreg), hex(value)),
            Data::Verdict(verdict) => crate::rule::Decision::from(verdict.clone()).to_string(),
        },
        Expr::Dynset(e) => format!(
            "{:?} {} in {}{}{}",
            e.op,
            u32::from(e.key),
            e.set,
            e.timeout.map_or(String::new(), |t| format!(" {}ms", t.as_millis())),
            e.expr.iter().map(|e| format!(" {}", e.name())).collect::<String>(),
        ),
        Expr::Nat(e) => format!(
            "{:?} {} {} {} {} {} {}",
            e.kind,
            e.family,
            reg(e.addr_min),
            reg(e.addr_max),
            reg(e.port_min),
            reg(e.port_max),
            e.flags.unwrap_or_default().bits(),
        ),
        Expr::Exthdr(e) => format!(
            "{} = {:?} {}+{}/{} {}",
            reg(e.dreg),
            e.op.unwrap(),
            e.kind,
            e.offset.unwrap_or_default(),
            e.len.unwrap_or_default(),
            e.flags.unwrap_or_default().bits()
        ),
        Expr::Queue(e) => {
            format!("queue {:?}/{:?} {} {}", e.number, e.total, reg(e.sreg), e.flags.unwrap_or_default().bits())
        }
        Expr::Numgen(e) => format!("{} = {:?} mod {}", u32::from(e.dreg), e.kind, e.modulus),
        Expr::Hash(e) => format!("{} = {:?} {} mod {}", u32::from(e.dreg), e.kind.unwrap(), reg(e.sreg), e.modulus),
        Expr::Objref(e) => format!("{:?} {}", e.kind.unwrap(), e.name.as_ref().unwrap()),
        Expr::FlowOffload(e) => format!("flow {}", e.flowtable),
        Expr::Tunnel(e) => format!("{} = tunnel {:?}", u32::from(e.dreg), e.key),
        Expr::Reject(e) => format!("reject {} {:?}", u32::from(e.kind), e.code.unwrap_or_default()),
        other => other.name().into_owned(),
    }
}

fn registers(rule: &Rule, family: Family) -> Vec<Vec<String>> {
    let lowered = rule.lower(family).unwrap_or_else(|e| panic!("{rule}: {e}"));
    lowered.iter().map(|rule| rule.exprs.iter().map(short).collect()).collect()
}

macro_rules! becomes {
    ($rule:expr, $family:ident, $($expected:literal),* $(,)?) => {
        let rule: Rule = $rule.into();
        let expected: Vec<String> = vec![$($expected.into()),*];
        assert_eq!(registers(&rule, $family), [expected], "{rule}");
    };
}

const NFPROTO_IP: &str = "1 = meta Nfproto";

#[test]
fn protocols_are_implied_once_and_where_nft_puts_them() {
    becomes!(
        Rule::new().when(tcp::dport().is(22)).accept(),
        Inet,
        "1 = meta L4proto",
        "1 Eq 06",
        "1 = Transport+2/2",
        "1 Eq 0016",
        "accept"
    );
    becomes!(
        Rule::new().when(ip::saddr().is([192, 0, 2, 1])),
        Inet,
        "1 = meta Nfproto",
        "1 Eq 02",
        "1 = Network+12/4",
        "1 Eq c0000201"
    );
    becomes!(Rule::new().when(ip::saddr().is([192, 0, 2, 1])), Ip, "1 = Network+12/4", "1 Eq c0000201");
    becomes!(
        Rule::new().when(ip::saddr().is([192, 0, 2, 1])),
        Bridge,
        "1 = meta Protocol",
        "1 Eq 0800",
        "1 = Network+12/4",
        "1 Eq c0000201"
    );
    becomes!(
        Rule::new().when(icmp::type_().is(8)),
        Bridge,
        "1 = Link+12/2",
        "1 Eq 0800",
        "1 = meta L4proto",
        "1 Eq 01",
        "1 = Transport+0/1",
        "1 Eq 08"
    );
    becomes!(
        Rule::new().when(icmp::type_().is(8)),
        Netdev,
        "1 = meta Protocol",
        "1 Eq 0800",
        "1 = meta L4proto",
        "1 Eq 01",
        "1 = Transport+0/1",
        "1 Eq 08"
    );
    becomes!(
        Rule::new().when(meta::l4proto().is(Protocol::TCP)).when(tcp::dport().is(22)),
        Inet,
        "1 = meta L4proto",
        "1 Eq 06",
        "1 = Transport+2/2",
        "1 Eq 0016"
    );
    becomes!(
        Rule::new().when(ip::protocol().is(Protocol::TCP)).when(tcp::dport().is(22)),
        Ip,
        "1 = Network+9/1",
        "1 Eq 06",
        "1 = Transport+2/2",
        "1 Eq 0016"
    );
    becomes!(Rule::new().when(th::dport().is(22)), Inet, "1 = Transport+2/2", "1 Eq 0016");
    assert_eq!(registers(&Rule::new().when(ip::ttl().is(1)).into(), Inet)[0][0], NFPROTO_IP);
}

#[test]
fn neighbours_are_compared_together() {
    becomes!(
        Rule::new().when(udp::dport().is(2)).when(udp::sport().is(1)),
        Ip,
        "1 = meta L4proto",
        "1 Eq 11",
        "1 = Transport+0/4",
        "1 Eq 00010002"
    );
    // In front of an action the first comparison has to be made.
    becomes!(
        Rule::new().when(tcp::sport().is(1)).then(counter()).when(tcp::dport().is(2)),
        Ip,
        "1 = meta L4proto",
        "1 Eq 06",
        "1 = Transport+0/2",
        "1 Eq 0001",
        "counter",
        "1 = Transport+2/2",
        "1 Eq 0002"
    );
    let mac = MacAddr::new([0, 0x11, 0x22, 0x33, 0x44, 0x55]);
    becomes!(
        Rule::new().when(ether::saddr().is(mac)).when(ip::saddr().is([192, 0, 2, 1])),
        Inet,
        "1 = meta Iiftype",
        "1 Eq 0100",
        "1 = Link+6/8",
        "1 Eq 0011223344550800",
        "1 = Network+12/4",
        "1 Eq c0000201"
    );
    // A bit test is no comparison, though nft 1.1.7 joins it as one.
    becomes!(
        Rule::new().when(tcp::flags().any(TcpFlags::SYN)).when(tcp::window().is(5)),
        Ip,
        "1 = meta L4proto",
        "1 Eq 06",
        "1 = Transport+13/1",
        "1 & 02 ^ 00",
        "1 Neq 00",
        "1 = Transport+14/2",
        "1 Eq 0005"
    );
}

#[test]
fn what_the_table_says_is_left_out() {
    becomes!(Rule::new().when(meta::protocol().is(EtherType::IP)).accept(), Ip, "accept");
    becomes!(Rule::new().when(meta::protocol().is(EtherType::IP)), Ip, "1 = meta Protocol", "1 Eq 0800");
    becomes!(
        Rule::new().when(meta::protocol().is(EtherType::IP)).accept(),
        Inet,
        "1 = meta Protocol",
        "1 Eq 0800",
        "accept"
    );
}

#[test]
fn bits_masks_prefixes() {
    becomes!(
        Rule::new().when(ct::state().any(CtState::ESTABLISHED | CtState::RELATED)),
        Inet,
        "1 = ct State",
        "1 & 06000000 ^ 00000000",
        "1 Neq 00000000"
    );
    becomes!(Rule::new().when(ip::dscp().is(Dscp::EF)), Ip, "1 = Network+1/1", "1 & fc ^ 00", "1 Eq b8");
    becomes!(Rule::new().when(ip6::flowlabel().is(5)), Ip6, "1 = Network+1/3", "1 & 0fffff ^ 000000", "1 Eq 000005");
    let net = |text: &str| Pattern::from(text.parse::<ipnetwork::Ipv4Network>().unwrap());
    becomes!(Rule::new().when(ip::saddr().is(net("10.0.0.0/8"))), Ip, "1 = Network+12/1", "1 Eq 0a");
    becomes!(
        Rule::new().when(ip::saddr().is(net("10.0.0.0/9"))),
        Ip,
        "1 = Network+12/4",
        "1 & ff800000 ^ 00000000",
        "1 Eq 0a000000"
    );
    becomes!(
        Rule::new().when(ip::saddr().is(net("0.0.0.0/0"))),
        Ip,
        "1 = Network+12/4",
        "1 & 00000000 ^ 00000000",
        "1 Eq 00000000"
    );
    becomes!(Rule::new().when(ip::saddr().is(net("10.1.2.3/32"))), Ip, "1 = Network+12/4", "1 Eq 0a010203");
    becomes!(Rule::new().when(ct::original().ip_saddr().is(net("10.0.0.0/8"))), Ip, "1 = ct SrcIp dir 0", "1 Eq 0a");
    becomes!(Rule::new().when(meta::iifname().is("eth*")), Ip, "1 = meta Iifname", "1 Eq 657468");
    becomes!(
        Rule::new().when(meta::iifname().is("eth0")),
        Ip,
        "1 = meta Iifname",
        "1 Eq 65746830000000000000000000000000"
    );
}

#[cfg(target_endian = "little")]
#[test]
fn byte_order() {
    becomes!(Rule::new().when(meta::mark().is(0x10)), Ip, "1 = meta Mark", "1 Eq 10000000");
    becomes!(Rule::new().when(meta::mark().is(5..=10)), Ip, "1 = meta Mark", "1 Hton/4", "1 Eq 00000005-0000000a");
    becomes!(
        Rule::new().when(meta::mark().masked(0xff).gt(5)),
        Ip,
        "1 = meta Mark",
        "1 & ff000000 ^ 00000000",
        "1 Hton/4",
        "1 Gt 00000005"
    );
    becomes!(Rule::new().when(ct::bytes().gt(100)), Ip, "1 = ct Bytes", "1 Hton/8", "1 Gt 0000000000000064");
    let marks = SetRef::<Mark>::new(Ip, "t", "marks");
    becomes!(Rule::new().when(meta::mark().is_in(&marks)), Ip, "1 = meta Mark", "1 in marks");
    becomes!(Rule::new().when(meta::mark().is_in(&marks.interval())), Ip, "1 = meta Mark", "1 Hton/4", "1 in marks");
    let pairs = SetRef::<(Ipv4Addr, Mark)>::new(Ip, "t", "pairs").interval();
    becomes!(
        Rule::new().when((ip::saddr(), meta::mark()).is_not_in(&pairs)),
        Ip,
        "1 = Network+12/4",
        "9 = meta Mark",
        "9 Hton/4",
        "1 in pairs not"
    );
    let classes = SetRef::<Dscp>::new(Ip6, "t", "classes");
    becomes!(
        Rule::new().when(ip6::dscp().is_in(&classes)),
        Ip6,
        "1 = Network+0/2",
        "1 & 0fc0 ^ 0000",
        "1 Ntoh/2",
        "1 Rshift 6",
        "1 in classes"
    );
}

#[test]
fn keys_lie_at_multiples_of_four_bytes() {
    let set = SetRef::<(Ipv6Addr, Port, Ipv6Addr)>::new(Ip6, "t", "s");
    becomes!(
        Rule::new().when((ip6::saddr(), tcp::dport(), ip6::daddr()).is_in(&set)),
        Ip6,
        "1 = meta L4proto",
        "1 Eq 06",
        "1 = Network+8/16",
        "2 = Transport+2/2",
        "13 = Network+24/16",
        "1 in s"
    );
}

#[test]
fn anonymous_sets() {
    let rule = Rule::new().when(tcp::dport().is_any([Pattern::from(22), (80..=90).into(), 91.into()])).accept();
    let lowered = &rule.lower(Ip).unwrap()[0];
    assert_eq!(lowered.sets.len(), 1);
    let Expr::Lookup(lookup) = &lowered.exprs[3] else { panic!("{:?}", lowered.exprs) };
    assert_eq!((lookup.set_id, &lookup.set), (Some(0), &Name::from("__set%d")));
    let keys: Vec<_> =
        lowered.sets[0].elements.iter().map(|e| (hex(e.key.as_ref().unwrap()), e.is_interval_end())).collect();
    // Neighbours join, an end stands at the bottom.
    let expected = [("0000", true), ("0016", false), ("0017", true), ("0050", false), ("005c", true)]
        .map(|(k, e)| (k.to_owned(), e));
    assert_eq!(keys, expected);
    let set = &lowered.sets[0].set;
    assert_eq!(set.flags().bits(), 7);
    // To the highest value there is no end, but a note.
    let rule = Rule::new().when(tcp::dport().is_any([Pattern::from(0), (65530..=65535).into()])).accept();
    let elements = &rule.lower(Ip).unwrap()[0].sets[0].elements;
    assert_eq!(elements.len(), 3);
    assert_eq!(hex(elements[2].userdata.as_ref().unwrap().as_bytes()), "010401000000");
    // One element is none.
    becomes!(
        Rule::new().when(tcp::dport().is_none_of([22])),
        Ip,
        "1 = meta L4proto",
        "1 Eq 06",
        "1 = Transport+2/2",
        "1 Neq 0016"
    );
    // In a map neighbours stay apart, and the end between them is the next one's start.
    let map = Rule::new()
        .verdict(tcp::dport().vmap_of([(Pattern::from(22), Verdict::accept()), ((23..=25).into(), Verdict::drop())]));
    let keys: Vec<_> =
        map.lower(Ip).unwrap()[0].sets[0].elements.iter().map(|e| hex(e.key.as_ref().unwrap())).collect();
    assert_eq!(keys, ["0000", "0016", "0017", "001a"]);
}

#[test]
fn rules_for_both_families() {
    let lan = SetRef::<IpAddr>::new(Inet, "t", "lan");
    let rule = Rule::new().when(addr::saddr().is_in(&lan)).accept();
    assert_eq!(
        registers(&rule, Inet),
        [
            ["1 = meta Nfproto", "1 Eq 02", "1 = Network+12/4", "1 in lan4", "accept"],
            ["1 = meta Nfproto", "1 Eq 0a", "1 = Network+8/16", "1 in lan6", "accept"],
        ]
    );
    assert_eq!(registers(&rule, Ip6), [["1 = Network+8/16", "1 in lan6", "accept"]]);
    // What is true of every packet of a family is left out, but the family is not.
    let rule = Rule::new().when(addr::saddr().is_not(Ipv4Addr::LOCALHOST)).drop();
    assert_eq!(registers(&rule, Inet)[1], ["1 = meta Nfproto", "1 Eq 0a", "drop"]);
    assert_eq!(registers(&rule, Ip6), [["drop"]]);
    // Nothing is done for a packet that is the other rule's.
    let rule = Rule::new().then(counter()).when(addr::saddr().is_in(&lan)).accept();
    assert_eq!(rule.text(Inet)[0], "meta nfproto ipv4 counter ip saddr @lan4 accept");
    assert_eq!(registers(&rule, Inet)[0][..3], ["1 = meta Nfproto", "1 Eq 02", "counter"]);
    assert_eq!(rule.text(Ip), ["counter ip saddr @lan4 accept"]);
    // What is true of none makes no rule.
    let rule = Rule::new().when(addr::saddr().is(Ipv4Addr::LOCALHOST)).drop();
    assert_eq!(registers(&rule, Inet).len(), 1);
    assert_eq!(rule.lower(Ip6).unwrap_err().to_string(), "a rule that no packet of a table of family ip6 can match");
}

#[test]
fn actions() {
    let seen = SetRef::<Ipv4Addr>::new(Ip, "t", "seen");
    let learn = ip::saddr().update_in(&seen).timeout(Duration::from_secs(60)).with(counter());
    becomes!(Rule::new().then(learn), Ip, "1 = Network+12/4", "Update 1 in seen 60000ms counter");
    becomes!(Rule::new().then(meta::mark().set(ct::mark())), Ip, "1 = ct Mark", "meta Mark = 1");
    becomes!(
        Rule::new().then(ip::ttl().set(64)),
        Ip,
        "1 = Network+8/2",
        "1 & 00ff ^ 4000",
        "Network+8/2 = 1 csum 1@10 0"
    );
    becomes!(
        Rule::new().then(ip::daddr().set(Ipv4Addr::LOCALHOST)),
        Ip,
        "1 = 7f000001",
        "Network+16/4 = 1 csum 1@10 1"
    );
    becomes!(
        Rule::new().then(udp::dport().set(53)),
        Ip,
        "1 = meta L4proto",
        "1 Eq 11",
        "1 = 0035",
        "Transport+2/2 = 1 csum 0@0 1"
    );
    becomes!(Rule::new().when(limit(1).per_second()).when(quota(5)).then(log()), Ip, "limit", "quota", "log");
}

#[cfg(target_endian = "little")]
#[test]
fn some_bits_of_a_mark() {
    becomes!(
        Rule::new().then(ct::mark().set(Mark::bits(0x0100, 0xff00))),
        Ip,
        "1 = ct Mark",
        "1 & ff00ffff ^ 00010000",
        "ct Mark = 1"
    );
}

#[test]
fn rejections_match_before_anything_acts() {
    becomes!(
        Rule::new().then(log()).reject_with(RejectWith::TcpReset),
        Inet,
        "1 = meta L4proto",
        "1 Eq 06",
        "log",
        "reject 1 0"
    );
    becomes!(
        Rule::new().then(log()).reject_with(IcmpCode::HOST_UNREACHABLE),
        Inet,
        "1 = meta Nfproto",
        "1 Eq 02",
        "log",
        "reject 0 1"
    );
    becomes!(Rule::new().reject(), Inet, "reject 2 1");
    becomes!(Rule::new().reject(), Ip6, "reject 0 4");
}

#[test]
fn translations() {
    becomes!(Rule::new().dnat(Ipv4Addr::LOCALHOST), Inet, "1 = 7f000001", "Dnat 2 1 0 0 0 0");
    becomes!(
        Rule::new().when(tcp::dport().is(80)).dnat(To::from(Ipv4Addr::LOCALHOST).ports(80..=90).random()),
        Ip,
        "1 = meta L4proto",
        "1 Eq 06",
        "1 = Transport+2/2",
        "1 Eq 0050",
        "1 = 7f000001",
        "2 = 0050",
        "3 = 005a",
        "Dnat 2 1 0 2 3 6"
    );
    becomes!(
        Rule::new().when(tcp::dport().is(80)).dnat(8080),
        Inet,
        "1 = meta L4proto",
        "1 Eq 06",
        "1 = Transport+2/2",
        "1 Eq 0050",
        "1 = 1f90",
        "Dnat 1 0 0 1 0 2"
    );
}

/// What the kernel at hand lacks. `nft --debug=netlink` (1.1.7) prints the same.
#[cfg(target_endian = "little")]
#[test]
fn fields_of_other_kernels() {
    becomes!(Rule::new().when(dccp::option(3)), Inet, "1 = DccpOption 3+0/1 1", "1 Eq 01");
    becomes!(Rule::new().when(dccp::option(200).is(false)), Inet, "1 = DccpOption 200+0/1 1", "1 Eq 00");
    becomes!(Rule::new().when(tunnel::id().is(5)), Inet, "1 = tunnel Id", "1 Eq 05000000");
    becomes!(Rule::new().when(tunnel::path()), Inet, "1 = tunnel Path", "1 Eq 01");
    let bridge = MacAddr::new([0, 0x11, 0x22, 0x33, 0x44, 0x55]);
    becomes!(Rule::new().when(meta::ibrhwaddr().is(bridge)), Bridge, "1 = meta BriIifhwaddr", "1 Eq 001122334455");
    becomes!(Rule::new().then(meta::broute().set(true)), Bridge, "1 = 01", "meta BriBroute = 1");
}

#[test]
fn a_tunnel_needs_its_port() {
    let alone = Rule::new().when(vxlan::vni().is(5));
    assert_eq!(alone.lower(Inet).unwrap_err().to_string(), "vxlan vni needs a UDP port: match udp::dport() before");
    let inside = Rule::new().when(udp::dport().is(4789)).when(vxlan::inside(meta::mark()).is(5));
    assert_eq!(inside.lower(Inet).unwrap_err().to_string(), "vxlan meta mark cannot be read inside of a tunnel");
    let frame = Rule::new().when(gre::inside(ether::saddr()).is(MacAddr::default()));
    assert_eq!(frame.lower(Inet).unwrap_err().to_string(), "gre ether saddr: there is no Ethernet header inside");
}

/// Statements that the kernel at hand lacks. `nft --debug=netlink` (1.1.7) prints the same.
#[test]
fn statements_of_other_kernels() {
    becomes!(Rule::new().queue(3), Inet, "queue Some(3)/Some(1) 0 0");
    becomes!(Rule::new().queue(queue(1..=4).bypass().fanout()), Inet, "queue Some(1)/Some(4) 0 3");
    becomes!(Rule::new().queue(numgen(4)), Inet, "1 = Incremental mod 4", "queue None/None 1 0");
    becomes!(
        Rule::new().queue(queue(jhash(ip::saddr(), 4)).bypass()),
        Ip,
        "2 = Network+12/4",
        "1 = Jenkins 2 mod 4",
        "queue None/None 1 1"
    );
    becomes!(Rule::new().then(flow_add("f")), Inet, "flow f");
    becomes!(Rule::new().then(meta::secmark_named("sm")), Inet, "Secmark sm");
    let whole = Rule::new().queue(0..=65535);
    assert_eq!(whole.lower(Inet).unwrap_err().to_string(), "queue to all the numbers there are");
}
