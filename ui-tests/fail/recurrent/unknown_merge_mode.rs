//~ `Relu` stands in place of the merge mode: write `Bidirectional<Gru<_, 4>>`
use kerata::{Batch, Bidirectional, Gru, Relu, model};

#[model(input = (Batch, 10, 8), output = (Batch, 4))]
struct Net {
    both: Bidirectional<Gru<_, 4>, Relu>,
}

fn main() {}
