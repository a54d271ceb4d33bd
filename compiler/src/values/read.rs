//! Reads settings by the rows of the vocabulary.

use super::literal::literal;
use super::{Entry, Share, Value, Values};
use crate::diagnostic::{Diagnostic, codes, suggest};
use crate::formula::{self, Level, ParamType, Scope, Type, TypedFormula};
use crate::problems::Problems;
use crate::resolve::overrides::{default_origin, unknown_name};
use crate::resolve::settings::path_end;
use crate::resolve::{Setting, View};
use crate::units::{self, Dimension};
use crate::vocabulary::kinds::{Absent, Argument, Bounds, Choice, Key, Kind};
use recipec_grammar::source::{Source, Span};
use recipec_grammar::tree::{self, Expr, ExprKind};
use std::collections::BTreeMap;

/// Above 2^53 not every whole number is a float.
const MOST_COUNTED: f64 = 9_007_199_254_740_992.0;

/// What all readings of one recipe share.
pub struct Reader<'a> {
    /// The definitions that are read.
    pub view: &'a View<'a>,
    /// Texts, for printing values as they were written.
    pub sources: &'a [Source],
    /// Named formulas.
    pub formulas: &'a BTreeMap<String, tree::FormulaDef>,
    /// Names of all domains, sorted: the position is the value of `domain` in formulas.
    pub domains: &'a [String],
    /// What has been read so far.
    pub values: Values,
}

