//! What each token is for, by the syntax tree.

use super::tokens::{Kind, Stream};
use crate::source::{Span, Spanned};
use crate::tree::*;
use std::collections::BTreeMap;

/// What begins at a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Start {
    /// Nothing of its own.
    #[default]
    Nothing,
    /// A top-level item, its doc comment included.
    Item,
    /// A setting or block in braces, or a line of a test.
    Entry,
    /// `name = value` behind `where`.
    Binding,
}

/// How a token stands beside its neighbours.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Note {
    /// What begins here.
    pub start: Start,
    /// It stays on the line of the token before it.
    pub join: bool,
    /// No blank before it.
    pub glued: bool,
    /// No blank behind it.
    pub glues: bool,
    /// The last token of what begins here.
    pub until: u32,
}

/// Things of one kind that stand below or beside each other.
#[derive(Debug)]
pub(super) struct Group {
    /// How many blocks are around it.
    pub depth: usize,
    /// They are the bindings of one formula.
    pub bindings: bool,
    /// In the order of the text.
    pub members: Vec<Member>,
}

/// One of a group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    /// The first token, doc comments included.
    pub start: usize,
    /// The first token behind the doc comments.
    pub head: usize,
    /// The last token.
    pub end: usize,
    /// What it is.
    pub shape: Shape,
}

/// What a member of a group is, with the tokens that are aligned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Shape {
    /// `key = value`
    Setting { equals: usize, overrides: bool },
    /// `param name : type = value`
    Param { colon: usize, equals: usize },
    /// `keyword name { … }`
    Block { open: usize },
    /// `name = value` in a `where` or among arguments.
    Pair { equals: usize },
    /// Anything else.
    Other,
}

/// All notes of a text.
pub(super) struct Notes {
    of: Vec<Note>,
    /// Groups in no particular order.
    pub groups: Vec<Group>,
    /// The group within each pair of braces, by the opening one.
    pub within: BTreeMap<usize, usize>,
    /// `then` and `else`, each with the `if` below which it stands.
    pub choices: BTreeMap<usize, usize>,
    /// The first binding of a formula, by each of the others.
    pub first_binding: BTreeMap<usize, usize>,
}

impl Notes {
    /// The note of a token; an empty one beyond the last.
    pub fn at(&self, at: usize) -> Note {
        self.of.get(at).copied().unwrap_or_default()
    }
}

/// Reads the notes from the tree.
pub(super) fn read(stream: &Stream<'_>, file: &File) -> Notes {
    let notes = Notes {
        of: vec![Note::default(); stream.len()],
        groups: Vec::new(),
        within: BTreeMap::new(),
        choices: BTreeMap::new(),
        first_binding: BTreeMap::new(),
    };
    let mut writer = Writer { stream, notes };
    for at in 0..stream.len() {
        let before_is = |text: &str| at > 0 && stream.text(at - 1) == text;
        match stream.text(at) {
            "," => writer.join(at),
            ")" | "]" => writer.note(at, |note| note.glued = true),
            "(" | "[" => writer.note(at, |note| note.glues = true),
            "{" if at > 0 && (before_is("=") || stream.kind(at - 1) != Some(Kind::Symbol)) => {
                // The block of a list or of brackets stands where its author put it; one with a name stays with the name.
                writer.note(at, |note| note.join = true);
            }
            _ => {}
        }
        if stream.text(at) == "," {
            writer.note(at, |note| note.glued = true);
        }
    }
    writer.items(file);
    writer.notes
}

struct Writer<'s, 't> {
    stream: &'s Stream<'t>,
    notes: Notes,
}

impl Writer<'_, '_> {
    fn note(&mut self, at: usize, change: impl FnOnce(&mut Note)) {
        if let Some(note) = self.notes.of.get_mut(at) {
            change(note);
        }
    }

    fn join(&mut self, at: usize) {
        self.note(at, |note| note.join = true);
    }

    fn first(&self, span: Span) -> usize {
        self.stream.at(span.start)
    }

    fn last(&self, span: Span) -> usize {
        self.stream.before(span.end)
    }

    /// A member of a group, which begins at its doc comment.
    fn member(&mut self, doc: Option<&Spanned<String>>, span: Span, start: Start, shape: Shape) -> Member {
        let head = self.first(span);
        let member = Member { start: doc.map_or(head, |doc| self.first(doc.span)), head, end: self.last(span), shape };
        self.note(member.start, |note| {
            note.start = start;
            note.until = u32::try_from(member.end).unwrap_or(u32::MAX);
        });
        member
    }

