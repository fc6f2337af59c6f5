//! What the heavy operations are given and give, where that is more than a tensor.

use dfdx::{
    shapes::{Const, Dim, HasShape, Rank1, Rank2, Shape},
    tensor::Tensor,
};

use super::{Backend, Element, ImageShape, Prepared, Window, memory::elements};
use crate::{error::Error, mask::Mask};

/// The weights of an LSTM, in Keras's layout: the gates are in the order input, forget, cell, output.
#[derive(Debug, Clone, Copy)]
pub struct LstmWeights<'a, const I: usize, const H: usize, E: Element, D: Backend<E>> {
    /// Shape `(I, 4 * H)`.
    pub kernel: &'a Tensor<(Const<I>, usize), E, D>,
    /// Shape `(H, 4 * H)`.
    pub recurrent_kernel: &'a Tensor<(Const<H>, usize), E, D>,
    /// Shape `(4 * H,)`.
    pub bias: &'a Tensor<(usize,), E, D>,
    /// What the device has made of them.
    pub prepared: &'a Prepared,
}

impl<const I: usize, const H: usize, E: Element, D: Backend<E>> LstmWeights<'_, I, H, E, D> {
    /// Fails unless the sizes are those of `H` units. Types do not say so: `4 * H` is no `Const` on stable Rust.
    ///
    /// # Errors
    /// [`Error::Mismatch`], which names the weight and both shapes.
    pub fn check(&self) -> Result<(), Error> {
        let wide = elements(&[4, H])?;
        same("the shape of the weight `kernel` of an LSTM", &(Const, wide), self.kernel.shape())?;
        let of_state = self.recurrent_kernel.shape();
        same("the shape of the weight `recurrent_kernel` of an LSTM", &(Const, wide), of_state)?;
        same("the shape of the weight `bias` of an LSTM", &(wide,), self.bias.shape())
    }
}

fn same<S: Shape>(what: &'static str, expected: &S, found: &S) -> Result<(), Error> {
    if expected == found {
        return Ok(());
    }
    Err(Error::mismatch(what, expected.concrete(), found.concrete()))
}

/// The state of an LSTM: `h`, its output, and `c`, its memory, each `(Batch, H)`.
#[derive(Debug, Clone)]
pub struct LstmState<B: Dim, const H: usize, E: Element, D: Backend<E>> {
    /// The output.
    pub h: Tensor<(B, Const<H>), E, D>,
    /// The memory.
    pub c: Tensor<(B, Const<H>), E, D>,
}

/// The inputs of an LSTM: a sequence, and optionally its mask and the state to start from.
#[derive(Debug)]
pub struct LstmInputs<
    'a,
    B: Dim,
    L: Dim,
    const I: usize,
    const H: usize,
    E: Element,
    D: Backend<E>,
    T,
> {
    /// The sequence.
    pub x: Tensor<(B, L, Const<I>), E, D, T>,
    /// Which steps are real; `None` means all.
    pub mask: Option<&'a Mask>,
    /// The state to start from; `None` means zeros.
    pub initial: Option<LstmState<B, H, E, D>>,
}

/// The outputs of all steps, on the tape, and the final state, which is not.
pub type LstmOutputs<B, L, const H: usize, E, D, T> =
    (Tensor<(B, L, Const<H>), E, D, T>, LstmState<B, H, E, D>);

/// The weights of a dense layer.
#[derive(Debug, Clone, Copy)]
pub struct DenseWeights<'a, const I: usize, const O: usize, E: Element, D: Backend<E>> {
    /// Shape `(I, O)`.
    pub kernel: &'a Tensor<Rank2<I, O>, E, D>,
    /// Shape `(O,)`.
    pub bias: &'a Tensor<Rank1<O>, E, D>,
    /// What the device has made of them.
    pub prepared: &'a Prepared,
}

/// The weights of a convolution.
#[derive(Debug, Clone, Copy)]
pub struct ConvWeights<'a, E: Element, D: Backend<E>> {
    /// As a matrix, `(cells * channels, filters)`.
    pub kernel: &'a Tensor<(usize, usize), E, D>,
    /// Shape `(filters,)`.
    pub bias: Option<&'a Tensor<(usize,), E, D>>,
    /// What the device has made of the kernel.
    pub prepared: &'a Prepared,
}

impl<E: Element, D: Backend<E>> ConvWeights<'_, E, D> {
    /// Fails unless the weights, the window and the images fit together.
    ///
    /// # Errors
    /// [`Error::Mismatch`], which names what does not fit and both sizes.
    pub fn check(&self, images: &ImageShape, window: &Window) -> Result<(), Error> {
        window.check(images)?;
        let (rows, filters) = *self.kernel.shape();
        let reach = elements(&[window.kernel[0], window.kernel[1], images.3])?;
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
pub struct Bags<B: Dim> {
    /// The ids, `length` of them for each row of the batch.
    pub ids: Vec<usize>,
    /// How many rows there are.
    pub batch: B,
    /// How many ids each of them has.
    pub length: usize,
    /// The id that does not count.
    pub padding: Option<usize>,
}

/// What normalised numbers become: `x * gamma + beta`.
#[derive(Debug, Clone, Copy)]
pub struct NormWeights<'a, const F: usize, E: Element, D: Backend<E>> {
    /// Shape `(F,)`.
    pub gamma: &'a Tensor<Rank1<F>, E, D>,
    /// Shape `(F,)`.
    pub beta: &'a Tensor<Rank1<F>, E, D>,
    /// What is added to a variance before the root.
    pub epsilon: f64,
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
pub type Normalised<const F: usize, E, D, T> =
    (Tensor<(usize, Const<F>), E, D, T>, Tensor<Rank1<F>, E, D>, Tensor<Rank1<F>, E, D>);
