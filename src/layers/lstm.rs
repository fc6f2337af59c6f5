use std::marker::PhantomData;

use dfdx::{
    shapes::{Const, Dim, HasShape},
    tensor::{Cpu, Tape, Tensor},
};

use serde_json::Value;

use crate::{
    backend::{
        Backend, Element, IntoShape, LstmInputs, LstmOutputs, LstmState, LstmWeights, Prepared,
        memory::{collected, elements},
    },
    error::{Error, OrDevice},
    fields::{Configured, Fields},
    init,
    layer::{Infer, Layer},
    parameters::{Build, Parameter, Parameters, Visitor},
    shape::{Features, check_units},
    signal::{Is, Mask, Signal, Steps},
};

/// The layer returns its output at every step: Keras's `return_sequences=True`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sequences;

/// The layer returns its last output only: Keras's `return_sequences=False`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LastState;

/// What a recurrent layer returns: [`Sequences`] or [`LastState`].
pub trait Returns: Default + Clone + std::fmt::Debug + 'static {
    /// Keras's argument `return_sequences`.
    const SEQUENCES: bool;
}

impl Returns for Sequences {
    const SEQUENCES: bool = true;
}

impl Returns for LastState {
    const SEQUENCES: bool = false;
}

/// Long short-term memory ([Hochreiter and Schmidhuber 1997](https://doi.org/10.1162/neco.1997.9.8.1735)).
///
/// For each step, with `z = x . kernel + h . recurrent_kernel + bias` cut into four gates,
/// `c' = sigmoid(z_f) * c + sigmoid(z_i) * tanh(z_c)` and `h' = sigmoid(z_o) * tanh(c')`.
///
/// At a masked step nothing happens: the state stays and the output of the step before is repeated
/// (zeros before the first real step). The mask travels on with [`Sequences`]; with [`LastState`] it
/// ends, for the last state is that of the last real step.
///
/// Keras: [`LSTM`](https://keras.io/api/layers/recurrent_layers/lstm/).
///
/// # Shapes
/// - input `(Batch, Length, I)` or `Masked<(Batch, Length, I)>`
/// - output with [`Sequences`] `(Batch, Length, H)`, masked if the input is; with [`LastState`]
///   `(Batch, H)`
/// - `kernel` `(I, 4 * H)`, glorot uniform; `recurrent_kernel` `(H, 4 * H)`, orthogonal; `bias`
///   `(4 * H,)`, zeros but for ones at the forget gate. The gates are in the order input, forget, cell,
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
#[derive(Debug, Clone)]
pub struct Lstm<
    const I: usize,
    const H: usize,
    R: Returns = LastState,
    E: Element = f32,
    D: Backend<E> = Cpu,
> {
    /// The weights of the input, `(I, 4 * H)`.
    pub kernel: Tensor<(Const<I>, usize), E, D>,
    /// The weights of the state, `(H, 4 * H)`.
    pub recurrent_kernel: Tensor<(Const<H>, usize), E, D>,
    /// The bias, `(4 * H,)`.
    pub bias: Tensor<(usize,), E, D>,
    prepared: Prepared,
    returns: PhantomData<R>,
}

impl<const I: usize, const H: usize, R: Returns, E: Element, D: Backend<E>> Lstm<I, H, R, E, D> {
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
    ) -> Result<LstmOutputs<B, L, H, E, D, T>, Error> {
        let (batch, length, _) = *x.shape();
        let sizes = (batch.size(), length.size());
        if let Some(mask) = mask.filter(|mask| (mask.batch(), mask.length()) != sizes) {
            let found = (mask.batch(), mask.length());
            return Err(Error::mismatch("the batch and length of a mask", sizes, found));
        }
        if let Some(state) = &initial {
            for rows in [state.h.shape().0, state.c.shape().0] {
                if rows != batch {
                    return Err(Error::mismatch("the rows of the initial state", batch, rows));
                }
            }
        }
        D::lstm(LstmInputs { x, mask, initial }, self.weights())
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

    fn weights(&self) -> LstmWeights<'_, I, H, E, D> {
        LstmWeights {
            kernel: &self.kernel,
            recurrent_kernel: &self.recurrent_kernel,
            bias: &self.bias,
            prepared: &self.prepared,
        }
    }
}

