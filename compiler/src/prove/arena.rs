//! Expressions as nodes that occur once each, in their normal form.
//!
//! *Invariants*: equal expressions have equal ids; an operand has a smaller id than what is made of it; sums and products of
//! bounded size are polynomials over the other nodes. Truth values are nodes too.

use super::Stop;
use super::polynomial::{Factored, Polynomial};
use super::rational::Rational;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A node.
pub type Id = u32;
/// A variable: a signal of one side, a group signal, a param.
pub type Var = u32;
/// A truth value that a rollout has: `correct`, `truncated`.
pub type Flag = u32;

/// How a number compares with 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// `x >= 0`
    NotNegative,
    /// `x > 0`
    Positive,
    /// `x == 0`
    Zero,
}

/// The kinds of nodes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    /// A number, a sum or a product.
    Sum(Polynomial),
    /// A variable.
    Variable(Var),
    /// A number that no rational of bounded size is, as the bits of its float.
    Inexact(u64),
    /// A product that would have too many terms.
    Product(Id, Id),
    /// `1 / x` of a sum.
    Inverse(Id),
    /// The smaller of two.
    Min(Id, Id),
    /// The larger of two.
    Max(Id, Id),
    /// Without its sign.
    Abs(Id),
    /// The next whole number below.
    Floor(Id),
    /// The exponential.
    Exp(Id),
    /// The natural logarithm.
    Log(Id),
    /// A power that is not whole.
    Power(Id, Id),
    /// `if condition then a else b`
    Choice(Id, Id, Id),
    /// `true` or `false`
    Truth(bool),
    /// A truth value of a rollout.
    Flag(Flag),
    /// `not x`
    Not(Id),
    /// `x and y`
    And(Id, Id),
    /// `x or y`
    Or(Id, Id),
    /// A comparison with 0.
    Compare(Sign, Id),
}

/// Sums and products with more terms than this are kept as they are.
const MOST_TERMS: usize = 96;
/// The most work of one question, counted in terms that are written.
const MOST_WORK: usize = 600_000;

/// All nodes of one question.
#[derive(Default)]
pub struct Arena {
    nodes: Vec<Rc<Node>>,
    known: BTreeMap<Rc<Node>, Id>,
    factored: BTreeMap<Id, Rc<Factored>>,
    work: usize,
}

type Made = Result<Id, Stop>;
/// What [`Arena::rebuild`] asks for each part.
type Change<'c> = dyn FnMut(&mut Arena, Id, &BTreeMap<Id, Id>) -> Result<Option<Id>, Stop> + 'c;

impl Arena {
    /// The node with an id.
    pub fn node(&self, id: Id) -> &Node {
        &self.nodes[id as usize]
    }

    /// A node, shared.
    pub fn shared(&self, id: Id) -> Rc<Node> {
        Rc::clone(&self.nodes[id as usize])
    }

    /// A sum with its common factors taken out; made when it is first asked for.
    pub fn factor(&mut self, id: Id) {
        if !self.factored.contains_key(&id)
            && let Node::Sum(sum) = &*self.shared(id)
        {
            self.factored.insert(id, Rc::new(Factored::of(&sum.terms)));
        }
    }

    /// What [`Arena::factor`] made.
    pub fn factored(&self, id: Id) -> Option<&Rc<Factored>> {
        self.factored.get(&id)
    }

    fn intern(&mut self, node: Node) -> Made {
        if let Some(id) = self.known.get(&node) {
            return Ok(*id);
        }
        self.work(4)?;
        let id = self.nodes.len() as Id;
        let node = Rc::new(node);
        self.nodes.push(Rc::clone(&node));
        self.known.insert(node, id);
        self.factor(id);
        Ok(id)
    }

    /// Whether all work that may be done has been done.
    pub fn is_exhausted(&self) -> bool {
        self.work > MOST_WORK
    }

    fn work(&mut self, amount: usize) -> Result<(), Stop> {
        self.work += amount;
        if self.work > MOST_WORK { Err(Stop::TooLarge) } else { Ok(()) }
    }

    /// A number.
    pub fn number(&mut self, value: Rational) -> Made {
        self.intern(Node::Sum(Polynomial::number(value)))
    }

