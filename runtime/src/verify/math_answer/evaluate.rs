//! Values of trees: exact where everything is rational, else in floats at chosen values of the symbols.

use super::parse::Expr;
use super::value::Rational;

/// Most operations of one exact evaluation.
const MOST_OPERATIONS: usize = 2_000;

/// Why there is no exact value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inexact {
    /// It holds a symbol, a root, a function or a list.
    NotRational,
    /// It is undefined, or too large.
    NoValue,
}

/// An exact value.
#[derive(Debug, Clone, PartialEq)]
pub struct Exact {
    /// The number.
    pub value: Rational,
    /// True when a number in it was written as a decimal.
    pub decimal: bool,
}

/// The exact value of a tree.
pub fn exact(expr: &Expr) -> Result<Exact, Inexact> {
    let mut operations = MOST_OPERATIONS;
    exact_within(expr, &mut operations)
}

fn exact_within(expr: &Expr, operations: &mut usize) -> Result<Exact, Inexact> {
    *operations = operations.checked_sub(1).ok_or(Inexact::NoValue)?;
    let mut both = |a: &Expr, b: &Expr, join: fn(&Rational, &Rational) -> Option<Rational>| {
        let (a, b) = (exact_within(a, operations)?, exact_within(b, operations)?);
        let value = join(&a.value, &b.value).ok_or(Inexact::NoValue)?;
        Ok(Exact { value, decimal: a.decimal || b.decimal })
    };
    match expr {
        Expr::Number { value, decimal } => Ok(Exact { value: value.clone(), decimal: *decimal }),
        Expr::Sum(a, b) => both(a, b, Rational::plus),
        Expr::Product(a, b) => both(a, b, Rational::times),
        Expr::Quotient(a, b) => both(a, b, Rational::over),
        Expr::Choose(a, b) => both(a, b, choose),
        Expr::Power(a, b) => {
            let (base, exponent) = (exact_within(a, operations)?, exact_within(b, operations)?);
            if !exponent.value.is_integer() {
                return Err(Inexact::NotRational);
            }
            let value = base.value.power(&exponent.value).ok_or(Inexact::NoValue)?;
            Ok(Exact { value, decimal: base.decimal || exponent.decimal })
        }
        Expr::Negative(a) => {
            let inner = exact_within(a, operations)?;
            Ok(Exact { value: inner.value.negated(), ..inner })
        }
        Expr::Percent(a) => {
            let inner = exact_within(a, operations)?;
            let value = inner.value.over(&Rational::integer(100)).ok_or(Inexact::NoValue)?;
            Ok(Exact { value, ..inner })
        }
        Expr::Factorial(a) => {
            let inner = exact_within(a, operations)?;
            Ok(Exact { value: inner.value.factorial().ok_or(Inexact::NoValue)?, ..inner })
        }
        _ => Err(Inexact::NotRational),
    }
}

/// The binomial coefficient of whole numbers up to 400.
fn choose(n: &Rational, k: &Rational) -> Option<Rational> {
    let (n, k) = (n.to_i64()?, k.to_i64()?);
    if k < 0 || k > n || n > 400 {
        return None;
    }
    (1..=k).try_fold(Rational::integer(1), |product, at| {
        product.times(&Rational::integer(n - k + at))?.over(&Rational::integer(at))
    })
}

/// The value in floats where the symbol with a name has the value that `symbols` gives; none where it is no number.
pub fn float(expr: &Expr, symbols: &dyn Fn(&str) -> f64) -> Option<f64> {
    let of = |expr: &Expr| float(expr, symbols);
    let value = match expr {
        Expr::Number { value, .. } => value.to_float(),
        Expr::Symbol(name) => symbols(name),
        Expr::Pi => std::f64::consts::PI,
        Expr::Euler => std::f64::consts::E,
        Expr::Negative(a) => -of(a)?,
        Expr::Sum(a, b) => of(a)? + of(b)?,
        Expr::Product(a, b) => of(a)? * of(b)?,
        Expr::Quotient(a, b) => of(a)? / of(b)?,
        Expr::Percent(a) => of(a)? / 100.0,
        Expr::Power(a, b) => power(of(a)?, of(b)?),
        Expr::Logarithm(base, a) => libm::log(of(a)?) / libm::log(of(base)?),
        Expr::Choose(n, k) => {
            let (n, k) = (of(n)?, of(k)?);
            let falling =
                (0..400).take_while(|at| f64::from(*at) < k).map(|at| (n - f64::from(at)) / (k - f64::from(at)));
            if k == libm::floor(k) { falling.product() } else { return None }
        }
        Expr::Factorial(a) => libm::tgamma(of(a)? + 1.0),
        Expr::Function(name, a) => function(name, of(a)?)?,
        Expr::Infinity | Expr::PlusMinus(..) | Expr::List { .. } | Expr::Sets(..) | Expr::Relation { .. } => {
            return None;
        }
    };
    value.is_finite().then_some(value)
}

/// A negative base has its real root where the exponent is one over an odd number.
fn power(base: f64, exponent: f64) -> f64 {
    let inverse = 1.0 / exponent;
    let odd = libm::fabs(inverse - libm::round(inverse)) < 1e-9 && libm::fmod(libm::round(inverse), 2.0) != 0.0;
    if base < 0.0 && exponent != libm::round(exponent) && odd {
        -libm::pow(-base, exponent)
    } else {
        libm::pow(base, exponent)
    }
}

fn function(name: &str, at: f64) -> Option<f64> {
    Some(match name {
        "abs" => libm::fabs(at),
        "floor" => libm::floor(at),
        "ceil" => libm::ceil(at),
        "ln" => libm::log(at),
        "exp" => libm::exp(at),
        "sin" => libm::sin(at),
        "cos" => libm::cos(at),
        "tan" => libm::tan(at),
        "cot" => 1.0 / libm::tan(at),
        "sec" => 1.0 / libm::cos(at),
        "csc" => 1.0 / libm::sin(at),
        "arcsin" => libm::asin(at),
        "arccos" => libm::acos(at),
        "arctan" => libm::atan(at),
        "sinh" => libm::sinh(at),
        "cosh" => libm::cosh(at),
        "tanh" => libm::tanh(at),
        _ => return None,
    })
}
