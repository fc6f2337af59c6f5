//~ the options of a layer stand in `#[with(..)]`
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 4))]
struct Net {
    #[options(use_bias = false)]
    head: Dense<_, 2>,
}

fn main() {}
