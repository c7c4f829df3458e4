//! libnftables JSON against the real kernel, and against the nft that is installed.

#[path = "common/features.rs"]
mod features;
#[path = "json/stock.rs"]
mod stock;

use oxitables::{
    Client, Family, Table,
    json::{Document, Nft, to_value},
    testing,
};
use serde_json::{Value, json};
use std::{error::Error, process::Command};

type Outcome = Result<(), Box<dyn Error>>;

/// `nft -j list ruleset`, without its head.
fn nft_list() -> Result<Vec<Value>, Box<dyn Error>> {
    let listed = Command::new("nft").args(["-j", "list", "ruleset"]).output()?;
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    items(serde_json::from_slice(&listed.stdout)?)
}

/// The objects of a document, without its head.
fn items(mut document: Value) -> Result<Vec<Value>, Box<dyn Error>> {
    let Some(Value::Array(mut items)) = document.get_mut("nftables").map(Value::take) else {
        return Err(format!("no document: {document}").into());
    };
    assert!(items.remove(0).get("metainfo").is_some());
    Ok(items)
}

fn rules(chain: &str, rules: Vec<Value>) -> impl Iterator<Item = Value> {
    let chain = chain.to_owned();
    rules
        .into_iter()
        .map(move |expr| json!({"rule": {"family": "inet", "table": "host", "chain": chain, "expr": expr}}))
}

fn payload(protocol: &str, field: &str) -> Value {
    json!({"payload": {"protocol": protocol, "field": field}})
}

fn matches(left: Value, right: Value) -> Value {
    json!({"match": {"op": "==", "left": left, "right": right}})
}

/// A host's firewall, in forms that every nft lists the same.
fn firewall() -> Value {
    let mut all = vec![
        json!({"table": {"family": "inet", "name": "host"}}),
        json!({"chain": {"family": "inet", "table": "host", "name": "input",
            "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}}),
        json!({"chain": {"family": "inet", "table": "host", "name": "services"}}),
        json!({"set": {"family": "inet", "table": "host", "name": "admins", "type": "ipv4_addr",
            "flags": ["interval"], "elem": ["192.0.2.1", {"prefix": {"addr": "198.51.100.0", "len": 24}}]}}),
        json!({"counter": {"family": "inet", "table": "host", "name": "web", "packets": 0, "bytes": 0}}),
    ];
    let input = vec![
        json!([{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}}, {"accept": null}]),
        json!([matches(json!({"meta": {"key": "iifname"}}), json!("lo")), {"accept": null}]),
        json!([matches(payload("ip", "saddr"), json!("@admins")), matches(payload("tcp", "dport"), json!(22)), {"accept": null}]),
        json!([matches(payload("tcp", "dport"), json!({"set": [80, 443]})), {"counter": "web"}, {"jump": {"target": "services"}}]),
        json!([matches(payload("udp", "dport"), json!({"range": [33434, 33524]})), {"reject": {"type": "icmpx", "expr": "port-unreachable"}}]),
        json!([matches(payload("icmpv6", "type"), json!("nd-neighbor-solicit")), {"accept": null}]),
        json!([{"limit": {"rate": 3, "burst": 5, "per": "minute"}}, {"log": {"prefix": "dropped: ", "level": "info"}}]),
    ];
    all.extend(rules("input", input));
    let services = vec![
        json!([matches(payload("ip", "daddr"), json!({"prefix": {"addr": "203.0.113.0", "len": 24}})), {"accept": null}]),
        json!([{"mangle": {"key": {"meta": {"key": "mark"}}, "value": 7}}, {"counter": {"packets": 0, "bytes": 0}}, {"return": null}]),
    ];
    all.extend(rules("services", services));
    json!({ "nftables": all })
}

/// Without handles, which a document that is applied need not have.
fn bare(mut items: Vec<Value>) -> Vec<Value> {
    for item in &mut items {
        item.as_object_mut().into_iter().flat_map(|item| item.values_mut()).for_each(|inner| {
            inner.as_object_mut().into_iter().for_each(|inner| drop(inner.remove("handle")));
        });
    }
    items
}

#[test]
fn what_is_applied_is_listed_as_nft_lists_it() {
    testing::in_namespace(|| -> Outcome {
        let mut nft = Client::open()?;
        Document::from_value(&firewall())?.apply(&mut nft)?;
        let listed = items(to_value(&nft.ruleset()?))?;
        let sorted = |mut all: Vec<Value>| {
            all.sort_by_key(Value::to_string);
            all
        };
        // Versions of nft differ in the order of chains, sets and objects.
        assert_eq!(sorted(listed.clone()), sorted(nft_list()?));
        assert_eq!(sorted(bare(listed)), sorted(bare(items(with_head(firewall()))?)));
        Ok(())
    });
}

fn with_head(mut document: Value) -> Value {
    document["nftables"].as_array_mut().unwrap().insert(0, json!({"metainfo": {}}));
    document
}

#[test]
fn a_listing_can_be_applied_again() {
    testing::in_namespace(|| -> Outcome {
        let mut nft = Client::open()?;
        Document::from_value(&firewall())?.apply(&mut nft)?;
        let before = to_value(&nft.ruleset()?);
        let mut again = before.clone();
        again["nftables"].as_array_mut().unwrap().insert(1, json!({"flush": {"ruleset": null}}));
        Document::parse(&Nft(&again).to_string())?.apply(&mut nft)?;
        assert_eq!(bare(items(to_value(&nft.ruleset()?))?), bare(items(before)?));
        Ok(())
    });
}

/// A document of commands.
fn document(commands: Vec<Value>) -> Document {
    Document::from_value(&json!({ "nftables": commands })).unwrap()
}

fn rule(verb: &str, more: Value, mark: u32) -> Value {
    let mut rule = json!({"family": "ip", "table": "t", "chain": "c", "comment": mark.to_string(),
        "expr": [{"mangle": {"key": {"meta": {"key": "mark"}}, "value": mark}}]});
    rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ verb: {"rule": rule} })
}

