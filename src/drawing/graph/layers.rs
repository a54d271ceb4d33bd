//! Where things stand in a layered drawing (Sugiyama, Tagawa & Toda 1981): rows by longest path, an order within each row
//! that keeps lines short, and places that are as near to their neighbours as room allows.

/// Something that stands in a row: a node, the label of an edge, or the bend of one that passes by.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its row, from above.
    pub row: usize,
    /// Its width in pixels.
    pub width: f64,
    /// Its middle, once it was placed.
    pub x: f64,
}

/// Items with the links between those of neighbouring rows.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    /// All items.
    pub items: Vec<Item>,
    /// Links from an item to one of the next row.
    pub links: Vec<(usize, usize)>,
}

/// Sweeps down and up; places hardly move any more after so many.
const SWEEPS: usize = 24;

impl Layers {
    /// Adds an item.
    pub fn add(&mut self, row: usize, width: f64) -> usize {
        self.items.push(Item { row, width, x: 0.0 });
        self.items.len() - 1
    }

    /// Orders the rows and places every item; neighbours are at least `gap` apart. The leftmost edge is at 0; gives the width.
    pub fn place(&mut self, gap: f64) -> f64 {
        let n_rows = self.items.iter().map(|item| item.row + 1).max().unwrap_or(0);
        let mut rows: Vec<Vec<usize>> = vec![Vec::new(); n_rows];
        for (at, item) in self.items.iter().enumerate() {
            rows[item.row].push(at);
        }
        let mut above: Vec<Vec<usize>> = vec![Vec::new(); self.items.len()];
        let mut below = above.clone();
        for (from, to) in &self.links {
            above[*to].push(*from);
            below[*from].push(*to);
        }
        for row in &rows {
            self.spread(row, gap);
        }
        for sweep in 0..SWEEPS {
            let down = sweep % 2 == 0;
            let order: Vec<usize> = if down { (0..n_rows).collect() } else { (0..n_rows).rev().collect() };
            for at in order {
                let neighbours = if down { &above } else { &below };
                let both = sweep + 4 >= SWEEPS;
                let wanted: Vec<f64> =
                    rows[at].iter().map(|item| self.wanted(*item, neighbours, &above, &below, both)).collect();
                // The order is settled in the first half; later sweeps only move.
                if sweep < SWEEPS / 2 {
                    let mut order: Vec<usize> = (0..wanted.len()).collect();
                    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]).then(a.cmp(b)));
                    let row: Vec<usize> = order.iter().map(|idx| rows[at][*idx]).collect();
                    let wanted: Vec<f64> = order.iter().map(|idx| wanted[*idx]).collect();
                    rows[at] = row;
                    self.settle(&rows[at], &wanted, gap);
                } else {
                    self.settle(&rows[at], &wanted, gap);
                }
            }
        }
        let left = self.items.iter().map(|item| item.x - item.width / 2.0).fold(f64::INFINITY, f64::min);
        let left = if left.is_finite() { left } else { 0.0 };
        for item in &mut self.items {
            item.x -= left;
        }
        self.items.iter().map(|item| item.x + item.width / 2.0).fold(0.0, f64::max)
    }

    /// A first place for the items of a row: side by side around 0.
    fn spread(&mut self, row: &[usize], gap: f64) {
        let all: f64 = row.iter().map(|at| self.items[*at].width + gap).sum();
        let mut left = -all / 2.0;
        for at in row {
            let width = self.items[*at].width;
            self.items[*at].x = left + width / 2.0;
            left += width + gap;
        }
    }

    fn wanted(&self, item: usize, side: &[Vec<usize>], above: &[Vec<usize>], below: &[Vec<usize>], both: bool) -> f64 {
        let mean = |of: &mut dyn Iterator<Item = &usize>| {
            let (mut sum, mut n) = (0.0, 0.0);
            for at in of {
                sum += self.items[*at].x;
                n += 1.0;
            }
            (n > 0.0).then_some(sum / n)
        };
        let found = if both { mean(&mut above[item].iter().chain(&below[item])) } else { mean(&mut side[item].iter()) };
        found.unwrap_or(self.items[item].x)
    }

    /// The places nearest to what is wanted, in this order and with room between: a least-squares fit by pooling
    /// neighbours that would overlap.
    fn settle(&mut self, row: &[usize], wanted: &[f64], gap: f64) {
        let mut offsets = Vec::with_capacity(row.len());
        let mut offset = 0.0;
        for (idx, at) in row.iter().enumerate() {
            if idx > 0 {
                offset += (self.items[row[idx - 1]].width + self.items[*at].width) / 2.0 + gap;
            }
            offsets.push(offset);
        }
        // Blocks of (sum, count) whose means rise.
        let mut blocks: Vec<(f64, usize)> = Vec::new();
        for (wanted, offset) in wanted.iter().zip(&offsets) {
            let mut block = (wanted - offset, 1);
            while let Some(last) = blocks.last()
                && last.0 / last.1 as f64 >= block.0 / block.1 as f64
            {
                block = (block.0 + last.0, block.1 + last.1);
                blocks.pop();
            }
            blocks.push(block);
        }
        let mut at = 0;
        for (sum, count) in blocks {
            for _ in 0..count {
                self.items[row[at]].x = sum / count as f64 + offsets[at];
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_overlaps_and_chains_are_straight() {
        let mut layers = Layers::default();
        let top: Vec<usize> = (0..5).map(|_| layers.add(0, 100.0)).collect();
        let middle = layers.add(1, 120.0);
        let long = layers.add(1, 10.0);
        let end = layers.add(2, 80.0);
        layers.links.extend(top.iter().map(|from| (*from, middle)));
        layers.links.extend([(middle, end), (top[4], long), (long, end)]);
        let width = layers.place(20.0);
        for (idx, a) in layers.items.iter().enumerate() {
            assert!(a.x - a.width / 2.0 >= -1e-9 && a.x + a.width / 2.0 <= width + 1e-9);
            for b in layers.items[idx + 1..].iter().filter(|b| b.row == a.row) {
                let apart = (a.x - b.x).abs() - (a.width + b.width) / 2.0;
                assert!(apart >= 20.0 - 1e-6, "{a:?} and {b:?}");
            }
        }
        assert!((layers.items[middle].x - layers.items[top[2]].x).abs() < 60.0);
    }

    #[test]
    fn an_empty_drawing_has_no_width() {
        assert_eq!(Layers::default().place(10.0), 0.0);
    }
}
