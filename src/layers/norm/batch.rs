use dfdx::{
    prelude::{HasShape, ReshapeTo, SumTo, TryAdd, TryDiv, TryMul, TrySub},
    shapes::{Axis, Const, Rank1, Shape},
    tensor::{Cpu, PutTape, SplitTape, Tape, Tensor},
};

use serde_json::Value;

use super::{EPSILON, Rows, every_row, rows};
use crate::{
    backend::{Backend, Element, keep_rows},
    config::{Configured, Fields, Initializer},
    error::{Error, OrDevice},
    init,
    layer::Layer,
    model::Infer,
    parameters::{Build, Parameter, Parameters, Visitor},
    shape::Features,
    signal::{LastAxis, Mask},
};

/// Normalises each feature over the batch ([Ioffe and Szegedy 2015](https://arxiv.org/abs/1502.03167)):
/// `(x - mean) / sqrt(variance + 0.001) * gamma + beta`.
///
/// The training pass takes mean and variance of the batch, over all positions that a mask keeps, and moves the
/// moving ones a hundredth of the way towards them; the inference pass takes the moving ones. Both normalise the
/// steps of the padding too, as in Keras; but what is NaN or infinite there counts as 0.
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
#[derive(Debug, Clone)]
pub struct BatchNorm<const F: usize, E: Element = f32, D: Backend<E> = Cpu> {
    /// What the normalised numbers are multiplied with.
    pub gamma: Tensor<Rank1<F>, E, D>,
    /// What is added then.
    pub beta: Tensor<Rank1<F>, E, D>,
    /// The mean that the inference pass takes.
    pub moving_mean: Tensor<Rank1<F>, E, D>,
    /// The variance that the inference pass takes.
    pub moving_variance: Tensor<Rank1<F>, E, D>,
    /// How much of the moving mean and variance stays in a step. Default 0.99.
    pub momentum: f64,
    /// What is added to a variance before the root. Default 0.001.
    pub epsilon: f64,
}

/// What Keras adds to the number of positions under a mask.
const MASK_EPSILON: f64 = 1e-7;

impl<const F: usize, E: Element, D: Backend<E>> BatchNorm<F, E, D> {
    /// `(x - mean) / sqrt(variance + epsilon) * gamma + beta`.
    fn normalise<T: Tape<E, D>>(
        &self,
        x: Rows<F, E, D, T>,
        mean: Tensor<Rank1<F>, E, D, T>,
        variance: Tensor<Rank1<F>, E, D, T>,
    ) -> Result<Rows<F, E, D, T>, Error> {
        let (n, _) = *x.shape();
        let deviation =
            variance.try_add(E::of(self.epsilon)).or_device()?.try_sqrt().or_device()?;
        let scale = self.gamma.retaped::<T>().try_div(deviation).or_device()?;
        let y = x.try_sub(every_row(mean, n)?).or_device()?;
        let y = y.try_mul(every_row(scale, n)?).or_device()?;
        y.try_add(every_row(self.beta.retaped::<T>(), n)?).or_device()
    }

    /// The mean over the rows, each with its share.
    fn mean<T: Tape<E, D>>(
        x: Rows<F, E, D, T>,
        shares: &Rows<F, E, D, dfdx::tensor::NoneTape>,
    ) -> Result<Tensor<Rank1<F>, E, D, T>, Error> {
        x.try_mul(shares.clone()).or_device()?.try_sum::<_, Axis<0>>().or_device()
    }

    fn train<T: Tape<E, D>>(
        &mut self,
        x: Rows<F, E, D, T>,
        mask: Option<&Mask>,
    ) -> Result<Rows<F, E, D, T>, Error> {
        let (n, _) = *x.shape();
        let shares: Vec<E> = match mask {
            None => vec![E::of(1.0 / n as f64); n],
            Some(mask) => {
                let share = E::of(1.0 / (mask.count() as f64 + MASK_EPSILON));
                let each = n.checked_div(mask.as_slice().len()).unwrap_or(0);
                let keep = mask.as_slice().iter().map(|&keep| if keep { share } else { E::zero() });
                keep.flat_map(|share| std::iter::repeat_n(share, each))
                    .map(|share| share / E::of(each.max(1) as f64))
                    .collect()
            }
        };
        let shares = shares.iter().flat_map(|&share| std::iter::repeat_n(share, F)).collect();
        let shares = x.device().try_tensor_from_vec(shares, (n, Const)).or_device()?;
        // What the mask leaves out is normalised too, but not looked at here.
        let seen = match mask {
            Some(mask) => keep_rows(x.retaped::<T>(), mask.as_slice(), E::zero())?,
            None => x.retaped::<T>(),
        };
        let (seen, tape) = seen.split_tape();
        let (mean, tape) = Self::mean(seen.clone().put_tape(tape), &shares)?.split_tape();
        let centred =
            seen.retaped::<T>().try_sub(every_row(mean.retaped::<T>(), n)?).or_device()?;
        let (variance, variance_tape) =
            Self::mean(centred.try_square().or_device()?, &shares)?.split_tape();
        let momentum = self.momentum;
        let step = |moving: &mut Tensor<Rank1<F>, E, D>, now: &Tensor<Rank1<F>, E, D>| {
            let kept = moving.clone().try_mul(E::of(momentum)).or_device()?;
            let new = now.clone().try_mul(E::of(1.0 - momentum)).or_device()?;
            let moved = kept.try_add(new).or_device()?.as_vec();
            // In place, so that the parameter stays the one that optimisers know.
            moving.copy_from(&moved);
            Ok::<_, Error>(())
        };
        step(&mut self.moving_mean, &mean)?;
        step(&mut self.moving_variance, &variance)?;
        self.normalise(x, mean.put_tape(tape), variance.put_tape(variance_tape))
    }
}

