//! `override`: what a variant or a stage replaces, found by its path.
//!
//! A path leads to a key (`train.optimizer.lr`, `domain.*.ratio`), to a formula's binding (`reward.total.delta`), to a penalty
//! (`difficulty_aware`), to a binding of one (`difficulty_aware.scale`), or to an argument of a call (`domain.*.verify.timeout`).
//! `*` stands for every name; where only some of them have what follows, it stands for those.

use super::settings::{Settings, Writer, path_end, pattern_of, unknown_key};
use super::{Resolved, TermEntry};
use crate::diagnostic::{Diagnostic, codes, suggest};
use crate::problems::Problems;
use crate::recipe::Origin;
use crate::vocabulary::keys::{self, BLOCKS};
use crate::vocabulary::kinds::{Absent, Argument, Block, Key, Kind};
use recipec_grammar::source::Span;
use recipec_grammar::tree::{self, ExprKind, Name};
use std::collections::BTreeMap;

/// The definitions as one variant, and perhaps one stage, sees them.
#[derive(Debug, Clone)]
pub struct View<'a> {
    /// What the files define.
    pub resolved: &'a Resolved,
    /// Settings with overrides applied.
    pub settings: Settings,
    /// Penalties and terms with overrides applied.
    pub terms: BTreeMap<String, TermEntry>,
    /// Where arguments of calls come from that were overridden by themselves, by full path: `domain.math.verify.gold`.
    pub arguments: BTreeMap<String, Origin>,
    /// Overrides that a variant makes in a stage, by stage: `override stage.warm_start.budget.steps = …`.
    of_stages: BTreeMap<String, Vec<tree::Setting>>,
    /// Whether a variant is in force.
    pub varied: bool,
    /// Whether a penalty or term was overridden since this view was derived from another.
    pub terms_changed: bool,
}

/// Where a path leads.
struct Target {
    /// Full path of the key, without `*`.
    path: String,
    key: &'static Key,
    /// A `where` binding of the key's formula.
    binding: Option<Name>,
    /// An argument of the key's call, with all that the call takes.
    argument: Option<(&'static Argument, &'static [Argument])>,
}

impl<'a> View<'a> {
    /// The recipe without a variant.
    pub fn base(resolved: &'a Resolved) -> Self {
        Self {
            resolved,
            settings: resolved.settings.derived(),
            terms: resolved.terms.iter().map(|(name, term)| (name.clone(), term.node.clone())).collect(),
            arguments: BTreeMap::new(),
            of_stages: BTreeMap::new(),
            varied: false,
            terms_changed: false,
        }
    }

    /// The recipe under one of its variants.
    pub fn with_variant(&self, overrides: &[tree::Setting], problems: &mut Problems) -> Self {
        let mut view = self.derived();
        view.varied = true;
        for setting in overrides.iter().take(MOST_OVERRIDES) {
            view.apply(setting, problems);
        }
        too_many(overrides, problems);
        view
    }

    /// What one stage sees: the stage's own overrides, then what the variant overrides in the stage.
    pub fn with_stage(&self, name: &str, overrides: &[tree::Setting], problems: &mut Problems) -> Self {
        let mut view = self.derived();
        let of_variant = view.of_stages.remove(name).unwrap_or_default();
        too_many(overrides, problems);
        for setting in overrides.iter().take(MOST_OVERRIDES).chain(&of_variant) {
            if of_the_run(&setting.path) {
                problems.push(
                    Diagnostic::new(
                        codes::WRONG_PLACE,
                        format!("`{}` is of the whole run, not of a stage", setting.path.text()),
                    )
                    .at(setting.path.span, "a stage cannot change this")
                    .help("set it at the top of the recipe, or in a variant"),
                );
                continue;
            }
            view.apply(setting, problems);
        }
        view
    }

    /// The same view, in which nothing has changed yet.
    pub fn derived(&self) -> Self {
        Self { settings: self.settings.derived(), terms_changed: false, ..self.clone() }
    }

    /// Whether the variant overrides something in any stage.
    pub fn changes_stages(&self) -> bool {
        !self.of_stages.is_empty()
    }

