//! What would hurt, and is refused before it does.

use crate::common::features::{is_before, lacks};
use oxitables::*;
use std::{net::Ipv4Addr, time::Duration};

fn table() -> Table {
    Table::new(Family::Inet, "t")
}

fn refusal(result: Result<Committed>) -> String {
    result.expect_err("this must not be taken").to_string()
}

#[test]
fn a_single_address_never_becomes_all_that_follow_it() {
    testing::in_namespace(|| -> Result<()> {
        let mut nft = Client::open()?;
        let nets = Set::<Ipv4Addr>::new(&table(), "nets").interval().timeouts();
        let hosts = Set::<Ipv4Addr>::new(&table(), "hosts").timeouts();
        nft.apply(Batch::new().add(table()).add(&nets).add(&hosts))?;

        let (minute, address) = (Duration::from_secs(60), [192, 0, 2, 7]);
        let wrong = SetRef::<Ipv4Addr>::new(Family::Inet, "t", "nets");
        let text = refusal(nft.apply(Batch::new().add(table()).refresh(&wrong, address, minute)));
        assert!(text.contains("refresh element inet t nets (operation 2 of 2): set nets holds intervals"), "{text}");
        refusal(nft.apply(Batch::new().delete(wrong.elements([wrong.element(address)]))));
        refusal(nft.apply(Batch::new().add(wrong.keys([Ipv4Addr::from(address)]))));
        assert!(nft.check(Batch::new().refresh(&wrong, address, minute)).is_err());
        let wrong = SetRef::<Ipv4Addr>::new(Family::Inet, "t", "hosts").interval();
        assert!(refusal(nft.apply(Batch::new().refresh(&wrong, address, minute))).contains("holds single values"));
        // The set of the same batch counts, where there is one.
        let later = Set::<Ipv4Addr>::new(&table(), "later").interval();
        let wrong = SetRef::<Ipv4Addr>::new(Family::Inet, "t", "later");
        refusal(nft.apply(Batch::new().add(&later).add(wrong.keys([Ipv4Addr::from(address)]))));

        for name in ["nets", "hosts"] {
            let found = nft.find_set::<Ipv4Addr>(&table(), name)?.unwrap();
            nft.apply(Batch::new().refresh(&found, address, minute))?;
            let address = Ipv4Addr::from(address);
            assert_eq!(nft.members(&found)?[0].bounds(), Some((address, address)), "{name}");
            // A listing believes the kernel rather than its caller.
            let said = SetRef::<Ipv4Addr>::new(Family::Inet, "t", name);
            assert_eq!(nft.members(&said)?[0].bounds(), Some((address, address)), "{name}");
        }
        Ok(())
    });
}

