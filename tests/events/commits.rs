//! Commits as typed values.

use super::lab::*;
use crate::{
    common::{features::is_before, is_root},
    ordinary::this_as_an_ordinary_user,
};
use oxitables::{
    client::{Listen, Monitor},
    expr::{Counter, Quota},
    model::{Event, Item, Object},
    proto::News,
    *,
};
use std::{
    net::Ipv4Addr,
    process::{Command, Stdio},
    time::Duration,
};

#[test]
fn everything_is_told_as_the_value_that_a_listing_has() {
    testing::in_namespace(|| {
        let mut monitor = Monitor::open().unwrap();
        let mut nft = Client::open().unwrap();
        let blocked = Set::<Ipv4Addr>::new(&host(), "blocked").timeouts();
        let quota = Object::new(&host(), "guests", Quota::until(1 << 20));
        let mut batch = Batch::new();
        batch.add(host()).add(input()).add(&blocked).add(&quota);
        batch.add(blocked.elements([blocked.element([192, 0, 2, 1]), blocked.element([192, 0, 2, 2])]));
        batch.add(input().rule(Rule::new().when(tcp::dport().is(22)).comment("ssh").accept()));
        batch.expect(nft.generation().unwrap());
        let committed = nft.apply(&batch).unwrap();

        let told = commit(&mut monitor);
        assert_eq!(Some(told.generation), committed.generation);
        assert_eq!(told.port, nft.port());
        let thread = std::fs::read_link("/proc/thread-self").unwrap();
        assert_eq!(told.process.unwrap().to_string(), thread.file_name().unwrap().to_string_lossy());
        assert_eq!(
            told.program.clone().unwrap(),
            std::fs::read_to_string("/proc/thread-self/comm").unwrap().trim_end()
        );

        let all = nft.ruleset().unwrap();
        let (mut tables, mut chains, mut rules, mut sets, mut elements, mut objects) = (0, 0, 0, 0, 0, 0);
        for event in &told.events {
            assert!(event.is_of(&host()) && !event.is_of(&Table::new(Family::Ip, "host")), "{event}");
            let Event::Added(item) = event else { panic!("{event}") };
            match item {
                Item::Table(table) => {
                    assert_eq!((&table.name, table.handle), (&all.tables[0].name, all.tables[0].handle));
                    tables += 1;
                }
                Item::Chain(chain) => {
                    assert_eq!((&chain.hook, chain.handle), (&all.chains[0].hook, all.chains[0].handle));
                    chains += 1;
                }
                Item::Rule(rule) => {
                    assert_eq!(**rule, all.rules[0]);
                    assert_eq!(item.to_string(), format!("rule inet host input handle {}", rule.handle.unwrap()));
                    rules += 1;
                }
                Item::Set(set) => {
                    let listed = &all.sets[0].set;
                    assert_eq!((&set.name, set.handle, set.flags), (&listed.name, listed.handle, listed.flags));
                    sets += 1;
                }
                Item::Element(of) => {
                    assert_eq!(of.set, "blocked");
                    assert!(all.sets[0].elements.iter().any(|element| element.key == of.element.key), "{of:?}");
                    elements += 1;
                }
                Item::Object(object) => {
                    let listed = &all.objects[0];
                    assert_eq!((&object.name, object.kind, &object.data), (&listed.name, listed.kind, &listed.data));
                    objects += 1;
                }
                other => panic!("{other}"),
            }
        }
        assert_eq!((tables, chains, rules, sets, elements, objects), (1, 1, 1, 1, 2, 1));

        nft.apply(&filled(|batch| batch.delete(&all.rules[0]))).unwrap();
        let told = commit(&mut monitor);
        let [Event::Deleted(Item::Rule(rule))] = &told.events[..] else { panic!("{:?}", told.events) };
        assert_eq!(rule.handle, all.rules[0].handle);
        nft.apply(&filled(|batch| batch.delete(host()))).unwrap();
        let mut words: Vec<_> = commit(&mut monitor).events.iter().map(ToString::to_string).collect();
        words.sort();
        let gone = ["chain inet host input", "quota inet host guests", "set inet host blocked", "table inet host"];
        assert_eq!(words, gone.map(|what| format!("deleted {what}")));
        assert_eq!(monitor.next(Duration::ZERO).unwrap(), None);
    });
}

#[test]
fn other_programs_have_names() {
    let Some(program) = testing::program("nft") else { return };
    testing::in_namespace(|| {
        let mut monitor = Monitor::open().unwrap();
        let nft = Client::open().unwrap();
        let mut child = Command::new(program).args(["-f", "-"]).stdin(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"add table ip t\nadd chain ip t c\n").unwrap();
        let id = child.id();
        assert!(child.wait().unwrap().success());
        let told = commit(&mut monitor);
        assert_ne!(told.port, nft.port());
        assert_eq!((told.process, told.program.unwrap()), (Some(id), "nft".into()));
        assert_eq!(told.events.len(), 2);
    });
}

#[test]
fn a_refused_batch_and_one_that_changes_nothing_are_not_told() {
    testing::in_namespace(|| {
        let mut nft = Client::open().unwrap();
        nft.apply(&filled(|batch| batch.add(host()))).unwrap();
        let mut monitor = Monitor::open().unwrap();
        nft.apply(&filled(|batch| batch.add(host()))).unwrap();
        nft.apply(&filled(|batch| batch.add(input()).delete(Table::new(Family::Ip, "none")))).unwrap_err();
        nft.check(&filled(|batch| batch.add(input()))).unwrap();
        assert_eq!(monitor.next(Duration::ZERO).unwrap(), None);
        nft.apply(&filled(|batch| batch.add(input()))).unwrap();
        assert_eq!(commit(&mut monitor).events.len(), 1);
    });
}

#[test]
fn what_packets_use_up_is_told_without_a_commit() {
    testing::in_namespace(|| {
        if is_before("6.1", "telling of a quota before the next commit") {
            return;
        }
        let mut nft = Client::open().unwrap();
        let mut batch = Batch::new();
        batch.add(host()).add(input()).add(Object::new(&host(), "guests", Quota::until(100)));
        batch.add(Object::new(&host(), "seen", Counter::new()));
        batch.add(
            input().rule(Rule::new().when(udp::dport().is(7)).when(quota_named("guests")).then(counter_named("seen"))),
        );
        nft.apply(&batch).unwrap();
        let mut monitor = Monitor::open().unwrap();
        for _ in 0..3 {
            send("127.0.0.1:7", &[0; 80]);
        }
        let Some(News::Packet(Event::Added(Item::Object(quota)))) = monitor.next(LIMIT).unwrap() else { panic!() };
        assert_eq!(quota.name, "guests");
        assert_eq!(monitor.next(Duration::ZERO).unwrap(), None, "once");
    });
}

#[test]
fn an_ordinary_user_is_told_what_he_lacks() {
    this_as_an_ordinary_user("events::commits::without_privilege", without_privilege);
}

/// Outside of any sandbox, as somebody who may not listen.
#[test]
#[ignore = "for an ordinary user"]
fn without_privilege() {
    assert!(!is_root());
    let refused = [
        Monitor::open().map(drop),
        client::Tracer::open().map(drop),
        client::NflogReader::bind(proto::LogGroup::new(5)).map(drop),
    ]
    .map(Result::unwrap_err);
    for (error, what) in refused.iter().zip(["listen to commits", "listen to traced packets", "log group 5"]) {
        assert!(error.is_permission(), "{error}");
        assert!(error.to_string().starts_with(&format!("{what}: EPERM: ")), "{error}");
        println!("{error}");
    }
}
