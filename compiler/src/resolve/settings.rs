//! Settings by full path. Records are flattened, so that every value has one path, one place and one origin:
//! `optimizer = adamw { lr = 1e-6 }` in `train` is `train.optimizer` (the word) and `train.optimizer.lr`.

use crate::diagnostic::{Diagnostic, codes, suggest};
use crate::problems::Problems;
use crate::recipe::Origin;
use crate::vocabulary::kinds::{Key, Kind};
use recipec_grammar::source::Span;
use recipec_grammar::tree::{self, Expr, ExprKind, Formula, Path};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

/// A value as it was written, with its origin.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The value. The word of a record stands alone here; its settings have paths of their own.
    pub value: Formula,
    /// Where the key stands.
    pub key: Span,
    /// Where the value comes from.
    pub origin: Origin,
    /// Depth of the file that set it.
    pub layer: u32,
}

/// Settings by full path. Variants and stages share what they do not change: a copy costs nothing until it is written to.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    by_path: Arc<BTreeMap<Arc<str>, Arc<Setting>>>,
    /// Paths that were written since [`Settings::derived`].
    changed: BTreeSet<Arc<str>>,
}

/// Who sets a value, and what that means for a value that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    /// A block of a file of this depth.
    Block(u32),
    /// An `override` of a variant or stage.
    Override,
}

/// The path of a key below another path: `a.b`.
pub(crate) fn join(above: &str, key: &str) -> String {
    // A recipe of a thousand domains has tens of thousands of paths; the general formatter takes three times as long.
    [above, ".", key].concat()
}

/// The path of a key of a domain: `domain.math.ratio`.
pub(crate) fn of_domain(domain: &str, key: &str) -> String {
    ["domain.", domain, ".", key].concat()
}

/// The keys right below a path, at or below which one of the paths is; one may come several times.
pub(crate) fn keys_below<'a>(paths: &'a BTreeSet<Arc<str>>, above: &'a str) -> impl Iterator<Item = &'a str> {
    let from = paths.range::<str, _>((Bound::Included(above), Bound::Unbounded));
    let below =
        from.map_while(move |path| path.strip_prefix(above).filter(|rest| rest.is_empty() || rest.starts_with('.')));
    below.filter_map(|rest| rest.strip_prefix('.')?.split('.').next())
}

impl Settings {
    /// The same settings, of which none has changed yet.
    pub fn derived(&self) -> Self {
        Self { by_path: Arc::clone(&self.by_path), changed: BTreeSet::new() }
    }

    /// The keys right below a path, at or below which something was written since these settings were derived from others.
    pub(crate) fn changed_keys<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a str> {
        keys_below(&self.changed, path)
    }

    /// How many settings there are.
    pub fn len(&self) -> usize {
        self.by_path.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_path.is_empty()
    }

    /// The paths that were written since these settings were derived from others.
    pub fn changes(&self) -> impl Iterator<Item = &str> {
        self.changed.iter().map(AsRef::as_ref)
    }

    /// The setting at a path.
    pub fn get(&self, path: &str) -> Option<&Setting> {
        self.by_path.get(path).map(Arc::as_ref)
    }

