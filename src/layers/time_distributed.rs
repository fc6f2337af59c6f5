use dfdx::{
    shapes::{Dim, HasShape},
    tensor::{Tape, Tensor},
};

use crate::{
    backend::{Backend, Element, IntoShape},
    config::{AnySignal, Configured, Fields},
    error::Error,
    layer::Layer,
    model::Infer,
    parameters::{Build, Parameters, Visitor},
    signal::{EachStep, Mask, Plain, Signal, UnfoldSteps},
};

/// Applies a layer to each time step of a sequence by itself. A mask passes through.
///
/// To the steps of the padding it is applied too, as in Keras; but what is NaN or infinite there counts as 0.
///
/// Keras: [`TimeDistributed`](https://keras.io/api/layers/recurrent_layers/time_distributed/).
///
/// # Shapes
/// - input `(Batch, Length, ..)`, where the layer takes `(Batch, ..)`; masked or not
/// - output `(Batch, Length, ..)`, where the layer gives `(Batch, ..)`; masked if the input is
///
/// ```
/// use kerata::{*, prelude::*};
///
/// let dev = Cpu::seed_from_u64(0);
/// let layer = TimeDistributed::<Dense<2, 3>>::build(&dev)?;
/// let y = layer.forward(dev.tensor([[[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]]]))?.array();
/// assert_eq!(y[0][0], y[0][2]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimeDistributed<L> {
    /// The layer that is applied.
    pub layer: L,
}

impl<In, Inner, E, D> Layer<In, E, D> for TimeDistributed<Inner>
where
    In: EachStep,
    Inner: Layer<In::Step, E, D, Out: UnfoldSteps<In::Batch, In::Length>>,
    E: Element,
    D: Backend<E>,
{
    type Out = In::With<Unfolded<Inner::Out, In>>;

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
        let (x, batch, length, mask) = split::<In, E, D, T>(x)?;
        let y = self.layer.call(In::Step::from_tensor(x))?;
        In::join(unfold(batch, length, Inner::Out::into_tensor(y))?, mask)
    }

    fn call_mut<T: Tape<E, D>>(
        &mut self,
        x: In::Data<E, D, T>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
        let (x, batch, length, mask) = split::<In, E, D, T>(x)?;
        let y = self.layer.call_mut(In::Step::from_tensor(x))?;
        In::join(unfold(batch, length, Inner::Out::into_tensor(y))?, mask)
    }
}

/// The steps as samples; then batch, length and mask.
fn split<In: EachStep, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: In::Data<E, D, T>,
) -> Result<(Tensor<In::Step, E, D, T>, In::Batch, In::Length, Option<Mask>), Error> {
    let (x, batch, length, mask) = In::split(x)?;
    let x = D::finite_padding(x, mask.as_ref())?;
    Ok((x, batch, length, mask))
}

type Unfolded<O, In> =
    <O as UnfoldSteps<<In as EachStep>::Batch, <In as EachStep>::Length>>::Unfolded;

fn unfold<O, B, L, E, D, T>(
    batch: B,
    length: L,
    y: Tensor<O, E, D, T>,
) -> Result<Tensor<O::Unfolded, E, D, T>, Error>
where
    O: UnfoldSteps<B, L>,
    B: Dim,
    L: Dim,
    E: Element,
    D: Backend<E>,
    T: Tape<E, D>,
{
    let shape = y.shape().unfold(batch, length);
    y.into_shape(&shape)
}

#[diagnostic::do_not_recommend]
impl<In: EachStep, Inner: Infer<In::Step>> Infer<In> for TimeDistributed<Inner> {
    const SIZE: usize = Inner::SIZE;
}

impl<L: Build<E, D>, E: Element, D: Backend<E>> Build<E, D> for TimeDistributed<L> {
    fn build(dev: &D) -> Result<Self, Error> {
        Ok(Self { layer: L::build(dev)? })
    }
}

impl<L: Parameters<E, D>, E: Element, D: Backend<E>> Parameters<E, D> for TimeDistributed<L> {
    const PARAMS: usize = L::PARAMS;
    const TRAINABLE: usize = L::TRAINABLE;

    fn visit<V: Visitor<E, D>>(&mut self, visitor: &mut V) -> Result<(), Error> {
        self.layer.visit(visitor)
    }
}

impl<L: Configured> Configured for TimeDistributed<L> {
    const CLASS: &'static str = "TimeDistributed";
    type Element = L::Element;
    type Device = L::Device;

    fn describe(&mut self, fields: &mut Fields) {
        if fields.class() != Self::CLASS {
            return fields.each_step(&mut self.layer);
        }
        let step = fields.wire().map(AnySignal::step);
        fields.layer("layer", &mut self.layer, step);
    }

    /// Keras applies a `Dense` to each step by itself.
    fn accepts(class: &str) -> bool {
        class == Self::CLASS || L::accepts(class)
    }
}
