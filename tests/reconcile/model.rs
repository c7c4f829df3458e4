//! Random plans, done by a model of the kernel.

use super::generate::{State, difference, pair, state, without_learned};
use oxitables::{
    model::Ruleset,
    reconcile::{diff, normal},
};
use proptest::prelude::*;

fn made(state: &State) -> Result<Ruleset, TestCaseError> {
    Ruleset::made_by(&state.batch()).map_err(|error| TestCaseError::fail(error.to_string()))
}

/// A plan, and what it makes.
fn step(from: &Ruleset, to: &Ruleset) -> Result<Ruleset, TestCaseError> {
    let mut present = from.clone();
    let plan = diff(&present, to);
    present.change(&plan).map_err(|error| TestCaseError::fail(format!("{error}\n{plan}")))?;
    prop_assert_eq!(difference(&without_learned(normal(&present)), &without_learned(normal(to))), "", "{}", plan);
    let again = diff(&present, to);
    prop_assert!(again.is_empty(), "{} after {}", again, plan);
    Ok(present)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn a_plan_makes_what_is_desired((one, other) in pair()) {
        let (one, other) = (made(&one)?, made(&other)?);
        prop_assert!(diff(&one, &one).is_empty());
        let there = step(&one, &other)?;
        step(&there, &one)?;
    }

    #[test]
    fn from_nothing_and_back_to_nothing(state in state()) {
        let desired = made(&state)?;
        let mut nothing = state.clone();
        nothing.chains.clear();
        nothing.sets.clear();
        nothing.objects.clear();
        step(&step(&Ruleset::new(0.into()), &desired)?, &made(&nothing)?)?;
    }

    /// Rules that are in both are touched as little as their order allows.
    #[test]
    fn one_rule_more_or_less_is_one_operation(state in state(), chain: prop::sample::Index, at: prop::sample::Index) {
        let mut shorter = state.clone();
        prop_assume!(!state.chains.is_empty());
        let chain = chain.index(state.chains.len());
        prop_assume!(!state.chains[chain].rules.is_empty());
        let at = at.index(state.chains[chain].rules.len());
        shorter.chains[chain].rules.remove(at);
        let (long, short) = (made(&state)?, made(&shorter)?);
        let rules = long.rules.len() - short.rules.len();
        prop_assert_eq!(diff(&short, &long).len(), rules);
        prop_assert_eq!(diff(&long, &short).len(), rules);
    }
}
