use dfdx::{
    shapes::Rank1,
    tensor::{Cpu, Tape, Tensor},
};
use serde_json::Value;

use crate::{
    backend::{Backend, Element, Scale, to_values},
    error::Error,
    layer,
    layer::Layer,
    layers::norm::{wrong_features, wrong_size},
    shape::{Fault, Features},
    signal::{LastAxis, StepValues},
    stream::{Streamable, copy_bounded, room},
};

/// The smallest deviation that is divided by, as in Keras.
const EPSILON: f64 = 1e-7;

/// Brings each feature to mean 0 and variance 1, by a mean and a variance that were measured before: `(x - mean) /
/// sqrt(variance)`.
///
/// [`adapt`](Normalization::adapt) measures them on the training data; until then the layer changes nothing. They are parameters that no
/// optimiser changes, so they are saved with the model. With `invert`, the layer computes `x * sqrt(variance) + mean`: the way
/// back, for the target of a regression.
///
/// Keras: [`Normalization`](https://keras.io/api/layers/preprocessing_layers/numerical/normalization/), with its axis -1.
///
/// # Shapes
/// - input `(Batch, .., F)`, masked or not; the mask passes
/// - output the same
/// - `mean` `(F,)`, zeros; `variance` `(F,)`, ones; and `count`, a number that Keras's files have, and no one uses
///
/// ```
/// use kerata::{Batch, Cpu, Dense, Error, Normalization, model, prelude::*};
///
/// #[model(input = (Batch, 3), output = (Batch, 1))]
/// struct Net {
///     norm: Normalization<_>,
///     head: Dense<_, 1>,
/// }
///
/// let mut net = Net::build(&Cpu::seed_from_u64(0))?;
/// let inputs = vec![[0.0_f32, 7.0, 4.0], [2.0, 9.0, 6.0], [0.0, 7.0, 4.0], [2.0, 9.0, 6.0]];
/// net.norm.adapt(&inputs)?;
/// assert_eq!(net.norm.mean.array(), [1.0, 8.0, 5.0]);
/// let y = net.norm.forward(Cpu::default().tensor([[1.0, 2.0, 3.0]]))?;
/// assert_eq!(y.array(), [[0.0, -6.0, -2.0]]);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "Normalization",
    input = (Batch, .., F),
    infer,
    check = wrong_size(F).tell(),
    keys(axis: last_axis(true), mean: fixed(Value::Null), variance: fixed(Value::Null)),
)]
pub struct Normalization<const F: usize, E: Element = f32, D: Backend<E> = Cpu> {
    /// What is subtracted.
    #[weight(init = zeros, trainable = false, keys = false)]
    pub mean: Tensor<Rank1<F>, E, D>,
    /// The square of what is divided by.
    #[weight(init = ones, trainable = false, keys = false)]
    pub variance: Tensor<Rank1<F>, E, D>,
    /// 0; Keras's files have it.
    #[weight(init = zeros, trainable = false, keys = false)]
    pub count: Tensor<(), E, D>,
    /// Whether values go the way back. Default false.
    #[option(default = false)]
    pub invert: bool,
}

/// The larger of two numbers. NaN, the root of what is no variance, stays: `f64::max` would hide it.
pub(crate) fn at_least(deviation: f64, least: f64) -> f64 {
    if deviation < least { least } else { deviation }
}

impl<const F: usize, E: Element, D: Backend<E>> Normalization<F, E, D> {
    /// Factor and summand of each feature.
    fn scales(&self) -> Result<(Vec<E>, Vec<E>), Error> {
        let (mean, variance) = (to_values(&self.mean)?, to_values(&self.variance)?);
        let deviation = |variance: E| at_least(variance.as_f64().sqrt(), EPSILON);
        let scale = |(mean, variance): (E, E)| {
            let (mean, deviation) = (mean.as_f64(), deviation(variance));
            let (factor, summand) =
                if self.invert { (deviation, mean) } else { (deviation.recip(), -mean) };
            (E::of(factor), E::of(summand))
        };
        Ok(mean.into_iter().zip(variance).map(scale).unzip())
    }
}

impl<In, const F: usize, E, D> Layer<In, E, D> for Normalization<F, E, D>
where
    In: LastAxis + Features,
    E: Element,
    D: Backend<E>,
{
    type Out = In;

    const FAULT: Fault = wrong_features(F, In::SIZE);

    fn call<T: Tape<E, D>>(&self, x: In::Data<E, D, T>) -> Result<In::Data<E, D, T>, Error> {
        const { <Self as Layer<In, E, D>>::FAULT.tell() };
        let (factor, summand) = self.scales()?;
        // The mean is subtracted first, so that nothing cancels out.
        let scale = Scale { factors: &factor, summands: &summand, sum_first: !self.invert };
        In::map(x, |x| D::scaled(x, scale))
    }
}

/// What a step is computed with.
pub struct NormalizationStepper<E> {
    factor: Vec<E>,
    summand: Vec<E>,
    invert: bool,
    values: Vec<E>,
}

#[diagnostic::do_not_recommend]
impl<In, const F: usize, E, D> Streamable<In, E, D> for Normalization<F, E, D>
where
    In: LastAxis + Features + StepValues,
    E: Element,
    D: Backend<E>,
{
    type State = ();
    type Stepper = NormalizationStepper<E>;

    fn begin(&self, rows: usize) -> Result<(NormalizationStepper<E>, ()), Error> {
        let (factor, summand) = self.scales()?;
        let values = room(rows, In::WIDTH)?;
        Ok((NormalizationStepper { factor, summand, invert: self.invert, values }, ()))
    }

    fn step<'a>(
        NormalizationStepper { factor, summand, invert, values }: &'a mut NormalizationStepper<E>,
        (): &mut (),
        x: In::StepData<'a, E>,
    ) -> Result<In::StepData<'a, E>, Error> {
        let (x, keep) = In::unpack(x);
        copy_bounded(x, keep, values);
        for row in values.chunks_exact_mut(F.max(1)) {
            for ((x, &factor), &summand) in row.iter_mut().zip(&*factor).zip(&*summand) {
                *x = if *invert { *x * factor + summand } else { (*x + summand) * factor };
            }
        }
        Ok(In::pack(values, keep))
    }
}
