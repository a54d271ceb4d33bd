//! The items of one file to definitions.

use super::mentions::{self, Names};
use super::settings::{Writer, unknown_key};
use super::{Defined, Resolved, StageDef, TermEntry};
use crate::diagnostic::{Diagnostic, codes, suggest};
use crate::problems::Problems;
use crate::recipe::Origin;
use crate::resolve::settings::join;
use crate::vocabulary::keys::{self, BLOCKS};
use crate::vocabulary::kinds;
use recipec_grammar::source::{Span, Spanned};
use recipec_grammar::tree::{Block, Entry, File, Item, ItemKind, Name, Setting};

/// Adds the definitions of a file. `last` is true for the recipe itself: its tests, sweeps and `allow` count, those of a base do not.
pub(super) fn collect(file: &File, layer: u32, last: bool, resolved: &mut Resolved, problems: &mut Problems) {
    let mut collector = Collector { layer, resolved, problems };
    for item in &file.items {
        collector.item(item, last);
    }
}

/// Adds the formulas of an imported file, and those of its params that these formulas name; nothing else. A param that the recipe
/// has itself is the recipe's: the formulas then read that one.
pub(super) fn collect_formulas(file: &File, resolved: &mut Resolved, problems: &mut Problems) {
    let mut collector = Collector { layer: 0, resolved, problems };
    let mut named = Names::new();
    for item in &file.items {
        if let ItemKind::Formula(def) = &item.kind {
            mentions::formula(&def.body, &mut named);
            for (parameter, _) in &def.parameters {
                named.remove(&parameter.node);
            }
            collector.item(item, false);
        }
    }
    for item in &file.items {
        if let ItemKind::Param(param) = &item.kind
            && named.contains(&param.name.node)
            && collector.resolved.params.iter().all(|known| known.name.node != param.name.node)
        {
            collector.item(item, false);
        }
    }
}

struct Collector<'a> {
    layer: u32,
    resolved: &'a mut Resolved,
    problems: &'a mut Problems,
}