#[test]
fn rules_go_where_they_are_told() {
    testing::in_namespace(|| -> Outcome {
        let mut nft = Client::open()?;
        let chain = Table::new(Family::Ip, "t").chain("c");
        let order = |nft: &mut Client| -> Result<Vec<String>, Box<dyn Error>> {
            Ok(nft.rules(&chain).snapshot()?.iter().filter_map(|rule| rule.comment()).collect())
        };
        document(vec![
            json!({"add": {"table": {"family": "ip", "name": "t"}}}),
            json!({"add": {"chain": {"family": "ip", "table": "t", "name": "c"}}}),
            rule("add", json!({}), 1),
            rule("add", json!({}), 2),
            rule("insert", json!({}), 3),
            // Of what is made by the same document.
            rule("add", json!({"index": 0}), 4),
            rule("insert", json!({"index": 2}), 5),
        ])
        .apply(&mut nft)?;
        assert_eq!(order(&mut nft)?, ["3", "4", "5", "1", "2"]);

        let handles: Vec<_> = nft.rules(&chain).snapshot()?.iter().filter_map(|rule| rule.handle).collect();
        document(vec![
            rule("insert", json!({"handle": handles[3]}), 6),
            rule("replace", json!({"handle": handles[0]}), 7),
            rule("add", json!({"index": 4}), 8),
            json!({"delete": {"rule": {"family": "ip", "table": "t", "chain": "c", "handle": handles[1]}}}),
        ])
        .apply(&mut nft)?;
        assert_eq!(order(&mut nft)?, ["7", "5", "6", "1", "8", "2"]);

        // Behind the rule with a handle, which has to be there; what is only listed goes to the
        // end.
        let third = nft.rules(&chain).snapshot()?[2].handle;
        let listed = rule("add", json!({"handle": third}), 11)["add"].clone();
        document(vec![rule("add", json!({"handle": third}), 10), listed]).apply(&mut nft)?;
        assert_eq!(order(&mut nft)?, ["7", "5", "6", "10", "1", "8", "2", "11"]);
        let error = document(vec![rule("add", json!({"handle": 999}), 9)]).apply(&mut nft).unwrap_err();
        assert!(error.to_string().contains("ENOENT at position"), "{error}");

        let error = document(vec![rule("add", json!({"index": 9}), 9)]).apply(&mut nft).unwrap_err();
        assert_eq!(error.to_string(), "nftables[0].add.rule: there is no rule 9: the chain has 8, counted from 0");
        Ok(())
    });
}

#[test]
fn what_is_wrong_changes_nothing() {
    testing::in_namespace(|| -> Outcome {
        let mut nft = Client::open()?;
        let table = json!({"add": {"table": {"family": "ip", "name": "t"}}});
        let chain = json!({"add": {"chain": {"family": "ip", "table": "t", "name": "c"}}});
        let wrong = json!({"add": {"rule": {"family": "ip", "table": "t", "chain": "c",
            "expr": [matches(payload("tcp", "dport"), json!("nonsense"))]}}});
        let error = document(vec![table.clone(), chain.clone(), wrong]).apply(&mut nft).unwrap_err().to_string();
        assert!(
            error.starts_with("nftables[2].add.rule.expr[0]: \"nonsense\" is neither a port number nor a service"),
            "{error}"
        );
        let no_set = json!({"add": {"element": {"family": "ip", "table": "t", "name": "s", "elem": [1]}}});
        let error = document(vec![table.clone(), no_set]).apply(&mut nft).unwrap_err().to_string();
        assert_eq!(error, "nftables[1].add.element: there is no set ip t s");
        // The kernel refuses what is not there.
        let gone = json!({"delete": {"chain": {"family": "ip", "table": "t", "name": "c"}}});
        assert!(document(vec![table.clone(), gone]).apply(&mut nft).unwrap_err().is_not_found());
        document(vec![table, chain]).check(&mut nft)?;
        assert_eq!(items(to_value(&nft.ruleset()?))?, Vec::<Value>::new());
        Ok(())
    });
}

