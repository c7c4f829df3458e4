//! Objects: what nft says, what the kernel then holds, and what that is here.
//!
//! The bytes are the kernel's (6.18, x86_64) after the command by nft 1.1.7, in a table `inet gold`
//! with a chain `r` and a quota `q`.

use super::{Object, unhex};
use oxitables::{
    Family, Hook, Policy, Table,
    data::{ChainType, DataType, Userdata, Value, Verdict},
    expr::{Counter, Expr, ObjectType, Quota},
    model::*,
    wire::{DecodeError, EncodeError, Form},
};
use std::{fmt::Debug, time::Duration};

fn gold() -> Table {
    Table::new(Family::Inet, "gold")
}

fn value(bytes: impl AsRef<[u8]>) -> Value {
    Value::new(bytes.as_ref()).unwrap()
}

fn notes(bytes: &[u8]) -> Option<Userdata> {
    Some(Userdata::from(bytes))
}

fn counter(packets: u64, bytes: u64) -> Expr {
    let mut counter = Counter::new();
    (counter.packets, counter.bytes) = (Some(packets), Some(bytes));
    counter.into()
}

fn over(bytes: u64, consumed: u64) -> Expr {
    let mut quota = Quota::over(bytes);
    quota.consumed = Some(consumed);
    quota.into()
}

pub(super) fn object<T: Debug + PartialEq + 'static>(
    words: &'static str,
    bytes: &str,
    expected: T,
    decode: impl Fn(&[u8]) -> Result<T, DecodeError> + 'static,
    encode: impl Fn(&T, Form) -> Result<Vec<u8>, EncodeError> + 'static,
    rows: &'static [oxitables::wire::Spec],
) -> Object {
    let bytes = unhex(bytes);
    let held = bytes.clone();
    let check = move || {
        let decoded = decode(&held).unwrap_or_else(|e| panic!("{words}: {e}"));
        assert_eq!(decoded, expected, "{words}");
        assert_eq!(encode(&expected, Form::Exact).unwrap(), held, "{words}");
    };
    Object { dumped: true, bytes, rows, check: Box::new(check) }
}

fn chain(words: &'static str, bytes: &str, mut expected: Chain, handle: u64) -> Object {
    let family = expected.family;
    (expected.handle, expected.flags, expected.used) = (Some(handle), Some(ChainFlags::BASE), Some(0));
    object(words, bytes, expected, move |b| Chain::from_attributes(family, b), Chain::to_attributes, Chain::TABLE)
}

fn set(words: &'static str, bytes: &str, mut expected: Set, backend: &str, count: u32, userdata: &[u8]) -> Object {
    (expected.handle, expected.backend, expected.count) = (Some(3), Some(backend.into()), Some(count));
    expected.userdata = notes(userdata);
    expected.desc.get_or_insert_default();
    object(words, bytes, expected, |b| Set::from_attributes(Family::Inet, b), Set::to_attributes, Set::TABLE)
}

fn element(words: &'static str, bytes: &str, expected: Element) -> Object {
    object(words, bytes, expected, Element::from_attributes, Element::to_attributes, Element::TABLE)
}

/// An element with a key, changed.
fn with(key: impl AsRef<[u8]>, change: impl FnOnce(&mut Element)) -> Element {
    let mut element = Element::new(value(key));
    change(&mut element);
    element
}

