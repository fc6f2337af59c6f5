//~ this layer takes 2 inputs, but 3 arrive
use kerata::{Batch, Dense, Subtract, model};

#[model(input = (Batch, 4))]
struct Net {
    a: Dense<_, 4>,
    b: Dense<_, 4>,
    #[from(a, b, input)]
    difference: Subtract,
}

fn main() {}
