//~ options stand in parentheses: write `#[with(trainable = false)]`
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 4))]
struct Net {
    #[with = "he_normal"]
    head: Dense<_, 3>,
}

fn main() {}
