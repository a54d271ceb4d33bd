//! Text to a tree: numbers, LaTeX and plain notation, matrices, sets, tuples, intervals and relations.
//!
//! The parser is total: it reads the whole text or says why it cannot, in time that grows linearly with the text, and
//! never nests deeper than [`DEEPEST`]. [`terms`] reads arithmetic; [`lists`] decides what a bracket is, which depends on
//! what stands around it: `(1,2)` alone is an interval, `(x+1)` before a factor is a group.

mod lists;
mod ranges;
mod terms;

use super::tokens::{Token, tokens};
use super::tree::{Expr, Joint, Relation};
use super::value::Rational;

/// Deepest nesting.
const DEEPEST: usize = 160;

/// Most operators of one text that nest to the left: `a/b/c/…`, `a^b^c^…`, `a!!!…`.
const MOST_LINKS: usize = 400;

/// Why a text was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// It is not in the language of this parser.
    Unknown,
    /// It nests too deeply.
    TooDeep,
}

/// Reads a text.
pub fn parse(text: &str) -> Result<Expr, Unread> {
    if let Some(number) = grouped_number(text) {
        return Ok(number);
    }
    let tokens = tokens(text).ok_or(Unread::Unknown)?;
    let mut parser = Parser { text, tokens: &tokens, at: 0, depth: 0, links: 0, in_bars: false, too_deep: false };
    let read = parser.whole();
    match read {
        Some(expr) if parser.at == tokens.len() => Ok(expr),
        _ if parser.too_deep => Err(Unread::TooDeep),
        _ => Err(Unread::Unknown),
    }
}

/// The whole text is digits in groups of three: `1,234,567.8`. Behind a 0 the comma is a decimal one.
fn grouped_number(text: &str) -> Option<Expr> {
    let text = text.trim();
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, places) = digits.split_once('.').unwrap_or((digits, ""));
    let mut groups = whole.split(',');
    let first = groups.next()?;
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let rest: Vec<&str> = groups.collect();
    let fits = (1..=3).contains(&first.len()) && is_digits(first) && !rest.is_empty() && is_digits(places);
    if !fits || !rest.iter().all(|group| group.len() == 3 && is_digits(group)) || digits.ends_with('.') {
        return None;
    }
    let (value, decimal) = match (first, rest.as_slice(), places) {
        ("0", [group], "") => (Rational::decimal("0", group)?, true),
        _ if first.starts_with('0') => return None,
        _ => (Rational::decimal(&format!("{first}{}", rest.concat()), places)?, !places.is_empty()),
    };
    Some(Expr::Number { value: if negative { value.negated() } else { value }, decimal })
}

/// What stands between two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Is(Relation),
    About,
    In,
}

/// What was read and may still become one thing or another.
#[derive(Debug, Clone)]
enum Piece {
    Value(Expr),
    /// A bracket with its groups of items: commas between items, semicolons between groups.
    Bracket(char, char, Vec<Vec<Element>>),
    /// `a \pm b`; none is zero.
    PlusMinus(Option<Expr>, Expr),
}

/// Sides with what stands between them.
#[derive(Debug, Clone)]
struct Element {
    links: Vec<Link>,
    sides: Vec<Piece>,
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [(Token, usize, usize)],
    at: usize,
    depth: usize,
    links: usize,
    /// True between the bars of an absolute value, where a bar closes.
    in_bars: bool,
    too_deep: bool,
}

