//! Nodes of a supervised stage: demonstrations and their negative log-likelihood.

use super::Trainer;
use super::setup::StageRuntime;
use super::step::{Demonstration, Step};
use crate::data::Split;
use crate::error::RunError;
use crate::policy::gradient::{Sequence, SequenceLoss, gradients};
use crate::sampler::Sampler;
use recipec_compiler::plan::Node;

impl Trainer<'_> {
    /// Draws demonstrations: the domain by the stage's ratios, then the next problem of that domain.
    pub(super) fn demonstrations(
        &mut self,
        stage: &StageRuntime<'_>,
        node: &Node,
        (domains, ratios): (&[String], &[f64]),
        target: &str,
        n: u64,
        step: &mut Step,
    ) -> Result<(), RunError> {
        for _ in 0..n {
            let at = Sampler::domain(ratios, self.plan.seed, stage.index, self.counters.draw);
            self.counters.draw += 1;
            let name = domains.get(at).ok_or_else(|| RunError::Plan("a ratio without a domain".into()))?;
            let demonstration = self.next_demonstration(stage, name, target, step)?;
            self.counters.domain(name).sampled.rollouts += 1;
            step.demonstrations.push(demonstration);
        }
        step.worked(node, step.demonstrations.len());
        Ok(())
    }

    fn next_demonstration(
        &mut self,
        stage: &StageRuntime<'_>,
        domain: &str,
        target: &str,
        step: &mut Step,
    ) -> Result<Demonstration, RunError> {
        let source = stage.data.get(domain).ok_or_else(|| RunError::Plan(format!("no data node for `{domain}`")))?;
        loop {
            let number = self.counters.domain(domain).next_problem;
            self.counters.domain(domain).next_problem += 1;
            let number = source.row(self.plan.seed, stage.index, number);
            let problem = source.problem(Split::Train, number);
            let response =
                source.data.demonstration(Split::Train, number, target).ok_or_else(|| RunError::Unsupported {
                    what: format!("`target = {target}` for domain `{domain}`"),
                    why: "its data has no such column".into(),
                })?;
            let bad = |why: String| RunError::BadPrompt { domain: domain.to_string(), why };
            let mut tokens = self.prompt_tokens(&problem.prompt).map_err(bad)?;
            let prompt_len = tokens.len();
            if prompt_len as u64 > source.max_prompt_tokens {
                self.leave_out(domain, step)?;
                continue;
            }
            tokens.extend(self.tokenizer.encode(&response).map_err(|why| bad(why.to_string()))?);
            tokens.push(self.tokenizer.end_token());
            *step.work.entry(format!("data:{domain}")).or_insert(0) += 1;
            return Ok(Demonstration { tokens, prompt_len });
        }
    }

    /// Counts a problem that is left out, and gives up when nothing else comes.
    pub(super) fn leave_out(&mut self, domain: &str, step: &mut Step) -> Result<(), RunError> {
        self.counters.domain(domain).too_long += 1;
        step.too_long += 1;
        if step.too_long > 100_000 {
            return Err(RunError::BadPrompt {
                domain: domain.to_string(),
                why: "100,000 problems in one step were left out because their prompts are longer than `budget.prompt`"
                    .into(),
            });
        }
        Ok(())
    }

    /// Mean negative log-likelihood of the response tokens of the batch.
    pub(super) fn supervised_loss(&mut self, node: &Node, step: &mut Step) -> Result<(), RunError> {
        let sequences: Vec<Sequence<'_>> =
            step.demonstrations.iter().map(|d| Sequence { tokens: &d.tokens, prompt_len: d.prompt_len }).collect();
        let n_tokens: usize = step.demonstrations.iter().map(|d| d.tokens.len() - d.prompt_len).sum();
        let share = 1.0 / n_tokens.max(1) as f64;
        let loss = |_: usize, logp: &[f32], _: &[f32]| SequenceLoss {
            loss: -share * logp.iter().map(|l| f64::from(*l)).sum::<f64>(),
            d_logp: vec![-share as f32; logp.len()],
            d_entropy: Vec::new(),
        };
        let result = gradients(&self.policy, &sequences, 1.0, &self.lanes, &loss)?;
        step.trained_tokens = n_tokens as u64;
        step.measures.loss = Some(result.loss);
        step.gradients = Some(result);
        step.worked(node, sequences.len());
        Ok(())
    }
}
