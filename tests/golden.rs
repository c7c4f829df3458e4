//! Bytes of the real kernel against values written by hand: a codec that both directions share
//! cannot reveal that it is wrong, this can. All numbers are asymmetric, lest a wrong byte order or
//! a swapped field go unseen.
#![cfg(target_endian = "little")]

use oxitables::{
    Batch, Chain, Client, Error, Family, Hook, Priority, Table,
    data::{ChainType, DataType},
    expr::{Counter, Expr, ObjectType, Quota},
    model::{Object as Named, Rule, Set, SetFlags},
    testing, uapi,
    wire::{Form, Scope, Spec, attrs},
};
use std::{collections::BTreeSet, path::PathBuf, process::Command};

#[path = "common/features.rs"]
mod features;
mod golden {
    #[macro_use]
    pub mod rules;
    mod coverage;
    pub mod more;
    pub mod named;
    pub mod objects;
    pub(crate) use super::{Golden, Object, excuse, held, named as objects_and_events, names, names_in, unhex};
}
use features::is_before;
use golden::{more, named, objects, rules};

/// A rule.
pub(crate) struct Golden {
    pub(crate) family: Family,
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
    /// By the kernel; else nft sends it.
    pub(crate) dumped: bool,
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

/// What the kernel holds after nft said it.
fn held() -> Vec<Golden> {
    rules::all().into_iter().chain(more::all()).collect()
}

fn named() -> Vec<Object> {
    objects::all().into_iter().chain(named::all()).collect()
}

/// The attribute with a rule's expressions in what a rule is on the wire.
fn expressions(rule: &Rule, form: Form) -> Vec<u8> {
    let bytes = rule.to_attributes(form).unwrap();
    attrs(&bytes).flatten().find(|a| a.kind == 4).map(|a| a.payload.to_vec()).unwrap_or_default()
}

fn of(golden: &Golden, exprs: Vec<Expr>) -> Rule {
    Rule::new(&Table::new(golden.family, "t").chain(golden.chain), exprs)
}

/// What the bytes decode to.
fn decoded(golden: &Golden) -> Vec<Expr> {
    let mut message = of(golden, Vec::new()).to_attributes(Form::Exact).unwrap();
    // The empty list of expressions gives way.
    message.truncate(message.len() - 4);
    message.extend((golden.bytes.len() as u16 + 4).to_ne_bytes());
    message.extend(4u16.to_ne_bytes());
    message.extend(&golden.bytes);
    Rule::from_attributes(golden.family, &message).unwrap().exprs().to_vec()
}

#[test]
fn expressions_are_what_the_kernel_holds() {
    for golden in held() {
        assert_eq!(decoded(&golden), golden.exprs, "{}", golden.words);
        let encoded = expressions(&of(&golden, golden.exprs.clone()), Form::Exact);
        assert_eq!(encoded, golden.bytes, "{}", golden.words);
    }
}

#[test]
fn expressions_are_what_nft_sends() {
    for mut golden in more::sent() {
        assert_eq!(decoded(&golden), golden.exprs, "{}", golden.words);
        // nft has an order of its own.
        golden.bytes = expressions(&of(&golden, golden.exprs.clone()), Form::Request);
        assert_eq!(decoded(&golden), golden.exprs, "{}", golden.words);
    }
}

#[test]
fn objects_are_what_the_kernel_holds() {
    named().iter().for_each(|object| (object.check)());
}

/// Rows that no listing has, and why.
const UNSEEN: &[(&str, &str)] = &[
    ("NFTA_NG_SET_", "no present kernel reads or reports it"),
    ("NFTA_HASH_SET_", "no present kernel reads or reports it"),
    ("_PAD", "alignment filler, not on x86_64"),
    ("_ID", "names things inside a batch, never reported"),
    ("NFTA_RULE_COMPAT", "told to iptables extensions, never reported"),
    ("NFTA_SET_ELEM_LIST_", "the message around elements, which the kernel tests see"),
    ("NFTA_CHAIN_COUNTERS", "nft has no words for it"),
    ("NFTA_FLOWTABLE_HANDLE", "this kernel has no flowtables"),
    ("NFTA_FLOWTABLE_USE", "this kernel has no flowtables"),
    ("NFNL_BATCH_GENID", "binds a batch; see the kernel tests"),
    ("NFTA_TABLE_OWNER", "gone with the nft that made it; see the kernel tests"),
];

/// The attributes that are in some bytes, by their names.
fn names(bytes: &[u8], scope: Scope) -> BTreeSet<&'static str> {
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
                    seen.extend(["NFTA_EXPR_NAME", "NFTA_EXPR_DATA"]);
                    let (_, rows) = (choice.peek)(bytes).unwrap();
                    walk(attr.payload, Scope::Table(rows.unwrap()), seen);
                }
                Scope::Choice(_) | Scope::Beside(_) | Scope::Leaf => {}
            }
        }
    }
    let mut seen = BTreeSet::new();
    walk(bytes, scope, &mut seen);
    seen
}

/// The same of rules.
fn names_in(rules: &[Golden]) -> BTreeSet<&'static str> {
    let list = Rule::TABLE.iter().find(|row| row.name == "NFTA_RULE_EXPRESSIONS").unwrap().scope;
    rules.iter().flat_map(|golden| names(&golden.bytes, list)).collect()
}

