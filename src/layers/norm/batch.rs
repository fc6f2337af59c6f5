use dfdx::{
    prelude::{HasShape, TryAdd, TryMul},
    shapes::Rank1,
    tensor::{Cpu, Tape, Tensor},
};

use serde_json::Value;

use super::{EPSILON, Rows, by_rows, check_epsilon, factor, shift};
use crate::{
    backend::{
        ActivationKind, Backend, Element, Epilogue, FixedNorm, NormWeights, Seen,
        memory::{collected, filled, look_for_copy},
        sized, to_values,
    },
    distributed,
    error::{Error, OrDevice},
    fusion::{Fused, Fuses},
    layer,
    layer::{Layer, rests, rests_at, trains},
    shape::{Fault, Features},
    signal::{LastAxis, Mask, StepValues},
    stream::{Streamable, copy_bounded, room},
};

/// Normalises each feature over the batch ([Ioffe and Szegedy 2015](https://arxiv.org/abs/1502.03167)):
/// `(x - mean) / sqrt(variance + 0.001) * gamma + beta`.
///
/// The training pass takes mean and variance of the batch, over all positions that a mask keeps, and moves the
/// moving ones a hundredth of the way towards them; the inference pass takes the moving ones. Both normalise the
/// steps of the padding too, as in Keras; but what is NaN, infinite or huge there counts as 0. A batch without a
/// real step leaves the moving ones as they are (Keras moves them towards 0).
///
/// Keras: [`BatchNormalization`](https://keras.io/api/layers/normalization_layers/batch_normalization/).
///
/// # Shapes
/// - input `(Batch, .., F)`, masked or not; the mask passes
/// - output the same
/// - `gamma` `(F,)`, ones; `beta` `(F,)`, zeros; and, not trained, `moving_mean` `(F,)`, zeros, and
///   `moving_variance` `(F,)`, ones
///
/// ```
/// use kerata::{BatchNorm, Cpu, Error, prelude::*};
///
/// let mut norm = BatchNorm::<1>::build(&Cpu::default())?;
/// let x = Cpu::default().tensor([[1.0_f32], [3.0]]);
/// let [[a], [b]] = norm.forward_mut(x)?.array();
/// assert!((a + 1.0).abs() < 1e-3 && (b - 1.0).abs() < 1e-3);
/// assert!((norm.moving_mean.array()[0] - 0.02).abs() < 1e-6);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "BatchNormalization",
    input = (Batch, .., F),
    infer,
    check = super::wrong_size(F).tell(),
    keys(
        axis: last_axis(false),
        synchronized: fixed(false),
        renorm: fixed(false),
        renorm_clipping: any(Value::Null),
        renorm_momentum: any(0.99),
    ),
)]
pub struct BatchNorm<const F: usize, E: Element = f32, D: Backend<E> = Cpu> {
    /// What the normalised numbers are multiplied with; not used without `scale`.
    #[weight(init = ones, when = scale)]
    pub gamma: Tensor<Rank1<F>, E, D>,
    /// What is added then; not used without `center`.
    #[weight(init = zeros, when = center)]
    pub beta: Tensor<Rank1<F>, E, D>,
    /// The mean that the inference pass takes.
    #[weight(init = zeros, trainable = false)]
    pub moving_mean: Tensor<Rank1<F>, E, D>,
    /// The variance that the inference pass takes.
    #[weight(init = ones, trainable = false)]
    pub moving_variance: Tensor<Rank1<F>, E, D>,
    /// How much of the moving mean and variance stays in a step. Default 0.99.
    #[option(default = 0.99, range = 0.0..=1.0)]
    pub momentum: f64,
    /// What is added to a variance before the root. Default 0.001.
    #[option(default = EPSILON)]
    pub epsilon: f64,
    /// Whether `beta` is added. Default true.
    #[option(default = true)]
    pub center: bool,
    /// Whether there is a factor `gamma`. Default true.
    #[option(default = true)]
    pub scale: bool,
}

/// What Keras adds to the number of positions under a mask.
const MASK_EPSILON: f64 = 1e-7;

impl<const F: usize, E: Element, D: Backend<E>> BatchNorm<F, E, D> {
    /// Checks the settings, which are public fields.
    fn check(&self) -> Result<(), Error> {
        self.check_options()?;
        check_epsilon::<E>(self.epsilon)
    }

