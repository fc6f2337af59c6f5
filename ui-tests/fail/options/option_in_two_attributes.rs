//~ `use_bias` is given twice
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 4))]
struct Net {
    #[with(use_bias = false)]
    #[with(use_bias = true)]
    head: Dense<_, 2>,
}

fn main() {}
