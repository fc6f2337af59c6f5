//! What an optimiser has not, but is written as in PyTorch.

use super::Optimizer;
use crate::just_the_type::elsewhere;

/// What an optimiser would have to be to make steps by itself.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "an optimiser holds settings alone: `Trainer::new(model, loss, optimizer)?` has `fit`, which makes the steps",
    label = "in a loop of your own, `optim::State::attempt(&optimizer, &mut model, ..)` is the step; there are no gradients to set to zero"
)]
pub trait StepsAlone {
    type Out;

    fn never() -> Self::Out;
}

elsewhere! {
    NotOfOptimizers:
    StepsAlone: zero_grad() step() apply_gradients(_gradients) minimize(_loss);
}

impl<O: Optimizer> NotOfOptimizers for O {}