    /// Whether the variant overrides something in a stage.
    pub fn changes_stage(&self, name: &str) -> bool {
        self.of_stages.contains_key(name)
    }

    fn apply(&mut self, setting: &tree::Setting, problems: &mut Problems) {
        let segments = setting.path.segments.as_slice();
        let Some(first) = segments.first() else { return };
        if self.terms.contains_key(&first.node) && keys::find_block(&first.node, None).is_none() {
            return self.apply_to_term(setting, problems);
        }
        if first.node == "stage"
            && let [_, name, rest @ ..] = segments
            && rest.first().is_some_and(|key| key.node != "supervised" && !stage_key(&key.node))
        {
            return self.apply_to_stage(setting, name, problems);
        }
        let targets = match self.locate(segments) {
            Ok(targets) => targets,
            Err(diagnostic) => return problems.push(*diagnostic),
        };
        for target in targets {
            self.replace(&target, setting, problems);
        }
    }

    fn replace(&mut self, target: &Target, setting: &tree::Setting, problems: &mut Problems) {
        if let Some((row, rows)) = target.argument {
            return self.replace_argument(target, row, rows, setting, problems);
        }
        let below = format!("{}.", target.path);
        let gone = self.arguments.range(below.clone()..).map(|(path, _)| path);
        let gone: Vec<String> = gone.take_while(|path| path.starts_with(&below)).cloned().collect();
        for path in gone {
            self.arguments.remove(&path);
        }
        let Some(binding) = &target.binding else {
            self.settings.set(&target.path, target.key, setting, Writer::Override, problems);
            return;
        };
        let Some(there) = self.settings.get_mut(&target.path) else {
            problems.push(nothing(setting, format!("`{}` is not set", target.path)));
            return;
        };
        if replace_binding(&mut there.value, binding, setting) {
            there.origin = Origin::Overridden { by: setting.span, was: Box::new(there.origin.clone()) };
        } else {
            problems.push(no_binding(&target.path, &there.value, binding));
        }
    }

    fn replace_argument(
        &mut self,
        target: &Target,
        row: &'static Argument,
        rows: &'static [Argument],
        setting: &tree::Setting,
        problems: &mut Problems,
    ) {
        if let Some(binding) = setting.value.bindings.first() {
            problems.push(
                Diagnostic::new(codes::WRONG_KIND, format!("`{}` takes no `where`", row.name))
                    .at(binding.name.span, "remove this")
                    .help("`where` belongs to formulas; use a `param` instead"),
            );
        }
        let Some(there) = self.settings.get_mut(&target.path) else { return };
        let ExprKind::Call { arguments, .. } = &mut there.value.body.kind else { return };
        let path = format!("{}.{}", target.path, row.name);
        let was = match (self.arguments.remove(&path), argument_of(arguments, row, rows)) {
            (Some(origin), _) => origin,
            (None, Some(at)) => {
                let span = arguments.get(at).map_or(there.origin.span().unwrap_or_default(), |a| a.value.span);
                origin_of_part(&there.origin, span)
            }
            (None, None) => default_origin(&target.path, target.key),
        };
        let value = setting.value.body.clone();
        self.arguments.insert(path, Origin::Overridden { by: value.span, was: Box::new(was) });
        match argument_of(arguments, row, rows).and_then(|at| arguments.get_mut(at)) {
            Some(argument) => argument.value = value,
            None => {
                let name = Some(Name::new(row.name.to_string(), setting.path.span));
                arguments.push(tree::Argument { name, value, filter: None });
            }
        }
    }

    fn apply_to_term(&mut self, setting: &tree::Setting, problems: &mut Problems) {
        let segments = setting.path.segments.as_slice();
        let Some(term) = segments.first().and_then(|name| self.terms.get_mut(&name.node)) else { return };
        self.terms_changed = true;
        let origin = Origin::Overridden { by: setting.span, was: Box::new(term.origin.clone()) };
        match segments {
            [_] => {
                term.def.body = setting.value.clone();
                term.origin = origin;
            }
            [name, binding] => {
                if replace_binding(&mut term.def.body, binding, setting) {
                    term.origin = origin;
                } else {
                    problems.push(no_binding(&name.node, &term.def.body, binding));
                }
            }
            _ => problems.push(
                nothing(setting, format!("`{}` leads into nothing", setting.path.text()))
                    .help("a penalty has `where` bindings, and these have no parts"),
            ),
        }
    }

