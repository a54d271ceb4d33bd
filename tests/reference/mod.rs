//! A small example for every block, key, word, signal and function of the reference. What has a default is shown with it; for
//! everything else the value stands in a table here, and [`faults`] says where one is missing or is not a recipe.

use recipec_compiler::diagnostic::{Severity, human};
use recipec_compiler::vocabulary::functions::FUNCTIONS;
use recipec_compiler::vocabulary::keys::{BLOCKS, pattern};
use recipec_compiler::vocabulary::kinds::{Absent, Block, Choice, Key, Kind};
use recipec_compiler::vocabulary::signals::SIGNALS;
use recipec_compiler::{FileId, NoFiles, Options, Source, check};
use std::fmt::Write;

/// Values of keys that have no default, by path; behind a bar, the word of the choice that they belong to.
const VALUES: &[(&str, &str)] = &[
    ("recipe.edition", "2026"),
    ("model.*.chat", "true"),
    ("model.*.source|folder", "folder(\"base\")"),
    ("model.*.source|hf", "hf(\"Qwen/Qwen2.5-0.5B\")"),
    ("model.*.source|endpoint", "endpoint(\"https://host/v1\", model = \"judge-7b\", key = \"JUDGE_KEY\")"),
    ("model.*.context", "64Ki tokens"),
    ("model.*.answer|after", "after(\"#\")"),
    ("model.*.answer|between", "between(\"<answer>\", \"</answer>\")"),
    ("budget.output", "512 tokens"),
    ("train.algorithm.divisor|dr_grpo", "512 tokens"),
    ("train.algorithm.clip_high|cispo", "5"),
    ("budget.evaluation", "1Ki tokens"),
    ("budget.steps", "400 steps"),
    ("budget.tokens", "3G tokens"),
    ("budget.time", "12 h"),
    ("domain.*.ratio", "40%"),
    ("domain.*.data|builtin", "builtin(\"arithmetic\", levels = 1..4)"),
    ("domain.*.data|hf", "hf(\"math-ai/aime25\", split = \"train\")"),
    ("domain.*.data|file", "file(\"problems.jsonl\")"),
    ("domain.*.problems", "129K problems"),
    ("domain.*.columns", "{ problem = question, answer = solution }"),
    ("domain.*.filter", "level >= 2 and source != \"scraped\""),
    ("domain.*.prompt", "\"{problem}\\nPut the answer within \\\\boxed{{}}.\""),
    ("domain.*.verify|math_answer", "math_answer(gold = answer, extract = boxed)"),
    ("domain.*.verify|program_tests", "program_tests(tests = tests)"),
    ("domain.*.verify|python_tests", "python_tests(timeout = 10 s, max_tests = 5)"),
    ("domain.*.verify|puzzle", "puzzle()"),
    ("domain.*.verify|constraints", "constraints()"),
    ("domain.*.verify|function_calls", "function_calls(format = json)"),
    ("domain.*.verify|judge", "judge(model = jury, prompt = \"{problem}\\n{answer}\\nRight?\", accept = \"yes\")"),
    ("domain.*.signals|reference_probability", "reference_probability"),
    ("domain.*.signals|answer_probability", "answer_probability"),
    ("domain.*.signals|reward_model", "reward_model(preference)"),
    ("domain.*.reference", "solution"),
    ("domain.*.reward", "0.5 * outcome"),
    ("data.columns", "{ problem = question, answer = solution }"),
    ("data.filter", "level >= 2"),
    ("mix.count|sampled", "sampled(rollouts)"),
    ("mix.count|completed", "completed(rollouts)"),
    ("mix.count|trained", "trained(groups)"),
    ("mix.weight", "ratio * clip(ratio / max(achieved, 1e-9), 0.1, 10)"),
    ("reward.outcome", "if correct then 1 else score"),
    ("reward.total", "outcome"),
    ("train.algorithm.weight", "length"),
    ("train.algorithm.divide_by_std", "false"),
    ("evaluate.every", "20 steps"),
    ("suite.*.data|builtin", "builtin(\"arithmetic\", levels = 3..4)"),
    ("suite.*.data|hf", "hf(\"math-ai/aime25\")"),
    ("suite.*.data|file", "file(\"aime.jsonl\")"),
    ("suite.*.verify|math_answer", "math_answer(gold = answer)"),
    ("suite.*.verify|program_tests", "program_tests()"),
    ("suite.*.verify|python_tests", "python_tests()"),
    ("suite.*.verify|puzzle", "puzzle()"),
    ("suite.*.verify|constraints", "constraints()"),
    ("suite.*.verify|function_calls", "function_calls()"),
    ("suite.*.verify|judge", "judge(model = jury, prompt = \"{problem}\\n{answer}\\nRight?\", accept = \"yes\")"),
    ("suite.*.columns", "{ problem = question }"),
    ("suite.*.filter", "year == 2025"),
    ("suite.*.problems", "200 problems"),
    ("suite.*.output", "2Ki tokens"),
    ("suite.*.sampling.temperature", "0.6"),
    ("suite.*.sampling.top_p", "0.95"),
    ("suite.*.sampling.top_k", "20"),
    ("suite.*.sampling.min_p", "0.05"),
    ("domain.*.output", "256 tokens"),
    ("checkpoint.every", "20 steps"),
    ("checkpoint.best", "held"),
    ("stage.*.domains", "{ math = 100% }"),
];

