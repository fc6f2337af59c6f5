//! The kernels for `f32` on the CPU: functions over slices, and the operations that they are on dfdx's tape.
//!
//! With the environment variable `KERATA_BACKEND=reference` the reference is used in their place.

mod attention;
mod ops;
mod threads;

pub(super) use ops::few;
pub(crate) use ops::{NOWHERE, join_rows, map_values, pick_values, running_sums};
pub use threads::set_threads;

use std::sync::LazyLock;

use dfdx::tensor::{Cpu, Gradients, NoneTape, Tape, Tensor};

use super::{
    ActivationFunction, ActivationKind, AttentionOptions, Backend, Bags, BringRows, Centre,
    ConvWeights, DenseWeights, Epilogue, FollowedRows, HiddenStates, ImageShape, NormWeights,
    Normalised, Pooling, ReadRows, RecurrentInputs, RecurrentOutputs, RecurrentStep,
    RecurrentWeights, Resampling, Seen, StepProduct, StepQuery, StepTable, StopGradient,
    WeightCache, Window, parameter, reference,
    tape::{values_mut, values_of},
};
use crate::{
    error::{Error, OrDevice},
    mask::Mask,
    shape::Shape,
};

/// Whether the reference is to run instead of the kernels.
static REFERENCE: LazyLock<bool> =
    LazyLock::new(|| std::env::var("KERATA_BACKEND").is_ok_and(|name| name == "reference"));

type Of<S, T = NoneTape> = Tensor<S, f32, Cpu, T>;

/// The operations that have a kernel, each with the arguments that it takes; the reference is the same without what is in
/// brackets.
macro_rules! kernels {
    ($(fn $name:ident[$($shape:ident)?]($($argument:ident: $type:ty),*; $($only:ident: $more:ty)?) -> $result:ty;)*) => {
        $(fn $name<$($shape: Shape, )? T: Tape<f32, Self>>(
            $($argument: $type,)*
            $($only: $more,)?
        ) -> Result<$result, Error> {
            if *REFERENCE {
                reference::$name($($argument),*)
            } else {
                ops::$name($($argument,)* $($only)?)
            }
        })*
    };
}

impl Backend<f32> for Cpu {
    fn stop_gradient<S: Shape>(x: &Of<S>) -> StopGradient {
        StopGradient::new(x)
    }

    fn largest_gradient<S: Shape>(
        gradients: &mut Gradients<f32, Self>,
        of: &Of<S>,
    ) -> Result<f32, Error> {
        if *REFERENCE {
            return reference::largest_gradient(gradients, of);
        }
        Ok(kerata_kernels::largest::largest(gradients.get_or_alloc_mut(of).or_device()?))
    }

