//~ write `#[with(kernel_initializer = kerata::config::Initializer::Normal { mean: 0.0, std: 0.05, cut: false })]` in front of the field
use kerata::{Batch, Dense, Relu, model};
#[model(input = (Batch, 8), output = (Batch, 2))]
struct Net {
    hidden: Dense<_, 32, Relu, RandomNormal>,
    head: Dense<_, 2>,
}

fn main() {}