/// Formulas that read a signal, by its name: of the reward, or of the mix.
const SIGNAL_EXAMPLES: &[(&str, &str)] = &[
    ("length", "-0.5 * length / budget.output"),
    ("reasoning_length", "-0.1 * reasoning_length / budget.output"),
    ("answer_length", "if answer_length > 64 tokens then -0.2 else 0"),
    ("reference_length", "-0.05 * min(10, abs(answer_length - reference_length) / 1 token)"),
    ("prompt_length", "-0.1 * length / (length + prompt_length)"),
    ("correct", "if correct then 1 else 0"),
    ("wrong", "if wrong then -0.5 else 0"),
    ("answered", "if answered then 0 else -0.5"),
    ("parsable", "if parsable then 0 else -0.25"),
    ("truncated", "if truncated then -1 else 0"),
    ("finished", "if finished then 0.1 else 0"),
    ("score", "0.5 * score"),
    ("reference_probability", "reference_probability"),
    ("answer_probability", "max(reference_probability - answer_probability, 0)"),
    ("judge", "if domain == judged then judge else 0"),
    ("domain", "if domain == math then -0.1 else 0"),
    ("solve_rate", "-0.5 * solve_rate ^ 0.5"),
    ("group_size", "group.count(correct) / group_size"),
    ("ratio", "ratio"),
    ("achieved", "ratio / max(achieved, 1e-9)"),
    ("sampled", "1 / (1 + sampled / 1 rollout)"),
    ("completed", "1 / (1 + completed / 1 rollout)"),
    ("trained", "1 / (1 + trained / 1 rollout)"),
    ("in_flight", "ratio / (1 + in_flight / 1 rollout)"),
    ("yield", "ratio / max(yield, 0.05)"),
    ("step", "if step < 100 steps then 1 else ratio"),
    ("progress", "(1 - progress) * ratio + 0.2 * progress"),
];

/// Formulas that call a function, by its name.
const FUNCTION_EXAMPLES: &[(&str, &str)] = &[
    ("min", "-0.05 * min(10, length / 100 tokens)"),
    ("max", "max(score, 0.1)"),
    ("clip", "clip((budget.output - length) / budget.output, 0, 1)"),
    ("abs", "-abs(score - 0.5)"),
    ("exp", "exp(-length / budget.output)"),
    ("log", "-0.1 * log(length / 1 token)"),
    ("sqrt", "sqrt(score)"),
    ("floor", "-0.1 * floor(length / 100 tokens)"),
    ("ramp", "-ramp(length, from = 128 tokens, to = budget.output)"),
    ("group.mean", "score - group.mean(score)"),
    ("group.median", "if length > group.median(length) then -0.1 else 0"),
    ("group.min", "if correct and length == group.min(length if correct, else = budget.output) then 0.1 else 0"),
    ("group.max", "-0.1 * length / group.max(length)"),
    ("group.std", "-group.std(score)"),
    ("group.count", "group.count(correct and finished) / group_size"),
    ("group.quantile", "if length > group.quantile(length, at = 0.9) then -0.2 else 0"),
    ("group.mad", "if abs(length - group.median(length)) > 3 * group.mad(length) then -0.2 else 0"),
    ("mean", "1 - clip(mean(solve_rate, over = last_batch), 0, 0.9)"),
    ("ema", "exp(1 - clip(ema(mean(total, over = last_batch), keep = 0.5, start = 0), 0, 1))"),
    ("reward_model", "if domain == chat then reward_model(preference) else 0"),
];

