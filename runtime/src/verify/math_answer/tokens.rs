//! Text to tokens, with the liberties that people take: `\dfrac`, `{,}`, units, percent words, thousands separators.

use super::value::Rational;

/// A piece of a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    /// A number; `decimal` when it was written with a point or as a float.
    Number {
        /// Its exact value.
        value: Rational,
        /// How it was written.
        decimal: bool,
    },
    /// A letter of a bare word or a Greek letter, in lower case.
    Name(String),
    /// What stands in `\text{…}` and the like, in lower case, without blanks.
    Word(String),
    /// A command of the table in this file, by its one name.
    Command(&'static str),
    /// `+ - * / ^ _ ! % | ( ) [ ] { } , ;`
    Mark(char),
    /// `= < <= > >= !=`
    Relation(&'static str),
}

/// Commands with the tokens that they stand for.
const COMMANDS: &[(&str, Token)] = &[
    ("frac", Token::Command("frac")),
    ("dfrac", Token::Command("frac")),
    ("tfrac", Token::Command("frac")),
    ("cfrac", Token::Command("frac")),
    ("binom", Token::Command("binom")),
    ("dbinom", Token::Command("binom")),
    ("sqrt", Token::Command("sqrt")),
    ("pi", Token::Command("pi")),
    ("infty", Token::Command("infty")),
    ("emptyset", Token::Command("emptyset")),
    ("varnothing", Token::Command("emptyset")),
    ("pm", Token::Command("pm")),
    ("cup", Token::Command("cup")),
    ("cap", Token::Command("cap")),
    ("setminus", Token::Command("setminus")),
    ("lfloor", Token::Command("lfloor")),
    ("rfloor", Token::Command("rfloor")),
    ("lceil", Token::Command("lceil")),
    ("rceil", Token::Command("rceil")),
    ("lbrace", Token::Command("lbrace")),
    ("rbrace", Token::Command("rbrace")),
    ("log", Token::Command("log")),
    ("lg", Token::Command("log")),
    ("ln", Token::Command("ln")),
    ("exp", Token::Command("exp")),
    ("sin", Token::Command("sin")),
    ("cos", Token::Command("cos")),
    ("tan", Token::Command("tan")),
    ("cot", Token::Command("cot")),
    ("sec", Token::Command("sec")),
    ("csc", Token::Command("csc")),
    ("arcsin", Token::Command("arcsin")),
    ("arccos", Token::Command("arccos")),
    ("arctan", Token::Command("arctan")),
    ("sinh", Token::Command("sinh")),
    ("cosh", Token::Command("cosh")),
    ("tanh", Token::Command("tanh")),
    ("cdot", Token::Mark('*')),
    ("times", Token::Mark('*')),
    ("ast", Token::Mark('*')),
    ("div", Token::Mark('/')),
    ("colon", Token::Mark('/')),
    ("mid", Token::Mark('|')),
    ("vert", Token::Mark('|')),
    ("lvert", Token::Mark('|')),
    ("rvert", Token::Mark('|')),
    ("le", Token::Relation("<=")),
    ("leq", Token::Relation("<=")),
    ("leqslant", Token::Relation("<=")),
    ("ge", Token::Relation(">=")),
    ("geq", Token::Relation(">=")),
    ("geqslant", Token::Relation(">=")),
    ("lt", Token::Relation("<")),
    ("gt", Token::Relation(">")),
    ("ne", Token::Relation("!=")),
    ("neq", Token::Relation("!=")),
    ("in", Token::Relation("=")),
    ("approx", Token::Relation("=")),
];

/// Commands that mean nothing for the value.
const SILENT: &[&str] = &[
    "left",
    "right",
    "big",
    "Big",
    "bigl",
    "bigr",
    "displaystyle",
    "textstyle",
    "quad",
    "qquad",
    "ldots",
    "dots",
    "cdots",
    "degree",
    "limits",
    "large",
    "Large",
    "small",
    "bf",
    "rm",
];

/// Commands whose argument is plain text.
const TEXT: &[&str] = &[
    "text",
    "mbox",
    "mathrm",
    "mathit",
    "mathbf",
    "textbf",
    "textit",
    "textrm",
    "operatorname",
    "textnormal",
    "textsf",
    "emph",
    "mathbb",
];

const GREEK: &[&str] = &[
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "varepsilon",
    "zeta",
    "eta",
    "theta",
    "iota",
    "kappa",
    "lambda",
    "mu",
    "nu",
    "xi",
    "rho",
    "sigma",
    "tau",
    "upsilon",
    "phi",
    "varphi",
    "chi",
    "psi",
    "omega",
    "ell",
];

/// Unit words that may follow a number at the end.
const UNITS: &[&str] = &[
    "t", "h", "c", "l", "s", "g", "m", "d", "o", "cm", "mm", "km", "dm", "ft", "in", "inch", "inches", "foot", "feet",
    "yard", "yards", "mile", "miles", "mph", "kph", "meter", "meters", "metre", "metres", "kg", "mg", "gram", "grams",
    "pound", "pounds", "lb", "lbs", "ounce", "ounces", "ton", "tons", "liter", "liters", "litre", "litres", "ml",
    "second", "seconds", "sec", "minute", "minutes", "min", "hour", "hours", "hr", "hrs", "day", "days", "week",
    "weeks", "month", "months", "year", "years", "degree", "degrees", "deg", "rad", "radian", "radians", "cent",
    "cents", "unit", "units", "square", "cubic", "sq", "points", "people", "students", "apples", "ways",
];

/// Cuts a text into tokens; none when something in it is not known.
pub fn tokens(text: &str) -> Option<Vec<Token>> {
    let text = text.trim().trim_end_matches('.').replace("{,}", ",").replace("**", "^");
    let text = ["^\\circ", "^{\\circ}", "°", "\\!", "\\$", "$", "\"", "`"]
        .iter()
        .fold(text, |text, cut| text.replace(cut, ""));
    let characters: Vec<char> = text.chars().collect();
    let mut lexer = Lexer { characters: &characters, at: 0, tokens: Vec::new(), brackets: 0 };
    while lexer.peek(0).is_some() {
        lexer.step()?;
    }
    Some(lexer.tokens)
}

struct Lexer<'a> {
    characters: &'a [char],
    at: usize,
    tokens: Vec<Token>,
    brackets: usize,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.characters.get(self.at + ahead).copied()
    }

    fn run(&self, from: usize, fits: impl Fn(char) -> bool) -> String {
        self.characters.iter().skip(from).take_while(|c| fits(**c)).collect()
    }

    fn push(&mut self, token: Token) {
        match token {
            Token::Mark('(' | '[') | Token::Command("lbrace") => self.brackets += 1,
            Token::Mark(')' | ']') | Token::Command("rbrace") => self.brackets = self.brackets.saturating_sub(1),
            _ => {}
        }
        self.tokens.push(token);
    }

    fn step(&mut self) -> Option<()> {
        let first = self.peek(0)?;
        match first {
            _ if first.is_whitespace() => self.at += 1,
            '0'..='9' => return self.number(),
            '.' if self.peek(1).is_some_and(|c| c.is_ascii_digit()) => return self.number(),
            '\\' => return self.command(),
            _ if first.is_alphabetic() && !matches!(first, 'π') => self.bare_word(),
            _ => {
                let two = (first, self.peek(1));
                let (token, width) = match two {
                    ('<', Some('=')) => (Token::Relation("<="), 2),
                    ('>', Some('=')) => (Token::Relation(">="), 2),
                    ('!', Some('=')) => (Token::Relation("!="), 2),
                    ('=', Some('=')) => (Token::Relation("="), 2),
                    ('=' | '≈', _) => (Token::Relation("="), 1),
                    ('<', _) => (Token::Relation("<"), 1),
                    ('>', _) => (Token::Relation(">"), 1),
                    ('≤', _) => (Token::Relation("<="), 1),
                    ('≥', _) => (Token::Relation(">="), 1),
                    ('≠', _) => (Token::Relation("!="), 1),
                    ('×' | '·' | '⋅', _) => (Token::Mark('*'), 1),
                    ('÷' | ':', _) => (Token::Mark('/'), 1),
                    ('−' | '–', _) => (Token::Mark('-'), 1),
                    ('±', _) => (Token::Command("pm"), 1),
                    ('π', _) => (Token::Command("pi"), 1),
                    ('∞', _) => (Token::Command("infty"), 1),
                    ('√', _) => (Token::Command("sqrt"), 1),
                    ('∪', _) => (Token::Command("cup"), 1),
                    (
                        '+' | '-' | '*' | '/' | '^' | '_' | '!' | '%' | '|' | '(' | ')' | '[' | ']' | '{' | '}' | ','
                        | ';',
                        _,
                    ) => (Token::Mark(first), 1),
                    _ => return None,
                };
                self.push(token);
                self.at += width;
            }
        }
        Some(())
    }

    /// True where TeX takes one character as an argument: right after a command, or after the first such character.
    fn is_tex_argument(&self) -> bool {
        let takes = |token: Option<&Token>, count: usize| match token {
            Some(Token::Command("frac" | "binom")) => count <= 1,
            Some(Token::Command("sqrt")) => count == 0,
            _ => false,
        };
        let last = self.tokens.len();
        let before = |back: usize| last.checked_sub(back).and_then(|at| self.tokens.get(at));
        takes(before(1), 0) || matches!(before(1), Some(Token::Number { .. } | Token::Name(_))) && takes(before(2), 1)
    }

    fn number(&mut self) -> Option<()> {
        let is_digit = |c: char| c.is_ascii_digit();
        if self.is_tex_argument() && self.peek(0) != Some('.') {
            let digit = self.peek(0)?.to_digit(10)?;
            self.at += 1;
            self.push(Token::Number { value: Rational::integer(i64::from(digit)), decimal: false });
            return Some(());
        }
        let mut whole = self.run(self.at, is_digit);
        let mut end = self.at + whole.len();
        let (grouped, after) = self.grouped(&whole, end);
        if let Some(digits) = grouped {
            if whole == "0" {
                self.at = after;
                self.push(Token::Number { value: Rational::decimal("0", digits.get(1..)?)?, decimal: true });
                return Some(());
            }
            (whole, end) = (digits, after);
        }
        let mut places = String::new();
        if self.characters.get(end) == Some(&'.') {
            places = self.run(end + 1, is_digit);
            end += if places.is_empty() { 0 } else { 1 + places.len() };
        }
        let mut value = Rational::decimal(&whole, &places)?;
        let mut decimal = !places.is_empty();
        if self.characters.get(end) == Some(&'E') {
            let negative = self.characters.get(end + 1) == Some(&'-');
            let start = end + 1 + usize::from(matches!(self.characters.get(end + 1), Some('-' | '+')));
            let exponent = self.run(start, is_digit);
            if !exponent.is_empty() {
                let size: i64 = exponent.parse().ok()?;
                let power = Rational::integer(10).power(&Rational::integer(if negative { -size } else { size }))?;
                (value, decimal, end) = (value.times(&power)?, true, start + exponent.len());
            }
        }
        self.at = end;
        self.push(Token::Number { value, decimal });
        Some(())
    }

    /// Digits with all groups of three that follow, and where they end; none where a group is of another size. A comma
    /// groups outside of brackets only, where it would stand between two items.
    fn grouped(&self, whole: &str, end: usize) -> (Option<String>, usize) {
        let (mut digits, mut at, mut groups) = (whole.to_owned(), end, 0);
        loop {
            let (separator, width) = match (self.characters.get(at), self.characters.get(at + 1)) {
                (Some(','), _) if self.brackets == 0 => (',', 1),
                (Some('\\'), Some(',' | ' ' | ';')) => (' ', 2),
                (Some(' '), _) => (' ', 1),
                _ => break,
            };
            let group = self.run(at + width, |c| c.is_ascii_digit());
            match (group.len(), separator) {
                (3, _) => {}
                (0, _) | (_, ' ') => break,
                _ => return (None, end),
            }
            digits.push_str(&group);
            at += width + 3;
            groups += 1;
        }
        if groups == 0 || whole.len() > 3 || (whole.starts_with('0') && (whole != "0" || groups > 1)) {
            return (None, end);
        }
        (Some(digits), at)
    }

    fn command(&mut self) -> Option<()> {
        let name = self.run(self.at + 1, |c| c.is_ascii_alphabetic());
        if name.is_empty() {
            let mark = self.peek(1);
            self.at += 2;
            match mark {
                Some('{') => self.push(Token::Command("lbrace")),
                Some('}') => self.push(Token::Command("rbrace")),
                Some('%') => self.push(Token::Mark('%')),
                Some('|') => self.push(Token::Mark('|')),
                Some(',' | ';' | ':' | ' ') => {}
                _ => return None,
            }
            return Some(());
        }
        self.at += 1 + name.len();
        if let Some((_, token)) = COMMANDS.iter().find(|(known, _)| *known == name) {
            self.push(token.clone());
        } else if TEXT.contains(&name.as_str()) {
            return self.text(&name);
        } else if let Some(letter) = GREEK.iter().find(|known| name.eq_ignore_ascii_case(known)) {
            self.push(Token::Name(format!("\\{letter}")));
        } else if !SILENT.contains(&name.as_str()) {
            return None;
        }
        Some(())
    }

    /// `\text{…}`: a separator, a percent sign, a unit at the end (left out, with its power), or a word.
    fn text(&mut self, command: &str) -> Option<()> {
        while self.peek(0).is_some_and(char::is_whitespace) {
            self.at += 1;
        }
        if self.peek(0) != Some('{') {
            return Some(());
        }
        let content = self.run(self.at + 1, |c| c != '}');
        if content.contains(['{', '\\']) {
            return None;
        }
        self.at += content.chars().count() + 2;
        let rest: String = self.run(self.at, |_| true).chars().filter(|c| !matches!(c, ' ' | '{' | '}')).collect();
        let ends =
            rest.is_empty() || rest.strip_prefix('^').is_some_and(|power| power.chars().all(|c| c.is_ascii_digit()));
        let word: String = content.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
        match word.as_str() {
            "" => {}
            "and" | "or" => self.separate(),
            "percent" => self.push(Token::Mark('%')),
            _ if command != "mathbb" && ends && !self.tokens.is_empty() && !self.expects_operand() => {
                self.at = self.characters.len();
            }
            _ => self.push(Token::Word(if command == "mathbb" { format!("set {word}") } else { word })),
        }
        Some(())
    }

    /// A word between items; after a comma it says nothing new.
    fn separate(&mut self) {
        if self.tokens.last() != Some(&Token::Mark(',')) {
            self.push(Token::Mark(','));
        }
    }

    /// True where the last token still needs something after it.
    fn expects_operand(&self) -> bool {
        match self.tokens.last() {
            None | Some(Token::Relation(_)) => true,
            Some(Token::Mark(mark)) => matches!(mark, '+' | '-' | '*' | '/' | '^' | '_' | '(' | '[' | '{' | ',' | ';'),
            _ => false,
        }
    }

    /// Letters without a command: a known word, a unit at the end, or a product of letters.
    fn bare_word(&mut self) {
        let word = self.run(self.at, |c| c.is_alphabetic() && c != 'π');
        let lower = word.to_lowercase();
        let width = word.chars().count();
        let rest: String = self.run(self.at + width, |_| true).chars().filter(|c| !c.is_whitespace()).collect();
        let before = self.at.checked_sub(1).and_then(|at| self.characters.get(at));
        let after_number = before.is_some_and(|c| c.is_ascii_digit() || matches!(c, '}' | ' '));
        let rest_is_units = || rest.trim_start_matches(['^', '2', '3']).is_empty();
        self.at += width;
        match lower.as_str() {
            "and" | "or" => self.separate(),
            "infinity" | "inf" => self.push(Token::Command("infty")),
            "percent" | "percentage" | "pct" => self.push(Token::Mark('%')),
            _ if after_number && !self.expects_operand() && UNITS.contains(&lower.as_str()) && rest_is_units() => {
                self.at = self.characters.len();
            }
            _ => match COMMANDS.iter().find(|(known, token)| *known == lower && is_spelled_out(token)) {
                Some((_, token)) => self.push(token.clone()),
                None => word.chars().for_each(|c| self.push(Token::Name(c.to_lowercase().collect()))),
            },
        }
    }
}

