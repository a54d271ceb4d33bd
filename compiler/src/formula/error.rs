//! Every message about a formula: one function each, the codes on top.

use super::Type;
use crate::diagnostic::suggest::Near;
use crate::diagnostic::{Code, Diagnostic, Severity, codes};
use crate::range::Interval;
use recipec_grammar::source::Span;

/// A name that a formula of this level does not know.
pub const UNKNOWN_SIGNAL: Code = codes::UNKNOWN_SIGNAL;
/// A signal of the language that this recipe does not have.
pub const ABSENT_SIGNAL: Code = codes::ABSENT_SIGNAL;
/// A function that does not exist.
pub const UNKNOWN_FUNCTION: Code = codes::UNKNOWN_FUNCTION;
/// A domain that the recipe does not have, behind `domain ==`.
pub const UNKNOWN_DOMAIN: Code = codes::UNKNOWN_DOMAIN;
/// A type behind a formula's parameter or `->` that does not exist.
pub const UNKNOWN_TYPE: Code = codes::UNKNOWN_TYPE;
/// A `where` binding or a parameter with a name that already means something.
pub const SHADOWS: Code = codes::SHADOWS;
/// Numbers of different dimensions where one is needed.
pub const MISMATCH: Code = codes::UNITS_MISMATCH;
/// A number with a unit where a pure one is needed.
pub const NOT_PURE: Code = codes::NOT_PURE;
/// A root, power or product whose dimension cannot be written.
pub const NO_DIMENSION: Code = codes::NO_DIMENSION;
/// A truth value where a number is needed, or the reverse.
pub const WRONG_KIND: Code = codes::UNITS_WRONG_KIND;
/// A divisor that can be 0.
pub const DIVISION_BY_ZERO: Code = codes::DIVISION_BY_ZERO;
/// A logarithm of something that can be 0 or less.
pub const LOG_OF_NONPOSITIVE: Code = codes::LOG_OF_NONPOSITIVE;
/// A square root of something that can be negative.
pub const ROOT_OF_NEGATIVE: Code = codes::ROOT_OF_NEGATIVE;
/// A power that is not a number: 0 to a negative exponent, or a negative base to a fraction.
pub const UNDEFINED_POWER: Code = codes::UNDEFINED_POWER;
/// A value that can leave the range that its place demands.
pub const OUTSIDE: Code = codes::OUTSIDE;
/// A clip whose lower bound lies above its upper one.
pub const INVERTED_CLIP: Code = codes::INVERTED_CLIP;
/// A number that is too large for a 64-bit float.
pub const NOT_FINITE: Code = codes::NOT_FINITE;
/// Too many or too few arguments.
pub const WRONG_ARITY: Code = codes::WRONG_ARITY;
/// An argument name that the function does not have, or that is given twice.
pub const UNKNOWN_ARGUMENT: Code = codes::FORMULA_UNKNOWN_ARGUMENT;
/// An aggregate with a filter and without a value for the empty case.
pub const MISSING_ELSE: Code = codes::MISSING_ELSE;
/// Something that has no place here: a filter outside an aggregate, an aggregate outside a group.
pub const MISPLACED: Code = codes::MISPLACED;
/// A text, a list, a range or a record in a formula.
pub const NOT_A_FORMULA: Code = codes::NOT_A_FORMULA;
/// A value that must not change from rollout to rollout.
pub const NOT_CONSTANT: Code = codes::NOT_CONSTANT;
/// A named formula that calls itself.
pub const RECURSIVE: Code = codes::RECURSIVE;
/// A formula that is nested too deep, or too large once named formulas stand in their places.
pub const TOO_LARGE: Code = codes::TOO_LARGE;
/// A `where` binding that nothing reads.
pub const UNUSED_BINDING: Code = codes::UNUSED_BINDING;
/// An `else` that can never be taken.
pub const UNUSED_ELSE: Code = codes::UNUSED_ELSE;

