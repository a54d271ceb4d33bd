//! The typed graph as a picture: a box for every stage, its nodes in rows from above, amounts beside the lines.
//!
//! Labels of lines stand in rows of their own, so that no text lies on another or on a node. Marked feedback edges run in
//! lanes at the right, dashed; weights that go to the next stage run in a lane at the left.

mod layers;

use super::{Anchor, Colour, MUTED, Mark, Picture, TEXT, clipped, width};
use layers::Layers;
use recipec_compiler::TrainGraph;
use recipec_compiler::estimate::number;
use recipec_compiler::graph::{EdgeView, print::summary};
use recipec_compiler::plan::{Flow, NodeKind};
use std::collections::BTreeMap;

const TITLE: f64 = 13.0;
const SMALL: f64 = 11.0;
const NODE_HEIGHT: f64 = 48.0;
const WIDEST: f64 = 250.0;
const BETWEEN: f64 = 18.0;
const ROW_GAP: f64 = 18.0;
const CHANNEL: f64 = 9.0;
const LANE: f64 = 24.0;
const MARGIN: f64 = 26.0;
const LINE: Colour = Colour(0x6A, 0x73, 0x7D);
const BACK: Colour = Colour(0x00, 0x72, 0xB2);

/// A node, before it is drawn.
struct Node<'a> {
    id: &'a str,
    kind: &'a NodeKind,
    summary: String,
    item: usize,
}

/// A line from node to node within a stage, with what it passes in the rows between.
struct Route {
    from: usize,
    to: usize,
    passes: Vec<usize>,
    /// Which of `passes` carries the label, and its lines.
    label: Option<(usize, Vec<String>)>,
}

/// The picture of a graph.
pub fn picture(graph: &TrainGraph, recipe: &str) -> Picture {
    let edges: Vec<EdgeView<'_>> = graph.edges().collect();
    let joins: Vec<&EdgeView<'_>> = edges.iter().filter(|edge| edge.from.0 != edge.to.0).collect();
    let mut stages: Vec<Stage<'_>> = graph
        .stages()
        .into_iter()
        .map(|name| {
            let own = edges.iter().filter(|edge| edge.from.0 == name && edge.to.0 == name).cloned().collect();
            Stage::new(name, graph, own, &joins)
        })
        .collect();
    let lane = if joins.is_empty() { 0.0 } else { LANE };
    let inner = stages.iter().map(|stage| stage.width).fold(420.0, f64::max);
    let lanes = stages.iter().map(|stage| stage.back.len()).max().unwrap_or(0) as f64 * LANE;
    let mut picture =
        Picture::new(2.0 * MARGIN + lane + inner + lanes + 2.0 * MARGIN, 0.0, format!("graph of {recipe}"));
    picture.text(format!("recipe {recipe}"), (MARGIN, 38.0), 20.0, TEXT, Anchor::Start);
    let mut top = 60.0;
    let frame = picture.width - 2.0 * MARGIN;
    for stage in &mut stages {
        stage.top = top;
        stage.left = 2.0 * MARGIN + lane + (inner - stage.width) / 2.0;
        picture.marks.push(Mark::Box {
            corner: (MARGIN, top),
            size: (frame, stage.height),
            radius: 10.0,
            fill: Some(Colour(0xFA, 0xFB, 0xFC)),
            stroke: Some((Colour(0xC4, 0xCA, 0xD1), 1.0)),
        });
        let title = clipped(&format!("stage {}", stage.name), frame - 28.0, 15.0);
        picture.text(title, (MARGIN + 14.0, top + 24.0), 15.0, TEXT, Anchor::Start);
        top += stage.height + 22.0;
    }
    for stage in &stages {
        stage.draw(&mut picture, 2.0 * MARGIN + lane + inner);
    }
    for edge in joins {
        join(&mut picture, &stages, edge, 2.0 * MARGIN);
    }
    let words = "Amounts are of one optimizer step, with domains drawn by their ratios and every group kept; an amount \
                 behind ≤ is the most that budgets and refill allow. Dashed lines are read from the step before.";
    let room = frame;
    picture.height = picture.paragraph(words, (MARGIN, top + 8.0), room, SMALL + 1.0, MUTED) + 4.0;
    picture
}

