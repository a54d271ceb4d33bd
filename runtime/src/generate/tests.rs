mod engine;

use super::*;
use crate::policy::gradient::{Lanes, Sequence, score};
use crate::policy::tests::small;
use crate::rng::Purpose;

const PLAIN: Sampling = Sampling { temperature: 1.0, top_p: 1.0, top_k: 0, min_p: 0.0 };

/// 25 groups of 4 with prompts of 1 to 21 tokens and caps of 1 to 60.
fn requests(sampling: &Sampling) -> Vec<Request> {
    let mut requests = Vec::new();
    for draw in 0..25u32 {
        let words = Stream::new(2, Purpose::Other, 0, draw, 0);
        let length = 1 + words.below(1000, 21) as u32;
        let prompt: Arc<[u32]> = (0..length).map(|at| words.below(at, 19) as u32).collect();
        for rollout in 0..4 {
            requests.push(Request {
                stream: Stream::new(11, Purpose::Rollout, 0, draw, rollout),
                prompt: prompt.clone(),
                max_new_tokens: 1 + words.below(2000 + rollout, 60) as usize,
                sampling: sampling.clone(),
            });
        }
    }
    requests
}

fn run(policy: &Policy, requests: &[Request], slots: usize, threads: usize) -> Vec<Generated> {
    let settings = Engine::new(slots, 0, threads);
    generate(policy, requests, &settings, &mut |_| ControlFlow::Continue(())).unwrap()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn slots_threads_and_neighbours_change_nothing() {
    let policy = small(4, 2, true);
    let requests = requests(&PLAIN);
    let expected = run(&policy, &requests, 64, 1);
    assert!(expected.iter().any(|g| g.finished()) && expected.iter().any(|g| !g.finished()));
    for (slots, threads) in [(1, 1), (3, 1), (3, 2), (64, 2), (200, 3), (7, 4)] {
        assert_eq!(run(&policy, &requests, slots, threads), expected, "{slots} slots, {threads} threads");
    }
    for (idx, request) in requests.iter().enumerate().step_by(13) {
        assert_eq!(run(&policy, std::slice::from_ref(request), 1, 1)[0], expected[idx], "alone");
    }
    let mut mixed: Vec<Request> = requests.iter().rev().cloned().collect();
    mixed.swap(3, 50);
    let mut found = run(&policy, &mixed, 5, 2);
    found.swap(3, 50);
    found.reverse();
    assert_eq!(found, expected, "other order");
}

/// What decoding records is what scoring the packed sequences finds, bit for bit; so an importance ratio at the same
/// weights is exactly 1.
#[test]
fn recorded_log_probabilities_are_those_of_scoring() {
    for (heads, kv_heads, tied, temperature) in [(3, 3, true, 1.0), (4, 2, false, 0.6), (3, 1, true, 1.7)] {
        let policy = small(heads, kv_heads, tied);
        let sampling = Sampling { temperature, top_p: 0.95, ..PLAIN };
        let requests = requests(&sampling);
        let generated = run(&policy, &requests, 9, 2);
        let sequences: Vec<Vec<u32>> =
            requests.iter().zip(&generated).map(|(r, g)| [&r.prompt[..], &g.tokens].concat()).collect();
        let packed: Vec<Sequence> = sequences
            .iter()
            .zip(&requests)
            .map(|(tokens, request)| Sequence { tokens, prompt_len: request.prompt.len() })
            .collect();
        let scores = score(&policy, &packed, temperature, &Lanes { threads: 2 }).unwrap();
        for (generated, logp) in generated.iter().zip(&scores.logp) {
            assert_eq!(bits(&generated.logp_behavior), bits(logp));
        }
    }
}

#[test]
fn greedy_takes_the_most_likely_token_each_time() {
    let policy = small(2, 1, true);
    let requests = requests(&Sampling { temperature: 0.0, ..PLAIN });
    let generated = run(&policy, &requests[..8], 3, 1);
    for (request, generated) in requests.iter().zip(&generated) {
        for at in 0..generated.tokens.len() {
            let prefix = [&request.prompt[..], &generated.tokens[..at]].concat();
            let candidates: Vec<Vec<u32>> = (0..19).map(|token| [&prefix[..], &[token]].concat()).collect();
            let sequences: Vec<Sequence> =
                candidates.iter().map(|tokens| Sequence { tokens, prompt_len: prefix.len() }).collect();
            let scores = score(&policy, &sequences, 1.0, &Lanes { threads: 1 }).unwrap();
            let best = scores.logp.iter().fold(f32::NEG_INFINITY, |best, logp| best.max(logp[0]));
            assert_eq!(scores.logp[generated.tokens[at] as usize][0], best);
            assert_eq!(generated.logp_behavior[at], best);
        }
    }
}

#[test]
fn the_cap_and_the_end_token_end_a_rollout() {
    let policy = small(2, 2, true);
    let requests = requests(&PLAIN);
    for (request, generated) in requests.iter().zip(run(&policy, &requests, 16, 1)) {
        let ends = generated.tokens.iter().position(|token| *token == 0);
        match ends {
            Some(at) => assert!(generated.finished() && at + 1 == generated.tokens.len()),
            None => {
                assert!(!generated.finished() && generated.tokens.len() == request.max_new_tokens)
            }
        }
        assert_eq!(generated.tokens.len(), generated.logp_sampled.len());
    }
    let nothing = Request { max_new_tokens: 0, ..requests[0].clone() };
    let nothing = run(&policy, &[nothing], 1, 1).remove(0);
    assert!(nothing.tokens.is_empty() && nothing.truncated());
    assert_eq!(run(&policy, &[], 1, 1), []);
}

#[test]
fn progress_counts_and_stops() {
    let policy = small(2, 1, true);
    let requests = requests(&PLAIN);
    let settings = Engine::new(4, 0, 2);
    let mut last = 0;
    generate(&policy, &requests, &settings, &mut |finished| {
        assert!(finished > last);
        last = finished;
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(last, requests.len());
    let stopped = generate(&policy, &requests, &settings, &mut |_| ControlFlow::Break(()));
    assert!(matches!(stopped, Err(PolicyError::Interrupted)));
}

#[test]
fn what_cannot_be_decoded_is_said() {
    let policy = small(2, 1, true);
    let good = &requests(&PLAIN)[0];
    let check = |request: Request, expected: &str| {
        let settings = Engine::new(1, 0, 1);
        let found = generate(&policy, &[request], &settings, &mut |_| ControlFlow::Continue(()));
        let error = found.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(Request { prompt: [].into(), ..good.clone() }, "request 0: the prompt is empty");
    check(Request { prompt: [19].into(), ..good.clone() }, "token 19 is outside the vocabulary of 19");
    check(Request { max_new_tokens: usize::MAX, ..good.clone() }, "at most");
    check(Request { sampling: Sampling { top_p: 0.0, ..PLAIN }, ..good.clone() }, "top_p 0");
    let (name, var) = &policy.parameters[1];
    assert!(name.ends_with("layernorm.weight"));
    var.set(&(var.as_detached_tensor() * f64::NAN).unwrap()).unwrap();
    check(good.clone(), "the logits are not finite");
}
