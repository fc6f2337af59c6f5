//~ several inputs stand in `Inputs`: write `Inputs<((Batch, 3), (Batch, 4))>`
use kerata::{Batch, Concatenate, Dense, model};

#[model(input = [(Batch, 3), (Batch, 4)])]
struct Net {
    both: Concatenate<_>,
    head: Dense<_, 3>,
}

fn main() {}
