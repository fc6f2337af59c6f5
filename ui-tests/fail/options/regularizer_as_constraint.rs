//~ is not satisfied
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 4), output = (Batch, 2))]
struct Net {
    #[with(kernel_constraint = L2(0.01))]
    head: Dense<_, 2>,
}

fn main() {}
