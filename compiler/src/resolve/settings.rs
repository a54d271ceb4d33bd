//! Settings by full path. Records are flattened, so that every value has one path, one place and one origin:
//! `optimizer = adamw { lr = 1e-6 }` in `train` is `train.optimizer` (the word) and `train.optimizer.lr`.

use crate::diagnostic::{Diagnostic, codes, suggest};
use crate::problems::Problems;
use crate::recipe::Origin;
use crate::vocabulary::kinds::{Key, Kind};
use recipec_grammar::source::Span;
use recipec_grammar::tree::{self, Expr, ExprKind, Formula, Path};
use std::collections::BTreeMap;

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

/// Settings by full path.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    by_path: BTreeMap<String, Setting>,
}

/// Who sets a value, and what that means for a value that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    /// A block of a file of this depth.
    Block(u32),
    /// An `override` of a variant or stage.
    Override,
}

impl Settings {
    /// How many settings there are.
    pub fn len(&self) -> usize {
        self.by_path.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_path.is_empty()
    }

    /// The setting at a path.
    pub fn get(&self, path: &str) -> Option<&Setting> {
        self.by_path.get(path)
    }

    /// All settings in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Setting)> {
        self.by_path.iter()
    }

    /// Changes one setting in place.
    pub fn get_mut(&mut self, path: &str) -> Option<&mut Setting> {
        self.by_path.get_mut(path)
    }

    /// Whether something is set at a path or below it.
    pub fn holds(&self, path: &str) -> bool {
        self.by_path.contains_key(path) || self.below(path).next().is_some()
    }

    /// Paths below a path.
    pub fn below<'a>(&'a self, path: &str) -> impl Iterator<Item = &'a String> + use<'a> {
        let prefix = format!("{path}.");
        let from = prefix.clone();
        self.by_path.range(from..).map(|(path, _)| path).take_while(move |path| path.starts_with(&prefix))
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
        let gone: Vec<String> = self.below(path).cloned().collect();
        for path in gone {
            self.by_path.remove(&path);
        }
        self.flatten(path, key, &setting.value, key_span, replaces, writer, problems);
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
        let old = self.by_path.get(path).or_else(|| self.below(path).next().and_then(|p| self.by_path.get(p)));
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
                        .help(format!("write `override {name} = …` to replace it")),
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
        replaces: Option<Origin>,
        writer: Writer,
        problems: &mut Problems,
    ) {
        let layer = if let Writer::Block(layer) = writer { layer } else { u32::MAX };
        let origin = |span: Span| match (&replaces, writer) {
            (None, Writer::Block(_)) => Origin::Written(span),
            (None, Writer::Override) => Origin::Overridden {
                by: span,
                was: Box::new(Origin::Default(
                    crate::vocabulary::keys::row_path(&pattern_of(path)).unwrap_or(key.name),
                )),
            },
            (Some(was), _) => Origin::Overridden { by: span, was: Box::new(was.clone()) },
        };
        let leaf = |value: Formula, origin: Origin| Setting { value, key: key_span, origin, layer };
        let ExprKind::Record { name, settings, braces } = &value.body.kind else {
            let origin = origin(value.span);
            self.by_path.insert(path.to_string(), leaf(value.clone(), origin));
            return;
        };
        let keys: &'static [Key] = match (key.kind, name) {
            (Kind::Record(keys), None) => keys,
            (Kind::Choice(_), Some(word)) => match key.kind.choice(&word.node) {
                Some(choice) if !choice.keys.is_empty() || settings.is_empty() => choice.keys,
                _ => {
                    // The word is unknown or takes no record: reading the value says so.
                    self.by_path.insert(path.to_string(), leaf(value.clone(), origin(value.span)));
                    return;
                }
            },
            _ => {
                self.by_path.insert(path.to_string(), leaf(value.clone(), origin(value.span)));
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
        self.by_path.insert(path.to_string(), leaf(Formula { body: word, bindings: Vec::new(), span }, origin(span)));
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        for setting in settings {
            let Some(field) = setting.path.segments.first() else { continue };
            let Some(key) = keys.iter().find(|k| k.name == field.node) else {
                let what =
                    name.as_ref().map_or_else(|| format!("`{}`", path_end(path)), |word| format!("`{}`", word.node));
                problems.push(unknown_key(&setting.path, 0, &what, keys));
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
            self.flatten(
                &format!("{path}.{}", key.name),
                key,
                &setting.value,
                field.span,
                replaces.clone(),
                writer,
                problems,
            );
        }
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
    if let Some(near) = suggest::nearest(&name.node, words) {
        diagnostic = diagnostic.fix(name.span, near, false);
    }
    diagnostic
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