    fn items(&mut self, file: &File) {
        let mut members = Vec::new();
        for item in &file.items {
            let head = self.first(item.span);
            let shape = match &item.kind {
                ItemKind::Block(block) => self.block(block, 1),
                ItemKind::Param(param) => {
                    self.join(head + 1);
                    self.join(head + 2);
                    param.range.iter().for_each(|range| self.expr(range));
                    self.expr(&param.default);
                    Shape::Param { colon: head + 2, equals: self.first(param.default.span).saturating_sub(1) }
                }
                ItemKind::Formula(formula) => {
                    self.join(head + 1);
                    self.call(head + 2);
                    for (name, _) in &formula.parameters {
                        let colon = self.first(name.span) + 1;
                        self.join(colon);
                        self.note(colon, |note| note.glued = true);
                    }
                    self.formula(&formula.body);
                    Shape::Other
                }
                ItemKind::Term(term) => {
                    self.join(head + 1);
                    self.join(head + 2);
                    self.formula(&term.body);
                    Shape::Other
                }
                ItemKind::Guarantee(guarantee) => {
                    self.join(head + 1);
                    match &guarantee.claim {
                        Claim::Holds { condition, .. } => self.expr(condition),
                        Claim::Within { value, range } => {
                            self.expr(value);
                            self.expr(range);
                        }
                        Claim::Monotone { value, .. } => self.expr(value),
                    }
                    Shape::Other
                }
                ItemKind::Sweep { values, .. } => {
                    self.join(head + 1);
                    self.expr(values);
                    Shape::Other
                }
                ItemKind::Test(test) => self.test(test),
                ItemKind::Allow { .. } | ItemKind::Import(_) | ItemKind::Extends(_) => {
                    self.join(head + 1);
                    Shape::Other
                }
            };
            members.push(self.member(item.doc.as_ref(), item.span, Start::Item, shape));
        }
        self.notes.groups.push(Group { depth: 0, bindings: false, members });
    }

    fn block(&mut self, block: &Block, depth: usize) -> Shape {
        let open = self.first(block.braces);
        for at in self.first(block.keyword.span) + 1..=open {
            self.join(at);
        }
        let mut members = Vec::new();
        for entry in &block.body {
            members.push(match entry {
                Entry::Setting(setting) => self.setting(setting),
                Entry::Block { doc, block, span } => {
                    let shape = self.block(block, depth + 1);
                    self.member(doc.as_ref(), *span, Start::Entry, shape)
                }
            });
        }
        self.group(open, depth, members);
        Shape::Block { open }
    }

    /// What stands in a pair of braces.
    fn group(&mut self, open: usize, depth: usize, members: Vec<Member>) {
        self.notes.within.insert(open, self.notes.groups.len());
        self.notes.groups.push(Group { depth, bindings: false, members });
    }

    fn setting(&mut self, setting: &Setting) -> Member {
        let key = self.first(setting.path.span);
        if setting.overrides.is_some() {
            self.join(key);
        }
        self.join(key + 1);
        self.formula(&setting.value);
        let shape = Shape::Setting { equals: key + 1, overrides: setting.overrides.is_some() };
        self.member(setting.doc.as_ref(), setting.span, Start::Entry, shape)
    }

    fn test(&mut self, test: &TestDef) -> Shape {
        let title = self.first(test.title.span);
        self.join(title);
        let mut members = Vec::new();
        // Facts of one `given` follow each other; the word stands before the first of them.
        let mut given: Option<(Span, Span)> = None;
        let mut lines = Vec::new();
        for fact in &test.given {
            let name = self.first(fact.name.span);
            let end = fact.value.as_ref().map_or(fact.name.span, |value| fact.name.span.to(value.span));
            if let Some(value) = &fact.value {
                self.join(name + 1);
                self.expr(value);
            }
            if name > 0 && self.stream.text(name - 1) == "given" {
                lines.extend(given.take());
                given = Some((fact.name.span, end));
            } else if let Some((_, until)) = &mut given {
                *until = end;
            }
        }
        lines.extend(given);
        for (first, last) in lines {
            let start = self.first(first).saturating_sub(1);
            let end = self.last(last);
            self.note(start, |note| {
                note.start = Start::Entry;
                note.until = u32::try_from(end).unwrap_or(u32::MAX);
            });
            members.push(Member { start, head: start, end, shape: Shape::Other });
        }
        for expectation in &test.expect {
            self.expr(&expectation.condition);
            expectation.within.iter().for_each(|within| self.expr(within));
            members.push(self.member(None, expectation.span, Start::Entry, Shape::Other));
        }
        members.sort_by_key(|member| member.start);
        let open = title + 1;
        self.join(open);
        self.group(open, 1, members);
        Shape::Block { open }
    }