pub(crate) fn all() -> Vec<Object> {
    let mut table = Table::new(Family::Ip6, "t6").with_flags(TableFlags::DORMANT);
    (table.used, table.handle) = (Some(0), Some(2));
    // A comment, and which nft made it.
    table.userdata = notes(b"\x00\x04six\0\x01\x04\x01\x01\x07\0\x02\x08\0\0\0\0\x6a\xc7\x3d\xd6");

    let mut nat = gold().chain("c").with_hook(Hook::Prerouting, -123).with_type(ChainType::Nat);
    (nat.policy, nat.userdata) = (Some(Policy::Accept), notes(b"\x00\x06first\0"));
    let drop = gold().chain("c").with_hook(Hook::Input, 0x123).with_policy(Policy::Drop);
    let netdev = Table::new(Family::Netdev, "n");
    let two =
        netdev.chain("c").with_hook(Hook::Egress, -7).with_device("d0").with_device("lo").with_policy(Policy::Accept);
    let mut one = netdev.chain("c").with_hook(Hook::Ingress, 7).with_device("lo").with_policy(Policy::Accept);
    // The kernel reports a single device both ways.
    one.hook.as_mut().unwrap().devices = Some(vec![Device::Name("lo".into())]);

    let mut rule = Rule::new(&gold().chain("r"), [counter(7, 0x1234)]);
    (rule.handle, rule.position, rule.userdata) = (Some(4), Some(3), notes(b"\x00\x06third\0"));

    let (address, port, ether, mark) = (DataType::from(7), DataType::from(13), DataType::from(9), DataType::from(19));
    let mut nets = Set::new(&gold(), "s", address, 4).with_size(0x1234);
    nets.flags = Some(SetFlags::INTERVAL | SetFlags::TIMEOUT);
    nets.timeout = Some(Duration::from_secs(3723));
    (nets.gc_interval, nets.policy) = (Some(Duration::from_secs(45)), Some(SetPolicy::Memory));
    let concat = Set::new(&gold(), "s", address.then(port).then(ether), 16)
        .with_flags(SetFlags::INTERVAL | SetFlags::CONCAT)
        .with_fields([4, 2, 6]);
    let dynamic = Set::new(&gold(), "s", port, 2).with_size(0x321);
    let mut counted = dynamic.clone().with_flags(SetFlags::EVAL);
    counted.expr = Some(Box::new(counter(0, 0)));
    let mut both = dynamic.with_flags(SetFlags::EVAL | SetFlags::EXPR);
    both.exprs = Some(vec![counter(0, 0), over(0x1234, 0)]);
    let mut objects = Set::new(&gold(), "m", port, 2).with_flags(SetFlags::OBJECT);
    objects.object_type = Some(ObjectType::Quota);

    vec![
        object(
            r#"add table ip6 t6 { flags dormant; comment "six"; }"#,
            "070001007436000008000300000000000c000400000000000000000208000200000000011a0006000004736978000104\
             010107000208000000006ac73dd60000",
            table,
            |b| Table::from_attributes(Family::Ip6, b),
            Table::to_attributes,
            Table::TABLE,
        ),
        chain(
            r#"add chain inet gold c { type nat hook prerouting priority -123; policy accept; comment "first"; }"#,
            "09000100676f6c640000000006000300630000000c000200000000000000000314000400080001000000000008000200\
             ffffff850800050000000001080007006e61740008000a000000000108000600000000000c000c000006666972737400",
            nat,
            3,
        ),
        chain(
            "add chain inet gold c { type filter hook input priority 0x123; policy drop; }",
            "09000100676f6c640000000006000300630000000c000200000000000000000314000400080001000000000108000200\
             0000012308000500000000000b00070066696c746572000008000a00000000010800060000000000",
            drop,
            3,
        ),
        chain(
            "add chain netdev n c { type filter hook ingress device lo priority 7; }",
            "060001006e00000006000300630000000c00020000000000000000012800040008000100000000000800020000000007\
             0c000400070001006c6f0000070003006c6f000008000500000000010b00070066696c746572000008000a0000000001\
             0800060000000000",
            one,
            1,
        ),
        chain(
            "add chain netdev n c { type filter hook egress devices = { lo, d0 } priority -7; }",
            "060001006e00000006000300630000000c000200000000000000000128000400080001000000000108000200fffffff9\
             140004000700010064300000070001006c6f000008000500000000010b00070066696c746572000008000a0000000001\
             0800060000000000",
            two,
            1,
        ),
        chain(
            r#"add chain netdev t dv { type filter hook ingress devices = { lo, "ve*" } priority 7; }"#,
            "060001007400000007000300647600000c00020000000000000000012800040008000100000000000800020000000007\
             140004000700020076650000070001006c6f000008000500000000010b00070066696c746572000008000a0000000001\
             0800060000000000",
            {
                let mut dv = Chain::new(&Table::new(Family::Netdev, "t"), "dv").with_hook(Hook::Ingress, 7);
                dv.policy = Some(Policy::Accept);
                dv.hook.as_mut().unwrap().devices = Some(vec![Device::Prefix("ve".into()), Device::Name("lo".into())]);
                dv
            },
            1,
        ),
        object(
            r#"add rule inet gold r counter packets 7 bytes 0x1234 comment "third""#,
            "09000100676f6c640000000006000200720000000c00030000000000000000040c000600000000000000000330000400\
             2c0001000c000100636f756e746572001c0002000c00010000000000000012340c00020000000000000000070c000700\
             0006746869726400",
            rule,
            |b| Rule::from_attributes(Family::Inet, b),
            Rule::to_attributes,
            Rule::TABLE,
        ),
        set(
            r#"add set inet gold s { type ipv4_addr; flags interval,timeout; timeout 1h2m3s; gc-interval 45s; size 0x1234; comment "nets"; policy memory; }"#,
            "09000100676f6c640000000006000200730000000c001000000000000000000308000300000000140800040000000007\
             08000500000000040c000b00000000000038cef808000c000000afc808000800000000011b000d000004020000000308\
             000404000000010007056e65747300000c00090008000100000012341700130030786666666666666666383235303830\
             653000000800140000000000",
            nets,
            "0xffffffff825080e0",
            0,
            &[0, 4, 2, 0, 0, 0, 3, 8, 0, 4, 4, 0, 0, 0, 1, 0, 7, 5, 110, 101, 116, 115, 0],
        ),
        set(
            "add set inet gold s { type ipv4_addr . inet_service . ether_addr; flags interval; }",
            "09000100676f6c640000000006000200730000000c001000000000000000000308000300000000840800040000007349\
             08000500000000101e000d00000400000000031200040d000000010a0000000404000000010000002c00090028000200\
             0c00010008000100000000040c00010008000100000000020c0001000800010000000006170013003078666666666666\
             6666383235303831613000000800140000000000",
            concat,
            "0xffffffff825081a0",
            0,
            &[0, 4, 0, 0, 0, 0, 3, 18, 0, 4, 13, 0, 0, 0, 1, 10, 0, 0, 0, 4, 4, 0, 0, 0, 1, 0],
        ),
        set(
            "add set inet gold s { type inet_service; flags dynamic; size 0x321; counter; }",
            "09000100676f6c640000000006000200730000000c00100000000000000000030800030000000020080004000000000d\
             080005000000000214000d00000402000000030800040400000001000c00090008000100000003211700130030786666\
             6666666666663832353037663430000008001400000000002c0011000c000100636f756e746572001c0002000c000100\
             00000000000000000c0002000000000000000000",
            counted,
            "0xffffffff82507f40",
            0,
            &[0, 4, 2, 0, 0, 0, 3, 8, 0, 4, 4, 0, 0, 0, 1, 0],
        ),
        set(
            "add set inet gold s { type inet_service; flags dynamic; size 0x321; counter quota over 0x1234 bytes; }",
            "09000100676f6c640000000006000200730000000c00100000000000000000030800030000000120080004000000000d\
             080005000000000214000d00000402000000030800040400000001000c00090008000100000003211700130030786666\
             666666666666383235303766343000000800140000000000640012002c0001000c000100636f756e746572001c000200\
             0c00010000000000000000000c0002000000000000000000340001000a00010071756f7461000000240002000c000100\
             00000000000012340c00040000000000000000000800020000000001",
            both,
            "0xffffffff82507f40",
            0,
            &[0, 4, 2, 0, 0, 0, 3, 8, 0, 4, 4, 0, 0, 0, 1, 0],
        ),
        set(
            "add map inet gold m { type inet_service : verdict; }",
            "09000100676f6c6400000000060002006d0000000c00100000000000000000030800030000000008080004000000000d\
             080005000000000208000600ffffff0008000700000000102a000d000004020000000104000000000308000404000000\
             010004080004040000000100060400000000000004000900170013003078666666666666666638323530376634300000\
             0800140000000000",
            Set::new(&gold(), "m", port, 2).with_data(DataType::VERDICT, 16),
            "0xffffffff82507f40",
            0,
            &[
                0, 4, 2, 0, 0, 0, 1, 4, 0, 0, 0, 0, 3, 8, 0, 4, 4, 0, 0, 0, 1, 0, 4, 8, 0, 4, 4, 0, 0, 0, 1, 0, 6, 4,
                0, 0, 0, 0,
            ],
        ),
        set(
            "add map inet gold m { type ipv6_addr : mark; flags constant; elements = { fd00::1 : 0x1234 } }",
            "09000100676f6c6400000000060002006d0000000c0010000000000000000003080003000000000a0800040000000008\
             0800050000000010080006000000001308000700000000042a000d000004020000000104010000000308000404000000\
             010004080004040000000100060400000000000004000900170013003078666666666666666638323530376634300000\
             0800140000000001",
            Set::new(&gold(), "m", DataType::from(8), 16).with_flags(SetFlags::CONSTANT).with_data(mark, 4),
            "0xffffffff82507f40",
            1,
            &[
                0, 4, 2, 0, 0, 0, 1, 4, 1, 0, 0, 0, 3, 8, 0, 4, 4, 0, 0, 0, 1, 0, 4, 8, 0, 4, 4, 0, 0, 0, 1, 0, 6, 4,
                0, 0, 0, 0,
            ],
        ),
        set(
            "add map inet gold m { type inet_service : quota; }",
            "09000100676f6c6400000000060002006d0000000c00100000000000000000030800030000000040080004000000000d\
             080005000000000208000f000000000224000d0000040200000003080004040000000100040800040400000001000604\
             00000000040009001700130030786666666666666666383235303766343000000800140000000000",
            objects,
            "0xffffffff82507f40",
            0,
            &[0, 4, 2, 0, 0, 0, 3, 8, 0, 4, 4, 0, 0, 0, 1, 0, 4, 8, 0, 4, 4, 0, 0, 0, 1, 0, 6, 4, 0, 0, 0, 0],
        ),
        element(
            r#"add element inet gold s { 10.1.2.3 timeout 1h expires 45m comment "el" }"#,
            "0c000100080001000a0102030c000400000000000036ee800c00050000000000002932dc090006000003656c00000000",
            with([10, 1, 2, 3], |e| {
                (e.timeout, e.expiration) =
                    (Some(Duration::from_secs(3600)), Some(Duration::from_millis(2_700_000 - 4)));
                e.userdata = notes(b"\x00\x03el\0");
            }),
        ),
        element(
            "add element inet gold s { 10.1.0.0/20 }",
            "0c000100080001000a0110000800030000000001",
            with([10, 1, 16, 0], |e| e.flags = Some(ElementFlags::INTERVAL_END)),
        ),
        element("add element inet gold s { 10.1.0.0/20 }", "0c000100080001000a010000", with([10, 1, 0, 0], |_| ())),
        element(
            "add element inet gold s { 10.1.2.3-10.1.2.9 . 0x1234-0x2345 }",
            "100001000c0001000a0102031234000010000a000c0001000a01020923450000",
            with([10, 1, 2, 3, 0x12, 0x34, 0, 0], |e| e.key_end = Some(value([10, 1, 2, 9, 0x23, 0x45, 0, 0]))),
        ),
        element(
            "add element inet gold s { 0x1234 counter packets 7 bytes 0x4321 }",
            "0c00010006000100123400002c0007000c000100636f756e746572001c0002000c00010000000000000043210c000200\
             0000000000000007",
            with([0x12, 0x34], |e| e.expr = Some(Box::new(counter(7, 0x4321)))),
        ),
        element(
            "add element inet gold s { 0x1234 counter packets 7 bytes 0x4321 quota over 0x5678 bytes used 0x99 bytes }",
            "0c000100060001001234000064000b002c0001000c000100636f756e746572001c0002000c0001000000000000004321\
             0c0002000000000000000007340001000a00010071756f7461000000240002000c00010000000000000056780c000400\
             00000000000000990800020000000001",
            with([0x12, 0x34], |e| e.exprs = Some(vec![counter(7, 0x4321), over(0x5678, 0x99)])),
        ),
        element(
            "add element inet gold s { 0x1234 : jump r, * : drop }",
            "0c0001000600010012340000180002001400020008000100fffffffd0600020072000000",
            with([0x12, 0x34], |e| e.data = Some(Verdict::jump("r").into())),
        ),
        element(
            "add element inet gold s { 0x1234 : jump r, * : drop }",
            "100002000c00020008000100000000000800030000000002",
            {
                let mut all = Element::catch_all();
                all.data = Some(Verdict::drop().into());
                all
            },
        ),
        element(
            "add element inet gold s { fd00::12 : 0x12345678 }",
            "1800010014000100fd0000000000000000000000000000120c0002000800010078563412",
            with([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12], |e| {
                e.data = Some(value(0x1234_5678_u32.to_le_bytes()).into())
            }),
        ),
        element(
            r#"add element inet gold s { 0x1234 : "q" }"#,
            "0c00010006000100123400000600090071000000",
            with([0x12, 0x34], |e| e.object = Some("q".into())),
        ),
    ]
}
