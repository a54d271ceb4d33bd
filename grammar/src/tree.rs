//! The syntax tree: what was written, with a place for everything, and no meaning yet.
//!
//! Nothing here knows which blocks, keys, signals or functions exist; that is the compiler's vocabulary.

mod places;

use crate::source::{FileId, Span, Spanned};

/// One recipe file.
#[derive(Debug, Clone, PartialEq)]
pub struct File {
    /// The text it was read from.
    pub id: FileId,
    /// Top-level items in the order in which they were written.
    pub items: Vec<Item>,
    /// Every `//` comment that is not a doc comment, in order.
    pub comments: Vec<Spanned<String>>,
}

/// A name with its place.
pub type Name = Spanned<String>;

/// A dotted path, for example `mix.weight`, `domain.*.ratio` or `difficulty_aware.scale`.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// The segments; `*` is a segment of its own.
    pub segments: Vec<Name>,
    /// From the first to the last segment.
    pub span: Span,
}

impl Path {
    /// The path as it was written, without blanks.
    pub fn text(&self) -> String {
        self.segments.iter().map(|s| s.node.as_str()).collect::<Vec<_>>().join(".")
    }
}

/// A top-level item.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The `///` lines before it, joined by newlines, without the marks.
    pub doc: Option<Spanned<String>>,
    /// What it is.
    pub kind: ItemKind,
    /// From its first to its last character, doc comment left out.
    pub span: Span,
}

/// The kinds of top-level items.
#[derive(Debug, Clone, PartialEq)]
pub enum ItemKind {
    /// `domain math { … }`, `budget { … }`, `variant toy { … }`, `stage rl after warm_start { … }`, `recipe x { … }`
    Block(Block),
    /// `param gamma : number in 0..4 = 0.5`
    Param(Param),
    /// `formula overlong(n: tokens) -> reward = …`
    Formula(FormulaDef),
    /// `penalty difficulty_aware = …` and `term bonus = …`
    Term(TermDef),
    /// `guarantee bounded for all gamma : difficulty_aware in -1..0`
    Guarantee(Guarantee),
    /// `allow recipe::penalties::can_invert because "…"`
    Allow {
        /// The code, with its `::`.
        code: Name,
        /// The reason, without quotes.
        because: Spanned<String>,
    },
    /// `sweep gamma in [0.25, 0.5, 1.0]`
    Sweep {
        /// The parameter that varies.
        param: Name,
        /// The values, an [`ExprKind::List`].
        values: Expr,
    },
    /// `test "…" { given …  expect … }`
    Test(TestDef),
    /// `import "penalties.recipe"`
    Import(OtherFile),
    /// `extends "apriel_reasoner.recipe"`
    Extends(OtherFile),
}

/// Another file: a path below the recipe's folder, or an address with the digest of what is there.
#[derive(Debug, Clone, PartialEq)]
pub struct OtherFile {
    /// The path or address, without quotes.
    pub path: Spanned<String>,
    /// What stands behind `blake3`, without quotes.
    pub blake3: Option<Spanned<String>>,
}

/// A block: a keyword, perhaps a name, and settings in braces.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// The first word: `domain`, `budget`, `train`, …
    pub keyword: Name,
    /// The name behind it: `math` in `domain math { … }`.
    pub name: Option<Name>,
    /// `after OTHER` behind the name of a stage.
    pub after: Option<Name>,
    /// What stands in the braces.
    pub body: Vec<Entry>,
    /// From `{` to `}`.
    pub braces: Span,
}

/// One entry of a block.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// `key = value`, `override path.to.key = value`
    Setting(Setting),
    /// A block inside a block: `suite aime { … }`, `supervised { … }`
    Block {
        /// The `///` lines before it.
        doc: Option<Spanned<String>>,
        /// The inner block.
        block: Block,
        /// All of it.
        span: Span,
    },
}

