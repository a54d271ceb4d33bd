//! Differences for people and for programs.

use super::{Comparison, Difference, Had};
use serde_json::{Value, json};
use std::fmt::Write;

impl Difference {
    /// One line, or two where the values are long: `path: before → after`.
    pub fn short(&self) -> Vec<String> {
        let value = |had: &Option<Had>| had.as_ref().map_or("nothing".to_string(), |had| had.value.clone());
        let (left, right) = (value(&self.left), value(&self.right));
        if left == right {
            let because: Vec<String> =
                self.because.iter().map(|(name, left, right)| format!("{name}: {left} → {right}")).collect();
            return vec![format!("{}: the same formula with {}", self.path, because.join(", "))];
        }
        if self.path.chars().count() + left.chars().count() + right.chars().count() <= 100 {
            return vec![format!("{}: {left} → {right}", self.path)];
        }
        vec![format!("{}:", self.path), format!("  {left}"), format!("  → {right}")]
    }
}

impl Comparison {
    /// Whether both recipes mean the same.
    pub fn is_same(&self) -> bool {
        self.differences.is_empty()
    }

    /// The differences as text; `names` are what the two recipes are called.
    pub fn text(&self, names: (&str, &str)) -> String {
        let (left, right) = names;
        if self.is_same() {
            return format!("{left} and {right} have the same meaning\nhash {}\n", self.hashes.0);
        }
        let count = self.differences.len();
        let mut text = format!(
            "{left} and {right} differ in {count} place{}\n- {}  {left}\n+ {}  {right}\n",
            if count == 1 { "" } else { "s" },
            self.hashes.0,
            self.hashes.1
        );
        for difference in &self.differences {
            let _ = writeln!(text, "\n{}", difference.path);
            let same = matches!((&difference.left, &difference.right), (Some(a), Some(b)) if a.value == b.value);
            if same {
                let value = difference.left.as_ref().map_or("", |had| had.value.as_str());
                let _ = writeln!(text, "    {value}");
            } else {
                for (sign, had) in [('-', &difference.left), ('+', &difference.right)] {
                    let _ = match had {
                        Some(had) if had.origin.is_empty() => writeln!(text, "  {sign} {}", had.value),
                        Some(had) => writeln!(text, "  {sign} {}  ({})", had.value, had.origin),
                        None => writeln!(text, "  {sign} nothing"),
                    };
                }
            }
            for (name, left, right) in &difference.because {
                let _ = writeln!(text, "    with {name}: {left} → {right}");
            }
        }
        text
    }

    /// The differences as one JSON value.
    pub fn json(&self, names: (&str, &str)) -> Value {
        let had = |had: &Option<Had>| match had {
            Some(had) => json!({ "value": had.value, "origin": had.origin }),
            None => Value::Null,
        };
        let differences: Vec<Value> = self
            .differences
            .iter()
            .map(|difference| {
                let because: Vec<Value> = difference
                    .because
                    .iter()
                    .map(|(name, left, right)| json!({ "name": name, "left": left, "right": right }))
                    .collect();
                json!({
                    "path": difference.path, "left": had(&difference.left), "right": had(&difference.right),
                    "because": because,
                })
            })
            .collect();
        json!({
            "schema": 1,
            "same": self.is_same(),
            "left": { "name": names.0, "hash": self.hashes.0 },
            "right": { "name": names.1, "hash": self.hashes.1 },
            "differences": differences,
        })
    }
}
