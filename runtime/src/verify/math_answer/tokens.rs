//! Text to tokens. The text has been brought to one spelling by [`super::normal`].

mod names;

use super::tree::{NamedSet, Relation};
use super::value::Rational;
use names::{ACCENTS, COMMANDS, GREEK, GREEK_LETTERS, SPACES};

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
    /// A letter, a Greek letter, what stands in `\text{…}`, an accent with what it covers: in lower case.
    Name(String),
    /// A differential, or `d` and the letter behind it.
    Differential(String),
    /// `e`
    Euler,
    /// A command of the table in this file, by its one name.
    Command(&'static str),
    /// `+ - * / ^ _ ! % | & ( ) [ ] { } , ;`
    Mark(char),
    /// `\\`
    Row,
    /// `=`, `<`, …
    Relation(Relation),
    /// `\approx`
    About,
    /// A set with a name.
    Named(NamedSet),
    /// `\begin{…matrix}` with the name before `matrix`, or `array`.
    Begin(String),
    /// `\end{…}`
    End,
}

/// Cuts a text into tokens, each with where it starts and ends in the text; none when something is not known.
pub fn tokens(text: &str) -> Option<Vec<(Token, usize, usize)>> {
    let mut lexer = Lexer { text, at: 0, tokens: Vec::new() };
    while let Some(first) = lexer.peek() {
        let start = lexer.at;
        if let Some(token) = lexer.step(first)? {
            lexer.tokens.push((token, start, lexer.at));
        }
    }
    Some(lexer.tokens)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<(Token, usize, usize)>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn run(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    /// A token, or nothing where there is only space.
    fn step(&mut self, first: char) -> Option<Option<Token>> {
        if first.is_whitespace() {
            self.at += first.len_utf8();
            return Some(None);
        }
        if first.is_ascii_digit()
            || first == '.' && self.rest().chars().nth(1).is_some_and(|next| next.is_ascii_digit())
        {
            return self.number().map(Some);
        }
        if first == '\\' {
            return self.command();
        }
        self.at += first.len_utf8();
        let next = self.peek();
        let mut two = |second: char, long: Token, short: Token| {
            let found = next == Some(second);
            self.at += if found { second.len_utf8() } else { 0 };
            Some(Some(if found { long } else { short }))
        };
        let relation = |relation| Some(Some(Token::Relation(relation)));
        match first {
            '<' => two('=', Token::Relation(Relation::AtMost), Token::Relation(Relation::Less)),
            '>' => two('=', Token::Relation(Relation::AtLeast), Token::Relation(Relation::More)),
            '!' => two('=', Token::Relation(Relation::NotEqual), Token::Mark('!')),
            '=' => two('=', Token::Relation(Relation::Equal), Token::Relation(Relation::Equal)),
            '≡' => relation(Relation::Equal),
            '≤' | '⩽' => relation(Relation::AtMost),
            '≥' | '⩾' => relation(Relation::AtLeast),
            '≠' => relation(Relation::NotEqual),
            '≈' => Some(Some(Token::About)),
            '×' | '·' | '⋅' | '∙' => Some(Some(Token::Mark('*'))),
            '÷' | ':' | '∕' => Some(Some(Token::Mark('/'))),
            '−' | '–' => Some(Some(Token::Mark('-'))),
            '±' | '∓' => Some(Some(Token::Command("pm"))),
            '∞' => Some(Some(Token::Command("infty"))),
            '∪' => Some(Some(Token::Command("cup"))),
            '∩' => Some(Some(Token::Command("cap"))),
            '∖' => Some(Some(Token::Command("setminus"))),
            '∈' => Some(Some(Token::Command("in"))),
            '∅' => Some(Some(Token::Command("emptyset"))),
            '°' => Some(Some(Token::Command("circ"))),
            'ℕ' => Some(Some(Token::Named(NamedSet::Naturals))),
            'ℤ' => Some(Some(Token::Named(NamedSet::Integers))),
            'ℚ' => Some(Some(Token::Named(NamedSet::Rationals))),
            'ℝ' => Some(Some(Token::Named(NamedSet::Reals))),
            'ℂ' => Some(Some(Token::Named(NamedSet::Complexes))),
            'e' => Some(Some(Token::Euler)),
            'd' => Some(Some(self.differential())),
            'I' => Some(Some(Token::Command("imaginary"))),
            'a'..='z' | 'A'..='Z' => Some(Some(Token::Name(first.to_ascii_lowercase().to_string()))),
            '+' | '-' | '*' | '/' | '^' | '_' | '%' | '|' | '&' | '(' | ')' | '[' | ']' | '{' | '}' | ',' | ';' => {
                Some(Some(Token::Mark(first)))
            }
            _ => {
                let lower = first.to_lowercase().next()?;
                let (_, name) = GREEK_LETTERS.iter().find(|(letter, _)| *letter == lower)?;
                Some(Some(greek(name)))
            }
        }
    }

    /// `d` with the letter or the command behind it is one name.
    fn differential(&mut self) -> Token {
        let after = self.rest().trim_start();
        let space = self.rest().len() - after.len();
        let letters = |text: &str| text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
        let (name, length) = match after.strip_prefix('\\') {
            Some(command) => {
                let length = letters(command);
                let name = command.get(..length).unwrap_or_default();
                // `d\cup` is a `d` and a sign; only a name can be what is differentiated by.
                if GREEK.contains(&name) { (name, 1 + length) } else { ("", 0) }
            }
            None => (after.get(..letters(after).min(1)).unwrap_or_default(), letters(after).min(1)),
        };
        if name.is_empty() {
            return Token::Name("d".into());
        }
        self.at += space + length;
        Token::Differential(name.to_ascii_lowercase())
    }

    /// Digits, maybe with a point, maybe with `E` and an exponent.
    fn number(&mut self) -> Option<Token> {
        let whole = self.run(|c| c.is_ascii_digit());
        let mut places = "";
        if self.rest().strip_prefix('.').is_some_and(|after| after.starts_with(|c: char| c.is_ascii_digit())) {
            self.at += 1;
            places = self.run(|c| c.is_ascii_digit());
        }
        let mut value = Rational::decimal(whole, places)?;
        let mut decimal = !places.is_empty();
        if let Some(after) = self.rest().strip_prefix('E') {
            let digits = after.strip_prefix(['-', '+']).unwrap_or(after);
            let length = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
            if length > 0 {
                let size: i64 = digits.get(..length)?.parse().ok()?;
                let size = if after.starts_with('-') { -size } else { size };
                value = value.times(&Rational::integer(10).power(&Rational::integer(size))?)?;
                decimal = true;
                self.at += 1 + (after.len() - digits.len()) + length;
            }
        }
        Some(Token::Number { value, decimal })
    }

    fn command(&mut self) -> Option<Option<Token>> {
        self.at += 1;
        let name = self.run(|c| c.is_ascii_alphabetic());
        if name.is_empty() {
            let mark = self.peek()?;
            self.at += mark.len_utf8();
            return match mark {
                '{' => Some(Some(Token::Command("lbrace"))),
                '}' => Some(Some(Token::Command("rbrace"))),
                '%' => Some(Some(Token::Mark('%'))),
                '|' => Some(Some(Token::Mark('|'))),
                '(' | ')' => Some(Some(Token::Mark(mark))),
                '\\' => Some(Some(Token::Row)),
                ',' | ';' | ':' | '!' | ' ' | '$' => Some(None),
                _ => None,
            };
        }
        if let Some((_, token)) = COMMANDS.iter().find(|(known, _)| *known == name) {
            return Some(Some(token.clone()));
        }
        if SPACES.contains(&name) {
            return Some(None);
        }
        if let "begin" | "end" = name {
            return self.environment(name).map(Some);
        }
        if name == "operatorname" {
            let inner = self.braced()?;
            let known = COMMANDS.iter().find(|(known, _)| *known == inner.trim());
            return Some(Some(known.map_or_else(|| Token::Name(inner.to_lowercase()), |(_, token)| token.clone())));
        }
        if let Some((_, accent)) = ACCENTS.iter().find(|(known, _)| *known == name) {
            return self.accent(accent).map(Some);
        }
        let lower = name.to_ascii_lowercase();
        if lower == "pi" || GREEK.contains(&lower.as_str()) {
            return Some(Some(greek(&lower)));
        }
        self.run_together(name)
    }

    /// `\quadx`, `\pir`: the longest command that the letters begin with; the others are read on their own.
    fn run_together(&mut self, name: &str) -> Option<Option<Token>> {
        for length in (2..name.len()).rev() {
            let known = name.get(..length)?;
            let token = if let Some((_, token)) = COMMANDS.iter().find(|(command, _)| *command == known) {
                Some(token.clone())
            } else if known == "pi" || GREEK.contains(&known) {
                Some(greek(known))
            } else if matches!(known, "quad" | "qquad") {
                None
            } else {
                continue;
            };
            self.at -= name.len() - length;
            return Some(token);
        }
        None
    }

    /// What stands in braces, up to the first closing one.
    fn braced(&mut self) -> Option<&'a str> {
        self.run(char::is_whitespace);
        let inner = self.rest().strip_prefix('{')?;
        let length = inner.find('}')?;
        self.at += length + 2;
        inner.get(..length)
    }

    fn environment(&mut self, name: &str) -> Option<Token> {
        let inner = self.braced()?;
        let kind = match inner.trim() {
            "array" => "array",
            other => other.strip_suffix("matrix")?,
        };
        if name == "end" {
            return Some(Token::End);
        }
        if kind == "array" {
            // The columns; bars between them mean nothing here.
            self.braced()?;
        }
        Some(Token::Begin(kind.to_owned()))
    }

    fn accent(&mut self, accent: &str) -> Option<Token> {
        let inner = self.braced()?;
        let word: String = inner.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
        match (accent, inner.trim()) {
            ("math", "N") => return Some(Token::Named(NamedSet::Naturals)),
            ("math", "Z") => return Some(Token::Named(NamedSet::Integers)),
            ("math", "Q") => return Some(Token::Named(NamedSet::Rationals)),
            ("math", "R") => return Some(Token::Named(NamedSet::Reals)),
            ("math", "C") => return Some(Token::Named(NamedSet::Complexes)),
            ("", _) => return Some(Token::Name(word.chars().filter(|c| !matches!(c, '(' | ')')).collect())),
            _ => {}
        }
        Some(Token::Name(format!("{accent}{{{word}}}")))
    }
}

