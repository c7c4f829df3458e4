//! What stock nft can list, and what it takes: the same is taken here, and both nft list it.

use super::{Outcome, features::lacks, matches, payload};
use oxitables::{Client, Error, json::Document, proto::Feature, testing};
use serde_json::{Value, json};
use std::process::Command;

/// A document that makes a table with a chain, and then these.
fn made(more: impl IntoIterator<Item = Value>) -> Result<Document, Error> {
    let own = |kind: &str, mut value: Value| {
        value["family"] = "inet".into();
        value["table"] = "t".into();
        json!({"add": {kind: value}})
    };
    let mut commands =
        vec![json!({"add": {"table": {"family": "inet", "name": "t"}}}), own("chain", json!({"name": "c"}))];
    for item in more {
        let (kind, value) = item.as_object().unwrap().iter().next().unwrap();
        commands.push(own(kind, value.clone()));
    }
    Document::from_value(&json!({ "nftables": commands }))
}

fn rule(expr: Value) -> Value {
    json!({"rule": {"chain": "c", "expr": expr}})
}

fn concat(fields: &[Value]) -> Value {
    json!({ "concat": fields })
}

/// Every nft lists the ruleset in our words.
fn every_nft_lists(nft: &mut Client, of: &Value) -> Outcome {
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let ours = nft.ruleset()?.to_string();
    for program in ["nft", "/usr/local/bin/nft-new"] {
        let Ok(listed) = Command::new(program).args(["list", "ruleset"]).output() else {
            eprintln!("SKIPPED: there is no {program}");
            continue;
        };
        assert!(listed.status.success(), "{program} for {of}: {}", String::from_utf8_lossy(&listed.stderr));
        assert_eq!(squeezed(&String::from_utf8_lossy(&listed.stdout)), squeezed(&ours), "{program} for {of}");
    }
    Ok(())
}

/// Keys of several fields among which are numbers of any width, in all that has keys.
#[test]
fn keys_with_numbers_of_any_width_are_listed() {
    let raw = json!({"payload": {"base": "th", "offset": 160, "len": 128}});
    let numbers = [
        payload("ip", "ttl"),
        payload("udp", "length"),
        payload("ip6", "hoplimit"),
        payload("ip6", "flowlabel"),
        payload("tcp", "sequence"),
        json!({"meta": {"key": "cpu"}}),
        json!({"ct": {"key": "zone"}}),
        json!({"ipsec": {"key": "reqid", "dir": "in", "spnum": 0}}),
        raw,
    ];
    let port = || payload("th", "dport");
    testing::in_namespace(|| -> Outcome {
        let mut nft = Client::open()?;
        for number in &numbers {
            let pair = concat(&[number.clone(), port()]);
            let many = concat(&[port(), number.clone(), json!({"meta": {"key": "mark"}})]);
            let keys = [concat(&[json!(1), json!(80)]), concat(&[json!(2), json!(81)])];
            let ranges =
                [concat(&[json!({"range": [80, 90]}), json!(1), json!(7)]), concat(&[json!(100), json!(2), json!(8)])];
            let mark = |key: &Value, of: Value| {
                let map = json!({"map": {"key": key, "data": of}});
                rule(json!([{"mangle": {"key": {"meta": {"key": "mark"}}, "value": map}}]))
            };
            let to = |keys: &[Value; 2], values: [Value; 2]| json!([[keys[0], values[0]], [keys[1], values[1]]]);
            let verdicts = || [json!({"accept": null}), json!({"drop": null})];
            let known = json!({"typeof": pair});
            let l4 = rule(json!([matches(json!({"meta": {"key": "l4proto"}}), json!("tcp"))]));
            let cases = [
                vec![rule(json!([matches(pair.clone(), json!({"set": keys}))]))],
                vec![rule(json!([matches(many.clone(), json!({"set": ranges}))]))],
                vec![rule(json!([{"vmap": {"key": pair, "data": {"set": to(&keys, verdicts())}}}]))],
                vec![rule(json!([{"vmap": {"key": many, "data": {"set": to(&ranges, verdicts())}}}]))],
                vec![mark(&pair, json!({"set": to(&keys, [json!(1), json!(2)])}))],
                vec![mark(&pair, json!({"set": [[keys[0], 1]]}))],
                vec![mark(&many, json!({"set": to(&ranges, [json!(1), json!(2)])}))],
                vec![l4, json!({"set": {"name": "s", "type": known, "elem": keys}})],
                vec![json!({"map": {"name": "s", "type": known, "map": "verdict", "elem": to(&keys, verdicts())}})],
                vec![
                    json!({"map": {"name": "s", "type": known, "map": "mark", "elem": to(&keys, [json!(1), json!(2)])}}),
                ],
                vec![
                    json!({"counter": {"name": "x"}}),
                    json!({"map": {"name": "s", "type": known, "map": "counter",
                        "elem": to(&keys, [json!("x"), json!("x")])}}),
                ],
            ];
            let tunnel = number.get("ipsec").is_some();
            // A note of `ipsec` is another in each nft: sets that are declared by it are for 1.1
            // alone.
            for case in cases.iter().take(if tunnel { 7 } else { cases.len() }) {
                nft.apply(oxitables::Batch::new().flush_ruleset(None))?;
                made(case.clone())?.apply(&mut nft).map_err(|error| format!("{case:?}: {error}"))?;
                every_nft_lists(&mut nft, &json!(case))?;
            }
        }
        Ok(())
    });
}

