//! What the heavy operations are given and give, where that is more than a tensor.

use dfdx::{
    shapes::{Const, HasShape},
    tensor::Tensor,
};

pub use kerata_kernels::layer_norm::Centre;

use super::{ActivationKind, Backend, Element, ImageShape, WeightCache, Window, memory::elements};
use crate::{
    error::Error,
    shape::{Dim, Shape},
};

pub(super) fn same<S: Shape>(what: &'static str, expected: &S, found: &S) -> Result<(), Error> {
    if expected == found {
        return Ok(());
    }
    Err(Error::mismatch(what, expected.concrete(), found.concrete()))
}

/// What is done to values by their place in rows, which may be those of several axes: a factor and a summand for each.
#[derive(Debug, Clone, Copy)]
pub struct Scale<'a, E> {
    /// What is multiplied with.
    pub factors: &'a [E],
    /// What is added.
    pub summands: &'a [E],
    /// Whether it is added before the product.
    pub sum_first: bool,
}

impl<E> Scale<'_, E> {
    /// Fails unless so many values are whole rows.
    ///
    /// # Errors
    /// [`Error::Mismatch`].
    pub fn check(&self, values: usize) -> Result<(), Error> {
        let width = self.factors.len();
        if self.summands.len() != width {
            return Err(Error::mismatch("the summands of a scale", width, self.summands.len()));
        }
        match values.checked_rem(width) {
            None if values > 0 => Err(Error::mismatch("the factors of a scale", values, width)),
            Some(1..) => Err(Error::mismatch("the factors of a scale", values, width)),
            _ => Ok(()),
        }
    }
}

/// The state of an LSTM: `h`, its output, and `c`, its memory, each `(Batch, H)`.
#[derive(Debug, Clone)]
pub struct LstmState<B: Dim, const H: usize, E: Element, D: Backend<E>> {
    /// The output.
    pub h: Tensor<(B, Const<H>), E, D>,
    /// The memory.
    pub c: Tensor<(B, Const<H>), E, D>,
}

/// The weights of a dense layer.
#[derive(Debug, Clone)]
pub struct DenseWeights<'a, E: Element, D: Backend<E>> {
    /// Shape `(I, O)`.
    pub kernel: Tensor<(usize, usize), E, D>,
    /// Shape `(O,)`.
    pub bias: Option<Tensor<(usize,), E, D>>,
    /// What the device has made of them.
    pub cache: &'a WeightCache,
}

impl<E: Element, D: Backend<E>> DenseWeights<'_, E, D> {
    /// Fails unless they are for so many inputs, and fit each other.
    ///
    /// # Errors
    /// [`Error::Mismatch`], which names the weight and both shapes.
    pub fn check(&self, inputs: usize) -> Result<(), Error> {
        let kernel = self.kernel.shape();
        same("the shape of the weight `kernel` of a dense layer", &(inputs, kernel.1), kernel)?;
        self.bias.as_ref().map_or(Ok(()), |bias| {
            same("the shape of the weight `bias` of a dense layer", &(kernel.1,), bias.shape())
        })
    }
}

/// The weights of a convolution.
#[derive(Debug, Clone, Copy)]
pub struct ConvWeights<'a, E: Element, D: Backend<E>> {
    /// As a matrix, `(cells * channels / groups, filters)`.
    pub kernel: &'a Tensor<(usize, usize), E, D>,
    /// Shape `(filters,)`.
    pub bias: Option<&'a Tensor<(usize,), E, D>>,
    /// In how many groups the channels are. The filters are in as many, and each sees the channels of its own group only.
    pub groups: usize,
    /// What the device has made of the kernel.
    pub cache: &'a WeightCache,
}

impl<E: Element, D: Backend<E>> ConvWeights<'_, E, D> {
    /// Fails unless the weights, the window and the images fit together.
    ///
    /// # Errors
    /// [`Error::Mismatch`], which names what does not fit and both sizes.
    pub fn check(&self, images: &ImageShape, window: &Window) -> Result<(), Error> {
        super::check_window(window, images)?;
        let (rows, filters) = *self.kernel.shape();
        let (channels, groups) = (images.3, self.groups);
        if groups == 0 || !channels.is_multiple_of(groups) || !filters.is_multiple_of(groups) {
            let what = "channels and filters of a convolution, in groups";
            let expected = format!("multiples of {groups}");
            return Err(Error::mismatch(what, expected, [channels, filters]));
        }
        let reach = elements(&[window.kernel[0], window.kernel[1], channels / groups])?;
        same(
            "the shape of the weight `kernel` of a convolution",
            &(reach, filters),
            &(rows, filters),
        )?;
        match self.bias {
            Some(bias) => {
                same("the shape of the weight `bias` of a convolution", &(filters,), bias.shape())
            }
            None => Ok(()),
        }
    }
}