/// A set that the program declares is another one in the kernel: whatever is done with it, the
/// batch is refused, whoever applies it and however often.
#[test]
fn a_declared_set_of_another_kind_than_the_kernels_is_refused() {
    use oxitables::client::{ElementChange, Writer};
    testing::in_namespace(|| -> Result<()> {
        let mut nft = Client::open()?;
        let t = table();
        let input = t.chain("input");
        nft.apply(
            Batch::new()
                .add(&t)
                .add(&input)
                .add(Set::<Ipv4Addr>::new(&t, "nets").interval().timeouts())
                .add(Set::<Port>::new(&t, "ports").interval())
                .add(Set::<Ipv4Addr>::new(&t, "hosts").timeouts().dynamic())
                .add(Map::<Ipv4Addr, Mark>::new(&t, "marks"))
                .add(Set::<Mark>::new(&t, "ranges").interval()),
        )?;
        let nets = Set::<Ipv4Addr>::new(&t, "nets").timeouts();
        let ports = Set::<Port>::new(&t, "ports");
        let marks = Set::<Mark>::new(&t, "hosts").dynamic();
        let addresses = Map::<Ipv4Addr, Ipv4Addr>::new(&t, "marks");
        let plain = Set::<Mark>::new(&t, "ranges");
        let (address, minute) = (Ipv4Addr::new(192, 0, 2, 7), Duration::from_secs(60));
        type Case<'a> = (&'a str, Box<dyn Fn(&mut Batch) + 'a>);
        let cases: Vec<Case<'_>> = vec![
            (
                "holds intervals",
                Box::new(|b| {
                    b.refresh(&nets, address, minute);
                }),
            ),
            (
                "holds intervals",
                Box::new(|b| {
                    b.add(nets.keys([address]));
                }),
            ),
            (
                "holds intervals",
                Box::new(|b| {
                    b.add(nets.elements([nets.element(address)]));
                }),
            ),
            (
                "holds intervals",
                Box::new(|b| {
                    b.delete(nets.keys([address]));
                }),
            ),
            (
                "holds intervals",
                Box::new(|b| {
                    b.exchange(&nets, [address], [Ipv4Addr::LOCALHOST]);
                }),
            ),
            (
                "holds intervals",
                Box::new(|b| {
                    b.add(ports.keys([Port::from(22)]));
                }),
            ),
            (
                "holds ipv4_addr, not mark",
                Box::new(|b| {
                    b.add(marks.keys([Mark::from(7)]));
                }),
            ),
            (
                "maps to mark, not to ipv4_addr",
                Box::new(|b| {
                    b.add(addresses.elements([addresses.element(address, address)]));
                }),
            ),
            // Rules would never match, or fill the set with nonsense.
            (
                "holds ipv4_addr, not mark",
                Box::new(|b| {
                    b.add(input.rule(Rule::new().when(meta::mark().is_in(&marks)).accept()));
                }),
            ),
            (
                "holds ipv4_addr, not mark",
                Box::new(|b| {
                    b.add(input.rule(Rule::new().then(meta::mark().update_in(&marks).timeout(minute))));
                }),
            ),
            (
                "holds intervals",
                Box::new(|b| {
                    b.add(input.rule(Rule::new().when(meta::mark().is_in(&plain)).accept()));
                }),
            ),
        ];
        let before = nft.ruleset()?;
        for (n, (words, fill)) in cases.iter().enumerate() {
            let mut batch = Batch::new();
            fill(&mut batch);
            // Also after others were fine, on a connection that remembers them.
            for _ in 0..2 {
                let said = refusal(nft.apply(&batch));
                assert!(said.contains(words), "{n}: {said}");
                assert!(nft.check(&batch).is_err(), "{n}");
                let right = Set::<Ipv4Addr>::new(&t, "nets").interval().timeouts();
                nft.apply(Batch::new().refresh(&right, Ipv4Addr::LOCALHOST, minute))?;
                nft.apply(Batch::new().flush(&right))?;
            }
        }
        let mut writer = Writer::new(Client::open()?);
        writer.push(ElementChange::refresh(&nets, address, minute))?;
        writer.push(ElementChange::add(&marks, marks.element(Mark::from(7))))?;
        writer.push(ElementChange::add(&addresses, addresses.element(address, address)))?;
        assert_eq!(writer.flush()?.failures.len(), 3);
        let after = nft.ruleset()?;
        assert_eq!(after.to_string(), before.to_string());
        Ok(())
    });
}

