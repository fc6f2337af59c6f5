//~ `Softmax` over one unit is always 1: write `Dense<_, 1, Sigmoid>`
use kerata::{Batch, model};

#[model(input = (Batch, 4), output = (Batch, 1))]
struct Net {
    head: kerata::Dense<_, 1, kerata::Softmax>,
}

fn main() {}
