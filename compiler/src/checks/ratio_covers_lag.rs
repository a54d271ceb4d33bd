//! An objective without an importance ratio learns only from rollouts of the very weights that it trains.
//!
//! After the first update of a batch, or with weights that are behind, the policy is another one than that which sampled; without a ratio
//! the gradient is that of another policy, and nothing says so.
//! Bad: `train { algorithm = rloo { weight = length }  updates = 4 }`

use crate::diagnostic::{Diagnostic, codes};
use crate::draft::Draft;
use crate::problems::Problems;

pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    for stage in draft.stages.iter().filter(|s| s.supervised.is_none()) {
        let values = &stage.values;
        if values.word("train.algorithm") != Some("rloo") {
            continue;
        }
        let updates = values.count("train.updates").filter(|n| *n > 1).map(|n| ("updates", n, "1"));
        let lag = values.count("train.max_lag").filter(|n| *n > 0).map(|n| ("max_lag", n, "0 steps"));
        for (key, n, needed) in [updates, lag].into_iter().flatten() {
            let place = values.span(&format!("train.{key}")).unwrap_or(stage.place);
            let message = format!(
                "`rloo` has no importance ratio, so it cannot learn from other weights than its own: `{key}` is {n}"
            );
            let mut diagnostic = Diagnostic::new(codes::NO_RATIO, message)
                .at(place, "these rollouts are of weights before")
                .help(format!("write `{key} = {needed}`, or take the same baseline with a ratio: `grpo {{ baseline = leave_one_out … }}`"));
            if let Some(span) = values.span("train.algorithm") {
                diagnostic = diagnostic.at(span, "weighs every token alike, whoever sampled it");
            }
            problems.push(diagnostic);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{codes_of, quickstart_with};

    #[test]
    fn rollouts_of_other_weights() {
        let gspo = "gspo { clip_low = 3e-3, clip_high = 4e-3, weight = length, baseline = leave_one_out, divide_by_std = false }";
        let rloo = quickstart_with(gspo, "rloo { weight = length }");
        assert!(codes_of(&rloo).codes.is_empty());
        let two = rloo.replace("refill    = 1", "updates = 2");
        assert_eq!(codes_of(&two).codes, ["recipe::rollouts::no_ratio"]);
        let behind = rloo.replace("max_lag   = 0 steps", "max_lag = 1 steps");
        assert_eq!(codes_of(&behind).codes, ["recipe::rollouts::no_ratio"]);
    }
}