/// A range as people write it.
pub fn range(range: Interval) -> String {
    let end = |value: f64| match value {
        v if v == f64::INFINITY => "infinity".to_string(),
        v if v == f64::NEG_INFINITY => "-infinity".to_string(),
        v => super::text::number(v),
    };
    if range.low == range.high { end(range.low) } else { format!("{}..{}", end(range.low), end(range.high)) }
}

/// Where a value lies, for a label.
fn lies(found: Interval) -> String {
    if found.low == found.high { format!("is {}", range(found)) } else { format!("lies in {}", range(found)) }
}

fn warning(code: Code, message: String) -> Diagnostic {
    let mut diagnostic = Diagnostic::new(code, message);
    diagnostic.severity = Severity::Warning;
    diagnostic
}

fn did_you_mean(diagnostic: Diagnostic, span: Span, near: Option<Near<'_>>, known: &[&str]) -> Diagnostic {
    match near {
        Some(near) => diagnostic.help(format!("did you mean `{}`?", near.word)).fix(span, near.word, near.certain),
        None if !known.is_empty() && known.len() <= 8 => {
            let list: Vec<String> = known.iter().map(|word| format!("`{word}`")).collect();
            diagnostic.help(format!("known here: {}", list.join(", ")))
        }
        None => diagnostic,
    }
}

pub fn unknown_name(name: &str, span: Span, what: &str, near: Option<Near<'_>>, known: &[&str]) -> Diagnostic {
    let diagnostic = Diagnostic::new(UNKNOWN_SIGNAL, format!("unknown name `{name}` in {what}"))
        .at(span, "not a name that this formula can read");
    did_you_mean(diagnostic, span, near, known)
}

pub fn unseen_signal(name: &str, span: Span, what: &str, of: &str, why: &str) -> Diagnostic {
    Diagnostic::new(UNKNOWN_SIGNAL, format!("{what} cannot read `{name}`"))
        .at(span, format!("a signal of the {of}"))
        .help(why)
}

pub fn bound_below(name: &str, span: Span, what: &str, below: Span) -> Diagnostic {
    Diagnostic::new(UNKNOWN_SIGNAL, format!("`{name}` is read before it is bound in {what}"))
        .at(span, "not bound yet")
        .at(below, "bound here")
        .help(format!("write the binding of `{name}` first"))
}

/// `without` are the domains that lack it, each with the place that decides it; `why` ends a sentence that begins with one of them.
pub fn absent_signal(name: &str, span: Span, what: &str, without: &[(&str, Option<Span>)], why: &str) -> Diagnostic {
    let first = without.first().map_or("", |(domain, _)| domain);
    let others = match without.len() {
        0 | 1 => String::new(),
        n => format!(" ({} more like it)", n - 1),
    };
    let mut diagnostic =
        Diagnostic::new(ABSENT_SIGNAL, format!("{what} reads `{name}`, and domain `{first}` {why}{others}"))
            .at(span, "not there");
    for (domain, place) in without.iter().take(3) {
        if let Some(place) = place {
            diagnostic = diagnostic.at(*place, format!("`{domain}` {why}"));
        }
    }
    diagnostic
}

pub fn unknown_function(name: &str, span: Span, near: Option<Near<'_>>) -> Diagnostic {
    did_you_mean(
        Diagnostic::new(UNKNOWN_FUNCTION, format!("unknown function `{name}`"))
            .at(span, "not a function or a named formula"),
        span,
        near,
        &[],
    )
}

pub fn unknown_domain(name: &str, span: Span, near: Option<Near<'_>>, known: &[&str]) -> Diagnostic {
    did_you_mean(
        Diagnostic::new(UNKNOWN_DOMAIN, format!("unknown domain `{name}`")).at(span, "not a domain of this recipe"),
        span,
        near,
        known,
    )
}

