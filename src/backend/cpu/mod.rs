//! The kernels for `f32` on the CPU: functions over slices, and the operations that they are on dfdx's tape.
//!
//! With the environment variable `KERATA_BACKEND=reference` the reference is used in their place.

mod buffer;
mod conv;
mod gemm;
mod lstm;
mod matrix;
mod multiply;
mod occurrences;
mod ops;
mod packed;
mod pointwise;
mod simd;
mod sums;
mod table;
mod threads;

pub(super) use buffer::{Buffer, keep_memory};
pub(crate) use matrix::Matrix;
pub(crate) use multiply::{Multiplied, product_into};
pub(crate) use sums::total;
pub(crate) use table::scan;
pub(crate) use threads::parallel;
pub use threads::set_threads;

use std::sync::LazyLock;

use dfdx::{
    shapes::{Const, Dim, Rank1, Rank2, Shape},
    tensor::{Cpu, Gradients, PutTape, Tape, Tensor},
};

use super::{
    Backend, Bags, Constant, ConvWeights, DenseWeights, Finish, ImageShape, LstmInputs,
    LstmOutputs, LstmState, LstmWeights, NormWeights, Normalised, Pooling, Prepared, Seen, Window,
    reference,
};
use crate::{
    error::{Error, OrDevice},
    mask::Mask,
};
use pointwise::Curve;

/// Whether the reference is asked for in the place of the kernels.
static REFERENCE: LazyLock<bool> =
    LazyLock::new(|| std::env::var("KERATA_BACKEND").is_ok_and(|name| name == "reference"));

impl Backend<f32> for Cpu {
    fn constant<S: Shape>(x: &Tensor<S, f32, Self>) -> Constant {
        Constant::new(x)
    }

    fn embedding<const V: usize, const N: usize, T: Tape<f32, Self>>(
        table: &Tensor<Rank2<V, N>, f32, Self>,
        ids: Tensor<(usize,), usize, Self, T>,
        prepared: &Prepared,
    ) -> Result<Tensor<(usize, Const<N>), f32, Self, T>, Error> {
        if *REFERENCE {
            reference::embedding(table, ids)
        } else {
            ops::embedding(table, ids, prepared)
        }
    }

    fn embedding_bag<B: Dim, const V: usize, const N: usize, T: Tape<f32, Self>>(
        table: &Tensor<Rank2<V, N>, f32, Self>,
        bags: Bags<B>,
        tape: T,
        prepared: &Prepared,
    ) -> Result<Tensor<(B, Const<N>), f32, Self, T>, Error> {
        if *REFERENCE {
            reference::embedding_bag(table, bags, tape)
        } else {
            ops::embedding_bag(table, bags, tape, prepared)
        }
    }

    fn dense<R: Dim, const I: usize, const O: usize, T: Tape<f32, Self>>(
        x: Tensor<(R, Const<I>), f32, Self, T>,
        weights: DenseWeights<'_, I, O, f32, Self>,
        then: Finish,
    ) -> Result<Tensor<(R, Const<O>), f32, Self, T>, Error> {
        if *REFERENCE { reference::dense(x, weights, then) } else { ops::dense(x, weights, then) }
    }

    fn conv2d<T: Tape<f32, Self>>(
        x: Tensor<ImageShape, f32, Self, T>,
        weights: ConvWeights<'_, f32, Self>,
        window: &Window,
        then: Finish,
    ) -> Result<Tensor<ImageShape, f32, Self, T>, Error> {
        if *REFERENCE {
            reference::conv2d(x, weights, window, then)
        } else {
            ops::conv2d(x, weights, window, then)
        }
    }

    fn pool2d<T: Tape<f32, Self>>(
        x: Tensor<ImageShape, f32, Self, T>,
        pooling: Pooling,
        window: &Window,
    ) -> Result<Tensor<ImageShape, f32, Self, T>, Error> {
        if *REFERENCE {
            reference::pool2d(x, pooling, window)
        } else {
            ops::pool2d(x, pooling, window)
        }
    }

    fn batch_norm<const F: usize, T: Tape<f32, Self>>(
        x: Tensor<(usize, Const<F>), f32, Self, T>,
        weights: NormWeights<'_, F, f32, Self>,
        mean: &Tensor<Rank1<F>, f32, Self>,
        variance: &Tensor<Rank1<F>, f32, Self>,
    ) -> Result<Tensor<(usize, Const<F>), f32, Self, T>, Error> {
        if *REFERENCE {
            return reference::batch_norm(x, weights, mean.retaped(), variance.retaped());
        }
        ops::batch_norm(x, weights, mean, variance)
    }

    fn batch_norm_train<const F: usize, T: Tape<f32, Self>>(
        x: Tensor<(usize, Const<F>), f32, Self, T>,
        weights: NormWeights<'_, F, f32, Self>,
        seen: Seen<'_>,
    ) -> Result<Normalised<F, f32, Self, T>, Error> {
        if *REFERENCE {
            return reference::batch_norm_train(x, weights, seen);
        }
        ops::batch_norm_train(x, weights, seen)
    }

