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
        let Some(baseline) = values.word("train.algorithm.baseline").filter(|b| *b != "none") else { continue };
        let place = values.span("train.group").unwrap_or(stage.place);
        let mut diagnostic = Diagnostic::new(
            codes::GROUP_OF_ONE,
            format!("a group of one has nothing to compare: `baseline = {baseline}`"),
        )
        .at(place, "one rollout per prompt")
        .help("use `group = 8 rollouts`, or `baseline = none`");
        if let Some(span) = values.span("train.algorithm.baseline") {
            diagnostic = diagnostic.at(span, "compares the rollouts of a prompt");
        }
        problems.push(diagnostic);
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{codes_of, quickstart_with};

    #[test]
    fn one_rollout_per_prompt() {
        let one = quickstart_with("group     = 8 rollouts", "group     = 1 rollout");
        assert_eq!(codes_of(&one).codes, ["recipe::rollouts::group_of_one"]);
        assert!(codes_of(&one.replace("baseline      = leave_one_out", "baseline = none")).codes.is_empty());
    }
}
