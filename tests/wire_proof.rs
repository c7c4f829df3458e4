//! The proof of the wire: rules and sets of ordinary firewalls, submitted by us and by `nft -f`,
//! and what the kernel then holds, both dumped raw and compared byte by byte.
//!
//! What differs on purpose is in two places: `HeldSet::agreed` (notes about sets) and the table in
//! `otherwise.rs` (rules of which some nft makes something else).

mod common;
#[path = "common/ordinary.rs"]
mod ordinary;
mod wire_rules;

use oxitables::{
    Family::{Inet, Ip, Netdev},
    Rule,
    testing::{self, Sandbox},
};
use std::path::Path;
use wire_rules::{Case, compare, nft::Nft, otherwise, random, sets, sweep};

/// Random rules of each family.
const RANDOM: usize = 1000;

fn prove(lab: &Sandbox, nft: &Nft) {
    let mut cases = wire_rules::cases();
    if nft.version >= [1, 1, 0] {
        cases.extend(wire_rules::fields::newest());
        cases.extend(wire_rules::statements::cases());
    }
    let ordinary = compare::rules(lab, nft, cases);
    ordinary.assert_right();
    assert!(ordinary.equal >= 150, "{} ordinary rules are equal", ordinary.equal);

    let mut cases = sweep::cases();
    if nft.version >= [1, 1, 0] {
        cases.extend(sweep::newest());
    }
    let swept = compare::rules(lab, nft, cases);
    swept.assert_right();

    let scratch = lab.host("scratch").unwrap();
    let random =
        scratch.run(|| [Inet, Ip, Netdev].into_iter().flat_map(|family| random::cases(family, RANDOM)).collect());
    let random = compare::rules(lab, nft, random);
    random.assert_right();
    // Most of them, whatever an older nft does.
    assert!(random.equal >= RANDOM * 2, "{} random rules are equal", random.equal);

    let named = compare::sets(lab, nft, sets::cases());
    named.assert_right();

    println!(
        "nft {:?}: equal are {} ordinary rules, {} of every field and operator, {} random ones, {} named sets",
        nft.version, ordinary.equal, swept.equal, random.equal, named.equal,
    );
    let mut all = ordinary;
    all.add(swept);
    all.add(random);
    println!("{} have two comparisons for a range, {} are joined across a statement", all.ranges, all.joined);
    for (row, concerned) in otherwise::TABLE.iter().zip(all.otherwise) {
        if row.mended.is_none_or(|mended| nft.version < mended) {
            println!("{concerned} rules: {}", row.why);
            assert!(concerned > 0, "no rule shows that {}", row.why);
        }
    }
}

#[test]
fn our_bytes_are_those_of_nft() {
    testing::isolated(|lab| {
        if let Some(nft) = testing::program("nft") {
            prove(lab, &Nft::at(&nft));
        }
    });
}

/// Only where somebody put the newest nft beside the system's.
#[test]
fn our_bytes_are_those_of_the_newest_nft() {
    let nft = Path::new("/usr/local/bin/nft-new");
    if nft.exists() {
        testing::isolated(|lab| prove(lab, &Nft::at(nft)));
    }
}

#[test]
fn a_plan_finds_every_rule_as_it_was_sent() {
    testing::isolated(|lab| {
        if let Some(nft) = testing::program("nft") {
            let mut cases = wire_rules::cases();
            cases.extend(sweep::cases());
            assert_eq!(compare::planned_again(lab, &Nft::at(&nft), cases), "");
        }
    });
}

#[test]
fn rules_read_as_nft_words() {
    let mut cases = wire_rules::cases();
    cases.extend(wire_rules::fields::newest());
    cases.extend(wire_rules::statements::cases());
    let text = |case: &Case| Rule::text(&case.rule, case.family);
    let differ: Vec<_> =
        cases.iter().map(|case| (text(case), &case.words)).filter(|(text, words)| text != *words).collect();
    assert!(differ.is_empty(), "{differ:#?}");
}

#[test]
fn all_of_this_works_as_an_ordinary_user() {
    ordinary::all_of_this_as_an_ordinary_user();
}
