//! The shape of an expression: a flat row of operands and operators becomes a tree.
//!
//! From the loosest to the tightest: `..`, `or`, `and`, `not`, comparisons, `given`, `+ -`, `* /`, unary minus, `^`.
//! `^` binds to the right; comparisons, `..` and `given` do not chain. `if c then a else b` is a prefix whose last part
//! reaches as far as it can.

use crate::scan::MAX_DEPTH;
use crate::source::Span;
use crate::tree::{BinaryOp, Expr, ExprKind, Given, SyntaxError, SyntaxErrorKind};

/// An expression and the height of its tree, by which the recursion of later phases is bounded.
pub(crate) struct Tall {
    pub expr: Expr,
    pub height: usize,
    /// It ends in a `given` that is not in brackets.
    pub open_given: bool,
}

impl Tall {
    pub(crate) fn new(kind: ExprKind, span: Span, height: usize) -> Self {
        Self {
            expr: Expr { kind, span },
            height,
            open_given: false,
        }
    }

    pub(crate) fn leaf(kind: ExprKind, span: Span) -> Self {
        Self::new(kind, span, 1)
    }
}

/// One piece of the row.
pub(crate) enum Token {
    Operand(Tall),
    /// Nothing stands where an operand should; reported already.
    NoOperand(Span),
    Prefix(Prefix, Span),
    Infix(Infix, Span),
    /// `given …` behind its value; `height` is that of its facts.
    Given {
        facts: Vec<Given>,
        height: usize,
        span: Span,
    },
}

/// What stands before an operand.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Prefix {
    Minus,
    Not,
    If,
}

/// What stands between two operands.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Infix {
    Op(BinaryOp),
    /// `=` where only `==` has a meaning.
    SingleEqual,
    Range,
    Then,
    Else,
    /// An operator of other languages; reported already, and its value is a hole.
    Unknown,
}

const RANGE: u8 = 1;
const OR: u8 = 2;
const AND: u8 = 3;
const NOT: u8 = 4;
const COMPARE: u8 = 5;
const GIVEN: u8 = 6;
const ADD: u8 = 7;
const MULTIPLY: u8 = 8;
const MINUS: u8 = 9;
const POWER: u8 = 10;

fn level(infix: Infix) -> Option<u8> {
    Some(match infix {
        Infix::Op(op) => match op {
            BinaryOp::Or => OR,
            BinaryOp::And => AND,
            BinaryOp::Add | BinaryOp::Subtract => ADD,
            BinaryOp::Multiply | BinaryOp::Divide => MULTIPLY,
            BinaryOp::Power => POWER,
            _ => COMPARE,
        },
        Infix::SingleEqual => COMPARE,
        Infix::Range => RANGE,
        Infix::Unknown => MULTIPLY,
        Infix::Then | Infix::Else => return None,
    })
}

/// Shapes a row. `place` is where a hole goes when the row is empty.
pub(crate) fn shape(tokens: Vec<Token>, place: Span, errors: &mut Vec<SyntaxError>) -> Tall {
    let mut shaper = Shaper {
        tokens: tokens.into_iter().peekable(),
        errors,
        last: place,
        conditions: 0,
        given_up: false,
    };
    let mut tall = shaper.expression(RANGE, 0);
    // What is left begins with a `then` or an `else` that belongs to no `if`.
    while let Some(token) = shaper.tokens.next() {
        if let Token::Infix(infix @ (Infix::Then | Infix::Else), span) = token
            && !shaper.given_up
        {
            let word = if infix == Infix::Then { "then" } else { "else" };
            let error = SyntaxError::new(
                SyntaxErrorKind::Unexpected,
                span,
                format!("`{word}` without an `if`"),
                "belongs to no `if`",
            );
            shaper
                .errors
                .push(error.help("a choice is `if condition then value else value`"));
        }
        let rest = shaper.expression(RANGE, 0);
        tall = Tall::leaf(ExprKind::Hole, tall.expr.span.to(rest.expr.span));
    }
    tall
}

struct Shaper<'e> {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    errors: &'e mut Vec<SyntaxError>,
    /// The last piece taken.
    last: Span,
    /// How many conditions of an `if` are being read.
    conditions: usize,
    /// The row is too deep; that has been said, and the rest was dropped.
    given_up: bool,
}

