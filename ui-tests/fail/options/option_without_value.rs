//~ an option has a name and a value: write `#[with(trainable = false)]`
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 4))]
struct Net {
    #[with(trainable)]
    head: Dense<_, 3>,
}

fn main() {}
