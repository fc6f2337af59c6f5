//! What a device must be able to do.

use dfdx::{
    prelude::Device,
    shapes::HasShape,
    tensor::{Gradients, Tape, Tensor, TensorFromVec},
};

use super::{
    ActivationKind, AttentionOptions, Bags, BringRows, Centre, ConvWeights, DenseWeights, Element,
    Elementwise, Epilogue, FollowedRows, HiddenStates, ImageShape, NormWeights, Normalised,
    Pooling, ReadRows, RecurrentInputs, RecurrentOutputs, RecurrentStep, RecurrentWeights,
    Resampling, Scale, Seen, StepProduct, StepQuery, StepTable, StopGradient, WeightCache, Window,
    parameter, reference, row_operations::row_operations,
};
use crate::{error::Error, mask::Mask, shape::Shape};

/// A device that can run and differentiate the layers of this crate.
///
/// Every method has a default, the reference. A device overrides those that it can do faster.
///
/// # Errors
/// [`Error::Device`] of each method that can fail; others are said there.
pub trait Backend<E: Element>: Device<E> + TensorFromVec<bool> {
    /// Says that nobody will ask for the gradient of a tensor, such as the input of a model in training, so that
    /// operations may save the work; see [`StopGradient`]. Their other gradients are the same.
    fn stop_gradient<S: Shape>(_: &Tensor<S, E, Self>) -> StopGradient {
        StopGradient::nothing()
    }

    /// Rows of a table: `(V, N)` and `(R,)` ids give `(R, N)`. The ids are inside the table.
    fn embedding<T: Tape<E, Self>>(
        table: &Tensor<(usize, usize), E, Self>,
        ids: Tensor<(usize,), usize, Self, T>,
        _prepared: &WeightCache,
    ) -> Result<Tensor<(usize, usize), E, Self, T>, Error> {
        reference::embedding(table, ids)
    }

    /// The mean of some rows of a table, `(V, N)`, for each row of a batch, `(B, N)`; where no id counts it is 0. The
    /// ids are inside the table.
    fn embedding_bag<T: Tape<E, Self>>(
        table: &Tensor<(usize, usize), E, Self>,
        bags: Bags,
        tape: T,
        _prepared: &WeightCache,
    ) -> Result<Tensor<(usize, usize), E, Self, T>, Error> {
        reference::embedding_bag(table, bags, tape)
    }

    /// `x . kernel + bias` on rows: `(R, I)` gives `(R, O)`. `then` is done to what it gives.
    fn dense<T: Tape<E, Self>>(
        x: Tensor<(usize, usize), E, Self, T>,
        weights: DenseWeights<'_, E, Self>,
        then: ActivationKind,
    ) -> Result<Tensor<(usize, usize), E, Self, T>, Error> {
        reference::dense(x, weights, then)
    }

    /// Attention of several heads: queries `(B, Q, H * K)`, keys `(B, S, H * K)` and values `(B, S, H * V)` give
    /// `(B, Q, H * V)`, for each query and head a mean of the values that it sees, by the softmax of its products with their
    /// keys. What stands in masked steps has no part in it.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the sizes do not fit each other; [`Error::Device`].
    fn attention<T: Tape<E, Self>>(
        q: Tensor<(usize, usize, usize), E, Self, T>,
        k: Tensor<(usize, usize, usize), E, Self, T>,
        v: Tensor<(usize, usize, usize), E, Self, T>,
        options: &AttentionOptions,
    ) -> Result<Tensor<(usize, usize, usize), E, Self, T>, Error> {
        reference::attention(q, k, v, options)
    }

    /// A recurrent layer over a whole sequence: the outputs of all steps `(B, L, H)` and the final state.
    /// At a masked step the state stays and the output repeats.
    fn recurrent<T: Tape<E, Self>>(
        inputs: RecurrentInputs<'_, E, Self, T>,
        weights: RecurrentWeights<'_, E, Self>,
    ) -> Result<RecurrentOutputs<E, Self, T>, Error> {
        reference::recurrent(inputs, weights)
    }

