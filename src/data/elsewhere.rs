//! What a dataset has not, but is written as in TensorFlow.

use super::InMemory;
use crate::just_the_type::elsewhere;

/// What a dataset would have to be to make its batches itself.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "batches are made by `fit`: `trainer.fit(&data, &Fit {{ batch_size: 64, ..Fit::epochs(10) }})?`",
    label = "`fit` shuffles in each epoch, unless `shuffle: false`; what is computed of each batch is a `.augment(..)` of the trainer"
)]
pub trait MakesBatches {
    type Out;

    fn never() -> Self::Out;
}

elsewhere! {
    NotOfDatasets:
    MakesBatches: batch(_size) shuffle(_size) repeat() map(_function) prefetch(_count) cache();
}

impl<X, Y, W> NotOfDatasets for InMemory<X, Y, W> {}
