//! Where a window goes on images, for convolution and pooling.

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
    pub fn all_places(&self) -> usize {
        self.places[0] * self.places[1]
    }

    /// The number of pixels that the window covers.
    pub fn cells(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// The pixel that a cell of the window lies on at a place, or `None` where that is padding.
    pub fn pixel(&self, place: usize, cell: usize) -> Option<usize> {
        let at = |axis: usize, place: usize, cell: usize| {
            let at = place * self.stride[axis] + cell * self.dilation[axis];
            at.checked_sub(self.before[axis]).filter(|&at| at < self.size[axis])
        };
        let row = at(0, place / self.places[1], cell / self.kernel[1])?;
        let column = at(1, place % self.places[1], cell % self.kernel[1])?;
        Some(row * self.size[1] + column)
    }

    /// For each place the pixels of its cells, one place after the other.
    pub fn pixels(&self) -> impl Iterator<Item = Option<usize>> + '_ {
        let cells = self.cells();
        (0..self.all_places())
            .flat_map(move |place| (0..cells).map(move |cell| self.pixel(place, cell)))
    }
}

/// Images: batch, height, width, channels.
pub type ImageShape = (usize, usize, usize, usize);

/// What is done to each number of a result before it is handed on, where the numbers still are at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// Nothing.
    Nothing,
    /// `max(x, 0)`.
    AtLeastZero,
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
