//! Another arrangement of values: along each dimension by itself, which of them stands where.

use crate::memory::{NoMemory, one_more};

/// Values along a dimension, each as far from the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    /// Where the first of them stands.
    at: usize,
    len: usize,
    /// Where it is taken from; `None` for zeros.
    from: Option<usize>,
    step: isize,
}

impl Run {
    /// The place that the `i`th of them is taken from.
    fn place(&self, i: usize) -> Option<usize> {
        self.from.map(|from| from.wrapping_add_signed(self.step * i as isize))
    }
}

/// What stands along a dimension.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Axis {
    runs: Vec<Run>,
    len: usize,
}

impl Axis {
    /// So many values, one as far from the other.
    pub fn even(len: usize, step: usize) -> Self {
        let run = Run { at: 0, len, from: Some(0), step: step as isize };
        Self { runs: if len == 0 { Vec::new() } else { vec![run] }, len }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// One more, from a place, or a zero.
    pub fn push(&mut self, from: Option<usize>) -> Result<(), NoMemory> {
        let at = self.len;
        self.len += 1;
        if let Some(last) = self.runs.last_mut() {
            let next = match (last.from, from) {
                (None, None) => Some(0),
                (Some(first), Some(from)) if last.len == 1 => {
                    Some(from.wrapping_sub(first) as isize)
                }
                (Some(_), Some(_)) if last.place(last.len) == from => Some(last.step),
                _ => None,
            };
            if let Some(step) = next {
                (last.step, last.len) = (step, last.len + 1);
                return Ok(());
            }
        }
        one_more(&mut self.runs)?;
        self.runs.push(Run { at, len: 1, from, step: 0 });
        Ok(())
    }

    /// The place of each.
    pub fn places(&self) -> impl Iterator<Item = Option<usize>> {
        self.runs.iter().flat_map(|run| (0..run.len).map(|i| run.place(i)))
    }

    /// The last place, and one more.
    fn reach(&self) -> usize {
        let ends = self.runs.iter().flat_map(|run| [run.place(0), run.place(run.len - 1)]);
        ends.flatten().max().map_or(0, |last| last + 1)
    }

    /// The same, from further on.
    fn moved(mut self, by: Option<usize>) -> Self {
        for run in &mut self.runs {
            run.from = run.from.zip(by).map(|(from, by)| from + by);
        }
        self
    }

    /// This dimension and the next one, if both can be one.
    fn joined(&self, inner: &Self) -> Option<Self> {
        match (&self.runs[..], &inner.runs[..]) {
            (&[Run { len: 1, from, .. }], _) => Some(inner.clone().moved(from)),
            (_, &[Run { len: 1, from, .. }]) => Some(self.clone().moved(from)),
            (outer, &[Run { len, from: Some(from), step, .. }]) => {
                let whole = step * len as isize;
                let fits = |run: &Run| run.from.is_none() || run.len == 1 || run.step == whole;
                // What lies apart goes on so, or is not one.
                if !outer.iter().all(fits) || (step != 1 && outer.len() != 1) {
                    return None;
                }
                let longer = |run: &Run| Run {
                    at: run.at * len,
                    len: run.len * len,
                    from: run.from.map(|first| first + from),
                    step,
                };
                Some(Self { runs: outer.iter().map(longer).collect(), len: self.len * len })
            }
            _ => None,
        }
    }
}

/// What stands where, along all dimensions.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The last one stands in the others.
    outer: Vec<Axis>,
    inner: Axis,
    len: usize,
    reach: usize,
}

/// How many rows are turned at a time: as many values as a line of the cache has.
const ROWS: usize = 16;

