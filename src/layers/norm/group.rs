use dfdx::{
    shapes::{HasShape, Rank1},
    tensor::{Cpu, Tape, Tensor},
};

use super::{EPSILON, check_epsilon, factor, shift};
use crate::{
    backend::{Backend, Element, IntoShape, NormWeights, memory::elements_of},
    error::Error,
    layer,
    layer::Layer,
    layers::Unmasked,
    shape::{Fault, Features, Shape, Words, missing},
    signal::MaskTransparent,
};

/// Normalises the features of each sample in `GROUPS` groups, each with all its positions
/// ([Wu and He 2018](https://arxiv.org/abs/1803.08494)): `(x - mean) / sqrt(variance + 0.001) * gamma + beta`.
///
/// With as many groups as features it normalises each channel of an image by itself; with one group, all together.
///
/// Keras: [`GroupNormalization`](https://keras.io/api/layers/normalization_layers/group_normalization/).
///
/// # Shapes
/// - input `(Batch, .., F)`, without a mask: padding would count among the positions
/// - output the same
/// - `gamma` `(F,)`, ones; `beta` `(F,)`, zeros
///
/// ```
/// use kerata::{Cpu, Error, GroupNorm, prelude::*};
///
/// let norm = GroupNorm::<4, 2>::build(&Cpu::default())?;
/// let [[a, b, c, d]] = norm.forward(Cpu::default().tensor([[1.0_f32, 3.0, 20.0, 60.0]]))?.array();
/// assert!((a + 1.0).abs() < 1e-2 && (b - 1.0).abs() < 1e-2);
/// assert!((c + 1.0).abs() < 1e-2 && (d - 1.0).abs() < 1e-2);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "GroupNormalization",
    input = (Batch, .., F),
    infer,
    check = wrong_groups(F, GROUPS).tell(),
    keys(groups: norm_groups(GROUPS, F), axis: last_axis(false)),
)]
pub struct GroupNorm<const F: usize, const GROUPS: usize, E: Element = f32, D: Backend<E> = Cpu> {
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

/// The order of PyTorch, which has the groups first.
const fn wrong_order(features: usize, groups: usize, arriving: usize) -> Fault {
    if features == arriving || groups != arriving {
        return Fault::NONE;
    }
    Fault::new(&[
        Words::Text("the groups stand behind the features here: write `GroupNorm<_, "),
        Words::Number(features),
        Words::Text(">`"),
    ])
}

/// What is wrong with groups of features.
const fn wrong_groups(features: usize, groups: usize) -> Fault {
    let divided = if groups > 0 && !features.is_multiple_of(groups) {
        Fault::new(&[
            Words::Number(features),
            Words::Text(" features are no multiple of "),
            Words::Number(groups),
            Words::Text(" groups"),
        ])
    } else {
        Fault::NONE
    };
    super::wrong_size(features)
        .or(missing(groups, "a normalisation has at least 1 group, not 0"))
        .or(divided)
}

impl<In, const F: usize, const GROUPS: usize, E, D> Layer<In, E, D> for GroupNorm<F, GROUPS, E, D>
where
    In: Unmasked + MaskTransparent + Features,
    E: Element,
    D: Backend<E>,
{
    type Out = In;

    const FAULT: Fault = wrong_order(F, GROUPS, In::SIZE)
        .or(super::wrong_features(F, In::SIZE))
        .or(wrong_groups(F, GROUPS));

    fn call<T: Tape<E, D>>(&self, x: In::Data<E, D, T>) -> Result<In::Data<E, D, T>, Error> {
        const { <Self as Layer<In, E, D>>::FAULT.tell() };
        check_epsilon::<E>(self.epsilon)?;
        let gamma = factor(&self.gamma, self.scale)?;
        let beta = shift(&self.beta, self.center)?;
        let weights = NormWeights { gamma, beta, epsilon: self.epsilon };
        In::map(x, |x| group_norm(x, GROUPS, weights))
    }
}

/// Normalises values whose channels come last, those of each group of channels with all that they hold.
///
/// # Errors
/// [`Error::Mismatch`] if there are other channels than the weights have, or they are no multiple of the groups;
/// [`Error::Device`].
pub(crate) fn group_norm<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    groups: usize,
    weights: NormWeights<E, D>,
) -> Result<Tensor<S, E, D, T>, Error> {
    let (shape, count) = (*x.shape(), elements_of(&x)?);
    let (batch, channels) = (shape.concrete().as_ref()[0], weights.gamma.shape().0);
    let held = count.checked_div(batch * channels).unwrap_or(0);
    D::group_norm(x.into_shape(&(batch, held, channels))?, weights, groups)?.into_shape(&shape)
}
