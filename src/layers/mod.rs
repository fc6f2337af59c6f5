//! The layers, one per file.

mod activation;
mod attention;
mod conv;
mod dense;
mod dropout;
#[allow(non_upper_case_globals)]
mod elsewhere;
mod embedding;
mod embedding_bag;
mod functions;
mod identity;
mod inner;
mod masking;
mod merge;
mod norm;
mod pool;
mod prelu;
mod preprocessing;
mod recurrent;
mod reshape;
mod shared;
mod sloped;
mod softmax_along;
mod time_distributed;
mod unmask;

pub use activation::{Activation, Linear, Relu, Sigmoid, Softmax, Tanh};
pub use attention::{Attended, Attends, AttendsTo, MultiHeadAttention};
pub use conv::{Conv1d, Conv2d, Grouping, Groups, ImagePadding, OneGroup};
pub use dense::Dense;
pub use dropout::Dropout;
#[doc(hidden)]
pub use elsewhere::*;
pub use embedding::{Embedding, MaskIds, MaskZero, NoMask};
pub use embedding_bag::EmbeddingBag;
pub use functions::{
    Celu, Elu, Exponential, Gelu, HardShrink, HardSigmoid, HardSilu, HardTanh, Keras2HardSigmoid,
    LeakyRelu, LogSigmoid, Mish, Relu6, Selu, Silu, SoftShrink, Softplus, Softsign, SparsePlus,
    SparseSigmoid, Squareplus, TanhShrink,
};
pub use identity::Identity;
pub use inner::Inner;
pub use masking::Masking;
pub use merge::{
    Add, Alike, Average, BesideOther, Concatenate, Dot, DotWith, Dotted, Featured, LikeOther,
    Maximum, Mergeable, Minimum, Multiply, SideBySide, StepsAlike, StepsBeside, Subtract,
};
pub(crate) use norm::batch_norm_train;
pub use norm::{BatchNorm, LayerNorm, RmsNorm};
pub use pool::{
    AvgPool1d, AvgPool2d, GlobalAveragePooling1d, GlobalAveragePooling2d, GlobalMaxPooling1d,
    GlobalMaxPooling2d, MaxPool1d, MaxPool2d,
};
pub use prelu::{PRelu, PRelu1d, PRelu2d};
pub use preprocessing::{
    Factor, FillMode, FlipMode, Interpolation, Normalization, RandomCrop, RandomFlip,
    RandomRotation, RandomZoom, Rescaling, WidthFactor,
};
pub(crate) use preprocessing::{at_least, cropped};
pub use recurrent::{
    Bidirectional, BothStates, CellState, Concat, Gru, HandsOn, InitialState, KeepsH, KeepsHc,
    LastState, Lstm, MergeMode, Merges, Recurrent, RecurrentInput, ResetAfter, ResetBefore,
    ResetGate, ReturnState, Returns, Rnn, RnnCell, RowsWithStates, Separate, SequenceFeatures,
    Sequences, SimpleRnn, Stack, StackLayer, StackedRnn, StateSignal, StateVectors, StreamParts,
    Sum, ToState,
};
pub(crate) use reshape::UNMASKED;
pub use reshape::{
    FixedSizes, Flatten, Permute, Permuted, RepeatVector, Reshape, TrailingDims, Unmasked,
    ZeroPadding2d,
};
pub use shared::Shared;
pub use sloped::{EluLayer, LeakyReluLayer, ReluLayer};
pub use softmax_along::SoftmaxAlong;
pub use time_distributed::TimeDistributed;
pub(crate) use time_distributed::{Part, by_parts, parts, select};
pub use unmask::Unmask;
