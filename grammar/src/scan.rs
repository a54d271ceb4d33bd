//! What is done to a text before it is parsed: comments out, items marked, nesting bounded.
//!
//! The parser sees a copy of the same length, so a place in the copy is a place in the text:
//! - comments are blanks (and are kept in a list);
//! - the line break before a top-level item is [`ITEM_MARK`], so that a bracket which was never closed ends there;
//! - what is nested deeper than [`MAX_DEPTH`] is blank, because both the parser and the phases behind it recur.
//!
//! Marks inside brackets are only set when the brackets of the text do not match: a well-formed text is read as it is,
//! however it is indented.

use crate::source::{FileId, Span, Spanned};

/// How many brackets may be open at a place, and how high the tree of one expression may be.
pub const MAX_DEPTH: usize = 200;

/// How many words, numbers, texts, signs and comments a recipe may have: the memory that a tree takes is bounded by it.
pub const MAX_TOKENS: usize = 500_000;

/// How many of them one top-level item may have: an item is held as the parser's pairs while its tree is made.
pub const MAX_ITEM_TOKENS: usize = 150_000;

/// Stands for the line break before a top-level item.
pub(crate) const ITEM_MARK: u8 = 0x1e;

/// The prepared copy and what was found on the way.
pub(crate) struct Scan {
    /// The copy that the parser reads.
    pub text: String,
    /// Comments that are not doc comments.
    pub comments: Vec<Spanned<String>>,
    /// Pieces that were blanked for their depth: the opening bracket and the end.
    pub too_deep: Vec<(usize, usize)>,
    /// How many tokens the text has, or where it has more than a recipe, or an item, may have, and how many that is.
    pub tokens: Result<usize, (usize, usize)>,
}

/// Prepares a text.
pub(crate) fn scan(text: &str, file: FileId) -> Scan {
    let bytes = text.as_bytes();
    let well_formed = brackets_match(bytes);
    let mut masked: Vec<u8> = bytes.iter().map(|byte| if *byte == ITEM_MARK { 0x1f } else { *byte }).collect();
    let mut comments = Vec::new();
    let mut too_deep = Vec::new();
    let mut open = OpenBrackets::default();
    // The bracket at the limit, and how many were open before it.
    let mut deep: Option<(usize, usize)> = None;
    // The line break before the doc comments that belong to the next item; none inside for the first line of the text.
    let mut docs_from: Option<Option<usize>> = None;
    walk(bytes, |event| match event {
        Event::Line { at, line_start } => {
            let break_before = line_start.checked_sub(1).filter(|at| bytes.get(*at) == Some(&b'\n'));
            if bytes[at..].starts_with(b"///") && !bytes[at..].starts_with(b"////") {
                docs_from.get_or_insert(break_before);
            } else if !bytes[at..].starts_with(b"//") {
                let inside = open.depth() > 0;
                let place = docs_from.take().unwrap_or(break_before);
                if let Some(place) = place
                    && !(inside && well_formed)
                    && begins_item(bytes, at, at == line_start, inside)
                {
                    masked[place] = ITEM_MARK;
                    open = OpenBrackets::default();
                    if let Some((from, _)) = deep.take() {
                        too_deep.push((from, place));
                    }
                }
            }
        }
        Event::Open { at, bracket } => {
            if open.depth() >= MAX_DEPTH && deep.is_none() {
                deep = Some((at, open.depth()));
            }
            open.push(bracket);
        }
        Event::Close { at, bracket } => {
            open.close(bracket);
            if let Some((from, level)) = deep
                && open.depth() <= level
            {
                too_deep.push((from, at));
                deep = None;
            }
        }
        Event::Comment { start, end } => {
            masked[start..end].fill(b' ');
            let written = text.get(start..end).unwrap_or_default().trim_end();
            let span = Span::new(file, start, start + written.len());
            comments.push(Spanned::new(written.trim_start_matches('/').trim_start().to_string(), span));
        }
    });
    if let Some((from, _)) = deep {
        too_deep.push((from, masked.len()));
    }
    for &(from, end) in &too_deep {
        for byte in &mut masked[from + 1..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        // Nothing behind it closes what is open, so it ends here, and the blanks are not passed once for every bracket.
        let closed = bytes.get(end).is_some_and(|byte| matches!(byte, b')' | b']' | b'}'));
        if !closed && from + 1 < end {
            masked[from + 1] = ITEM_MARK;
        }
    }
    let tokens = count_tokens(&masked, &comments);
    // What was written over is ASCII, so this is the same memory in all but impossible cases.
    let text = String::from_utf8(masked).unwrap_or_else(|why| String::from_utf8_lossy(why.as_bytes()).into_owned());
    Scan { text, comments, too_deep, tokens }
}

/// How many tokens a prepared text has, or the place where it passes a limit, and the limit.
fn count_tokens(bytes: &[u8], comments: &[Spanned<String>]) -> Result<usize, (usize, usize)> {
    if let Some(comment) = comments.get(MAX_TOKENS) {
        return Err((comment.span.start, MAX_TOKENS));
    }
    let (mut all, mut of_item, mut at) = (comments.len(), 0, 0);
    while let Some(&byte) = bytes.get(at) {
        let word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
        let end = match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {
                at += 1;
                continue;
            }
            ITEM_MARK => {
                of_item = 0;
                at += 1;
                continue;
            }
            b'"' => end_of_string(bytes, at).max(at + 1),
            b'/' if bytes[at..].starts_with(b"///") => end_of_line(bytes, at),
            _ if word(&byte) => at + bytes[at..].iter().take_while(|byte| word(byte)).count(),
            // Only the first byte of a character counts.
            _ => at + 1 + bytes[at + 1..].iter().take_while(|byte| **byte & 0xc0 == 0x80).count(),
        };
        all += 1;
        of_item += 1;
        if all > MAX_TOKENS {
            return Err((at, MAX_TOKENS));
        }
        if of_item > MAX_ITEM_TOKENS {
            return Err((at, MAX_ITEM_TOKENS));
        }
        at = end;
    }
    Ok(all)
}

