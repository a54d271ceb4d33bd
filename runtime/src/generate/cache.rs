//! Keys and values in pages.
//!
//! A page holds [`PAGE`] positions of one layer: rotated keys in transposed blocks, `(kv_heads, PAGE / BLOCK, head_width,
//! BLOCK)`, then values, `(kv_heads, PAGE, head_width)`. Pages are counted against a bound. A page that is full is shared
//! by every sequence that begins with the same tokens; the last, partly filled one belongs to one sequence. In a layer
//! with a sliding window, pages that no later position sees are given back.

use crate::kernels::attention::{BLOCK, Heads, Rotary, first_seen};
use std::collections::VecDeque;
use std::sync::Arc;

/// Positions of a page.
pub(crate) const PAGE: usize = 2 * BLOCK;

/// One page; shared when more than one sequence holds it.
pub(crate) type Page = Arc<[f32]>;

/// What decides how large a cache is.
#[derive(Debug, Clone)]
pub(crate) struct Sizes {
    pub heads: Heads,
    /// By layer.
    pub windows: Vec<Option<usize>>,
}

impl Sizes {
    pub(crate) fn layers(&self) -> usize {
        self.windows.len()
    }

    /// Numbers in a page.
    fn numbers(&self) -> usize {
        2 * PAGE * self.heads.kv_width()
    }

    /// Bytes of a page.
    pub(crate) fn page_bytes(&self) -> usize {
        4 * self.numbers()
    }

    /// The most pages that a sequence of `length` positions holds, in all layers, when up to `rows` positions come at a
    /// time.
    pub(crate) fn pages(&self, length: usize, rows: usize) -> usize {
        let of_layer = |window: &Option<usize>| match window {
            // The window can begin in the middle of a page and end in the middle of another.
            Some(window) => length.div_ceil(PAGE).min(window.saturating_add(rows).div_ceil(PAGE) + 1),
            None => length.div_ceil(PAGE),
        };
        self.windows.iter().map(of_layer).sum()
    }

    /// Where the keys of a head begin in a page.
    fn keys_at(&self, kv_head: usize) -> usize {
        kv_head * PAGE * self.heads.head_width
    }

    /// Where the values of a head begin in a page.
    fn values_at(&self, kv_head: usize) -> usize {
        PAGE * self.heads.kv_width() + kv_head * PAGE * self.heads.head_width
    }

    /// Keys of one head in a page, `(PAGE / BLOCK, head_width, BLOCK)`.
    #[inline(always)]
    pub(crate) fn keys<'a>(&self, page: &'a [f32], kv_head: usize) -> &'a [f32] {
        &page[self.keys_at(kv_head)..][..PAGE * self.heads.head_width]
    }

    /// Values of one head in a page, `(PAGE, head_width)`.
    #[inline(always)]
    pub(crate) fn values<'a>(&self, page: &'a [f32], kv_head: usize) -> &'a [f32] {
        &page[self.values_at(kv_head)..][..PAGE * self.heads.head_width]
    }
}

/// Pages to be had, up to a bound.
#[derive(Debug)]
pub(crate) struct Pages {
    pub sizes: Sizes,
    free: Vec<Page>,
    held: usize,
    most: usize,
    /// The most that were held at one time.
    pub peak: usize,
}

impl Pages {
    pub(crate) fn new(sizes: Sizes, most: usize) -> Self {
        Self { sizes, free: Vec::new(), held: 0, most, peak: 0 }
    }

    /// How many can still be taken.
    pub(crate) fn available(&self) -> usize {
        self.most - self.held
    }

    /// The bound.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// How many are taken.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    fn take(&mut self) -> Option<Page> {
        if self.held == self.most {
            return None;
        }
        self.held += 1;
        self.peak = self.peak.max(self.held);
        Some(self.free.pop().unwrap_or_else(|| std::iter::repeat_n(0f32, self.sizes.numbers()).collect()))
    }

    fn give(&mut self, mut page: Page) {
        // The last one who holds a page brings it back.
        if Arc::get_mut(&mut page).is_some() {
            self.held -= 1;
            self.free.push(page);
        }
    }
}

/// Pages of one layer that are still needed.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// Number of the first one within the sequence.
    pub first: usize,
    pub pages: VecDeque<Page>,
}

/// Keys and values of one sequence.
#[derive(Debug)]
pub(crate) struct Cache {
    /// Positions that are there.
    pub length: usize,
    layers: Vec<Held>,
}

impl Cache {
    pub(crate) fn new(sizes: &Sizes) -> Self {
        Self { length: 0, layers: (0..sizes.layers()).map(|_| Held::default()).collect() }
    }

    pub(crate) fn layer(&self, layer: usize) -> &Held {
        &self.layers[layer]
    }

    /// Pages that must be taken before `rows` positions more can be added.
    pub(crate) fn missing(&self, rows: usize) -> usize {
        let end = (self.length + rows).div_ceil(PAGE);
        self.layers.iter().map(|held| end.saturating_sub(held.first + held.pages.len())).sum()
    }

    /// Takes them. False, with some taken, when there are not enough; the caller has counted before.
    pub(crate) fn grow(&mut self, rows: usize, pages: &mut Pages) -> bool {
        let end = (self.length + rows).div_ceil(PAGE);
        for held in &mut self.layers {
            while held.first + held.pages.len() < end {
                let Some(page) = pages.take() else { return false };
                held.pages.push_back(page);
            }
        }
        true
    }

