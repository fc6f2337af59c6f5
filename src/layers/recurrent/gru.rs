use std::marker::PhantomData;

use dfdx::{
    shapes::{Const, HasShape},
    tensor::{Cpu, Tape, Tensor},
};

use super::{
    InitialState, LastState, Recurrent, RecurrentInput, Returns, WithOutput, functions, reset,
    state::split, states, weighted, with_state,
};
use crate::{
    backend::{
        ActivationFunction, Backend, CarriedStates, CellKind, Element, GateDropout, HiddenStates,
        IntoShape, RecurrentBias, RecurrentInputs, RecurrentOutputs, RecurrentWeights, StateSizes,
        StepFunctions, StepOrder, WeightCache, sized,
    },
    error::Error,
    layer,
    layer::Layer,
    shape::{Dim, Fault, wrong_units},
    signal::{Is, Mask, Signal, StateH, Steps},
};

/// The reset gate of a [`Gru`] acts on what the state is multiplied to, as in cuDNN: Keras's `reset_after=True`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ResetAfter;

/// The reset gate of a [`Gru`] acts on the state, as in the article: Keras's `reset_after=False`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ResetBefore;

/// What the reset gate of a [`Gru`] acts on: [`ResetAfter`] or [`ResetBefore`].
pub trait ResetGate: Default + Clone + std::fmt::Debug + 'static {
    /// Keras's argument `reset_after`.
    const RESET_AFTER: bool;
}

impl ResetGate for ResetAfter {
    const RESET_AFTER: bool = true;
}

impl ResetGate for ResetBefore {
    const RESET_AFTER: bool = false;
}

/// Gated recurrent unit ([Cho et al. 2014](https://arxiv.org/abs/1406.1078)).
///
/// For each step, with `x . kernel + bias[0]` and `h . recurrent_kernel + bias[1]` cut into three gates,
/// `z = sigmoid(x_z + h_z)`, `r = sigmoid(x_r + h_r)`, `n = tanh(x_n + r * h_n)` and `h' = z * h + (1 - z) * n`.
/// With [`ResetBefore`], `n = tanh(x_n + (r * h) . recurrent_kernel_n)`, and there is one bias.
///
/// Masked steps are as those of an [`Lstm`](super::Lstm): nothing happens there, and the output of the step before is
/// repeated.
///
/// Keras: [`GRU`](https://keras.io/api/layers/recurrent_layers/gru/).
///
/// # Shapes
/// - input `(Batch, Length, I)` or `Masked<(Batch, Length, I)>`
/// - output with [`Sequences`](super::Sequences) `(Batch, Length, H)`, masked if the input is; with [`LastState`]
///   `(Batch, H)`
/// - `kernel` `(I, 3 * H)`, glorot uniform; `recurrent_kernel` `(H, 3 * H)`, orthogonal; `bias` `(2, 3 * H)`, zeros; with
///   [`ResetBefore`] it is `(3 * H,)`. The gates are in the order update, reset, candidate.
///
/// ```
/// use kerata::{*, prelude::*};
///
/// let dev = Cpu::seed_from_u64(0);
/// let gru = Gru::<1, 3, Sequences>::build(&dev)?;
/// let x = dev.tensor([[[0.5], [9.0], [0.7], [9.0]]]);
/// let x = Masked::new(x, Mask::from_ids(&[1, 0, 2, 0], 1, 4)?)?;
/// let y = gru.forward(x)?.into_parts().0.array()[0];
/// assert_eq!(y[1], y[0]);
/// assert_eq!(y[3], y[2]);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "GRU",
    input = (Batch, Length, I),
    check = wrong_units(I, H).tell(),
    keys(
        units: size(H),
        return_sequences: flag(R::SEQUENCES, false),
        recurrent(),
        reset_after: flag(G::RESET_AFTER, true),
        seed(),
    ),
)]
pub struct Gru<
    const I: usize,
    const H: usize,
    R: Returns = LastState,
    G: ResetGate = ResetAfter,
    E: Element = f32,
    D: Backend<E> = Cpu,
> {
    /// The weights of the input, `(I, 3 * H)`.
    #[weight(shape = (I, 3 * H), init = glorot_uniform)]
    pub kernel: Tensor<(Const<I>, usize), E, D>,
    /// The weights of the state, `(H, 3 * H)`.
    #[weight(shape = (H, 3 * H), init = orthogonal, key = "recurrent")]
    pub recurrent_kernel: Tensor<(Const<H>, usize), E, D>,
    /// The biases of the input and of the state, `(2, 3 * H)`; not used with [`ResetBefore`] or without
    /// `use_bias`.
    #[weight(shape = (2, 3 * H), init = zeros, when = use_bias && G::RESET_AFTER)]
    pub bias: Tensor<(Const<2>, usize), E, D>,
    /// The bias of the input with [`ResetBefore`], `(3 * H,)`; its name is `bias` there.
    #[weight(shape = (3 * H,), init = zeros, when = use_bias && !G::RESET_AFTER, name = "bias")]
    pub input_bias: Tensor<(usize,), E, D>,
    /// The activation, of the candidate. Default tanh.
    #[option(default = ActivationFunction::TANH)]
    pub activation: ActivationFunction,
    /// The activation of the gates. Default sigmoid.
    #[option(default = ActivationFunction::SIGMOID)]
    pub recurrent_activation: ActivationFunction,
    /// The rate at which inputs drop in training, the same ones in all steps of a sequence. Default 0.
    #[option(default = 0.0, range = 0.0..=1.0)]
    pub dropout: f64,
    /// The rate at which states drop in training on their way into the products, the same ones in all steps. Default 0.
    #[option(default = 0.0, range = 0.0..=1.0)]
    pub recurrent_dropout: f64,
    /// Whether a bias is added. Default true.
    #[option(default = true)]
    pub use_bias: bool,
    /// Whether the last step comes first; the outputs then stand in that order. Default false.
    #[option(default = false)]
    pub go_backwards: bool,
    /// Whether the output of a masked step is 0, and not that of the step before; also the last one, if the last step is
    /// masked. Default false.
    #[option(default = false)]
    pub zero_output_for_mask: bool,
    /// Whether the states that a batch ends with are those that the next one begins with, row by row, in training and
    /// inference, until they are [reset](Self::reset_state). Default false.
    #[option(default = false)]
    pub stateful: bool,
    #[cache]
    carried: CarriedStates<E, D>,
    #[cache]
    cache: WeightCache,
    returns: PhantomData<(R, G)>,
}

impl<const I: usize, const H: usize, R, G, E, D> Gru<I, H, R, G, E, D>
where
    R: Returns,
    G: ResetGate,
    E: Element,
    D: Backend<E>,
{
    functions!();
    states!();

    fn weights(&self) -> Result<RecurrentWeights<'_, E, D>, Error> {
        let bias = match (self.use_bias, G::RESET_AFTER) {
            (false, _) => RecurrentBias::None,
            (true, true) => RecurrentBias::Two(sized(self.bias.clone())?),
            (true, false) => RecurrentBias::One(self.input_bias.clone()),
        };
        let weights = RecurrentWeights {
            cell: CellKind::GruCell { reset_after: G::RESET_AFTER },
            kernel: sized(self.kernel.clone())?,
            recurrent_kernel: sized(self.recurrent_kernel.clone())?,
            bias,
            functions: self.functions(),
            cache: &self.cache,
        };
        // Types do not say so: `3 * H` is no `Const` on stable Rust.
        weights.check(I, H)?;
        Ok(weights)
    }
}

weighted!([const I: usize, const H: usize, R, G, E, D] Gru<I, H, R, G, E, D>, StateH, G: ResetGate);
