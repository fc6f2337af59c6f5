//! The softmax and its logarithm, of rows and of columns, forward and backward.

use pulp::{Arch, Simd, WithSimd};

use crate::{
    simd::{exp_below, load, store, vectorized},
    sums::{BLOCK, sum},
};

/// The largest of a row; NaN is passed over.
#[inline(always)]
fn largest(row: &[f32]) -> f32 {
    /// How many are compared side by side, for vector code.
    const LANES: usize = 16;
    let larger = |most: f32, x: f32| if x > most { x } else { most };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let chunks = row.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(most, &x)| *most = larger(*most, x));
    }
    for half in [8, 4, 2, 1] {
        let (first, second) = lanes.split_at_mut(half);
        first.iter_mut().zip(second).for_each(|(most, x)| *most = larger(*most, *x));
    }
    rest.iter().fold(lanes[0], |most, &x| larger(most, x))
}

/// Replaces each value by `exp(x - most)`, where none is larger than `most`.
#[inline(always)]
fn powers<S: Simd>(simd: S, row: &mut [f32], most: f32) {
    /// How many vectors are worked on together, so that none waits for itself.
    const TOGETHER: usize = 4;
    let most = simd.splat_f32s(most);
    let step = TOGETHER * S::F32_LANES;
    let whole = row.len() - row.len() % step;
    for at in (0..whole).step_by(step) {
        let x = std::array::from_fn(|i| load(simd, row, at + i * S::F32_LANES));
        let y: [S::f32s; TOGETHER] = exp_below(simd, x, most);
        for (i, y) in y.into_iter().enumerate() {
            store(simd, row, at + i * S::F32_LANES, y);
        }
    }
    for at in (whole..row.len()).step_by(S::F32_LANES) {
        let [power] = exp_below(simd, [load(simd, row, at)], most);
        store(simd, row, at, power);
    }
}

struct Exponentials<'a>(&'a mut [f32]);

impl WithSimd for Exponentials<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let most = largest(self.0);
        powers(simd, self.0, most);
        most
    }
}

/// Replaces each value of a row by `exp(x - most)`. Gives `most`, the largest.
pub fn exponentials(row: &mut [f32]) -> f32 {
    Arch::new().dispatch(Exponentials(row))
}

struct Softmax<'a> {
    rows: &'a mut [f32],
    width: usize,
}

impl WithSimd for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for row in self.rows.chunks_exact_mut(self.width.max(1)) {
            powers(simd, row, largest(row));
            let share = 1.0 / sum(row.len(), |i| row[i]);
            row.iter_mut().for_each(|x| *x *= share);
        }
    }
}

/// Puts the softmax of each row in its place. All of a row is NaN where an element is NaN or infinite, or all are minus infinity.
pub fn softmax(rows: &mut [f32], width: usize) {
    Arch::new().dispatch(Softmax { rows, width });
}

vectorized! {
    /// Adds the gradient of the argument of a softmax of rows, given the result and its gradient.
    pub fn add_softmax_gradient<'a>(d_x: &'a mut [f32], y: &'a [f32], d_y: &'a [f32], width: usize) {
        let width = width.max(1);
        let rows = d_x.chunks_exact_mut(width).zip(y.chunks_exact(width));
        for ((d_x, y), d_y) in rows.zip(d_y.chunks_exact(width)) {
            let (y, d_y) = (&y[..width], &d_y[..width]);
            let mean = sum(width, |i| y[i] * d_y[i]);
            for ((d_x, &y), &d_y) in d_x.iter_mut().zip(y).zip(d_y) {
                *d_x += y * (d_y - mean);
            }
        }
    }
}

/// Puts the powers of a row in `room`, 0 for the first of its largest values. Gives the place of that, it, and the sum of
/// the others. An infinite one makes the sum NaN.
#[inline(always)]
fn others<S: Simd>(simd: S, row: &[f32], room: &mut [f32]) -> (usize, f32, f32) {
    let most = largest(row);
    let at = row.iter().position(|&x| x == most).unwrap_or(0);
    room.copy_from_slice(row);
    powers(simd, room, most);
    room[at] = (row[at] - most) * 0.0;
    (at, most, sum(room.len(), |i| room[i]))
}

struct LogSoftmax<'a> {
    rows: &'a mut [f32],
    room: &'a mut [f32],
}

impl WithSimd for LogSoftmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { rows, room } = self;
        for row in rows.chunks_exact_mut(room.len().max(1)) {
            let (_, most, sum) = others(simd, row, room);
            // The largest itself is no part of the sum, so that little is not lost beside it.
            let log = sum.ln_1p();
            row.iter_mut().for_each(|x| *x = (*x - most) - log);
        }
    }
}

/// Puts the logarithm of the softmax of each row in its place. There is room for a row.
pub fn log_softmax(rows: &mut [f32], room: &mut [f32]) {
    Arch::new().dispatch(LogSoftmax { rows, room });
}

