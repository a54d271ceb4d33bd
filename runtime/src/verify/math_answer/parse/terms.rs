//! Arithmetic: sums, products, powers, functions.

use super::{Element, Parser, Piece};
use crate::verify::math_answer::tokens::Token;
use crate::verify::math_answer::tree::{Expr, Range};
use crate::verify::math_answer::value::Rational;

impl Parser<'_> {
    /// Terms with signs between them.
    pub(super) fn sum(&mut self) -> Option<Piece> {
        let first = self.product(true)?;
        let mut terms: Vec<Expr> = Vec::new();
        let mut lone = Some(first);
        while let Some(Token::Mark(sign @ ('+' | '-'))) = self.peek() {
            self.at += 1;
            if let Some(first) = lone.take() {
                let first = self.scalar(first)?;
                flatten(first, &mut terms);
            }
            let term = self.product(true)?;
            let term = self.scalar(term)?;
            flatten(if *sign == '-' { term.negated() } else { term }, &mut terms);
        }
        lone.or(Some(Piece::Value(Expr::Sum(terms))))
    }

    /// Factors with signs between them. Without `functions`, only the first factor of each part may be one.
    pub(super) fn product(&mut self, functions: bool) -> Option<Piece> {
        let mut left = self.signed(functions)?;
        loop {
            let join: fn(Expr, Expr) -> Expr = match self.peek() {
                Some(Token::Mark('*')) => |a, b| times(a, b),
                Some(Token::Mark('/')) => |a, b| Expr::Quotient(Box::new(a), Box::new(b)),
                Some(Token::Command("mod")) => |a, b| Expr::Call("mod", vec![a, b]),
                _ => return Some(left),
            };
            self.at += 1;
            self.link()?;
            let a = self.scalar(left)?;
            let b = self.signed(functions)?;
            left = Piece::Value(join(a, self.scalar(b)?));
        }
    }

    fn signed(&mut self, functions: bool) -> Option<Piece> {
        self.inside(|parser| {
            if parser.take('-') {
                let inner = parser.signed(functions)?;
                Some(Piece::Value(match parser.scalar(inner)? {
                    // A second minus is a calculation, not a number.
                    Expr::Number { value, decimal } if value.is_negative() => {
                        Expr::Negative(Box::new(Expr::Number { value, decimal }))
                    }
                    other => other.negated(),
                }))
            } else if parser.take('+') {
                let inner = parser.signed(functions)?;
                Some(Piece::Value(parser.scalar(inner)?))
            } else {
                parser.beside(functions)
            }
        })
    }

    /// Factors side by side. A whole number before a fraction is a mixed number.
    fn beside(&mut self, functions: bool) -> Option<Piece> {
        let first = self.powered()?;
        if !self.starts_factor(functions) {
            return Some(first);
        }
        let mut factors = vec![self.scalar(first)?];
        while self.starts_factor(functions) {
            let factor = self.powered()?;
            factors.push(self.scalar(factor)?);
        }
        if let [whole, part] = factors.as_slice()
            && let Some(mixed) = mixed(whole, part)
        {
            return Some(Piece::Value(mixed));
        }
        let mut flat = Vec::new();
        for factor in factors {
            match factor {
                Expr::Product(parts) => flat.extend(parts),
                other => flat.push(other),
            }
        }
        Some(Piece::Value(Expr::Product(flat)))
    }

    /// True where something starts that is multiplied with what stands before it.
    fn starts_factor(&self, functions: bool) -> bool {
        match self.peek() {
            Some(Token::Number { .. } | Token::Name(_) | Token::Differential(_) | Token::Named(_)) => true,
            Some(Token::Begin(_)) => true,
            Some(Token::Euler) => functions,
            Some(Token::Mark('|')) => !self.in_bars,
            Some(Token::Mark(mark)) => matches!(mark, '(' | '[' | '{'),
            Some(Token::Command(name)) => match *name {
                "frac" | "binom" | "pi" | "infty" | "imaginary" | "lfloor" | "lceil" | "lbrace" => true,
                "sqrt" | "sum" | "prod" | "int" | "lim" => functions,
                _ => functions && is_function(name),
            },
            _ => false,
        }
    }

    /// A factor with what stands behind it: powers, `!`, `%`, degrees.
    fn powered(&mut self) -> Option<Piece> {
        let mut base = self.primary()?;
        loop {
            if matches!(self.peek(), Some(Token::Mark('^' | '!' | '%'))) {
                self.link()?;
            }
            if self.take('^') {
                let before = self.scalar(base)?;
                base = Piece::Value(match self.exponent()? {
                    Some(exponent) => raised(before, exponent),
                    None => before,
                });
            } else if self.take('!') {
                base = Piece::Value(Expr::Call("factorial", vec![self.scalar(base)?]));
            } else if self.take('%') {
                base = Piece::Value(Expr::Percent(Box::new(self.scalar(base)?)));
            } else if !self.take_command("circ") {
                return Some(base);
            }
        }
    }

    /// What stands behind `^`; nothing for a degree sign.
    pub(super) fn exponent(&mut self) -> Option<Option<Expr>> {
        if self.take_command("circ") {
            return Some(None);
        }
        if let (Some(Token::Mark('{')), Some(Token::Command("circ")), Some(Token::Mark('}'))) =
            (self.peek(), self.ahead(1), self.ahead(2))
        {
            self.at += 3;
            return Some(None);
        }
        if self.take('-') {
            return self.argument().map(|exponent| Some(exponent.negated()));
        }
        self.argument().map(Some)
    }

    /// A group in braces, or the one thing that comes next.
    fn argument(&mut self) -> Option<Expr> {
        if self.take('{') {
            let inner = self.inside(|parser| parser.with_bars(false, Self::sum))?;
            let inner = self.scalar(inner)?;
            return self.take('}').then_some(inner);
        }
        let piece = self.primary()?;
        self.scalar(piece)
    }

    fn primary(&mut self) -> Option<Piece> {
        self.inside(Self::primary_inside)
    }

    fn primary_inside(&mut self) -> Option<Piece> {
        let token = self.peek()?;
        self.at += 1;
        let value = match token {
            Token::Number { value, decimal } => {
                // The index of a number, its base, is not looked at.
                if self.take('_') {
                    self.index()?;
                }
                Expr::Number { value: value.clone(), decimal: *decimal }
            }
            Token::Name(name) => self.name(name)?,
            Token::Differential(name) => Expr::Symbol(format!("d{name}")),
            Token::Euler => Expr::Euler,
            Token::Named(set) => Expr::Named(*set),
            Token::Begin(kind) => self.matrix(kind)?,
            Token::Mark('|') => {
                let inner = self.with_bars(true, Self::sum)?;
                let inner = self.scalar(inner)?;
                self.take('|').then(|| Expr::Call("abs", vec![inner]))?
            }
            Token::Mark(open @ ('(' | '[' | '{')) => return self.bracketed(*open),
            Token::Command("lbrace") => return self.bracketed('\\'),
            Token::Command(name) => self.command(name)?,
            _ => return None,
        };
        Some(Piece::Value(value))
    }

    /// Items in brackets; the opening one has been taken, a backslash standing for `\{`.
    fn bracketed(&mut self, open: char) -> Option<Piece> {
        let closes = |parser: &mut Self| match open {
            '(' | '[' => [')', ']'].into_iter().find(|close| parser.take(*close)),
            '{' => parser.take('}').then_some('}'),
            _ => parser.take_command("rbrace").then_some('}'),
        };
        let shown = if open == '\\' { '{' } else { open };
        if shown == '{' && closes(self).is_some() {
            return Some(Piece::Value(Expr::Set(Vec::new())));
        }
        let groups = self.with_bars(false, Self::groups)?;
        let close = closes(self)?;
        Some(Piece::Bracket(shown, close, groups))
    }

    /// A name with its index; with arguments behind it, a function.
    fn name(&mut self, name: &str) -> Option<Expr> {
        let mut name = name.to_owned();
        if self.take('_') {
            name = format!("{name}_{}", self.index()?);
        }
        if !self.has_arguments(&name) {
            return Some(Expr::Symbol(name));
        }
        self.at += 1;
        let Piece::Bracket('(', ')', groups) = self.bracketed('(')? else { return None };
        let [items] = groups.as_slice() else { return None };
        Some(Expr::Apply(name, self.scalars(items)?))
    }

    /// True where a bracket comes next that holds arguments and no factor: several, or one name or number behind a
    /// name that is given to functions. It only looks, so that nothing is read twice.
    fn has_arguments(&self, name: &str) -> bool {
        if self.peek() != Some(&Token::Mark('(')) {
            return false;
        }
        if let (true, Some(Token::Name(_) | Token::Number { .. } | Token::Command("pi")), Some(Token::Mark(')'))) =
            (matches!(name, "f" | "g" | "h"), self.ahead(1), self.ahead(2))
        {
            return true;
        }
        let mut open = 0usize;
        for (token, ..) in self.tokens.get(self.at..).unwrap_or_default() {
            match token {
                Token::Mark('(' | '[' | '{') | Token::Command("lbrace") => open += 1,
                Token::Mark(')' | ']' | '}') | Token::Command("rbrace") => open -= 1,
                Token::Mark(',') if open == 1 => return true,
                _ => {}
            }
            if open == 0 {
                break;
            }
        }
        false
    }

    /// Items that are all something to calculate with.
    fn scalars(&mut self, items: &[Element]) -> Option<Vec<Expr>> {
        items
            .iter()
            .map(|item| match (item.links.as_slice(), item.sides.as_slice()) {
                ([], [side]) => self.scalar(side.clone()),
                _ => None,
            })
            .collect()
    }

    /// The text of an index, in lower case, without blanks: one token, or something that can be read in braces.
    fn index(&mut self) -> Option<String> {
        let braced = self.take('{');
        let start = self.at;
        if braced {
            self.with_bars(false, Self::groups)?;
        } else {
            self.at += 1;
        }
        let (first, last) = (self.tokens.get(start)?, self.tokens.get(self.at.checked_sub(1)?)?);
        let text = self.text.get(first.1..last.2)?;
        if braced && !self.take('}') {
            return None;
        }
        Some(text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect())
    }

    fn command(&mut self, name: &'static str) -> Option<Expr> {
        match name {
            "pi" => Some(Expr::Pi),
            "infty" => Some(Expr::Infinity),
            "imaginary" => Some(Expr::Imaginary),
            "emptyset" => Some(Expr::Set(Vec::new())),
            "frac" => Some(Expr::Quotient(Box::new(self.argument()?), Box::new(self.argument()?))),
            "binom" => Some(Expr::Call("binomial", vec![self.argument()?, self.argument()?])),
            "sqrt" => {
                let degree = if self.take('[') {
                    let degree = self.sum()?;
                    let degree = self.scalar(degree)?;
                    self.take(']').then_some(degree)?
                } else {
                    Expr::integer(2)
                };
                let inside = self.argument()?;
                let exponent = Expr::Quotient(Box::new(Expr::integer(1)), Box::new(degree));
                Some(Expr::Power(Box::new(inside), Box::new(exponent)))
            }
            "lfloor" | "lceil" => {
                let (close, function) = if name == "lfloor" { ("rfloor", "floor") } else { ("rceil", "ceil") };
                let inner = self.with_bars(false, Self::sum)?;
                let inner = self.scalar(inner)?;
                self.take_command(close).then(|| Expr::Call(function, vec![inner]))
            }
            "sum" | "prod" => self.range(if name == "sum" { Range::Sum } else { Range::Product }),
            "int" => self.integral(),
            "lim" => self.limit(),
            "max" | "min" | "gcd" | "lcm" => {
                self.take('(').then_some(())?;
                let Piece::Bracket('(', ')', groups) = self.bracketed('(')? else { return None };
                let [items] = groups.as_slice() else { return None };
                Some(Expr::Call(name, self.scalars(items)?))
            }
            _ if is_function(name) => self.function(name),
            _ => None,
        }
    }

    /// A function with an optional base (logarithms) and an optional power before its argument.
    fn function(&mut self, name: &'static str) -> Option<Expr> {
        let (mut base, mut power) = (None, None);
        loop {
            if base.is_none() && self.take('_') {
                base = Some(self.argument()?);
            } else if power.is_none() && self.take('^') {
                power = Some(self.exponent()??);
            } else {
                break;
            }
        }
        let argument = if self.peek() == Some(&Token::Mark('(')) { self.primary()? } else { self.product(false)? };
        let argument = self.scalar(argument)?;
        let minus_one = power == Some(Expr::integer(-1));
        let value = match (name, base) {
            ("log", base) => Expr::Call("log", vec![argument, base.unwrap_or_else(|| Expr::integer(10))]),
            ("ln", base) => Expr::Call("log", vec![argument, base.unwrap_or(Expr::Euler)]),
            ("exp", _) => Expr::Power(Box::new(Expr::Euler), Box::new(argument)),
            // `\sin^{-1}` is the inverse function, not a power.
            ("sin" | "cos" | "tan" | "cot" | "sec" | "csc" | "sinh" | "cosh" | "tanh", _) if minus_one => {
                return Some(Expr::Call(inverse(name)?, vec![argument]));
            }
            (name, _) => Expr::Call(name, vec![argument]),
        };
        Some(match power {
            Some(power) => Expr::Power(Box::new(value), Box::new(power)),
            None => value,
        })
    }
}

