//! Text -> program. The text is read by Starlark's parser; this keeps what the language has and turns names into slots.
//!
//! Left out on purpose: `while`, `**`, chained comparisons and `import` (Starlark has none of them); lambdas, functions
//! inside functions, functions as values, default and named parameters, dictionaries, text formatting (this language).

use super::code::{Clause, Expr, Function, Operator, Prefix, Program, Slot, Statement, Target};
use super::library;
use starlark_syntax::syntax::ast::{
    self, ArgumentP, AssignOp, AssignTargetP, AstExpr, AstLiteral, AstStmt, BinOp, ClauseP, ExprP, ForClauseP,
    ParameterP, StmtP,
};
use starlark_syntax::syntax::{AstModule, Dialect, DialectTypes};
use std::collections::BTreeMap;
use std::panic;

/// Longest program in bytes.
pub const MAX_SOURCE: usize = 4096;

/// How deep brackets, signs, branches and blocks may be nested. The parser recurses, so this is checked on the text first.
const MAX_DEPTH: usize = 100;

/// Why a text is no program.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// Too long or too deep.
    Limit(&'static str),
    /// Not a program of the language.
    Unreadable(String),
}

type Lowered<T> = Result<T, Refusal>;

fn refuse<T>(why: impl Into<String>) -> Lowered<T> {
    Err(Refusal::Unreadable(why.into()))
}

/// Reads a program. A text without a `def` is an expression in `x`, and becomes the body of the wanted function.
pub fn program(source: &str, function: &str) -> Lowered<Program> {
    let source = source.trim();
    if source.len() > MAX_SOURCE {
        return Err(Refusal::Limit("the program is too long"));
    }
    if too_deep(source) {
        return Err(Refusal::Limit("the program is nested too deeply"));
    }
    let dialect = Dialect {
        enable_lambda: false,
        enable_load: false,
        enable_types: DialectTypes::ParseOnly,
        enable_top_level_stmt: true,
        ..Dialect::Standard
    };
    // The parser is not ours, and model text is hostile: a panic in it is a text that cannot be read.
    let parsed = panic::catch_unwind(|| AstModule::parse("answer", source.to_owned(), &dialect));
    let Ok(Ok(module)) = parsed else {
        return refuse("not a program");
    };
    let mut lowering = Lowering { source, functions: BTreeMap::new(), module: Scope::default(), local: None };
    let statements = flatten(module.statement());
    if let [only] = statements.as_slice()
        && let StmtP::Expression(expr) = &only.node
    {
        let mut scope = Scope::default();
        let parameters = scope.declare("x") + 1;
        lowering.local = Some(scope);
        let body = vec![Statement::Return(lowering.expr(expr, MAX_DEPTH)?)];
        let slots = lowering.local.map_or(parameters, |scope| scope.size);
        let function = Function { name: function.to_owned(), parameters, slots, body };
        return Ok(Program { functions: vec![function], ..Program::default() });
    }
    lowering.program(&statements)
}

/// Whether the text could be nested beyond [`MAX_DEPTH`]. It looks at characters and words only, so brackets in texts
/// count too; a program of honest size stays far below.
fn too_deep(source: &str) -> bool {
    let (mut brackets, mut weight) = (0usize, 0usize);
    let mut after_operand = false;
    let mut word = String::new();
    for letter in source.chars().chain([' ']) {
        if letter.is_alphanumeric() || letter == '_' {
            word.push(letter);
            continue;
        }
        match word.as_str() {
            "" => {}
            "not" | "else" | "elif" | "if" | "for" | "lambda" | "def" => {
                weight += 1;
                after_operand = false;
            }
            "and" | "or" | "in" | "return" => after_operand = false,
            _ => after_operand = true,
        }
        word.clear();
        match letter {
            '(' | '[' | '{' => {
                brackets += 1;
                after_operand = false;
            }
            ')' | ']' | '}' => {
                brackets = brackets.saturating_sub(1);
                after_operand = true;
            }
            '+' | '-' | '~' if !after_operand => weight += 1,
            '"' | '\'' => after_operand = true,
            letter if letter.is_whitespace() => {}
            _ => after_operand = false,
        }
        if matches!(letter, '+' | '-' | '~') {
            after_operand = false;
        }
        if brackets > MAX_DEPTH / 2 || weight > MAX_DEPTH {
            return true;
        }
    }
    false
}