/// The smallest recipe that examples are put into: settings by block, each of which an example may replace. Domains and models are
/// there for whoever names them.
const BASE: &[(&str, &[(&str, &str)])] = &[
    ("recipe example", &[("edition", "2026")]),
    ("model policy", &[("source", "fresh { width = 32 }"), ("answer", "after(\"#\")")]),
    ("model jury", &[("source", "hf(\"org/jury\")"), ("train", "frozen")]),
    ("model preference", &[("source", "hf(\"org/preference\")"), ("train", "frozen")]),
    ("budget", &[("output", "512 tokens"), ("steps", "400 steps")]),
    ("domain math", &[("ratio", "40%"), ("data", "file(\"math.jsonl\")"), ("verify", "math_answer()")]),
    ("domain code", &[("ratio", "60%"), ("data", "file(\"code.jsonl\")"), ("verify", "program_tests()")]),
    ("mix", &[("count", "completed(rollouts)"), ("weight", "ratio")]),
    ("reward", &[("outcome", "if answered then 1 else 0"), ("unfinished", "as_judged"), ("total", "outcome")]),
    ("train", &[("algorithm", "gspo { weight = equal, divide_by_std = false }")]),
];

/// An example: how the page shows it, and the whole recipe that it stands for.
pub struct Example {
    /// Unique among all examples: the path, and the word where there is one.
    pub name: String,
    /// A line of a recipe.
    pub line: String,
    /// The recipe.
    pub recipe: String,
}

/// The recipe with some settings in place of those of the base, and lines behind it.
fn recipe(settings: &[(&str, &str, String)], behind: &str) -> String {
    let mut blocks: Vec<(String, Vec<(String, String)>)> = BASE
        .iter()
        .map(|(head, keys)| {
            let keys = keys.iter().map(|(key, value)| ((*key).to_string(), (*value).to_string()));
            ((*head).to_string(), keys.collect())
        })
        .collect();
    for (head, key, value) in settings {
        let at = match blocks.iter().position(|(there, _)| there == head) {
            Some(at) => at,
            None => {
                blocks.push(((*head).to_string(), Vec::new()));
                blocks.len() - 1
            }
        };
        let keys = &mut blocks[at].1;
        // One of two keys that say the same thing.
        let rival = match *key {
            "signals" => "verify",
            "strategy" => "weight",
            _ => "",
        };
        keys.retain(|(there, _)| there != key && there != rival);
        keys.push(((*key).to_string(), value.clone()));
    }
    let mut text = String::new();
    for (head, keys) in &blocks {
        let _ = writeln!(text, "{head} {{");
        for (key, value) in keys {
            let _ = writeln!(text, "  {key} = {value}");
        }
        text.push_str("}\n");
    }
    text + behind
}

/// The examples of a block and of all its keys.
pub fn of_block(block: &'static Block) -> Vec<Example> {
    let mut examples = Vec::new();
    keys(block, &pattern(block), block.keys, &|line| line, &mut examples);
    examples
}

/// Examples for keys; `wrap` puts a line of theirs into the record that they stand in.
fn keys(block: &Block, path: &str, rows: &'static [Key], wrap: &dyn Fn(String) -> String, all: &mut Vec<Example>) {
    for key in rows {
        let path = format!("{path}.{}", key.name);
        match key.kind {
            Kind::Record(inner) => {
                let name = key.name;
                keys(block, &path, inner, &|line| wrap(format!("{name} = {{ {line} }}")), all);
            }
            Kind::Choice(choices) | Kind::Several(choices) => {
                for choice in choices.iter().filter(|choice| !choice.later) {
                    let named = format!("{path}|{}", choice.word);
                    push(block, &named, wrap(format!("{} = {}", key.name, word(&path, choice))), all);
                    for inner in choice.keys {
                        let name = format!("{path}.{}|{}", inner.name, choice.word);
                        let others = required(&path, choice, inner.name);
                        let value = value_of(&format!("{path}.{}", inner.name), inner, &name);
                        let line = format!("{} = {} {{ {others}{} = {value} }}", key.name, choice.word, inner.name);
                        push(block, &name, wrap(line), all);
                    }
                }
            }
            _ => push(block, &path, wrap(format!("{} = {}", key.name, value_of(&path, key, &path))), all),
        }
    }
}

/// The value of the table, or the default.
fn value_of(path: &str, key: &Key, name: &str) -> String {
    let known = VALUES.iter().find(|(there, _)| *there == name || *there == path);
    match (known, key.absent, key.kind) {
        (Some((_, value)), _, _) => (*value).to_string(),
        (None, Absent::Default(value), _) => value.to_string(),
        (None, _, Kind::Choice(choices)) => choices.first().map_or(String::new(), |choice| word(path, choice)),
        _ => String::new(),
    }
}

