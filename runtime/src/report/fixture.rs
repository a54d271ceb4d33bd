//! A made-up run folder with plausible numbers, for the tests of the report.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use crate::rng::{Purpose, Stream};
use crate::run_folder::{EVALUATIONS, METRICS, ROLLOUTS, RunFolder, SUMMARY, TIMING};
use crate::statistics::{clustered_mean, clustered_rate, macro_average};

/// A part that can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// `summary.json`.
    Summary,
    /// `evaluations.jsonl`.
    Evaluations,
    /// The evaluation at the end.
    End,
    /// Everything optional in the metrics, the penalty surface, and the sampled rollouts.
    Optional,
}

/// Writes and reads run folders.
pub(crate) struct Fixture {
    folder: tempfile::TempDir,
    without: Vec<Part>,
    steps: u64,
}

/// Name, ratio, pass@1 before and after, tokens before and after.
const DOMAINS: [(&str, f64, f64, f64, f64, f64); 5] = [
    ("math", 0.40, 0.52, 0.66, 61.0, 37.0),
    ("code", 0.25, 0.44, 0.55, 48.0, 33.0),
    ("logic", 0.15, 0.61, 0.72, 55.0, 30.0),
    ("instruct", 0.10, 0.58, 0.63, 43.0, 29.0),
    ("tools", 0.10, 0.70, 0.86, 39.0, 24.0),
];

