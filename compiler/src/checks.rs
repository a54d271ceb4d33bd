//! The default checks: traps that types and units do not see. Each is one file with its reason, its function and its tests.
//!
//! A check reads a [`Draft`]. Where it meets a hole it is silent, because the cause has been reported; and a check over the whole
//! recipe is silent when text was lost, because what it misses may stand there.

mod allows;
mod batch_is_whole_groups;
mod best_is_measured;
mod budgets_are_reached;
mod budgets_fit;
mod buffers_give_room;
mod columns_exist;
mod data_is_enough;
mod domains_are_rewarded;
mod endpoints_judge;
mod group_fits_baseline;
mod groups_are_large_enough;
mod guarantees_hold;
mod mix_has_a_rule;
mod mix_weights_are_weights;
mod models_fit;
mod names_are_used;
mod penalties_fall;
mod penalties_take_away;
mod ratio_covers_lag;
mod ratios_sum_to_one;
mod right_beats_wrong;
mod rollouts_are_unbiased;
mod rows_are_read;
mod settings_can_act;
mod suites_are_judged;

use crate::draft::Draft;
use crate::problems::Problems;

/// A check.
type Check = fn(&Draft<'_>, &mut Problems);

/// All checks, in the order in which a reader would want them.
const CHECKS: &[Check] = &[
    models_fit::check,
    endpoints_judge::check,
    domains_are_rewarded::check,
    mix_has_a_rule::check,
    rows_are_read::check,
    ratios_sum_to_one::check,
    mix_weights_are_weights::check,
    budgets_fit::check,
    batch_is_whole_groups::check,
    group_fits_baseline::check,
    groups_are_large_enough::check,
    ratio_covers_lag::check,
    rollouts_are_unbiased::check,
    penalties_take_away::check,
    penalties_fall::check,
    buffers_give_room::check,
    right_beats_wrong::check,
    guarantees_hold::check,
    columns_exist::check,
    data_is_enough::check,
    suites_are_judged::check,
    best_is_measured::check,
    budgets_are_reached::check,
    settings_can_act::check,
    names_are_used::check,
    allows::check,
];

/// Reports guarantees that do not hold, or are not decided: what a sweep point alone is asked.
pub fn guarantees(draft: &Draft<'_>, problems: &mut Problems) {
    guarantees_hold::check(draft, problems);
}

/// Runs all checks.
pub fn run(draft: &Draft<'_>, problems: &mut Problems) {
    for check in CHECKS {
        check(draft, problems);
    }
}