/// A statement that uses a set with a key.
type Used = fn(&Value) -> Value;

/// What nft says of each: a key or a value has the types of the set.
#[test]
fn keys_of_other_types_are_refused() {
    let (address, port) = (payload("ip", "saddr"), payload("tcp", "dport"));
    let name = json!({"meta": {"key": "iifname"}});
    let both = json!(["ipv4_addr", "inet_service"]);
    let cases = [
        (address.clone(), json!("ipv4_addr"), true),
        (port.clone(), json!("ipv4_addr"), false),
        (name, json!("ipv4_addr"), false),
        (concat(&[address.clone(), port.clone()]), both.clone(), true),
        (concat(&[port.clone(), address.clone()]), both.clone(), false),
        (address, both.clone(), false),
        (payload("udp", "length"), json!({"typeof": payload("ip", "length")}), true),
        (payload("udp", "length"), json!("inet_service"), false),
        (json!({"meta": {"key": "mark"}}), json!("mark"), true),
        (json!({"numgen": {"mode": "inc", "mod": 4, "offset": 0}}), json!("mark"), true),
    ];
    let forms: [(Value, Used); 5] = [
        (json!({"set": {"name": "s"}}), |key| matches(key.clone(), json!("@s"))),
        (
            json!({"set": {"name": "s", "flags": ["dynamic"]}}),
            |key| json!({"set": {"op": "add", "elem": key, "set": "@s"}}),
        ),
        (json!({"map": {"name": "s", "map": "verdict"}}), |key| json!({"vmap": {"key": key, "data": "@s"}})),
        (
            json!({"map": {"name": "s", "map": "mark"}}),
            |key| json!({"mangle": {"key": {"meta": {"key": "mark"}}, "value": {"map": {"key": key, "data": "@s"}}}}),
        ),
        (
            json!({"map": {"name": "s", "map": "counter"}}),
            |key| json!({"counter": {"map": {"key": key, "data": "@s"}}}),
        ),
    ];
    testing::in_namespace(|| -> Outcome {
        let mut nft = Client::open()?;
        for (key, ty, taken) in &cases {
            for (declared, used) in &forms {
                let mut declared = declared.clone();
                declared.as_object_mut().unwrap().values_mut().for_each(|set| set["type"] = ty.clone());
                let statement = used(key);
                let result = made([declared, rule(json!([statement.clone()]))])?.check(&mut nft);
                assert_eq!(result.is_ok(), *taken, "{key} in {ty}: {statement}: {result:?}");
                if let Err(error) = result {
                    assert!(error.to_string().contains("the types do not agree"), "{error}");
                }
            }
        }
        let mut says = |statements: Value| match made([rule(statements)]).and_then(|made| made.check(&mut nft)) {
            Ok(()) => "nothing".to_owned(),
            Err(error) => error.to_string(),
        };
        let ends = "no packet gets here: the statement before this one ends the rule";
        assert!(says(json!([{"accept": null}, {"drop": null}])).contains(ends));
        assert!(says(json!([{"queue": {"num": 1}}, {"counter": null}])).contains(ends));
        assert_eq!(says(json!([{"continue": null}, {"drop": null}])), "nothing");
        let iifname = |name: &str| json!([matches(json!({"meta": {"key": "iifname"}}), json!(name))]);
        assert!(
            says(iifname("abcdefghijklmno*")).contains("the first 1 to 14"),
            "{}",
            says(iifname("abcdefghijklmno*"))
        );
        assert_eq!(says(iifname("abcdefghijklmn*")), "nothing");
        Ok(())
    });
}