impl Layout {
    /// Of these dimensions, the first one outside. The product of their sizes has to be a size.
    pub fn new(axes: impl IntoIterator<Item = Axis, IntoIter: DoubleEndedIterator>) -> Self {
        let (mut outer, mut inner, mut len, mut reach) = (Vec::new(), Axis::even(1, 0), 1, 1);
        for axis in axes.into_iter().rev() {
            (len, reach) = (len * axis.len, reach + axis.reach().saturating_sub(1));
            inner = match axis.joined(&inner) {
                Some(joined) => joined,
                None => {
                    outer.push(inner);
                    axis
                }
            };
        }
        // They were put together from the inside.
        outer.push(inner);
        let inner = outer.remove(0);
        outer.reverse();
        Self { outer, inner, len, reach }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many values it needs to take them from.
    pub fn reach(&self) -> usize {
        if self.len == 0 { 0 } else { self.reach }
    }

    /// Whether each of so many values stands where it stood.
    pub fn is_same(&self, len: usize) -> bool {
        len == self.len && self.outer.is_empty() && self.inner == Axis::even(len, 1)
    }

    /// How many values are best made at a time: a multiple of it.
    pub fn width(&self) -> usize {
        /// More would not stay at hand.
        const MOST: usize = 1 << 20;
        match self.inner.runs[..] {
            [Run { step: 2.., .. }] if self.inner.len <= MOST / ROWS => self.inner.len * ROWS,
            _ => 1,
        }
    }

    /// The values from a place on.
    ///
    /// # Panics
    /// If the layout [needs](Self::reach) more values, or has fewer.
    pub fn fill(&self, values: &[f32], at: usize, to: &mut [f32]) {
        let mut walk = Walk::new(self, at);
        let mut rest = to;
        while !rest.is_empty() {
            if let Some(turned) = walk.turned(rest.len()) {
                let (rows, others) = rest.split_at_mut(turned.rows * self.inner.len);
                turned.fill(values, rows, self.inner.len);
                rest = others;
                continue;
            }
            let (run, from) = walk.run(rest.len());
            let (part, others) = rest.split_at_mut(run.len);
            match (from, run.step) {
                (None, _) => part.fill(0.0),
                (Some(from), 0) => part.fill(values[from]),
                (Some(from), 1) => part.copy_from_slice(&values[from..from + run.len]),
                (Some(from), -1) => {
                    let values = values[from + 1 - run.len..=from].iter().rev();
                    part.iter_mut().zip(values).for_each(|(to, &x)| *to = x);
                }
                (Some(from), step @ 2..) => {
                    let values = values[from..].iter().step_by(step as usize);
                    part.iter_mut().zip(values).for_each(|(to, &x)| *to = x);
                }
                (Some(from), step) => {
                    let place = |i: usize| from.wrapping_add_signed(step * i as isize);
                    part.iter_mut().enumerate().for_each(|(i, to)| *to = values[place(i)]);
                }
            }
            rest = others;
        }
    }

    /// Adds values to those that they were made of.
    ///
    /// # Panics
    /// As [`fill`](Self::fill).
    pub fn add<T>(&self, values: &[f32], sums: &mut [T], add: impl Fn(&mut T, f32)) {
        let mut walk = Walk::new(self, 0);
        let mut rest = values;
        while !rest.is_empty() {
            if let Some(turned) = walk.turned(rest.len()) {
                let (rows, others) = rest.split_at(turned.rows * self.inner.len);
                turned.add(rows, self.inner.len, sums, &add);
                rest = others;
                continue;
            }
            let (run, from) = walk.run(rest.len());
            let (part, others) = rest.split_at(run.len);
            match (from, run.step) {
                (None, _) => {}
                (Some(from), 1) => {
                    let sums = sums[from..from + run.len].iter_mut();
                    sums.zip(part).for_each(|(sum, &x)| add(sum, x));
                }
                (Some(from), step) => {
                    let place = |i: usize| from.wrapping_add_signed(step * i as isize);
                    part.iter().enumerate().for_each(|(i, &x)| add(&mut sums[place(i)], x));
                }
            }
            rest = others;
        }
    }
}

/// Where a run is along a dimension, and how far in it.
#[derive(Debug, Clone, Copy)]
struct At {
    run: usize,
    i: usize,
}

impl At {
    fn of(axis: &Axis, place: usize) -> Self {
        let run = axis.runs.partition_point(|run| run.at + run.len <= place);
        Self { run, i: place - axis.runs.get(run).map_or(place, |run| run.at) }
    }

    /// Goes on; whether that is to the beginning.
    fn go_on(&mut self, axis: &Axis, by: usize) -> bool {
        self.i += by;
        if self.i == axis.runs[self.run].len {
            (self.run, self.i) = (self.run + 1, 0);
        }
        let over = self.run == axis.runs.len();
        if over {
            self.run = 0;
        }
        over
    }
}

/// The way along the values of a layout.
struct Walk<'a> {
    layout: &'a Layout,
    outer: Vec<At>,
    inner: At,
    /// Where the row begins in what it is taken from.
    base: Option<usize>,
}

