use std::marker::PhantomData;

use dfdx::{
    shapes::{Const, Rank1, Rank2},
    tensor::{Cpu, Tape, Tensor},
};

use super::{Activation, Linear};
use crate::{
    backend::{ActivationKind, Backend, DenseWeights, Element, StepProduct, WeightCache, sized},
    error::Error,
    layer,
    layer::Layer,
    shape::{Fault, wrong_units},
    signal::{Is, OneVector, StepValues},
    stream::{Streamable, room},
};

/// A fully connected layer: `activation(x . kernel + bias)`.
///
/// It takes one vector per sample. On a sequence, apply it at each step with
/// [`TimeDistributed<Dense<I, O>>`](super::TimeDistributed), or let the recurrent layer in front
/// return its last state only.
///
/// Keras: [`Dense`](https://keras.io/api/layers/core_layers/dense/).
///
/// # Shapes
/// - input `(Batch, I)`
/// - output `(Batch, O)`
/// - `kernel` `(I, O)`, glorot uniform; `bias` `(O,)`, zeros
///
/// ```
/// use kerata::{*, prelude::*};
///
/// let dev = Cpu::seed_from_u64(0);
/// let dense = Dense::<3, 2, Relu>::build(&dev)?;
/// let y = dense.forward(dev.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))?;
/// assert_eq!(y.array().len(), 2);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "Dense",
    input = (Batch, I),
    infer,
    check = wrong_units(I, O).tell(),
    keys(
        units: size(O),
        activation: activation(A::NAME, Some("linear")),
        none(&["quantization_config"]),
    ),
)]
pub struct Dense<
    const I: usize,
    const O: usize,
    A: Activation = Linear,
    E: Element = f32,
    D: Backend<E> = Cpu,
> {
    /// The weights, `(I, O)`.
    #[weight(init = glorot_uniform)]
    pub kernel: Tensor<Rank2<I, O>, E, D>,
    /// The bias, `(O,)`; not used without `use_bias`.
    #[weight(init = zeros, when = use_bias)]
    pub bias: Tensor<Rank1<O>, E, D>,
    /// Whether a bias is added. Default true.
    #[option(default = true)]
    pub use_bias: bool,
    #[cache]
    cache: WeightCache,
    activation: PhantomData<A>,
}

impl<const I: usize, const O: usize, A, E, D> Dense<I, O, A, E, D>
where
    A: Activation,
    E: Element,
    D: Backend<E>,
{
    fn weights(&self) -> Result<DenseWeights<'_, E, D>, Error> {
        let Self { kernel, bias, cache, .. } = self;
        let bias = self.use_bias.then(|| sized(bias.clone())).transpose()?;
        Ok(DenseWeights { kernel: sized(kernel.clone())?, bias, cache })
    }
}

impl<In, const I: usize, const O: usize, A, E, D> Layer<In, E, D> for Dense<I, O, A, E, D>
where
    In: OneVector<Features: Is<I>>,
    A: Activation,
    E: Element,
    D: Backend<E>,
{
    type Out = (In::Batch, Const<O>);

    const FAULT: Fault = wrong_units(I, O);

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<Tensor<(In::Batch, Const<O>), E, D, T>, Error> {
        let weights = self.weights()?;
        let x = sized(In::vectors(x)?)?;
        A::behind(|then| sized(D::dense(x, weights, then)?))
    }
}

/// What a product of a step works with, and the room for what it gives.
pub struct ProductStepper<E> {
    pub(super) product: Box<dyn StepProduct<E>>,
    pub(super) values: Vec<E>,
}

#[diagnostic::do_not_recommend]
impl<In, const I: usize, const O: usize, A, E, D> Streamable<In, E, D> for Dense<I, O, A, E, D>
where
    In: OneVector<Features: Is<I>> + StepValues,
    A: Activation,
    E: Element,
    D: Backend<E>,
{
    type State = ();
    type Stepper = ProductStepper<E>;

    fn begin(&self, rows: usize) -> Result<(ProductStepper<E>, ()), Error> {
        let product = D::step_dense(self.weights()?, A::FUSED)?;
        Ok((ProductStepper { product, values: room(rows, O)? }, ()))
    }

    fn step<'a>(
        stepper: &'a mut ProductStepper<E>,
        (): &mut (),
        x: In::StepData<'a, E>,
    ) -> Result<&'a [E], Error> {
        stepper.product.product(In::unpack(x).0, &mut stepper.values)?;
        if A::FUSED == ActivationKind::Nothing {
            A::in_place::<E, D>(&mut stepper.values, O)?;
        }
        Ok(&stepper.values)
    }
}
