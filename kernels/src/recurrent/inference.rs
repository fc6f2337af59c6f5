//! The forward pass without anything saved for a backward pass.

use super::{
    Part, RowOut, Sizes, States, Steps,
    cell::{Before, Cell, Step},
};
use crate::{buffer::Buffer, memory::NoMemory};

/// How many values of gates are worked on at a time: they stay in a cache from their projection to their activations,
/// beside the recurrent kernel.
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
    let of_rows = |width: usize| Buffer::uncleared(rows * width);
    let of_c = if C::HAS_C { units } else { 0 };
    // The state behind a step and the one before it, in turns.
    let (mut h, mut c) = (of_rows(units)?, of_rows(of_c)?);
    let (mut before_h, mut before_c) = (of_rows(units)?, of_rows(of_c)?);
    let has_initial = initial.is_some();
    if let Some(initial) = initial {
        let initial = initial.sorted(steps, units)?;
        before_h.copy_from_slice(&initial.h);
        before_c.copy_from_slice(&initial.c);
    } else {
        before_h.fill(0.0);
        before_c.fill(0.0);
    }
    // Of a row without any real step.
    for (r, out) in out.iter_mut().enumerate() {
        out.end(r, &before_h, &before_c);
    }
    let (mut saved, mut room) = (of_rows(C::SAVED * units)?, of_rows(width)?);
    let mut gates = Buffer::default();
    for times in steps.blocks(GATES / width.max(1)) {
        let first = steps.offset(times.start);
        let packed = steps.gather(x, length, inputs, times.clone())?;
        let len = (steps.offset(times.end) - first) * width;
        if gates.len() < len {
            gates = Buffer::uncleared(len)?;
        }
        part.kernel.product(&packed, &mut gates[..len], false)?;
        for t in times {
            let (from, count) = (steps.offset(t), steps.count(t));
            let before = &before_h[..count * units];
            let before = Before { all: before, h: before, c: &before_c[..count * of_c] };
            C::forward(Step {
                weights: part.step(),
                before: (t > 0 || has_initial).then_some(before),
                gates: &mut gates[(from - first) * width..][..count * width],
                keep: false,
                saved: &mut saved[..count * C::SAVED * units],
                h: &mut h[..count * units],
                c: &mut c[..count * of_c],
                room: &mut room[..count * width],
            })?;
            for (r, out) in out[..count].iter_mut().enumerate() {
                out.at(steps, r, t, &h[r * units..][..units]);
                if t + 1 == steps.lengths[r] {
                    out.end(r, &h, &c);
                }
            }
            std::mem::swap(&mut h, &mut before_h);
            std::mem::swap(&mut c, &mut before_c);
        }
    }
    Ok(())
}
