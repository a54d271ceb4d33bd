//! The tokens of a text that has no syntax errors, each with what stands before it.

use std::ops::Range;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word, a dotted path, the code of a diagnostic.
    Word,
    /// A number with its prefix or `%`; its unit is a word of its own.
    Number,
    /// A text in quotes.
    Text,
    /// A doc comment.
    Doc,
    /// Anything else.
    Symbol,
}

/// One token. Places are bytes.
#[derive(Debug, Clone, Copy)]
struct Token {
    start: u32,
    end: u32,
    kind: Kind,
    /// Line breaks between the last comment before it, or the token before it, and the token; 2 stands for more.
    newlines: u8,
    /// The first comment before it.
    comments: u32,
}

/// A comment that is not a doc comment.
#[derive(Debug, Clone, Copy)]
struct Comment {
    start: u32,
    end: u32,
    /// Line breaks before it; 2 stands for more.
    newlines: u8,
}

/// All tokens of a text.
pub(super) struct Stream<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    comments: Vec<Comment>,
    /// The partner of each bracket.
    partners: Vec<u32>,
}

impl<'t> Stream<'t> {
    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// The characters of a token; nothing beyond the last.
    pub fn text(&self, at: usize) -> &'t str {
        let Some(token) = self.tokens.get(at) else { return "" };
        self.text.get(token.start as usize..token.end as usize).unwrap_or_default()
    }

    /// What a token is.
    pub fn kind(&self, at: usize) -> Option<Kind> {
        self.tokens.get(at).map(|token| token.kind)
    }

    /// The token that begins at a byte, or the first one behind it.
    pub fn at(&self, byte: usize) -> usize {
        self.tokens.partition_point(|token| (token.start as usize) < byte)
    }

    /// The last token that begins before a byte.
    pub fn before(&self, byte: usize) -> usize {
        self.at(byte).saturating_sub(1)
    }

    /// The other bracket of a pair, if the token is a bracket.
    pub fn partner(&self, at: usize) -> Option<usize> {
        self.partners.get(at).map(|partner| *partner as usize).filter(|partner| *partner != at)
    }

    /// Line breaks directly before a token: 0, 1, or 2 for more. Those before a comment count there.
    pub fn newlines(&self, at: usize) -> u8 {
        self.tokens.get(at).map_or(1, |token| token.newlines)
    }

    /// Comments before a token, or before the end of the text, each with the line breaks before it.
    pub fn comments(&self, at: usize) -> impl Iterator<Item = (&'t str, u8)> + '_ {
        self.gap(at).filter_map(|idx| self.comments.get(idx)).map(|comment| {
            (self.text.get(comment.start as usize..comment.end as usize).unwrap_or_default(), comment.newlines)
        })
    }

    /// Whether comments stand before a token.
    pub fn has_comments(&self, at: usize) -> bool {
        !self.gap(at).is_empty()
    }

    fn gap(&self, at: usize) -> Range<usize> {
        let all = self.comments.len();
        let from = self.tokens.get(at).map_or(all, |token| token.comments as usize);
        // Behind the last token stand the comments that belong to none.
        let first_behind = |at: usize| self.tokens.get(at).map(|token| token.comments as usize);
        if at >= self.tokens.len() {
            return self.behind()..all;
        }
        from..first_behind(at + 1).unwrap_or_else(|| self.behind())
    }

    /// The first comment behind the last token.
    fn behind(&self) -> usize {
        let end = self.tokens.last().map_or(0, |token| token.end);
        self.comments.partition_point(|comment| comment.start < end)
    }
}

/// Reads the tokens. The text is at most 4 GiB, which the caller's limit on a recipe keeps.
pub(super) fn read(text: &str) -> Stream<'_> {
    let mut stream = scan(text);
    // A comment before a comma or before the brace of a block stands behind it in the new text.
    for at in (0..stream.tokens.len()).rev() {
        let joins = match stream.text(at) {
            "," => true,
            "{" => at > 0 && (stream.kind(at - 1) != Some(Kind::Symbol) || stream.text(at - 1) == "="),
            _ => false,
        };
        let Some(from) = stream.tokens.get(at).map(|token| token.comments) else { continue };
        if joins
            && at > 0
            && let Some(next) = stream.tokens.get_mut(at + 1)
        {
            next.comments = from;
        }
    }
    stream
}

/// Whether two texts have the same tokens and the same comments. A comment may have passed a comma or a brace.
pub(super) fn same(one: &str, other: &str) -> bool {
    let (one, other) = (scan(one), scan(other));
    let comments = |stream: &Stream<'_>| stream.comments.len();
    one.len() == other.len()
        && comments(&one) == comments(&other)
        && (0..one.len()).all(|at| one.text(at) == other.text(at))
        && one.comments.iter().zip(&other.comments).all(|(a, b)| {
            one.text.get(a.start as usize..a.end as usize) == other.text.get(b.start as usize..b.end as usize)
        })
}

