//~ `L2(l2 = 0.001)` is spelled otherwise: write `kernel_regularizer = L2(0.001)`
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 4))]
struct Net {
    #[with(kernel_regularizer = L2(l2 = 0.001))]
    head: Dense<_, 3>,
}

fn main() {}
