//! Top-level items.

use super::{Place, Reader, Rule};
use crate::source::Span;
use crate::syntax_error::quoted;
use crate::tree::OtherFile;
use crate::tree::{
    Expr, ExprKind, Formula, FormulaDef, Item, ItemKind, Name, Param, SyntaxError, SyntaxErrorKind, TermDef,
};
use pest::iterators::Pair;

impl Reader<'_> {
    /// One child of the whole file.
    pub(super) fn item(&mut self, pair: Pair<'_, Rule>) -> Option<Item> {
        match pair.as_rule() {
            Rule::item => {
                self.absent_closers.clear();
                let mut doc = None;
                for inner in pair.into_inner() {
                    if inner.as_rule() == Rule::docs {
                        doc = Some(self.docs(inner));
                        continue;
                    }
                    let span = self.span(&inner);
                    return self.item_kind(inner).map(|kind| Item { doc, kind, span });
                }
                None
            }
            Rule::stray_docs => {
                self.stray_docs(pair);
                None
            }
            Rule::junk_item => {
                self.junk(pair, Place::Top);
                None
            }
            _ => None,
        }
    }

    fn item_kind(&mut self, pair: Pair<'_, Rule>) -> Option<ItemKind> {
        Some(match pair.as_rule() {
            Rule::block | Rule::headless => ItemKind::Block(self.block(pair)),
            Rule::param => ItemKind::Param(self.param(pair)),
            Rule::formula_def => ItemKind::Formula(self.formula_def(pair)),
            Rule::term_def => ItemKind::Term(self.term_def(pair)),
            Rule::guarantee => ItemKind::Guarantee(self.guarantee(pair)),
            Rule::allow => self.allow(pair),
            Rule::sweep => self.sweep(pair),
            Rule::test => ItemKind::Test(self.test(pair)),
            Rule::import => ItemKind::Import(self.file_name(pair)?),
            Rule::extends => ItemKind::Extends(self.file_name(pair)?),
            _ => return None,
        })
    }

    fn file_name(&mut self, pair: Pair<'_, Rule>) -> Option<OtherFile> {
        let mut texts = pair.into_inner();
        let path = texts.next().map(|text| self.text_value(text))?;
        Some(OtherFile { path, blake3: texts.next().map(|text| self.text_value(text)) })
    }

    fn param(&mut self, pair: Pair<'_, Rule>) -> Param {
        let whole = self.span(&pair);
        let mut name: Option<Name> = None;
        let mut type_name: Option<Name> = None;
        let mut range = None;
        let mut default = None;
        let mut last = whole;
        for inner in pair.into_inner() {
            let span = self.span(&inner);
            match inner.as_rule() {
                Rule::word if name.is_none() => name = Some(self.name(&inner)),
                Rule::word => type_name = Some(self.name(&inner)),
                Rule::missing_type => {
                    let written = name.as_ref().map_or("", |name| &name.node).to_string();
                    let help = format!(
                        "write `param {written} : number = …`; types are integer, number, ratio, reward and units"
                    );
                    self.missing(
                        last,
                        format!("param {} has no type", quoted(&written)),
                        "a type belongs behind this",
                        help,
                    );
                }
                Rule::missing_colon => {
                    let help = "write `param name : type = value`";
                    self.missing(last, "a param without `:`", "`:` belongs behind this", help);
                    self.missing_at = None;
                }
                Rule::bound => range = Some(self.row(inner).expr),
                Rule::missing_bound => {
                    self.missing(last, "`in` without a range", "a range belongs behind this", "write `in 0..4`");
                }
                Rule::missing_equals => {
                    let help = "every param has a default: `= value`";
                    self.missing(last, "a param without a value", "`= value` belongs behind this", help);
                }
                Rule::wrong_eq => self.wrong_eq(&inner),
                Rule::missing_value => self.missing_value(last),
                Rule::expression => default = Some(self.row(inner).expr),
                _ => {}
            }
            if !span_is_empty(span) {
                last = span;
            }
        }
        Param {
            name: name.unwrap_or_else(|| self.no_name(whole)),
            type_name: type_name.unwrap_or_else(|| self.no_name(whole)),
            range,
            default: default.unwrap_or_else(|| self.hole(last)),
        }
    }

    fn formula_def(&mut self, pair: Pair<'_, Rule>) -> FormulaDef {
        let whole = self.span(&pair);
        let mut name: Option<Name> = None;
        let mut parameters = Vec::new();
        let mut result: Option<Name> = None;
        let mut body = None;
        let mut last = whole;
        for inner in pair.into_inner() {
            let span = self.span(&inner);
            match inner.as_rule() {
                Rule::word => name = Some(self.name(&inner)),
                Rule::parameters => parameters = self.parameters(inner),
                Rule::missing_parameters => {
                    let help = "write `formula name(n: tokens) -> reward = …`";
                    self.missing(last, "a formula without parameters", "`(…)` belongs behind this", help);
                }
                Rule::result_type => result = Some(self.name(&inner)),
                Rule::missing_result if self.missing_at != Some(span.start) => {
                    let help = "write `formula name(n: tokens) -> reward = …`";
                    self.missing(last, "a formula without a result type", "`-> type` belongs behind this", help);
                }
                Rule::missing_type => {
                    self.missing(last, "`->` without a type", "`-> type` belongs behind this", "write `-> reward`");
                }
                Rule::missing_equals => {
                    self.missing(last, "a formula without a body", "`= …` belongs behind this", "write `= expression`");
                }
                Rule::wrong_eq => self.wrong_eq(&inner),
                Rule::missing_value => self.missing_value(last),
                Rule::formula => body = Some(self.formula(inner)),
                _ => {}
            }
            if !span_is_empty(span) {
                last = span;
            }
        }
        FormulaDef {
            name: name.unwrap_or_else(|| self.no_name(whole)),
            parameters,
            result: result.unwrap_or_else(|| self.no_name(whole)),
            body: body.unwrap_or_else(|| self.no_formula(last)),
        }
    }

    fn parameters(&mut self, pair: Pair<'_, Rule>) -> Vec<(Name, Name)> {
        let whole = self.span(&pair);
        let mut parameters = Vec::new();
        for inner in pair.into_inner() {
            match inner.as_rule() {
                Rule::parameter => {
                    let span = self.span(&inner);
                    let mut words = inner.into_inner();
                    let Some(name) = words.next().map(|word| self.name(&word)) else {
                        continue;
                    };
                    match words.next() {
                        Some(word) if word.as_rule() == Rule::word => parameters.push((name, self.name(&word))),
                        _ => {
                            let message = format!("parameter {} has no type", quoted(&name.node));
                            let help = format!("write `{}: tokens`, or `: number`, `: ratio`, `: reward`", name.node);
                            self.missing(span, message, "a type belongs behind this", help);
                            let no_type = self.no_name(span);
                            parameters.push((name, no_type));
                        }
                    }
                }
                Rule::junk_inside => self.junk(inner, Place::Arguments),
                Rule::missing_close => self.unclosed(whole.start, self.span(&inner).start),
                _ => {}
            }
        }
        parameters
    }

    fn term_def(&mut self, pair: Pair<'_, Rule>) -> TermDef {
        let whole = self.span(&pair);
        let mut keyword = None;
        let mut name = None;
        let mut body = None;
        let mut last = whole;
        for inner in pair.into_inner() {
            let span = self.span(&inner);
            match inner.as_rule() {
                Rule::term_keyword => keyword = Some(self.name(&inner)),
                Rule::word => name = Some(self.name(&inner)),
                Rule::missing_equals => {
                    let keyword = keyword.as_ref().map_or("penalty", |keyword: &Name| &keyword.node).to_string();
                    let message = format!("a {keyword} without a value");
                    self.missing(last, message, "`= …` belongs behind this", "write `= expression`");
                }
                Rule::wrong_eq => self.wrong_eq(&inner),
                Rule::missing_value => self.missing_value(last),
                Rule::formula => body = Some(self.formula(inner)),
                _ => {}
            }
            if !span_is_empty(span) {
                last = span;
            }
        }
        TermDef {
            keyword: keyword.unwrap_or_else(|| self.no_name(whole)),
            name: name.unwrap_or_else(|| self.no_name(whole)),
            body: body.unwrap_or_else(|| self.no_formula(last)),
        }
    }

    fn allow(&mut self, pair: Pair<'_, Rule>) -> ItemKind {
        let whole = self.span(&pair);
        let mut code = None;
        let mut because = None;
        for inner in pair.into_inner() {
            match inner.as_rule() {
                Rule::code => code = Some(self.name(&inner)),
                Rule::text => because = Some(self.text_value(inner)),
                Rule::missing_reason => {
                    let help = "add `because \"…\"`; the reason is printed with the report";
                    self.missing(whole, "`allow` without a reason", "`because \"…\"` belongs behind this", help);
                }
                _ => {}
            }
        }
        let code = code.unwrap_or_else(|| self.no_name(whole));
        let because = because.unwrap_or_else(|| self.no_name(whole));
        ItemKind::Allow { code, because }
    }

    fn sweep(&mut self, pair: Pair<'_, Rule>) -> ItemKind {
        let whole = self.span(&pair);
        let mut param = None;
        let mut values = None;
        for inner in pair.into_inner() {
            match inner.as_rule() {
                Rule::word => param = Some(self.name(&inner)),
                Rule::expression => values = Some(self.row(inner).expr),
                Rule::missing_in | Rule::missing_list => {
                    let name = param.as_ref().map_or("gamma", |name: &Name| &name.node);
                    let help = format!("write `sweep {name} in [0.25, 0.5]`");
                    self.missing(whole, "a sweep without values", "`in [ … ]` belongs behind this", help);
                }
                _ => {}
            }
        }
        let values = values.unwrap_or_else(|| self.hole(whole));
        if !matches!(values.kind, ExprKind::List(_) | ExprKind::Hole) {
            let message = "the values of a sweep are a list";
            let error = SyntaxError::new(SyntaxErrorKind::Unexpected, values.span, message, "not a list");
            self.error(error.help("write `in [0.25, 0.5]`"));
        }
        ItemKind::Sweep { param: param.unwrap_or_else(|| self.no_name(whole)), values }
    }

    /// A value is missing behind `last`, which is an equals sign.
    pub(super) fn missing_value(&mut self, last: Span) {
        self.missing(last, "a value is missing", "a value belongs behind this", "write a value, or remove the setting");
    }

    /// A hole behind a place.
    pub(super) fn hole(&self, after: Span) -> Expr {
        Expr { kind: ExprKind::Hole, span: self.span_of(after.end, after.end) }
    }

    /// A formula that is a hole.
    pub(super) fn no_formula(&self, after: Span) -> Formula {
        let body = self.hole(after);
        Formula { span: body.span, body, bindings: Vec::new(), source: None }
    }
}

/// Whether nothing stands there.
pub(super) fn span_is_empty(span: Span) -> bool {
    span.start == span.end
}
