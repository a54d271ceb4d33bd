//! Functions, aggregates, running averages and named formulas.

use super::Checker;
use crate::diagnostic::suggest::near as nearest;
use crate::formula::{AggregateCall, Kind, Level, Source, Type, Typed, error};
use crate::range::Interval;
use crate::units::Dimension;
use crate::vocabulary::functions::{Aggregate, FUNCTIONS, Function, FunctionKind, FunctionRow, function};
use crate::vocabulary::signals::{BATCH_MEANS, batch_mean_column, reward_model_column};
use recipec_grammar::source::Span;
use recipec_grammar::tree::{self, Argument, ExprKind, Path};

impl Checker<'_, '_> {
    pub(super) fn call(&mut self, path: &Path, arguments: &[Argument], span: Span) -> Option<Typed> {
        let name = path.text();
        if let Some(row) = function(&name) {
            return match row.kind {
                FunctionKind::Plain(function) => self.plain(row, function, arguments, span),
                FunctionKind::Group(aggregate) => self.aggregate(row, aggregate, arguments, span),
                FunctionKind::BatchMean => self.batch_mean(arguments, span),
                FunctionKind::Ema => self.ema(row, arguments, span),
                FunctionKind::RewardModel => self.reward_model(arguments, span),
            };
        }
        if let Some(definition) = self.scope.formulas.get(&name) {
            return self.inline(definition, arguments, span);
        }
        let known = FUNCTIONS.iter().map(|row| row.name).chain(self.scope.formulas.keys().map(String::as_str));
        let near = nearest(&name, known);
        self.report(error::unknown_function(&name, path.span, near));
        self.look_at(arguments);
        None
    }

    /// Reports the mistakes inside arguments whose places are not known.
    fn look_at(&mut self, arguments: &[Argument]) {
        for argument in arguments {
            if argument.name.is_none() {
                self.expr(&argument.value);
            }
        }
    }

