//! Runs the tests that a recipe states about its own formulas.

use crate::lower;
use crate::recipe::{Expectation, Recipe, StageWork, Test};
use recipec_grammar::tree::BinaryOp;
use std::collections::BTreeMap;

/// How a test went.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// All expectations hold.
    Passed,
    /// These do not.
    Failed(Vec<String>),
}

/// Runs all tests of a recipe, in order.
pub fn run_tests(recipe: &Recipe) -> Vec<Outcome> {
    recipe.tests.iter().map(|test| run_test(recipe, test)).collect()
}

/// Terms are evaluated with the facts of the test first, in the order in which they were written, so that an expectation can name them.
/// Facts count as they are given: a test of a recipe with several stages reads the formulas of the last one that has rewards.
fn run_test(recipe: &Recipe, test: &Test) -> Outcome {
    let stage = recipe.stages.iter().rev().find_map(|stage| match &stage.work {
        StageWork::Reinforce(work) => Some((stage, work)),
        StageWork::Supervised(_) => None,
    });
    let mut values: BTreeMap<String, f64> = match stage {
        Some((stage, work)) => lower::constants(recipe, stage, work),
        None => recipe.params.iter().map(|param| (param.name.clone(), param.value.value)).collect(),
    };
    values.extend(test.given.iter().map(|(name, value)| (name.clone(), *value)));
    for (signal, opposite) in
        [("correct", "wrong"), ("wrong", "correct"), ("truncated", "finished"), ("finished", "truncated")]
    {
        if let Some(value) = values.get(signal).copied() {
            values.entry(opposite.to_string()).or_insert(1.0 - value);
        }
    }
    if let Some((_, work)) = stage {
        let terms = work.terms.iter().map(|term| (term.name.as_str(), &term.formula));
        let outcome = work.reward.outcome.iter().map(|outcome| ("outcome", outcome));
        for (name, formula) in terms.chain(outcome).chain([("total", &work.reward.total)]) {
            let value = formula.evaluate_row(&|name| values.get(name).copied());
            if let Ok(value) = value {
                values.entry(name.to_string()).or_insert(value);
            }
        }
    }
    let failures: Vec<String> = test.expect.iter().filter_map(|expectation| failure(expectation, &values)).collect();
    if failures.is_empty() { Outcome::Passed } else { Outcome::Failed(failures) }
}

/// Why an expectation does not hold; none when it does.
fn failure(expectation: &Expectation, values: &BTreeMap<String, f64>) -> Option<String> {
    let lookup = |name: &str| values.get(name).copied();
    let sides = (expectation.left.evaluate_row(&lookup), expectation.right.evaluate_row(&lookup));
    let (left, right) = match sides {
        (Ok(left), Ok(right)) => (left, right),
        (Err(missing), _) | (_, Err(missing)) => {
            return Some(format!("`{}`: {missing}", expectation.text));
        }
    };
    let within = expectation.within.unwrap_or(0.0);
    let holds = match expectation.op {
        BinaryOp::Equal => (left - right).abs() <= within,
        BinaryOp::NotEqual => (left - right).abs() > within,
        BinaryOp::Less => left < right,
        BinaryOp::LessEqual => left <= right,
        BinaryOp::Greater => left > right,
        BinaryOp::GreaterEqual => left >= right,
        _ => false,
    };
    if holds { None } else { Some(format!("`{}`: the left side is {left}, the right side {right}", expectation.text)) }
}
