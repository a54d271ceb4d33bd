//! What pest found becomes the syntax tree. This file and its folder are the only ones that name grammar rules.

mod blocks;
mod claims;
mod expressions;
mod items;
mod literals;
mod tests_of_recipe;

use crate::scan::{self, MAX_DEPTH, Scan};
use crate::source::{FileId, Source, Span, Spanned};
use crate::syntax_error::{Place, bracket_name, closing, hint, quoted};
use crate::tree::{File, Item, Name, Parsed, Path, SyntaxError, SyntaxErrorKind};
use pest::Parser as _;
use pest::iterators::Pair;

/// The parser that pest makes of the grammar.
#[derive(pest_derive::Parser)]
#[grammar = "recipe.pest"]
struct Grammar;

/// More errors than this help nobody; what is wrong beyond them only counts as lost text.
const MAX_ERRORS: usize = 20_000;

/// A text of this many bytes is read by several threads.
const LONG: usize = 64 << 10;
/// So many, whatever the machine.
const THREADS: usize = 4;

/// Reads a source.
pub(crate) fn read(source: &Source) -> Parsed {
    let scan = scan::scan(&source.text, source.id);
    let mut reader = Reader::new(source, &scan);
    let mut items = Vec::new();
    if let Err((at, most)) = scan.tokens {
        reader.too_long(at, most);
    } else if let Some(sound) = read_sound(source, &scan) {
        items = sound;
    } else {
        // Everything that is open ends at a mark, so the pieces between marks are read one after the other, and the pairs of one
        // are gone before the next is read.
        for (offset, piece) in pieces(&scan) {
            reader.offset = offset;
            reader.piece(piece, &mut items);
        }
    }
    reader.report_depth();
    let Reader { mut errors, lost, .. } = reader;
    errors.sort_by(|a, b| (a.span, a.kind, &a.message).cmp(&(b.span, b.kind, &b.message)));
    errors.dedup();
    let file = File { id: source.id, items, comments: scan.comments };
    Parsed { file, errors, lost_text: lost, tokens: scan.tokens.unwrap_or(scan::MAX_TOKENS) }
}

/// The text between marks, with the place where it begins.
fn pieces(scan: &Scan) -> impl Iterator<Item = (usize, &str)> {
    let mut next = 0;
    scan.text.split(char::from(scan::ITEM_MARK)).map(move |piece| {
        let offset = next;
        next += piece.len() + 1;
        (offset, piece)
    })
}

/// The items of a long text without a fault, read by several threads. None when there is a fault: what is said about one may depend
/// on the faults before it, so such a text is read from the beginning.
fn read_sound(source: &Source, scan: &Scan) -> Option<Vec<Item>> {
    if scan.text.len() < LONG || !scan.too_deep.is_empty() {
        return None;
    }
    let mut shares: Vec<Vec<(usize, &str)>> = vec![Vec::new(); THREADS];
    for (offset, piece) in pieces(scan) {
        shares.get_mut(offset * THREADS / (scan.text.len() + 1))?.push((offset, piece));
    }
    let part = |share: &[(usize, &str)]| {
        let (mut reader, mut items) = (Reader::new(source, scan), Vec::new());
        for (offset, piece) in share {
            reader.offset = *offset;
            reader.piece(piece, &mut items);
        }
        (reader.errors.is_empty() && !reader.lost).then_some(items)
    };
    let (first, others) = shares.split_first()?;
    std::thread::scope(|scope| {
        // A machine that gives no thread has the text read here.
        let others: Vec<_> = others
            .iter()
            .map(|share| std::thread::Builder::new().spawn_scoped(scope, || part(share)).map_err(|_| share))
            .collect();
        let mut items = part(first);
        for other in others {
            let more = match other {
                Ok(running) => running.join().ok().flatten(),
                Err(share) => part(share),
            };
            items = items.zip(more).map(|(mut items, more)| {
                items.extend(more);
                items
            });
        }
        items
    })
}

/// Carries the text and collects errors while the pairs are read from left to right.
struct Reader<'s> {
    /// The text as it was written (pest saw the copy in `scan`).
    text: &'s str,
    file: FileId,
    scan: &'s Scan,
    /// Where the piece begins that is being read.
    offset: usize,
    errors: Vec<SyntaxError>,
    lost: bool,
    /// Where something was missing last: junk directly behind it is the same fault.
    missing_at: Option<usize>,
    /// Where a bracket was found to be unclosed last, and its error.
    unclosed: Option<(usize, usize)>,
    /// Closing brackets whose absence was reported in this item: when one turns up later, it is the same fault.
    absent_closers: Vec<&'static str>,
    /// The last unterminated string: brackets in it were probably meant to close something.
    swallowed: Option<Span>,
    /// Height of the highest value of the record that is being read.
    tallest: usize,
}

