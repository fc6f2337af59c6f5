//! The heavy operations, each with a reference in plain dfdx operations.
//!
//! [`Backend`] names what a device must be able to do. Its default methods are the reference: written
//! in dfdx's own operations, differentiable, right on any dfdx device and in `f64`, and slow.

mod activation;
mod carried;
mod cpu;
mod element;
mod extremes;
pub(crate) mod logits;
mod near;
mod operands;
mod parameter;
mod prelu;
mod products;
mod random;
mod recurrent;
mod reference;
mod relu_options;
mod resampling;
mod rows;
mod streaming;
mod tape;
mod values;
mod weight_cache;
mod window;

pub(crate) use crate::memory;
pub use activation::ActivationFunction;
pub(crate) use activation::{WithFunction, elu};
pub use carried::CarriedStates;
pub(crate) use carried::whole_pass;
pub use cpu::set_threads;
pub(crate) use cpu::{
    Matrix, Multiplied, NOWHERE, join_rows, map_values, parallel, pick_values, product_into,
    running_sums, scan, threads,
};
pub use element::Element;
pub(crate) use extremes::Extreme;
pub(crate) use near::near;
pub use operands::{
    Bags, ConvWeights, DenseWeights, Epilogue, FixedNorm, LstmState, NormWeights, Normalised, Seen,
};
pub(crate) use parameter::{assign, vectorized_loops};
pub(crate) use prelu::prelu;
pub(crate) use products::{of_length_one, products, turned};
pub use random::random_u64;
pub(crate) use random::{OfSamples, Seeded, drop_values, dropout_parts, rows_in_batch};
pub use recurrent::{
    CellKind, GateDropout, HiddenStates, RecurrentBias, RecurrentInputs, RecurrentOutputs,
    RecurrentWeights, StateSizes, StepFunctions, StepOrder,
};
pub(crate) use reference::{
    StepOptions, TapedStates, along_rows, every_row, log_1p, recurrent_with, repeated, row_sums,
    rows_of, walk,
};
pub(crate) use relu_options::ReluOptions;
pub use resampling::Resampling;
pub(crate) use rows::{choose_rows, in_order, keep_rows, put_rows_at, row_means, rows_at};
pub use streaming::{RecurrentStep, StepProduct, StepStates, StepStatesMut, StepTable};
pub use tape::{BringRows, FollowedRows, ReadRows, StopGradient};
pub(crate) use tape::{IntoShape, apart, over_ranks, sized};
pub(crate) use values::{check_classes, largest, largest_padding, to_values, zeros_after};
pub use weight_cache::WeightCache;
pub use window::{ActivationKind, ImageShape, Pooling, Window};

use dfdx::{
    prelude::Device,
    shapes::{HasShape, Shape},
    tensor::{Cpu, Gradients, Tape, Tensor, TensorFromVec},
};

use crate::{error::Error, mask::Mask};

/// A device that can run and differentiate the layers of this crate.
///
/// Every method has a default, the reference. A device overrides those that it can do faster.
pub trait Backend<E: Element>: Device<E> + TensorFromVec<bool> {
    /// Says that nobody will ask for the gradient of a tensor, such as the input of a model in training, so that
    /// operations may save the work; see [`StopGradient`]. Their other gradients are the same.
    fn stop_gradient<S: Shape>(_: &Tensor<S, E, Self>) -> StopGradient {
        StopGradient::nothing()
    }