impl<In, const F: usize, E, D> Layer<In, E, D> for BatchNorm<F, E, D>
where
    In: LastAxis + Features,
    E: Element,
    D: Backend<E>,
{
    type Out = In;

    const CHECK: () = super::check_features(F, In::SIZE);

    fn call<T: Tape<E, D>>(&self, x: In::Data<E, D, T>) -> Result<In::Data<E, D, T>, Error> {
        const { <Self as Layer<In, E, D>>::CHECK };
        let mask = In::mask::<E, D, T>(&x).cloned();
        In::map(x, |x| {
            let shape = *x.shape();
            if shape.num_elements() == 0 {
                return Ok(x);
            }
            let (mean, variance) = (self.moving_mean.retaped(), self.moving_variance.retaped());
            let x = rows::<_, F, E, D, T>(x, mask.as_ref())?;
            let y = self.normalise(x, mean, variance)?;
            y.try_reshape_like(&shape).or_device()
        })
    }

    fn call_mut<T: Tape<E, D>>(
        &mut self,
        x: In::Data<E, D, T>,
    ) -> Result<In::Data<E, D, T>, Error> {
        let mask = In::mask::<E, D, T>(&x).cloned();
        In::map(x, |x| {
            let shape = *x.shape();
            if shape.num_elements() == 0 {
                return Ok(x);
            }
            let y = self.train(rows::<_, F, E, D, T>(x, mask.as_ref())?, mask.as_ref())?;
            y.try_reshape_like(&shape).or_device()
        })
    }
}

#[diagnostic::do_not_recommend]
impl<In: Features, const F: usize, E: Element, D: Backend<E>> Infer<In> for BatchNorm<F, E, D> {
    const SIZE: usize = In::SIZE;
}

impl<const F: usize, E: Element, D: Backend<E>> Build<E, D> for BatchNorm<F, E, D> {
    fn build(dev: &D) -> Result<Self, Error> {
        Ok(Self {
            gamma: init::ones(dev, (Const,))?,
            beta: init::zeros(dev, (Const,))?,
            moving_mean: init::zeros(dev, (Const,))?,
            moving_variance: init::ones(dev, (Const,))?,
            momentum: 0.99,
            epsilon: EPSILON,
        })
    }
}

impl<const F: usize, E: Element, D: Backend<E>> Parameters<E, D> for BatchNorm<F, E, D> {
    const PARAMS: usize = 4 * F;
    const TRAINABLE: usize = 2 * F;

    fn visit<V: Visitor<E, D>>(&mut self, visitor: &mut V) -> Result<(), Error> {
        visitor.visit(Parameter { name: "gamma", trainable: true, tensor: &mut self.gamma })?;
        visitor.visit(Parameter { name: "beta", trainable: true, tensor: &mut self.beta })?;
        let tensor = &mut self.moving_mean;
        visitor.visit(Parameter { name: "moving_mean", trainable: false, tensor })?;
        let tensor = &mut self.moving_variance;
        visitor.visit(Parameter { name: "moving_variance", trainable: false, tensor })
    }
}

impl<const F: usize, E: Element, D: Backend<E>> Configured for BatchNorm<F, E, D> {
    const CLASS: &'static str = "BatchNormalization";
    type Element = E;
    type Device = D;

    fn describe(&mut self, fields: &mut Fields) {
        fields.dtype::<E>();
        fields.features(F);
        fields.last_axis("axis", false);
        fields.number("momentum", &mut self.momentum, Some(0.99));
        fields.number("epsilon", &mut self.epsilon, Some(EPSILON));
        fields.normalisation();
        let (zeros, ones) = (Initializer::ZEROS, Initializer::ONES);
        fields.initializer("moving_mean_initializer", "moving_mean", zeros);
        fields.initializer("moving_variance_initializer", "moving_variance", ones);
        fields.fixed("synchronized", false);
        fields.fixed("renorm", false);
        fields.any("renorm_clipping", Value::Null);
        fields.any("renorm_momentum", 0.99);
    }
}
