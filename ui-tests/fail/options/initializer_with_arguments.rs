//~ write `kernel_initializer = kerata::config::Initializer::Normal { mean: 0.0, std: 0.05, cut: false }`
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 4))]
struct Net {
    #[with(kernel_initializer = RandomNormal(0.05))]
    head: Dense<_, 2>,
}

fn main() {}
