//~ `MaxNorm` is a constraint, no regularizer: write `kernel_constraint = MaxNorm..`
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 4), output = (Batch, 3))]
struct Net {
    #[with(kernel_regularizer = MaxNorm::new(2.0))]
    head: Dense<_, 3>,
}

fn main() {}
