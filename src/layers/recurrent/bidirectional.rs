use std::marker::PhantomData;

use dfdx::{
    prelude::{HasShape, TryAdd, TryConcatAlong, TryMul},
    shapes::{Axis, Dim},
    tensor::{PutTape, SplitTape, Tape, Tensor},
};

use super::{Recurrent, Returns};
use crate::{
    backend::{Backend, CarriedStates, Element, StepOrder},
    error::{Error, OrDevice},
    fields::{Configured, Fields},
    layer::{Infer, Layer},
    layers::{Average, Multiply},
    parameters::{Build, Parameters, Visitor},
    shape::Twice,
    signal::{IsDim, Signal, Steps},
};

/// A recurrent layer over a sequence in both directions; `M` says how the two outputs become one.
///
/// The backward pass goes over the valid steps, the last one first: padding is no part of it, wherever it stands. The
/// outputs of a step stand side by side at that step; at masked steps they are 0, as in Keras.
///
/// Keras: [`Bidirectional`](https://keras.io/api/layers/recurrent_layers/bidirectional/).
///
/// # Shapes
/// - input that of the layer within, `(Batch, Length, I)` or `Masked<(Batch, Length, I)>`
/// - output that of the layer within, with [`Concat`] of twice the units
///
/// ```
/// use kerata::{*, prelude::*};
///
/// #[model(input = Ids<(Batch, 20)>, output = (Batch, 3))]
/// struct Tagger {
///     embed: Embedding<50, 8, MaskZero>,
///     both: Bidirectional<Lstm<_, 16, Sequences>>,
///     last: Bidirectional<Gru<_, 4>, Sum>,
///     head: Dense<_, 3>,
/// }
/// let tagger = Tagger::build(&Cpu::seed_from_u64(0))?;
/// assert_eq!(tagger.head.kernel.array().len(), 4);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Bidirectional<L, M: MergeMode = Concat> {
    /// The layer that goes forward.
    pub forward: L,
    /// The layer that goes backward.
    pub backward: L,
    merge: PhantomData<M>,
}

/// The outputs of a [`Bidirectional`] stand side by side: Keras's `merge_mode="concat"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Concat;

/// The outputs of a [`Bidirectional`] are added: Keras's `merge_mode="sum"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum;

/// How the two outputs of a [`Bidirectional`] become one: [`Concat`], [`Sum`], [`Average`] or [`Multiply`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say how two directions become one",
    label = "`Concat`, `Sum`, `Average` or `Multiply` is needed here"
)]
pub trait MergeMode: Default + Clone + std::fmt::Debug + 'static {
    /// Keras's argument `merge_mode`.
    const NAME: &'static str;

    /// Merges rows.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn merge<E: Element, D: Backend<E>, T: Tape<E, D>>(
        forward: Tensor<(usize, usize), E, D>,
        backward: Tensor<(usize, usize), E, D, T>,
    ) -> Result<Tensor<(usize, usize), E, D, T>, Error>;
}

/// A [`MergeMode`] for layers of `H` units.
pub trait Merges<H: Dim>: MergeMode {
    /// How wide the merged outputs are.
    type Out: Dim;
}

impl MergeMode for Concat {
    const NAME: &'static str = "concat";

    fn merge<E: Element, D: Backend<E>, T: Tape<E, D>>(
        forward: Tensor<(usize, usize), E, D>,
        backward: Tensor<(usize, usize), E, D, T>,
    ) -> Result<Tensor<(usize, usize), E, D, T>, Error> {
        let (backward, tape) = backward.split_tape();
        (forward.put_tape(tape), backward).try_concat_along(Axis::<1>).or_device()
    }
}

impl<H: Twice> Merges<H> for Concat {
    type Out = H::Out;
}

