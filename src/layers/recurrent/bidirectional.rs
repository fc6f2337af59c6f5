use std::marker::PhantomData;

use dfdx::{
    prelude::{HasShape, TryAdd, TryConcatAlong, TryMul},
    shapes::Axis,
    tensor::{PutTape, SplitTape, Tape, Tensor},
};

use super::{
    InitialState, Recurrent, RecurrentInput, ReturnState, Returns, StateSignal, state::NoState,
};
use crate::{
    backend::{Backend, Element, HiddenStates, StepOrder},
    error::{Error, OrDevice},
    fields::{Configured, Fields},
    layer::{Infer, Layer},
    layers::{Average, Multiply},
    parameters::{Build, Optional, Parameters, Visitor},
    shape::{Dim, Twice},
    signal::{Inputs, IsDim, Mask, Signal, Steps},
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

/// The outputs of a [`Bidirectional`] stay two, `Inputs<(forward, backward)>`: Keras's `merge_mode=None`.
///
/// In a `#[model]`, `#[from(name.0)]` and `#[from(name.1)]` take them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Separate;

/// How the two outputs of a [`Bidirectional`] become one: [`Concat`], [`Sum`], [`Average`] or [`Multiply`], or stay two:
/// [`Separate`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say how two directions become one",
    label = "`Concat`, `Sum`, `Average`, `Multiply` or `Separate` is needed here"
)]
pub trait MergeMode: Default + Clone + std::fmt::Debug + 'static {
    /// Keras's argument `merge_mode`.
    const NAME: Option<&'static str>;
}

/// A [`MergeMode`] for layers of `H` units.
pub trait Merges<H: Dim>: MergeMode {
    /// What leaves both directions of a layer.
    type Out<R: Returns, In: Steps>: Signal;

    /// Merges rows.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn merge<R: Returns, In: Steps, E: Element, D: Backend<E>, T: Tape<E, D>>(
        rows: [Tensor<(usize, usize), E, D>; 2],
        tape: T,
        shape: (In::Batch, In::Length),
        mask: Option<Mask>,
    ) -> Result<<Self::Out<R, In> as Signal>::Data<E, D, T>, Error>;
}

macro_rules! merge_modes {
    ($($mode:ident, $name:literal, $units:ident: $bound:ident => $width:ty, |$forward:ident, $backward:ident| $merged:expr;)*) => {
        $(
            impl MergeMode for $mode {
                const NAME: Option<&'static str> = Some($name);
            }

            impl<$units: $bound> Merges<$units> for $mode {
                type Out<R: Returns, In: Steps> = R::Out<In, $width>;

                fn merge<R: Returns, In: Steps, E: Element, D: Backend<E>, T: Tape<E, D>>(
                    [$forward, backward]: [Tensor<(usize, usize), E, D>; 2],
                    tape: T,
                    shape: (In::Batch, In::Length),
                    mask: Option<Mask>,
                ) -> Result<<R::Out<In, $width> as Signal>::Data<E, D, T>, Error> {
                    let $backward = backward.put_tape(tape);
                    R::from_rows::<In, $width, E, D, T>($merged, shape, mask)
                }
            }
        )*
    };
}
merge_modes! {
    Concat, "concat", H: Twice => H::Out, |a, b| {
        let (b, tape) = b.split_tape();
        (a.put_tape(tape), b).try_concat_along(Axis::<1>).or_device()?
    };
    Sum, "sum", H: Dim => H, |a, b| b.try_add(a).or_device()?;
    Average, "ave", H: Dim => H,
        |a, b| b.try_add(a).or_device()?.try_mul(E::of(0.5)).or_device()?;
    Multiply, "mul", H: Dim => H, |a, b| b.try_mul(a).or_device()?;
}

impl MergeMode for Separate {
    const NAME: Option<&'static str> = None;
}

impl<H: Dim> Merges<H> for Separate {
    type Out<R: Returns, In: Steps> = Inputs<(R::Out<In, H>, R::Out<In, H>)>;

    fn merge<R: Returns, In: Steps, E: Element, D: Backend<E>, T: Tape<E, D>>(
        [forward, backward]: [Tensor<(usize, usize), E, D>; 2],
        tape: T,
        (batch, length): (In::Batch, In::Length),
        mask: Option<Mask>,
    ) -> Result<<Self::Out<R, In> as Signal>::Data<E, D, T>, Error> {
        let one = |rows: Tensor<_, E, D>, tape, mask| {
            R::from_rows::<In, H, E, D, T>(rows.put_tape(tape), (batch, length), mask)
        };
        Ok((one(forward, tape, mask.clone())?, one(backward, T::default(), mask)?))
    }
}

/// The states that both directions of a [`Bidirectional`] of `L` start from: nothing, or
/// `Inputs<(forward, backward)>`, as [`ReturnState`] around a [`Bidirectional`] gives them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the state of a `Bidirectional<{L}, ..>`",
    label = "this layer starts from two states, one for each direction",
    note = "`ReturnState<Bidirectional<..>>` gives two, and `#[from(x, encoder.state)]` takes them"
)]
pub trait BothStates<L>: Signal {
    /// The tensors, and the tape.
    ///
    /// # Errors
    /// [`Error::Mismatch`].
    fn into_both<E: Element, D: Backend<E>, T: Tape<E, D>>(
        states: Self::Data<E, D, T>,
    ) -> Result<(Option<[HiddenStates<E, D>; 2]>, T), Error>;
}

