//! How many cases a second each verifier judges, on one thread.
//!
//!     cargo bench -p recipec-runtime --bench verifiers [-- DOMAIN FILE.jsonl]
//!
//! Without arguments: the files of `tests/conformance`. The cases are read before the clock starts; what is timed is judging
//! alone, as in training. `scripts/bench-verifiers` compares with the Python references.

use recipec_runtime::verify::cases::{Case, Domain, Judge};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Every file is judged again until this much time is over.
const LEAST: Duration = Duration::from_secs(2);

fn main() {
    // `cargo bench` adds arguments of its own.
    let given: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/conformance");
    let files: Vec<(String, PathBuf)> = match given.as_slice() {
        [domain, file] => vec![(domain.clone(), file.into())],
        _ => ["math", "ifeval", "logic", "fn_calling"]
            .iter()
            .map(|name| ((*name).to_owned(), folder.join(format!("{name}.jsonl"))))
            .filter(|(_, file)| file.is_file())
            .collect(),
    };
    for (name, file) in files {
        let Some(domain) = Domain::named(&name) else { panic!("there is no domain `{name}`") };
        let text = std::fs::read_to_string(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
        let read = |line| Case::read(domain, &serde_json::from_str(line).expect("JSON")).expect("a case");
        let cases: Vec<Case> = text.lines().map(read).collect();
        let mut judge = Judge::new(domain, BTreeMap::new());
        let (started, mut judged, mut correct) = (Instant::now(), 0usize, 0.0);
        let mut best = Duration::MAX;
        while started.elapsed() < LEAST {
            let round = Instant::now();
            correct = cases.iter().map(|case| judge.judge(case).score).sum::<f64>();
            judged += cases.len();
            best = best.min(round.elapsed());
        }
        let rate = judged as f64 / started.elapsed().as_secs_f64();
        let best = cases.len() as f64 / best.as_secs_f64();
        println!("{name}: {rate:.0} cases/s, in the best round {best:.0} ({} cases, score {correct:.0})", cases.len());
    }
}
