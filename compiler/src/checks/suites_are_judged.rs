//! A suite with data of its own says who judges; `held_out` uses the verifiers of the domains.
//!
//! Bad: `suite aime { data = hf("math-ai/aime25") }`

use crate::diagnostic::{Diagnostic, codes};
use crate::draft::Draft;
use crate::problems::Problems;

pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    let run = &draft.run;
    for name in draft.view.resolved.names("suite") {
        let (data, verify) = (format!("suite.{}.data", name.node), format!("suite.{}.verify", name.node));
        let Some(source) = run.word(&data) else { continue };
        if source == "held_out" && !run.absent(&verify) {
            problems.push(
                Diagnostic::new(codes::WRONG_PLACE, format!("suite `{}` is judged by its domains", name.node))
                    .at(run.span(&verify).unwrap_or(name.span), "this verifier would never be asked")
                    .help("remove `verify`, or give the suite data of its own"),
            );
        }
        if source != "held_out" && run.absent(&verify) && !problems.lost_text() {
            problems.push(
                Diagnostic::new(
                    codes::MISSING_KEY,
                    format!("suite `{}` has data of its own and no verifier", name.node),
                )
                .at(name.span, "who judges?")
                .help("write `verify = …`"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{codes_of, quickstart_with};

    #[test]
    fn who_judges() {
        let line = "suite cap {\n    data     = held_out";
        assert_eq!(
            codes_of(&quickstart_with(line, "suite cap {\n    data     = file(\"x.jsonl\")")).codes,
            ["recipe::names::missing_key"]
        );
        assert_eq!(
            codes_of(&quickstart_with(line, "suite cap {\n    data     = held_out  verify = puzzle()")).codes,
            ["recipe::names::wrong_place"]
        );
    }
}