pub fn unknown_type(name: &str, span: Span, near: Option<Near<'_>>) -> Diagnostic {
    let diagnostic =
        Diagnostic::new(UNKNOWN_TYPE, format!("unknown type `{name}`")).at(span, "neither a type nor a unit");
    did_you_mean(diagnostic, span, near, &["number", "integer", "ratio", "reward", "bool", "tokens"])
}

pub fn shadows(name: &str, span: Span, earlier: Option<Span>, meaning: &str) -> Diagnostic {
    let diagnostic =
        Diagnostic::new(SHADOWS, format!("`{name}` already means something: {meaning}")).at(span, "bound here");
    let diagnostic = match earlier {
        Some(earlier) => diagnostic.at(earlier, "first here"),
        None => diagnostic,
    };
    diagnostic.help("choose another name")
}

pub fn needs_dimension(what: &str, needed: Type, span: Span, found: Type) -> Diagnostic {
    Diagnostic::new(MISMATCH, format!("{what} must be {needed}, not {found}")).at(span, format!("this is {found}"))
}

/// Two numbers of different dimensions meet; `verb` says what for: "be added", "be compared".
pub fn mismatch(verb: &str, left: (Span, Type), right: (Span, Type), at: Span) -> Diagnostic {
    Diagnostic::new(MISMATCH, format!("{} and {} cannot {verb}", left.1, right.1))
        .at(at, "the units differ")
        .at(left.0, format!("this is {}", left.1))
        .at(right.0, format!("this is {}", right.1))
}

pub fn wrong_kind(what: &str, needed: &str, span: Span, found: Type) -> Diagnostic {
    Diagnostic::new(WRONG_KIND, format!("{what} needs {needed}, and this is {found}"))
        .at(span, format!("this is {found}"))
}

pub fn not_pure(what: &str, span: Span, found: Type, help: String) -> Diagnostic {
    Diagnostic::new(NOT_PURE, format!("{what} must be a pure number, not {found}"))
        .at(span, format!("this is {found}"))
        .help(help)
}

pub fn no_dimension(message: String, span: Span) -> Diagnostic {
    Diagnostic::new(NO_DIMENSION, message)
        .at(span, "its unit cannot be written")
        .help("cancel the unit first: divide by an amount of the same unit")
}

pub fn division_by_zero(span: Span, text: &str, found: Interval, help: String) -> Diagnostic {
    Diagnostic::new(DIVISION_BY_ZERO, format!("`{text}` can be 0, and is divided by")).at(span, lies(found)).help(help)
}

pub fn log_of_nonpositive(span: Span, text: &str, found: Interval, help: String) -> Diagnostic {
    Diagnostic::new(LOG_OF_NONPOSITIVE, format!("`{text}` can be 0 or less, and has no logarithm there"))
        .at(span, lies(found))
        .help(help)
}

pub fn root_of_negative(span: Span, text: &str, found: Interval, help: String) -> Diagnostic {
    Diagnostic::new(ROOT_OF_NEGATIVE, format!("`{text}` can be negative, and has no square root there"))
        .at(span, lies(found))
        .help(help)
}

pub fn zero_to_negative(base: (Span, Interval), exponent: (Span, Interval), text: &str) -> Diagnostic {
    Diagnostic::new(UNDEFINED_POWER, format!("`{text}` can be 0 under a negative exponent"))
        .at(base.0, lies(base.1))
        .at(exponent.0, lies(exponent.1))
        .help(format!("keep the base above 0, for example `max({text}, 1e-9)`"))
}

pub fn negative_to_fraction(base: (Span, Interval), exponent: (Span, Interval), text: &str) -> Diagnostic {
    Diagnostic::new(UNDEFINED_POWER, format!("`{text}` can be negative under an exponent that is not one whole number"))
        .at(base.0, lies(base.1))
        .at(exponent.0, lies(exponent.1))
        .help(format!("keep the base from 0 up, for example `max({text}, 0)`"))
}

