//! Exported Python means what the evaluator means: both are run on the same random groups.
//!
//! The functions expect numpy. Where the machine has none, `fixtures/columns.py` stands for it; where it has no Python, the
//! test says so and ends.

use recipec_compiler::explain::{Notation, formula_as};
use recipec_compiler::formula::{Lookup, TypedFormula};
use recipec_compiler::recipe::{Recipe, StageWork};
use recipec_compiler::{FileId, NoFiles, Options, Source, check};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

const APRIEL: &str = include_str!("../recipes/apriel_reasoner.recipe");
const NUMPY: &str = include_str!("fixtures/columns.py");

/// Formulas of many shapes; each becomes a term of the recipe.
const TERMS: &[&str] = &[
    "if correct then solve_rate ^ gamma else -wrong_scale * score",
    "-abs(answer_length - reference_length) / 1 token / 1000",
    "ramp(length, 1000 tokens, 16000 tokens) - clip(score, 0.25, 0.75)",
    "min(min(score, solve_rate), 0.5) - max(score, 0.1) + floor(length / 100 tokens)",
    "exp(-length / budget.output) + log(1 + score) + sqrt(score)",
    "if correct and not truncated or score > 0.5 then 1 else -1",
    "length / group.min(length if correct, else = budget.output)",
    "(length - group.median(length)) / (1 token + group.mad(length)) ",
    "group.mean(score if finished, else = 0) - group.std(score)",
    "group.count(correct) / group_size + group.quantile(length, at = 0.25) / budget.output",
    "group.max(length) / budget.output - group.min(score)",
    "a * b - -a ^ 2 where a = score - 0.5, b = if wrong then 2 else 3",
    "if length >= 4096 tokens then 1 else if length <= 100 tokens then 2 else 3",
];

/// The paper's recipe with the terms, and the names of the formulas that are compared.
fn recipe() -> (Recipe, Vec<String>) {
    let mut names: Vec<String> = (0..TERMS.len()).map(|at| format!("t{at}")).collect();
    let total = format!("total      = outcome + difficulty_aware + {}", names.join(" + "));
    let mut text = APRIEL.replacen("total      = outcome + difficulty_aware", &total, 1);
    for (name, term) in names.iter().zip(TERMS) {
        let _ = write!(text, "\nterm {name} = {term}\n");
    }
    let checked = check(Source::new(FileId(0), "terms.recipe", text), &NoFiles, &Options::default());
    let said: Vec<String> = checked.problems.sorted().iter().map(|d| format!("{}: {}", d.code, d.message)).collect();
    names.extend(["difficulty_aware".to_string(), "outcome".to_string()]);
    (checked.recipe.unwrap_or_else(|| panic!("{said:?}")), names)
}

/// A small generator: the same groups on every machine.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

type Columns = std::collections::BTreeMap<&'static str, Vec<f64>>;

/// The signals of a group of 8, as they belong together.
fn group(draws: &mut Draws) -> Columns {
    let mut columns = Columns::new();
    let mut push = |name, value| columns.entry(name).or_default().push(value);
    let mut right = 0.0;
    let bar = draws.next();
    for _ in 0..8 {
        let correct = draws.next() < bar;
        let truncated = draws.next() < 0.2;
        let length = if truncated { 16384.0 } else { 1.0 + (draws.next() * 16383.0).floor() };
        right += f64::from(u8::from(correct));
        push("correct", f64::from(u8::from(correct)));
        push("wrong", f64::from(u8::from(!correct)));
        push("truncated", f64::from(u8::from(truncated)));
        push("finished", f64::from(u8::from(!truncated)));
        push("length", length);
        push("answer_length", (draws.next() * length).floor());
        push("reference_length", (draws.next() * 400.0).floor());
        push("score", if correct { 1.0 } else { draws.next() * 0.99 });
        push("group_size", 8.0);
    }
    columns.insert("solve_rate", vec![right / 8.0; 8]);
    columns
}

