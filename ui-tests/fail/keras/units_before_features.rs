//~ `_` is for what reaches a layer, and stands in front of the units: write `Dense<_, 32, Relu>`
use kerata::{Batch, Dense, Relu, model};
#[model(input = (Batch, 8), output = (Batch, 2))]
struct Net {
    hidden: Dense<32, _, Relu>,
    head: Dense<_, 2>,
}

fn main() {}
