//! A baseline that compares the rollouts of a group needs at least two of them.
//!
//! With one rollout the advantage is zero, or the bare reward, and training goes on without a word.
//! Bad: `train { group = 1 rollout }`

use crate::diagnostic::{Diagnostic, codes};
use crate::draft::Draft;
use crate::problems::Problems;

pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    for stage in draft.stages.iter().filter(|s| s.supervised.is_none()) {
        let values = &stage.values;
        if values.count("train.group") != Some(1) {
            continue;
        }
        let baseline = match (values.word("train.algorithm"), values.word("train.algorithm.baseline")) {
            (_, Some("none" | "batch_mean")) | (None, _) => continue,
            (_, Some(baseline)) => baseline,
            // These have no key for their baseline: it is part of what they are.
            (Some("rloo"), None) => "leave_one_out",
            (Some("dr_grpo" | "dapo" | "cispo"), None) => "group_mean",
            (Some(_), None) => continue,
        };
        let place = values.span("train.group").unwrap_or(stage.place);
        let mut diagnostic = Diagnostic::new(
            codes::GROUP_OF_ONE,
            format!("a group of one has nothing to compare: the baseline is `{baseline}`"),
        )
        .at(place, "one rollout per prompt")
        .help("use `group = 8 rollouts`, or a baseline that is not of the group: `reinforce_plus_plus`, or `baseline = none` of `grpo`");
        if let Some(span) = values.span("train.algorithm.baseline").or(values.span("train.algorithm")) {
            diagnostic = diagnostic.at(span, "compares the rollouts of a prompt");
        }
        problems.push(diagnostic);
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{codes_of, edit, quickstart_with};

    #[test]
    fn one_rollout_per_prompt() {
        let one = quickstart_with("group     = 8 rollouts", "group     = 1 rollout");
        assert_eq!(codes_of(&one).codes, ["recipe::rollouts::group_of_one"]);
        let gspo = "gspo { clip_low = 3e-3, clip_high = 4e-3, weight = length, baseline = leave_one_out, divide_by_std = false }";
        // The penalty reads the solve rate, which says nothing of one rollout.
        let one = edit(&one, "solve_rate ^ gamma", "0.5 ^ gamma");
        for (algorithm, codes) in [
            ("rloo { weight = length }", &["recipe::rollouts::group_of_one"][..]),
            ("dr_grpo", &["recipe::rollouts::group_of_one"]),
            ("reinforce_plus_plus { baseline = group_mean }", &["recipe::rollouts::group_of_one"]),
            ("reinforce_plus_plus", &[]),
        ] {
            assert_eq!(codes_of(&edit(&one, gspo, algorithm)).codes, codes, "{algorithm}");
        }
        let alone = edit(&one, "baseline = leave_one_out", "baseline = none");
        assert!(codes_of(&alone).codes.is_empty(), "{}", codes_of(&alone).text);
        let alone = edit(&alone, "0.5 ^ gamma", "solve_rate ^ gamma");
        assert_eq!(codes_of(&alone).codes, ["recipe::rollouts::group_too_small"], "the penalty reads the solve rate");
    }
}
