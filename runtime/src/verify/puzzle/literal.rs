//! Python literals and small expressions, read by a parser of our own: nothing is ever run.
//!
//! [`literal`] reads what `ast.literal_eval` reads (complex numbers apart). [`expression`] reads what `eval` would make of numbers,
//! texts and containers: operators on numbers, comparisons, `and`, `or`, `not`. A name, a call, an index or an attribute
//! is unusable, so no answer reaches anything outside of itself.
//!
//! Limits: [`MOST_NODES`] values and operations, [`DEEPEST`] brackets inside each other, whole numbers of 128 bits in operations.

mod number;
mod operate;
mod string;

use super::value::{Fault, Py, Read, put};
use operate::{binary, compare, negated};
use std::cmp::Ordering;

/// Most values and operations of one text.
const MOST_NODES: usize = 200_000;

/// Most brackets and signs inside each other; Python itself reads 200.
const DEEPEST: usize = 150;

/// What `ast.literal_eval` makes of a text.
pub(super) fn literal(text: &str) -> Read<Py> {
    Parser::new(text, true).whole()
}

/// What `eval` makes of a text without names and calls.
pub(super) fn expression(text: &str) -> Read<Py> {
    Parser::new(text, false).whole()
}

/// A value that may have failed: `1 or 1/0` is 1, because Python does not look at what stands behind.
type Lazy = Read<Py>;

/// A text that is being read. Syntax faults end the reading; faults of values are kept inside of [`Lazy`].
struct Parser<'a> {
    text: &'a str,
    at: usize,
    brackets: usize,
    depth: usize,
    nodes: usize,
    literal: bool,
}

/// Operators on two values by how tightly they bind, the loosest first.
const LEVELS: [&[&str]; 6] = [&["|"], &["^"], &["&"], &["<<", ">>"], &["+", "-"], &["*", "//", "/", "%"]];

impl<'a> Parser<'a> {
    fn new(text: &'a str, literal: bool) -> Self {
        let text = text.trim_start_matches([' ', '\t']);
        Self { text, at: 0, brackets: 0, depth: 0, nodes: 0, literal }
    }

