//! What a recipe says about itself: guarantees and tests. Their types are checked here, and guarantees are decided; tests are run
//! elsewhere.

use super::StageDraft;
use crate::diagnostic::{Diagnostic, codes, suggest};
use crate::formula::{self, Level, Type, TypedFormula};
use crate::problems::Problems;
use crate::prove::{self, Decision, Memo, Question, Side};
use crate::recipe::{Expectation, Guarantee, Param, Test};
use crate::resolve::View;
use crate::resolve::overrides::unknown_name;
use crate::units::Dimension;
use crate::values::{Reader, Values};
use crate::vocabulary::signals;
use recipec_grammar::source::{Source, Span};
use recipec_grammar::tree::{self, BinaryOp, Claim, Expr, ExprKind, Formula, Given, Name};
use std::collections::{BTreeMap, BTreeSet};

/// The most boxes that are looked at for one goal of a guarantee.
const MOST_BOXES: usize = 3_000;

/// Decides guarantees in every stage that learns from rewards. Each keeps its least good decision.
pub fn decide(
    guarantees: &mut [Guarantee],
    stages: &[StageDraft],
    params: &[Param],
    domains: &[String],
    memo: &Memo,
    problems: &Problems,
) {
    // What is wrong elsewhere has been reported, and may be the reason why a claim does not hold.
    if problems.any_error() || problems.lost_text() {
        return;
    }
    let rank = |decision: &Option<Decision>| match decision {
        None => 0,
        Some(Decision::Proved) => 1,
        Some(Decision::NotDecided { .. }) => 2,
        Some(Decision::Refuted(_)) => 3,
    };
    let learning: Vec<&StageDraft> = stages.iter().filter(|s| s.supervised.is_none() && s.terms.is_some()).collect();
    for guarantee in guarantees {
        for stage in &learning {
            let setting = super::setting(stage, params, domains);
            let decision = Some(memo.decide(&guarantee.question, &setting, MOST_BOXES));
            if rank(&decision) > rank(&guarantee.decision) {
                guarantee.stage = (learning.len() > 1 && rank(&decision) > 1).then(|| stage.name.clone());
                guarantee.decision = decision;
            }
        }
    }
}

/// Guarantees and tests with the right types.
pub struct Promises {
    /// Guarantees.
    pub guarantees: Vec<Guarantee>,
    /// Tests.
    pub tests: Vec<Test>,
}

/// Checks all guarantees and tests against what the run as a whole sees.
pub fn read(
    view: &View<'_>,
    values: &Values,
    formulas: &BTreeMap<String, tree::FormulaDef>,
    domains: &[String],
    sources: &[Source],
    problems: &mut Problems,
) -> Promises {
    let reader = Reader { view, sources, formulas, domains, values: values.clone(), before: None, others: Vec::new() };
    let group_size = values.count("train.group").unwrap_or(1).max(1);
    let mut promises = Promises { guarantees: Vec::new(), tests: Vec::new() };
    for guarantee in &view.resolved.guarantees {
        let checker =
            Checker { reader: &reader, group_size, what: format!("guarantee `{}`", guarantee.node.name.node) };
        if let Some(question) = checker.guarantee(&guarantee.node, problems) {
            promises.guarantees.push(Guarantee {
                name: guarantee.node.name.node.clone(),
                text: reader.text_of(guarantee.span),
                span: guarantee.span,
                question,
                decision: None,
                stage: None,
            });
        }
    }
    for test in &view.resolved.tests {
        let checker = Checker { reader: &reader, group_size, what: format!("test \"{}\"", test.node.title.node) };
        promises.tests.extend(checker.test(&test.node, test.span, problems));
    }
    promises
}

struct Checker<'a> {
    reader: &'a Reader<'a>,
    group_size: u64,
    what: String,
}

