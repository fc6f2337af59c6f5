//! What all programs that train on the CPU in `f32` have in common, compiled with the crate instead of with each of them.
//!
//! A generic function is compiled where it is used, again in each program and at each of its builds; but one that is never
//! inlined is taken from the crate if there is an instance there. These are the instances.

use std::sync::Arc;

use dfdx::tensor::Cpu;

use super::ranks::{Ranks, Step};
use crate::{
    distributed::Communicator,
    error::Error,
    io::SaveWeights,
    optim::{Adam, AdamW, Optimizer, RMSprop, Sgd, State, Summed},
    parameters::Parameters,
};

/// A model without layers.
#[derive(Clone)]
struct Nothing;

impl Parameters for Nothing {}

fn train(optimizer: &impl Optimizer) -> Result<(), Error> {
    let (mut state, model) = (State::<f32, Cpu>::default(), &mut Nothing);
    let failing = |_: &mut Nothing| Err(Error::Empty("the model"));
    state.attempt_summed(optimizer, model, failing, Some(&mut |_, loss| Ok(loss)), true)?;
    state.swap_averages(model)?;
    state.settle(optimizer, model)?;
    state.restore(model, optimizer, (1, 0), &[]).map(drop)
}

/// Does nothing that is of use.
#[doc(hidden)]
pub fn compiled(comm: Arc<dyn Communicator>) -> Result<(), Error> {
    train(&Sgd::new(0.0))?;
    train(&Adam::new(0.0))?;
    train(&AdamW::new(0.0, 0.0))?;
    train(&RMSprop::new(0.0))?;
    Nothing.save_weights("")?;
    Nothing.load_weights("")?;
    let (nothing, step) =
        (Summed::<f32>::Gradients(&mut []), Step { told: &[], size: 0, put_off: None });
    Ranks::new(comm).gather_step(nothing, &mut [], step, &[]).map(drop)
}
