//! What a trainer has not, but is written as in Keras or PyTorch.

use super::{Fit, Trainer};
use crate::{
    backend::{Backend, Element},
    just_the_type::elsewhere,
    signal::Signal,
};

/// What a trainer would have to be to take lists of callbacks or metrics.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "callbacks and metrics are added to a trainer one by one: `.callback(EarlyStopping::new(\"val_loss\"))`",
    label = "one call for each: `.callback(..)`, `.metric(..)`"
)]
pub trait TakesLists {
    type Out;

    fn never() -> Self::Out;
}

/// What a trainer would have to be to be saved by these names.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the weights are those of the model: `trainer.model.save_weights(\"net.safetensors\")?`",
    label = "`trainer.save_checkpoint(..)?` saves the state of the training as well, and `trainer.resume(..)?` goes on with it"
)]
pub trait SavesModels {
    type Out;

    fn never() -> Self::Out;
}

/// What a trainer would have to be to read its state by these names.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a training goes on from a checkpoint by `trainer.resume(path)?`",
    label = "`resume`: it reads what `save_checkpoint` wrote"
)]
pub trait ReadsCheckpoints {
    type Out;

    fn never() -> Self::Out;
}

/// What a trainer would have to be to have a summary.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the summary is that of the type of the model: `println!(\"{{}}\", Net::summary())`",
    label = "no method of a trainer"
)]
pub trait Summarises {
    type Out;

    fn never() -> Self::Out;
}

/// What a trainer would have to be to make single steps.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a trainer makes all steps of an epoch: `trainer.fit(&data, &Fit::epochs(10))?`",
    label = "in a loop of your own, `optim::State::attempt` makes one step"
)]
pub trait MakesSteps {
    type Out;

    fn never() -> Self::Out;
}

/// What [`Fit`] would have to be to take what belongs to a trainer.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "callbacks belong to the trainer: `trainer.callback(EarlyStopping::new(\"val_loss\"))`, one call for each",
    label = "not to `Fit`, which has numbers only: `Fit {{ batch_size: 64, ..Fit::epochs(12) }}`"
)]
pub trait TakesCallbacks {
    type Out;

    fn never() -> Self::Out;
}

/// What [`Fit`] would have to be to take data.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "validation data go to a method of the trainer: `trainer.fit_validated(&data, &validation, &fit)?`",
    label = "not to `Fit`; a part of the data is taken off by `data.split(..)`"
)]
pub trait TakesData {
    type Out;

    fn never() -> Self::Out;
}

/// What [`Fit`] would have to be to be set by methods.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "how to fit is said by fields: `Fit {{ batch_size: 64, shuffle: false, ..Fit::epochs(12) }}`",
    label = "a field, not a method"
)]
pub trait SetsFields {
    type Out;

    fn never() -> Self::Out;
}

elsewhere! {
    NotOfFits:
    TakesCallbacks: callback(_callback) callbacks(_list) with_callbacks(_list);
    TakesData: validation_data(_data) validation_split(_part);
    SetsFields: batch_size(_n) shuffle(_flag) seed(_n) steps_per_epoch(_n) validation_steps(_n) validation_freq(_n) initial_epoch(_n)
        validation_batch_size(_n) progress(_flag) verbose(_flag) with_batch_size(_n);
}

impl NotOfFits for Fit {}

elsewhere! {
    NotOfTrainers:
    TakesLists: callbacks(_list) metrics(_list) add_callback(_callback);
    SavesModels: save(_path) save_weights(_path) save_keras(_path) save_model(_path) save_state(_path)
        load_weights(_path) load_keras(_path) state_dict();
    ReadsCheckpoints: load_checkpoint(_path) restore_checkpoint(_path) resume_from(_path) load_state(_path) restore(_path);
    Summarises: summary();
    MakesSteps: train_on_batch(_x, _y) train_step(_batch) test_on_batch(_x, _y);
}

impl<M, L, O, Y: Signal, E: Element, D: Backend<E>> NotOfTrainers for Trainer<M, L, O, Y, E, D> {}
