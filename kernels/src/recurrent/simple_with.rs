use super::{
    cell::{Cell, Step, StepBackward},
    functions::apply,
};
use crate::memory::NoMemory;

/// `h' = activation(x . kernel + h . recurrent_kernel + bias)`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SimpleWith;

impl Cell for SimpleWith {
    const GATES: usize = 1;
    /// The slope of the activation.
    const SAVED: usize = 1;
    const HAS_C: bool = false;

    fn forward(step: Step<'_>) -> Result<(), NoMemory> {
        let Step { weights, before, gates, keep, saved, h, .. } = step;
        if let Some(before) = before {
            weights.recurrent[0].product(before.all, gates, true)?;
        }
        let Some(functions) = weights.functions else { return Ok(()) };
        let units = weights.units.max(1);
        for (gates, h) in gates.chunks_exact(units).zip(h.chunks_exact_mut(units)) {
            let values = h.iter_mut().zip(gates).zip(weights.bias);
            values.for_each(|((h, gate), bias)| *h = gate + bias);
        }
        apply(&*functions.activation, h, keep.then_some(saved));
        Ok(())
    }

    fn backward(step: StepBackward<'_>) -> Result<(), NoMemory> {
        let StepBackward { weights, before, gates, saved, d_h, carry_h, .. } = step;
        let values = gates.iter_mut().zip(&*saved).zip(d_h).zip(&*carry_h);
        values.for_each(|(((gate, slope), d_h), carry)| *gate = (d_h + carry) * slope);
        carry_h.fill(0.0);
        match before {
            Some(_) => weights.recurrent[0].product(gates, carry_h, true),
            None => Ok(()),
        }
    }
}