/// Rows whose values lie as far apart as those of columns.
struct Turned {
    rows: usize,
    from: usize,
    step: usize,
}

/// A square of them, turned aside: so each line of the cache is written once, also where those of all rows share a set.
type Tile = [[f32; ROWS]; ROWS];

impl Turned {
    /// The columns of each square: the first one, and how many.
    fn squares(width: usize) -> impl Iterator<Item = (usize, usize)> {
        (0..width).step_by(ROWS).map(move |first| (first, ROWS.min(width - first)))
    }

    fn fill(&self, values: &[f32], to: &mut [f32], width: usize) {
        let mut tile = Tile::default();
        for (first, columns) in Self::squares(width) {
            for column in 0..columns {
                let from = &values[self.from + (first + column) * self.step..][..self.rows];
                for (row, &x) in tile.iter_mut().zip(from) {
                    row[column] = x;
                }
            }
            for (row, to) in tile.iter().zip(to.chunks_exact_mut(width)) {
                to[first..first + columns].copy_from_slice(&row[..columns]);
            }
        }
    }

    fn add<T>(&self, values: &[f32], width: usize, sums: &mut [T], add: &impl Fn(&mut T, f32)) {
        let mut tile = Tile::default();
        for (first, columns) in Self::squares(width) {
            for (row, from) in values.chunks_exact(width).enumerate() {
                for (column, &x) in tile.iter_mut().zip(&from[first..first + columns]) {
                    column[row] = x;
                }
            }
            for (i, column) in tile[..columns].iter().enumerate() {
                let sums = &mut sums[self.from + (first + i) * self.step..][..self.rows];
                sums.iter_mut().zip(column).for_each(|(sum, &x)| add(sum, x));
            }
        }
    }
}

impl<'a> Walk<'a> {
    fn new(layout: &'a Layout, at: usize) -> Self {
        let width = layout.inner.len.max(1);
        let mut row = at / width;
        let place = |axis: &Axis| {
            let place = row % axis.len.max(1);
            row /= axis.len.max(1);
            At::of(axis, place)
        };
        let mut outer: Vec<At> = layout.outer.iter().rev().map(place).collect();
        outer.reverse();
        let inner = At::of(&layout.inner, at % width);
        let mut walk = Self { layout, outer, inner, base: None };
        walk.base = walk.place();
        walk
    }

    fn place(&self) -> Option<usize> {
        let each = self.layout.outer.iter().zip(&self.outer);
        each.map(|(axis, at)| axis.runs.get(at.run)?.place(at.i)).sum()
    }

    fn next_row(&mut self) {
        for (axis, at) in self.layout.outer.iter().zip(&mut self.outer).rev() {
            if !at.go_on(axis, 1) {
                break;
            }
        }
        self.base = self.place();
    }

    /// The next values that lie evenly, at most so many, and where the first is taken from.
    fn run(&mut self, most: usize) -> (Run, Option<usize>) {
        let run = self.layout.inner.runs[self.inner.run];
        let from = run.place(self.inner.i).zip(self.base).map(|(from, base)| from + base);
        let len = most.min(run.len - self.inner.i);
        if self.inner.go_on(&self.layout.inner, len) {
            self.next_row();
        }
        (Run { len, ..run }, from)
    }

    /// The next rows, if some from here on can be turned.
    fn turned(&mut self, most: usize) -> Option<Turned> {
        let [Run { from: Some(first), step: step @ 2.., .. }] = self.layout.inner.runs[..] else {
            return None;
        };
        let (axis, at) = (self.layout.outer.last()?, self.outer.last()?);
        let run = axis.runs.get(at.run).filter(|run| run.step == 1 && self.inner.i == 0)?;
        let rows = ROWS.min(run.len - at.i).min(most / self.layout.inner.len);
        let turned = Turned { rows, from: self.base? + first, step: step as usize };
        (rows > 1).then(|| {
            (0..rows).for_each(|_| self.next_row());
            turned
        })
    }
}

#[cfg(test)]
mod tests;
