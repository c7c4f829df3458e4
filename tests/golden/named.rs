//! Named objects, flowtables, and what the kernel tells by itself: what that is on the wire, and
//! here.
//!
//! The bytes are the kernel's (6.18, x86_64) after the command by nft 1.1.7, unless it says
//! otherwise.

use super::{Object as Golden, objects::object, unhex};
use oxitables::{
    Family, Priority, Table,
    data::Verdict,
    expr::{Counter, Limit, Quota, Synproxy, SynproxyFlags},
    model::*,
    wire::Form,
};
use std::time::Duration;

fn t() -> Table {
    Table::new(Family::Inet, "t")
}

/// The first object of a table, unused.
fn held(words: &'static str, bytes: &str, mut expected: Object) -> Golden {
    (expected.handle, expected.used) = (Some(1), Some(0));
    let family = expected.family;
    object(words, bytes, expected, move |b| Object::from_attributes(family, b), Object::to_attributes, Object::TABLE)
}

fn tunnel(mut template: TunnelTemplate, options: impl IntoIterator<Item = TunnelOption>) -> Object {
    template = options.into_iter().fold(template, TunnelTemplate::with_option);
    (template.sport, template.dport) = (Some(0x1122), Some(0x3344));
    (template.flags, template.tos, template.ttl) = (Some(TunnelFlags::empty()), Some(5), Some(77));
    Object::new(&Table::new(Family::Netdev, "t"), "o", template)
}

/// Something that nft sends (`nft-new -c --debug=mnl`) and this kernel does not take.
fn sent<T: PartialEq + std::fmt::Debug + 'static>(
    words: &'static str,
    bytes: &str,
    expected: T,
    decode: fn(Family, &[u8]) -> Result<T, oxitables::wire::DecodeError>,
    encode: fn(&T, Form) -> Result<Vec<u8>, oxitables::wire::EncodeError>,
    rows: &'static [oxitables::wire::Spec],
) -> Golden {
    let bytes = unhex(bytes);
    let held = bytes.clone();
    let check = move || {
        assert_eq!(decode(Family::Inet, &held).unwrap(), expected, "{words}");
        // nft leaves out the NUL of some texts.
        assert_eq!(decode(Family::Inet, &encode(&expected, Form::Request).unwrap()).unwrap(), expected, "{words}");
    };
    Golden { dumped: false, bytes, rows, check: Box::new(check) }
}