/// `key = value [where a = …, b = …]`, perhaps with `override` before it.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// The `///` lines before it.
    pub doc: Option<Spanned<String>>,
    /// The word `override`, if it was written.
    pub overrides: Option<Span>,
    /// The key; more than one segment only behind `override`.
    pub path: Path,
    /// The value with its bindings.
    pub value: Formula,
    /// All of it.
    pub span: Span,
}

/// An expression with `where` bindings (none for most values).
#[derive(Debug, Clone, PartialEq)]
pub struct Formula {
    /// The expression.
    pub body: Expr,
    /// `where a = …, b = …`, in order.
    pub bindings: Vec<Binding>,
    /// `source "arXiv 2604.02007 eq. 5"`: where it was published, without quotes. It has no part in the meaning.
    pub source: Option<Spanned<String>>,
    /// The expression and its bindings.
    pub span: Span,
}

/// One `where` binding.
#[derive(Debug, Clone, PartialEq)]
pub struct Binding {
    /// Its name.
    pub name: Name,
    /// Its value.
    pub value: Expr,
}

/// `param NAME : TYPE [in RANGE] = VALUE`
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// Its name.
    pub name: Name,
    /// `integer`, `number`, `ratio`, `reward`, or a unit.
    pub type_name: Name,
    /// The declared range: an [`ExprKind::Range`] or an [`ExprKind::List`].
    pub range: Option<Expr>,
    /// The default.
    pub default: Expr,
}

/// `formula NAME(a: TYPE, …) -> TYPE = …`
#[derive(Debug, Clone, PartialEq)]
pub struct FormulaDef {
    /// Its name.
    pub name: Name,
    /// Parameters: name and type name.
    pub parameters: Vec<(Name, Name)>,
    /// The type of its value.
    pub result: Name,
    /// The body.
    pub body: Formula,
}

/// `penalty NAME = …` or `term NAME = …`
#[derive(Debug, Clone, PartialEq)]
pub struct TermDef {
    /// The word `penalty` or `term`.
    pub keyword: Name,
    /// Its name.
    pub name: Name,
    /// The body.
    pub body: Formula,
}

/// `guarantee NAME [for all a, b] : CLAIM`
#[derive(Debug, Clone, PartialEq)]
pub struct Guarantee {
    /// Its name.
    pub name: Name,
    /// The params that range over their whole declared range.
    pub for_all: Vec<Name>,
    /// What is claimed.
    pub claim: Claim,
}

/// What a guarantee claims.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// A truth value: `a >= b`, with `given` inside, and `same length, truncated` behind it.
    Holds {
        /// The comparison.
        condition: Expr,
        /// Signals that are equal on both sides.
        same: Vec<Name>,
    },
    /// `difficulty_aware in -1..0`
    Within {
        /// The value.
        value: Expr,
        /// The range.
        range: Expr,
    },
    /// `difficulty_aware falls in length`, `… rises in …`
    Monotone {
        /// The value.
        value: Expr,
        /// True for `rises`.
        rises: bool,
        /// The signal.
        signal: Name,
    },
}

/// `test "…" { given a = 1, correct  expect x == y within z }`
#[derive(Debug, Clone, PartialEq)]
pub struct TestDef {
    /// The sentence that names it.
    pub title: Spanned<String>,
    /// The facts.
    pub given: Vec<Given>,
    /// The expectations, at least one.
    pub expect: Vec<Expectation>,
}

/// One fact of a test: `length = 16Ki tokens`, or a bare truth value such as `correct`.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    /// The signal or param.
    pub name: Path,
    /// Its value; none for a bare truth value.
    pub value: Option<Expr>,
}

/// `expect a == b within c`
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// The comparison.
    pub condition: Expr,
    /// The tolerance of `==`.
    pub within: Option<Expr>,
    /// All of it.
    pub span: Span,
}

/// An expression with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it was written.
    pub span: Span,
}

