//! What stands in a ruleset, laid out as nft 1.1.7 lays it out.

use crate::{data::*, expr::*, model::*};
use proptest::prelude::*;
use std::{net::Ipv4Addr, time::Duration};

fn table() -> Table {
    Table::new(Family::Inet, "t")
}

fn ruleset(fill: impl FnOnce(&mut Ruleset)) -> Ruleset {
    let mut ruleset = Ruleset::new(1.into());
    ruleset.tables.push(table());
    fill(&mut ruleset);
    ruleset
}

/// The lines inside of the table.
#[track_caller]
fn holds(text: impl ToString, expected: &str) {
    assert_eq!(text.to_string(), format!("table inet t {{\n{expected}}}\n"));
}

#[test]
fn objects() {
    let object = |data: ObjectData| Object::new(&table(), "o", data);
    let counter = Counter { packets: Some(1), bytes: Some(60), ..Counter::new() };
    holds(
        object(counter.clone().into()).with_comment("x"),
        "\tcounter o {\n\t\tcomment \"x\"\n\t\tpackets 1 bytes 60\n\t}\n",
    );
    let nothing = ruleset(|_| {});
    holds(nothing.text_of(&object(counter.into())).stateless(), "\tcounter o {\n\t}\n");
    holds(object(Quota::over(1 << 20).into()), "\tquota o {\n\t\tover 1 mbytes\n\t}\n");
    let second = Duration::from_secs(1);
    holds(object(Limit::packets(7, second).into()), "\tlimit o {\n\t\trate 7/second\n\t}\n");
    holds(
        object(Limit::packets(7, second).with_burst(9).into()),
        "\tlimit o {\n\t\trate 7/second burst 9 packets\n\t}\n",
    );
    holds(
        object(CtHelper::new("ftp", 6).with_family(Family::Ip).into()),
        "\tct helper o {\n\t\ttype \"ftp\" protocol tcp\n\t\tl3proto ip\n\t}\n",
    );
    let timeout = CtTimeout::udp().with_family(Family::Ip6).with(UdpTimeout::Unreplied, second * 30);
    holds(
        object(timeout.with(UdpTimeout::Replied, second * 4000).into()),
        "\tct timeout o {\n\t\tprotocol udp\n\t\tl3proto ip6\n\t\tpolicy = { replied : 1h6m40s }\n\t}\n",
    );
    holds(
        object(CtExpectation::new(17, 5060, second * 90, 3).with_family(Family::Ip).into()),
        "\tct expectation o {\n\t\tprotocol udp\n\t\tdport 5060\n\t\ttimeout 1m30s\n\t\tsize 3\n\t\tl3proto ip\n\t}\n",
    );
    holds(object(Secmark::new("a:b").into()), "\tsecmark o {\n\t\t\"a:b\"\n\t}\n");
    let synproxy = Synproxy::new(1460, 7).with_flags(SynproxyFlags::TIMESTAMP | SynproxyFlags::SACK_PERM);
    holds(object(synproxy.into()), "\tsynproxy o {\n\t\tmss 1460\n\t\twscale 7\n\t\ttimestamp sack-perm\n\t}\n");
    // nft cannot say it, and so does not take it.
    holds(object(Connlimit::over(3).into()), "\tconnlimit o {\n\t\tct count over 3\n\t}\n");
}

#[test]
fn flowtables() {
    let fast = Flowtable::new(&table(), "f", Priority::FILTER + 5).with_device("lo").with_devices_of("eth");
    holds(
        fast.with_flags(FlowtableFlags::COUNTER | FlowtableFlags::HW_OFFLOAD),
        "\tflowtable f {\n\t\thook ingress priority filter + 5\n\t\tdevices = { \"eth*\", \"lo\" }\n\t\tflags offload\n\
         \t\tcounter\n\t}\n",
    );
}

#[test]
fn sets() {
    let key = Ipv4Addr::FIELD.datatype();
    let set = |set: Set| FilledSet::new(set, Vec::new());
    let plain = || Set::new(&table(), "s", key, 4);
    holds(set(plain()), "\tset s {\n\t\ttype ipv4_addr\n\t}\n");
    let mut full = plain().with_flags(SetFlags::INTERVAL | SetFlags::TIMEOUT | SetFlags::EVAL).with_size(9);
    full.policy = Some(SetPolicy::Memory);
    full.timeout = Some(Duration::from_secs(3600));
    full.gc_interval = Some(Duration::from_millis(1500));
    full.count = Some(2);
    full.exprs = Some(vec![Counter::new().into()]);
    full.userdata.get_or_insert_default().set(Set::MERGE_ELEMENTS, &1u32.to_ne_bytes());
    holds(
        set(full.with_comment("x")),
        "\tset s {\n\t\ttype ipv4_addr\n\t\tpolicy memory\n\t\tsize 9\t# count 2\n\t\tflags dynamic,interval,timeout\n\
         \t\tcounter\n\t\tauto-merge\n\t\ttimeout 1h\n\t\tgc-interval 1s500ms\n\t\tcomment \"x\"\n\t}\n",
    );
    holds(set(plain().with_data(DataType::VERDICT, 0)), "\tmap s {\n\t\ttype ipv4_addr : verdict\n\t}\n");
    holds(set(plain().with_data(key, 4)), "\tmap s {\n\t\ttype ipv4_addr : ipv4_addr\n\t}\n");
    holds(set(plain().with_objects(ObjectType::CtHelper)), "\tmap s {\n\t\ttype ipv4_addr : ct helper\n\t}\n");
}