pub(crate) fn all() -> Vec<Golden> {
    let mut counter = Counter::new();
    (counter.packets, counter.bytes) = (Some(7), Some(0x1234));
    let mut quota = Quota::over(0x5678);
    quota.consumed = Some(0x99);
    let tcp = {
        // The kernel fills in what its settings say.
        let seconds = [120, 60, 0x1234, 120, 60, 30, 120, 13, 120, 300, 300];
        let states = (1..).zip(seconds);
        let all = states.fold(CtTimeout::tcp(), |all, (state, s): (u16, _)| all.with(state, Duration::from_secs(s)));
        all.with_family(Family::Inet)
    };
    let udp = CtTimeout::udp()
        .with(UdpTimeout::Unreplied, Duration::from_secs(0x1234))
        .with(UdpTimeout::Replied, Duration::from_secs(13))
        .with_family(Family::Ip6);
    let expected = CtExpectation::new(6, 0x1234, Duration::from_secs(3720), 12).with_family(Family::Ip);
    let mut ip = TunnelTemplate::to_ip(0x1234, [10, 1, 2, 9].into());
    ip.ip.as_mut().unwrap().source = Some([10, 1, 2, 3].into());
    let mut ip6 = TunnelTemplate::to_ip6(0x1234, "fd00::34".parse().unwrap());
    let ends = ip6.ip6.as_mut().unwrap();
    (ends.source, ends.flow_label) = (Some("fd00::12".parse().unwrap()), Some(0));
    vec![
        held(
            r#"add counter inet t o { packets 7 bytes 0x1234 ; comment "web" ; }"#,
            "0600010074000000060002006f00000008000300000000010c000600000000000000000108000500000000001c000400\
             0c00010000000000000012340c00020000000000000000070a0008000004776562000000",
            Object::new(&t(), "o", counter).with_comment("web"),
        ),
        held(
            "add quota inet t o { over 0x5678 bytes used 0x99 bytes }",
            "0600010074000000060002006f00000008000300000000020c0006000000000000000001080005000000000024000400\
             0c00010000000000000056780c00040000000000000000990800020000000001",
            Object::new(&t(), "o", quota),
        ),
        held(
            "add limit inet t o { rate over 400/minute burst 9 packets }",
            "0600010074000000060002006f00000008000300000000040c0006000000000000000001080005000000000034000400\
             0c00010000000000000001900c000200000000000000003c080003000000000908000400000000000800050000000001",
            Object::new(&t(), "o", Limit::packets(400, Duration::from_secs(60)).with_burst(9).over()),
        ),
        held(
            r#"add ct helper inet t o { type "ftp" protocol tcp ; l3proto ip ; }"#,
            "0600010074000000060002006f00000008000300000000030c000600000000000000000108000500000000001c000400\
             080001006674700005000300060000000600020000020000",
            Object::new(&t(), "o", CtHelper::new("ftp", 6).with_family(Family::Ip)),
        ),
        held(
            "add ct timeout inet t o { protocol tcp ; policy = { established : 0x1234, close : 13 } ; }",
            "0600010074000000060002006f00000008000300000000070c0006000000000000000001080005000000000070000400\
             050002000600000006000100000100005c0003800800010000000078080002000000003c080003000000123408000400\
             00000078080005000000003c080006000000001e0800070000000078080008000000000d080009000000007808000a00\
             0000012c08000b000000012c",
            Object::new(&t(), "o", tcp),
        ),
        held(
            "add ct timeout inet t o { protocol udp ; l3proto ip6 ; policy = { unreplied : 0x1234, replied : 13 } ; }",
            "0600010074000000060002006f00000008000300000000070c0006000000000000000001080005000000000028000400\
             050002001100000006000100000a0000140003800800010000001234080002000000000d",
            Object::new(&t(), "o", udp),
        ),
        held(
            "add ct expectation inet t o { protocol tcp ; dport 0x1234 ; timeout 1h2m ; size 12 ; l3proto ip ; }",
            "0600010074000000060002006f00000008000300000000090c000600000000000000000108000500000000002c000400\
             0600010000020000050002000600000006000300123400000800040040c33800050005000c000000",
            Object::new(&t(), "o", expected),
        ),
        held(
            "add synproxy inet t o { mss 1460; wscale 7; timestamp sack-perm; }",
            "0600010074000000060002006f000000080003000000000a0c000600000000000000000108000500000000001c000400\
             0600010005b400000500020007000000080003000000000f",
            Object::new(
                &t(),
                "o",
                Synproxy::new(1460, 7).with_flags(SynproxyFlags::TIMESTAMP | SynproxyFlags::SACK_PERM),
            ),
        ),
        held(
            "add tunnel netdev t o { id 0x1234; ip saddr 10.1.2.3; ip daddr 10.1.2.9; sport 0x1122; dport 0x3344; ttl 77; tos 5; vxlan { gbp 0x123; } ; }",
            "0600010074000000060002006f00000008000300000000060c0006000000000000000001080005000000000058000400\
             080001000000123414000200080001000a010203080002000a0102090600070011220000060008003344000008000400\
             000000000500050005000000050006004d000000100009000c0001000800010000000123",
            tunnel(ip.clone(), [TunnelOption::Vxlan(VxlanOption::new(0x123))]),
        ),
        held(
            "add tunnel netdev t o { id 0x1234; ip6 saddr fd00::12; ip6 daddr fd00::34; sport 0x1122; dport 0x3344; ttl 77; tos 5; erspan { version 1; index 0x1234; } ; }",
            "0600010074000000060002006f00000008000300000000060c0006000000000000000001080005000000000080000400\
             08000100000012343400030014000100fd00000000000000000000000000001214000200fd0000000000000000000000\
             000000340800030000000000060007001122000006000800334400000800040000000000050005000500000005000600\
             4d000000180009001400020008000100000000010800020000001234",
            tunnel(ip6, [TunnelOption::Erspan(ErspanOption::v1(0x1234))]),
        ),
        held(
            "add tunnel netdev t o { id 0x1234; ip saddr 10.1.2.3; ip daddr 10.1.2.9; sport 0x1122; dport 0x3344; ttl 77; tos 5; erspan { version 2; direction egress; id 0x12; } ; }",
            "0600010074000000060002006f00000008000300000000060c0006000000000000000001080005000000000068000400\
             080001000000123414000200080001000a010203080002000a0102090600070011220000060008003344000008000400\
             000000000500050005000000050006004d000000200009001c0002000800010000000002050003001200000005000400\
             01000000",
            tunnel(ip.clone(), [TunnelOption::Erspan(ErspanOption::v2(0x12, 1))]),
        ),
        held(
            r#"add tunnel netdev t o { id 0x1234; ip saddr 10.1.2.3; ip daddr 10.1.2.9; sport 0x1122; dport 0x3344; ttl 77; tos 5; geneve { class 0x1010 opt-type 0x1 data "0x12345678"; class 0x1011 opt-type 0x2 data "0x9876543210abcdef"; } ; }"#,
            "0600010074000000060002006f00000008000300000000060c0006000000000000000001080005000000000088000400\
             080001000000123414000200080001000a010203080002000a0102090600070011220000060008003344000008000400\
             000000000500050005000000050006004d000000400009001c0003000600010010100000050002000100000008000300\
             1234567820000300060001001011000005000200020000000c0003009876543210abcdef",
            tunnel(
                ip,
                [
                    TunnelOption::Geneve(vec![GeneveOption::new(0x1010, 1, [0x12, 0x34, 0x56, 0x78])]),
                    TunnelOption::Geneve(vec![GeneveOption::new(
                        0x1011,
                        2,
                        [0x98, 0x76, 0x54, 0x32, 0x10, 0xab, 0xcd, 0xef],
                    )]),
                ],
            ),
        ),
        sent(
            r#"add flowtable inet t f { hook ingress priority 5; devices = { "lo", "dummy0" }; flags offload; counter; }"#,
            "0600010074000000060002006600000008000700000000032c0003800800010000000000080002000000000518000380\
             0b00010064756d6d79300000070001006c6f0000",
            Flowtable::new(&t(), "f", Priority::from(5))
                .with_device("dummy0")
                .with_device("lo")
                .with_flags(FlowtableFlags::HW_OFFLOAD | FlowtableFlags::COUNTER),
            Flowtable::from_attributes,
            Flowtable::to_attributes,
            Flowtable::TABLE,
        ),
        sent(
            r#"add secmark inet t s "system_u:object_r:ssh_server_packet_t:s0""#,
            "060001007400000006000200730000000800030000000008300004802c00010073797374656d5f753a6f626a6563745f\
             723a7373685f7365727665725f7061636b65745f743a7330",
            Object::new(&t(), "s", Secmark::new("system_u:object_r:ssh_server_packet_t:s0")),
            Object::from_attributes,
            Object::to_attributes,
            Object::TABLE,
        ),
        object(
            "add table ip x: the notice of the commit",
            "08000100000000020800020000002901140003006c642d6c696e75782d7838362d363400",
            generation(),
            GenerationInfo::from_attributes,
            GenerationInfo::to_attributes,
            GenerationInfo::TABLE,
        ),
        traced(
            "add rule inet t pre meta nftrace set 1: a datagram to this host",
            "08000f0000000002080004000000000308000600071f56fc080002007072650006000100740000000c00030000000000\
             000000050c00050008000100ffffffff08000e001234567808000a000000000106000b00030400001800080045000021\
             88d440004011b3f57f0000017f0000011100090012342345000dfe2068656c6c6f000000120007000000000000000000\
             0000000008000000080015000000000805001300000000000800120089f329580800140000000008",
            |step| {
                (step.chain, step.rule, step.verdict) = (Some("pre".into()), Some(5), Some(Verdict::continue_()));
                (step.iif, step.iiftype) = (Some(1), Some(772));
                step.mark = Some(0x1234_5678);
                step.network_header = Some(unhex("4500002188d440004011b3f57f0000017f000001"));
                step.transport_header = Some(unhex("12342345000dfe2068656c6c6f"));
                step.link_header = Some(unhex("0000000000000000000000000800"));
                (step.ct_state, step.ct_direction) = (Some(8), Some(0));
                (step.ct_id, step.ct_status) = (Some(0x89f3_2958), Some(8));
            },
        ),
        traced(
            "add rule inet t ou meta nftrace set 1: the same on its way out",
            "08000f00000000020800040000000003080006009903f712070002006f75000006000100740000000c00030000000000\
             0000000b0c00050008000100ffffffff08000e008765432108000c000000000106000d00030400001800080045000021\
             ad7b400040118f4e7f0000017f0000011100090012342345000dfe2068656c6c6f000000080015000000000805001300\
             0000000008001200abc32768",
            |step| {
                step.id = Some(u32::from_be_bytes([0x99, 0x03, 0xf7, 0x12]));
                (step.chain, step.rule, step.verdict) = (Some("ou".into()), Some(11), Some(Verdict::continue_()));
                (step.oif, step.oiftype) = (Some(1), Some(772));
                step.mark = Some(0x8765_4321);
                step.network_header = Some(unhex("45000021ad7b400040118f4e7f0000017f000001"));
                step.transport_header = Some(unhex("12342345000dfe2068656c6c6f"));
                (step.ct_state, step.ct_direction, step.ct_id) = (Some(8), Some(0), Some(0xabc3_2768));
            },
        ),
        traced(
            "the end of chain pre",
            "08000f0000000002080004000000000108000600071f56fc080002007072650006000100740000000800100000000001\
             08000e0012345678",
            |step| {
                step.kind = TraceType::Policy;
                (step.chain, step.policy, step.mark) = (Some("pre".into()), Some(1), Some(0x1234_5678));
            },
        ),
    ]
}

fn generation() -> GenerationInfo {
    // What cannot be made outside of the kernel is read.
    let mut info = GenerationInfo::from_attributes(&unhex("0800010000000002")).unwrap();
    assert_eq!(info.id.number(), 2);
    (info.process, info.program) = (Some(0x2901), Some("ld-linux-x86-64".into()));
    info
}

fn traced(words: &'static str, bytes: &str, change: impl Fn(&mut Trace)) -> Golden {
    let mut step = Trace::from_attributes(Family::Inet, &unhex("0800040000000003")).unwrap();
    (step.nfproto, step.table) = (Some(2), Some("t".into()));
    step.id = Some(u32::from_be_bytes([0x07, 0x1f, 0x56, 0xfc]));
    change(&mut step);
    object(words, bytes, step, |b| Trace::from_attributes(Family::Inet, b), Trace::to_attributes, Trace::TABLE)
}