    fn weights(&self) -> Result<NormWeights<E, D>, Error> {
        let gamma = factor(&self.gamma, self.scale)?;
        Ok(NormWeights { gamma, beta: shift(&self.beta, self.center)?, epsilon: self.epsilon })
    }

    /// Whether the statistics are what a training pass uses, and stay: it, or what it is in, is not trained.
    fn is_at_rest(&self) -> bool {
        rests() || D::values(&self.moving_mean).is_some_and(rests_at)
    }

    /// The normalisation of the inference pass.
    fn fixed(&self) -> Result<FixedNorm<E, D>, Error> {
        self.check()?;
        let mean = sized(self.moving_mean.clone())?;
        let variance = sized(self.moving_variance.clone())?;
        Ok(FixedNorm { weights: self.weights()?, mean, variance })
    }
}

/// The training pass on rows of features: what leaves it, and the moving mean and variance after it, if they move.
pub(crate) fn train<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Rows<E, D, T>,
    mask: Option<&Mask>,
    weights: NormWeights<E, D>,
    moving: [Tensor<(usize,), E, D>; 2],
    momentum: f64,
    then: ActivationKind,
) -> Result<(Rows<E, D, T>, Option<[Vec<E>; 2]>), Error> {
    let (n, _) = *x.shape();
    let pass = distributed::current();
    // What there is on all ranks.
    let kept = match (&pass, mask) {
        (Some(pass), Some(mask)) => pass.total(mask.count() as f64)?,
        (Some(pass), None) => pass.rows_of_all(n)?,
        (None, mask) => mask.map_or(n, Mask::count) as f64,
    };
    // What the mask leaves out is normalised too, but not looked at.
    let (rows, share) = match mask {
        _ if pass.as_ref().is_some_and(|pass| !pass.share.counts) => {
            let each = mask.map_or(1, |mask| n.checked_div(mask.as_slice().len()).unwrap_or(0));
            let epsilon = if mask.is_some() { MASK_EPSILON } else { 0.0 };
            // No rank may have a row that counts.
            let share = if kept == 0.0 { 0.0 } else { 1.0 / (kept + epsilon) };
            (Some(filled(&[n], false)?), share / each.max(1) as f64)
        }
        None => (None, 1.0 / kept),
        Some(mask) => {
            let each = n.checked_div(mask.as_slice().len()).unwrap_or(0).max(1);
            let rows = mask.as_slice().iter();
            let rows = rows.flat_map(|&keep| std::iter::repeat_n(keep, each));
            let rows = collected(&[mask.as_slice().len(), each], rows)?;
            (Some(rows), 1.0 / (kept + MASK_EPSILON) / each as f64)
        }
    };
    let seen = Seen { rows: rows.as_deref(), share };
    let (y, mean, variance) = D::batch_norm_train(x, weights, seen, then)?;
    if kept == 0.0 && (mask.is_some() || pass.is_some()) {
        return Ok((y, None));
    }
    let step = |moving: Tensor<(usize,), E, D>, now: Tensor<(usize,), E, D>| {
        look_for_copy(&moving)?;
        let kept = moving.try_mul(E::of(momentum)).or_device()?;
        look_for_copy(&now)?;
        let new = now.try_mul(E::of(1.0 - momentum)).or_device()?;
        to_values(&kept.try_add(new).or_device()?)
    };
    let [moving_mean, moving_variance] = moving;
    Ok((y, Some([step(moving_mean, mean)?, step(moving_variance, variance)?])))
}

