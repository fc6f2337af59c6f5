//! What a dataset or a vocabulary in the making has not, but is written as in TensorFlow.

use super::{InMemory, VocabularyBuilder};
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

/// What a vocabulary in the making would have to be to know words.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "no words are known yet: `Vocabulary::words().learn(texts)?` gives a vocabulary, or `.list(words)?`",
    label = "behind `learn` or `list`"
)]
pub trait Knows<'a> {
    type Out;

    fn never() -> Self::Out;
}

/// No methods of a trait, which would have to be imported.
macro_rules! behind_learn {
    ($($method:ident($($arg:ident),*))*) => {
        impl VocabularyBuilder {
            $(
                #[doc(hidden)]
                pub fn $method<'a>(&self $(, $arg: impl std::marker::Sized)*) -> <Self as Knows<'a>>::Out
                where
                    Self: Knows<'a>,
                {
                    Self::never()
                }
            )*
        }
    };
}
behind_learn!(encode(_text) decode(_ids) id(_word) size() adapt(_texts) fit_on_texts(_texts));

elsewhere! {
    NotOfDatasets:
    MakesBatches: batch(_size) shuffle(_size) repeat() map(_function) prefetch(_count) cache();
}

impl<X, Y, W> NotOfDatasets for InMemory<X, Y, W> {}
