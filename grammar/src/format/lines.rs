//! The new lines, from the first token to the last.

use super::WIDTH;
use super::align::{Widths, gap};
use super::breaks::Breaks;
use super::notes::{Notes, Start};
use super::tokens::{Kind, Stream};

/// One step of indentation.
const STEP: usize = 2;

/// A line of the new text.
#[derive(Debug, Default)]
pub(super) struct Line<'t> {
    /// Blanks before it.
    indent: usize,
    /// Its tokens; none for a comment of its own or an empty line.
    pub text: String,
    /// The comment behind them.
    pub comment: Option<&'t str>,
    /// Where the comment begins, when tokens stand before it.
    pub comment_column: usize,
    /// Which top-level item it belongs to.
    pub item: usize,
}

impl Line<'_> {
    /// Characters without the comment.
    pub fn width(&self) -> usize {
        self.indent + self.text.chars().count()
    }

    /// Whether it is an empty line.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && self.comment.is_none()
    }
}

/// The lines as one text.
pub(super) fn text(lines: &[Line<'_>]) -> String {
    let mut text = String::new();
    let blanks = |text: &mut String, count: usize| text.extend(std::iter::repeat_n(' ', count));
    for line in lines {
        if !line.is_empty() {
            blanks(&mut text, line.indent);
            text.push_str(&line.text);
            if let Some(comment) = line.comment {
                if !line.text.is_empty() {
                    blanks(&mut text, line.comment_column.saturating_sub(line.width()));
                }
                text.push_str(comment);
            }
        }
        text.push('\n');
    }
    text
}

/// What is open around a token.
#[derive(Debug)]
enum Context {
    /// An item or an entry, with the indentation of its first line.
    Statement { indent: usize, until: usize },
    /// A binding, with the column of its name.
    Binding { column: usize, until: usize },
    /// Brackets, with the indentation of the line that opened them and the column behind the opening one.
    Bracket { close: usize, broken: bool, indent: usize, column: usize },
}

/// Writes the lines. A block that does not fit is broken on the way, which `breaks` remembers.
pub(super) fn render<'t>(
    stream: &Stream<'t>,
    notes: &Notes,
    breaks: &mut Breaks,
    widths: &Widths,
    pads: &[u32],
) -> Vec<Line<'t>> {
    let mut writer = Writer {
        stream,
        notes,
        widths,
        lines: Vec::new(),
        line: Line::default(),
        width: 0,
        contexts: Vec::new(),
        columns: std::collections::BTreeMap::new(),
        item: 0,
    };
    for at in 0..stream.len() {
        writer.leave(at);
        if notes.at(at).start == Start::Item {
            writer.item += 1;
        }
        let begins = breaks.at(at);
        if begins {
            writer.line_before(at);
        }
        let pad = pads.get(at).map_or(0, |pad| *pad as usize);
        writer.token(at, if begins { 0 } else { gap(stream, notes, at) + pad });
        writer.enter(at, breaks);
    }
    writer.end();
    writer.lines
}

struct Writer<'s, 't> {
    stream: &'s Stream<'t>,
    notes: &'s Notes,
    widths: &'s Widths,
    lines: Vec<Line<'t>>,
    /// The line that is being written, and its width.
    line: Line<'t>,
    width: usize,
    contexts: Vec<Context>,
    /// Columns of what later lines are aligned with: each `if`, and the first binding of each formula.
    columns: std::collections::BTreeMap<usize, usize>,
    item: usize,
}

