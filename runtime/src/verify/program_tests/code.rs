//! A program that is ready to run: names are slots, and only what the language has is left.

/// An operator on two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Modulo,
    BitAnd,
    BitOr,
    BitXor,
    ShiftLeft,
    ShiftRight,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

/// An operator on one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Prefix {
    Not,
    Minus,
    Plus,
    BitNot,
}

/// A variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// Of the function that runs.
    Local(usize),
    /// Of the module.
    Module(usize),
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Expr {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Variable(Slot),
    /// A name that nothing defines; an error only if it is reached, as in Python.
    Undefined(String),
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Prefix(Prefix, Box<Expr>),
    Binary(Operator, Box<(Expr, Expr)>),
    And(Box<(Expr, Expr)>),
    Or(Box<(Expr, Expr)>),
    /// Condition, value if true, value if false.
    If(Box<(Expr, Expr, Expr)>),
    Index(Box<(Expr, Expr)>),
    /// Value, then start, stop and step.
    Slice(Box<Expr>, Box<[Option<Expr>; 3]>),
    /// A function of the program.
    Call(usize, Vec<Expr>),
    /// A function or a method (the receiver is the first argument) of the language. The names of the last arguments.
    Library(&'static str, Vec<Expr>, Vec<String>),
    Comprehension(Box<Expr>, Vec<Clause>),
}

/// A part of a comprehension.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Clause {
    For(Target, Expr),
    If(Expr),
}

/// Where a value goes.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Target {
    Variable(Slot),
    Index(Box<(Expr, Expr)>),
    Tuple(Vec<Target>),
}

/// A statement.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Statement {
    Pass,
    Break,
    Continue,
    Return(Expr),
    Evaluate(Expr),
    Assign(Target, Expr),
    /// `target op= value`; the target is a variable or an item.
    Modify(Target, Operator, Expr),
    If(Expr, Vec<Statement>, Vec<Statement>),
    For(Target, Expr, Vec<Statement>),
}

/// A function.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Number of parameters; they are the first slots.
    pub parameters: usize,
    /// Number of slots.
    pub slots: usize,
    /// What it does.
    pub body: Vec<Statement>,
}

/// A whole program.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Program {
    /// Its functions.
    pub functions: Vec<Function>,
    /// Number of slots of the module.
    pub module_slots: usize,
    /// Statements outside of functions, which run first.
    pub module: Vec<Statement>,
}

impl Program {
    /// The number of a function.
    pub fn function(&self, name: &str) -> Option<usize> {
        self.functions.iter().rposition(|function| function.name == name)
    }
}
