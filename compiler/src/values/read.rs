//! Reads settings by the rows of the vocabulary.

mod arguments;
mod compound;
mod messages;
mod rows;

use super::literal::literal;
use super::{Entry, Share, Value, Values};
use crate::diagnostic::{Diagnostic, codes};
use crate::formula::{self, Level, ParamType, Scope, Type, TypedFormula};
use crate::problems::Problems;
use crate::resolve::overrides::default_origin;
use crate::resolve::settings::path_end;
use crate::resolve::settings::{join, keys_below};
use crate::resolve::{Setting, View, mentions};
use crate::units::{self, Dimension};
use crate::vocabulary::kinds::{Absent, Bounds, Key, Kind};
pub(crate) use messages::one_line;
use messages::{amount, missing, note_on_a_value, wrong_kind, wrong_unit};
use recipec_grammar::source::{Source, Span};
use recipec_grammar::tree::{self, Expr, ExprKind};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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
    /// What was read from the view that `view` is derived from, if `values` began with that.
    pub before: Option<&'a Values>,
    /// Keys that others follow where they are absent, and whether they differ from what was read before.
    pub others: Vec<(&'static str, bool)>,
}

impl Reader<'_> {
    /// A scope without signals: for settings.
    fn constants(&self) -> Scope<'_> {
        self.scope(Level::Constant, 1)
    }

    /// What a formula of a level may name.
    pub fn scope(&self, level: Level, group_size: u64) -> Scope<'_> {
        Scope {
            level,
            params: &self.values.params,
            budget: &self.values.budget,
            formulas: self.formulas,
            terms: &self.values.terms,
            domains: self.domains,
            absent: &self.values.absent,
            group_size,
        }
    }

    /// Reads all keys of a block. Formulas are left for [`Reader::formula`], because they need the numbers first.
    pub fn block(&mut self, prefix: &str, keys: &'static [Key], place: Span, problems: &mut Problems) {
        for key in keys {
            self.key(&join(prefix, key.name), key, place, problems);
        }
    }

    /// Reads those keys of a block again that may differ from what was read before: a recipe of a thousand domains has variants
    /// that change none of them, or one key of each.
    pub fn block_again(&mut self, prefix: &str, keys: &'static [Key], place: Span, problems: &mut Problems) {
        let Some(before) = self.before else { return self.block(prefix, keys, place, problems) };
        let same_constants = self.values.params == before.params && self.values.budget == before.budget;
        let written: Vec<&str> = self.view.settings.changed_keys(prefix).collect();
        let constant: Vec<&str> = match same_constants {
            true => Vec::new(),
            false => keys_below(&before.constants, prefix).collect(),
        };
        for key in keys {
            let other_changed = match key.absent {
                Absent::Same(other) => self.other_differs(before, other),
                _ => false,
            };
            if other_changed || written.contains(&key.name) || constant.contains(&key.name) {
                self.key(&join(prefix, key.name), key, place, problems);
            }
        }
    }

    /// [`Reader::differs`], asked once for all the domains that follow one key.
    fn other_differs(&mut self, before: &Values, path: &'static str) -> bool {
        if let Some((_, differs)) = self.others.iter().find(|(known, _)| *known == path) {
            return *differs;
        }
        let differs = self.differs(before, path);
        self.others.push((path, differs));
        differs
    }

    /// Whether a value differs from what was read before.
    fn differs(&self, before: &Values, path: &str) -> bool {
        match (before.get(path), self.values.get(path)) {
            (Some(old), Some(new)) => {
                old.text != new.text || old.origin != new.origin || before.number(path) != self.values.number(path)
            }
            (None, None) => false,
            _ => true,
        }
    }

    /// The paths of settings that name a param or a budget.
    pub fn naming_constants(&self) -> BTreeSet<Arc<str>> {
        let constant = |name: &str| name == "budget" || self.values.params.contains_key(name);
        let naming = self.view.settings.iter_shared().filter(|(_, setting)| mentions::any(&setting.value, &constant));
        naming.map(|(path, _)| Arc::clone(path)).collect()
    }

    fn key(&mut self, path: &str, key: &'static Key, place: Span, problems: &mut Problems) {
        if matches!(key.kind, Kind::Formula(_)) {
            return;
        }
        if self.before.is_some() {
            self.values.remove(path);
        }
        let Some(setting) = self.view.settings.get(path) else { return self.absent(path, key, place, problems) };
        let value = self.value(path, &key.kind, setting, problems);
        let text = self.written(setting, &value);
        self.values.insert(path, Entry { value, origin: setting.origin.clone(), text });
        self.arguments_of(path, key, setting);
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
                self.values
                    .insert(path, Entry { value: Value::Hole, origin: default_origin(path, key), text: String::new() });
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
                    let setting = Setting {
                        value: tree::Formula { body, bindings: Vec::new(), source: None, span },
                        key: span,
                        origin: origin.clone(),
                        layer: 0,
                    };
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
        let text = self
            .sources
            .iter()
            .find(|s| s.id == span.file)
            .and_then(|s| s.text.get(span.start..span.end))
            .unwrap_or_default();
        messages::one_line(text)
    }

    fn value(&self, path: &str, kind: &Kind, setting: &Setting, problems: &mut Problems) -> Value {
        let expr = &setting.value.body;
        if let ExprKind::Hole = expr.kind {
            return Value::Hole;
        }
        if let (Some(binding), false) = (setting.value.bindings.first(), matches!(kind, Kind::Formula(_))) {
            problems.push(
                Diagnostic::new(codes::WRONG_KIND, format!("`{}` takes no `where`", path_end(path)))
                    .at(binding.name.span, "remove this")
                    .help("`where` belongs to formulas; use a `param` instead"),
            );
        }
        if let (Some(note), false) = (&setting.value.source, matches!(kind, Kind::Formula(_))) {
            problems.push(note_on_a_value(path, note.span));
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
            Kind::Amount { dimension, whole, least } => self.number(
                path,
                expr,
                *dimension,
                *whole,
                Bounds { least: *least, most: f64::INFINITY, above: false },
                problems,
            ),
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
                self.number(
                    path,
                    expr,
                    dimension,
                    true,
                    Bounds { least: 0.0, most: f64::INFINITY, above: false },
                    problems,
                )
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
            Kind::Several(choices) => self.several(path, kind, choices, expr, problems),
            Kind::Columns => self.columns(path, kind, expr, problems),
            Kind::RowFilter => match self.row_filter(path, expr, problems) {
                Some(filter) => Value::RowFilter(filter),
                None => Value::Hole,
            },
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

    fn number(
        &self,
        path: &str,
        expr: &Expr,
        dimension: Dimension,
        whole: bool,
        bounds: Bounds,
        problems: &mut Problems,
    ) -> Value {
        let name = path_end(path);
        let Some((value, found)) = self.constant(path, expr, dimension, problems) else { return Value::Hole };
        if found != dimension {
            // A unit that cannot be read was reported by the grammar, and left a bare number.
            if !problems.reported_within(expr.span, "syntax") {
                problems.push(wrong_unit(path, expr, found, dimension));
            }
            return Value::Hole;
        }
        if whole && value != libm::trunc(value) {
            problems.push(
                Diagnostic::new(codes::NOT_WHOLE, format!("`{name}` is a whole number, found {value}"))
                    .at(expr.span, "not whole")
                    .help(format!(
                        "use {} or {}",
                        amount(libm::floor(value), dimension),
                        amount(libm::ceil(value), dimension)
                    )),
            );
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
            problems.push(
                Diagnostic::new(codes::OUT_OF_RANGE, format!("`{name}` is too large to be counted"))
                    .at(expr.span, "more than 2^53"),
            );
            return Value::Hole;
        }
        if !value.is_finite() {
            problems.push(
                Diagnostic::new(codes::OUT_OF_RANGE, format!("`{name}` is not a finite number"))
                    .at(expr.span, format!("this is {value}")),
            );
            return Value::Hole;
        }
        Value::Number(value)
    }

    /// The value of an expression over params and budgets, in base units.
    pub(super) fn constant(
        &self,
        path: &str,
        expr: &Expr,
        expected: Dimension,
        problems: &mut Problems,
    ) -> Option<(f64, Dimension)> {
        match &expr.kind {
            ExprKind::Quantity(q) => {
                let (dimension, factor) = match &q.unit {
                    Some(unit) => units::unit(&unit.node)?,
                    None => (Dimension::PURE, 1.0),
                };
                Some((q.value * factor, dimension))
            }
            ExprKind::Text(_)
            | ExprKind::Bool(_)
            | ExprKind::Record { .. }
            | ExprKind::List(_)
            | ExprKind::Range(..) => {
                let kind = match expected.is_pure() {
                    true => Kind::Number(Bounds { least: 0.0, most: 0.0, above: false }),
                    false => Kind::Amount { dimension: expected, whole: false, least: 0.0 },
                };
                problems.push(wrong_kind(path, &kind, expr));
                None
            }
            ExprKind::Hole => None,
            _ => formula::constant(expr, None, &format!("`{path}`"), &self.constants(), problems),
        }
    }

    /// Reads a formula of the settings, and keeps it.
    pub fn formula(
        &mut self,
        path: &str,
        key: &'static Key,
        group_size: u64,
        place: Span,
        problems: &mut Problems,
    ) -> Option<TypedFormula> {
        let Kind::Formula(level) = key.kind else { return None };
        let Some(setting) = self.view.settings.get(path) else {
            if let Absent::Required(why) = key.absent {
                missing(path, key, why, place, problems);
                self.values
                    .insert(path, Entry { value: Value::Hole, origin: default_origin(path, key), text: String::new() });
            }
            return None;
        };
        let typed = formula::check(
            &setting.value,
            Type::Number(Dimension::PURE),
            &format!("`{path}`"),
            &self.scope(level, group_size),
            problems,
        );
        let value = typed.clone().map_or(Value::Hole, |t| Value::Formula(Box::new(t)));
        let text = self.text_of(setting.value.span);
        self.values.insert(path, Entry { value, origin: setting.origin.clone(), text });
        typed
    }
}

/// Reads the value of a param: a constant of its type, inside of its range.
pub fn read_param_value(
    name: &str,
    expr: &Expr,
    ty: &ParamType,
    whole: bool,
    earlier: &Scope<'_>,
    problems: &mut Problems,
) -> Option<f64> {
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
        problems.push(
            Diagnostic::new(codes::NOT_WHOLE, format!("param `{name}` is an integer, found {value}"))
                .at(expr.span, "not whole")
                .help("declare it as `number`, or give a whole number"),
        );
        return None;
    }
    if let Some((low, high)) = ty.range
        && !(low..=high).contains(&value)
    {
        problems.push(
            Diagnostic::new(codes::OUT_OF_RANGE, format!("param `{name}` is in {low}..{high}, found {value}"))
                .at(expr.span, "outside of the declared range"),
        );
        return None;
    }
    value.is_finite().then_some(value)
}
