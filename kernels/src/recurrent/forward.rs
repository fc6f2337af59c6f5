use super::{
    Sizes, States, Steps, Weights,
    cell::{Before, Cell, RowStates, Step, StepValues, rows_before},
};
use crate::{buffer::Buffer, gemm::product, matrix::Matrix, memory::NoMemory, packed::Packed};

/// What the forward pass of some rows leaves for the backward pass, packed.
#[derive(Debug)]
pub struct Saved {
    /// The real steps.
    pub steps: Steps,
    /// The inputs.
    pub(super) x: Buffer,
    pub(super) values: StepValues,
    /// The state before the first step, in the order of the sorted rows.
    pub(super) initial: Option<RowStates>,
}

impl Saved {
    /// The state before packed time `t`; none if there is none but zeros.
    pub(super) fn before(&self, t: usize, units: usize) -> Option<Before<'_>> {
        if t == 0 {
            let count = self.steps.count(0);
            return self.initial.as_ref().map(|initial| initial.before(count, units));
        }
        let range = rows_before(&self.steps, t, units);
        let h = &self.values.h[range.clone()];
        Some(Before { all: h, h, c: self.values.c.get(range).unwrap_or_default() })
    }
}

/// What a thread writes for one row of the batch: its outputs, if they are wanted, and its final state.
#[derive(Debug)]
pub struct RowOut<'a> {
    /// The outputs of all steps, zeros before.
    pub outputs: Option<&'a mut [f32]>,
    /// The output of the last real step.
    pub h: &'a mut [f32],
    /// The cell state behind it, or nothing.
    pub c: &'a mut [f32],
}

impl RowOut<'_> {
    /// Writes the output of a row at packed time `t`, where masked steps repeat it too.
    pub(super) fn at(&mut self, steps: &Steps, r: usize, t: usize, h: &[f32]) {
        let units = h.len();
        if let Some(outputs) = &mut self.outputs {
            let repeats = steps.repeats(r, t);
            let places = &mut outputs[repeats.start * units..repeats.end * units];
            places.chunks_exact_mut(units.max(1)).for_each(|place| place.copy_from_slice(h));
        }
    }

    /// Writes the final state of a row, out of those of all rows.
    pub(super) fn end(&mut self, r: usize, h: &[f32], c: &[f32]) {
        for (to, from) in [(&mut self.h, h), (&mut self.c, c)] {
            let width = to.len();
            to.copy_from_slice(&from[r * width..][..width]);
        }
    }

    /// Writes the outputs and the final state of a row, given the outputs of all real steps and the cell state behind
    /// the last one. A row without any keeps its initial state.
    pub(super) fn write(
        &mut self,
        steps: &Steps,
        r: usize,
        h: &[f32],
        initial: Option<&RowStates>,
        c: &[f32],
    ) {
        let units = self.h.len();
        for t in 0..steps.lengths[r] {
            self.at(steps, r, t, &h[(steps.offset(t) + r) * units..][..units]);
        }
        match (steps.last(r), initial) {
            (Some(last), _) => self.end(0, &h[last * units..], c),
            (None, Some(initial)) => self.end(r, &initial.h, &initial.c),
            (None, None) => {
                self.h.fill(0.0);
                self.c.fill(0.0);
            }
        }
    }
}

/// The forward pass of the rows that `steps` names. `out` holds their places, in the order of the batch rows
/// `steps.rows`.
pub(crate) fn forward<C: Cell>(
    weights: Weights<'_>,
    recurrent: &[Packed],
    x: &[f32],
    initial: Option<States<'_>>,
    steps: Steps,
    out: &mut [RowOut<'_>],
) -> Result<Saved, NoMemory> {
    let Sizes { inputs, units, length } = weights.sizes;
    let (total, width) = (steps.total(), C::GATES * units);
    let packed = steps.gather(x, length, inputs, 0..steps.times())?;
    let mut values = StepValues::new::<C>(total, units)?;
    let inputs_of_all = Matrix::new(&packed, total, inputs);
    let kernel = Matrix::new(weights.kernel, inputs, width);
    product(&mut values.gates, inputs_of_all, kernel, false)?;

    let initial = initial.map(|states| states.sorted(&steps, units)).transpose()?;
    let mut room = Buffer::uncleared(steps.rows.len() * width)?;
    for t in 0..steps.times() {
        let (from, count) = (steps.offset(t), steps.count(t));
        let StepValues { gates, saved, h, c } = &mut values;
        let (done_h, h) = h.split_at_mut(from * units);
        let (done_c, c) = c.split_at_mut(if C::HAS_C { from * units } else { 0 });
        let before = match t {
            0 => initial.as_ref().map(|initial| initial.before(count, units)),
            _ => {
                let range = rows_before(&steps, t, units);
                let h = &done_h[range.clone()];
                Some(Before { all: h, h, c: done_c.get(range).unwrap_or_default() })
            }
        };
        let saved_width = C::SAVED * units;
        C::forward(Step {
            weights: weights.step(recurrent),
            before,
            gates: &mut gates[from * width..][..count * width],
            keep: true,
            saved: &mut saved[from * saved_width..][..count * saved_width],
            h: &mut h[..count * units],
            c: if C::HAS_C { &mut c[..count * units] } else { c },
            room: &mut room[..count * width],
        })?;
    }

    for (r, out) in out.iter_mut().enumerate() {
        let c = steps.last(r).and_then(|last| values.c.get(last * units..));
        out.write(&steps, r, &values.h, initial.as_ref(), c.unwrap_or_default());
    }
    Ok(Saved { steps, x: packed, values, initial })
}
