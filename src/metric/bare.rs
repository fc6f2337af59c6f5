//! The metrics that `default` makes.

use crate::just_the_type::{ByDefault, JustTheType, by_default};

by_default! {
    settings: Auc, BinaryAccuracy, BinaryIoU, F1Score, FBetaScore, FalseNegatives, FalsePositives, IoU, OneHotIoU,
        Precision, R2Score, Recall, SparseTopKCategoricalAccuracy, TopKCategoricalAccuracy, TrueNegatives,
        TruePositives;
    none: Accuracy, CategoricalAccuracy, ConcordanceCorrelation, CosineSimilarity, MeanIoU, MeanReciprocalRank, OneHotMeanIoU, PearsonCorrelation,
        RootMeanSquaredError, SparseCategoricalAccuracy
}
