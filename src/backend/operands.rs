//! What the heavy operations are given and give, where that is more than a tensor.

use dfdx::{
    shapes::{Const, Dim, Rank1, Rank2},
    tensor::Tensor,
};

use super::{Backend, Element, Prepared};
use crate::signal::Mask;

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
