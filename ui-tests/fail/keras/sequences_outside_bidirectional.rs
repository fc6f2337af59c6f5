//~ `Sequences` is a parameter of the `Lstm` within: write `Bidirectional<Lstm<_, 32, Sequences>>`
use kerata::{Batch, Bidirectional, Dense, Lstm, Sequences, Softmax, TimeDistributed, model};
#[model(input = (Batch, 12, 8))]
struct Tagger {
    both: Bidirectional<Lstm<_, 32>, Sequences>,
    tags: TimeDistributed<Dense<_, 5, Softmax>>,
}

fn main() {}
