//! What an optimiser has not, but is written as in PyTorch.

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

/// For each by itself: of all that are an [`Optimizer`](super::Optimizer), the compiler would say of any other type with such a call
/// that it is none.
macro_rules! each {
    ($($optimizer:ident),*) => {
        $(impl NotOfOptimizers for super::$optimizer {})*
    };
}
each!(
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    AdamW,
    Adamax,
    Ftrl,
    Lamb,
    Lion,
    Muon,
    Nadam,
    RMSprop,
    ScheduleFreeAdamW,
    Sgd
);
