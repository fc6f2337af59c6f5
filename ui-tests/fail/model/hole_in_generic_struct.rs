//~ `_` cannot be inferred in a struct with generic parameters
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 8))]
struct Net<const UNITS: usize> {
    hidden: Dense<8, UNITS>,
    head: Dense<_, 2>,
}

fn main() {}