/// Statements in order; the parser nests groups of them.
fn flatten(statement: &AstStmt) -> Vec<&AstStmt> {
    match &statement.node {
        StmtP::Statements(statements) => statements.iter().flat_map(flatten).collect(),
        _ => vec![statement],
    }
}

/// Names of a function or of the module.
#[derive(Debug, Clone, Default)]
struct Scope {
    /// The slot of a name; a comprehension shadows for its extent.
    names: BTreeMap<String, usize>,
    size: usize,
}

impl Scope {
    fn declare(&mut self, name: &str) -> usize {
        if let Some(slot) = self.names.get(name) {
            return *slot;
        }
        self.shadow(name)
    }

    fn shadow(&mut self, name: &str) -> usize {
        self.size += 1;
        self.names.insert(name.to_owned(), self.size - 1);
        self.size - 1
    }
}

struct Lowering<'s> {
    source: &'s str,
    functions: BTreeMap<String, (usize, usize)>,
    module: Scope,
    local: Option<Scope>,
}

impl Lowering<'_> {
    fn program(mut self, statements: &[&AstStmt]) -> Lowered<Program> {
        let mut program = Program::default();
        for statement in statements {
            if let StmtP::Def(def) = &statement.node {
                let number = self.functions.len();
                let name = def.name.node.ident.clone();
                if self.functions.insert(name, (number, def.params.len())).is_some() {
                    return refuse("a function is defined twice");
                }
            } else {
                assigned(statement, &mut |name| {
                    self.module.declare(name);
                });
            }
        }
        if self.functions.is_empty() {
            return refuse("neither a function nor an expression");
        }
        for statement in statements {
            match &statement.node {
                StmtP::Def(def) => program.functions.push(self.function(def)?),
                _ => program.module.push(self.statement(statement, MAX_DEPTH)?),
            }
        }
        program.module_slots = self.module.size;
        Ok(program)
    }

    fn function(&mut self, def: &ast::DefP<ast::AstNoPayload>) -> Lowered<Function> {
        let mut scope = Scope::default();
        for parameter in &def.params {
            let ParameterP::Normal(name, _, None) = &parameter.node else {
                return refuse("parameters with defaults are not in the language");
            };
            scope.declare(&name.node.ident);
        }
        if scope.size != def.params.len() {
            return refuse("two parameters have the same name");
        }
        assigned(&def.body, &mut |name| {
            scope.declare(name);
        });
        self.local = Some(scope);
        let body = self.block(&def.body, MAX_DEPTH);
        let slots = self.local.take().map_or(0, |scope| scope.size);
        Ok(Function { name: def.name.node.ident.clone(), parameters: def.params.len(), slots, body: body? })
    }

    fn scope(&mut self) -> &mut Scope {
        self.local.as_mut().unwrap_or(&mut self.module)
    }

    fn variable(&self, name: &str) -> Option<Slot> {
        let local = self.local.as_ref().and_then(|scope| scope.names.get(name)).map(|slot| Slot::Local(*slot));
        local.or_else(|| self.module.names.get(name).map(|slot| Slot::Module(*slot)))
    }

    fn block(&mut self, statement: &AstStmt, depth: usize) -> Lowered<Vec<Statement>> {
        flatten(statement).into_iter().map(|statement| self.statement(statement, depth)).collect()
    }

    fn statement(&mut self, statement: &AstStmt, depth: usize) -> Lowered<Statement> {
        let depth = depth.checked_sub(1).ok_or(Refusal::Limit("the program is nested too deeply"))?;
        Ok(match &statement.node {
            StmtP::Pass => Statement::Pass,
            StmtP::Break => Statement::Break,
            StmtP::Continue => Statement::Continue,
            StmtP::Return(None) => Statement::Return(Expr::None),
            StmtP::Return(Some(expr)) => Statement::Return(self.expr(expr, depth)?),
            StmtP::Expression(expr) => Statement::Evaluate(self.expr(expr, depth)?),
            StmtP::Assign(assign) => {
                let value = self.expr(&assign.rhs, depth)?;
                Statement::Assign(self.target(&assign.lhs.node, depth)?, value)
            }
            StmtP::AssignModify(target, operator, value) => {
                let value = self.expr(value, depth)?;
                let target = self.target(&target.node, depth)?;
                if matches!(target, Target::Tuple(_)) {
                    return refuse("a tuple cannot be changed in place");
                }
                Statement::Modify(target, modifying(*operator), value)
            }
            StmtP::If(condition, then) => {
                Statement::If(self.expr(condition, depth)?, self.block(then, depth)?, Vec::new())
            }
            StmtP::IfElse(condition, branches) => {
                let condition = self.expr(condition, depth)?;
                Statement::If(condition, self.block(&branches.0, depth)?, self.block(&branches.1, depth)?)
            }
            StmtP::For(each) => {
                let over = self.expr(&each.over, depth)?;
                let target = self.target(&each.var.node, depth)?;
                Statement::For(target, over, self.block(&each.body, depth)?)
            }
            StmtP::Def(_) => return refuse("functions inside functions are not in the language"),
            StmtP::Load(_) => return refuse("nothing can be loaded"),
            StmtP::Statements(_) => return refuse("an empty block"),
        })
    }

    fn target(&mut self, target: &AssignTargetP<ast::AstNoPayload>, depth: usize) -> Lowered<Target> {
        let depth = depth.checked_sub(1).ok_or(Refusal::Limit("the program is nested too deeply"))?;
        Ok(match target {
            AssignTargetP::Identifier(name) => match self.variable(&name.node.ident) {
                Some(slot) => Target::Variable(slot),
                None => return refuse("a name that cannot be assigned"),
            },
            AssignTargetP::Tuple(parts) => {
                let parts = parts.iter().map(|part| self.target(&part.node, depth));
                Target::Tuple(parts.collect::<Lowered<_>>()?)
            }
            AssignTargetP::Index(parts) => {
                Target::Index(Box::new((self.expr(&parts.0, depth)?, self.expr(&parts.1, depth)?)))
            }
            AssignTargetP::Dot(..) => return refuse("values have no fields"),
        })
    }

    fn exprs<'e>(&mut self, exprs: impl IntoIterator<Item = &'e AstExpr>, depth: usize) -> Lowered<Vec<Expr>> {
        exprs.into_iter().map(|expr| self.expr(expr, depth)).collect()
    }

    fn boxed(&mut self, expr: &AstExpr, depth: usize) -> Lowered<Box<Expr>> {
        self.expr(expr, depth).map(Box::new)
    }

    fn expr(&mut self, expr: &AstExpr, depth: usize) -> Lowered<Expr> {
        let depth = depth.checked_sub(1).ok_or(Refusal::Limit("the program is nested too deeply"))?;
        Ok(match &expr.node {
            ExprP::Literal(literal) => self.literal(literal)?,
            ExprP::Identifier(name) => self.name(&name.node.ident)?,
            ExprP::Tuple(items) => Expr::Tuple(self.exprs(items, depth)?),
            ExprP::List(items) => Expr::List(self.exprs(items, depth)?),
            ExprP::Not(value) => Expr::Prefix(Prefix::Not, self.boxed(value, depth)?),
            ExprP::Minus(value) => Expr::Prefix(Prefix::Minus, self.boxed(value, depth)?),
            ExprP::Plus(value) => Expr::Prefix(Prefix::Plus, self.boxed(value, depth)?),
            ExprP::BitNot(value) => Expr::Prefix(Prefix::BitNot, self.boxed(value, depth)?),
            ExprP::Op(left, operator, right) => {
                let pair = Box::new((self.expr(left, depth)?, self.expr(right, depth)?));
                match operator {
                    BinOp::And => Expr::And(pair),
                    BinOp::Or => Expr::Or(pair),
                    other => Expr::Binary(binary(*other)?, pair),
                }
            }
            ExprP::If(parts) => Expr::If(Box::new((
                self.expr(&parts.0, depth)?,
                self.expr(&parts.1, depth)?,
                self.expr(&parts.2, depth)?,
            ))),
            ExprP::Index(parts) => Expr::Index(Box::new((self.expr(&parts.0, depth)?, self.expr(&parts.1, depth)?))),
            ExprP::Slice(value, start, stop, step) => {
                let value = self.boxed(value, depth)?;
                let mut part =
                    |part: &Option<Box<AstExpr>>| part.as_ref().map(|part| self.expr(part, depth)).transpose();
                Expr::Slice(value, Box::new([part(start)?, part(stop)?, part(step)?]))
            }
            ExprP::Call(callee, arguments) => self.call(callee, &arguments.args, depth)?,
            ExprP::ListComprehension(item, first, rest) => self.comprehension(item, first, rest, depth)?,
            ExprP::Dot(..) => return refuse("a method must be called"),
            ExprP::Index2(..) => return refuse("an index of two values"),
            ExprP::Lambda(_) => return refuse("lambdas are not in the language"),
            ExprP::Dict(_) | ExprP::DictComprehension(..) => {
                return refuse("dictionaries are not in the language");
            }
            ExprP::FString(_) => return refuse("text formatting is not in the language"),
        })
    }

    fn literal(&self, literal: &AstLiteral) -> Lowered<Expr> {
        Ok(match literal {
            // The number type of the parser has no public name, so the digits are read from the text.
            AstLiteral::Int(int) => {
                let (start, end) = (int.span.begin().get() as usize, int.span.end().get() as usize);
                match self.source.get(start..end).and_then(whole) {
                    Some(int) => Expr::Int(int),
                    None => return Err(Refusal::Limit("a whole number beyond 64 bits")),
                }
            }
            AstLiteral::Float(float) => Expr::Float(float.node),
            AstLiteral::String(text) => Expr::Text(text.node.clone()),
            AstLiteral::Bytes(_) | AstLiteral::Ellipsis => {
                return refuse("a literal that is not in the language");
            }
        })
    }

    fn name(&mut self, name: &str) -> Lowered<Expr> {
        if let Some(slot) = self.variable(name) {
            return Ok(Expr::Variable(slot));
        }
        Ok(match name {
            "None" => Expr::None,
            "True" => Expr::Bool(true),
            "False" => Expr::Bool(false),
            name if self.functions.contains_key(name) || library::function(name).is_some() => {
                return refuse("a function is not a value in the language");
            }
            name => Expr::Undefined(name.to_owned()),
        })
    }

    fn call(&mut self, callee: &AstExpr, arguments: &[ast::AstArgument], depth: usize) -> Lowered<Expr> {
        let (mut values, mut names) = (Vec::new(), Vec::new());
        if let ExprP::Dot(receiver, _) = &callee.node {
            values.push(self.expr(receiver, depth)?);
        }
        for argument in arguments {
            match &argument.node {
                ArgumentP::Positional(value) => values.push(self.expr(value, depth)?),
                ArgumentP::Named(name, value) => {
                    names.push(name.node.clone());
                    values.push(self.expr(value, depth)?);
                }
                ArgumentP::Args(_) | ArgumentP::KwArgs(_) => {
                    return refuse("unpacked arguments are not in the language");
                }
            }
        }
        match &callee.node {
            ExprP::Dot(_, method) => match library::method(&method.node) {
                Some(method) => Ok(Expr::Library(method, values, names)),
                None => Ok(Expr::Undefined(method.node.clone())),
            },
            ExprP::Identifier(name) => {
                let name = name.node.ident.as_str();
                if self.variable(name).is_some() {
                    return refuse("a function is not a value in the language");
                }
                match (self.functions.get(name), library::function(name)) {
                    (Some((_, parameters)), _) if values.len() != *parameters => {
                        Ok(Expr::Undefined(format!("{name} with {} arguments", values.len())))
                    }
                    (Some((number, _)), _) if names.is_empty() => Ok(Expr::Call(*number, values)),
                    (Some(_), _) => refuse("named arguments are not in the language"),
                    (None, Some(function)) => Ok(Expr::Library(function, values, names)),
                    (None, None) => Ok(Expr::Undefined(name.to_owned())),
                }
            }
            _ => refuse("only names can be called"),
        }
    }

    fn comprehension(
        &mut self,
        item: &AstExpr,
        first: &ForClauseP<ast::AstNoPayload>,
        rest: &[ClauseP<ast::AstNoPayload>],
        depth: usize,
    ) -> Lowered<Expr> {
        let outside = self.scope().names.clone();
        let mut clauses = vec![self.clause(first, depth)?];
        for clause in rest {
            clauses.push(match clause {
                ClauseP::For(each) => self.clause(each, depth)?,
                ClauseP::If(condition) => Clause::If(self.expr(condition, depth)?),
            });
        }
        let item = self.boxed(item, depth)?;
        self.scope().names = outside;
        Ok(Expr::Comprehension(item, clauses))
    }

    fn clause(&mut self, each: &ForClauseP<ast::AstNoPayload>, depth: usize) -> Lowered<Clause> {
        let over = self.expr(&each.over, depth)?;
        names_of(&each.var.node, &mut |name| {
            self.scope().shadow(name);
        });
        Ok(Clause::For(self.target(&each.var.node, depth)?, over))
    }
}