    fn with_gradient<S: Shape>(
        values: &mut Of<S>,
        gradients: &mut Gradients<f32, Self>,
        change: impl FnOnce(&mut [f32], &mut [f32]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if *REFERENCE {
            return parameter::with_gradient(values, gradients, change);
        }
        parameter::with_gradient_in_place(values, gradients, change, |vec| vec)
    }

    fn values<S: Shape>(of: &Of<S>) -> Option<&[f32]> {
        if *REFERENCE { None } else { values_of(of) }
    }

    fn values_mut<S: Shape>(of: &mut Of<S>) -> Option<&mut [f32]> {
        if *REFERENCE { None } else { values_mut(of) }
    }

    fn follow_rows<S: Shape>(
        table: &Of<S>,
        width: usize,
        stale: bool,
        bring: BringRows<f32>,
    ) -> Option<FollowedRows<f32>> {
        if *REFERENCE { None } else { FollowedRows::new(table, width, stale, bring) }
    }

    fn read_rows(followed: FollowedRows<f32>) -> Option<ReadRows<f32>> {
        followed.finish()
    }

    fn gradient<S: Shape, R>(
        gradients: &mut Gradients<f32, Self>,
        of: &Of<S>,
        look: impl FnOnce(&[f32]) -> R,
    ) -> Result<R, Error> {
        if *REFERENCE {
            return parameter::gradient(gradients, of, look);
        }
        parameter::gradient_in_place(gradients, of, look, |vec| vec)
    }

    fn replace_gradient<S: Shape>(
        gradients: &mut Gradients<f32, Self>,
        of: &Of<S>,
        values: &[f32],
    ) -> Result<(), Error> {
        parameter::replace_gradient(gradients, of, values, |vec| vec)
    }

    fn recurrent_step(
        weights: RecurrentWeights<'_, f32, Self>,
        rows: usize,
    ) -> Result<Box<dyn RecurrentStep<f32>>, Error> {
        if *REFERENCE {
            return reference::recurrent_step(weights);
        }
        ops::recurrent_step(weights, rows)
    }

    fn step_dense(
        weights: DenseWeights<'_, f32, Self>,
        then: ActivationKind,
    ) -> Result<Box<dyn StepProduct<f32>>, Error> {
        if *REFERENCE {
            return Self::step_product(&weights.kernel, weights.bias.as_ref(), then);
        }
        ops::step_dense(weights, then)
    }

    fn step_product(
        kernel: &Of<(usize, usize)>,
        bias: Option<&Of<(usize,)>>,
        then: ActivationKind,
    ) -> Result<Box<dyn StepProduct<f32>>, Error> {
        if *REFERENCE {
            return reference::step_product(kernel, bias, then);
        }
        ops::step_product(kernel, bias, then)
    }

    fn step_table(
        table: &Of<(usize, usize)>,
        cache: &WeightCache,
    ) -> Result<StepTable<f32>, Error> {
        ops::step_table(table, cache)
    }

    fn step_activation(kind: ActivationKind, values: &mut [f32]) {
        if *REFERENCE {
            return reference::step_activation(kind, values);
        }
        ops::step_activation(kind, values);
    }

    fn step_attention(query: StepQuery<'_, f32>, room: &mut [f32], y: &mut [f32]) {
        if *REFERENCE {
            return reference::step_attention(query, room, y);
        }
        ops::step_attention(query, room, y);
    }

    fn step_softmax(row: &mut [f32]) {
        if *REFERENCE {
            return reference::step_softmax(row);
        }
        ops::step_softmax(row);
    }

    kernels! {
        fn embedding[](table: &Of<(usize, usize)>, ids: Tensor<(usize,), usize, Self, T>; cache: &WeightCache)
            -> Of<(usize, usize), T>;
        fn embedding_bag[](table: &Of<(usize, usize)>, bags: Bags, tape: T; cache: &WeightCache)
            -> Of<(usize, usize), T>;
        fn dense[](x: Of<(usize, usize), T>, weights: DenseWeights<'_, f32, Self>, then: ActivationKind;)
            -> Of<(usize, usize), T>;
        fn attention[](
            q: Of<(usize, usize, usize), T>,
            k: Of<(usize, usize, usize), T>,
            v: Of<(usize, usize, usize), T>,
            options: &AttentionOptions;
        ) -> Of<(usize, usize, usize), T>;
        fn recurrent[](inputs: RecurrentInputs<'_, f32, Self, T>, weights: RecurrentWeights<'_, f32, Self>;)
            -> RecurrentOutputs<f32, Self, T>;
        fn recurrent_last[](inputs: RecurrentInputs<'_, f32, Self, T>, weights: RecurrentWeights<'_, f32, Self>;)
            -> Of<(usize, usize), T>;
        fn recurrent_states[](inputs: RecurrentInputs<'_, f32, Self, T>, weights: RecurrentWeights<'_, f32, Self>;)
            -> (HiddenStates<f32, Self>, T);
        fn conv2d[](x: Of<ImageShape, T>, weights: ConvWeights<'_, f32, Self>, window: &Window, then: Epilogue<f32, Self>;)
            -> Of<ImageShape, T>;
        fn pool2d[](x: Of<ImageShape, T>, pooling: Pooling, window: &Window;) -> Of<ImageShape, T>;
        fn batch_norm[](
            x: Of<(usize, usize), T>,
            weights: NormWeights<f32, Self>,
            mean: &Of<(usize,)>,
            variance: &Of<(usize,)>,
            then: ActivationKind;
        ) -> Of<(usize, usize), T>;
        fn batch_norm_train[](
            x: Of<(usize, usize), T>,
            weights: NormWeights<f32, Self>,
            seen: Seen<'_>,
            then: ActivationKind;
        ) -> Normalised<f32, Self, T>;
        fn layer_norm[](x: Of<(usize, usize), T>, weights: NormWeights<f32, Self>, centre: Centre;)
            -> Of<(usize, usize), T>;
        fn add[S](a: Of<S, T>, b: Of<S, T>, then: ActivationKind;) -> Of<S, T>;
        fn relu[S](x: Of<S, T>;) -> Of<S, T>;
        fn tanh[S](x: Of<S, T>;) -> Of<S, T>;
        fn sigmoid[S](x: Of<S, T>;) -> Of<S, T>;
        fn activation[S](x: Of<S, T>, function: ActivationFunction;) -> Of<S, T>;
        fn softmax[S](x: Of<S, T>;) -> Of<S, T>;
        fn dropout[S](x: Of<S, T>, mask: Option<&Mask>, rate: f64;) -> Of<S, T>;
        fn resampled[](x: Of<ImageShape, T>, to: &Resampling;) -> Of<ImageShape, T>;
        fn bounded_padding[S](x: Of<S, T>, mask: Option<&Mask>;) -> Of<S, T>;
        fn mean_over_steps[](x: Of<(usize, usize, usize), T>, mask: Option<&Mask>;)
            -> Of<(usize, usize), T>;
        fn sparse_crossentropy[](x: Of<(usize, usize), T>, labels: Vec<usize>, least: Option<f64>;)
            -> Of<(usize,), T>;
    }
}
