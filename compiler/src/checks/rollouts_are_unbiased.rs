//! Training rollouts are drawn from the whole distribution.
//!
//! The importance ratio divides by the probability before any cut. With top-p, top-k or min-p the rollouts come from another
//! distribution, and the ratio is biased unless the mask is replayed, which this version does not do.
//! Bad: `rollout { top_p = 0.9 }`

use crate::diagnostic::{Diagnostic, codes};
use crate::draft::Draft;
use crate::problems::Problems;

pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    for stage in draft.stages.iter().filter(|s| s.supervised.is_none()) {
        let values = &stage.values;
        for (key, whole) in [("top_p", 1.0), ("top_k", 0.0), ("min_p", 0.0)] {
            let path = format!("rollout.{key}");
            let Some(number) = values.number(&path).filter(|n| *n != whole) else { continue };
            problems.push(
                Diagnostic::new(
                    codes::BIASED_RATIO,
                    format!("training rollouts with `{key} = {number}` bias the importance ratio"),
                )
                .at(values.span(&path).unwrap_or(stage.place), "cuts the distribution")
                .help(format!("remove `{key}` here; in `evaluate` it is fine")),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{codes_of, quickstart_with};

    #[test]
    fn cuts_in_training() {
        for cut in ["top_p = 0.9", "top_k = 50", "min_p = 0.1"] {
            let text = quickstart_with("  temperature = 1.0\n", &format!("  temperature = 1.0\n  {cut}\n"));
            assert_eq!(codes_of(&text).codes, ["recipe::rollouts::biased_ratio"], "{cut}");
        }
    }
}