macro_rules! merge_modes {
    ($($mode:ident, $name:literal, $forward:ident, $backward:ident => $merged:expr;)*) => {
        $(
            impl MergeMode for $mode {
                const NAME: &'static str = $name;

                fn merge<E: Element, D: Backend<E>, T: Tape<E, D>>(
                    $forward: Tensor<(usize, usize), E, D>,
                    $backward: Tensor<(usize, usize), E, D, T>,
                ) -> Result<Tensor<(usize, usize), E, D, T>, Error> {
                    $merged
                }
            }

            impl<H: Dim> Merges<H> for $mode {
                type Out = H;
            }
        )*
    };
}
merge_modes! {
    Sum, "sum", a, b => b.try_add(a).or_device();
    Average, "ave", a, b => b.try_add(a).or_device()?.try_mul(E::of(0.5)).or_device();
    Multiply, "mul", a, b => b.try_mul(a).or_device();
}

impl<L, M: MergeMode> Bidirectional<L, M> {
    /// Forgets the states of the last batch, if the layers are `stateful`: the next one begins with zeros.
    pub fn reset_state<E: Element, D: Backend<E>>(&self)
    where
        L: Recurrent<E, D>,
    {
        [&self.forward, &self.backward]
            .into_iter()
            .filter_map(Recurrent::carried)
            .for_each(CarriedStates::reset);
    }
}

impl<In, L, M, E, D> Layer<In, E, D> for Bidirectional<L, M>
where
    In: Steps<Features: IsDim<L::Inputs>>,
    L: Recurrent<E, D>,
    M: Merges<L::Units>,
    E: Element,
    D: Backend<E>,
{
    type Out = <L::Returns as Returns>::Out<In, M::Out>;

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
        let (x, mask) = In::split(x);
        let (x, tape) = x.split_tape();
        let (batch, length, _) = *x.shape();
        let of = |layer: &L, x| {
            let order = StepOrder { as_made: false, ..layer.order() };
            L::Returns::rows(layer, x, mask.as_ref(), order)
        };
        let (forward, tape) = of(&self.forward, x.clone().put_tape(tape))?.split_tape();
        let backward = of(&self.backward, x.put_tape(tape))?;
        L::Returns::from_rows::<In, M::Out, E, D, T>(
            M::merge(forward, backward)?,
            (batch, length),
            mask,
        )
    }
}

impl<In, L: Infer<In>, M: MergeMode> Infer<In> for Bidirectional<L, M> {
    const SIZE: usize = L::SIZE;
}

impl<L, M, E, D> Build<E, D> for Bidirectional<L, M>
where
    M: MergeMode,
    L: Recurrent<E, D> + Build<E, D>,
    E: Element,
    D: Backend<E>,
{
    fn build(dev: &D) -> Result<Self, Error> {
        let of = |backwards| {
            let mut layer = L::build(dev)?;
            layer.set_order(StepOrder {
                backwards,
                as_made: false,
                zero_masked: L::Returns::SEQUENCES,
            });
            Ok::<_, Error>(layer)
        };
        Ok(Self { forward: of(false)?, backward: of(true)?, merge: PhantomData })
    }
}

impl<L: Parameters<E, D>, M: MergeMode, E: Element, D: Backend<E>> Parameters<E, D>
    for Bidirectional<L, M>
{
    const PARAMS: usize = 2 * L::PARAMS;
    const TRAINABLE: usize = 2 * L::TRAINABLE;

    fn visit<V: Visitor<E, D>>(&mut self, visitor: &mut V) -> Result<(), Error> {
        for (name, layer) in [("forward", &mut self.forward), ("backward", &mut self.backward)] {
            visitor.enter(name);
            layer.visit(visitor)?;
            visitor.leave();
        }
        Ok(())
    }
}

impl<L: Configured, M: MergeMode> Configured for Bidirectional<L, M> {
    const CLASS: &'static str = "Bidirectional";
    type Element = L::Element;
    type Device = L::Device;

    fn describe(&mut self, fields: &mut Fields) {
        fields.directions(&mut self.forward, &mut self.backward);
        fields.choice("merge_mode", M::NAME, &["concat", "sum", "mul", "ave"]);
    }
}
