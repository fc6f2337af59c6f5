use dfdx::{
    shapes::Rank1,
    tensor::{Cpu, Tape, Tensor},
};

use super::{EPSILON, by_rows, check_epsilon, factor, rows::RowNormStepper, shift};
use crate::{
    backend::{Backend, Centre, Element, NormWeights},
    error::Error,
    layer,
    layer::Layer,
    shape::{Fault, Features},
    signal::{LastAxis, StepValues},
    stream::{Streamable, room},
};

/// Normalises the features of each position by themselves
/// ([Ba et al. 2016](https://arxiv.org/abs/1607.06450)): `(x - mean) / sqrt(variance + 0.001) * gamma + beta`.
///
/// The steps of the padding are normalised too, as in Keras; but what is NaN, infinite or huge there counts as 0.
///
/// Keras: [`LayerNormalization`](https://keras.io/api/layers/normalization_layers/layer_normalization/).
///
/// # Shapes
/// - input `(Batch, .., F)`, masked or not; the mask passes
/// - output the same
/// - `gamma` `(F,)`, ones; `beta` `(F,)`, zeros
///
/// ```
/// use kerata::{Cpu, Error, LayerNorm, prelude::*};
///
/// let norm = LayerNorm::<2>::build(&Cpu::default())?;
/// let [[a, b]] = norm.forward(Cpu::default().tensor([[1.0_f32, 3.0]]))?.array();
/// assert!((a + 1.0).abs() < 1e-3 && (b - 1.0).abs() < 1e-3);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "LayerNormalization",
    input = (Batch, .., F),
    infer,
    check = super::wrong_size(F).tell(),
    keys(
        axis: last_axis(true),
        rms_scaling: fixed(false),
    ),
)]
pub struct LayerNorm<const F: usize, E: Element = f32, D: Backend<E> = Cpu> {
    /// What the normalised numbers are multiplied with; not used without `scale`.
    #[weight(init = ones, when = scale)]
    pub gamma: Tensor<Rank1<F>, E, D>,
    /// What is added then; not used without `center`.
    #[weight(init = zeros, when = center)]
    pub beta: Tensor<Rank1<F>, E, D>,
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

impl<In, const F: usize, E, D> Layer<In, E, D> for LayerNorm<F, E, D>
where
    In: LastAxis + Features,
    E: Element,
    D: Backend<E>,
{
    type Out = In;

    const FAULT: Fault = super::wrong_features(F, In::SIZE);

    fn call<T: Tape<E, D>>(&self, x: In::Data<E, D, T>) -> Result<In::Data<E, D, T>, Error> {
        const { <Self as Layer<In, E, D>>::FAULT.tell() };
        let weights = self.weights()?;
        In::map(x, |x| by_rows(x, F, |x| D::layer_norm(x, weights, Centre::Mean)))
    }
}

impl<const F: usize, E: Element, D: Backend<E>> LayerNorm<F, E, D> {
    fn weights(&self) -> Result<NormWeights<E, D>, Error> {
        check_epsilon::<E>(self.epsilon)?;
        let gamma = factor(&self.gamma, self.scale)?;
        let beta = shift(&self.beta, self.center)?;
        Ok(NormWeights { gamma, beta, epsilon: self.epsilon })
    }
}

#[diagnostic::do_not_recommend]
impl<In, const F: usize, E, D> Streamable<In, E, D> for LayerNorm<F, E, D>
where
    In: LastAxis + Features + StepValues,
    E: Element,
    D: Backend<E>,
{
    type State = ();
    type Stepper = RowNormStepper<E>;

    fn begin(&self, rows: usize) -> Result<(RowNormStepper<E>, ()), Error> {
        let values = room(rows, In::WIDTH)?;
        Ok((RowNormStepper::new(&self.weights()?, Centre::Mean, values)?, ()))
    }

    fn step<'a>(
        stepper: &'a mut RowNormStepper<E>,
        (): &mut (),
        x: In::StepData<'a, E>,
    ) -> Result<In::StepData<'a, E>, Error> {
        let (x, keep) = In::unpack(x);
        Ok(In::pack(stepper.step(x, keep), keep))
    }
}
