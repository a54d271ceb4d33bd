//! Codes of formulas: names, units, ranges and form.

use super::{Code, Row, Severity, registry};

registry! {
    UNKNOWN_SIGNAL = "recipe::names::unknown_signal", Error, "a name that a formula of this kind does not know",
        what: "The name is no signal of this level, no param, no budget and no penalty or term.",
        why: "A formula may only read what exists when it is evaluated.",
        bad: "penalty p = -lenght / budget.output", good: "penalty p = -length / budget.output";
    ABSENT_SIGNAL = "recipe::names::absent_signal", Error, "a signal that this recipe does not have",
        what: "The signal is in the language, but nothing in this recipe makes it.",
        why: "A domain without a verifier has no `correct`; a made-up value would be a silent default.",
        bad: "reward { total = if correct then 1 else 0 … } with a verifier-free domain", good: "reward { total = reference_probability … }";
    UNKNOWN_FUNCTION = "recipe::names::unknown_function", Error, "a function that does not exist",
        what: "It is neither a function of the language nor a `formula` of the recipe.",
        why: "Formulas are total: they call only what is known to end.",
        bad: "penalty p = -maxx(0, score)", good: "penalty p = -max(0, score)";
    UNKNOWN_DOMAIN = "recipe::names::unknown_domain", Error, "a domain that the recipe does not have, in a formula",
        what: "Behind `domain ==` stands a name that no domain has.",
        why: "The comparison would never be true.",
        bad: "if domain == cdoe then 1 else 0", good: "if domain == code then 1 else 0";
    SHADOWS = "recipe::names::shadows", Error, "a binding or parameter with a name that already means something",
        what: "A `where` binding or a formula's parameter has the name of a signal, param or term.",
        why: "A reader would take it for the other.",
        bad: "penalty p = -length where length = 1", good: "penalty p = -part where part = 1";
    UNITS_MISMATCH = "recipe::units::mismatch", Error, "units that do not go together",
        what: "Both sides of a sum or a comparison need one unit.",
        why: "Adding steps to seconds is always a mistake.",
        bad: "length + 1", good: "length + 1 token";
    NOT_PURE = "recipe::units::not_pure", Error, "a number with a unit where a pure one is needed",
        what: "Exponents, logarithms, rewards and weights are pure numbers.",
        why: "`exp(3 tokens)` changes its meaning with the unit.",
        bad: "penalty p = -length", good: "penalty p = -length / budget.output";
    NO_DIMENSION = "recipe::units::no_dimension", Error, "a unit that cannot be written",
        what: "The root, power or product has a unit that is no product of whole powers.",
        why: "Such a unit is nearly always a slip in the formula.",
        bad: "sqrt(length) / budget.output", good: "sqrt(length / budget.output)";
    UNITS_WRONG_KIND = "recipe::units::wrong_kind", Error, "a truth value where a number is needed, or the reverse",
        what: "Truth values are chosen with `if`, not added.",
        why: "Reading true as 1 hides which of two meanings was wanted.",
        bad: "correct + 1", good: "(if correct then 1 else 0) + 1";
    DIVISION_BY_ZERO = "recipe::ranges::division_by_zero", Error, "a divisor that can be 0",
        what: "The range of the divisor holds 0.",
        why: "One such value makes the gradient of a whole batch useless.",
        bad: "ratio / achieved", good: "ratio / max(achieved, 1e-9)";
    LOG_OF_NONPOSITIVE = "recipe::ranges::log_of_nonpositive", Error, "a logarithm of something that can be 0 or less",
        what: "The range of the argument reaches 0 or below.",
        why: "The result would not be a number.",
        bad: "log(score)", good: "log(max(score, 1e-6))";
    ROOT_OF_NEGATIVE = "recipe::ranges::root_of_negative", Error, "a square root of something that can be negative",
        what: "The range of the argument reaches below 0.",
        why: "The result would not be a number.",
        bad: "sqrt(score - 1)", good: "sqrt(1 - score)";
    UNDEFINED_POWER = "recipe::ranges::undefined_power", Error, "a power that can fail to be a number",
        what: "0 to a negative exponent, or a negative base to a fraction.",
        why: "The result would be infinite, or no number.",
        bad: "solve_rate ^ -0.5", good: "max(solve_rate, 0.01) ^ -0.5";
    OUTSIDE = "recipe::ranges::outside", Error, "a value that can leave the range of its place",
        what: "The range of the formula is larger than what the place demands.",
        why: "A ratio of 1.3 has no meaning.",
        bad: "formula f(n: tokens) -> ratio = 2", good: "formula f(n: tokens) -> ratio = 0.5";
    INVERTED_CLIP = "recipe::ranges::inverted_clip", Error, "a clip whose lower bound lies above its upper one",
        what: "`clip(x, low, high)` needs `low` at or below `high`.",
        why: "Its value would depend on which bound is applied first.",
        bad: "clip(score, 1, 0)", good: "clip(score, 0, 1)";
    NOT_FINITE = "recipe::ranges::not_finite", Error, "a number that is too large for a 64-bit float",
        what: "The constant is infinite.",
        why: "Arithmetic with it has no meaning.",
        bad: "1e308 * 10", good: "1e300";
    WRONG_ARITY = "recipe::formulas::wrong_arity", Error, "too many or too few arguments",
        what: "The function takes another number of values.",
        why: "There are no optional values that could be meant.",
        bad: "clip(score, 1)", good: "clip(score, 0, 1)";
    FORMULA_UNKNOWN_ARGUMENT = "recipe::formulas::unknown_argument", Error, "an argument name that the function does not have",
        what: "The name is unknown, or was given twice.",
        why: "An argument that is not read would be a wish that nobody grants.",
        bad: "ema(x, kep = 0.5, start = 0)", good: "ema(x, keep = 0.5, start = 0)";
    MISSING_ELSE = "recipe::formulas::missing_else", Error, "an aggregate with a filter and no value for the empty case",
        what: "When no rollout passes the filter there is nothing to aggregate.",
        why: "The smallest length of no rollouts is not 0 and not infinite; the author must say.",
        bad: "group.min(length if correct)", good: "group.min(length if correct, else = budget.output)";
    MISPLACED = "recipe::formulas::misplaced", Error, "a piece of a formula that has no place here",
        what: "A filter outside of an aggregate, or an aggregate where there is no group.",
        why: "It would mean nothing.",
        bad: "mix { weight = group.mean(score) … }", good: "penalty p = group.mean(score) - 1";
    NOT_A_FORMULA = "recipe::formulas::not_a_formula", Error, "a text, list, range or record in a formula",
        what: "Formulas are made of numbers and truth values.",
        why: "Nothing else can be evaluated over a batch.",
        bad: "penalty p = \"short\"", good: "penalty p = -score";
    NOT_CONSTANT = "recipe::formulas::not_constant", Error, "a value that must not change from rollout to rollout",
        what: "The place takes a constant: numbers, params and budgets.",
        why: "A setting is read once, before the first rollout.",
        bad: "quantile(length, at = score)", good: "quantile(length, at = 0.9)";
    RECURSIVE = "recipe::formulas::recursive", Error, "a named formula that calls itself",
        what: "The chain of calls comes back to its beginning.",
        why: "Every formula ends.",
        bad: "formula f(n: tokens) -> reward = f(n)", good: "formula f(n: tokens) -> reward = n / budget.output";
    TOO_LARGE = "recipe::formulas::too_large", Error, "a formula that is nested too deep or grows too large",
        what: "With its named formulas in their places the formula is larger than the limit.",
        why: "A bound keeps evaluation and proofs cheap.",
        bad: "f(f(f(f(…))))", good: "x where x = f(n)";
    UNUSED_BINDING = "recipe::formulas::unused_binding", Warning, "a `where` binding that nothing reads",
        what: "Neither the formula nor a later binding names it.",
        why: "Most often its name is misspelt where it should be read.",
        bad: "penalty p = -score where scale = 2", good: "penalty p = -score * scale where scale = 2";
    UNUSED_ELSE = "recipe::formulas::unused_else", Warning, "an `else` that can never be taken",
        what: "The aggregate has no filter, so there is always something to aggregate.",
        why: "It suggests a case that does not exist.",
        bad: "group.mean(length, else = 0 tokens)", good: "group.mean(length)";
    UNUSED_PARAMETER = "recipe::formulas::unused_parameter", Warning, "a parameter of a formula that its body does not read",
        what: "The value that a caller gives for it changes nothing.",
        why: "Most often its name is misspelt in the body, or another name is read in its place.",
        bad: "formula f(n: tokens, free: tokens) -> reward = -n / budget.output", good: "formula f(n: tokens, free: tokens) -> reward = -ramp(n, free, budget.output)";
}
