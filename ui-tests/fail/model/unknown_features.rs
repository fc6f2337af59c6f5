//~ `_` cannot be inferred in `Dense<0, 2>`
use kerata::{Batch, Dense, Length, model};

#[model(input = (Batch, Length))]
struct Net {
    head: Dense<_, 2>,
}

fn main() {}