impl Reader<'_> {
    /// A scope without signals: for settings.
    fn constants(&self) -> Scope<'_> {
        self.scope(Level::Constant, 1)
    }

    /// What a formula of a level may name.
    pub fn scope(&self, level: Level, group_size: u64) -> Scope<'_> {
        const NONE: &BTreeMap<String, String> = &BTreeMap::new();
        Scope {
            level,
            params: &self.values.params,
            budget: &self.values.budget,
            formulas: self.formulas,
            terms: &self.values.terms,
            domains: self.domains,
            absent: NONE,
            group_size,
        }
    }

    /// Reads all keys of a block. Formulas are left for [`Reader::formula`], because they need the numbers first.
    pub fn block(&mut self, prefix: &str, keys: &'static [Key], place: Span, problems: &mut Problems) {
        for key in keys {
            self.key(&format!("{prefix}.{}", key.name), key, place, problems);
        }
    }

    fn key(&mut self, path: &str, key: &'static Key, place: Span, problems: &mut Problems) {
        if matches!(key.kind, Kind::Formula(_)) {
            return;
        }
        let Some(setting) = self.view.settings.get(path) else { return self.absent(path, key, place, problems) };
        let value = self.value(path, &key.kind, setting, problems);
        let text = self.written(setting, &value);
        self.values.insert(path, Entry { value, origin: setting.origin.clone(), text });
        self.know_budget(path, key);
        self.parts(path, key, place, problems);
    }

    /// Makes a budget known to the formulas and settings behind it. A hole counts as 1, so that what names it can still be read.
    fn know_budget(&mut self, path: &str, key: &'static Key) {
        let Kind::Amount { dimension, .. } = key.kind else { return };
        if !path.starts_with("budget.") {
            return;
        }
        let value = match self.values.get(path).map(|e| &e.value) {
            Some(Value::Number(number)) => *number,
            Some(_) => 1.0,
            None => return,
        };
        self.values.budget.insert(path.to_string(), (dimension, value));
    }

    /// Reads the keys of a record, or of the word that was chosen.
    fn parts(&mut self, path: &str, key: &'static Key, place: Span, problems: &mut Problems) {
        let keys = match key.kind {
            Kind::Record(keys) => keys,
            Kind::Choice(_) => match self.values.word(path).and_then(|word| key.kind.choice(word)) {
                Some(choice) => choice.keys,
                None => return,
            },
            _ => return,
        };
        let place = self.values.span(path).unwrap_or(place);
        self.block(path, keys, place, problems);
    }

    fn absent(&mut self, path: &str, key: &'static Key, place: Span, problems: &mut Problems) {
        match key.absent {
            Absent::Nothing => {}
            Absent::Required(why) => {
                missing(path, key, why, place, problems);
                self.values.insert(path, Entry { value: Value::Hole, origin: default_origin(path, key), text: String::new() });
                self.know_budget(path, key);
                return;
            }
            Absent::Same(other) => {
                if let Some(entry) = self.values.get(other) {
                    let entry = Entry { origin: default_origin(path, key), text: other.to_string(), ..entry.clone() };
                    self.values.insert(path, entry);
                }
            }
            Absent::Default(text) => {
                let origin = default_origin(path, key);
                if let Some(body) = literal(text) {
                    let span = body.span;
                    let setting = Setting { value: tree::Formula { body, bindings: Vec::new(), span }, key: span, origin: origin.clone(), layer: 0 };
                    let value = self.value(path, &key.kind, &setting, problems);
                    self.values.insert(path, Entry { value, origin, text: text.to_string() });
                }
            }
        }
        self.know_budget(path, key);
        self.parts(path, key, place, problems);
    }

    /// The value as the recipe writes it, on one line.
    fn written(&self, setting: &Setting, value: &Value) -> String {
        if let Value::Record = value {
            return "{ … }".into();
        }
        self.text_of(setting.value.span)
    }

    /// A piece of text on one line, without comments.
    pub fn text_of(&self, span: Span) -> String {
        let text = self.sources.iter().find(|s| s.id == span.file).and_then(|s| s.text.get(span.start..span.end)).unwrap_or_default();
        one_line(text)
    }

    fn value(&self, path: &str, kind: &Kind, setting: &Setting, problems: &mut Problems) -> Value {
        let expr = &setting.value.body;
        if let ExprKind::Hole = expr.kind {
            return Value::Hole;
        }
        if let (Some(binding), false) = (setting.value.bindings.first(), matches!(kind, Kind::Formula(_) | Kind::Later)) {
            problems.push(Diagnostic::new(codes::WRONG_KIND, format!("`{}` takes no `where`", path_end(path))).at(binding.name.span, "remove this").help("`where` belongs to formulas; use a `param` instead"));
        }
        self.expr(path, kind, expr, problems)
    }

    /// Reads an expression as a value of a kind.
    fn expr(&self, path: &str, kind: &Kind, expr: &Expr, problems: &mut Problems) -> Value {
        let bad = |problems: &mut Problems| {
            problems.push(wrong_kind(path, kind, expr));
            Value::Hole
        };
        match kind {
            Kind::Amount { dimension, whole, least } => self.number(path, expr, *dimension, *whole, Bounds { least: *least, most: f64::INFINITY, above: false }, problems),
            Kind::Counted => {
                let dimension = match self.counted() {
                    Some(dimension) => dimension,
                    None => return Value::Hole,
                };
                if let ExprKind::Quantity(q) = &expr.kind
                    && q.value == 0.0
                    && q.unit.is_none()
                {
                    return Value::Number(0.0);
                }
                self.number(path, expr, dimension, true, Bounds { least: 0.0, most: f64::INFINITY, above: false }, problems)
            }
            Kind::Number(bounds) => self.number(path, expr, Dimension::PURE, false, *bounds, problems),
            Kind::Integer(bounds) => self.number(path, expr, Dimension::PURE, true, *bounds, problems),
            Kind::NumberOr(bounds, word) => match &expr.kind {
                ExprKind::Path(p) if p.text() == *word => Value::Word((*word).to_string()),
                _ => self.number(path, expr, Dimension::PURE, false, *bounds, problems),
            },
            Kind::Truth => match &expr.kind {
                ExprKind::Bool(truth) => Value::Truth(*truth),
                _ => bad(problems),
            },
            Kind::Text => match &expr.kind {
                ExprKind::Text(text) => Value::Text(text.clone()),
                _ => bad(problems),
            },
            Kind::Word => match &expr.kind {
                ExprKind::Path(p) if p.segments.len() == 1 => Value::Word(p.text()),
                _ => bad(problems),
            },
            Kind::Levels => self.levels(path, kind, expr, problems),
            Kind::Record(_) => match &expr.kind {
                ExprKind::Record { name: None, .. } => Value::Record,
                _ => bad(problems),
            },
            Kind::Shares => self.shares(path, kind, expr, problems),
            Kind::Choice(choices) => self.choice(path, kind, choices, expr, problems),
            Kind::Later => {
                problems.push(
                    Diagnostic::new(codes::NOT_YET, format!("`{path}` is not carried out by this version"))
                        .at(expr.span, "nothing would read this")
                        .help("remove it"),
                );
                Value::Hole
            }
            Kind::Formula(_) => Value::Hole,
        }
    }

    /// The dimension that `mix.count` counts.
    fn counted(&self) -> Option<Dimension> {
        let Value::Call { arguments, .. } = &self.values.get("mix.count")?.value else { return None };
        match arguments.get("of")? {
            Value::Word(word) => units::unit(word).map(|(dimension, _)| dimension),
            _ => None,
        }
    }

    fn number(&self, path: &str, expr: &Expr, dimension: Dimension, whole: bool, bounds: Bounds, problems: &mut Problems) -> Value {
        let name = path_end(path);
        let Some((value, found)) = self.constant(path, expr, problems) else { return Value::Hole };
        if found != dimension {
            // A unit that cannot be read was reported by the grammar, and left a bare number.
            if !problems.reported_within(expr.span, "syntax") {
                problems.push(wrong_unit(path, expr, found, dimension));
            }
            return Value::Hole;
        }
        if whole && value != libm::trunc(value) {
            problems.push(Diagnostic::new(codes::NOT_WHOLE, format!("`{name}` is a whole number, found {value}")).at(expr.span, "not whole").help(format!(
                "use {} or {}",
                amount(libm::floor(value), dimension),
                amount(libm::ceil(value), dimension)
            )));
            return Value::Hole;
        }
        if !bounds.hold(value) {
            problems.push(
                Diagnostic::new(codes::OUT_OF_RANGE, format!("`{name}` must be {}, found {value}", bounds.words()))
                    .at(expr.span, format!("{} is outside", amount(value, dimension))),
            );
            return Value::Hole;
        }
        if whole && value > MOST_COUNTED {
            problems.push(Diagnostic::new(codes::OUT_OF_RANGE, format!("`{name}` is too large to be counted")).at(expr.span, "more than 2^53"));
            return Value::Hole;
        }
        if !value.is_finite() {
            problems.push(Diagnostic::new(codes::OUT_OF_RANGE, format!("`{name}` is not a finite number")).at(expr.span, format!("this is {value}")));
            return Value::Hole;
        }
        Value::Number(value)
    }

    /// The value of an expression over params and budgets, in base units.
    fn constant(&self, path: &str, expr: &Expr, problems: &mut Problems) -> Option<(f64, Dimension)> {
        match &expr.kind {
            ExprKind::Quantity(q) => {
                let (dimension, factor) = match &q.unit {
                    Some(unit) => units::unit(&unit.node)?,
                    None => (Dimension::PURE, 1.0),
                };
                Some((q.value * factor, dimension))
            }
            ExprKind::Text(_) | ExprKind::Bool(_) | ExprKind::Record { .. } | ExprKind::List(_) | ExprKind::Range(..) => {
                let kind = Kind::Number(Bounds { least: 0.0, most: 0.0, above: false });
                let mut diagnostic = wrong_kind(path, &kind, expr);
                diagnostic.message = format!("`{}` takes a number", path_end(path));
                problems.push(diagnostic);
                None
            }
            ExprKind::Hole => None,
            _ => formula::constant(expr, None, &format!("`{path}`"), &self.constants(), problems),
        }
    }

    fn levels(&self, path: &str, kind: &Kind, expr: &Expr, problems: &mut Problems) -> Value {
        let whole = |e: &Expr| match &e.kind {
            ExprKind::Quantity(q) if q.whole && q.unit.is_none() && q.value >= 1.0 && q.value <= f64::from(u32::MAX) => Some(q.value as u32),
            _ => None,
        };
        if let ExprKind::Range(low, high) = &expr.kind
            && let (Some(low), Some(high)) = (whole(low), whole(high))
        {
            if low <= high {
                return Value::Levels(low, high);
            }
            problems.push(Diagnostic::new(codes::OUT_OF_RANGE, format!("the range {low}..{high} is empty")).at(expr.span, "the first number is above the second").help(format!("write `{high}..{low}`")));
            return Value::Hole;
        }
        problems.push(wrong_kind(path, kind, expr));
        Value::Hole
    }

    fn shares(&self, path: &str, kind: &Kind, expr: &Expr, problems: &mut Problems) -> Value {
        let ExprKind::Record { name: None, settings, .. } = &expr.kind else {
            problems.push(wrong_kind(path, kind, expr));
            return Value::Hole;
        };
        let mut shares: Vec<Share> = Vec::new();
        let mut hole = settings.is_empty();
        if settings.is_empty() {
            problems.push(Diagnostic::new(codes::WRONG_KIND, "a stage needs at least one domain").at(expr.span, "no domain in here"));
        }
        for setting in settings {
            let Some(domain) = setting.path.segments.first() else { continue };
            if !self.domains.contains(&domain.node) {
                if !problems.lost_text() {
                    problems.push(unknown_name("domain", domain, self.domains.iter().map(String::as_str).collect()));
                }
                hole = true;
                continue;
            }
            if let Some(first) = shares.iter().find(|s| s.domain == domain.node) {
                problems.push(Diagnostic::new(codes::DUPLICATE, format!("`{}` is set twice", domain.node)).at(domain.span, "again here").at(first.span, "first here"));
                hole = true;
                continue;
            }
            let bounds = Bounds { least: 0.0, most: 1.0, above: false };
            match self.number(&format!("{path}.{}", domain.node), &setting.value.body, Dimension::PURE, false, bounds, problems) {
                Value::Number(ratio) => shares.push(Share { domain: domain.node.clone(), ratio, span: setting.value.span }),
                _ => hole = true,
            }
        }
        if hole { Value::Hole } else { Value::Shares(shares) }
    }

    fn choice(&self, path: &str, kind: &Kind, choices: &'static [Choice], expr: &Expr, problems: &mut Problems) -> Value {
        let name = path_end(path);
        let (word, span) = match &expr.kind {
            ExprKind::Path(p) => (p.text(), p.span),
            ExprKind::Call { function, .. } => (function.text(), function.span),
            ExprKind::Record { name: Some(word), .. } => (word.node.clone(), word.span),
            _ => {
                problems.push(wrong_kind(path, kind, expr));
                return Value::Hole;
            }
        };
        let Some(choice) = choices.iter().find(|c| c.word == word) else {
            let words = choices.iter().map(|c| c.word);
            let mut diagnostic = Diagnostic::new(codes::UNKNOWN_WORD, format!("`{name}` cannot be `{word}`")).at(span, format!("not a choice of `{name}`"));
            diagnostic.help = suggest::help(&word, words.clone());
            if let Some(near) = suggest::nearest(&word, words) {
                diagnostic = diagnostic.fix(span, near, false);
            }
            problems.push(diagnostic);
            return Value::Hole;
        };
        if choice.later {
            problems.push(
                Diagnostic::new(codes::NOT_YET, format!("`{word}` is not carried out by this version"))
                    .at(span, "in the language, but not in this version")
                    .help(format!("this version has {}", suggest::list(&choices.iter().filter(|c| !c.later).map(|c| c.word).collect::<Vec<_>>(), "and"))),
            );
            return Value::Hole;
        }
        match (&expr.kind, choice.arguments) {
            (ExprKind::Path(_), None) => Value::Word(word),
            (ExprKind::Call { arguments, .. }, Some(rows)) => self.call(path, choice, rows, arguments, expr.span, problems),
            (ExprKind::Path(_), Some(_)) => {
                problems.push(Diagnostic::new(codes::WRONG_KIND, format!("`{word}` is written with round brackets")).at(span, "arguments belong behind this").help(format!("write `{}`", example(choice))));
                Value::Hole
            }
            _ => {
                problems.push(Diagnostic::new(codes::WRONG_KIND, format!("`{word}` takes {}", if choice.arguments.is_some() { "arguments in round brackets" } else { "nothing in brackets" })).at(expr.span, "not like this").help(format!("write `{}`", example(choice))));
                Value::Hole
            }
        }
    }

    fn call(&self, path: &str, choice: &'static Choice, rows: &'static [Argument], arguments: &[tree::Argument], span: Span, problems: &mut Problems) -> Value {
        let word = choice.word;
        let mut read: BTreeMap<String, Value> = BTreeMap::new();
        let mut positional = rows.iter().filter(|r| r.positional);
        for argument in arguments {
            let row = match &argument.name {
                Some(name) => rows.iter().find(|r| r.name == name.node),
                None => positional.next(),
            };
            let Some(row) = row else {
                let place = argument.name.as_ref().map_or(argument.value.span, |n| n.span);
                let mut diagnostic = match &argument.name {
                    Some(name) => {
                        let mut d = Diagnostic::new(codes::UNKNOWN_ARGUMENT, format!("`{word}` has no argument `{}`", name.node));
                        d.help = suggest::help(&name.node, rows.iter().map(|r| r.name));
                        if let Some(near) = suggest::nearest(&name.node, rows.iter().map(|r| r.name)) {
                            d = d.fix(name.span, near, false);
                        }
                        d
                    }
                    None => Diagnostic::new(codes::UNKNOWN_ARGUMENT, format!("`{word}` takes no value without a name here")).help(format!("write `{}`", example(choice))),
                };
                diagnostic = diagnostic.at(place, "not an argument of this call");
                problems.push(diagnostic);
                continue;
            };
            if let Some(filter) = &argument.filter {
                problems.push(Diagnostic::new(codes::WRONG_KIND, "a filter belongs to an aggregate").at(filter.span, "remove this `if`"));
            }
            if read.contains_key(row.name) {
                problems.push(Diagnostic::new(codes::DUPLICATE, format!("`{}` is given twice", row.name)).at(argument.value.span, "again here"));
                continue;
            }
            read.insert(row.name.to_string(), self.expr(&format!("{path}.{}", row.name), &row.kind, &argument.value, problems));
        }
        for row in rows {
            if read.contains_key(row.name) {
                continue;
            }
            match row.absent {
                Absent::Default(text) => {
                    if let Some(expr) = literal(text) {
                        read.insert(row.name.to_string(), self.expr(path, &row.kind, &expr, problems));
                    }
                }
                Absent::Required(_) => {
                    problems.push(Diagnostic::new(codes::MISSING_KEY, format!("`{word}` needs `{}`", row.name)).at(span, "not given here").help(format!("write `{}`", example(choice))));
                    read.insert(row.name.to_string(), Value::Hole);
                }
                Absent::Same(_) | Absent::Nothing => {}
            }
        }
        if read.values().any(|v| matches!(v, Value::Hole)) {
            return Value::Hole;
        }
        Value::Call { word: word.to_string(), arguments: read }
    }

    /// Reads a formula of the settings, and keeps it.
    pub fn formula(&mut self, path: &str, key: &'static Key, group_size: u64, place: Span, problems: &mut Problems) -> Option<TypedFormula> {
        let Kind::Formula(level) = key.kind else { return None };
        let Some(setting) = self.view.settings.get(path) else {
            if let Absent::Required(why) = key.absent {
                missing(path, key, why, place, problems);
                self.values.insert(path, Entry { value: Value::Hole, origin: default_origin(path, key), text: String::new() });
            }
            return None;
        };
        let typed = formula::check(&setting.value, Type::Number(Dimension::PURE), &format!("`{path}`"), &self.scope(level, group_size), problems);
        let value = typed.clone().map_or(Value::Hole, |t| Value::Formula(Box::new(t)));
        let text = self.text_of(setting.value.span);
        self.values.insert(path, Entry { value, origin: setting.origin.clone(), text });
        typed
    }
}

