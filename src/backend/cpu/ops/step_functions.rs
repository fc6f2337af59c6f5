//! The functions of a recurrent step as the kernels take them.

use std::sync::Arc;

use dfdx::tensor::Cpu;

use crate::backend::{
    ActivationFunction, Elementwise, RecurrentInputs, RecurrentWeights, WithFunction,
    tape::Recorder,
};
use kerata_kernels::recurrent::{Function, Functions};

/// A function of each value, or none at all.
#[derive(Debug)]
struct OfEach(ActivationFunction);

impl Function for OfEach {
    fn apply(&self, values: &mut [f32]) {
        let kind = self.0.fused();
        if kind.is_fused() {
            kind.apply(values);
        } else {
            Elementwise::from(self.0).in_place(values);
        }
    }

    fn slopes(&self, arguments: &mut [f32], results: &[f32]) {
        struct Slopes<'a>(&'a mut [f32], &'a [f32]);

        impl WithFunction<f32> for Slopes<'_> {
            type Out = ();

            fn run(self, _: impl Fn(f32) -> f32, slope: impl Fn(f32, f32) -> f32) {
                for (x, &y) in self.0.iter_mut().zip(self.1) {
                    // What is not finite has no gradient.
                    let slope = slope(*x, y);
                    *x = if slope.is_finite() { slope } else { 0.0 };
                }
            }
        }

        if self.0.with(Slopes(arguments, results)).is_none() {
            arguments.fill(1.0);
        }
    }
}

/// Whether the kernels have the functions of a step: all but those of a row.
pub(super) fn has_functions(weights: &RecurrentWeights<'_, f32, Cpu>) -> bool {
    let is_of_each = |function: ActivationFunction| {
        function == ActivationFunction::LINEAR || Elementwise::from(function).is_of_each()
    };
    let functions = weights.functions;
    is_of_each(functions.activation) && (weights.cell.gates() == 1 || is_of_each(functions.gate))
}

/// Whether the kernels have the functions of a step, and what drops does not differ from gate to gate.
pub(super) fn is_fused(
    inputs: &RecurrentInputs<'_, f32, Cpu, Recorder>,
    weights: &RecurrentWeights<'_, f32, Cpu>,
) -> bool {
    has_functions(weights) && inputs.dropout.is_of_inputs()
}

/// The functions of a step, where they are not those that the kernels have in their loops.
pub(super) fn functions(weights: &RecurrentWeights<'_, f32, Cpu>) -> Option<Functions> {
    let functions = weights.functions;
    (!weights.has_usual_functions()).then(|| Functions {
        activation: Arc::new(OfEach(functions.activation)),
        gate: Arc::new(OfEach(functions.gate)),
    })
}