impl<In, const F: usize, E, D> Layer<In, E, D> for BatchNorm<F, E, D>
where
    In: LastAxis + Features,
    E: Element,
    D: Backend<E>,
{
    type Out = In;

    const FAULT: Fault = super::wrong_features(F, In::SIZE);
    const FUSES: Fuses = Fuses::Activation;

    fn call<T: Tape<E, D>>(&self, x: In::Data<E, D, T>) -> Result<In::Data<E, D, T>, Error> {
        <Self as Layer<In, E, D>>::call_fused(self, x, ActivationKind::Nothing.into())
    }

    fn call_mut<T: Tape<E, D>>(
        &mut self,
        x: In::Data<E, D, T>,
    ) -> Result<In::Data<E, D, T>, Error> {
        <Self as Layer<In, E, D>>::call_mut_fused(self, x, ActivationKind::Nothing.into())
    }

    fn fuse<T: Tape<E, D>>(&self, front: &mut Fused<E, D>, training: bool) -> Result<bool, Error> {
        // A gradient goes through the normalisation by itself.
        if training || trains() || T::OWNS_TAPE { Ok(false) } else { front.norm(|| self.fixed()) }
    }

    fn call_fused<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
        then: Epilogue<E, D>,
    ) -> Result<In::Data<E, D, T>, Error> {
        const { <Self as Layer<In, E, D>>::FAULT.tell() };
        if trains() && !self.is_at_rest() {
            let message = "the pass of training came to it by `call`, so that its statistics cannot move: the layer \
                around it holds it in an `Inner`, or has a `call_mut`";
            return Err(Error::Wiring { layer: "BatchNorm".into(), message: message.into() });
        }
        let FixedNorm { weights, mean, variance } = self.fixed()?;
        In::map(x, |x| {
            by_rows(x, F, |x| D::batch_norm(x, weights, &mean, &variance, then.activation))
        })
    }

    fn call_mut_fused<T: Tape<E, D>>(
        &mut self,
        x: In::Data<E, D, T>,
        then: Epilogue<E, D>,
    ) -> Result<In::Data<E, D, T>, Error> {
        // As in Keras, where the layer or what it is in is not trained.
        if self.is_at_rest() {
            return <Self as Layer<In, E, D>>::call_fused(self, x, then);
        }
        self.check()?;
        let mask = In::mask::<E, D, T>(&x).cloned();
        In::map(x, |x| {
            by_rows(x, F, |x| {
                let moving =
                    [sized(self.moving_mean.clone())?, sized(self.moving_variance.clone())?];
                let (weights, momentum) = (self.weights()?, self.momentum);
                let (y, moved) =
                    train(x, mask.as_ref(), weights, moving, momentum, then.activation)?;
                if let Some([mean, variance]) = moved {
                    // In place, so that the parameters stay those that optimisers know.
                    self.moving_mean.copy_from(&mean);
                    self.moving_variance.copy_from(&variance);
                }
                Ok(y)
            })
        })
    }

    fn pass_over<T: Tape<E, D>>(x: In::Data<E, D, T>) -> Result<In::Data<E, D, T>, Error> {
        Ok(x)
    }
}

/// `(x - mean) * scale + beta`, and room for a step.
pub struct BatchNormStepper<E> {
    mean: Vec<E>,
    scale: Vec<E>,
    beta: Vec<E>,
    values: Vec<E>,
}

#[diagnostic::do_not_recommend]
impl<In, const F: usize, E, D> Streamable<In, E, D> for BatchNorm<F, E, D>
where
    In: LastAxis + Features + StepValues,
    E: Element,
    D: Backend<E>,
{
    type State = ();
    type Stepper = BatchNormStepper<E>;

    fn begin(&self, rows: usize) -> Result<(BatchNormStepper<E>, ()), Error> {
        self.check()?;
        let gamma = to_values(&factor(&self.gamma, self.scale)?)?;
        let variance = to_values(&self.moving_variance)?;
        let scale = gamma.iter().zip(variance).map(|(&gamma, variance)| {
            gamma / num_traits::Float::sqrt(variance + E::of(self.epsilon))
        });
        Ok((
            BatchNormStepper {
                mean: to_values(&self.moving_mean)?,
                scale: scale.collect(),
                beta: to_values(&shift(&self.beta, self.center)?)?,
                values: room(rows, In::WIDTH)?,
            },
            (),
        ))
    }

    fn step<'a>(
        BatchNormStepper { mean, scale, beta, values }: &'a mut BatchNormStepper<E>,
        (): &mut (),
        x: In::StepData<'a, E>,
    ) -> Result<In::StepData<'a, E>, Error> {
        let (x, keep) = In::unpack(x);
        copy_bounded(x, keep, values);
        for row in values.chunks_exact_mut(F.max(1)) {
            let features = mean.iter().zip(&*scale).zip(&*beta);
            for (x, ((&mean, &scale), &beta)) in row.iter_mut().zip(features) {
                *x = (*x - mean) * scale + beta;
            }
        }
        Ok(In::pack(values, keep))
    }
}