/// The kinds of expressions.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// `16Ki tokens`, `0.5`, `40%`, `3e-4`
    Quantity(Quantity),
    /// `"text"`, escapes already replaced.
    Text(String),
    /// `true`, `false`
    Bool(bool),
    /// `length`, `budget.output`, `reward.total`
    Path(Path),
    /// `clip(a, 0, 1)`, `hf("org/name", split = "train")`, `group.min(length if correct, else = budget.output)`
    Call {
        /// What is called.
        function: Path,
        /// Arguments in order.
        arguments: Vec<Argument>,
    },
    /// `gspo { clip_low = 3e-4 }`, or `{ math = 40% }` without a name.
    Record {
        /// The word before the brace.
        name: Option<Name>,
        /// The settings.
        settings: Vec<Setting>,
        /// From `{` to `}`.
        braces: Span,
    },
    /// `[0.25, 0.5]`
    List(Vec<Expr>),
    /// `0..4`
    Range(Box<Expr>, Box<Expr>),
    /// `-x`
    Negate(Box<Expr>),
    /// `not x`
    Not(Box<Expr>),
    /// `a + b`, `a <= b`, `a and b`
    Binary {
        /// Which.
        op: BinaryOp,
        /// Where the operator stands.
        op_span: Span,
        /// Left side.
        left: Box<Expr>,
        /// Right side.
        right: Box<Expr>,
    },
    /// `if c then a else b`
    If {
        /// The condition.
        condition: Box<Expr>,
        /// The value when it holds.
        then: Box<Expr>,
        /// The value when it does not.
        otherwise: Box<Expr>,
    },
    /// `x given correct`, `x given (correct, finished)`
    Given {
        /// The value.
        value: Box<Expr>,
        /// The signals that hold.
        facts: Vec<Given>,
    },
    /// Something was missing or not understood here; a syntax error has been reported.
    Hole,
}

/// An argument of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    /// `split` in `split = "train"`.
    pub name: Option<Name>,
    /// The value.
    pub value: Expr,
    /// The filter of an aggregate: `correct` in `length if correct`.
    pub filter: Option<Expr>,
}

/// A number with its prefix and unit, as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    /// The number with its prefix applied and `%` divided by 100.
    pub value: f64,
    /// True when it was written without point and exponent (so it can be an integer).
    pub whole: bool,
    /// True when it was written with `%`.
    pub percent: bool,
    /// The unit word, if any: `tokens`, `rollouts`, `s`, `MiB`, …
    pub unit: Option<Name>,
    /// The characters of the number and its prefix, for messages.
    pub text: String,
}

/// Operators with two sides, from the loosest to the tightest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum BinaryOp {
    Or,
    And,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
}

impl BinaryOp {
    /// The operator as it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Or => "or",
            Self::And => "and",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Power => "^",
        }
    }
}

/// What a parse gives: always a tree, and what was wrong with the text.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The tree; parts that could not be read are missing or [`ExprKind::Hole`].
    pub file: File,
    /// The syntax errors in the order of their places.
    pub errors: Vec<SyntaxError>,
    /// How many words, numbers, texts and signs there are: a measure of the tree's size.
    pub tokens: usize,
    /// True when a piece of text was skipped, so that checks over the whole recipe must be silent.
    pub lost_text: bool,
}

/// A piece of text that is not the language.
#[derive(Debug, Clone, PartialEq)]
pub struct SyntaxError {
    /// What kind; the compiler gives it its code.
    pub kind: SyntaxErrorKind,
    /// The headline: lower case, no full stop.
    pub message: String,
    /// The smallest piece at fault.
    pub span: Span,
    /// What the label on that piece says.
    pub label: String,
    /// Other places: for example the brace that was never closed.
    pub also: Vec<(Span, String)>,
    /// One thing to do.
    pub help: Option<String>,
}

/// The kinds of syntax errors, each with a diagnostic code of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SyntaxErrorKind {
    /// Text that fits nowhere.
    Unexpected,
    /// Something required is not there: an operand, a value, `=`.
    Missing,
    /// `{`, `(`, `[` or `"` that is never closed.
    Unclosed,
    /// Nested deeper than the language allows.
    TooDeep,
    /// A number, prefix, unit or escape that cannot be read.
    BadLiteral,
}