fn formula<'r>(recipe: &'r Recipe, name: &str) -> &'r TypedFormula {
    let Some(StageWork::Reinforce(work)) = recipe.stages.first().map(|stage| &stage.work) else { panic!("rewards") };
    match work.terms.iter().find(|term| term.name == name) {
        Some(term) => &term.formula,
        None => work.reward.outcome.as_ref().expect("an outcome"),
    }
}

/// Params and budgets of the paper.
const CONSTANTS: &[(&str, f64)] =
    &[("gamma", 0.5), ("wrong_scale", 1.0), ("budget.output", 16384.0), ("budget.buffer", 4096.0)];

#[test]
fn exported_python_means_what_the_evaluator_means() {
    let (recipe, names) = recipe();
    let mut draws = Draws(7);
    let groups: Vec<Columns> = (0..40).map(|_| group(&mut draws)).collect();
    let mut script = String::from(
        "try:\n    import numpy as np\nexcept ImportError:\n    from columns import Numpy as np\nimport inspect, warnings\nwarnings.simplefilter('ignore')\n",
    );
    for name in &names {
        script.push_str(&formula_as(&recipe, name, Notation::Python).expect("a formula"));
    }
    script.push_str("groups = [\n");
    for group in &groups {
        let columns: Vec<String> = group.iter().map(|(name, values)| format!("'{name}': {values:?}")).collect();
        let _ = writeln!(script, "  {{{}}},", columns.join(", "));
    }
    script.push_str("]\nconstants = {");
    for (name, value) in CONSTANTS {
        let _ = write!(script, "'{}': {value:?}, ", name.replace('.', "_"));
    }
    script.push_str("}\ntruths = {'correct', 'wrong', 'truncated', 'finished'}\nfor group in groups:\n");
    script.push_str(
        "  known = {k: np.array([bool(x) for x in v] if k in truths else v) for k, v in group.items()} | constants\n",
    );
    let _ = writeln!(script, "  for f in [{}]:", names.join(", "));
    script.push_str("    out = f(**{p: known[p] for p in inspect.signature(f).parameters})\n");
    script.push_str("    out = getattr(out, 'values', out)\n");
    script.push_str("    rows = [float(x) for x in out] if hasattr(out, '__len__') else [float(out)] * 8\n");
    script.push_str("    print(f.__name__, *[repr(x) for x in rows])\n");

    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("columns.py"), NUMPY).expect("the columns are written");
    let started = Command::new("python3")
        .args(["-"])
        .env("PYTHONPATH", folder.path())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut python) = started else {
        eprintln!("python3 is not here, so exported functions were not run");
        return;
    };
    python.stdin.take().expect("its input").write_all(script.as_bytes()).expect("it reads");
    let output = python.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}\n{script}", String::from_utf8_lossy(&output.stderr));

    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines = text.lines();
    let mut compared = 0;
    for group in &groups {
        for name in &names {
            let mut words = lines.next().expect("a line for each formula").split(' ');
            assert_eq!(words.next(), Some(name.as_str()));
            let python: Vec<f64> = words.map(|word| word.parse().expect("a number")).collect();
            let value = |row: usize, name: &str| {
                let constant = CONSTANTS.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
                constant.or_else(|| group.get(name)?.get(row).copied())
            };
            let rows: Vec<_> = (0..8).map(|row| move |name: &str| value(row, name)).collect();
            let lookups: Vec<&Lookup> = rows.iter().map(|row| row as &Lookup).collect();
            let ours = formula(&recipe, name).evaluate_group(&lookups).expect("all names have values");
            for (row, (ours, python)) in ours.iter().zip(&python).enumerate() {
                compared += 1;
                let near = (ours - python).abs() <= 1e-12 * (1.0 + ours.abs());
                assert!(near, "{name}, row {row}: {ours} here, {python} in Python\n{group:?}");
            }
        }
    }
    assert_eq!(compared, 40 * 8 * names.len());
}