impl Fixture {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), without: Vec::new(), steps: 120 }
    }

    pub(crate) fn without(mut self, part: Part) -> Self {
        self.without.push(part);
        self
    }

    pub(crate) fn steps(mut self, steps: u64) -> Self {
        self.steps = steps;
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    fn has(&self, part: Part) -> bool {
        !self.without.contains(&part)
    }

    /// Writes the folder and reads it back.
    pub(crate) fn read(&self) -> RunFolder {
        self.write();
        RunFolder::read(self.path()).unwrap()
    }

    /// Writes the folder.
    pub(crate) fn write(&self) {
        self.lines(METRICS, &self.metrics());
        let timing = |step| json!({"stage": "reinforce", "step": step, "seconds": 2.5, "tokens_per_second": 9_000.0, "elapsed": 2.5});
        self.lines(TIMING, &(1..=self.steps).map(timing).collect::<Vec<_>>());
        if self.has(Part::Evaluations) {
            let mut all = vec![evaluation("warm_start", 0, "start", 0.0), evaluation("reinforce", 0, "start", 0.0)];
            all.extend((1..3).map(|third| evaluation("reinforce", self.steps * third / 3, "step", third as f64 / 3.0)));
            if self.has(Part::End) {
                all.push(evaluation("reinforce", self.steps, "end", 1.0));
            }
            self.lines(EVALUATIONS, &all);
        }
        if self.has(Part::Summary) {
            std::fs::write(self.path().join(SUMMARY), self.summary().to_string()).unwrap();
        }
        if self.has(Part::Optional) {
            let file = std::fs::File::create(self.path().join(ROLLOUTS)).unwrap();
            let mut writer = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
            for line in rollouts(self.steps) {
                writeln!(writer, "{line}").unwrap();
            }
            writer.finish().unwrap();
        }
    }

    fn lines(&self, name: &str, values: &[Value]) {
        let text: String = values.iter().map(|value| format!("{value}\n")).collect();
        std::fs::write(self.path().join(name), text).unwrap();
    }

    fn metrics(&self) -> Vec<Value> {
        let mut lines: Vec<Value> = (1..=40)
            .map(|step| {
                let loss = 0.4 + 2.5 * libm::exp(-f64::from(step) / 9.0) + 0.03 * noise(1, step as u32);
                json!({"schema": 1, "stage": "warm_start", "step": step, "kind": "supervised", "loss": loss, "grad_norm": 0.8,
                    "lr": 4e-3, "tokens": {"generated": 0, "trained": 4_000, "total_generated": 0}, "work": {"loss": 96}})
            })
            .collect();
        let mut counts: BTreeMap<&str, [f64; 4]> = BTreeMap::new();
        for step in 1..=self.steps {
            lines.push(self.reinforce_step(step, &mut counts));
        }
        lines
    }

    fn reinforce_step(&self, step: u64, counts: &mut BTreeMap<&'static str, [f64; 4]>) -> Value {
        let done = learned(step as f64 / self.steps as f64);
        let mut domains = serde_json::Map::new();
        for (idx, (name, ratio, low, high, long, brief)) in DOMAINS.into_iter().enumerate() {
            let drawn = (256.0 * ratio).round();
            let yields = [0.62, 0.7, 0.55, 0.8, 0.45][idx];
            let tokens = long + (brief - long) * done + 1.5 * noise(idx as u32 + 10, step as u32);
            let counted = counts.entry(name).or_insert([0.0; 4]);
            for (count, more) in counted.iter_mut().zip([drawn, drawn, drawn * yields, drawn * yields * tokens]) {
                *count += more.round();
            }
            let absent = name == "tools" && step.is_multiple_of(17);
            let solved = low + (high - low) * done + 0.05 * noise(idx as u32 + 20, step as u32);
            let [sampled, completed, trained, trained_tokens] = counted.map(|count| count as u64);
            domains.insert(
                name.to_owned(),
                json!({"sampled": sampled, "completed": completed, "trained": trained, "trained_tokens": trained_tokens,
                    "solve_rate": if absent { None } else { Some(solved) }, "mean_tokens": if absent { None } else { Some(tokens) },
                    "reward": if absent { None } else { Some(solved - 0.2 * (1.0 - done)) }}),
            );
        }
        let dropped = (6.0 + 10.0 * done + 3.0 * noise(3, step as u32)).round() as u64;
        let mut line = json!({"schema": 1, "stage": "reinforce", "step": step, "kind": "reinforce",
            "loss": -0.4 * done + 0.2 * noise(2, step as u32), "grad_norm": 0.5 + 0.1 * noise(4, step as u32), "lr": 3e-4,
            "tokens": {"generated": 12_000, "trained": 7_500, "total_generated": 12_000 * step}, "domains": domains,
            "work": {"rollout": 256}, "limited_verdicts": 0, "verifier_errors": 0});
        if self.has(Part::Optional) {
            let penalty = -0.3 + 0.22 * done + 0.02 * noise(6, step as u32);
            let outcome = 0.54 + 0.13 * done + 0.03 * noise(7, step as u32);
            line["entropy"] = json!(0.62 - 0.3 * done + 0.02 * noise(5, step as u32));
            line["groups"] = json!({"sampled": 32, "kept": 32 - dropped, "dropped": dropped});
            line["reward"] =
                json!({"total": outcome + penalty, "outcome": outcome, "terms": {"difficulty_aware": penalty}});
            line["scale_by_solve_rate"] = (1..=8)
                .map(
                    |k| json!({"k": k, "count": 6, "mean": {"difficulty_aware.scale": libm::sqrt(f64::from(k) / 8.0)}}),
                )
                .collect();
            line["truncated"] = json!(0.09 * (1.0 - done));
            line["soft_zone"] = json!(0.7 - 0.35 * done);
            line["clip_fraction"] = json!(0.12 + 0.03 * noise(8, step as u32));
            line["importance_ratio_deviation"] = json!(0.0);
            line["kl"] = json!(0.02 * done);
        }
        line
    }

    fn summary(&self) -> Value {
        let achieved = [
            ("math", 0.4, 0.401, 0.4, 0.387),
            ("code", 0.25, 0.249, 0.25, 0.28),
            ("logic", 0.15, 0.152, 0.15, 0.129),
            ("instruct", 0.1, 0.1, 0.1, 0.133),
            ("tools", 0.1, 0.098, 0.1, 0.071),
        ];
        let mut shares = serde_json::Map::new();
        for (name, ratio, sampled, completed, trained) in achieved {
            shares.insert(
                name.to_owned(),
                json!({"ratio": ratio, "sampled": sampled, "completed": completed, "trained": trained}),
            );
        }
        let ratios: BTreeMap<&str, f64> = DOMAINS.iter().map(|domain| (domain.0, domain.1)).collect();
        let mut summary = json!({"recipe": "quickstart", "variant": null, "seed": 1, "seconds": 431.5, "stopped_by": "steps",
            "weights_digest": "b3:5f0c7f1f9ad5b4c8a2f8d7b1a6c2e4903d1b7a9e88f2c6d4e0a1b3c5d7e9f012", "steps": 40 + self.steps,
            "generated_tokens": 12_000 * self.steps, "ratios": ratios, "shares": shares});
        if self.has(Part::Optional) {
            let length: Vec<f64> = (1..=96).map(f64::from).collect();
            let solve_rate: Vec<f64> = (1..=8).map(|k| f64::from(k) / 8.0).collect();
            let penalty = |rate: f64, length: f64| ((24.0 - length) / 72.0).clamp(-1.0, 0.0) * libm::sqrt(rate);
            let value: Vec<Vec<f64>> =
                solve_rate.iter().map(|rate| length.iter().map(|length| penalty(*rate, *length)).collect()).collect();
            summary["penalty_surface"] = json!({"length": length, "solve_rate": solve_rate, "value": value});
        }
        summary
    }
}

