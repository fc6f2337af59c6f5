//! The forward pass without anything saved for a backward pass.

use super::{
    Part, RowOut, Sizes, States, Steps,
    cell::{Before, Cell, Step, rows_before},
};
use crate::{buffer::Buffer, memory::NoMemory};

/// How many values of gates are worked on at a time: they stay in a cache from their projection to their activations.
const GATES: usize = 64 << 10;

/// The rows that `steps` names, with all units in one part. `out` holds their places, in the order of `steps.rows`.
pub(crate) fn infer<C: Cell>(
    Sizes { inputs, units, length }: Sizes,
    part: &Part,
    x: &[f32],
    initial: Option<States<'_>>,
    steps: &Steps,
    out: &mut [RowOut<'_>],
) -> Result<(), NoMemory> {
    let (rows, width) = (steps.rows.len(), C::GATES * units);
    let initial = initial.map(|states| states.sorted(steps, units)).transpose()?;
    let of_rows = |width: usize| Buffer::uncleared(rows * width);
    let of_c = if C::HAS_C { units } else { 0 };
    let (mut c, mut before_c) = (of_rows(of_c)?, of_rows(of_c)?);
    let (mut saved, mut room) = (of_rows(C::SAVED * units)?, of_rows(width)?);
    if let Some(initial) = &initial {
        c.copy_from_slice(&initial.c);
    }
    let mut h = Buffer::uncleared(steps.total() * units)?;
    let mut gates = Buffer::default();
    for times in steps.blocks(GATES / width.max(1)) {
        let first = steps.offset(times.start);
        let x = steps.gather(x, length, inputs, times.clone())?;
        let len = (steps.offset(times.end) - first) * width;
        if gates.len() < len {
            gates = Buffer::uncleared(len)?;
        }
        part.kernel.product(&x, &mut gates[..len], false)?;
        for t in times {
            let (from, count) = (steps.offset(t), steps.count(t));
            let (done, h) = h.split_at_mut(from * units);
            let before_c = &mut before_c[..count * of_c];
            before_c.copy_from_slice(&c[..count * of_c]);
            let h_before = match t {
                0 => initial.as_ref().map(|initial| &initial.h[..count * units]),
                _ => Some(&done[rows_before(steps, t, units)]),
            };
            C::forward(Step {
                weights: part.step(),
                before: h_before.map(|h| Before { all: h, h, c: before_c }),
                gates: &mut gates[(from - first) * width..][..count * width],
                saved: &mut saved[..count * C::SAVED * units],
                h: &mut h[..count * units],
                c: &mut c[..count * of_c],
                room: &mut room[..count * width],
            })?;
        }
    }
    for (r, out) in out.iter_mut().enumerate() {
        out.write(steps, r, &h, initial.as_ref(), &c[r * of_c..(r + 1) * of_c]);
    }
    Ok(())
}