/// Greek letters are names, but for pi. `\varpi` is another letter.
fn greek(name: &str) -> Token {
    if name == "pi" { Token::Command("pi") } else { Token::Name(name.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Token> {
        tokens(text).unwrap_or_default().into_iter().map(|(token, ..)| token).collect()
    }

    fn name(name: &str) -> Token {
        Token::Name(name.to_owned())
    }

    #[test]
    fn letters_stand_alone_and_words_in_text_do_not() {
        assert_eq!(kinds("Ab"), [name("a"), name("b")]);
        assert_eq!(kinds(r"\text{ (No) Way }"), [name("noway")]);
        assert_eq!(kinds("dx"), [Token::Differential("x".into())]);
        assert_eq!(kinds(r"d\theta"), [Token::Differential("theta".into())]);
        assert_eq!(kinds(r"d \cup"), [name("d"), Token::Command("cup")]);
        assert_eq!(kinds(r"\overline{A B}"), [name("bar{ab}")]);
        assert_eq!(kinds("πΔ"), [Token::Command("pi"), name("delta")]);
    }

    #[test]
    fn numbers_are_exact() {
        let values = |text: &str| -> Vec<(f64, bool)> {
            let numbers = kinds(text).into_iter().filter_map(|token| match token {
                Token::Number { value, decimal } => Some((value.to_float(), decimal)),
                _ => None,
            });
            numbers.collect()
        };
        assert_eq!(values("12 0.5 .25"), [(12.0, false), (0.5, true), (0.25, true)]);
        assert_eq!(values("1.5E3 2E-2 2e5"), [(1500.0, true), (0.02, true), (2.0, false), (5.0, false)]);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for text in [r"\undefined", "5.", "№5", "@", "\u{0}", r"\begin{x}", r"\text{open", "\\"] {
            assert_eq!(tokens(text), None, "{text}");
        }
    }
}
