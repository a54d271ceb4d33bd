//! What a formula needs, and what was stated of it.

use super::{Found, MOST_ROWS, StatedError};
use crate::formula::{Kind, Source, Type, Typed, TypedFormula};
use crate::recipe::Recipe;
use crate::units::{Dimension, unit};
use crate::values::parse_literal;
use crate::vocabulary::signals::{Bounds, batch_mean_column, signal};
use recipec_grammar::tree::{Expr, ExprKind};
use std::collections::{BTreeMap, BTreeSet};

/// Signals of which one is true exactly when the other is not.
const OPPOSITES: [(&str, &str); 4] =
    [("correct", "wrong"), ("wrong", "correct"), ("truncated", "finished"), ("finished", "truncated")];

fn opposite(name: &str) -> Option<&'static str> {
    OPPOSITES.iter().find(|(of, _)| *of == name).map(|(_, other)| *other)
}

/// The values of one input as they were written.
#[derive(Debug)]
pub struct Column {
    /// The name as it was written.
    pub written: String,
    /// At least one.
    pub texts: Vec<String>,
}

/// What was stated, by key: see [`key`].
pub type Given = BTreeMap<String, Column>;

/// Under which name a value is kept: without spaces, so that aggregates may be written as anybody likes.
fn key(name: &str) -> String {
    let short: String = name.chars().filter(|c| !c.is_whitespace()).collect();
    let mean = short.strip_prefix("mean(").and_then(|rest| rest.strip_suffix(",over=last_batch)"));
    mean.map_or(short.clone(), batch_mean_column)
}

/// Takes the stated values apart.
pub fn read(stated: &[(String, String)]) -> Result<Given, StatedError> {
    let mut given = Given::new();
    for (name, text) in stated {
        let bad = |why: String| StatedError::BadValue { name: name.clone(), text: text.clone(), why };
        let texts: Vec<String> = text.split(',').map(|text| text.trim().to_string()).collect();
        if texts.len() > MOST_ROWS {
            return Err(StatedError::BadValue {
                name: name.clone(),
                text: format!("{}…", texts.first().map_or("", String::as_str)),
                why: format!("{} values are more than {MOST_ROWS}", texts.len()),
            });
        }
        if given.insert(key(name), Column { written: name.clone(), texts }).is_some() {
            return Err(bad("it is stated twice".into()));
        }
    }
    Ok(given)
}

/// What a formula reads, parts of the reward followed to what they read.
pub struct Needs<'a> {
    parts: &'a BTreeMap<&'a str, &'a TypedFormula>,
    given: &'a Given,
    group: bool,
    /// Signals, parameters, and what one row does not decide: by key, with the name in formulas and the type.
    read: BTreeMap<String, (String, Type)>,
    /// Params and budgets.
    constants: BTreeMap<String, Type>,
    /// Parts of the reward that are read.
    named: BTreeMap<String, Type>,
    /// Keys of aggregates: what a group decides.
    aggregates: BTreeSet<String>,
    /// Parts of the reward that were not stated, each behind those that it reads.
    pub order: Vec<String>,
}

impl<'a> Needs<'a> {
    /// Of nothing yet. Over a group aggregates are computed; else their values are stated.
    pub fn new(parts: &'a BTreeMap<&'a str, &'a TypedFormula>, given: &'a Given, group: bool) -> Self {
        Self {
            parts,
            given,
            group,
            read: BTreeMap::new(),
            constants: BTreeMap::new(),
            named: BTreeMap::new(),
            aggregates: BTreeSet::new(),
            order: Vec::new(),
        }
    }

    /// Adds what a formula reads.
    pub fn of(&mut self, formula: &TypedFormula) {
        for binding in &formula.bindings {
            self.walk(&binding.value);
        }
        self.walk(&formula.body);
    }

    fn walk(&mut self, part: &Typed) {
        match &part.kind {
            Kind::Name(Source::Local, _) => return,
            Kind::Name(Source::Signal, name) => {
                self.read.insert(key(name), (name.clone(), part.ty));
            }
            Kind::Name(Source::Param | Source::Budget, name) => {
                self.constants.insert(name.clone(), part.ty);
            }
            Kind::Name(Source::Term, name) => {
                let known = self.named.insert(name.clone(), part.ty).is_some();
                if let Some(formula) =
                    self.parts.get(name.as_str()).filter(|_| !known && !self.given.contains_key(name))
                {
                    self.of(formula);
                    self.order.push(name.clone());
                }
            }
            Kind::Aggregate(_) if !self.group => {
                let text = part.to_string();
                self.aggregates.insert(key(&text));
                self.read.insert(key(&text), (text, part.ty));
                return;
            }
            Kind::Ema { .. } => {
                let text = part.to_string();
                self.read.insert(key(&text), (text, part.ty));
                return;
            }
            _ => {}
        }
        for inner in part.parts() {
            self.walk(inner);
        }
    }

