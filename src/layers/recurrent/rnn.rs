use std::marker::PhantomData;

use dfdx::{
    prelude::GatherTo,
    shapes::{Const, HasShape},
    tensor::{Cpu, NoneTape, Tape, Tensor},
};

use super::{
    CellState, InitialState, KeepsH, KeepsHc, LastState, Recurrent, RecurrentInput, Returns,
    RnnCell, state::split, stream::StreamParts,
};
use crate::{
    backend::{
        Backend, CarriedStates, Element, IntoShape, RecurrentInputs, RecurrentOutputs,
        RecurrentStep, StateSizes, StepOrder, StepStates, StepStatesMut, TapedStates, keep_rows,
        memory::{collected, filled},
        sized, to_values, walk,
    },
    error::{Error, OrDevice},
    fields::{Configured, Fields},
    layer,
    layer::{Infer, Layer},
    mask::Mask,
    shape::{ConstDim, Dim},
    signal::{IsDim, Signal, StateH, StateHc, Steps},
};

/// A recurrent layer whose steps are those of an [`RnnCell`], a cell of your own: Keras's `RNN(cell)`.
///
/// If the cell is [`Configured`], this is too; [`CustomObjects::cell`](crate::config::CustomObjects::cell) makes the cell
/// known to configs that are read without a type.
///
/// It takes masks, runs in [`Bidirectional`](super::Bidirectional), gives and takes states, and streams, as an
/// [`Lstm`](super::Lstm) does. It goes step by step through operations on tensors, and so is slower.
///
/// Keras: [`RNN`](https://keras.io/api/layers/recurrent_layers/rnn/).
///
/// # Shapes
/// - input `(Batch, Length, I)` or `Masked<(Batch, Length, I)>`
/// - output with [`Sequences`](super::Sequences) `(Batch, Length, H)`, masked if the input is; with [`LastState`]
///   `(Batch, H)`
///
/// For an example see [`RnnCell`].
#[layer]
pub struct Rnn<C, R: Returns = LastState, E: Element = f32, D: Backend<E> = Cpu> {
    /// The cell.
    #[inner(by_hand, flat)]
    pub cell: C,
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
    returns: PhantomData<R>,
}

impl<C, R: Returns, E: Element, D: Backend<E>> Rnn<C, R, E, D> {
    super::reset!();
}

impl<C, R, E, D, const H: usize> KeepsH<H> for Rnn<C, R, E, D>
where
    C: RnnCell<E, D, State = StateH<(usize, Const<H>)>>,
    R: Returns,
    E: Element,
    D: Backend<E>,
{
}

impl<C, R, E, D, const H: usize> KeepsHc<H> for Rnn<C, R, E, D>
where
    C: RnnCell<E, D, State = StateHc<(usize, Const<H>)>>,
    R: Returns,
    E: Element,
    D: Backend<E>,
{
}

/// A step of a cell on tensors of rows.
fn step<C: RnnCell<E, D>, E: Element, D: Backend<E>, T: Tape<E, D>>(
    cell: &C,
    x: Tensor<(usize, usize), E, D, T>,
    states: TapedStates<E, D, T>,
) -> Result<TapedStates<E, D, T>, Error> {
    let rows = x.shape().0;
    let states = C::State::pack::<E, D, T>(states)?;
    let (h, c) = C::State::unpack::<E, D, T>(cell.step::<T>(sized(x)?, states)?)?;
    for found in [Some(&h), c.as_ref()].into_iter().flatten().map(|state| state.shape().0) {
        if found != rows {
            return Err(Error::mismatch("the rows of the state that a cell gives", rows, found));
        }
    }
    Ok((h, c))
}

#[diagnostic::do_not_recommend]
impl<C, R: Returns, E: Element, D: Backend<E>> super::OneDirection for Rnn<C, R, E, D> {}

#[diagnostic::do_not_recommend]
impl<C, R, E, D> Recurrent<E, D> for Rnn<C, R, E, D>
where
    C: RnnCell<E, D>,
    R: Returns,
    E: Element,
    D: Backend<E>,
{
    type Inputs = C::Inputs;
    type Returns = R;
    type Units = <C::State as CellState>::Units;
    type State<B: Dim> = <C::State as CellState>::Of<B>;

    super::order!();

    fn sizes(&self) -> Result<(usize, StateSizes), Error> {
        let units = <<C::State as CellState>::Units as ConstDim>::SIZE;
        Ok((C::Inputs::SIZE, StateSizes { units, has_c: C::State::HAS_C }))
    }

    fn outputs<T: Tape<E, D>>(
        &self,
        inputs: RecurrentInputs<'_, E, D, T>,
    ) -> Result<RecurrentOutputs<E, D, T>, Error> {
        let RecurrentInputs { x, mask, initial, order, dropout } = inputs;
        let x = match mask {
            Some(mask) => real_steps(x, mask)?,
            None => x,
        };
        let inputs = RecurrentInputs { x, mask, initial, order, dropout };
        walk(inputs, self.sizes()?.1, &mut |x, states| step(&self.cell, x, states))
    }

    fn begin(&self, rows: usize, parts: &mut StreamParts<E>) -> Result<(), Error> {
        let cell = OneStep::<C, D> { cell: self.cell.clone(), device: PhantomData };
        parts.layer(self, Box::new(cell), rows)
    }
}