/// The names that a statement assigns, blocks included: they are variables of the function from its start.
fn assigned(statement: &AstStmt, declare: &mut impl FnMut(&str)) {
    for statement in flatten(statement) {
        match &statement.node {
            StmtP::Assign(assign) => names_of(&assign.lhs.node, declare),
            StmtP::AssignModify(target, ..) => names_of(&target.node, declare),
            StmtP::If(_, then) => assigned(then, declare),
            StmtP::IfElse(_, branches) => {
                assigned(&branches.0, declare);
                assigned(&branches.1, declare);
            }
            StmtP::For(each) => {
                names_of(&each.var.node, declare);
                assigned(&each.body, declare);
            }
            _ => {}
        }
    }
}

fn names_of(target: &AssignTargetP<ast::AstNoPayload>, declare: &mut impl FnMut(&str)) {
    match target {
        AssignTargetP::Identifier(name) => declare(&name.node.ident),
        AssignTargetP::Tuple(parts) => parts.iter().for_each(|part| names_of(&part.node, declare)),
        AssignTargetP::Index(_) | AssignTargetP::Dot(..) => {}
    }
}

fn whole(digits: &str) -> Option<i64> {
    let lower = digits.to_ascii_lowercase();
    let (digits, radix) = match lower.get(..2) {
        Some("0x") => (lower.get(2..)?, 16),
        Some("0o") => (lower.get(2..)?, 8),
        Some("0b") => (lower.get(2..)?, 2),
        _ => (lower.as_str(), 10),
    };
    i64::from_str_radix(digits, radix).ok()
}

