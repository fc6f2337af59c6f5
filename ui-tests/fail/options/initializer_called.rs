//~ an initializer stands by its name alone: write `kernel_initializer = HeNormal`
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 4))]
struct Net {
    #[with(kernel_initializer = HeNormal())]
    head: Dense<_, 3>,
}

fn main() {}