    /// Rows of a table: `(V, N)` and `(R,)` ids give `(R, N)`. The ids are inside the table.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn embedding<T: Tape<E, Self>>(
        table: &Tensor<(usize, usize), E, Self>,
        ids: Tensor<(usize,), usize, Self, T>,
        _prepared: &WeightCache,
    ) -> Result<Tensor<(usize, usize), E, Self, T>, Error> {
        reference::embedding(table, ids)
    }

    /// The mean of some rows of a table, `(V, N)`, for each row of a batch, `(B, N)`; where no id counts it is 0. The
    /// ids are inside the table.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn embedding_bag<T: Tape<E, Self>>(
        table: &Tensor<(usize, usize), E, Self>,
        bags: Bags,
        tape: T,
        _prepared: &WeightCache,
    ) -> Result<Tensor<(usize, usize), E, Self, T>, Error> {
        reference::embedding_bag(table, bags, tape)
    }

    /// `x . kernel + bias` on rows: `(R, I)` gives `(R, O)`. `then` is done to what it gives.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn dense<T: Tape<E, Self>>(
        x: Tensor<(usize, usize), E, Self, T>,
        weights: DenseWeights<'_, E, Self>,
        then: ActivationKind,
    ) -> Result<Tensor<(usize, usize), E, Self, T>, Error> {
        reference::dense(x, weights, then)
    }

    /// A recurrent layer over a whole sequence: the outputs of all steps `(B, L, H)` and the final state.
    /// At a masked step the state stays and the output repeats.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn recurrent<T: Tape<E, Self>>(
        inputs: RecurrentInputs<'_, E, Self, T>,
        weights: RecurrentWeights<'_, E, Self>,
    ) -> Result<RecurrentOutputs<E, Self, T>, Error> {
        reference::recurrent(inputs, weights)
    }

    /// The output of a recurrent layer at the last real step of each row, `(B, H)`.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn recurrent_last<T: Tape<E, Self>>(
        inputs: RecurrentInputs<'_, E, Self, T>,
        weights: RecurrentWeights<'_, E, Self>,
    ) -> Result<Tensor<(usize, usize), E, Self, T>, Error> {
        reference::recurrent_last(inputs, weights)
    }

    /// The state behind the last step of a recurrent layer, and the tape. At a masked step the state stays.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn recurrent_states<T: Tape<E, Self>>(
        inputs: RecurrentInputs<'_, E, Self, T>,
        weights: RecurrentWeights<'_, E, Self>,
    ) -> Result<(HiddenStates<E, Self>, T), Error> {
        reference::recurrent_states(inputs, weights)
    }

    /// A convolution over images. `then` is done to what it gives.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn conv2d<T: Tape<E, Self>>(
        x: Tensor<ImageShape, E, Self, T>,
        weights: ConvWeights<'_, E, Self>,
        window: &Window,
        then: Epilogue<E, Self>,
    ) -> Result<Tensor<ImageShape, E, Self, T>, Error> {
        reference::conv2d(x, weights, window, then)
    }

    /// One number of each window and channel.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn pool2d<T: Tape<E, Self>>(
        x: Tensor<ImageShape, E, Self, T>,
        pooling: Pooling,
        window: &Window,
    ) -> Result<Tensor<ImageShape, E, Self, T>, Error> {
        reference::pool2d(x, pooling, window)
    }

    /// `(x - mean) / sqrt(variance + epsilon) * gamma + beta` on rows, with a mean and a variance of each feature. `then`
    /// is done to what it gives.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn batch_norm<T: Tape<E, Self>>(
        x: Tensor<(usize, usize), E, Self, T>,
        weights: NormWeights<E, Self>,
        mean: &Tensor<(usize,), E, Self>,
        variance: &Tensor<(usize,), E, Self>,
        then: ActivationKind,
    ) -> Result<Tensor<(usize, usize), E, Self, T>, Error> {
        reference::batch_norm(x, weights, mean, variance, then)
    }

    /// The same with the mean and variance of the rows that are seen, which it gives too. A row that is not seen
    /// may hold anything finite.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn batch_norm_train<T: Tape<E, Self>>(
        x: Tensor<(usize, usize), E, Self, T>,
        weights: NormWeights<E, Self>,
        seen: Seen<'_>,
        then: ActivationKind,
    ) -> Result<Normalised<E, Self, T>, Error> {
        reference::batch_norm_train(x, weights, seen, then)
    }

    /// `(x - mean) / sqrt(variance + epsilon) * gamma + beta` on rows, with the mean and variance of each row.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn layer_norm<T: Tape<E, Self>>(
        x: Tensor<(usize, usize), E, Self, T>,
        weights: NormWeights<E, Self>,
    ) -> Result<Tensor<(usize, usize), E, Self, T>, Error> {
        reference::layer_norm(x, weights)
    }

    /// `a + b` of two tensors of one shape that are not one tensor. `then` is done to what it gives.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn add<S: Shape, T: Tape<E, Self>>(
        a: Tensor<S, E, Self, T>,
        b: Tensor<S, E, Self, T>,
        then: ActivationKind,
    ) -> Result<Tensor<S, E, Self, T>, Error> {
        reference::add(a, b, then)
    }

    /// `max(x, 0)` of each number. NaN stays.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn relu<S: Shape, T: Tape<E, Self>>(
        x: Tensor<S, E, Self, T>,
    ) -> Result<Tensor<S, E, Self, T>, Error> {
        reference::relu(x)
    }

    /// The hyperbolic tangent of each number.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn tanh<S: Shape, T: Tape<E, Self>>(
        x: Tensor<S, E, Self, T>,
    ) -> Result<Tensor<S, E, Self, T>, Error> {
        reference::tanh(x)
    }

    /// `1 / (1 + exp(-x))` of each number.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn sigmoid<S: Shape, T: Tape<E, Self>>(
        x: Tensor<S, E, Self, T>,
    ) -> Result<Tensor<S, E, Self, T>, Error> {
        reference::sigmoid(x)
    }

    /// An activation that is a function of each number.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn activation<S: Shape, T: Tape<E, Self>>(
        x: Tensor<S, E, Self, T>,
        function: ActivationFunction,
    ) -> Result<Tensor<S, E, Self, T>, Error> {
        reference::activation(x, function)
    }

    /// The softmax along the last axis.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn softmax<S: Shape, T: Tape<E, Self>>(
        x: Tensor<S, E, Self, T>,
    ) -> Result<Tensor<S, E, Self, T>, Error> {
        reference::softmax(x)
    }

    /// Drops a share of the values, which ones [`random_u64`] decides, and makes up for them. Nothing drops in the
    /// padding of a mask.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn dropout<S: Shape, T: Tape<E, Self>>(
        x: Tensor<S, E, Self, T>,
        mask: Option<&Mask>,
        rate: f64,
    ) -> Result<Tensor<S, E, Self, T>, Error> {
        reference::dropout(x, mask, rate)
    }

    /// Images whose pixels are made of those of others, each of the same image.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn resampled<T: Tape<E, Self>>(
        x: Tensor<ImageShape, E, Self, T>,
        to: &Resampling,
    ) -> Result<Tensor<ImageShape, E, Self, T>, Error> {
        reference::resampled(x, to)
    }

    /// The cross-entropy of each row of logits against its label, which is one of the classes; or of
    /// probabilities, divided by their sum, where a `least` one is given that they are clipped to.
    ///
    /// # Errors
    /// [`Error::Device`]; [`Error::LabelOutOfRange`] if there are no classes.
    fn sparse_crossentropy<T: Tape<E, Self>>(
        prediction: Tensor<(usize, usize), E, Self, T>,
        labels: Vec<usize>,
        least: Option<f64>,
    ) -> Result<Tensor<(usize,), E, Self, T>, Error> {
        reference::sparse_crossentropy(prediction, labels, least)
    }

    /// A padded sequence, with 0 for each value of its padding that is not finite, or so large that an operation on it
    /// could overflow: a millionth of the root of the largest float.
    ///
    /// What stands in the padding takes part in no result; but 0 times NaN is NaN, and so a gradient of 0 would
    /// not stay 0 behind a layer that computes with it.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn bounded_padding<S: Shape, T: Tape<E, Self>>(
        x: Tensor<S, E, Self, T>,
        mask: Option<&Mask>,
    ) -> Result<Tensor<S, E, Self, T>, Error> {
        reference::bounded_padding(x, mask)
    }

    /// The mean over the steps that the mask keeps, `(B, L, F)` to `(B, F)`; a row without a real step
    /// gives 0.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn mean_over_steps<T: Tape<E, Self>>(
        x: Tensor<(usize, usize, usize), E, Self, T>,
        mask: Option<&Mask>,
    ) -> Result<Tensor<(usize, usize), E, Self, T>, Error> {
        reference::mean_over_steps(x, mask)
    }

    /// A recurrent layer for a stream of so many rows.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the weights do not fit each other; [`Error::Device`].
    fn recurrent_step(
        weights: RecurrentWeights<'_, E, Self>,
        _rows: usize,
    ) -> Result<Box<dyn RecurrentStep<E>>, Error> {
        reference::recurrent_step(weights)
    }

    /// A dense layer for a stream.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the weights do not fit each other; [`Error::Device`].
    fn step_dense(
        weights: DenseWeights<'_, E, Self>,
        then: ActivationKind,
    ) -> Result<Box<dyn StepProduct<E>>, Error> {
        weights.check(weights.kernel.shape().0)?;
        reference::step_product(&weights.kernel, weights.bias.as_ref(), then)
    }

    /// `x . kernel + bias` for a stream, of `(I, O)` and `(O,)`.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn step_product(
        kernel: &Tensor<(usize, usize), E, Self>,
        bias: Option<&Tensor<(usize,), E, Self>>,
        then: ActivationKind,
    ) -> Result<Box<dyn StepProduct<E>>, Error> {
        reference::step_product(kernel, bias, then)
    }

    /// The rows of a table for a stream.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn step_table(
        table: &Tensor<(usize, usize), E, Self>,
        _prepared: &WeightCache,
    ) -> Result<StepTable<E>, Error> {
        reference::step_table(table)
    }

    /// A function of each value of a step, in its place.
    fn step_activation(kind: ActivationKind, values: &mut [E]) {
        reference::step_activation(kind, values);
    }

    /// The softmax of a row of a step, in its place.
    fn step_softmax(row: &mut [E]) {
        reference::step_softmax(row);
    }

    /// The largest magnitude in the gradient of a tensor, or in whatever else is kept for it: NaN if a value is NaN.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn largest_gradient<S: Shape>(
        gradients: &mut Gradients<E, Self>,
        of: &Tensor<S, E, Self>,
    ) -> Result<E, Error> {
        reference::largest_gradient(gradients, of)
    }

    /// Shows the gradient of a tensor, in the order of its indices; one that nothing reached is of zeros.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn gradient<S: Shape, R>(
        gradients: &mut Gradients<E, Self>,
        of: &Tensor<S, E, Self>,
        look: impl FnOnce(&[E]) -> R,
    ) -> Result<R, Error> {
        parameter::gradient(gradients, of, look)
    }

    /// The values of a tensor without a copy, in the order of its indices; `None`, the default, if that cannot be.
    fn values<S: Shape>(_: &Tensor<S, E, Self>) -> Option<&[E]> {
        None
    }

    /// The same, to be changed. A tensor that shares its memory gets its own first.
    fn values_mut<S: Shape>(_: &mut Tensor<S, E, Self>) -> Option<&mut [E]> {
        None
    }

    /// Follows which rows of a table, `(V, width)`, [`embedding`](Backend::embedding) and
    /// [`embedding_bag`](Backend::embedding_bag) read: their gradient is kept apart then, and the table has none. `bring` is given the
    /// ids of rows that are read for the first time, and their values, which it may change; a table that is not `stale` may be read
    /// as it is, where the rows are many. `None`, the default, if that cannot be.
    fn follow_rows<S: Shape>(
        _table: &Tensor<S, E, Self>,
        _width: usize,
        _stale: bool,
        _bring: BringRows<E>,
    ) -> Option<FollowedRows<E>> {
        None
    }

    /// The rows that were read, with their gradient; `None` if there are none, or if the table was read as it is.
    fn read_rows(_: FollowedRows<E>) -> Option<ReadRows<E>> {
        None
    }

    /// Replaces the gradient of a tensor by values in the order of its indices. Several ranks need it; by default a device cannot.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn replace_gradient<S: Shape>(
        _: &mut Gradients<E, Self>,
        _: &Tensor<S, E, Self>,
        _: &[E],
    ) -> Result<(), Error> {
        Err(Error::Device("it cannot replace gradients, as several ranks must".into()))
    }

    /// Hands out the values of a parameter, to be changed, and its gradient, to be used up; both in the order of
    /// their indices.
    ///
    /// # Errors
    /// [`Error::Device`]; those of `change`.
    fn with_gradient<S: Shape>(
        parameter: &mut Tensor<S, E, Self>,
        gradients: &mut Gradients<E, Self>,
        change: impl FnOnce(&mut [E], &mut [E]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        parameter::with_gradient(parameter, gradients, change)
    }
}

impl Backend<f64> for Cpu {
    fn values<S: Shape>(of: &Tensor<S, f64, Self>) -> Option<&[f64]> {
        tape::values_of(of)
    }

    fn values_mut<S: Shape>(of: &mut Tensor<S, f64, Self>) -> Option<&mut [f64]> {
        tape::values_mut(of)
    }

    fn gradient<S: Shape, R>(
        gradients: &mut Gradients<f64, Self>,
        of: &Tensor<S, f64, Self>,
        look: impl FnOnce(&[f64]) -> R,
    ) -> Result<R, Error> {
        parameter::gradient_in_place(gradients, of, look, |vec| vec)
    }

    fn replace_gradient<S: Shape>(
        gradients: &mut Gradients<f64, Self>,
        of: &Tensor<S, f64, Self>,
        values: &[f64],
    ) -> Result<(), Error> {
        parameter::replace_gradient(gradients, of, values, |vec| vec)
    }

    fn with_gradient<S: Shape>(
        parameter: &mut Tensor<S, f64, Self>,
        gradients: &mut Gradients<f64, Self>,
        change: impl FnOnce(&mut [f64], &mut [f64]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        parameter::with_gradient_in_place(parameter, gradients, change, |vec| vec)
    }
}