/// Weights from a stage to the next, through the lane at the left.
fn join(picture: &mut Picture, stages: &[Stage<'_>], edge: &EdgeView<'_>, lane: f64) {
    let stage = |name: &str| stages.iter().find(|stage| stage.name == name);
    let (Some(from), Some(to)) = (stage(edge.from.0), stage(edge.to.0)) else { return };
    let (Some(source), Some(target)) = (from.node(edge.from.1), to.node(edge.to.1)) else { return };
    let start = from.place_of(source, false, Port::Join);
    let end = to.place_of(target, true, Port::Join);
    let below = from.channel_below(source);
    let above = to.channel_above(target);
    let points = vec![start, (start.0, below), (lane, below), (lane, above), (end.0, above), end];
    picture.marks.push(Mark::Path { points, colour: LINE, width: 1.6, dashes: None });
    arrow(picture, end, LINE);
    picture.marks.push(Mark::Text {
        text: edge.flow.words().to_string(),
        place: (lane - 6.0, (below + above) / 2.0),
        size: SMALL,
        colour: MUTED,
        anchor: Anchor::Middle,
        upward: true,
    });
}

struct Stage<'a> {
    name: &'a str,
    nodes: Vec<Node<'a>>,
    routes: Vec<Route>,
    /// Feedback edges: source, target, and the edge; the first in the innermost lane.
    back: Vec<(usize, usize, EdgeView<'a>)>,
    /// Nodes that a line of another stage enters, or that one leaves for another stage.
    entered: Vec<usize>,
    left_for: Vec<usize>,
    layers: Layers,
    /// Upper edge and height of every row, from the top of the stage.
    rows: Vec<(f64, f64)>,
    width: f64,
    height: f64,
    top: f64,
    left: f64,
}

impl<'a> Stage<'a> {
    fn new(name: &'a str, graph: &'a TrainGraph, edges: Vec<EdgeView<'a>>, joins: &[&EdgeView<'a>]) -> Self {
        let mut stage = Self {
            name,
            nodes: Vec::new(),
            routes: Vec::new(),
            back: Vec::new(),
            entered: Vec::new(),
            left_for: Vec::new(),
            layers: Layers::default(),
            rows: Vec::new(),
            width: 0.0,
            height: 0.0,
            top: 0.0,
            left: 0.0,
        };
        for (_, id, kind) in graph.nodes().filter(|(of, ..)| *of == name) {
            stage.nodes.push(Node { id, kind, summary: summary(kind), item: 0 });
        }
        let place: BTreeMap<&str, usize> = stage.nodes.iter().enumerate().map(|(at, node)| (node.id, at)).collect();
        let ends = |edge: &EdgeView<'_>| Some((*place.get(edge.from.1)?, *place.get(edge.to.1)?));
        for edge in joins {
            if edge.from.0 == name {
                stage.left_for.extend(place.get(edge.from.1));
            }
            if edge.to.0 == name {
                stage.entered.extend(place.get(edge.to.1));
            }
        }
        let forward: Vec<(usize, usize, &EdgeView<'a>)> = edges
            .iter()
            .filter(|edge| !edge.feedback)
            .filter_map(|edge| ends(edge).map(|(from, to)| (from, to, edge)))
            .collect();
        let levels = levels(stage.nodes.len(), &forward);
        for (at, node) in stage.nodes.iter_mut().enumerate() {
            let text = width(node.id, TITLE).max(width(&node.summary, SMALL)) + 24.0;
            node.item = stage.layers.add(2 * levels[at], text.clamp(90.0, WIDEST));
        }
        for (from, to, edge) in &forward {
            stage.routes.push(route(&mut stage.layers, &levels, &stage.nodes, (*from, *to), edge, &forward));
        }
        for edge in edges.iter().filter(|edge| edge.feedback) {
            stage.back.extend(ends(edge).map(|(from, to)| (from, to, edge.clone())));
        }
        stage.back.sort_by_key(|(from, to, _)| levels[*from].abs_diff(levels[*to]));
        stage.width = stage.layers.place(BETWEEN);
        stage.measure();
        stage
    }

    /// Heights of the rows: nodes, labels between them, and room for lines that run across.
    fn measure(&mut self) {
        let n_rows = self.layers.items.iter().map(|item| item.row + 1).max().unwrap_or(1);
        let mut heights = vec![0.0f64; n_rows];
        for row in (0..n_rows).step_by(2) {
            heights[row] = NODE_HEIGHT;
        }
        for route in &self.routes {
            if let Some((item, lines)) = &route.label {
                let row = self.layers.items[*item].row;
                heights[row] = heights[row].max(lines.len() as f64 * (SMALL + 3.0) + 4.0);
            }
        }
        let mut top = 40.0;
        for (row, height) in heights.into_iter().enumerate() {
            top += ROW_GAP + self.crossings(row, true) as f64 * CHANNEL;
            self.rows.push((top, height));
            top += height + self.crossings(row, false) as f64 * CHANNEL;
        }
        self.height = top + ROW_GAP + 12.0;
    }

    fn row_of(&self, node: usize) -> usize {
        self.layers.items[self.nodes[node].item].row
    }

    /// How many lines run across just above or below a row.
    fn crossings(&self, row: usize, above: bool) -> usize {
        let back = self.back.iter().filter(|(from, to, _)| self.row_of(if above { *to } else { *from }) == row);
        let joins = if above { &self.entered } else { &self.left_for };
        back.count() + joins.iter().filter(|node| self.row_of(**node) == row).count()
    }

    fn node(&self, id: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.id == id)
    }

    /// Upper left corner and size of a node.
    fn corner(&self, node: usize) -> (f64, f64, f64) {
        let item = &self.layers.items[self.nodes[node].item];
        (self.left + item.x - item.width / 2.0, self.top + self.rows[item.row].0, item.width)
    }

    /// Where the lines of a node begin or end: those at the left first, then those of the stage by the place they go to,
    /// then feedback.
    fn ports(&self, node: usize, entering: bool) -> Vec<Port> {
        let joins = if entering { &self.entered } else { &self.left_for };
        let mut ports: Vec<Port> = joins.iter().filter(|own| **own == node).map(|_| Port::Join).collect();
        let mut own: Vec<(f64, usize)> = Vec::new();
        for (at, route) in self.routes.iter().enumerate() {
            let (end, next) = if entering {
                (route.to, route.passes.last().copied().unwrap_or(self.nodes[route.from].item))
            } else {
                (route.from, route.passes.first().copied().unwrap_or(self.nodes[route.to].item))
            };
            if end == node {
                own.push((self.layers.items[next].x, at));
            }
        }
        own.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        ports.extend(own.into_iter().map(|(_, at)| Port::Route(at)));
        for (at, (from, to, _)) in self.back.iter().enumerate() {
            if (if entering { *to } else { *from }) == node {
                ports.push(Port::Back(at));
            }
        }
        ports
    }

    fn place_of(&self, node: usize, entering: bool, wanted: Port) -> (f64, f64) {
        let ports = self.ports(node, entering);
        let at = ports.iter().position(|port| *port == wanted).unwrap_or(0);
        let (left, top, width) = self.corner(node);
        let x = left + width * (at as f64 + 1.0) / (ports.len() as f64 + 1.0);
        (x, if entering { top } else { top + NODE_HEIGHT })
    }

    /// The height at which the line to the next stage runs across below a node: after feedback.
    fn channel_below(&self, node: usize) -> f64 {
        let (_, top, _) = self.corner(node);
        top + NODE_HEIGHT + self.crossings(self.row_of(node), false) as f64 * CHANNEL
    }

    /// The same above a node, of the line from the stage before.
    fn channel_above(&self, node: usize) -> f64 {
        let (_, top, _) = self.corner(node);
        top - ROW_GAP / 2.0 - self.crossings(self.row_of(node), true) as f64 * CHANNEL
    }

    fn draw(&self, picture: &mut Picture, lanes: f64) {
        for (at, route) in self.routes.iter().enumerate() {
            self.draw_route(picture, at, route);
        }
        let mut used: BTreeMap<(usize, bool), usize> = BTreeMap::new();
        for (at, (from, to, edge)) in self.back.iter().enumerate() {
            let mut channel = |node: usize, above: bool| {
                let n = used.entry((self.row_of(node), above)).or_insert(0);
                *n += 1;
                *n as f64 * CHANNEL
            };
            let (start, end) = (self.place_of(*from, false, Port::Back(at)), self.place_of(*to, true, Port::Back(at)));
            let below = start.1 + channel(*from, false);
            let above = end.1 - ROW_GAP / 2.0 - channel(*to, true);
            let lane = lanes + (at as f64 + 0.5) * LANE;
            let points = vec![start, (start.0, below), (lane, below), (lane, above), (end.0, above), end];
            picture.marks.push(Mark::Path { points, colour: BACK, width: 1.6, dashes: Some([5.0, 4.0]) });
            arrow(picture, end, BACK);
            let words = label(edge).join(", ");
            picture.marks.push(Mark::Text {
                text: clipped(&words, (below - above).abs() - 8.0, SMALL),
                place: (lane - 4.0, (below + above) / 2.0),
                size: SMALL,
                colour: BACK,
                anchor: Anchor::Middle,
                upward: true,
            });
        }
        for at in 0..self.nodes.len() {
            self.draw_node(picture, at);
        }
    }

    fn draw_node(&self, picture: &mut Picture, at: usize) {
        let node = &self.nodes[at];
        let (left, top, width) = self.corner(at);
        let (fill, stroke) = colours(node.kind);
        picture.marks.push(Mark::Box {
            corner: (left, top),
            size: (width, NODE_HEIGHT),
            radius: 6.0,
            fill: Some(fill),
            stroke: Some((stroke, 1.3)),
        });
        let middle = left + width / 2.0;
        let room = width - 14.0;
        picture.text(clipped(node.id, room, TITLE), (middle, top + 20.0), TITLE, TEXT, Anchor::Middle);
        picture.text(clipped(&node.summary, room, SMALL), (middle, top + 37.0), SMALL, MUTED, Anchor::Middle);
    }

    fn draw_route(&self, picture: &mut Picture, at: usize, route: &Route) {
        let start = self.place_of(route.from, false, Port::Route(at));
        let end = self.place_of(route.to, true, Port::Route(at));
        let mut line = vec![start];
        for item in &route.passes {
            let (own, (row_top, row_height)) = (&self.layers.items[*item], self.rows[self.layers.items[*item].row]);
            let (x, top, bottom) = (self.left + own.x, self.top + row_top, self.top + row_top + row_height);
            bend(&mut line, (x, top));
            match &route.label {
                Some((labelled, lines)) if labelled == item => {
                    let height = lines.len() as f64 * (SMALL + 3.0);
                    let from = (top + bottom - height) / 2.0;
                    line.push((x, from - 1.0));
                    let points = std::mem::take(&mut line);
                    picture.marks.push(Mark::Path { points, colour: LINE, width: 1.3, dashes: None });
                    for (idx, text) in lines.iter().enumerate() {
                        let y = from + (idx as f64 + 0.8) * (SMALL + 3.0);
                        picture.text(text.clone(), (x, y), SMALL, MUTED, Anchor::Middle);
                    }
                    line.push((x, from + height + 2.0));
                }
                _ => {}
            }
            line.push((x, bottom));
        }
        bend(&mut line, (end.0, end.1 - 6.0));
        line.push(end);
        picture.marks.push(Mark::Path { points: line, colour: LINE, width: 1.3, dashes: None });
        arrow(picture, end, LINE);
    }
}

