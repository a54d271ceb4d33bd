//! Weights of the mix are not negative, and what is written in them acts.
//!
//! A domain is drawn by its share of the sum of the weights. A factor that all domains have in common cancels in that share, and so
//! does a common term inside of an exponential.
//! Bad: `weight = ratio - achieved`, `weight = exp((gap + eps) / tau)`

use crate::diagnostic::{Diagnostic, codes};
use crate::draft::Draft;
use crate::formula::{Kind, Source, Typed, TypedBinding, TypedFormula};
use crate::problems::Problems;
use crate::vocabulary::functions::Function;
use crate::vocabulary::signals::{SignalLevel, signal};
use recipec_grammar::source::Span;
use recipec_grammar::tree::BinaryOp;

pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    let mut told: Vec<Span> = Vec::new();
    for stage in draft.stages.iter().filter(|s| s.supervised.is_none()) {
        let Some(weight) = stage.values.formula("mix.weight") else { continue };
        if told.contains(&weight.span) {
            continue;
        }
        told.push(weight.span);
        if !negative(weight, problems) {
            cancelled(weight, problems);
        }
    }
}

/// Ranges of averages are rounded outwards, so that 0 may be a little less.
const ROUNDING: f64 = 1e-9;

/// Whether the weights are none; reports it.
fn negative(weight: &TypedFormula, problems: &mut Problems) -> bool {
    let (low, high) = weight.range();
    let negative = low < -ROUNDING;
    if negative {
        problems.push(
            Diagnostic::new(codes::NEGATIVE_WEIGHT, format!("the weight of a domain can be as low as {low}"))
                .at(weight.span, format!("from {low} to {high}"))
                .help("bound it, for example with `max(1e-3, …)`"),
        );
    } else if high == 0.0 {
        problems.push(
            Diagnostic::new(codes::NEGATIVE_WEIGHT, "the weight of every domain is 0")
                .at(weight.span, "always 0")
                .help("`weight = ratio` draws by ratio"),
        );
    }
    negative || high == 0.0
}

/// Bindings in sight, the nearest last.
type Sight<'t> = Vec<&'t [TypedBinding]>;

/// What cancels, with a word for how.
#[derive(Default)]
struct Common<'t> {
    found: Vec<(&'t Typed, &'static str)>,
    /// Whether another part of the same product or sum tells domains apart.
    differs: bool,
}

fn cancelled(weight: &TypedFormula, problems: &mut Problems) {
    let sight: Sight<'_> = vec![weight.bindings.as_slice()];
    let mut common = Common::default();
    factors(&weight.body, &sight, &mut common);
    // A weight without anything of a domain is the uniform mix, which may be meant.
    if !common.differs {
        return;
    }
    for (part, how) in common.found {
        // Minus a factor of 1, nothing is lost.
        if part.range.low == 1.0 && part.range.high == 1.0 && how == FACTOR {
            continue;
        }
        problems.push(
            Diagnostic::new(codes::CONSTANT_CANCELS, format!("`{part}` cancels in the shares of the mix"))
                .at(part.span, how)
                .at(weight.span, "domains are drawn by their share of the sum of these")
                .help("remove it; or accept it with `allow` where a published formula is kept as it is"),
        );
    }
}

const FACTOR: &str = "a factor that all domains have in common";
const TERM: &str = "a term that all domains have in common, inside of `exp`";

/// Walks a product.
fn factors<'t>(typed: &'t Typed, sight: &Sight<'t>, common: &mut Common<'t>) {
    if !of_domain(typed, sight, 0) {
        common.found.push((typed, FACTOR));
        return;
    }
    match &typed.kind {
        Kind::Binary(BinaryOp::Multiply | BinaryOp::Divide, left, right) => {
            factors(left, sight, common);
            factors(right, sight, common);
        }
        Kind::Call(Function::Exp, arguments) => {
            if let [sum] = arguments.as_slice() {
                terms(sum, sight, common);
            }
        }
        Kind::Name(Source::Local, name) => match bound(name, sight) {
            Some((value, depth)) => factors(value, &sight.get(..depth).unwrap_or_default().to_vec(), common),
            None => common.differs = true,
        },
        _ => common.differs = true,
    }
}