    /// A number as it was written.
    pub fn float(&mut self, value: f64) -> Made {
        match Rational::from_decimal(value).filter(|v| v.floor_to_size() == *v) {
            Some(exact) => self.number(exact),
            None if value.is_finite() => self.intern(Node::Inexact(value.to_bits())),
            None => Err(Stop::NotFinite),
        }
    }

    /// A variable.
    pub fn variable(&mut self, var: Var) -> Made {
        self.intern(Node::Variable(var))
    }

    /// The number that a node is, if it is one.
    pub fn as_number(&self, id: Id) -> Option<Rational> {
        match self.node(id) {
            Node::Sum(sum) => sum.as_number(),
            _ => None,
        }
    }

    /// A node as a polynomial.
    pub fn polynomial(&self, id: Id) -> Polynomial {
        match self.node(id) {
            Node::Sum(sum) => sum.clone(),
            _ => Polynomial::atom(id),
        }
    }

    fn of_polynomial(&mut self, sum: Polynomial) -> Made {
        match sum.as_atom() {
            Some(atom) => Ok(atom),
            None => self.intern(Node::Sum(sum)),
        }
    }

    /// `x + factor * y`
    pub fn add(&mut self, x: Id, y: Id, factor: Rational) -> Made {
        let (x, y) = (self.polynomial(x), self.polynomial(y));
        self.work(x.terms.len() + y.terms.len())?;
        let sum = x.plus(&y, factor).ok_or(Stop::TooLarge)?;
        self.of_polynomial(sum)
    }

    /// `x - y`
    pub fn subtract(&mut self, x: Id, y: Id) -> Made {
        self.add(x, y, Rational::whole(-1))
    }

    /// `-x`
    pub fn negate(&mut self, x: Id) -> Made {
        let zero = self.number(Rational::ZERO)?;
        self.subtract(zero, x)
    }

    /// `x * y`
    pub fn multiply(&mut self, x: Id, y: Id) -> Made {
        let (one, two) = (self.polynomial(x), self.polynomial(y));
        let terms = one.terms.len() * two.terms.len();
        self.work(terms)?;
        if terms > MOST_TERMS {
            return self.intern(Node::Product(x.min(y), x.max(y)));
        }
        let product = one.times(&two).ok_or(Stop::TooLarge)?;
        self.of_polynomial(product)
    }

    /// `1 / x`
    pub fn inverse(&mut self, x: Id) -> Made {
        let sum = self.polynomial(x);
        match sum.terms.as_slice() {
            [] => Err(Stop::NotFinite),
            [(monomial, value)] => {
                let turned = monomial.iter().map(|(atom, power)| (*atom, -power)).collect();
                let value = value.inverse().ok_or(Stop::TooLarge)?;
                self.of_polynomial(Polynomial { terms: vec![(turned, value)] })
            }
            _ => self.intern(Node::Inverse(x)),
        }
    }

    /// `x / y`
    pub fn divide(&mut self, x: Id, y: Id) -> Made {
        let inverse = self.inverse(y)?;
        self.multiply(x, inverse)
    }

    /// `x ^ y`
    pub fn power(&mut self, x: Id, y: Id) -> Made {
        if let Some(whole) = self.as_number(y).and_then(Rational::as_small)
            && whole.abs() <= 16
        {
            let mut product = self.number(Rational::ONE)?;
            for _ in 0..whole.abs() {
                product = self.multiply(product, x)?;
            }
            return if whole < 0 { self.inverse(product) } else { Ok(product) };
        }
        if self.as_number(x) == Some(Rational::ONE) {
            return Ok(x);
        }
        self.intern(Node::Power(x, y))
    }

    /// `min(x, y)`
    pub fn min(&mut self, x: Id, y: Id) -> Made {
        match (self.as_number(x), self.as_number(y)) {
            _ if x == y => Ok(x),
            (Some(a), Some(b)) => Ok(if a <= b { x } else { y }),
            _ => self.intern(Node::Min(x.min(y), x.max(y))),
        }
    }

