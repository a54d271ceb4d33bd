//! Text to a tree: numbers, LaTeX and plain notation, sets, tuples, intervals and relations.
//!
//! The parser is total: it reads the whole text or says that it cannot, in time that grows linearly with the text, and
//! never nests deeper than [`DEEPEST`].

use super::tokens::{Token, tokens};
use super::value::Rational;

/// Deepest nesting.
const DEEPEST: usize = 160;

/// What was written.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A number; `decimal` when it was written with a point or as a float.
    Number {
        /// Its exact value.
        value: Rational,
        /// How it was written.
        decimal: bool,
    },
    /// A name, in lower case: a letter, a Greek letter, or a word.
    Symbol(String),
    /// `\pi`
    Pi,
    /// `e`
    Euler,
    /// `\infty`
    Infinity,
    /// `-a`
    Negative(Box<Expr>),
    /// `a + b`
    Sum(Box<Expr>, Box<Expr>),
    /// `a \pm b`; none is zero.
    PlusMinus(Option<Box<Expr>>, Box<Expr>),
    /// `a * b`
    Product(Box<Expr>, Box<Expr>),
    /// `a / b`
    Quotient(Box<Expr>, Box<Expr>),
    /// `a ^ b`
    Power(Box<Expr>, Box<Expr>),
    /// A named function of one argument, `abs`, `floor` and `ceil` among them.
    Function(String, Box<Expr>),
    /// The logarithm of the second to the first as base.
    Logarithm(Box<Expr>, Box<Expr>),
    /// `\binom{a}{b}`
    Choose(Box<Expr>, Box<Expr>),
    /// `a!`
    Factorial(Box<Expr>),
    /// `a%`
    Percent(Box<Expr>),
    /// Items in brackets, or bare (a space as bracket): `(a,b)`, `[a,b)`, `{a,b}`.
    List {
        /// `(`, `[`, `{` or a space.
        open: char,
        /// `)`, `]`, `}` or a space.
        close: char,
        /// What stands between.
        items: Vec<Expr>,
    },
    /// `\cup`, `\cap`, `\setminus`, by name.
    Sets(&'static str, Box<Expr>, Box<Expr>),
    /// `a < b < c`: one item more than relations.
    Relation {
        /// `=`, `<`, `<=`, `>`, `>=`, `!=`.
        relations: Vec<&'static str>,
        /// What stands between them.
        items: Vec<Expr>,
    },
}

impl Expr {
    /// True where a test holds for the tree or any part of it.
    pub fn any(&self, test: &dyn Fn(&Expr) -> bool) -> bool {
        if test(self) {
            return true;
        }
        match self {
            Expr::Number { .. } | Expr::Symbol(_) | Expr::Pi | Expr::Euler | Expr::Infinity => false,
            Expr::Negative(a)
            | Expr::Function(_, a)
            | Expr::Factorial(a)
            | Expr::Percent(a)
            | Expr::PlusMinus(None, a) => a.any(test),
            Expr::Sum(a, b)
            | Expr::Product(a, b)
            | Expr::Quotient(a, b)
            | Expr::Power(a, b)
            | Expr::Logarithm(a, b)
            | Expr::Choose(a, b)
            | Expr::Sets(_, a, b)
            | Expr::PlusMinus(Some(a), b) => a.any(test) || b.any(test),
            Expr::List { items, .. } | Expr::Relation { items, .. } => items.iter().any(|item| item.any(test)),
        }
    }

    /// True for a number written out, not as a calculation: `12`, `-0.5`, `3/4` in lowest terms, `25%`.
    pub fn is_finished_number(&self) -> bool {
        match self {
            Expr::Number { .. } => true,
            Expr::Negative(inner) => {
                matches!(**inner, Expr::Number { .. } | Expr::Quotient(..)) && inner.is_finished_number()
            }
            Expr::Percent(inner) => matches!(**inner, Expr::Number { .. }),
            Expr::Quotient(top, bottom) => match (&**top, &**bottom) {
                (Expr::Number { value: top, decimal: false }, Expr::Number { value: bottom, decimal: false }) => {
                    // The quotient keeps the written denominator exactly when nothing cancels.
                    top.over(bottom).is_some_and(|ratio| ratio.has_denominator(bottom))
                }
                _ => false,
            },
            _ => false,
        }
    }
}

