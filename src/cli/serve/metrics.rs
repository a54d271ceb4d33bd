//! Counters of the service, in the text format of Prometheus.

use recipec_runtime::verify::cases::Domain;
use recipec_runtime::verify::{Status, Verdict};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What was judged and answered so far.
#[derive(Debug, Default)]
pub struct Metrics {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    cases: BTreeMap<(Domain, Status), u64>,
    limited: BTreeMap<Domain, u64>,
    time: BTreeMap<Domain, Duration>,
    requests: BTreeMap<u16, u64>,
}

impl Metrics {
    fn with<T>(&self, change: impl FnOnce(&mut Counts) -> T) -> T {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A case was judged.
    pub fn judged(&self, domain: Domain, verdict: &Verdict, took: Duration) {
        self.with(|counts| {
            *counts.cases.entry((domain, verdict.status)).or_default() += 1;
            *counts.limited.entry(domain).or_default() += u64::from(verdict.limited);
            *counts.time.entry(domain).or_default() += took;
        });
    }

    /// A request was answered with a code.
    pub fn answered(&self, code: u16) {
        self.with(|counts| *counts.requests.entry(code).or_default() += 1);
    }

    /// All of them as text, with the length of the queue.
    pub fn text(&self, waiting: usize, capacity: usize) -> String {
        let mut text = String::new();
        let mut block = |name: &str, kind: &str, help: &str, lines: Vec<(String, String)>| {
            // Writing to a text cannot fail.
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
            for (labels, value) in lines {
                let _ = writeln!(text, "{name}{labels} {value}");
            }
        };
        let plain = |value: usize| vec![(String::new(), value.to_string())];
        self.with(|counts| {
            let cases = counts.cases.iter().map(|((domain, status), n)| {
                let status = json!(status);
                let labels = format!(
                    "{{verifier=\"{}\",status=\"{}\"}}",
                    domain.verifier(),
                    status.as_str().unwrap_or_default()
                );
                (labels, n.to_string())
            });
            block("recipec_cases_total", "counter", "Cases that were judged.", cases.collect());
            let by_domain = |domain: &Domain| format!("{{verifier=\"{}\"}}", domain.verifier());
            let limited = counts.limited.iter().map(|(domain, n)| (by_domain(domain), n.to_string())).collect();
            block("recipec_limited_total", "counter", "Cases whose judging a limit ended.", limited);
            let time = counts.time.iter().map(|(domain, time)| (by_domain(domain), time.as_secs_f64().to_string()));
            block("recipec_judging_seconds_total", "counter", "Time spent judging, over all threads.", time.collect());
            let requests = counts.requests.iter().map(|(code, n)| (format!("{{code=\"{code}\"}}"), n.to_string()));
            block("recipec_requests_total", "counter", "Requests that were answered.", requests.collect());
        });
        block("recipec_waiting_cases", "gauge", "Cases that wait or are judged now.", plain(waiting));
        block("recipec_waiting_cases_limit", "gauge", "Most cases that may wait.", plain(capacity));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_lines_of_text() {
        let metrics = Metrics::default();
        metrics.judged(Domain::Math, &Verdict::correct(), Duration::from_millis(500));
        metrics.judged(Domain::Math, &Verdict { limited: true, ..Verdict::correct() }, Duration::from_secs(1));
        metrics.answered(429);
        let text = metrics.text(3, 9);
        for line in [
            "recipec_cases_total{verifier=\"math_answer\",status=\"correct\"} 2",
            "recipec_limited_total{verifier=\"math_answer\"} 1",
            "recipec_judging_seconds_total{verifier=\"math_answer\"} 1.5",
            "recipec_requests_total{code=\"429\"} 1",
            "recipec_waiting_cases 3",
            "recipec_waiting_cases_limit 9",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
