//! Both loops, every feature of the family, memory, order and stops.

use super::*;
use crate::policy::shape::{AttentionBias, Rope, RopeScaling, Shape};
use candle_core::{Device, Tensor};

const VOCAB: usize = 41;

fn shape(heads: usize, kv_heads: usize, head_width: usize) -> Shape {
    Shape {
        width: 20,
        layers: 3,
        heads,
        kv_heads,
        head_width,
        hidden: 28,
        vocab: VOCAB,
        tied: true,
        norm_eps: 1e-5,
        rope: Rope { theta: 10_000.0, scaling: RopeScaling::None },
        attention_bias: AttentionBias::None,
        mlp_bias: false,
        qk_norm: false,
        windows: Vec::new(),
        max_positions: usize::MAX,
    }
}

/// Random weights in which biases and norms count too.
fn policy(shape: &Shape) -> Policy {
    let fresh = Policy::random(shape, 5, &Device::Cpu).unwrap();
    let tensors: Vec<(String, Tensor)> = fresh
        .parameters
        .iter()
        .enumerate()
        .map(|(idx, (name, var))| {
            let noise = Stream::new(6, Purpose::Other, idx as u32, 0, 0);
            let (middle, spread) = if name.contains("norm") { (1.0, 0.2) } else { (0.0, 0.3) };
            let count = var.elem_count() as u32;
            let values: Vec<f32> = (0..count).map(|at| (middle + spread * noise.normal(at)) as f32).collect();
            (name.clone(), Tensor::from_vec(values, var.shape(), &Device::Cpu).unwrap())
        })
        .collect();
    Policy::from_tensors(shape, tensors).unwrap()
}

/// Shapes that between them have every feature, every way in which heads are taken side by side, and heads of one and of
/// several vectors with and without a rest.
fn shapes() -> Vec<(&'static str, Shape)> {
    let yarn = RopeScaling::Yarn { factor: 4.0, slow: 1.0, fast: 32.0, original: 32.0, attention: 1.1, truncate: true };
    let windows = vec![Some(7), None, Some(45)];
    vec![
        ("plain", shape(2, 2, 10)),
        ("three heads share", shape(6, 2, 16)),
        ("four heads share, windows", Shape { windows: windows.clone(), ..shape(4, 1, 32) }),
        ("two heads share, biases", Shape { attention_bias: AttentionBias::Qkv, ..shape(4, 2, 40) }),
        (
            "all",
            Shape {
                windows,
                qk_norm: true,
                attention_bias: AttentionBias::All,
                mlp_bias: true,
                tied: false,
                rope: Rope { theta: 5e5, scaling: yarn },
                ..shape(7, 1, 58)
            },
        ),
    ]
}

/// Prompts of a token, of a page and a bit, of many pages; groups of 1 to 5.
fn mixed_requests(lengths: &[usize]) -> Vec<Request> {
    let mut requests = Vec::new();
    for (draw, length) in lengths.iter().enumerate() {
        let words = Stream::new(2, Purpose::Other, 1, draw as u32, 0);
        let prompt: Arc<[u32]> = (0..*length).map(|at| words.below(at as u32, VOCAB as u64) as u32).collect();
        for rollout in 0..1 + draw as u32 % 5 {
            let spread = words.below(9_000 + rollout, 3);
            requests.push(Request {
                stream: Stream::new(11, Purpose::Rollout, 0, draw as u32, rollout),
                prompt: prompt.clone(),
                max_new_tokens: 1 + words.below(8_000 + rollout, 70) as usize,
                sampling: Sampling {
                    temperature: 0.7 + 0.3 * spread as f64,
                    top_k: [0, 5, 0][spread as usize],
                    ..PLAIN
                },
            });
        }
    }
    requests
}

fn with(policy: &Policy, requests: &[Request], engine: &Engine) -> Vec<Generated> {
    generate(policy, requests, engine, &mut |_| ControlFlow::Continue(())).unwrap()
}

/// What was recorded is what scoring the packed sequences finds.
fn assert_scored(policy: &Policy, requests: &[Request], generated: &[Generated], what: &str) {
    for (request, generated) in requests.iter().zip(generated) {
        let tokens = [&request.prompt[..], &generated.tokens].concat();
        let sequence = Sequence { tokens: &tokens, prompt_len: request.prompt.len() };
        let scores = score(policy, &[sequence], request.sampling.temperature, &Lanes { threads: 1 }).unwrap();
        assert_eq!(bits(&generated.logp_behavior), bits(&scores.logp[0]), "{what}");
    }
}

