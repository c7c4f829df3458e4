//! Expressions, continued: those that few rules have.
//!
//! The bytes are the kernel's (6.18, x86_64) after `nft-new add rule FAMILY t CHAIN WORDS`, or
//! `iptables-nft -A INPUT WORDS`.

use super::{
    Golden,
    rules::{R1, R2, cmp, imm, ipv4, load, lookup, tcp, value},
    unhex,
};
use oxitables::{Family, data::*, expr::*};
use std::time::Duration;

fn rule(
    family: Family,
    program: &'static str,
    chain: &'static str,
    words: &'static str,
    bytes: &str,
    implied: Vec<Expr>,
    exprs: Vec<Expr>,
) -> Golden {
    Golden { family, program, chain, words, bytes: unhex(bytes), exprs: [implied, exprs].concat() }
}

/// `meta nfproto ipv6`, which an extension header implies in family inet.
fn ipv6() -> Vec<Expr> {
    exprs![Meta::load(MetaKey::Nfproto, R1), cmp(CmpOp::Eq, [10])]
}

/// `udp dport PORT`, which says what is in the packet.
fn udp(port: u16) -> Vec<Expr> {
    exprs![
        Meta::load(MetaKey::L4proto, R1),
        cmp(CmpOp::Eq, [17]),
        load(PayloadBase::Transport, 2, 2),
        cmp(CmpOp::Eq, port.to_be_bytes()),
    ]
}

/// `meta l4proto gre`.
fn gre() -> Vec<Expr> {
    exprs![Meta::load(MetaKey::L4proto, R1), cmp(CmpOp::Eq, [47])]
}

/// What is kept in the machine's order, which here is little-endian.
fn native(n: u32) -> [u8; 4] {
    n.to_le_bytes()
}

fn mark() -> Meta {
    Meta::store(MetaKey::Mark, R1)
}

/// A counter as the kernel reports it.
fn zero() -> Counter {
    set!(Counter::new(), packets = 0, bytes = 0)
}

/// A name that fills a register.
fn padded(name: &[u8]) -> [u8; 16] {
    let mut padded = [0; 16];
    padded[..name.len()].copy_from_slice(name);
    padded
}

/// More of the table, and others, in the words of nft 1.1.7.
pub(crate) const LAB: &str = "
    table inet t {
        chain early { type filter hook prerouting priority -150; }
        chain through { type filter hook forward priority 0; }
        set groups { typeof socket cgroupv2 level 2; }
    }
    table ip t {
        chain c { type filter hook input priority 0; }
    }
    table netdev t {
        chain c { type filter hook ingress device lo priority 0; }
    }";

