//! Names: locals, signals, parts of the reward, params, budgets.

use super::Checker;
use crate::diagnostic::suggest::near as nearest;
use crate::formula::{Kind, Level, Source, Type, Typed, error};
use crate::range::Interval;
use crate::units;
use crate::vocabulary::signals::{Bounds, SIGNALS, Signal, signal};
use recipec_grammar::source::Span;
use recipec_grammar::tree::{self, Path};

/// Types of params and of the parameters of formulas that are not units.
const TYPE_WORDS: [&str; 5] = ["number", "integer", "ratio", "reward", "bool"];

impl Checker<'_, '_> {
    /// Signals that formulas of this level see. Those that a domain lacks are among them: what they are called is taken.
    pub(super) fn visible_signals(&self) -> impl Iterator<Item = &'static str> + use<> {
        let level = self.level;
        SIGNALS.iter().filter(move |s| s.is_seen_by(level)).map(|s| s.name)
    }

    /// Reports a signal that a domain does not have which this place is about. True when it is there.
    pub(super) fn is_there(&mut self, name: &str, span: Span) -> bool {
        let Some(absence) = self.scope.absent.signals.get(name) else { return true };
        let mut without = absence.domains.iter().filter(|(at, _)| self.about.contains(**at)).peekable();
        if without.peek().is_none() {
            return true;
        }
        let named = |at: usize| self.scope.domains.get(at).map_or("", String::as_str);
        let has_it = (0..self.scope.domains.len())
            .find(|at| self.about.contains(*at) && !absence.domains.contains_key(at))
            .map(named);
        let without: Vec<(&str, Option<Span>)> = without.map(|(at, place)| (named(*at), *place)).collect();
        let mut diagnostic = error::absent_signal(name, span, &self.what, &without, &absence.why);
        diagnostic = match (has_it, self.level) {
            (Some(domain), Level::Rollout) => diagnostic.help(format!(
                "where the domain is known to have it, it can be read: `if domain == {domain} then … else …`"
            )),
            _ => diagnostic,
        };
        self.report(diagnostic);
        false
    }

    /// Range of a signal in this recipe.
    pub(super) fn signal_range(&self, signal: &Signal) -> Interval {
        match signal.bounds {
            Bounds::Truth => Interval::UNIT,
            Bounds::Between(low, high) => Interval { low, high },
            Bounds::UpToBudget(low, key) => {
                let high = self.scope.budget.get(key).map_or(f64::INFINITY, |(_, value)| *value);
                Interval { low, high: if high >= low { high } else { f64::INFINITY } }
            }
            Bounds::GroupSize => Interval::point(self.scope.group_size as f64),
            Bounds::Domains => Interval { low: 0.0, high: self.scope.domains.len().saturating_sub(1) as f64 },
        }
    }

    pub(super) fn name(&mut self, path: &Path, span: Span) -> Option<Typed> {
        let text = path.text();
        let found = match path.segments.as_slice() {
            [_] => self.single_name(&text, span)?,
            [first, ..] if first.node == "budget" => self.scope.budget.get(&text).map(|(dimension, value)| {
                (Source::Budget, text.clone(), Type::Number(*dimension), Interval::point(*value))
            }),
            _ => self.part_of_reward(path),
        };
        let Some((source, name, ty, range)) = found else {
            self.unknown(&text, span);
            return None;
        };
        let range = self
            .facts
            .iter()
            .filter(|fact| fact.source == source && fact.name == name)
            .fold(range, |range, fact| if range.is_unknown() { range } else { range.narrowed(fact.range) });
        Some(Typed { kind: Kind::Name(source, name), ty, range, span })
    }

    /// The meaning of a name without dots; the outer `None` is a mistake that has been reported.
    #[allow(clippy::option_option)]
    fn single_name(&mut self, name: &str, span: Span) -> Option<Option<(Source, String, Type, Interval)>> {
        if let Some(local) = self.locals.iter_mut().find(|local| local.name == name) {
            local.used = true;
            let (ty, range) = local.value?;
            return Some(Some((Source::Local, name.to_string(), ty, range)));
        }
        if let Some((_, below)) = self.later.iter().find(|(later, _)| later == name) {
            let diagnostic = error::bound_below(name, span, &self.what, *below);
            self.report(diagnostic);
            return None;
        }
        if let Some(signal) = signal(name)
            && signal.is_seen_by(self.level)
        {
            if !self.is_there(name, span) {
                return None;
            }
            return Some(Some((Source::Signal, name.to_string(), signal.ty, self.signal_range(signal))));
        }
        if self.level != Level::Constant
            && let Some(term) = self.scope.terms.get(name)
        {
            return Some(Some((Source::Term, name.to_string(), term.ty(), term.body.range)));
        }
        if let Some(param) = self.scope.params.get(name) {
            let in_force = (param.value, param.value);
            let (low, high) = if self.values_in_force { in_force } else { param.range.unwrap_or(in_force) };
            return Some(Some((Source::Param, name.to_string(), param.ty, Interval::new(low, high))));
        }
        if let Some(signal) = signal(name) {
            self.unseen(signal, span);
            return None;
        }
        Some(None)
    }

    /// `reward.outcome`, `difficulty_aware.scale`
    fn part_of_reward(&self, path: &Path) -> Option<(Source, String, Type, Interval)> {
        if self.level == Level::Constant {
            return None;
        }
        let [first, second] = path.segments.as_slice() else { return None };
        if first.node == "reward"
            && let Some(term) = self.scope.terms.get(&second.node)
        {
            return Some((Source::Term, second.node.clone(), term.ty(), term.body.range));
        }
        let term = self.scope.terms.get(&first.node)?;
        let binding = term.bindings.iter().find(|binding| binding.name == second.node)?;
        Some((Source::Term, path.text(), binding.value.ty, binding.value.range))
    }

    fn unseen(&mut self, signal: &Signal, span: Span) {
        let name = signal.name;
        let why = match self.level {
            Level::Constant if !self.chain.is_empty() => {
                format!("a formula sees its parameters, params and `budget.*`: give it `{name}` as an argument")
            }
            Level::Constant => "a setting sees numbers, params and `budget.*`".to_string(),
            Level::Rollout => "it sees the signals of a rollout and of its group".to_string(),
            Level::Mix if matches!(name, "length" | "solve_rate") => {
                format!("write `mean({name}, over = last_batch)`")
            }
            Level::Mix => "it sees the signals of a domain and of the run".to_string(),
        };
        let diagnostic = error::unseen_signal(name, span, &self.what, signal.level.name(), &why);
        self.report(diagnostic);
    }

    fn unknown(&mut self, text: &str, span: Span) {
        if let Some(formula) = self.scope.formulas.get(text) {
            let names: Vec<&str> = formula.parameters.iter().map(|(name, _)| name.node.as_str()).collect();
            let diagnostic = error::unknown_name(text, span, &self.what, None, &[]);
            self.report(diagnostic.help(format!("it is a formula: write `{text}({})`", names.join(", "))));
            return;
        }
        let mut known: Vec<&str> = self.locals.iter().map(|local| local.name.as_str()).collect();
        for signal in self.visible_signals() {
            known.push(signal);
        }
        known.extend(self.scope.params.keys().map(String::as_str));
        known.extend(self.scope.budget.keys().map(String::as_str));
        if self.level != Level::Constant {
            known.extend(self.scope.terms.keys().map(String::as_str));
        }
        known.sort_unstable();
        let near = nearest(text, known.iter().copied());
        let diagnostic = error::unknown_name(text, span, &self.what, near, &known);
        self.report(diagnostic);
    }

    /// The domain's name behind `domain ==`.
    pub(super) fn domain_name(&mut self, expr: &tree::Expr) -> Option<Typed> {
        let tree::ExprKind::Path(path) = &expr.kind else {
            let diagnostic =
                error::not_a_formula("anything but a domain's name", "a comparison with `domain`", expr.span);
            self.report(diagnostic);
            return None;
        };
        let text = path.text();
        let Some(at) = self.scope.domains.iter().position(|domain| *domain == text) else {
            let known: Vec<&str> = self.scope.domains.iter().map(String::as_str).collect();
            let near = nearest(&text, known.iter().copied());
            self.report(error::unknown_domain(&text, expr.span, near, &known));
            return None;
        };
        let range = Interval::point(at as f64);
        Some(Typed { kind: Kind::Domain(text, at), ty: Type::Domain, range, span: expr.span })
    }

    /// The type behind a parameter or `->`, and the range that it demands.
    pub(super) fn type_named(&mut self, name: &tree::Name) -> Option<(Type, Interval)> {
        let found = match name.node.as_str() {
            "number" | "integer" | "reward" => Some((Type::PURE, Interval::ALL)),
            "ratio" => Some((Type::PURE, Interval::UNIT)),
            "bool" => Some((Type::Bool, Interval::UNIT)),
            word => units::unit(word).map(|(dimension, _)| (Type::Number(dimension), Interval::ALL)),
        };
        if found.is_none() {
            let known = TYPE_WORDS.into_iter().chain(units::UNITS.iter().map(|(word, ..)| *word));
            self.report(error::unknown_type(&name.node, name.span, nearest(&name.node, known)));
        }
        found
    }
}