struct LogSoftmaxGradient<'a> {
    d_x: &'a mut [f32],
    x: &'a [f32],
    d_y: &'a [f32],
    room: &'a mut [f32],
}

impl WithSimd for LogSoftmaxGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { d_x, x, d_y, room } = self;
        let width = room.len().max(1);
        let rows = d_x.chunks_exact_mut(width).zip(x.chunks_exact(width));
        for ((d_x, x), d_y) in rows.zip(d_y.chunks_exact(width)) {
            let (at, _, rest) = others(simd, x, room);
            let all = sum(width, |i| d_y[i]);
            let share = all / (1.0 + rest);
            room.iter_mut().zip(d_y).for_each(|(power, &d_y)| *power = d_y - *power * share);
            // What the largest gets is what the others lose.
            room[at] = 0.0;
            room[at] = -sum(width, |i| room[i]);
            d_x.iter_mut().zip(&*room).for_each(|(d_x, &more)| *d_x += more);
        }
    }
}

/// Adds the gradient of the argument `x` of the logarithm of a softmax of rows, given that of its result. There is room for
/// a row.
pub fn add_log_softmax_gradient(d_x: &mut [f32], x: &[f32], d_y: &[f32], room: &mut [f32]) {
    Arch::new().dispatch(LogSoftmaxGradient { d_x, x, d_y, room });
}

/// How many columns are worked on together: their rows are still at hand when they are looked at again.
const COLUMNS: usize = 64;

/// Sums in single precision, and those of some of them in double.
struct Sums([f32; COLUMNS], [f64; COLUMNS]);

impl Sums {
    const ZEROS: Self = Self([0.0; COLUMNS], [0.0; COLUMNS]);

    #[inline(always)]
    fn flush(&mut self) {
        self.1.iter_mut().zip(&mut self.0).for_each(|(total, sum)| {
            *total += f64::from(std::mem::take(sum));
        });
    }
}

struct Columns<'a> {
    y: &'a mut [f32],
    width: usize,
}

impl WithSimd for Columns<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { y, width } = self;
        for from in (0..width).step_by(COLUMNS) {
            let columns = from..width.min(from + COLUMNS);
            let mut most = [f32::NEG_INFINITY; COLUMNS];
            for row in y.chunks_exact(width) {
                for (most, &x) in most.iter_mut().zip(&row[columns.clone()]) {
                    *most = if x > *most { x } else { *most };
                }
            }
            let mut sums = Sums::ZEROS;
            for rows in y.chunks_mut(BLOCK * width) {
                for row in rows.chunks_exact_mut(width) {
                    let row = &mut row[columns.clone()];
                    for at in (0..row.len()).step_by(S::F32_LANES) {
                        let x = load(simd, row, at);
                        let [power] = exp_below(simd, [x], load(simd, &most, at));
                        store(simd, row, at, power);
                    }
                    sums.0.iter_mut().zip(&*row).for_each(|(sum, &x)| *sum += x);
                }
                sums.flush();
            }
            let shares = sums.1.map(|sum| (1.0 / sum) as f32);
            for row in y.chunks_exact_mut(width) {
                let row = &mut row[columns.clone()];
                row.iter_mut().zip(&shares).for_each(|(x, share)| *x *= share);
            }
        }
    }
}

/// Puts the softmax of each column of a matrix in its place.
pub fn softmax_of_columns(matrix: &mut [f32], width: usize) {
    Arch::new().dispatch(Columns { y: matrix, width });
}

vectorized! {
    /// Adds the gradient of the argument of a softmax of columns, given the result and its gradient.
    pub fn add_columns_gradient<'a>(d_x: &'a mut [f32], y: &'a [f32], d_y: &'a [f32], width: usize) {
        for from in (0..width).step_by(COLUMNS) {
            let columns = from..width.min(from + COLUMNS);
            let mut sums = Sums::ZEROS;
            let blocks = y.chunks(BLOCK * width).zip(d_y.chunks(BLOCK * width));
            for (y, d_y) in blocks {
                for (y, d_y) in y.chunks_exact(width).zip(d_y.chunks_exact(width)) {
                    let values = y[columns.clone()].iter().zip(&d_y[columns.clone()]);
                    sums.0.iter_mut().zip(values).for_each(|(sum, (y, d_y))| *sum += y * d_y);
                }
                sums.flush();
            }
            let means = sums.1.map(|sum| sum as f32);
            let rows = d_x.chunks_exact_mut(width).zip(y.chunks_exact(width));
            for ((d_x, y), d_y) in rows.zip(d_y.chunks_exact(width)) {
                let values = y[columns.clone()].iter().zip(&d_y[columns.clone()]).zip(&means);
                for (d_x, ((y, d_y), mean)) in d_x[columns.clone()].iter_mut().zip(values) {
                    *d_x += y * (d_y - mean);
                }
            }
        }
    }
}