    /// All settings in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Setting)> {
        self.by_path.iter().map(|(path, setting)| (path.as_ref(), setting.as_ref()))
    }

    /// The same, with paths that can be kept.
    pub(crate) fn iter_shared(&self) -> impl Iterator<Item = (&Arc<str>, &Setting)> {
        self.by_path.iter().map(|(path, setting)| (path, setting.as_ref()))
    }

    /// Changes one setting in place.
    pub fn get_mut(&mut self, path: &str) -> Option<&mut Setting> {
        let setting = Arc::make_mut(&mut self.by_path).get_mut(path)?;
        self.changed.insert(path.into());
        Some(Arc::make_mut(setting))
    }

    fn insert(&mut self, path: &str, setting: Setting) {
        Arc::make_mut(&mut self.by_path).insert(path.into(), Arc::new(setting));
    }

    /// Takes one setting out, as if it had never been written.
    pub fn remove(&mut self, path: &str) {
        Arc::make_mut(&mut self.by_path).remove(path);
    }

    /// Whether something is set at a path or below it.
    pub fn holds(&self, path: &str) -> bool {
        self.at_or_below(path).next().is_some()
    }

    /// Paths below a path.
    pub fn below<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a Arc<str>> {
        self.at_or_below(path).map(|(path, _)| path).filter(move |found| found.len() > path.len())
    }

    /// The settings at a path and below it.
    pub fn from<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a Setting> {
        self.at_or_below(path).map(|(_, setting)| setting.as_ref())
    }

    /// No path stands between a path and those below it: no character of a name sorts before the dot.
    fn at_or_below<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (&'a Arc<str>, &'a Arc<Setting>)> {
        let from = self.by_path.range::<str, _>((Bound::Included(path), Bound::Unbounded));
        from.take_while(move |(found, _)| is_at_or_below(found, path))
    }

    /// Sets a key, and all that its record holds. What was there before is replaced as a whole.
    pub fn set(
        &mut self,
        path: &str,
        key: &'static Key,
        setting: &tree::Setting,
        writer: Writer,
        problems: &mut Problems,
    ) {
        let key_span = setting.path.segments.last().map_or(setting.path.span, |s| s.span);
        let replaces = match self.before(path, key_span, setting, writer, problems) {
            Ok(replaces) => replaces,
            Err(()) => return,
        };
        let rival = if writer == Writer::Override || setting.overrides.is_some() { rival(path) } else { None };
        let below = |path: &str| self.below(path).cloned().collect::<Vec<Arc<str>>>();
        // Most settings are written once: nothing is there.
        let mut gone = if replaces.is_some() { below(path) } else { Vec::new() };
        if let Some(rival) = &rival {
            gone.extend(below(rival));
            gone.push(rival.as_str().into());
        }
        let mut parts = BTreeMap::new();
        for path in gone {
            if let Some(part) = Arc::make_mut(&mut self.by_path).remove(&path) {
                parts.insert(path, part.origin.clone());
            }
        }
        if writer == Writer::Override {
            self.changed.insert(path.into());
            self.changed.extend(rival.map(Arc::from));
        }
        let replaced = replaces.map(|whole| Replaced { path: path.to_string(), whole, parts });
        self.flatten(path, key, &setting.value, key_span, replaced.as_ref(), writer, problems);
    }

    /// Checks a new value against what is there. Gives the origin that is replaced, if any.
    fn before(
        &mut self,
        path: &str,
        key_span: Span,
        setting: &tree::Setting,
        writer: Writer,
        problems: &mut Problems,
    ) -> Result<Option<Origin>, ()> {
        let mut old = self.at_or_below(path).next().map(|(_, setting)| setting.as_ref());
        if writer == Writer::Override || setting.overrides.is_some() {
            old = old.or_else(|| self.get(&rival(path)?));
        }
        let Writer::Block(layer) = writer else { return Ok(old.map(|o| o.origin.clone())) };
        let name = path_end(path);
        match (old, setting.overrides) {
            (Some(old), _) if old.layer == layer => {
                problems.push(
                    Diagnostic::new(codes::DUPLICATE, format!("`{name}` is set twice"))
                        .at(key_span, "again here")
                        .at(old.key, "first here")
                        .help("keep one of the two"),
                );
                Err(())
            }
            (Some(old), None) => {
                problems.push(
                    Diagnostic::new(codes::SILENT_SHADOW, format!("`{path}` is already set by the base recipe"))
                        .at(key_span, "set again here")
                        .at(old.key, "set in the base")
                        .help(format!("write `override {name} = …` to replace it"))
                        .fix(at_start(key_span), "override ", true),
                );
                Err(())
            }
            (Some(old), Some(_)) => Ok(Some(old.origin.clone())),
            (None, Some(word)) => {
                problems.push(
                    Diagnostic::new(codes::OVERRIDE_OF_NOTHING, format!("`{path}` is not set by a base recipe"))
                        .at(word, "there is nothing to override")
                        .help(format!("write `{name} = …` without `override`")),
                );
                Ok(None)
            }
            (None, None) => Ok(None),
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn flatten(
        &mut self,
        path: &str,
        key: &'static Key,
        value: &Formula,
        key_span: Span,
        replaced: Option<&Replaced>,
        writer: Writer,
        problems: &mut Problems,
    ) {
        let layer = if let Writer::Block(layer) = writer { layer } else { u32::MAX };
        let default = || Origin::Default(crate::vocabulary::keys::row_path(&pattern_of(path)).unwrap_or(key.name));
        let origin = |span: Span| match (replaced, writer) {
            (None, Writer::Block(_)) => Origin::Written(span),
            (None, Writer::Override) => Origin::Overridden { by: span, was: Box::new(default()) },
            (Some(replaced), _) => {
                let was = replaced.at(path).cloned().unwrap_or_else(default);
                Origin::Overridden { by: span, was: Box::new(was) }
            }
        };
        let leaf = |value: Formula, origin: Origin| Setting { value, key: key_span, origin, layer };
        let ExprKind::Record { name, settings, braces } = &value.body.kind else {
            let origin = origin(value.span);
            self.insert(path, leaf(value.clone(), origin));
            return;
        };
        let keys: &'static [Key] = match (key.kind, name) {
            (Kind::Record(keys), None) => keys,
            (Kind::Choice(_), Some(word)) => match key.kind.choice(&word.node) {
                Some(choice) if !choice.keys.is_empty() || settings.is_empty() => choice.keys,
                _ => {
                    // The word is unknown or takes no record: reading the value says so.
                    self.insert(path, leaf(value.clone(), origin(value.span)));
                    return;
                }
            },
            _ => {
                self.insert(path, leaf(value.clone(), origin(value.span)));
                return;
            }
        };
        let word = match name {
            Some(word) => path_expr(&word.node, word.span),
            // A record without a word has no value of its own; the braces stand for it.
            None => {
                Expr { kind: ExprKind::Record { name: None, settings: Vec::new(), braces: *braces }, span: *braces }
            }
        };
        let span = word.span;
        self.insert(path, leaf(Formula { body: word, bindings: Vec::new(), source: None, span }, origin(span)));
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        for setting in settings {
            let Some(field) = setting.path.segments.first() else { continue };
            let Some(key) = keys.iter().find(|k| k.name == field.node) else {
                let what =
                    name.as_ref().map_or_else(|| format!("`{}`", path_end(path)), |word| format!("`{}`", word.node));
                problems.push(key_of_another_word(unknown_key(&setting.path, 0, &what, keys), key, &field.node));
                problems.lose_text();
                continue;
            };
            if let Some(first) = seen.insert(key.name, field.span) {
                problems.push(
                    Diagnostic::new(codes::DUPLICATE, format!("`{}` is set twice", key.name))
                        .at(field.span, "again here")
                        .at(first, "first here")
                        .help("keep one of the two"),
                );
                continue;
            }
            self.flatten(&format!("{path}.{}", key.name), key, &setting.value, field.span, replaced, writer, problems);
        }
    }
}

