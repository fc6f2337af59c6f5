use std::ops::Range;

use super::{Functions, Sizes, Steps};
use crate::{
    buffer::Buffer,
    gemm::product,
    matrix::Matrix,
    memory::{NoMemory, zeros},
    packed::Packed,
    sums::add_rows,
};

/// What happens in one step of a recurrent layer: all else is the walk over time, which is the same for every cell.
///
/// At each step the walk has projected the inputs to the gates; the cell adds what comes from the state, and makes the
/// next state. What it keeps for the backward pass lies in the places of the gates and in `saved`, and there the
/// backward pass leaves the gradients before the activations.
pub(crate) trait Cell: Copy + Send + Sync + 'static {
    /// How many gates there are, each as wide as there are units.
    const GATES: usize;
    /// How many more values than the gates and the state are saved for each unit.
    const SAVED: usize;
    /// Whether there is a cell state `c` beside the output `h`.
    const HAS_C: bool;
    /// Whether units can be worked on by several threads, which meet once a step.
    const SPLITS: bool = true;

    /// The recurrent kernel, packed for the forward pass.
    fn pack(kernel: Matrix<'_>, _units: usize) -> Result<Vec<Packed>, NoMemory> {
        Ok(vec![Packed::new(kernel)?])
    }

    /// The recurrent kernel, packed for the backward pass.
    fn pack_transposed(kernel: Matrix<'_>, _units: usize) -> Result<Vec<Packed>, NoMemory> {
        Ok(vec![Packed::new(kernel.transposed())?])
    }

    /// A step forward.
    fn forward(step: Step<'_>) -> Result<(), NoMemory>;

    /// A step backward.
    fn backward(step: StepBackward<'_>) -> Result<(), NoMemory>;

    /// The gradients of the recurrent kernel and its bias, from what the backward pass has left; `states` are the
    /// outputs before each step.
    fn recurrent_gradient(
        saved_pass: &StepValues,
        states: &[f32],
        total: usize,
        units: usize,
    ) -> Result<(Buffer, Vec<f64>), NoMemory> {
        let width = Self::GATES * units;
        let gates = Matrix::new(&saved_pass.gates, total, width);
        let mut kernel = Buffer::uncleared(units * width)?;
        product(&mut kernel, Matrix::new(states, total, units).transposed(), gates, false)?;
        Ok((kernel, Vec::new()))
    }
}

/// The weights of a step, and how many units it has.
#[derive(Debug, Clone, Copy)]
pub struct StepWeights<'a> {
    /// How many units.
    pub units: usize,
    /// The recurrent kernel.
    pub recurrent: &'a [Packed],
    /// `(gates * units,)`.
    pub bias: &'a [f32],
    /// Of the recurrent product: as many, or none.
    pub recurrent_bias: &'a [f32],
    /// Those of the step, where they are not tanh and the sigmoid.
    pub functions: Option<&'a Functions>,
}

/// The state before a step.
#[derive(Debug, Clone, Copy)]
pub struct Before<'a> {
    /// The outputs of all units of the layer.
    pub all: &'a [f32],
    /// The outputs of the units of the step.
    pub h: &'a [f32],
    /// The cell states of the units of the step.
    pub c: &'a [f32],
}

/// One step of some rows forward.
pub struct Step<'a> {
    /// The weights.
    pub weights: StepWeights<'a>,
    /// The state before; none means zeros.
    pub before: Option<Before<'a>>,
    /// In: the projected inputs. Out: the gates, if they are to be kept.
    pub gates: &'a mut [f32],
    /// Whether a backward pass will need the gates, and what is saved.
    pub keep: bool,
    /// What the backward pass needs beside the gates and the state.
    pub saved: &'a mut [f32],
    /// The new state.
    pub h: &'a mut [f32],
    /// The new cell state, or nothing.
    pub c: &'a mut [f32],
    /// As much room as the gates have.
    pub room: &'a mut [f32],
}

/// One step of some rows backward.
pub(crate) struct StepBackward<'a> {
    /// The weights are the transposed ones.
    pub(crate) weights: StepWeights<'a>,
    pub(crate) before: Option<Before<'a>>,
    /// In: the gates. Out: their gradients, before the activations.
    pub(crate) gates: &'a mut [f32],
    pub(crate) saved: &'a mut [f32],
    /// The new outputs, and their gradients.
    pub(crate) h: &'a [f32],
    pub(crate) d_h: &'a [f32],
    /// In: the gradients of the state from the steps behind. Out: those for the step before.
    pub(crate) carry_h: &'a mut [f32],
    pub(crate) carry_c: &'a mut [f32],
    /// As wide as the units.
    pub(crate) room: &'a mut [f32],
}

/// What a pass over packed time saves of all its steps.
#[derive(Debug)]
pub(crate) struct StepValues {
    pub(crate) gates: Buffer,
    pub(crate) saved: Buffer,
    pub(crate) h: Buffer,
    pub(crate) c: Buffer,
}

impl StepValues {
    pub(crate) fn new<C: Cell>(total: usize, units: usize) -> Result<Self, NoMemory> {
        let buffer = |width: usize| Buffer::uncleared(total * width * units);
        Ok(Self {
            gates: buffer(C::GATES)?,
            saved: buffer(C::SAVED)?,
            h: buffer(1)?,
            c: buffer(usize::from(C::HAS_C))?,
        })
    }
}

/// The states of some rows: none where the cell has none.
#[derive(Debug)]
pub(crate) struct RowStates {
    pub(crate) h: Buffer,
    pub(crate) c: Buffer,
}

impl RowStates {
    /// The state before the first step, for the first rows.
    pub(crate) fn before(&self, count: usize, units: usize) -> Before<'_> {
        let h = &self.h[..count * units];
        Before { all: h, h, c: self.c.get(..count * units).unwrap_or_default() }
    }
}

/// Where the values of the rows before packed time `t` lie.
pub(crate) fn rows_before(steps: &Steps, t: usize, units: usize) -> Range<usize> {
    let from = steps.offset(t - 1) * units;
    from..from + steps.count(t) * units
}

/// The sums of the columns of a matrix, from which the gradient of a bias comes.
pub(crate) fn column_sums(rows: &[f32], width: usize) -> Result<Vec<f64>, NoMemory> {
    let mut sums = zeros(width)?;
    add_rows(&mut sums, rows)?;
    Ok(sums)
}

/// What the weights beside the recurrent ones are: `(inputs, gates * units)`, `(gates * units,)` and the bias of the
/// recurrent product, as wide as that or not there.
#[derive(Debug, Clone, Copy)]
pub struct Weights<'a> {
    /// The sizes.
    pub sizes: Sizes,
    /// Of the inputs.
    pub kernel: &'a [f32],
    /// Of the inputs.
    pub bias: &'a [f32],
    /// Of the recurrent product, if it has one.
    pub recurrent_bias: &'a [f32],
    /// The functions of a step, where they are not tanh and the sigmoid.
    pub functions: Option<&'a Functions>,
}

impl<'a> Weights<'a> {
    pub(crate) fn step(self, recurrent: &'a [Packed]) -> StepWeights<'a> {
        let Self { sizes, bias, recurrent_bias, functions, .. } = self;
        StepWeights { units: sizes.units, recurrent, bias, recurrent_bias, functions }
    }
}