impl<'t> Writer<'_, 't> {
    fn token(&mut self, at: usize, blanks: usize) {
        self.line.text.extend(std::iter::repeat_n(' ', blanks));
        let text = self.stream.text(at);
        let column = self.width + blanks;
        self.line.text.push_str(text);
        self.width = column + text.chars().count();
        let binding = self.notes.at(at).start == Start::Binding;
        if text == "if" || binding {
            self.columns.insert(at, column);
        }
        let note = self.notes.at(at);
        let until = note.until as usize;
        match note.start {
            Start::Item | Start::Entry => {
                self.contexts.push(Context::Statement { indent: self.line.indent, until });
            }
            Start::Binding => self.contexts.push(Context::Binding { column, until }),
            Start::Nothing => {}
        }
    }

    /// Leaves what ended before a token.
    fn leave(&mut self, at: usize) {
        while let Some(context) = self.contexts.last() {
            let over = match context {
                Context::Statement { until, .. } | Context::Binding { until, .. } => *until < at,
                Context::Bracket { close, .. } => *close < at,
            };
            if !over {
                return;
            }
            self.contexts.pop();
        }
    }

    /// Enters brackets; a block that is too long for its line is broken.
    fn enter(&mut self, at: usize, breaks: &mut Breaks) {
        let Some(close) = self.stream.partner(at).filter(|close| *close > at) else { return };
        if let Some(group) = self.notes.within.get(&at)
            && !breaks.at(at + 1)
            && close > at + 1
        {
            let mut last = close;
            while matches!(self.stream.text(last + 1), ")" | "]" | "}" | ",") && !breaks.at(last + 1) {
                last += 1;
            }
            let length = self.width - 1 + self.widths.of(at, last);
            if length > WIDTH {
                let members = self.notes.groups.get(*group).map_or(&[][..], |group| &group.members);
                breaks.open(at, close, members.iter().map(|member| member.start));
            }
        }
        let broken = breaks.at(at + 1);
        self.contexts.push(Context::Bracket { close, broken, indent: self.line.indent, column: self.width });
    }

    /// Ends the line, writes the comments before a token, and begins its line.
    fn line_before(&mut self, at: usize) {
        let first = at == 0;
        let opened = at > 0 && self.stream.text(at - 1) == "{";
        let indent = self.indent(at);
        let closes = self.stream.partner(at).is_some_and(|open| open < at);
        let start = self.notes.at(at).start;
        let may_part = matches!(start, Start::Item | Start::Entry);
        let of_comments = if closes { indent + STEP } else { indent };
        let mut nothing_yet = first || opened;
        self.comments(at, of_comments, may_part || closes, &mut nothing_yet);
        if self.stream.newlines(at) > 1 && may_part && !nothing_yet {
            self.empty_line();
        }
        self.finish_line();
        self.line = Line { indent, item: self.item, ..Line::default() };
        self.width = indent;
    }

    /// The comments before a token: the first behind the line before it if it was written there, the others on lines of their own.
    fn comments(&mut self, at: usize, indent: usize, may_part: bool, nothing_yet: &mut bool) {
        let stream = self.stream;
        for (idx, (comment, newlines)) in stream.comments(at).enumerate() {
            let behind = idx == 0 && newlines == 0 && !self.line.text.is_empty();
            if behind {
                self.line.comment = Some(comment);
                self.line.comment_column = self.width + 2;
                continue;
            }
            self.finish_line();
            if newlines > 1 && may_part && !*nothing_yet {
                self.empty_line();
            }
            *nothing_yet = false;
            self.lines.push(Line { indent, comment: Some(comment), item: self.item, ..Line::default() });
        }
    }

    fn empty_line(&mut self) {
        self.finish_line();
        self.lines.push(Line { item: self.item, ..Line::default() });
    }

    fn finish_line(&mut self) {
        if !self.line.text.is_empty() {
            self.lines.push(std::mem::take(&mut self.line));
        }
    }

    fn end(&mut self) {
        let mut nothing_yet = self.stream.len() == 0;
        self.item += 1;
        self.comments(self.stream.len(), 0, true, &mut nothing_yet);
        self.finish_line();
    }

    /// The indentation of the line that begins with a token.
    fn indent(&self, at: usize) -> usize {
        let note = self.notes.at(at);
        if note.start == Start::Item {
            return 0;
        }
        let column = |of: Option<&usize>| of.and_then(|of| self.columns.get(of)).copied();
        let anchor = self.notes.choices.get(&at).or_else(|| self.notes.first_binding.get(&at));
        if let Some(column) = column(anchor) {
            return column;
        }
        match self.contexts.last() {
            Some(Context::Statement { indent, .. }) => {
                let behind_doc = at > 0 && self.stream.kind(at - 1) == Some(Kind::Doc);
                if behind_doc { *indent } else { indent + STEP }
            }
            Some(Context::Binding { column, .. }) => column + STEP,
            Some(Context::Bracket { close, broken: true, indent, .. }) => {
                let begins = at > 0 && matches!(self.stream.text(at - 1), "(" | "[" | "{" | ",");
                if *close == at {
                    *indent
                } else if begins || note.start == Start::Entry {
                    indent + STEP
                } else {
                    indent + 2 * STEP
                }
            }
            Some(Context::Bracket { column, .. }) => *column,
            None => 0,
        }
    }
}