    fn apply_to_stage(&mut self, setting: &tree::Setting, name: &Name, problems: &mut Problems) {
        let stages: Vec<&str> = self.resolved.stages.iter().map(|s| s.name.node.as_str()).collect();
        let chosen: Vec<&str> =
            stages.iter().copied().filter(|stage| name.node == "*" || *stage == name.node).collect();
        if chosen.is_empty() {
            problems.push(unknown_name("stage", name, stages));
            return;
        }
        let mut inner = setting.clone();
        inner.path.segments.drain(..2);
        for stage in chosen {
            self.of_stages.entry(stage.to_string()).or_default().push(inner.clone());
        }
    }

    /// The keys that a path names.
    fn locate(&self, segments: &[Name]) -> Result<Vec<Target>, Box<Diagnostic>> {
        // `evaluate.suite.aime.samples` is the long form of `suite.aime.samples`.
        let segments = match segments {
            [outer, inner, ..] if outer.node == "evaluate" && inner.node == "suite" => {
                segments.get(1..).unwrap_or_default()
            }
            other => other,
        };
        let Some((first, rest)) = segments.split_first() else { return Ok(Vec::new()) };
        let Some(block) =
            BLOCKS.iter().find(|b| b.keyword == first.node && b.keyword != "variant" && b.inside != Some("stage"))
        else {
            let legal = BLOCKS.iter().map(|b| b.keyword).chain(self.terms.keys().map(String::as_str));
            let mut diagnostic =
                Diagnostic::new(codes::OVERRIDE_OF_NOTHING, format!("there is no `{}` to override", first.node))
                    .at(first.span, "neither a block nor a penalty");
            if let Some(near) = suggest::near(&first.node, legal) {
                diagnostic =
                    diagnostic.help(format!("did you mean `{}`?", near.word)).fix(first.span, near.word, near.certain);
            }
            return Err(Box::new(diagnostic));
        };
        if !block.named || block.keyword == "recipe" {
            return Ok(vec![self.key(block.keyword.to_string(), block, rest, first)?]);
        }
        let Some((name, rest)) = rest.split_first() else {
            return Err(Box::new(
                Diagnostic::new(codes::OVERRIDE_OF_NOTHING, format!("`{}` alone is no setting", first.node))
                    .at(first.span, "a name and a key belong behind this")
                    .help(format!("write `{}.NAME.KEY`", first.node)),
            ));
        };
        let all: Vec<&str> = match block.keyword {
            "stage" => self.resolved.stages.iter().map(|s| s.name.node.as_str()).collect(),
            keyword => self.resolved.names(keyword).map(|n| n.node.as_str()).collect(),
        };
        let chosen: Vec<&str> = all.iter().copied().filter(|one| name.node == "*" || *one == name.node).collect();
        if chosen.is_empty() {
            return Err(Box::new(unknown_name(block.keyword, name, all)));
        }
        let found: Vec<Result<Target, Box<Diagnostic>>> = chosen
            .into_iter()
            .map(|one| {
                let prefix = format!("{}.{one}", block.keyword);
                match (block.keyword, rest) {
                    ("stage", [word, rest @ ..]) if word.node == "supervised" => {
                        match keys::find_block("supervised", Some("stage")) {
                            Some(inner) => self.key(format!("{prefix}.supervised"), inner, rest, word),
                            None => Err(Box::new(unknown_name("key", word, Vec::new()))),
                        }
                    }
                    _ => self.key(prefix, block, rest, name),
                }
            })
            .collect();
        // `*` stands for every name that has what follows; one of them must.
        if name.node == "*" && found.iter().any(Result::is_ok) {
            return Ok(found.into_iter().filter_map(Result::ok).collect());
        }
        found.into_iter().collect()
    }

