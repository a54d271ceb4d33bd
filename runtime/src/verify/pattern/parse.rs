//! Pattern text -> tree.

use crate::verify::text::{is_blank, is_digit, is_of_word};

/// Deepest nesting of groups.
const DEEPEST: usize = 50;

/// Largest count in a repeat.
const MOST_REPEATS: u32 = 1_000;

/// What holds for a part of a pattern.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags {
    /// `i`
    pub ignore_case: bool,
    /// `m`: `^` and `$` match at every line.
    pub lines: bool,
    /// `s`: `.` matches the end of a line too.
    pub dot_all: bool,
}

/// A set of characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    pub ranges: Vec<(char, char)>,
    pub classes: Vec<Class>,
    pub negated: bool,
    pub ignore_case: bool,
}

/// `\d`, `\s`, `\w` and their opposites.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Digit(bool),
    Blank(bool),
    Word(bool),
}

impl Set {
    fn of(c: char, flags: Flags) -> Self {
        let lower = fold(c);
        let ignore_case = flags.ignore_case;
        let c = if ignore_case { lower } else { c };
        Self { ranges: vec![(c, c)], classes: Vec::new(), negated: false, ignore_case }
    }

    /// True where a character is in the set.
    pub fn matches(&self, c: char) -> bool {
        let holds = |c: char| {
            self.ranges.iter().any(|(low, high)| (*low..=*high).contains(&c))
                || self.classes.iter().any(|class| match class {
                    Class::Digit(is) => is_digit(c) == *is,
                    Class::Blank(is) => is_blank(c) == *is,
                    Class::Word(is) => is_of_word(c) == *is,
                })
        };
        let held = if self.ignore_case {
            let lower = fold(c);
            holds(lower) || holds(raised(lower))
        } else {
            holds(c)
        };
        held != self.negated
    }
}

/// The lower case of a character, where it is one character.
pub fn fold(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next(), c) {
        (_, _, 'ſ') => 's',
        (Some(one), None, _) => one,
        _ => c,
    }
}

fn raised(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// How a repeat chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Greedy,
    Lazy,
    Possessive,
}

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    Set(Set),
    /// `.`; true where it matches the end of a line too.
    Any(bool),
    /// `^`; true at every line.
    Start(bool),
    /// `$`; true at every line.
    End(bool),
    /// `\A`
    TextStart,
    /// `\Z`
    TextEnd,
    /// `\b`, or `\B` where false.
    Border(bool),
    /// A group with its number.
    Group(Option<usize>, Box<Node>),
    /// A back reference; true where it ignores case.
    Again(usize, bool),
    /// Look ahead or, where `behind` has a width, back.
    Look {
        inside: Box<Node>,
        wanted: bool,
        behind: Option<usize>,
    },
    /// `(?>…)`
    Atomic(Box<Node>),
    Repeat {
        inside: Box<Node>,
        least: u32,
        most: Option<u32>,
        manner: Manner,
    },
    Sequence(Vec<Node>),
    Either(Vec<Node>),
}

/// A tree, and how many groups it has.
#[derive(Debug)]
pub struct Parsed {
    pub node: Node,
    pub groups: usize,
}

/// Reads a pattern; none where it is not one, or beyond the limits.
pub fn parse(text: &str, flags: Flags) -> Option<Parsed> {
    let mut parser = Parser { text: text.chars().collect(), at: 0, groups: 0, names: Vec::new(), open: Vec::new() };
    let mut flags = flags;
    let node = parser.either(&mut flags, 0)?;
    (parser.at == parser.text.len()).then_some(Parsed { node, groups: parser.groups })
}

struct Parser {
    text: Vec<char>,
    at: usize,
    groups: usize,
    names: Vec<(String, usize)>,
    /// Groups that are not closed yet; they cannot be referred to.
    open: Vec<usize>,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    fn takes(&mut self, wanted: &str) -> bool {
        let found = self.text.iter().skip(self.at).take(wanted.chars().count()).copied().eq(wanted.chars());
        self.at += if found { wanted.chars().count() } else { 0 };
        found
    }

