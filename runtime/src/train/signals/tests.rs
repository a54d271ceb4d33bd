use super::*;
use crate::data::Problem;
use crate::generate::{Engine, Request, generate};
use crate::policy::forward::{Pack, Weights};
use crate::rng::{Purpose, Stream};
use crate::rollout::{Draw, Rollout};
use candle_core::Device;
use recipec_compiler::settings::{Architecture, Sampling};
use std::ops::ControlFlow;
use std::sync::Arc;

const MARK: &str = "#";

fn rule() -> AnswerRule {
    AnswerRule::After { mark: MARK.into() }
}

fn policy() -> Policy {
    let architecture = Architecture {
        width: 32,
        layers: 2,
        heads: 2,
        kv_heads: 1,
        head_width: 16,
        hidden: 48,
        tied: true,
        rope_theta: 10_000.0,
        norm_eps: 1e-5,
    };
    Policy::fresh(&architecture, Tokenizer::Characters.vocab_size(), 7, &Device::Cpu).unwrap()
}

/// A group whose rollouts the policy wrote itself, at temperature 1.
fn written(policy: &Policy, n: usize) -> Group {
    let tokenizer = Tokenizer::Characters;
    let prompt: Arc<[u32]> = Arc::from(tokenizer.encode("3+4=?").unwrap());
    let sampling = Sampling { temperature: 1.0, top_p: 1.0, top_k: 0, min_p: 0.0 };
    let requests: Vec<Request> = (0..n)
        .map(|idx| Request {
            stream: Stream::new(11, Purpose::Rollout, 0, 0, idx as u32),
            prompt: Arc::clone(&prompt),
            max_new_tokens: 60,
            sampling: sampling.clone(),
        })
        .collect();
    let engine = Engine::new(4, tokenizer.end_token(), 1);
    let responses = generate(policy, &requests, &engine, &mut |_| ControlFlow::Continue(())).unwrap();
    let rollout = |(idx, response): (usize, crate::generate::Generated)| Rollout {
        idx,
        text: tokenizer.decode(&response.tokens),
        stop: response.stop,
        truncated: response.truncated(),
        tokens: response.tokens,
        logp_behavior: response.logp_behavior,
        logp_sampled: Vec::new(),
        version: 0,
        reasoning_tokens: 0,
        answer_tokens: 0,
        verdict: None,
        masked: false,
        signals: BTreeMap::new(),
        terms: BTreeMap::new(),
        total_reward: 0.0,
        advantage: 0.0,
    };
    let problem = Problem { id: String::new(), level: 1, prompt: String::new(), columns: BTreeMap::new() };
    let rollouts = responses.into_iter().enumerate().map(rollout).collect();
    Group { draw: Draw { number: 0, domain: 0, problem, prompt }, rollouts, solve_rate: 0.0 }
}

fn of(policy: &Policy, groups: &[Group], references: Option<&[Vec<u32>]>, threads: usize) -> Vec<f64> {
    let tokenizer = Tokenizer::Characters;
    let groups: Vec<&Group> = groups.iter().collect();
    probabilities(policy, &tokenizer, &groups, &rule(), references, &Lanes { threads }).unwrap().concat()
}

/// By hand: (1/2 + 1/4 + 1) / 3 = 7/12.
#[test]
fn probabilities_are_averaged_and_not_their_logarithms() {
    let logp = [0.5f64, 0.25, 1.0].map(|p| libm::log(p) as f32);
    assert!((mean_probability(&logp) - 7.0 / 12.0).abs() < 1e-7);
    assert_eq!(mean_probability(&[]), 0.0);
}

/// What the policy sampled at temperature 1 has the probability that it was sampled with, to the last bit.
#[test]
fn the_own_answer_has_the_probability_that_it_was_written_with() {
    let policy = policy();
    let group = written(&policy, 64);
    let found = of(&policy, std::slice::from_ref(&group), None, 1);
    let mut answered = 0;
    for (rollout, found) in group.rollouts.iter().zip(&found) {
        let body = rollout.tokens.strip_suffix(&[Tokenizer::Characters.end_token()]).unwrap_or(&rollout.tokens);
        // Characters are tokens: the answer begins behind the last mark.
        let expected = match rollout.text.rfind(MARK) {
            Some(at) if at + 1 < body.len() => {
                answered += 1;
                let logp = &rollout.logp_behavior[at + 1..body.len()];
                logp.iter().map(|l| libm::exp(f64::from(*l))).sum::<f64>() / logp.len() as f64
            }
            _ => 0.0,
        };
        assert_eq!(found.to_bits(), expected.to_bits(), "{:?}", rollout.text);
    }
    assert!(answered > 10 && answered < 64, "{answered} of 64 answered: both cases are there");
}

