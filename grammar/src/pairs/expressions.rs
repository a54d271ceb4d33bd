//! Expressions: a row of pairs becomes a row of tokens, and `precedence` gives it its shape.

use super::{Place, Reader, Rule};
use crate::precedence::{self, Infix, Prefix, Tall, Token, too_deep};
use crate::scan::MAX_DEPTH;
use crate::source::Span;
use crate::syntax_error::quoted;
use crate::tree::{Argument, BinaryOp, ExprKind, Given, Name, Path, SyntaxError, SyntaxErrorKind};
use pest::iterators::Pair;

impl Reader<'_> {
    /// An `expression`, a `condition`, a `sum` or a `bound`.
    pub(super) fn row(&mut self, pair: Pair<'_, Rule>) -> Tall {
        let whole = self.span(&pair);
        let mut tokens = Vec::new();
        let mut last = whole;
        for inner in pair.into_inner() {
            let span = self.span(&inner);
            match inner.as_rule() {
                Rule::prefix => tokens.extend(self.prefix(span)),
                Rule::operator | Rule::sum_operator => tokens.push(self.operator(span)),
                Rule::missing_operand => tokens.push(self.no_operand(last)),
                Rule::given => tokens.push(self.given(inner)),
                _ => tokens.push(Token::Operand(self.operand(inner))),
            }
            last = span;
        }
        let before = self.errors.len();
        let tall = precedence::shape(tokens, whole, &mut self.errors);
        if self
            .errors
            .iter()
            .skip(before)
            .any(|error| error.kind == SyntaxErrorKind::Missing)
        {
            // Without its `then` or `else` the row ended early; what follows is the same fault.
            self.missing_at = Some(whole.end);
        }
        tall
    }

    fn no_operand(&mut self, operator: Span) -> Token {
        let message = format!("a value is missing behind {}", quoted(self.slice(operator)));
        self.missing(
            operator,
            message,
            "a value belongs behind this",
            "add the value, or remove the operator",
        );
        Token::NoOperand(self.span_of(operator.end, operator.end))
    }

    fn mistake(&mut self, span: Span, message: String, help: &str) {
        let error = SyntaxError::new(
            SyntaxErrorKind::Unexpected,
            span,
            message,
            "not an operator here",
        );
        self.error(error.help(help));
    }

    fn prefix(&mut self, span: Span) -> Option<Token> {
        let prefix = match self.slice(span) {
            "-" => Prefix::Minus,
            "not" => Prefix::Not,
            "if" => Prefix::If,
            "!" => {
                self.mistake(span, "`!` is written `not`".into(), "write `not`");
                Prefix::Not
            }
            sign => {
                self.mistake(
                    span,
                    format!("{} before a value", quoted(sign)),
                    "remove the sign",
                );
                return None;
            }
        };
        Some(Token::Prefix(prefix, span))
    }

    fn operator(&mut self, span: Span) -> Token {
        let written = self.slice(span);
        let infix = match written {
            ".." => Infix::Range,
            "or" => Infix::Op(BinaryOp::Or),
            "and" => Infix::Op(BinaryOp::And),
            "<" => Infix::Op(BinaryOp::Less),
            "<=" => Infix::Op(BinaryOp::LessEqual),
            ">" => Infix::Op(BinaryOp::Greater),
            ">=" => Infix::Op(BinaryOp::GreaterEqual),
            "==" => Infix::Op(BinaryOp::Equal),
            "!=" => Infix::Op(BinaryOp::NotEqual),
            "+" => Infix::Op(BinaryOp::Add),
            "-" => Infix::Op(BinaryOp::Subtract),
            "*" => Infix::Op(BinaryOp::Multiply),
            "/" => Infix::Op(BinaryOp::Divide),
            "^" => Infix::Op(BinaryOp::Power),
            "then" => Infix::Then,
            "else" => Infix::Else,
            "=" => Infix::SingleEqual,
            _ => {
                let (infix, meant) = match written {
                    "&&" => (Infix::Op(BinaryOp::And), "and"),
                    "||" => (Infix::Op(BinaryOp::Or), "or"),
                    "**" => (Infix::Op(BinaryOp::Power), "^"),
                    "=>" => (Infix::Op(BinaryOp::GreaterEqual), ">="),
                    "=<" => (Infix::Op(BinaryOp::LessEqual), "<="),
                    "<>" => (Infix::Op(BinaryOp::NotEqual), "!="),
                    _ => (Infix::Unknown, ""),
                };
                let (message, help) = match written {
                    _ if !meant.is_empty() => (
                        format!("`{written}` is written `{meant}`"),
                        format!("write `{meant}`"),
                    ),
                    "%" => (
                        "there is no modulo".into(),
                        "`%` makes a number a percentage, as in `40%`".into(),
                    ),
                    _ => {
                        let help = "a tolerance is written `expect a == b within 1e-4`";
                        (format!("there is no {}", quoted(written)), help.into())
                    }
                };
                self.mistake(span, message, &help);
                infix
            }
        };
        Token::Infix(infix, span)
    }

    fn operand(&mut self, pair: Pair<'_, Rule>) -> Tall {
        let span = self.span(&pair);
        let tall = match pair.as_rule() {
            Rule::quantity | Rule::bound_quantity => self.quantity(pair),
            Rule::bad_number => self.bad_number(&pair),
            Rule::text => Tall::leaf(ExprKind::Text(self.text_value(pair).node), span),
            Rule::single_quoted => self.single_quoted(&pair),
            Rule::boolean => Tall::leaf(ExprKind::Bool(pair.as_str() == "true"), span),
            Rule::reference => self.reference(pair),
            Rule::list => self.list(pair),
            Rule::group => self.group(pair),
            Rule::braces => {
                let (settings, height) = self.record(pair);
                Tall::new(
                    ExprKind::Record {
                        name: None,
                        settings,
                        braces: span,
                    },
                    span,
                    height + 1,
                )
            }
            _ => Tall::leaf(ExprKind::Hole, span),
        };
        if tall.height > MAX_DEPTH {
            self.error(too_deep(span));
            return Tall::leaf(ExprKind::Hole, span);
        }
        tall
    }

    /// A path, a call or a record with a name.
    fn reference(&mut self, pair: Pair<'_, Rule>) -> Tall {
        let whole = self.span(&pair);
        let mut inner = pair.into_inner();
        let Some(path) = inner.next().map(|path| self.path(path)) else {
            return Tall::leaf(ExprKind::Hole, whole);
        };
        match inner.next() {
            Some(arguments) if arguments.as_rule() == Rule::arguments => {
                let (arguments, height) = self.arguments(arguments);
                Tall::new(
                    ExprKind::Call {
                        function: path,
                        arguments,
                    },
                    whole,
                    height + 1,
                )
            }
            Some(braces) => {
                let span = self.span(&braces);
                let name = self.record_name(path);
                let (settings, height) = self.record(braces);
                Tall::new(
                    ExprKind::Record {
                        name,
                        settings,
                        braces: span,
                    },
                    whole,
                    height + 1,
                )
            }
            None => Tall::leaf(ExprKind::Path(path), whole),
        }
    }

    fn record_name(&mut self, path: Path) -> Option<Name> {
        if path.segments.len() > 1 {
            let message = format!("a record with the dotted name {}", quoted(&path.text()));
            let error = SyntaxError::new(
                SyntaxErrorKind::Unexpected,
                path.span,
                message,
                "one word belongs here",
            );
            self.error(error.help("write `name { … }`"));
        }
        path.segments.into_iter().next_back()
    }

    fn list(&mut self, pair: Pair<'_, Rule>) -> Tall {
        let whole = self.span(&pair);
        let mut values = Vec::new();
        let mut height = 0;
        let mut after_value = false;
        for inner in pair.into_inner() {
            let span = self.span(&inner);
            match inner.as_rule() {
                Rule::expression => {
                    let value = self.row(inner);
                    height = height.max(value.height);
                    values.push(value.expr);
                    after_value = true;
                }
                Rule::comma => self.separator(span, &mut after_value),
                Rule::junk_inside => {
                    self.junk(inner, Place::List);
                    after_value = true;
                }
                Rule::missing_close => self.unclosed(whole.start, span.start),
                _ => {}
            }
        }
        Tall::new(ExprKind::List(values), whole, height + 1)
    }

    /// A comma between two things; one that separates nothing is an error.
    fn separator(&mut self, span: Span, after_value: &mut bool) {
        if !*after_value {
            let error = SyntaxError::new(
                SyntaxErrorKind::Unexpected,
                span,
                "unexpected `,`",
                "separates nothing",
            );
            self.error(error.help("remove it, or add the value before it"));
        }
        *after_value = false;
    }

    /// Brackets leave no node: what is in them, with their place.
    fn group(&mut self, pair: Pair<'_, Rule>) -> Tall {
        let whole = self.span(&pair);
        let mut tall = Tall::leaf(ExprKind::Hole, whole);
        for inner in pair.into_inner() {
            let span = self.span(&inner);
            match inner.as_rule() {
                Rule::expression => {
                    let value = self.row(inner);
                    tall = Tall::new(value.expr.kind, whole, value.height);
                }
                Rule::missing_operand => {
                    let open = self.span_of(whole.start, whole.start + 1);
                    self.missing(
                        open,
                        "nothing in these brackets",
                        "a value belongs behind this",
                        "write a value",
                    );
                    self.missing_at = Some(span.start);
                }
                Rule::junk_inside => self.junk(inner, Place::Brackets),
                Rule::missing_close => self.unclosed(whole.start, span.start),
                _ => {}
            }
        }
        tall
    }

    fn arguments(&mut self, pair: Pair<'_, Rule>) -> (Vec<Argument>, usize) {
        let whole = self.span(&pair);
        let mut arguments = Vec::new();
        let mut height = 0;
        let mut after_value = false;
        let mut last = whole;
        let mut comma_missing = false;
        for inner in pair.into_inner() {
            let span = self.span(&inner);
            match inner.as_rule() {
                Rule::argument => {
                    let (argument, tall) = self.argument(inner);
                    height = height.max(tall);
                    arguments.push(argument);
                    after_value = true;
                }
                Rule::missing_comma => {
                    comma_missing = true;
                    let help = "arguments are separated by commas";
                    self.missing(last, "a comma is missing", "`,` belongs behind this", help);
                    self.missing_at = None;
                }
                Rule::comma => self.separator(span, &mut after_value),
                Rule::junk_inside => {
                    self.junk(inner, Place::Arguments);
                    after_value = true;
                }
                Rule::missing_close => {
                    // Then the argument without a comma may have been the next setting.
                    self.lost |= comma_missing;
                    self.unclosed(whole.start, span.start);
                }
                _ => {}
            }
            last = span;
        }
        (arguments, height)
    }

    fn argument(&mut self, pair: Pair<'_, Rule>) -> (Argument, usize) {
        let whole = self.span(&pair);
        let mut argument = Argument {
            name: None,
            value: self.hole(whole),
            filter: None,
        };
        let mut height = 1;
        let mut last = whole;
        for inner in pair.into_inner() {
            let span = self.span(&inner);
            match inner.as_rule() {
                Rule::argument_name => argument.name = Some(self.name(&inner)),
                Rule::wrong_arg_eq => self.wrong_eq(&inner),
                Rule::missing_value => {
                    let name = argument.name.as_ref().map_or("", |name| &name.node);
                    let message = format!("argument {} has no value", quoted(name));
                    self.missing(
                        last,
                        message,
                        "a value belongs behind this",
                        "write `name = value`",
                    );
                }
                Rule::expression => {
                    let value = self.row(inner);
                    height = height.max(value.height);
                    argument.value = value.expr;
                }
                Rule::filter => {
                    let filter = match inner.into_inner().next() {
                        Some(expression) if expression.as_rule() == Rule::expression => {
                            self.row(expression)
                        }
                        _ => {
                            self.missing(
                                span,
                                "a filter without a condition",
                                "a condition belongs behind this",
                                "write `if correct`",
                            );
                            Tall::leaf(ExprKind::Hole, span)
                        }
                    };
                    height = height.max(filter.height);
                    argument.filter = Some(filter.expr);
                }
                _ => {}
            }
            last = span;
        }
        (argument, height)
    }

    fn given(&mut self, pair: Pair<'_, Rule>) -> Token {
        let span = self.span(&pair);
        let mut facts = Vec::new();
        let mut height = 0;
        for inner in pair.into_inner() {
            match inner.as_rule() {
                Rule::fact => {
                    if let Some((fact, tall)) = self.fact(inner) {
                        facts.push(fact);
                        height = height.max(tall);
                    }
                }
                Rule::facts => self.facts(inner, &mut facts, &mut height),
                Rule::missing_fact => {
                    let help = "write `given correct` or `given (correct, finished)`";
                    self.missing(
                        span,
                        "`given` without a signal",
                        "a signal belongs behind this",
                        help,
                    );
                }
                _ => {}
            }
        }
        Token::Given {
            facts,
            height,
            span,
        }
    }

    fn facts(&mut self, pair: Pair<'_, Rule>, facts: &mut Vec<Given>, height: &mut usize) {
        let whole = self.span(&pair);
        let mut after_value = false;
        for inner in pair.into_inner() {
            let span = self.span(&inner);
            match inner.as_rule() {
                Rule::fact => {
                    if let Some((fact, tall)) = self.fact(inner) {
                        facts.push(fact);
                        *height = (*height).max(tall);
                    }
                    after_value = true;
                }
                Rule::comma => self.separator(span, &mut after_value),
                Rule::junk_inside => {
                    self.junk(inner, Place::Given);
                    after_value = true;
                }
                Rule::missing_close => self.unclosed(whole.start, span.start),
                _ => {}
            }
        }
        if facts.is_empty() && !after_value {
            let help = "write `given (correct, finished)`";
            self.missing(
                whole,
                "`given` without a signal",
                "signals belong in here",
                help,
            );
        }
    }

    /// A fact and the height of its value: `correct`, `length = 3 tokens`.
    pub(super) fn fact(&mut self, pair: Pair<'_, Rule>) -> Option<(Given, usize)> {
        let mut name: Option<Path> = None;
        let mut value = None;
        let mut height = 0;
        let mut last = self.span(&pair);
        for inner in pair.into_inner() {
            let span = self.span(&inner);
            match inner.as_rule() {
                Rule::path => name = Some(self.path(inner)),
                Rule::wrong_eq => self.wrong_eq(&inner),
                Rule::missing_value => {
                    self.missing_value(last);
                    value = Some(self.hole(last));
                }
                Rule::sum | Rule::condition => {
                    let tall = self.row(inner);
                    height = tall.height;
                    value = Some(tall.expr);
                }
                _ => {}
            }
            last = span;
        }
        name.map(|name| (Given { name, value }, height))
    }
}
