//! Random plans, done by the kernel.

use super::generate::{FAMILIES, State, difference, pair, state_in, without_learned};
use crate::common::features::lacks;
use oxitables::{
    Client,
    expr::ObjectType,
    model::Ruleset,
    proto::Feature,
    reconcile::{Plan, normal},
    testing,
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use std::{collections::BTreeMap, path::Path, process::Command};

fn made(state: &State) -> Ruleset {
    Ruleset::made_by(&state.batch()).unwrap_or_else(|error| panic!("{error}: {state:?}"))
}

/// Reconciles, and compares what the kernel then has with what was desired.
fn settle(nft: &mut Client, desired: &Ruleset) -> Plan {
    let plan = nft.reconcile(desired).unwrap_or_else(|error| {
        let plan = nft.plan(desired).map(|plan| plan.to_string());
        panic!("{error}\n{}", plan.unwrap_or_default())
    });
    let mut present = nft.ruleset().unwrap();
    present.tables.retain(|table| table.family == desired.tables[0].family);
    let difference = difference(&without_learned(normal(&present)), &without_learned(normal(desired)));
    assert_eq!(difference, "", "{plan}");
    let again = nft.plan(desired).unwrap();
    assert!(again.is_empty(), "{again}after\n{plan}");
    plan
}

/// What the model says is what a fresh listing says, and `nft`, where there is a new one.
fn assert_listed_alike(nft: &mut Client, model: &Ruleset) {
    let present = nft.ruleset().unwrap();
    let believed = normal(model);
    let mut held = normal(&present);
    held.tables.retain(|table| believed.tables.contains(table));
    assert_eq!(without_learned(held).to_string(), without_learned(believed).to_string());
    let newer = "/usr/local/bin/nft-new";
    // It has no words for limits of connections that have a name.
    let has_words = present.objects.iter().all(|object| object.kind != Some(ObjectType::Connlimit));
    if has_words && Path::new(newer).exists() {
        let output = Command::new(newer).args(["-s", "list", "ruleset"]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), present.text().stateless().to_string());
    }
}

/// The handles of rules.
fn handles(ruleset: &Ruleset) -> Vec<u64> {
    ruleset.rules.iter().filter_map(|rule| rule.handle).collect()
}

#[test]
fn random_states_in_every_family() {
    testing::in_namespace(|| {
        let mut nft = Client::open().unwrap();
        let mut runner = TestRunner::deterministic();
        for family in FAMILIES {
            for _ in 0..25 {
                let state = state_in(family).new_tree(&mut runner).unwrap().current();
                settle(&mut nft, &made(&state));
            }
        }
        // Each has a table of its own, and none of them touched the others'.
        assert_eq!(nft.tables().snapshot().unwrap().len(), FAMILIES.len());
    });
}

#[test]
fn random_edits_keep_the_rules_that_they_do_not_touch() {
    testing::in_namespace(|| {
        let mut nft = Client::open().unwrap();
        let mut runner = TestRunner::deterministic();
        let mut kept = 0;
        for _ in 0..60 {
            let (one, other) = pair().new_tree(&mut runner).unwrap().current();
            settle(&mut nft, &made(&one));
            let before = handles(&nft.ruleset().unwrap());
            let text = settle(&mut nft, &made(&other)).to_string();
            let after = handles(&nft.ruleset().unwrap());
            let gone: Vec<&u64> = before.iter().filter(|handle| !after.contains(handle)).collect();
            for handle in gone {
                assert!(text.contains(&format!("handle {handle} ")), "rule {handle} went unsaid: {text}");
            }
            kept += before.iter().filter(|handle| after.contains(handle)).count();
        }
        assert!(kept > 100, "{kept}");
    });
}

/// What the model makes of a batch is what the kernel makes of it.
#[test]
fn the_model_does_what_the_kernel_does() {
    testing::in_namespace(|| {
        // Of the model sets change in place, with what they have learned.
        if lacks(Feature::SetSize) {
            return;
        }
        let mut nft = Client::open().unwrap();
        let mut runner = TestRunner::deterministic();
        let mut present: BTreeMap<u8, Ruleset> = BTreeMap::new();
        for _ in 0..60 {
            let (one, other) = pair().new_tree(&mut runner).unwrap().current();
            for state in [one, other] {
                let model = present.entry(state.family.into()).or_insert_with(|| Ruleset::new(0.into()));
                let plan = oxitables::reconcile::diff(model, &made(&state));
                model.change(&plan).unwrap();
                nft.reconcile(&made(&state)).unwrap();
                let kernel = nft.plan(model).unwrap();
                assert!(kernel.is_empty(), "{kernel}");
                assert_listed_alike(&mut nft, model);
            }
        }
    });
}
