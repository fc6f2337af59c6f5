/// How long and in what pieces to train: the arguments of Keras's `fit`, with its defaults.
///
/// ```
/// use kerata::train::Fit;
///
/// let fit = Fit { batch_size: 64, ..Fit::epochs(12) };
/// assert!(fit.shuffle);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fit {
    /// How often all samples are seen. Default 1.
    pub epochs: usize,
    /// How many samples are in a batch. Default 32.
    pub batch_size: usize,
    /// Whether each epoch has an order of its own. Default yes.
    pub shuffle: bool,
    /// What decides these orders. Default 0.
    pub seed: u64,
    /// Whether a progress bar is drawn, if the output is a terminal and the crate has its feature `terminal`. Default
    /// yes.
    pub progress: bool,
}

impl Default for Fit {
    fn default() -> Self {
        Self { epochs: 1, batch_size: 32, shuffle: true, seed: 0, progress: true }
    }
}

impl Fit {
    /// The defaults, with a number of epochs.
    pub fn epochs(epochs: usize) -> Self {
        Self { epochs, ..Self::default() }
    }
}