fn modifying(operator: AssignOp) -> Operator {
    match operator {
        AssignOp::Add => Operator::Add,
        AssignOp::Subtract => Operator::Subtract,
        AssignOp::Multiply => Operator::Multiply,
        AssignOp::Divide => Operator::Divide,
        AssignOp::FloorDivide => Operator::FloorDivide,
        AssignOp::Percent => Operator::Modulo,
        AssignOp::BitAnd => Operator::BitAnd,
        AssignOp::BitOr => Operator::BitOr,
        AssignOp::BitXor => Operator::BitXor,
        AssignOp::LeftShift => Operator::ShiftLeft,
        AssignOp::RightShift => Operator::ShiftRight,
    }
}

fn binary(operator: BinOp) -> Lowered<Operator> {
    Ok(match operator {
        BinOp::Or | BinOp::And => return refuse("unreachable operator"),
        BinOp::Equal => Operator::Equal,
        BinOp::NotEqual => Operator::NotEqual,
        BinOp::Less => Operator::Less,
        BinOp::Greater => Operator::Greater,
        BinOp::LessOrEqual => Operator::LessOrEqual,
        BinOp::GreaterOrEqual => Operator::GreaterOrEqual,
        BinOp::In => Operator::In,
        BinOp::NotIn => Operator::NotIn,
        BinOp::Subtract => Operator::Subtract,
        BinOp::Add => Operator::Add,
        BinOp::Multiply => Operator::Multiply,
        BinOp::Percent => Operator::Modulo,
        BinOp::Divide => Operator::Divide,
        BinOp::FloorDivide => Operator::FloorDivide,
        BinOp::BitAnd => Operator::BitAnd,
        BinOp::BitOr => Operator::BitOr,
        BinOp::BitXor => Operator::BitXor,
        BinOp::LeftShift => Operator::ShiftLeft,
        BinOp::RightShift => Operator::ShiftRight,
    })
}
