//~ `MultiHeadAttention` needs its features, number of heads and size of a key, and `_` stands for what reaches it: write `MultiHeadAttention<_, 4, 32>`
//~ write `MultiHeadAttention<_, 32, 4>`
//~ the number of heads of `MultiHeadAttention` cannot be 0
use kerata::{Batch, MultiHeadAttention, model};

#[model(input = (Batch, 8, 16))]
struct Net {
    first: MultiHeadAttention<4, 32>,
    second: MultiHeadAttention<32, 4>,
    third: MultiHeadAttention<_, 0, 4>,
}

fn main() {}