/// The ids of a batch, of which each row is to become one mean of rows of a table.
#[derive(Debug, Clone)]
pub struct Bags {
    /// The ids, `length` of them for each row of the batch.
    pub ids: Vec<usize>,
    /// How many rows there are.
    pub batch: usize,
    /// How many ids each of them has.
    pub length: usize,
    /// The id that does not count.
    pub padding: Option<usize>,
}

/// What normalised values become: `x * gamma + beta`.
#[derive(Debug, Clone)]
pub struct NormWeights<E: Element, D: Backend<E>> {
    /// Shape `(F,)`.
    pub gamma: Tensor<(usize,), E, D>,
    /// Shape `(F,)`.
    pub beta: Tensor<(usize,), E, D>,
    /// What is added to a variance before the root.
    pub epsilon: f64,
}

impl<E: Element, D: Backend<E>> NormWeights<E, D> {
    /// Fails unless they are for so many features.
    ///
    /// # Errors
    /// [`Error::Mismatch`], which names the weight and both shapes.
    pub fn check(&self, features: usize) -> Result<(), Error> {
        same("the shape of the weight `gamma`", &(features,), self.gamma.shape())?;
        same("the shape of the weight `beta`", &(features,), self.beta.shape())
    }

    /// Fails unless they are for so many channels, in so many groups.
    ///
    /// # Errors
    /// [`Error::Mismatch`], also if the channels are no multiple of the groups.
    pub fn check_groups(&self, channels: usize, groups: usize) -> Result<(), Error> {
        self.check(channels)?;
        if groups == 0 || !channels.is_multiple_of(groups) {
            let what = "the channels of a normalisation of groups";
            return Err(Error::mismatch(what, format!("a multiple of {groups}"), channels));
        }
        Ok(())
    }
}

/// A normalisation of each feature with a mean and a variance that are fixed, as in inference.
#[derive(Debug, Clone)]
pub struct FixedNorm<E: Element, D: Backend<E>> {
    /// What the normalised values become.
    pub weights: NormWeights<E, D>,
    /// Shape `(F,)`.
    pub mean: Tensor<(usize,), E, D>,
    /// Shape `(F,)`.
    pub variance: Tensor<(usize,), E, D>,
}

impl<E: Element, D: Backend<E>> FixedNorm<E, D> {
    /// Fails unless it is of so many features.
    ///
    /// # Errors
    /// [`Error::Mismatch`], which names what is not and both shapes.
    pub fn check(&self, features: usize) -> Result<(), Error> {
        self.weights.check(features)?;
        same("the shape of the mean of a normalisation", &(features,), self.mean.shape())?;
        same("the shape of the variance of a normalisation", &(features,), self.variance.shape())
    }
}

/// What an operation does to its results while they are at hand: first the one, then the other.
#[derive(Debug, Clone)]
pub struct Epilogue<E: Element, D: Backend<E>> {
    /// A normalisation, of which the statistics are fixed.
    pub norm: Option<FixedNorm<E, D>>,
    /// An activation.
    pub activation: ActivationKind,
}

impl<E: Element, D: Backend<E>> From<ActivationKind> for Epilogue<E, D> {
    fn from(activation: ActivationKind) -> Self {
        Self { norm: None, activation }
    }
}

/// The rows that have a part in the mean and the variance of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Which rows; `None` means all.
    pub rows: Option<&'a [bool]>,
    /// The share of each of them.
    pub share: f64,
}

/// A normalised batch, on the tape, and the mean and variance of its features, which are not.
pub type Normalised<E, D, T> =
    (Tensor<(usize, usize), E, D, T>, Tensor<(usize,), E, D>, Tensor<(usize,), E, D>);