fn is_function(name: &str) -> bool {
    matches!(
        name,
        "log"
            | "ln"
            | "exp"
            | "sin"
            | "cos"
            | "tan"
            | "cot"
            | "sec"
            | "csc"
            | "arcsin"
            | "arccos"
            | "arctan"
            | "arccot"
            | "arcsec"
            | "arccsc"
            | "sinh"
            | "cosh"
            | "tanh"
            | "arsinh"
            | "arcosh"
            | "artanh"
            | "gcd"
            | "lcm"
            | "max"
            | "min"
            | "det"
            | "floor"
            | "ceil"
    )
}

fn inverse(name: &str) -> Option<&'static str> {
    Some(match name {
        "sin" => "arcsin",
        "cos" => "arccos",
        "tan" => "arctan",
        "cot" => "arccot",
        "sec" => "arcsec",
        "csc" => "arccsc",
        "sinh" => "arsinh",
        "cosh" => "arcosh",
        "tanh" => "artanh",
        _ => return None,
    })
}

fn flatten(term: Expr, into: &mut Vec<Expr>) {
    match term {
        Expr::Sum(terms) => into.extend(terms),
        other => into.push(other),
    }
}

fn times(a: Expr, b: Expr) -> Expr {
    let mut factors = Vec::new();
    for factor in [a, b] {
        match factor {
            Expr::Product(parts) => factors.extend(parts),
            other => factors.push(other),
        }
    }
    Expr::Product(factors)
}

/// A matrix to the power of T is turned over.
fn raised(base: Expr, exponent: Expr) -> Expr {
    match (&base, &exponent) {
        (Expr::Matrix(_), Expr::Symbol(name)) if name == "t" => Expr::Call("transpose", vec![base]),
        _ => Expr::Power(Box::new(base), Box::new(exponent)),
    }
}

/// `2\frac{1}{2}`
fn mixed(whole: &Expr, part: &Expr) -> Option<Expr> {
    let natural = |expr: &Expr| match expr {
        Expr::Number { value, decimal: false } if value.is_integer() && !value.is_negative() => Some(value.clone()),
        _ => None,
    };
    let Expr::Quotient(top, bottom) = part else { return None };
    let fraction: Rational = natural(top)?.over(&natural(bottom)?)?;
    Some(Expr::Number { value: natural(whole)?.plus(&fraction)?, decimal: false })
}