/// A set that was right becomes another one behind the back of a connection that remembers it.
#[test]
fn what_was_known_of_a_set_is_not_believed_after_somebody_else_commits() {
    testing::in_namespace(|| -> Result<()> {
        let (mut nft, mut other) = (Client::open()?, Client::open()?);
        let single = Set::<Ipv4Addr>::new(&table(), "s");
        let nets = Set::<Ipv4Addr>::new(&table(), "s").interval();
        let address = |n: u32| Ipv4Addr::from(10 << 24 | n);
        other.apply(Batch::new().add(table()).add(&single))?;
        for round in 0..20 {
            // Changes, and changes that change nothing, by both.
            for n in 0..3 {
                nft.apply(Batch::new().add(single.keys([address(n)])))?;
                nft.apply(Batch::new().add(single.keys([address(n)])))?;
                if (round + n) % 2 == 0 {
                    other.apply(Batch::new().add(table().chain(format!("c{round}{n}"))))?;
                }
            }
            assert_eq!(nft.members(&single)?.len(), 3);
            other.apply(Batch::new().delete(&single).add(&nets))?;
            let said = refusal(nft.apply(Batch::new().add(single.keys([address(9)]))));
            assert!(said.contains("holds intervals"), "{round}: {said}");
            assert!(nft.members(&nets)?.is_empty());
            nft.apply(Batch::new().add(nets.ranges([address(1)..=address(2)])))?;
            nft.apply(Batch::new().delete(&nets).add(&single))?;
        }
        Ok(())
    });
}

/// The kernel takes a chain that hooks into no device, and it filters nothing.
#[test]
fn a_check_tells_of_chains_that_will_see_no_packet() {
    testing::in_namespace(|| -> Result<()> {
        let mut nft = Client::open()?;
        let dev = Table::new(Family::Netdev, "dev");
        let chain = |table: &Table| table.chain("c").with_hook(Hook::Ingress, Priority::FILTER);
        for table in [&dev, &table()] {
            let said = nft.check(Batch::new().add(table).add(chain(table))).unwrap_err().to_string();
            assert!(said.contains("device"), "{said}");
            let missing = chain(table).with_device("oxi-none");
            let said = nft.check(Batch::new().add(table).add(missing)).unwrap_err().to_string();
            // The kernels before are asked, and do not name it.
            assert!(said.contains("oxi-none") || is_before("6.16", "a chain for a device that is missing"), "{said}");
            let there = chain(table).with_device("lo");
            nft.check(Batch::new().add(table).add(&there))?;
            nft.check(Batch::new().add(table).add(table.chain("regular")))?;
            // Of a chain that is there, the devices need not be said again.
            nft.apply(Batch::new().add(table).add(&there))?;
            if !lacks(proto::Feature::ChainDevices) {
                nft.check(Batch::new().add(table).add(chain(table).with_policy(Policy::Drop)))?;
            }
        }
        Ok(())
    });
}

#[test]
fn a_range_is_in_a_set_if_one_element_covers_it() {
    testing::in_namespace(|| -> Result<()> {
        let mut nft = Client::open()?;
        let nets = Set::<Ipv4Addr>::new(&table(), "nets").interval();
        let [low, high] = ["10.1.0.0/16", "255.255.0.0/16"].map(|net| net.parse::<ipnetwork::Ipv4Network>().unwrap());
        let elements = nets.elements([nets.element(low), nets.element(high)]);
        nft.apply(Batch::new().add(table()).add(&nets).add(elements))?;
        let address = |third, fourth| Ipv4Addr::new(10, 1, third, fourth);
        assert!(nft.has(&nets, low)? && nft.has(&nets, high)?);
        assert!(nft.has(&nets, address(3, 4)..=address(3, 9))?);
        assert!(nft.has(&nets, address(255, 255))?);
        assert!(!nft.has(&nets, address(0, 0)..=Ipv4Addr::new(10, 2, 0, 0))?);
        assert!(!nft.has(&nets, address(0, 0)..=Ipv4Addr::BROADCAST)?);
        assert!(!nft.has(&nets, Ipv4Addr::new(10, 0, 255, 255)..=address(0, 0))?);
        assert!(nft.has(&nets, address(9, 0)..=address(3, 0)).is_err(), "a range that ends before it starts");
        Ok(())
    });
}

