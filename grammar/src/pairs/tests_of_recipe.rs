//! Tests that a recipe carries.

use super::{Place, Reader, Rule};
use crate::tree::{Expectation, Expr, Given, SyntaxError, SyntaxErrorKind, TestDef};
use pest::iterators::Pair;

impl Reader<'_> {
    /// `test "…" { given …  expect … }`
    pub(super) fn test(&mut self, pair: Pair<'_, Rule>) -> TestDef {
        let whole = self.span(&pair);
        let mut test = TestDef {
            title: self.no_name(whole),
            given: Vec::new(),
            expect: Vec::new(),
        };
        for inner in pair.into_inner() {
            match inner.as_rule() {
                Rule::text => test.title = self.text_value(inner),
                Rule::missing_title => {
                    let word = self.span_of(whole.start, whole.start + "test".len());
                    self.missing(
                        word,
                        "a test without a title",
                        "a title in quotes belongs behind this",
                        "write `test \"…\" {`",
                    );
                    self.missing_at = None;
                }
                Rule::missing_open => {
                    self.missing(
                        whole,
                        "a test without a body",
                        "`{ … }` belongs behind this",
                        "write `{ given …  expect … }`",
                    );
                }
                Rule::test_body => self.test_body(inner, &mut test),
                _ => {}
            }
        }
        test
    }

    fn test_body(&mut self, pair: Pair<'_, Rule>, test: &mut TestDef) {
        let whole = self.span(&pair);
        let mut understood = true;
        for inner in pair.into_inner() {
            let span = self.span(&inner);
            match inner.as_rule() {
                Rule::given_facts => self.given_facts(inner, &mut test.given),
                Rule::expect => {
                    let expectation = self.expectation(inner);
                    test.expect.push(expectation);
                }
                Rule::comma => {
                    let message = "unexpected `,` in a test";
                    let error = SyntaxError::new(
                        SyntaxErrorKind::Unexpected,
                        span,
                        message,
                        "separates nothing",
                    );
                    self.error(error.help(
                        "facts are separated by commas, `given` and `expect` by white space",
                    ));
                }
                Rule::stray_docs => self.stray_docs(inner),
                Rule::junk_test => {
                    understood = false;
                    self.junk(inner, Place::Test);
                }
                Rule::missing_close => {
                    understood = false;
                    self.unclosed(whole.start, span.start);
                }
                _ => {}
            }
        }
        if test.expect.is_empty() && understood {
            let title = test.title.span;
            let help = "add `expect value == number within 1e-4`";
            self.missing(
                title,
                "a test that expects nothing",
                "has no `expect`",
                help,
            );
            self.missing_at = None;
        }
    }

    fn given_facts(&mut self, pair: Pair<'_, Rule>, facts: &mut Vec<Given>) {
        let whole = self.span(&pair);
        for inner in pair.into_inner() {
            match inner.as_rule() {
                Rule::test_fact => facts.extend(self.fact(inner).map(|(fact, _)| fact)),
                Rule::missing_fact => {
                    let help = "write `given length = 16Ki tokens, correct`";
                    self.missing(
                        whole,
                        "`given` without a fact",
                        "facts belong behind this",
                        help,
                    );
                }
                _ => {}
            }
        }
    }

    fn expectation(&mut self, pair: Pair<'_, Rule>) -> Expectation {
        let span = self.span(&pair);
        let mut condition: Option<Expr> = None;
        let mut within = None;
        for inner in pair.into_inner() {
            match inner.as_rule() {
                Rule::condition => condition = Some(self.row(inner).expr),
                Rule::sum => within = Some(self.row(inner).expr),
                Rule::missing_condition => {
                    let help = "write `expect value == number within 1e-4`";
                    self.missing(
                        span,
                        "`expect` without a comparison",
                        "a comparison belongs behind this",
                        help,
                    );
                }
                Rule::missing_value => {
                    let help = "write `within 1e-4`";
                    self.missing(
                        span,
                        "`within` without a tolerance",
                        "ends without a tolerance",
                        help,
                    );
                }
                _ => {}
            }
        }
        Expectation {
            condition: condition.unwrap_or_else(|| self.hole(span)),
            within,
            span,
        }
    }
}
