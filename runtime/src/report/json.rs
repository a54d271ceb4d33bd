//! The results of a run for programs: `recipec report --json`.

use serde_json::{Map, Value, json};

use crate::run_folder::{DomainShares, Evaluation, Results, RunFolder};
use crate::statistics;

/// The results as one object; what is not known (yet) is null. Pass rates and shares are in 0..1, lengths in tokens:
///
/// ```text
/// { "base":  { "<suite>": { "macro": { "pass_at_1", "mean_tokens" },
///                           "domains": { "<domain>": { "pass_at_1", "mean_tokens" } } } },
///   "final": as base,
///   "domains": { "<domain>": { "ratio", "sampled", "completed", "trained" } },
///   "findings": [ { "sickness", "stage", "step", "seen" } ],
///   "origin": what `origin.json` says, "seconds", "stopped_by", "weights_digest" }
/// ```
///
/// `base` is the evaluation before the first step of reinforcement, `final` the last one made because the run had ended.
pub fn json(folder: &RunFolder) -> Value {
    let summary = folder.summary.as_ref();
    let mut domains = Map::new();
    for (name, share) in domain_shares(folder) {
        let value = json!({
            "ratio": share.ratio,
            "sampled": share.achieved[0],
            "completed": share.achieved[1],
            "trained": share.achieved[2],
        });
        domains.insert(name.to_owned(), value);
    }
    json!({
        "base": folder.base().map(evaluation),
        "final": folder.last().map(evaluation),
        "domains": domains,
        "findings": folder.findings(),
        "origin": folder.origin,
        "seconds": summary.map(|summary| summary.seconds),
        "stopped_by": summary.map(|summary| summary.stopped_by.as_str()),
        "weights_digest": summary.map(|summary| summary.weights_digest.as_str()),
    })
}

/// Target and achieved shares of one domain.
pub(super) struct Shares {
    /// Target, if known.
    pub ratio: Option<f64>,
    /// Shares sampled, completed and trained.
    pub achieved: [f64; 3],
}

/// The shares of the summary; of a run that has not ended, those of its last step.
pub(super) fn domain_shares(folder: &RunFolder) -> Vec<(&str, Shares)> {
    let summary = folder.summary.as_ref();
    let known = summary.filter(|summary| !summary.shares.is_empty());
    if let Some(summary) = known {
        let found = folder.domains().into_iter().filter_map(|name| summary.shares.get_key_value(name));
        let shares = |share: &DomainShares| Shares {
            ratio: Some(share.ratio),
            achieved: [share.sampled, share.completed, share.trained],
        };
        return found.map(|(name, share)| (name.as_str(), shares(share))).collect();
    }
    let Some(step) = folder.metrics.iter().rev().find(|step| !step.domains.is_empty()) else {
        return Vec::new();
    };
    let counts = |count: fn(&crate::run_folder::DomainMetrics) -> u64| {
        statistics::shares(&step.domains.values().map(|domain| count(domain) as f64).collect::<Vec<_>>())
    };
    let achieved =
        [counts(|domain| domain.sampled), counts(|domain| domain.completed), counts(|domain| domain.trained)];
    let [sampled, completed, trained] = achieved;
    let rows = sampled.into_iter().zip(completed).zip(trained);
    let ratio = |name: &str| summary.and_then(|summary| summary.ratios.get(name)).copied();
    let named = step.domains.keys().zip(rows);
    named.map(|(name, ((s, c), t))| (name.as_str(), Shares { ratio: ratio(name), achieved: [s, c, t] })).collect()
}

/// How far the sampled, completed and trained shares are from the target (total variation); none without a target.
pub(super) fn distances(shares: &[(&str, Shares)]) -> Option<[f64; 3]> {
    let target: Vec<f64> = shares.iter().map(|(_, share)| share.ratio).collect::<Option<_>>()?;
    if target.is_empty() {
        return None;
    }
    let distance = |of: fn(&Shares) -> f64| {
        let achieved: Vec<f64> = shares.iter().map(|(_, share)| of(share)).collect();
        statistics::total_variation(&achieved, &target)
    };
    Some([
        distance(|share| share.achieved[0])?,
        distance(|share| share.achieved[1])?,
        distance(|share| share.achieved[2])?,
    ])
}

fn evaluation(evaluation: &Evaluation) -> Value {
    let mut suites = Map::new();
    for (name, suite) in &evaluation.suites {
        let domains: Map<String, Value> =
            suite.domains.iter().map(|(name, domain)| (name.clone(), results(&domain.results))).collect();
        suites.insert(name.clone(), json!({ "macro": results(&suite.macro_average), "domains": domains }));
    }
    Value::Object(suites)
}

fn results(results: &Results) -> Value {
    json!({ "pass_at_1": results.pass_at_1, "mean_tokens": results.mean_tokens })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, Part};
    use super::*;

    #[test]
    fn the_object_has_exactly_the_promised_keys() {
        let run = Fixture::new().read();
        let found = json(&run);
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let promised = ["base", "domains", "final", "findings", "origin", "seconds", "stopped_by", "weights_digest"];
        assert_eq!(keys(&found), promised);
        assert_eq!(keys(&found["base"]), ["cap", "double_cap", "double_cap_t06"]);
        assert_eq!(keys(&found["base"]["cap"]), ["domains", "macro"]);
        assert_eq!(keys(&found["final"]["cap"]["macro"]), ["mean_tokens", "pass_at_1"]);
        assert_eq!(keys(&found["final"]["cap"]["domains"]), ["code", "instruct", "logic", "math", "tools"]);
        assert_eq!(keys(&found["final"]["cap"]["domains"]["math"]), ["mean_tokens", "pass_at_1"]);
        assert_eq!(keys(&found["domains"]["math"]), ["completed", "ratio", "sampled", "trained"]);
        assert_eq!(found["domains"]["math"]["ratio"], 0.4);
        assert_eq!(found["stopped_by"], "steps");
        assert_eq!(found["seconds"], 431.5);
    }

    /// The base is the start of reinforcement, not of the warm start before it; the final one is made at the end.
    #[test]
    fn base_and_final_are_the_right_evaluations() {
        let run = Fixture::new().read();
        let starts: Vec<_> = run.evaluations.iter().map(|one| (one.stage.as_str(), one.step)).collect();
        assert_eq!(starts.first(), Some(&("warm_start", 0)));
        let found = json(&run);
        let expected = |stage: &str, step: u64| {
            let one = run.evaluations.iter().rev().find(|one| one.stage == stage && one.step == step).unwrap();
            one.suites["cap"].macro_average.pass_at_1
        };
        assert_eq!(found["base"]["cap"]["macro"]["pass_at_1"], expected("reinforce", 0));
        assert_eq!(found["final"]["cap"]["macro"]["pass_at_1"], expected("reinforce", 120));
    }

    #[test]
    fn what_is_not_known_is_null() {
        let found = json(&Fixture::new().without(Part::Summary).without(Part::End).read());
        assert!(found["base"].is_object());
        for key in ["final", "origin", "seconds", "stopped_by", "weights_digest"] {
            assert!(found[key].is_null(), "{key}");
        }
        assert!(found["domains"]["math"]["ratio"].is_null());
        let total: f64 =
            found["domains"].as_object().unwrap().values().map(|one| one["trained"].as_f64().unwrap()).sum();
        assert!((total - 1.0).abs() < 1e-12);
    }
}