#[test]
fn parts_of_a_table_are_apart() {
    let mut host = table().with_flags(TableFlags::DORMANT).with_comment("c");
    host.handle = Some(7);
    let chain = |name: &str| host.chain(name);
    let mut input = chain("input").with_hook(Hook::Input, Priority::MANGLE + 3).with_policy(Policy::Drop);
    input.handle = Some(1);
    let hidden = Set::new(&host, "__set0", Ipv4Addr::FIELD.datatype(), 4).with_flags(SetFlags::ANONYMOUS);
    let all = ruleset(|all| {
        all.tables = vec![host.clone()];
        all.objects.push(Object::new(&host, "o", Counter::new()));
        all.sets.push(FilledSet::new(hidden, Vec::new()));
        all.flowtables.push(Flowtable::new(&host, "f", Priority::FILTER));
        all.chains.extend([input.clone(), chain("other").with_comment("x")]);
    });
    holds(
        &all,
        "\tflags dormant\n\tcomment \"c\"\n\n\tcounter o {\n\t\tpackets 0 bytes 0\n\t}\n\n\
         \tflowtable f {\n\t\thook ingress priority filter\n\t}\n\n\
         \tchain input {\n\t\ttype filter hook input priority mangle + 3; policy drop;\n\t}\n\n\
         \tchain other {\n\t\tcomment \"x\"\n\t}\n",
    );
    let handles = all.text_of(&host).handles().numeric_priorities().to_string();
    assert!(handles.starts_with("table inet t { # handle 7\n"), "{handles}");
    assert!(handles.contains("\tchain input { # handle 1\n\t\ttype filter hook input priority -147;"), "{handles}");
    holds(all.text_of(&input), "\tchain input {\n\t\ttype filter hook input priority mangle + 3; policy drop;\n\t}\n");
}

#[test]
fn devices_of_a_chain() {
    let ingress = |chain: Chain| chain.with_hook(Hook::Ingress, Priority::FILTER);
    let one = ingress(table().chain("c")).with_device("lo");
    holds(&one, "\tchain c {\n\t\ttype filter hook ingress device \"lo\" priority filter;\n\t}\n");
    holds(
        one.with_device("eth0"),
        "\tchain c {\n\t\ttype filter hook ingress devices = { \"eth0\", \"lo\" } priority filter;\n\t}\n",
    );
}

#[test]
fn an_owner_that_is_gone() {
    let mut mine = table().with_flags(TableFlags::OWNER | TableFlags::PERSIST);
    mine.owner = Some(u32::MAX);
    assert_eq!(mine.to_string(), "table inet t { # progname (null)\n\tflags owner,persist\n}\n");
}

#[test]
fn names_break_no_line() {
    let evil = Table::new(Family::Ip, "x {\n}\ntable ip y");
    assert_eq!(evil.to_string().lines().count(), 2);
    assert_eq!(evil.chain("a\nb").to_string().lines().count(), 4);
}

#[test]
fn chains_in_rules_end_somewhere() {
    // Two chains, each of which stands in all rules of the other.
    let chain = |name: &str| Chain { flags: Some(ChainFlags::BINDING), ..table().chain(name) };
    let jump = |from: &str, to: &str| Rule::new(&chain(from), [Immediate::new(Register::VERDICT, Verdict::jump(to))]);
    let all = ruleset(|all| {
        all.chains.extend([table().chain("c"), chain("a"), chain("b")]);
        all.rules.push(jump("c", "a"));
        all.rules.extend((0..3).flat_map(|_| [jump("a", "b"), jump("b", "a")]));
    });
    let text = all.to_string();
    let count = |words| text.matches(words).count();
    assert_eq!((count("jump {"), count("jump a"), count("jump b")), (2, 3, 2), "{text}");
}

proptest! {
    #[test]
    fn any_rule_is_a_line(rule in Rule::any_attrs(Family::Inet), other in Rule::any_attrs(Family::Arp)) {
        for rule in [rule, other] {
            let all = ruleset(|_| {});
            for text in [rule.to_string(), all.text_of(&rule).numeric().handles().to_string()] {
                prop_assert!(!text.contains(char::is_control), "{text}");
            }
            let statements = all.statements(&rule);
            prop_assert!(rule.exprs().is_empty() || statements.iter().all(|text| !text.is_empty()));
        }
    }

    #[test]
    fn any_object_has_a_text(
        object in Object::any_attrs(Family::Ip),
        flowtable in Flowtable::any_attrs(Family::Ip),
        set in Set::any_attrs(Family::Ip),
        elements in prop::collection::vec(Element::any_attrs(), 0..3),
        chain in Chain::any_attrs(Family::Bridge),
        table in Table::any_attrs(Family::Netdev),
    ) {
        let set = FilledSet::new(set, elements);
        for text in [object.to_string(), flowtable.to_string(), set.to_string(), chain.to_string(), table.to_string()] {
            let blocks = text.lines().filter(|line| line.ends_with(" {") || line.contains(" { #")).count();
            prop_assert!(text.starts_with("table ") && text.ends_with("}\n") && blocks <= 4, "{text}");
        }
    }
}
