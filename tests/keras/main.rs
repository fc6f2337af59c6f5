//! Held against numbers that Keras computed: layers, gradients, losses, metrics and training.
//!
//! Each test looks at one case, and reports what became of each of the variants in it. If all tests ran, a
//! table says how many variants ran typed, how many from a config, and which are passed over and why; it is
//! a failure if one is neither run nor listed, or if its reason has become stale.

#![allow(missing_docs)]

use std::process::ExitCode;

mod activations;
mod calls;
#[allow(dead_code)]
mod case;
mod each_layer;
mod from_json;
mod harness;
mod images;
mod imports;
mod initial;
mod json_gradients;
mod layers;
mod losses;
mod metrics;
mod models;
mod optimizers;
mod reasons;
mod report;
mod training;
mod variants;

fn main() -> ExitCode {
    let tests = [
        activations::tests(),
        calls::tests(),
        from_json::tests(),
        images::tests(),
        imports::tests(),
        initial::tests(),
        layers::tests(),
        losses::tests(),
        metrics::tests(),
        models::tests(),
        optimizers::tests(),
        training::tests(),
    ];
    harness::main(tests.into_iter().flatten().collect())
}