/// Walks a sum inside of an exponential: `(a + b) / c` is `a / c + b / c`.
fn terms<'t>(typed: &'t Typed, sight: &Sight<'t>, common: &mut Common<'t>) {
    if !of_domain(typed, sight, 0) {
        common.found.push((typed, TERM));
        return;
    }
    match &typed.kind {
        Kind::Binary(BinaryOp::Add | BinaryOp::Subtract, left, right) => {
            terms(left, sight, common);
            terms(right, sight, common);
        }
        Kind::Negate(inner) => terms(inner, sight, common),
        Kind::Binary(BinaryOp::Divide, sum, divisor) if !of_domain(divisor, sight, 0) => terms(sum, sight, common),
        Kind::Binary(BinaryOp::Multiply, left, right) if !of_domain(left, sight, 0) => terms(right, sight, common),
        Kind::Binary(BinaryOp::Multiply, left, right) if !of_domain(right, sight, 0) => terms(left, sight, common),
        Kind::Name(Source::Local, name) => match bound(name, sight) {
            Some((value, depth)) => terms(value, &sight.get(..depth).unwrap_or_default().to_vec(), common),
            None => common.differs = true,
        },
        _ => common.differs = true,
    }
}

/// The value of a name, and how much of the sight its own names have. A binding sees the others of its list: names are unique there.
fn bound<'t>(name: &str, sight: &Sight<'t>) -> Option<(&'t Typed, usize)> {
    sight.iter().enumerate().rev().find_map(|(at, list)| Some((&list.iter().find(|b| b.name == name)?.value, at + 1)))
}

/// Names that lead to names end: bindings see only earlier ones. The bound is for trees that were not made by a check.
const MOST_STEPS: u32 = 256;

/// Whether the value can differ between domains at one moment.
fn of_domain(typed: &Typed, sight: &Sight<'_>, steps: u32) -> bool {
    if steps > MOST_STEPS {
        return true;
    }
    match &typed.kind {
        // Every signal but those of the run: ratios, counts, and means over the last batch.
        Kind::Name(Source::Signal, name) => signal(name).is_none_or(|s| s.level != SignalLevel::Run),
        Kind::Name(Source::Local, name) => match bound(name, sight) {
            Some((value, depth)) => of_domain(value, &sight.get(..depth).unwrap_or_default().to_vec(), steps + 1),
            None => true,
        },
        Kind::Name(Source::Term, _) | Kind::Domain(..) => true,
        // What is inlined sees its own names; whether it tells domains apart is up to its arguments and its own parts.
        Kind::Inline(inline) => {
            let own: Sight<'_> = vec![inline.arguments.as_slice(), inline.bindings.as_slice()];
            inline.arguments.iter().any(|a| of_domain(&a.value, sight, steps + 1))
                || of_domain(&inline.body, &own, steps + 1)
        }
        _ => typed.parts().into_iter().any(|part| of_domain(part, sight, steps + 1)),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{codes_of, quickstart_with};

    const WEIGHT: &str = "weight = ratio * clip(ratio / max(achieved, 1e-9), 0.1, 10)";

    fn found(weight: &str) -> Vec<&'static str> {
        codes_of(&quickstart_with(WEIGHT, weight)).codes
    }

    #[test]
    fn what_cancels() {
        let cancels = ["recipe::settings::constant_cancels"];
        for weight in [
            "weight = ratio / max(achieved, 1e-9) * 2",
            "weight = exp((max(0, gamma - achieved) + wrong_scale) / 0.3)",
            "weight = exp(sum) where gap = gamma - achieved, sum = gap + wrong_scale",
            "weight = ratio / max(achieved, 1e-9) * (1 + progress)",
        ] {
            let mut codes = found(weight);
            codes.dedup();
            // `gamma - achieved` has a common term of its own.
            assert_eq!(codes, cancels, "{weight}");
        }
        for weight in [
            "weight = ratio / max(achieved, 1e-9) + 0.1",
            "weight = exp(max(0, gamma - achieved) / 0.3)",
            "weight = (1 - 0.5 * achieved) ^ 2",
        ] {
            assert!(found(weight).is_empty(), "{weight}");
        }
    }

    #[test]
    fn negative_weights() {
        assert_eq!(found("weight = ratio - achieved"), ["recipe::ratios::negative_weight"]);
        assert_eq!(found("weight = 0 * achieved"), ["recipe::ratios::negative_weight"]);
    }
}
