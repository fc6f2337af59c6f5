//! Models that more than one bench measures.

use kerata::{
    Add, Batch, BatchNorm, Conv2d, Dense, Embedding, Flatten, GlobalAveragePooling2d, Ids, Linear,
    Lstm, MaskZero, MaxPool2d, Relu, Sequences, model, shape::Same,
};

/// W1, W2, W3: sentences of 100 words.
#[model(input = Ids<(Batch, 100)>, output = (Batch, 2))]
pub(crate) struct Sentiment {
    pub(crate) embed: Embedding<10_000, 128, MaskZero>,
    pub(crate) lstm1: Lstm<_, 128, Sequences>,
    pub(crate) lstm2: Lstm<_, 128>,
    pub(crate) head: Dense<_, 2>,
}

/// W4, W5: pictures of 28 x 28.
#[model(input = (Batch, 28, 28, 1), output = (Batch, 10))]
pub(crate) struct Digits {
    pub(crate) conv1: Conv2d<_, 32, 3, 3, Relu>,
    pub(crate) conv2: Conv2d<_, 64, 3, 3, Relu>,
    pub(crate) pool: MaxPool2d<2>,
    pub(crate) flatten: Flatten<_>,
    pub(crate) dense: Dense<_, 128, Relu>,
    pub(crate) head: Dense<_, 10>,
}

/// A convolution of 3 by 3 in front of a normalisation.
type Conv<const I: usize> = Conv2d<I, 32, 3, 3, Linear, Same>;

/// W13: pictures of 32 x 32, residual blocks with batch normalisation.
#[model(input = (Batch, 32, 32, 3), output = (Batch, 10))]
pub(crate) struct Residual {
    #[with(use_bias = false)]
    pub(crate) stem: Conv<3>,
    norm0: BatchNorm<_>,
    relu0: Relu,
    #[with(use_bias = false)]
    pub(crate) conv1: Conv<32>,
    norm1: BatchNorm<_>,
    relu1: Relu,
    #[with(use_bias = false)]
    pub(crate) conv2: Conv<32>,
    norm2: BatchNorm<_>,
    #[from(relu0, norm2)]
    sum2: Add,
    relu2: Relu,
    #[with(use_bias = false)]
    pub(crate) conv3: Conv<32>,
    norm3: BatchNorm<_>,
    relu3: Relu,
    #[with(use_bias = false)]
    pub(crate) conv4: Conv<32>,
    norm4: BatchNorm<_>,
    #[from(relu2, norm4)]
    sum4: Add,
    relu4: Relu,
    #[with(use_bias = false)]
    pub(crate) conv5: Conv<32>,
    norm5: BatchNorm<_>,
    relu5: Relu,
    #[with(use_bias = false)]
    pub(crate) conv6: Conv<32>,
    norm6: BatchNorm<_>,
    #[from(relu4, norm6)]
    sum6: Add,
    relu6: Relu,
    pool: GlobalAveragePooling2d,
    pub(crate) head: Dense<_, 10>,
}