    /// Whether a name has a part in the value.
    pub fn is_read(&self, name: &str) -> bool {
        self.constants.contains_key(name) || self.named.contains_key(name)
    }

    /// The names of all inputs, as formulas write them.
    pub fn inputs(&self) -> Vec<String> {
        self.read.values().map(|(name, _)| shown(name)).collect()
    }
}

/// A column of the last batch as formulas write it.
fn shown(name: &str) -> String {
    name.strip_prefix("last_batch.").map_or(name.to_string(), |mean| format!("mean({mean}, over = last_batch)"))
}

/// Everything that an evaluation looks up.
pub struct Inputs {
    /// What was stated.
    pub stated: BTreeMap<String, Vec<f64>>,
    /// All values by their names in formulas.
    pub values: BTreeMap<String, Vec<f64>>,
    /// How many rollouts were described.
    pub rows: usize,
}

/// Gives every input its value.
pub fn bind(
    recipe: &Recipe,
    found: &Found<'_>,
    needs: &Needs<'_>,
    constants: &BTreeMap<String, f64>,
    given: &Given,
) -> Result<Inputs, StatedError> {
    let mut values: BTreeMap<String, Vec<f64>> =
        constants.iter().map(|(name, value)| (name.clone(), vec![*value])).collect();
    // Where a domain has a cap of its own, the cap is known once the domain is.
    let own_cap = needs.constants.contains_key("budget.output") && !constants.contains_key("budget.output");
    let mut stated = BTreeMap::new();
    for (key, column) in given {
        let known = match (needs.read.get(key), opposite(key).filter(|_| !found.path.starts_with("formula."))) {
            (Some(known), _) => Some(known.clone()),
            (None, Some(other)) => needs.read.get(other).map(|(_, ty)| (key.clone(), *ty)),
            (None, None) if key == "domain" && own_cap => Some((key.clone(), Type::Domain)),
            (None, None) => needs.constants.get(key).or_else(|| needs.named.get(key)).map(|ty| (key.clone(), *ty)),
        };
        let Some((name, ty)) = known else {
            return Err(StatedError::NotRead {
                path: found.path.clone(),
                name: column.written.clone(),
                reads: needs.inputs(),
                also: needs.constants.keys().chain(needs.named.keys()).cloned().collect(),
            });
        };
        let is_parameter = found.path.starts_with("formula.") && needs.read.contains_key(key);
        let numbers = column.texts.iter().map(|text| {
            let bad = |why| StatedError::BadValue { name: column.written.clone(), text: text.clone(), why };
            let value = number(recipe, text, ty).map_err(bad)?;
            if !is_parameter {
                can_be(recipe, &name, value).map_err(bad)?;
            }
            Ok(value)
        });
        let numbers = numbers.collect::<Result<Vec<f64>, StatedError>>()?;
        stated.insert(name.clone(), numbers.clone());
        values.insert(name, numbers);
    }
    let rows = rows(&stated)?;
    if own_cap
        && !values.contains_key("budget.output")
        && let Some(domains) = values.get("domain")
    {
        let cap = |domain: &f64| {
            let name = recipe.domains.get(*domain as usize);
            let of = found.stage.domains.iter().find(|domain| Some(&domain.name) == name);
            of.and_then(|domain| domain.output).unwrap_or(found.work.max_output_tokens) as f64
        };
        let caps = domains.iter().map(cap).collect();
        values.insert("budget.output".into(), caps);
    }
    // Parameters of a named formula are what they are, whatever they are called.
    let opposites = if found.path.starts_with("formula.") { &[] } else { &OPPOSITES[..] };
    for &(name, other) in opposites {
        let Some(told) = values.get(other).cloned() else { continue };
        let flipped: Vec<f64> = told.iter().map(|value| 1.0 - value).collect();
        match values.get(name) {
            None => _ = values.insert(name.into(), flipped),
            Some(known) if (0..rows).any(|row| at(known, row) != at(&flipped, row)) => {
                let why = format!("a rollout is either `{name}` or `{other}`");
                let text = known.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
                return Err(StatedError::BadValue { name: name.into(), text, why });
            }
            Some(_) => {}
        }
    }
    // `train.group` is what the recipe says it is.
    if !values.contains_key("group_size") {
        values.insert("group_size".into(), vec![found.work.train.group_size as f64]);
    }
    let needed = needs.read.values().map(|(name, _)| name).chain(needs.constants.keys());
    let missing: Vec<&String> = needed.filter(|name| !values.contains_key(*name)).collect();
    if !missing.is_empty() {
        let of_a_group = missing.iter().any(|name| needs.aggregates.contains(&key(name)));
        let mut reads = needs.inputs();
        reads.extend(missing.iter().filter(|name| needs.constants.contains_key(**name)).map(|name| (*name).clone()));
        return Err(StatedError::Missing {
            path: found.path.clone(),
            missing: missing.into_iter().map(|name| shown(name)).collect(),
            reads,
            of_a_group,
        });
    }
    Ok(Inputs { stated, values, rows })
}

