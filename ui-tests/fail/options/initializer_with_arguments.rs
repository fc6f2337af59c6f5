//~ say which argument it is: write `RandomNormal { mean: 0.0, stddev: 0.02 }`
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 4))]
struct Net {
    #[with(kernel_initializer = RandomNormal(0.02))]
    head: Dense<_, 2>,
}

fn main() {}