#[diagnostic::do_not_recommend]
impl<L> BothStates<L> for NoState {
    fn into_both<E: Element, D: Backend<E>, T: Tape<E, D>>(
        (): (),
    ) -> Result<(Option<[HiddenStates<E, D>; 2]>, T), Error> {
        Ok((None, T::default()))
    }
}

#[diagnostic::do_not_recommend]
impl<L, A: InitialState<L>, B: InitialState<L>> BothStates<L> for Inputs<(A, B)> {
    fn into_both<E: Element, D: Backend<E>, T: Tape<E, D>>(
        (a, b): (A::Data<E, D, T>, B::Data<E, D, T>),
    ) -> Result<(Option<[HiddenStates<E, D>; 2]>, T), Error> {
        let ((a, tape), (b, more)) = (A::into_states::<E, D, T>(a)?, B::into_states::<E, D, T>(b)?);
        Ok((Some([a, b]), tape.merge(more)))
    }
}

impl<L, M: MergeMode> Bidirectional<L, M> {
    /// Forgets the states of the last batch, if the layers are `stateful`: the next one begins with zeros.
    pub fn reset_state<E: Element, D: Backend<E>>(&self)
    where
        L: Recurrent<E, D>,
    {
        self.forward.reset();
        self.backward.reset();
    }
}

/// What leaves both directions, and the states behind them.
type Outputs<In, L, M, E, D, T> = (
    <<M as Merges<<L as Recurrent<E, D>>::Units>>::Out<
        <L as Recurrent<E, D>>::Returns,
        <In as RecurrentInput>::Sequence,
    > as Signal>::Data<E, D, T>,
    [HiddenStates<E, D>; 2],
);

impl<L, M: MergeMode> Bidirectional<L, M> {
    fn run<In, E, D, T>(&self, x: In::Data<E, D, T>) -> Result<Outputs<In, L, M, E, D, T>, Error>
    where
        In: RecurrentInput<State: BothStates<L>>,
        L: Recurrent<E, D>,
        M: Merges<L::Units>,
        E: Element,
        D: Backend<E>,
        T: Tape<E, D>,
    {
        let (x, initial) = In::split::<E, D, T>(x);
        let (initial, of_states) = match initial {
            Some(states) => In::State::into_both::<E, D, T>(states)?,
            None => (None, T::default()),
        };
        let [of_forward, of_backward] = initial.map_or([None, None], |both| both.map(Some));
        let (x, mask) = In::Sequence::split(x);
        let (x, tape) = x.split_tape();
        let (batch, length, _) = *x.shape();
        let of = |layer: &L, x, initial| {
            let order = StepOrder { as_made: false, ..layer.order() };
            L::Returns::rows(layer, x, mask.as_ref(), initial, order)
        };
        let taped = x.clone().put_tape(tape.merge(of_states));
        let (forward, a) = of(&self.forward, taped, of_forward)?;
        let (forward, tape) = forward.split_tape();
        let (backward, b) = of(&self.backward, x.put_tape(tape), of_backward)?;
        let (backward, tape) = backward.split_tape();
        let merged = M::merge::<L::Returns, In::Sequence, E, D, T>(
            [forward, backward],
            tape,
            (batch, length),
            mask,
        )?;
        Ok((merged, [a, b]))
    }
}

impl<In, L, M, E, D> Layer<In, E, D> for Bidirectional<L, M>
where
    In: RecurrentInput<Sequence: Steps<Features: IsDim<L::Inputs>>, State: BothStates<L>>,
    L: Recurrent<E, D>,
    M: Merges<L::Units>,
    E: Element,
    D: Backend<E>,
{
    type Out = M::Out<L::Returns, In::Sequence>;

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
        Ok(self.run::<In, E, D, T>(x)?.0)
    }
}

impl<In, L, M, E, D> Layer<In, E, D> for ReturnState<Bidirectional<L, M>>
where
    In: RecurrentInput<Sequence: Steps<Features: IsDim<L::Inputs>>, State: BothStates<L>>,
    L: Recurrent<E, D>,
    M: Merges<L::Units>,
    E: Element,
    D: Backend<E>,
{
    type Out = Inputs<(
        M::Out<L::Returns, In::Sequence>,
        Inputs<(
            L::State<<In::Sequence as Steps>::Batch>,
            L::State<<In::Sequence as Steps>::Batch>,
        )>,
    )>;

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
        let (y, [a, b]) = self.layer.run::<In, E, D, T>(x)?;
        Ok((y, (L::State::from_states::<E, D, T>(a)?, L::State::from_states::<E, D, T>(b)?)))
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
    const OPTIONAL: &'static [Optional] = L::OPTIONAL;
    const COPIES: usize = 2 * L::COPIES;

    fn visit(&mut self, visitor: &mut dyn Visitor<E, D>) -> Result<(), Error> {
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
        fields.merge_mode(M::NAME);
    }
}
