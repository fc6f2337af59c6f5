use std::marker::PhantomData;

use dfdx::{
    shapes::{Const, HasShape},
    tensor::{Cpu, Tape, Tensor},
};

use super::{
    InitialState, LastState, Recurrent, RecurrentInput, Returns, functions, reset, state::split,
    weighted, with_state,
};
use crate::{
    backend::{
        ActivationFunction, Backend, CarriedStates, CellKind, Element, GateDropout, HiddenStates,
        IntoShape, LstmState, RecurrentBias, RecurrentInputs, RecurrentOutputs, RecurrentWeights,
        StateSizes, StepFunctions, StepOrder, WeightCache, memory::collected, sized,
    },
    error::{Error, OrDevice},
    init, layer,
    layer::Layer,
    shape::{Dim, Fault, wrong_units},
    signal::{Is, Mask, Signal, StateHc, Steps},
};

/// The outputs of all steps, on the tape, and the final state, which is not.
type WithState<B, L, const H: usize, E, D, T> =
    (Tensor<(B, L, Const<H>), E, D, T>, LstmState<B, H, E, D>);

/// Long short-term memory ([Hochreiter and Schmidhuber 1997](https://doi.org/10.1162/neco.1997.9.8.1735)).
///
/// For each step, with `z = x . kernel + h . recurrent_kernel + bias` cut into four gates,
/// `c' = sigmoid(z_f) * c + sigmoid(z_i) * tanh(z_c)` and `h' = sigmoid(z_o) * tanh(c')`.
///
/// At a masked step nothing happens: the state stays and the output of the step before is repeated
/// (zeros before the first real step). The mask travels on with [`Sequences`](super::Sequences); with [`LastState`] it
/// ends, for the last state is that of the last real step.
///
/// Keras: [`LSTM`](https://keras.io/api/layers/recurrent_layers/lstm/).
///
/// # Shapes
/// - input `(Batch, Length, I)` or `Masked<(Batch, Length, I)>`
/// - output with [`Sequences`](super::Sequences) `(Batch, Length, H)`, masked if the input is; with [`LastState`]
///   `(Batch, H)`
/// - `kernel` `(I, 4 * H)`, glorot uniform; `recurrent_kernel` `(H, 4 * H)`, orthogonal; `bias`
///   `(4 * H,)`, zeros but for ones at the forget gate. The gates are in the order input, forget, candidate,
///   output.
///
/// ```
/// use kerata::{*, prelude::*};
///
/// let dev = Cpu::seed_from_u64(0);
/// let lstm = Lstm::<1, 3, Sequences>::build(&dev)?;
/// let x = dev.tensor([[[0.5], [9.0], [0.7], [9.0]]]);
/// let x = Masked::new(x, Mask::from_ids(&[1, 0, 2, 0], 1, 4)?)?;
/// let y = lstm.forward(x)?.into_parts().0.array()[0];
/// assert_eq!(y[1], y[0]);
/// assert_eq!(y[3], y[2]);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "LSTM",
    input = (Batch, Length, I),
    check = wrong_units(I, H).tell(),
    keys(
        units: size(H),
        return_sequences: flag(R::SEQUENCES, false),
        recurrent(),
        weights,
        unit_forget_bias(),
        seed(),
    ),
)]
pub struct Lstm<
    const I: usize,
    const H: usize,
    R: Returns = LastState,
    E: Element = f32,
    D: Backend<E> = Cpu,
> {
    /// The weights of the input, `(I, 4 * H)`.
    #[weight(shape = (I, 4 * H), init = glorot_uniform)]
    pub kernel: Tensor<(Const<I>, usize), E, D>,
    /// The weights of the state, `(H, 4 * H)`.
    #[weight(shape = (H, 4 * H), init = orthogonal, key = "recurrent")]
    pub recurrent_kernel: Tensor<(Const<H>, usize), E, D>,
    /// The bias, `(4 * H,)`; not used without `use_bias`.
    #[weight(shape = (4 * H,), init = zeros, fill = forget_bias, when = use_bias)]
    pub bias: Tensor<(usize,), E, D>,
    /// The activation, of the candidate and of the cell state. Default tanh.
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
    returns: PhantomData<R>,
}

impl<const I: usize, const H: usize, R: Returns, E: Element, D: Backend<E>> Lstm<I, H, R, E, D> {
    functions!();
    reset!();

    fn weights(&self) -> Result<RecurrentWeights<'_, E, D>, Error> {
        let weights = RecurrentWeights {
            cell: CellKind::LstmCell,
            kernel: sized(self.kernel.clone())?,
            recurrent_kernel: sized(self.recurrent_kernel.clone())?,
            bias: match self.use_bias {
                true => RecurrentBias::One(self.bias.clone()),
                false => RecurrentBias::None,
            },
            functions: self.functions(),
            cache: &self.cache,
        };
        // Types do not say so: `4 * H` is no `Const` on stable Rust.
        weights.check(I, H)?;
        Ok(weights)
    }

    /// Runs a sequence, whatever the layer returns otherwise: the outputs of all steps and the final
    /// state, as with Keras's `return_sequences=True, return_state=True`.
    ///
    /// `initial` is the state to start from (zeros if there is none). The tape goes with the outputs;
    /// the final state has none. To train on the state, move the tape over with dfdx's `split_tape` and
    /// `put_tape`.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the mask or the initial state has another size than `x`.
    pub fn forward_with_state<B: Dim, L: Dim, T: Tape<E, D>>(
        &self,
        x: Tensor<(B, L, Const<I>), E, D, T>,
        mask: Option<&Mask>,
        initial: Option<LstmState<B, H, E, D>>,
    ) -> Result<WithState<B, L, H, E, D, T>, Error> {
        let initial = match initial {
            Some(LstmState { h, c }) => Some(HiddenStates::new(sized(h)?, Some(sized(c)?))),
            None => None,
        };
        let (outputs, HiddenStates { h, c, .. }) =
            with_state(self, x, mask, initial, self.order())?;
        let c = c.ok_or(Error::Empty("the cell state of an LSTM"))?;
        Ok((sized(outputs)?, LstmState { h: sized(h)?, c: sized(c)? }))
    }

    /// One step: from an input `(Batch, I)` and a state to the next state, whose `h` is the output.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the state has other rows than `x`.
    pub fn step<B: Dim>(
        &self,
        x: Tensor<(B, Const<I>), E, D>,
        state: LstmState<B, H, E, D>,
    ) -> Result<LstmState<B, H, E, D>, Error> {
        let (batch, _) = *x.shape();
        let x = x.into_shape(&(batch, Const::<1>, Const::<I>))?;
        Ok(self.forward_with_state(x, None, Some(state))?.1)
    }

    /// The state of zeros that a sequence starts from.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub fn zero_state<B: Dim>(&self, batch: B) -> Result<LstmState<B, H, E, D>, Error> {
        let zeros = || init::zeros(self.bias.device(), (batch, Const));
        Ok(LstmState { h: zeros()?, c: zeros()? })
    }
}

weighted!([const I: usize, const H: usize, R, E, D] Lstm<I, H, R, E, D>, StateHc);

/// Zeros, but for ones at the forget gate.
fn forget_bias<E: Element, D: Backend<E>>(
    dev: &D,
    [wide]: [usize; 1],
) -> Result<Tensor<(usize,), E, D>, Error> {
    let forget = wide / 4..wide / 2;
    let values = (0..wide).map(|i| if forget.contains(&i) { E::one() } else { E::zero() });
    dev.try_tensor_from_vec(collected(&[wide], values)?, (wide,)).or_device()
}
