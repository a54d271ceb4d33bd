//! Tree -> instructions, and the machine that follows them.

use super::parse::{Manner, Node, Parsed, Set, fold};
use super::{Groups, OutOfSteps};
use crate::verify::text::is_of_word;

/// Most instructions of a pattern.
const LONGEST: usize = 20_000;

/// Most places to go back to that are kept at a time.
const MOST_PENDING: usize = 1 << 20;

/// Characters compared, or slots of groups cleared, that count as one step.
const WORK_OF_STEP: u64 = 16;

#[derive(Debug, Clone)]
enum Step {
    Set(Set),
    Any(bool),
    Start(bool),
    End(bool),
    TextStart,
    TextEnd,
    Border(bool),
    Again(usize, bool),
    /// Goes on at the first place and, if that fails, at the second.
    Split(usize, usize),
    Jump(usize),
    /// Remembers the place in a slot.
    Save(usize),
    /// Fails where nothing was matched since the slot was set: an empty round of a loop ends it.
    Moved(usize),
    /// Runs the program from here to its `Done` by itself, then goes on at `next`.
    Look {
        wanted: bool,
        back: usize,
        next: usize,
    },
    /// The same, and stays where it ended.
    Atomic {
        next: usize,
    },
    Done,
}

/// Instructions.
#[derive(Debug, Clone)]
pub struct Program {
    steps: Vec<Step>,
    slots: usize,
    groups: usize,
}

impl Program {
    /// Translates a tree; none where it would be too long.
    pub fn new(parsed: &Parsed) -> Option<Self> {
        let mut program = Self { steps: Vec::new(), slots: 2 * (parsed.groups + 1), groups: parsed.groups };
        program.add(&parsed.node)?;
        program.push(Step::Done)?;
        Some(program)
    }

    /// The set that every match starts with, where it is plain.
    pub fn first(&self) -> Option<&Set> {
        match self.steps.first() {
            Some(Step::Set(set)) => Some(set),
            _ => None,
        }
    }

    fn push(&mut self, step: Step) -> Option<usize> {
        self.steps.push(step);
        (self.steps.len() <= LONGEST).then_some(self.steps.len() - 1)
    }

    fn put(&mut self, at: usize, step: Step) {
        if let Some(place) = self.steps.get_mut(at) {
            *place = step;
        }
    }

    fn add(&mut self, node: &Node) -> Option<()> {
        match node {
            Node::Set(set) => self.push(Step::Set(set.clone()))?,
            Node::Any(all) => self.push(Step::Any(*all))?,
            Node::Start(lines) => self.push(Step::Start(*lines))?,
            Node::End(lines) => self.push(Step::End(*lines))?,
            Node::TextStart => self.push(Step::TextStart)?,
            Node::TextEnd => self.push(Step::TextEnd)?,
            Node::Border(is) => self.push(Step::Border(*is))?,
            Node::Again(group, ignore_case) => self.push(Step::Again(*group, *ignore_case))?,
            Node::Group(None, inside) => return self.add(inside),
            Node::Group(Some(number), inside) => {
                self.push(Step::Save(2 * number))?;
                self.add(inside)?;
                self.push(Step::Save(2 * number + 1))?
            }
            Node::Sequence(items) => return items.iter().try_for_each(|item| self.add(item)),
            Node::Look { inside, wanted, behind } => {
                let at = self.push(Step::Done)?;
                self.add(inside)?;
                let next = self.push(Step::Done)? + 1;
                self.put(at, Step::Look { wanted: *wanted, back: behind.unwrap_or(0), next });
                at
            }
            Node::Atomic(inside) => {
                let at = self.push(Step::Done)?;
                self.add(inside)?;
                let next = self.push(Step::Done)? + 1;
                self.put(at, Step::Atomic { next });
                at
            }
            Node::Either(choices) => {
                let mut ends = Vec::new();
                for (number, choice) in choices.iter().enumerate() {
                    if number + 1 == choices.len() {
                        self.add(choice)?;
                    } else {
                        let split = self.push(Step::Done)?;
                        self.add(choice)?;
                        ends.push(self.push(Step::Done)?);
                        self.put(split, Step::Split(split + 1, self.steps.len()));
                    }
                }
                let end = self.steps.len();
                ends.iter().for_each(|at| self.put(*at, Step::Jump(end)));
                end
            }
            Node::Repeat { inside, least, most, manner: Manner::Possessive } => {
                let (inside, manner) = (inside.clone(), Manner::Greedy);
                let greedy = Node::Repeat { inside, least: *least, most: *most, manner };
                return self.add(&Node::Atomic(Box::new(greedy)));
            }
            Node::Repeat { inside, least, most, manner } => {
                for _ in 0..*least {
                    self.add(inside)?;
                }
                let split = |first: usize, second: usize| match manner {
                    Manner::Lazy => Step::Split(second, first),
                    _ => Step::Split(first, second),
                };
                match most {
                    None => {
                        let slot = self.slots;
                        self.slots += 1;
                        let at = self.push(Step::Done)?;
                        self.push(Step::Save(slot))?;
                        self.add(inside)?;
                        self.push(Step::Moved(slot))?;
                        let end = self.push(Step::Jump(at))? + 1;
                        self.put(at, split(at + 1, end));
                    }
                    Some(most) => {
                        let mut splits = Vec::new();
                        for _ in *least..*most {
                            splits.push(self.push(Step::Done)?);
                            self.add(inside)?;
                        }
                        let end = self.steps.len();
                        splits.iter().for_each(|at| self.put(*at, split(at + 1, end)));
                    }
                }
                0
            }
        };
        Some(())
    }

