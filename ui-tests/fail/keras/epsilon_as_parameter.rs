//~ `1e-6` is an option: write `#[with(epsilon = 1e-6)]` in front of the field
use kerata::{Batch, Dense, LayerNorm, Relu, Softmax, model};
#[model(input = (Batch, 16), output = (Batch, 10))]
struct Net {
    hidden: Dense<_, 32, Relu>,
    norm: LayerNorm<_, 1e-6>,
    head: Dense<_, 10, Softmax>,
}

fn main() {}
