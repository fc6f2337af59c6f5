use dfdx::{
    shapes::Const,
    tensor::{Cpu, Tape, Tensor},
};

use super::StateSignal;
use crate::{
    backend::{Backend, Element, TapedStates, sized},
    error::Error,
    shape::{ConstDim, Dim},
    signal::{Signal, StateH, StateHc},
};

/// What happens in a step of a recurrent layer of your own, which is [`Rnn`](super::Rnn) of the cell.
///
/// The state is [`StateH`], the output `h`, or [`StateHc`], with a second value `c` for each unit beside it. Masks,
/// sequences, either direction, states and streams are [`Rnn`](super::Rnn)'s. A cell that holds other layers as
/// [`Inner`](crate::layers::Inner) hands the training pass on to them. For a masked step it may be called with the inputs of a real one; what
/// it gives then is not used.
///
/// ```
/// use kerata::{*, prelude::*, tensor::Tape};
///
/// /// `h' = decay * h + (1 - decay) * tanh(x . kernel)`, with a `decay` that is learned for each unit.
/// #[layer(infer)]
/// struct Leaky<const I: usize, const H: usize> {
///     #[weight(init = glorot_uniform)]
///     kernel: Tensor<tensor::Rank2<I, H>, f32, Cpu>,
///     #[weight(init = zeros)]
///     decay: Tensor<tensor::Rank1<H>, f32, Cpu>,
/// }
///
/// impl<const I: usize, const H: usize> RnnCell for Leaky<I, H> {
///     type Inputs = Const<I>;
///     type State = StateH<(Batch, Const<H>)>;
///
///     fn step<T: Tape<f32, Cpu>>(
///         &self,
///         x: Tensor<(usize, Const<I>), f32, Cpu, T>,
///         StateH { h }: StateH<Tensor<(usize, Const<H>), f32, Cpu, T>>,
///     ) -> Result<StateH<Tensor<(usize, Const<H>), f32, Cpu, T>>, Error> {
///         let new = x.try_matmul(self.kernel.clone())?.tanh();
///         let decay = self.decay.retaped::<T>().sigmoid().broadcast_like(&h);
///         Ok(StateH { h: decay * (h - new.retaped::<T>()) + new })
///     }
/// }
///
/// #[model(input = Ids<(Batch, Length)>, output = (Batch, 2))]
/// struct Net {
///     embed: Embedding<50, 8, MaskZero>,
///     both: Bidirectional<Rnn<Leaky<_, 16>, Sequences>>,
///     last: Rnn<Leaky<_, 16>>,
///     head: Dense<_, 2>,
/// }
/// # use kerata::tensor::{BroadcastTo, TryMatMul};
/// let net = Net::build(&Cpu::seed_from_u64(0))?;
/// let (a, b) = (net.predict(&vec![[1_usize, 2, 0]], 1)?, net.predict(&vec![[1_usize, 2]], 1)?);
/// assert_eq!(a.as_vec(), b.as_vec()); // padding takes no part
///
/// let model = model::Sequential::<(Batch, Length, Const<3>), _>::new((Rnn::<Leaky<3, 2>>::build(&Cpu::default())?,));
/// let y = model.stream(1)?.step(&[[0.1, 0.2, 0.3]])?.len();
/// # assert_eq!(y, 1);
/// # Ok::<(), Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the cell of a recurrent layer",
    label = "a type with `RnnCell` is needed here",
    note = "`Lstm<..>`, `Gru<..>` and `SimpleRnn<..>` are layers and need no `Rnn` around them"
)]
pub trait RnnCell<E: Element = f32, D: Backend<E> = Cpu>: Clone + Send + 'static {
    /// How many features it takes, `Const<I>`.
    type Inputs: ConstDim;
    /// Its state: `StateH<(Batch, Const<H>)>` or `StateHc<(Batch, Const<H>)>`, where `h` is the output.
    type State: CellState;

    /// From the inputs of a step, `(Batch, I)`, and the state before it to the state behind it.
    ///
    /// # Errors
    /// Those of the cell; the pass ends with them.
    fn step<T: Tape<E, D>>(
        &self,
        x: Tensor<(usize, Self::Inputs), E, D, T>,
        state: <Self::State as Signal>::Data<E, D, T>,
    ) -> Result<<Self::State as Signal>::Data<E, D, T>, Error>;
}

/// The state of an [`RnnCell`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the state of a cell",
    label = "`StateH<(Batch, Const<H>)>` or `StateHc<(Batch, Const<H>)>` is needed here"
)]
pub trait CellState: Signal {
    /// The units.
    type Units: ConstDim;
    /// The state for some batch.
    type Of<B: Dim>: StateSignal;
    /// Whether there is a `c` beside the output.
    const HAS_C: bool;

    /// Makes it of its tensors.
    ///
    /// # Errors
    /// [`Error::Mismatch`].
    fn pack<E: Element, D: Backend<E>, T: Tape<E, D>>(
        states: (Tensor<(usize, usize), E, D, T>, Option<Tensor<(usize, usize), E, D, T>>),
    ) -> Result<Self::Data<E, D, T>, Error>;

    /// The way back.
    ///
    /// # Errors
    /// [`Error::Mismatch`].
    #[expect(clippy::type_complexity)]
    fn unpack<E: Element, D: Backend<E>, T: Tape<E, D>>(
        state: Self::Data<E, D, T>,
    ) -> Result<(Tensor<(usize, usize), E, D, T>, Option<Tensor<(usize, usize), E, D, T>>), Error>;
}

impl<const H: usize> CellState for StateH<(usize, Const<H>)> {
    type Units = Const<H>;
    type Of<B: Dim> = StateH<(B, Const<H>)>;
    const HAS_C: bool = false;

    fn pack<E: Element, D: Backend<E>, T: Tape<E, D>>(
        (h, _): TapedStates<E, D, T>,
    ) -> Result<Self::Data<E, D, T>, Error> {
        Ok(StateH { h: sized(h)? })
    }

    fn unpack<E: Element, D: Backend<E>, T: Tape<E, D>>(
        StateH { h }: Self::Data<E, D, T>,
    ) -> Result<TapedStates<E, D, T>, Error> {
        Ok((sized(h)?, None))
    }
}

impl<const H: usize> CellState for StateHc<(usize, Const<H>)> {
    type Units = Const<H>;
    type Of<B: Dim> = StateHc<(B, Const<H>)>;
    const HAS_C: bool = true;

    fn pack<E: Element, D: Backend<E>, T: Tape<E, D>>(
        (h, c): TapedStates<E, D, T>,
    ) -> Result<Self::Data<E, D, T>, Error> {
        let c = c.ok_or(Error::Empty("the state `c` of a cell"))?;
        Ok(StateHc { h: sized(h)?, c: sized(c)? })
    }

    fn unpack<E: Element, D: Backend<E>, T: Tape<E, D>>(
        StateHc { h, c }: Self::Data<E, D, T>,
    ) -> Result<TapedStates<E, D, T>, Error> {
        Ok((sized(h)?, Some(sized(c)?)))
    }
}