impl<'a> Parser<'a> {
    fn ahead(&self, by: usize) -> Option<&'a Token> {
        self.tokens.get(self.at + by).map(|(token, ..)| token)
    }

    fn peek(&self) -> Option<&'a Token> {
        self.ahead(0)
    }

    fn take(&mut self, mark: char) -> bool {
        self.take_token(&Token::Mark(mark))
    }

    fn take_command(&mut self, name: &'static str) -> bool {
        self.take_token(&Token::Command(name))
    }

    fn take_token(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    /// Runs `read` one level deeper.
    fn inside<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.depth == DEEPEST {
            self.too_deep = true;
            return None;
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Counts an operator that nests to the left.
    fn link(&mut self) -> Option<()> {
        self.links += 1;
        self.too_deep |= self.links > MOST_LINKS;
        (!self.too_deep).then_some(())
    }

    /// Runs `read` where bars open, or close, as said.
    fn with_bars<T>(&mut self, in_bars: bool, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let before = std::mem::replace(&mut self.in_bars, in_bars);
        let result = read(self);
        self.in_bars = before;
        result
    }

    /// Items between commas, groups of them between semicolons.
    fn groups(&mut self) -> Option<Vec<Vec<Element>>> {
        let mut groups = vec![vec![self.element()?]];
        loop {
            if self.take(',') {
                let next = self.element()?;
                groups.last_mut()?.push(next);
            } else if self.take(';') {
                groups.push(vec![self.element()?]);
            } else {
                return Some(groups);
            }
        }
    }

    fn element(&mut self) -> Option<Element> {
        self.inside(|parser| {
            let (mut links, mut sides) = (Vec::new(), vec![parser.joined()?]);
            loop {
                let link = match parser.peek() {
                    Some(Token::Relation(relation)) => Link::Is(*relation),
                    Some(Token::About) => Link::About,
                    Some(Token::Command("in")) => Link::In,
                    _ => return Some(Element { links, sides }),
                };
                parser.at += 1;
                links.push(link);
                sides.push(parser.joined()?);
            }
        })
    }

    /// Sets and what joins them: differences bind least, intersections most.
    fn joined(&mut self) -> Option<Piece> {
        self.joined_by(&[("setminus", Joint::Difference), ("cup", Joint::Union), ("cap", Joint::Intersection)])
    }

    fn joined_by(&mut self, joints: &[(&'static str, Joint)]) -> Option<Piece> {
        let Some(((command, joint), tighter)) = joints.split_first() else { return self.shifted() };
        let mut left = self.joined_by(tighter)?;
        while self.take_command(command) {
            self.link()?;
            let right = self.joined_by(tighter)?;
            let (a, b) = (self.settled(left)?.into_set()?, self.settled(right)?.into_set()?);
            left = Piece::Value(Expr::Joined(*joint, Box::new(a), Box::new(b)));
        }
        Some(left)
    }

    /// A sum, or two of them around `\pm`.
    fn shifted(&mut self) -> Option<Piece> {
        if self.take_command("pm") {
            let part = self.sum()?;
            return Some(Piece::PlusMinus(None, self.scalar(part)?));
        }
        let left = self.sum()?;
        if self.take_command("pm") {
            let (left, part) = (self.scalar(left)?, self.sum()?);
            return Some(Piece::PlusMinus(Some(left), self.scalar(part)?));
        }
        if self.take_command("choose") {
            let (upper, lower) = (self.scalar(left)?, self.sum()?);
            return Some(Piece::Value(Expr::Call("binomial", vec![upper, self.scalar(lower)?])));
        }
        Some(left)
    }
}

impl Expr {
    /// A tuple between signs of sets is a set.
    fn into_set(self) -> Option<Expr> {
        match self {
            Expr::Tuple(items) => Some(Expr::Set(items)),
            set if set.is_set() => Some(set),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Expr {
        parse(text).unwrap_or_else(|why| panic!("{text}: {why:?}"))
    }

    fn x(name: &str) -> Expr {
        Expr::Symbol(name.to_owned())
    }

    #[test]
    fn a_comma_groups_only_where_the_whole_text_is_one_number() {
        let number = |text: &str| match read(text) {
            Expr::Number { value, .. } => value.to_float(),
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(number("1,234,567.5"), 1_234_567.5);
        assert_eq!(number("-1,000"), -1000.0);
        assert_eq!(number("0,111"), 0.111);
        for text in ["1,23", "12,345,67", "1,2", "1234,567"] {
            assert!(matches!(read(text), Expr::Set(_)), "{text}");
        }
    }

    #[test]
    fn brackets_are_what_their_place_makes_them() {
        let interval = |low_open, high_open| Expr::Interval {
            low: (Box::new(Expr::integer(1)), low_open),
            high: (Box::new(Expr::integer(2)), high_open),
        };
        for (text, expected) in [
            ("(1,2)", interval(true, true)),
            ("[1,2)", interval(false, true)),
            ("[1,2]", interval(false, false)),
            ("(2,1)", Expr::Tuple(vec![Expr::integer(2), Expr::integer(1)])),
            ("(1,2,3)", Expr::Tuple(vec![Expr::integer(1), Expr::integer(2), Expr::integer(3)])),
            ("(x)", x("x")),
            ("{x}", Expr::Set(vec![x("x")])),
            (r"\{x\}", Expr::Set(vec![x("x")])),
            ("1;2", Expr::Set(vec![Expr::integer(1), Expr::integer(2)])),
            (r"\pm x", Expr::Set(vec![x("x"), Expr::Negative(Box::new(x("x")))])),
            ("(x)y", Expr::Product(vec![x("x"), x("y")])),
            ("n(n+1)", Expr::Product(vec![x("n"), Expr::Sum(vec![x("n"), Expr::integer(1)])])),
            ("f(x)", Expr::Apply("f".into(), vec![x("x")])),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn an_equation_before_a_list_holds_for_the_list() {
        let equal = |left, right| Expr::Chain(vec![Relation::Equal], vec![left, right]);
        let both = Expr::Set(vec![Expr::integer(1), Expr::integer(2)]);
        assert_eq!(read("x=1,2"), equal(x("x"), both.clone()));
        assert_eq!(read(r"x\in\{1,2\}"), equal(x("x"), both));
        let each = Expr::Set(vec![equal(x("a"), Expr::integer(1)), equal(x("b"), Expr::integer(2))]);
        assert_eq!(read("a=1,b=2"), each);
        let pair = Expr::Tuple(vec![x("x"), x("y")]);
        assert_eq!(read("(x,y)=(2,1)"), equal(pair, Expr::Tuple(vec![Expr::integer(2), Expr::integer(1)])));
        assert_eq!(read(r"x\approx 3"), Expr::integer(3));
        assert_eq!(read(r"2x\approx 3"), Expr::Product(vec![Expr::integer(2), x("x")]));
    }

    #[test]
    fn depth_is_bounded_and_said() {
        for (open, close) in
            [("(", ")"), ("{", "}"), (r"\sqrt{", "}"), ("-", ""), ("2^", ""), ("|", "|"), ("1/", ""), ("", "!")]
        {
            let text = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
            assert_eq!(parse(&text), Err(Unread::TooDeep), "{open}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "x=", "(5", "5)", "*", "5/", r"\frac{", "|x", r"\sqrt", "x^", "1,", "==", r"\begin{matrix}1"] {
            assert_eq!(parse(text), Err(Unread::Unknown), "{text}");
        }
    }
}
