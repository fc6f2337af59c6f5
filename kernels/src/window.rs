//! Where a window goes on images, for convolution and pooling.

use std::ops::Range;

/// A window of `kernel` rows and columns that slides over images of `size`.
///
/// Sequences are images of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The height and width of the images.
    pub size: [usize; 2],
    /// The height and width of the window.
    pub kernel: [usize; 2],
    /// How far it moves, down and right.
    pub stride: [usize; 2],
    /// How far apart its rows and columns are.
    pub dilation: [usize; 2],
    /// How many zeros stand above and left of the image.
    pub before: [usize; 2],
    /// How many places it takes, down and right.
    pub places: [usize; 2],
}

impl Window {
    /// The number of places.
    pub fn outputs(&self) -> usize {
        self.places[0] * self.places[1]
    }

    /// The number of pixels that the window covers.
    pub fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Where a tap of the window lies along one axis, or `None` where that is padding.
    fn along(&self, axis: usize, place: usize, tap: usize) -> Option<usize> {
        let at = place * self.stride[axis] + tap * self.dilation[axis];
        at.checked_sub(self.before[axis]).filter(|&at| at < self.size[axis])
    }

    /// The pixel that a tap of the window lies on at a place, or `None` where that is padding.
    pub fn pixel(&self, place: usize, tap: usize) -> Option<usize> {
        let row = self.along(0, place / self.places[1], tap / self.kernel[1])?;
        let column = self.along(1, place % self.places[1], tap % self.kernel[1])?;
        Some(row * self.size[1] + column)
    }

    /// For each place the pixels of its taps, one place after the other.
    pub fn pixels(&self) -> impl Iterator<Item = Option<usize>> + '_ {
        self.pixels_at(0..self.places[0])
    }

    /// The same of some rows of places.
    pub fn pixels_at(&self, rows: Range<usize>) -> impl Iterator<Item = Option<usize>> + '_ {
        let grid = |rows: Range<usize>, columns: usize| {
            rows.flat_map(move |row| (0..columns).map(move |column| [row, column]))
        };
        grid(rows, self.places[1]).flat_map(move |[row, column]| {
            grid(0..self.kernel[0], self.kernel[1]).map(move |[down, right]| {
                let row = self.along(0, row, down)?;
                Some(row * self.size[1] + self.along(1, column, right)?)
            })
        })
    }
}