impl<'s> Reader<'s> {
    fn new(source: &'s Source, scan: &'s Scan) -> Self {
        Self {
            text: &source.text,
            file: source.id,
            scan,
            offset: 0,
            errors: Vec::new(),
            lost: !scan.too_deep.is_empty(),
            missing_at: None,
            unclosed: None,
            absent_closers: Vec::new(),
            swallowed: None,
            tallest: 0,
        }
    }

    fn span_of(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start, end)
    }

    fn span(&self, pair: &Pair<'_, Rule>) -> Span {
        let span = pair.as_span();
        self.span_of(self.offset + span.start(), self.offset + span.end())
    }

    /// Reads the text between two marks.
    fn piece(&mut self, piece: &str, items: &mut Vec<Item>) {
        match Grammar::parse(Rule::file, piece) {
            Ok(pairs) => {
                for pair in pairs.flat_map(Pair::into_inner) {
                    items.extend(self.item(pair));
                }
            }
            Err(_) => {
                // The grammar matches any text, so this is pest's own guard against a full stack.
                self.lost = true;
                let span = self.span_of(self.offset, self.offset + piece.len());
                let message = "the text is nested too deeply for the stack of this thread";
                self.errors.push(SyntaxError::new(SyntaxErrorKind::TooDeep, span, message, "somewhere in here"));
            }
        }
    }

    /// Says that the text has more tokens than it may have; nothing of it is read.
    fn too_long(&mut self, at: usize, most: usize) {
        self.lost = true;
        let whole = most == scan::MAX_TOKENS;
        let what = if whole { "a recipe" } else { "an item" };
        let message = format!("{what} has more than {most} words, numbers, signs and comments");
        let length = self.text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        let error = SyntaxError::new(SyntaxErrorKind::TooDeep, self.span_of(at, at + length), message, "one too many");
        let help = if whole {
            "what a recipe trains on stands in files of its own"
        } else {
            "an item is one block or one formula"
        };
        self.errors.push(error.help(help));
    }

    /// The text at a place, as it was written.
    fn slice(&self, span: Span) -> &'s str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    fn name(&self, pair: &Pair<'_, Rule>) -> Name {
        let span = self.span(pair);
        Spanned::new(self.slice(span).to_string(), span)
    }

    fn path(&self, pair: Pair<'_, Rule>) -> Path {
        let span = self.span(&pair);
        Path { segments: pair.into_inner().map(|segment| self.name(&segment)).collect(), span }
    }

    fn names(&self, pair: Pair<'_, Rule>) -> Vec<Name> {
        pair.into_inner().map(|name| self.name(&name)).collect()
    }

    /// A name that was required and is not there: empty, where it should stand.
    fn no_name(&self, at: Span) -> Name {
        Spanned::new(String::new(), self.span_of(at.end, at.end))
    }

    /// The doc comment of a `docs` pair: lines without their marks.
    fn docs(&self, pair: Pair<'_, Rule>) -> Spanned<String> {
        let mut lines = Vec::new();
        let mut place: Option<Span> = None;
        for doc in pair.into_inner() {
            let span = self.span(&doc);
            let line = self.slice(span).trim_start_matches('/').trim_end();
            lines.push(line.strip_prefix(' ').unwrap_or(line));
            place = Some(place.map_or(span, |before| before.to(span)));
        }
        Spanned::new(lines.join("\n"), place.unwrap_or_default())
    }

    fn error(&mut self, error: SyntaxError) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(error);
        } else {
            self.lost = true;
        }
    }

    /// Something required is absent at the end of `after`.
    fn missing(&mut self, after: Span, message: impl Into<String>, label: impl Into<String>, help: impl Into<String>) {
        self.missing_at = Some(after.end);
        self.error(SyntaxError::new(SyntaxErrorKind::Missing, after, message, label).help(help));
    }

    /// Something else stands for `=`.
    fn wrong_eq(&mut self, pair: &Pair<'_, Rule>) {
        let span = self.span(pair);
        let written = self.slice(span);
        let message = format!("`{written}` stands where `=` belongs");
        let error = SyntaxError::new(SyntaxErrorKind::Unexpected, span, message, "write `=` here");
        self.error(error.help("a value is set with `key = value`"));
    }

    /// A bracket was never closed; `at` is where its partner is missed.
    fn unclosed(&mut self, open: usize, at: usize) {
        let span = self.span_of(open, open + 1);
        let bracket = self.slice(span);
        let closer = closing(bracket);
        if let Some(text) = self.swallowed
            && text.start > open
            && self.slice(text).contains(closer)
        {
            return; // an unterminated string took the closing bracket; that has been said
        }
        self.absent_closers.push(closer);
        if let Some((place, idx)) = self.unclosed
            && place == at
            && let Some(error) = self.errors.get_mut(idx)
        {
            if error.also.len() < 4 {
                error.also.push((span, format!("this `{bracket}` is not closed either")));
            }
            return;
        }
        self.missing_at = Some(at);
        self.unclosed = Some((at, self.errors.len()));
        let name = bracket_name(bracket);
        let wanted = if bracket == "{" { "a `}`".into() } else { format!("a `,` or a `{closer}`") };
        let last = self.character_before(at);
        let message = format!("this {name} is never closed");
        let mut error = SyntaxError::new(SyntaxErrorKind::Unclosed, span, message, "opened here");
        if last.start > open {
            error = error.also(last, format!("{wanted} is missing behind this"));
        }
        self.error(error.help(format!("close it with `{closer}`")));
    }

    /// The character that ends at `at`.
    fn character_before(&self, at: usize) -> Span {
        let before = self.text.get(..at).unwrap_or_default();
        let length = before.chars().next_back().map_or(0, char::len_utf8);
        self.span_of(at - length.min(at), at)
    }

    /// Text that fits nowhere.
    fn junk(&mut self, pair: Pair<'_, Rule>, place: Place) {
        let whole = self.span(&pair);
        let missing_at = self.missing_at;
        for inner in pair.into_inner() {
            if inner.as_rule() == Rule::text {
                self.text_value(inner);
            }
        }
        let written = self.slice(whole);
        if let Some(idx) = self.absent_closers.iter().position(|closer| *closer == written) {
            self.absent_closers.remove(idx);
            return;
        }
        self.lost = true;
        if let Some(at) = missing_at
            && let Some(between) = self.scan.text.get(at..whole.start)
            && between.bytes().all(|byte| matches!(byte, b' ' | b'\t'))
        {
            return;
        }
        let line = written.lines().next().unwrap_or_default().trim_end();
        let span = self.span_of(whole.start, whole.start + line.len());
        let message = format!("unexpected {} {}", quoted(line), place.words());
        let mut error = SyntaxError::new(SyntaxErrorKind::Unexpected, span, message, "not understood");
        error.help = hint(written, place);
        self.error(error);
    }

    /// Doc comments with nothing behind them.
    fn stray_docs(&mut self, pair: Pair<'_, Rule>) {
        let Some(docs) = pair.into_inner().next() else {
            return;
        };
        let span = self.docs(docs).span;
        let message = "this doc comment belongs to nothing";
        let error =
            SyntaxError::new(SyntaxErrorKind::Unexpected, span, message, "nothing follows that it could describe");
        self.error(error.help("write `//` for a comment"));
    }

    /// Reports what was nested too deeply, and drops the errors that only come from leaving it out.
    fn report_depth(&mut self) {
        let too_deep = &self.scan.too_deep;
        if too_deep.is_empty() {
            return;
        }
        let inside = |at: usize| {
            let next = too_deep.partition_point(|(from, _)| *from <= at);
            next.checked_sub(1).and_then(|idx| too_deep.get(idx)).is_some_and(|(_, end)| at <= *end)
        };
        self.errors.retain(|error| {
            let absent_inside = error.also.first().is_some_and(|(span, _)| inside(span.end));
            !(inside(span_start(error)) || error.kind == SyntaxErrorKind::Unclosed && absent_inside)
        });
        for (from, _) in too_deep {
            let span = Span::new(self.file, *from, from + 1);
            let message = format!("brackets are nested more than {MAX_DEPTH} deep");
            let error = SyntaxError::new(SyntaxErrorKind::TooDeep, span, message, "this one is too many");
            self.errors.push(error.help("give inner parts names with `where`"));
        }
    }
}