    fn either(&mut self, flags: &mut Flags, depth: usize) -> Option<Node> {
        let mut choices = vec![self.sequence(flags, depth)?];
        while self.takes("|") {
            choices.push(self.sequence(flags, depth)?);
        }
        if choices.len() == 1 { choices.pop() } else { Some(Node::Either(choices)) }
    }

    fn sequence(&mut self, flags: &mut Flags, depth: usize) -> Option<Node> {
        let mut items = Vec::new();
        while let Some(c) = self.peek() {
            if matches!(c, '|' | ')') {
                break;
            }
            let Some(item) = self.item(flags, depth)? else { continue };
            items.push(self.repeated(item)?);
        }
        Some(Node::Sequence(items))
    }

    /// One item; an inner none where it was flags or a comment.
    fn item(&mut self, flags: &mut Flags, depth: usize) -> Option<Option<Node>> {
        Some(Some(match self.take()? {
            '.' => Node::Any(flags.dot_all),
            '^' => Node::Start(flags.lines),
            '$' => Node::End(flags.lines),
            '[' => Node::Set(self.set(*flags)?),
            '\\' => self.escape(*flags)?,
            '(' => return self.group(flags, depth + 1),
            '*' | '+' | '?' => return None,
            c => Node::Set(Set::of(c, *flags)),
        }))
    }

