//! Sweeps: the points that they span. Each point is the recipe with other values of its params, and is checked with them in force.

use crate::diagnostic::{Diagnostic, codes};
use crate::draft::Given;
use crate::formula::{Level, ParamType, Scope, Type};
use crate::problems::Problems;
use crate::resolve::Resolved;
use crate::resolve::overrides::unknown_name;
use crate::units::Dimension;
use crate::values::{meaning, read_param_value};
use recipec_grammar::source::{Source, Span};
use recipec_grammar::tree::ExprKind;
use std::collections::BTreeMap;
use std::fmt;

/// So many points a recipe may have.
pub const MOST_POINTS: usize = 256;

/// One combination of the values of all sweeps.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Its coordinates, sweeps in the order of writing.
    pub values: Vec<Coordinate>,
}

/// The value of one param at a point.
#[derive(Debug, Clone, PartialEq)]
pub struct Coordinate {
    /// The param.
    pub param: String,
    /// Its value in the base unit.
    pub value: f64,
    /// The value as the sweep writes it.
    pub written: String,
    /// The value as `--set` reads it.
    pub set: String,
}

impl Point {
    /// What `--set` would say to select this point.
    pub fn set(&self) -> Vec<(String, String)> {
        self.values.iter().map(|c| (c.param.clone(), c.set.clone())).collect()
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, coordinate) in self.values.iter().enumerate() {
            let lead = if at == 0 { "" } else { ", " };
            write!(f, "{lead}{} = {}", coordinate.param, coordinate.written)?;
        }
        Ok(())
    }
}

/// Reads the sweeps and spans their points, the last sweep varying fastest. A param that `--set` gives stays where it was set. There
/// are none when a value could not be read.
pub fn points(
    resolved: &Resolved,
    given: &Given<'_>,
    types: &BTreeMap<String, ParamType>,
    problems: &mut Problems,
) -> Vec<Point> {
    let mut axes: Vec<Vec<Coordinate>> = Vec::new();
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    let mut whole = true;
    for (name, values) in &resolved.sweeps {
        if let Some(first) = seen.insert(&name.node, name.span) {
            problems.push(
                Diagnostic::new(codes::DUPLICATE, format!("`{}` is swept twice", name.node))
                    .at(name.span, "again here")
                    .at(first, "first here")
                    .help("put all values into one list"),
            );
            whole = false;
            continue;
        }
        let Some(ty) = types.get(&name.node) else {
            if !problems.lost_text() {
                problems.push(unknown_name("param", name, types.keys().map(String::as_str).collect()));
            }
            whole = false;
            continue;
        };
        let items = match &values.kind {
            ExprKind::List(items) => items.as_slice(),
            ExprKind::Hole => return Vec::new(),
            _ => {
                problems.push(
                    Diagnostic::new(codes::WRONG_KIND, "a sweep lists its values")
                        .at(values.span, "not a list")
                        .help("write `[0.25, 0.5, 1.0]`"),
                );
                return Vec::new();
            }
        };
        if items.is_empty() {
            problems.push(
                Diagnostic::new(codes::WRONG_KIND, "a sweep has at least one value")
                    .at(values.span, "no value in here")
                    .help("write `[0.25, 0.5, 1.0]`, or remove the sweep"),
            );
            whole = false;
        }
        let integer = resolved.params.iter().any(|p| p.name.node == name.node && p.node.type_name.node == "integer");
        let mut axis = Vec::new();
        for item in items {
            match read(&name.node, item, ty, integer, problems) {
                Some(value) => axis.push(Coordinate {
                    param: name.node.clone(),
                    value,
                    written: text_of(given.sources, item.span),
                    set: meaning::amount(value, dimension(ty)),
                }),
                None => whole = false,
            }
        }
        if !given.set.iter().any(|(set, _)| *set == name.node) {
            axes.push(axis);
        }
    }
    if !whole || axes.is_empty() {
        return Vec::new();
    }
    let count = axes.iter().map(Vec::len).fold(1_usize, usize::saturating_mul);
    if count > MOST_POINTS {
        let factors = axes.iter().map(|axis| axis.len().to_string()).collect::<Vec<_>>().join(" × ");
        let mut diagnostic = Diagnostic::new(
            codes::TOO_MANY_POINTS,
            format!("the sweeps span {factors} = {count} points, and {MOST_POINTS} are the most"),
        )
        .help("list fewer values, or put a sweep into a recipe of its own that extends this one");
        for (name, values) in &resolved.sweeps {
            if let ExprKind::List(items) = &values.kind {
                diagnostic = diagnostic.at(values.span, format!("{} values of `{}`", items.len(), name.node));
            }
        }
        problems.push(diagnostic);
        return Vec::new();
    }
    let mut points = vec![Point { values: Vec::new() }];
    for axis in axes {
        let longer = |point: &Point| {
            let values = |c: &Coordinate| point.values.iter().cloned().chain(std::iter::once(c.clone())).collect();
            axis.iter().map(|c| Point { values: values(c) }).collect::<Vec<_>>()
        };
        points = points.iter().flat_map(longer).collect();
    }
    points
}

fn read(
    name: &str,
    item: &recipec_grammar::tree::Expr,
    ty: &ParamType,
    integer: bool,
    problems: &mut Problems,
) -> Option<f64> {
    let (params, budget, formulas, terms, absent) = Default::default();
    // A value of a sweep is a constant, as the default of a param is: it names nothing.
    let scope = Scope {
        level: Level::Constant,
        params: &params,
        budget: &budget,
        formulas: &formulas,
        terms: &terms,
        domains: &[],
        absent: &absent,
        group_size: 1,
    };
    read_param_value(name, item, ty, integer, &scope, problems)
}

fn dimension(ty: &ParamType) -> Dimension {
    match ty.ty {
        Type::Number(dimension) => dimension,
        Type::Bool | Type::Domain => Dimension::PURE,
    }
}

fn text_of(sources: &[Source], span: Span) -> String {
    let source = sources.iter().find(|source| source.id == span.file);
    source.and_then(|source| source.text.get(span.start..span.end)).unwrap_or_default().to_string()
}
