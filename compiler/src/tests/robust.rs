//! Damaged recipes: always an answer, never a panic, and a recipe exactly when there is no error.

use crate::Options;
use crate::diagnostic::{human, json};
use crate::testing::{APRIEL, QUICKSTART, checked, found};
use proptest::prelude::*;

/// The text with a piece replaced by another piece of it; offsets move to the nearest character.
fn damaged(text: &str, at: usize, length: usize, from: usize, taken: usize) -> String {
    let border = |mut byte: usize| {
        byte = byte.min(text.len());
        while !text.is_char_boundary(byte) {
            byte -= 1;
        }
        byte
    };
    let (start, end) = (border(at), border(at.saturating_add(length)));
    let (first, last) = (border(from), border(from.saturating_add(taken)));
    format!("{}{}{}", &text[..start], &text[first..last], &text[end..])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_is_reported(which in any::<bool>(), at in 0usize..5000, length in 0usize..40, from in 0usize..5000, taken in 0usize..30) {
        let text = damaged(if which { QUICKSTART } else { APRIEL }, at, length, from, taken);
        let checked = checked(&text, &Options::default());
        // Asserts that there is a recipe exactly when there is no error, and that the picture can be drawn.
        found(&checked);
        for line in json::render(&checked.problems, &checked.sources).lines() {
            prop_assert!(serde_json::from_str::<serde_json::Value>(line).is_ok());
        }
        for diagnostic in checked.problems.sorted() {
            for label in &diagnostic.labels {
                prop_assert!(label.span.start <= label.span.end && label.span.end <= text.len(), "{diagnostic:?}");
            }
        }
    }

    #[test]
    fn lines_may_go_missing(skip in proptest::collection::vec(0usize..105, 1..6)) {
        let text: String = QUICKSTART.lines().enumerate().filter(|(i, _)| !skip.contains(i)).map(|(_, line)| format!("{line}\n")).collect();
        found(&checked(&text, &Options::default()));
    }
}

#[test]
fn many_mistakes_take_linear_time() {
    let seconds = |n: usize| {
        let body: String =
            (0..n).map(|i| format!("domain d{i} {{ ratio = {i} tokens  dta = builtin(\"x\") }}\n")).collect();
        let text = format!("recipe x {{ edition = 2026 }}\n{body}");
        let once = || {
            let start = std::time::Instant::now();
            let checked = checked(&text, &Options::default());
            assert_eq!(checked.problems.errors(), 2 * n);
            let text = human::render(&checked.problems, &checked.sources, human::Style::default());
            assert!(text.contains(&format!("and {} more", 2 * n - human::SHOWN)));
            start.elapsed().as_secs_f64()
        };
        (0..3).map(|_| once()).fold(f64::INFINITY, f64::min)
    };
    // The clock of a busy machine is rough, so the bound is wide: linear work is 8 times, quadratic 64 times.
    let (small, large) = (seconds(500), seconds(4000));
    assert!(large < 28.0 * small, "500: {small} s, 4000: {large} s");
}

#[test]
fn deep_and_strange_texts_are_answered() {
    for text in [
        format!("recipe x {{ edition = 2026 }}\npenalty p = {}1{}", "(".repeat(5000), ")".repeat(5000)),
        "param a : integer = 1e400".to_string(),
        "budget { steps = 99999999999999999999 steps  output = 1e300 tokens }".to_string(),
        "model policy { source = fresh { width = 1e30 layers = 0 } }".to_string(),
        "variant v { override * = 1  override domain.* = 2  override stage.*.x = 3  override suite = 1 }".to_string(),
        "stage a after a { }  stage b after c { }  stage c after b { }".to_string(),
        "penalty a = b  penalty b = a  reward { total = a + outcome  outcome = total  unfinished = wrong }".to_string(),
        "domain * { ratio = 1 }  domain recipe { }  domain domain { ratio = 100% }".to_string(),
        "test \"\" { given length, length = 1 token expect 1 == 1 within 1 token }".to_string(),
        "guarantee g for all x : 1 in 2  guarantee g : a  guarantee h : total given (zz = 3) >= 1 same foo".to_string(),
        "evaluate { sampling = 3  suite a { sampling = foo { } }  suite a { } }".to_string(),
        "stage s { domains = { }  supervised { batch = 3 }  supervised { } }".to_string(),
        "mix { count = completed(rollouts, tokens, of = groups)  warmup = budget.steps }".to_string(),
        "train { kl = { coef = 1 }  optimizer = adamw(3)  algorithm = gspo }".to_string(),
    ] {
        let checked = checked(&text, &Options::default());
        assert!(checked.problems.any_error(), "{text:.60}");
        found(&checked);
    }
}
