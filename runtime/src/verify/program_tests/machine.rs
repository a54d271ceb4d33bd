//! Runs a program. Every node that is evaluated is a step, every value counts bytes, and calls have a largest depth:
//! nothing a program does escapes the meters, so what ends it is the same on every machine.

use super::code::{Clause, Expr, Function, Operator, Prefix, Program, Slot, Statement, Target};
use super::library;
use super::operators;
use super::value::{Heap, Limits, Run, Stop, Value, fault};

/// Nodes inside each other, over all calls: a bound for the native stack.
const MAX_NATIVE_DEPTH: usize = 1_200;

/// How a block ended.
enum Flow {
    Next,
    Break,
    Continue,
    Return(Value),
}

/// What a loop goes over.
#[derive(Clone, Copy)]
enum Items {
    /// A list or tuple; a list that changes while the loop runs is seen as it is, as in Python.
    Stored(usize),
    Range(i64, i64, i64),
}

/// A program with its state.
pub struct Machine<'p> {
    program: &'p Program,
    /// The values.
    pub heap: Heap,
    module: Vec<Option<Value>>,
    stack: Vec<Option<Value>>,
    base: usize,
    calls_left: usize,
    depth: usize,
}

impl<'p> Machine<'p> {
    /// Runs the statements outside of functions.
    pub fn start(program: &'p Program, limits: Limits) -> Run<Self> {
        let mut machine = Self {
            program,
            heap: Heap::new(limits),
            module: vec![None; program.module_slots],
            stack: Vec::new(),
            base: 0,
            calls_left: limits.calls,
            depth: 0,
        };
        match machine.block(&program.module)? {
            Flow::Next => Ok(machine),
            _ => fault("a statement that belongs into a function or a loop"),
        }
    }

    /// Calls a function of the program.
    pub fn call(&mut self, function: &'p Function, arguments: &[Value]) -> Run<Value> {
        if arguments.len() != function.parameters {
            return fault(format!("`{}` takes {} arguments", function.name, function.parameters));
        }
        self.calls_left = self.calls_left.checked_sub(1).ok_or(Stop::Limit("too many calls inside each other"))?;
        self.heap.work(1 + function.slots as u64)?;
        let (base, top) = (self.base, self.stack.len());
        self.stack.extend(arguments.iter().copied().map(Some));
        self.stack.resize(top + function.slots, None);
        self.base = top;
        let flow = self.block(&function.body);
        self.stack.truncate(top);
        self.base = base;
        self.calls_left += 1;
        match flow? {
            Flow::Return(value) => Ok(value),
            Flow::Next => Ok(Value::None),
            Flow::Break | Flow::Continue => fault("break or continue outside of a loop"),
        }
    }

    fn block(&mut self, statements: &'p [Statement]) -> Run<Flow> {
        for statement in statements {
            match self.statement(statement)? {
                Flow::Next => {}
                other => return Ok(other),
            }
        }
        Ok(Flow::Next)
    }

    fn enter(&mut self) -> Run<()> {
        self.depth += 1;
        if self.depth > MAX_NATIVE_DEPTH {
            return Err(Stop::Limit("too many calls inside each other"));
        }
        self.heap.work(1)
    }

    fn statement(&mut self, statement: &'p Statement) -> Run<Flow> {
        self.enter()?;
        let flow = match statement {
            Statement::Pass => Flow::Next,
            Statement::Break => Flow::Break,
            Statement::Continue => Flow::Continue,
            Statement::Return(expr) => Flow::Return(self.expr(expr)?),
            Statement::Evaluate(expr) => {
                self.expr(expr)?;
                Flow::Next
            }
            Statement::Assign(target, expr) => {
                let value = self.expr(expr)?;
                self.assign(target, value)?;
                Flow::Next
            }
            Statement::Modify(target, operator, expr) => {
                self.modify(target, *operator, expr)?;
                Flow::Next
            }
            Statement::If(condition, then, otherwise) => {
                let condition = self.expr(condition)?;
                self.block(if self.heap.truth(condition) { then } else { otherwise })?
            }
            Statement::For(target, over, body) => self.for_loop(target, over, body)?,
        };
        self.depth -= 1;
        Ok(flow)
    }

    #[inline(never)]
    fn for_loop(&mut self, target: &'p Target, over: &'p Expr, body: &'p [Statement]) -> Run<Flow> {
        let items = self.items(over)?;
        let mut nth = 0;
        while let Some(item) = self.item(items, nth) {
            self.heap.work(1)?;
            self.assign(target, item)?;
            match self.block(body)? {
                Flow::Next | Flow::Continue => {}
                Flow::Break => break,
                Flow::Return(value) => return Ok(Flow::Return(value)),
            }
            nth += 1;
        }
        Ok(Flow::Next)
    }

