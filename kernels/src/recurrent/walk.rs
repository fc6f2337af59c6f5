use super::{
    Part, RowGradients, RowOut, Saved, Sizes, States, Step, Steps, WeightGradients, Weights,
    backward::backward,
    cell::Cell,
    forward::forward,
    gru::{GruResetAfter, GruResetBefore},
    gru_with::{GruAfterWith, GruBeforeWith},
    inference::infer,
    kind::CellKind,
    lstm::LstmCell,
    lstm_with::LstmWith,
    simple::Simple,
    simple_with::SimpleWith,
    small_batch::forward_few,
};
use crate::{matrix::Matrix, memory::NoMemory, packed::Packed};

/// The walk over time with one of the cells.
pub trait Walk: Send + Sync {
    /// How many more values than the gates and the state are saved for each unit.
    fn saved(&self) -> usize;

    /// Into how many parts the units are cut, for a number of threads. One means that it is not worth it.
    fn parts(&self, threads: usize, units: usize) -> usize;

    /// The recurrent kernel, packed for the forward pass.
    ///
    /// # Errors
    /// [`NoMemory`].
    fn pack(&self, kernel: Matrix<'_>, units: usize) -> Result<Vec<Packed>, NoMemory>;

    /// The recurrent kernel, packed for the backward pass.
    ///
    /// # Errors
    /// [`NoMemory`].
    fn pack_transposed(&self, kernel: Matrix<'_>, units: usize) -> Result<Vec<Packed>, NoMemory>;

    /// Cuts the units into parts; `recurrent` is `(units, gates * units)`.
    ///
    /// # Errors
    /// [`NoMemory`].
    fn cut(
        &self,
        weights: Weights<'_>,
        recurrent: &[f32],
        parts: usize,
    ) -> Result<Vec<Part>, NoMemory>;

    /// The forward pass of the rows that `steps` names. `out` holds their places, in the order of the batch rows
    /// `steps.rows`.
    ///
    /// # Errors
    /// [`NoMemory`].
    fn forward(
        &self,
        weights: Weights<'_>,
        recurrent: &[Packed],
        x: &[f32],
        initial: Option<States<'_>>,
        steps: Steps,
        out: &mut [RowOut<'_>],
    ) -> Result<Saved, NoMemory>;

    /// The same with nothing saved for a backward pass, and all units in one part.
    ///
    /// # Errors
    /// [`NoMemory`].
    fn infer(
        &self,
        sizes: Sizes,
        part: &Part,
        x: &[f32],
        initial: Option<States<'_>>,
        steps: &Steps,
        out: &mut [RowOut<'_>],
    ) -> Result<(), NoMemory>;

    /// The same of few rows, with the units in several parts, each on a thread.
    ///
    /// # Errors
    /// [`NoMemory`].
    fn infer_few(
        &self,
        sizes: Sizes,
        parts: &[Part],
        x: &[f32],
        initial: Option<States<'_>>,
        steps: &Steps,
        out: &mut [RowOut<'_>],
    ) -> Result<(), NoMemory>;

    /// The backward pass of the rows that `saved` names.
    ///
    /// # Errors
    /// [`NoMemory`].
    fn backward(
        &self,
        weights: Weights<'_>,
        recurrent_transposed: &[Packed],
        saved: Saved,
        rows: &mut [RowGradients<'_>],
    ) -> Result<WeightGradients, NoMemory>;

    /// One step.
    ///
    /// # Errors
    /// [`NoMemory`].
    fn step(&self, step: Step<'_>) -> Result<(), NoMemory>;
}

impl<C: Cell> Walk for C {
    fn saved(&self) -> usize {
        C::SAVED
    }

    fn parts(&self, threads: usize, units: usize) -> usize {
        Part::count::<C>(threads, units)
    }

    fn pack(&self, kernel: Matrix<'_>, units: usize) -> Result<Vec<Packed>, NoMemory> {
        C::pack(kernel, units)
    }

    fn pack_transposed(&self, kernel: Matrix<'_>, units: usize) -> Result<Vec<Packed>, NoMemory> {
        C::pack_transposed(kernel, units)
    }

    fn cut(
        &self,
        weights: Weights<'_>,
        recurrent: &[f32],
        parts: usize,
    ) -> Result<Vec<Part>, NoMemory> {
        Part::cut::<C>(weights, recurrent, parts)
    }

    fn forward(
        &self,
        weights: Weights<'_>,
        recurrent: &[Packed],
        x: &[f32],
        initial: Option<States<'_>>,
        steps: Steps,
        out: &mut [RowOut<'_>],
    ) -> Result<Saved, NoMemory> {
        forward::<C>(weights, recurrent, x, initial, steps, out)
    }

    fn infer(
        &self,
        sizes: Sizes,
        part: &Part,
        x: &[f32],
        initial: Option<States<'_>>,
        steps: &Steps,
        out: &mut [RowOut<'_>],
    ) -> Result<(), NoMemory> {
        infer::<C>(sizes, part, x, initial, steps, out)
    }

    fn infer_few(
        &self,
        sizes: Sizes,
        parts: &[Part],
        x: &[f32],
        initial: Option<States<'_>>,
        steps: &Steps,
        out: &mut [RowOut<'_>],
    ) -> Result<(), NoMemory> {
        forward_few::<C>(sizes, parts, x, initial, steps, out)
    }

    fn backward(
        &self,
        weights: Weights<'_>,
        recurrent_transposed: &[Packed],
        saved: Saved,
        rows: &mut [RowGradients<'_>],
    ) -> Result<WeightGradients, NoMemory> {
        backward::<C>(weights, recurrent_transposed, saved, rows)
    }

    fn step(&self, step: Step<'_>) -> Result<(), NoMemory> {
        C::forward(step)
    }
}

impl CellKind {
    /// The walk over time with this cell and functions of its own.
    #[inline(never)]
    pub fn walk_with(self) -> &'static dyn Walk {
        match self {
            Self::LstmCell => &LstmWith,
            Self::GruCell { reset_after: true } => &GruAfterWith,
            Self::GruCell { .. } => &GruBeforeWith,
            Self::SimpleCell => &SimpleWith,
        }
    }

    /// The walk over time with this cell, by tanh and the sigmoid.
    // Inlined elsewhere, it would have the walks of all cells compiled there again.
    #[inline(never)]
    pub fn walk(self) -> &'static dyn Walk {
        match self {
            Self::LstmCell => &LstmCell,
            Self::GruCell { reset_after: true } => &GruResetAfter,
            Self::GruCell { .. } => &GruResetBefore,
            Self::SimpleCell => &Simple,
        }
    }
}
