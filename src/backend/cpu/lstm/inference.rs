//! The forward pass without anything kept for a backward pass.

use pulp::Arch;

use super::{Part, RowOut, Sizes, States, Steps, gates::Gates};
use crate::backend::{cpu::buffer::Buffer, memory::NoMemory};

/// How many numbers of gates are worked on at a time: they stay in a cache from their projection to their functions.
const GATES: usize = 64 << 10;

/// The rows that `steps` names, with all units in one part. `out` holds their places, in the order of `steps.rows`.
pub(crate) fn infer(
    Sizes { inputs, units, length }: Sizes,
    part: &Part,
    x: &[f32],
    initial: Option<States<'_>>,
    steps: &Steps,
    out: &mut [RowOut<'_>],
) -> Result<(), NoMemory> {
    let rows = steps.rows.len();
    let initial = initial.map(|states| states.sorted(steps, units)).transpose()?;
    let memory = || Buffer::try_uncleared(rows * units);
    let (mut c, mut before, mut tanh_c) = (memory()?, memory()?, memory()?);
    if let Some((_, initial)) = &initial {
        c.copy_from_slice(initial);
    }
    let mut h = Buffer::try_uncleared(steps.total() * units)?;
    let mut gates = Buffer::default();
    for times in steps.blocks(GATES / (4 * units).max(1)) {
        let first = steps.offset(times.start);
        let x = steps.gather(x, length, inputs, times.clone())?;
        let len = (steps.offset(times.end) - first) * 4 * units;
        if gates.len() < len {
            gates = Buffer::try_uncleared(len)?;
        }
        part.kernel.product(&x, &mut gates[..len], false);
        for t in times {
            let (from, count) = (steps.offset(t), steps.count(t));
            let gates = &mut gates[(from - first) * 4 * units..][..count * 4 * units];
            let (done, rest) = h.split_at_mut(from * units);
            let known = match (t, &initial) {
                (0, None) => None,
                (0, Some((h, _))) => Some(&h[..count * units]),
                (t, _) => Some(&done[steps.offset(t - 1) * units..][..count * units]),
            };
            if let Some(h) = known {
                part.recurrent.product(h, gates, true);
            }
            let (c, before) = (&mut c[..count * units], &mut before[..count * units]);
            before.copy_from_slice(c);
            Arch::new().dispatch(Gates {
                units,
                bias: &part.bias,
                gates,
                before: known.map(|_| &*before),
                c,
                tanh_c: &mut tanh_c[..count * units],
                h: &mut rest[..count * units],
            });
        }
    }
    let initial = initial.as_ref().map(|(h, _)| &h[..]);
    for (r, out) in out.iter_mut().enumerate() {
        let c = (steps.lengths[r] > 0 || initial.is_some()).then(|| &c[r * units..(r + 1) * units]);
        out.write(steps, r, &h, initial, c);
    }
    Ok(())
}
