//! LaTeX between its marks, and boxes.

use super::{BOX, Candidate, Kind};

/// Characters between "answer" and what it announces.
const REACH: usize = 50;

/// Characters between "final answer" and "is".
const FAR_REACH: usize = 100;

/// Environments that make up one candidate.
const MOST_JOINED: usize = 6;

/// A text with the places at which environments may end.
pub(super) struct Latex<'a> {
    text: &'a str,
    /// For every byte the next `$$`, `\]`, `$`, `\)` and line end at or behind it.
    ends: [Vec<u32>; 5],
}

const NEVER: u32 = u32::MAX;

/// An environment: what stands in it, where it ends, and whether a percent sign follows.
struct Environment<'a> {
    inside: &'a str,
    end: usize,
    percent: bool,
}

impl<'a> Latex<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let at = |place: usize| bytes.get(place).copied().unwrap_or(0);
        let mut ends: [Vec<u32>; 5] = std::array::from_fn(|_| vec![NEVER; bytes.len() + 1]);
        for place in (0..bytes.len()).rev() {
            let escaped = place > 0 && at(place - 1) == b'\\';
            let here = [
                at(place) == b'$' && at(place + 1) == b'$' && !escaped,
                at(place) == b'\\' && at(place + 1) == b']' && !escaped,
                at(place) == b'$' && !escaped,
                at(place) == b'\\' && at(place + 1) == b')',
                at(place) == b'\n',
            ];
            for (ends, here) in ends.iter_mut().zip(here) {
                let next = ends.get(place + 1).copied().unwrap_or(NEVER);
                if let Some(slot) = ends.get_mut(place) {
                    *slot = if here { place as u32 } else { next };
                }
            }
        }
        Self { text, ends }
    }

    fn byte(&self, place: usize) -> u8 {
        self.text.as_bytes().get(place).copied().unwrap_or(0)
    }

    fn next(&self, kind: usize, place: usize) -> Option<usize> {
        let found = self.ends.get(kind)?.get(place).copied().filter(|found| *found != NEVER)?;
        Some(found as usize)
    }

    fn spaces(&self, place: usize) -> usize {
        let rest = self.text.get(place..).unwrap_or_default();
        place + rest.len() - rest.trim_start().len()
    }

    fn starts(&self, place: usize, text: &str) -> bool {
        self.text.get(place..).is_some_and(|rest| rest.starts_with(text))
    }

    pub(super) fn candidates(&self, rank: u32, box_rank: u32) -> Vec<Candidate<'a>> {
        let mut found = Vec::new();
        match rank {
            0 => self.announced("final answer is", &mut found, |at| {
                let at = self.spaces(if self.byte(at) == b':' { at + 1 } else { at });
                let joined = self.joined(at, false)?;
                let end = joined.1 + usize::from(self.byte(joined.1) == b'.');
                let end = end + usize::from(self.byte(end).is_ascii_whitespace());
                self.starts(end, "I hope").then_some((joined.0, end + "I hope".len()))
            }),
            50 => self.announced("final answer", &mut found, |at| {
                let mut place = at;
                for _ in 0..=FAR_REACH {
                    let word = self.spaces(place);
                    if word > place && self.starts(word, "is") {
                        let start = word + 2;
                        let start = self.spaces(if self.byte(start) == b':' { start + 1 } else { start });
                        if let Some(joined) = self.joined(start, false) {
                            return Some(joined);
                        }
                    }
                    place = self.after(place)?;
                }
                None
            }),
            100 => self.announced("answer:", &mut found, |at| self.within_reach(at)),
            200 => self.announced("answer", &mut found, |at| self.within_reach(at)),
            300 => self.everywhere(false, &mut found),
            _ => {}
        }
        if rank == box_rank {
            self.everywhere(true, &mut found);
            self.bare_box(&mut found);
        }
        found
    }

    /// The place behind the character at a place.
    fn after(&self, place: usize) -> Option<usize> {
        Some(place + self.text.get(place..)?.chars().next()?.len_utf8())
    }

    fn within_reach(&self, start: usize) -> Option<(Kind<'a>, usize)> {
        let mut place = start;
        for _ in 0..=REACH {
            if let Some(joined) = self.joined(place, false) {
                return Some(joined);
            }
            place = self.after(place)?;
        }
        None
    }

    /// Every place behind some words, in any case, at which `read` finds something.
    fn announced(&self, words: &str, into: &mut Vec<Candidate<'a>>, read: impl Fn(usize) -> Option<(Kind<'a>, usize)>) {
        for start in occurrences(self.text, words) {
            if into.last().is_some_and(|last| last.end > start) {
                continue;
            }
            if let Some((kind, end)) = read(start + words.len()) {
                into.push(Candidate { start, end, kind });
            }
        }
    }

    fn everywhere(&self, boxed: bool, into: &mut Vec<Candidate<'a>>) {
        let mut place = 0;
        while place < self.text.len() {
            let may_start = matches!(self.byte(place), b'$' | b'\\' | b'-') || self.byte(place).is_ascii_whitespace();
            match if may_start { self.joined(place, boxed) } else { None } {
                Some((kind, end)) => {
                    into.push(Candidate { start: place, end, kind });
                    place = end;
                }
                None => place += 1,
            }
        }
    }

    /// From the first box to the last closing brace.
    fn bare_box(&self, into: &mut Vec<Candidate<'a>>) {
        let (Some(start), Some(last)) = (self.text.find(BOX), self.text.rfind('}')) else { return };
        if last > start + BOX.len()
            && let Some(text) = self.text.get(start..=last)
        {
            into.push(Candidate { start, end: last + 1, kind: Kind::Boxed(text) });
        }
    }

    /// An environment with those that follow it between commas and words.
    fn joined(&self, start: usize, boxed: bool) -> Option<(Kind<'a>, usize)> {
        let first = self.environment(start, boxed)?;
        let mut end = first.end;
        let mut parts = vec![(first.inside, first.percent)];
        while parts.len() < MOST_JOINED {
            let mut place = self.spaces(end);
            let comma = self.byte(place) == b',';
            place += usize::from(comma);
            place += ["and", "or"].iter().find(|word| self.starts(place, word)).map_or(0, |word| word.len());
            if place == self.spaces(end) {
                break;
            }
            let Some(next) = self.environment(self.spaces(place), boxed) else { break };
            end = next.end;
            parts.push((next.inside, next.percent));
        }
        Some((Kind::Latex(parts), end))
    }

    fn environment(&self, start: usize, boxed: bool) -> Option<Environment<'a>> {
        let (inside, end) = self.marked(start, boxed)?;
        let place = self.spaces(end);
        let percent = ["\\%", "%", "Percentage", "percentage", "Percent", "percent", "Pct", "pct"]
            .iter()
            .find(|word| self.starts(place, word));
        Some(Environment { inside, end: place + percent.map_or(0, |word| word.len()), percent: percent.is_some() })
    }

    /// What stands between two marks, and the place behind the second.
    fn marked(&self, start: usize, boxed: bool) -> Option<(&'a str, usize)> {
        let escaped = start > 0 && self.byte(start - 1) == b'\\';
        let fits = |inside: &str| {
            !inside.is_empty()
                && (!boxed
                    || inside
                        .find(BOX)
                        .and_then(|at| inside.get(at + BOX.len() + 1..))
                        .is_some_and(|rest| rest.contains('}')))
        };
        let between = |from: usize, to: usize, width: usize| {
            let inside = self.text.get(from..to).filter(|inside| fits(inside))?;
            Some((inside, to + width))
        };
        let one_line = |from: usize, to: usize| self.next(4, from).is_none_or(|line| line > to);
        match self.byte(start) {
            b'$' if !escaped => {
                if self.byte(start + 1) == b'$'
                    && let Some(end) = self.next(0, start + 3)
                    && let Some(found) = between(start + 2, end, 2)
                {
                    return Some(found);
                }
                if start > 0 && self.byte(start - 1).is_ascii_digit() {
                    return None;
                }
                let end = self.next(2, start + 2).filter(|end| one_line(start + 1, *end))?;
                if self.byte(start + 1) == b'$' {
                    return None;
                }
                between(start + 1, end, 1)
            }
            b'\\' if !escaped && self.byte(start + 1) == b'[' => between(start + 2, self.next(1, start + 3)?, 2),
            b'\\' if !escaped && self.byte(start + 1) == b'(' => {
                let end = self.next(3, start + 2).filter(|end| one_line(start + 2, *end))?;
                // A backslash before the mark makes it a line break and a bracket.
                (self.byte(end - 1) != b'\\').then(|| between(start + 2, end, 2))?
            }
            b'\\' | b'-' if !boxed => self.fraction(start),
            blank if blank.is_ascii_whitespace() && self.byte(start + 1) == b'[' => {
                let rest = self.text.get(start + 2..)?;
                let length = rest.find(['[', ']', '\n'])?;
                let end = start + 2 + length;
                let closed = self.byte(end) == b']' && self.byte(end + 1).is_ascii_whitespace();
                if closed { between(start + 2, end, 2) } else { None }
            }
            _ => None,
        }
    }

    /// `\frac{1}{2}` with plain numbers, maybe with a minus before it.
    fn fraction(&self, start: usize) -> Option<(&'a str, usize)> {
        let mut place = start + usize::from(self.byte(start) == b'-');
        if !self.starts(place, r"\frac{") {
            return None;
        }
        place += r"\frac".len();
        for _ in 0..2 {
            (self.byte(place) == b'{').then_some(())?;
            place += 1 + usize::from(self.byte(place + 1) == b'-');
            let digits = self.digits(place);
            (digits > place).then_some(())?;
            place = digits;
            if matches!(self.byte(place), b'.' | b',') && self.byte(place + 1).is_ascii_digit() {
                place = self.digits(place + 1);
            }
            (self.byte(place) == b'}').then_some(())?;
            place += 1;
        }
        Some((self.text.get(start..place)?, place))
    }

    fn digits(&self, mut place: usize) -> usize {
        while self.byte(place).is_ascii_digit() {
            place += 1;
        }
        place
    }
}

/// Where some words begin, in any case.
pub(super) fn occurrences(text: &str, words: &str) -> Vec<usize> {
    let Some(first) = words.bytes().next() else { return Vec::new() };
    let upper = first.to_ascii_uppercase();
    let bytes = text.as_bytes();
    let candidates = bytes.iter().enumerate().filter(|(_, byte)| **byte == first || **byte == upper);
    candidates
        .filter(|(at, _)| {
            bytes.get(*at..at + words.len()).is_some_and(|found| found.eq_ignore_ascii_case(words.as_bytes()))
        })
        .map(|(at, _)| at)
        .collect()
}
