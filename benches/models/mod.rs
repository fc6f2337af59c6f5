//! Models that more than one bench measures.

use kerata::{
    Batch, Conv2d, Dense, Embedding, Flatten, Ids, Lstm, MaskZero, MaxPool2d, Relu, Sequences,
    model,
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
