//! Where a function of one name may change its sign: roots, poles, and ends of where it is defined.
//!
//! A function is not taken apart into coefficients. Whether it is a polynomial of degree 2 or less is seen from its values:
//! three of them give the polynomial, and more must lie on it.

use super::ball::{Ball, Same};
use super::evaluate::{Point, Work, exact, value};
use super::tree::Expr;
use super::value::Rational;
use super::wide::Wide;

/// Most absolute values in one relation; each doubles the cases.
const MOST_CASES: usize = 3;

/// Whole roots of longer polynomials are looked for up to this.
const FARTHEST_ROOT: i64 = 30;

/// A tree with another in place of a name.
pub fn substituted(expr: &Expr, name: &str, by: &Expr) -> Expr {
    expr.replaced(&|part| matches!(part, Expr::Symbol(other) if other == name).then(|| by.clone()))
}

/// A tree times what stands below its fraction bars, which has the same roots.
pub fn numerator(expr: &Expr) -> Expr {
    split(expr, 0).0
}

/// Deepest sum that is brought to one fraction bar; a deeper one stays as it is.
const DEEPEST: usize = 40;

/// What stands above and below one fraction bar.
fn split(expr: &Expr, depth: usize) -> (Expr, Option<Expr>) {
    let whole = || (expr.clone(), None);
    if depth > DEEPEST || !expr.any(&|part| matches!(part, Expr::Quotient(..) | Expr::Power(..))) {
        return whole();
    }
    let of = |mut parts: Vec<Expr>| match parts.pop() {
        Some(lone) if parts.is_empty() => lone,
        Some(last) => {
            parts.push(last);
            Expr::Product(parts)
        }
        None => Expr::integer(1),
    };
    let product = |parts: Vec<Expr>| if parts.is_empty() { None } else { Some(of(parts)) };
    match expr {
        Expr::Negative(a) => {
            let (top, bottom) = split(a, depth + 1);
            (top.negated(), bottom)
        }
        Expr::Quotient(a, b) => {
            let ((a, below), (b, above)) = (split(a, depth + 1), split(b, depth + 1));
            let top = of(std::iter::once(a).chain(above).collect());
            (top, product(std::iter::once(b).chain(below).collect()))
        }
        Expr::Power(base, exponent) => match &**exponent {
            Expr::Number { value, decimal: false } if value.is_negative() => {
                (Expr::integer(1), Some(Expr::Power(base.clone(), Box::new((**exponent).clone().negated()))))
            }
            _ => whole(),
        },
        Expr::Product(parts) => {
            let parts: Vec<(Expr, Option<Expr>)> = parts.iter().map(|part| split(part, depth + 1)).collect();
            let bottoms = parts.iter().filter_map(|(_, bottom)| bottom.clone()).collect();
            (of(parts.into_iter().map(|(top, _)| top).collect()), product(bottoms))
        }
        Expr::Sum(terms) if terms.len() <= 12 => {
            let terms: Vec<(Expr, Option<Expr>)> = terms.iter().map(|term| split(term, depth + 1)).collect();
            let mut bottoms: Vec<Expr> = Vec::new();
            for bottom in terms.iter().filter_map(|(_, bottom)| bottom.clone()) {
                if !bottoms.contains(&bottom) {
                    bottoms.push(bottom);
                }
            }
            let raised = terms.into_iter().map(|(top, bottom)| {
                let missing = bottoms.iter().filter(|other| Some(*other) != bottom.as_ref()).cloned();
                of(std::iter::once(top).chain(missing).collect())
            });
            (Expr::Sum(raised.collect()), product(bottoms.clone()))
        }
        _ => whole(),
    }
}

/// All places at which a function may change its sign or its being defined; none where they cannot be found.
pub fn boundaries(function: &Expr, name: &str, work: &mut Work) -> Option<Vec<Expr>> {
    let mut places = Vec::new();
    let mut absolutes: Vec<Expr> = Vec::new();
    let mut inner: Vec<Expr> = Vec::new();
    collect(function, name, &mut absolutes, &mut inner);
    if absolutes.len() > MOST_CASES {
        return None;
    }
    // With every choice of signs an absolute value is plain.
    for case in 0..1usize << absolutes.len() {
        let plain = function.replaced(&|part| {
            let at = absolutes.iter().position(|absolute| absolute == part)?;
            let Expr::Call(_, parts) = part else { return None };
            let inside = parts.first()?.clone();
            Some(if case >> at & 1 == 1 { inside.negated() } else { inside })
        });
        places.extend(roots(&plain, name, work)?);
    }
    for part in inner {
        places.extend(roots(&part, name, work)?);
    }
    Some(places)
}

