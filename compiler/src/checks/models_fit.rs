//! Models whose numbers fit, an edition that is known, and a policy that learns.
//!
//! Bad: `model policy { train = frozen … }`, heads that their key and value heads do not divide.

use crate::diagnostic::{Diagnostic, codes};
use crate::draft::Draft;
use crate::problems::Problems;
use crate::vocabulary::keys::EDITION;

pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    let run = &draft.run;
    if let Some(edition) = run.number("recipe.edition")
        && edition != EDITION as f64
    {
        let place = run.span("recipe.edition").unwrap_or(draft.place);
        problems.push(
            Diagnostic::new(codes::UNKNOWN_EDITION, format!("there is no edition {edition}"))
                .at(place, "not an edition of this compiler")
                .help(format!("write `edition = {EDITION}`")),
        );
    }
    for name in draft.view.resolved.names("model") {
        let path = |key: &str| format!("model.{}.{key}", name.node);
        let place = |key: &str| run.span(&path(key)).unwrap_or(name.span);
        match (name.node.as_str(), run.word(&path("train"))) {
            ("policy", Some("frozen")) => problems.push(
                Diagnostic::new(codes::OUT_OF_RANGE, "the policy is the model that is trained; it cannot be frozen")
                    .at(place("train"), "nothing would be learnt")
                    .help("write `train = full`"),
            ),
            ("policy", _) | (_, Some("frozen") | None) => {}
            (other, Some(_)) => problems.push(
                Diagnostic::new(codes::OUT_OF_RANGE, format!("only `policy` is trained; model `{other}` is not"))
                    .at(place("train"), "this model is a judge or a reference")
                    .help("write `train = frozen`"),
            ),
        }
        let size = |key: &str| run.count(&path(&format!("source.{key}")));
        if let (Some(heads), Some(kv_heads)) = (size("heads"), size("kv_heads"))
            && kv_heads > 0
            && heads % kv_heads != 0
        {
            problems.push(
                Diagnostic::new(
                    codes::OUT_OF_RANGE,
                    format!("{heads} query heads cannot share {kv_heads} key and value heads evenly"),
                )
                .at(place("source.kv_heads"), format!("{kv_heads} key and value heads"))
                .at(place("source.heads"), format!("{heads} query heads"))
                .help("let `kv_heads` divide `heads`"),
            );
        }
        if let Some(width) = size("head_width")
            && width % 2 != 0
        {
            problems.push(
                Diagnostic::new(codes::OUT_OF_RANGE, format!("a head width of {width} is odd"))
                    .at(place("source.head_width"), "the rotary embedding turns pairs")
                    .help(format!("use `head_width = {}`", width + 1)),
            );
        }
    }
    kl_target(draft, problems);
}

/// The reference of a KL term is `base` or a model.
fn kl_target(draft: &Draft<'_>, problems: &mut Problems) {
    for stage in draft.stages.iter().filter(|s| s.supervised.is_none()) {
        let Some(to) = stage.values.word("train.kl.to").filter(|to| *to != "base") else { continue };
        let place = stage.values.span("train.kl.to").unwrap_or(stage.place);
        let models: Vec<&str> =
            draft.view.resolved.names("model").map(|n| n.node.as_str()).filter(|n| *n != "policy").collect();
        if !models.contains(&to) {
            let mut legal = models;
            legal.push("base");
            let at = recipec_grammar::tree::Name::new(to.to_string(), place);
            problems.push(crate::resolve::overrides::unknown_name("reference", &at, legal));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{codes_of, quickstart_with};

    #[test]
    fn models_that_do_not_fit() {
        for (from, to, code) in [
            ("kv_heads = 3", "kv_heads = 2", "recipe::ranges::out_of_range"),
            ("head_width = 32", "head_width = 31", "recipe::ranges::out_of_range"),
            ("train     = full", "train     = frozen", "recipe::ranges::out_of_range"),
            ("edition = 2026", "edition = 2025", "recipe::names::unknown_edition"),
            ("drop      = no_advantage", "kl = k3 { to = bsae }", "recipe::names::unknown_name"),
        ] {
            assert_eq!(codes_of(&quickstart_with(from, to)).codes, [code], "{to}");
        }
    }
}
