//! The shares of a stage's domains add up to the whole.
//!
//! Sharing out the rest, or scaling, would train a mix that nobody wrote.
//! Bad: `domain a { ratio = 70% … }  domain b { ratio = 50% … }`

use crate::diagnostic::{Diagnostic, codes};
use crate::draft::{Draft, StageShare};
use crate::problems::Problems;
use crate::resolve::settings::of_domain;
use crate::values::Value;
use recipec_grammar::source::Span;

/// Ratios are decimal numbers; their binary sum may miss 1 by rounding.
const ROUNDING: f64 = 1e-9;
/// So many shares are labelled.
const LABELS: usize = 8;

pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    if problems.lost_text() {
        return;
    }
    // Stages that take the same ratios from the domains have one fault, not one each.
    let mut told: Vec<Vec<(&str, Option<Span>)>> = Vec::new();
    let stages = draft.stages.iter().filter_map(|stage| Some((stage.name.as_str(), stage.shares.as_deref()?)));
    // Stages may state shares of their own; what the domains state is a mix all the same.
    let stated = stated(draft);
    for (name, shares) in stages.chain(stated.as_deref().map(|shares| ("", shares))) {
        let sum: f64 = shares.iter().map(|s| s.ratio).sum();
        if (sum - 1.0).abs() <= ROUNDING || shares.is_empty() {
            continue;
        }
        let places = shares.iter().map(|share| (share.domain.as_str(), share.origin.span())).collect();
        if told.contains(&places) {
            continue;
        }
        told.push(places);
        let several = draft.stages.len() > 1 && !name.is_empty();
        let of = if several { format!(" of stage `{name}`") } else { String::new() };
        let mut diagnostic = Diagnostic::new(
            codes::RATIOS_SUM_NOT_ONE,
            format!("the domain ratios{of} add up to {}, not 100%", percent(sum)),
        );
        for share in shares.iter().take(LABELS) {
            if let Some(span) = share.origin.span() {
                diagnostic = diagnostic.at(span, format!("`{}` {}", share.domain, percent(share.ratio)));
            }
        }
        let difference = if sum < 1.0 {
            format!("{} are missing", percent(1.0 - sum))
        } else {
            format!("{} are too many", percent(sum - 1.0))
        };
        let addends: Vec<String> = shares.iter().take(LABELS).map(|s| percent(s.ratio)).collect();
        let dots = if shares.len() > LABELS { " + …" } else { "" };
        problems.push(diagnostic.help(format!("{}{dots} = {}: {difference}", addends.join(" + "), percent(sum))));
    }
}

/// The ratios of the domains' own keys, where every domain has one.
fn stated(draft: &Draft<'_>) -> Option<Vec<StageShare>> {
    let share = |domain: &String| {
        let entry = draft.run.get(&of_domain(domain, "ratio"))?;
        let Value::Number(ratio) = entry.value else { return None };
        Some(StageShare { domain: domain.clone(), ratio, origin: entry.origin.clone() })
    };
    draft.domains.iter().map(share).collect()
}

/// `12.5%`, without the noise of binary fractions.
fn percent(ratio: f64) -> String {
    let rounded = libm::round(ratio * 1e8) / 1e6;
    format!("{rounded}%")
}

#[cfg(test)]
mod tests {
    use super::percent;
    use crate::testing::{codes_of, quickstart_with};

    #[test]
    fn percents_are_clean() {
        assert_eq!(percent(0.1 + 0.2), "30%");
        assert_eq!(percent(0.125), "12.5%");
        assert_eq!(percent(1.0 / 3.0), "33.333333%");
    }

    #[test]
    fn the_sum_is_told_with_its_parts() {
        let found = codes_of(&quickstart_with("domain tools    { ratio = 10%", "domain tools    { ratio = 13%"));
        assert_eq!(found.codes, ["recipe::ratios::sum_not_one"]);
        assert!(found.text.contains("add up to 103%, not 100%"), "{}", found.text);
        assert!(found.text.contains("3% are too many"), "{}", found.text);
    }
}