/// Why no listing has an attribute.
fn excuse(name: &str) -> Option<&'static str> {
    let fits = |part: &str| if part.starts_with('_') { name.ends_with(part) } else { name.starts_with(part) };
    UNSEEN.iter().find(|(part, _)| fits(part)).map(|(_, why)| *why)
}

#[test]
fn every_attribute_is_seen() {
    let rules: Vec<_> = held().into_iter().chain(more::sent()).collect();
    let mut seen = names_in(&rules);
    seen.extend(named().iter().flat_map(|object| names(&object.bytes, Scope::Table(object.rows))));
    let all = uapi::tables().flat_map(|(_, rows)| rows).map(|row| row.name);
    let unseen: Vec<_> = all.filter(|name| !seen.contains(name) && excuse(name).is_none()).collect();
    assert!(unseen.is_empty(), "{unseen:#?}");
    let has: BTreeSet<_> = rules.iter().flat_map(|g| &g.exprs).map(|e| e.name().into_owned()).collect();
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
    batch.add(Named::new(&table, "hits", Counter::new())).add(Named::new(&table, "small", Quota::until(10)));
    batch.add(set("quotas", port, 2).with_objects(ObjectType::Quota));
    batch.add(set("groups", DataType::from(46), 8));
    let others = [Family::Ip, Family::Netdev].map(|family| Table::new(family, "t"));
    for table in &others {
        batch.add(table);
    }
    for chain in chains() {
        batch.add(chain);
    }
}

fn chains() -> [Chain; 8] {
    let table = table();
    [
        Table::new(Family::Ip, "t").chain("c").with_hook(Hook::Input, Priority::FILTER),
        Table::new(Family::Netdev, "t").chain("c").with_hook(Hook::Ingress, Priority::FILTER).with_device("lo"),
        table.chain("early").with_hook(Hook::Prerouting, Priority::MANGLE),
        table.chain("through").with_hook(Hook::Forward, Priority::FILTER),
        table.chain("r"),
        table.chain("c").with_hook(Hook::Input, Priority::FILTER),
        table.chain("pre").with_hook(Hook::Prerouting, Priority::DSTNAT).with_type(ChainType::Nat),
        table.chain("post").with_hook(Hook::Postrouting, Priority::SRCNAT).with_type(ChainType::Nat),
    ]
}

/// What the kernel holds of the last rule of a chain.
fn last(nft: &mut Client, golden: &Golden) -> Result<Vec<u8>, Error> {
    let rules = nft.rules(&Table::new(golden.family, "t").chain(golden.chain)).snapshot()?;
    Ok(expressions(rules.last().unwrap(), Form::Exact))
}

/// On this nft 1.0.6 aborts when it lists it, whoever made it: the other operand is a register.
const TOO_NEW: &str = "meta mark set meta mark or ct mark";

#[test]
fn the_kernel_holds_the_same_bytes_after_we_submit_them() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = Client::open()?;
        let mut batch = Batch::new();
        lab(&mut batch);
        nft.apply(&batch)?;
        let mut refused = Vec::new();
        for golden in held() {
            if let Err(error) = nft.apply(Batch::new().add(of(&golden, golden.exprs.clone()))) {
                refused.push(format!("{}: {error}", golden.words));
                continue;
            }
            assert_eq!(last(&mut nft, &golden)?, golden.bytes, "{}", golden.words);
            for program in ["nft", "nft-new"].into_iter().filter_map(program) {
                let listed = Command::new(&program).args(["list", "ruleset"]).output().unwrap().status;
                let may_fail = golden.words == TOO_NEW && !program.ends_with("nft-new");
                assert!(listed.success() || may_fail, "{}: {}: {listed}", program.display(), golden.words);
            }
            nft.apply(Batch::new().flush(Table::new(golden.family, "t").chain(golden.chain)))?;
        }
        assert_newest_taken(&refused);
        Ok(())
    });
}

/// Of kernels before the one that dumped them, it is told what they do not take.
fn assert_newest_taken(refused: &[String]) {
    let and_more = || format!("{} rules, of which the first is {}", refused.len(), refused[0].replace('\n', "; "));
    assert!(refused.is_empty() || is_before("6.18", &and_more()), "{}", refused.join("\n"));
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
        let mut refused = Vec::new();
        let mut run = |program: PathBuf, words: &str| {
            let output = Command::new(program).arg(words).output().unwrap();
            let taken = output.status.success();
            if !taken {
                refused.push(format!("{words}: {}", String::from_utf8_lossy(&output.stderr)));
            }
            taken
        };
        assert!(run(nft, rules::LAB));
        program("nft-new").into_iter().for_each(|newer| assert!(run(newer, more::LAB)));
        for golden in held().iter().filter(|g| g.program != "iptables-nft") {
            let Some(program) = program(golden.program) else { continue };
            if run(program, &format!("add rule {} t {} {}", golden.family, golden.chain, golden.words)) {
                assert_eq!(last(&mut client, golden)?, golden.bytes, "{}", golden.words);
            }
        }
        assert_newest_taken(&refused);
        Ok(())
    });
}
