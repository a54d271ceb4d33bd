//! What is printed: pictures, JSON, settings, defaults.

use super::recipe;
use crate::Options;
use crate::diagnostic::{human, json};
use crate::recipe::Origin;
use crate::testing::{APRIEL, QUICKSTART, checked, edit, quickstart_with};

#[test]
fn the_picture() {
    let checked =
        checked(&quickstart_with("batch     = 256 rollouts", "batch     = 250 rollouts"), &Options::default());
    let text = human::render(&checked.problems, &checked.sources, human::Style { width: 100, colour: false });
    insta::assert_snapshot!(text);
}

#[test]
fn json_lines_have_a_pinned_shape() {
    let checked =
        checked(&quickstart_with("  output     = 96 tokens", "  ouput      = 96 tokens"), &Options::default());
    let text = json::render(&checked.problems, &checked.sources);
    assert_eq!(
        text,
        concat!(
            r#"{"schema":1,"code":"recipe::names::unknown_key","severity":"error","message":"`budget` has no key `ouput`","#,
            r#""labels":[{"primary":true,"file":"test.recipe","start":{"byte":614,"line":19,"column":3},"end":{"byte":619,"line":19,"column":8},"text":"not a key of this block"}],"#,
            r#""help":"did you mean `output`?","fix":{"file":"test.recipe","start":614,"end":619,"replace_with":"output","certain":true}}"#,
            "\n"
        )
    );
}

#[test]
fn twenty_are_shown_and_the_rest_is_counted() {
    let params: String = (0..30).map(|i| format!("param spare{i} : number = 1\n")).collect();
    let checked = checked(&quickstart_with("budget {", &format!("{params}budget {{")), &Options::default());
    let text = human::render(&checked.problems, &checked.sources, human::Style::default());
    assert_eq!(text.matches("is never used").count(), 20);
    assert!(text.contains("\nand 10 more\n"), "{text}");
    assert!(text.ends_with("30 warnings\n"), "{text}");
    assert!(checked.recipe.is_some(), "warnings alone do not stop a recipe");
}

#[test]
fn strict_counts_warnings() {
    let text = quickstart_with("budget {", "param spare : number = 1\nbudget {");
    assert!(checked(&text, &Options::default()).recipe.is_some());
    assert!(checked(&text, &Options { strict: true, ..Options::default() }).recipe.is_none());
}

#[test]
fn every_setting_says_where_it_came_from() {
    let base = recipe(QUICKSTART, &Options::default());
    let get = |path: &str| base.settings().get(path).unwrap_or_else(|| panic!("{path}"));
    assert_eq!(get("budget.output").value, "96 tokens");
    assert!(matches!(get("budget.output").origin, Origin::Written(_)));
    assert_eq!(get("train.updates").value, "1");
    assert_eq!(get("train.updates").origin, Origin::Default("train.updates"));
    assert_eq!(get("train.optimizer.lr").value, "3e-4");
    assert_eq!(get("model.policy.source.rope_theta").origin, Origin::Default("model.*.source.rope_theta"));
    assert_eq!(get("suite.cap.sampling.top_k").value, "evaluate.sampling.top_k");
    assert_eq!(get("stage.warm_start.budget.steps").value, "1200 steps");
    assert!(
        matches!(&get("stage.warm_start.budget.steps").origin, Origin::Overridden { was, .. } if matches!(**was, Origin::Written(_)))
    );
    assert!(!base.settings().contains_key("stage.reinforce.budget.steps"), "what does not differ is not repeated");

    let with_kl = recipe(QUICKSTART, &Options { variant: Some("with_kl".into()), ..Options::default() });
    let kl = with_kl.settings().get("train.kl").unwrap_or_else(|| panic!("train.kl"));
    assert_eq!(kl.value, "k3");
    assert!(matches!(&kl.origin, Origin::Overridden { was, .. } if **was == Origin::Default("train.kl")));
}

/// A default of an edition that has been published never changes: the same text would mean something else. A new default needs a new
/// edition; a new key may be added to this list.
#[test]
fn defaults_are_pinned_by_the_edition() {
    let mut lines = String::new();
    for row in crate::vocabulary::keys::rows() {
        use crate::vocabulary::kinds::Absent;
        let absent = match row.key.absent {
            Absent::Default(text) => text.to_string(),
            Absent::Same(path) => format!("as {path}"),
            Absent::Required(_) => "required".into(),
            Absent::Nothing => "-".into(),
        };
        let of = row.of.map_or(String::new(), |word| format!(" ({word})"));
        lines.push_str(&format!("{}{of}: {absent}\n", row.path));
        let crate::vocabulary::kinds::Kind::Choice(choices) = row.key.kind else { continue };
        for choice in choices {
            for argument in choice.arguments.into_iter().flatten() {
                if let Absent::Default(text) = argument.absent {
                    lines.push_str(&format!("{} ({}).{}: {text}\n", row.path, choice.word, argument.name));
                }
            }
        }
    }
    insta::assert_snapshot!(lines);
}

#[test]
fn a_text_on_one_line_has_no_comments() {
    let text = edit(APRIEL, "  train     = full  //", "  train     = full // a // b\n//");
    let apriel = recipe(&text, &Options::default());
    assert_eq!(apriel.settings().get("model.policy.train").map(|s| s.value.as_str()), Some("full"));
}