impl Collector<'_> {
    fn item(&mut self, item: &Item, last: bool) {
        self.doc_of(item);
        match &item.kind {
            ItemKind::Block(block) => self.top_block(item, block),
            ItemKind::Param(param) => {
                let first = self
                    .resolved
                    .params
                    .iter()
                    .find(|p| p.name.node == param.name.node)
                    .map(|p| (p.name.span, p.layer));
                if self.is_new("param", &param.name, first) {
                    self.resolved.params.push(Defined {
                        node: param.clone(),
                        name: param.name.clone(),
                        layer: self.layer,
                    });
                }
            }
            ItemKind::Formula(def) => {
                let first = self.resolved.formulas.get(&def.name.node).map(|f| (f.name.span, f.layer));
                if self.is_new("formula", &def.name, first) {
                    self.resolved.formulas.insert(
                        def.name.node.clone(),
                        Defined { node: def.clone(), name: def.name.clone(), layer: self.layer },
                    );
                }
            }
            ItemKind::Term(def) => {
                let first = self.resolved.terms.get(&def.name.node).map(|t| (t.name.span, t.layer));
                if self.is_new(&def.keyword.node, &def.name, first) {
                    let entry = TermEntry {
                        def: def.clone(),
                        position: self.resolved.terms.len(),
                        origin: Origin::Written(def.body.span),
                    };
                    self.resolved.terms.insert(
                        def.name.node.clone(),
                        Defined { node: entry, name: def.name.clone(), layer: self.layer },
                    );
                }
            }
            ItemKind::Guarantee(guarantee) => {
                let first = self
                    .resolved
                    .guarantees
                    .iter()
                    .find(|g| g.node.name.node == guarantee.name.node)
                    .map(|g| (g.node.name.span, self.layer));
                if self.is_new("guarantee", &guarantee.name, first) {
                    self.resolved.guarantees.push(Spanned::new(guarantee.clone(), item.span));
                }
            }
            ItemKind::Allow { code, because } if last => self.resolved.allows.push((code.clone(), because.clone())),
            ItemKind::Sweep { param, values } if last => self.resolved.sweeps.push((param.clone(), values.clone())),
            ItemKind::Test(test) if last => self.resolved.tests.push(Spanned::new(test.clone(), item.span)),
            ItemKind::Allow { code, .. } => self.resolved.inherited_allows.push(code.clone()),
            // Tests and sweeps of a base are about the base. Files have been followed already.
            ItemKind::Sweep { .. } | ItemKind::Test(_) | ItemKind::Import(_) | ItemKind::Extends(_) => {}
        }
    }

    /// Keeps the doc comment of an item that has a name.
    fn doc_of(&mut self, item: &Item) {
        let Some(doc) = &item.doc else { return };
        let path = match &item.kind {
            ItemKind::Block(Block { keyword, name: Some(name), .. }) => format!("{}.{}", keyword.node, name.node),
            ItemKind::Block(Block { keyword, name: None, .. }) => keyword.node.clone(),
            ItemKind::Param(param) => format!("param.{}", param.name.node),
            ItemKind::Formula(def) => format!("formula.{}", def.name.node),
            ItemKind::Term(def) => format!("{}.{}", def.keyword.node, def.name.node),
            ItemKind::Guarantee(guarantee) => format!("guarantee.{}", guarantee.name.node),
            ItemKind::Sweep { param, .. } => format!("sweep.{}", param.node),
            ItemKind::Allow { .. } | ItemKind::Test(_) | ItemKind::Import(_) | ItemKind::Extends(_) => return,
        };
        self.resolved.docs.insert(path, doc.node.clone());
    }

    /// Reports a second definition of a name.
    fn is_new(&mut self, kind: &str, name: &Name, first: Option<(Span, u32)>) -> bool {
        let Some((place, layer)) = first else { return true };
        let diagnostic = if layer == self.layer {
            Diagnostic::new(codes::DUPLICATE, format!("{kind} `{}` is defined twice", name.node))
                .at(name.span, "again here")
                .at(place, "first here")
                .help("rename or remove one of the two")
        } else {
            Diagnostic::new(
                codes::SILENT_SHADOW,
                format!("{kind} `{}` is already defined by the base recipe", name.node),
            )
            .at(name.span, "defined again here")
            .at(place, "defined in the base")
            .help("give it another name, or replace the base's in a variant with `override`")
        };
        self.problems.push(diagnostic);
        false
    }

    fn top_block(&mut self, item: &Item, block: &Block) {
        let word = &block.keyword;
        let Some(row) = keys::find_block(&word.node, None) else {
            let diagnostic = match BLOCKS.iter().find(|b| b.keyword == word.node) {
                Some(inner) => {
                    let outer = inner.inside.unwrap_or("another block");
                    Diagnostic::new(codes::WRONG_PLACE, format!("`{}` stands inside `{outer}`", word.node))
                        .at(word.span, "not at the top of a file")
                        .help(format!("move it into `{outer} {{ … }}`"))
                }
                None => unknown_block(word, BLOCKS.iter().filter(|b| b.inside.is_none()).map(|b| b.keyword)),
            };
            self.problems.push(diagnostic);
            self.problems.lose_text();
            return;
        };
        let Some(prefix) = self.define(row, block, row.keyword) else { return };
        if let Some(after) = &block.after
            && row.keyword != "stage"
        {
            self.problems.push(
                Diagnostic::new(codes::WRONG_PLACE, "`after` is only for stages")
                    .at(after.span, "remove this")
                    .help("blocks have no order"),
            );
        }
        match row.keyword {
            "recipe" => {
                self.resolved.name.clone_from(&block.name);
                self.resolved.doc = item.doc.as_ref().map(|d| d.node.clone());
                self.entries(row, &prefix, &block.body);
            }
            "variant" => self.variant(block),
            "stage" => self.stage(row, &prefix, block),
            _ => self.entries(row, &prefix, &block.body),
        }
    }

    /// Registers a block and gives the prefix of its paths; none when its name is missing or taken.
    fn define(&mut self, row: &'static kinds::Block, block: &Block, prefix: &str) -> Option<String> {
        let keyword = row.keyword;
        match (&block.name, row.named) {
            (None, true) => {
                self.problems.push(
                    Diagnostic::new(codes::MISSING_NAME, format!("this `{keyword}` has no name"))
                        .at(block.keyword.span, "a name belongs behind this word")
                        .help(format!("write `{keyword} NAME {{ … }}`")),
                );
                self.problems.lose_text();
                None
            }
            (Some(name), false) => {
                self.problems.push(
                    Diagnostic::new(codes::UNEXPECTED_NAME, format!("`{keyword}` takes no name"))
                        .at(name.span, "remove this")
                        .help(format!("write `{keyword} {{ … }}`")),
                );
                self.define_one(row, block);
                Some(prefix.to_string())
            }
            (None, false) => {
                self.define_one(row, block);
                Some(prefix.to_string())
            }
            (Some(name), true) if keyword == "recipe" => {
                let defined = Defined { node: (), name: name.clone(), layer: self.layer };
                if let Some(first) = self.resolved.blocks.insert("recipe", defined)
                    && first.layer == self.layer
                {
                    self.problems.push(
                        Diagnostic::new(codes::DUPLICATE, "`recipe` is there twice")
                            .at(name.span, "again here")
                            .at(first.name.span, "first here")
                            .help("a file holds one recipe"),
                    );
                }
                Some(prefix.to_string())
            }
            (Some(name), true) => {
                let all = self.resolved.named.entry(keyword).or_default();
                let known = self.resolved.positions.get(&(keyword, name.node.clone()));
                match known.and_then(|at| all.get(*at)) {
                    Some(first) if first.layer == self.layer => {
                        let place = first.name.span;
                        self.problems.push(
                            Diagnostic::new(codes::DUPLICATE, format!("{keyword} `{}` is defined twice", name.node))
                                .at(name.span, "again here")
                                .at(place, "first here")
                                .help("rename or remove one of the two"),
                        );
                        // What it holds is not read.
                        self.problems.lose_text();
                        return None;
                    }
                    // A block of the base is gone into again: its keys say for themselves what they override.
                    Some(_) => {}
                    None => {
                        self.resolved.positions.insert((keyword, name.node.clone()), all.len());
                        all.push(Defined { node: (), name: name.clone(), layer: self.layer });
                    }
                }
                Some(join(prefix, &name.node))
            }
        }
    }

    /// Registers a block that is there once. Its settings are read even when it is there twice: each of them may be new.
    fn define_one(&mut self, row: &'static kinds::Block, block: &Block) {
        if row.inside.is_some() {
            return;
        }
        let keyword = row.keyword;
        let defined = Defined { node: (), name: block.keyword.clone(), layer: self.layer };
        if let Some(first) = self.resolved.blocks.insert(keyword, defined)
            && first.layer == self.layer
        {
            self.problems.push(
                Diagnostic::new(codes::DUPLICATE, format!("`{keyword}` is there twice"))
                    .at(block.keyword.span, "again here")
                    .at(first.name.span, "first here")
                    .help("put both into one block"),
            );
        }
    }

    fn entries(&mut self, row: &'static kinds::Block, prefix: &str, body: &[Entry]) {
        for entry in body {
            match entry {
                Entry::Setting(setting) => self.setting(row, prefix, setting),
                Entry::Block { doc, block, .. } => {
                    if let (Some(doc), Some(name)) = (doc, &block.name) {
                        self.resolved.docs.insert(format!("{}.{}", block.keyword.node, name.node), doc.node.clone());
                    }
                    self.inner_block(row, prefix, block);
                }
            }
        }
    }

    fn setting(&mut self, row: &'static kinds::Block, prefix: &str, setting: &Setting) {
        let what = format!("`{}`", row.keyword);
        let key = match setting.path.segments.as_slice() {
            [name] => row.keys.iter().find(|k| k.name == name.node),
            _ => None,
        };
        match key {
            Some(key) => {
                // The base has the same edition or another; the recipe's own counts.
                let ours = row.keyword == "recipe"
                    && self.resolved.settings.get(&join(prefix, key.name)).is_some_and(|old| old.layer < self.layer);
                let path = join(prefix, key.name);
                if ours {
                    self.resolved.settings.remove(&path);
                }
                self.resolved.settings.set(&path, key, setting, Writer::Block(self.layer), self.problems);
            }
            // A dotted key without `override` has been reported with the text.
            None if setting.path.segments.len() > 1 && setting.overrides.is_none() => self.problems.lose_text(),
            None if setting.path.segments.len() > 1 => {
                let path = setting.path.text();
                let first = setting.path.segments.first().map_or("", |s| s.node.as_str());
                self.problems.push(
                    Diagnostic::new(codes::WRONG_PLACE, format!("{what} holds plain keys, not the path `{path}`"))
                        .at(setting.path.span, "paths belong in a variant or a stage")
                        .help(format!("write the whole value, `override {first} = …`")),
                );
                self.problems.lose_text();
            }
            None => {
                self.problems.push(unknown_key(&setting.path, 0, &what, row.keys));
                self.problems.lose_text();
            }
        }
    }

    fn inner_block(
        &mut self,
        row: &'static kinds::Block,
        prefix: &str,
        block: &Block,
    ) -> Option<&'static kinds::Block> {
        let word = &block.keyword;
        let Some(inner) = keys::find_block(&word.node, Some(row.keyword)) else {
            let legal: Vec<&str> = BLOCKS.iter().filter(|b| b.inside == Some(row.keyword)).map(|b| b.keyword).collect();
            let diagnostic = if row.keys.iter().any(|k| k.name == word.node) {
                Diagnostic::new(codes::WRONG_KIND, format!("`{}` is a key, not a block", word.node))
                    .at(word.span, "`=` is missing behind this")
                    .help(format!("write `{} = …`", word.node))
            } else if keys::find_block(&word.node, None).is_some() {
                Diagnostic::new(
                    codes::WRONG_PLACE,
                    format!("`{}` stands at the top of a file, not inside `{}`", word.node, row.keyword),
                )
                .at(word.span, "move this out")
            } else {
                unknown_block(word, legal)
            };
            self.problems.push(diagnostic);
            self.problems.lose_text();
            return None;
        };
        let prefix = match inner.inside {
            Some("stage") => join(prefix, inner.keyword),
            _ => inner.keyword.to_string(),
        };
        let prefix = self.define(inner, block, &prefix)?;
        self.entries(inner, &prefix, &block.body);
        Some(inner)
    }

    fn variant(&mut self, block: &Block) {
        let Some(name) = &block.name else { return };
        let overrides = self.overrides_of(&block.body, "variant");
        match self.resolved.variants.iter_mut().find(|v| v.name.node == name.node) {
            // A variant of the base is continued.
            Some(base) => base.node.extend(overrides),
            None => self.resolved.variants.push(Defined { node: overrides, name: name.clone(), layer: self.layer }),
        }
    }

    fn overrides_of(&mut self, body: &[Entry], what: &str) -> Vec<Setting> {
        let mut overrides = Vec::new();
        for entry in body {
            match entry {
                Entry::Setting(setting) if setting.overrides.is_some() => overrides.push(setting.clone()),
                // A dotted key without `override` has been reported with the text.
                Entry::Setting(setting) if setting.path.segments.len() > 1 => {}
                Entry::Setting(setting) => {
                    let key = setting.path.text();
                    // What a bare key most likely means: that of the first block that has it.
                    let meant = match block_with_key(&key) {
                        Some(block) => format!("override {block}.{key}"),
                        None => format!("override {key}"),
                    };
                    self.problems.push(
                        Diagnostic::new(
                            codes::OVERRIDE_NEEDED,
                            format!("a {what} replaces `{key}` only with `override` and its full path"),
                        )
                        .at(setting.path.span, "`override` belongs before this")
                        .help(format!("write `{meant} = …`"))
                        .fix(setting.path.span, meant, false),
                    );
                }
                Entry::Block { block, .. } => {
                    self.problems.push(
                        Diagnostic::new(codes::WRONG_PLACE, format!("a {what} holds no blocks"))
                            .at(block.keyword.span, "not here")
                            .help("write `override BLOCK.KEY = …` for each key that changes"),
                    );
                    self.problems.lose_text();
                }
            }
        }
        overrides
    }

    fn stage(&mut self, row: &'static kinds::Block, prefix: &str, block: &Block) {
        let Some(name) = &block.name else { return };
        let mut stage = StageDef { after: block.after.clone(), overrides: Vec::new(), supervised: None };
        for entry in &block.body {
            match entry {
                Entry::Setting(setting) if setting.overrides.is_some() => match setting.path.segments.as_slice() {
                    // In a recipe that extends another, a stage's own key is overridden as the keys of any block are.
                    [key] if row.keys.iter().any(|k| k.name == key.node) => self.setting(row, prefix, setting),
                    _ => stage.overrides.push(setting.clone()),
                },
                Entry::Setting(setting) => match setting.path.segments.as_slice() {
                    [key] if row.keys.iter().any(|k| k.name == key.node) => self.setting(row, prefix, setting),
                    [key] if BLOCKS.iter().any(|b| b.keys.iter().any(|k| k.name == key.node)) => {
                        let block = block_with_key(&key.node).unwrap_or("train");
                        self.problems.push(
                            Diagnostic::new(
                                codes::OVERRIDE_NEEDED,
                                format!("a stage changes `{}` only with `override` and its full path", key.node),
                            )
                            .at(key.span, "not a key of a stage")
                            .help(format!("write `override {block}.{} = …`", key.node)),
                        );
                    }
                    _ => self.setting(row, prefix, setting),
                },
                Entry::Block { block, .. } => {
                    if self.inner_block(row, prefix, block).is_some_and(|b| b.keyword == "supervised") {
                        stage.supervised = Some(block.keyword.span);
                    }
                }
            }
        }
        match self.resolved.stages.iter_mut().find(|s| s.name.node == name.node) {
            Some(base) => {
                base.node.overrides.extend(stage.overrides);
                base.node.supervised = base.node.supervised.or(stage.supervised);
                base.node.after = stage.after.or(base.node.after.take());
            }
            None => self.resolved.stages.push(Defined { node: stage, name: name.clone(), layer: self.layer }),
        }
    }
}

/// The first block without a name, at the top of a file, that has a key.
fn block_with_key(key: &str) -> Option<&'static str> {
    let has = |b: &&kinds::Block| b.inside.is_none() && !b.named && b.keys.iter().any(|k| k.name == key);
    BLOCKS.iter().find(has).map(|b| b.keyword)
}

fn unknown_block<'a>(word: &Name, legal: impl IntoIterator<Item = &'a str>) -> Diagnostic {
    let legal: Vec<&str> = legal.into_iter().collect();
    let mut diagnostic = Diagnostic::new(codes::UNKNOWN_BLOCK, format!("there is no block `{}`", word.node))
        .at(word.span, "not a block of the language");
    diagnostic.help = suggest::help(&word.node, legal.iter().copied());
    if let Some(near) = suggest::near(&word.node, legal) {
        diagnostic = diagnostic.fix(word.span, near.word, near.certain);
    }
    diagnostic
}
