//~ `MaxNorm(3.0)` is spelled otherwise: write `kernel_constraint = MaxNorm::new(2.0)`
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 4))]
struct Net {
    #[with(kernel_constraint = MaxNorm(3.0))]
    head: Dense<_, 3>,
}

fn main() {}
