//! Where a window goes on images, for convolution and pooling.

use std::ops::Range;

use super::memory::elements;
use crate::error::Error;

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
    /// Fails unless the window lies on images of this shape, and its places and pixels can be counted.
    ///
    /// # Errors
    /// [`Error::Mismatch`] for images of another size, [`Error::Device`] for more places than there can be.
    pub fn check(&self, &(_, height, width, _): &ImageShape) -> Result<(), Error> {
        if self.size != [height, width] {
            let what = "the height and width of images";
            return Err(Error::mismatch(what, self.size, [height, width]));
        }
        elements(&self.places)?;
        elements(&self.kernel)?;
        for axis in 0..2 {
            elements(&[self.places[axis], self.stride[axis]])?;
            elements(&[self.kernel[axis], self.dilation[axis]])?;
        }
        Ok(())
    }

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
    pub(crate) fn pixels_at(&self, rows: Range<usize>) -> impl Iterator<Item = Option<usize>> + '_ {
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

/// Images: batch, height, width, channels.
pub type ImageShape = (usize, usize, usize, usize);

/// An activation that an operation applies to its output by itself, while the values are at hand.
///
/// The names are not those of the layers: of a name that a crate has twice, the compiler shows the path, in each message
/// about a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivationKind {
    /// `x`.
    Nothing,
    /// `max(x, 0)`.
    Rectifier,
    /// `tanh(x)`.
    HyperbolicTangent,
    /// `1 / (1 + exp(-x))`.
    Logistic,
}

/// How a pool makes one number of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// The largest. Padding never wins.
    Max,
    /// The mean of what is no padding.
    Average,
}
