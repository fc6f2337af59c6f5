//~ `false` is an option: write `#[with(use_bias = false)]` in front of the field
use kerata::{Batch, Dense, Linear, Relu, model};
#[model(input = (Batch, 8), output = (Batch, 2))]
struct Net {
    hidden: Dense<_, 32, Relu>,
    head: Dense<_, 2, Linear, false>,
}

fn main() {}
