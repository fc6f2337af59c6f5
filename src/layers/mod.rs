//! The layers, one per file.

// What they are called in Keras and PyTorch: `#[model]` says their names here.
kerata_macros::elsewhere!();

mod activation;
mod attention;
mod conv;
mod dense;
mod dropout;
mod embedding;
mod embedding_bag;
mod functions;
mod identity;
mod inner;
mod masking;
mod merge;
mod noise;
mod norm;
mod pool;
mod position_embedding;
mod prelu;
mod preprocessing;
mod recurrent;
mod reshape;
mod shared;
mod sloped;
mod softmax_along;
mod spatial_dropout;
mod time_distributed;
mod training_only;
mod unmask;

pub use activation::{Activation, Linear, Relu, Sigmoid, Softmax, Tanh};
pub use attention::*;
pub use conv::*;
pub use dense::Dense;
pub use dropout::Dropout;
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
pub use merge::*;
pub(crate) use noise::Noise;
pub use noise::{AlphaDropout, GaussianDropout, GaussianNoise};
pub use norm::*;
pub use pool::*;
pub use position_embedding::PositionEmbedding;
pub use prelu::{PRelu, PRelu1d, PRelu2d};
pub use preprocessing::*;
pub use recurrent::*;
pub use reshape::*;
pub use shared::Shared;
pub use sloped::{EluLayer, LeakyReluLayer, ReluLayer};
pub use softmax_along::SoftmaxAlong;
pub(crate) use spatial_dropout::channel_factors;
pub use spatial_dropout::{SpatialDropout1d, SpatialDropout2d};
pub use time_distributed::TimeDistributed;
pub(crate) use time_distributed::{Part, by_parts, parts, select};
pub use unmask::Unmask;
