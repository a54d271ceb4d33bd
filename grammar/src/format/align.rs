//! Columns: `=`, neighbouring one-line blocks, comments behind lines.

use super::WIDTH;
use super::breaks::Breaks;
use super::lines::Line;
use super::notes::{Group, Member, Notes, Shape, Start};
use super::tokens::Stream;

/// Comments behind lines are aligned while the lines differ in length by no more than this.
const SPREAD: usize = 30;

/// Blanks before a token on its line, alignment left out.
pub(super) fn gap(stream: &Stream<'_>, notes: &Notes, at: usize) -> usize {
    let Some(before) = at.checked_sub(1) else { return 0 };
    let (left, right) = (notes.at(before), notes.at(at));
    if left.glues || right.glued || (stream.text(before) == "{" && stream.text(at) == "}") {
        return 0;
    }
    let separated = matches!(stream.text(before), "{" | ",");
    if right.start == Start::Entry && !separated { 2 } else { 1 }
}

/// Widths of pieces of text as if they stood on one line.
pub(super) struct Widths {
    /// Where each token begins and ends if all stood on one line.
    places: Vec<(u32, u32)>,
}

impl Widths {
    /// Measures all tokens.
    pub fn new(stream: &Stream<'_>, notes: &Notes) -> Self {
        let mut end = 0usize;
        let place = |at: usize| {
            let start = end + gap(stream, notes, at);
            end = start + stream.text(at).chars().count();
            (u32::try_from(start).unwrap_or(u32::MAX), u32::try_from(end).unwrap_or(u32::MAX))
        };
        Self { places: (0..stream.len()).map(place).collect() }
    }

    /// Characters from the start of a token to the end of another.
    pub fn of(&self, from: usize, to: usize) -> usize {
        let start = self.places.get(from).map_or(0, |place| place.0);
        let end = self.places.get(to).map_or(0, |place| place.1);
        end.saturating_sub(start) as usize
    }
}

/// Blanks that are added before tokens so that columns stand below each other.
pub(super) fn pads(stream: &Stream<'_>, notes: &Notes, breaks: &Breaks, widths: &Widths) -> Vec<u32> {
    let mut aligner = Aligner { stream, notes, breaks, widths, pads: vec![0; stream.len()] };
    for group in &notes.groups {
        aligner.equals(group);
        aligner.blocks(group);
    }
    aligner.pads
}

struct Aligner<'a, 't> {
    stream: &'a Stream<'t>,
    notes: &'a Notes,
    breaks: &'a Breaks,
    widths: &'a Widths,
    pads: Vec<u32>,
}

impl Aligner<'_, '_> {
    fn pad(&mut self, at: usize, blanks: usize) {
        if let Some(pad) = self.pads.get_mut(at) {
            *pad = u32::try_from(blanks).unwrap_or(0);
        }
    }

    /// Whether an empty line stands before a member. Within expressions there are none in the new text.
    fn apart(&self, member: &Member) -> bool {
        if !matches!(self.notes.at(member.start).start, Start::Item | Start::Entry) {
            return false;
        }
        self.stream.newlines(member.start) > 1 || self.stream.comments(member.start).any(|(_, newlines)| newlines > 1)
    }

    /// Aligns `=` over neighbours.
    fn equals(&mut self, group: &Group) {
        let mut run: Vec<Member> = Vec::new();
        for (idx, member) in group.members.iter().enumerate() {
            let (class, last) = match member.shape {
                Shape::Setting { equals, overrides } => (Some((0, overrides)), equals),
                Shape::Param { equals, .. } => (Some((1, false)), equals),
                Shape::Pair { equals } => (Some((2, false)), equals),
                Shape::Block { .. } | Shape::Other => (None, member.head),
            };
            let begins_line = self.breaks.at(member.start) || (group.bindings && idx == 0);
            let fits = class.is_some() && begins_line && self.breaks.one_line(member.head, last);
            let follows = run.last().is_some_and(|before| {
                same_class(before.shape, member.shape)
                    && self.breaks.one_line(before.head, before.end)
                    && !self.apart(member)
            });
            if !(fits && follows) {
                self.align_equals(&run);
                run.clear();
            }
            if fits {
                run.push(*member);
            }
        }
        self.align_equals(&run);
    }

    fn align_equals(&mut self, run: &[Member]) {
        let column = |from: fn(&Member) -> usize, to: fn(&Member) -> Option<usize>| -> Vec<(usize, usize)> {
            let width = |member: &Member| to(member).map(|to| (to, self.widths.of(from(member), to.saturating_sub(1))));
            let widths: Vec<(usize, usize)> = run.iter().filter_map(width).collect();
            let widest = widths.iter().map(|(_, width)| *width).max().unwrap_or(0);
            widths.into_iter().map(|(at, width)| (at, widest - width)).collect()
        };
        let mut pads = column(
            |member| member.head,
            |member| match member.shape {
                Shape::Setting { equals, .. } | Shape::Pair { equals } => Some(equals),
                Shape::Param { colon, .. } => Some(colon),
                Shape::Block { .. } | Shape::Other => None,
            },
        );
        pads.extend(column(
            |member| if let Shape::Param { colon, .. } = member.shape { colon } else { member.head },
            |member| if let Shape::Param { equals, .. } = member.shape { Some(equals) } else { None },
        ));
        for (at, blanks) in pads {
            self.pad(at, blanks);
        }
    }