fn span_start(error: &SyntaxError) -> usize {
    error.span.start
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More than 64 KiB of items of different lengths.
    fn long() -> String {
        let block = |n: usize| {
            format!("/// Number {n}.\ndomain d{n} {{ ratio = 1%  data = file(\"{}\") }} // end\n\n", "x".repeat(n % 40))
        };
        (0..1_500).map(block).collect()
    }

    #[test]
    fn threads_read_what_one_reads() {
        let source = Source::new(FileId(0), "long.recipe", long());
        let scan = scan::scan(&source.text, source.id);
        let (mut reader, mut items) = (Reader::new(&source, &scan), Vec::new());
        for (offset, piece) in pieces(&scan) {
            reader.offset = offset;
            reader.piece(piece, &mut items);
        }
        let by_threads = read_sound(&source, &scan).expect("a long text without a fault");
        assert_eq!(by_threads.len(), 1_500);
        assert_eq!(format!("{by_threads:?}"), format!("{items:?}"));
    }

    #[test]
    fn a_fault_is_read_in_order() {
        let text = long().replacen("domain d700 { ratio", "domain d700 { ratio (", 1);
        let source = Source::new(FileId(0), "long.recipe", text);
        assert!(read_sound(&source, &scan::scan(&source.text, source.id)).is_none());
        let parsed = read(&source);
        assert!(!parsed.errors.is_empty());
        assert!(parsed.file.items.len() >= 1_499, "{}", parsed.file.items.len());
    }
}
