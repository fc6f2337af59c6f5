//~ a factor is at least 0: write `kernel_regularizer = L2(0.01)`
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 4))]
struct Net {
    #[with(kernel_regularizer = L2(-0.1))]
    head: Dense<_, 2>,
}

fn main() {}
