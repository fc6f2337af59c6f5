//~ an initializer is no string: write `kernel_initializer = HeNormal`
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 4))]
struct Net {
    #[with(kernel_initializer = "he_normal")]
    head: Dense<_, 2>,
}

fn main() {}
