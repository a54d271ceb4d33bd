//! A mix draws by a weight formula or by a built-in strategy, and what only acts on the one is not set beside the other.
//!
//! Bad: `mix { count = … }`, `mix { weight = ratio  strategy = deficit … }`, `mix { strategy = deficit  warmup = 50 rollouts … }`

use crate::diagnostic::{Diagnostic, codes};
use crate::draft::Draft;
use crate::problems::Problems;
use crate::recipe::Origin;

pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    let Some(block) = draft.view.resolved.blocks.get("mix") else { return };
    for stage in draft.stages.iter().filter(|stage| stage.supervised.is_none()) {
        let values = &stage.values;
        match (values.get("mix.weight"), values.get("mix.strategy")) {
            (None, None) if !problems.lost_text() => problems.push(
                Diagnostic::new(codes::MISSING_KEY, "`mix.weight` is not set")
                    .at(block.name.span, "`weight` or `strategy` belongs in here")
                    .help("write `weight = ratio` to draw by ratio alone, or `strategy = deficit`")
                    .note("there is no default: frameworks disagree on how a mix is held"),
            ),
            (Some(weight), Some(strategy)) => {
                let place = |origin: &Origin| origin.span().unwrap_or(block.name.span);
                problems.push(
                    Diagnostic::new(codes::EITHER_OR, "the mix has both `weight` and `strategy`")
                        .at(place(&strategy.origin), "this rule takes the place of a weight")
                        .at(place(&weight.origin), "and here is one")
                        .help("remove one of the two"),
                );
            }
            (None, Some(strategy)) => {
                for (path, why) in [
                    ("mix.warmup", "it holds the ratios from the first draw on"),
                    ("mix.every", "it decides at every draw"),
                ] {
                    let Some(entry) = values.get(path) else { continue };
                    if let Some(place) = entry.origin.span() {
                        let name = path.trim_start_matches("mix.");
                        problems.push(
                            Diagnostic::new(
                                codes::WRONG_PLACE,
                                format!("`{name}` does nothing under `strategy = {}`", strategy.text),
                            )
                            .at(place, why)
                            .help(format!("remove `{name}`")),
                        );
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{codes_of, edit, quickstart_with};

    #[test]
    fn one_rule() {
        let weight = "  weight = ratio * clip(ratio / max(achieved, 1e-9), 0.1, 10)\n    \
                      source \"arXiv 2604.02007, adaptive domain sampling\"\n";
        let both = quickstart_with(weight, &format!("  strategy = deficit\n{weight}"));
        assert_eq!(codes_of(&both).codes, ["recipe::names::either_or"]);
        let warm = quickstart_with(weight, "  strategy = deficit\n");
        assert!(codes_of(&warm).codes.contains(&"recipe::names::wrong_place"), "{}", codes_of(&warm).text);
        let held = edit(&warm, "  warmup = 50 rollouts\n", "");
        assert!(codes_of(&held).codes.is_empty(), "{}", codes_of(&held).text);
        let none = quickstart_with(weight, "");
        assert_eq!(codes_of(&none).codes, ["recipe::names::missing_key"]);
    }
}
