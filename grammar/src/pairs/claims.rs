//! Guarantees.

use super::items::span_is_empty;
use super::{Reader, Rule};
use crate::syntax_error::quoted;
use crate::tree::{Claim, Guarantee, Name};
use pest::iterators::Pair;

impl Reader<'_> {
    /// `guarantee NAME [for all a, b] : CLAIM`
    pub(super) fn guarantee(&mut self, pair: Pair<'_, Rule>) -> Guarantee {
        let whole = self.span(&pair);
        let mut name = None;
        let mut for_all = Vec::new();
        let mut claim = None;
        let mut last = whole;
        for inner in pair.into_inner() {
            let span = self.span(&inner);
            match inner.as_rule() {
                Rule::word => name = Some(self.name(&inner)),
                Rule::for_all => for_all = self.for_all(inner),
                Rule::missing_colon => {
                    let help = "write `guarantee name : claim`";
                    self.missing(
                        last,
                        "a guarantee without `:`",
                        "`:` and a claim belong behind this",
                        help,
                    );
                    self.missing_at = None;
                }
                Rule::missing_claim if self.missing_at != Some(span.start) => {
                    let help =
                        "for example `penalty in -1..0`, `penalty falls in length` or `a >= b`";
                    self.missing(
                        last,
                        "a guarantee without a claim",
                        "a claim belongs behind this",
                        help,
                    );
                }
                Rule::claim => claim = Some(self.claim(inner)),
                _ => {}
            }
            if !span_is_empty(span) {
                last = span;
            }
        }
        let no_claim = Claim::Holds {
            condition: self.hole(last),
            same: Vec::new(),
        };
        Guarantee {
            name: name.unwrap_or_else(|| self.no_name(whole)),
            for_all,
            claim: claim.unwrap_or(no_claim),
        }
    }

    fn for_all(&mut self, pair: Pair<'_, Rule>) -> Vec<Name> {
        let whole = self.span(&pair);
        let mut names = Vec::new();
        for inner in pair.into_inner() {
            match inner.as_rule() {
                Rule::names => names = self.names(inner),
                Rule::missing_all | Rule::missing_names => {
                    self.missing(
                        whole,
                        "`for all` is incomplete",
                        "not complete",
                        "write `for all gamma, wrong_scale`",
                    );
                }
                _ => {}
            }
        }
        names
    }

    fn claim(&mut self, pair: Pair<'_, Rule>) -> Claim {
        let mut value = self.hole(self.span(&pair));
        for inner in pair.into_inner() {
            let span = self.span(&inner);
            match inner.as_rule() {
                Rule::expression => value = self.row(inner).expr,
                Rule::in_range => {
                    let range = match inner.into_inner().next() {
                        Some(bound) if bound.as_rule() == Rule::bound => self.row(bound).expr,
                        _ => {
                            self.missing(
                                span,
                                "`in` without a range",
                                "a range belongs behind this",
                                "write `in -1..0`",
                            );
                            self.hole(span)
                        }
                    };
                    return Claim::Within { value, range };
                }
                Rule::monotone => {
                    let mut rises = false;
                    let mut signal = self.no_name(span);
                    for part in inner.into_inner() {
                        match part.as_rule() {
                            Rule::direction => rises = part.as_str() == "rises",
                            Rule::word => signal = self.name(&part),
                            _ => {
                                let message =
                                    format!("{} without a signal", quoted(self.slice(span)));
                                let help = "write `falls in length` or `rises in length`";
                                self.missing(
                                    span,
                                    message,
                                    "`in signal` belongs behind this",
                                    help,
                                );
                            }
                        }
                    }
                    return Claim::Monotone {
                        value,
                        rises,
                        signal,
                    };
                }
                Rule::same => {
                    let same = match inner.into_inner().next() {
                        Some(names) if names.as_rule() == Rule::names => self.names(names),
                        _ => {
                            let help = "write `same length, truncated`";
                            self.missing(
                                span,
                                "`same` without a signal",
                                "signals belong behind this",
                                help,
                            );
                            Vec::new()
                        }
                    };
                    return Claim::Holds {
                        condition: value,
                        same,
                    };
                }
                _ => {}
            }
        }
        Claim::Holds {
            condition: value,
            same: Vec::new(),
        }
    }
}
