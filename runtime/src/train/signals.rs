//! Signals that cost work of their own: the length of the reference answer, and the policy's own probabilities of answers.
//!
//! A probability signal (RLPR, arXiv 2506.18254; DARL, arXiv 2601.14700) is the mean, over the tokens of an answer `y`, of the
//! probability that the policy at temperature 1 gives to each of them after the prompt `x`, the rollout's own reasoning `z` and the
//! tokens of `y` before it:
//!
//! ```text
//! p(y) = 1/|y| * sum_t pi(y_t | x, z, y_<t)
//! ```
//!
//! `y` is the reference answer of the data, or the rollout's own answer. It does not hold the mark that closes an answer, nor the end
//! token. A rollout without an answer part has no place for one: both are 0 there, as they are for an answer without tokens.

use super::Trainer;
use super::step::Step;
use crate::answer::{AnswerTokens, answer_part, answer_tokens, reference_answer};
use crate::error::RunError;
use crate::policy::gradient::{Lanes, Sequence, score};
use crate::policy::{Policy, PolicyError};
use crate::rollout::Group;
use crate::tokenizer::Tokenizer;
use recipec_compiler::plan::Node;
use recipec_compiler::settings::{AnswerRule, ComputedSignal};
use std::collections::BTreeMap;

/// Temperature of the probabilities: the policy's own, whatever rollouts are sampled at.
const TEMPERATURE: f64 = 1.0;

impl Trainer<'_> {
    /// Signal: one number for every rollout of the wave.
    pub(super) fn compute_signal(
        &mut self,
        node: &Node,
        signal: ComputedSignal,
        domains: &BTreeMap<String, Option<String>>,
        rule: &AnswerRule,
        step: &mut Step,
    ) -> Result<(), RunError> {
        // Groups of other domains keep 0, which nothing reads.
        let names = &self.plan.domains;
        let of = |group: &Group| names.get(group.draw.domain).is_some_and(|name| domains.contains_key(name));
        let groups: Vec<&Group> = step.groups.iter().filter(|group| of(group)).collect();
        let mut answers = Vec::new();
        if signal.reads_reference() {
            for group in &groups {
                answers.push(self.reference_tokens(group, domains, signal)?);
            }
        }
        let values = match signal {
            ComputedSignal::ReferenceLength => {
                let lengths = groups.iter().zip(&answers);
                lengths.map(|(group, answer)| vec![answer.len() as f64; group.rollouts.len()]).collect()
            }
            ComputedSignal::ReferenceProbability | ComputedSignal::AnswerProbability => {
                let forced = signal.reads_reference().then_some(answers.as_slice());
                probabilities(&self.policy, &self.tokenizer, &groups, rule, forced, &self.lanes)?
            }
        };
        let mut n = 0;
        let (mine, others): (Vec<&mut Group>, Vec<&mut Group>) = step.groups.iter_mut().partition(|group| of(group));
        for rollout in others.into_iter().flat_map(|group| &mut group.rollouts) {
            rollout.signals.insert(signal.name(), 0.0);
        }
        for (group, values) in mine.into_iter().zip(values) {
            n += group.rollouts.len();
            for (rollout, value) in group.rollouts.iter_mut().zip(values) {
                rollout.signals.insert(signal.name(), value);
            }
        }
        step.worked(node, n);
        Ok(())
    }

    /// The reference answer of a group's problem, in tokens.
    fn reference_tokens(
        &self,
        group: &Group,
        domains: &BTreeMap<String, Option<String>>,
        signal: ComputedSignal,
    ) -> Result<Vec<u32>, RunError> {
        let domain = self.plan.domains.get(group.draw.domain).map_or("", String::as_str);
        let column = domains
            .get(domain)
            .and_then(Option::as_ref)
            .ok_or_else(|| RunError::Plan(format!("`{}` has no column for domain `{domain}`", signal.name())))?;
        let text = reference_answer(&group.draw.problem, column, signal.name())
            .map_err(|source| RunError::Data { domain: domain.to_string(), source })?;
        self.tokenizer.encode(&text).map_err(|why| RunError::BadPrompt {
            domain: domain.to_string(),
            why: format!("the reference answer in column `{column}` has no tokens: {why}"),
        })
    }
}

/// The probability of an answer for every rollout, by group: of the group's own row of `references`, or of what the rollout itself
/// answered.
fn probabilities(
    policy: &Policy,
    tokenizer: &Tokenizer,
    groups: &[&Group],
    rule: &AnswerRule,
    references: Option<&[Vec<u32>]>,
    lanes: &Lanes,
) -> Result<Vec<Vec<f64>>, PolicyError> {
    // Sequences with the tokens before the answer, and whose they are. A rollout without an answer, or with one without tokens, has
    // none.
    let mut forced: Vec<(Vec<u32>, usize)> = Vec::new();
    let mut whose: Vec<(usize, usize)> = Vec::new();
    for (at, group) in groups.iter().enumerate() {
        for (idx, rollout) in group.rollouts.iter().enumerate() {
            let Some(part) = answer_part(&rollout.text, rule) else { continue };
            let AnswerTokens { start, end } = answer_tokens(tokenizer, &rollout.tokens, &rollout.text, part);
            let answer = match references {
                Some(references) => references.get(at).map(Vec::as_slice),
                None => rollout.tokens.get(start..end),
            };
            let Some(answer) = answer.filter(|answer| !answer.is_empty()) else { continue };
            let mut tokens = group.draw.prompt.to_vec();
            tokens.extend(rollout.tokens.get(..start).unwrap_or_default());
            let context_len = tokens.len();
            tokens.extend(answer);
            forced.push((tokens, context_len));
            whose.push((at, idx));
        }
    }
    let sequences: Vec<Sequence<'_>> =
        forced.iter().map(|(tokens, context_len)| Sequence { tokens, prompt_len: *context_len }).collect();
    let scores = score(policy, &sequences, TEMPERATURE, lanes)?;
    let mut values: Vec<Vec<f64>> = groups.iter().map(|group| vec![0.0; group.rollouts.len()]).collect();
    for ((at, idx), logp) in whose.into_iter().zip(&scores.logp) {
        if let Some(value) = values.get_mut(at).and_then(|row| row.get_mut(idx)) {
            *value = mean_probability(logp);
        }
    }
    Ok(values)
}

/// The mean of the probabilities of tokens, from their log-probabilities; 0 for none.
fn mean_probability(logp: &[f32]) -> f64 {
    if logp.is_empty() {
        return 0.0;
    }
    logp.iter().map(|l| libm::exp(f64::from(*l))).sum::<f64>() / logp.len() as f64
}

#[cfg(test)]
mod tests;