impl Shaper<'_> {
    /// An expression whose operators bind at least as tightly as `min`.
    fn expression(&mut self, min: u8, depth: usize) -> Tall {
        if depth > MAX_DEPTH {
            return self.give_up(self.last);
        }
        let mut left = self.operand(depth);
        loop {
            let infix = match self.tokens.peek() {
                Some(Token::Given { .. }) if min <= GIVEN => {
                    left = self.given(left);
                    continue;
                }
                Some(Token::Infix(infix, _)) => *infix,
                _ => return left,
            };
            let Some(level) = level(infix).filter(|level| *level >= min) else {
                return left;
            };
            let Some(Token::Infix(_, span)) = self.tokens.next() else {
                return left;
            };
            self.last = span;
            self.check_operator(infix, span, &left);
            // `^` binds to the right.
            let right = self.expression(if level == POWER { POWER } else { level + 1 }, depth + 1);
            left = self.join(infix, span, left, right);
            if matches!(level, COMPARE | RANGE) {
                left = self.chain(level, left, depth);
            }
        }
    }

    /// What an operator says about its left side and its surroundings.
    fn check_operator(&mut self, infix: Infix, span: Span, left: &Tall) {
        if infix == Infix::SingleEqual {
            let help = if self.conditions > 0 {
                "write `==` to compare"
            } else {
                "write `==` to compare; a setting begins on a new line"
            };
            let message = "`=` stands where two values are compared";
            let error = SyntaxError::new(
                SyntaxErrorKind::Unexpected,
                span,
                message,
                "sets a value, and compares nothing",
            );
            self.errors.push(error.help(help));
        }
        let tight = matches!(infix, Infix::Op(op) if level(Infix::Op(op)) > Some(GIVEN));
        if tight && left.open_given {
            let symbol = if let Infix::Op(op) = infix {
                op.symbol()
            } else {
                ""
            };
            let message = format!("`{symbol}` behind `given` needs brackets");
            let error = SyntaxError::new(
                SyntaxErrorKind::Unexpected,
                span,
                message,
                "is it inside the `given` or outside?",
            )
            .also(left.expr.span, "the value with its `given`")
            .help(format!("write `(x given y) {symbol} …`"));
            self.errors.push(error);
        }
    }

    /// One operand with what stands before it.
    fn operand(&mut self, depth: usize) -> Tall {
        match self.tokens.next() {
            Some(Token::Operand(tall)) => {
                self.last = tall.expr.span;
                tall
            }
            Some(Token::NoOperand(span)) => Tall::leaf(ExprKind::Hole, span),
            Some(Token::Prefix(Prefix::If, span)) => {
                self.last = span;
                self.choice(span, depth)
            }
            Some(Token::Prefix(prefix, span)) => {
                self.last = span;
                let level = if prefix == Prefix::Minus { MINUS } else { NOT };
                let inner = self.expression(level, depth + 1);
                let (whole, height) = (span.to(inner.expr.span), inner.height + 1);
                let inner = Box::new(inner.expr);
                let kind = if prefix == Prefix::Minus {
                    ExprKind::Negate(inner)
                } else {
                    ExprKind::Not(inner)
                };
                self.tall(kind, whole, height)
            }
            Some(Token::Infix(_, span) | Token::Given { span, .. }) => {
                Tall::leaf(ExprKind::Hole, span)
            }
            None => Tall::leaf(ExprKind::Hole, self.last),
        }
    }

    /// `if c then a else b`, the `if` already taken.
    fn choice(&mut self, start: Span, depth: usize) -> Tall {
        self.conditions += 1;
        let condition = self.expression(OR, depth + 1);
        self.conditions -= 1;
        if !self.keyword(Infix::Then, start, condition.expr.span) {
            return Tall::leaf(ExprKind::Hole, start.to(condition.expr.span));
        }
        let then = self.expression(OR, depth + 1);
        if !self.keyword(Infix::Else, start, then.expr.span) {
            return Tall::leaf(ExprKind::Hole, start.to(then.expr.span));
        }
        let otherwise = self.expression(OR, depth + 1);
        let height = 1 + condition.height.max(then.height).max(otherwise.height);
        let span = start.to(otherwise.expr.span);
        let kind = ExprKind::If {
            condition: Box::new(condition.expr),
            then: Box::new(then.expr),
            otherwise: Box::new(otherwise.expr),
        };
        self.tall(kind, span, height)
    }

    /// Takes `then` or `else`, or says that it is missing.
    fn keyword(&mut self, wanted: Infix, start: Span, before: Span) -> bool {
        if let Some(Token::Infix(infix, span)) = self.tokens.peek()
            && *infix == wanted
        {
            self.last = *span;
            self.tokens.next();
            return true;
        }
        if !self.given_up {
            let (word, why) = if wanted == Infix::Then {
                ("then", "a choice is `if condition then value else value`")
            } else {
                (
                    "else",
                    "every choice says its value for both cases, for example `else 0`",
                )
            };
            let message = format!("`if` without `{word}`");
            let error = SyntaxError::new(
                SyntaxErrorKind::Missing,
                start,
                message,
                format!("has no `{word}`"),
            );
            self.errors.push(
                error
                    .also(before, format!("`{word}` belongs behind this"))
                    .help(why),
            );
        }
        false
    }

    /// `x given …`, the value already read.
    fn given(&mut self, value: Tall) -> Tall {
        let Some(Token::Given {
            facts,
            height,
            span,
        }) = self.tokens.next()
        else {
            return value;
        };
        self.last = span;
        if value.open_given {
            let error = SyntaxError::new(
                SyntaxErrorKind::Unexpected,
                span,
                "`given` behind `given`",
                "a second `given`",
            );
            self.errors
                .push(error.help("several signals stand in brackets: `given (correct, finished)`"));
        }
        let whole = value.expr.span.to(span);
        let height = 1 + value.height.max(height);
        let tall = self.tall(
            ExprKind::Given {
                value: Box::new(value.expr),
                facts,
            },
            whole,
            height,
        );
        Tall {
            open_given: true,
            ..tall
        }
    }

    fn join(&mut self, infix: Infix, op_span: Span, left: Tall, right: Tall) -> Tall {
        let span = left.expr.span.to(right.expr.span);
        let height = 1 + left.height.max(right.height);
        let (left, right) = (Box::new(left.expr), Box::new(right.expr));
        let kind = match infix {
            Infix::Op(op) => ExprKind::Binary {
                op,
                op_span,
                left,
                right,
            },
            Infix::SingleEqual => ExprKind::Binary {
                op: BinaryOp::Equal,
                op_span,
                left,
                right,
            },
            Infix::Range => ExprKind::Range(left, right),
            _ => ExprKind::Hole,
        };
        self.tall(kind, span, height)
    }

    /// Refuses `a < b < c` and `a .. b .. c`, and reads them to their end.
    fn chain(&mut self, chained: u8, left: Tall, depth: usize) -> Tall {
        let mut left = left;
        let mut said = false;
        while let Some(Token::Infix(infix, span)) = self.tokens.peek() {
            let (infix, span) = (*infix, *span);
            if level(infix) != Some(chained) {
                break;
            }
            self.tokens.next();
            self.last = span;
            if !said && !self.given_up {
                let error = if chained == COMPARE {
                    let message = "comparisons do not chain";
                    SyntaxError::new(
                        SyntaxErrorKind::Unexpected,
                        span,
                        message,
                        "a second comparison",
                    )
                    .also(left.expr.span, "this is already true or false")
                    .help("write `a < b and b < c`")
                } else {
                    SyntaxError::new(
                        SyntaxErrorKind::Unexpected,
                        span,
                        "a range has two ends",
                        "a third end",
                    )
                    .help("write `0..4`")
                };
                self.errors.push(error);
                said = true;
            }
            let right = self.expression(chained + 1, depth + 1);
            left = Tall::leaf(ExprKind::Hole, left.expr.span.to(right.expr.span));
        }
        left
    }

    /// A node, unless the tree becomes too high with it.
    fn tall(&mut self, kind: ExprKind, span: Span, height: usize) -> Tall {
        if height > MAX_DEPTH {
            return self.give_up(span);
        }
        Tall::new(kind, span, height)
    }

    /// Says once that the row is too deep, and drops the rest of it.
    fn give_up(&mut self, span: Span) -> Tall {
        if !self.given_up {
            self.given_up = true;
            self.errors.push(too_deep(span));
        }
        for _ in self.tokens.by_ref() {}
        Tall::leaf(ExprKind::Hole, span)
    }
}

/// An expression that is nested, or strung together, beyond the limit.
pub(crate) fn too_deep(span: Span) -> SyntaxError {
    let message = format!("an expression is more than {MAX_DEPTH} levels deep");
    SyntaxError::new(SyntaxErrorKind::TooDeep, span, message, "too deep here")
        .help("give parts of it names with `where`")
}