/// Absolute values, and everything whose sign or whose being 0 decides whether the function is defined.
fn collect(expr: &Expr, name: &str, absolutes: &mut Vec<Expr>, inner: &mut Vec<Expr>) {
    let holds = |part: &Expr| part.any(&|part| matches!(part, Expr::Symbol(other) if other == name));
    if !holds(expr) {
        return;
    }
    match expr {
        Expr::Call("abs", parts) => {
            if !absolutes.contains(expr) {
                absolutes.push(expr.clone());
            }
            inner.extend(parts.iter().cloned());
        }
        Expr::Call("log", parts) => inner.extend(parts.first().cloned()),
        Expr::Quotient(_, bottom) if holds(bottom) => inner.push((**bottom).clone()),
        Expr::Power(base, exponent) if holds(base) => match &**exponent {
            Expr::Number { value, .. } if value.is_integer() && !value.is_negative() => {}
            _ => inner.push((**base).clone()),
        },
        _ => {}
    }
    expr.children().into_iter().for_each(|part| collect(part, name, absolutes, inner));
}

/// The real roots of a function that is a product, a quotient or a polynomial of low degree.
fn roots(function: &Expr, name: &str, work: &mut Work) -> Option<Vec<Expr>> {
    work.spend(10)?;
    match function {
        Expr::Negative(inner) => return roots(inner, name, work),
        Expr::Product(parts) => {
            let mut found = Vec::new();
            for part in parts.iter().filter(|part| part.names().iter().any(|other| other == name)) {
                found.extend(roots(part, name, work)?);
            }
            return Some(found);
        }
        Expr::Quotient(top, _) => return roots(top, name, work),
        Expr::Power(base, exponent) if exponent.names().is_empty() => return roots(base, name, work),
        Expr::Power(base, _) if base.names().is_empty() => return Some(Vec::new()),
        Expr::Sum(terms) if terms.len() == 1 => return roots(terms.first()?, name, work),
        _ => {}
    }
    let function = numerator(function);
    if let Some(found) = low_degree(&function, name, work) {
        return Some(found.into_iter().map(|root| plain(root, work)).collect());
    }
    if let Some(found) = radical(&function, name, work) {
        return Some(found);
    }
    // Whole and half roots, and what is left when they are taken out.
    let mut found = Vec::new();
    for twice in -2 * FARTHEST_ROOT..=2 * FARTHEST_ROOT {
        let candidate = half(twice);
        let there = value(&function, &mut Point::of(name, Ball::exact(Wide::new(twice as f64 / 2.0))), work)?;
        if there.may_be_zero() {
            found.push(candidate);
        }
        if found.len() > 8 {
            return None;
        }
    }
    if found.is_empty() {
        return None;
    }
    let symbol = Expr::Symbol(name.to_owned());
    let taken = Expr::Product(found.iter().map(|root| symbol.minus(root)).collect());
    let rest = Expr::Quotient(Box::new(function), Box::new(taken));
    found.extend(low_degree(&rest, name, work)?);
    Some(found)
}

/// A fraction as one number, so that it is exactly where the function is 0.
fn plain(root: Expr, work: &mut Work) -> Expr {
    match exact(&root, work) {
        Some(found) => Expr::Number { value: found.value, decimal: false },
        None => root,
    }
}

fn half(twice: i64) -> Expr {
    let half = Rational::integer(twice).over(&Rational::integer(2)).unwrap_or_else(|| Rational::integer(0));
    Expr::Number { value: half, decimal: false }
}

