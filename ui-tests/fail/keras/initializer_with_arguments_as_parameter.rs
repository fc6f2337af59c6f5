//~ write `#[with(kernel_initializer = RandomNormal { mean: 0.0, stddev: 0.05 })]` in front of the field
use kerata::{Batch, Dense, Relu, model};
#[model(input = (Batch, 8), output = (Batch, 2))]
struct Net {
    hidden: Dense<_, 32, Relu, RandomNormal>,
    head: Dense<_, 2>,
}

fn main() {}