#[test]
fn elements_of_maps_go_by_their_key() {
    let map = |flags: Value| {
        json!({"map": {"name": "m", "type": "inet_service", "map": "mark", "flags": flags,
            "elem": [[22, 1], [80, 2], [443, 3]]}})
    };
    let command = |verb: &str, elem: Value| {
        let element = json!({"family": "inet", "table": "t", "name": "m", "elem": elem});
        Document::from_value(&json!({"nftables": [{verb: {"element": element}}]}))
    };
    testing::in_namespace(|| -> Outcome {
        let mut nft = Client::open()?;
        for flags in [json!([]), json!(["interval"])] {
            nft.apply(oxitables::Batch::new().flush_ruleset(None))?;
            made([map(flags)])?.apply(&mut nft)?;
            command("delete", json!([22]))?.apply(&mut nft)?;
            let verb = if lacks(Feature::Destroy) { "delete" } else { "destroy" };
            command(verb, json!([[80, 2]]))?.apply(&mut nft)?;
            assert!(command("delete", json!([99]))?.apply(&mut nft).is_err());
            assert!(command("add", json!([99]))?.apply(&mut nft).is_err());
            assert!(nft.ruleset()?.to_string().contains("elements = { 443 : 0x00000003 }"));
        }
        Ok(())
    });
}

/// As long as nft's JSON takes them; in sets they share the room with other notes.
#[test]
fn long_comments_are_listed_and_taken_again() {
    let comment = |len: usize| "c".repeat(len);
    testing::in_namespace(|| -> Outcome {
        let mut nft = Client::open()?;
        let all = [
            json!({"rule": {"chain": "c", "expr": [{"accept": null}], "comment": comment(253)}}),
            json!({"chain": {"name": "d", "comment": comment(253)}}),
            json!({"counter": {"name": "x", "comment": comment(253)}}),
            json!({"set": {"name": "s", "type": "ipv4_addr", "comment": comment(200),
                "elem": [{"elem": {"val": "192.0.2.1", "comment": comment(251)}}]}}),
        ];
        made(all)?.apply(&mut nft)?;
        let listed = oxitables::json::to_value(&nft.ruleset()?);
        assert_eq!(listed.to_string().matches(&comment(200)).count(), 5);
        nft.apply(oxitables::Batch::new().flush_ruleset(None))?;
        Document::from_value(&listed)?.apply(&mut nft)?;
        assert_eq!(oxitables::json::to_value(&nft.ruleset()?).to_string().matches(&comment(251)).count(), 4);
        let long = json!({"set": {"name": "r", "type": "ipv4_addr", "elem": [{"elem": {"val": "::", "comment": comment(252)}}]}});
        assert!(made([long])?.apply(&mut nft).is_err());
        Ok(())
    });
}