    fn items(&mut self, over: &'p Expr) -> Run<Items> {
        let over = self.expr(over)?;
        Ok(match over {
            Value::List(at) | Value::Tuple(at) => Items::Stored(at),
            Value::Range(at) => {
                let range = self.heap.range_at(at);
                Items::Range(range.start, range.len, range.step)
            }
            other => {
                let letters = self.heap.items(other)?;
                match self.heap.list(letters)? {
                    Value::List(at) => Items::Stored(at),
                    _ => Items::Range(0, 0, 1),
                }
            }
        })
    }

    fn item(&self, items: Items, nth: i64) -> Option<Value> {
        match items {
            Items::Stored(at) => self.heap.items_at(at).get(usize::try_from(nth).ok()?).copied(),
            Items::Range(start, len, step) => (nth < len).then(|| Value::Int(start + nth * step)),
        }
    }

    fn slot(&mut self, slot: Slot) -> Option<&mut Option<Value>> {
        match slot {
            Slot::Local(at) => self.stack.get_mut(self.base + at),
            Slot::Module(at) => self.module.get_mut(at),
        }
    }

    fn read(&mut self, slot: Slot) -> Run<Value> {
        match self.slot(slot) {
            Some(Some(value)) => Ok(*value),
            _ => fault("a variable is read before it has a value"),
        }
    }

    #[inline(never)]
    fn assign(&mut self, target: &'p Target, value: Value) -> Run<()> {
        match target {
            Target::Variable(slot) => {
                if let Some(place) = self.slot(*slot) {
                    *place = Some(value);
                }
                Ok(())
            }
            Target::Index(parts) => {
                let list = self.expr(&parts.0)?;
                let index = self.expr(&parts.1)?;
                self.set_item(list, index, value)
            }
            Target::Tuple(targets) => {
                let items = self.heap.items(value)?;
                if items.len() != targets.len() {
                    return fault(format!("{} values for {} names", items.len(), targets.len()));
                }
                targets.iter().zip(items).try_for_each(|(target, item)| self.assign(target, item))
            }
        }
    }

    fn set_item(&mut self, list: Value, index: Value, value: Value) -> Run<()> {
        let Value::List(at) = list else {
            return fault("only items of a list can be set");
        };
        let place = operators::place(index, self.heap.items_at(at).len())?;
        if let Some(item) = self.heap.items_mut(at).and_then(|items| items.get_mut(place)) {
            *item = value;
        }
        Ok(())
    }

    #[inline(never)]
    fn modify(&mut self, target: &'p Target, operator: Operator, expr: &'p Expr) -> Run<()> {
        match target {
            Target::Variable(slot) => {
                let old = self.read(*slot)?;
                let operand = self.expr(expr)?;
                let new = self.modified(old, operator, operand)?;
                self.assign(target, new)
            }
            Target::Index(parts) => {
                let list = self.expr(&parts.0)?;
                let index = self.expr(&parts.1)?;
                let old = operators::index(&mut self.heap, list, index)?;
                let operand = self.expr(expr)?;
                let new = self.modified(old, operator, operand)?;
                self.set_item(list, index, new)
            }
            Target::Tuple(_) => fault("a tuple cannot be changed in place"),
        }
    }

    /// `list += items` changes the list that other names see too, as in Python.
    fn modified(&mut self, old: Value, operator: Operator, operand: Value) -> Run<Value> {
        if let (Value::List(at), Operator::Add) = (old, operator) {
            let items = self.heap.items(operand)?;
            self.heap.reserve_list(items.len() as u64)?;
            if let Some(list) = self.heap.items_mut(at) {
                list.extend(items);
            }
            return Ok(old);
        }
        operators::binary(&mut self.heap, operator, old, operand)
    }

    fn exprs(&mut self, exprs: &'p [Expr]) -> Run<Vec<Value>> {
        let mut values = Vec::with_capacity(exprs.len());
        for expr in exprs {
            values.push(self.expr(expr)?);
        }
        Ok(values)
    }

    /// Small on purpose: its frame is what a deep program piles up on the stack.
    fn expr(&mut self, expr: &'p Expr) -> Run<Value> {
        self.enter()?;
        let value = match expr {
            Expr::None => Ok(Value::None),
            Expr::Bool(truth) => Ok(Value::Bool(*truth)),
            Expr::Int(int) => Ok(Value::Int(*int)),
            Expr::Float(float) => Ok(Value::Float(*float)),
            Expr::Text(text) => self.heap.text(text.as_str()),
            Expr::Variable(slot) => self.read(*slot),
            Expr::Undefined(name) => undefined(name),
            Expr::List(items) => self.list(items),
            Expr::Tuple(items) => self.tuple(items),
            Expr::Prefix(prefix, operand) => self.prefix(*prefix, operand),
            Expr::Binary(operator, pair) => self.binary(*operator, &pair.0, &pair.1),
            Expr::And(pair) => self.choose(&pair.0, &pair.1, true),
            Expr::Or(pair) => self.choose(&pair.0, &pair.1, false),
            Expr::If(parts) => self.branch(&parts.0, &parts.1, &parts.2),
            Expr::Index(parts) => self.index(&parts.0, &parts.1),
            Expr::Slice(value, parts) => self.slice(value, parts),
            Expr::Call(number, arguments) => self.call_number(*number, arguments),
            Expr::Library(name, arguments, names) => self.library(name, arguments, names),
            Expr::Comprehension(item, clauses) => self.collect(item, clauses),
        };
        self.depth -= 1;
        value
    }

