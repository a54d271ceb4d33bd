//! `allow` names a warning that exists.
//!
//! Bad: `allow recipe::penalties::positve because "…"`

use crate::diagnostic::{Code, Diagnostic, Severity, codes, suggest};
use crate::draft::Draft;
use crate::problems::Problems;

pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    for (name, because) in &draft.view.resolved.allows {
        match Code::named(&name.node) {
            None => {
                let all: Vec<&str> =
                    codes::all().filter(|c| c.severity() == Severity::Warning).map(Code::name).collect();
                let mut diagnostic =
                    Diagnostic::new(codes::UNKNOWN_CODE, format!("there is no diagnostic `{}`", name.node))
                        .at(name.span, "not a code");
                if let Some(near) = suggest::near(&name.node, all) {
                    diagnostic = diagnostic.help(format!("did you mean `{}`?", near.word)).fix(
                        name.span,
                        near.word,
                        near.certain,
                    );
                }
                problems.push(diagnostic);
            }
            Some(code) if code.severity() == Severity::Error => problems.push(
                Diagnostic::new(
                    codes::CANNOT_ALLOW,
                    format!("`{}` is an error, and errors cannot be accepted", name.node),
                )
                .at(name.span, "only warnings can be allowed")
                .help("mend what it reports"),
            ),
            Some(_) if because.node.trim().is_empty() => {
                problems.push(
                    Diagnostic::new(codes::MISSING_KEY, "`allow` says why")
                        .at(because.span, "the reason is empty")
                        .help("write down why this is meant"),
                );
            }
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{codes_of, quickstart_with};

    #[test]
    fn what_can_be_allowed() {
        let with = |line: &str| codes_of(&quickstart_with("budget {", &format!("{line}\nbudget {{"))).codes;
        assert_eq!(with("allow recipe::penalties::can_invret because \"x\""), ["recipe::names::unknown_code"]);
        assert_eq!(with("allow recipe::ratios::sum_not_one because \"x\""), ["recipe::compose::cannot_allow"]);
        assert_eq!(with("allow recipe::names::unused because \" \""), ["recipe::names::missing_key"]);
        assert!(with("param spare : number = 1\nallow recipe::names::unused because \"for later\"").is_empty());
    }
}