/// Reads the value of a param: a constant of its type, inside of its range.
pub fn read_param_value(name: &str, expr: &Expr, ty: &ParamType, whole: bool, earlier: &Scope<'_>, problems: &mut Problems) -> Option<f64> {
    let Type::Number(dimension) = ty.ty else { return None };
    let (value, found) = match &expr.kind {
        ExprKind::Hole => return None,
        ExprKind::Quantity(q) => match &q.unit {
            Some(unit) => units::unit(&unit.node).map(|(dimension, factor)| (q.value * factor, dimension))?,
            None => (q.value, Dimension::PURE),
        },
        _ => formula::constant(expr, None, &format!("param `{name}`"), earlier, problems)?,
    };
    if found != dimension {
        if !problems.reported_within(expr.span, "syntax") {
            problems.push(wrong_unit(name, expr, found, dimension));
        }
        return None;
    }
    if whole && value != libm::trunc(value) {
        problems.push(Diagnostic::new(codes::NOT_WHOLE, format!("param `{name}` is an integer, found {value}")).at(expr.span, "not whole").help("declare it as `number`, or give a whole number"));
        return None;
    }
    if let Some((low, high)) = ty.range
        && !(low..=high).contains(&value)
    {
        problems.push(
            Diagnostic::new(codes::OUT_OF_RANGE, format!("param `{name}` is in {low}..{high}, found {value}")).at(expr.span, "outside of the declared range"),
        );
        return None;
    }
    value.is_finite().then_some(value)
}

