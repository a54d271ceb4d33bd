//! A tree without its places: what two texts that differ only in their layout have in common.

use super::*;

impl File {
    /// The same tree with every place empty and without the comments, so that `==` compares what was written and not where.
    pub fn without_places(mut self) -> Self {
        self.comments.clear();
        for item in &mut self.items {
            docs(&mut item.doc);
            item.span = Span::default();
            match &mut item.kind {
                ItemKind::Block(block) => self::block(block),
                ItemKind::Param(param) => {
                    name(&mut param.name);
                    name(&mut param.type_name);
                    param.range.iter_mut().for_each(expr);
                    expr(&mut param.default);
                }
                ItemKind::Formula(def) => {
                    name(&mut def.name);
                    name(&mut def.result);
                    for (parameter, type_name) in &mut def.parameters {
                        name(parameter);
                        name(type_name);
                    }
                    formula(&mut def.body);
                }
                ItemKind::Term(def) => {
                    name(&mut def.keyword);
                    name(&mut def.name);
                    formula(&mut def.body);
                }
                ItemKind::Guarantee(guarantee) => {
                    name(&mut guarantee.name);
                    guarantee.for_all.iter_mut().for_each(name);
                    claim(&mut guarantee.claim);
                }
                ItemKind::Allow { code, because } => {
                    name(code);
                    name(because);
                }
                ItemKind::Sweep { param, values } => {
                    name(param);
                    expr(values);
                }
                ItemKind::Test(test) => {
                    name(&mut test.title);
                    facts(&mut test.given);
                    for expectation in &mut test.expect {
                        expectation.span = Span::default();
                        expr(&mut expectation.condition);
                        expectation.within.iter_mut().for_each(expr);
                    }
                }
                ItemKind::Import(file) | ItemKind::Extends(file) => {
                    name(&mut file.path);
                    file.blake3.iter_mut().for_each(name);
                }
            }
        }
        self
    }
}

fn name(name: &mut Spanned<String>) {
    name.span = Span::default();
}

fn docs(doc: &mut Option<Spanned<String>>) {
    doc.iter_mut().for_each(name);
}

fn path(path: &mut Path) {
    path.span = Span::default();
    path.segments.iter_mut().for_each(name);
}

fn block(block: &mut Block) {
    name(&mut block.keyword);
    block.name.iter_mut().for_each(name);
    block.after.iter_mut().for_each(name);
    block.braces = Span::default();
    for entry in &mut block.body {
        match entry {
            Entry::Setting(entry) => setting(entry),
            Entry::Block { doc, block: inner, span } => {
                docs(doc);
                *span = Span::default();
                self::block(inner);
            }
        }
    }
}

fn setting(setting: &mut Setting) {
    docs(&mut setting.doc);
    setting.overrides = setting.overrides.map(|_| Span::default());
    path(&mut setting.path);
    formula(&mut setting.value);
    setting.span = Span::default();
}

fn formula(formula: &mut Formula) {
    expr(&mut formula.body);
    for binding in &mut formula.bindings {
        name(&mut binding.name);
        expr(&mut binding.value);
    }
    formula.source.iter_mut().for_each(name);
    formula.span = Span::default();
}

fn claim(claim: &mut Claim) {
    match claim {
        Claim::Holds { condition, same } => {
            expr(condition);
            same.iter_mut().for_each(name);
        }
        Claim::Within { value, range } => {
            expr(value);
            expr(range);
        }
        Claim::Monotone { value, signal, .. } => {
            expr(value);
            name(signal);
        }
    }
}

fn facts(facts: &mut [Given]) {
    for fact in facts {
        path(&mut fact.name);
        fact.value.iter_mut().for_each(expr);
    }
}

fn expr(e: &mut Expr) {
    e.span = Span::default();
    match &mut e.kind {
        ExprKind::Quantity(quantity) => quantity.unit.iter_mut().for_each(name),
        ExprKind::Text(_) | ExprKind::Bool(_) | ExprKind::Hole => {}
        ExprKind::Path(inner) => path(inner),
        ExprKind::Call { function, arguments } => {
            path(function);
            for argument in arguments {
                argument.name.iter_mut().for_each(name);
                expr(&mut argument.value);
                argument.filter.iter_mut().for_each(expr);
            }
        }
        ExprKind::Record { name: word, settings, braces } => {
            word.iter_mut().for_each(name);
            settings.iter_mut().for_each(setting);
            *braces = Span::default();
        }
        ExprKind::List(values) => values.iter_mut().for_each(expr),
        ExprKind::Negate(inner) | ExprKind::Not(inner) => expr(inner),
        ExprKind::Range(left, right) => {
            expr(left);
            expr(right);
        }
        ExprKind::Binary { op_span, left, right, .. } => {
            *op_span = Span::default();
            expr(left);
            expr(right);
        }
        ExprKind::If { condition, then, otherwise } => {
            [condition, then, otherwise].into_iter().for_each(|part| expr(part));
        }
        ExprKind::Given { value, facts: given } => {
            expr(value);
            facts(given);
        }
    }
}
