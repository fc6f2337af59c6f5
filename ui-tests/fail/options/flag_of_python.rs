//~ write `trainable = false`, or leave it away
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 4))]
struct Net {
    #[with(trainable = False)]
    head: Dense<_, 3>,
}

fn main() {}