#[test]
fn deletion_by_handle_renaming_and_answers() {
    testing::in_namespace(|| -> Outcome {
        let mut nft = Client::open()?;
        let place = |name: &str, more: Value| {
            let mut place = json!({"family": "ip", "table": "t", "name": name});
            place.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            place
        };
        document(vec![
            json!({"add": {"table": {"family": "ip", "name": "t"}}}),
            json!({"add": {"chain": place("c", json!({}))}}),
            json!({"add": {"chain": place("d", json!({}))}}),
            json!({"add": {"set": place("s", json!({"type": "inet_service", "elem": [22, 80]}))}}),
            json!({"add": {"set": place("u", json!({"type": "mark"}))}}),
            json!({"add": {"counter": place("n", json!({"packets": 5, "bytes": 500}))}}),
        ])
        .apply(&mut nft)?;
        let ruleset = nft.ruleset()?;
        let of = |handle: Option<u64>| json!({"family": "ip", "table": "t", "handle": handle});
        let unused = ruleset.sets.iter().find(|one| one.set.name == "u").and_then(|one| one.set.handle);
        let answers = document(vec![
            json!({"rename": {"chain": place("c", json!({"newname": "renamed"}))}}),
            json!({"delete": {"set": of(unused)}}),
            json!({"delete": {"chain": of(ruleset.chains[1].handle)}}),
            json!({"delete": {"element": place("s", json!({"elem": 80}))}}),
            json!({"list": {"chains": null}}),
            json!({"list": {"set": place("s", json!({}))}}),
            json!({"reset": {"counter": place("n", json!({}))}}),
            json!({"list": {"counters": {"family": "ip"}}}),
        ])
        .apply(&mut nft)?;
        assert_eq!(answers.len(), 4);
        let chains = items(answers[0].clone())?;
        assert_eq!((chains.len(), &chains[0]["chain"]["name"]), (1, &json!("renamed")));
        assert_eq!(answers[1]["nftables"][1]["set"]["elem"], json!([22]));
        assert_eq!(answers[2]["nftables"][1]["counter"]["packets"], 5);
        assert_eq!(answers[3]["nftables"][1]["counter"]["packets"], 0);
        let error = document(vec![json!({"list": {"chain": place("c", json!({}))}})]).apply(&mut nft).unwrap_err();
        assert_eq!(error.to_string(), "nftables[0].list.chain: there is no such thing");

        document(vec![json!({"flush": {"ruleset": {"family": "ip6"}}})]).apply(&mut nft)?;
        assert_eq!(nft.ruleset()?.tables.len(), 1);
        document(vec![json!({"flush": {"ruleset": null}})]).apply(&mut nft)?;
        assert_eq!(nft.ruleset()?.tables.len(), 0);
        Ok(())
    });
}

#[test]
fn options_of_listings_and_sets_that_rules_make() {
    testing::in_namespace(|| -> Outcome {
        let mut nft = Client::open()?;
        let saddr = payload("ip", "saddr");
        let meter = json!({"meter": {"name": "m", "key": saddr, "stmt": {"counter": null}, "size": 9}});
        document(vec![
            json!({"add": {"table": {"family": "ip", "name": "t"}}}),
            json!({"add": {"chain": {"family": "ip", "table": "t", "name": "c"}}}),
            json!({"add": {"rule": {"family": "ip", "table": "t", "chain": "c", "expr": [meter, {"counter": null}]}}}),
            json!({"add": {"element": {"family": "ip", "table": "t", "name": "m", "elem": ["192.0.2.1"]}}}),
        ])
        .apply(&mut nft)?;
        let ruleset = nft.ruleset()?;
        let all = to_value(&ruleset);
        let set = &all["nftables"][3]["set"];
        assert_eq!((&set["name"], &set["type"], &set["size"]), (&json!("m"), &json!("ipv4_addr"), &json!(9)));
        assert_eq!(set["elem"].as_array().map(Vec::len), Some(1));
        assert_eq!(all["nftables"][4]["rule"]["expr"][1]["counter"]["packets"], 0);
        let brief = ruleset.text_of(&ruleset.tables[0]).stateless().terse().to_json();
        assert_eq!(brief["nftables"][3]["set"].get("elem"), None);
        assert_eq!(brief["nftables"][4]["rule"]["expr"][1], json!({"counter": null}));
        Ok(())
    });
}