/// Reads a text; none when any part of it cannot be read.
pub fn parse(text: &str) -> Option<Expr> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, depth: 0 };
    let items = parser.items()?;
    (parser.at == tokens.len()).then_some(())?;
    match items.len() {
        1 => items.into_iter().next(),
        _ => Some(Expr::List { open: ' ', close: ' ', items }),
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    fn take(&mut self, mark: char) -> bool {
        let found = self.peek() == Some(&Token::Mark(mark));
        self.at += usize::from(found);
        found
    }

    fn take_command(&mut self, name: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Command(command)) if *command == name);
        self.at += usize::from(found);
        found
    }

    fn inside<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.depth += 1;
        let result = if self.depth > DEEPEST { None } else { read(self) };
        self.depth -= 1;
        result
    }

    /// Items between commas or semicolons.
    fn items(&mut self) -> Option<Vec<Expr>> {
        let mut items = vec![self.relation()?];
        while self.take(',') || self.take(';') {
            items.push(self.relation()?);
        }
        Some(items)
    }

    fn relation(&mut self) -> Option<Expr> {
        self.inside(|parser| {
            let mut items = vec![parser.sets()?];
            let mut relations = Vec::new();
            while let Some(Token::Relation(relation)) = parser.peek() {
                parser.at += 1;
                relations.push(*relation);
                items.push(parser.sets()?);
            }
            if relations.is_empty() { items.pop() } else { Some(Expr::Relation { relations, items }) }
        })
    }

    fn sets(&mut self) -> Option<Expr> {
        let mut left = self.sum()?;
        loop {
            let name = match self.peek() {
                Some(Token::Command("cup")) => "cup",
                Some(Token::Command("cap")) => "cap",
                Some(Token::Command("setminus")) => "setminus",
                _ => return Some(left),
            };
            self.at += 1;
            left = Expr::Sets(name, Box::new(left), Box::new(self.sum()?));
        }
    }

    fn sum(&mut self) -> Option<Expr> {
        let mut left =
            if self.take_command("pm") { Expr::PlusMinus(None, Box::new(self.product()?)) } else { self.product()? };
        loop {
            if self.take('+') {
                left = Expr::Sum(Box::new(left), Box::new(self.product()?));
            } else if self.take('-') {
                left = Expr::Sum(Box::new(left), Box::new(Expr::Negative(Box::new(self.product()?))));
            } else if self.take_command("pm") {
                left = Expr::PlusMinus(Some(Box::new(left)), Box::new(self.product()?));
            } else {
                return Some(left);
            }
        }
    }

    fn product(&mut self) -> Option<Expr> {
        let mut left = self.signed()?;
        loop {
            if self.take('*') {
                left = Expr::Product(Box::new(left), Box::new(self.signed()?));
            } else if self.take('/') {
                left = Expr::Quotient(Box::new(left), Box::new(self.signed()?));
            } else if self.starts_factor() {
                let mixed = matches!(&left, Expr::Number { value, decimal: false } if value.is_integer())
                    && matches!(self.peek(), Some(Token::Command("frac")));
                let right = self.power()?;
                left = if mixed && is_plain_fraction(&right) {
                    Expr::Sum(Box::new(left), Box::new(right))
                } else {
                    Expr::Product(Box::new(left), Box::new(right))
                };
            } else {
                return Some(left);
            }
        }
    }

    /// True where something starts that is multiplied with what stands before it. A bar is left out: it may close.
    fn starts_factor(&self) -> bool {
        match self.peek() {
            Some(Token::Number { .. } | Token::Name(_) | Token::Word(_)) => true,
            Some(Token::Mark(mark)) => matches!(mark, '(' | '{'),
            Some(Token::Command(name)) => {
                !matches!(*name, "cup" | "cap" | "setminus" | "pm" | "rbrace" | "rfloor" | "rceil")
            }
            _ => false,
        }
    }

    fn signed(&mut self) -> Option<Expr> {
        self.inside(|parser| {
            if parser.take('-') {
                Some(Expr::Negative(Box::new(parser.signed()?)))
            } else if parser.take('+') {
                parser.signed()
            } else {
                parser.power()
            }
        })
    }

    fn power(&mut self) -> Option<Expr> {
        let base = self.atom()?;
        let base = self.after(base);
        if !self.take('^') {
            return Some(base);
        }
        let exponent = self.inside(|parser| {
            if parser.take('-') { Some(Expr::Negative(Box::new(parser.power()?))) } else { parser.power() }
        })?;
        let power = Expr::Power(Box::new(base), Box::new(exponent));
        Some(self.after(power))
    }

    /// `!` and `%` after an operand.
    fn after(&mut self, mut operand: Expr) -> Expr {
        loop {
            if self.take('!') {
                operand = Expr::Factorial(Box::new(operand));
            } else if self.take('%') {
                operand = Expr::Percent(Box::new(operand));
            } else {
                return operand;
            }
        }
    }

    fn atom(&mut self) -> Option<Expr> {
        self.inside(Self::atom_inside)
    }

    fn atom_inside(&mut self) -> Option<Expr> {
        let token = self.peek()?;
        self.at += 1;
        match token {
            Token::Number { value, decimal } => Some(Expr::Number { value: value.clone(), decimal: *decimal }),
            Token::Name(name) | Token::Word(name) => self.name(name),
            Token::Mark(open @ ('(' | '[')) => self.bracketed(*open),
            Token::Mark('{') => {
                let items = self.items()?;
                self.take('}').then_some(())?;
                single(items, ' ', ' ')
            }
            Token::Mark('|') => {
                let inner = self.sum()?;
                self.take('|').then(|| Expr::Function("abs".into(), Box::new(inner)))
            }
            Token::Command(name) => self.command(name),
            _ => None,
        }
    }

    fn name(&mut self, name: &str) -> Option<Expr> {
        let mut name = name.to_owned();
        if self.take('_') {
            let index = match self.peek()? {
                Token::Mark('{') => {
                    self.at += 1;
                    let index = self.sum()?;
                    self.take('}').then_some(())?;
                    index
                }
                _ => self.atom()?,
            };
            name.push_str(&format!("_{index:?}"));
        }
        Some(if name == "e" { Expr::Euler } else { Expr::Symbol(name) })
    }

    fn bracketed(&mut self, open: char) -> Option<Expr> {
        let items = self.items()?;
        let close = [')', ']'].into_iter().find(|close| self.take(*close))?;
        let plain = matches!((open, close), ('(', ')') | ('[', ']'));
        if items.len() == 1 && plain { single(items, open, close) } else { Some(Expr::List { open, close, items }) }
    }

    fn command(&mut self, name: &'static str) -> Option<Expr> {
        match name {
            "pi" => Some(Expr::Pi),
            "infty" => Some(Expr::Infinity),
            "emptyset" => Some(Expr::List { open: '{', close: '}', items: Vec::new() }),
            "frac" => Some(Expr::Quotient(Box::new(self.argument()?), Box::new(self.argument()?))),
            "binom" => Some(Expr::Choose(Box::new(self.argument()?), Box::new(self.argument()?))),
            "sqrt" => {
                let degree = if self.take('[') {
                    let degree = self.sum()?;
                    self.take(']').then_some(degree)?
                } else {
                    number(2)
                };
                let inside = self.argument()?;
                Some(Expr::Power(Box::new(inside), Box::new(Expr::Quotient(Box::new(number(1)), Box::new(degree)))))
            }
            "lbrace" => {
                if self.take_command("rbrace") {
                    return Some(Expr::List { open: '{', close: '}', items: Vec::new() });
                }
                let items = self.items()?;
                self.take_command("rbrace").then_some(Expr::List { open: '{', close: '}', items })
            }
            "lfloor" | "lceil" => {
                let inner = self.sum()?;
                let (close, function) = if name == "lfloor" { ("rfloor", "floor") } else { ("rceil", "ceil") };
                self.take_command(close).then(|| Expr::Function(function.into(), Box::new(inner)))
            }
            "log" | "ln" | "exp" | "sin" | "cos" | "tan" | "cot" | "sec" | "csc" | "arcsin" | "arccos" | "arctan"
            | "sinh" | "cosh" | "tanh" => self.function(name),
            _ => None,
        }
    }

    /// A function with an optional base (logarithms) and an optional power before its argument.
    fn function(&mut self, name: &str) -> Option<Expr> {
        let base = if name == "log" && self.take('_') { Some(self.argument()?) } else { None };
        let power = if self.take('^') { Some(self.argument()?) } else { None };
        let argument = Box::new(self.function_argument()?);
        let value = match (name, base) {
            ("log", base) => Expr::Logarithm(Box::new(base.unwrap_or_else(|| number(10))), argument),
            _ => Expr::Function(name.to_owned(), argument),
        };
        // `\sin^{-1}` is the inverse function, not a power.
        match (power, value) {
            (Some(Expr::Negative(_)), Expr::Function(name, argument))
                if matches!(name.as_str(), "sin" | "cos" | "tan") =>
            {
                Some(Expr::Function(format!("arc{name}"), argument))
            }
            (Some(power), value) => Some(Expr::Power(Box::new(value), Box::new(power))),
            (None, value) => Some(value),
        }
    }

    /// A group, or the factors up to the next function or operator: `\sin 2x \cos x`.
    fn function_argument(&mut self) -> Option<Expr> {
        if matches!(self.peek(), Some(Token::Mark('(' | '{' | '[' | '|'))) {
            return self.atom();
        }
        let negative = self.take('-');
        let mut argument = self.power()?;
        while matches!(
            self.peek(),
            Some(Token::Number { .. } | Token::Name(_) | Token::Command("pi" | "frac" | "sqrt"))
        ) {
            argument = Expr::Product(Box::new(argument), Box::new(self.power()?));
        }
        while self.take('/') {
            argument = Expr::Quotient(Box::new(argument), Box::new(self.power()?));
        }
        Some(if negative { Expr::Negative(Box::new(argument)) } else { argument })
    }

    /// A group in braces, or one character, as TeX takes it: `\frac12` is a half.
    fn argument(&mut self) -> Option<Expr> {
        if self.take('{') {
            let inner = self.sum()?;
            return self.take('}').then_some(inner);
        }
        self.atom()
    }
}

fn number(number: i64) -> Expr {
    Expr::Number { value: Rational::integer(number), decimal: false }
}

fn single(items: Vec<Expr>, open: char, close: char) -> Option<Expr> {
    match items.len() {
        1 => items.into_iter().next(),
        _ => Some(Expr::List { open, close, items }),
    }
}

fn is_plain_fraction(expr: &Expr) -> bool {
    let whole = |part: &Expr| matches!(part, Expr::Number { value, decimal: false } if value.is_integer());
    matches!(expr, Expr::Quotient(top, bottom) if whole(top) && whole(bottom))
}
