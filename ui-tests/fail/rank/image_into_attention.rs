//~ a sequence is needed here, `(Batch, Length, Features)`, but
//~ this layer attends to the steps of a sequence
use kerata::{Batch, Flatten, MultiHeadAttention, model};

#[model(input = (Batch, 8, 8, 16))]
struct Net {
    attention: MultiHeadAttention<_, 4, 8>,
    flatten: Flatten<_>,
}

fn main() {}