#[test]
fn both_loops_agree_with_scoring_for_every_feature() {
    let requests = mixed_requests(&[1, 33, 64, 5, 130, 31, 2, 77]);
    for (name, shape) in shapes() {
        let policy = policy(&shape);
        let engine = Engine::new(16, 0, 1);
        let expected = with(&policy, &requests, &engine);
        assert!(expected.iter().map(|g| g.tokens.len()).max() > Some(40), "{name}: too short to mean anything");
        assert_scored(&policy, &requests, &expected, name);
        for (slots, threads, joint) in [(3, 2, false), (1, 1, true), (5, 3, true), (64, 2, true)] {
            let engine = Engine { joint: Some(joint), ..Engine::new(slots, 0, threads) };
            let found = with(&policy, &requests, &engine);
            assert_eq!(found, expected, "{name}: {slots} slots, {threads} threads, one loop: {joint}");
        }
        let alone = with(&policy, &requests[7..8], &engine);
        assert_eq!(alone[0], expected[7], "{name}: alone");
    }
}

#[test]
fn long_prompts_are_computed_in_stretches() {
    let (_, shape) = shapes().remove(2);
    let policy = policy(&shape);
    let requests = mixed_requests(&[FILL_ROWS + 200, 3, 2 * FILL_ROWS + 1]);
    for joint in [false, true] {
        let engine = Engine { joint: Some(joint), ..Engine::new(4, 0, 2) };
        let found = with(&policy, &requests, &engine);
        assert_scored(&policy, &requests, &found, "long prompts");
    }
}

#[test]
fn a_bound_on_memory_changes_nothing_but_time() {
    for (name, shape) in shapes() {
        let policy = policy(&shape);
        let requests = mixed_requests(&[40, 90, 3, 64, 20, 100, 64, 5]);
        let expected = with(&policy, &requests, &Engine::new(64, 0, 1));
        let weights = HostWeights::new(&policy, 1, false).unwrap();
        let sizes = decoder::sizes(&weights);
        let longest =
            requests.iter().map(|request| sizes.pages(request.prompt.len() + request.max_new_tokens, FILL_ROWS));
        let needed = longest.max().unwrap() * sizes.page_bytes();
        let mut preempted = 0;
        for (spare, threads, joint) in [(0, 1, false), (3, 1, true), (40, 1, false), (20, 2, true)] {
            let bytes = needed + spare * sizes.page_bytes();
            let engine = Engine { cache_bytes: Some(bytes), joint: Some(joint), ..Engine::new(64, 0, threads) };
            let mut found = Vec::new();
            let statistics = stream(&policy, requests.iter().cloned(), &engine, &mut |event| {
                if let Event::Done { request, generated } = event {
                    assert_eq!(request, found.len());
                    found.push(generated);
                }
                ControlFlow::Continue(())
            })
            .unwrap();
            assert_eq!(found, expected, "{name}: {spare} pages to spare");
            assert!(statistics.cache_bytes <= bytes as u64, "{name}: {} of {bytes}", statistics.cache_bytes);
            preempted += statistics.preempted;
        }
        // Layers with windows hold less than the worst case, which leaves room.
        assert!(preempted > 0 || !shape.windows.is_empty(), "{name}: nothing had to wait");
        let engine = Engine { cache_bytes: Some(needed - 1), ..Engine::new(64, 0, 1) };
        let failed = generate(&policy, &requests, &engine, &mut |_| ControlFlow::Continue(()));
        let why = failed.unwrap_err().to_string();
        assert!(why.contains("bytes of keys and values are more than the cache may hold"), "{why}");
    }
}