/// What a layer hands to the backend: the sequence with its features fixed, from zeros.
fn inputs<B: Dim, L: Dim, F: Is<I>, const I: usize, const H: usize, E, D, T>(
    x: Tensor<(B, L, F), E, D, T>,
    mask: Option<&Mask>,
) -> Result<LstmInputs<'_, B, L, I, H, E, D, T>, Error>
where
    E: Element,
    D: Backend<E>,
    T: Tape<E, D>,
{
    let (batch, length, _) = *x.shape();
    let x = x.into_shape(&(batch, length, Const))?;
    Ok(LstmInputs { x, mask, initial: None })
}

impl<In, const I: usize, const H: usize, E, D> Layer<In, E, D> for Lstm<I, H, Sequences, E, D>
where
    In: Steps<Features: Is<I>>,
    E: Element,
    D: Backend<E>,
{
    type Out = In::With<Const<H>>;

    const CHECK: () = check_units(I, H);

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
        let (x, mask) = In::split(x);
        let (outputs, _) = D::lstm(inputs(x, mask.as_ref())?, self.weights())?;
        In::join(outputs, mask)
    }
}

impl<In, const I: usize, const H: usize, E, D> Layer<In, E, D> for Lstm<I, H, LastState, E, D>
where
    In: Steps<Features: Is<I>>,
    E: Element,
    D: Backend<E>,
{
    type Out = (In::Batch, Const<H>);

    const CHECK: () = check_units(I, H);

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<Tensor<(In::Batch, Const<H>), E, D, T>, Error> {
        let (x, mask) = In::split(x);
        D::lstm_last(inputs(x, mask.as_ref())?, self.weights())
    }
}

impl<In, const I: usize, const H: usize, R, E, D> Infer<In> for Lstm<I, H, R, E, D>
where
    In: Features,
    R: Returns,
    E: Element,
    D: Backend<E>,
{
    const SIZE: usize = In::SIZE;
}

impl<const I: usize, const H: usize, R: Returns, E: Element, D: Backend<E>> Build<E, D>
    for Lstm<I, H, R, E, D>
{
    fn build(dev: &D) -> Result<Self, Error> {
        const { check_units(I, H) };
        let forget = |i: usize| if (H..2 * H).contains(&i) { 1.0 } else { 0.0 };
        let wide = elements(&[4, H])?;
        let bias = collected(&[wide], (0..wide).map(|i| E::of(forget(i))))?;
        Ok(Self {
            kernel: init::glorot_uniform(dev, (Const, wide), I, wide)?,
            recurrent_kernel: init::orthogonal(dev, (Const, wide), H, wide)?,
            bias: dev.try_tensor_from_vec(bias, (wide,)).or_device()?,
            prepared: Prepared::default(),
            returns: PhantomData,
        })
    }
}

impl<const I: usize, const H: usize, R: Returns, E: Element, D: Backend<E>> Parameters<E, D>
    for Lstm<I, H, R, E, D>
{
    const PARAMS: usize = 4 * H * (I + H + 1);

    /// Shows all parameters to a visitor.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if one has another shape than this layer; those of the visitor.
    fn visit<V: Visitor<E, D>>(&mut self, visitor: &mut V) -> Result<(), Error> {
        self.weights().check()?;
        visitor.visit(Parameter { name: "kernel", trainable: true, tensor: &mut self.kernel })?;
        let tensor = &mut self.recurrent_kernel;
        visitor.visit(Parameter { name: "recurrent_kernel", trainable: true, tensor })?;
        visitor.visit(Parameter { name: "bias", trainable: true, tensor: &mut self.bias })
    }
}

impl<const I: usize, const H: usize, R: Returns, E: Element, D: Backend<E>> Configured
    for Lstm<I, H, R, E, D>
{
    const CLASS: &'static str = "LSTM";
    type Element = E;
    type Device = D;

    fn describe(&mut self, fields: &mut Fields) {
        fields.dtype::<E>();
        fields.input(&[None, None, Some(I)]);
        fields.size("units", H);
        fields.flag("return_sequences", R::SEQUENCES, false);
        fields.recurrent();
        fields.activation("recurrent_activation", "sigmoid", Some("sigmoid"));
        fields.unit_forget_bias();
        fields.any("seed", Value::Null);
    }
}
