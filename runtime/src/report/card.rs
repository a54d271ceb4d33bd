//! The model card of a run: Markdown below YAML, as the Hugging Face hub reads it, made from the plan and the evaluations.

use super::words;
use crate::run_folder::{Evaluation, Results, RunFolder};
use recipec_compiler::Plan;
use recipec_compiler::plan::NodeKind;
use recipec_compiler::settings::{DataSource, ModelSource, Trainable};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Name of the card in the folder of a checkpoint. It is the one file there that has no digest: people write on in it.
pub const CARD: &str = "README.md";

/// The card. Its numbers are those of the run folder.
pub fn card(folder: &RunFolder, plan: &Plan) -> String {
    let mut out = String::from("---\n");
    let mut line = |text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    line("library_name: transformers");
    line("pipeline_tag: text-generation");
    if let ModelSource::Hub { name } = &plan.policy.source {
        line(&format!("base_model: {}", yaml(name)));
        let relation = if matches!(plan.policy.train, Trainable::Lora { .. }) { "adapter" } else { "finetune" };
        line(&format!("base_model_relation: {relation}"));
    }
    line("tags:");
    for tag in ["recipec", "reinforcement-learning"] {
        line(&format!("- {tag}"));
    }
    let sets = data_sets(plan);
    if !sets.is_empty() {
        line("datasets:");
        for set in &sets {
            line(&format!("- {}", yaml(set)));
        }
    }
    let last = folder.last();
    if let Some(last) = last {
        line("model-index:");
        line(&format!("- name: {}", yaml(&plan.recipe)));
        line("  results:");
        for (suite, domain, results) in measured(last) {
            line("  - task:");
            line("      type: text-generation");
            line("    dataset:");
            line(&format!("      type: {}", yaml(suite)));
            line(&format!("      name: {}", yaml(&format!("{suite}, {domain}"))));
            line("    metrics:");
            for (kind, name, value) in
                [("pass@1", "pass@1", results.pass_at_1), ("length", "mean tokens of a response", results.mean_tokens)]
            {
                line(&format!("    - type: {kind}"));
                line(&format!("      name: {name}"));
                line(&format!("      value: {value}"));
            }
        }
    }
    line("---");
    body(folder, plan, &mut out);
    out
}

fn body(folder: &RunFolder, plan: &Plan, out: &mut String) {
    let variant = plan.variant.as_ref().map_or(String::new(), |name| format!(", variant {}", plain(name)));
    let _ = writeln!(out, "\n# {}{variant}\n", plain(&plan.recipe));
    let stages: Vec<String> = plan.stages.iter().map(|stage| format!("`{}`", plain(&stage.name))).collect();
    let _ =
        writeln!(out, "{} Trained by `recipec` in the stages {}, seed {}.\n", base(plan), stages.join(", "), plan.seed);
    let mut domains: BTreeMap<String, (String, String)> = BTreeMap::new();
    for node in plan.stages.iter().flat_map(|stage| &stage.nodes) {
        match &node.kind {
            NodeKind::Data { domain, source, .. } => domains.entry(domain.clone()).or_default().0 = place(source),
            NodeKind::Verify { domain, verifier, .. } => {
                domains.entry(domain.clone()).or_default().1 = verifier.name.clone()
            }
            _ => {}
        }
    }
    let shares = folder.summary.as_ref().map(|summary| &summary.shares);
    let _ = writeln!(
        out,
        "## What it was trained on\n\n| domain | problems | judged by | wanted | trained |\n| --- | --- | --- | --- | --- |"
    );
    for (domain, (source, verifier)) in &domains {
        let share = shares.and_then(|shares| shares.get(domain));
        let ratio = share.map_or(String::new(), |share| format!("{:.1}%", 100.0 * share.ratio));
        let trained = share.map_or(String::new(), |share| format!("{:.1}%", 100.0 * share.trained));
        let _ =
            writeln!(out, "| {} | {} | `{}` | {ratio} | {trained} |", plain(domain), plain(source), plain(verifier));
    }
    if let Some(last) = folder.last() {
        let _ = writeln!(
            out,
            "\n## Evaluation\n\nMeans with 95% intervals; before is the policy at the start of the run.\n"
        );
        let _ = writeln!(
            out,
            "| suite | domain | pass@1 before | pass@1 | tokens before | tokens |\n| --- | --- | --- | --- | --- | --- |"
        );
        let before: BTreeMap<(String, String), Results> = folder.base().map_or_else(BTreeMap::new, |base| {
            measured(base)
                .into_iter()
                .map(|(suite, domain, results)| ((suite.into(), domain.into()), results))
                .collect()
        });
        for (suite, domain, results) in measured(last) {
            let old = before.get(&(suite.to_string(), domain.to_string()));
            let percent = |results: &Results| {
                let interval = results
                    .pass_at_1_ci
                    .map_or(String::new(), |[low, high]| format!(" ({:.1} to {:.1})", 100.0 * low, 100.0 * high));
                format!("{:.1}%{interval}", 100.0 * results.pass_at_1)
            };
            let tokens = |results: &Results| format!("{:.0}", results.mean_tokens);
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} | {} | {} |",
                plain(suite),
                plain(domain),
                old.map_or(String::new(), percent),
                percent(&results),
                old.map_or(String::new(), tokens),
                tokens(&results)
            );
        }
    }
    let _ = writeln!(out, "\n## Where it comes from\n\n| | |\n| --- | --- |");
    let mut row = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(out, "| {name} | `{}` |", plain(value).replace('`', "'"));
        }
    };
    if let Some(origin) = &folder.origin {
        row("recipe hash", &origin.recipe_hash);
        row("lock of inputs", &origin.lock);
        row("program", &origin.program);
        row("machine", &origin.machine);
        row("device", &origin.device);
        row("changed", &origin.set.join(" "));
    }
    row("plan", &plan.fingerprint());
    if let Some(summary) = &folder.summary {
        row("weights", &summary.weights_digest);
        row("steps", &summary.steps.to_string());
        row("generated tokens", &words::short(summary.generated_tokens as f64));
        row("stopped by", &summary.stopped_by);
    }
    let _ = writeln!(
        out,
        "\n`recipec whence` of this folder compares every file with its digest; `recipec replay` of the run makes it again."
    );
}

