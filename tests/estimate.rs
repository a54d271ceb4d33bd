//! The estimate against what a run does. Parameters, cache and constants are compared in the runtime's own tests.

mod common;

use common::{TINY, plan, read, run, steps};
use recipec_compiler::estimate::{self, Estimate, Given};

fn estimate_of(text: &str, variant: Option<&str>) -> Estimate {
    estimate::estimate(&plan(text, variant), &Given::assumed(estimate::Device::Cpu))
}

/// No step of a run generates more than the estimate's bound, and a run makes the steps that the estimate says.
#[test]
fn a_run_stays_within_the_estimate() {
    for variant in [None, Some("two_updates"), Some("refilled")] {
        let found = estimate_of(TINY, variant);
        let folder = tempfile::tempdir().expect("a folder");
        run(&plan(TINY, variant), folder.path());
        let run = read(folder.path());
        let of_stage = steps(&run, "reinforce");
        let total: u64 = of_stage.iter().map(|step| step.tokens.generated).sum();
        let most = found.value("reinforce.tokens", "generated_most").expect("a bound");
        let updates = found.value("reinforce.batch", "updates").expect("updates");
        for step in &of_stage {
            assert!(step.tokens.generated as f64 <= most * updates, "{variant:?}: {} of {most}", step.tokens.generated);
        }
        assert!(total > 0 && total as f64 <= found.ends[1].tokens, "{variant:?}: {total}");
        let (_, made) = found.ends[0].steps.iter().find(|(name, _)| name == "reinforce").expect("the stage");
        let last = of_stage.iter().map(|step| step.step).max().expect("a step");
        assert_eq!(last as f64, *made, "{variant:?}");
    }
}