/// A choice as it is written.
fn word(path: &str, choice: &Choice) -> String {
    let known = VALUES.iter().find(|(there, _)| *there == format!("{path}|{}", choice.word));
    match (known, choice.arguments) {
        (Some((_, value)), _) => (*value).to_string(),
        // Nothing is known of its arguments: the example is missing, and the check of it says so.
        (None, Some(_)) => String::new(),
        (None, None) => match required(path, choice, "") {
            keys if keys.is_empty() => choice.word.to_string(),
            keys => format!("{} {{ {} }}", choice.word, keys.trim_end().trim_end_matches(',')),
        },
    }
}

/// The keys that a choice cannot do without, but one, each with a comma behind it.
fn required(path: &str, choice: &Choice, but: &str) -> String {
    let needed = choice.keys.iter().filter(|key| matches!(key.absent, Absent::Required(_)) && key.name != but);
    needed
        .map(|key| {
            let path = format!("{path}.{}", key.name);
            format!("{} = {}, ", key.name, value_of(&path, key, &format!("{path}|{}", choice.word)))
        })
        .collect()
}

fn push(block: &Block, name: &str, line: String, all: &mut Vec<Example>) {
    all.push(Example { name: name.to_string(), recipe: embedded(block, name, &line), line });
}

/// A line of a block as a whole recipe, with what it names.
fn embedded(block: &Block, name: &str, line: &str) -> String {
    let (key, value) = line.split_once(" = ").unwrap_or((line, ""));
    let mut settings: Vec<(&str, &str, String)> = Vec::new();
    let mut behind = String::new();
    let held = "evaluate { suite held { data = held_out } }\n";
    match (block.keyword, block.inside) {
        ("domain", _) => {
            settings.push(("domain math", key, value.to_string()));
            if key == "signals" {
                settings.push(("domain math", "reward", value.to_string()));
            }
        }
        ("model", _) => settings.push(("model policy", key, value.to_string())),
        ("recipe", _) => settings.push(("recipe example", key, value.to_string())),
        ("suite", _) => {
            let data = if key == "data" { "" } else { "  data = file(\"aime.jsonl\")" };
            let verify = if key == "verify" || value == "held_out" { "" } else { "  verify = math_answer()" };
            behind = format!("evaluate {{ suite aime {{ {line}{data}{verify} }} }}\n");
        }
        ("stage", _) => behind = format!("stage one {{ {line} }}\nstage two after one {{ }}\n"),
        ("supervised", _) => behind = format!("stage one {{ supervised {{ {line} }} }}\nstage two after one {{ }}\n"),
        ("evaluate", _) => behind = format!("evaluate {{ {line}  suite held {{ data = held_out }} }}\n"),
        ("checkpoint", _) => behind = format!("checkpoint {{ {line} }}\n{held}"),
        ("reward", _) => settings.push(("reward", key, value.to_string())),
        (keyword, _) => settings.push((keyword, key, value.to_string())),
    }
    // A model is the policy, which is trained; a judge is not.
    if name.ends_with("|frozen") {
        settings = vec![("model jury", "train", "frozen".to_string())];
    }
    if value.starts_with("endpoint(") {
        settings = vec![("model jury", "source", value.to_string())];
    }
    if name == "stage.*.domains" {
        behind = format!("stage one {{ {line} }}\nstage two after one {{ domains = {{ code = 100% }} }}\n");
    }
    recipe(&settings, &behind)
}

/// An example of each kind of block, written out.
pub fn block(block: &Block) -> Option<&'static str> {
    Some(match (block.keyword, block.inside) {
        ("recipe", _) => "recipe example { edition = 2026 }",
        ("model", _) => "model jury { source = hf(\"org/jury\")  train = frozen }",
        ("budget", _) => "budget { output = 512 tokens  buffer = 128 tokens  steps = 400 steps }",
        ("data", _) => "data { columns = { problem = question }  filter = level >= 2  on_bad_row = skip }",
        ("domain", _) => "domain math { ratio = 40%  data = file(\"math.jsonl\")  verify = math_answer() }",
        ("mix", _) => "mix { count = trained(groups)  strategy = deficit }",
        ("reward", _) => "reward { outcome = if correct then 1 else score  unfinished = as_judged  total = outcome }",
        ("train", _) => "train { algorithm = gspo { weight = length, divide_by_std = false }  group = 8 rollouts }",
        ("rollout", _) => "rollout { temperature = 1.0  slots = 128 rollouts }",
        ("evaluate", _) => "evaluate { every = 20 steps  suite held { data = held_out  problems = 200 problems } }",
        ("suite", _) => {
            "evaluate { suite aime { data = hf(\"math-ai/aime25\")  verify = math_answer()  samples = 16 } }"
        }
        ("checkpoint", _) => "checkpoint { every = 20 steps  keep = 2 }",
        ("stage", _) => "stage one { domains = { math = 100% } }\nstage two after one { domains = { code = 100% } }",
        ("supervised", _) => {
            "stage one { supervised { batch = 16 problems } }\nstage two after one { optimizer = fresh }"
        }
        ("variant", _) => "variant longer { override budget.output = 1Ki tokens }",
        _ => return None,
    })
}