    fn whole(mut self) -> Read<Py> {
        if self.text.contains('\0') {
            return Err(Fault::Unusable);
        }
        self.empty_lines()?;
        let value = self.list_of_expressions()?;
        self.blanks();
        // Behind the expression there may be empty lines and comments only; blanks without a line end are an indentation.
        let rest = self.rest();
        if rest
            .rsplit_once('\n')
            .is_some_and(|(_, last)| !last.is_empty() && last.chars().all(|letter| " \t\u{c}".contains(letter)))
        {
            return Err(Fault::Unusable);
        }
        self.brackets = 1;
        self.blanks();
        if self.at < self.text.len() {
            return Err(Fault::Unusable);
        }
        value
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    /// Blanks and comments; line ends too where brackets are open.
    fn blanks(&mut self) {
        loop {
            let rest = self.rest();
            match rest.chars().next() {
                Some(' ' | '\t' | '\u{c}') => self.at += 1,
                Some('\n' | '\r') if self.brackets > 0 => self.at += 1,
                Some('#') => self.at += rest.find(['\n', '\r']).unwrap_or(rest.len()),
                Some('\\') if rest.starts_with("\\\n") => self.at += 2,
                Some('\\') if rest.starts_with("\\\r\n") => self.at += 3,
                _ => return,
            }
        }
    }

    /// Lines before the expression: blank, or a comment. An indented expression behind them is a fault.
    fn empty_lines(&mut self) -> Read<()> {
        let mut first = true;
        loop {
            let start = self.at;
            self.blanks();
            match self.peek() {
                Some('\n' | '\r') => self.at += 1,
                _ if !first && self.at > start => return Err(Fault::Unusable),
                _ => return Ok(()),
            }
            first = false;
        }
    }

    fn node(&mut self) -> Read<()> {
        self.nodes += 1;
        if self.nodes > MOST_NODES { Err(Fault::Limit) } else { Ok(()) }
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Fault::Limit);
        }
        let value = read(self);
        self.depth -= 1;
        value
    }

    /// A word at the cursor, when it is exactly this one.
    fn keyword(&mut self, word: &str) -> bool {
        self.blanks();
        let rest = self.rest();
        let ends = rest.get(word.len()..).is_some_and(|behind| !behind.starts_with(is_name));
        rest.starts_with(word) && ends && self.eat(word)
    }

    /// `a`, or `a, b` and `a,`, which are tuples.
    fn list_of_expressions(&mut self) -> Read<Lazy> {
        let first = self.disjunction()?;
        self.blanks();
        if !self.eat(",") {
            return Ok(first);
        }
        let mut items = vec![first];
        loop {
            self.blanks();
            if self.rest().is_empty() || self.rest().starts_with([')', '\n', '\r']) {
                break;
            }
            items.push(self.disjunction()?);
            self.blanks();
            if !self.eat(",") {
                break;
            }
        }
        Ok(items.into_iter().collect::<Read<Vec<Py>>>().map(Py::Tuple))
    }

    fn disjunction(&mut self) -> Read<Lazy> {
        self.deeper(|parser| {
            let mut left = parser.conjunction()?;
            while parser.keyword("or") {
                let right = parser.conjunction()?;
                left = parser.operated(left.and_then(|left| if left.truthy() { Ok(left) } else { right }))?;
            }
            Ok(left)
        })
    }

    fn conjunction(&mut self) -> Read<Lazy> {
        let mut left = self.negation()?;
        while self.keyword("and") {
            let right = self.negation()?;
            left = self.operated(left.and_then(|left| if left.truthy() { right } else { Ok(left) }))?;
        }
        Ok(left)
    }

    fn negation(&mut self) -> Read<Lazy> {
        let mut times = 0usize;
        while self.keyword("not") {
            self.node()?;
            times += 1;
        }
        let value = self.comparison()?;
        if times == 0 {
            return Ok(value);
        }
        self.operated(value.map(|value| Py::Bool(value.truthy() == times.is_multiple_of(2))))
    }

    /// `a < b == c` holds when each neighbouring pair does; what comes behind one that fails is not looked at.
    fn comparison(&mut self) -> Read<Lazy> {
        let mut left = self.operation(0)?;
        let mut so_far: Option<Lazy> = None;
        loop {
            self.blanks();
            let Some(sign) = ["==", "!=", "<=", ">=", "<", ">"].into_iter().find(|sign| self.eat(sign)) else {
                return Ok(so_far.unwrap_or(left));
            };
            let right = self.operation(0)?;
            let held = match &so_far {
                Some(Ok(value)) => value.truthy(),
                Some(Err(_)) => false,
                None => true,
            };
            if held {
                let compared = match (&left, &right) {
                    (Ok(left), Ok(right)) => compare(sign, left, right),
                    (Err(fault), _) | (_, Err(fault)) => Err(*fault),
                };
                so_far = Some(self.operated(compared)?);
            }
            left = right;
        }
    }

    /// Operators of a level and tighter ones, from the left.
    fn operation(&mut self, level: usize) -> Read<Lazy> {
        let Some(signs) = LEVELS.get(level) else { return self.signed() };
        let mut left = self.operation(level + 1)?;
        loop {
            self.blanks();
            let rest = self.rest();
            let sign = signs.iter().find(|sign| rest.starts_with(**sign));
            // `**` has been read by the tighter level; an assignment (`+=`) is a fault that the next token shows.
            let Some(sign) = sign.copied() else { return Ok(left) };
            self.at += sign.len();
            let right = self.operation(level + 1)?;
            let value = match (left, right) {
                (Ok(left), Ok(right)) => binary(sign, &left, &right),
                (Err(fault), _) | (_, Err(fault)) => Err(fault),
            };
            left = self.operated(value)?;
        }
    }

    /// Signs bind less than a power behind them: `-2 ** 2` is -4.
    fn signed(&mut self) -> Read<Lazy> {
        self.blanks();
        let Some(sign) = self.peek().filter(|sign| matches!(sign, '-' | '+' | '~')) else { return self.power() };
        self.at += 1;
        let value = self.deeper(Self::signed)?;
        self.node()?;
        Ok(value.and_then(|value| negated(sign, &value, self.literal)))
    }

    fn power(&mut self) -> Read<Lazy> {
        let base = self.atom()?;
        self.blanks();
        if !self.eat("**") {
            return Ok(base);
        }
        let exponent = self.deeper(Self::signed)?;
        let value = match (base, exponent) {
            (Ok(base), Ok(exponent)) => binary("**", &base, &exponent),
            (Err(fault), _) | (_, Err(fault)) => Err(fault),
        };
        self.operated(value)
    }

    /// Counts an operation; a literal has none.
    fn operated(&mut self, value: Lazy) -> Read<Lazy> {
        self.node()?;
        Ok(if self.literal { Err(Fault::Unusable) } else { value })
    }

    fn atom(&mut self) -> Read<Lazy> {
        self.node()?;
        self.blanks();
        let Some(first) = self.peek() else { return Err(Fault::Unusable) };
        let value = match first {
            '(' => self.bracketed(Self::in_parentheses)?,
            '[' => self.bracketed(|parser| Ok(parser.items(']')?.map(Py::List)))?,
            '{' => self.bracketed(Self::in_braces)?,
            '0'..='9' => self.number().map(Ok)?,
            '.' => self.number().map(Ok)?,
            _ => match self.string_start() {
                Some(prefix) => self.strings(prefix).map(Ok)?,
                None if self.keyword("True") => Ok(Py::Bool(true)),
                None if self.keyword("False") => Ok(Py::Bool(false)),
                None if self.keyword("None") => Ok(Py::None),
                None if is_name(first) => return Ok(self.name()),
                None => return Err(Fault::Unusable),
            },
        };
        self.blanks();
        // A call, an index or an attribute: not for a verifier to run.
        if self.rest().starts_with(['(', '[', '.']) { Err(Fault::Unusable) } else { Ok(value) }
    }

    /// A name has no value here, which is a fault only where the value is needed.
    fn name(&mut self) -> Lazy {
        let rest = self.rest();
        self.at += rest.find(|letter| !is_name(letter)).unwrap_or(rest.len());
        Err(Fault::Unusable)
    }

    fn bracketed(&mut self, read: impl FnOnce(&mut Self) -> Read<Lazy>) -> Read<Lazy> {
        self.at += 1;
        self.brackets += 1;
        let value = self.deeper(read);
        self.brackets -= 1;
        value
    }

    fn in_parentheses(&mut self) -> Read<Lazy> {
        self.blanks();
        if self.eat(")") {
            return Ok(Ok(Py::Tuple(Vec::new())));
        }
        let value = self.list_of_expressions()?;
        self.blanks();
        if self.eat(")") { Ok(value) } else { Err(Fault::Unusable) }
    }

    /// Items with commas between them up to the closing bracket.
    fn items(&mut self, close: char) -> Read<Read<Vec<Py>>> {
        let mut items = Vec::new();
        loop {
            self.blanks();
            if self.peek() == Some(close) {
                break;
            }
            items.push(self.disjunction()?);
            self.blanks();
            if !self.eat(",") {
                break;
            }
        }
        self.blanks();
        if self.peek() != Some(close) {
            return Err(Fault::Unusable);
        }
        self.at += close.len_utf8();
        Ok(items.into_iter().collect())
    }

    fn in_braces(&mut self) -> Read<Lazy> {
        self.blanks();
        if self.eat("}") {
            return Ok(Ok(Py::Dict(Vec::new())));
        }
        let first = self.disjunction()?;
        self.blanks();
        if !self.eat(":") {
            self.blanks();
            let others = match self.eat(",") {
                true => self.items('}')?,
                false if self.eat("}") => Ok(Vec::new()),
                false => return Err(Fault::Unusable),
            };
            let items = first.and_then(|first| Ok(std::iter::once(first).chain(others?).collect::<Vec<_>>()));
            return Ok(items.and_then(set));
        }
        let mut pairs = vec![first.and_then(|first| Ok((first, self.disjunction()??)))];
        loop {
            self.blanks();
            if self.eat("}") {
                break;
            }
            if !self.eat(",") {
                return Err(Fault::Unusable);
            }
            self.blanks();
            if self.eat("}") {
                break;
            }
            let key = self.disjunction()?;
            self.blanks();
            if !self.eat(":") {
                return Err(Fault::Unusable);
            }
            let item = self.disjunction()?;
            pairs.push(key.and_then(|key| Ok((key, item?))));
        }
        let pairs = pairs.into_iter().collect::<Read<Vec<_>>>();
        Ok(pairs.and_then(dictionary))
    }
}

