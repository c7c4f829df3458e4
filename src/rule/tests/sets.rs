//! Named sets and maps, and their elements.

use crate::data::hex;
use crate::{
    AddrSet, Family, Map, Mark, Pattern, Set, SetKey, SetRef, Table,
    data::*,
    model,
    set::{Element, Key},
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

/// `192.0.2.7/24` may mean the network or the address: whoever says it is asked, wherever it
/// stands.
#[test]
fn host_bits_in_a_prefix_are_refused_and_both_are_named() {
    use crate::{Batch, Rule, To, addr, ip, ip6};
    use ipnetwork::IpNetwork;
    let chain = table().chain("c");
    let (v4, v6): (IpNetwork, IpNetwork) = ("192.0.2.7/24".parse().unwrap(), "2001:db8::7/64".parse().unwrap());
    let v4net = || net("192.0.2.7/24");
    let v6net = || Pattern::from("2001:db8::7/64".parse::<ipnetwork::Ipv6Network>().unwrap());
    let nets = Set::<Ipv4Addr>::new(&table(), "nets").interval();
    let pairs = AddrSet::new(&table(), "pairs").interval();
    let ports = Set::<(Ipv4Addr, Port)>::new(&table(), "ports").interval();
    let to_port = Map::<Ipv4Addr, Port>::new(&table(), "to_port").interval();
    let IpNetwork::V4(plain) = v4 else { unreachable!() };
    let rules = [
        Rule::new().when(ip::saddr().is(v4net())).accept(),
        Rule::new().when(ip::saddr().is_not(v4net())).accept(),
        Rule::new().when(ip6::daddr().is(v6net())).accept(),
        Rule::new().when(addr::saddr().is(v4)).accept(),
        Rule::new().when(addr::saddr().is_any([v4, v6])).accept(),
        Rule::new().when(ip::saddr().is_any([net("10.0.0.0/8"), v4net()])).accept(),
        Rule::new().dnat(To::from(plain)),
    ];
    let mut batches: Vec<Batch> = rules.iter().map(|rule| Batch::new().add(chain.rule(rule.clone())).clone()).collect();
    batches.extend([
        Batch::new().add(nets.elements([nets.element(v4net())])).clone(),
        Batch::new().delete(nets.elements([nets.element(v4net())])).clone(),
        Batch::new().add(pairs.elements([pairs.element(v6)])).clone(),
        Batch::new().add(ports.elements([ports.element((v4net(), Port::from(22)))])).clone(),
        Batch::new().add(to_port.elements([to_port.element(v4net(), 22)])).clone(),
        Batch::new().add(nets.ranges([plain])).clone(),
        Batch::new().add(nets.ranges([plain]).merged()).clone(),
        Batch::new().add(pairs.ranges([v4, v6])).clone(),
        Batch::new().refresh(&nets, v4net(), Duration::from_secs(1)).clone(),
    ]);
    for (n, batch) in batches.iter().enumerate() {
        let said = batch.refused().first().map(|(_, why)| why.to_string()).unwrap_or_default();
        let both = |net, address| said.contains(net) && said.contains(address);
        assert!(both("192.0.2.0/24", "192.0.2.7") || both("2001:db8::/64", "2001:db8::7"), "{n}: {said}");
    }
    // A single address, and a network, mean what they say.
    let fine = [net("192.0.2.7/32"), net("192.0.2.0/24"), net("0.0.0.0/0")];
    let mut batch = Batch::new();
    for net in fine {
        batch.add(nets.elements([nets.element(net)]));
    }
    assert!(batch.refused().is_empty(), "{:?}", batch.refused());
    assert_eq!(v4net().bounds().unwrap().0, Ipv4Addr::new(192, 0, 2, 0));
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
    assert_eq!(
        why(set.element(net("10.0.0.0/8"))),
        "10.0.0.0-10.255.255.255 is a range, and set plain holds single values: make it with interval()"
    );
    assert_eq!(
        why(set.clone().interval().element(v4("1.1.1.2")..=v4("1.1.1.1"))),
        "1.1.1.2-1.1.1.1 ends before it starts: the lower value comes first"
    );
    assert_eq!(why(set.element(Masked::new(v4("1.1.1.1"), v4("0.0.0.1")))), "masked bits cannot stand in set plain");
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
