use dfdx::{
    prelude::HasShape,
    shapes::{Const, Rank1},
    tensor::{Cpu, Tape, Tensor},
};

use super::{EPSILON, rows};
use crate::{
    backend::{Backend, Element, IntoShape, NormWeights, memory::elements_of},
    error::Error,
    fields::{Configured, Fields},
    init,
    layer::{Infer, Layer},
    parameters::{Build, Parameter, Parameters, Visitor},
    shape::Features,
    signal::LastAxis,
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
#[derive(Debug, Clone)]
pub struct LayerNorm<const F: usize, E: Element = f32, D: Backend<E> = Cpu> {
    /// What the normalised numbers are multiplied with.
    pub gamma: Tensor<Rank1<F>, E, D>,
    /// What is added then.
    pub beta: Tensor<Rank1<F>, E, D>,
}

impl<In, const F: usize, E, D> Layer<In, E, D> for LayerNorm<F, E, D>
where
    In: LastAxis + Features,
    E: Element,
    D: Backend<E>,
{
    type Out = In;

    const CHECK: () = super::check_features(F, In::SIZE);

    fn call<T: Tape<E, D>>(&self, x: In::Data<E, D, T>) -> Result<In::Data<E, D, T>, Error> {
        const { <Self as Layer<In, E, D>>::CHECK };
        In::map(x, |x| {
            let shape = *x.shape();
            if elements_of(&shape)? == 0 {
                return Ok(x);
            }
            let x = rows::<_, F, E, D, T>(x)?;
            let weights = NormWeights { gamma: &self.gamma, beta: &self.beta, epsilon: EPSILON };
            let y = D::layer_norm(x, weights)?;
            y.into_shape(&shape)
        })
    }
}

impl<In: Features, const F: usize, E: Element, D: Backend<E>> Infer<In> for LayerNorm<F, E, D> {
    const SIZE: usize = In::SIZE;
}

impl<const F: usize, E: Element, D: Backend<E>> Build<E, D> for LayerNorm<F, E, D> {
    fn build(dev: &D) -> Result<Self, Error> {
        const { super::check_any(F) };
        Ok(Self { gamma: init::ones(dev, (Const,))?, beta: init::zeros(dev, (Const,))? })
    }
}

impl<const F: usize, E: Element, D: Backend<E>> Parameters<E, D> for LayerNorm<F, E, D> {
    const PARAMS: usize = 2 * F;

    fn visit<V: Visitor<E, D>>(&mut self, visitor: &mut V) -> Result<(), Error> {
        visitor.visit(Parameter { name: "gamma", trainable: true, tensor: &mut self.gamma })?;
        visitor.visit(Parameter { name: "beta", trainable: true, tensor: &mut self.beta })
    }
}

impl<const F: usize, E: Element, D: Backend<E>> Configured for LayerNorm<F, E, D> {
    const CLASS: &'static str = "LayerNormalization";
    type Element = E;
    type Device = D;

    fn describe(&mut self, fields: &mut Fields) {
        fields.dtype::<E>();
        fields.features(F);
        fields.last_axis("axis", true);
        fields.constant("epsilon", EPSILON);
        fields.normalisation();
        fields.fixed("rms_scaling", false);
    }
}
