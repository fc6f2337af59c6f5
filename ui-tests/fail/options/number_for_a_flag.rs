//~ this option takes a `bool`, not a `{integer}`
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 4))]
struct Net {
    #[with(use_bias = 0)]
    head: Dense<_, 2>,
}

fn main() {}