impl Checker<'_> {
    fn typed(&self, expr: &Expr, expected: Type, problems: &mut Problems) -> Option<TypedFormula> {
        let formula = Formula { body: expr.clone(), bindings: Vec::new(), source: None, span: expr.span };
        formula::check(&formula, expected, &self.what, &self.reader.scope(Level::Rollout, self.group_size), problems)
    }

    fn constant(&self, expr: &Expr, problems: &mut Problems) -> Option<(f64, Dimension)> {
        formula::constant(expr, None, &self.what, &self.reader.scope(Level::Constant, 1), problems)
    }

    fn guarantee(&self, guarantee: &tree::Guarantee, problems: &mut Problems) -> Option<Question> {
        let mut fine = true;
        let params = &self.reader.values.params;
        for name in &guarantee.for_all {
            match params.get(&name.node) {
                None => {
                    problems.push(unknown_name("param", name, params.keys().map(String::as_str).collect()));
                    fine = false;
                }
                Some(ty) if ty.range.is_none() => {
                    problems.push(
                        Diagnostic::new(
                            codes::GUARANTEE_BAD_CLAIM,
                            format!("`for all {}` needs the declared range of `{}`", name.node, name.node),
                        )
                        .at(name.span, "this param has no range")
                        .help(format!("declare it as `param {} : number in 0..1 = …`", name.node)),
                    );
                    fine = false;
                }
                Some(_) => {}
            }
        }
        let claim = match &guarantee.claim {
            Claim::Within { value, range } => {
                let value = self.side(value, problems);
                let ExprKind::Range(low, high) = &range.kind else {
                    problems.push(
                        Diagnostic::new(codes::GUARANTEE_BAD_CLAIM, "`in` takes a range such as `-1..0`")
                            .at(range.span, "not a range"),
                    );
                    return None;
                };
                let (low, high) = (self.constant(low, problems), self.constant(high, problems));
                prove::Claim::Within { value: value?, low: low?.0, high: high?.0 }
            }
            Claim::Monotone { value, signal, rises } => {
                let (value, found) = (self.side(value, problems), self.moving(signal, problems));
                if !found {
                    return None;
                }
                prove::Claim::Monotone { value: value?, signal: signal.node.clone(), falls: !*rises }
            }
            Claim::Holds { condition, same } => {
                let same_fine = same.iter().map(|name| self.signal(name, problems)).fold(true, |a, b| a & b);
                let comparison = self.comparison(condition, codes::GUARANTEE_BAD_CLAIM, problems);
                let (left, op, right) = comparison.filter(|_| same_fine)?;
                self.shared_once(condition, &left, &right, problems)?;
                let same = same.iter().map(|name| name.node.clone()).collect();
                prove::Claim::Compare { left, op, right, same }
            }
        };
        let for_all = guarantee.for_all.iter().map(|name| name.node.clone()).collect();
        fine.then_some(Question { for_all, claim })
    }

    /// A signal in which something can fall or rise: a number.
    fn moving(&self, name: &Name, problems: &mut Problems) -> bool {
        let found = self.signal(name, problems);
        let moves = signal(&name.node).is_some_and(|s| matches!(s.ty, Type::Number(_)) && s.name != "group_size");
        if found && !moves {
            problems.push(
                Diagnostic::new(codes::GUARANTEE_BAD_CLAIM, format!("nothing falls or rises in `{}`", name.node))
                    .at(name.span, "not a number that differs from rollout to rollout")
                    .help("name a number such as `length`, or compare two rollouts: `total given correct >= total given wrong`"),
            );
        }
        found && moves
    }

    /// What the rollouts of a group share can be given one value only.
    fn shared_once(&self, condition: &Expr, left: &Side, right: &Side, problems: &mut Problems) -> Option<()> {
        let (Some(one), Some(other)) = (&left.given, &right.given) else { return Some(()) };
        let shared = |name: &str| signal(name).is_none_or(|s| s.level == signals::SignalLevel::Group);
        let twice = one.iter().find(|(name, value)| shared(name) && other.get(*name).is_some_and(|v| v != *value));
        let Some((name, _)) = twice else { return Some(()) };
        problems.push(
            Diagnostic::new(codes::GUARANTEE_BAD_CLAIM, format!("`{name}` is given two values"))
                .at(condition.span, "the two sides are rollouts of one group, which share it")
                .help("give it once, or give both sides the same value"),
        );
        None
    }

    /// A comparison of two numbers of one dimension, perhaps with `given` on each side.
    fn comparison(
        &self,
        condition: &Expr,
        code: crate::diagnostic::Code,
        problems: &mut Problems,
    ) -> Option<(Side, BinaryOp, Side)> {
        use BinaryOp::{Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual};
        match &condition.kind {
            ExprKind::Hole => None,
            ExprKind::Binary {
                op: op @ (Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual),
                left,
                right,
                ..
            } => {
                let left = self.side(left, problems);
                let right = self.side(right, problems);
                Some((left?, *op, right?))
            }
            _ => {
                problems.push(
                    Diagnostic::new(code, format!("{} compares nothing", self.what))
                        .at(condition.span, "not a comparison")
                        .help("write a comparison such as `total >= -1`"),
                );
                None
            }
        }
    }

    fn side(&self, expr: &Expr, problems: &mut Problems) -> Option<Side> {
        let (value, facts) = match &expr.kind {
            ExprKind::Given { value, facts } => (value.as_ref(), Some(facts.as_slice())),
            _ => (expr, None),
        };
        let mut fine = true;
        let given = facts.map(|facts| {
            let mut given = BTreeMap::new();
            for fact in facts {
                match self.fact(fact, problems) {
                    Some(value) => _ = given.insert(fact.name.text(), value),
                    None => fine = false,
                }
            }
            given
        });
        // The value may be of any dimension: the one that it has by itself is asked first.
        let typed = self.typed(value, self.natural(value), problems);
        typed.filter(|_| fine).map(|formula| Side { formula, given })
    }

    /// The dimension of a bare signal; a pure number for everything else.
    fn natural(&self, expr: &Expr) -> Type {
        match &expr.kind {
            ExprKind::Path(path) => signal(&path.text()).map_or(Type::PURE, |s| s.ty),
            _ => Type::PURE,
        }
    }

    fn signal(&self, name: &Name, problems: &mut Problems) -> bool {
        let found = signal(&name.node).is_some();
        if !found {
            problems.push(unknown_name("signal", name, signal_names()));
        }
        found
    }

    /// The value of a fact, in base units.
    fn fact(&self, fact: &Given, problems: &mut Problems) -> Option<f64> {
        let name = fact.name.text();
        let at = Name::new(name.clone(), fact.name.span);
        let ty = match (signal(&name), self.reader.values.params.get(&name)) {
            (Some(signal), _) => signal.ty,
            (None, Some(param)) => param.ty,
            (None, None) => {
                let legal =
                    signal_names().into_iter().chain(self.reader.values.params.keys().map(String::as_str)).collect();
                problems.push(unknown_name("signal or param", &at, legal));
                return None;
            }
        };
        match (&fact.value, ty) {
            (None, Type::Bool) => Some(1.0),
            (None, _) => {
                problems.push(
                    Diagnostic::new(codes::WRONG_KIND, format!("`{name}` is not a truth value"))
                        .at(at.span, "a value is missing")
                        .help(format!("write `{name} = …`")),
                );
                None
            }
            (Some(Expr { kind: ExprKind::Bool(truth), .. }), Type::Bool) => Some(f64::from(u8::from(*truth))),
            (Some(Expr { kind: ExprKind::Path(path), .. }), Type::Domain) => {
                let found = self.reader.domains.iter().position(|d| *d == path.text());
                if found.is_none() {
                    let at = Name::new(path.text(), path.span);
                    problems.push(unknown_name(
                        "domain",
                        &at,
                        self.reader.domains.iter().map(String::as_str).collect(),
                    ));
                }
                found.map(|position| position as f64)
            }
            (Some(value), Type::Number(dimension)) => {
                let (number, found) = self.constant(value, problems)?;
                if found != dimension {
                    problems.push(
                        Diagnostic::new(codes::WRONG_UNIT, format!("`{name}` is {dimension}, found {found}"))
                            .at(value.span, format!("this is {found}")),
                    );
                    return None;
                }
                Some(number)
            }
            (Some(value), _) => {
                problems.push(
                    Diagnostic::new(codes::WRONG_KIND, format!("`{name}` takes {ty}"))
                        .at(value.span, "another kind of value"),
                );
                None
            }
        }
    }

    fn test(&self, test: &tree::TestDef, span: Span, problems: &mut Problems) -> Option<Test> {
        let mut given: BTreeMap<String, f64> = BTreeMap::new();
        let mut fine = true;
        for fact in &test.given {
            match self.fact(fact, problems) {
                Some(value) => {
                    if given.insert(fact.name.text(), value).is_some() {
                        problems.push(
                            Diagnostic::new(codes::DUPLICATE, format!("`{}` is given twice", fact.name.text()))
                                .at(fact.name.span, "again here"),
                        );
                        fine = false;
                    }
                }
                None => fine = false,
            }
        }
        complete(&mut given);
        // A fact that could not be read is not open: it has been reported.
        let named: BTreeSet<String> = given.keys().cloned().chain(test.given.iter().map(|f| f.name.text())).collect();
        let mut expect = Vec::new();
        for expectation in &test.expect {
            match self.expectation(expectation, &named, problems) {
                Some(read) => expect.push(read),
                None => fine = false,
            }
        }
        fine.then(|| Test { title: test.title.node.clone(), given, expect, span })
    }

    fn expectation(
        &self,
        expectation: &tree::Expectation,
        named: &BTreeSet<String>,
        problems: &mut Problems,
    ) -> Option<Expectation> {
        let (left, op, right) = self.comparison(&expectation.condition, codes::TEST_BAD_EXPECTATION, problems)?;
        let (left, right) = (left.formula, right.formula);
        let within = match &expectation.within {
            Some(within) => Some(self.constant(within, problems)?.0),
            None => None,
        };
        let mut open: Vec<String> = Vec::new();
        for formula in [&left, &right] {
            let signals = super::signals_behind(formula, &self.reader.values.terms);
            open.extend(signals.into_iter().filter(|s| !named.contains(s)));
        }
        open.sort();
        open.dedup();
        if !open.is_empty() {
            let names = suggest::list(&open, "and");
            problems.push(
                Diagnostic::new(codes::TEST_OPEN_SIGNAL, format!("{} leaves {names} open", self.what))
                    .at(expectation.span, format!("this reads {names}"))
                    .help(format!("add to `given`: `{}`", facts(&open))),
            );
            return None;
        }
        Some(Expectation {
            left,
            op,
            right,
            within,
            text: self.reader.text_of(expectation.span),
            span: expectation.span,
        })
    }
}

