//! The losses that `default` makes.

use crate::just_the_type::{ByDefault, JustTheType, by_default};

by_default! {
    settings: BinaryCrossentropy, BinaryFocalCrossentropy, CategoricalCrossentropy, CategoricalFocalCrossentropy,
        CategoricalGeneralizedCrossEntropy, Circle, Dice, Huber, SparseCategoricalCrossentropy, Tversky;
    none: CategoricalHinge, CosineSimilarity, Ctc, Hinge, KLDivergence, LogCosh, MeanAbsoluteError,
        MeanAbsolutePercentageError, MeanSquaredError, MeanSquaredLogarithmicError, Poisson, SquaredHinge
}
