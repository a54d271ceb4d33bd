//! What a row of the vocabulary can say: the kinds of values, and what holds when a key is absent.

use crate::formula::Level;
use crate::units::Dimension;

/// A block: `train { … }`, `domain math { … }`.
#[derive(Debug)]
pub struct Block {
    /// The word before the brace.
    pub keyword: &'static str,
    /// Whether a name stands behind the word.
    pub named: bool,
    /// The block it stands in; none at the top of a file.
    pub inside: Option<&'static str>,
    /// What may be set in it.
    pub keys: &'static [Key],
    /// One line.
    pub doc: &'static str,
}

/// A key of a block, of a record or of a choice.
#[derive(Debug)]
pub struct Key {
    /// The word before `=`.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// What holds when it is not written.
    pub absent: Absent,
    /// One line.
    pub doc: &'static str,
}

/// What holds when a key is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// A value in the words of the language, pinned by the edition.
    Default(&'static str),
    /// The value of another key, by its full path.
    Same(&'static str),
    /// It must be written; the text says why there is no default.
    Required(&'static str),
    /// Nothing: what it asks for is not done.
    Nothing,
}

/// What a value is.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A number with a unit, in whole base units when `whole`; `least` and `most` in base units.
    Amount {
        /// Its unit.
        dimension: Dimension,
        /// Whether it is counted.
        whole: bool,
        /// Lowest value.
        least: f64,
    },
    /// An amount in the unit that `mix.count` counts.
    Counted,
    /// A number without a unit.
    Number(Bounds),
    /// A whole number without a unit.
    Integer(Bounds),
    /// A number, or one word.
    NumberOr(Bounds, &'static str),
    /// `true` or `false`.
    Truth,
    /// A text in quotes.
    Text,
    /// A free word: a column of the data.
    Word,
    /// Two whole numbers: `1..4`.
    Levels,
    /// One of a closed list, each perhaps with arguments or a record.
    Choice(&'static [Choice]),
    /// One of a closed list, or several of them in square brackets.
    Several(&'static [Choice]),
    /// A record without a word: `{ temperature = 0.6 }`.
    Record(&'static [Key]),
    /// Ratios by domain: `{ math = 40%, code = 60% }`.
    Shares,
    /// A formula over the signals of a level.
    Formula(Level),
    /// New names for columns: `{ problem = question }`.
    Columns,
    /// A condition over the columns of a row: `level >= 2 and source == "olympiad"`.
    RowFilter,
}

/// The numbers that a key takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Lowest value.
    pub least: f64,
    /// Highest value.
    pub most: f64,
    /// Whether the lowest value itself is left out.
    pub above: bool,
}

impl Bounds {
    /// Whether a number is inside.
    pub fn hold(self, value: f64) -> bool {
        value <= self.most && if self.above { value > self.least } else { value >= self.least }
    }

    /// The bounds in words: `at least 0`, `between 0 and 1`.
    pub fn words(self) -> String {
        match (self.above, self.most.is_finite()) {
            (false, false) => format!("at least {}", self.least),
            (true, false) => format!("above {}", self.least),
            (false, true) => format!("between {} and {}", self.least, self.most),
            (true, true) => format!("above {} and at most {}", self.least, self.most),
        }
    }
}

/// One of the words that a key takes.
#[derive(Debug)]
pub struct Choice {
    /// The word.
    pub word: &'static str,
    /// What stands in round brackets behind it; `None` when it takes none.
    pub arguments: Option<&'static [Argument]>,
    /// What stands in braces behind it.
    pub keys: &'static [Key],
    /// Whether this version leaves it to a later one.
    pub later: bool,
    /// One line.
    pub doc: &'static str,
}

/// An argument of a choice.
#[derive(Debug)]
pub struct Argument {
    /// Its name.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// What holds when it is not written.
    pub absent: Absent,
    /// Whether it is written without its name.
    pub positional: bool,
    /// One line.
    pub doc: &'static str,
}

impl Kind {
    /// The choice with a word, where the kind is a list of choices.
    pub fn choice(&self, word: &str) -> Option<&'static Choice> {
        match self {
            Self::Choice(choices) => choices.iter().find(|c| c.word == word),
            _ => None,
        }
    }

    /// What is expected, for messages.
    pub fn words(&self) -> String {
        match self {
            Self::Amount { dimension, .. } if *dimension == Dimension::SECONDS => "an amount of time".into(),
            Self::Amount { dimension, .. } => format!("an amount of {dimension}"),
            Self::Counted => "an amount in the unit of `mix.count`".into(),
            Self::Number(_) => "a number without a unit".into(),
            Self::Integer(_) => "a whole number without a unit".into(),
            Self::NumberOr(_, word) => format!("a number, or `{word}`"),
            Self::Truth => "`true` or `false`".into(),
            Self::Text => "a text in quotes".into(),
            Self::Word => "a word".into(),
            Self::Levels => "two whole numbers such as `1..4`".into(),
            Self::Choice(choices) => {
                let words: Vec<&str> = choices.iter().map(|c| c.word).collect();
                crate::diagnostic::suggest::list(&words, "or")
            }
            Self::Several(choices) => {
                let words: Vec<&str> = choices.iter().map(|c| c.word).collect();
                format!("{}, or a list of them", crate::diagnostic::suggest::list(&words, "or"))
            }
            Self::Record(_) => "a record in braces".into(),
            Self::Shares => "a record of ratios such as `{ math = 40%, code = 60% }`".into(),
            Self::Formula(_) => "a formula".into(),
            Self::Columns => "a record of new and old names such as `{ problem = question }`".into(),
            Self::RowFilter => "a condition over columns such as `level >= 2 and source == \"olympiad\"`".into(),
        }
    }
}
