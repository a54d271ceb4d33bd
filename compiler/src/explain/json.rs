//! An outline for programs.

use super::Outline;
use serde_json::{Value, json};

impl Outline {
    /// The outline as one JSON value.
    pub fn json(&self) -> Value {
        let sections: Vec<Value> = self
            .sections
            .iter()
            .map(|section| {
                let values: Vec<Value> = section
                    .rows
                    .iter()
                    .map(|row| {
                        json!({
                            "path": row.path, "value": row.value, "meaning": row.meaning,
                            "origin": row.origin, "default": row.is_default, "doc": row.doc,
                        })
                    })
                    .collect();
                let formulas: Vec<Value> = section
                    .formulas
                    .iter()
                    .map(|formula| {
                        let named = |(name, value): &(String, String)| json!({ "name": name, "value": value });
                        json!({
                            "path": formula.path,
                            "text": formula.text,
                            "where": formula.bindings.iter().map(|(name, value, (low, high))| {
                                json!({ "name": name, "value": value, "low": low, "high": high })
                            }).collect::<Vec<_>>(),
                            "with": formula.called.iter().map(|called| {
                                json!({
                                    "name": called.name, "head": called.head, "text": called.text,
                                    "low": called.range.0, "high": called.range.1, "source": called.source,
                                })
                            }).collect::<Vec<_>>(),
                            "reads": formula.reads,
                            "at": formula.constants.iter().map(named).collect::<Vec<_>>(),
                            "low": formula.range.0,
                            "high": formula.range.1,
                            "origin": formula.origin,
                            "source": formula.source,
                        })
                    })
                    .collect();
                let entries: Vec<Value> = section
                    .entries
                    .iter()
                    .map(|entry| json!({ "path": entry.path, "head": entry.head, "lines": entry.lines }))
                    .collect();
                json!({
                    "title": section.title, "sentences": section.sentences, "values": values,
                    "formulas": formulas, "not_set": section.not_set, "entries": entries,
                })
            })
            .collect();
        json!({ "schema": 1, "heading": self.heading, "sections": sections })
    }
}
