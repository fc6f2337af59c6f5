use pulp::Arch;

use super::{Sizes, States, Steps, Weights, gates::Gates};
use crate::backend::{
    cpu::{buffer::Buffer, gemm::product, matrix::Matrix, packed::Packed},
    memory::NoMemory,
};

/// What the forward pass of some rows leaves for the backward pass, packed.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) steps: Steps,
    /// The inputs.
    pub(super) x: Buffer,
    /// The gates, after their functions.
    pub(super) gates: Buffer,
    /// The memory, and its tanh.
    pub(super) c: Buffer,
    pub(super) tanh_c: Buffer,
    /// The outputs.
    pub(super) h: Buffer,
    /// The state before the first step, in the order of the sorted rows.
    pub(super) initial: Option<(Buffer, Buffer)>,
}

/// What a thread writes for one row of the batch: its outputs, if they are wanted, and its final state.
#[derive(Debug)]
pub(crate) struct RowOut<'a> {
    pub(crate) outputs: Option<&'a mut [f32]>,
    pub(crate) h: &'a mut [f32],
    pub(crate) c: &'a mut [f32],
}

impl RowOut<'_> {
    /// Writes the outputs and the final state of a row, given the outputs of all real steps and the memory behind
    /// the last one. A row without any keeps its initial state.
    pub(super) fn write(
        &mut self,
        steps: &Steps,
        r: usize,
        h: &[f32],
        initial: Option<&[f32]>,
        c: Option<&[f32]>,
    ) {
        let units = self.h.len();
        if let Some(outputs) = &mut self.outputs {
            spread(steps, r, h, units, outputs);
        }
        match (steps.last(r), initial) {
            (Some(last), _) => self.h.copy_from_slice(&h[last * units..(last + 1) * units]),
            (None, Some(h)) => self.h.copy_from_slice(&h[r * units..(r + 1) * units]),
            (None, None) => self.h.fill(0.0),
        }
        match c {
            Some(c) => self.c.copy_from_slice(c),
            None => self.c.fill(0.0),
        }
    }
}

/// The forward pass of the rows that `steps` names. `out` holds their places, in the order of the batch rows
/// `steps.rows`.
pub(crate) fn forward(
    sizes: Sizes,
    weights: Weights<'_>,
    recurrent: &Packed,
    x: &[f32],
    initial: Option<States<'_>>,
    steps: Steps,
    out: &mut [RowOut<'_>],
) -> Result<Kept, NoMemory> {
    let Sizes { inputs, units, length } = sizes;
    let total = steps.total();
    let packed = steps.gather(x, length, inputs, 0..steps.times())?;
    let mut gates = Buffer::try_uncleared(total * 4 * units)?;
    let inputs_of_all = Matrix::new(&packed, total, inputs);
    product(&mut gates, inputs_of_all, Matrix::new(weights.kernel, inputs, 4 * units), false);

    let memory = || Buffer::try_uncleared(total * units);
    let (mut c, mut tanh_c, mut h) = (memory()?, memory()?, memory()?);
    let initial = initial.map(|states| states.sorted(&steps, units)).transpose()?;
    for t in 0..steps.times() {
        let (from, count) = (steps.offset(t), steps.count(t));
        let gates = &mut gates[from * 4 * units..(from + count) * 4 * units];
        let (done_h, rest_h) = h.split_at_mut(from * units);
        let (done_c, rest_c) = c.split_at_mut(from * units);
        let before = match (t, &initial) {
            (0, None) => None,
            (0, Some((h, c))) => Some((&h[..count * units], &c[..count * units])),
            (t, _) => {
                let before = steps.offset(t - 1) * units;
                let range = before..before + count * units;
                Some((&done_h[range.clone()], &done_c[range]))
            }
        };
        if let Some((h, _)) = before {
            recurrent.product(h, gates, true);
        }
        Arch::new().dispatch(Gates {
            units,
            bias: weights.bias,
            gates,
            before: before.map(|(_, c)| c),
            c: &mut rest_c[..count * units],
            tanh_c: &mut tanh_c[from * units..(from + count) * units],
            h: &mut rest_h[..count * units],
        });
    }

    for (r, out) in out.iter_mut().enumerate() {
        let c = match (steps.last(r), &initial) {
            (Some(last), _) => Some(&c[last * units..(last + 1) * units]),
            (None, Some((_, c))) => Some(&c[r * units..(r + 1) * units]),
            (None, None) => None,
        };
        out.write(&steps, r, &h, initial.as_ref().map(|(h, _)| &h[..]), c);
    }
    Ok(Kept { steps, x: packed, gates, c, tanh_c, h, initial })
}

/// Writes the outputs of a row to all its time steps: a masked step repeats the one before, and is 0 before
/// the first real one.
fn spread(steps: &Steps, r: usize, h: &[f32], units: usize, outputs: &mut [f32]) {
    let length = outputs.len().checked_div(units).unwrap_or(0);
    let mut filled = 0;
    let mut before: Option<&[f32]> = None;
    let mut fill = |until: usize, with: Option<&[f32]>, filled: &mut usize| {
        for step in outputs[*filled * units..until * units].chunks_exact_mut(units.max(1)) {
            match with {
                Some(with) => step.copy_from_slice(with),
                None => step.fill(0.0),
            }
        }
        *filled = until;
    };
    for t in 0..steps.lengths[r] {
        let place = steps.offset(t) + r;
        fill(steps.at[place], before, &mut filled);
        before = Some(&h[place * units..(place + 1) * units]);
    }
    fill(length, before, &mut filled);
}
