//! The account of an export: what became of each item of a recipe.

use super::{Target, keys};
use crate::identity::Identity;
use crate::recipe::Recipe;
use recipec_grammar::source::Span;
use serde::Serialize;

/// How well a target says what an item of the recipe means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A key of the target means the same.
    Exact,
    /// Code that is generated means the same.
    Generated,
    /// Something near; the remark says what differs.
    Approximate,
    /// Nothing.
    NotRepresentable,
}

impl Class {
    /// All of them, from good to bad.
    pub const ALL: [Self; 4] = [Self::Exact, Self::Generated, Self::Approximate, Self::NotRepresentable];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Generated => "generated",
            Self::Approximate => "approximate",
            Self::NotRepresentable => "not representable",
        }
    }
}

/// A row of the account.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Item {
    /// The path of the setting in the recipe.
    pub item: String,
    /// How well the target says it.
    pub class: Class,
    /// The keys of the target, or the file with the code.
    pub key: String,
    /// What differs, or why it cannot be said.
    pub remark: String,
    /// Where the recipe says it.
    #[serde(skip)]
    pub span: Option<Span>,
    /// Lines of the canonical form, or their beginnings with `*`.
    #[serde(skip)]
    claims: Vec<String>,
}

/// Collects items and emitted keys.
pub(super) struct Lowering<'r> {
    recipe: &'r Recipe,
    stage: String,
    items: Vec<Item>,
    settings: Vec<(String, String)>,
}

impl<'r> Lowering<'r> {
    /// Nothing yet. In claims, `~` is the stage.
    pub fn new(recipe: &'r Recipe, stage: &str) -> Self {
        Self { recipe, stage: stage.to_string(), items: Vec::new(), settings: Vec::new() }
    }

    /// An item without a key.
    pub fn note(&mut self, class: Class, path: &str, claims: &[&str], remark: &str) {
        self.push(class, path, claims, "", remark);
    }

    /// An item that code says.
    pub fn code(&mut self, class: Class, path: &str, claims: &[&str], file: &str, remark: &str) {
        self.push(class, path, claims, file, remark);
    }

    /// An item that keys say, with their values.
    pub fn keys(&mut self, class: Class, path: &str, claims: &[&str], keys: &[(&str, String)], remark: &str) {
        let names: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
        self.push(class, path, claims, &names.join(", "), remark);
        for (key, value) in keys {
            self.set(key, value);
        }
    }

    /// A key that no item of the recipe stands behind: what the target needs to find the generated files.
    pub fn set(&mut self, key: &str, value: impl ToString) {
        let value = value.to_string();
        match self.settings.iter_mut().find(|(known, _)| known == key) {
            Some((_, old)) => *old = value,
            None => self.settings.push((key.to_string(), value)),
        }
    }

    /// The keys so far.
    pub fn settings(&self) -> &[(String, String)] {
        &self.settings
    }

    fn push(&mut self, class: Class, path: &str, claims: &[&str], key: &str, remark: &str) {
        let claims = claims.iter().map(|claim| claim.replace('~', &self.stage)).collect();
        let (key, remark) = (key.to_string(), remark.to_string());
        self.items.push(Item { item: path.to_string(), class, key, remark, span: self.span(path), claims });
    }

    /// Where a setting was written: as the stage has it, else as the run has it; the nearest block above it otherwise.
    fn span(&self, path: &str) -> Option<Span> {
        let settings = self.recipe.settings();
        let mut path = path.to_string();
        loop {
            let of_stage = format!("stage.{}.{path}", self.stage);
            for place in [&of_stage, &path] {
                let below = format!("{place}.");
                let own = settings.get(place.as_str()).and_then(|setting| setting.origin.span());
                let first = || {
                    let inside = settings.range(below.clone()..).take_while(|(at, _)| at.starts_with(&below));
                    inside.filter_map(|(_, setting)| setting.origin.span()).next()
                };
                if let Some(span) = own.or_else(first) {
                    return Some(span);
                }
            }
            path = path.rsplit_once('.')?.0.to_string();
        }
    }

    /// The items, with one for every line of the canonical form that none of them claims, and for every key that the table does not
    /// know: both would be defects of an exporter, and are said, not hidden.
    pub fn finish(mut self, identity: &Identity, target: Target) -> (Vec<Item>, Vec<(String, String)>) {
        let claimed = |line: &str| {
            self.items.iter().flat_map(|item| &item.claims).any(|claim| match claim.strip_suffix('*') {
                Some(beginning) => line.starts_with(beginning),
                None => line == claim || line.strip_prefix(claim.as_str()).is_some_and(|rest| rest.starts_with('.')),
            })
        };
        let structure = |line: &str| line.ends_with(".reads") || line.ends_with(".node");
        let lost: Vec<String> =
            identity.lines().keys().filter(|line| !structure(line) && !claimed(line)).cloned().collect();
        for line in lost {
            self.push(Class::NotRepresentable, &line, &[], "", "this exporter does not know it");
        }
        let unknown: Vec<String> = self
            .settings
            .iter()
            .filter(|(key, _)| keys::row_of(target, key).is_none())
            .map(|(key, _)| key.clone())
            .collect();
        for key in unknown {
            self.push(Class::NotRepresentable, &key, &[], "", "the table of keys has no row for it");
        }
        self.items.sort_by(|a, b| (b.class, &a.item).cmp(&(a.class, &b.item)));
        (self.items, self.settings)
    }
}