/// A place at a node where a line begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Port {
    Join,
    Route(usize),
    Back(usize),
}

/// The row of every node: one below the lowest that it reads. A graph that was checked has no circle of such edges; of any
/// other, the nodes of the circle stay where they are.
fn levels(n: usize, forward: &[(usize, usize, &EdgeView<'_>)]) -> Vec<usize> {
    let mut levels = vec![0; n];
    for _ in 0..n {
        let mut moved = false;
        for (from, to, _) in forward {
            if levels[*to] <= levels[*from] && levels[*from] + 1 < n.max(2) {
                levels[*to] = levels[*from] + 1;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    levels
}

/// Lays a line through the rows between its ends, with its label near the end that has no other line.
fn route(
    layers: &mut Layers,
    levels: &[usize],
    nodes: &[Node<'_>],
    (from, to): (usize, usize),
    edge: &EdgeView<'_>,
    forward: &[(usize, usize, &EdgeView<'_>)],
) -> Route {
    let (first, last) = (2 * levels[from] + 1, (2 * levels[to]).saturating_sub(1));
    let alone_at_target = forward.iter().filter(|(_, other, _)| *other == to).count() == 1;
    let labelled = if alone_at_target { last } else { first };
    let lines = if matches!(edge.flow, Flow::Measures | Flow::Gradients) { Vec::new() } else { label(edge) };
    let (mut passes, mut found, mut before) = (Vec::new(), None, nodes[from].item);
    for row in first..=last {
        let wide = if row == labelled { lines.iter().map(|line| width(line, SMALL)).fold(8.0, f64::max) } else { 8.0 };
        let item = layers.add(row, wide);
        layers.links.push((before, item));
        if row == labelled && !lines.is_empty() {
            found = Some((item, lines.clone()));
        }
        passes.push(item);
        before = item;
    }
    layers.links.push((before, nodes[to].item));
    Route { from, to, passes, label: found }
}

/// What flows and how much, in short lines.
fn label(edge: &EdgeView<'_>) -> Vec<String> {
    let words = edge.flow.words();
    let Some(rate) = edge.rate else { return vec![words.to_string()] };
    let mut lines = Vec::new();
    match rate.unit {
        "updates" if rate.amount == 1.0 => lines.push(words.to_string()),
        "updates" => lines.push(format!("{words}, every {} steps", number(1.0 / rate.amount))),
        unit if words.ends_with(unit) => lines.push(format!("{} {words}", number(rate.amount))),
        unit => lines.extend([words.to_string(), format!("{} {unit}", number(rate.amount))]),
    }
    lines.extend(rate.tokens.map(|tokens| format!("≤ {} tokens", number(tokens))));
    lines
}

/// A soft bend from the last point of a line to the next.
fn bend(line: &mut Vec<(f64, f64)>, end: (f64, f64)) {
    let Some(start) = line.last().copied() else { return };
    if (start.0 - end.0).abs() < 0.5 {
        line.push(end);
        return;
    }
    for step in 1..=12 {
        let t = f64::from(step) / 12.0;
        let soft = t * t * (3.0 - 2.0 * t);
        line.push((start.0 + (end.0 - start.0) * soft, start.1 + (end.1 - start.1) * t));
    }
}

/// An arrow that points downward.
fn arrow(picture: &mut Picture, (x, y): (f64, f64), colour: Colour) {
    picture.marks.push(Mark::Area { points: vec![(x, y), (x - 4.0, y - 8.0), (x + 4.0, y - 8.0)], colour });
}

/// Ground and edge of a node, by what it is part of.
fn colours(kind: &NodeKind) -> (Colour, Colour) {
    match kind {
        NodeKind::Data { .. } | NodeKind::Sampler { .. } | NodeKind::Demonstrations { .. } => {
            (Colour(0xE4, 0xF1, 0xFA), Colour(0x00, 0x72, 0xB2))
        }
        NodeKind::Rollout { .. } | NodeKind::Verify { .. } | NodeKind::Group { .. } => {
            (Colour(0xE2, 0xF4, 0xEE), Colour(0x00, 0x7F, 0x5C))
        }
        NodeKind::Metrics { .. } | NodeKind::Checkpoint { .. } | NodeKind::Evaluate { .. } => {
            (Colour(0xF1, 0xF3, 0xF5), Colour(0x7A, 0x83, 0x8D))
        }
        NodeKind::Loss { .. }
        | NodeKind::SupervisedLoss { .. }
        | NodeKind::Reference { .. }
        | NodeKind::Optimizer { .. }
        | NodeKind::Weights => (Colour(0xF7, 0xE9, 0xF2), Colour(0xB0, 0x4A, 0x86)),
        _ => (Colour(0xFC, 0xF0, 0xE4), Colour(0xC4, 0x5A, 0x05)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use recipec_compiler::{FileId, NoFiles, Options, Source};

    fn picture_of(text: &str) -> Picture {
        let source = Source::new(FileId(0), "test.recipe", text);
        let checked = recipec_compiler::check(source, &NoFiles, &Options::default());
        let recipe = checked.recipe.expect("a recipe without errors");
        let (graph, _) = recipec_compiler::compile(&recipe).expect("a graph");
        picture(&graph, &recipe.name)
    }

    /// Corner and size of a rectangle.
    type Area = (f64, f64, f64, f64);

    fn meets(a: Area, b: Area) -> bool {
        a.0 < b.0 + b.2 && b.0 < a.0 + a.2 && a.1 < b.1 + b.3 && b.1 < a.1 + a.3
    }

    /// Level texts as rectangles, a pixel smaller on each side.
    fn texts(picture: &Picture) -> Vec<(String, Area)> {
        let found = picture.marks.iter().filter_map(|mark| match mark {
            Mark::Text { text, place, size, anchor, upward: false, .. } => {
                let wide = width(text, *size);
                let left = match anchor {
                    Anchor::Start => place.0,
                    Anchor::Middle => place.0 - wide / 2.0,
                    Anchor::End => place.0 - wide,
                };
                Some((text.clone(), (left + 1.0, place.1 - 0.7 * size, wide - 2.0, 0.7 * size)))
            }
            _ => None,
        });
        found.collect()
    }

    #[test]
    fn no_text_lies_on_another_or_leaves_its_box() {
        let many: String = (0..9)
            .map(|n| format!("domain d{n} {{ ratio = 5%  data = builtin(\"arithmetic\")  verify = math_answer(extract = whole) }}\n"))
            .collect();
        let quickstart = include_str!("../../recipes/quickstart.recipe");
        let wide = include_str!("../../tests/accept/all_settings.recipe")
            .replace("ratio = 60%", "ratio = 30%")
            .replace("ratio = 40%", "ratio = 25%")
            .replace("mix {", &format!("{many}mix {{"));
        for (name, text) in [
            ("quickstart", quickstart),
            ("apriel", include_str!("../../recipes/apriel_reasoner.recipe")),
            ("stages", include_str!("../../tests/accept/stages.recipe")),
            ("wide", &wide),
        ] {
            let picture = picture_of(text);
            let texts = texts(&picture);
            assert!(texts.len() > 30, "{name}");
            let boxes: Vec<Area> = picture
                .marks
                .iter()
                .filter_map(|mark| match mark {
                    Mark::Box { corner, size, .. } if size.1 == NODE_HEIGHT => {
                        Some((corner.0, corner.1, size.0, size.1))
                    }
                    _ => None,
                })
                .collect();
            for (idx, (text, area)) in texts.iter().enumerate() {
                assert!(area.0 >= 0.0 && area.0 + area.2 <= picture.width, "{name}: `{text}` leaves the picture");
                for (other, own) in &texts[idx + 1..] {
                    assert!(!meets(*area, *own), "{name}: `{text}` lies on `{other}`");
                }
                let inside = boxes.iter().filter(|own| meets(*area, **own));
                for own in inside {
                    let within = area.0 >= own.0 && area.0 + area.2 <= own.0 + own.2;
                    assert!(within, "{name}: `{text}` leaves its box");
                }
            }
            for (idx, one) in boxes.iter().enumerate() {
                assert!(boxes[idx + 1..].iter().all(|other| !meets(*one, *other)), "{name}: boxes overlap");
            }
            let dashed = picture.marks.iter().filter(|mark| matches!(mark, Mark::Path { dashes: Some(_), .. }));
            assert!(dashed.count() >= 3, "{name}: feedback is dashed");
        }
    }
}