    /// Matches at a place; the end of the match, which must be at least `least`, and its groups.
    pub fn run(
        &self,
        text: &[char],
        start: usize,
        least: usize,
        steps: &mut u64,
    ) -> Result<Option<(usize, Groups)>, OutOfSteps> {
        // Groups are cleared for every start, and found groups copied: that is work, too.
        *steps = steps.checked_sub(self.slots as u64 / WORK_OF_STEP).ok_or(OutOfSteps)?;
        let mut machine = Machine { steps: &self.steps, text, slots: vec![None; self.slots], left: steps };
        let Some(end) = machine.run(0, start, least)? else { return Ok(None) };
        let slot = |at: usize| machine.slots.get(at).copied().flatten();
        let group = |number: usize| slot(2 * number).zip(slot(2 * number + 1));
        let groups = std::iter::once(Some((start, end))).chain((1..=self.groups).map(group)).collect();
        Ok(Some((end, groups)))
    }
}

/// What a failed attempt undoes or tries next.
enum Pending {
    Try(usize, usize),
    Restore(usize, Option<usize>),
}

struct Machine<'a> {
    steps: &'a [Step],
    text: &'a [char],
    slots: Vec<Option<usize>>,
    left: &'a mut u64,
}

impl Machine<'_> {
    fn run(&mut self, from: usize, start: usize, least: usize) -> Result<Option<usize>, OutOfSteps> {
        let mut pending = vec![Pending::Try(from, start)];
        // This calls itself for what looks around, which nests only as deep as groups do.
        let found = self.follow(&mut pending, least);
        if !matches!(found, Ok(Some(_))) {
            self.undo(pending);
        }
        found
    }

    fn undo(&mut self, pending: Vec<Pending>) {
        for entry in pending.into_iter().rev() {
            self.restore(entry);
        }
    }

    fn restore(&mut self, entry: Pending) {
        if let Pending::Restore(slot, old) = entry
            && let Some(place) = self.slots.get_mut(slot)
        {
            *place = old;
        }
    }

    fn follow(&mut self, pending: &mut Vec<Pending>, least: usize) -> Result<Option<usize>, OutOfSteps> {
        while let Some(entry) = pending.pop() {
            let Pending::Try(mut step, mut at) = entry else {
                self.restore(entry);
                continue;
            };
            loop {
                if *self.left == 0 || pending.len() > MOST_PENDING {
                    return Err(OutOfSteps);
                }
                *self.left -= 1;
                match self.steps.get(step) {
                    None => break,
                    Some(Step::Done) if at >= least => return Ok(Some(at)),
                    Some(Step::Done) => break,
                    Some(Step::Jump(to)) => step = *to,
                    Some(Step::Split(first, second)) => {
                        pending.push(Pending::Try(*second, at));
                        step = *first;
                    }
                    Some(Step::Save(slot)) => {
                        let slot = *slot;
                        self.save(slot, at, pending);
                        step += 1;
                    }
                    Some(Step::Look { wanted, back, next }) => {
                        let (wanted, next) = (*wanted, *next);
                        let found = match at.checked_sub(*back) {
                            Some(start) => self.run(step + 1, start, 0)?.is_some(),
                            None => false,
                        };
                        if found != wanted {
                            break;
                        }
                        step = next;
                    }
                    Some(Step::Atomic { next }) => {
                        let next = *next;
                        let Some(end) = self.run(step + 1, at, 0)? else { break };
                        (step, at) = (next, end);
                    }
                    Some(other) => match self.matched(other, at) {
                        Some(end) => (step, at) = (step + 1, end),
                        None => break,
                    },
                }
            }
        }
        Ok(None)
    }

    fn save(&mut self, slot: usize, at: usize, pending: &mut Vec<Pending>) {
        if let Some(place) = self.slots.get_mut(slot) {
            pending.push(Pending::Restore(slot, *place));
            *place = Some(at);
        }
    }

    /// Where a plain step ends; none where it does not match.
    fn matched(&mut self, step: &Step, at: usize) -> Option<usize> {
        let (text, next) = (self.text, self.text.get(at));
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        let here = |holds: bool| holds.then_some(at);
        match step {
            Step::Set(set) => set.matches(*next?).then_some(at + 1),
            Step::Any(all) => (*all || *next? != '\n').then_some(at + 1).filter(|_| next.is_some()),
            Step::Start(lines) => here(at == 0 || *lines && before == Some(&'\n')),
            Step::End(lines) => {
                let last = next == Some(&'\n') && (*lines || at + 1 == text.len());
                here(at == text.len() || last)
            }
            Step::TextStart => here(at == 0),
            Step::TextEnd => here(at == text.len()),
            Step::Border(is) => {
                let border = before.is_some_and(|c| is_of_word(*c)) != next.is_some_and(|c| is_of_word(*c));
                // A text without characters has neither borders nor places between them.
                here(!text.is_empty() && border == *is)
            }
            Step::Moved(slot) => here(self.slots.get(*slot).copied().flatten() != Some(at)),
            Step::Again(group, ignore_case) => {
                let (start, end) = ((*self.slots.get(2 * group)?)?, (*self.slots.get(2 * group + 1)?)?);
                let wanted = text.get(start..end)?;
                let found = text.get(at..at + wanted.len())?;
                // Comparing a long group takes as long as many steps.
                *self.left = self.left.saturating_sub(wanted.len() as u64 / WORK_OF_STEP);
                let same = |a: &char, b: &char| a == b || *ignore_case && fold(*a) == fold(*b);
                here(found.iter().zip(wanted).all(|(a, b)| same(a, b))).map(|at| at + wanted.len())
            }
            _ => None,
        }
    }
}
