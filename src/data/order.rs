/// In which order a dataset is asked for its samples, and in what pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// How many samples a batch holds; the last one may hold fewer.
    pub batch_size: usize,
    /// The seed of the shuffle of this epoch; `None` keeps the order.
    pub shuffle: Option<u64>,
    /// The epoch within the call of `fit`, counted from 0.
    pub epoch: usize,
    /// How many batches of the epoch are used, if not all: Keras's `steps_per_epoch`. A dataset may yield more; it should
    /// not read ahead beyond them.
    pub steps: Option<usize>,
}

impl Order {
    /// All samples, one after another.
    pub fn sequential(batch_size: usize) -> Self {
        Self { batch_size, shuffle: None, epoch: 0, steps: None }
    }
}

/// Mixes two numbers into a seed: neighbours give unrelated ones (the finalizer of SplitMix64).
pub(crate) fn mixed(seed: u64, number: u64) -> u64 {
    let mut x = seed ^ number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}
