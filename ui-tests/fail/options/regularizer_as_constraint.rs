//~ `L2` is a regularizer, no constraint: write `kernel_regularizer = L2..`
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 4), output = (Batch, 3))]
struct Net {
    #[with(kernel_constraint = L2(0.01))]
    head: Dense<_, 3>,
}

fn main() {}