#[test]
fn thousands_of_requests_need_a_few_at_a_time() {
    let policy = small(2, 1, true);
    let words = Stream::new(3, Purpose::Other, 2, 0, 0);
    let request = move |idx: u32| Request {
        stream: Stream::new(11, Purpose::Rollout, 0, idx / 4, idx % 4),
        prompt: [1 + words.below(idx / 4, 17) as u32, 3].into(),
        max_new_tokens: 1 + words.below(1_000_000 + idx, 30) as usize,
        sampling: PLAIN,
    };
    let count = 3_000u32;
    for (threads, joint) in [(1, false), (3, false), (2, true)] {
        let taken = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let requests = (0..count).map({
            let taken = taken.clone();
            move |idx| {
                taken.fetch_add(1, Ordering::Relaxed);
                request(idx)
            }
        });
        let engine = Engine { joint: Some(joint), ..Engine::new(8, 0, threads) };
        let mut left = 0;
        stream(&policy, requests, &engine, &mut |event| {
            if let Event::Done { request, .. } = event {
                assert_eq!(request, left, "in order");
                // One more is read to see whether its prompt is the same.
                assert!(taken.load(Ordering::Relaxed) <= left + AHEAD * 8 + 1);
                left += 1;
            }
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(left as u32, count);
    }
    let engine = Engine { delivery: Delivery::AsFinished, tokens: true, ..Engine::new(8, 0, 2) };
    let mut tokens: Vec<Vec<u32>> = vec![Vec::new(); 400];
    let mut done = 0;
    stream(&policy, (0..400).map(request), &engine, &mut |event| {
        match event {
            Event::Token { request, token } => tokens[request].push(token),
            Event::Done { request, generated } => {
                assert_eq!(tokens[request], generated.tokens);
                done += 1;
            }
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(done, 400);
    let stopped = stream(&policy, (0..).map(request), &engine, &mut |_| ControlFlow::Break(()));
    assert!(matches!(stopped, Err(PolicyError::Interrupted)), "requests without an end");
    let broken = (0..50).map(|idx| Request { prompt: if idx == 20 { [].into() } else { [1].into() }, ..request(idx) });
    let failed = stream(&policy, broken, &engine, &mut |_| ControlFlow::Continue(()));
    assert!(failed.unwrap_err().to_string().contains("request 20: the prompt is empty"));
}

/// Token `n` stands for the letter `a + n`.
struct Letters;

impl TokenBytes for Letters {
    fn push_bytes(&self, token: u32, out: &mut Vec<u8>) {
        out.push(b'a' + token as u8);
    }
}

#[test]
fn stop_strings_and_end_tokens_end_a_rollout() {
    let policy = small(2, 1, true);
    let requests = requests(&PLAIN);
    let engine = |stops: &[&str], end_tokens: &[u32]| Engine {
        end_tokens: end_tokens.to_vec(),
        stops: Stops::new(stops).unwrap(),
        text: Some(Arc::new(Letters)),
        ..Engine::new(16, 0, 2)
    };
    let free = with(&policy, &requests, &engine(&[], &[]));
    assert!(free.iter().all(|generated| generated.truncated()));
    let mut reasons = [0; 3];
    for (free, stopped) in free.iter().zip(with(&policy, &requests, &engine(&["cd", "f"], &[0, 7]))) {
        let text: String = free.tokens.iter().map(|token| char::from(b'a' + *token as u8)).collect();
        let end = text.find(['a', 'h']);
        let found = ["cd", "f"].iter().enumerate().filter_map(|(string, stop)| Some((text.find(stop)?, string)));
        let stop = found.min();
        let after = |(byte, string): (usize, usize)| byte + ["cd", "f"][string].len();
        match stop {
            Some((byte, string)) if end.is_none_or(|end| after((byte, string)) <= end) => {
                assert_eq!(stopped.stop, StopReason::StopString(Cut { string, byte }));
                assert_eq!(stopped.tokens, free.tokens[..after((byte, string))], "the tokens of the stop string stay");
                assert!(stopped.finished() && stopped.body() == stopped.tokens);
                reasons[0] += 1;
            }
            _ if end.is_some() => {
                assert_eq!(stopped.stop, StopReason::EndToken);
                assert_eq!(stopped.tokens, free.tokens[..end.unwrap() + 1]);
                assert_eq!(stopped.body(), &free.tokens[..end.unwrap()]);
                reasons[1] += 1;
            }
            _ => {
                assert_eq!((&stopped.tokens, stopped.stop), (&free.tokens, StopReason::Cap));
                reasons[2] += 1;
            }
        }
        assert_eq!(stopped.logp_behavior[..], free.logp_behavior[..stopped.tokens.len()]);
    }
    assert!(reasons.iter().all(|count| *count > 0), "{reasons:?}");
    let blind = Engine { text: None, ..engine(&["x"], &[]) };
    let failed = generate(&policy, &requests, &blind, &mut |_| ControlFlow::Continue(()));
    assert!(failed.unwrap_err().to_string().contains("what tokens stand for"));
}

#[test]
fn what_a_rollout_came_from_is_recorded() {
    let policy = small(2, 1, true);
    let requests = mixed_requests(&[3, 4]);
    let requests: Vec<Request> = requests
        .into_iter()
        .map(|request| Request { prompt: request.prompt.iter().map(|token| token % 19).collect(), ..request })
        .collect();
    let generated = with(&policy, &requests, &Engine { version: 7, ..Engine::new(2, 0, 1) });
    for (request, generated) in requests.iter().zip(&generated) {
        assert_eq!(generated.versions, [VersionRun { version: 7, from: 0 }]);
        assert_eq!(generated.sampling, request.sampling);
        let bytes: Vec<u8> = request.prompt.iter().flat_map(|token| token.to_le_bytes()).collect();
        assert_eq!(generated.prompt_digest, *blake3::hash(&bytes).as_bytes());
    }
    assert_ne!(generated[0].prompt_digest, generated[1].prompt_digest);
}