    /// Walks from a block to a key, through records and the words that are in force.
    fn key(
        &self,
        prefix: String,
        block: &'static Block,
        rest: &[Name],
        before: &Name,
    ) -> Result<Target, Box<Diagnostic>> {
        let mut path = prefix;
        let mut keys = block.keys;
        let mut what = format!("`{}`", block.keyword);
        let mut found: Option<&'static Key> = None;
        for (at, segment) in rest.iter().enumerate() {
            if let Some(key) = found
                && let Kind::Formula(_) = key.kind
            {
                let last = at + 1 == rest.len();
                if last {
                    return Ok(Target { path, key, binding: Some(segment.clone()), argument: None });
                }
            }
            if let Some(key) = found
                && let Some((word, rows)) = self.call_at(&path, key)
            {
                return match rows.iter().find(|row| row.name == segment.node) {
                    Some(row) if at + 1 == rest.len() => {
                        Ok(Target { path, key, binding: None, argument: Some((row, rows)) })
                    }
                    Some(_) => Err(Box::new(
                        Diagnostic::new(codes::OVERRIDE_OF_NOTHING, format!("`{}` has no parts", segment.node))
                            .at(segment.span, "nothing is behind an argument"),
                    )),
                    None => Err(Box::new(no_argument(&word, segment, rows))),
                };
            }
            let Some(key) = keys.iter().find(|k| k.name == segment.node) else {
                let whole = tree::Path { segments: rest.to_vec(), span: segment.span };
                return Err(Box::new(unknown_key(&whole, at, &what, keys)));
            };
            path = format!("{path}.{}", key.name);
            found = Some(key);
            (keys, what) = match key.kind {
                Kind::Record(keys) => (keys, format!("`{}`", key.name)),
                Kind::Choice(_) => match self.word_at(&path, key).and_then(|word| key.kind.choice(&word)) {
                    Some(choice) => (choice.keys, format!("`{}`", choice.word)),
                    None => (&[][..], format!("`{}`", key.name)),
                },
                _ => (&[][..], format!("`{}`", key.name)),
            };
        }
        match found {
            Some(key) => Ok(Target { path, key, binding: None, argument: None }),
            None => Err(Box::new(
                Diagnostic::new(codes::OVERRIDE_OF_NOTHING, format!("`{}` is a block, not a setting", before.node))
                    .at(before.span, "a key belongs behind this")
                    .help(format!("write `{}.KEY`", before.node)),
            )),
        }
    }

    /// The word of the call that is in force at a path, with the arguments that it takes.
    fn call_at(&self, path: &str, key: &Key) -> Option<(String, &'static [Argument])> {
        let ExprKind::Call { function, .. } = &self.settings.get(path)?.value.body.kind else { return None };
        let word = function.text();
        let rows = key.kind.choice(&word)?.arguments?;
        Some((word, rows))
    }

    /// The word that is in force at a path, written or by default.
    fn word_at(&self, path: &str, key: &Key) -> Option<String> {
        match self.settings.get(path).map(|s| &s.value.body.kind) {
            Some(ExprKind::Path(word)) => Some(word.text()),
            Some(_) => None,
            None => match key.absent {
                Absent::Default(word) => Some(word.to_string()),
                _ => None,
            },
        }
    }
}

/// So many overrides may a variant or a stage make: each remembers what it replaced.
const MOST_OVERRIDES: usize = 1_000;

fn too_many(overrides: &[tree::Setting], problems: &mut Problems) {
    if let Some(setting) = overrides.get(MOST_OVERRIDES) {
        problems.push(
            Diagnostic::new(codes::TOO_MANY, format!("{} overrides in one place", overrides.len()))
                .at(setting.span, format!("a variant or a stage makes at most {MOST_OVERRIDES}"))
                .help("write a recipe that extends this one"),
        );
    }
}

