use dfdx::tensor::{SplitTape, Tape};

use super::{Returns, StateSignal, StreamParts};
use crate::{
    backend::{
        Backend, CarriedStates, Element, GateDropout, HiddenStates, RecurrentInputs,
        RecurrentOutputs, StateSizes, StepOrder,
    },
    error::Error,
    shape::Dim,
};

/// A layer that goes over the steps of a sequence and keeps a state.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a recurrent layer",
    label = "a recurrent layer is needed here: `Lstm<..>`, `Gru<..>` or `SimpleRnn<..>`"
)]
pub trait Recurrent<E: Element, D: Backend<E>>: OneDirection + Sized {
    /// How many features it takes.
    type Inputs: Dim;
    /// What it returns.
    type Returns: Returns;
    /// How many units it has.
    type Units: Dim;
    /// The signal of its state.
    type State<B: Dim>: StateSignal;

    /// How many features it takes, and how wide its state is.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if a weight has another shape than the layer.
    fn sizes(&self) -> Result<(usize, StateSizes), Error>;

    /// The outputs of all steps, and the state behind the last one.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if a weight has another shape than the layer; [`Error::Device`].
    fn outputs<T: Tape<E, D>>(
        &self,
        inputs: RecurrentInputs<'_, E, D, T>,
    ) -> Result<RecurrentOutputs<E, D, T>, Error>;

    /// The state behind the last step, and the tape.
    ///
    /// # Errors
    /// Those of [`outputs`](Self::outputs).
    fn states<T: Tape<E, D>>(
        &self,
        inputs: RecurrentInputs<'_, E, D, T>,
    ) -> Result<(HiddenStates<E, D>, T), Error> {
        let (outputs, states) = self.outputs(inputs)?;
        Ok((states, outputs.split_tape().1))
    }

    /// What a stream of so many rows needs of the layer.
    ///
    /// # Errors
    /// Those of [`outputs`](Self::outputs).
    fn begin(&self, rows: usize, parts: &mut StreamParts<E>) -> Result<(), Error>;

    /// In which order the steps come.
    fn order(&self) -> StepOrder;

    /// What drops in training, of so many rows.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn dropout(&self, _dev: &D, _rows: usize) -> Result<GateDropout<E, D>, Error> {
        Ok(GateDropout::default())
    }

    /// Where a stateful layer keeps its states from one batch to the next.
    fn carried(&self) -> Option<&CarriedStates<E, D>> {
        None
    }

    /// Forgets what a stateful layer keeps.
    fn reset(&self) {
        if let Some(carried) = self.carried() {
            carried.reset();
        }
    }

    /// Sets the order, but for where the outputs stand: of a layer alone, as they are made.
    fn set_order(&mut self, order: StepOrder);
}

/// A [`Recurrent`] layer, whatever the numbers and the device: no [`Bidirectional`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a recurrent layer",
    label = "a recurrent layer is needed here: `Lstm<..>`, `Gru<..>` or `SimpleRnn<..>`"
)]
pub trait OneDirection {}