    /// `max(x, y)`
    pub fn max(&mut self, x: Id, y: Id) -> Made {
        match (self.as_number(x), self.as_number(y)) {
            _ if x == y => Ok(x),
            (Some(a), Some(b)) => Ok(if a >= b { x } else { y }),
            // max(x, -x)
            _ if self.is_turned(x, y) => self.abs(x),
            _ => self.intern(Node::Max(x.min(y), x.max(y))),
        }
    }

    /// `abs(x)`
    pub fn abs(&mut self, x: Id) -> Made {
        match self.as_number(x) {
            Some(value) => self.number(value.max(value.negate())),
            None => {
                // abs(x) and abs(-x) are one node.
                let turned = self.polynomial(x).terms.first().is_some_and(|(_, value)| value.sign() < 0);
                let x = if turned { self.negate(x)? } else { x };
                self.intern(Node::Abs(x))
            }
        }
    }

    /// Whether `x` is `-y`.
    fn is_turned(&self, x: Id, y: Id) -> bool {
        let sum = self.polynomial(x).plus(&self.polynomial(y), Rational::ONE);
        sum.is_some_and(|sum| sum.terms.is_empty())
    }

    /// `floor(x)`
    pub fn floor(&mut self, x: Id) -> Made {
        match self.as_number(x) {
            Some(value) => self.number(value.floor()),
            None => self.intern(Node::Floor(x)),
        }
    }

    /// `exp(x)`
    pub fn exp(&mut self, x: Id) -> Made {
        match self.as_number(x) {
            Some(Rational::ZERO) => self.number(Rational::ONE),
            _ => self.intern(Node::Exp(x)),
        }
    }

    /// `log(x)`
    pub fn log(&mut self, x: Id) -> Made {
        match self.as_number(x) {
            Some(Rational::ONE) => self.number(Rational::ZERO),
            _ => self.intern(Node::Log(x)),
        }
    }

    /// `if condition then a else b`, for numbers.
    pub fn choice(&mut self, condition: Id, then: Id, otherwise: Id) -> Made {
        match *self.node(condition) {
            _ if then == otherwise => Ok(then),
            Node::Truth(true) => Ok(then),
            Node::Truth(false) => Ok(otherwise),
            Node::Not(inner) => self.intern(Node::Choice(inner, otherwise, then)),
            _ => self.intern(Node::Choice(condition, then, otherwise)),
        }
    }

    /// `true` or `false`
    pub fn truth(&mut self, value: bool) -> Made {
        self.intern(Node::Truth(value))
    }

    /// A truth value of a rollout.
    pub fn flag(&mut self, flag: Flag) -> Made {
        self.intern(Node::Flag(flag))
    }

    /// `not x`
    pub fn not(&mut self, x: Id) -> Made {
        match *self.node(x) {
            Node::Truth(value) => self.truth(!value),
            Node::Not(inner) => Ok(inner),
            Node::Compare(sign @ (Sign::NotNegative | Sign::Positive), difference) => {
                let turned = self.negate(difference)?;
                self.compare(if sign == Sign::Positive { Sign::NotNegative } else { Sign::Positive }, turned)
            }
            _ => self.intern(Node::Not(x)),
        }
    }

    /// `x and y`
    pub fn and(&mut self, x: Id, y: Id) -> Made {
        match (self.node(x), self.node(y)) {
            (Node::Truth(true), _) => Ok(y),
            (_, Node::Truth(true)) => Ok(x),
            (Node::Truth(false), _) => Ok(x),
            (_, Node::Truth(false)) => Ok(y),
            _ if x == y => Ok(x),
            _ => self.intern(Node::And(x.min(y), x.max(y))),
        }
    }

    /// `x or y`
    pub fn or(&mut self, x: Id, y: Id) -> Made {
        match (self.node(x), self.node(y)) {
            (Node::Truth(false), _) => Ok(y),
            (_, Node::Truth(false)) => Ok(x),
            (Node::Truth(true), _) => Ok(x),
            (_, Node::Truth(true)) => Ok(y),
            _ if x == y => Ok(x),
            _ => self.intern(Node::Or(x.min(y), x.max(y))),
        }
    }