    /// Puts arguments in the places of `parameters`: first those without a name in order, then those with one. `optional` ones
    /// must be given by name; their places come behind the parameters.
    fn place<'a>(
        &mut self,
        name: &str,
        parameters: &[&str],
        optional: &[&str],
        arguments: &'a [Argument],
        span: Span,
    ) -> Option<Vec<Option<&'a Argument>>> {
        let mut places: Vec<Option<&Argument>> = vec![None; parameters.len() + optional.len()];
        let (mut next, mut extra, mut wrong) = (0, 0, false);
        for argument in arguments {
            let Some(given) = &argument.name else {
                match places.get_mut(next) {
                    Some(place) if next < parameters.len() => *place = Some(argument),
                    _ => extra += 1,
                }
                next += 1;
                continue;
            };
            let known: Vec<&str> = parameters.iter().chain(optional).copied().collect();
            let at = known.iter().position(|parameter| *parameter == given.node);
            match at.and_then(|at| places.get_mut(at)) {
                Some(place @ None) => *place = Some(argument),
                Some(Some(_)) => {
                    wrong = true;
                    self.report(error::argument_twice(name, &given.node, given.span));
                }
                None => {
                    wrong = true;
                    let near = nearest(&given.node, known.iter().copied());
                    self.report(error::unknown_argument(name, &given.node, given.span, near, &known));
                }
            }
        }
        let required = places.iter().take(parameters.len());
        let missing = required.filter(|place| place.is_none()).count();
        if !wrong && (missing > 0 || extra > 0) {
            wrong = true;
            let found = parameters.len() - missing + extra;
            let is_pair = matches!(name, "min" | "max") && found == 1 && self.level == Level::Rollout;
            let help = is_pair.then(|| format!("over the rollouts of a group it is `group.{name}(x)`"));
            self.report(error::wrong_arity(name, parameters, found, span, help));
        }
        (!wrong).then_some(places)
    }

    /// The same for arguments that are values: where their places are wrong, the mistakes inside are still reported.
    pub(super) fn place_values<'a>(
        &mut self,
        name: &str,
        parameters: &[&str],
        optional: &[&str],
        arguments: &'a [Argument],
        span: Span,
    ) -> Option<Vec<Option<&'a Argument>>> {
        let places = self.place(name, parameters, optional, arguments, span);
        if places.is_none() {
            self.look_at(arguments);
        }
        places
    }

    pub(super) fn refuse_filter(&mut self, name: &str, argument: &Argument) {
        if let Some(filter) = &argument.filter {
            self.report(error::misplaced(
                format!("`{name}` has no filter"),
                filter.span,
                "`x if condition` belongs in `group.` functions",
                Some("for a choice, write `if condition then x else y`"),
            ));
        }
    }

    fn plain(&mut self, row: &FunctionRow, function: Function, arguments: &[Argument], span: Span) -> Option<Typed> {
        let places = self.place_values(row.name, row.parameters, &[], arguments, span)?;
        let mut values = Some(Vec::with_capacity(places.len()));
        let what = format!("`{}`", row.name);
        for argument in places.into_iter().flatten() {
            self.refuse_filter(row.name, argument);
            let value = self.expr(&argument.value);
            let value = match function {
                Function::Exp | Function::Log => self.pure_number(value, &format!("the value of {what}")),
                _ => self.number(value, &what),
            };
            match (value, &mut values) {
                (Some(value), Some(list)) => list.push(value),
                _ => values = None,
            }
        }
        let values = values?;
        let (ty, range) = self.function_value(function, &values)?;
        Some(Typed { kind: Kind::Call(function, values), ty, range, span })
    }

    /// Type and range of a function of numbers.
    fn function_value(&mut self, function: Function, values: &[Typed]) -> Option<(Type, Interval)> {
        let (x, rest) = values.split_first()?;
        let mut same = true;
        for other in rest {
            if other.ty != x.ty {
                same = false;
                self.differ(&format!("meet in `{}`", function.name()), x, other, other.span);
            }
        }
        if !same {
            return None;
        }
        let help = |guard: String| format!("keep it there: `{guard}`");
        let range = match (function, rest) {
            (Function::Min, [y]) => x.range.min(y.range),
            (Function::Max, [y]) => x.range.max(y.range),
            (Function::Clip, [low, high]) => {
                if low.range.low > high.range.high {
                    self.report_range(error::inverted_clip((low.span, low.range), (high.span, high.range)));
                    Interval::UNKNOWN
                } else {
                    x.range.max(low.range).min(high.range)
                }
            }
            (Function::Abs, _) => x.range.abs(),
            (Function::Floor, _) => x.range.floor(),
            (Function::Exp, _) => x.range.exp(),
            (Function::Log, _) if x.range.low <= 0.0 => {
                let help = help(format!("log(max({x}, 1e-9))"));
                self.report_range(error::log_of_nonpositive(x.span, &x.to_string(), x.range, help));
                Interval::UNKNOWN
            }
            (Function::Log, _) => x.range.log(),
            (Function::Sqrt, _) if x.range.low < 0.0 => {
                let help = help(format!("sqrt(max({x}, 0))"));
                self.report_range(error::root_of_negative(x.span, &x.to_string(), x.range, help));
                Interval::UNKNOWN
            }
            (Function::Sqrt, _) => x.range.sqrt(),
            (Function::Ramp, [from, to]) => {
                // The divisor is written nowhere: it is the distance of the two ends.
                let width = Typed {
                    kind: Kind::Binary(tree::BinaryOp::Subtract, Box::new(to.clone()), Box::new(from.clone())),
                    ty: to.ty,
                    range: to.range.minus(from.range),
                    span: from.span.to(to.span),
                };
                if self.divisor(&width) {
                    x.range.minus(from.range).over(width.range).max(Interval::point(0.0)).min(Interval::point(1.0))
                } else {
                    Interval::UNKNOWN
                }
            }
            _ => return None,
        };
        let ty = match (function, x.ty) {
            (Function::Ramp, _) => Type::PURE,
            (Function::Sqrt, Type::Number(dimension)) => match dimension.root() {
                Some(root) => Type::Number(root),
                None => {
                    self.report(error::no_dimension(format!("there is no square root of {dimension}"), x.span));
                    return None;
                }
            },
            (_, ty) => ty,
        };
        Some((ty, range))
    }

    fn aggregate(&mut self, row: &FunctionRow, of: Aggregate, arguments: &[Argument], span: Span) -> Option<Typed> {
        if self.level != Level::Rollout {
            self.report(error::misplaced(
                format!("{} has no group", self.what),
                span,
                "an aggregate over the rollouts of a group",
                (self.level == Level::Mix).then_some("for a domain, write `mean(total, over = last_batch)`"),
            ));
            return None;
        }
        let places = self.place_values(row.name, row.parameters, &["else"], arguments, span)?;
        let argument = places.first().copied().flatten()?;
        let at = if of == Aggregate::Quantile { places.get(1).copied().flatten() } else { None };
        let otherwise = places.last().copied().flatten();
        for argument in at.into_iter().chain(otherwise) {
            self.refuse_filter(row.name, argument);
        }
        // Inside, the names are those of another rollout: what is known of this one does not hold there.
        let outside = std::mem::take(&mut self.facts);
        self.facts = outside.iter().filter(|fact| !fact.is_of_one_rollout()).cloned().collect();
        let filter = argument.filter.as_ref().map(|filter| {
            let filter = self.expr(filter);
            self.truth(filter, &format!("the filter of `{}`", row.name))
        });
        let known = filter.as_ref().and_then(Option::as_ref);
        let value = self.under(known, true, |checker| checker.expr(&argument.value));
        self.facts = outside;
        let value = if of == Aggregate::Count {
            self.truth(value, "`group.count`")
        } else {
            self.number(value, &format!("`{}`", row.name))
        };
        let at = at.map(|at| {
            let at = self.expr(&at.value);
            let at = self.constant_value(at, "`at` of `group.quantile`")?;
            if !Interval::UNIT.covers(at.range) {
                let help = "a quantile is a share, for example `at = 0.9`".to_string();
                self.report_range(error::outside("`at`", at.span, at.range, Interval::UNIT, help));
            }
            Some(at)
        });
        let empty = otherwise.map(|argument| {
            let value = self.expr(&argument.value);
            self.number(value, "`else`")
        });
        if filter.is_some() && empty.is_none() && of != Aggregate::Count {
            self.report(error::missing_else(row.name, span));
            return None;
        }
        if let Some(argument) = otherwise
            && (filter.is_none() || of == Aggregate::Count)
        {
            self.report(error::unused_else(row.name, argument.value.span));
        }
        let call = AggregateCall { of, value: value?, filter: all(filter)?, empty: all(empty)?, at: all(at)? };
        let ty = if of == Aggregate::Count { Type::Number(Dimension::ROLLOUTS) } else { call.value.ty };
        if let Some(empty) = &call.empty
            && empty.ty != ty
        {
            self.differ("be the value of one aggregate", &call.value, empty, empty.span);
            return None;
        }
        let range = aggregate_range(of, call.value.range, self.scope.group_size as f64);
        let range = match &call.empty {
            Some(empty) if call.filter.is_some() && of != Aggregate::Count => range.hull(empty.range),
            _ => range,
        };
        Some(Typed { kind: Kind::Aggregate(Box::new(call)), ty, range, span })
    }

    /// `mean(total, over = last_batch)`
    fn batch_mean(&mut self, arguments: &[Argument], span: Span) -> Option<Typed> {
        if self.level != Level::Mix {
            let help = (self.level == Level::Rollout).then_some("over the rollouts of a group it is `group.mean(x)`");
            self.report(error::misplaced("`mean` over a batch belongs in `mix`".to_string(), span, "not here", help));
            return None;
        }
        let places = self.place("mean", &["x", "over"], &[], arguments, span)?;
        let (value, over) = (places.first().copied().flatten()?, places.get(1).copied().flatten()?);
        for argument in [value, over] {
            self.refuse_filter("mean", argument);
        }
        if !matches!(&over.value.kind, ExprKind::Path(path) if path.text() == "last_batch") {
            let message = "`mean` is taken over `last_batch` only".to_string();
            self.report(error::misplaced(
                message,
                over.value.span,
                "not a span of time",
                Some("write `over = last_batch`"),
            ));
            return None;
        }
        let known: Vec<&str> = BATCH_MEANS.iter().map(|(name, ..)| *name).collect();
        let ExprKind::Path(path) = &value.value.kind else {
            let help = format!("one of {}", known.join(", "));
            let message = "`mean` over a batch takes a name".to_string();
            self.report(error::misplaced(message, value.value.span, "not a name", Some(&help)));
            return None;
        };
        let name = path.text();
        let Some((_, dimension, _)) = BATCH_MEANS.iter().find(|(known, ..)| *known == name) else {
            let near = nearest(&name, known.iter().copied());
            self.report(error::unknown_name(&name, path.span, "`mean` over a batch", near, &known));
            return None;
        };
        if !self.is_there(&name, path.span) {
            return None;
        }
        let range = match name.as_str() {
            "total" => self.scope.terms.get("total").map_or(Interval::ALL, |total| total.body.range),
            "length" => {
                Interval { low: 0.0, high: self.scope.budget.get("budget.output").map_or(f64::INFINITY, |b| b.1) }
            }
            _ => Interval::UNIT,
        };
        // Before the first batch the mean is 0.
        let range = range.hull(Interval::point(0.0));
        let kind = Kind::Name(Source::Signal, batch_mean_column(&name));
        Some(Typed { kind, ty: Type::Number(*dimension), range, span })
    }

    /// `reward_model(preference)`: the name of the model becomes a part of the column's name.
    fn reward_model(&mut self, arguments: &[Argument], span: Span) -> Option<Typed> {
        if self.level != Level::Rollout {
            let message = "`reward_model` scores a response, and there is none here".to_string();
            self.report(error::misplaced(message, span, "not a formula of the reward", None));
            return None;
        }
        let places = self.place("reward_model", &["model"], &[], arguments, span)?;
        let argument = places.first().copied().flatten()?;
        self.refuse_filter("reward_model", argument);
        let ExprKind::Path(path) = &argument.value.kind else {
            let message = "`reward_model` takes the name of a model".to_string();
            self.report(error::misplaced(message, argument.value.span, "not a name", None));
            return None;
        };
        let column = reward_model_column(&path.text());
        if !self.is_there(&column, span) {
            return None;
        }
        let kind = Kind::Name(Source::Signal, column);
        Some(Typed { kind, ty: Type::PURE, range: Interval::ALL, span })
    }

    fn ema(&mut self, row: &FunctionRow, arguments: &[Argument], span: Span) -> Option<Typed> {
        if self.level != Level::Mix {
            let message = "`ema` belongs in `mix`".to_string();
            self.report(error::misplaced(message, span, "there are no batches to average over here", None));
            return None;
        }
        let places = self.place_values(row.name, row.parameters, &[], arguments, span)?;
        let mut values = places.into_iter().flatten().map(|argument| {
            self.refuse_filter(row.name, argument);
            let value = self.expr(&argument.value);
            self.number(value, "`ema`")
        });
        let (value, keep, start) = (values.next()?, values.next()?, values.next()?);
        drop(values);
        let keep = self.pure_number(keep, "`keep` of `ema`");
        let keep = self.constant_value(keep, "`keep` of `ema`");
        let start = self.constant_value(start, "`start` of `ema`");
        let (value, keep, start) = (value?, keep?, start?);
        if !Interval::UNIT.covers(keep.range) {
            let help = "`keep` is the weight of the old average, for example 0.9".to_string();
            self.report_range(error::outside("`keep`", keep.span, keep.range, Interval::UNIT, help));
        }
        if value.ty != start.ty {
            self.differ("be averaged", &value, &start, start.span);
            return None;
        }
        // An average of numbers of a range lies in it, up to the rounding of its two products.
        let hull = value.range.hull(start.range);
        let slack = 1e-12 * hull.low.abs().max(hull.high.abs());
        let range = if hull.is_unknown() { hull } else { hull.plus(Interval::new(-slack, slack)) };
        let ty = value.ty;
        let kind = Kind::Ema { value: Box::new(value), keep: Box::new(keep), start: Box::new(start) };
        Some(Typed { kind, ty, range, span })
    }

    /// Passes on what reads no signal.
    fn constant_value(&mut self, typed: Option<Typed>, what: &str) -> Option<Typed> {
        let typed = typed?;
        let mut varies = false;
        typed.visit(&mut |part| {
            varies |= matches!(
                part.kind,
                Kind::Name(Source::Signal | Source::Term | Source::Local, _) | Kind::Aggregate(_) | Kind::Ema { .. }
            );
        });
        if varies {
            self.report(error::not_constant(what, typed.span));
            return None;
        }
        Some(typed)
    }
}

/// Nothing, or something that is right; `None` for something that is wrong.
#[allow(clippy::option_option)]
fn all(value: Option<Option<Typed>>) -> Option<Option<Typed>> {
    match value {
        None => Some(None),
        Some(value) => value.map(Some),
    }
}

/// Range of an aggregate of at least one value of a range.
fn aggregate_range(of: Aggregate, value: Interval, group_size: f64) -> Interval {
    if of == Aggregate::Count {
        return Interval { low: 0.0, high: group_size };
    }
    if value.is_unknown() {
        return value;
    }
    let width = value.high - value.low;
    let width = if width.is_nan() { f64::INFINITY } else { width };
    match of {
        // No spread is larger than half the width, with half the values at either end; the factor covers rounding.
        Aggregate::Std => Interval { low: 0.0, high: width / 2.0 * (1.0 + 1e-9) },
        Aggregate::Mad => Interval { low: 0.0, high: width },
        _ => value,
    }
}