/// Signals as facts: truth values stand alone, everything else has a value.
fn facts(names: &[String]) -> String {
    let fact = |name: &String| match signals::signal(name).map(|s| s.ty) {
        Some(Type::Bool) => name.clone(),
        _ => format!("{name} = …"),
    };
    names.iter().map(fact).collect::<Vec<_>>().join(", ")
}

/// A signal that formulas of the reward see.
fn signal(name: &str) -> Option<&'static signals::Signal> {
    signals::signal(name).filter(|s| s.is_seen_by(Level::Rollout))
}

fn signal_names() -> Vec<&'static str> {
    signals::SIGNALS.iter().filter(|s| s.is_seen_by(Level::Rollout)).map(|s| s.name).collect()
}

/// Adds what follows from the facts: a right rollout is not wrong and has the full score, a finished one is not truncated.
fn complete(given: &mut BTreeMap<String, f64>) {
    for (one, other) in [("correct", "wrong"), ("finished", "truncated")] {
        for (a, b) in [(one, other), (other, one)] {
            if let Some(value) = given.get(a).copied() {
                given.entry(b.to_string()).or_insert(1.0 - value);
            }
        }
    }
    if given.get("correct") == Some(&1.0) {
        given.entry("score".into()).or_insert(1.0);
        given.entry("answered".into()).or_insert(1.0);
        given.entry("parsable".into()).or_insert(1.0);
    }
}
