//! Matrices: what is made of them by sums, products, powers and `^T`.

use super::evaluate::Work;
use super::tree::Expr;

/// Largest matrix whose determinant is expanded.
const WIDEST_DETERMINANT: usize = 5;

/// Largest power of a matrix.
const HIGHEST_POWER: i64 = 16;

type Rows = Vec<Vec<Expr>>;

/// The rows of a tree that is a matrix; none for anything else, and where sizes do not fit.
pub fn rows(expr: &Expr, work: &mut Work) -> Option<Rows> {
    work.spend(1)?;
    match expr {
        Expr::Matrix(rows) => Some(rows.clone()),
        Expr::Negative(inner) => Some(mapped(rows(inner, work)?, &|entry| entry.negated())),
        Expr::Call("transpose", parts) => Some(transposed(&rows(parts.first()?, work)?)),
        Expr::Sum(terms) => {
            let mut terms = terms.iter();
            let mut sum = rows(terms.next()?, work)?;
            for term in terms {
                let term = rows(term, work)?;
                if term.len() != sum.len() || term.first()?.len() != sum.first()?.len() {
                    return None;
                }
                let entry = |(a, b): (Expr, Expr)| Expr::Sum(vec![a, b]);
                sum = sum.into_iter().zip(term).map(|(a, b)| a.into_iter().zip(b).map(entry).collect()).collect();
            }
            Some(sum)
        }
        Expr::Product(factors) => {
            let mut product: Option<Rows> = None;
            let mut scale = Vec::new();
            for factor in factors {
                match rows(factor, work) {
                    None => scale.push(factor.clone()),
                    Some(next) => {
                        product = Some(match product {
                            None => next,
                            Some(before) => multiplied(&before, &next, work)?,
                        });
                    }
                }
            }
            let product = product?;
            if scale.is_empty() {
                return Some(product);
            }
            Some(mapped(product, &|entry| Expr::Product(scale.iter().cloned().chain(std::iter::once(entry)).collect())))
        }
        Expr::Quotient(top, bottom) => {
            let bottom = (**bottom).clone();
            Some(mapped(rows(top, work)?, &|entry| Expr::Quotient(Box::new(entry), Box::new(bottom.clone()))))
        }
        Expr::Power(base, exponent) => {
            let Expr::Number { value, .. } = &**exponent else { return None };
            let exponent = value.to_i64().filter(|exponent| (1..=HIGHEST_POWER).contains(exponent))?;
            let base = rows(base, work)?;
            let mut power = base.clone();
            for _ in 1..exponent {
                power = multiplied(&power, &base, work)?;
            }
            Some(power)
        }
        _ => None,
    }
}

/// The determinant as a tree.
pub fn determinant(expr: &Expr, work: &mut Work) -> Option<Expr> {
    let rows = rows(expr, work)?;
    if rows.len() > WIDEST_DETERMINANT || rows.iter().any(|row| row.len() != rows.len()) {
        return None;
    }
    expanded(&rows, work)
}

/// Along the first row.
fn expanded(rows: &[Vec<Expr>], work: &mut Work) -> Option<Expr> {
    let (first, rest) = rows.split_first()?;
    if rest.is_empty() {
        return first.first().cloned();
    }
    let mut terms = Vec::new();
    for (at, entry) in first.iter().enumerate() {
        work.spend(rows.len())?;
        let without = |row: &Vec<Expr>| {
            row.iter().enumerate().filter(|(column, _)| *column != at).map(|(_, entry)| entry.clone()).collect()
        };
        let minor: Rows = rest.iter().map(without).collect();
        let term = Expr::Product(vec![entry.clone(), expanded(&minor, work)?]);
        terms.push(if at % 2 == 0 { term } else { term.negated() });
    }
    Some(Expr::Sum(terms))
}

fn mapped(rows: Rows, of: &dyn Fn(Expr) -> Expr) -> Rows {
    rows.into_iter().map(|row| row.into_iter().map(of).collect()).collect()
}

fn transposed(rows: &Rows) -> Rows {
    let width = rows.first().map_or(0, Vec::len);
    (0..width).map(|at| rows.iter().filter_map(|row| row.get(at).cloned()).collect()).collect()
}

fn multiplied(a: &Rows, b: &Rows, work: &mut Work) -> Option<Rows> {
    if a.first()?.len() != b.len() {
        return None;
    }
    let size = |rows: &Rows| rows.iter().flatten().map(weight).sum::<usize>();
    work.spend(size(a) * b.first()?.len() + size(b) * a.len())?;
    let columns = transposed(b);
    let entry = |row: &[Expr], column: &[Expr]| {
        Expr::Sum(row.iter().zip(column).map(|(a, b)| Expr::Product(vec![a.clone(), b.clone()])).collect())
    };
    Some(a.iter().map(|row| columns.iter().map(|column| entry(row, column)).collect()).collect())
}

/// Nodes of a tree.
fn weight(expr: &Expr) -> usize {
    1 + expr.children().into_iter().map(weight).sum::<usize>()
}