fn learned(progress: f64) -> f64 {
    1.0 - libm::exp(-3.0 * progress)
}

fn noise(kind: u32, step: u32) -> f64 {
    Stream::new(7, Purpose::Other, 0, kind, step).normal(0)
}

fn evaluation(stage: &str, step: u64, when: &str, progress: f64) -> Value {
    let mut suites = serde_json::Map::new();
    for (idx, (suite, gain, longer)) in
        [("cap", 0.0, 1.0), ("double_cap", 0.01, 1.06), ("double_cap_t06", 0.05, 0.97)].iter().enumerate()
    {
        let mut domains = serde_json::Map::new();
        let (mut rates, mut lengths) = (Vec::new(), Vec::new());
        for (at, (name, _, low, high, long, brief)) in DOMAINS.into_iter().enumerate() {
            let rate = low + (high - low) * learned(progress) + gain;
            let tokens = (long + (brief - long) * learned(progress)) * longer;
            let stream = Stream::new(11, Purpose::Other, idx as u32, at as u32, (step + 1) as u32);
            let verdict = |problem: u32, sample: u32| f64::from(stream.uniform(2 * problem + sample) < rate);
            let solved: Vec<Vec<f64>> =
                (0..200).map(|problem| vec![verdict(problem, 0), verdict(problem, 1)]).collect();
            let spent: Vec<Vec<f64>> =
                (0..200).map(|problem| vec![tokens + 9.0 * stream.normal(1_000 + problem)]).collect();
            let (solved, spent) = (clustered_rate(&solved).unwrap(), clustered_mean(&spent).unwrap());
            rates.push(solved);
            lengths.push(spent);
            let level = |level: f64| json!({"problems": 50, "pass_at_1": (rate + 0.3 - 0.14 * level).clamp(0.0, 1.0), "mean_tokens": tokens * (0.6 + 0.16 * level)});
            let levels: BTreeMap<String, Value> = (1..=4).map(|k| (k.to_string(), level(f64::from(k)))).collect();
            domains.insert(
                name.to_owned(),
                json!({"problems": 200, "samples": 2, "levels": levels, "results": {
                    "pass_at_1": solved.mean, "pass_at_1_ci": solved.interval, "mean_tokens": spent.mean,
                    "mean_tokens_ci": spent.interval, "truncated": 0.03}}),
            );
        }
        let (rate, length) = (macro_average(&rates).unwrap(), macro_average(&lengths).unwrap());
        let average = json!({"pass_at_1": rate.mean, "pass_at_1_ci": rate.interval, "mean_tokens": length.mean, "mean_tokens_ci": length.interval});
        suites.insert((*suite).to_owned(), json!({"domains": domains, "macro": average}));
    }
    json!({"schema": 1, "stage": stage, "step": step, "when": when, "suites": suites})
}

fn rollouts(steps: u64) -> Vec<Value> {
    let mut lines = Vec::new();
    for step in [1, steps / 2, steps] {
        let late = step == steps;
        for (name, ..) in DOMAINS {
            let response = match (name, late) {
                ("math", false) => {
                    "We have to add 17 and 25. 17 plus 20 is 37. 37 plus 5 is 42. Let me check: 42 minus 25 is 17. # 42"
                }
                ("math", true) => "17 plus 25 is 42. # 42",
                (_, false) => "Let me think. First <b>one</b>, then & two; check again. # \"maybe\"",
                _ => "one, two. # two",
            };
            lines.push(json!({"stage": "reinforce", "step": step, "domain": name, "level": 2,
                "prompt": format!("A {name} problem: <script>alert('no')</script> what is 17 + 25?"), "response": response,
                "status": if late { "correct" } else { "wrong" }, "truncated": false, "length": response.len() / 3,
                "terms": {"difficulty_aware": if late { 0.0 } else { -0.21 }}, "total": if late { 1.0 } else { -0.21 }, "advantage": 0.4}));
        }
    }
    lines
}