pub(crate) fn all() -> Vec<Golden> {
    let ip = InnerFlags::NETWORK | InnerFlags::TRANSPORT;
    let ethernet = ip | InnerFlags::LINK;
    vec![
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "frag frag-off 0x123",
            "24000100090001006d6574610000000014000200080002000000000f08000100000000012c00010008000100636d7000\
             20000200080001000000000108000200000000000c000300050001000a000000440001000b0001006578746864720000\
             340002000800010000000001050002002c00000008000300000000020800040000000002080005000000000008000600\
             000000004c0001000c00010062697477697365003c000200080001000000000108000200000000010800030000000002\
             08000600000000000c00040006000100fff800000c00050006000100000000002c00010008000100636d700020000200\
             080001000000000108000200000000000c0003000600010009180000",
            ipv6(),
            exprs![
                Exthdr::load(ExthdrOp::Ipv6, 44, 2, 2, R1),
                Bitwise::mask(R1, R1, value([0xff, 0xf8])),
                cmp(CmpOp::Eq, [0x09, 0x18])
            ],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "exthdr hbh exists",
            "24000100090001006d6574610000000014000200080002000000000f08000100000000012c00010008000100636d7000\
             20000200080001000000000108000200000000000c000300050001000a000000440001000b0001006578746864720000\
             340002000800010000000001050002000000000008000300000000000800040000000001080005000000000108000600\
             000000002c00010008000100636d700020000200080001000000000108000200000000000c0003000500010001000000",
            ipv6(),
            exprs![Exthdr::exists(ExthdrOp::Ipv6, 0, R1), cmp(CmpOp::Eq, [1])],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "tcp option maxseg size 0x1234",
            "440001000b00010065787468647200003400020008000100000000010500020002000000080003000000000208000400\
             00000002080005000000000008000600000000012c00010008000100636d700020000200080001000000000108000200\
             000000000c0003000600010012340000",
            vec![],
            exprs![Exthdr::load(ExthdrOp::TcpOption, 2, 2, 2, R1), cmp(CmpOp::Eq, [0x12, 0x34])],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "tcp option sack-perm exists",
            "440001000b00010065787468647200003400020008000100000000010500020004000000080003000000000008000400\
             00000001080005000000000108000600000000012c00010008000100636d700020000200080001000000000108000200\
             000000000c0003000500010001000000",
            vec![],
            exprs![Exthdr::exists(ExthdrOp::TcpOption, 4, R1), cmp(CmpOp::Eq, [1])],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "tcp option maxseg size set 0x1234",
            "2c0001000e000100696d6d6564696174650000001800020008000100000000010c000200060001001234000044000100\
             0b0001006578746864720000340002000800070000000001050002000200000008000300000000020800040000000002\
             08000500000000000800060000000001",
            vec![],
            exprs![imm(R1, [0x12, 0x34]), set!(Exthdr::store(2, 2, 2, R1), flags = ExthdrFlags::empty())],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "reset tcp option sack-perm",
            "3c0001000b00010065787468647200002c00020005000200040000000800030000000000080004000000000008000500\
             000000000800060000000001",
            vec![],
            exprs![set!(Exthdr::reset(4), offset = 0, len = 0, flags = ExthdrFlags::empty())],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "sctp chunk data stream 0x1234",
            "440001000b00010065787468647200003400020008000100000000010500020000000000080003000000000808000400\
             00000002080005000000000008000600000000032c00010008000100636d700020000200080001000000000108000200\
             000000000c0003000600010012340000",
            vec![],
            exprs![Exthdr::load(ExthdrOp::SctpChunk, 0, 8, 2, R1), cmp(CmpOp::Eq, [0x12, 0x34])],
        ),
        rule(
            Family::Ip,
            "nft-new",
            "c",
            "ip option rr ptr 0x12",
            "440001000b00010065787468647200003400020008000100000000010500020007000000080003000000000208000400\
             00000001080005000000000008000600000000022c00010008000100636d700020000200080001000000000108000200\
             000000000c0003000500010012000000",
            vec![],
            exprs![Exthdr::load(ExthdrOp::Ipv4Option, 7, 2, 1, R1), cmp(CmpOp::Eq, [0x12])],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "through",
            "rt mtu 0x1234",
            "20000100070001007274000014000200080002000000000308000100000000012c00010008000100636d700020000200\
             080001000000000108000200000000000c0003000600010034120000",
            vec![],
            exprs![Rt::load(RtKey::TcpMss, R1), cmp(CmpOp::Eq, 0x1234_u16.to_le_bytes())],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "rt classid 0x12345678",
            "20000100070001007274000014000200080002000000000008000100000000012c00010008000100636d700020000200\
             080001000000000108000200000000000c0003000800010078563412",
            vec![],
            exprs![Rt::load(RtKey::ClassId, R1), cmp(CmpOp::Eq, native(0x1234_5678))],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "rt ip nexthop 10.1.2.3",
            "20000100070001007274000014000200080002000000000108000100000000012c00010008000100636d700020000200\
             080001000000000108000200000000000c000300080001000a010203",
            vec![],
            exprs![Rt::load(RtKey::Nexthop4, R1), cmp(CmpOp::Eq, [10, 1, 2, 3])],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "post",
            "rt ipsec exists",
            "20000100070001007274000014000200080002000000000408000100000000012c00010008000100636d700020000200\
             080001000000000108000200000000000c0003000500010001000000",
            vec![],
            exprs![Rt::load(RtKey::Xfrm, R1), cmp(CmpOp::Eq, [1])],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "c",
            r#"fib saddr . mark . iif oifname "lo""#,
            "2800010008000100666962001c00020008000100000000010800020000000002080003000000000d3800010008000100\
             636d70002c0002000800010000000001080002000000000018000300140001006c6f0000000000000000000000000000",
            vec![],
            exprs![
                Fib::new(FibResult::Oifname, FibFlags::SADDR | FibFlags::MARK | FibFlags::IIF, R1),
                cmp(CmpOp::Eq, padded(b"lo"))
            ],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "fib daddr . iif type local",
            "2800010008000100666962001c00020008000100000000010800020000000003080003000000000a2c00010008000100\
             636d700020000200080001000000000108000200000000000c0003000800010002000000",
            vec![],
            exprs![Fib::new(FibResult::Addrtype, FibFlags::DADDR | FibFlags::IIF, R1), cmp(CmpOp::Eq, native(2))],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "fib saddr . iif oif exists",
            "2800010008000100666962001c0002000800010000000001080002000000000108000300000000292c00010008000100\
             636d700020000200080001000000000108000200000000000c0003000500010001000000",
            vec![],
            exprs![
                Fib::new(FibResult::Oif, FibFlags::SADDR | FibFlags::IIF | FibFlags::PRESENT, R1),
                cmp(CmpOp::Eq, [1])
            ],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "socket mark 0x12345678",
            "240001000b000100736f636b6574000014000200080001000000000108000200000000012c00010008000100636d7000\
             20000200080001000000000108000200000000000c0003000800010078563412",
            vec![],
            exprs![Socket::load(SocketKey::Mark, R1), cmp(CmpOp::Eq, native(0x1234_5678))],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "socket wildcard 1",
            "240001000b000100736f636b6574000014000200080001000000000208000200000000012c00010008000100636d7000\
             20000200080001000000000108000200000000000c0003000500010001000000",
            vec![],
            exprs![Socket::load(SocketKey::Wildcard, R1), cmp(CmpOp::Eq, [1])],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "socket cgroupv2 level 2 @groups",
            "2c0001000b000100736f636b657400001c00020008000100000000030800020000000001080003000000000230000100\
             0b0001006c6f6f6b75700000200002000b00010067726f757073000008000200000000010800050000000000",
            vec![],
            exprs![Socket::cgroup(2, R1), lookup("groups", None, LookupFlags::empty())],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "c",
            r#"osf ttl loose name "Linux""#,
            "28000100080001006f7366001c0002000500020001000000080003000000000008000100000000013800010008000100\
             636d70002c0002000800010000000001080002000000000018000300140001004c696e75780000000000000000000000",
            vec![],
            exprs![set!(Osf::new(OsfTtl::Less, R1), flags = OsfFlags::empty()), cmp(CmpOp::Eq, padded(b"Linux"))],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "c",
            r#"osf version "Linux:3.0""#,
            "28000100080001006f7366001c0002000500020000000000080003000000000108000100000000013800010008000100\
             636d70002c0002000800010000000001080002000000000018000300140001004c696e75783a332e3000000000000000",
            vec![],
            exprs![Osf::new(OsfTtl::True, R1).with_version(), cmp(CmpOp::Eq, padded(b"Linux:3.0"))],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "ipsec in reqid 0x1234",
            "34000100090001007866726d000000002400020008000100000000010800020000000005050003000000000008000400\
             000000002c00010008000100636d700020000200080001000000000108000200000000000c0003000800010034120000",
            vec![],
            exprs![Xfrm::load(XfrmKey::ReqId, XfrmDirection::In, R1), cmp(CmpOp::Eq, native(0x1234))],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "post",
            "ipsec out spnum 3 ip saddr 10.1.2.3",
            "34000100090001007866726d000000002400020008000100000000010800020000000003050003000100000008000400\
             000000032c00010008000100636d700020000200080001000000000108000200000000000c000300080001000a010203",
            vec![],
            exprs![
                set!(Xfrm::load(XfrmKey::SaddrIp4, XfrmDirection::Out, R1), number = 3),
                cmp(CmpOp::Eq, [10, 1, 2, 3])
            ],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "meta mark set numgen inc mod 7 offset 0x123",
            "340001000b0001006e756d67656e00002400020008000100000000010800020000000007080003000000000008000400\
             0000012324000100090001006d657461000000001400020008000200000000030800030000000001",
            vec![],
            exprs![Numgen::new(NumgenType::Incremental, 7, R1).with_offset(0x123), mark()],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "meta mark set numgen random mod 0x456",
            "340001000b0001006e756d67656e00002400020008000100000000010800020000000456080003000000000108000400\
             0000000024000100090001006d657461000000001400020008000200000000030800030000000001",
            vec![],
            exprs![Numgen::new(NumgenType::Random, 0x456, R1), mark()],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "meta mark set jhash ip saddr . ip daddr mod 7 seed 0x1234 offset 0x56",
            "24000100090001006d6574610000000014000200080002000000000f08000100000000012c00010008000100636d7000\
             20000200080001000000000108000200000000000c0003000500010002000000340001000c0001007061796c6f616400\
             2400020008000100000000020800020000000001080003000000000c0800040000000004340001000c0001007061796c\
             6f61640024000200080001000000000d0800020000000001080003000000001008000400000000044c00010009000100\
             68617368000000003c000200080001000000000208000200000000010800030000000008080004000000000708000500\
             000012340800060000000056080007000000000024000100090001006d65746100000000140002000800020000000003\
             0800030000000001",
            ipv4(),
            exprs![
                Payload::load(PayloadBase::Network, 12, 4, R2),
                Payload::load(PayloadBase::Network, 16, 4, Register::slot(5)),
                Hash::jenkins(R2, 8, 7, R1).with_seed(0x1234).with_offset(0x56),
                mark()
            ],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "meta mark set symhash mod 7 offset 5",
            "340001000900010068617368000000002400020008000200000000010800040000000007080006000000000508000700\
             0000000124000100090001006d657461000000001400020008000200000000030800030000000001",
            vec![],
            exprs![Hash::symmetric(7, R1).with_offset(5), mark()],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "udp dport 4789 vxlan vni 0x1234",
            "24000100090001006d6574610000000014000200080002000000001008000100000000012c00010008000100636d7000\
             20000200080001000000000108000200000000000c0003000500010011000000340001000c0001007061796c6f616400\
             2400020008000100000000010800020000000002080003000000000208000400000000022c00010008000100636d7000\
             20000200080001000000000108000200000000000c0003000600010012b50000680001000a000100696e6e6572000000\
             5800020008000100000000000800020000000001080003000000000f0800040000000008340005000c0001007061796c\
             6f6164002400020008000100000000010800020000000004080003000000000408000400000000032c00010008000100\
             636d700020000200080001000000000108000200000000000c0003000700010000123400",
            udp(4789),
            exprs![
                Inner::payload(InnerType::Vxlan, load(PayloadBase::Tunnel, 4, 3)).with_header(8),
                cmp(CmpOp::Eq, [0, 0x12, 0x34])
            ],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "udp dport 6081 geneve tcp dport 0x1234",
            "24000100090001006d6574610000000014000200080002000000001008000100000000012c00010008000100636d7000\
             20000200080001000000000108000200000000000c0003000500010011000000340001000c0001007061796c6f616400\
             2400020008000100000000010800020000000002080003000000000208000400000000022c00010008000100636d7000\
             20000200080001000000000108000200000000000c0003000600010017c10000580001000a000100696e6e6572000000\
             4800020008000100000000000800020000000002080003000000000f080004000000000824000500090001006d657461\
             0000000014000200080002000000001008000100000000012c00010008000100636d7000200002000800010000000001\
             08000200000000000c0003000500010006000000680001000a000100696e6e6572000000580002000800010000000000\
             0800020000000002080003000000000f0800040000000008340005000c0001007061796c6f6164002400020008000100\
             000000010800020000000002080003000000000208000400000000022c00010008000100636d70002000020008000100\
             0000000108000200000000000c0003000600010012340000",
            udp(6081),
            exprs![
                Inner::meta(InnerType::Geneve, Meta::load(MetaKey::L4proto, R1)).with_header(8),
                cmp(CmpOp::Eq, [6]),
                Inner::payload(InnerType::Geneve, load(PayloadBase::Transport, 2, 2)).with_header(8),
                cmp(CmpOp::Eq, [0x12, 0x34])
            ],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "gre ip dscp 0x21",
            "24000100090001006d6574610000000014000200080002000000001008000100000000012c00010008000100636d7000\
             20000200080001000000000108000200000000000c000300050001002f000000580001000a000100696e6e6572000000\
             4800020008000100000000000800020000000003080003000000000c080004000000000424000500090001006d657461\
             0000000014000200080002000000000108000100000000012c00010008000100636d7000200002000800010000000001\
             08000200000000000c0003000600010008000000680001000a000100696e6e6572000000580002000800010000000000\
             0800020000000003080003000000000c0800040000000004340005000c0001007061796c6f6164002400020008000100\
             000000010800020000000001080003000000000108000400000000014c0001000c00010062697477697365003c000200\
             08000100000000010800020000000001080003000000000108000600000000000c00040005000100fc0000000c000500\
             05000100000000002c00010008000100636d700020000200080001000000000108000200000000000c00030005000100\
             84000000",
            gre(),
            exprs![
                Inner::meta(InnerType::Gre, Meta::load(MetaKey::Protocol, R1)).with_header(4).with_flags(ip),
                cmp(CmpOp::Eq, [8, 0]),
                Inner::payload(InnerType::Gre, load(PayloadBase::Network, 1, 1)).with_header(4).with_flags(ip),
                Bitwise::mask(R1, R1, value([0xfc])),
                cmp(CmpOp::Eq, [0x84])
            ],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "gretap ip saddr 10.1.2.3",
            "24000100090001006d6574610000000014000200080002000000001008000100000000012c00010008000100636d7000\
             20000200080001000000000108000200000000000c000300050001002f000000580001000a000100696e6e6572000000\
             4800020008000100000000000800020000000004080003000000000e080004000000000424000500090001006d657461\
             0000000014000200080002000000000108000100000000012c00010008000100636d7000200002000800010000000001\
             08000200000000000c0003000600010008000000680001000a000100696e6e6572000000580002000800010000000000\
             0800020000000004080003000000000e0800040000000004340005000c0001007061796c6f6164002400020008000100\
             000000010800020000000001080003000000000c08000400000000042c00010008000100636d70002000020008000100\
             0000000108000200000000000c000300080001000a010203",
            gre(),
            exprs![
                Inner::meta(InnerType::Gretap, Meta::load(MetaKey::Protocol, R1)).with_header(4).with_flags(ethernet),
                cmp(CmpOp::Eq, [8, 0]),
                Inner::payload(InnerType::Gretap, load(PayloadBase::Network, 12, 4))
                    .with_header(4)
                    .with_flags(ethernet),
                cmp(CmpOp::Eq, [10, 1, 2, 3])
            ],
        ),
        rule(
            Family::Ip,
            "nft-new",
            "c",
            r#"dup to 10.1.2.3 device "lo""#,
            "2c0001000e000100696d6d6564696174650000001800020008000100000000010c000200080001000a0102032c000100\
             0e000100696d6d6564696174650000001800020008000100000000020c00020008000100010000002000010008000100\
             647570001400020008000100000000010800020000000002",
            vec![],
            exprs![imm(R1, [10, 1, 2, 3]), imm(R2, native(1)), Dup::to_address(R1).by_device(R2)],
        ),
        rule(
            Family::Netdev,
            "nft-new",
            "c",
            r#"dup to "lo""#,
            "2c0001000e000100696d6d6564696174650000001800020008000100000000010c000200080001000100000018000100\
             08000100647570000c0002000800020000000001",
            vec![],
            exprs![imm(R1, native(1)), Dup::to_device(R1)],
        ),
        rule(
            Family::Netdev,
            "nft-new",
            "c",
            r#"fwd to "lo""#,
            "2c0001000e000100696d6d6564696174650000001800020008000100000000010c000200080001000100000018000100\
             08000100667764000c0002000800010000000001",
            vec![],
            exprs![imm(R1, native(1)), Fwd::to_device(R1)],
        ),
        rule(
            Family::Netdev,
            "nft-new",
            "c",
            r#"fwd ip to 10.1.2.3 device "lo""#,
            "2c0001000e000100696d6d6564696174650000001800020008000100000000010c00020008000100010000002c000100\
             0e000100696d6d6564696174650000001800020008000100000000020c000200080001000a0102032800010008000100\
             667764001c000200080001000000000108000200000000020800030000000002",
            vec![],
            exprs![imm(R1, native(1)), imm(R2, [10, 1, 2, 3]), Fwd::to_device(R1).to_neighbour(Family::Ip, R2)],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "early",
            "meta l4proto tcp tproxy ip to 10.1.2.3:0x1234",
            "24000100090001006d6574610000000014000200080002000000001008000100000000012c00010008000100636d7000\
             20000200080001000000000108000200000000000c00030005000100060000002c0001000e000100696d6d6564696174\
             650000001800020008000100000000010c000200080001000a0102032c0001000e000100696d6d656469617465000000\
             1800020008000100000000020c00020006000100123400002c0001000b0001007470726f787900001c00020008000100\
             0000000208000200000000010800030000000002",
            tcp(),
            exprs![imm(R1, [10, 1, 2, 3]), imm(R2, [0x12, 0x34]), Tproxy::new(Family::Ip).to_address(R1).to_port(R2)],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "early",
            "meta l4proto tcp tproxy to :0x1234",
            "24000100090001006d6574610000000014000200080002000000001008000100000000012c00010008000100636d7000\
             20000200080001000000000108000200000000000c00030005000100060000002c0001000e000100696d6d6564696174\
             650000001800020008000100000000010c0002000600010012340000240001000b0001007470726f7879000014000200\
             08000100000000000800030000000001",
            tcp(),
            exprs![imm(R1, [0x12, 0x34]), Tproxy::any_family().to_port(R1)],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "synproxy mss 1460 wscale 7 timestamp sack-perm",
            "300001000d00010073796e70726f7879000000001c0002000600010005b400000500020007000000080003000000000f",
            vec![],
            exprs![Synproxy::new(1460, 7).with_flags(SynproxyFlags::TIMESTAMP | SynproxyFlags::SACK_PERM)],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "ct count over 0x1234",
            "280001000e000100636f6e6e6c696d69740000001400020008000100000012340800020000000001",
            vec![],
            exprs![Connlimit::over(0x1234)],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "ct count 0x1234",
            "200001000e000100636f6e6e6c696d69740000000c0002000800010000001234",
            vec![],
            exprs![Connlimit::until(0x1234)],
        ),
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "last",
            "28000100090001006c617374000000001800020008000100000000000c0002000000000000000000",
            vec![],
            exprs![set!(Last::new(), set = 0, ago = Duration::ZERO)],
        ),
        rule(
            Family::Netdev,
            "nft-new",
            "c",
            "tunnel id 0x1234",
            "2c0001000b00010074756e6e656c00001c0002000800010000000001080002000000000108000300000000002c000100\
             08000100636d700020000200080001000000000108000200000000000c0003000800010034120000",
            vec![],
            exprs![set!(Tunnel::load(TunnelKey::Id, R1), mode = TunnelMode::None), cmp(CmpOp::Eq, native(0x1234))],
        ),
        rule(
            Family::Netdev,
            "nft-new",
            "c",
            "tunnel path exists",
            "2c0001000b00010074756e6e656c00001c0002000800010000000000080002000000000108000300000000002c000100\
             08000100636d700020000200080001000000000108000200000000000c0003000500010001000000",
            vec![],
            exprs![set!(Tunnel::load(TunnelKey::Path, R1), mode = TunnelMode::None), cmp(CmpOp::Eq, [1])],
        ),
        rule(
            Family::Ip,
            "iptables-nft",
            "c",
            "-m length --length 0x123:0x456",
            "340001000a0001006d61746368000000240002000b0001006c656e677468000008000200000000000c00030023015604\
             000000002c0001000c000100636f756e746572001c0002000c00010000000000000000000c0002000000000000000000",
            vec![],
            exprs![XtMatch::new("length", 0, [0x23, 1, 0x56, 4, 0, 0, 0, 0]), zero()],
        ),
        rule(
            Family::Ip,
            "iptables-nft",
            "c",
            "-t mangle -j MARK --set-xmark 0x1234/0x5678",
            "2c0001000c000100636f756e746572001c0002000c00010000000000000000000c000200000000000000000034000100\
             0b000100746172676574000024000200090001004d41524b0000000008000200000000020c0003003412000078560000",
            vec![],
            exprs![zero(), XtTarget::new("MARK", 2, [0x34, 0x12, 0, 0, 0x78, 0x56, 0, 0])],
        ),
    ]
}

