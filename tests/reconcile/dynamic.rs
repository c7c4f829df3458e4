//! Sets that rules change and that do not say that they are dynamic: nft makes them so, and its
//! JSON before 1.1 does not tell.

use super::state::{HOUR, host, input, made, settle};
use crate::nfts::nfts;
use oxitables::{
    Batch, Client, Family, Keyed, Rule, Set, Table, ip,
    json::Document,
    model::{self, Ruleset, SetFlags},
    testing,
};
use std::{
    io::Write,
    net::Ipv4Addr,
    process::{Command, Stdio},
};

/// What nft 1.0.6 lists of a set with a size that a rule fills, and of one that no rule fills.
const DOCUMENT: &str = r#"{"nftables": [
    {"table": {"family": "inet", "name": "t", "handle": 1}},
    {"set": {"family": "inet", "name": "seen", "table": "t", "type": "ipv4_addr", "handle": 2, "size": 65535}},
    {"set": {"family": "inet", "name": "timed", "table": "t", "type": "ipv4_addr", "handle": 3, "size": 100,
             "flags": ["timeout"]}},
    {"map": {"family": "inet", "name": "marks", "table": "t", "type": "ipv4_addr", "map": "mark", "handle": 4,
             "size": 65535}},
    {"chain": {"family": "inet", "table": "t", "name": "c", "handle": 5, "type": "filter", "hook": "input", "prio": 0,
               "policy": "accept"}},
    {"rule": {"family": "inet", "table": "t", "chain": "c", "handle": 6, "expr": [
        {"set": {"op": "update", "elem": {"payload": {"protocol": "ip", "field": "saddr"}}, "set": "@seen"}},
        {"set": {"op": "add", "elem": {"elem": {"val": {"payload": {"protocol": "ip", "field": "saddr"}},
                                                "timeout": 60}}, "set": "@timed"}},
        {"map": {"op": "add", "elem": {"payload": {"protocol": "ip", "field": "saddr"}},
                 "data": {"meta": {"key": "mark"}}, "map": "@marks"}}]}}
]}"#;

fn flags(client: &mut Client, name: &str) -> SetFlags {
    let ruleset = client.ruleset().unwrap();
    ruleset.sets.iter().find(|set| set.set.name == *name).unwrap().set.flags()
}

#[test]
fn documents_that_do_not_say_dynamic_make_dynamic_sets() {
    testing::in_namespace(|| {
        let mut client = Client::open().unwrap();
        let document = Document::parse(DOCUMENT).unwrap();
        document.apply(&mut client).unwrap();
        for name in ["seen", "timed", "marks"] {
            assert!(flags(&mut client, name).contains(SetFlags::EVAL), "{name}");
        }
        let desired = document.ruleset().unwrap();
        assert!(client.plan(&desired).unwrap().is_empty());
        client.apply(Batch::new().flush_ruleset(None)).unwrap();
        settle(&mut client, &desired);
        assert!(flags(&mut client, "seen").contains(SetFlags::EVAL));
        // A program that looks at the JSON of what is there.
        let listed: Ruleset =
            serde_json::from_str(&serde_json::to_string(&client.ruleset().unwrap()).unwrap()).unwrap();
        assert!(client.plan(&listed).unwrap().is_empty());
    });
}

