//! What models and layers have in Keras or PyTorch, and have not here.
//!
//! These names no trait of a program has: so they are there, and told of in few lines. Others are not, see `crate::model::Untrained`.

use dfdx::tensor::Cpu;

use super::Parameters;
use crate::just_the_type::elsewhere;

/// What has weights would have to be this to hand them out under other names.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "weights are fields, such as `net.head.kernel`: `save_weights(\"net.safetensors\")?` saves all, `parameters()` lists them",
    label = "`load_weights(..)?` reads them"
)]
pub trait HandsOut {
    type Out;

    fn never() -> Self::Out;
}

/// What has weights would have to be this to count them for each value.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the number of parameters is that of the type: `{Self}::PARAMS`",
    label = "no method: `Net::summary()` of a model tells those of each layer"
)]
pub trait Counts {
    type Out;

    fn never() -> Self::Out;
}

/// What has weights would have to be this to hold gradients.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a model holds no gradients: `Trainer::new(model, loss, optimizer)?` has `fit`, which makes the steps",
    label = "in a loop of your own, `optim::State::attempt(&optimizer, &mut model, ..)` is the step"
)]
pub trait HoldsGradients {
    type Out;

    fn never() -> Self::Out;
}

/// What has weights would have to be this to move to another device.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a model stays on the device that it was built on: `Net::build(&Cpu::seed_from_u64(0))?`",
    label = "no method is needed on a `Cpu`"
)]
pub trait Moves {
    type Out;

    fn never() -> Self::Out;
}

elsewhere! {
    NotOfWeights:
    HandsOut: get_weights() set_weights(_weights) state_dict() load_state_dict(_weights) trainable_weights() named_parameters();
    Counts: count_params() num_parameters();
    HoldsGradients: zero_grad() requires_grad_(_flag);
    Moves: to(_device) cuda() cpu();
}

impl<T: Parameters<f32, Cpu>> NotOfWeights for T {}
