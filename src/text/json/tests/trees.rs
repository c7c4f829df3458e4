//! What is written is read and written as it is.

use super::*;
use proptest::prelude::*;

fn leaf() -> impl Strategy<Value = Value> {
    let fields: Vec<Value> = fields::all()
        .flat_map(|spec| with_params(Field::new(spec)))
        .map(|field| super::super::field::write(&field, false))
        .collect();
    prop_oneof![
        any::<u32>().prop_map(Value::from),
        "[a-z][a-z0-9.:-]{0,12}".prop_map(Value::from),
        "0x[0-9a-f]{1,8}".prop_map(Value::from),
        "@[a-z]{1,5}".prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(fields),
    ]
}

fn any_expression() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        let some = || prop::collection::vec(inner.clone(), 2..4);
        let pair = || (inner.clone(), inner.clone());
        let life = (inner.clone(), 1..9u64, "[a-z ]{1,9}");
        let long =
            life.prop_map(|(key, time, comment)| json!({"elem": {"val": key, "timeout": time, "comment": comment}}));
        let mapped = pair().prop_map(|(key, value)| json!([key, value]));
        prop_oneof![
            (inner.clone(), 0..129u32).prop_map(|(addr, len)| json!({"prefix": {"addr": addr, "len": len}})),
            pair().prop_map(|(low, high)| json!({"range": [low, high]})),
            some().prop_map(|fields| json!({"concat": fields})),
            some().prop_map(Value::from),
            (some(), prop::sample::select(vec!["&", "|", "^", "<<", ">>"])).prop_map(|(all, op)| json!({ op: all })),
            prop::collection::vec(prop_oneof![inner.clone(), long, mapped], 1..4)
                .prop_map(|items| json!({"set": items})),
            pair().prop_map(|(key, data)| json!({"map": {"key": key, "data": data}})),
            (inner.clone(), 1..99u32)
                .prop_map(|(of, modulus)| json!({"jhash": {"mod": modulus, "seed": 3, "expr": of}})),
            Just(json!({"jump": {"target": "other"}})),
        ]
    })
}

fn any_statement() -> impl Strategy<Value = Value> {
    let pair = || (any_expression(), any_expression());
    let op = prop::sample::select(vec!["==", "!=", "<", ">", "<=", ">=", "in", "!"]);
    prop_oneof![
        (pair(), op).prop_map(|((left, right), op)| json!({"match": {"op": op, "left": left, "right": right}})),
        pair().prop_map(|(key, data)| json!({"vmap": {"key": key, "data": data}})),
        pair().prop_map(|(addr, port)| json!({"dnat": {"family": "ip", "addr": addr, "port": port}})),
        pair().prop_map(|(addr, dev)| json!({"dup": {"addr": addr, "dev": dev}})),
        any_expression().prop_map(|dev| json!({"fwd": {"dev": dev}})),
        pair().prop_map(|(key, data)| json!({"map": {"op": "update", "elem": key, "data": data, "map": "@m"}})),
        any_expression().prop_map(|value| json!({"mangle": {"key": {"meta": {"key": "mark"}}, "value": value}})),
    ]
}

proptest! {
    #[test]
    fn trees_survive(statement in any_statement()) {
        let Ok(tree) = statements(&json!([statement])) else { return Ok(()) };
        let written = |tree: &[Statement]| -> Vec<Value> {
            tree.iter().map(|one| write::statement(one, Family::Inet, write::Cx::LISTED)).collect()
        };
        // Once: then operations of one kind are one, and the natural comparison is written as such.
        let once = written(&tree);
        let again = statements(&once.clone().into()).map(|tree| written(&tree));
        prop_assert_eq!(again, Ok(once));
    }
}
