//! Every node of the schema read and written; complaints; input that makes no sense.

mod hostile;
mod trees;
mod words;

use super::{Document, node::Node, read, write};
use crate::{
    data::Family,
    lang::{
        field::{Field, Object, Param},
        fields,
        tree::{Expression, Statement},
    },
};
use serde_json::{Value, json};

fn statements(value: &Value) -> Result<Vec<Statement>, String> {
    read::statements(&Node::root(value)).map_err(|fault| format!("{}: {}", fault.path, fault.why))
}

/// What is read is written as it was.
#[track_caller]
fn stays(statement: Value) {
    let read = statements(&json!([statement])).unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(write::statement(&read[0], Family::Inet, write::Cx::LISTED), statement);
}

/// A statement that nft takes in several forms.
#[track_caller]
fn becomes(statement: Value, other: Value) {
    let read = statements(&json!([statement])).unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(write::statement(&read[0], Family::Inet, write::Cx::LISTED), other);
}

fn matches(left: Value, right: Value) -> Value {
    json!({"match": {"op": "==", "left": left, "right": right}})
}

#[test]
fn statements_stay_what_they_are() {
    let port = || json!({"payload": {"protocol": "tcp", "field": "dport"}});
    let address = || json!({"payload": {"protocol": "ip", "field": "saddr"}});
    stays(matches(port(), json!(22)));
    stays(json!({"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}}));
    stays(
        json!({"match": {"op": "!", "left": {"payload": {"protocol": "tcp", "field": "flags"}}, "right": ["syn", "rst"]}}),
    );
    for op in ["!=", "<", ">", "<=", ">="] {
        stays(json!({"match": {"op": op, "left": {"meta": {"key": "mark"}}, "right": "0x10"}}));
    }
    stays(matches(address(), json!({"prefix": {"addr": "192.0.2.0", "len": 24}})));
    stays(matches(port(), json!({"range": [1024, 65535]})));
    stays(matches(port(), json!({"set": [22, {"range": [80, 90]}, "http"]})));
    stays(matches(address(), json!("@admins")));
    stays(matches(json!({"concat": [address(), port()]}), json!({"set": [{"concat": ["192.0.2.1", 22]}]})));
    stays(matches(json!({"&": [{"meta": {"key": "mark"}}, 255, 15]}), json!(3)));
    stays(matches(json!({"|": [{"meta": {"key": "mark"}}, {"^": [1, 2]}]}), json!({"<<": [1, 4]})));
    stays(matches(json!({">>": [{"meta": {"key": "mark"}}, 8]}), json!(1)));
    stays(json!({"accept": null}));
    stays(json!({"drop": null}));
    stays(json!({"continue": null}));
    stays(json!({"return": null}));
    stays(json!({"jump": {"target": "other"}}));
    stays(json!({"goto": {"target": "other"}}));
    stays(
        json!({"vmap": {"key": port(), "data": {"set": [[22, {"accept": null}], ["*", {"jump": {"target": "x"}}]]}}}),
    );
    stays(json!({"vmap": {"key": port(), "data": "@verdicts"}}));
    stays(
        json!({"mangle": {"key": {"meta": {"key": "mark"}}, "value": {"map": {"key": port(), "data": {"set": [[22, 1]]}}}}}),
    );
    stays(json!({"mangle": {"key": {"ct": {"key": "event"}}, "value": ["new", "destroy"]}}));
    stays(
        json!({"mangle": {"key": {"tcp option": {"name": "maxseg", "field": "size"}}, "value": {"rt": {"key": "mtu"}}}}),
    );
    stays(
        json!({"mangle": {"key": {"meta": {"key": "mark"}}, "value": {"numgen": {"mode": "inc", "mod": 3, "offset": 7}}}}),
    );
    stays(
        json!({"mangle": {"key": {"meta": {"key": "mark"}}, "value": {"jhash": {"mod": 3, "seed": 9, "offset": 2, "expr": address()}}}}),
    );
    stays(json!({"mangle": {"key": {"meta": {"key": "mark"}}, "value": {"symhash": {"mod": 3}}}}));
    stays(json!({"notrack": null}));
    stays(json!({"flow": {"op": "add", "flowtable": "@fast"}}));
    stays(json!({"tproxy": {"family": "ip", "addr": "127.0.0.1", "port": 50080}}));
    stays(json!({"dup": {"addr": "192.0.2.1", "dev": "lo"}}));
    stays(json!({"fwd": {"dev": "lo", "family": "ip6", "addr": "2001:db8::1"}}));
    stays(json!({"fwd": {"dev": "lo"}}));
    stays(json!({"queue": {"num": 3, "flags": ["bypass", "fanout"]}}));
    stays(json!({"queue": {"num": {"range": [1, 4]}}}));
    stays(json!({"queue": {"num": {"symhash": {"mod": 4}}}}));
    stays(json!({"reset": {"tcp option": {"name": "sack-perm"}}}));
    stays(json!({"set": {"op": "update", "elem": {"elem": {"val": address(), "timeout": 60}}, "set": "@seen",
        "stmt": [{"counter": null}, {"limit": {"rate": 1, "burst": 5, "per": "second"}}]}}));
    stays(json!({"set": {"op": "delete", "elem": address(), "set": "@seen"}}));
    stays(json!({"map": {"op": "add", "elem": address(), "data": port(), "map": "@seen"}}));
}

#[test]
fn meters_are_updates_of_sets_that_they_make() {
    let key = || json!({"payload": {"protocol": "ip", "field": "saddr"}});
    becomes(
        json!({"meter": {"name": "m", "size": 9, "key": {"elem": {"val": key(), "timeout": 5}}, "stmt": {"counter": null}}}),
        json!({"set": {"op": "update", "elem": {"elem": {"val": key(), "timeout": 5}}, "set": "@m", "stmt": [{"counter": null}]}}),
    );
    becomes(
        json!({"meter": {"name": "m", "key": key(), "stmt": {"counter": null}}}),
        json!({"set": {"op": "add", "elem": key(), "set": "@m", "stmt": [{"counter": null}]}}),
    );
}

#[test]
fn translation_and_refusal() {
    stays(json!({"snat": {"addr": "192.0.2.1"}}));
    stays(json!({"snat": {"family": "ip", "addr": {"range": ["192.0.2.1", "192.0.2.9"]}, "port": {"range": [1, 9]},
        "flags": ["random", "persistent"]}}));
    stays(
        json!({"dnat": {"family": "ip6", "addr": {"prefix": {"addr": "2001:db8::", "len": 64}}, "flags": ["netmap"], "type_flags": ["prefix"]}}),
    );
    stays(json!({"masquerade": null}));
    stays(json!({"masquerade": {"flags": ["fully-random"]}}));
    stays(json!({"redirect": {"port": 8080}}));
    becomes(
        json!({"redirect": {"port": 8080, "flags": "random"}}),
        json!({"redirect": {"port": 8080, "flags": ["random"]}}),
    );
    stays(json!({"reject": {"type": "tcp reset"}}));
    stays(json!({"reject": {"type": "icmp", "expr": "host-unreachable"}}));
    stays(json!({"reject": {"type": "icmpv6", "expr": "admin-prohibited"}}));
    stays(json!({"reject": {"type": "icmpx", "expr": "no-route"}}));
    becomes(json!({"reject": null}), json!({"reject": {"type": "icmpx", "expr": "port-unreachable"}}));
    becomes(
        json!({"reject": {"type": "icmp", "expr": 3}}),
        json!({"reject": {"type": "icmp", "expr": "port-unreachable"}}),
    );
}

#[test]
fn what_has_a_state() {
    stays(json!({"counter": {"packets": 3, "bytes": 400}}));
    becomes(json!({"counter": null}), json!({"counter": {"packets": 0, "bytes": 0}}));
    stays(json!({"limit": {"rate": 10, "burst": 5, "per": "hour", "inv": true}}));
    becomes(json!({"limit": {"rate": 10, "per": "week"}}), json!({"limit": {"rate": 10, "burst": 5, "per": "week"}}));
    stays(json!({"limit": {"rate": 3, "burst": 9, "per": "day", "rate_unit": "mbytes", "burst_unit": "kbytes"}}));
    becomes(
        json!({"limit": {"rate": 2048, "per": "minute", "rate_unit": "bytes"}}),
        json!({"limit": {"rate": 2, "burst": 0, "per": "minute", "rate_unit": "kbytes", "burst_unit": "bytes"}}),
    );
    stays(json!({"quota": {"val": 25, "val_unit": "mbytes", "inv": true, "used": 3, "used_unit": "bytes"}}));
    stays(json!({"last": null}));
    stays(json!({"last": {"used": 1234}}));
    stays(json!({"ct count": {"val": 10, "inv": true}}));
    stays(json!({"log": null}));
    stays(json!({"log": {"prefix": "in: ", "group": 2, "snaplen": 64, "queue-threshold": 8}}));
    stays(json!({"log": {"level": "info", "flags": ["tcp sequence", "skuid"]}}));
    becomes(json!({"log": {"level": "warn", "flags": "all"}}), json!({"log": {"flags": ["all"]}}));
    stays(json!({"synproxy": {"mss": 1460, "wscale": 7, "flags": ["timestamp", "sack-perm"]}}));
    stays(json!({"synproxy": null}));
}

#[test]
fn objects_are_used_by_name_or_through_maps() {
    let kinds =
        ["counter", "quota", "limit", "ct helper", "ct timeout", "ct expectation", "secmark", "synproxy", "tunnel"];
    for kind in kinds {
        stays(json!({ kind: "some" }));
        let key = json!({"meta": {"key": "mark"}});
        stays(json!({ kind: {"map": {"key": key, "data": {"set": [[1, "a"], [2, "b"]]}}} }));
        stays(json!({ kind: {"map": {"key": key, "data": "@named"}} }));
    }
    becomes(json!({"mangle": {"key": {"ct": {"key": "helper"}}, "value": "ftp"}}), json!({"ct helper": "ftp"}));
}

#[test]
fn registers_come_back_as_they_were() {
    let bitwise = crate::expr::Bitwise::mask(
        crate::data::Register::R1,
        crate::data::Register::R1,
        crate::data::Value::new(&[1, 2, 3]).unwrap(),
    );
    let statement = Statement::Registers(vec![bitwise.into()]);
    let written = write::statement(&statement, Family::Ip, write::Cx::LISTED);
    assert_eq!(written["registers"][0]["name"], "bitwise");
    assert_eq!(statements(&json!([written])), Ok(vec![statement]));
}

/// A field, and all its parameters.
fn with_params(field: Field) -> Vec<Field> {
    use crate::expr::{FibFlags, OsfTtl, XfrmDirection};
    let with = |param| Field { param, ..field };
    match field.spec.object() {
        Object::Payload => vec![field, with(Param::Inside(crate::lang::header::Tunnel::Vxlan, 0))],
        Object::Osf => vec![field, with(Param::Ttl(OsfTtl::Less)), with(Param::Ttl(OsfTtl::NoCheck))],
        Object::Ipsec => vec![with(Param::Ipsec(XfrmDirection::Out, 0)), with(Param::Ipsec(XfrmDirection::In, 3))],
        Object::Fib => vec![with(Param::Fib(FibFlags::SADDR | FibFlags::IIF))],
        Object::Ct => vec![field, with(Param::Direction(0)), with(Param::Direction(1))],
        // Of the typed rules only; numbers made for a packet are expressions here.
        Object::Addr | Object::Numgen | Object::Symhash | Object::Jhash => Vec::new(),
        _ => vec![field],
    }
}

#[test]
fn every_field_is_found_again() {
    let raw = [
        Field::with(&fields::RAW, Param::Raw(crate::lang::header::Header::RawInner, 3, 17)),
        Field::with(&fields::RAW_OPTION, Param::RawOption(99, 8, 16)),
        Field::with(fields::numbered(crate::expr::ExthdrOp::TcpOption).unwrap(), Param::Kind(99)),
        Field::with(fields::numbered(crate::expr::ExthdrOp::DccpOption).unwrap(), Param::Kind(32)),
    ];
    for field in fields::all().flat_map(|spec| with_params(Field::new(spec))).chain(raw) {
        let written = super::field::write(&field, false);
        let statement = json!([matches(written.clone(), json!(1))]);
        match statements(&statement).as_deref() {
            Ok([Statement::Match { left: Expression::Field(read), .. }]) => {
                assert_eq!(super::field::write(read, false), written, "{}", field.words());
                assert_eq!(read.load(), field.load(), "{}", field.words());
            }
            other => panic!("{}: {other:?}", field.words()),
        }
    }
}

#[test]
fn commands_of_every_kind() {
    let place = |more: Value| {
        let mut place = json!({"family": "inet", "table": "t", "name": "x"});
        place.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        place
    };
    let commands = json!({"nftables": [
        {"metainfo": {"version": "1.1.7", "json_schema_version": 1}},
        {"table": {"family": "inet", "name": "t", "handle": 4}},
        {"add": {"table": {"family": "ip", "name": "t", "flags": ["dormant"], "comment": "c"}}},
        {"add": {"chain": place(json!({}))}},
        {"create": {"chain": place(json!({"type": "nat", "hook": "postrouting", "prio": 100, "policy": "drop"}))}},
        {"add": {"chain": place(json!({"family": "netdev", "type": "filter", "hook": "ingress", "prio": -5, "dev": ["lo", "eth*"]}))}},
        {"add": {"set": place(json!({"type": "ipv4_addr", "flags": ["interval", "timeout"], "timeout": 60, "elem": ["192.0.2.1"]}))}},
        {"add": {"map": place(json!({"type": ["ipv4_addr", "inet_service"], "map": "verdict", "size": 9, "policy": "memory"}))}},
        {"add": {"map": place(json!({"type": {"typeof": {"meta": {"key": "mark"}}}, "map": "counter", "flags": "dynamic", "stmt": [{"counter": null}]}))}},
        {"add": {"element": place(json!({"elem": [{"elem": {"val": "192.0.2.1", "timeout": 5, "comment": "c", "counter": null}}]}))}},
        {"delete": {"element": place(json!({"elem": "192.0.2.1"}))}},
        {"add": {"rule": {"family": "inet", "table": "t", "chain": "x", "comment": "c", "expr": [{"accept": null}]}}},
        {"insert": {"rule": {"family": "inet", "table": "t", "chain": "x", "index": 0, "expr": [{"accept": null}]}}},
        {"replace": {"rule": {"family": "inet", "table": "t", "chain": "x", "handle": 7, "expr": [{"accept": null}]}}},
        {"delete": {"rule": {"family": "inet", "table": "t", "chain": "x", "handle": 7}}},
        {"destroy": {"table": {"family": "inet", "name": "t"}}},
        {"delete": {"chain": {"family": "inet", "table": "t", "handle": 7}}},
        {"add": {"flowtable": place(json!({"hook": "ingress", "prio": 0, "dev": "lo"}))}},
        {"add": {"counter": place(json!({"packets": 1, "bytes": 2}))}},
        {"add": {"quota": place(json!({"bytes": 1, "used": 0, "inv": true}))}},
        {"add": {"limit": place(json!({"rate": 1, "per": "second", "burst": 5}))}},
        {"add": {"ct helper": place(json!({"type": "ftp", "protocol": "tcp", "l3proto": "ip"}))}},
        {"add": {"ct timeout": place(json!({"protocol": "tcp", "l3proto": "ip", "policy": {"established": 100}}))}},
        {"add": {"ct expectation": place(json!({"protocol": "udp", "l3proto": "ip", "dport": 9, "timeout": 1000, "size": 3}))}},
        {"add": {"secmark": place(json!({"context": "system_u:object_r:x:s0"}))}},
        {"add": {"synproxy": place(json!({"mss": 1460, "wscale": 7, "flags": ["timestamp"]}))}},
        {"add": {"tunnel": place(json!({"family": "netdev", "id": 9, "src-ipv4": "192.0.2.1", "dst-ipv4": "192.0.2.2",
            "type": "vxlan", "tunnel": {"gbp": 3}}))}},
        {"delete": {"counter": place(json!({}))}},
        {"flush": {"table": {"family": "inet", "name": "t"}}},
        {"flush": {"chain": place(json!({}))}},
        {"flush": {"set": place(json!({}))}},
        {"flush": {"ruleset": null}},
        {"flush": {"ruleset": {"family": "ip"}}},
        {"rename": {"chain": place(json!({"newname": "y"}))}},
        {"list": {"ruleset": null}},
        {"list": {"ct helpers": {"family": "ip", "table": "t"}}},
        {"list": {"set": place(json!({}))}},
        {"reset": {"counters": null}},
        {"reset": {"rule": {"family": "inet", "table": "t", "chain": "x", "handle": 7}}},
    ]});
    Document::from_value(&commands).unwrap();
}