    /// Writes the key and value of one position of a layer, before the rotation; `turned` is a buffer of one head.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn write(
        &mut self,
        layer: usize,
        position: usize,
        k: &[f32],
        v: &[f32],
        sizes: &Sizes,
        rotary: &Rotary,
        turned: &mut [f32],
    ) {
        let width = sizes.heads.head_width;
        let held = &mut self.layers[layer];
        // The page is not shared: what is shared is full. If it were, this would copy it and change nobody else's.
        let page = Arc::make_mut(&mut held.pages[position / PAGE - held.first]);
        let at = position % PAGE;
        for (kv_head, (k, v)) in k.chunks_exact(width).zip(v.chunks_exact(width)).enumerate() {
            rotary.turn(k, position, turned);
            let block = sizes.keys_at(kv_head) + at / BLOCK * BLOCK * width + at % BLOCK;
            for (to, from) in page[block..].iter_mut().step_by(BLOCK).zip(&*turned) {
                *to = *from;
            }
            page[sizes.values_at(kv_head) + at * width..][..width].copy_from_slice(v);
        }
    }

    /// A sequence that begins with the same positions. Full pages are shared, the last one is copied when it is not full.
    /// None when there are not enough pages for that.
    pub(crate) fn share(&self, pages: &mut Pages) -> Option<Cache> {
        let partial = !self.length.is_multiple_of(PAGE);
        if partial && pages.available() < self.layers.len() {
            return None;
        }
        let mut shared = Self::new(&pages.sizes);
        shared.length = self.length;
        for (to, from) in shared.layers.iter_mut().zip(&self.layers) {
            to.first = from.first;
            let full = self.length / PAGE - from.first;
            to.pages.extend(from.pages.iter().take(full).cloned());
            if let Some(last) = from.pages.get(full).filter(|_| partial) {
                let mut copy = pages.take()?;
                Arc::make_mut(&mut copy).copy_from_slice(last);
                to.pages.push_back(copy);
            }
        }
        Some(shared)
    }

    /// Gives back what the position after the last one does not see.
    pub(crate) fn trim(&mut self, pages: &mut Pages) {
        for (idx, held) in self.layers.iter_mut().enumerate() {
            let window = pages.sizes.windows[idx];
            let seen = first_seen(self.length, window);
            while (held.first + 1) * PAGE <= seen {
                let Some(page) = held.pages.pop_front() else { break };
                pages.give(page);
                held.first += 1;
            }
        }
    }

    /// Gives everything back; the sequence is empty after it.
    pub(crate) fn release(&mut self, pages: &mut Pages) {
        self.length = 0;
        for held in &mut self.layers {
            held.first = 0;
            for page in held.pages.drain(..) {
                pages.give(page);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(windows: &[Option<usize>]) -> Sizes {
        Sizes { heads: Heads { heads: 2, kv_heads: 1, head_width: 4 }, windows: windows.to_vec() }
    }

    fn extend(cache: &mut Cache, rows: usize, pages: &mut Pages) {
        assert!(cache.grow(rows, pages));
        cache.length += rows;
        cache.trim(pages);
    }

    #[test]
    fn pages_are_counted_and_come_back() {
        let mut pages = Pages::new(sizes(&[None, None]), 10);
        let mut first = Cache::new(&pages.sizes);
        assert_eq!(first.missing(PAGE + 1), 4);
        extend(&mut first, PAGE + 1, &mut pages);
        assert_eq!((pages.held(), first.missing(PAGE - 1), first.missing(PAGE)), (4, 0, 2));
        // The full page of each layer is shared, the other one copied.
        let mut second = first.share(&mut pages).unwrap();
        assert_eq!(pages.held(), 6);
        first.release(&mut pages);
        assert_eq!(pages.held(), 4);
        extend(&mut second, 3 * PAGE, &mut pages);
        assert_eq!((pages.held(), pages.available()), (10, 0));
        assert!(!second.grow(PAGE, &mut pages));
        assert!(second.share(&mut pages).is_none());
        second.release(&mut pages);
        assert_eq!((pages.held(), pages.peak), (0, 10));
    }

    #[test]
    fn what_a_window_has_passed_is_freed() {
        let window = 2 * PAGE + 5;
        let mut pages = Pages::new(sizes(&[Some(window)]), 100);
        let mut cache = Cache::new(&pages.sizes);
        for rows in [1, 7, PAGE, 3 * PAGE, 1, 1, 40] {
            extend(&mut cache, rows, &mut pages);
            let held = cache.layer(0);
            let seen = first_seen(cache.length, Some(window));
            assert!(held.first * PAGE <= seen && seen < (held.first + 1) * PAGE);
            assert!(pages.held() <= pages.sizes.pages(cache.length, rows));
        }
        assert!(pages.peak <= pages.sizes.pages(1000, 3 * PAGE) && pages.peak > 3);
    }

    #[test]
    fn shared_pages_are_not_written_by_others() {
        let mut pages = Pages::new(sizes(&[None]), 100);
        let rotary = Rotary::new(4, 1e4, 100);
        let write = |cache: &mut Cache, position: usize, value: f32, pages: &mut Pages| {
            let sizes = pages.sizes.clone();
            cache.write(0, position, &[value; 4], &[value; 4], &sizes, &rotary, &mut [0.0; 4]);
        };
        let mut first = Cache::new(&pages.sizes);
        assert!(first.grow(3, &mut pages));
        (0..3).for_each(|at| write(&mut first, at, 1.0, &mut pages));
        first.length = 3;
        let mut second = first.share(&mut pages).unwrap();
        write(&mut second, 3, 5.0, &mut pages);
        write(&mut first, 3, 7.0, &mut pages);
        let value = |cache: &Cache, at: usize| pages.sizes.values(&cache.layer(0).pages[0], 0)[at * 4];
        assert_eq!([value(&first, 2), value(&first, 3), value(&second, 2), value(&second, 3)], [1.0, 7.0, 1.0, 5.0]);
    }
}
