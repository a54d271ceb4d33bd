//! Named formulas: checked by themselves, and put in the place of every call.

use super::{Checker, Local};
use crate::formula::{Inline, Kind, Level, Source, Type, Typed, TypedBinding, error};
use crate::range::Interval;
use recipec_grammar::source::Span;
use recipec_grammar::tree::{self, Argument};

impl Checker<'_, '_> {
    /// The parameters of a named formula, with the ranges of their types.
    pub(super) fn parameters(&mut self, definition: &tree::FormulaDef) -> Vec<Local> {
        let mut locals: Vec<Local> = Vec::new();
        for (name, type_name) in &definition.parameters {
            let value = self.type_named(type_name);
            if let Some(earlier) = locals.iter().find(|local| local.name == name.node) {
                let diagnostic =
                    error::shadows(&name.node, name.span, Some(earlier.span), "it is a parameter of this formula");
                self.report(diagnostic);
            }
            self.refuse_shadow(name);
            locals.push(Local { name: name.node.clone(), value, span: name.span, used: true });
        }
        locals
    }

    pub(super) fn inline(
        &mut self,
        definition: &tree::FormulaDef,
        arguments: &[Argument],
        span: Span,
    ) -> Option<Typed> {
        let name = definition.name.node.as_str();
        if self.chain.iter().any(|open| open == name) {
            let mut chain = self.chain.clone();
            chain.push(name.to_string());
            self.report(error::recursive(&chain, span));
            return None;
        }
        let parameters: Vec<&str> = definition.parameters.iter().map(|(name, _)| name.node.as_str()).collect();
        let places = self.place_values(name, &parameters, &[], arguments, span)?;
        let mut values = Vec::new();
        for ((parameter, type_name), argument) in definition.parameters.iter().zip(places.into_iter().flatten()) {
            self.refuse_filter(name, argument);
            let value = self.expr(&argument.value);
            let needed = self.type_named(type_name);
            values.push(self.fits(&format!("`{}` of `{name}`", parameter.node), value, needed));
        }
        let result = self.type_named(&definition.result);

        // The body sees its parameters, params and budgets, and nothing of the caller.
        let caller_facts = std::mem::take(&mut self.facts);
        self.facts =
            caller_facts.iter().filter(|f| matches!(f.source, Source::Param | Source::Budget)).cloned().collect();
        let mut locals = Vec::new();
        for ((parameter, _), value) in definition.parameters.iter().zip(&values) {
            locals.push(Local {
                name: parameter.node.clone(),
                value: value.as_ref().map(|v| (v.ty, v.range)),
                span: parameter.span,
                used: true,
            });
        }
        let caller_locals = std::mem::replace(&mut self.locals, locals);
        let caller_later = std::mem::take(&mut self.later);
        let caller_level = std::mem::replace(&mut self.level, Level::Constant);
        let caller_what = std::mem::replace(&mut self.what, format!("formula `{name}`"));
        self.chain.push(name.to_string());
        self.calls.push((name.to_string(), span));
        let formula = self.formula(&definition.body);
        let source = definition.body.source.as_ref().map(|note| note.node.clone());
        let body = formula.and_then(|formula| {
            Some((self.fits(&format!("the value of `{name}`"), Some(formula.body), result)?, formula.bindings))
        });
        self.calls.pop();
        self.chain.pop();
        self.what = caller_what;
        self.level = caller_level;
        self.later = caller_later;
        self.locals = caller_locals;
        self.facts = caller_facts;

        let (body, bindings) = body?;
        let arguments = parameters
            .iter()
            .zip(values)
            .map(|(name, value)| Some(TypedBinding { name: (*name).to_string(), value: value? }))
            .collect::<Option<Vec<_>>>()?;
        let (ty, range) = (body.ty, body.range);
        let inline = Inline { formula: name.to_string(), source, arguments, bindings, body };
        Some(Typed { kind: Kind::Inline(Box::new(inline)), ty, range, span })
    }

    /// Passes on what has the type and lies in the range that its place demands.
    fn fits(&mut self, what: &str, value: Option<Typed>, needed: Option<(Type, Interval)>) -> Option<Typed> {
        let (value, (ty, range)) = (value?, needed?);
        if value.ty != ty {
            match (value.ty, ty) {
                (Type::Number(_), Type::Number(_)) => self.dimension_error(what, ty, &value),
                (_, Type::Bool) => _ = self.truth(Some(value), what),
                _ => _ = self.number(Some(value), what),
            }
            return None;
        }
        if !range.covers(value.range) {
            let help = format!("keep it there: `clip({value}, {}, {})`", range.low, range.high);
            self.report_range(error::outside(what, value.span, value.range, range, help));
        }
        Some(value)
    }
}
