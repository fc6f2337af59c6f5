//! Where the pixels of an image that is turned, stretched or cut come from.

use super::{FillMode, Interpolation};
use crate::{
    backend::{Resampling, memory::collected},
    error::Error,
};

/// A map from the columns and rows of a new image to those of the old one: `x' = a[0] x + a[1] y + a[2]`, `y' = b[0] x + b[1] y + b[2]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Affine {
    a: [f64; 3],
    b: [f64; 3],
    /// The first and the last row and column of the old image that are seen; in place of others there are these.
    seen: [[f64; 2]; 2],
}

impl Affine {
    /// A map that sees all of the image.
    fn of(a: [f64; 3], b: [f64; 3]) -> Self {
        Self { a, b, seen: [[f64::NEG_INFINITY, f64::INFINITY]; 2] }
    }

    /// A rotation around the middle, by an angle in radians, counterclockwise.
    pub(crate) fn rotation(angle: f64, [height, width]: [usize; 2]) -> Self {
        let (x, y) = middle([height, width]);
        let (sin, cos) = angle.sin_cos();
        let (a, b) = ([cos, -sin], [sin, cos]);
        let rest = |middle: f64, [of_x, of_y]: [f64; 2]| middle - x * of_x - y * of_y;
        Self::of([a[0], a[1], rest(x, a)], [b[0], b[1], rest(y, b)])
    }

    /// A zoom around the middle; below 1 the image gets larger.
    pub(crate) fn zoom([of_height, of_width]: [f64; 2], size: [usize; 2]) -> Self {
        let (x, y) = middle(size);
        Self::of([of_width, 0.0, x * (1.0 - of_width)], [0.0, of_height, y * (1.0 - of_height)])
    }

    /// A shift by shares of the height, down, and of the width, to the right.
    pub(crate) fn translation([down, right]: [f64; 2], [height, width]: [usize; 2]) -> Self {
        let (dx, dy) = (right * width as f64, down * height as f64);
        Self::of([1.0, 0.0, -dx], [0.0, 1.0, -dy])
    }

    /// A window of the old image, cut out and then stretched to the size of the new one, pixels by their middles.
    pub(crate) fn window(start: [f64; 2], window: [f64; 2], size: [usize; 2]) -> Self {
        let scale = [0, 1].map(|axis| window[axis] / size[axis].max(1) as f64);
        let first = [0, 1].map(|axis| start[axis] + 0.5 * scale[axis] - 0.5);
        let seen = [0, 1].map(|axis| [start[axis], start[axis] + (window[axis] - 1.0).max(0.0)]);
        Self { a: [scale[1], 0.0, first[1]], b: [0.0, scale[0], first[0]], seen }
    }

    fn at(&self, x: usize, y: usize) -> [f64; 2] {
        let (x, y) = (x as f64, y as f64);
        let of = |c: [f64; 3]| c[0] * x + c[1] * y + c[2];
        let [rows, columns] = self.seen;
        [of(self.b).clamp(rows[0], rows[1]), of(self.a).clamp(columns[0], columns[1])]
    }
}

fn middle([height, width]: [usize; 2]) -> (f64, f64) {
    let of = |size: usize| (size as f64 - 1.0) / 2.0;
    (of(width), of(height))
}

/// How pixels between and beyond those of an image are made.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Filling {
    pub(crate) mode: FillMode,
    pub(crate) value: f64,
    pub(crate) interpolation: Interpolation,
}

impl Filling {
    /// The place of an index along an axis; none where the value stands.
    fn place(&self, index: f64, size: usize) -> Option<usize> {
        let n = size as f64;
        let place = match self.mode {
            FillMode::Constant => index,
            FillMode::Nearest => index.clamp(0.0, n - 1.0),
            FillMode::Wrap => index.rem_euclid(n),
            FillMode::Reflect => {
                let in_both = index.rem_euclid(2.0 * n);
                if in_both < n { in_both } else { 2.0 * n - 1.0 - in_both }
            }
        };
        (place >= 0.0 && place < n).then_some(place as usize)
    }

    /// The indices around a coordinate, with their weights.
    fn around(&self, at: f64) -> [(f64, f64); 2] {
        match self.interpolation {
            // Half a pixel away from 0, as `round` has it.
            Interpolation::Nearest => [(at.round(), 1.0), (0.0, 0.0)],
            Interpolation::Bilinear => {
                let (low, more) = (at.floor(), at - at.floor());
                [(low, 1.0 - more), (low + 1.0, more)]
            }
        }
    }
}

/// New images of a size, each by its own map.
///
/// # Errors
/// [`Error::Device`] if there is no memory for the places.
pub(crate) fn transformed(
    maps: &[Affine],
    [rows, columns]: [usize; 2],
    size: [usize; 2],
    filling: Filling,
) -> Result<Resampling, Error> {
    let taps = match filling.interpolation {
        Interpolation::Bilinear => 4,
        Interpolation::Nearest => 1,
    };
    let all = [maps.len(), size[0], size[1], taps];
    let (mut pixels, mut weights) = (collected(&all, [])?, collected(&all, [])?);
    let mut added = collected(&all[..3], [])?;
    for map in maps {
        for y in 0..size[0] {
            for x in 0..size[1] {
                let [row, column] = map.at(x, y).map(|at| filling.around(at));
                let mut value = 0.0;
                for (row, of_row) in &row[..taps.div_ceil(2)] {
                    for (column, of_column) in &column[..taps.div_ceil(2)] {
                        let (weight, row) = (of_row * of_column, filling.place(*row, rows));
                        let place = row.zip(filling.place(*column, columns));
                        if place.is_none() {
                            value += weight * filling.value;
                        }
                        // A pixel that does not count must not matter, be it infinite.
                        let pixel = place.filter(|_| weight != 0.0);
                        let pixel = pixel.map(|(row, column)| row * columns + column);
                        pixels.push(pixel.unwrap_or(Resampling::OUTSIDE));
                        weights.push(weight);
                    }
                }
                added.push(value);
            }
        }
    }
    Ok(Resampling { size, taps, pixels, weights, added })
}
