//~ a regularizer is no string: write `kernel_regularizer = L2(0.01)`
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 4), output = (Batch, 2))]
struct Net {
    #[with(kernel_regularizer = "l2")]
    head: Dense<_, 2>,
}

fn main() {}