/// Functions that people write without a backslash.
fn is_spelled_out(token: &Token) -> bool {
    matches!(token, Token::Command("sqrt" | "log" | "ln" | "exp" | "sin" | "cos" | "tan" | "pi"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str) -> Vec<String> {
        let tokens = tokens(text).unwrap_or_default();
        tokens
            .iter()
            .filter_map(|token| match token {
                Token::Number { value, .. } => Some(format!("{}", value.to_float())),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn groups_of_three_are_one_number() {
        for (text, expected) in [
            ("1,234,567.5", vec!["1234567.5"]),
            ("1{,}234", vec!["1234"]),
            (r"10\,000", vec!["10000"]),
            ("12 345", vec!["12345"]),
            ("12,345,67", vec!["12", "345", "67"]),
            ("0,111", vec!["0.111"]),
            ("(1,234)", vec!["1", "234"]),
            (".5", vec!["0.5"]),
            ("2E3", vec!["2000"]),
            (r"\frac12", vec!["1", "2"]),
            (r"\frac123", vec!["1", "2", "3"]),
            ("5 cm", vec!["5"]),
            (r"5\text{ m/s}^2", vec!["5"]),
        ] {
            assert_eq!(numbers(text), expected, "{text}");
        }
        assert_eq!(tokens(r"\begin{x}"), None);
        assert_eq!(tokens("\u{0}"), None);
    }
}