/// An example of a block in the place of the base's block of the same head.
fn with_block(example: &str) -> String {
    let head = example.split(" {").next().unwrap_or_default();
    let rest: Vec<&(&str, &[(&str, &str)])> = BASE.iter().filter(|(there, _)| *there != head).collect();
    let mut text = format!("{example}\n");
    for (head, keys) in rest {
        let keys: Vec<String> = keys.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        let _ = writeln!(text, "{head} {{ {} }}", keys.join("  "));
    }
    text
}

/// The formula that shows a signal.
pub fn signal(name: &str) -> Option<&'static str> {
    SIGNAL_EXAMPLES.iter().find(|(there, _)| *there == name).map(|(_, formula)| *formula)
}

/// The formula that shows a function.
pub fn function(name: &str) -> Option<&'static str> {
    FUNCTION_EXAMPLES.iter().find(|(there, _)| *there == name).map(|(_, formula)| *formula)
}

/// A formula of the mix or of the reward as a whole recipe.
fn with_formula(formula: &str, in_the_mix: bool) -> String {
    if in_the_mix {
        return recipe(&[("mix", "weight", formula.to_string())], "");
    }
    let mut settings = vec![("reward", "total", format!("outcome + ({formula})"))];
    let mut domain = |head: &'static str, judged: &'static str, how: &str| {
        settings.push((head, "ratio", "0%".to_string()));
        settings.push((head, "data", "file(\"more.jsonl\")".to_string()));
        settings.push((head, judged, how.to_string()));
    };
    if formula.contains("judge") {
        domain("domain judged", "verify", "judge(model = jury, prompt = \"{answer}\", accept = \"yes\")");
    }
    if formula.contains("chat") {
        domain("domain chat", "signals", "reward_model(preference)");
    }
    recipe(&settings, "")
}

/// Everything that is wrong with the examples: those that are missing, and those that are no recipe.
pub fn faults() -> String {
    let mut faults = String::new();
    let mut tried = 0;
    let mut look = |name: &str, text: String| {
        tried += 1;
        let checked = check(Source::new(FileId(0), "example.recipe", text.as_str()), &NoFiles, &Options::default());
        if checked.problems.sorted().iter().any(|d| d.severity == Severity::Error) {
            let said = human::render(&checked.problems, &checked.sources, human::Style::default());
            let _ = writeln!(faults, "{name}\n{said}");
        } else if let Some(Err(why)) = checked.recipe.as_ref().map(recipec_compiler::compile) {
            let _ = writeln!(faults, "{name}: {why}");
        }
    };
    for one in BLOCKS {
        match block(one) {
            Some(example) => look(one.keyword, with_block(example)),
            None => look(one.keyword, format!("no example of block `{}`: add one in tests/reference", one.keyword)),
        }
        for example in of_block(one) {
            look(&example.name, example.recipe);
        }
    }
    for row in SIGNALS {
        let in_the_mix = row.is_seen_by(recipec_compiler::formula::Level::Mix);
        look(row.name, signal(row.name).map_or("no example: add one".into(), |f| with_formula(f, in_the_mix)));
    }
    for row in FUNCTIONS {
        let in_the_mix = matches!(row.name, "mean" | "ema");
        look(row.name, function(row.name).map_or("no example: add one".into(), |f| with_formula(f, in_the_mix)));
    }
    let known: Vec<String> = BLOCKS
        .iter()
        .flat_map(of_block)
        .flat_map(|e| [e.name.split('|').next().unwrap_or("").to_string(), e.name])
        .collect();
    for (name, _) in VALUES.iter().filter(|(name, _)| !known.iter().any(|known| known == name)) {
        let _ = writeln!(faults, "`{name}` is in the table of values and in no block");
    }
    assert!(tried > 150, "only {tried} examples");
    faults
}
