//! The kernels for `f32` on the CPU: functions over slices, and the operations that they are on dfdx's tape.
//!
//! With the environment variable `KERATA_BACKEND=reference` the reference is used in their place.

mod attention;
mod ops;
mod threads;

pub(super) use ops::few;
pub(crate) use ops::{
    Arrangement, NOWHERE, Operand, Places, Reduce, arrange_values, combine, join_rows, map_slices,
    map_values, pick_values, reduce_values, running_sums,
};
pub use threads::set_threads;

use std::sync::LazyLock;

use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, Gradients, NoneTape, Tape, Tensor},
};

use super::{
    ActivationKind, AttentionOptions, Backend, Bags, BringRows, Centre, ConvWeights, DenseWeights,
    Elementwise, Epilogue, FollowedRows, HiddenStates, ImageShape, IntoShape, NormWeights,
    Normalised, Pooling, ReadRows, RecurrentInputs, RecurrentOutputs, RecurrentStep,
    RecurrentWeights, Resampling, Scale, Seen, StepProduct, StepQuery, StepTable, StopGradient,
    WeightCache, Window,
    memory::elements_of,
    parameter, reference,
    tape::{Recorder, Taped, values_mut, values_of},
    zeros_after,
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
type Rows<T = NoneTape> = Of<(usize, usize), T>;

/// The numbers of the last axis are a row; nothing is copied. What has no numbers becomes others.
fn rows<S: Shape, T: Tape<f32, Cpu>>(x: Of<S, T>) -> Result<Rows<T>, Error> {
    let width = x.shape().concrete().into_iter().last().unwrap_or(1);
    in_rows(x, |count| (count.checked_div(width).unwrap_or(0), width))
}

/// The numbers of a sample are a row; nothing is copied.
fn samples<S: Shape, T: Tape<f32, Cpu>>(x: Of<S, T>) -> Result<Rows<T>, Error> {
    let batch = x.shape().concrete().into_iter().next().unwrap_or(1);
    in_rows(x, |count| (batch, count.checked_div(batch).unwrap_or(0)))
}

fn in_rows<S: Shape, T: Tape<f32, Cpu>>(
    x: Of<S, T>,
    sizes: impl FnOnce(usize) -> (usize, usize),
) -> Result<Rows<T>, Error> {
    match elements_of(&x)? {
        // dfdx's iterators do not survive that.
        0 => zeros_after(x, &sizes(0)),
        count => x.into_shape(&sizes(count)),
    }
}

/// An operation on any tape, which `x` carries: that of the kernels or the reference, which is the same without what is in brackets. It
/// runs on the one tape of this crate, so that it is compiled here, and not where it is called.
macro_rules! operation {
    ($name:ident, $x:tt, ($($argument:ident: $type:ty),*), ($($only:ident: $more:ty)?), $result:ty) => {{
        let (x, mut tape) = $x.split();
        let $x = x.with(Recorder::of(&mut tape));
        let run = {
            type T = Recorder;
            #[inline(never)]
            fn run($($argument: $type,)* $($only: $more,)?) -> Result<$result, Error> {
                if *REFERENCE {
                    reference::$name($($argument),*)
                } else {
                    ops::$name($($argument,)* $($only)?)
                }
            }
            run
        };
        let (result, recorder) = run($($argument,)* $($only)?)?.split();
        recorder.move_to(&mut tape);
        Ok(result.with(tape))
    }};
}

/// The operations, each with its arguments, the last one in brackets.
macro_rules! operations {
    ($(fn $name:ident[$x:tt]($($argument:ident: $type:ty),*; $($only:ident: $more:ty)?) -> $result:ty;)*) => {
        $(fn $name<T: Tape<f32, Self>>(
            $($argument: $type,)*
            $($only: $more,)?
        ) -> Result<$result, Error> {
            operation!($name, $x, ($($argument: $type),*), ($($only: $more)?), $result)
        })*
    };
}

/// Those of each shape, which are done to rows.
macro_rules! of_each_shape {
    ($(fn $name:ident[$rows:ident]($x:ident $(, $argument:ident: $type:ty)*);)*) => {
        $(fn $name<S: Shape, T: Tape<f32, Self>>(
            $x: Of<S, T>
            $(, $argument: $type)*
        ) -> Result<Of<S, T>, Error> {
            let shape = *$x.shape();
            let $x = $rows($x)?;
            let y: Result<Rows<T>, Error> =
                operation!($name, $x, ($x: Rows<T> $(, $argument: $type)*), (), Rows<T>);
            y?.into_shape(&shape)
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
        change: &mut dyn FnMut(&mut [f32], &mut [f32]) -> Result<(), Error>,
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

    fn gradient<S: Shape>(
        gradients: &mut Gradients<f32, Self>,
        of: &Of<S>,
        look: &mut dyn FnMut(&[f32]),
    ) -> Result<(), Error> {
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

    of_each_shape! {
        fn relu[rows](x);
        fn tanh[rows](x);
        fn sigmoid[rows](x);
        fn activation[rows](x, function: Elementwise);
        fn softmax[rows](x);
        fn dropout[samples](x, mask: Option<&Mask>, rate: f64);
        fn bounded_padding[samples](x, mask: Option<&Mask>);
        fn keep_rows[rows](x, keep: &[bool], other: f32);
        fn drop_by[rows](x, factors: &[f32]);
        fn clamp[rows](x, least: f64, most: f64);
        fn scaled[rows](x, scale: Scale<'_, f32>);
    }

    fn add<S: Shape, T: Tape<f32, Self>>(
        a: Of<S, T>,
        b: Of<S, T>,
        then: ActivationKind,
    ) -> Result<Of<S, T>, Error> {
        let shape = *a.shape();
        if a.shape() != b.shape() {
            return Err(Error::mismatch("the shapes of a sum", a.shape(), b.shape()));
        }
        let [a, b] = [rows(a)?, rows(b)?];
        let sum: Result<Rows<T>, Error> =
            operation!(add, [a, b], (a: Rows<T>, b: Rows<T>, then: ActivationKind), (), Rows<T>);
        sum?.into_shape(&shape)
    }

    fn choose_rows<S: Shape, T: Tape<f32, Self>>(
        [x, others]: [Of<S, T>; 2],
        keep: &[bool],
    ) -> Result<Of<S, T>, Error> {
        let shape = *x.shape();
        if x.shape() != others.shape() {
            return Err(Error::mismatch("the shapes of a choice", x.shape(), others.shape()));
        }
        let both = [rows(x)?, rows(others)?];
        let chosen: Result<Rows<T>, Error> =
            operation!(choose_rows, both, (both: [Rows<T>; 2], keep: &[bool]), (), Rows<T>);
        chosen?.into_shape(&shape)
    }

    operations! {
        fn embedding[ids](table: &Rows, ids: Tensor<(usize,), usize, Cpu, T>; cache: &WeightCache)
            -> Rows<T>;
        fn embedding_bag[(bags, tape)](table: &Rows, bags: Bags, tape: T; cache: &WeightCache)
            -> Rows<T>;
        fn dense[x](x: Rows<T>, weights: DenseWeights<'_, f32, Cpu>, then: ActivationKind;)
            -> Rows<T>;
        fn attention[[q, k, v]](
            q: Of<(usize, usize, usize), T>,
            k: Of<(usize, usize, usize), T>,
            v: Of<(usize, usize, usize), T>,
            options: &AttentionOptions;
        ) -> Of<(usize, usize, usize), T>;
        fn recurrent[inputs](inputs: RecurrentInputs<'_, f32, Cpu, T>, weights: RecurrentWeights<'_, f32, Cpu>;)
            -> RecurrentOutputs<f32, Cpu, T>;
        fn recurrent_last[inputs](inputs: RecurrentInputs<'_, f32, Cpu, T>, weights: RecurrentWeights<'_, f32, Cpu>;)
            -> Rows<T>;
        fn recurrent_states[inputs](inputs: RecurrentInputs<'_, f32, Cpu, T>, weights: RecurrentWeights<'_, f32, Cpu>;)
            -> (HiddenStates<f32, Cpu>, T);
        fn conv2d[x](x: Of<ImageShape, T>, weights: ConvWeights<'_, f32, Cpu>, window: &Window, then: Epilogue<f32, Cpu>;)
            -> Of<ImageShape, T>;
        fn pool2d[x](x: Of<ImageShape, T>, pooling: Pooling, window: &Window;) -> Of<ImageShape, T>;
        fn batch_norm[x](
            x: Rows<T>,
            weights: NormWeights<f32, Cpu>,
            mean: &Of<(usize,)>,
            variance: &Of<(usize,)>,
            then: ActivationKind;
        ) -> Rows<T>;
        fn batch_norm_train[x](
            x: Rows<T>,
            weights: NormWeights<f32, Cpu>,
            seen: Seen<'_>,
            then: ActivationKind;
        ) -> Normalised<f32, Cpu, T>;
        fn layer_norm[x](x: Rows<T>, weights: NormWeights<f32, Cpu>, centre: Centre;)
            -> Rows<T>;
        fn group_norm[x](x: Of<(usize, usize, usize), T>, weights: NormWeights<f32, Cpu>, groups: usize;)
            -> Of<(usize, usize, usize), T>;
        fn log_softmax[x](x: Rows<T>;) -> Rows<T>;
        fn softmax_along[x](x: Of<(usize, usize, usize), T>;) -> Of<(usize, usize, usize), T>;
        fn additive_scores[both](both: [Of<(usize, usize, usize), T>; 2], weights: &Of<(usize,)>;)
            -> Of<(usize, usize, usize), T>;
        fn prelu[x](x: Rows<T>, alpha: &Of<(usize,)>, places: &[usize];) -> Rows<T>;
        fn repeated[x](x: Rows<T>, times: usize;) -> Of<(usize, usize, usize), T>;
        fn add_row[x](x: Rows<T>, row: &Of<(usize,)>;) -> Rows<T>;
        fn of_length_one[x](x: Rows<T>, most: f32;) -> Rows<T>;
        fn resampled[x](x: Of<ImageShape, T>, to: &Resampling;) -> Of<ImageShape, T>;
        fn mean_over_steps[x](x: Of<(usize, usize, usize), T>, mask: Option<&Mask>;)
            -> Rows<T>;
        fn with_slopes[x](x: Rows<T>, y: Vec<f32>, slopes: Vec<f32>;) -> Of<(usize,), T>;
        fn sparse_crossentropy[prediction](prediction: Rows<T>, labels: Vec<usize>, least: Option<f64>;)
            -> Of<(usize,), T>;
    }
}