#[test]
fn no_time_is_not_for_ever() {
    testing::in_namespace(|| -> Result<()> {
        let mut nft = Client::open()?;
        nft.apply(Batch::new().add(table()))?;
        let set = Set::<Ipv4Addr>::new(&table(), "s").with_timeout(Duration::ZERO);
        let text = refusal(nft.apply(Batch::new().add(&set)));
        assert!(text.contains("at timeout: with a zero timeout elements would never expire"), "{text}");
        let list = Recent::new(&table(), "R").with_window(Duration::ZERO);
        refusal(nft.apply(Batch::new().add(&list)));
        Ok(())
    });
}

#[test]
fn an_empty_batch_keeps_to_its_generation_too() {
    testing::in_namespace(|| -> Result<()> {
        let mut nft = Client::open()?;
        let before = nft.generation()?;
        assert_eq!(nft.apply(Batch::new().expect(before))?.generation, Some(before));
        nft.apply(Batch::new().add(table()))?;
        assert!(nft.apply(Batch::new().expect(before)).unwrap_err().is_stale());
        Ok(())
    });
}

#[test]
fn a_recent_list_is_found_with_its_windows_whatever_the_kernels_tick() {
    testing::in_namespace(|| -> Result<()> {
        let mut nft = Client::open()?;
        // No multiple of any tick but that of a thousand a second.
        let odd = Duration::from_millis(1501);
        let list = Recent::new(&table(), "R").with_window(odd).with_hits(3, odd).with_hits_ever(2);
        nft.apply(Batch::new().add(table()).add(&list))?;
        let found = nft.find_recent(&table(), "R")?.unwrap();
        let address = "192.0.2.7".parse().unwrap();
        nft.recent(&list).add(address)?;
        assert!(nft.recent(&found).remove(address)?);
        for set in nft.sets(&table()).snapshot()? {
            assert_eq!(nft.elements(&set).snapshot()?.len(), 0, "{}", set.name);
        }
        Ok(())
    });
}

#[test]
fn rules_that_end_differently_stamp_through_different_chains() {
    testing::in_namespace(|| -> Result<()> {
        let mut nft = Client::open()?;
        let input = table().chain("input").with_hook(Hook::Input, Priority::FILTER);
        let list = Recent::new(&table(), "R").with_hits(2, Duration::from_secs(60));
        let mut batch = Batch::new();
        batch.add(table()).add(&list).add(&input);
        for name in ["a-b", "a_b", "a.b"] {
            batch.add(table().chain(name));
            batch.add(input.rule(Rule::new().recent(list.set(Side::Source)).jump(name)));
        }
        nft.apply(&batch)?;
        let chains = nft.chains(&table()).snapshot()?;
        // input, three targets, and for each of them a chain for IPv4 and one for IPv6
        assert_eq!(chains.len(), 1 + 3 + 3 * 2, "{:?}", chains.iter().map(|c| c.name.to_string()).collect::<Vec<_>>());

        let map = tcp::dport().vmap_of([(22, Verdict::accept()), (23, Verdict::drop())]);
        let rule = Rule::new().recent(list.set(Side::Source)).verdict(map);
        assert!(refusal(nft.apply(Batch::new().add(input.rule(rule)))).contains("name the map"));
        Ok(())
    });
}

#[test]
fn a_refreshment_is_one_operation_and_fails_once() {
    testing::in_namespace(|| -> Result<()> {
        let mut nft = Client::open()?;
        let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
        let set = Set::<Ipv4Addr>::new(&table(), "s").timeouts().with_size(1);
        nft.apply(Batch::new().add(table()).add(&set))?;
        let mut batch = Batch::new();
        assert_eq!(batch.refresh(&set, [192, 0, 2, 7], minute).len(), 1);
        nft.apply(&batch)?;
        nft.apply(Batch::new().refresh(&set, [192, 0, 2, 7], hour))?;
        assert!(nft.members(&set)?[0].expires_value() > Some(minute));

        // What the README shows.
        let text = refusal(nft.apply(Batch::new().refresh(&set, [192, 0, 2, 8], minute)));
        let start =
            "nothing was changed: refresh element inet t s (operation 1 of 1): ENFILE at elements[0]: set s is full: ";
        assert!(text.starts_with(start) && !text.contains('\n'), "{text}");
        let text = refusal(nft.apply(Batch::new().refresh(&set, [192, 0, 2, 7], Duration::ZERO)));
        assert!(text.contains("zero timeout") && !text.contains('\n'), "{text}");
        Ok(())
    });
}

