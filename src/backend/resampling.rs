use super::memory::{NoMemory, copied};

/// How the pixels of new images are made of those of others: for each new pixel, image by image and row by row, some pixels of the
/// same image with their weights, and what is added.
#[derive(Debug, Clone, PartialEq)]
pub struct Resampling {
    /// Rows and columns of the new images.
    pub size: [usize; 2],
    /// How many pixels a new one is made of.
    pub taps: usize,
    /// These pixels, row by row; [`OUTSIDE`](Resampling::OUTSIDE) is none, which counts as 0.
    pub pixels: Vec<usize>,
    /// Their weights.
    pub weights: Vec<f64>,
    /// What is added to each new pixel.
    pub added: Vec<f64>,
}

impl Resampling {
    /// No pixel.
    pub const OUTSIDE: usize = usize::MAX;

    /// A copy.
    pub(super) fn copied(&self) -> Result<Self, NoMemory> {
        Ok(Self {
            size: self.size,
            taps: self.taps,
            pixels: copied(&self.pixels)?,
            weights: copied(&self.weights)?,
            added: copied(&self.added)?,
        })
    }
}