fn at(column: &[f64], row: usize) -> Option<f64> {
    match column {
        [single] => Some(*single),
        many => many.get(row).copied(),
    }
}

/// How many rollouts are described.
fn rows(stated: &BTreeMap<String, Vec<f64>>) -> Result<usize, StatedError> {
    let Some((longest, column)) = stated.iter().max_by_key(|(_, column)| column.len()) else { return Ok(1) };
    let rows = column.len();
    match stated.iter().find(|(_, column)| column.len() != 1 && column.len() != rows) {
        None => Ok(rows),
        Some((other, column)) => {
            Err(StatedError::Uneven { longest: (longest.clone(), rows), other: (other.clone(), column.len()) })
        }
    }
}

/// A value as it was written, in base units.
fn number(recipe: &Recipe, text: &str, ty: Type) -> Result<f64, String> {
    if ty == Type::Domain {
        return match recipe.domains.iter().position(|domain| domain == text) {
            Some(at) => Ok(at as f64),
            None => {
                let domains = crate::diagnostic::suggest::list(&recipe.domains, "and");
                Err(format!("`{text}` is no domain of the recipe; there are {domains}"))
            }
        };
    }
    let plain = text.parse::<f64>().ok().filter(|value| value.is_finite());
    let value = match plain {
        Some(value) => value,
        None => literal(&parse_literal(text).ok_or("this is not a value")?, ty)?,
    };
    if ty == Type::Bool && value != 0.0 && value != 1.0 {
        return Err("it is `true` or `false`".into());
    }
    Ok(value)
}

/// A number with its unit, or a truth value.
fn literal(expr: &Expr, ty: Type) -> Result<f64, String> {
    match (&expr.kind, ty) {
        (ExprKind::Negate(inner), _) => Ok(-literal(inner, ty)?),
        (ExprKind::Bool(truth), Type::Bool) => Ok(f64::from(u8::from(*truth))),
        (ExprKind::Bool(_), _) => Err("it is a number, no truth value".into()),
        (ExprKind::Quantity(quantity), Type::Number(dimension)) => {
            let (given, factor) = match &quantity.unit {
                Some(word) => unit(&word.node).ok_or_else(|| format!("`{}` is no unit", word.node))?,
                None => (dimension, 1.0),
            };
            if given != dimension {
                let wanted = if dimension == Dimension::PURE { "a pure number".into() } else { dimension.to_string() };
                return Err(format!("its unit is {wanted}, not {given}"));
            }
            let value = quantity.value * factor;
            if value.is_finite() { Ok(value) } else { Err("it is too large".into()) }
        }
        (_, Type::Bool) => Err("it is `true` or `false`".into()),
        _ => Err("this is not a number".into()),
    }
}

/// Whether an input can have a value: signals have bounds, and params the range that they were declared with. Beyond a cap a formula
/// may be asked too.
fn can_be(recipe: &Recipe, name: &str, value: f64) -> Result<(), String> {
    if let Some(param) = recipe.params.iter().find(|param| param.name == name) {
        return match param.range {
            Some((low, high)) if value < low || value > high => Err(format!("the recipe declares it in {low}..{high}")),
            _ => Ok(()),
        };
    }
    match signal(name).map(|signal| signal.bounds) {
        Some(Bounds::Between(low, high)) if value < low || value > high => Err(if high.is_finite() {
            format!("it is between {low} and {high}")
        } else {
            format!("it is at least {low}")
        }),
        Some(Bounds::UpToBudget(low, _)) if value < low => Err(format!("it is at least {low}")),
        Some(Bounds::GroupSize) if value < 1.0 => Err("it is at least 1".into()),
        _ => Ok(()),
    }
}