    /// The output of a recurrent layer at the last real step of each row, `(B, H)`.
    fn recurrent_last<T: Tape<E, Self>>(
        inputs: RecurrentInputs<'_, E, Self, T>,
        weights: RecurrentWeights<'_, E, Self>,
    ) -> Result<Tensor<(usize, usize), E, Self, T>, Error> {
        reference::recurrent_last(inputs, weights)
    }

    /// The state behind the last step of a recurrent layer, and the tape. At a masked step the state stays.
    fn recurrent_states<T: Tape<E, Self>>(
        inputs: RecurrentInputs<'_, E, Self, T>,
        weights: RecurrentWeights<'_, E, Self>,
    ) -> Result<(HiddenStates<E, Self>, T), Error> {
        reference::recurrent_states(inputs, weights)
    }

    /// A convolution over images. `then` is done to what it gives.
    fn conv2d<T: Tape<E, Self>>(
        x: Tensor<ImageShape, E, Self, T>,
        weights: ConvWeights<'_, E, Self>,
        window: &Window,
        then: Epilogue<E, Self>,
    ) -> Result<Tensor<ImageShape, E, Self, T>, Error> {
        reference::conv2d(x, weights, window, then)
    }

    /// One number of each window and channel.
    fn pool2d<T: Tape<E, Self>>(
        x: Tensor<ImageShape, E, Self, T>,
        pooling: Pooling,
        window: &Window,
    ) -> Result<Tensor<ImageShape, E, Self, T>, Error> {
        reference::pool2d(x, pooling, window)
    }

    /// `(x - mean) / sqrt(variance + epsilon) * gamma + beta` on rows, with a mean and a variance of each feature. `then`
    /// is done to what it gives.
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
    fn batch_norm_train<T: Tape<E, Self>>(
        x: Tensor<(usize, usize), E, Self, T>,
        weights: NormWeights<E, Self>,
        seen: Seen<'_>,
        then: ActivationKind,
    ) -> Result<Normalised<E, Self, T>, Error> {
        reference::batch_norm_train(x, weights, seen, then)
    }

    /// `(x - centre) / sqrt(variance + epsilon) * gamma + beta` on rows, with the centre of each row, and the mean of the
    /// squares of its distances from there.
    fn layer_norm<T: Tape<E, Self>>(
        x: Tensor<(usize, usize), E, Self, T>,
        weights: NormWeights<E, Self>,
        centre: Centre,
    ) -> Result<Tensor<(usize, usize), E, Self, T>, Error> {
        reference::layer_norm(x, weights, centre)
    }

    /// `a + b` of two tensors of one shape that are not one tensor. `then` is done to what it gives.
    fn add<S: Shape, T: Tape<E, Self>>(
        a: Tensor<S, E, Self, T>,
        b: Tensor<S, E, Self, T>,
        then: ActivationKind,
    ) -> Result<Tensor<S, E, Self, T>, Error> {
        reference::add(a, b, then)
    }

    /// `max(x, 0)` of each number. NaN stays.
    fn relu<S: Shape, T: Tape<E, Self>>(
        x: Tensor<S, E, Self, T>,
    ) -> Result<Tensor<S, E, Self, T>, Error> {
        reference::relu(x)
    }

    /// The hyperbolic tangent of each number.
    fn tanh<S: Shape, T: Tape<E, Self>>(
        x: Tensor<S, E, Self, T>,
    ) -> Result<Tensor<S, E, Self, T>, Error> {
        reference::tanh(x)
    }

    /// `1 / (1 + exp(-x))` of each number.
    fn sigmoid<S: Shape, T: Tape<E, Self>>(
        x: Tensor<S, E, Self, T>,
    ) -> Result<Tensor<S, E, Self, T>, Error> {
        reference::sigmoid(x)
    }