/// Whether a path is another one, or leads into it.
pub(crate) fn is_at_or_below(found: &str, path: &str) -> bool {
    found.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// What a new value replaces: the value at its path, and the parts of its record.
struct Replaced {
    path: String,
    whole: Origin,
    parts: BTreeMap<Arc<str>, Origin>,
}

impl Replaced {
    /// The origin of what was at a path.
    fn at(&self, path: &str) -> Option<&Origin> {
        if path == self.path { Some(&self.whole) } else { self.parts.get(path) }
    }
}

/// The diagnostic for a key that its block or record does not have.
pub(crate) fn unknown_key(path: &Path, segment: usize, what: &str, keys: &[Key]) -> Diagnostic {
    let Some(name) = path.segments.get(segment) else {
        return Diagnostic::new(codes::UNKNOWN_KEY, format!("{what} has no such key")).at(path.span, "here");
    };
    let mut diagnostic = Diagnostic::new(codes::UNKNOWN_KEY, format!("{what} has no key `{}`", name.node))
        .at(name.span, "not a key of this block");
    let words = keys.iter().map(|k| k.name);
    diagnostic.help = suggest::help(&name.node, words.clone());
    if let Some(near) = suggest::near(&name.node, words) {
        diagnostic = diagnostic.fix(name.span, near.word, near.certain);
    }
    diagnostic
}

/// The key that says the same thing in another way: an override of one takes the place of the other.
pub(crate) fn rival(path: &str) -> Option<String> {
    const RIVALS: &[(&str, &str)] = &[("domain.*.verify", "domain.*.signals"), ("mix.weight", "mix.strategy")];
    let pattern = pattern_of(path);
    let found = RIVALS.iter().find_map(|(one, other)| match pattern.as_str() {
        p if p == *one => Some(*other),
        p if p == *other => Some(*one),
        _ => None,
    })?;
    let (above, _) = path.rsplit_once('.')?;
    Some(format!("{above}.{}", path_end(found)))
}

/// Says under which other words of a choice a key would act.
fn key_of_another_word(diagnostic: Diagnostic, key: &Key, field: &str) -> Diagnostic {
    let Kind::Choice(choices) = key.kind else { return diagnostic };
    let others: Vec<&str> = choices.iter().filter(|c| c.keys.iter().any(|k| k.name == field)).map(|c| c.word).collect();
    if others.is_empty() {
        return diagnostic;
    }
    diagnostic.note(format!("`{field}` is a key of {}, where it acts", suggest::list(&others, "and")))
}

/// The empty place before a piece of text.
fn at_start(span: Span) -> Span {
    Span::new(span.file, span.start, span.start)
}

/// The last segment of a path.
pub(crate) fn path_end(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// A path of one word as an expression.
pub(crate) fn path_expr(word: &str, span: Span) -> Expr {
    let segments = word.split('.').map(|w| tree::Name::new(w.to_string(), span)).collect();
    Expr { kind: ExprKind::Path(Path { segments, span }), span }
}

/// The path with `*` in place of names: `domain.*.ratio` for `domain.math.ratio`.
pub(crate) fn pattern_of(path: &str) -> String {
    let mut segments: Vec<&str> = path.split('.').collect();
    if let Some(first) = segments.first()
        && crate::vocabulary::keys::BLOCKS.iter().any(|b| b.keyword == *first && b.named && b.keyword != "recipe")
        && let Some(name) = segments.get_mut(1)
    {
        *name = "*";
    }
    segments.join(".")
}
