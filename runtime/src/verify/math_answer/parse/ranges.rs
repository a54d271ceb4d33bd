//! Sums, products, integrals, limits and matrices: what stands between marks of its own.

use super::Parser;
use crate::verify::math_answer::tokens::Token;
use crate::verify::math_answer::tree::{Expr, Range, Relation};

impl Parser<'_> {
    /// `_{k=1}^{n}` and the product behind it.
    pub(super) fn range(&mut self, range: Range) -> Option<Expr> {
        let (mut from, mut to) = (None, None);
        while from.is_none() || to.is_none() {
            if from.is_none() && self.take('_') {
                self.take('{').then_some(())?;
                let Some(Token::Name(name)) = self.peek() else { return None };
                self.at += 1;
                self.take_token(&Token::Relation(Relation::Equal)).then_some(())?;
                let start = self.sum()?;
                from = Some((name.clone(), self.scalar(start)?));
                self.take('}').then_some(())?;
            } else if to.is_none() && self.take('^') {
                to = self.exponent()?;
            } else {
                return None;
            }
        }
        let (variable, from) = from?;
        let body = self.product(true)?;
        Some(Expr::Over(range, Box::new(self.scalar(body)?), variable, vec![from, to?]))
    }

    /// Limits if there are any, and a sum in which a differential names the variable.
    pub(super) fn integral(&mut self) -> Option<Expr> {
        let (mut from, mut to) = (None, None);
        loop {
            if from.is_none() && self.take('_') {
                from = Some(self.exponent()??);
            } else if to.is_none() && self.take('^') {
                to = Some(self.exponent()??);
            } else {
                break;
            }
        }
        let start = self.at;
        let body = self.sum()?;
        let body = self.scalar(body)?;
        let read = self.tokens.get(start..self.at).unwrap_or_default();
        let differential = read.iter().rev().find_map(|(token, ..)| match token {
            Token::Differential(name) => Some(name.clone()),
            _ => None,
        });
        let variable = differential.unwrap_or_else(|| "x".into());
        let mark = Expr::Symbol(format!("d{variable}"));
        let body = body.replaced(&|part| (*part == mark).then(|| Expr::integer(1)));
        let bounds = match (from, to) {
            (Some(from), Some(to)) => vec![from, to],
            (None, None) => Vec::new(),
            _ => return None,
        };
        Some(Expr::Over(Range::Integral, Box::new(body), variable, bounds))
    }

    /// `_{x \to a}` and the product behind it.
    pub(super) fn limit(&mut self) -> Option<Expr> {
        (self.take('_') && self.take('{')).then_some(())?;
        let Some(Token::Name(variable)) = self.peek() else { return None };
        self.at += 1;
        self.take_command("to").then_some(())?;
        let at = self.sum()?;
        let at = self.scalar(at)?;
        if self.take('^') {
            // From one side: the same where the limit is there from both.
            let braced = self.take('{');
            (self.take('+') || self.take('-')).then_some(())?;
            (!braced || self.take('}')).then_some(())?;
        }
        self.take('}').then_some(())?;
        let body = self.product(true)?;
        Some(Expr::Over(Range::Limit, Box::new(self.scalar(body)?), variable.clone(), vec![at]))
    }

    /// Rows of entries, up to the end of the environment.
    pub(super) fn matrix(&mut self, kind: &str) -> Option<Expr> {
        let mut rows = Vec::new();
        while self.peek() != Some(&Token::End) {
            let mut row = Vec::new();
            loop {
                let entry = self.with_bars(false, Self::sum)?;
                row.push(self.scalar(entry)?);
                if !self.take('&') {
                    break;
                }
            }
            rows.push(row);
            if !self.take_token(&Token::Row) && self.peek() != Some(&Token::End) {
                return None;
            }
        }
        self.at += 1;
        let width = rows.first()?.len();
        rows.iter().all(|row| row.len() == width).then_some(())?;
        let matrix = Expr::Matrix(rows);
        Some(if kind == "v" { Expr::Call("det", vec![matrix]) } else { matrix })
    }
}
