//~ `HeNormal` is an option: write `#[with(kernel_initializer = HeNormal)]` in front of the field
use kerata::{Batch, Dense, Relu, model};
#[model(input = (Batch, 8), output = (Batch, 2))]
struct Net {
    hidden: Dense<_, 32, Relu, HeNormal>,
    head: Dense<_, 2>,
}

fn main() {}