fn missing(path: &str, key: &Key, why: &str, place: Span, problems: &mut Problems) {
    if problems.lost_text() {
        // It may stand in the text that was skipped.
        return;
    }
    let choices = match key.kind {
        Kind::Choice(choices) => format!("; the choices are {}", suggest::list(&choices.iter().filter(|c| !c.later).map(|c| c.word).collect::<Vec<_>>(), "and")),
        _ => String::new(),
    };
    problems.push(
        Diagnostic::new(codes::MISSING_KEY, format!("`{path}` is not set"))
            .at(place, format!("`{}` belongs in here", key.name))
            .help(format!("write `{} = …`{choices}", key.name))
            .note(format!("there is no default: {why}")),
    );
}

fn wrong_kind(path: &str, kind: &Kind, expr: &Expr) -> Diagnostic {
    Diagnostic::new(codes::WRONG_KIND, format!("`{}` takes {}", path_end(path), kind.words())).at(expr.span, format!("this is {}", describe(expr)))
}

fn wrong_unit(path: &str, expr: &Expr, found: Dimension, expected: Dimension) -> Diagnostic {
    let name = path_end(path);
    let message = match (found.is_pure(), expected.is_pure()) {
        (true, _) => format!("`{name}` is an amount of {expected}, found a number without a unit"),
        (false, true) => format!("`{name}` is a number without a unit, found {found}"),
        (false, false) => format!("`{name}` is an amount of {expected}, found {found}"),
    };
    let mut diagnostic = Diagnostic::new(codes::WRONG_UNIT, message).at(expr.span, if found.is_pure() { "a unit is missing".to_string() } else { format!("this is an amount of {found}") });
    if let ExprKind::Quantity(q) = &expr.kind {
        let mended = if expected.is_pure() { q.text.clone() } else { format!("{} {expected}", q.text) };
        diagnostic = diagnostic.help(format!("write `{mended}`")).fix(expr.span, mended, false);
    }
    diagnostic
}

