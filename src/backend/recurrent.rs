//! What a recurrent operation is given and gives.

use dfdx::{shapes::HasShape, tensor::Tensor};

use super::{Backend, Element, WeightCache, memory::elements, operands::same};
use crate::{error::Error, mask::Mask};

/// What happens in a step of a recurrent layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellKind {
    /// Four gates, in the order input, forget, candidate, output, and a cell state `c` beside the output `h`.
    LstmCell,
    /// Three gates, in the order update, reset, candidate.
    GruCell {
        /// Whether the reset gate acts on the recurrent product, which then has a bias of its own; else on the state.
        reset_after: bool,
    },
    /// One: `h' = tanh(x . kernel + h . recurrent_kernel + bias)`.
    SimpleCell,
}

impl CellKind {
    /// How many gates there are.
    pub const fn gates(self) -> usize {
        match self {
            Self::LstmCell => 4,
            Self::GruCell { .. } => 3,
            Self::SimpleCell => 1,
        }
    }

    /// Whether there is a cell state beside the output.
    pub const fn has_c(self) -> bool {
        matches!(self, Self::LstmCell)
    }

    /// What the shapes of its weights are called.
    const fn shapes(self) -> [&'static str; 3] {
        macro_rules! shapes {
            ($of:literal) => {
                [
                    concat!("the shape of the weight `kernel` of ", $of),
                    concat!("the shape of the weight `recurrent_kernel` of ", $of),
                    concat!("the shape of the weight `bias` of ", $of),
                ]
            };
        }
        match self {
            Self::LstmCell => shapes!("an LSTM"),
            Self::GruCell { .. } => shapes!("a GRU"),
            Self::SimpleCell => shapes!("a SimpleRNN"),
        }
    }
}

/// The bias of a recurrent layer of `W = gates * H` values for each step.
#[derive(Debug, Clone)]
pub enum RecurrentBias<E: Element, D: Backend<E>> {
    /// None.
    None,
    /// Of the inputs, `(W,)`.
    One(Tensor<(usize,), E, D>),
    /// Of the inputs and of the recurrent product, `(2, W)`.
    Two(Tensor<(usize, usize), E, D>),
}

/// The weights of a recurrent layer of `H` units for inputs of `I` features, in Keras's layout; `W` is `gates * H`.
#[derive(Debug, Clone)]
pub struct RecurrentWeights<'a, E: Element, D: Backend<E>> {
    /// What happens in a step.
    pub cell: CellKind,
    /// Shape `(I, W)`.
    pub kernel: Tensor<(usize, usize), E, D>,
    /// Shape `(H, W)`.
    pub recurrent_kernel: Tensor<(usize, usize), E, D>,
    /// The bias.
    pub bias: RecurrentBias<E, D>,
    /// What the device has made of them.
    pub cache: &'a WeightCache,
}

impl<E: Element, D: Backend<E>> RecurrentWeights<'_, E, D> {
    /// How many units they are of.
    pub fn units(&self) -> usize {
        self.recurrent_kernel.shape().0
    }

    /// Fails unless the sizes are those of so many inputs and units.
    ///
    /// # Errors
    /// [`Error::Mismatch`], which names the weight and both shapes.
    pub fn check(&self, inputs: usize, units: usize) -> Result<(), Error> {
        let wide = elements(&[self.cell.gates(), units])?;
        let [kernel, recurrent_kernel, bias] = self.cell.shapes();
        same(kernel, &(inputs, wide), self.kernel.shape())?;
        same(recurrent_kernel, &(units, wide), self.recurrent_kernel.shape())?;
        match &self.bias {
            RecurrentBias::None => Ok(()),
            RecurrentBias::One(of_inputs) => same(bias, &(wide,), of_inputs.shape()),
            RecurrentBias::Two(both) => same(bias, &(2, wide), both.shape()),
        }
    }
}

/// The state of a recurrent layer: the outputs of a step and, of an LSTM, the cell states.
#[derive(Debug, Clone)]
pub struct HiddenStates<E: Element, D: Backend<E>> {
    /// Shape `(B, H)`.
    pub h: Tensor<(usize, usize), E, D>,
    /// Shape `(B, H)`.
    pub c: Option<Tensor<(usize, usize), E, D>>,
}

/// The inputs of a recurrent layer: a sequence, its mask, and the state to start from.
#[derive(Debug)]
pub struct RecurrentInputs<'a, E: Element, D: Backend<E>, T> {
    /// The sequence, `(B, L, I)`.
    pub x: Tensor<(usize, usize, usize), E, D, T>,
    /// Which steps are real; `None` means all.
    pub mask: Option<&'a Mask>,
    /// The state to start from; `None` means zeros.
    pub initial: Option<HiddenStates<E, D>>,
    /// In which order the steps come.
    pub order: StepOrder,
}

/// In which order the steps of a sequence are gone through, and what stands at masked ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StepOrder {
    /// The last step first.
    pub backwards: bool,
    /// Whether the outputs stand in the order in which they were made, as with Keras's `go_backwards`; else at the steps
    /// that they are of.
    pub as_made: bool,
    /// Whether the output of a masked step is 0, as with Keras's `zero_output_for_mask`; else it is that of the step
    /// before.
    pub zero_masked: bool,
}

impl StepOrder {
    /// The place of a step in the order, or the step at a place.
    pub(super) fn place(self, length: usize, step: usize) -> usize {
        if self.backwards { length - 1 - step } else { step }
    }

    /// Where the outputs of some places stand.
    pub(super) fn outputs(
        self,
        length: usize,
        places: std::ops::Range<usize>,
    ) -> std::ops::Range<usize> {
        if self.backwards && !self.as_made {
            length - places.end..length - places.start
        } else {
            places
        }
    }
}

/// The outputs of all steps, `(B, L, H)` on the tape, and the final state, which is not on it.
pub type RecurrentOutputs<E, D, T> = (Tensor<(usize, usize, usize), E, D, T>, HiddenStates<E, D>);
