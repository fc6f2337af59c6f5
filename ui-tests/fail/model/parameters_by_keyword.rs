//~ `units` is a parameter of the type here: write `Dense<_, 4>`
//~ `activation` is a parameter of the type here: write `Dense<_, 4, Relu>`
//~ `filters`, `kernel_size` and `padding` are parameters of the type here: write `Conv2d<_, 8, 3, 5, Linear, Same>`
//~ `strides` is a parameter of the type here: write `MaxPool2d<2, 2, 2>`
//~ `rate` is a parameter of the type here: write `Dropout<25>`
//~ write `Embedding<1000, 16, MaskZero>`
//~ write `MultiHeadAttention<_, 2, 8>`
//~ write `Bidirectional<Lstm<_, 4, Sequences>, Sum>`
//~ `LSTM` is called `Lstm` here, and `units` and `return_sequences` are parameters of the type: write `Lstm<_, 4, Sequences>`
//~ `padding` is a parameter of the type here: write `ZeroPadding2d<0, 0, 1, 2>`
//~ `target_shape` is a parameter of the type here: write `Reshape<(Const<4>, Const<2>)>`
//~ `merge_mode` is a parameter of the type here: write `Bidirectional<Lstm<_, 4>, Separate>`
//~lines 5
#![allow(unused_imports)]
use kerata::{
    Batch, Bidirectional, Conv2d, Dense, Dropout, Embedding, LSTM, Lstm, MaxPool2d, MultiHeadAttention, Reshape,
    ZeroPadding2d, model,
};

#[model(input = (Batch, 8))]
struct Net {
    #[with(units = 4)]
    bare: Dense,
    #[with(activation = "relu")]
    without_features: Dense<4>,
    #[with(filters = 8, kernel_size = (3, 5), padding = "same")]
    conv: Conv2d,
    #[with(strides = 2)]
    pool: MaxPool2d,
    #[with(rate = 0.25)]
    drop: Dropout,
    #[with(input_dim = 1000, output_dim = 16, mask_zero = true)]
    embed: Embedding,
    #[with(num_heads = 2, key_dim = 8)]
    attention: MultiHeadAttention,
    #[with(units = 4, return_sequences = true, merge_mode = "sum")]
    both: Bidirectional<Lstm>,
    #[with(units = 4, return_sequences = true)]
    lstm: LSTM,
    #[with(padding = ((0, 1), (0, 2)))]
    pad: ZeroPadding2d,
    #[with(target_shape = (4, 2))]
    shape: Reshape,
    #[with(merge_mode = None)]
    separate: Bidirectional<Lstm<_, 4>>,
}

fn main() {}
