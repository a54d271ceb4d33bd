//! Arguments of calls as values of their own: `verify = math_answer(gold = answer)` is `domain.math.verify` and
//! `domain.math.verify.gold`, so that each of them can be overridden, printed and compared by its path.

use super::Reader;
use crate::resolve::Setting;
use crate::resolve::overrides::{argument_of, default_origin, origin_of_part};
use crate::values::{Entry, Value};
use crate::vocabulary::kinds::Key;
use recipec_grammar::tree::ExprKind;

impl Reader<'_> {
    /// Gives every argument of a call that was read its own path, place and origin.
    pub(super) fn arguments_of(&mut self, path: &str, key: &'static Key, setting: &Setting) {
        let Some(Entry { value: Value::Call { word, arguments }, .. }) = self.values.get(path) else { return };
        let Some(rows) = key.kind.choice(word).and_then(|choice| choice.arguments) else { return };
        let written = match &setting.value.body.kind {
            ExprKind::Call { arguments, .. } => arguments.as_slice(),
            _ => &[],
        };
        let mut entries = Vec::new();
        for row in rows {
            let Some(value) = arguments.get(row.name) else { continue };
            let full = format!("{path}.{}", row.name);
            let place = argument_of(written, row, rows).and_then(|at| written.get(at)).map(|a| a.value.span);
            let origin = match (self.view.arguments.get(&full), place) {
                (Some(origin), _) => origin.clone(),
                (None, Some(span)) => origin_of_part(&setting.origin, span),
                (None, None) => default_origin(path, key),
            };
            let text = place.map_or_else(String::new, |span| self.text_of(span));
            entries.push((full, Entry { value: value.clone(), origin, text }));
        }
        for (full, entry) in entries {
            self.values.insert(&full, entry);
        }
    }
}