/// The reference is scored in place of the answer: held to the composed forward pass, token by token, over the text that a reader
/// would write down by hand (prompt, reasoning with its mark, reference).
#[test]
fn a_reference_stands_where_the_answer_stood() {
    let policy = policy();
    let tokenizer = Tokenizer::Characters;
    let group = written(&policy, 24);
    let reference = tokenizer.encode("7/2").unwrap();
    let found = of(&policy, std::slice::from_ref(&group), Some(std::slice::from_ref(&reference)), 2);
    let mut answered = 0;
    for (rollout, found) in group.rollouts.iter().zip(found) {
        let Some(at) = rollout.text.rfind(MARK) else {
            assert_eq!(found, 0.0);
            continue;
        };
        answered += 1;
        let whole = format!("3+4=?{}7/2", &rollout.text[..at + 1]);
        let tokens = tokenizer.encode(&whole).unwrap();
        let first = tokens.len() - 3;
        let pack = Pack::new([tokens.as_slice()]);
        let rows: Vec<u32> = (first..tokens.len()).map(|row| row as u32 - 1).collect();
        let logp = Weights::detached(&policy).logp_entropy(&pack, &rows, &tokens[first..], 1.0).unwrap();
        let logp: Vec<Vec<f32>> = logp.to_vec2().unwrap();
        let expected = logp.iter().map(|row| f64::from(row[0]).exp()).sum::<f64>() / 3.0;
        assert!((found - expected).abs() < 1e-6, "{found} is not {expected} for {whole}");
    }
    assert!(answered > 3, "{answered}");
    // With the rollout's own answer as the reference, both signals are the same number.
    let at = group.rollouts.iter().position(|r| r.text.rfind(MARK).is_some_and(|at| at + 1 < r.text.len())).unwrap();
    let mut one = group.clone();
    one.rollouts = vec![group.rollouts[at].clone()];
    let own = one.rollouts[0].text[one.rollouts[0].text.rfind(MARK).unwrap() + 1..].to_string();
    let references = [tokenizer.encode(&own).unwrap()];
    assert_eq!(of(&policy, &[one.clone()], Some(&references), 1), of(&policy, &[one], None, 1));
}

/// A policy of zeros gives every one of its 96 tokens the probability 1/96, whatever the answer.
#[test]
fn a_policy_without_preference_is_uniform() {
    let fresh = policy();
    let zeros = fresh.parameters.iter().map(|(name, var)| (name.clone(), var.as_tensor().zeros_like().unwrap()));
    let flat = Policy::from_tensors(&fresh.shape, zeros.collect::<Vec<_>>()).unwrap();
    let mut group = written(&fresh, 1);
    group.rollouts[0].text = "so#12".into();
    group.rollouts[0].tokens = Tokenizer::Characters.encode("so#12").unwrap();
    for references in [None, Some(vec![vec![5, 6, 7, 8]])] {
        let found = of(&flat, std::slice::from_ref(&group), references.as_deref(), 1);
        assert!((found[0] - 1.0 / 96.0).abs() < 1e-8, "{found:?}");
    }
    let empty = of(&flat, std::slice::from_ref(&group), Some(&[Vec::new()]), 1);
    assert_eq!(empty, [0.0], "an answer without tokens has no probability");
}

#[test]
fn threads_change_no_bit() {
    let policy = policy();
    let groups = [written(&policy, 16), written(&policy, 16)];
    let references = vec![vec![20, 21]; 2];
    let bits =
        |threads| of(&policy, &groups, Some(&references), threads).into_iter().map(f64::to_bits).collect::<Vec<_>>();
    assert_eq!(bits(1), bits(2));
    assert_eq!(bits(1), bits(4));
}