/// Whether a path is of the whole run, so that a stage cannot change it.
fn of_the_run(path: &tree::Path) -> bool {
    let mut words = path.segments.iter().map(|s| s.node.as_str());
    match (words.next(), words.next()) {
        (Some("budget"), Some("tokens" | "time")) => true,
        (Some(first), _) => {
            matches!(first, "recipe" | "model" | "evaluate" | "suite" | "checkpoint" | "data" | "stage")
        }
        (None, _) => false,
    }
}

fn stage_key(word: &str) -> bool {
    keys::find_block("stage", None).is_some_and(|stage| stage.keys.iter().any(|k| k.name == word))
}

/// Gives a `where` binding a new value; false when the formula has no such binding.
fn replace_binding(formula: &mut tree::Formula, name: &Name, setting: &tree::Setting) -> bool {
    let Some(at) = formula.bindings.iter().position(|b| b.name.node == name.node) else { return false };
    if let Some(binding) = formula.bindings.get_mut(at) {
        binding.value = setting.value.body.clone();
    }
    // Bindings of the new value come before the binding that uses them.
    formula.bindings.splice(at..at, setting.value.bindings.iter().cloned());
    true
}

/// The position of an argument in a call as it is written, by its name or by its place.
pub(crate) fn argument_of(arguments: &[tree::Argument], row: &Argument, rows: &[Argument]) -> Option<usize> {
    let by_name = |a: &tree::Argument| a.name.as_ref().is_some_and(|name| name.node == row.name);
    arguments.iter().position(by_name).or_else(|| {
        let place = rows.iter().filter(|r| r.positional).position(|r| r.name == row.name)?;
        let unnamed = arguments.iter().enumerate().filter(|(_, a)| a.name.is_none());
        unnamed.map(|(at, _)| at).nth(place)
    })
}

/// The origin of a part of a value: of the value itself, at the part's own place.
pub(crate) fn origin_of_part(whole: &Origin, part: Span) -> Origin {
    match whole {
        Origin::Written(_) => Origin::Written(part),
        Origin::Overridden { was, .. } => Origin::Overridden { by: part, was: was.clone() },
        other => other.clone(),
    }
}

fn no_argument(word: &str, name: &Name, rows: &[Argument]) -> Diagnostic {
    let mut diagnostic = Diagnostic::new(codes::UNKNOWN_ARGUMENT, format!("`{word}` has no argument `{}`", name.node))
        .at(name.span, "there is nothing to override");
    let legal = rows.iter().map(|row| row.name);
    diagnostic.help = suggest::help(&name.node, legal.clone());
    if let Some(near) = suggest::nearest(&name.node, legal) {
        diagnostic = diagnostic.fix(name.span, near, false);
    }
    diagnostic
}

fn no_binding(owner: &str, formula: &tree::Formula, binding: &Name) -> Diagnostic {
    let legal = formula.bindings.iter().map(|b| b.name.node.as_str());
    let mut diagnostic = Diagnostic::new(
        codes::OVERRIDE_OF_NOTHING,
        format!("`{}` has no `where` binding `{}`", path_end(owner), binding.node),
    )
    .at(binding.span, "there is nothing to override");
    diagnostic.help = suggest::help(&binding.node, legal);
    diagnostic.at(formula.span, "the formula")
}

fn nothing(setting: &tree::Setting, message: String) -> Diagnostic {
    Diagnostic::new(codes::OVERRIDE_OF_NOTHING, message).at(setting.path.span, "there is nothing to override")
}

/// The diagnostic for a name that nothing has.
pub(crate) fn unknown_name(kind: &str, name: &Name, legal: Vec<&str>) -> Diagnostic {
    let mut diagnostic = Diagnostic::new(codes::UNKNOWN_NAME, format!("there is no {kind} `{}`", name.node))
        .at(name.span, format!("not the name of a {kind}"));
    diagnostic.help = suggest::help(&name.node, legal.iter().copied());
    if let Some(near) = suggest::near(&name.node, legal) {
        diagnostic = diagnostic.fix(name.span, near.word, near.certain);
    }
    diagnostic
}

/// The pattern of a path as the origin of a default.
pub(crate) fn default_origin(path: &str, key: &'static Key) -> Origin {
    Origin::Default(keys::row_path(&pattern_of(path)).unwrap_or(key.name))
}