fn scan(text: &str) -> Stream<'_> {
    let bytes = text.as_bytes();
    let mut stream = Stream { text, tokens: Vec::new(), comments: Vec::new(), partners: Vec::new() };
    let mut open: Vec<u32> = Vec::new();
    let mut at = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut newlines = 0u8;
    let mut first_comment = 0u32;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\n' => newlines = (newlines + 1).min(2),
            // A carriage return is white space; alone it ends a line for editors.
            b'\r' if bytes.get(at + 1) != Some(&b'\n') => newlines = (newlines + 1).min(2),
            b' ' | b'\t' | b'\r' => {}
            b'/' if bytes[at..].starts_with(b"//")
                && (!bytes[at..].starts_with(b"///") || bytes[at..].starts_with(b"////")) =>
            {
                let end = line_end(bytes, at);
                let written = text.get(at..end).unwrap_or_default().trim_end();
                stream.comments.push(Comment { start: at as u32, end: (at + written.len()) as u32, newlines });
                newlines = 0;
                at = end;
                continue;
            }
            _ => {
                let idx = stream.tokens.len() as u32;
                for (kind, start, end) in token(text, at).into_iter().flatten() {
                    let token = Token { start: start as u32, end: end as u32, kind, newlines, comments: first_comment };
                    stream.tokens.push(token);
                    stream.partners.push(stream.partners.len() as u32);
                    newlines = 0;
                    first_comment = stream.comments.len() as u32;
                    at = end;
                }
                // Trailing blanks of a doc comment are passed over like any others.
                match byte {
                    b'(' | b'[' | b'{' => open.push(idx),
                    b')' | b']' | b'}' => {
                        if let Some(partner) = open.pop()
                            && let (Some(a), Some(b)) = (usize::try_from(partner).ok(), usize::try_from(idx).ok())
                        {
                            stream.partners[a] = idx;
                            stream.partners[b] = partner;
                        }
                    }
                    _ => {}
                }
                continue;
            }
        }
        at += 1;
    }
    stream
}

/// The token at a place, and its unit when the unit is written right behind its number.
fn token(text: &str, at: usize) -> [Option<(Kind, usize, usize)>; 2] {
    let bytes = text.as_bytes();
    let one = |kind, end| [Some((kind, at, end)), None];
    let behind = |from: usize, test: fn(&u8) -> bool| {
        from + bytes[from.min(bytes.len())..].iter().take_while(|byte| test(byte)).count()
    };
    let rest = &bytes[at..];
    match bytes[at] {
        b'"' => one(Kind::Text, string_end(bytes, at)),
        b'/' if rest.starts_with(b"///") => {
            let end = line_end(bytes, at);
            one(Kind::Doc, at + text.get(at..end).unwrap_or_default().trim_end().len())
        }
        b'0'..=b'9' => number(text, at),
        byte if word_char(&byte) => one(Kind::Word, path_end(bytes, behind(at, word_char))),
        // `*` as the first part of a key
        b'*' if rest.get(1) == Some(&b'.') && rest.get(2).is_some_and(word_char) => {
            one(Kind::Word, path_end(bytes, at + 1))
        }
        _ => {
            let two = ["==", "!=", "<=", ">=", "->", ".."].iter().any(|symbol| rest.starts_with(symbol.as_bytes()));
            let length = text.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
            one(Kind::Symbol, at + if two { 2 } else { length })
        }
    }
}

fn word_char(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'_'
}

/// Behind a path or a code whose first word ends at `at`: `budget.output`, `domain.*.ratio`, `recipe::names::unused`.
fn path_end(bytes: &[u8], at: usize) -> usize {
    let mut at = at;
    loop {
        let rest = &bytes[at.min(bytes.len())..];
        let joint = match rest {
            [b'.', b'*', ..] => 2,
            [b'.', next, ..] if word_char(next) => 1,
            [b':', b':', next, ..] if word_char(next) => 2,
            _ => return at,
        };
        let word = rest[joint..].iter().take_while(|byte| word_char(byte)).count();
        at += joint + if rest.get(1) == Some(&b'*') { 0 } else { word };
    }
}

/// A number, and its unit when nothing stands between them: `10s`, `16Kitokens`.
fn number(text: &str, at: usize) -> [Option<(Kind, usize, usize)>; 2] {
    let bytes = text.as_bytes();
    let digits =
        |from: usize| from + bytes[from.min(bytes.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut end = digits(at);
    if bytes.get(end) == Some(&b'.') && digits(end + 1) > end + 1 {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if digits(end + 1 + sign) > end + 1 + sign {
            end = digits(end + 1 + sign);
        }
    }
    if bytes.get(end) == Some(&b'%') {
        return [Some((Kind::Number, at, end + 1)), None];
    }
    let suffix_end = end + bytes[end..].iter().take_while(|byte| word_char(byte)).count();
    let suffix = &bytes[end..suffix_end];
    let prefix = ["Ki", "Mi", "Gi", "K", "M", "G"].into_iter().find(|prefix| suffix.starts_with(prefix.as_bytes()));
    // `5MiB` is a unit and no prefix.
    let length = prefix.map_or(0, str::len);
    if suffix.get(length..) != Some(b"B") {
        end += length;
    }
    [Some((Kind::Number, at, end)), (end < suffix_end).then_some((Kind::Word, end, suffix_end))]
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| at + length)
}

fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\n' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}
