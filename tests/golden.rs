//! Bytes of the real kernel against values written by hand: a codec that both directions share cannot reveal that it is
//! wrong, this can. All numbers are asymmetric, lest a wrong byte order or a swapped field go unseen.
#![cfg(target_endian = "little")]

use oxitables::{
    Batch, Chain, Client, Error, Family, Hook, Priority, Table,
    data::{ChainType, DataType},
    expr::Expr,
    model::{Rule, Set, SetFlags},
    testing, uapi,
    wire::{Form, Scope, Spec, attrs},
};
use std::{collections::BTreeSet, path::PathBuf, process::Command};

mod golden {
    pub mod objects;
    pub mod rules;
    pub(crate) use super::{Golden, Object, unhex};
}
use golden::{objects, rules};

/// A rule.
pub(crate) struct Golden {
    /// The nft that says it so.
    pub(crate) program: &'static str,
    pub(crate) chain: &'static str,
    pub(crate) words: &'static str,
    /// What `NFTA_RULE_EXPRESSIONS` holds.
    pub(crate) bytes: Vec<u8>,
    pub(crate) exprs: Vec<Expr>,
}

/// Anything else.
pub(crate) struct Object {
    pub(crate) bytes: Vec<u8>,
    pub(crate) rows: &'static [Spec],
    /// Compares both ways.
    pub(crate) check: Box<dyn Fn()>,
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn table() -> Table {
    Table::new(Family::Inet, "t")
}

/// The attribute with a rule's expressions in what a rule is on the wire.
fn expressions(rule: &Rule, form: Form) -> Vec<u8> {
    let bytes = rule.to_attributes(form).unwrap();
    attrs(&bytes).flatten().find(|a| a.kind == 4).map(|a| a.payload.to_vec()).unwrap_or_default()
}

fn of(golden: &Golden, exprs: Vec<Expr>) -> Rule {
    Rule::new(&table().chain(golden.chain), exprs)
}

/// What the bytes decode to.
fn decoded(golden: &Golden) -> Vec<Expr> {
    let mut message = of(golden, Vec::new()).to_attributes(Form::Exact).unwrap();
    // The empty list of expressions gives way.
    message.truncate(message.len() - 4);
    message.extend((golden.bytes.len() as u16 + 4).to_ne_bytes());
    message.extend(4u16.to_ne_bytes());
    message.extend(&golden.bytes);
    Rule::from_attributes(Family::Inet, &message).unwrap().exprs().to_vec()
}

#[test]
fn expressions_are_what_the_kernel_holds() {
    for golden in rules::all() {
        assert_eq!(decoded(&golden), golden.exprs, "{}", golden.words);
        let encoded = expressions(&of(&golden, golden.exprs.clone()), Form::Exact);
        assert_eq!(encoded, golden.bytes, "{}", golden.words);
    }
}

#[test]
fn objects_are_what_the_kernel_holds() {
    objects::all().iter().for_each(|object| (object.check)());
}

/// Rows that no listing has, and why.
const UNSEEN: &[(&str, &str)] = &[
    ("_PAD", "alignment filler, not on x86_64"),
    ("_ID", "names things inside a batch, never reported"),
    ("NFTA_RULE_COMPAT", "told to iptables extensions, never reported"),
    ("NFTA_SET_ELEM_LIST_", "the message around elements, which the kernel tests see"),
    ("NFTA_CHAIN_COUNTERS", "nft has no words for it"),
    ("NFTA_TABLE_OWNER", "gone with the nft that made it; see the kernel tests"),
];

#[test]
fn every_attribute_is_seen() {
    fn walk(bytes: &[u8], scope: Scope, seen: &mut BTreeSet<&'static str>) {
        for attr in attrs(bytes).flatten() {
            match scope {
                Scope::Table(rows) => {
                    if let Some(row) = rows.iter().find(|row| row.number == attr.kind) {
                        seen.insert(row.name);
                        let below = match row.scope {
                            Scope::Beside(scope_in) => scope_in(bytes),
                            scope => scope,
                        };
                        walk(attr.payload, below, seen);
                    }
                }
                Scope::List(inner) => {
                    seen.insert("NFTA_LIST_ELEM");
                    walk(attr.payload, *inner, seen);
                }
                Scope::Choice(choice) if attr.kind == choice.data => {
                    let (_, rows) = (choice.peek)(bytes).unwrap();
                    walk(attr.payload, Scope::Table(rows.unwrap()), seen);
                }
                Scope::Choice(_) | Scope::Beside(_) | Scope::Leaf => {}
            }
        }
    }
    let mut seen = BTreeSet::new();
    for object in objects::all() {
        walk(&object.bytes, Scope::Table(object.rows), &mut seen);
    }
    let list = Rule::TABLE.iter().find(|row| row.name == "NFTA_RULE_EXPRESSIONS").unwrap().scope;
    for golden in rules::all() {
        walk(&golden.bytes, list, &mut seen);
    }
    let excused = |name: &str| {
        UNSEEN.iter().any(|(part, _)| if part.starts_with('_') { name.ends_with(part) } else { name.starts_with(part) })
    };
    let unseen: Vec<_> = uapi::tables()
        .flat_map(|(_, rows)| rows)
        .map(|row| row.name)
        .filter(|n| !seen.contains(n) && !excused(n))
        .collect();
    assert!(unseen.is_empty(), "{unseen:#?}");
    let has: BTreeSet<_> = rules::all().iter().flat_map(|g| &g.exprs).map(|e| e.name().into_owned()).collect();
    assert!(Expr::TABLES.iter().all(|(name, _)| has.contains(*name)), "{has:?}");
}

/// The table in which the rules were captured.
fn lab(batch: &mut Batch) {
    let table = table();
    let (address, port, mark) = (DataType::from(7), DataType::from(13), DataType::from(19));
    let set = |name: &str, key, len| Set::new(&table, name, key, len);
    let dynamic = |set: Set| {
        let flags = set.flags() | SetFlags::EVAL;
        set.with_flags(flags).with_size(1000)
    };
    batch.add(&table).add(set("ports", port, 2)).add(set("marks", port, 2).with_data(mark, 4));
    batch.add(set("routes", port, 2).with_data(DataType::VERDICT, 0));
    batch.add(dynamic(set("seen", address, 4).with_flags(SetFlags::TIMEOUT)));
    batch.add(dynamic(set("twice", address, 4))).add(dynamic(set("learned", address, 4).with_data(mark, 4)));
    for chain in chains() {
        batch.add(chain);
    }
}

fn chains() -> [Chain; 4] {
    let table = table();
    [
        table.chain("r"),
        table.chain("c").with_hook(Hook::Input, Priority::FILTER),
        table.chain("pre").with_hook(Hook::Prerouting, Priority::DSTNAT).with_type(ChainType::Nat),
        table.chain("post").with_hook(Hook::Postrouting, Priority::SRCNAT).with_type(ChainType::Nat),
    ]
}

/// Objects have no type here yet, so rules that use one cannot be made without nft.
fn needs_objects(golden: &Golden) -> bool {
    golden.exprs.iter().any(|e| matches!(e, Expr::Objref(_)))
}

/// What the kernel holds of the last rule of a chain.
fn last(nft: &mut Client, chain: &str) -> Result<Vec<u8>, Error> {
    let rules = nft.rules(&table().chain(chain)).snapshot()?;
    Ok(expressions(rules.last().unwrap(), Form::Exact))
}

#[test]
fn the_kernel_holds_the_same_bytes_after_we_submit_them() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = Client::open()?;
        let mut batch = Batch::new();
        lab(&mut batch);
        nft.apply(&batch)?;
        for golden in rules::all().iter().filter(|g| !needs_objects(g)) {
            nft.apply(Batch::new().add(of(golden, golden.exprs.clone())))?;
            assert_eq!(last(&mut nft, golden.chain)?, golden.bytes, "{}", golden.words);
        }
        Ok(())
    });
}

/// nft, and a newer one where there is one.
fn program(name: &str) -> Option<PathBuf> {
    match name {
        "nft" => testing::program(name),
        newer => Some(PathBuf::from("/usr/local/bin").join(newer)).filter(|path| path.exists()),
    }
}

#[test]
fn nft_still_says_the_same() {
    let Some(nft) = program("nft") else { return };
    let version = Command::new(&nft).arg("--version").output().unwrap().stdout;
    if !String::from_utf8_lossy(&version).contains("v1.0.6") {
        // Versions differ in how they put a rule into expressions; the bytes above are 1.0.6's.
        return eprintln!("the words are those of nft 1.0.6, which is not the one installed");
    }
    testing::in_namespace(|| -> Result<(), Error> {
        let mut client = Client::open()?;
        let run = |program: PathBuf, words: &str| {
            let output = Command::new(program).arg(words).output().unwrap();
            assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
        };
        run(nft, rules::LAB);
        for golden in rules::all() {
            let Some(program) = program(golden.program) else { continue };
            run(program, &format!("add rule inet t {} {}", golden.chain, golden.words));
            assert_eq!(last(&mut client, golden.chain)?, golden.bytes, "{}", golden.words);
        }
        Ok(())
    });
}