fn base(plan: &Plan) -> String {
    match &plan.policy.source {
        ModelSource::Fresh(size) => {
            format!("A decoder of {} layers and width {}, made from random weights.", size.layers, size.width)
        }
        ModelSource::Hub { name } => format!("Made from `{}`.", plain(name)),
        ModelSource::Folder { path } => format!("Made from the weights in `{}`.", plain(path)),
        ModelSource::Endpoint { model, .. } => format!("Made from `{}`.", plain(model)),
    }
}

/// The results of an evaluation in order: suite, domain, numbers.
fn measured(evaluation: &Evaluation) -> Vec<(&str, &str, Results)> {
    let of_suite = evaluation.suites.iter().flat_map(|(suite, results)| {
        let domains = results.domains.iter().map(|(domain, of)| (suite.as_str(), domain.as_str(), of.results));
        let all = (results.domains.len() > 1).then_some((suite.as_str(), "macro average", results.macro_average));
        domains.chain(all)
    });
    of_suite.collect()
}

fn data_sets(plan: &Plan) -> BTreeSet<String> {
    let nodes = plan.stages.iter().flat_map(|stage| &stage.nodes);
    let sets = nodes.filter_map(|node| match &node.kind {
        NodeKind::Data { source: DataSource::Hub { name, .. }, .. } => Some(name.clone()),
        _ => None,
    });
    sets.collect()
}

fn place(source: &DataSource) -> String {
    match source {
        DataSource::Builtin { generator, .. } => format!("generator `{generator}`"),
        DataSource::Hub { name, .. } => name.clone(),
        DataSource::File { path } => format!("file `{path}`"),
        DataSource::HeldOut => "held out".into(),
    }
}

/// A text in YAML: JSON's quotes are YAML's.
fn yaml(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// A text in a cell of a table.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c == '|' || c == '\n' || c == '<' { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn what_the_hub_reads_and_what_people_read() {
        let run = Fixture::new();
        run.write();
        let folder = RunFolder::read(run.path()).unwrap();
        let architecture = recipec_compiler::settings::Architecture {
            width: 32,
            layers: 1,
            heads: 2,
            kv_heads: 1,
            head_width: 16,
            hidden: 48,
            tied: true,
            rope_theta: 1e4,
            norm_eps: 1e-5,
        };
        let plan = Plan {
            version: recipec_compiler::plan::PLAN_VERSION,
            recipe: "a: \"b\"".into(),
            variant: Some("short".into()),
            seed: 7,
            policy: recipec_compiler::plan::PolicyPlan {
                source: ModelSource::Fresh(architecture),
                precision: recipec_compiler::settings::Precision::F32,
                train: Trainable::Full,
                answer: recipec_compiler::settings::AnswerRule::Whole,
                chat: None,
            },
            domains: vec!["math".into()],
            max_generated_tokens: None,
            max_wall_clock_seconds: None,
            stages: Vec::new(),
        };
        let text = card(&folder, &plan);
        let (head, body) = text.strip_prefix("---\n").unwrap().split_once("\n---\n").unwrap();
        assert!(head.contains("pipeline_tag: text-generation") && !head.contains("base_model"), "{head}");
        assert!(head.contains("- name: \"a: \\\"b\\\"\""), "{head}");
        assert!(head.contains("    - type: pass@1"), "{head}");
        assert!(body.contains("variant short") && body.contains("## Evaluation"), "{body}");
        assert!(body.contains(&folder.summary.as_ref().unwrap().weights_digest), "{body}");
        // The same folder gives the same card.
        assert_eq!(text, card(&folder, &plan));
    }
}