/// The inputs, with those of a real step in place of the masked ones: the cell calculates with these too, and where it has no finite
/// slope for what stands there, a gradient of 0 would become NaN.
fn real_steps<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<(usize, usize, usize), E, D, T>,
    mask: &Mask,
) -> Result<Tensor<(usize, usize, usize), E, D, T>, Error> {
    let (shape, keep) = (*x.shape(), mask.as_slice());
    let Some(first) = keep.iter().position(|&keep| keep) else {
        return keep_rows(x, keep, E::one());
    };
    let mut places = filled(&[keep.len()], 0)?;
    for (row, places) in places.chunks_exact_mut(shape.1.max(1)).enumerate() {
        let steps = row * shape.1..(row + 1) * shape.1;
        // The last one so far, or else the first of the row, or of all.
        let mut real = steps.clone().find(|&at| keep[at]).unwrap_or(first);
        for (at, place) in steps.zip(places) {
            if keep[at] {
                real = at;
            }
            *place = real;
        }
    }
    let places = x.device().try_tensor_from_vec(places, (keep.len(),)).or_device()?;
    let rows: Tensor<(usize, usize), E, D, T> = x.into_shape(&(keep.len(), shape.2))?;
    let rows: Tensor<(usize, usize), E, D, T> = rows.try_gather(places).or_device()?;
    rows.into_shape(&shape)
}

/// The cell in a stream.
struct OneStep<C, D> {
    cell: C,
    device: PhantomData<fn() -> D>,
}

impl<C: RnnCell<E, D>, E: Element, D: Backend<E>> RecurrentStep<E> for OneStep<C, D> {
    fn step(
        &mut self,
        x: &[E],
        before: StepStates<'_, E>,
        after: StepStatesMut<'_, E>,
    ) -> Result<(), Error> {
        let units = <<C::State as CellState>::Units as ConstDim>::SIZE;
        let rows = before.h.len().checked_div(units).unwrap_or(0);
        if rows == 0 {
            return Ok(());
        }
        let dev = D::default();
        let tensor = |values: &[E]| {
            let shape = (rows, values.len() / rows);
            let values = collected(&[shape.0, shape.1], values.iter().copied())?;
            dev.try_tensor_from_vec(values, shape).or_device()
        };
        let c = if C::State::HAS_C { Some(tensor(before.c)?) } else { None };
        let states = (tensor(before.h)?, c);
        let (h, c) = step::<C, E, D, NoneTape>(&self.cell, tensor(x)?, states)?;
        after.h.copy_from_slice(&to_values(&h)?);
        if let Some(c) = c {
            after.c.copy_from_slice(&to_values(&c)?);
        }
        Ok(())
    }
}

impl<In, C, R, E, D> Layer<In, E, D> for Rnn<C, R, E, D>
where
    In: RecurrentInput<Sequence: Steps<Features: IsDim<C::Inputs>>, State: InitialState<Self>>,
    C: RnnCell<E, D>,
    R: Returns,
    E: Element,
    D: Backend<E>,
{
    type Out = R::Out<In::Sequence, <C::State as CellState>::Units>;

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
        let (x, initial) = split::<In, Self, E, D, T>(x)?;
        let of = R::run_with_state::<In::Sequence, <C::State as CellState>::Units, E, D, T>;
        Ok(of(self, x, initial)?.0)
    }
}

impl<In, C, R, E, D> Infer<In> for Rnn<C, R, E, D>
where
    In: RecurrentInput,
    C: Infer<In::Sequence>,
    R: Returns,
    E: Element,
    D: Backend<E>,
{
    const SIZE: usize = C::SIZE;
}

/// Keras's `RNN`, whose cell has a class of its own.
impl<C: Configured, R: Returns, E: Element, D: Backend<E>> Configured for Rnn<C, R, E, D> {
    const CLASS: &'static str = "RNN";
    type Element = E;
    type Device = D;

    fn describe(&mut self, fields: &mut Fields) {
        fields.layer("cell", &mut self.cell, None);
        fields.flag("return_sequences", R::SEQUENCES, false);
        fields.walk();
        for (key, option) in [
            ("go_backwards", &mut self.go_backwards),
            ("stateful", &mut self.stateful),
            ("zero_output_for_mask", &mut self.zero_output_for_mask),
        ] {
            fields.option(key, option, false, &|_| true, "");
        }
    }
}

super::stream::streamable!(
    [C, R, E, D] Rnn<C, R, E, D>,
    IsDim<C::Inputs>,
    <C::State as CellState>::Units,
    C: RnnCell<E, D>
);
