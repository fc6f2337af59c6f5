use std::marker::PhantomData;

use dfdx::{
    shapes::{Const, Rank1, Rank2},
    tensor::{Cpu, Tape, Tensor},
};

use super::{Activation, Linear};
use crate::{
    backend::{Backend, DenseWeights, Element, Prepared},
    error::Error,
    fields::{Configured, Fields, Initializer},
    init,
    layer::{Infer, Layer},
    parameters::{Build, Parameter, Parameters, Visitor},
    shape::{Features, check_units},
    signal::{Is, OneVector},
};

/// A fully connected layer: `activation(x . kernel + bias)`.
///
/// It takes one vector a sample. On a sequence, apply it at each step with
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
#[derive(Debug, Clone)]
pub struct Dense<
    const I: usize,
    const O: usize,
    A: Activation = Linear,
    E: Element = f32,
    D: Backend<E> = Cpu,
> {
    /// The weights, `(I, O)`.
    pub kernel: Tensor<Rank2<I, O>, E, D>,
    /// The bias, `(O,)`.
    pub bias: Tensor<Rank1<O>, E, D>,
    prepared: Prepared,
    activation: PhantomData<A>,
}

impl<In, const I: usize, const O: usize, A, E, D> Layer<In, E, D> for Dense<I, O, A, E, D>
where
    In: OneVector<Features: Is<I>>,
    A: Activation,
    E: Element,
    D: Backend<E>,
{
    type Out = (In::Batch, Const<O>);

    const CHECK: () = check_units(I, O);

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<Tensor<(In::Batch, Const<O>), E, D, T>, Error> {
        let Self { kernel, bias, prepared, .. } = self;
        let weights = DenseWeights { kernel, bias, prepared };
        A::finish(D::dense(In::vectors(x)?, weights, A::FINISH)?)
    }
}

impl<In, const I: usize, const O: usize, A, E, D> Infer<In> for Dense<I, O, A, E, D>
where
    In: Features,
    A: Activation,
    E: Element,
    D: Backend<E>,
{
    const SIZE: usize = In::SIZE;
}

impl<const I: usize, const O: usize, A, E, D> Build<E, D> for Dense<I, O, A, E, D>
where
    A: Activation,
    E: Element,
    D: Backend<E>,
{
    fn build(dev: &D) -> Result<Self, Error> {
        const { check_units(I, O) };
        Ok(Self {
            kernel: init::glorot_uniform(dev, (Const, Const), I, O)?,
            bias: init::zeros(dev, (Const,))?,
            prepared: Prepared::default(),
            activation: PhantomData,
        })
    }
}

impl<const I: usize, const O: usize, A, E, D> Parameters<E, D> for Dense<I, O, A, E, D>
where
    A: Activation,
    E: Element,
    D: Backend<E>,
{
    const PARAMS: usize = I * O + O;

    fn visit<V: Visitor<E, D>>(&mut self, visitor: &mut V) -> Result<(), Error> {
        visitor.visit(Parameter { name: "kernel", trainable: true, tensor: &mut self.kernel })?;
        visitor.visit(Parameter { name: "bias", trainable: true, tensor: &mut self.bias })
    }
}

impl<const I: usize, const O: usize, A, E, D> Configured for Dense<I, O, A, E, D>
where
    A: Activation,
    E: Element,
    D: Backend<E>,
{
    const CLASS: &'static str = "Dense";
    type Element = E;
    type Device = D;

    fn describe(&mut self, fields: &mut Fields) {
        fields.dtype::<E>();
        fields.input(&[None, Some(I)]);
        fields.size("units", O);
        fields.activation("activation", A::NAME, Some("linear"));
        fields.flag("use_bias", true, true);
        fields.initializer("kernel_initializer", "kernel", Initializer::GLOROT_UNIFORM);
        fields.initializer("bias_initializer", "bias", Initializer::ZEROS);
        fields.none(&["kernel_regularizer", "bias_regularizer"]);
        fields.none(&["kernel_constraint", "bias_constraint", "quantization_config"]);
    }
}
