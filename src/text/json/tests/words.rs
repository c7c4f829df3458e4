//! Complaints: where, and why.

use super::*;

/// What is wrong with a document of one command.
#[track_caller]
fn complaint(command: Value) -> String {
    Document::from_value(&json!({"nftables": [null_metainfo(), command]})).unwrap_err().to_string()
}

fn null_metainfo() -> Value {
    json!({"metainfo": {"json_schema_version": 1}})
}

fn rule(statement: Value) -> Value {
    json!({"add": {"rule": {"family": "ip", "table": "t", "chain": "c", "expr": [{"accept": null}, statement]}}})
}

#[test]
fn complaints_name_the_place() {
    let cases = [
        (json!({"add": {"table": {"family": "ip"}}}), "nftables[1].add.table: `name` is missing"),
        (
            json!({"add": {"table": {"family": "ip", "name": 5}}}),
            "nftables[1].add.table.name: expected a text, found 5",
        ),
        (
            json!({"add": {"tabel": {"family": "ip"}}}),
            "nftables[1].add.tabel: `tabel` is nothing that this can be done with",
        ),
        (json!({"create": {"rule": {}}}), "nftables[1].create.rule: a rule is always new: use `add`"),
        (
            json!({"replace": {"rule": {"family": "ip", "table": "t", "chain": "c", "expr": []}}}),
            "nftables[1].replace.rule: `handle` is missing",
        ),
        (
            json!({"metainfo": {"json_schema_version": 2}}),
            "nftables[1].metainfo.json_schema_version: a schema that is not known yet",
        ),
        (json!([]), "nftables[1]: expected an object, found a list"),
        (rule(json!({"frobnicate": 1})), "nftables[1].add.rule.expr[1]: `frobnicate` is no statement"),
        (
            rule(json!({"match": {"op": "~", "left": {"meta": {"key": "mark"}}, "right": 1}})),
            "nftables[1].add.rule.expr[1].match.op: `~` is none of ==, !=, <, >, <=, >=, in, !",
        ),
        (
            rule(
                json!({"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dpott"}}, "right": 1}}),
            ),
            "nftables[1].add.rule.expr[1].match.left.payload.field: tcp has no `dpott`",
        ),
        (
            rule(json!({"match": {"op": "==", "left": {"meta": {"key": "mark"}}, "right": 1.5}})),
            "nftables[1].add.rule.expr[1].match.right: 1.5 is no expression",
        ),
        (
            rule(json!({"limit": {"rate": 1, "per": "fortnight"}})),
            "nftables[1].add.rule.expr[1].limit.per: `fortnight` is none of second, minute, hour, day, week",
        ),
        (rule(json!({"log": {"group": 65536}})), "nftables[1].add.rule.expr[1].log.group: 65536 is too large"),
        (
            rule(json!({"reject": {"type": "icmp", "expr": "nonsense"}})),
            "nftables[1].add.rule.expr[1].reject.expr: `nonsense` is no code of a message",
        ),
    ];
    for (command, expected) in cases {
        assert_eq!(complaint(command), expected);
    }
    let error = |text: &str| Document::parse(text).unwrap_err().to_string();
    assert_eq!(error("{}"), "document: `nftables` is missing");
    assert_eq!(error("{\"nftables\": 3}"), "nftables: expected a list, found 3");
    assert!(error("{").starts_with("document: EOF while parsing"));
}