    fn formula(&mut self, formula: &Formula) {
        self.expr(&formula.body);
        let Some(binding) = formula.bindings.first() else { return };
        let first = self.first(binding.name.span);
        let mut members = Vec::new();
        for binding in &formula.bindings {
            let name = self.first(binding.name.span);
            self.join(name + 1);
            self.expr(&binding.value);
            let span = binding.name.span.to(binding.value.span);
            self.notes.first_binding.insert(name, first);
            members.push(self.member(None, span, Start::Binding, Shape::Pair { equals: name + 1 }));
        }
        self.notes.groups.push(Group { depth: 0, bindings: true, members });
    }

    /// The `(` of a call stands at the name.
    fn call(&mut self, open: usize) {
        self.note(open, |note| {
            note.join = true;
            note.glued = true;
        });
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Quantity(_) | ExprKind::Text(_) | ExprKind::Bool(_) | ExprKind::Path(_) | ExprKind::Hole => {}
            ExprKind::Call { function, arguments } => self.arguments(function, arguments),
            ExprKind::Record { settings, braces, .. } => {
                let members = settings.iter().map(|setting| self.setting(setting)).collect();
                self.group(self.first(*braces), 1, members);
            }
            ExprKind::List(values) => values.iter().for_each(|value| self.expr(value)),
            ExprKind::Range(left, right) => {
                let dots = self.first(right.span).saturating_sub(1);
                if self.short(left) && self.short(right) {
                    self.tight(dots);
                }
                self.expr(left);
                self.expr(right);
            }
            ExprKind::Negate(inner) => {
                let sign = self.within_brackets(expr);
                self.note(sign, |note| note.glues = true);
                self.join(sign + 1);
                self.expr(inner);
            }
            ExprKind::Not(inner) => self.expr(inner),
            ExprKind::Binary { op, op_span, left, right } => {
                let number = |side: &Expr| match &side.kind {
                    ExprKind::Quantity(number) => {
                        number.whole
                            && number.unit.is_none()
                            && !self.stream.text(self.first(side.span)).starts_with('(')
                    }
                    _ => false,
                };
                // A fraction of two whole numbers is one thing to a reader: `1/8`.
                if *op == BinaryOp::Divide && number(left) && number(right) {
                    self.tight(self.first(*op_span));
                }
                self.expr(left);
                self.expr(right);
            }
            ExprKind::If { condition, then, otherwise } => {
                let word = self.within_brackets(expr);
                // A choice behind `else` goes on with the one before it.
                let word = match word.checked_sub(1).and_then(|before| self.notes.choices.get(&before)) {
                    Some(first) if self.stream.text(word - 1) == "else" => *first,
                    _ => word,
                };
                for part in [then, otherwise] {
                    let keyword = self.first(part.span).saturating_sub(1);
                    self.notes.choices.insert(keyword, word);
                }
                for part in [condition, then, otherwise] {
                    self.expr(part);
                }
            }
            ExprKind::Given { value, facts } => {
                self.expr(value);
                facts.iter().filter_map(|fact| fact.value.as_ref()).for_each(|value| self.expr(value));
            }
        }
    }

    fn arguments(&mut self, function: &Path, arguments: &[Argument]) {
        let open = self.first(function.span) + 1;
        self.call(open);
        let mut members = Vec::new();
        for argument in arguments {
            let mut span = argument.value.span;
            let mut shape = Shape::Other;
            if let Some(name) = &argument.name {
                span = name.span.to(span);
                let equals = self.first(name.span) + 1;
                self.join(equals);
                shape = Shape::Pair { equals };
            }
            self.expr(&argument.value);
            if let Some(filter) = &argument.filter {
                span = span.to(filter.span);
                self.expr(filter);
            }
            let (head, end) = (self.first(span), self.last(span));
            members.push(Member { start: head, head, end, shape });
        }
        self.notes.groups.push(Group { depth: 0, bindings: false, members });
    }

    fn tight(&mut self, at: usize) {
        self.note(at, |note| {
            note.glued = true;
            note.glues = true;
        });
    }

    /// The first token of an expression behind the brackets around it.
    fn within_brackets(&self, expr: &Expr) -> usize {
        let mut at = self.first(expr.span);
        while self.stream.text(at) == "(" {
            at += 1;
        }
        at
    }

    /// Whether an end of a range is one thing, so that no blank is needed beside the dots.
    fn short(&self, expr: &Expr) -> bool {
        let bracketed = self.stream.text(self.first(expr.span)) == "(";
        bracketed
            || match &expr.kind {
                ExprKind::Quantity(_) | ExprKind::Path(_) | ExprKind::Call { .. } => true,
                ExprKind::Negate(inner) => self.short(inner),
                _ => false,
            }
    }
}
