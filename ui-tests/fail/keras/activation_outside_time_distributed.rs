//~ `Softmax` is a parameter of the `Dense` within: write `TimeDistributed<Dense<_, 5, Softmax>>`
use kerata::{Batch, Dense, Lstm, Sequences, Softmax, TimeDistributed, model};
#[model(input = (Batch, 12, 8))]
struct Tagger {
    lstm: Lstm<_, 32, Sequences>,
    tags: TimeDistributed<Dense<_, 5>, Softmax>,
}

fn main() {}
