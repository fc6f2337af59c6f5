//! The losses that `default` makes.

use crate::just_the_type::{ByDefault, JustTheType, by_default};

/// What a prediction would have to be to be taken by a loss `L` as by a layer.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a loss compares a prediction with its target by `compute`: `{L}.compute(prediction, target)?`",
    label = "goes to `compute`, as does the target; a loss with settings is `{L}::default()`"
)]
pub trait RunBy<L> {
    type Out;

    fn out(self) -> Self::Out;
}

macro_rules! losses {
    (settings: $($loss:ident),*; none: $($unit:ident),*) => {
        by_default! { settings: $($loss),*; none: $($unit),* }
        losses!(@ $($loss)* $($unit)*);
    };
    (@ $($loss:ident)*) => {
        $(impl super::$loss {
            /// Of nothing. No method of a trait: that of layers is one of every type. The bound is one of what is not known yet when the method
            /// is looked for, or that of layers would be taken.
            #[doc(hidden)]
            pub fn forward<P: RunBy<Self>>(&self, prediction: P, _target: impl Sized) -> P::Out {
                prediction.out()
            }
        })*
    };
}

losses! {
    settings: BinaryCrossentropy, BinaryFocalCrossentropy, CategoricalCrossentropy, CategoricalFocalCrossentropy,
        CategoricalGeneralizedCrossEntropy, Circle, Dice, Huber, SparseCategoricalCrossentropy, Tversky;
    none: CategoricalHinge, CosineSimilarity, Ctc, Hinge, KLDivergence, LogCosh, MeanAbsoluteError,
        MeanAbsolutePercentageError, MeanSquaredError, MeanSquaredLogarithmicError, Poisson, SquaredHinge
}