    fn repeated(&mut self, item: Node) -> Option<Node> {
        let before = self.at;
        let (least, most) = match self.take() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => match self.counts() {
                Some(counts) => counts,
                // Braces without counts are text.
                None => {
                    self.at = before;
                    return Some(item);
                }
            },
            _ => {
                self.at = before;
                return Some(item);
            }
        };
        if most.is_some_and(|most| most < least) || least.max(most.unwrap_or(0)) > MOST_REPEATS {
            return None;
        }
        if matches!(item, Node::Start(_) | Node::End(_) | Node::TextStart | Node::TextEnd | Node::Border(_)) {
            return None;
        }
        let manner = match self.peek() {
            Some('?') => Manner::Lazy,
            Some('+') => Manner::Possessive,
            _ => Manner::Greedy,
        };
        self.at += usize::from(manner != Manner::Greedy);
        let again = match self.peek() {
            Some('*' | '+' | '?') => true,
            Some('{') => {
                let before = self.at;
                self.at += 1;
                let counts = self.counts().is_some();
                self.at = before;
                counts
            }
            _ => false,
        };
        (!again).then(|| Node::Repeat { inside: Box::new(item), least, most, manner })
    }

    /// What stands behind `{`: `n}`, `n,}`, `,m}` or `n,m}`.
    fn counts(&mut self) -> Option<(u32, Option<u32>)> {
        let low = self.number();
        let counts = match (low, self.take()?) {
            (Some(low), '}') => return Some((low, Some(low))),
            (low, ',') => (low.unwrap_or(0), self.number()),
            _ => return None,
        };
        self.takes("}").then_some(counts)
    }

    fn number(&mut self) -> Option<u32> {
        let mut number = None;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            number = Some(number.unwrap_or(0u32).saturating_mul(10).saturating_add(digit));
            self.at += 1;
        }
        number
    }

    fn group(&mut self, flags: &mut Flags, depth: usize) -> Option<Option<Node>> {
        if depth > DEEPEST {
            return None;
        }
        let mut inner = *flags;
        let plain = |kind: fn(Box<Node>) -> Node| kind;
        let wrap = if !self.takes("?") {
            return self.numbered(None, inner, depth).map(Some);
        } else if self.takes("P<") {
            let name = self.name('>')?;
            return self.numbered(Some(name), inner, depth).map(Some);
        } else if self.takes("P=") {
            let name = self.name(')')?;
            let number = self.names.iter().find(|(known, _)| *known == name)?.1;
            return Some(Some(self.again(number, *flags)?));
        } else if self.takes("#") {
            while self.take()? != ')' {}
            return Some(None);
        } else if self.takes(":") {
            plain(|node| Node::Group(None, node))
        } else if self.takes(">") {
            plain(Node::Atomic)
        } else if self.takes("<=") {
            plain(|inside| Node::Look { behind: width(&inside), inside, wanted: true })
        } else if self.takes("<!") {
            plain(|inside| Node::Look { behind: width(&inside), inside, wanted: false })
        } else if self.takes("=") {
            plain(|inside| Node::Look { inside, wanted: true, behind: None })
        } else if self.takes("!") {
            plain(|inside| Node::Look { inside, wanted: false, behind: None })
        } else {
            let start = self.at - 2;
            if !self.flags(&mut inner)? {
                // Flags for the whole pattern stand at its very start.
                *flags = inner;
                return (start == 0).then_some(None);
            }
            plain(|node| Node::Group(None, node))
        };
        let back = self.text.get(self.at.saturating_sub(2)) == Some(&'<');
        let inside = self.either(&mut inner, depth)?;
        let node = wrap(Box::new(inside));
        // What looks back must have one width.
        if back && matches!(node, Node::Look { behind: None, .. }) {
            return None;
        }
        self.takes(")").then_some(Some(node))
    }

    /// Reads `flags)` or `flags:`, also with `-flags`; true where they hold for a group.
    fn flags(&mut self, flags: &mut Flags) -> Option<bool> {
        let mut on = true;
        let mut any = false;
        loop {
            match self.take()? {
                ')' if any && on => return Some(false),
                ':' if any => return Some(true),
                '-' if on => on = false,
                'i' => flags.ignore_case = on,
                'm' => flags.lines = on,
                's' => flags.dot_all = on,
                // Unicode is what patterns are read as anyway.
                'u' if on => {}
                _ => return None,
            }
            any = true;
        }
    }

    fn numbered(&mut self, name: Option<String>, mut flags: Flags, depth: usize) -> Option<Node> {
        self.groups += 1;
        let number = self.groups;
        if let Some(name) = name {
            if self.names.iter().any(|(known, _)| *known == name) {
                return None;
            }
            self.names.push((name, number));
        }
        self.open.push(number);
        let inside = self.either(&mut flags, depth)?;
        self.open.pop();
        self.takes(")").then(|| Node::Group(Some(number), Box::new(inside)))
    }

    fn name(&mut self, end: char) -> Option<String> {
        let mut name = String::new();
        loop {
            match self.take()? {
                c if c == end => break,
                c if is_of_word(c) => name.push(c),
                _ => return None,
            }
        }
        name.chars().next().is_some_and(|c| !is_digit(c)).then_some(name)
    }

    fn again(&self, number: usize, flags: Flags) -> Option<Node> {
        (number >= 1 && number <= self.groups && !self.open.contains(&number))
            .then_some(Node::Again(number, flags.ignore_case))
    }

    fn escape(&mut self, flags: Flags) -> Option<Node> {
        let c = self.peek()?;
        if let Some(class) = class(c) {
            self.at += 1;
            let classes = vec![class];
            return Some(Node::Set(Set { ranges: Vec::new(), classes, negated: false, ignore_case: false }));
        }
        let place = match c {
            'A' => Some(Node::TextStart),
            'Z' => Some(Node::TextEnd),
            'b' => Some(Node::Border(true)),
            'B' => Some(Node::Border(false)),
            _ => None,
        };
        if let Some(place) = place {
            self.at += 1;
            return Some(place);
        }
        if ('1'..='9').contains(&c) {
            let digits: Vec<u32> = self.text.iter().skip(self.at).take(3).map_while(|c| c.to_digit(10)).collect();
            // Three octal digits are a character, not a reference.
            if !matches!(digits.as_slice(), [a, b, c] if *a < 4 && *b < 8 && *c < 8) {
                let two = digits.iter().take(2);
                self.at += two.len();
                let number = two.fold(0, |number, digit| number * 10 + *digit as usize);
                return self.again(number, flags);
            }
        }
        Some(Node::Set(Set::of(self.character()?, flags)))
    }

    /// A character behind a backslash, as it may also stand in a set.
    fn character(&mut self) -> Option<char> {
        let hex = |parser: &mut Self, digits: usize| {
            let code = (0..digits).try_fold(0u32, |code, _| Some(code * 16 + parser.take()?.to_digit(16)?))?;
            char::from_u32(code)
        };
        Some(match self.take()? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'f' => '\u{c}',
            'v' => '\u{b}',
            'a' => '\u{7}',
            'x' => hex(self, 2)?,
            'u' => hex(self, 4)?,
            'U' => hex(self, 8)?,
            c if c.is_digit(8) => {
                let mut code = c.to_digit(8)?;
                for _ in 0..2 {
                    match self.peek().and_then(|c| c.to_digit(8)) {
                        Some(digit) => {
                            code = code * 8 + digit;
                            self.at += 1;
                        }
                        None => break,
                    }
                }
                (code <= 0o377).then(|| char::from_u32(code))??
            }
            c if c.is_ascii_alphanumeric() => return None,
            c => c,
        })
    }

    fn set(&mut self, flags: Flags) -> Option<Set> {
        let negated = self.takes("^");
        let mut set = Set { ranges: Vec::new(), classes: Vec::new(), negated, ignore_case: flags.ignore_case };
        let first = self.at;
        loop {
            let c = self.take()?;
            if c == ']' && self.at - 1 != first {
                return Some(set);
            }
            let low = match self.member(c)? {
                Ok(low) => low,
                Err(class) => {
                    set.classes.push(class);
                    continue;
                }
            };
            if self.peek() == Some('-') && self.text.get(self.at + 1).is_some_and(|c| *c != ']') {
                self.at += 1;
                let c = self.take()?;
                let high = self.member(c)?.ok()?;
                if high < low {
                    return None;
                }
                set.ranges.push((low, high));
            } else {
                set.ranges.push((low, low));
            }
        }
    }

    /// A member of a set, or a class.
    fn member(&mut self, c: char) -> Option<Result<char, Class>> {
        if c != '\\' {
            return Some(Ok(c));
        }
        match self.peek()? {
            'b' => {
                self.at += 1;
                Some(Ok('\u{8}'))
            }
            c => match class(c) {
                Some(class) => {
                    self.at += 1;
                    Some(Err(class))
                }
                None => self.character().map(Ok),
            },
        }
    }
}

fn class(c: char) -> Option<Class> {
    Some(match c {
        'd' => Class::Digit(true),
        'D' => Class::Digit(false),
        's' => Class::Blank(true),
        'S' => Class::Blank(false),
        'w' => Class::Word(true),
        'W' => Class::Word(false),
        _ => return None,
    })
}

/// How many characters a part matches; none where that is not always the same number.
fn width(node: &Node) -> Option<usize> {
    match node {
        Node::Set(_) | Node::Any(_) => Some(1),
        Node::Start(_) | Node::End(_) | Node::TextStart | Node::TextEnd | Node::Border(_) | Node::Look { .. } => {
            Some(0)
        }
        Node::Group(_, inside) | Node::Atomic(inside) => width(inside),
        Node::Again(..) => None,
        Node::Repeat { inside, least, most, .. } => {
            (Some(*least) == *most).then_some(width(inside)?.checked_mul(*least as usize)?)
        }
        Node::Sequence(items) => items.iter().try_fold(0usize, |sum, item| sum.checked_add(width(item)?)),
        Node::Either(choices) => {
            let first = width(choices.first()?)?;
            choices.iter().all(|choice| width(choice) == Some(first)).then_some(first)
        }
    }
}
