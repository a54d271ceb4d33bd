//! Params: their types, ranges, and the values in force after `--set`.

use crate::diagnostic::{Diagnostic, codes, suggest};
use crate::formula::{Absences, Level, ParamType, Scope, Type};
use crate::problems::Problems;
use crate::recipe::{Origin, Param, Sourced};
use crate::resolve::Resolved;
use crate::units::{self, Dimension};
use crate::values::{parse_literal, read_param_value};
use recipec_grammar::tree::{Expr, ExprKind};
use std::collections::BTreeMap;

/// The words of types that are pure numbers.
const PURE: [&str; 4] = ["integer", "number", "ratio", "reward"];

/// Reads all params. One that could not be read is left out of the first list and stands in the second with a value of its type,
/// so that formulas over it can still be checked.
pub fn read(
    resolved: &Resolved,
    set: &[(String, String)],
    problems: &mut Problems,
) -> (Vec<Param>, BTreeMap<String, ParamType>) {
    let (mut params, mut types) = (Vec::new(), BTreeMap::new());
    let nothing = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new(), Absences::default());
    let empty_params = BTreeMap::new();
    // A default is a constant: it names nothing.
    let scope = Scope {
        level: Level::Constant,
        params: &empty_params,
        budget: &nothing.0,
        formulas: &nothing.1,
        terms: &nothing.2,
        domains: &[],
        absent: &nothing.3,
        group_size: 1,
    };
    for defined in &resolved.params {
        let param = &defined.node;
        let name = &param.name.node;
        let type_name = param.type_name.node.as_str();
        let mut unknown_type = false;
        let dimension = if PURE.contains(&type_name) {
            Dimension::PURE
        } else if let Some((dimension, _)) = units::unit(type_name) {
            dimension
        } else {
            let legal: Vec<&str> = PURE.into_iter().chain(units::UNITS.iter().map(|(word, ..)| *word)).collect();
            let mut diagnostic = Diagnostic::new(codes::UNKNOWN_TYPE, format!("there is no type `{type_name}`"))
                .at(param.type_name.span, "not a type");
            diagnostic.help = suggest::help(type_name, legal).or_else(|| {
                Some("a param is `integer`, `number`, `ratio` or `reward`, or has a unit such as `tokens`".into())
            });
            problems.push(diagnostic);
            unknown_type = true;
            Dimension::PURE
        };
        let declared = param.range.as_ref().and_then(|range| declared_range(name, range, dimension, &scope, problems));
        let range = match (declared, type_name) {
            (None, "ratio") => Some((0.0, 1.0)),
            (Some((low, high)), "ratio") if low < 0.0 || high > 1.0 => {
                let span = param.range.as_ref().map_or(param.name.span, |r| r.span);
                problems.push(
                    Diagnostic::new(
                        codes::OUT_OF_RANGE,
                        format!("`{name}` is a ratio, and its range {low}..{high} is not inside 0..1"),
                    )
                    .at(span, "a ratio is between 0 and 1")
                    .help("declare it as `number`"),
                );
                Some((0.0, 1.0))
            }
            (declared, _) => declared,
        };
        let mut ty = ParamType { ty: Type::Number(dimension), range, value: 0.0 };
        let whole = type_name == "integer";
        let written = read_param_value(name, &param.default, &ty, whole, &scope, problems);
        let mut value = written.map(|value| Sourced { value, origin: Origin::Written(param.default.span) });
        if let Some((_, text)) = set.iter().rev().find(|(n, _)| n == name) {
            value = set_value(name, text, &ty, whole, &scope, problems)
                .map(|value| Sourced { value, origin: Origin::CommandLine });
        }
        let fallback = range.map_or(1.0, |(low, high)| 0.5 * (low + high));
        if range.is_none() && (param.range.is_some() || unknown_type) {
            // The range is a hole: a point stands for it, so that `for all` is not blamed.
            let point = value.as_ref().map_or(fallback, |v| v.value);
            ty.range = Some((point, point));
        }
        types.insert(name.clone(), ParamType { value: value.as_ref().map_or(fallback, |v| v.value), ..ty });
        if let Some(value) = value {
            params.push(Param { name: name.clone(), type_name: type_name.to_string(), range, value });
        }
    }
    for (name, _) in set {
        if !types.contains_key(name) {
            let mut diagnostic =
                Diagnostic::new(codes::BAD_SET, format!("`--set {name}=…`: the recipe has no param `{name}`"));
            diagnostic.help = suggest::help(name, types.keys().map(String::as_str))
                .or_else(|| Some("`--set` sets params and nothing else".into()));
            problems.push(diagnostic);
        }
    }
    seed(&params, resolved, problems);
    (params, types)
}

fn set_value(
    name: &str,
    text: &str,
    ty: &ParamType,
    whole: bool,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<f64> {
    let bad = |why: String| Diagnostic::new(codes::BAD_SET, format!("`--set {name}={text}`: {why}"));
    let Some(expr) = parse_literal(text) else {
        problems.push(bad("this is not a value".into()).help("give a number, with its unit where the param has one"));
        return None;
    };
    // What is wrong with the value is said of the command line, which has no place in the text.
    let mut found = Problems::new();
    let value = read_param_value(name, &expr, ty, whole, scope, &mut found);
    if let Some(first) = found.sorted().first() {
        problems.push(bad(first.message.clone()));
    }
    value
}

fn declared_range(
    name: &str,
    range: &Expr,
    dimension: Dimension,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<(f64, f64)> {
    let free = ParamType { ty: Type::Number(dimension), range: None, value: 0.0 };
    let mut read = |e: &Expr| read_param_value(name, e, &free, false, scope, problems);
    let (low, high) = match &range.kind {
        ExprKind::Range(low, high) => (read(low)?, read(high)?),
        ExprKind::List(items) => {
            let values: Vec<f64> = items.iter().map(read).collect::<Option<_>>()?;
            (values.iter().copied().reduce(f64::min)?, values.iter().copied().reduce(f64::max)?)
        }
        ExprKind::Hole => return None,
        _ => {
            problems.push(
                Diagnostic::new(codes::WRONG_KIND, format!("the range of `{name}` is written as `0..1`"))
                    .at(range.span, "not a range"),
            );
            return None;
        }
    };
    if low > high {
        problems.push(
            Diagnostic::new(codes::OUT_OF_RANGE, format!("the range {low}..{high} of `{name}` is empty"))
                .at(range.span, "the first number is above the second")
                .help(format!("write `{high}..{low}`")),
        );
        return None;
    }
    Some((low, high))
}

/// `param seed` is the seed of the run, so it must be one.
fn seed(params: &[Param], resolved: &Resolved, problems: &mut Problems) {
    let Some(seed) = params.iter().find(|p| p.name == "seed") else { return };
    let place =
        resolved.params.iter().find(|p| p.name.node == "seed").map_or_else(Default::default, |p| p.node.default.span);
    let value = seed.value.value;
    if value < 0.0 || value != libm::trunc(value) || value > 9_007_199_254_740_992.0 || seed.type_name != "integer" {
        problems.push(
            Diagnostic::new(
                codes::OUT_OF_RANGE,
                format!("`seed` is a whole number from 0, found {value} of type `{}`", seed.type_name),
            )
            .at(place, "the seed of every random draw")
            .help("write `param seed : integer = 42`"),
        );
    }
}
