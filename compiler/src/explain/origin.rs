//! Origins in words.

use crate::recipe::Origin;
use crate::resolve::settings::pattern_of;
use crate::values::parse_literal;
use crate::vocabulary::keys;
use crate::vocabulary::kinds::Absent;
use recipec_grammar::source::{Source, Span};

/// Finds the words for places.
pub struct Places<'a> {
    sources: &'a [Source],
    edition: i64,
}

impl<'a> Places<'a> {
    /// Places in these texts; without texts, places are left out.
    pub fn new(sources: &'a [Source], edition: i64) -> Self {
        Self { sources, edition }
    }

    /// `quickstart.recipe:17`: the name of the file without its folder, unless another file has the same name.
    pub fn place(&self, span: Span) -> Option<String> {
        let source = self.sources.iter().find(|source| source.id == span.file)?;
        Some(format!("{}:{}", self.name(source), source.position(span.start).line))
    }

    /// A file's name, as short as it is clear.
    pub fn name<'s>(&self, source: &'s Source) -> &'s str {
        let short = |name: &'s str| name.rsplit('/').next().unwrap_or(name);
        let mine = short(&source.name);
        let same = self.sources.iter().filter(|other| other.name.rsplit('/').next() == Some(mine)).count();
        if same > 1 { &source.name } else { mine }
    }

    /// The origin of the value at a path.
    pub fn words(&self, path: &str, origin: &Origin) -> String {
        match origin {
            Origin::Written(span) => self.place(*span).unwrap_or_else(|| "written".into()),
            Origin::Default(_) => match self.same_as(path, origin) {
                Some(other) => format!("default, as {other}"),
                None => format!("default of edition {}", self.edition),
            },
            Origin::Overridden { by, was } => {
                let by = self.place(*by).map_or_else(|| "overridden".into(), |by| format!("overridden at {by}"));
                format!("{by}, was {}", self.before(path, was))
            }
            Origin::CommandLine => "--set".into(),
        }
    }

    /// The origin without what was there before, for readers who see both values.
    pub fn short(&self, path: &str, origin: &Origin) -> String {
        match origin {
            Origin::Overridden { by, .. } => {
                self.place(*by).map_or_else(|| "overridden".into(), |by| format!("overridden at {by}"))
            }
            other => self.words(path, other),
        }
    }

    /// What was there before: the value, and where it stood.
    fn before(&self, path: &str, was: &Origin) -> String {
        match was {
            Origin::Written(span) => match (self.text(*span), self.place(*span)) {
                (Some(text), Some(place)) => format!("{text} ({place})"),
                _ => "another value".into(),
            },
            Origin::Default(row) => {
                let pattern =
                    if keys::row(&pattern_of(path)).is_some() { pattern_of(path) } else { (*row).to_string() };
                match keys::row(&pattern).map(|row| row.key.absent) {
                    Some(Absent::Default(text)) => format!("{text} (default)"),
                    Some(Absent::Same(other)) => format!("as {other} (default)"),
                    _ => "not set".into(),
                }
            }
            Origin::Overridden { by, was } => {
                let now = self.text(*by).unwrap_or_else(|| "another value".into());
                let place = self.place(*by).map_or_else(String::new, |place| format!(" (overridden at {place})"));
                format!("{now}{place}, before that {}", self.before(path, was))
            }
            Origin::CommandLine => "set by --set".into(),
        }
    }

    /// The key whose value a default takes over.
    pub(crate) fn same_as(&self, path: &str, origin: &Origin) -> Option<&'static str> {
        let Origin::Default(row) = origin else { return None };
        let found = keys::row(&pattern_of(path)).or_else(|| keys::row(row))?;
        match found.key.absent {
            Absent::Same(other) => Some(other),
            // A default that names a budget is one of these too.
            Absent::Default(text) if text.contains('.') && parse_literal(text).is_some_and(|e| is_path(&e)) => {
                Some(text)
            }
            _ => None,
        }
    }

    /// The text of a place on one line, cut where it is long.
    fn text(&self, span: Span) -> Option<String> {
        let source = self.sources.iter().find(|source| source.id == span.file)?;
        let text = crate::values::one_line(source.text.get(span.start..span.end)?);
        Some(match text.char_indices().nth(60) {
            Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
            None => text,
        })
    }
}

fn is_path(expr: &recipec_grammar::tree::Expr) -> bool {
    matches!(&expr.kind, recipec_grammar::tree::ExprKind::Path(path) if path.segments.len() > 1)
}

/// Whether a value is the default of its key.
pub fn is_default(origin: &Origin) -> bool {
    matches!(origin, Origin::Default(_))
}
