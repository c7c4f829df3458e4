//! Tests of the statement layer.

/// What the table of rules calls the crate.
mod api {
    pub use crate::*;
}

#[path = "../../../tests/wire_rules/mod.rs"]
mod wire_rules;

mod random;
mod refusals;
mod registers;
mod sets;
mod sweep;

use super::lower::Lowered;
use crate::{
    expr::{Expr, ExprList},
    model,
    wire::{Codec, Form, Table, Writer},
};
use std::fmt::Write;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}

fn bytes(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut out = Writer::new(Form::Request);
    write(&mut out);
    out.finish().unwrap()
}

fn expr_bytes(exprs: &Vec<Expr>) -> Vec<u8> {
    bytes(|out| <ExprList as Codec<Vec<Expr>>>::put(exprs, out))
}

/// Writes what the rules of the table become, for a comparison with nft outside of this crate:
/// `OXITABLES_DUMP=file cargo test --lib dump_wire_rules`; with `OXITABLES_SWEEP` every field and operator instead, with
/// `OXITABLES_RANDOM` random rules.
#[test]
fn dump_wire_rules() {
    let Some(path) = std::env::var_os("OXITABLES_DUMP") else { return };
    let mut out = String::new();
    let rows: Vec<sweep::Row> = if std::env::var_os("OXITABLES_SWEEP").is_some() {
        sweep::rows()
    } else if std::env::var_os("OXITABLES_RANDOM").is_some() {
        use crate::Family::*;
        let rows = |(family, chain)| random::sensible_rules(family, 1500).into_iter().map(move |r| (family, chain, r));
        let (filter, ingress) = ("type filter hook input priority 0", "type filter hook ingress device lo priority 0");
        [(Inet, filter), (Ip, filter), (Netdev, ingress)].into_iter().flat_map(rows).collect()
    } else {
        wire_rules::cases().into_iter().map(|c| (c.family, c.chain, c.rule)).collect()
    };
    for (family, chain, rule) in rows {
        let text = rule.text(family);
        let lowered = rule.lower(family).unwrap_or_else(|e| panic!("{text:?}: {e}"));
        let rows: Vec<_> = lowered.iter().map(row).collect();
        let _ = writeln!(
            out,
            r#"{{"family": "{family}", "chain": "{chain}", "decl": {:?}, "words": {text:?}, "rules": [{}]}}"#,
            wire_rules::declarations(family),
            rows.join(", "),
        );
    }
    std::fs::write(path, out).unwrap();
}

fn row(rule: &Lowered) -> String {
    let sets: Vec<_> = rule
        .sets
        .iter()
        .map(|set| {
            let elements: Vec<_> = set
                .elements
                .iter()
                .map(|e: &model::Element| format!("{:?}", hex(&bytes(|out| e.encode(out)))))
                .collect();
            format!(
                r#"{{"hex": "{}", "elements": [{}]}}"#,
                hex(&bytes(|out| {
                    let mut set = set.set.clone();
                    set.table = "t".into();
                    set.encode_attrs(out);
                })),
                elements.join(", "),
            )
        })
        .collect();
    let userdata = rule.userdata.as_ref().map_or(String::new(), |u| hex(u.as_bytes()));
    format!(
        r#"{{"exprs": "{}", "userdata": "{userdata}", "sets": [{}]}}"#,
        hex(&expr_bytes(&rule.exprs)),
        sets.join(", "),
    )
}

#[test]
fn rules_read_as_nft_words() {
    let cases = wire_rules::cases();
    assert!(cases.len() >= 150);
    let differ: Vec<_> =
        cases.iter().map(|c| (c.rule.text(c.family), &c.words)).filter(|(text, words)| text != *words).collect();
    assert!(differ.is_empty(), "{differ:#?}");
}