#[test]
fn a_comment_is_never_a_rule_in_what_nft_prints() {
    testing::in_namespace(|| -> Result<()> {
        let mut nft = Client::open()?;
        let input = table().chain("input");
        for comment in ["bob\"\n\t\taccept comment \"bob", "a\0b", "two\nlines"] {
            let rule = Rule::new().comment(comment).drop();
            let text = refusal(nft.apply(Batch::new().add(table()).add(&input).add(input.rule(rule))));
            assert!(text.contains("no quotes and no control characters"), "{text}");
        }
        Ok(())
    });
}

#[test]
fn a_log_prefix_is_never_a_rule_in_what_nft_prints() {
    testing::in_namespace(|| -> Result<()> {
        let mut nft = Client::open()?;
        let input = table().chain("input");
        let rule = Rule::new().then(log().with_prefix("x\" accept comment \"y")).drop();
        let text = refusal(nft.apply(Batch::new().add(table()).add(&input).add(input.rule(rule))));
        assert!(text.contains("a log prefix has no quotes"), "{text}");
        Ok(())
    });
}

#[test]
fn a_set_of_another_type_takes_nothing() {
    testing::in_namespace(|| -> Result<()> {
        let mut nft = Client::open()?;
        let addresses = Set::<Ipv4Addr>::new(&table(), "addresses");
        nft.apply(Batch::new().add(table()).add(&addresses))?;
        // As wide as an address, so that the kernel would take it.
        let marks = SetRef::<Mark>::new(Family::Inet, "t", "addresses");
        let text = refusal(nft.apply(Batch::new().add(marks.elements([marks.element(7)]))));
        assert!(text.contains("set addresses holds ipv4_addr, not mark"), "{text}");
        assert!(nft.members(&addresses)?.is_empty());
        Ok(())
    });
}

#[test]
fn of_a_pair_of_sets_only_the_one_that_is_meant_is_touched() {
    testing::in_namespace(|| -> Result<()> {
        let mut nft = Client::open()?;
        // The other one is not even there.
        nft.apply(Batch::new().add(table()).add(Set::<Ipv4Addr>::new(&table(), "who4").timeouts()))?;
        let who = SetRef::<std::net::IpAddr>::new(Family::Inet, "t", "who");
        let address: std::net::IpAddr = [192, 0, 2, 1].into();
        nft.apply(Batch::new().refresh(&who, address, Duration::from_secs(9)))?;
        nft.apply(Batch::new().delete(who.elements([who.element(address)])))?;
        let text = refusal(nft.apply(Batch::new().refresh(&who, address, Duration::ZERO)));
        assert!(
            text.contains("refresh element inet t who4 (operation 1 of 1) at elements[0]: a zero timeout"),
            "{text}"
        );
        Ok(())
    });
}

#[test]
fn a_rule_is_deleted_by_its_handle() {
    testing::in_namespace(|| -> Result<()> {
        let mut nft = Client::open()?;
        let input = table().chain("input");
        let rules = ["one", "two"].map(|comment| Rule::new().comment(comment).drop());
        let mut batch = Batch::new();
        batch.add(table()).add(&input);
        for rule in rules {
            batch.add(input.rule(rule));
        }
        nft.apply(&batch)?;
        let handle = nft.rules(&input).snapshot()?[0].handle.unwrap();
        nft.apply(Batch::new().delete_rule(&input, handle))?;
        let left = nft.rules(&input).snapshot()?;
        assert_eq!(left.iter().filter_map(|rule| rule.comment()).collect::<Vec<_>>(), ["two"]);
        Ok(())
    });
}