    /// A comparison with 0.
    pub fn compare(&mut self, sign: Sign, difference: Id) -> Made {
        if let Some(value) = self.as_number(difference) {
            return self.truth(match sign {
                Sign::NotNegative => value.sign() >= 0,
                Sign::Positive => value.sign() > 0,
                Sign::Zero => value.sign() == 0,
            });
        }
        self.intern(Node::Compare(sign, difference))
    }

    /// The nodes directly below one, in order.
    pub fn operands(&self, id: Id) -> Vec<Id> {
        match self.node(id) {
            Node::Sum(sum) => sum.atoms(),
            Node::Variable(_) | Node::Inexact(_) | Node::Truth(_) | Node::Flag(_) => Vec::new(),
            Node::Inverse(x) | Node::Abs(x) | Node::Floor(x) | Node::Exp(x) | Node::Log(x) | Node::Not(x) => vec![*x],
            Node::Compare(_, x) => vec![*x],
            Node::Product(x, y)
            | Node::Min(x, y)
            | Node::Max(x, y)
            | Node::Power(x, y)
            | Node::And(x, y)
            | Node::Or(x, y) => {
                vec![*x, *y]
            }
            Node::Choice(condition, then, otherwise) => vec![*condition, *then, *otherwise],
        }
    }

    /// Everything that a node is made of, itself included, sorted: operands before what is made of them.
    pub fn below(&self, id: Id) -> Vec<Id> {
        let mut seen = vec![false; id as usize + 1];
        let mut open = vec![id];
        while let Some(next) = open.pop() {
            if let Some(flag) = seen.get_mut(next as usize)
                && !*flag
            {
                *flag = true;
                open.extend(self.operands(next));
            }
        }
        seen.iter().enumerate().filter(|(_, seen)| **seen).map(|(id, _)| id as Id).collect()
    }

    /// A node with some of its parts replaced. `change` sees a part and what has been made of those below it; it gives the new
    /// part, or none to put it together again. Shared parts are rebuilt once.
    pub fn rebuild(&mut self, root: Id, change: &mut Change<'_>) -> Made {
        let mut made: BTreeMap<Id, Id> = BTreeMap::new();
        for id in self.below(root) {
            let new = match change(self, id, &made)? {
                Some(new) => new,
                None => self.with_operands(id, &made)?,
            };
            made.insert(id, new);
        }
        Ok(made.get(&root).copied().unwrap_or(root))
    }

    fn with_operands(&mut self, id: Id, made: &BTreeMap<Id, Id>) -> Made {
        if self.operands(id).iter().all(|operand| made.get(operand) == Some(operand)) {
            return Ok(id);
        }
        let new = |old: &Id| made.get(old).copied().unwrap_or(*old);
        match &*self.shared(id) {
            Node::Sum(sum) => {
                let mut total = self.number(Rational::ZERO)?;
                for (monomial, value) in &sum.terms {
                    let mut product = self.number(Rational::ONE)?;
                    for (atom, power) in monomial {
                        let exponent = self.number(Rational::whole((*power).into()))?;
                        let factor = self.power(new(atom), exponent)?;
                        product = self.multiply(product, factor)?;
                    }
                    total = self.add(total, product, *value)?;
                }
                Ok(total)
            }
            Node::Variable(_) | Node::Inexact(_) | Node::Truth(_) | Node::Flag(_) => Ok(id),
            Node::Inverse(x) => self.inverse(new(x)),
            Node::Abs(x) => self.abs(new(x)),
            Node::Floor(x) => self.floor(new(x)),
            Node::Exp(x) => self.exp(new(x)),
            Node::Log(x) => self.log(new(x)),
            Node::Not(x) => self.not(new(x)),
            Node::Compare(sign, x) => self.compare(*sign, new(x)),
            Node::Product(x, y) => self.multiply(new(x), new(y)),
            Node::Min(x, y) => self.min(new(x), new(y)),
            Node::Max(x, y) => self.max(new(x), new(y)),
            Node::Power(x, y) => self.power(new(x), new(y)),
            Node::And(x, y) => self.and(new(x), new(y)),
            Node::Or(x, y) => self.or(new(x), new(y)),
            Node::Choice(condition, then, otherwise) => self.choice(new(condition), new(then), new(otherwise)),
        }
    }
}