    /// Aligns the braces of neighbouring one-line blocks, and their settings where they have the same keys.
    fn blocks(&mut self, group: &Group) {
        let mut run: Vec<Member> = Vec::new();
        for member in &group.members {
            let is_block = matches!(member.shape, Shape::Block { .. });
            let fits = is_block && self.breaks.at(member.start) && self.breaks.one_line(member.head, member.end);
            let follows = run.last().is_some_and(|before| {
                self.stream.text(before.head) == self.stream.text(member.head) && !self.apart(member)
            });
            if !(fits && follows) {
                self.align_blocks(group.depth, &run);
                run.clear();
            }
            if fits {
                run.push(*member);
            }
        }
        self.align_blocks(group.depth, &run);
    }

    fn align_blocks(&mut self, depth: usize, run: &[Member]) {
        if run.len() < 2 {
            return;
        }
        let head = |member: &Member| self.widths.of(member.head, open(member).saturating_sub(1));
        let widest = run.iter().map(head).max().unwrap_or(0);
        let mut lengths: Vec<usize> = run
            .iter()
            .map(|member| 2 * depth + self.widths.of(member.head, member.end) + widest - head(member))
            .collect();
        if lengths.iter().any(|length| *length > WIDTH) {
            return;
        }
        let pads: Vec<(usize, usize)> = run.iter().map(|member| (open(member), widest - head(member))).collect();
        for (at, blanks) in pads {
            self.pad(at, blanks);
        }
        let mut rest = run;
        while let Some(first) = rest.first() {
            let keys = self.keys(first);
            let same = rest.iter().take_while(|member| self.keys(member) == keys).count().max(1);
            let (alike, others) = rest.split_at(same);
            let (of_alike, of_others) = lengths.split_at_mut(same);
            self.align_cells(alike, of_alike);
            lengths = of_others.to_vec();
            rest = others;
        }
    }

    /// The settings of a block.
    fn cells(&self, member: &Member) -> &[Member] {
        let group = self.notes.within.get(&open(member)).and_then(|group| self.notes.groups.get(*group));
        group.map_or(&[], |group| &group.members)
    }

    fn keys(&self, member: &Member) -> Vec<&str> {
        let key = |cell: &Member| match cell.shape {
            Shape::Setting { equals, .. } => self.stream.text(equals.saturating_sub(1)),
            _ => self.stream.text(cell.head),
        };
        self.cells(member).iter().map(key).collect()
    }

    /// Aligns the settings of blocks that have the same keys, unless a line becomes too long.
    fn align_cells(&mut self, run: &[Member], lengths: &mut [usize]) {
        if run.len() < 2 {
            return;
        }
        let rows: Vec<Vec<(usize, usize)>> = run
            .iter()
            .map(|member| {
                let cells = self.cells(member).windows(2);
                let width = |pair: &[Member]| match pair {
                    [cell, next] => (next.start, self.widths.of(cell.start, next.start.saturating_sub(1))),
                    _ => (0, 0),
                };
                cells.map(width).collect()
            })
            .collect();
        let columns = rows.iter().map(Vec::len).min().unwrap_or(0);
        let mut pads = Vec::new();
        for column in 0..columns {
            let widths = || rows.iter().filter_map(|row| row.get(column));
            let widest = widths().map(|(_, width)| *width).max().unwrap_or(0);
            for ((at, width), length) in widths().zip(lengths.iter_mut()) {
                pads.push((*at, widest - width));
                *length += widest - width;
            }
        }
        if lengths.iter().all(|length| *length <= WIDTH) {
            for (at, blanks) in pads {
                self.pad(at, blanks);
            }
        }
    }
}

fn same_class(one: Shape, other: Shape) -> bool {
    match (one, other) {
        (Shape::Setting { overrides: a, .. }, Shape::Setting { overrides: b, .. }) => a == b,
        _ => std::mem::discriminant(&one) == std::mem::discriminant(&other),
    }
}

fn open(member: &Member) -> usize {
    if let Shape::Block { open } = member.shape { open } else { member.head }
}

/// Sets the columns of the comments behind lines.
pub(super) fn comments(lines: &mut [Line<'_>]) {
    // Items of more than one line are not aligned with their neighbours.
    let mut long = std::collections::BTreeSet::new();
    for pair in lines.windows(2) {
        if let [one, other] = pair
            && one.item == other.item
            && !one.text.is_empty()
            && !one.text.starts_with("///")
            && !other.text.is_empty()
        {
            long.insert(one.item);
        }
    }
    let mut run: Vec<usize> = Vec::new();
    let (mut shortest, mut longest) = (usize::MAX, 0);
    let mut item = None;
    for at in 0..lines.len() {
        let Some(line) = lines.get(at) else { break };
        let ends = line.is_empty()
            || item.is_some_and(|item| item != line.item && (long.contains(&item) || long.contains(&line.item)));
        item = Some(line.item);
        let width = line.width();
        let behind = line.comment.is_some() && !line.text.is_empty();
        let far = behind && (longest.max(width) - shortest.min(width)) > SPREAD;
        if ends || far {
            set_column(lines, &run, longest);
            run.clear();
            (shortest, longest) = (usize::MAX, 0);
        }
        if behind {
            run.push(at);
            shortest = shortest.min(width);
            longest = longest.max(width);
        }
    }
    set_column(lines, &run, longest);
}

fn set_column(lines: &mut [Line<'_>], run: &[usize], longest: usize) {
    for at in run {
        if let Some(line) = lines.get_mut(*at) {
            line.comment_column = longest + 2;
        }
    }
}