/// What an expression is, for messages.
fn describe(expr: &Expr) -> &'static str {
    match &expr.kind {
        ExprKind::Quantity(_) => "a number",
        ExprKind::Text(_) => "a text",
        ExprKind::Bool(_) => "a truth value",
        ExprKind::Path(_) => "a word",
        ExprKind::Call { .. } => "a call",
        ExprKind::Record { name: Some(_), .. } => "a word with a record",
        ExprKind::Record { name: None, .. } => "a record",
        ExprKind::List(_) => "a list",
        ExprKind::Range(..) => "a range",
        _ => "a formula",
    }
}

/// How a choice is written.
fn example(choice: &Choice) -> String {
    match choice.arguments {
        Some(rows) => {
            let parts: Vec<String> = rows
                .iter()
                .map(|r| match (r.positional, &r.kind) {
                    (true, Kind::Text) => format!("\"{}\"", r.name),
                    (true, _) => r.name.to_string(),
                    (false, _) => format!("{} = …", r.name),
                })
                .collect();
            format!("{}({})", choice.word, parts.join(", "))
        }
        None if choice.keys.is_empty() => choice.word.to_string(),
        None => format!("{} {{ … }}", choice.word),
    }
}

/// A number with its unit.
pub(crate) fn amount(value: f64, dimension: Dimension) -> String {
    if dimension.is_pure() { format!("{value}") } else { format!("{value} {dimension}") }
}

/// Text on one line, without `//` comments (outside of quotes) and doubled blanks.
pub(crate) fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let mut quoted = false;
        let mut escaped = false;
        let mut end = line.len();
        let mut before = ' ';
        for (at, c) in line.char_indices() {
            match c {
                '"' if !escaped => quoted = !quoted,
                '/' if !quoted && before == '/' => {
                    end = at.saturating_sub(1);
                    break;
                }
                _ => {}
            }
            escaped = c == '\\' && !escaped && quoted;
            before = c;
        }
        let kept = line.get(..end).unwrap_or(line).trim();
        if !kept.is_empty() {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(kept);
        }
    }
    out
}
