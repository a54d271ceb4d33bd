//! The best checkpoint is best by a suite that the recipe measures.
//!
//! Bad: `checkpoint { best = aime }` without `suite aime { … }`

use crate::draft::Draft;
use crate::problems::Problems;
use crate::resolve::overrides::unknown_name;
use recipec_grammar::tree::Name;

pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    let Some(best) = draft.run.word("checkpoint.best") else { return };
    let suites: Vec<&str> = draft.view.resolved.names("suite").map(|name| name.node.as_str()).collect();
    if !suites.contains(&best) && !problems.lost_text() {
        let place = draft.run.span("checkpoint.best").unwrap_or(draft.place);
        problems.push(unknown_name("suite", &Name::new(best.to_string(), place), suites));
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{codes_of, quickstart_with};

    #[test]
    fn best_by_what() {
        let with = |best: &str| quickstart_with("checkpoint { every", &format!("checkpoint {{ best = {best}  every"));
        assert!(codes_of(&with("double_cap")).codes.is_empty(), "{}", codes_of(&with("double_cap")).text);
        assert_eq!(codes_of(&with("dobule_cap")).codes, ["recipe::names::unknown_name"]);
    }
}