    #[inline(never)]
    fn list(&mut self, items: &'p [Expr]) -> Run<Value> {
        let items = self.exprs(items)?;
        self.heap.list(items)
    }

    #[inline(never)]
    fn tuple(&mut self, items: &'p [Expr]) -> Run<Value> {
        let items = self.exprs(items)?;
        self.heap.tuple(items)
    }

    #[inline(never)]
    fn binary(&mut self, operator: Operator, left: &'p Expr, right: &'p Expr) -> Run<Value> {
        let left = self.expr(left)?;
        let right = self.expr(right)?;
        operators::binary(&mut self.heap, operator, left, right)
    }

    /// `and` (goes on when the left side is true), `or` (when it is false).
    #[inline(never)]
    fn choose(&mut self, left: &'p Expr, right: &'p Expr, go_on: bool) -> Run<Value> {
        let left = self.expr(left)?;
        if self.heap.truth(left) == go_on { self.expr(right) } else { Ok(left) }
    }

    #[inline(never)]
    fn branch(&mut self, condition: &'p Expr, then: &'p Expr, otherwise: &'p Expr) -> Run<Value> {
        let condition = self.expr(condition)?;
        self.expr(if self.heap.truth(condition) { then } else { otherwise })
    }

    #[inline(never)]
    fn index(&mut self, value: &'p Expr, index: &'p Expr) -> Run<Value> {
        let value = self.expr(value)?;
        let index = self.expr(index)?;
        operators::index(&mut self.heap, value, index)
    }

    #[inline(never)]
    fn call_number(&mut self, number: usize, arguments: &'p [Expr]) -> Run<Value> {
        let arguments = self.exprs(arguments)?;
        match self.program.functions.get(number) {
            Some(function) => self.call(function, &arguments),
            None => fault("a function is not defined"),
        }
    }

    #[inline(never)]
    fn library(&mut self, name: &str, arguments: &'p [Expr], names: &[String]) -> Run<Value> {
        let arguments = self.exprs(arguments)?;
        library::call(&mut self.heap, name, &arguments, names)
    }

    #[inline(never)]
    fn collect(&mut self, item: &'p Expr, clauses: &'p [Clause]) -> Run<Value> {
        let mut found = Vec::new();
        self.comprehension(item, clauses, &mut found)?;
        self.heap.list(found)
    }

    #[inline(never)]
    fn prefix(&mut self, prefix: Prefix, operand: &'p Expr) -> Run<Value> {
        let value = self.expr(operand)?;
        match prefix {
            Prefix::Not => Ok(Value::Bool(!self.heap.truth(value))),
            Prefix::Minus => operators::binary(&mut self.heap, Operator::Subtract, Value::Int(0), value),
            Prefix::Plus => operators::binary(&mut self.heap, Operator::Add, Value::Int(0), value),
            Prefix::BitNot => operators::binary(&mut self.heap, Operator::BitXor, Value::Int(-1), value),
        }
    }

    #[inline(never)]
    fn slice(&mut self, value: &'p Expr, parts: &'p [Option<Expr>; 3]) -> Run<Value> {
        let value = self.expr(value)?;
        let mut bounds = [None; 3];
        for (bound, part) in bounds.iter_mut().zip(parts) {
            if let Some(part) = part {
                *bound = match self.expr(part)? {
                    Value::None => None,
                    Value::Int(int) => Some(int),
                    _ => return fault("the bounds of a slice are whole numbers"),
                };
            }
        }
        operators::slice(&mut self.heap, value, bounds)
    }

    #[inline(never)]
    fn comprehension(&mut self, item: &'p Expr, clauses: &'p [Clause], found: &mut Vec<Value>) -> Run<()> {
        let Some((clause, rest)) = clauses.split_first() else {
            let value = self.expr(item)?;
            self.heap.reserve_list(1)?;
            found.push(value);
            return Ok(());
        };
        match clause {
            Clause::If(condition) => {
                let condition = self.expr(condition)?;
                if self.heap.truth(condition) { self.comprehension(item, rest, found) } else { Ok(()) }
            }
            Clause::For(target, over) => {
                let items = self.items(over)?;
                let mut nth = 0;
                while let Some(value) = self.item(items, nth) {
                    self.heap.work(1)?;
                    self.assign(target, value)?;
                    self.comprehension(item, rest, found)?;
                    nth += 1;
                }
                Ok(())
            }
        }
    }
}

#[cold]
fn undefined(name: &str) -> Run<Value> {
    fault(format!("`{name}` is not defined"))
}