#[test]
fn typed_rules_make_the_sets_of_their_batch_dynamic() {
    testing::in_namespace(|| {
        let mut client = Client::open().unwrap();
        let seen = Set::<Ipv4Addr>::new(&host(), "seen").with_size(100);
        let desired = made(|batch| {
            batch.add(&seen).add(input().rule(Rule::new().then(ip::saddr().update_in(&seen))));
        });
        settle(&mut client, &desired);
        assert!(flags(&mut client, "seen").contains(SetFlags::EVAL));
        client.apply(Batch::new().flush_ruleset(None)).unwrap();
        let mut batch = Batch::new();
        batch.add(host()).add(input()).add(&seen).add(input().rule(Rule::new().then(ip::saddr().update_in(&seen))));
        client.apply(&batch).unwrap();
        assert!(flags(&mut client, "seen").contains(SetFlags::EVAL));
        // One of the same name elsewhere is another set, and so is one that no rule changes.
        let other = Table::new(Family::Inet, "other");
        let still = Set::<Ipv4Addr>::new(&other, "seen").with_size(100);
        client.apply(Batch::new().add(&other).add(&still)).unwrap();
        let ruleset = client.ruleset().unwrap();
        let of_other = ruleset.sets.iter().find(|set| set.set.table == *"other").unwrap();
        assert!(!of_other.set.flags().contains(SetFlags::EVAL));
    });
}

#[test]
fn what_rules_have_put_into_a_set_stays_whatever_the_document_says_of_it() {
    testing::in_namespace(|| {
        let mut client = Client::open().unwrap();
        for nft in nfts() {
            client.apply(Batch::new().flush_ruleset(None)).unwrap();
            let text = "table inet t {\n set seen { type ipv4_addr; size 100; }\n map marks { type ipv4_addr : mark; }\n \
                        set spare { type ipv4_addr; size 10; flags dynamic,timeout; }\n \
                        chain c { type filter hook input priority 0; update @seen { ip saddr }; add @marks { ip saddr : 7 }; }\n}\n";
            let mut child = Command::new(&nft).args(["-f", "-"]).stdin(Stdio::piped()).spawn().unwrap();
            child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
            assert!(child.wait().unwrap().success());
            let listed = Command::new(&nft).args(["-j", "-t", "list", "ruleset"]).output().unwrap();
            let listed = String::from_utf8(listed.stdout).unwrap();
            // Before 1.1 nft has no JSON for a map that a rule changes, but its text.
            let listed = listed.replace(
                "\"add @marks { ip saddr : 0x00000007 }\"",
                r#"{"map": {"op": "add", "elem": {"payload": {"protocol": "ip", "field": "saddr"}}, "data": 7, "map": "@marks"}}"#,
            );
            let desired: Ruleset = serde_json::from_str(&listed).unwrap();
            let learned = ["seen", "marks", "spare"].map(|name| {
                let ruleset = client.ruleset().unwrap();
                ruleset.sets.iter().find(|set| set.set.name == *name).unwrap().set.clone()
            });
            let mut batch = Batch::new();
            for set in &learned {
                let mut element = model::Element::new(oxitables::data::Value::new(&[192, 0, 2, 1]).unwrap());
                if set.name == *"marks" {
                    element.data = Some(oxitables::data::Value::new(&7u32.to_ne_bytes()).unwrap().into());
                }
                if set.name == *"spare" {
                    element.timeout = Some(HOUR);
                }
                batch.add(set.elements([element]));
            }
            client.apply(&batch).unwrap();
            let plan = client.plan(&desired).unwrap();
            assert!(plan.is_empty() && plan.destroys().is_empty(), "{}:\n{plan}", nft.display());
        }
    });
}

/// A set that is dynamic and is to be a fixed one keeps what is desired of it, and loses the rest.
#[test]
fn a_set_that_need_not_be_dynamic_is_emptied_of_what_came_by_itself() {
    testing::in_namespace(|| {
        let mut client = Client::open().unwrap();
        let set = || Set::<Ipv4Addr>::new(&host(), "hosts").with_size(100);
        let with = |set: &Set<Ipv4Addr>, hosts: &[u8]| {
            made(|batch| {
                batch.add(set).add(set.elements(hosts.iter().map(|n| set.element([10, 0, 0, *n]))));
            })
        };
        settle(&mut client, &with(&set().dynamic(), &[1, 2]));
        let plan = settle(&mut client, &with(&set(), &[2, 3]));
        assert!(plan.contains("- element inet host hosts { 10.0.0.1 }"), "{plan}");
        assert!(!plan.contains("set inet host hosts"), "{plan}");
    });
}