/// `sqrt(g) + c`: where g is the square of c, and where g ends.
fn radical(function: &Expr, name: &str, work: &mut Work) -> Option<Vec<Expr>> {
    let Expr::Sum(terms) = function else { return None };
    let named = |term: &Expr| term.names().iter().any(|other| other == name);
    let (roots_of, rest): (Vec<&Expr>, Vec<&Expr>) = terms.iter().partition(|term| named(term));
    let [term] = roots_of.as_slice() else { return None };
    let inner = match term {
        Expr::Negative(inner) => inner,
        other => *other,
    };
    let Expr::Power(base, exponent) = inner else { return None };
    if **exponent != Expr::Quotient(Box::new(Expr::integer(1)), Box::new(Expr::integer(2))) {
        return None;
    }
    let constant = Expr::Sum(rest.into_iter().cloned().collect());
    let square = Expr::Power(Box::new(constant), Box::new(Expr::integer(2)));
    let mut found = low_degree(&base.minus(&square), name, work)?;
    found.extend(low_degree(base, name, work)?);
    Some(found.into_iter().map(|root| plain(root, work)).collect())
}

/// The real roots of a polynomial of degree 2 or less; none where the function is something else.
fn low_degree(function: &Expr, name: &str, work: &mut Work) -> Option<Vec<Expr>> {
    // At odd sevenths no root of the usual kind is hit, which matters where roots have been divided out.
    let place = |at: i64| Rational::integer(at).over(&Rational::integer(7));
    let mut at = |at: i64| -> Option<Ball> {
        let x = place(at)?.to_wide()?;
        value(function, &mut Point::of(name, Ball::real(x)), work)
    };
    let (below, middle, above) = (at(-1)?, at(1)?, at(3)?);
    // The polynomial a u^2 + b u + c with u = (7 x - 1) / 2.
    let two = Ball::integer(2);
    let a = above.plus(below)?.over(two)?.minus(middle)?;
    let b = above.minus(below)?.over(two)?;
    for far in [9, -13, 71] {
        let u = Ball::integer((far - 1) / 2);
        let expected = a.times(u)?.plus(b)?.times(u)?.plus(middle)?;
        if expected.same(at(far)?) != Same::Yes && !at(far)?.minus(expected)?.may_be_zero() {
            return None;
        }
    }
    let there = |at: i64| {
        let x = Expr::Number { value: place(at).unwrap_or_else(|| Rational::integer(0)), decimal: false };
        substituted(function, name, &x)
    };
    let (below, middle_expr, above) = (there(-1), there(1), there(3));
    let halved = |expr: Expr| Expr::Quotient(Box::new(expr), Box::new(Expr::integer(2)));
    let a_expr = halved(Expr::Sum(vec![above.clone(), below.clone()])).minus(&middle_expr);
    let b_expr = halved(above.minus(&below));
    // x = (2 u + 1) / 7
    let back = |u: Expr| {
        let top = Expr::Sum(vec![Expr::Product(vec![Expr::integer(2), u]), Expr::integer(1)]);
        Expr::Quotient(Box::new(top), Box::new(Expr::integer(7)))
    };
    if a.may_be_zero() {
        if b.may_be_zero() {
            return Some(Vec::new());
        }
        return Some(vec![back(Expr::Quotient(Box::new(middle_expr.negated()), Box::new(b_expr)))]);
    }
    let discriminant = b.times(b)?.minus(Ball::integer(4).times(a)?.times(middle)?)?;
    let bottom = Expr::Product(vec![Expr::integer(2), a_expr.clone()]);
    if discriminant.may_be_zero() {
        return Some(vec![back(Expr::Quotient(Box::new(b_expr.negated()), Box::new(bottom)))]);
    }
    if !discriminant.is_real() || discriminant.re.to_float() < 0.0 {
        return Some(Vec::new());
    }
    let square = Expr::Power(Box::new(b_expr.clone()), Box::new(Expr::integer(2)));
    let inside = square.minus(&Expr::Product(vec![Expr::integer(4), a_expr, middle_expr]));
    let root =
        Expr::Power(Box::new(inside), Box::new(Expr::Quotient(Box::new(Expr::integer(1)), Box::new(Expr::integer(2)))));
    let solution = |root: Expr| {
        let top = Expr::Sum(vec![b_expr.clone().negated(), root]);
        back(Expr::Quotient(Box::new(top), Box::new(bottom.clone())))
    };
    Some(vec![solution(root.clone()), solution(root.negated())])
}