    fn layer_norm<const F: usize, T: Tape<f32, Self>>(
        x: Tensor<(usize, Const<F>), f32, Self, T>,
        weights: NormWeights<'_, F, f32, Self>,
    ) -> Result<Tensor<(usize, Const<F>), f32, Self, T>, Error> {
        if *REFERENCE { reference::layer_norm(x, weights) } else { ops::layer_norm(x, weights) }
    }

    fn relu<S: Shape, T: Tape<f32, Self>>(
        x: Tensor<S, f32, Self, T>,
    ) -> Result<Tensor<S, f32, Self, T>, Error> {
        if *REFERENCE { reference::relu(x) } else { ops::curve(x, Curve::Relu) }
    }

    fn tanh<S: Shape, T: Tape<f32, Self>>(
        x: Tensor<S, f32, Self, T>,
    ) -> Result<Tensor<S, f32, Self, T>, Error> {
        if *REFERENCE { reference::tanh(x) } else { ops::curve(x, Curve::Tanh) }
    }

    fn sigmoid<S: Shape, T: Tape<f32, Self>>(
        x: Tensor<S, f32, Self, T>,
    ) -> Result<Tensor<S, f32, Self, T>, Error> {
        if *REFERENCE { reference::sigmoid(x) } else { ops::curve(x, Curve::Sigmoid) }
    }

    fn softmax<S: Shape, T: Tape<f32, Self>>(
        x: Tensor<S, f32, Self, T>,
    ) -> Result<Tensor<S, f32, Self, T>, Error> {
        if *REFERENCE { reference::softmax(x) } else { ops::softmax(x) }
    }

    fn dropout<S: Shape, T: Tape<f32, Self>>(
        x: Tensor<S, f32, Self, T>,
        mask: Option<&Mask>,
        rate: f64,
    ) -> Result<Tensor<S, f32, Self, T>, Error> {
        if *REFERENCE { reference::dropout(x, mask, rate) } else { ops::dropout(x, mask, rate) }
    }

    fn sparse_crossentropy<T: Tape<f32, Self>>(
        prediction: Tensor<(usize, usize), f32, Self, T>,
        labels: Vec<usize>,
        least: Option<f64>,
    ) -> Result<Tensor<(usize,), f32, Self, T>, Error> {
        if *REFERENCE {
            reference::sparse_crossentropy(prediction, labels, least)
        } else {
            ops::sparse_crossentropy(prediction, labels, least)
        }
    }

    fn bounded_padding<S: Shape, T: Tape<f32, Self>>(
        x: Tensor<S, f32, Self, T>,
        mask: Option<&Mask>,
    ) -> Result<Tensor<S, f32, Self, T>, Error> {
        if *REFERENCE { reference::bounded_padding(x, mask) } else { ops::bounded_padding(x, mask) }
    }

    fn mean_over_steps<B: Dim, L: Dim, F: Dim, T: Tape<f32, Self>>(
        x: Tensor<(B, L, F), f32, Self, T>,
        mask: Option<&Mask>,
    ) -> Result<Tensor<(B, F), f32, Self, T>, Error> {
        if *REFERENCE { reference::mean_over_steps(x, mask) } else { ops::mean_over_steps(x, mask) }
    }

    fn largest_gradient<S: Shape>(
        gradients: &mut Gradients<f32, Self>,
        of: &Tensor<S, f32, Self>,
    ) -> Result<f32, Error> {
        if *REFERENCE {
            return reference::largest_gradient(gradients, of);
        }
        Ok(ops::largest(gradients.get_or_alloc_mut(of).or_device()?))
    }

    fn lstm<B: Dim, L: Dim, const I: usize, const H: usize, T: Tape<f32, Self>>(
        inputs: LstmInputs<'_, B, L, I, H, f32, Self, T>,
        weights: LstmWeights<'_, I, H, f32, Self>,
    ) -> Result<LstmOutputs<B, L, H, f32, Self, T>, Error> {
        if *REFERENCE {
            return reference::lstm(inputs, weights);
        }
        let (outputs, state, tape) = ops::lstm(inputs, weights, true)?;
        let outputs = outputs.ok_or(Error::Empty("the list of outputs"))?;
        Ok((outputs.put_tape(tape), state))
    }

    fn lstm_last<B: Dim, L: Dim, const I: usize, const H: usize, T: Tape<f32, Self>>(
        inputs: LstmInputs<'_, B, L, I, H, f32, Self, T>,
        weights: LstmWeights<'_, I, H, f32, Self>,
    ) -> Result<Tensor<(B, Const<H>), f32, Self, T>, Error> {
        if *REFERENCE {
            return reference::lstm_last(inputs, weights);
        }
        let (_, LstmState { h, .. }, tape) = ops::lstm(inputs, weights, false)?;
        Ok(h.put_tape(tape))
    }
}
