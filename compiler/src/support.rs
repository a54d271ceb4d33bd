//! What a checked recipe asks for that this version of the program does not carry out.
//!
//! Such a recipe checks clean, because its text is right; `run` refuses it with these diagnostics before any work is done.

use crate::build::place;
use crate::diagnostic::{Diagnostic, codes};
use crate::recipe::{Recipe, Stage, StageWork};
use crate::settings::{
    ArgumentValue, DataSource, DomainSignal, ModelSource, Precision, VerifierSettings, WeightUpdate,
};

/// One diagnostic for each thing that would be left out; empty when the recipe can be run.
pub fn not_yet(recipe: &Recipe) -> Vec<Diagnostic> {
    let mut refused = Refused { recipe, found: Vec::new() };
    for stage in &recipe.stages {
        refused.stage(stage);
    }
    for suite in recipe.evaluate.iter().flat_map(|e| &e.suites) {
        refused.data(None, &format!("suite.{}.data", suite.name), &suite.data);
        refused.verifier(None, &format!("suite.{}.verify", suite.name), suite.verify.as_ref());
    }
    refused.found.dedup();
    refused.found
}

struct Refused<'a> {
    recipe: &'a Recipe,
    found: Vec<Diagnostic>,
}

impl Refused<'_> {
    fn push(&mut self, stage: Option<&str>, path: &str, message: String, help: &str) {
        let mut diagnostic = Diagnostic::new(codes::NOT_YET, format!("{message} by this version")).help(help);
        if let Some(span) = place(self.recipe, stage, path) {
            diagnostic = diagnostic.at(span, "in the language, but not in this version");
        }
        if !self.found.contains(&diagnostic) {
            self.found.push(diagnostic);
        }
    }

    fn data(&mut self, stage: Option<&str>, path: &str, data: &DataSource) {
        if let DataSource::Hub { name, .. } = data {
            self.push(
                stage,
                path,
                format!("data of the hub (`{name}`) cannot be fetched"),
                "download it and write `file(\"…\")`",
            );
        }
    }

    fn verifier(&mut self, stage: Option<&str>, path: &str, verifier: Option<&VerifierSettings>) {
        let Some(judge) = verifier.filter(|verifier| verifier.name == "judge") else { return };
        let Some(ArgumentValue::Word(name)) = judge.arguments.get("model") else { return };
        let Some(model) = self.recipe.models.get(name) else { return };
        let help =
            "give the domain a native verifier in a variant (`override domain.NAME.verify = …`), or another model";
        if let ModelSource::Hub { name: hub } = &model.source {
            let message = format!("the judge `{name}` is on the hub (`{hub}`) and cannot be fetched");
            self.push(stage, path, message, help);
        } else if model.precision == Precision::Bf16 && !matches!(model.source, ModelSource::Endpoint { .. }) {
            self.push(
                stage,
                &format!("model.{name}.precision"),
                "judging in bf16 is not carried out".into(),
                "write `precision = f32`",
            );
        }
    }

    fn stage(&mut self, stage: &Stage) {
        let name = Some(stage.name.as_str());
        for domain in &stage.domains {
            self.data(name, &format!("domain.{}.data", domain.name), &domain.data);
            let path = format!("domain.{}.verify", domain.name);
            self.verifier(name, &path, domain.verify.as_ref());
            for signal in &domain.signals {
                if let DomainSignal::RewardModel { model } = signal {
                    self.push(
                        name,
                        &format!("domain.{}.signals", domain.name),
                        format!("the reward model `{model}` cannot be loaded beside the policy, so its score is not computed"),
                        "give the domain a verifier in a variant: `override domain.NAME.verify = …`",
                    );
                }
            }
        }
        let StageWork::Reinforce(work) = &stage.work else { return };
        if work.train.max_lag > 0 {
            self.push(name, "train.max_lag", "a lag above 0 is not carried out".into(), "write `max_lag = 0 steps`");
        }
        // A reward model's signal has no value: no such model is loaded.
        let absent = |signal: &String| signal.starts_with("reward_model.");
        let formulas = [("reward.total", &work.reward.total)].into_iter();
        let terms = work.terms.iter().map(|term| ("reward.total", &term.formula));
        for (path, formula) in formulas.chain(terms).chain(work.reward.outcome.iter().map(|f| ("reward.outcome", f))) {
            if let Some(signal) = formula.signals().into_iter().find(absent) {
                let message =
                    format!("the signal `{signal}` has no value, so a formula that reads it is not carried out");
                self.push(name, path, message, "use signals of the rollout, of its group, or the counts of a domain");
            }
        }
        if let Some(kl) = work.train.kl.as_ref().filter(|kl| kl.to != "base") {
            let message = format!(
                "a KL term against model `{}` needs a second model beside the policy, and is not carried out",
                kl.to
            );
            self.push(name, "train.kl.to", message, "write `to = base`");
        }
        if let WeightUpdate::InFlight { .. } = work.rollout.update {
            self.push(
                name,
                "rollout.update",
                "updates in flight are not carried out".into(),
                "write `update = between_batches`",
            );
        }
    }
}
