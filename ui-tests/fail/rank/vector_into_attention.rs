//~ a sequence is needed here, `(Batch, Length, Features)`, but `(usize, Size<16>)` arrives
//~ this layer attends to the steps of a sequence
use kerata::{Batch, Dense, Lstm, MultiHeadAttention, model};

#[model(input = (Batch, 10, 8))]
struct Net {
    lstm: Lstm<_, 16>,
    attention: MultiHeadAttention<_, 4, 8>,
    head: Dense<_, 2>,
}

fn main() {}
