use super::*;
use ratatui::backend::TestBackend;
use recipec_runtime::run_folder::*;
use std::collections::BTreeMap;

fn line(step: u64, names: &[&str]) -> Box<StepMetrics> {
    let domain = |at: usize| DomainMetrics {
        sampled: 10 * step * (at as u64 + 1),
        completed: 10 * step * (at as u64 + 1),
        trained: 5 * step,
        solve_rate: Some(0.5),
        mean_tokens: Some(24.0 + at as f64),
        ..DomainMetrics::default()
    };
    let text = serde_json::json!({
        "schema": SCHEMA, "stage": "reinforce", "step": step, "kind": "reinforce", "loss": 0.1, "grad_norm": 1.0, "lr": 1e-4,
        "entropy": 0.25, "groups": {"sampled": 10, "kept": 6, "dropped": 4}, "truncated": 0.02, "soft_zone": 0.3,
        "reward": {"total": step as f64 / 100.0, "outcome": 0.7, "terms": {"brevity": -0.05}},
    });
    let mut line: StepMetrics = serde_json::from_value(text).expect("a line");
    line.domains = names.iter().enumerate().map(|(at, name)| (name.to_string(), domain(at))).collect();
    Box::new(line)
}

fn shown(width: u16, names: &[&str], steps: u64) -> String {
    let mut state = State::default();
    let ratios: BTreeMap<String, f64> = names.iter().map(|name| (name.to_string(), 1.0 / names.len() as f64)).collect();
    state.tell(&Progress::Stage { name: "reinforce".into(), max_steps: Some(400), from_step: 0, ratios }, 0.0);
    for step in 1..=steps {
        let metrics = Some(line(step, names));
        state.tell(&Progress::Step { step, values: vec![("tokens/s", 84_000.0)], metrics }, step as f64 * 0.05);
    }
    let suites = vec![("double_cap".to_string(), 0.675, 26.4)];
    state.tell(&Progress::Evaluation { step: 100, suites }, 20.0);
    state.tell(&Progress::Warning("something".into()), 20.0);
    let mut terminal = Terminal::new(TestBackend::new(width, HEIGHT)).expect("a terminal");
    terminal.draw(|frame| draw(frame, &state, Some(95_000_000))).expect("drawn");
    terminal.backend().to_string()
}

#[test]
fn a_run_at_a_glance() {
    insta::assert_snapshot!(shown(110, &["math", "code"], 100));
}

/// A narrow terminal, many domains, and nothing told yet: no panic, and no line too many.
#[test]
fn it_fits_where_there_is_little_room() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "a_domain_with_a_very_long_name"];
    let narrow = shown(40, &names, 3);
    assert_eq!(narrow.lines().count(), usize::from(HEIGHT));
    assert!(narrow.contains("and 2 domains more"), "{narrow}");
    let mut terminal = Terminal::new(TestBackend::new(1, 1)).expect("a terminal");
    terminal.draw(|frame| draw(frame, &State::default(), None)).expect("drawn");
    assert_eq!(curve(&[], 4), "    ");
    assert_eq!(curve(&[1.0, 1.0], 4), "▅▅  ");
    assert_eq!(curve(&[0.0, 1.0, 2.0, 3.0], 2), "▂▇");
}

#[test]
fn time_is_told_in_words() {
    assert_eq!(
        (duration(7.4), duration(67.0), duration(7_380.0)),
        ("7 s".into(), "1 min 07 s".into(), "2 h 03 min".into())
    );
}
