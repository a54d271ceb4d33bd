//! Fixes as edits of a text: which of them are certain, and what a text is with them.
//!
//! Only certain fixes are applied without asking: a misspelt word with one candidate, a missing unit where there is one unit, a
//! missing `override`. A number is never changed, so that a ratio is never guessed.

use super::{Diagnostic, Fix, Severity, codes};
use crate::Checked;
use recipec_grammar::source::FileId;

/// So many rounds are made: an edit may bring to light what another one hid.
const ROUNDS: usize = 8;

/// An edit that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Line in the text as it was when the edit was made, from 1.
    pub line: usize,
    /// What stood there; empty where something was put in.
    pub was: String,
    /// What stands there now.
    pub is: String,
}

/// A text with its certain fixes applied.
#[derive(Debug)]
pub struct Mended {
    /// The text.
    pub text: String,
    /// What was changed, in order.
    pub made: Vec<Made>,
    /// What a check of the text finds now.
    pub checked: Checked,
}

/// The certain fixes of one file in the order of their places, none of which overlap: of two that do, the first counts.
pub fn certain(checked: &Checked, file: FileId) -> Vec<Fix> {
    let mut fixes: Vec<&Fix> = checked.problems.sorted().into_iter().filter_map(|d| d.fix.as_ref()).collect();
    fixes.retain(|fix| fix.certain && fix.span.file == file);
    fixes.sort_by_key(|fix| (fix.span.start, fix.span.end));
    let mut kept: Vec<Fix> = Vec::new();
    for fix in fixes {
        // Two insertions at one place would both be made.
        let free = kept.last().is_none_or(|last| fix.span.start >= last.span.end && fix.span != last.span);
        if free {
            kept.push(fix.clone());
        }
    }
    kept
}

/// The text with edits that are sorted and do not overlap. One that does not fit the text is left out.
pub fn apply(text: &str, fixes: &[Fix]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for fix in fixes {
        let Some(before) = text.get(at..fix.span.start).filter(|_| text.is_char_boundary(fix.span.end)) else {
            continue;
        };
        out.push_str(before);
        out.push_str(&fix.replace_with);
        at = fix.span.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// Applies certain fixes until none is left, and checks again after each round. An edit that does not mend what it is about, or
/// that makes something appear twice, is not made.
pub fn mend(text: &str, check: &dyn Fn(&str) -> Checked) -> Mended {
    let mut mended = Mended { text: text.to_string(), made: Vec::new(), checked: check(text) };
    for _ in 0..ROUNDS {
        let fixes = certain(&mended.checked, FileId(0));
        if fixes.is_empty() || !(step(&mut mended, &fixes, check) || one_by_one(&mut mended, &fixes, check)) {
            break;
        }
    }
    mended
}

/// Makes the edits that help when they are tried alone; whether there was one. Places move with every edit, so the last comes first.
fn one_by_one(mended: &mut Mended, fixes: &[Fix], check: &dyn Fn(&str) -> Checked) -> bool {
    fixes.iter().rev().filter(|fix| step(mended, std::slice::from_ref(fix), check)).count() > 0
}

/// Makes edits, if they help.
fn step(mended: &mut Mended, fixes: &[Fix], check: &dyn Fn(&str) -> Checked) -> bool {
    let text = apply(&mended.text, fixes);
    let checked = check(&text);
    if !helps(&mended.checked, &checked, fixes) {
        return false;
    }
    let line = |at: usize| mended.text.get(..at).map_or(1, |before| before.matches('\n').count() + 1);
    let made: Vec<Made> = fixes
        .iter()
        .map(|fix| Made {
            line: line(fix.span.start),
            was: mended.text.get(fix.span.start..fix.span.end).unwrap_or_default().to_string(),
            is: fix.replace_with.clone(),
        })
        .collect();
    mended.made.extend(made);
    (mended.text, mended.checked) = (text, checked);
    true
}

/// Whether a check finds less of what the edits are about, and nothing that speaks against an edit.
fn helps(before: &Checked, after: &Checked, fixes: &[Fix]) -> bool {
    let count = |checked: &Checked, of: &dyn Fn(&Diagnostic) -> bool| {
        checked.problems.sorted().into_iter().filter(|d| of(d)).count()
    };
    let about: Vec<_> = before
        .problems
        .sorted()
        .into_iter()
        .filter(|d| d.fix.as_ref().is_some_and(|fix| fixes.contains(fix)))
        .map(|d| (d.code, d.message.clone()))
        .collect();
    let mended = about.iter().all(|(code, message)| {
        let same = |d: &Diagnostic| d.code == *code && d.message == *message;
        count(after, &same) < count(before, &same)
    });
    let against = |d: &Diagnostic| {
        d.severity == Severity::Error
            && (d.code == codes::DUPLICATE || d.code == codes::OVERRIDE_OF_NOTHING || d.code.area() == "syntax")
    };
    mended && count(after, &against) <= count(before, &against)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;
    use crate::testing::{QUICKSTART, checked, edit};

    fn mended(text: &str) -> Mended {
        mend(text, &|text| checked(text, &Options::default()))
    }

    #[test]
    fn certain_fixes_lead_back_to_the_recipe() {
        for (from, to) in [
            ("  output     = 96 tokens\n", "  ouput      = 96 tokens\n"),
            ("group     = 8 rollouts", "group     = 8"),
            ("unfinished = as_judged", "unfinished = as_juged"),
            ("steps      = 600 steps", "steps      = 600 stepz"),
            ("gold = answer", "gold = anwser"),
            ("overlong(length)", "overlong(lenght)"),
            ("allow recipe::settings::clip_never_acts", "allow recipe::settings::clip_never_act"),
        ] {
            let text = edit(QUICKSTART, from, to);
            let mended = mended(&text);
            assert_eq!(mended.made.len(), 1, "{to}");
            let spaces = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(spaces(&mended.text), spaces(QUICKSTART), "{to}");
            assert!(mended.checked.problems.sorted().is_empty(), "{to}");
        }
    }

    #[test]
    fn several_edits_are_made_at_once_and_in_rounds() {
        let text = edit(QUICKSTART, "group     = 8 rollouts", "group     = 8");
        let text = edit(&text, "batch     = 256 rollouts", "batch     = 256");
        let text = edit(&text, "domain math ", "domian math ");
        let mended = mended(&text);
        assert_eq!(mended.text, QUICKSTART);
        assert_eq!(mended.made.len(), 3);
    }

    #[test]
    fn what_is_not_certain_is_left_alone() {
        for (from, to) in [
            // A ratio is never guessed, nor is a unit of time, nor one of two names.
            ("math     { ratio = 40%", "math     { ratio = 4%"),
            ("time       = 20 min", "time       = 20"),
            ("group     = 8 rollouts", "group     = 7.5"),
            ("group     = 8 rollouts", "group     = 8 groups"),
            // `output` is already there: the word it looks like cannot be meant.
            ("  buffer     = 72 tokens\n", "  outputt    = 72 tokens\n  buffer     = 72 tokens\n"),
        ] {
            let text = edit(QUICKSTART, from, to);
            let mended = mended(&text);
            assert_eq!(mended.text, text, "{to}");
            assert!(mended.made.is_empty(), "{to}");
        }
    }
}
