//! Functions of formulas. One row each; the reference page is made from this table.

use serde::{Deserialize, Serialize};

/// A function of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Function {
    Min,
    Max,
    Clip,
    Abs,
    Exp,
    Log,
    Sqrt,
    Floor,
    Ramp,
}

/// What is made of the values of a whole group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Aggregate {
    Mean,
    Median,
    Min,
    Max,
    Std,
    Count,
    Quantile,
    Mad,
}

/// Which kind of function a row describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionKind {
    /// Of numbers, anywhere.
    Plain(Function),
    /// Of the rollouts of a group, with a filter: `group.min(length if correct, else = budget.output)`.
    Group(Aggregate),
    /// `mean(NAME, over = last_batch)`, in the mix.
    BatchMean,
    /// `ema(x, keep, start)`, in the mix.
    Ema,
    /// `reward_model(NAME)`, of a rollout.
    RewardModel,
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FunctionRow {
    /// As it is written, `group.` included.
    pub name: &'static str,
    /// What it is.
    pub kind: FunctionKind,
    /// Its parameters in order. All may be given by name; `else` and `over` must be.
    pub parameters: &'static [&'static str],
    /// How it is written, for people.
    pub signature: &'static str,
    /// One sentence for the reference page.
    pub doc: &'static str,
}

const fn plain(
    name: &'static str,
    function: Function,
    parameters: &'static [&'static str],
    signature: &'static str,
    doc: &'static str,
) -> FunctionRow {
    FunctionRow { name, kind: FunctionKind::Plain(function), parameters, signature, doc }
}

const fn group(name: &'static str, aggregate: Aggregate, signature: &'static str, doc: &'static str) -> FunctionRow {
    let parameters: &[&str] = match aggregate {
        Aggregate::Quantile => &["x", "at"],
        _ => &["x"],
    };
    FunctionRow { name, kind: FunctionKind::Group(aggregate), parameters, signature, doc }
}

/// Every function.
pub const FUNCTIONS: &[FunctionRow] = &[
    plain("min", Function::Min, &["x", "y"], "min(x, y)", "The smaller of two values of one unit."),
    plain("max", Function::Max, &["x", "y"], "max(x, y)", "The larger of two values of one unit."),
    plain(
        "clip",
        Function::Clip,
        &["x", "low", "high"],
        "clip(x, low, high)",
        "The value, moved to the nearer bound when it lies outside.",
    ),
    plain("abs", Function::Abs, &["x"], "abs(x)", "The value without its sign."),
    plain("exp", Function::Exp, &["x"], "exp(x)", "The exponential of a pure number."),
    plain("log", Function::Log, &["x"], "log(x)", "The natural logarithm of a pure number above 0."),
    plain("sqrt", Function::Sqrt, &["x"], "sqrt(x)", "The square root of a value that is not negative."),
    plain("floor", Function::Floor, &["x"], "floor(x)", "The next whole number below, counted in the base unit."),
    plain(
        "ramp",
        Function::Ramp,
        &["x", "from", "to"],
        "ramp(x, from, to)",
        "0 at `from`, 1 at `to`, a straight line between: `clip((x - from) / (to - from), 0, 1)`.",
    ),
    group(
        "group.mean",
        Aggregate::Mean,
        "group.mean(x if filter, else = value)",
        "The mean over the group's rollouts that pass the filter.",
    ),
    group(
        "group.median",
        Aggregate::Median,
        "group.median(x if filter, else = value)",
        "The middle value, or the mean of the two middle ones.",
    ),
    group("group.min", Aggregate::Min, "group.min(x if filter, else = value)", "The smallest value."),
    group("group.max", Aggregate::Max, "group.max(x if filter, else = value)", "The largest value."),
    group(
        "group.std",
        Aggregate::Std,
        "group.std(x if filter, else = value)",
        "The standard deviation, divided by the number of values; 0 for one value.",
    ),
    group(
        "group.count",
        Aggregate::Count,
        "group.count(condition if filter)",
        "How many rollouts of the group meet the condition; 0 when none does.",
    ),
    group(
        "group.quantile",
        Aggregate::Quantile,
        "group.quantile(x if filter, at, else = value)",
        "The value below which the share `at` lies, with a straight line between neighbours.",
    ),
    group("group.mad", Aggregate::Mad, "group.mad(x if filter, else = value)", "The median distance from the median."),
    FunctionRow {
        name: "mean",
        kind: FunctionKind::BatchMean,
        parameters: &["x"],
        signature: "mean(total, over = last_batch)",
        doc: "The mean of `total`, `solve_rate` or `length` over a domain's rollouts in the last batch that had any; 0 before the first.",
    },
    FunctionRow {
        name: "ema",
        kind: FunctionKind::Ema,
        parameters: &["x", "keep", "start"],
        signature: "ema(x, keep, start)",
        doc: "A running average over batches, `keep * old + (1 - keep) * x`; a domain absent from a batch keeps its value.",
    },
    FunctionRow {
        name: "reward_model",
        kind: FunctionKind::RewardModel,
        parameters: &["model"],
        signature: "reward_model(NAME)",
        doc: "The score that a frozen model of the recipe gives a response; a pure number without bounds.",
    },
];

/// The row of a function.
pub fn function(name: &str) -> Option<&'static FunctionRow> {
    FUNCTIONS.iter().find(|row| row.name == name)
}

impl Function {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Min => "min",
            Self::Max => "max",
            Self::Clip => "clip",
            Self::Abs => "abs",
            Self::Exp => "exp",
            Self::Log => "log",
            Self::Sqrt => "sqrt",
            Self::Floor => "floor",
            Self::Ramp => "ramp",
        }
    }
}

impl Aggregate {
    /// The word behind `group.`
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Median => "median",
            Self::Min => "min",
            Self::Max => "max",
            Self::Std => "std",
            Self::Count => "count",
            Self::Quantile => "quantile",
            Self::Mad => "mad",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_match() {
        let mut names: Vec<_> = FUNCTIONS.iter().map(|row| row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FUNCTIONS.len());
        for row in FUNCTIONS {
            match row.kind {
                FunctionKind::Plain(function) => assert_eq!(row.name, function.name()),
                FunctionKind::Group(aggregate) => assert_eq!(row.name, format!("group.{}", aggregate.name())),
                FunctionKind::BatchMean | FunctionKind::Ema | FunctionKind::RewardModel => {}
            }
        }
    }
}
