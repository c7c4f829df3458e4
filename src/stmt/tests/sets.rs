//! Named sets and maps, and their elements.

use super::{bytes, hex};
use crate::{
    AddrSet, Family, Map, Mark, Pattern, Set, SetKey, SetRef, Table, counter,
    data::*,
    model,
    stmt::{Element, Key},
    wire::Table as _,
};
use proptest::prelude::*;
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

fn table() -> Table {
    Table::new(Family::Inet, "t")
}

fn v4(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

fn net(text: &str) -> Pattern<Ipv4Addr> {
    text.parse::<ipnetwork::Ipv4Network>().unwrap().into()
}

/// The elements as the kernel takes them.
fn lowered<K: SetKey>(elements: &[Element<K>]) -> Vec<model::Element> {
    elements
        .iter()
        .flat_map(|e| {
            let lowered = e.lower().unwrap();
            [Some(lowered.element), lowered.second.map(|(_, e)| e)].into_iter().flatten()
        })
        .collect()
}

/// Sets beside the nft declarations that make the same, with elements.
fn declared() -> Vec<(&'static str, model::Set, Vec<model::Element>)> {
    let t = table();
    let mut all = Vec::new();
    macro_rules! add {
        ($words:literal, $set:expr, $($element:expr),*) => { {
            let set = $set;
            let elements = lowered(&[$($element(&set)),*]);
            all.push(($words, set.model(), elements));
        } };
    }
    add!("set a4 { type ipv4_addr; elements = { 192.0.2.1 } }", Set::<Ipv4Addr>::new(&t, "a4"), |s: &Set<Ipv4Addr>| s
        .element([192, 0, 2, 1]));
    add!(
        "set a4i { type ipv4_addr; flags interval; auto-merge; comment \"hello\"; elements = { 10.0.0.0/8, 192.168.0.0-255.255.255.255 } }",
        Set::<Ipv4Addr>::new(&t, "a4i").interval().auto_merge().with_comment("hello"),
        |s: &Set<Ipv4Addr>| s.element(net("10.0.0.0/8")),
        |s: &Set<Ipv4Addr>| s.element(v4("192.168.0.0")..=v4("255.255.255.255"))
    );
    add!(
        "set m { type mark; elements = { 1, 2 } }",
        Set::<Mark>::new(&t, "m"),
        |s: &Set<Mark>| s.element(1),
        |s: &Set<Mark>| s.element(2)
    );
    add!(
        "set mi { type mark; flags interval; elements = { 1, 5-10 } }",
        Set::<Mark>::new(&t, "mi").interval(),
        |s: &Set<Mark>| s.element(1),
        |s: &Set<Mark>| s.element(5..=10)
    );
    add!(
        "set ap { type ipv4_addr . inet_service; elements = { 192.0.2.1 . 22 } }",
        Set::<(Ipv4Addr, Port)>::new(&t, "ap"),
        |s: &Set<(Ipv4Addr, Port)>| s.element(([192, 0, 2, 1], 22))
    );
    add!(
        "set mp { type mark . inet_service; elements = { 1 . 22 } }",
        Set::<(Mark, Port)>::new(&t, "mp"),
        |s: &Set<(Mark, Port)>| s.element((1, 22))
    );
    add!(
        "set ifm { type ifname . mark; elements = { \"eth0\" . 1 } }",
        Set::<(IfName, Mark)>::new(&t, "ifm"),
        |s: &Set<(IfName, Mark)>| s.element(("eth0", 1))
    );
    add!(
        "set api { type ipv4_addr . inet_service; flags interval; elements = { 192.0.2.1 . 22, 10.0.0.0/8 . 80-90 } }",
        Set::<(Ipv4Addr, Port)>::new(&t, "api").interval(),
        |s: &Set<(Ipv4Addr, Port)>| s.element(([192, 0, 2, 1], 22)),
        |s: &Set<(Ipv4Addr, Port)>| s.element((net("10.0.0.0/8"), 80..=90))
    );
    add!(
        "set mpi { type mark . inet_service; flags interval; elements = { 1-5 . 22 } }",
        Set::<(Mark, Port)>::new(&t, "mpi").interval(),
        |s: &Set<(Mark, Port)>| s.element((1..=5, 22))
    );
    add!(
        "set ifi { type ifname; flags interval; elements = { \"eth*\", \"wg0\" } }",
        Set::<IfName>::new(&t, "ifi").interval(),
        |s: &Set<IfName>| s.element("eth*"),
        |s: &Set<IfName>| s.element("wg0")
    );
    add!(
        "set dyn { type ipv4_addr; flags dynamic,timeout; timeout 1m; gc-interval 10s; size 100; counter; elements = { 192.0.2.1 } }",
        Set::<Ipv4Addr>::new(&t, "dyn")
            .dynamic()
            .with_timeout(Duration::from_secs(60))
            .with_gc_interval(Duration::from_secs(10))
            .with_size(100)
            .with_expr(counter()),
        |s: &Set<Ipv4Addr>| s.element([192, 0, 2, 1])
    );
    add!("set states { type ct_state; elements = { new } }", Set::<CtState>::new(&t, "states"), |s: &Set<CtState>| s
        .element(CtState::NEW));
    add!(
        "set prot { type inet_proto . inet_service; elements = { tcp . 22 } }",
        Set::<(Protocol, Port)>::new(&t, "prot"),
        |s: &Set<(Protocol, Port)>| s.element((Protocol::TCP, 22))
    );
    add!(
        "set proto { type inet_proto; elements = { tcp, udp } }",
        Set::<Protocol>::new(&t, "proto"),
        |s: &Set<Protocol>| s.element(Protocol::TCP),
        |s: &Set<Protocol>| s.element(17)
    );
    add!(
        "set mac { type ether_addr; flags timeout; elements = { 00:11:22:33:44:55 timeout 5s } }",
        Set::<MacAddr>::new(&t, "mac").timeouts(),
        |s: &Set<MacAddr>| s.element(MacAddr::new([0, 0x11, 0x22, 0x33, 0x44, 0x55])).timeout(Duration::from_secs(5))
    );
    add!(
        "set cmt { type ipv4_addr; elements = { 192.0.2.1 comment \"one\" } }",
        Set::<Ipv4Addr>::new(&t, "cmt"),
        |s: &Set<Ipv4Addr>| s.element([192, 0, 2, 1]).comment("one")
    );
    add!(
        "map vm { type inet_service : verdict; elements = { 22 : accept, 23 : jump other, * : drop } }",
        Map::<Port, Verdict>::new(&t, "vm"),
        |m: &Map<Port, Verdict>| m.element(22, Verdict::accept()),
        |m: &Map<Port, Verdict>| m.element(23, Verdict::jump("other")),
        |m: &Map<Port, Verdict>| m.catch_all(Verdict::drop())
    );
    add!(
        "map vmi { type inet_service : verdict; flags interval; elements = { 22-30 : accept } }",
        Map::<Port, Verdict>::new(&t, "vmi").interval(),
        |m: &Map<Port, Verdict>| m.element(22..=30, Verdict::accept())
    );
    add!(
        "map am { type ipv4_addr : mark; elements = { 192.0.2.1 : 5 } }",
        Map::<Ipv4Addr, Mark>::new(&t, "am"),
        |m: &Map<Ipv4Addr, Mark>| m.element([192, 0, 2, 1], 5)
    );
    add!(
        "map pam { type inet_service : ipv4_addr . inet_service; elements = { 80 : 192.0.2.1 . 8080 } }",
        Map::<Port, (Ipv4Addr, Port)>::new(&t, "pam"),
        |m: &Map<Port, (Ipv4Addr, Port)>| m.element(80, (v4("192.0.2.1"), Port::from(8080)))
    );
    add!(
        "map ma { type mark : ipv4_addr; elements = { 1 : 192.0.2.1 } }",
        Map::<Mark, Ipv4Addr>::new(&t, "ma"),
        |m: &Map<Mark, Ipv4Addr>| m.element(1, v4("192.0.2.1"))
    );
    all
}

/// For a comparison with nft: `OXITABLES_SETS=file cargo test --lib dump_sets`.
#[test]
fn dump_sets() {
    let Some(path) = std::env::var_os("OXITABLES_SETS") else { return };
    let mut out = String::new();
    for (words, set, elements) in declared() {
        let elements: Vec<_> = elements.iter().map(|e| format!("{:?}", hex(&bytes(|out| e.encode(out))))).collect();
        let set = hex(&bytes(|out| set.encode_attrs(out)));
        out.push_str(&format!(
            "{{\"words\": {words:?}, \"hex\": \"{set}\", \"elements\": [{}]}}\n",
            elements.join(", ")
        ));
    }
    std::fs::write(path, out).unwrap();
}

#[test]
fn notes_are_nfts() {
    // Captured: `nft -f` (1.0.6) and a dump of NFTA_SET_USERDATA; without the typeof entries 3 and 4.
    let notes = |set: model::Set| hex(set.userdata.unwrap().as_bytes());
    let t = table();
    assert_eq!(notes(Set::<Ipv4Addr>::new(&t, "s").model()), "000402000000");
    assert_eq!(notes(Set::<Mark>::new(&t, "s").model()), "000401000000");
    assert_eq!(notes(Set::<(Ipv4Addr, Port)>::new(&t, "s").model()), "000400000000");
    assert_eq!(
        notes(Set::<Ipv4Addr>::new(&t, "s").interval().auto_merge().with_comment("hello").model()),
        "000402000000020401000000070668656c6c6f00",
    );
    assert_eq!(notes(Map::<Port, Verdict>::new(&t, "m").model()), "000402000000010400000000060400000000");
    assert_eq!(notes(Map::<Ipv4Addr, Mark>::new(&t, "m").model()), "000402000000010401000000060400000000");
}

#[test]
fn a_set_of_either_family_is_a_pair() {
    let blocked = AddrSet::new(&table(), "blocked").interval();
    let models = blocked.models();
    let facts: Vec<_> =
        models.iter().map(|m| (m.name.to_string(), u32::from(m.key_type.unwrap()), m.key_len)).collect();
    assert_eq!(facts, [("blocked4".into(), 7, Some(4)), ("blocked6".into(), 8, Some(16))]);
    assert_eq!(blocked.names(), ["blocked4", "blocked6"]);
    let element = blocked.element(IpAddr::from(Ipv6Addr::LOCALHOST)).lower().unwrap();
    assert_eq!(element.set, "blocked6");
    assert_eq!(element.element.key.unwrap().len(), 16);
    let all = blocked.catch_all().lower().unwrap();
    assert_eq!((all.set, all.second.unwrap().0), ("blocked4".into(), "blocked6".into()));
    let pairs = Set::<(IpAddr, Port)>::new(&table(), "pairs");
    assert_eq!(pairs.element((v4("192.0.2.1"), 22)).lower().unwrap().element.key.unwrap().len(), 8);
}

#[test]
fn what_cannot_be_is_refused() {
    let why = |e: Element<Ipv4Addr>| e.lower().unwrap_err().to_string();
    let set = SetRef::<Ipv4Addr>::new(Family::Inet, "t", "plain");
    assert_eq!(
        why(set.element([1, 2, 3, 4]).timeout(Duration::ZERO)),
        "a zero timeout would never expire: use permanent()"
    );
    assert_eq!(why(set.element(net("10.0.0.0/8"))), "a range or prefix in plain, which is no set of intervals");
    assert_eq!(
        why(set.clone().interval().element(v4("1.1.1.2")..=v4("1.1.1.1"))),
        "a range that ends before it starts"
    );
    assert_eq!(why(set.element(Masked::new(v4("1.1.1.1"), v4("0.0.0.1")))), "masked bits cannot stand in a set");
    assert_eq!(set.element([1, 2, 3, 4]).permanent().lower().unwrap().element.timeout, Some(Duration::ZERO));
    let names = SetRef::<IfName>::new(Family::Inet, "t", "names");
    for name in ["", "0123456789abcdef", &"x".repeat(70)] {
        assert!(names.element(name).lower().is_err(), "{name:?}");
    }
    assert!(names.element("0123456789abcde").lower().is_ok());
    let mixed = SetRef::<IpAddr>::new(Family::Inet, "t", "mixed").interval();
    assert!(mixed.element(IpAddr::from(v4("1.1.1.1"))..=IpAddr::from(Ipv6Addr::LOCALHOST)).lower().is_err());
}

#[test]
fn listings_come_back_typed() {
    for (words, set, elements) in declared() {
        assert!(!set.name.as_bytes().is_empty(), "{words}");
        let _ = elements;
    }
    let marks = Set::<Mark>::new(&table(), "marks").interval();
    let given = [marks.element(1), marks.element(5..=10).comment("some"), marks.element(0xffff_0000..=u32::MAX)];
    let mut dumped = lowered(&given);
    // The kernel lists them from the top, and nft puts an end at the bottom.
    dumped.reverse();
    dumped.push(model::Element {
        flags: Some(model::ElementFlags::INTERVAL_END),
        ..model::Element::new(Value::new(&[0; 4]).unwrap())
    });
    let read = marks.read(&dumped);
    let bounds: Vec<_> = read.iter().map(|e| e.bounds().map(|(a, b)| (a.number(), b.number()))).collect();
    assert_eq!(bounds, [Some((1, 1)), Some((5, 10)), Some((0xffff_0000, u32::MAX))]);
    assert_eq!(read[1].comment_text(), Some("some"));
    assert_eq!(read[0].key(), Some(Mark::from(1)));
    assert_eq!(read[1].key(), None);

    let names = Set::<IfName>::new(&table(), "names").interval();
    let read = names.read(&lowered(&[names.element("eth*"), names.element("lo")]));
    assert_eq!(read.iter().map(|e| e.key().unwrap().to_string()).collect::<Vec<_>>(), ["\"eth*\"", "\"lo\""]);

    let services = Map::<Port, Verdict>::new(&table(), "services");
    let read = services.read(&lowered(&[services.element(22, Verdict::jump("ssh"))]));
    assert_eq!(read[0].value::<Verdict>(), Some(Verdict::jump("ssh")));
    assert_eq!(read[0].value::<Mark>(), None);
}

fn any_element() -> impl Strategy<Value = model::Element> {
    model::Element::any()
}

proptest! {
    #[test]
    fn reading_any_listing_never_panics(elements in prop::collection::vec(any_element(), 0..8)) {
        fn read<K: SetKey>(elements: &[model::Element]) {
            for set in [SetRef::<K>::new(Family::Inet, "t", "s"), SetRef::new(Family::Inet, "t", "s").interval()] {
                for element in set.read(elements) {
                    let _ = (element.key(), element.bounds(), element.value::<Verdict>(), element.value::<Mark>());
                    let _ = element.lower();
                }
            }
        }
        read::<Ipv4Addr>(&elements);
        read::<IpAddr>(&elements);
        read::<Mark>(&elements);
        read::<IfName>(&elements);
        read::<Port>(&elements);
        read::<(Ipv4Addr, Port)>(&elements);
        read::<(IpAddr, IfName, Mark)>(&elements);
    }

    #[test]
    fn keys_survive(address: [u8; 4], port: u16, mark: u32, interval: bool) {
        let key = (Ipv4Addr::from(address), Port::from(port), Mark::from(mark));
        let set = SetRef::<(Ipv4Addr, Port, Mark)>::new(Family::Inet, "t", "s");
        let set = if interval { set.interval() } else { set };
        let lowered = set.element(key).lower().unwrap();
        let value = lowered.element.key.unwrap();
        prop_assert_eq!(<(Ipv4Addr, Port, Mark)>::from_value(&value, interval), Some(key));
        prop_assert_eq!(set.read(&[lowered.element])[0].key(), Some(key));
    }

    #[test]
    fn intervals_survive(mut bounds in prop::collection::btree_set(any::<u32>(), 2..12)) {
        if bounds.len() % 2 == 1 {
            bounds.pop_last();
        }
        let bounds: Vec<u32> = bounds.into_iter().collect();
        let set = SetRef::<Mark>::new(Family::Inet, "t", "s").interval();
        let ranges: Vec<_> = bounds.chunks(2).map(|c| (c[0], c[1])).collect();
        let elements: Vec<_> = ranges.iter().map(|(a, b)| set.element(*a..=*b)).collect();
        let mut dumped = lowered(&elements);
        dumped.reverse();
        let read: Vec<_> = set.read(&dumped).iter().map(|e| e.bounds().unwrap()).map(|(a, b)| (a.number(), b.number())).collect();
        prop_assert_eq!(read, ranges);
    }
}
