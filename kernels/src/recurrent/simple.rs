use pulp::{Arch, Simd, WithSimd};

use super::cell::{Cell, Step, StepBackward};
use crate::{
    memory::NoMemory,
    simd::{load, store, tanh},
};

/// `h' = tanh(x . kernel + h . recurrent_kernel + bias)`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Simple;

impl Cell for Simple {
    const GATES: usize = 1;
    const SAVED: usize = 0;
    const HAS_C: bool = false;

    fn forward(step: Step<'_>) -> Result<(), NoMemory> {
        if let Some(before) = step.before {
            step.weights.recurrent[0].product(before.all, step.gates, true)?;
        }
        Arch::new().dispatch(Forward(step));
        Ok(())
    }

    fn backward(step: StepBackward<'_>) -> Result<(), NoMemory> {
        let StepBackward { weights, before, gates, h, d_h, carry_h, .. } = step;
        Arch::new().dispatch(Backward { gates, h, d_h, carry_h });
        carry_h.fill(0.0);
        match before {
            Some(_) => weights.recurrent[0].product(gates, carry_h, true),
            None => Ok(()),
        }
    }
}

struct Forward<'a>(Step<'a>);

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Step { weights, gates, h, .. } = self.0;
        let units = weights.units.max(1);
        for (gates, h) in gates.chunks_exact(units).zip(h.chunks_exact_mut(units)) {
            for at in (0..units).step_by(S::F32_LANES) {
                let z = simd.add_f32s(load(simd, gates, at), load(simd, weights.bias, at));
                store(simd, h, at, tanh(simd, z));
            }
        }
    }
}

struct Backward<'a> {
    gates: &'a mut [f32],
    h: &'a [f32],
    d_h: &'a [f32],
    carry_h: &'a [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { gates, h, d_h, carry_h } = self;
        let one = simd.splat_f32s(1.0);
        for at in (0..gates.len()).step_by(S::F32_LANES) {
            let h = load(simd, h, at);
            let d_h = simd.add_f32s(load(simd, d_h, at), load(simd, carry_h, at));
            let slope = simd.negate_mul_add_e_f32s(h, h, one);
            store(simd, gates, at, simd.mul_f32s(d_h, slope));
        }
    }
}