    /// An activation that is a function of each number.
    fn activation<S: Shape, T: Tape<E, Self>>(
        x: Tensor<S, E, Self, T>,
        function: Elementwise,
    ) -> Result<Tensor<S, E, Self, T>, Error> {
        reference::activation(x, function)
    }

    /// The softmax along the last axis.
    fn softmax<S: Shape, T: Tape<E, Self>>(
        x: Tensor<S, E, Self, T>,
    ) -> Result<Tensor<S, E, Self, T>, Error> {
        reference::softmax(x)
    }

    /// The logarithm of the softmax of rows.
    fn log_softmax<T: Tape<E, Self>>(
        x: Tensor<(usize, usize), E, Self, T>,
    ) -> Result<Tensor<(usize, usize), E, Self, T>, Error> {
        reference::log_softmax(x)
    }

    /// The softmax along the middle one of three axes.
    fn softmax_along<T: Tape<E, Self>>(
        x: Tensor<(usize, usize, usize), E, Self, T>,
    ) -> Result<Tensor<(usize, usize, usize), E, Self, T>, Error> {
        reference::softmax_along(x)
    }

    /// How well each key fits each query, `sum(weights * tanh(q + k))`: queries `(B, Q, F)` and keys `(B, S, F)` give `(B, Q, S)`.
    fn additive_scores<T: Tape<E, Self>>(
        both: [Tensor<(usize, usize, usize), E, Self, T>; 2],
        weights: &Tensor<(usize,), E, Self>,
    ) -> Result<Tensor<(usize, usize, usize), E, Self, T>, Error> {
        reference::additive_scores(both, weights)
    }

    /// Drops a share of the values, which ones [`random_u64`](super::random_u64) decides, and makes up for them. Nothing drops in the
    /// padding of a mask.
    fn dropout<S: Shape, T: Tape<E, Self>>(
        x: Tensor<S, E, Self, T>,
        mask: Option<&Mask>,
        rate: f64,
    ) -> Result<Tensor<S, E, Self, T>, Error> {
        reference::dropout(x, mask, rate)
    }

    /// Images whose pixels are made of those of others, each of the same image.
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
    fn bounded_padding<S: Shape, T: Tape<E, Self>>(
        x: Tensor<S, E, Self, T>,
        mask: Option<&Mask>,
    ) -> Result<Tensor<S, E, Self, T>, Error> {
        reference::bounded_padding(x, mask)
    }

    row_operations!();

    /// The mean over the steps that the mask keeps, `(B, L, F)` to `(B, F)`; a row without a real step
    /// gives 0.
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

    /// The mean that a query gets of the values that it sees, for a stream: `y` has the features of the values of all heads.
    /// There is `room` for as many elements as `y`, and one for each head and step of the past.
    fn step_attention(query: StepQuery<'_, E>, room: &mut [E], y: &mut [E]) {
        reference::step_attention(query, room, y);
    }

    /// `x . kernel + bias` for a stream, of `(I, O)` and `(O,)`.
    fn step_product(
        kernel: &Tensor<(usize, usize), E, Self>,
        bias: Option<&Tensor<(usize,), E, Self>>,
        then: ActivationKind,
    ) -> Result<Box<dyn StepProduct<E>>, Error> {
        reference::step_product(kernel, bias, then)
    }

    /// The rows of a table for a stream.
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
    fn largest_gradient<S: Shape>(
        gradients: &mut Gradients<E, Self>,
        of: &Tensor<S, E, Self>,
    ) -> Result<E, Error> {
        reference::largest_gradient(gradients, of)
    }

    /// Shows the gradient of a tensor, in the order of its indices; one that nothing reached is of zeros.
    fn gradient<S: Shape>(
        gradients: &mut Gradients<E, Self>,
        of: &Tensor<S, E, Self>,
        look: &mut dyn FnMut(&[E]),
    ) -> Result<(), Error> {
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
        change: &mut dyn FnMut(&mut [E], &mut [E]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        parameter::with_gradient(parameter, gradients, change)
    }
}
