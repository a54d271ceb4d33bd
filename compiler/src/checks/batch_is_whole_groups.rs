//! A batch is a whole number of groups, and can be cut into its updates.
//!
//! A cut group has no baseline; a batch that is rounded in silence is not the one that was written.
//! Bad: `train { group = 8 rollouts  batch = 500 rollouts }`

use crate::diagnostic::{Diagnostic, codes};
use crate::draft::Draft;
use crate::problems::Problems;

pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    for stage in draft.stages.iter().filter(|s| s.supervised.is_none()) {
        let values = &stage.values;
        let (Some(group), Some(batch)) = (values.count("train.group"), values.count("train.batch")) else { continue };
        if group == 0 {
            continue;
        }
        let place = values.span("train.batch").or(values.span("train.group")).unwrap_or(stage.place);
        if batch % group != 0 {
            let below = batch / group * group;
            let above = below.saturating_add(group);
            let choice = if below == 0 {
                format!("use `batch = {above} rollouts`")
            } else {
                format!("use `batch = {below} rollouts` or `{above} rollouts`")
            };
            let mut diagnostic = Diagnostic::new(
                codes::BATCH_NOT_WHOLE_GROUPS,
                format!("batch of {batch} rollouts is not a multiple of the group of {group}"),
            )
            .at(place, format!("{batch} rollouts"))
            .help(choice);
            if let Some(span) = values.span("train.group").filter(|s| *s != place) {
                diagnostic = diagnostic.at(span, format!("groups of {group}"));
            }
            problems.push(diagnostic);
            continue;
        }
        let Some(updates) = values.count("train.updates").filter(|u| *u > 1) else { continue };
        let groups = batch / group;
        if groups % updates != 0 {
            problems.push(
                Diagnostic::new(
                    codes::BATCH_NOT_SPLIT_EVENLY,
                    format!("{groups} groups cannot be split into {updates} equal updates"),
                )
                .at(values.span("train.updates").unwrap_or(place), format!("{updates} updates from one batch"))
                .at(place, format!("{batch} rollouts are {groups} groups"))
                .help("let `updates` divide the number of groups in a batch"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{codes_of, quickstart_with};

    #[test]
    fn both_neighbours_are_offered() {
        let found = codes_of(&quickstart_with("batch     = 256 rollouts", "batch     = 250 rollouts"));
        assert_eq!(found.codes, ["recipe::rollouts::batch_not_whole_groups"]);
        assert!(found.text.contains("use `batch = 248 rollouts` or `256 rollouts`"), "{}", found.text);
    }

    #[test]
    fn updates_divide_the_groups() {
        let found = codes_of(&quickstart_with("batch     = 256 rollouts", "batch     = 256 rollouts  updates = 3"));
        assert_eq!(found.codes, ["recipe::rollouts::batch_not_split_evenly"]);
        assert!(
            codes_of(&quickstart_with("batch     = 256 rollouts", "batch     = 256 rollouts  updates = 4"))
                .codes
                .is_empty()
        );
    }
}
