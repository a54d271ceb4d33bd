//! Plain numbers and calculations.

use super::latex::occurrences;
use super::{Candidate, Kind};

const REACH: usize = 50;
const FAR_REACH: usize = 100;

/// Signs of money that may stand before a number.
const MONEY: &str = "$€£¥₹₽₪₩₫฿₡₢₣₤₥₦₧₨₭₮₯₰₱₲₳₴₵₶₷₸₺₻₼₾₿";

/// A text with where runs of digits and signs end.
pub(super) struct Plain<'a> {
    text: &'a str,
    /// For every byte where the run of characters of calculations ends that it stands in.
    run_ends: Vec<u32>,
    /// For every byte the next operator at or behind it.
    operators: Vec<u32>,
}

/// What stands at a place: a candidate's kind and where it ends.
type Read<'a> = Option<(Kind<'a>, usize)>;

impl<'a> Plain<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let mut run_ends = vec![bytes.len() as u32; bytes.len() + 1];
        let mut operators = vec![u32::MAX; bytes.len() + 1];
        // × and ÷ are two bytes each; both are of the run, and their first byte is the operator.
        let mut in_run = vec![false; bytes.len() + 1];
        let mut is_operator = vec![false; bytes.len() + 1];
        for (at, character) in text.char_indices() {
            let operator = matches!(character, '+' | '-' | '*' | '×' | '/' | '^' | '(' | ')' | '÷');
            let belongs = operator || character.is_ascii_digit() || character == '.' || character.is_whitespace();
            if let Some(bytes) = in_run.get_mut(at..at + character.len_utf8()) {
                bytes.fill(belongs);
            }
            is_operator[at] = operator;
        }
        for at in (0..bytes.len()).rev() {
            run_ends[at] = if in_run[at] { run_ends[at + 1] } else { at as u32 };
            operators[at] = if is_operator[at] { at as u32 } else { operators[at + 1] };
        }
        Self { text, run_ends, operators }
    }

    fn byte(&self, place: usize) -> u8 {
        self.text.as_bytes().get(place).copied().unwrap_or(0)
    }

    fn starts(&self, place: usize, text: &str) -> bool {
        self.text.get(place..).is_some_and(|rest| rest.starts_with(text))
    }

    fn blank(&self, place: usize) -> Option<usize> {
        let first = self.text.get(place..)?.chars().next()?;
        first.is_whitespace().then(|| place + first.len_utf8())
    }

    fn blanks(&self, place: usize) -> usize {
        let rest = self.text.get(place..).unwrap_or_default();
        place + rest.len() - rest.trim_start().len()
    }

    pub(super) fn candidates(&self, rank: u32) -> Vec<Candidate<'a>> {
        let mut found = Vec::new();
        match rank {
            0 => self.announced("final answer is", &mut found, |at| {
                let at = if self.byte(at) == b':' { at + 1 } else { at };
                let (kind, end) = self.behind_blanks(at)?;
                let end = end + usize::from(self.byte(end) == b'.');
                let end = self.blank(end).unwrap_or(end);
                self.starts(end, "I hope").then_some((kind, end + "I hope".len()))
            }),
            50 => self.announced("final answer", &mut found, |at| {
                self.scan(at, FAR_REACH, |place| {
                    let word = self.blanks(place);
                    if word == place || !self.starts(word, "is") {
                        return None;
                    }
                    let start = word + 2;
                    self.anchored(if self.byte(start) == b':' { start + 1 } else { start })
                })
            }),
            100 => self.announced("answer:", &mut found, |at| self.within_reach(at)),
            200 => self.announced("answer", &mut found, |at| self.within_reach(at)),
            300 => {
                self.everywhere(&mut found, |place| self.calculation_at(place));
                self.everywhere(&mut found, |place| self.number_at(place));
            }
            _ => {}
        }
        found
    }

    fn announced(&self, words: &str, into: &mut Vec<Candidate<'a>>, read: impl Fn(usize) -> Read<'a>) {
        for start in occurrences(self.text, words) {
            if into.last().is_some_and(|last| last.end > start) {
                continue;
            }
            if let Some((kind, end)) = read(start + words.len()) {
                into.push(Candidate { start, end, kind });
            }
        }
    }

    fn everywhere(&self, into: &mut Vec<Candidate<'a>>, read: impl Fn(usize) -> Read<'a>) {
        let mut place = 0;
        while place <= self.text.len() {
            let may_start = place == 0 || self.byte(place) == b'=' || self.blank(place).is_some();
            match if may_start { read(place) } else { None } {
                Some((kind, end)) => {
                    into.push(Candidate { start: place, end, kind });
                    place = end.max(place + 1);
                }
                None => place += 1,
            }
        }
    }

    /// The first place on this line, at most so many characters on, at which something is read.
    fn scan(&self, start: usize, reach: usize, read: impl Fn(usize) -> Read<'a>) -> Read<'a> {
        let mut place = start;
        for _ in 0..=reach {
            if let Some(found) = read(place) {
                return Some(found);
            }
            let next = self.text.get(place..)?.chars().next().filter(|next| *next != '\n')?;
            place += next.len_utf8();
        }
        None
    }

    /// Behind the last "=" near, else the first one near; never what itself stands before "=".
    fn within_reach(&self, start: usize) -> Read<'a> {
        let not_before_equals = |found: (Kind<'a>, usize)| {
            let next = self.blanks(found.1);
            (self.byte(next) != b'=').then_some(found)
        };
        let mut signs = Vec::new();
        let mut place = start;
        for _ in 0..=FAR_REACH {
            match self.text.get(place..).and_then(|rest| rest.chars().next()) {
                None | Some('\n') => break,
                Some(next) => {
                    if next == '=' {
                        signs.push(place);
                    }
                    place += next.len_utf8();
                }
            }
        }
        for sign in signs.into_iter().rev() {
            if let Some(found) = self.behind_blanks(sign + 1).and_then(not_before_equals) {
                return Some(found);
            }
        }
        self.scan(start, REACH, |place| self.anchored(place).and_then(not_before_equals))
    }

    /// Something behind a blank, of which there may be more.
    fn behind_blanks(&self, start: usize) -> Read<'a> {
        let end = self.blanks(start);
        let last = self.text.get(start..end)?.char_indices().next_back()?;
        self.anchored(start + last.0)
    }

    fn anchored(&self, place: usize) -> Read<'a> {
        self.calculation_at(place).or_else(|| self.number_at(place))
    }

    /// The place behind the start of the text, a blank or `=`, and two stars if they are there. At the start of the text
    /// both nothing and a blank will do.
    fn anchor(&self, place: usize) -> Option<usize> {
        let behind = match (self.byte(place) == b'=', self.blank(place)) {
            (true, _) => place + 1,
            (_, Some(behind)) => behind,
            _ if place == 0 => 0,
            _ => return None,
        };
        Some(if self.starts(behind, "**") { behind + 2 } else { behind })
    }

    /// Digits and signs, with at least one sign, that end at a mark, a blank or the end of the text.
    fn calculation_at(&self, place: usize) -> Read<'a> {
        let start = self.anchor(place)?;
        let mut digit = start;
        digit += usize::from(self.byte(digit) == b'-');
        digit += usize::from(self.byte(digit) == b'(');
        digit += usize::from(self.byte(digit) == b'-');
        self.byte(digit).is_ascii_digit().then_some(())?;
        let run_end = *self.run_ends.get(digit)? as usize;
        let operator = *self.operators.get(digit)? as usize;
        let ends_at = |end: usize| {
            let end = if self.starts(end, "**") { end + 2 } else { end };
            end == self.text.len()
                || matches!(self.byte(end), b'.' | b',' | b':' | b')' | b'$')
                || self.blank(end).is_some()
        };
        let mut end = run_end;
        while end >= operator.saturating_add(2) {
            if self.text.is_char_boundary(end) && ends_at(end) {
                let suffix = if self.starts(end, "**") { end + 2 } else { end };
                let suffix = suffix + usize::from(suffix < self.text.len());
                return Some((Kind::Calculation(self.text.get(start..end)?), suffix));
            }
            end -= 1;
        }
        None
    }

    /// A number with groups, with decimals, or both.
    fn number_at(&self, place: usize) -> Read<'a> {
        let mut start = self.anchor(place)?;
        if let Some(money) = self.text.get(start..)?.chars().next().filter(|first| MONEY.contains(*first)) {
            start += money.len_utf8();
        }
        if start > 0 && self.byte(start - 1).is_ascii_digit() {
            return None;
        }
        let first = start + usize::from(self.byte(start) == b'-');
        let whole = self.digits(first);
        let text = |from: usize, to: usize| self.text.get(from..to).unwrap_or_default();
        let (digits, decimals, end) = if let Some(end) = self.grouped(first) {
            let digits: String = text(start, end).chars().filter(|c| !matches!(c, ',' | ' ')).collect();
            let decimals = self.decimals(end, b".");
            (digits, text(end, decimals).to_owned(), decimals)
        } else if whole > first {
            let decimals = self.decimals(whole, b".,");
            (text(start, whole).to_owned(), text(whole, decimals).replace(',', "."), decimals)
        } else {
            let decimals = self.decimals(start, b".");
            (decimals > start).then_some(())?;
            (String::new(), text(start, decimals).to_owned(), decimals)
        };
        let sign = self.blanks(end);
        let words = ["%", "Percent", "percent", "Pct", "pct"];
        let percent = words.iter().find(|word| self.starts(sign, word));
        let end = percent.map_or(end, |word| sign + word.len());
        Some((Kind::Number(digits, decimals, percent.is_some()), end))
    }

    fn digits(&self, mut place: usize) -> usize {
        while self.byte(place).is_ascii_digit() {
            place += 1;
        }
        place
    }

    /// Where a point and the digits behind it end; the same place where there are none.
    fn decimals(&self, place: usize, points: &[u8]) -> usize {
        let found = points.contains(&self.byte(place)) && self.byte(place + 1).is_ascii_digit();
        if found { self.digits(place + 1) } else { place }
    }

    /// Where one to three digits end that groups of three follow.
    fn grouped(&self, first: usize) -> Option<usize> {
        matches!(self.byte(first), b'1'..=b'9').then_some(())?;
        let mut place = self.digits(first);
        (place - first <= 3).then_some(())?;
        let mut groups = 0;
        while matches!(self.byte(place), b' ' | b',') && (1..=3).all(|at| self.byte(place + at).is_ascii_digit()) {
            place += 4;
            groups += 1;
        }
        (groups > 0).then_some(place)
    }
}

/// Digits and signs as a formula, where they need no guessing: no sign left out, none that a programming language would
/// not know. A number may end with its point.
pub(super) fn calculation(text: &str) -> Option<String> {
    let mut formula = String::new();
    let mut last = ' ';
    let mut blank = false;
    for character in text.chars() {
        if character.is_whitespace() {
            blank = true;
            continue;
        }
        let number = character.is_ascii_digit() || character == '.';
        let after_number = last.is_ascii_digit() || matches!(last, '.' | ')');
        let beside = number && after_number && (blank || last == ')') || character == '(' && after_number;
        if beside || matches!(character, '×' | '÷') {
            return None;
        }
        if last == '.' && !character.is_ascii_digit() {
            formula.push('0');
        }
        formula.push(character);
        (last, blank) = (character, false);
    }
    if last == '.' {
        formula.push('0');
    }
    Some(formula.replace("**", "^"))
}