/// Each item once. Comparisons of all pairs are too many for a large set, so its size is limited.
fn set(items: Vec<Py>) -> Lazy {
    let mut kept: Vec<Py> = Vec::new();
    for item in items {
        if !item.hashable() {
            return Err(Fault::Unusable);
        }
        if !kept.contains(&item) {
            if kept.len() == MOST_KEYS {
                return Err(Fault::Limit);
            }
            kept.push(item);
        }
    }
    Ok(Py::Set(kept))
}

/// Most items of a set, and keys of a dictionary.
const MOST_KEYS: usize = 2_000;

/// The last item of a key counts, at the place of the first.
fn dictionary(pairs: Vec<(Py, Py)>) -> Lazy {
    let mut kept: Vec<(Py, Py)> = Vec::new();
    for (key, item) in pairs {
        if !key.hashable() {
            return Err(Fault::Unusable);
        }
        put(&mut kept, key, item, MOST_KEYS)?;
    }
    Ok(Py::Dict(kept))
}

fn is_name(letter: char) -> bool {
    letter == '_' || letter.is_alphanumeric()
}

/// Equal, as the order of a comparison tells.
fn is_equal(order: Option<Ordering>) -> bool {
    order == Some(Ordering::Equal)
}

#[cfg(test)]
mod tests;
