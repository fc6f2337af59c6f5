use std::marker::PhantomData;

use dfdx::{
    shapes::{Const, HasShape, Rank1, Rank2},
    tensor::{Cpu, Tape, Tensor},
};

use super::{
    InitialState, LastState, Recurrent, RecurrentInput, Returns, WithOutput, reset, state::split,
    states, weighted, with_state,
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

/// A fully connected layer whose output is fed back to it:
/// `h' = tanh(x . kernel + h . recurrent_kernel + bias)`.
///
/// Masked steps are as those of an [`Lstm`](super::Lstm): nothing happens there, and the output of the step before is
/// repeated.
///
/// Keras: [`SimpleRNN`](https://keras.io/api/layers/recurrent_layers/simple_rnn/).
///
/// # Shapes
/// - input `(Batch, Length, I)` or `Masked<(Batch, Length, I)>`
/// - output with [`Sequences`](super::Sequences) `(Batch, Length, H)`, masked if the input is; with [`LastState`]
///   `(Batch, H)`
/// - `kernel` `(I, H)`, glorot uniform; `recurrent_kernel` `(H, H)`, orthogonal; `bias` `(H,)`, zeros
///
/// ```
/// use kerata::{*, prelude::*};
///
/// let dev = Cpu::seed_from_u64(0);
/// let mut rnn = SimpleRnn::<1, 1, Sequences>::build(&dev)?;
/// (rnn.kernel, rnn.recurrent_kernel) = (dev.tensor([[1.0]]), dev.tensor([[0.5]]));
/// let [[[a], [b]]] = rnn.forward(dev.tensor([[[0.2], [0.3]]]))?.array();
/// assert!((a - 0.2_f32.tanh()).abs() < 1e-6 && (b - (0.3 + 0.5 * a).tanh()).abs() < 1e-6);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "SimpleRNN",
    input = (Batch, Length, I),
    check = wrong_units(I, H).tell(),
    keys(
        units: size(H),
        return_sequences: flag(R::SEQUENCES, false),
        recurrent(),
        ignored(&["seed"]),
    ),
)]
pub struct SimpleRnn<
    const I: usize,
    const H: usize,
    R: Returns = LastState,
    E: Element = f32,
    D: Backend<E> = Cpu,
> {
    /// The weights of the input, `(I, H)`.
    #[weight(init = glorot_uniform)]
    pub kernel: Tensor<Rank2<I, H>, E, D>,
    /// The weights of the state, `(H, H)`.
    #[weight(init = orthogonal, key = "recurrent")]
    pub recurrent_kernel: Tensor<Rank2<H, H>, E, D>,
    /// The bias, `(H,)`; not used without `use_bias`.
    #[weight(init = zeros, when = use_bias)]
    pub bias: Tensor<Rank1<H>, E, D>,
    /// The activation. Default tanh.
    #[option(default = ActivationFunction::TANH)]
    pub activation: ActivationFunction,
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
    returns: PhantomData<R>,
}

impl<const I: usize, const H: usize, R: Returns, E: Element, D: Backend<E>>
    SimpleRnn<I, H, R, E, D>
{
    states!();

    fn weights(&self) -> Result<RecurrentWeights<'_, E, D>, Error> {
        Ok(RecurrentWeights {
            cell: CellKind::SimpleCell,
            kernel: sized(self.kernel.clone())?,
            recurrent_kernel: sized(self.recurrent_kernel.clone())?,
            bias: match self.use_bias {
                true => RecurrentBias::One(sized(self.bias.clone())?),
                false => RecurrentBias::None,
            },
            functions: StepFunctions { activation: self.activation, ..StepFunctions::default() },
            cache: &self.cache,
        })
    }
}

weighted!([const I: usize, const H: usize, R, E, D] SimpleRnn<I, H, R, E, D>, StateH);