/// What nft sends (`nft-new -c --debug=mnl`) and this kernel does not take, or does not keep as it
/// is.
pub(crate) fn sent() -> Vec<Golden> {
    vec![
        // No CONFIG_NFT_QUEUE.
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "queue flags bypass,fanout to 3-6",
            "2c0001800a00010071756575650000001c000280060001000003000006000200000400000600030000030000",
            vec![],
            exprs![Queue::new(3).with_total(4).with_flags(QueueFlags::BYPASS | QueueFlags::CPU_FANOUT)],
        ),
        // The same.
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "queue flags bypass to symhash mod 2 offset 3",
            "340001800900010068617368000000002400028008000200000000010800040000000002080006000000000308000700\
             00000001240001800a00010071756575650000001400028006000300000100000800040000000001",
            vec![],
            exprs![Hash::symmetric(2, R1).with_offset(3), Queue::from_register(R1).with_flags(QueueFlags::BYPASS)],
        ),
        // No CONFIG_NFT_EXTHDR_DCCP.
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "dccp option 43 exists",
            "440001800b0001006578746864720000340002800800010000000001050002002b000000080003000000000008000400\
             00000001080006000000000408000500000000012c00018008000100636d700020000280080001000000000108000200\
             000000000c0003800500010001000000",
            vec![],
            exprs![Exthdr::exists(ExthdrOp::DccpOption, 43, R1), cmp(CmpOp::Eq, [1])],
        ),
        // The time goes on.
        rule(
            Family::Inet,
            "nft-new",
            "c",
            "last used 77s",
            "28000180090001006c61737400000000180002800c0002000000000000012cc80800010000000001",
            vec![],
            exprs![set!(Last::new(), set = 1, ago = Duration::from_secs(77))],
        ),
        // No CONFIG_NF_FLOW_TABLE.
        rule(
            Family::Inet,
            "nft-new",
            "through",
            "flow add @f",
            "2400018011000100666c6f775f6f66666c6f6164000000000c0002800600010066000000",
            vec![],
            exprs![FlowOffload::new("f")],
        ),
        // No CONFIG_NFT_BRIDGE_META.
        rule(
            Family::Bridge,
            "nft-new",
            "c",
            r#"meta ibrname "br0""#,
            "24000180090001006d6574610000000014000280080002000000001108000100000000013800018008000100636d7000\
             2c00028008000100000000010800020000000000180003801400010062723000000000000000000000000000",
            vec![],
            exprs![Meta::load(MetaKey::BriIifname, R1), cmp(CmpOp::Eq, padded(b"br0"))],
        ),
        // The same.
        rule(
            Family::Bridge,
            "nft-new",
            "c",
            "meta ibrpvid 0x123",
            "24000180090001006d6574610000000014000280080002000000001c08000100000000012c00018008000100636d7000\
             20000280080001000000000108000200000000000c0003800600010023010000",
            vec![],
            exprs![Meta::load(MetaKey::BriIifpvid, R1), cmp(CmpOp::Eq, 0x123_u16.to_le_bytes())],
        ),
        // The same.
        rule(
            Family::Bridge,
            "nft-new",
            "c",
            "meta ibrhwaddr 02:11:22:33:44:55",
            "24000180090001006d6574610000000014000280080002000000002508000100000000013000018008000100636d7000\
             2400028008000100000000010800020000000000100003800a0001000211223344550000",
            vec![],
            exprs![Meta::load(MetaKey::BriIifhwaddr, R1), cmp(CmpOp::Eq, [2, 0x11, 0x22, 0x33, 0x44, 0x55])],
        ),
    ]
}
