//! What a recurrent operation is given and gives.

use dfdx::{shapes::HasShape, tensor::Tensor};

pub use kerata_kernels::recurrent::{CellKind, StepOrder};

use super::{
    ActivationFunction, Backend, Element, WeightCache,
    memory::{elements, filled},
    operands::same,
};
use crate::{
    error::{Error, OrDevice},
    mask::Mask,
};

/// What the shapes of the weights of a cell are called.
const fn shapes(cell: CellKind) -> [&'static str; 3] {
    macro_rules! shapes {
        ($of:literal) => {
            [
                concat!("the shape of the weight `kernel` of ", $of),
                concat!("the shape of the weight `recurrent_kernel` of ", $of),
                concat!("the shape of the weight `bias` of ", $of),
            ]
        };
    }
    match cell {
        CellKind::LstmCell => shapes!("an LSTM"),
        CellKind::GruCell { .. } => shapes!("a GRU"),
        CellKind::SimpleCell => shapes!("a SimpleRNN"),
    }
}

/// The functions of a step. By default they are those that the kernels have: tanh and the sigmoid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepFunctions {
    /// The activation, of the candidate and of an LSTM's cell state.
    pub activation: ActivationFunction,
    /// That of the gates, Keras's `recurrent_activation`.
    pub gate: ActivationFunction,
}

impl Default for StepFunctions {
    fn default() -> Self {
        Self { activation: ActivationFunction::TANH, gate: ActivationFunction::SIGMOID }
    }
}

/// What inputs and states are multiplied with in all steps of a sequence, in training: 0 for what drops. There is one
/// tensor, or one for each gate, or none where nothing drops.
#[derive(Debug, Clone)]
pub struct GateDropout<E: Element, D: Backend<E>> {
    /// Of the inputs, `(B, I)`.
    pub inputs: Vec<Tensor<(usize, usize), E, D>>,
    /// Of the states, `(B, H)`, on their way into the recurrent products.
    pub states: Vec<Tensor<(usize, usize), E, D>>,
}

impl<E: Element, D: Backend<E>> Default for GateDropout<E, D> {
    fn default() -> Self {
        Self { inputs: Vec::new(), states: Vec::new() }
    }
}

impl<E: Element, D: Backend<E>> GateDropout<E, D> {
    /// Draws what drops, at rates for inputs and states, as Keras does: for each gate if states drop, else for all.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub(crate) fn draw(
        dev: &D,
        cell: CellKind,
        (rows, features, units): (usize, usize, usize),
        rates: [f64; 2],
    ) -> Result<Self, Error> {
        // A rate of 1 drops nothing of the cells with gates, in Keras.
        let [inputs, states] =
            rates.map(|rate| if rate < 1.0 || cell.gates() == 1 { rate } else { 0.0 });
        let count = if rates[1] == 0.0 { 1 } else { cell.gates() };
        let draw = |width, rate: f64| -> Result<Vec<_>, Error> {
            if rate == 0.0 || rows == 0 || width == 0 {
                return Ok(Vec::new());
            }
            let one = |_| {
                let ones = filled(&[rows, width], E::one())?;
                D::dropout(dev.try_tensor_from_vec(ones, (rows, width)).or_device()?, None, rate)
            };
            (0..count).map(one).collect()
        };
        Ok(Self { inputs: draw(features, inputs)?, states: draw(units, states)? })
    }

    /// Whether the kernels can do without it, once the inputs are multiplied.
    pub(crate) fn is_of_inputs(&self) -> bool {
        self.inputs.len() < 2 && self.states.is_empty()
    }

    /// Fails unless there are none, one or as many as gates, of these sizes.
    pub(crate) fn check(
        &self,
        gates: usize,
        (rows, features, units): (usize, usize, usize),
    ) -> Result<(), Error> {
        for (all, width) in [(&self.inputs, features), (&self.states, units)] {
            if all.len() > 1 && all.len() != gates {
                return Err(Error::mismatch("the gates of a dropout", gates, all.len()));
            }
            for one in all {
                same("the shape of a dropout", &(rows, width), one.shape())?;
            }
        }
        Ok(())
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
    /// The functions of a step.
    pub functions: StepFunctions,
    /// What the device has made of them.
    pub cache: &'a WeightCache,
}

impl<E: Element, D: Backend<E>> RecurrentWeights<'_, E, D> {
    /// How many units they are of.
    pub fn units(&self) -> usize {
        self.recurrent_kernel.shape().0
    }

    /// Whether the functions of a step are those of the kernels.
    pub(crate) fn has_usual_functions(&self) -> bool {
        let usual = StepFunctions::default();
        self.functions.activation == usual.activation
            && (self.functions.gate == usual.gate || self.cell.gates() == 1)
    }

    /// Fails unless the sizes are those of so many inputs and units.
    ///
    /// # Errors
    /// [`Error::Mismatch`], which names the weight and both shapes.
    pub fn check(&self, inputs: usize, units: usize) -> Result<(), Error> {
        let wide = elements(&[self.cell.gates(), units])?;
        let [kernel, recurrent_kernel, bias] = shapes(self.cell);
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
    /// Of a stack of layers, the states of those below the last one, the first one first.
    pub below: Vec<HiddenStates<E, D>>,
}

impl<E: Element, D: Backend<E>> HiddenStates<E, D> {
    /// The state of one layer.
    pub fn new(h: Tensor<(usize, usize), E, D>, c: Option<Tensor<(usize, usize), E, D>>) -> Self {
        Self { h, c, below: Vec::new() }
    }
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
    /// What drops.
    pub dropout: GateDropout<E, D>,
}

/// How wide the state of a recurrent layer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateSizes {
    /// The units.
    pub units: usize,
    /// Whether there is a cell state beside the output.
    pub has_c: bool,
}

/// Whether the last output of each row is the state behind it, and not 0: as that of the last step is if it is masked and
/// [`zero_masked`](StepOrder::zero_masked), and that of a row without a real step, whatever state it began with.
pub(crate) fn last_is_state(order: StepOrder, mask: &Mask) -> Vec<bool> {
    let length = mask.length();
    let is_state = |row: usize| match length.checked_sub(1) {
        Some(last) if order.zero_masked => mask.row(row)[order.place(length, last)],
        Some(_) => mask.row(row).contains(&true),
        None => true,
    };
    (0..mask.batch()).map(is_state).collect()
}

/// The outputs of all steps, `(B, L, H)` on the tape, and the final state, which is not on it.
pub type RecurrentOutputs<E, D, T> = (Tensor<(usize, usize, usize), E, D, T>, HiddenStates<E, D>);
