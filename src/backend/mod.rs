//! The heavy operations, each with a reference in plain dfdx operations.
//!
//! [`Backend`] names what a device must be able to do. Its default methods are the reference: written
//! in dfdx's own operations, differentiable, right on any dfdx device and in `f64`, and slow.

mod activation;
mod carried;
mod cpu;
mod descend;
mod operands;
mod random;
mod recurrent;
mod reference;
mod rows;
mod streaming;
mod tape;
mod weight_cache;
mod window;

pub(crate) use crate::memory;
pub use activation::ActivationFunction;
pub(crate) use activation::{WithFunction, elu};
pub use carried::CarriedStates;
pub(crate) use carried::whole_pass;
pub use cpu::set_threads;
pub(crate) use cpu::{
    Matrix, Multiplied, NOWHERE, depthwise_conv2d, join_rows, map_values, parallel, pick_values,
    product_into, scan,
};
pub(crate) use descend::{assign, vectorized_loops};
pub use operands::{Bags, ConvWeights, DenseWeights, LstmState, NormWeights, Normalised, Seen};
pub use random::random_u64;
pub(crate) use random::{Seeded, drop_values, dropout_parts};
pub use recurrent::{
    CellKind, GateDropout, HiddenStates, RecurrentBias, RecurrentInputs, RecurrentOutputs,
    RecurrentWeights, StateSizes, StepFunctions, StepOrder,
};
pub(crate) use reference::{
    StepOptions, TapedStates, along_rows, log_1p, log_softmax, recurrent_with, row_sums, walk,
};
pub(crate) use rows::{choose_rows, keep_rows, row_means};
pub use streaming::{RecurrentStep, StepProduct, StepStates, StepStatesMut, StepTable};
pub use tape::StopGradient;
pub(crate) use tape::{IntoShape, apart, sized};
pub use weight_cache::WeightCache;
pub use window::{ActivationKind, ImageShape, Pooling, Window};

use dfdx::{
    prelude::Device,
    shapes::{Dtype, HasShape, Shape, Unit},
    tensor::{Cpu, Gradients, PutTape, SplitTape, Storage, Tape, Tensor, TensorFromVec},
};
use rand::distributions::uniform::SampleUniform;

use crate::{
    error::{Error, OrDevice},
    mask::Mask,
};
use memory::{elements_of, room};

/// The number type of a model: `f32` or `f64`.
pub trait Element: Dtype + num_traits::Float + SampleUniform + std::fmt::Display {
    /// The nearest number of this type.
    fn of(value: f64) -> Self {
        num_traits::NumCast::from(value).unwrap_or_else(Self::nan)
    }

    /// The nearest number of this type, or `None` where a finite value is beyond its range.
    ///
    /// ```
    /// use kerata::Element;
    ///
    /// assert_eq!(f32::checked(0.5), Some(0.5));
    /// assert_eq!(f32::checked(1e300), None);
    /// assert_eq!(f64::checked(1e300), Some(1e300));
    /// assert_eq!(f32::checked(f64::INFINITY), Some(f32::INFINITY));
    /// ```
    fn checked(value: f64) -> Option<Self> {
        let element = Self::of(value);
        (element.is_finite() || !value.is_finite()).then_some(element)
    }

    /// The number as an `f64`.
    fn as_f64(self) -> f64 {
        num_traits::ToPrimitive::to_f64(&self).unwrap_or(f64::NAN)
    }
}

impl Element for f32 {}
impl Element for f64 {}

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
        then: ActivationKind,
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

    /// `(x - mean) / sqrt(variance + epsilon) * gamma + beta` on rows, with a mean and a variance of each feature.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn batch_norm<T: Tape<E, Self>>(
        x: Tensor<(usize, usize), E, Self, T>,
        weights: NormWeights<E, Self>,
        mean: &Tensor<(usize,), E, Self>,
        variance: &Tensor<(usize,), E, Self>,
    ) -> Result<Tensor<(usize, usize), E, Self, T>, Error> {
        reference::batch_norm(x, weights, mean, variance)
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
    ) -> Result<Normalised<E, Self, T>, Error> {
        reference::batch_norm_train(x, weights, seen)
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
        reference::step_product(&weights.kernel, Some(&weights.bias), then)
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
        descend::gradient(gradients, of, look)
    }

    /// Subtracts from a parameter what `change` makes of its gradient, and the fraction `decay` of itself. The gradient
    /// is used up.
    ///
    /// # Errors
    /// [`Error::Device`]; those of `change`, and then the parameter is what it was.
    fn descend<S: Shape>(
        parameter: &mut Tensor<S, E, Self>,
        gradients: &mut Gradients<E, Self>,
        decay: E,
        change: impl FnOnce(&Tensor<S, E, Self>, &mut [E]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        descend::descend(parameter, gradients, decay, change)
    }
}

/// Looks for labels where there is no class: those of more classes have been checked.
///
/// # Errors
/// [`Error::LabelOutOfRange`].
pub(crate) fn check_classes(labels: &[usize], classes: usize) -> Result<(), Error> {
    match labels.first() {
        Some(&label) if classes == 0 => Err(Error::LabelOutOfRange { label, classes, position: 0 }),
        _ => Ok(()),
    }
}

/// The values of a tensor, in the order of its indices. (dfdx's `as_vec` panics if there are none.)
///
/// # Errors
/// [`Error::Device`].
pub(crate) fn to_values<S: Shape, E: Unit, D: Storage<E>, T>(
    x: &Tensor<S, E, D, T>,
) -> Result<Vec<E>, Error> {
    match elements_of(x)? {
        0 => Ok(Vec::new()),
        len => {
            // `as_vec` aborts where there is no memory, so this looks first. The compiler must not leave it out.
            drop(std::hint::black_box(room::<E>(len)?));
            Ok(x.as_vec())
        }
    }
}

/// The largest magnitude that stays in the padding. A sum of 2^20 squares of it is finite, with room for weights.
pub(crate) fn largest_padding<E: Element>() -> E {
    E::max_value().sqrt() * E::of(1e-6)
}

/// The largest magnitude of some values: NaN if one of them is NaN, 0 if there are none.
pub(crate) fn largest<E: Element>(values: &[E]) -> E {
    values.iter().fold(
        E::zero(),
        |most, x| {
            if x.is_nan() || x.abs() > most { x.abs() } else { most }
        },
    )
}

/// Zeros of the given shape on the tape of `x`: the result of an operation on no values, which dfdx's
/// iterators do not survive.
pub(crate) fn zeros_after<S: Shape, O: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    shape: &O,
) -> Result<Tensor<O, E, D, T>, Error> {
    elements_of(shape)?;
    let (x, tape) = x.split_tape();
    Ok(x.device().try_zeros_like(shape).or_device()?.put_tape(tape))
}

impl Backend<f64> for Cpu {
    fn descend<S: Shape>(
        parameter: &mut Tensor<S, f64, Self>,
        gradients: &mut Gradients<f64, Self>,
        decay: f64,
        change: impl FnOnce(&Tensor<S, f64, Self>, &mut [f64]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        descend::descend_in_place(parameter, gradients, decay, change, |vec| vec)
    }
}
