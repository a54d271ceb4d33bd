//! Blocks, settings and records.

use super::items::span_is_empty;
use super::{Place, Reader, Rule};
use crate::source::Span;
use crate::syntax_error::quoted;
use crate::tree::{Binding, Block, Entry, Expr, Formula, Name, Path, Setting, SyntaxError, SyntaxErrorKind};
use pest::iterators::Pair;

impl Reader<'_> {
    /// `keyword [name [after other]] { … }`
    pub(super) fn block(&mut self, pair: Pair<'_, Rule>) -> Block {
        let whole = self.span(&pair);
        let mut block =
            Block { keyword: self.no_name(whole), name: None, after: None, body: Vec::new(), braces: whole };
        for inner in pair.into_inner() {
            let span = self.span(&inner);
            match inner.as_rule() {
                Rule::word | Rule::headless_keyword => block.keyword = self.name(&inner),
                Rule::block_name => block.name = Some(self.name(&inner)),
                Rule::after_name => block.after = Some(self.name(&inner)),
                Rule::missing_stage => {
                    let at = self.span_of(whole.start, span.start);
                    self.missing(
                        at,
                        "`after` without a stage",
                        "a stage belongs behind this",
                        "write `after warm_start`",
                    );
                    self.missing_at = None;
                }
                Rule::needless_eq => {
                    let message = format!("{} between a block and its brace", quoted(inner.as_str()));
                    let error = SyntaxError::new(SyntaxErrorKind::Unexpected, span, message, "does not belong here");
                    self.error(error.help("write `keyword name { … }`"));
                }
                Rule::missing_open => {
                    let head = self.span_of(whole.start, span.start);
                    let message = format!("a {} without its opening brace", quoted(&block.keyword.node));
                    self.missing(head, message, "`{` belongs behind this", "write `keyword name { … }`");
                    self.missing_at = None;
                }
                Rule::braces | Rule::headless_body => {
                    block.braces = span;
                    block.body = self.entries(inner);
                }
                _ => {}
            }
        }
        block
    }

    /// What stands in the braces of a block or a record.
    pub(super) fn entries(&mut self, pair: Pair<'_, Rule>) -> Vec<Entry> {
        let whole = self.span(&pair);
        let mut entries = Vec::new();
        let mut may_separate = false;
        for inner in pair.into_inner() {
            let span = self.span(&inner);
            match inner.as_rule() {
                Rule::entry => entries.extend(self.entry(inner)),
                Rule::comma if !may_separate => {
                    let message = "unexpected `,` in a block";
                    let error = SyntaxError::new(SyntaxErrorKind::Unexpected, span, message, "separates nothing");
                    self.error(error.help("remove it"));
                    continue;
                }
                Rule::comma => {
                    may_separate = false;
                    continue;
                }
                Rule::stray_docs => self.stray_docs(inner),
                Rule::junk_entry => self.junk(inner, Place::Block),
                Rule::missing_close => self.unclosed(whole.start, span.start),
                _ => {}
            }
            may_separate = true;
        }
        entries
    }

    fn entry(&mut self, pair: Pair<'_, Rule>) -> Option<Entry> {
        let mut doc = None;
        for inner in pair.into_inner() {
            let span = self.span(&inner);
            match inner.as_rule() {
                Rule::docs => doc = Some(self.docs(inner)),
                Rule::setting => {
                    let mut setting = self.setting(inner);
                    setting.doc = doc;
                    return Some(Entry::Setting(setting));
                }
                Rule::block => {
                    return Some(Entry::Block { doc, block: self.block(inner), span });
                }
                _ => {}
            }
        }
        None
    }

    fn setting(&mut self, pair: Pair<'_, Rule>) -> Setting {
        let whole = self.span(&pair);
        let mut overrides = None;
        let mut path = Path { segments: Vec::new(), span: whole };
        let mut value: Option<Formula> = None;
        let mut last = whole;
        for inner in pair.into_inner() {
            let span = self.span(&inner);
            match inner.as_rule() {
                Rule::override_mark => overrides = Some(span),
                Rule::key => path = self.path(inner),
                Rule::wrong_eq => self.wrong_eq(&inner),
                Rule::missing_equals => {
                    let key = path.text();
                    let message = format!("`=` is missing behind {}", quoted(&key));
                    self.missing(last, message, "`=` belongs behind this", format!("write `{key} = …`"));
                    self.missing_at = None;
                }
                Rule::missing_value => {
                    let key = path.text();
                    let help = format!("write `{key} = …`, or remove the setting");
                    self.missing(last, format!("{} has no value", quoted(&key)), "a value belongs behind this", help);
                }
                Rule::formula => value = Some(self.formula(inner)),
                _ => {}
            }
            if !span_is_empty(span) {
                last = span;
            }
        }
        if overrides.is_none() && (path.segments.len() > 1 || path.text() == "*") {
            let message = format!("the key {} has no `override`", quoted(&path.text()));
            let error = SyntaxError::new(SyntaxErrorKind::Unexpected, path.span, message, "not a plain key");
            self.error(error.help(format!("write `override {} = …` in a variant or a stage", path.text())));
        }
        let value = value.unwrap_or_else(|| self.no_formula(last));
        Setting { doc: None, overrides, path, value, span: whole }
    }

    /// The settings of a record and the height of the highest value; an inner block is an error there.
    pub(super) fn record(&mut self, pair: Pair<'_, Rule>) -> (Vec<Setting>, usize) {
        let mut settings = Vec::new();
        let outside = std::mem::take(&mut self.tallest);
        for entry in self.entries(pair) {
            match entry {
                Entry::Setting(setting) => settings.push(setting),
                Entry::Block { span, block, .. } => {
                    let keyword = &block.keyword.node;
                    let message = format!("an inner block {} in a value", quoted(keyword));
                    let span = self.span_of(span.start, block.braces.start);
                    let error =
                        SyntaxError::new(SyntaxErrorKind::Unexpected, span, message, "a value holds settings only");
                    self.error(error.help(format!("write `{keyword} = {{ … }}`")));
                    self.lost = true;
                }
            }
        }
        (settings, std::mem::replace(&mut self.tallest, outside))
    }

    /// An expression with its bindings.
    pub(super) fn formula(&mut self, pair: Pair<'_, Rule>) -> Formula {
        let whole = self.span(&pair);
        let mut body = self.hole(whole);
        let mut bindings = Vec::new();
        let mut source = None;
        let mut end = whole.start;
        for inner in pair.into_inner() {
            match inner.as_rule() {
                Rule::text => {
                    source = Some(self.text_value(inner));
                    continue;
                }
                Rule::expression | Rule::binding => end = self.span(&inner).end,
                _ => {}
            }
            match inner.as_rule() {
                Rule::expression => body = self.value(inner),
                Rule::binding => bindings.extend(self.binding(inner)),
                _ => {}
            }
        }
        let span = if source.is_some() { self.span_of(whole.start, end) } else { whole };
        Formula { body, bindings, source, span }
    }

    /// An expression whose height counts for the record around it.
    fn value(&mut self, pair: Pair<'_, Rule>) -> Expr {
        let tall = self.row(pair);
        self.tallest = self.tallest.max(tall.height);
        tall.expr
    }

    fn binding(&mut self, pair: Pair<'_, Rule>) -> Option<Binding> {
        let mut name: Option<Name> = None;
        let mut last: Span = self.span(&pair);
        for inner in pair.into_inner() {
            match inner.as_rule() {
                Rule::word => name = Some(self.name(&inner)),
                Rule::eq => last = self.span(&inner),
                Rule::missing_value => self.missing_value(last),
                Rule::expression => {
                    let value = self.value(inner);
                    return name.map(|name| Binding { name, value });
                }
                _ => {}
            }
        }
        let value = self.hole(last);
        name.map(|name| Binding { name, value })
    }
}
