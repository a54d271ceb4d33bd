//! The settings in force by their paths, printed when somebody asks: a check of a thousand domains does not.

use crate::draft::Draft;
use crate::recipe::{Origin, Param, Recipe, Sourced};
use crate::units;
use crate::values::{self, Entry, Value, Values, meaning};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// What `explain`, `diff` and `hash` read: every setting of the run and of its stages, defaults included.
#[derive(Debug, Clone)]
pub(crate) struct InForce {
    run: Values,
    stages: Vec<(String, Values)>,
    settings: OnceLock<BTreeMap<String, Sourced<String>>>,
    meanings: OnceLock<BTreeMap<String, String>>,
}

impl InForce {
    /// Those of a draft; they are shared with it, not copied.
    pub(crate) fn new(draft: &Draft<'_>) -> Self {
        Self {
            run: draft.run.clone(),
            stages: draft.stages.iter().map(|stage| (stage.name.clone(), stage.values.clone())).collect(),
            settings: OnceLock::new(),
            meanings: OnceLock::new(),
        }
    }

    /// The entries of the run by their path, and behind `stage.NAME.` what differs there.
    fn paths<T>(&self, of: impl Fn(&Values, &str, &Entry) -> T) -> BTreeMap<String, T> {
        let run = &self.run;
        let mut all: BTreeMap<String, T> =
            run.iter().map(|(path, entry)| (path.to_string(), of(run, path, entry))).collect();
        for (stage, values) in self.stages.iter().filter(|(_, values)| !values.shares_entries(run)) {
            for (path, entry) in values.iter() {
                let same = run.get(path).is_some_and(|base| base.text == entry.text && base.origin == entry.origin);
                if !same {
                    all.insert(format!("stage.{stage}.{path}"), of(values, path, entry));
                }
            }
        }
        all
    }
}

impl Recipe {
    /// Every setting that is in force, with defaults, by full path (`budget.output`, `domain.math.ratio`, `train.group`,
    /// `stage.warm_start.budget.steps`), printed as a recipe would write it: what `explain` shows.
    pub fn settings(&self) -> &BTreeMap<String, Sourced<String>> {
        self.in_force.settings.get_or_init(|| {
            let sourced = |_: &Values, path: &str, entry: &Entry| Sourced {
                value: written(path, entry),
                origin: entry.origin.clone(),
            };
            let param = |param: &Param| {
                let value = Sourced { value: param.value.value.to_string(), origin: param.value.origin.clone() };
                (format!("param.{}", param.name), value)
            };
            let mut all = self.in_force.paths(sourced);
            all.extend(self.params.iter().map(param));
            all
        })
    }

    /// The meaning of every setting in force, by the same paths: base units, arguments in full. Recipes that mean the same have
    /// the same ones, however they write them.
    pub fn meanings(&self) -> &BTreeMap<String, String> {
        self.in_force.meanings.get_or_init(|| {
            let of = |values: &Values, path: &str, entry: &Entry| {
                values::meaning(path, &entry.value, values.word("mix.count.of"))
            };
            let param = |param: &Param| {
                let unit = units::unit(&param.type_name).map_or(units::Dimension::PURE, |(unit, _)| unit);
                (format!("param.{}", param.name), meaning::amount(param.value.value, unit))
            };
            let mut all = self.in_force.paths(of);
            all.extend(self.params.iter().map(param));
            all
        })
    }
}

/// The text of a value. What was put together of several places (a call with an argument overridden, a formula with another binding)
/// stands nowhere as it is, and is printed by its meaning.
fn written(path: &str, entry: &Entry) -> String {
    match (&entry.value, &entry.origin) {
        (Value::Call { .. }, _) | (Value::Formula(_), Origin::Overridden { .. }) => {
            values::meaning(path, &entry.value, None)
        }
        _ => entry.text.clone(),
    }
}
