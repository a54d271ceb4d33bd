//! What is said about rows is about rows that are read: a generator makes its problems.
//!
//! Bad: `domain math { data = builtin("arithmetic")  filter = level >= 2 }`, `data { … }` where no data comes from a file.

use crate::diagnostic::{Diagnostic, codes};
use crate::draft::Draft;
use crate::problems::Problems;
use crate::recipe::Origin;
use crate::values::Values;

const KEYS: [&str; 3] = ["columns", "filter", "on_bad_row"];

pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    if !draft.domains_changed(&["data", "columns", "filter", "on_bad_row"]) {
        return;
    }
    let resolved = draft.view.resolved;
    let views = || std::iter::once(&draft.run).chain(draft.stages.iter().map(|s| &s.values));
    let made = |values: &Values, prefix: &str| {
        values.word(&format!("{prefix}.data")).filter(|word| matches!(*word, "builtin" | "held_out")).is_some()
    };
    let mut read = false;
    for (kind, name) in ["domain", "suite"].into_iter().flat_map(|kind| resolved.names(kind).map(move |n| (kind, n))) {
        let prefix = format!("{kind}.{}", name.node);
        for values in views() {
            read |= !made(values, &prefix);
            // Where an override put a generator in the place of a file, the rules of the file simply rest.
            let data = values.get(&format!("{prefix}.data"));
            if !made(values, &prefix) || data.is_some_and(|data| matches!(data.origin, Origin::Overridden { .. })) {
                continue;
            }
            for key in KEYS {
                let Some(place) = values
                    .span(&format!("{prefix}.{key}"))
                    .filter(|place| values.span(&format!("data.{key}")) != Some(*place))
                else {
                    continue;
                };
                problems.push(
                    Diagnostic::new(
                        codes::WRONG_PLACE,
                        format!("{kind} `{}` reads no rows, so `{key}` does nothing", name.node),
                    )
                    .at(place, "its problems come from a generator")
                    .at(data.and_then(|data| data.origin.span()).unwrap_or(name.span), "this is no file")
                    .help(format!("remove `{key}`, or take the problems from `file(…)`")),
                );
            }
        }
    }
    if let Some(block) = resolved.blocks.get("data").filter(|_| !read && !problems.lost_text() && !problems.any_error())
    {
        problems.push(
            Diagnostic::new(codes::UNUSED, "`data` is about rows that are read, and no data comes from a file")
                .at(block.name.span, "nothing reads this")
                .help("remove it, or take the problems of a domain from `file(…)`"),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{codes_of, quickstart_with};

    #[test]
    fn rules_for_rows_that_are_made() {
        let line = "data = builtin(\"ordering\")";
        let own = quickstart_with(line, "data = builtin(\"ordering\")  filter = level >= 2");
        assert_eq!(codes_of(&own).codes, ["recipe::names::wrong_place"]);
        let global = quickstart_with("mix {", "data { on_bad_row = skip }\nmix {");
        assert_eq!(codes_of(&global).codes, ["recipe::names::unused"]);
        let file = quickstart_with(line, "data = file(\"x.jsonl\")  columns = { problem = q }  filter = level >= 2");
        assert!(codes_of(&file).codes.is_empty(), "{}", codes_of(&file).text);
    }

    #[test]
    fn filters_are_typed() {
        for (filter, code) in [
            ("level >= \"2\"", "recipe::values::wrong_kind"),
            ("level + 1 == 2", "recipe::values::wrong_kind"),
            ("max(level, 2)", "recipe::values::wrong_kind"),
            ("level >= 2 tokens", "recipe::units::wrong_unit"),
            ("\"a\" == \"b\"", "recipe::values::wrong_kind"),
        ] {
            let to = format!("data = file(\"x.jsonl\")  filter = {filter}");
            let found = codes_of(&quickstart_with("data = builtin(\"ordering\")", &to));
            assert_eq!(found.codes, [code], "{filter}: {}", found.text);
        }
    }
}