/// What the walk reports.
enum Event {
    /// The first character of a line that is not a blank.
    Line { at: usize, line_start: usize },
    /// An opening bracket.
    Open { at: usize, bracket: u8 },
    /// A closing bracket; `bracket` is its opening partner.
    Close { at: usize, bracket: u8 },
    /// A comment that is not a doc comment, without its line break.
    Comment { start: usize, end: usize },
}

/// Walks over a text once. Strings, doc comments and `#` lines are passed over as the grammar does.
fn walk(bytes: &[u8], mut report: impl FnMut(Event)) {
    let mut at = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let mut line_start = at;
    let mut line_begins = true;
    while let Some(&byte) = bytes.get(at) {
        if byte == b'\n' {
            at += 1;
            line_start = at;
            line_begins = true;
            continue;
        }
        if matches!(byte, b' ' | b'\t' | b'\r') {
            at += 1;
            continue;
        }
        if line_begins {
            line_begins = false;
            report(Event::Line { at, line_start });
        }
        match byte {
            b'{' | b'(' | b'[' => report(Event::Open { at, bracket: byte }),
            b'}' => report(Event::Close { at, bracket: b'{' }),
            b')' => report(Event::Close { at, bracket: b'(' }),
            b']' => report(Event::Close { at, bracket: b'[' }),
            b'"' => {
                at = end_of_string(bytes, at);
                continue;
            }
            b'\'' => {
                let end = bytes[at + 1..].iter().position(|b| matches!(b, b'\'' | b'\n'));
                if let Some(length) = end
                    && bytes.get(at + 1 + length) == Some(&b'\'')
                {
                    at += length + 2;
                    continue;
                }
            }
            b'#' => {
                at = end_of_line(bytes, at);
                continue;
            }
            b'/' if bytes[at..].starts_with(b"//") => {
                let end = end_of_line(bytes, at);
                if !bytes[at..].starts_with(b"///") || bytes[at..].starts_with(b"////") {
                    report(Event::Comment { start: at, end });
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
}

/// Where the line of `at` ends.
fn end_of_line(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |length| at + length)
}

/// Behind the string that begins at `at`; an unterminated one ends with its line.
fn end_of_string(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\n' => return at,
            b'\\' if bytes.get(at + 1).is_some_and(|next| *next != b'\n') => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The brackets that are open at a place.
#[derive(Default)]
struct OpenBrackets {
    row: Vec<u8>,
    /// Where the braces stand in `row`.
    braces: Vec<usize>,
}

impl OpenBrackets {
    fn depth(&self) -> usize {
        self.row.len()
    }

    fn push(&mut self, bracket: u8) {
        if bracket == b'{' {
            self.braces.push(self.row.len());
        }
        self.row.push(bracket);
    }

    /// Closes the nearest partner and what is open inside it. Only `}` leaves a brace. A partner that is further away
    /// than the parser can nest is not looked for, so that the time stays linear.
    fn close(&mut self, bracket: u8) {
        let partner = if bracket == b'{' {
            self.braces.pop()
        } else {
            let near = self.row.iter().enumerate().rev().take(MAX_DEPTH);
            near.take_while(|(_, open)| **open != b'{').find(|(_, open)| **open == bracket).map(|(idx, _)| idx)
        };
        if let Some(partner) = partner {
            self.row.truncate(partner);
        }
    }
}

/// Whether every bracket has its partner.
fn brackets_match(bytes: &[u8]) -> bool {
    let mut open: Vec<u8> = Vec::new();
    let mut good = true;
    walk(bytes, |event| match event {
        Event::Open { bracket, .. } if good => open.push(bracket),
        Event::Close { bracket, .. } if good => good = open.pop() == Some(bracket),
        _ => {}
    });
    good && open.is_empty()
}

/// Blocks whose keyword is always followed by a name.
const NAMED: [&[u8]; 5] = [b"recipe", b"model", b"domain", b"variant", b"stage"];
/// Blocks without a name.
const NAMELESS: [&[u8]; 9] =
    [b"budget", b"mix", b"reward", b"train", b"rollout", b"evaluate", b"checkpoint", b"data", b"recipe"];

/// Whether a top-level item begins at `at`: a keyword with what must follow it. Inside brackets, forms that an inner
/// block could have as well count only at the left margin.
fn begins_item(bytes: &[u8], at: usize, at_margin: bool, inside: bool) -> bool {
    let (keyword, rest) = word_and_rest(&bytes[at..]);
    if keyword.is_empty() {
        return false;
    }
    match rest.first() {
        Some(b'"') => return matches!(keyword, b"test" | b"import" | b"extends"),
        Some(b'{') => return NAMELESS.contains(&keyword) && (at_margin || !inside),
        _ => {}
    }
    let (name, rest) = word_and_rest(rest);
    if name.is_empty() {
        return false;
    }
    let next_word = word_and_rest(rest).0;
    let next = rest.first().copied();
    match keyword {
        b"param" => matches!(next, Some(b':' | b'=')),
        b"formula" => next == Some(b'('),
        b"penalty" | b"term" => next == Some(b'=') && !rest.starts_with(b"=="),
        b"guarantee" => next == Some(b':') || next_word == b"for",
        b"sweep" => next_word == b"in",
        b"allow" => rest.starts_with(b"::"),
        _ if next == Some(b'{') => at_margin || NAMED.contains(&keyword),
        b"stage" => next_word == b"after",
        _ => false,
    }
}

/// The word at the start, and what follows it and its blanks.
fn word_and_rest(bytes: &[u8]) -> (&[u8], &[u8]) {
    // No keyword is longer; a longer word is not worth its whole length at every line.
    let word_length =
        bytes.iter().take(256).position(|b| !(b.is_ascii_alphanumeric() || *b == b'_')).unwrap_or(bytes.len().min(256));
    if bytes.first().is_some_and(u8::is_ascii_digit) {
        return (&[], bytes);
    }
    let (word, rest) = bytes.split_at(word_length);
    let blanks = rest.iter().position(|b| !matches!(b, b' ' | b'\t')).unwrap_or(rest.len());
    (word, &rest[blanks..])
}