pub fn outside(what: &str, span: Span, found: Interval, allowed: Interval, help: String) -> Diagnostic {
    Diagnostic::new(OUTSIDE, format!("{what} must lie in {}, and can be anything in {}", range(allowed), range(found)))
        .at(span, lies(found))
        .help(help)
}

pub fn inverted_clip(low: (Span, Interval), high: (Span, Interval)) -> Diagnostic {
    Diagnostic::new(INVERTED_CLIP, format!("`clip` from {} down to {}", range(low.1), range(high.1)))
        .at(low.0, "the lower bound lies above the upper one")
        .at(high.0, "the upper bound")
        .help("exchange the two bounds")
}

pub fn not_finite(text: &str, span: Span) -> Diagnostic {
    Diagnostic::new(NOT_FINITE, format!("`{text}` is too large for a number")).at(span, "larger than 1.8e308")
}

pub fn wrong_arity(name: &str, wanted: &[&str], found: usize, span: Span, help: Option<String>) -> Diagnostic {
    let values = if wanted.len() == 1 { "value" } else { "values" };
    let diagnostic = Diagnostic::new(WRONG_ARITY, format!("`{name}` takes {} {values}, found {found}", wanted.len()))
        .at(span, "called here");
    diagnostic.help(help.unwrap_or_else(|| format!("write `{name}({})`", wanted.join(", "))))
}

pub fn unknown_argument(
    function: &str,
    argument: &str,
    span: Span,
    near: Option<Near<'_>>,
    known: &[&str],
) -> Diagnostic {
    let diagnostic = Diagnostic::new(UNKNOWN_ARGUMENT, format!("`{function}` has no argument `{argument}`"))
        .at(span, "not an argument of it");
    did_you_mean(diagnostic, span, near, known)
}

pub fn argument_twice(function: &str, argument: &str, span: Span) -> Diagnostic {
    Diagnostic::new(UNKNOWN_ARGUMENT, format!("`{function}` is given its argument `{argument}` twice"))
        .at(span, "given before")
}

pub fn missing_else(function: &str, span: Span) -> Diagnostic {
    Diagnostic::new(MISSING_ELSE, format!("`{function}` with a filter does not say what it is when no rollout passes"))
        .at(span, "no `else`")
        .help("add the value for the empty case, for example `else = 0` with its unit")
}

pub fn misplaced(message: String, span: Span, label: &str, help: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::new(MISPLACED, message).at(span, label);
    match help {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

pub fn not_a_formula(thing: &str, what: &str, span: Span) -> Diagnostic {
    Diagnostic::new(NOT_A_FORMULA, format!("{thing} cannot stand in {what}"))
        .at(span, "not a value that can be computed with")
}

pub fn not_constant(what: &str, span: Span) -> Diagnostic {
    Diagnostic::new(NOT_CONSTANT, format!("{what} must be the same for every row"))
        .at(span, "reads a signal")
        .help("use numbers, params and `budget.*` only")
}

pub fn recursive(chain: &[String], span: Span) -> Diagnostic {
    Diagnostic::new(RECURSIVE, format!("formula calls itself: {}", chain.join(" -> ")))
        .at(span, "called again here")
        .note("every formula must end, so none may need its own value")
}

pub fn too_large(message: String, span: Span) -> Diagnostic {
    Diagnostic::new(TOO_LARGE, message)
        .at(span, "beyond the limit here")
        .help("split it into `where` bindings or several penalties and terms")
}

pub fn unused_binding(name: &str, what: &str, span: Span) -> Diagnostic {
    warning(UNUSED_BINDING, format!("`{name}` is bound in {what} and never read"))
        .at(span, "never read")
        .help("read it or take it out")
}

pub fn unused_else(function: &str, span: Span) -> Diagnostic {
    warning(UNUSED_ELSE, format!("`else` of `{function}` can never be taken"))
        .at(span, "there is no filter, and a group is never empty")
        .help("take it out, or add a filter: `x if correct`")
}
