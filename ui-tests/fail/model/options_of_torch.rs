//~ `in_channels` and `out_channels` are parameters of the type here: write `Conv2d<3, 8, 3>`
//~ `num_embeddings` and `embedding_dim` are parameters of the type here: write `Embedding<100, 8>`
//~ `bias` is called `use_bias`, as in Keras: write `use_bias = false`
//~ the batch comes first here: leave `batch_first` away
//~ write `Bidirectional<Lstm<_, 4>>`
//~ `1` cannot stand for the padding, `Valid` or `Same`
//~ the stride is one number for all axes here, and `(2, 1)` are several
//~lines 5
#![allow(unused_imports)]
use kerata::{Batch, Conv2d, Dense, Embedding, Lstm, model};

#[model(input = (Batch, 8, 8, 3))]
struct Net {
    #[with(in_channels = 3, out_channels = 8)]
    channels: Conv2d<_, 4, 3>,
    #[with(num_embeddings = 100, embedding_dim = 8)]
    embed: Embedding,
    #[with(bias = false)]
    bias: Dense<_, 4>,
    #[with(batch_first = true)]
    first: Lstm<_, 4>,
    #[with(bidirectional = true)]
    both: Lstm<_, 4>,
    #[with(padding = 1)]
    padding: Conv2d<_, 4, 3>,
    #[with(stride = (2, 1))]
    stride: Conv2d<_, 4, 3>,
}

fn main() {}
